/** The built package in the Node that runs the tests and in the newest, in processes of their own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedProject, packProject } from '../package/packed.ts';
import { requireNewestNode } from '../servers/newest-node.ts';
import {
  ENTRIES,
  expectedFacts,
  expectedMerging,
  MERGES_WITH_WASM,
  MERGES_WITHOUT_WASM,
  RUNS_WITH_SIMD,
  RUNS_WITHOUT_SIMD,
  RUNS_WITHOUT_WASM,
  writeProgram,
} from './program.ts';

const NEWEST = 'the package in the newest Node';
const newest = requireNewestNode(NEWEST);

let packed: PackedProject;

beforeAll(() => {
  packed = packProject();
});

afterAll(() => packed?.dispose());

describe('Node', () => {
  it('runs the installed package with every kernel, to the same bytes', async () => {
    expect(await run(process.execPath)).toEqual({ runs: RUNS_WITH_SIMD, unavailable: [], ...(await nodeFacts()) });
  });

  it('runs it on a processor without the instructions that SIMD needs, with the scalar module and the same bytes', async () => {
    const result = await run(process.execPath, ['--no-enable-sse4-1', '--no-enable-ssse3']);
    expect(result).toEqual({ runs: RUNS_WITHOUT_SIMD, unavailable: ['wasm-simd'], ...(await nodeFacts()) });
  });

  it('runs it without WebAssembly too, with the portable kernel and the same bytes', async () => {
    const result = await run(process.execPath, ['--no-expose-wasm']);
    expect(result).toEqual({ runs: RUNS_WITHOUT_WASM, unavailable: ['wasm', 'wasm-simd'], ...(await nodeFacts(MERGES_WITHOUT_WASM)) });
  });
});

describe.skipIf(newest === null)(NEWEST, () => {
  it('runs with every kernel, to the same bytes', async () => {
    expect(await run(newest!)).toEqual({ runs: RUNS_WITH_SIMD, unavailable: [], ...(await nodeFacts()), codecs: ['gzip', 'zstd'] });
  });
});

async function run(node: string, flags: readonly string[] = []): Promise<unknown> {
  return JSON.parse(await packed.run(node, [...flags, writeProgram(packed.folder, ENTRIES)]));
}

async function nodeFacts(merges: typeof MERGES_WITH_WASM = MERGES_WITH_WASM): Promise<object> {
  return { ...(await expectedFacts()), codecs: expect.arrayContaining(['gzip']), merging: await expectedMerging(merges) };
}
