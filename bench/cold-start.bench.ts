/** What a process pays before anything is warm: loading the code, starting the kernel, and one call. Every sample is a process of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BenchCase, Contestant, Subject } from './harness.ts';

/** For the runner: see `SubjectModule`. */
export const needsNode = 'each sample is a process of its own, started with the options of Node';

/** Loading one codec, and loading the package. */
export function subject(): Subject {
  return {
    name: 'cold-start',
    note:
      'Import and first call, timed inside a fresh process, without the start of the process itself. `codec`: one Base64 codec, and 1 KiB encoded; ours gives bytes, the ' +
      'rivals a string. `package`: `./portable`, or the main entry with a kernel pinned, and a session without content encoded. `wasm` includes decoding the inlined ' +
      'module, compiling and starting it; its first call runs code that no optimizer has seen.',
    packages: ['fast-base64', 'base64-js'],
    cases: [
      caseOf('codec, import and encode 1 KiB', 'kernel', ['portable', 'wasm', 'wasm-simd'], ['Buffer', 'fast-base64', 'base64-js']),
      caseOf('package, import and encode a session', 'session', ['portable', 'wasm', 'wasm-simd'], []),
    ],
  };
}

function caseOf(name: string, task: string, ours: readonly string[], rivals: readonly string[]): BenchCase {
  return {
    name,
    inputBytes: null,
    contestants: [...ours, ...rivals].map((contestant): Contestant => {
      return {
        name: contestant,
        rival: rivals.includes(contestant),
        run: async () => (await runFresh(task, contestant)).result,
        sample: async () => (await runFresh(task, contestant)).ms,
      };
    }),
    agree: (first, other) => first === other,
  };
}

async function runFresh(task: string, contestant: string): Promise<{ ms: number; result: string }> {
  const program = fileURLToPath(new URL('./cold-start-program.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, task, contestant]);
  return JSON.parse(stdout) as { ms: number; result: string };
}
