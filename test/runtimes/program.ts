/**
 * The program around smoke.mjs and smoke-merge.mjs for runtimes that are a process (Node, Deno): imports the entries, runs, prints the result as JSON. And
 * what every runtime must answer.
 */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as psp from '../../ts/index.ts';
import * as merge from '../../ts/merging.ts';
import * as portable from '../../ts/portable.ts';
import * as sequence from '../../ts/sequence.ts';
import { type SmokeResult, type SmokeRun, smoke } from './smoke.mjs';
import { type MergeSmokeResult, smokeMerge } from './smoke-merge.mjs';

/** The parts of the program, to copy or serve. */
export const SMOKE_FILES: Readonly<Record<'smoke.mjs' | 'smoke-merge.mjs', string>> = {
  'smoke.mjs': join(import.meta.dirname, 'smoke.mjs'),
  'smoke-merge.mjs': join(import.meta.dirname, 'smoke-merge.mjs'),
};

/** The entries of the installed package that the program uses. */
export const ENTRIES = {
  main: 'persistent-sessions',
  portable: 'persistent-sessions/portable',
  sequence: 'persistent-sessions/sequence',
  merge: 'persistent-sessions/merge',
} as const;

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

/** What each runtime that may compile must have done to merge. */
export const MERGES_WITH_WASM: Pick<MergeSmokeResult, 'runs' | 'unavailable'> = {
  runs: [...mergeRuns('wasm', 'chosen'), ...mergeRuns('portable', 'pinned'), ...mergeRuns('wasm', 'pinned')],
  unavailable: [],
};

/** What each runtime that may not compile must have done to merge. */
export const MERGES_WITHOUT_WASM: Pick<MergeSmokeResult, 'runs' | 'unavailable'> = {
  runs: [...mergeRuns('portable', 'fell-back'), ...mergeRuns('portable', 'pinned')],
  unavailable: ['wasm'],
};

function mergeRuns(kernel: string, reason: string): MergeSmokeResult['runs'] {
  return [
    { entry: 'sequence', kernel, reason },
    { entry: 'merge', kernel, reason },
  ];
}

/** Writes the program into `folder` and returns its name there. */
export function writeProgram(folder: string, entries: Readonly<Record<keyof typeof ENTRIES, string>>): string {
  for (const [name, file] of Object.entries(SMOKE_FILES)) copyFileSync(file, join(folder, name));
  const lines = [
    `import * as psp from ${JSON.stringify(entries.main)};`,
    `import * as portable from ${JSON.stringify(entries.portable)};`,
    `import * as sequence from ${JSON.stringify(entries.sequence)};`,
    `import * as merge from ${JSON.stringify(entries.merge)};`,
    "import { smoke } from './smoke.mjs';",
    "import { smokeMerge } from './smoke-merge.mjs';",
    'console.log(JSON.stringify({ ...(await smoke(psp, portable)), merging: await smokeMerge(sequence, merge) }));',
  ];
  writeFileSync(join(folder, 'program.mjs'), `${lines.join('\n')}\n`);
  return 'program.mjs';
}

/** The blob and sizes that all runtimes must agree on, made here from the sources. */
export async function expectedFacts(): Promise<Pick<SmokeResult, 'blob' | 'sealedBytes'>> {
  const { blob, sealedBytes } = await smoke(psp, portable);
  return { blob, sealedBytes };
}

/** What a runtime must answer that did `merges`: the states that all must agree on are made here from the sources. */
export async function expectedMerging(merges: Pick<MergeSmokeResult, 'runs' | 'unavailable'>): Promise<MergeSmokeResult> {
  return { ...(await smokeMerge(sequence, merge)), ...merges };
}
