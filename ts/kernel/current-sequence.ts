/**
 * The sequence kernel in use, and the one place from which merging imports its function. As current.ts, it knows only the portable kernel: select-sequence.ts,
 * reached from the entries `./sequence` and `./merge`, offers the compiled one. A program that neither merges nor makes sequences reaches neither file.
 */
import type { KernelSequence, Replica, SequenceKernel, SequenceUnit } from './kernel.ts';
import { portableSequence } from './portable/sequence.ts';
import { type ActiveKernel, type KernelOffer, type KernelSlot, makeSlot } from './slot.ts';

const slot: KernelSlot<SequenceKernel> = /* @__PURE__ */ makeSlot(portableSequence);

/** An empty list with the kernel in use, which it keeps; see {@link SequenceKernel.createSequence}. */
export function createSequence(replica: Replica, unit: SequenceUnit): KernelSequence {
  return slot.kernel().createSequence(replica, unit);
}

/** Which kernel new sequences get and why. Makes the choice if nothing has yet. */
export function activeSequenceKernel(): ActiveKernel {
  return slot.active();
}

/** Lets `offer` make the choice; see {@link KernelSlot.offer}. */
export function offerSequence(offer: KernelOffer<SequenceKernel>): void {
  slot.offer(offer);
}

/** Uses `kernel` for sequences made from now on, whatever has been or will be offered. */
export function setSequenceKernel(kernel: SequenceKernel, reason: 'pinned' | 'chosen'): void {
  slot.set(kernel, reason);
}
