/**
 * The only file that says WebAssembly: starts the modules compiled from assembly/, inlined in this package or given by the program.
 * Compiles synchronously, so nobody has to await a start-up and no entry needs a top-level await (which stops a Worker from starting).
 * It does not decide whether to start one: select.ts and select-sequence.ts do. It does not know what a module computes: compiled/ does.
 */
import { PspError } from '../errors.ts';
import type { LinearModule } from './linear.ts';
import { decodeBase64 } from './portable/base64.ts';

/** A module that is compiled already, or the bytes of one. */
export type CompiledModule = WebAssembly.Module | ArrayBuffer | Uint8Array<ArrayBuffer>;

/** What every module of assembly/ exports (assembly/memory.ts). */
interface CommonExports {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  ensure(end: number): number;
  simd(): number;
}

/** The bytes of a module that the package carries as Base64. */
export function inlinedModule(text: string): Uint8Array<ArrayBuffer> {
  return decodeBase64(new TextEncoder().encode(text));
}

/** Whether this engine knows all instructions of `bytes`. Compiles nothing, so it is no violation where compiling is forbidden. */
export function isSupported(bytes: Uint8Array<ArrayBuffer>): boolean {
  return WebAssembly.validate(bytes);
}

/**
 * Starts a new instance. Make one of each module per thread, not one per session: V8 refuses after some 13,000 live instances.
 * Throws what the platform throws (`CompileError` under a Content Security Policy, `ReferenceError` where there is none).
 */
export function startModule<Exports>(module: CompiledModule): LinearModule<Exports> {
  const compiled = module instanceof WebAssembly.Module ? module : new WebAssembly.Module(module);
  // The modules have no imports (scripts/build-wasm.mjs checks), so an instance needs no argument.
  const exports = new WebAssembly.Instance(compiled).exports as unknown as Exports & CommonExports;
  let memory = viewMemory(exports);

  return {
    kind: exports.simd() === 1 ? 'wasm-simd' : 'wasm',
    exports,
    base: Math.ceil((exports.heapBase() >>> 0) / 16) * 16,
    reserve(end) {
      // A module may have grown its own memory, which detaches the view.
      if (memory.length === 0) memory = viewMemory(exports);
      if (end <= memory.length) return memory;
      if (end > 0xffff_ffff || exports.ensure(end) === 0) {
        throw new PspError('KERNEL_MEMORY', `the compiled kernel could not grow its memory to ${end} bytes`, { details: { bytes: end } });
      }
      memory = viewMemory(exports);
      return memory;
    },
  };
}

/**
 * The functions that a module exports, by name. Throws TypeError when it is none: not a compiled module, nor bytes of one.
 * Throws `KERNEL_UNAVAILABLE`, with the platform's own error as cause, where bytes are given and compiling is not allowed.
 */
export function readModule(module: unknown): { readonly module: CompiledModule; readonly functions: readonly string[] } {
  const compiled = module instanceof WebAssembly.Module ? module : compile(module);
  const functions = WebAssembly.Module.exports(compiled).flatMap(({ kind, name }) => (kind === 'function' ? [name] : []));
  return { module: compiled, functions };
}

function compile(bytes: unknown): WebAssembly.Module {
  if (!(bytes instanceof ArrayBuffer || ArrayBuffer.isView(bytes)) || !WebAssembly.validate(bytes as BufferSource)) {
    throw new TypeError('expected a compiled module, or the bytes of one that this engine supports');
  }
  try {
    return new WebAssembly.Module(bytes as BufferSource);
  } catch (cause) {
    throw new PspError('KERNEL_UNAVAILABLE', 'the given module could not be compiled here', { cause });
  }
}

function viewMemory({ memory }: CommonExports): Uint8Array<ArrayBuffer> {
  return new Uint8Array(memory.buffer as ArrayBuffer);
}
