/**
 * The only choice between kernels: the compiled one where the platform lets it start, else the portable one. Made at the first use.
 * Importing this file does nothing. A bare import that registers something would be dropped by bundlers, because the package declares
 * its modules free of side effects; so the main entry exports its functions through `withCompiledKernel`, and a bundler that keeps
 * such a function must keep the offer inside it. Functions that nobody uses still cost nothing.
 */
import { PspError } from '../errors.ts';
import * as current from './current.ts';
import type { Base64Kernel, KernelKind } from './kernel.ts';
import { portableBase64 } from './portable/base64.ts';
import { createWasmKernel } from './wasm.ts';

/**
 * Below this many bytes calls go to the portable kernel, which has no copy into linear memory and out again to pay for. Node 20, from
 * bench/results/base64.md: at 16 bytes it is about 1.1 times (encoding) and 1.5 times (decoding) faster; at 64 bytes the two are even.
 */
const SMALL_BYTES = 64;

/** One instance per thread: kept even while another kernel is pinned. */
let compiled: Base64Kernel | null = null;

/**
 * The same function, which before each call offers the compiled kernel. The main entry wraps what may encode or decode Base64:
 *
 *     export const encodeSession: typeof encode = /* @__PURE__ *\/ withCompiledKernel(encode);
 */
export function withCompiledKernel<Arguments extends unknown[], Result>(
  call: (...input: Arguments) => Result,
): (...input: Arguments) => Result {
  return (...input) => {
    current.offerKernel(chooseKernel);
    return call(...input);
  };
}

/**
 * Pins a kernel for the rest of this thread, for tests, benches and reproductions; both give the same bytes.
 * Throws `KERNEL_UNAVAILABLE`, with the platform's own error as cause, where the compiled kernel cannot start; nothing changes then.
 */
export function useKernel(kind: KernelKind): void {
  if (kind === 'portable') {
    current.pinKernel(portableBase64);
  } else if (kind === 'wasm') {
    current.pinKernel(startCompiled());
  } else {
    throw new TypeError("useKernel: expected 'portable' or 'wasm'");
  }
}

/** Which kernel is in use and why. Makes the choice if nothing has yet. */
export function activeKernel(): current.ActiveKernel {
  current.offerKernel(chooseKernel);
  return current.activeKernel();
}

/** Encodes with the chosen kernel; see {@link Base64Kernel.encodeBase64}. */
export function encodeBase64(source: Uint8Array): Uint8Array<ArrayBuffer> {
  current.offerKernel(chooseKernel);
  return current.encodeBase64(source);
}

/** Decodes with the chosen kernel; see {@link Base64Kernel.decodeBase64}, faults included. */
export function decodeBase64(source: Uint8Array): Uint8Array<ArrayBuffer> {
  current.offerKernel(chooseKernel);
  return current.decodeBase64(source);
}

function chooseKernel(): current.KernelChoice {
  try {
    return { kernel: sparingSmallInputs(startCompiled()), reason: 'chosen' };
  } catch (cause) {
    return { kernel: portableBase64, reason: 'fell-back', cause };
  }
}

/** The kernel as users get it; a pinned one is the bare kernel, so that tests and benches measure what they name. */
function sparingSmallInputs({ kind, encodeBase64: encode, decodeBase64: decode }: Base64Kernel): Base64Kernel {
  return {
    kind,
    encodeBase64: (source) => (source.length < SMALL_BYTES ? portableBase64.encodeBase64(source) : encode(source)),
    decodeBase64: (source) => (source.length < SMALL_BYTES ? portableBase64.decodeBase64(source) : decode(source)),
  };
}

function startCompiled(): Base64Kernel {
  if (compiled !== null) return compiled;
  try {
    compiled = createWasmKernel();
    return compiled;
  } catch (cause) {
    throw new PspError('KERNEL_UNAVAILABLE', 'the compiled kernel could not start here', { cause });
  }
}
