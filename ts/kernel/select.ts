/**
 * The choice between the twins of the kernels for Base64 and differences: the compiled ones where the platform lets them start, with SIMD where it has
 * that, else the portable ones. That of sequences is in select-sequence.ts.
 * Made at the first use. Importing this file does nothing. A bare import that registers something would be dropped by bundlers, because the package
 * declares its modules free of side effects; so entries export their functions through `withCompiledBase64` and its like, and a bundler that keeps
 * such a function must keep the offer inside it. Functions that nobody uses still cost nothing.
 */
import { createCompiledBase64 } from './compiled/base64.ts';
import { createCompiledDiff } from './compiled/diff.ts';
import * as current from './current.ts';
import { BASE64_SIMD_WASM } from './generated/base64-simd-wasm.ts';
import { BASE64_WASM } from './generated/base64-wasm.ts';
import { DIFF_SIMD_WASM } from './generated/diff-simd-wasm.ts';
import { DIFF_WASM } from './generated/diff-wasm.ts';
import type { Base64Kernel, DiffKernel, KernelKind } from './kernel.ts';
import { portableBase64 } from './portable/base64.ts';
import { portableDiff } from './portable/diff.ts';
import { callAfter, chooseCompiled, makeStarter, type Starter } from './starter.ts';
import { type CompiledModule, readModule } from './wasm.ts';

export type { CompiledModule } from './wasm.ts';

/**
 * Below this many bytes of source, Base64 goes to the portable kernel, which has no copy into linear memory and out again to pay for. Node 20,
 * portable against compiled with SIMD: at 16 bytes 69 ns and 109 ns (encoding), 80 and 156 (decoding); at 48 bytes 132 and 116, 150 and 160; at 64
 * bytes 149 and 129, 179 and 194 (to the caller's array); at 256 bytes 896 and 292, 1034 and 475.
 *
 * There is no upper bound. From some 16 KiB to 4 MiB the platform's own way from bytes to bytes, through a string (`Buffer` or `toBase64` and
 * `TextEncoder`), is about as fast (bench/results/base64.md has the rows), but it checks less, makes a string of the whole input, and is another in
 * each runtime. Who wants a string has it from the platform by `encodeBase64Text` and `decodeBase64Text` (text.ts), where it does win.
 *
 * Differences have no such bound: already at 2 against 2 numbers the compiled kernel takes 300 ns and the portable one 520 ns.
 */
const SMALL_BYTES = 64;

const base64: Starter<Base64Kernel> = /* @__PURE__ */ makeStarter(
  { wasm: BASE64_WASM, 'wasm-simd': BASE64_SIMD_WASM },
  createCompiledBase64,
);
const diff: Starter<DiffKernel> = /* @__PURE__ */ makeStarter({ wasm: DIFF_WASM, 'wasm-simd': DIFF_SIMD_WASM }, createCompiledDiff);

const base64Offer: current.KernelOffer<Base64Kernel> = () => chooseCompiled(base64, portableBase64, sparingSmallInputs);
const diffOffer: current.KernelOffer<DiffKernel> = () => chooseCompiled(diff, portableDiff);
const offerBase64 = (): void => current.offerBase64(base64Offer);
const offerDiff = (): void => current.offerDiff(diffOffer);

/**
 * The same function, which before each call offers the compiled kernel for Base64. The main entry wraps what may need it:
 *
 *     export const encodeSession: typeof encode = /* @__PURE__ *\/ withCompiledBase64(encode);
 */
export function withCompiledBase64<Arguments extends unknown[], Result>(
  call: (...input: Arguments) => Result,
): (...input: Arguments) => Result {
  return callAfter(offerBase64, call);
}

/** As {@link withCompiledBase64}, for the kernel that finds differences. */
export function withCompiledDiff<Arguments extends unknown[], Result>(
  call: (...input: Arguments) => Result,
): (...input: Arguments) => Result {
  return callAfter(offerDiff, call);
}

/**
 * Pins the kernels for Base64 and differences for the rest of this thread, for tests, benches and reproductions; all kinds give the same bytes.
 * Throws `KERNEL_UNAVAILABLE`, with the platform's own error as cause, where a compiled kernel cannot start; nothing changes then.
 */
export function useKernel(kind: KernelKind): void {
  if (kind === 'portable') {
    pin(portableBase64, portableDiff);
  } else if (kind === 'wasm' || kind === 'wasm-simd') {
    pin(base64.start(kind), diff.start(kind));
  } else {
    throw new TypeError("useKernel: expected 'portable', 'wasm' or 'wasm-simd'");
  }
}

