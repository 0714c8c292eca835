/**
 * Runs one bench from the checkout's root, prints its table and writes bench/results/<subject>.md and .json:
 *
 *     node dist/bench/run.js <subject> [--quick]
 *
 * A subject is a file `<subject>.bench.ts` beside this one that exports `subject(): Subject`. `--quick` keeps it under 30 seconds.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { FULL_PLAN, QUICK_PLAN, runSubject, type Subject } from './harness.ts';
import { makeReport, writeReport } from './report.ts';

const [name, ...flags] = process.argv.slice(2);
const file = findFile(name);
if (name === undefined || file === undefined || flags.some((flag) => flag !== '--quick')) {
  console.error(`usage: node dist/bench/run.js <${listSubjects().join(' | ')}> [--quick]`);
  process.exitCode = 2;
} else {
  await run(name, file, flags.includes('--quick'));
}

async function run(name: string, file: URL, quick: boolean): Promise<void> {
  const { subject: makeSubject }: { subject: () => Subject | Promise<Subject> } = await import(file.href);
  const subject = await makeSubject();
  const rows = await runSubject(subject, quick ? QUICK_PLAN : FULL_PLAN);
  const command = `node dist/bench/run.js ${name}${quick ? ' --quick' : ''}`;
  console.log(await writeReport(subject, makeReport(subject, command, rows), join('bench', 'results')));
}

function findFile(name: string | undefined): URL | undefined {
  const entry = readdirSync(new URL('.', import.meta.url)).find((file) => subjectOf(file) === name && name !== undefined);
  return entry === undefined ? undefined : new URL(entry, import.meta.url);
}

function listSubjects(): string[] {
  return readdirSync(new URL('.', import.meta.url)).flatMap((file) => subjectOf(file) ?? []);
}

/** `base64` for `base64.bench.js` (and for `base64.bench.ts`, where the runtime runs TypeScript). */
function subjectOf(file: string): string | undefined {
  return /^([\w-]+)\.bench\.[jt]s$/.exec(file)?.[1];
}
