/**
 * Runs one bench in this runtime (Node, Deno or Bun) from the checkout's root, prints its table and writes bench/results/<subject>.md and
 * .json; or draws the charts of all results:
 *
 *     node dist/bench/run.js <subject> [--quick]
 *     node dist/bench/run.js --plot
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { FULL_PLAN, QUICK_PLAN, runSubject } from './harness.ts';
import { plotResults } from './plot.ts';
import { publish } from './report.ts';
import { describeRuntime } from './runtime.ts';
import { type BenchRequest, listSubjects, loadSubject, readRequest, refusalOf, usageOf } from './subjects.ts';

const words = process.argv.slice(2);
const request = readRequest(words, listSubjects());
if (words.length === 1 && words[0] === '--plot') {
  for (const file of await plotResults('.')) console.log(file);
} else if (request === null) {
  console.error(`${usageOf('npm run bench --', listSubjects())}\n       npm run bench -- --plot`);
  process.exitCode = 2;
} else {
  await run(request);
  // Subjects leave clients and servers open, which would keep the process: they end with it.
  process.stdout.write('', () => process.exit());
}

async function run({ name, quick }: BenchRequest): Promise<void> {
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
  const executable = relative('.', process.execPath);
  const runtime = describeRuntime(process.versions, `${process.platform} ${process.arch}`, engines.node, executable);
  const module = await loadSubject(name);
  const refusal = refusalOf(name, module, runtime.description.split(' ')[0] ?? '');
  if (refusal !== null) {
    console.error(refusal);
    process.exitCode = 1;
    return;
  }
  const startMs = performance.now();
  const subject = await module.subject();
  const plan = quick ? QUICK_PLAN : FULL_PLAN;
  // Making the data counts: a quick look is over in time, also at a subject that prepares for long.
  const measured = await runSubject(subject, { ...plan, maxMs: plan.maxMs - (performance.now() - startMs) });
  console.log(await publish(subject, runtime, measured, quick));
}
