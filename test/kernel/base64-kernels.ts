/** Every Base64 kernel, for tests: the portable one and the four builds of the compiled one. Debug builds have their assertions on. */
import { compileKernel } from '../../scripts/build-wasm.mjs';
import { type Base64Exports, createCompiledBase64 } from '../../ts/kernel/compiled/base64.ts';
import { BASE64_SIMD_WASM } from '../../ts/kernel/generated/base64-simd-wasm.ts';
import { BASE64_WASM } from '../../ts/kernel/generated/base64-wasm.ts';
import type { Base64Kernel } from '../../ts/kernel/kernel.ts';
import type { LinearModule } from '../../ts/kernel/linear.ts';
import { portableBase64 } from '../../ts/kernel/portable/base64.ts';
import { inlinedModule, startModule } from '../../ts/kernel/wasm.ts';

/** The bytes of each build. */
export const BASE64_MODULES: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  wasm: inlinedModule(BASE64_WASM),
  'wasm-simd': inlinedModule(BASE64_SIMD_WASM),
  'wasm, debug build': await compileKernel('base64', 'debug', false),
  'wasm-simd, debug build': await compileKernel('base64', 'debug', true),
};

/** Makes each kernel anew, by name. */
export const BASE64_KERNELS: readonly (readonly [name: string, make: () => Base64Kernel])[] = [
  ['portable', () => portableBase64],
  ...Object.keys(BASE64_MODULES).map((name) => [name, () => createCompiledBase64(startBase64(name))] as const),
];

/** A new instance of one build. */
export function startBase64(name: string): LinearModule<Base64Exports> {
  const bytes = BASE64_MODULES[name];
  if (bytes === undefined) throw new Error(`there is no build ${name}`);
  return startModule(bytes);
}
