/** The built package in Bun, from its npm package. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHECKOUT, type PackedProject, packProject } from '../package/packed.ts';
import { ENTRIES, expectedFacts, expectedMerging, MERGES_WITH_WASM, RUNS_WITH_SIMD, writeProgram } from './program.ts';

let packed: PackedProject;

beforeAll(() => {
  packed = packProject();
});

afterAll(() => packed?.dispose());

describe('Bun', () => {
  it('runs the installed package with every kernel, to the same bytes as Node', async () => {
    const program = writeProgram(packed.folder, ENTRIES);
    const result: unknown = JSON.parse(await packed.run(findBun(), ['run', '--no-install', program]));
    expect(result).toEqual({
      runs: RUNS_WITH_SIMD,
      unavailable: [],
      ...(await expectedFacts()),
      codecs: ['gzip', 'zstd'],
      merging: await expectedMerging(MERGES_WITH_WASM),
    });
  });
});

/** The binary of the platform package, or where Bun's install script moves it to. */
function findBun(): string {
  const platforms = join(CHECKOUT, 'node_modules/@oven');
  const installed = existsSync(platforms) ? readdirSync(platforms).map((name) => join(platforms, name, 'bin/bun')) : [];
  const path = [...installed, join(CHECKOUT, 'node_modules/bun/bin/bun.exe')].find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`no Bun in ${platforms}: run \`npm ci\`, with optional dependencies`);
  return path;
}
