/**
 * Engines that compile WebAssembly otherwise than this one does, for the tests of the choice between kernels: each puts itself in the place of the
 * platform's until `vi.unstubAllGlobals`.
 */
import { vi } from 'vitest';
import { BASE64_SIMD_WASM } from '../../ts/kernel/generated/base64-simd-wasm.ts';
import { DIFF_SIMD_WASM } from '../../ts/kernel/generated/diff-simd-wasm.ts';
import { inlinedModule } from '../../ts/kernel/wasm.ts';

/** The platform's WebAssembly, with compilations counted. */
export function countCompilations(): { compiled: () => number } {
  let count = 0;
  class CountedModule extends WebAssembly.Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      count += 1;
    }
  }
  stubModule(CountedModule);
  return { compiled: () => count };
}

/** A platform that refuses to compile, as a Content Security Policy makes it; gives the error that it throws. */
export function refuseCompilation(): Error {
  const refusal = new WebAssembly.CompileError('refused by the test');
  class RefusedModule {
    constructor() {
      throw refusal;
    }
  }
  stubModule(RefusedModule);
  return refusal;
}

/** As `refuseCompilation`, but what is compiled already is still a module. */
export function forbidCompiling(): void {
  const { Module } = WebAssembly;
  const refused = () => {
    throw new WebAssembly.CompileError('refused by the test');
  };
  Object.defineProperty(refused, Symbol.hasInstance, { value: (value: unknown) => value instanceof Module });
  stubModule(Object.assign(refused, { exports: Module.exports }));
}

/** An engine that neither validates nor compiles a module with SIMD in it; told apart by their size. */
export function withoutSimd(): void {
  const sizes = new Set([inlinedModule(BASE64_SIMD_WASM).length, inlinedModule(DIFF_SIMD_WASM).length]);
  class OlderModule extends WebAssembly.Module {
    constructor(bytes: Uint8Array<ArrayBuffer>) {
      if (sizes.has(bytes.length)) throw new WebAssembly.CompileError('no SIMD in the test');
      super(bytes);
    }
  }
  const { validate } = WebAssembly;
  stubModule(OlderModule, (bytes) => !sizes.has(bytes.byteLength) && validate(bytes));
}

/** One of the modules that the package carries. */
export async function readModule(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const exports: Record<string, unknown> = await import(`../../ts/kernel/generated/${name}-wasm.ts`);
  return inlinedModule(String(Object.values(exports)[0]));
}

function stubModule(Module: unknown, validate: (bytes: BufferSource) => boolean = WebAssembly.validate): void {
  const { Instance, Memory, CompileError } = WebAssembly;
  vi.stubGlobal('WebAssembly', { Instance, Memory, CompileError, validate, Module });
}
