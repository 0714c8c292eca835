/** Every diff kernel, for tests: the portable one and the four builds of the compiled one. Debug builds have their assertions on. */
import { compileKernel } from '../../scripts/build-wasm.mjs';
import { createCompiledDiff, type DiffExports } from '../../ts/kernel/compiled/diff.ts';
import { DIFF_SIMD_WASM } from '../../ts/kernel/generated/diff-simd-wasm.ts';
import { DIFF_WASM } from '../../ts/kernel/generated/diff-wasm.ts';
import type { DiffKernel } from '../../ts/kernel/kernel.ts';
import { portableDiff } from '../../ts/kernel/portable/diff.ts';
import { inlinedModule, startModule } from '../../ts/kernel/wasm.ts';

/** The bytes of each build. */
export const DIFF_MODULES: readonly (readonly [name: string, bytes: Uint8Array<ArrayBuffer>])[] = [
  ['wasm', inlinedModule(DIFF_WASM)],
  ['wasm-simd', inlinedModule(DIFF_SIMD_WASM)],
  ['wasm, debug build', await compileKernel('diff', 'debug', false)],
  ['wasm-simd, debug build', await compileKernel('diff', 'debug', true)],
];

/** A kernel over a new instance of a build. */
export function compiledDiff(bytes: Uint8Array<ArrayBuffer>): DiffKernel {
  return createCompiledDiff(startModule<DiffExports>(bytes));
}

/** One kernel of each. */
export const KERNELS: readonly { readonly name: string; readonly kernel: DiffKernel }[] = [
  { name: 'portable', kernel: portableDiff },
  ...DIFF_MODULES.map(([name, bytes]) => ({ name, kernel: compiledDiff(bytes) })),
];
