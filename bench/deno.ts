/**
 * Runs one bench in Deno, from the checkout's root: the same program as in Node, which says what it does.
 *
 *     node dist/bench/deno.js <subject> [--quick]
 */
import { fileURLToPath } from 'node:url';
import { runInDeno } from './deno-process.ts';
import { listSubjects, readRequest, usageOf } from './subjects.ts';

const words = process.argv.slice(2);
if (readRequest(words, listSubjects()) === null) {
  console.error(usageOf('npm run bench:deno --', listSubjects()));
  process.exitCode = 2;
} else {
  process.exitCode = runInDeno(fileURLToPath(new URL('./run.js', import.meta.url)), words, 'inherit').status ?? 1;
}
