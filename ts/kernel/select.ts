/**
 * The only choice between kernels: the compiled ones where the platform lets them start, with SIMD where it has that, else the portable ones. Made
 * at the first use. Importing this file does nothing. A bare import that registers something would be dropped by bundlers, because the package
 * declares its modules free of side effects; so entries export their functions through `withCompiledBase64` and its like, and a bundler that keeps
 * such a function must keep the offer inside it. Functions that nobody uses still cost nothing.
 */
import { PspError } from '../errors.ts';
import { createCompiledBase64 } from './compiled/base64.ts';
import { createCompiledDiff } from './compiled/diff.ts';
import { createCompiledSequence } from './compiled/sequence.ts';
import * as current from './current.ts';
import { BASE64_SIMD_WASM } from './generated/base64-simd-wasm.ts';
import { BASE64_WASM } from './generated/base64-wasm.ts';
import { DIFF_SIMD_WASM } from './generated/diff-simd-wasm.ts';
import { DIFF_WASM } from './generated/diff-wasm.ts';
import { SEQUENCE_WASM } from './generated/sequence-wasm.ts';
import type { Base64Kernel, DiffKernel, KernelKind, SequenceKernel } from './kernel.ts';
import type { LinearModule } from './linear.ts';
import { portableBase64 } from './portable/base64.ts';
import { portableDiff } from './portable/diff.ts';
import { portableSequence } from './portable/sequence.ts';
import { type CompiledModule, inlinedModule, isSupported, readModule, startModule } from './wasm.ts';

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

type CompiledKind = LinearModule<unknown>['kind'];

/** Starts the modules of one kernel, each at most once per thread: an instance is kept even while another kernel is pinned. */
interface Starter<Kernel> {
  /** Throws `KERNEL_UNAVAILABLE`, with the platform's own error as cause, where it cannot start. */
  start(kind: CompiledKind): Kernel;
  /** The best that this engine supports. Throws as `start`. */
  startBest(): Kernel;
  /** From a module that the program gives. */
  adopt(module: CompiledModule): Kernel;
}

const base64: Starter<Base64Kernel> = /* @__PURE__ */ makeStarter(
  { wasm: BASE64_WASM, 'wasm-simd': BASE64_SIMD_WASM },
  createCompiledBase64,
);
const diff: Starter<DiffKernel> = /* @__PURE__ */ makeStarter({ wasm: DIFF_WASM, 'wasm-simd': DIFF_SIMD_WASM }, createCompiledDiff);
/** With SIMD it would be the same instructions: it moves memory and follows pointers. */
const sequence: Starter<SequenceKernel> = /* @__PURE__ */ makeStarter({ wasm: SEQUENCE_WASM }, createCompiledSequence);

const compiledBase64Offer: current.KernelOffer<Base64Kernel> = () => choose(base64, sparingSmallInputs, portableBase64);
const compiledDiffOffer: current.KernelOffer<DiffKernel> = () => choose(diff, asItIs, portableDiff);
const compiledSequenceOffer: current.KernelOffer<SequenceKernel> = () => choose(sequence, asItIs, portableSequence);

/**
 * The same function, which before each call offers the compiled kernel for Base64. The main entry wraps what may need it:
 *
 *     export const encodeSession: typeof encode = /* @__PURE__ *\/ withCompiledBase64(encode);
 */
export function withCompiledBase64<Arguments extends unknown[], Result>(
  call: (...input: Arguments) => Result,
): (...input: Arguments) => Result {
  return (...input) => {
    current.offerBase64(compiledBase64Offer);
    return call(...input);
  };
}

/** As {@link withCompiledBase64}, for the kernel that finds differences. */
export function withCompiledDiff<Arguments extends unknown[], Result>(
  call: (...input: Arguments) => Result,
): (...input: Arguments) => Result {
  return (...input) => {
    current.offerDiff(compiledDiffOffer);
    return call(...input);
  };
}

/** As {@link withCompiledBase64}, for the kernel that makes sequences. */
export function withCompiledSequence<Arguments extends unknown[], Result>(
  call: (...input: Arguments) => Result,
): (...input: Arguments) => Result {
  return (...input) => {
    current.offerSequence(compiledSequenceOffer);
    return call(...input);
  };
}

