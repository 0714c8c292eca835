/**
 * Runs one bench in a page in Chromium, from the checkout's root, prints its table and writes bench/results/<subject>.browser.md and .json:
 *
 *     node dist/bench/browser.js <subject> [--quick]
 */
import { runInChromium } from './chromium.ts';
import { FULL_PLAN, QUICK_PLAN } from './harness.ts';
import { publish } from './report.ts';
import { describeChromium } from './runtime.ts';
import { fileOf, listSubjects, loadSubject, readRequest, refusalOf, usageOf } from './subjects.ts';

const request = readRequest(process.argv.slice(2), listSubjects());
// Loaded here only to be refused, if need be.
const refusal = request && refusalOf(request.name, await loadSubject(request.name), 'a page');
if (request === null) {
  console.error(usageOf('npm run bench:browser --', listSubjects()));
  process.exitCode = 2;
} else if (refusal !== null) {
  console.error(refusal);
  process.exitCode = 1;
} else {
  const { subject, measured, version } = await runInChromium(fileOf(request.name), request.quick ? QUICK_PLAN : FULL_PLAN);
  const runtime = describeChromium(version, `${process.platform} ${process.arch}`);
  console.log(await publish(subject, runtime, measured, request.quick));
}
