/**
 * Deno, from its npm package and without any permission: the built package out of node_modules, and the TypeScript sources as they are.
 * Nothing is fetched: remote modules are off and Deno's cache is an empty temporary folder.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHECKOUT, type PackedProject, packProject } from '../package/packed.ts';
import { DENO_OFFLINE, findDeno } from '../servers/deno.ts';
import { ENTRIES, expectedFacts, expectedMerging, MERGES_WITH_WASM, RUNS_WITH_SIMD, writeProgram } from './program.ts';

let packed: PackedProject;

beforeAll(() => {
  packed = packProject();
});

afterAll(() => packed?.dispose());

describe('Deno', () => {
  it('runs the installed package with both kernels, to the same bytes as Node', async () => {
    const program = writeProgram(packed.folder, ENTRIES);
    expect(await runDeno(['--node-modules-dir=manual', program])).toEqual({
      runs: RUNS_WITH_SIMD,
      unavailable: [],
      ...(await expectedFacts()),
      codecs: ['gzip', 'zstd'],
      merging: await expectedMerging(MERGES_WITH_WASM),
    });
  });

  it('runs the TypeScript sources, given an import map for the dependencies', async () => {
    const imports = Object.fromEntries(
      ['@noble/ciphers/', '@noble/hashes/'].map((name) => [name, `${pathToFileURL(join(CHECKOUT, 'node_modules', name))}/`]),
    );
    writeFileSync(join(packed.folder, 'import-map.json'), JSON.stringify({ imports }));
    const source = (path: string): string => pathToFileURL(join(CHECKOUT, path)).href;
    const program = writeProgram(packed.folder, {
      main: source('ts/index.ts'),
      portable: source('ts/portable.ts'),
      sequence: source('ts/sequence.ts'),
      merge: source('ts/merging.ts'),
    });
    expect(await runDeno(['--import-map=import-map.json', program])).toEqual({
      runs: RUNS_WITH_SIMD,
      unavailable: [],
      ...(await expectedFacts()),
      codecs: ['gzip', 'zstd'],
      merging: await expectedMerging(MERGES_WITH_WASM),
    });
  });
});

async function runDeno(args: readonly string[]): Promise<unknown> {
  const env = { DENO_DIR: join(packed.folder, '.deno'), DENO_NO_UPDATE_CHECK: '1' };
  return JSON.parse(await packed.run(findDeno(), ['run', ...DENO_OFFLINE, ...args], env));
}
