/**
 * The choice between the twins of the sequence kernel, for the entries `./sequence` and `./merge`; how it is made, and why by wrapped functions, says select.ts.
 * Apart from it, so that the main entry carries no sequences. There is no module with SIMD: it would be the same instructions, since the kernel moves
 * memory and follows pointers.
 */
import { createCompiledSequence } from './compiled/sequence.ts';
import * as current from './current-sequence.ts';
import { SEQUENCE_WASM } from './generated/sequence-wasm.ts';
import type { KernelKind, SequenceKernel } from './kernel.ts';
import { portableSequence } from './portable/sequence.ts';
import type { ActiveKernel, KernelOffer } from './slot.ts';
import { callAfter, chooseCompiled, makeStarter, type Starter } from './starter.ts';
import { type CompiledModule, readModule } from './wasm.ts';

export type { CompiledModule } from './wasm.ts';

/** The twins of the sequence kernel. */
export type SequenceKernelKind = Exclude<KernelKind, 'wasm-simd'>;

const sequence: Starter<SequenceKernel> = /* @__PURE__ */ makeStarter({ wasm: SEQUENCE_WASM }, createCompiledSequence);

const compiledOffer: KernelOffer<SequenceKernel> = () => chooseCompiled(sequence, portableSequence);
const offerCompiled = (): void => current.offerSequence(compiledOffer);

/** The same function, which before each call offers the compiled kernel for sequences; see `withCompiledBase64` in select.ts. */
export function withCompiledSequence<Arguments extends unknown[], Result>(
  call: (...input: Arguments) => Result,
): (...input: Arguments) => Result {
  return callAfter(offerCompiled, call);
}

/**
 * Pins the sequence kernel for the rest of this thread, for tests, benches and reproductions; both kinds give the same bytes. A sequence keeps the kernel that
 * it was made with.
 * Throws `KERNEL_UNAVAILABLE`, with the platform's own error as cause, where the compiled kernel cannot start; nothing changes then.
 */
export function useSequenceKernel(kind: SequenceKernelKind): void {
  if (kind === 'portable') {
    current.setSequenceKernel(portableSequence, 'pinned');
  } else if (kind === 'wasm') {
    current.setSequenceKernel(sequence.start(kind), 'pinned');
  } else {
    throw new TypeError("useKernel: expected 'portable' or 'wasm'");
  }
}

/**
 * Uses a module that the program compiled or imported itself, for runtimes that forbid compiling bytes: a Worker imports
 * `persistent-sessions/wasm/sequence.wasm` as a module.
 *
 * Throws TypeError for anything that is not this module, and `KERNEL_UNAVAILABLE`, with the platform's own error as cause, for bytes
 * where compiling is forbidden; nothing changes then.
 */
export function useSequenceModule(module: CompiledModule): void {
  const { module: compiled, functions } = readModule(module);
  if (!functions.includes('createSequence') || !functions.includes('simd')) {
    throw new TypeError('useModule: expected sequence.wasm of this package');
  }
  current.setSequenceKernel(sequence.adopt(compiled), 'chosen');
}

/** Which kernel new sequences get and why. Makes the choice if nothing has yet: once asked, whatever of the program makes sequences has the compiled one. */
export function activeSequenceKernel(): ActiveKernel {
  offerCompiled();
  return current.activeSequenceKernel();
}
