/**
 * The built package in a real workerd, bundled as its users bundle it (export condition `workerd`). Workers may compile while they start and never
 * later; where even that is forbidden (older compatibility dates), a Worker that imports the raw modules and gives them to `useModule` has
 * the compiled kernels all the same.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedProject, packProject } from '../package/packed.ts';
import { startWorker, type WorkerModule } from '../servers/workerd.ts';
import {
  ENTRIES,
  expectedFacts,
  expectedMerging,
  MERGES_WITH_WASM,
  MERGES_WITHOUT_WASM,
  RUNS_WITH_SIMD,
  RUNS_WITHOUT_WASM,
  SMOKE_FILES,
} from './program.ts';

/** The last compatibility date on which compiling is refused while a Worker starts, too. */
const BEFORE_STARTUP_COMPILING = '2025-05-01';
const RAW_MODULES = ['base64-simd.wasm', 'diff-simd.wasm', 'sequence.wasm'];

let packed: PackedProject;

beforeAll(() => {
  packed = packProject();
});

afterAll(() => packed?.dispose());

describe('workerd', () => {
  it('runs the installed package with every kernel, compiled while the Worker starts, to the same bytes as Node', async () => {
    const result = await runWorker({ program: SMOKE });
    const [, ...ofMain] = RUNS_WITH_SIMD;
    expect(result).toEqual({
      // One bundle, one choice: the portable entry finds it made. And pinning a kernel that has not started yet is too late at request time.
      runs: [
        { entry: 'portable', kernel: 'wasm-simd', reason: 'chosen' },
        ...ofMain.filter(({ kernel, reason }) => !(kernel === 'wasm' && reason === 'pinned')),
      ],
      unavailable: ['wasm'],
      ...(await expectedFacts()),
      codecs: ['gzip', 'zstd'],
      merging: await expectedMerging(MERGES_WITH_WASM),
    });
  });

  it('falls back to the portable kernel where compiling is refused altogether', async () => {
    const result = await runWorker({
      program: SMOKE,
      compatibilityDate: BEFORE_STARTUP_COMPILING,
    });
    const [, ...ofMain] = RUNS_WITHOUT_WASM;
    expect(result).toEqual({
      runs: [{ entry: 'portable', kernel: 'portable', reason: 'fell-back' }, ...ofMain],
      unavailable: ['wasm', 'wasm-simd'],
      ...(await expectedFacts()),
      codecs: ['gzip'],
      merging: await expectedMerging(MERGES_WITHOUT_WASM),
    });
  });

  it.each(['sequence', 'merge'] as const)('starts the kernel of the entry %s by itself, without the main entry', async (entry) => {
    const program = `export default { fetch: async () => Response.json(${entry}.activeKernel()) };`;
    expect(await runWorker({ program, entries: [entry] })).toEqual({ kind: 'wasm', reason: 'chosen' });
  });

  it('runs the raw modules that a Worker imports, where compiling is refused altogether', async () => {
    const result = await runWorker({
      program: `
        ${RAW_MODULES.map((name, i) => `import module${i} from 'persistent-sessions/wasm/${name}';`).join('\n')}
        ${RAW_MODULES.map((name, i) => `${name.startsWith('sequence') ? 'sequence' : 'psp'}.useModule(module${i});`).join('\n')}
        export default { fetch: async () => Response.json([psp.activeKernel(), await smoke(psp, null), await smokeMerge(sequence, merge)]) };`,
      compatibilityDate: BEFORE_STARTUP_COMPILING,
      raw: RAW_MODULES,
    });
    const merging = await expectedMerging(MERGES_WITH_WASM);
    expect(result).toMatchObject([{ kind: 'wasm-simd' }, { ...(await expectedFacts()), unavailable: ['wasm'] }, merging]);
  });
});

/** Answers with what the whole smoke program found. */
const SMOKE =
  'export default { fetch: async () => Response.json({ ...(await smoke(psp, portable)), merging: await smokeMerge(sequence, merge) }) };';

interface Program {
  /** The Worker, with `psp`, `portable`, `sequence`, `merge`, `smoke` and `smokeMerge` in scope, as far as `entries` has them. */
  readonly program: string;
  /** Entries that it imports; all unless told. */
  readonly entries?: readonly (keyof typeof ENTRIES)[];
  readonly compatibilityDate?: string;
  /** Modules of `persistent-sessions/wasm/` that it imports. */
  readonly raw?: readonly string[];
}

const ALL_ENTRIES: readonly (keyof typeof ENTRIES)[] = ['main', 'portable', 'sequence', 'merge'];

/** What a Worker answers to one request. */
async function runWorker({ program, entries = ALL_ENTRIES, compatibilityDate, raw = [] }: Program): Promise<unknown> {
  const contents = `
    ${entries.map((name) => `import * as ${name === 'main' ? 'psp' : name} from '${ENTRIES[name]}';`).join('\n')}
    import { smoke } from '${SMOKE_FILES['smoke.mjs']}';
    import { smokeMerge } from '${SMOKE_FILES['smoke-merge.mjs']}';
    ${program}`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: packed.folder },
    bundle: true,
    write: false,
    format: 'esm',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['persistent-sessions/wasm/*'],
    logLevel: 'silent',
  });
  const modules: WorkerModule[] = [
    { name: 'worker.mjs', kind: 'esModule', content: outputFiles[0]!.text },
    ...raw.map((name): WorkerModule => {
      const file = packed.manifest.exports[`./wasm/${name}`] as string;
      return { name: `persistent-sessions/wasm/${name}`, kind: 'wasm', content: readFileSync(join(packed.root, file)) };
    }),
  ];
  const folder = mkdtempSync(join(tmpdir(), 'psp-worker-'));
  const worker = await startWorker(folder, modules, compatibilityDate);
  try {
    const response = await fetch(worker.origin);
    if (!response.ok) throw new Error(`the Worker answered ${response.status}: ${await response.text()}`);
    return await response.json();
  } finally {
    await worker.close();
    rmSync(folder, { recursive: true });
  }
}
