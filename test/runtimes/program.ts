/**
 * The program around smoke.mjs for runtimes that are a process (Node, Deno): imports the entries, runs, prints the result as JSON. And what
 * every runtime must answer.
 */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as psp from '../../ts/index.ts';
import * as portable from '../../ts/portable.ts';
import { type SmokeResult, type SmokeRun, smoke } from './smoke.mjs';

/** smoke.mjs, to copy or serve. */
export const SMOKE_FILE: string = join(import.meta.dirname, 'smoke.mjs');

/** The entries of the installed package. */
export const ENTRIES = { main: 'persistent-sessions', portable: 'persistent-sessions/portable' } as const;

/** What each runtime that may compile, and has SIMD, must have done. */
export const RUNS_WITH_SIMD: readonly SmokeRun[] = [
  { entry: 'portable', kernel: 'portable', reason: 'not-offered' },
  { entry: 'main', kernel: 'wasm-simd', reason: 'chosen' },
  { entry: 'main', kernel: 'portable', reason: 'pinned' },
  { entry: 'main', kernel: 'wasm', reason: 'pinned' },
  { entry: 'main', kernel: 'wasm-simd', reason: 'pinned' },
];

/** What an engine without SIMD must have done. */
export const RUNS_WITHOUT_SIMD: readonly SmokeRun[] = [
  { entry: 'portable', kernel: 'portable', reason: 'not-offered' },
  { entry: 'main', kernel: 'wasm', reason: 'chosen' },
  { entry: 'main', kernel: 'portable', reason: 'pinned' },
  { entry: 'main', kernel: 'wasm', reason: 'pinned' },
];

/** What each runtime that may not compile must have done. */
export const RUNS_WITHOUT_WASM: readonly SmokeRun[] = [
  { entry: 'portable', kernel: 'portable', reason: 'not-offered' },
  { entry: 'main', kernel: 'portable', reason: 'fell-back' },
  { entry: 'main', kernel: 'portable', reason: 'pinned' },
];

/** Writes the program into `folder` and returns its name there. */
export function writeProgram(folder: string, entries: { readonly main: string; readonly portable: string }): string {
  copyFileSync(SMOKE_FILE, join(folder, 'smoke.mjs'));
  const lines = [
    `import * as psp from ${JSON.stringify(entries.main)};`,
    `import * as portable from ${JSON.stringify(entries.portable)};`,
    "import { smoke } from './smoke.mjs';",
    'console.log(JSON.stringify(await smoke(psp, portable)));',
  ];
  writeFileSync(join(folder, 'program.mjs'), `${lines.join('\n')}\n`);
  return 'program.mjs';
}

/** The blob and sizes that all runtimes must agree on, made here from the sources. */
export async function expectedFacts(): Promise<Pick<SmokeResult, 'blob' | 'sealedBytes'>> {
  const { blob, sealedBytes } = await smoke(psp, portable);
  return { blob, sealedBytes };
}