/**
 * Uses a module that the program compiled or imported itself, for runtimes that forbid compiling bytes: a Worker imports
 * `persistent-sessions/wasm/base64-simd.wasm` as a module. Which kernel it is, and whether it has SIMD, is read from the module.
 *
 * Throws TypeError for anything that is not one of these modules (that of sequences goes to the `useModule` of `./sequence` or `./merge`), and
 * `KERNEL_UNAVAILABLE`, with the platform's own error as cause, for bytes where compiling is forbidden; nothing changes then.
 */
export function useModule(module: CompiledModule): void {
  const { module: compiled, functions } = readModule(module);
  if (functions.includes('encodeBase64') && functions.includes('simd')) {
    current.setBase64Kernel(sparingSmallInputs(base64.adopt(compiled)), 'chosen');
  } else if (functions.includes('diff32') && functions.includes('simd')) {
    current.setDiffKernel(diff.adopt(compiled), 'chosen');
  } else {
    throw new TypeError('useModule: expected base64.wasm, diff.wasm or one of their twins with SIMD');
  }
}

/** Which kernel is in use and why, for Base64 unless another is named. Makes the choice if nothing has yet. */
export function activeKernel(name?: current.KernelName): current.ActiveKernel {
  offerBase64();
  offerDiff();
  return current.activeKernel(name);
}

/** {@link current.encodeBase64}, with the compiled kernel where the platform lets it start. */
export const encodeBase64: typeof current.encodeBase64 = /* @__PURE__ */ withCompiledBase64(current.encodeBase64);
/** {@link current.decodeBase64}, with the compiled kernel where the platform lets it start. */
export const decodeBase64: typeof current.decodeBase64 = /* @__PURE__ */ withCompiledBase64(current.decodeBase64);
/** {@link current.encodeBase64Into}, with the compiled kernel where the platform lets it start. */
export const encodeBase64Into: typeof current.encodeBase64Into = /* @__PURE__ */ withCompiledBase64(current.encodeBase64Into);
/** {@link current.decodeBase64Into}, with the compiled kernel where the platform lets it start. */
export const decodeBase64Into: typeof current.decodeBase64Into = /* @__PURE__ */ withCompiledBase64(current.decodeBase64Into);
/** {@link current.encodeBase64View}, with the compiled kernel where the platform lets it start. */
export const encodeBase64View: typeof current.encodeBase64View = /* @__PURE__ */ withCompiledBase64(current.encodeBase64View);
/** {@link current.decodeBase64View}, with the compiled kernel where the platform lets it start. */
export const decodeBase64View: typeof current.decodeBase64View = /* @__PURE__ */ withCompiledBase64(current.decodeBase64View);
/** {@link current.decodeBase64Parts}, with the compiled kernel where the platform lets it start. */
export const decodeBase64Parts: typeof current.decodeBase64Parts = /* @__PURE__ */ withCompiledBase64(current.decodeBase64Parts);

function pin(base64Kernel: Base64Kernel, diffKernel: DiffKernel): void {
  current.setBase64Kernel(base64Kernel, 'pinned');
  current.setDiffKernel(diffKernel, 'pinned');
}

/** The kernel as users get it; a pinned one is the bare kernel, so that tests and benches measure what they name. */
function sparingSmallInputs(compiled: Base64Kernel): Base64Kernel {
  const kernelFor = (source: Uint8Array): Base64Kernel => (source.length < SMALL_BYTES ? portableBase64 : compiled);
  return {
    kind: compiled.kind,
    encodeBase64: (source, alphabet) => kernelFor(source).encodeBase64(source, alphabet),
    decodeBase64: (source, alphabet) => kernelFor(source).decodeBase64(source, alphabet),
    encodeBase64Into: (source, target, alphabet) => kernelFor(source).encodeBase64Into(source, target, alphabet),
    decodeBase64Into: (source, target, alphabet) => kernelFor(source).decodeBase64Into(source, target, alphabet),
    encodeBase64View: (source, alphabet) => kernelFor(source).encodeBase64View(source, alphabet),
    decodeBase64View: (source, alphabet) => kernelFor(source).decodeBase64View(source, alphabet),
    decodeBase64Parts: (source, ranges, alphabet) => kernelFor(source).decodeBase64Parts(source, ranges, alphabet),
  };
}
