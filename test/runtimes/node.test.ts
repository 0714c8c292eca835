/** The built package in the Node that runs the tests, in processes of its own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedProject, packProject } from '../package/packed.ts';
import { ENTRIES, expectedFacts, RUNS_WITH_WASM, RUNS_WITHOUT_WASM, writeProgram } from './program.ts';

let packed: PackedProject;

beforeAll(() => {
  packed = packProject();
});

afterAll(() => packed?.dispose());

describe('Node', () => {
  it('runs the installed package with both kernels, to the same bytes', async () => {
    const program = writeProgram(packed.folder, ENTRIES);
    const result: unknown = JSON.parse(await packed.run(process.execPath, [program]));
    expect(result).toEqual({ runs: RUNS_WITH_WASM, unavailable: [], ...(await expectedFacts()), codecs: expect.arrayContaining(['gzip']) });
  });

  it('runs it without WebAssembly too, with the portable kernel and the same bytes', async () => {
    const program = writeProgram(packed.folder, ENTRIES);
    const result: unknown = JSON.parse(await packed.run(process.execPath, ['--no-expose-wasm', program]));
    expect(result).toEqual({
      runs: RUNS_WITHOUT_WASM,
      unavailable: ['wasm'],
      ...(await expectedFacts()),
      codecs: expect.arrayContaining(['gzip']),
    });
  });
});