/**
 * Pins the kernels for the rest of this thread, for tests, benches and reproductions; all kinds give the same bytes.
 * A sequence keeps the kernel that it was made with; of its compiled kernel there is one kind, `wasm`.
 * Throws `KERNEL_UNAVAILABLE`, with the platform's own error as cause, where a compiled kernel cannot start; nothing changes then.
 */
export function useKernel(kind: KernelKind): void {
  if (kind === 'portable') {
    pin(portableBase64, portableDiff, portableSequence);
  } else if (kind === 'wasm' || kind === 'wasm-simd') {
    pin(base64.start(kind), diff.start(kind), sequence.start('wasm'));
  } else {
    throw new TypeError("useKernel: expected 'portable', 'wasm' or 'wasm-simd'");
  }
}

/**
 * Uses a module that the program compiled or imported itself, for runtimes that forbid compiling bytes: a Worker imports
 * `persistent-sessions/wasm/base64-simd.wasm` as a module. Which kernel it is, and whether it has SIMD, is read from the module.
 *
 * Throws TypeError for anything that is not a module of this package, and `KERNEL_UNAVAILABLE`, with the platform's own error as cause, for bytes
 * where compiling is forbidden; nothing changes then.
 */
export function useModule(module: CompiledModule): void {
  const { module: compiled, functions } = readModule(module);
  if (functions.includes('encodeBase64') && functions.includes('simd')) {
    current.setBase64Kernel(sparingSmallInputs(base64.adopt(compiled)), 'chosen');
  } else if (functions.includes('diff32') && functions.includes('simd')) {
    current.setDiffKernel(diff.adopt(compiled), 'chosen');
  } else if (functions.includes('createSequence') && functions.includes('simd')) {
    current.setSequenceKernel(sequence.adopt(compiled), 'chosen');
  } else {
    throw new TypeError('useModule: expected one of the modules of this package');
  }
}

/** Which kernel is in use and why, for Base64 unless another is named. Makes the choice if nothing has yet. */
export function activeKernel(name?: current.KernelName): current.ActiveKernel {
  current.offerBase64(compiledBase64Offer);
  current.offerDiff(compiledDiffOffer);
  current.offerSequence(compiledSequenceOffer);
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

function pin(base64Kernel: Base64Kernel, diffKernel: DiffKernel, sequenceKernel: SequenceKernel): void {
  current.setBase64Kernel(base64Kernel, 'pinned');
  current.setDiffKernel(diffKernel, 'pinned');
  current.setSequenceKernel(sequenceKernel, 'pinned');
}

function makeStarter<Exports, Kernel>(
  inlined: Readonly<{ wasm: string } & Partial<Record<CompiledKind, string>>>,
  create: (module: LinearModule<Exports>) => Kernel,
): Starter<Kernel> {
  const started = new Map<CompiledKind, Kernel>();

  function startOnce(kind: CompiledKind, bytes: () => Uint8Array<ArrayBuffer>): Kernel {
    const running = started.get(kind);
    if (running !== undefined) return running;
    const kernel = create(startModule<Exports>(bytes()));
    started.set(kind, kernel);
    return kernel;
  }

  return {
    start: (kind) => orUnavailable(() => startOnce(kind, () => inlinedModule(inlined[kind] ?? inlined.wasm))),
    startBest: () =>
      orUnavailable(() => {
        const simd = inlined['wasm-simd'] === undefined ? null : inlinedModule(inlined['wasm-simd']);
        return simd !== null && isSupported(simd)
          ? startOnce('wasm-simd', () => simd)
          : startOnce('wasm', () => inlinedModule(inlined.wasm));
      }),
    adopt(module) {
      const linear = startModule<Exports>(module);
      const kernel = create(linear);
      started.set(linear.kind, kernel);
      return kernel;
    },
  };
}

function orUnavailable<Kernel>(start: () => Kernel): Kernel {
  try {
    return start();
  } catch (cause) {
    throw new PspError('KERNEL_UNAVAILABLE', 'the compiled kernel could not start here', { cause });
  }
}

function choose<Kernel>(starter: Starter<Kernel>, asUsed: (kernel: Kernel) => Kernel, portable: Kernel): current.KernelChoice<Kernel> {
  try {
    return { kernel: asUsed(starter.startBest()), reason: 'chosen' };
  } catch (cause) {
    return { kernel: portable, reason: 'fell-back', cause };
  }
}

function asItIs<Kernel>(kernel: Kernel): Kernel {
  return kernel;
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
