/** Child processes of tests, which run TypeScript of this folder and say what they have done, a line for each fact; they never outlive their test. */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildSync } from 'esbuild';
import { onTestFinished } from 'vitest';

/** The script at `source` (an absolute path) as one file of plain JavaScript in `folder`, which is what Node 20 runs. Returns its path. */
export function bundleChild(source: string, folder: string): string {
  const outfile = join(folder, 'child.mjs');
  buildSync({
    entryPoints: [source],
    outfile,
    bundle: true,
    // Clients of services ask for Node's own modules the old way.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
  return outfile;
}

/** A process that was started, and what it has said so far. */
export interface Child {
  readonly process: ChildProcess;
  readonly lines: readonly string[];
  /** The exit status, null for a signal, once the process has ended and all it said was read. */
  readonly ended: Promise<number | null>;
  /** Resolves when the child has said `count` lines; rejects when it ends before. */
  said(count: number): Promise<void>;
}

/** Starts `command`, by default this Node. What it writes to standard error is shown. */
export function startChild(args: readonly string[], command: string = process.execPath): Child {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  const closed = new Promise<void>((resolve) => reader.once('close', resolve));
  let heard: () => void = () => undefined;
  reader.on('line', (line) => {
    lines.push(line);
    heard();
  });
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  return {
    process: child,
    lines,
    ended: closed.then(() => exit),
    said: (count) =>
      new Promise((resolve, reject) => {
        heard = () => (lines.length >= count ? resolve() : undefined);
        heard();
        void exit.then((status) => reject(new Error(`the child ended with ${status} after ${lines.length} lines`)));
      }),
  };
}
