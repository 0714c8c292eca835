/**
 * The only file that says WebAssembly: one instance of the module compiled from assembly/base64.ts, behind `Base64Kernel`.
 * Compiles synchronously, so nobody has to await a start-up and no entry needs a top-level await (which stops a Worker from starting).
 * It does not decide whether to be used: select.ts does. Throws whatever the platform throws where compiling is not allowed.
 *
 * Each call lays out linear memory from `heapBase` and leaves nothing behind but the size:
 *
 *     heapBase          target = align8(heapBase + source.length)
 *     |  source, copied in  |  target, written by the kernel, copied out into a fresh array  |
 */
import { PspError } from '../errors.ts';
import { type Base64FaultCode, base64Fault } from './fault.ts';
import { BASE64_WASM } from './generated/base64-wasm.ts';
import type { Base64Kernel } from './kernel.ts';
import { decodeBase64 as decodePortably } from './portable/base64.ts';

/** What assembly/base64.ts exports. Addresses and lengths are unsigned, but arrive here as signed 32-bit integers. */
interface KernelExports {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  ensure(end: number): number;
  encodeBase64(source: number, length: number, target: number): number;
  decodeBase64(source: number, length: number, target: number): number;
  decodedLength(source: number, length: number): number;
  faultOffset(): number;
}

/** The results 1 to 4 of `decodeBase64`, in the order of assembly/base64.ts. */
const FAULTS: readonly Base64FaultCode[] = [
  'KERNEL_BASE64_CHARACTER',
  'KERNEL_BASE64_PADDING',
  'KERNEL_BASE64_LENGTH',
  'KERNEL_BASE64_TRAILING_BITS',
];

/**
 * A kernel over one new instance of `module`, by default the one inlined in this package. Make one per thread, not one per session:
 * V8 refuses after some 13,000 live instances. Its memory stays as large as its largest call needed (7/3 of the bytes encoded).
 *
 * Besides its contract, both functions throw `KERNEL_MEMORY` when linear memory cannot hold source and result (4 GiB together).
 * Throws what the platform throws (`CompileError` under a Content Security Policy, `ReferenceError` where there is none).
 */
export function createWasmKernel(module: Uint8Array<ArrayBuffer> = inlinedModule()): Base64Kernel {
  // The module has no imports (scripts/build-wasm.mjs checks), so an instance needs no argument.
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module));
  const kernel = instance.exports as unknown as KernelExports;
  const base = align8(kernel.heapBase());
  let memory = viewMemory(kernel);

  /** Memory up to at least `end`. Growing detaches every earlier view, so the view is made anew after it, and only then. */
  function reserve(end: number): Uint8Array<ArrayBuffer> {
    if (end <= memory.length) return memory;
    if (end > 0xffff_ffff || kernel.ensure(end) === 0) {
      throw new PspError('KERNEL_MEMORY', `the WebAssembly kernel could not grow its memory to ${end} bytes`, { details: { bytes: end } });
    }
    memory = viewMemory(kernel);
    return memory;
  }

  return {
    kind: 'wasm',
    encodeBase64(source) {
      const target = align8(base + source.length);
      const end = target + 4 * Math.ceil(source.length / 3);
      const bytes = reserve(end);
      bytes.set(source, base);
      checkHost(kernel.encodeBase64(base, source.length, target));
      return bytes.slice(target, end);
    },
    decodeBase64(source) {
      const target = align8(base + source.length);
      const bytes = reserve(target + 3 * Math.ceil(source.length / 4));
      bytes.set(source, base);
      const result = kernel.decodeBase64(base, source.length, target);
      const fault = FAULTS[result - 1];
      if (fault !== undefined) throw base64Fault(fault, kernel.faultOffset() >>> 0);
      checkHost(result);
      return bytes.slice(target, target + (kernel.decodedLength(base, source.length) >>> 0));
    },
  };
}

function viewMemory(kernel: KernelExports): Uint8Array<ArrayBuffer> {
  return new Uint8Array(kernel.memory.buffer as ArrayBuffer);
}

/** A result other than success here means that this file laid memory out wrongly, never that the input was bad. */
function checkHost(result: number): void {
  if (result !== 0) throw new Error(`the WebAssembly kernel was given bytes outside its memory (result ${result})`);
}

function inlinedModule(): Uint8Array<ArrayBuffer> {
  return decodePortably(new TextEncoder().encode(BASE64_WASM));
}

function align8(address: number): number {
  return Math.ceil(address / 8) * 8;
}
