/**
 * The kernels for Base64 and differences in use, and the one place from which the rest of the package imports their functions.
 * On its own it knows only the portable kernels: this is all that the entry `./portable` can reach, so a page with a strict Content
 * Security Policy never meets an attempt to compile. select.ts, reached from the main entry alone, offers the compiled ones. That of sequences
 * has files of its own (current-sequence.ts), so that only programs that merge carry it.
 * The choice is made at the first use, not at import, for each kernel apart, and once per copy of this module.
 */
import type { Base64Alphabet, Base64Kernel, DiffKernel, Edits, InternedElements } from './kernel.ts';
import { portableBase64 } from './portable/base64.ts';
import { portableDiff } from './portable/diff.ts';
import { type ActiveKernel, type KernelOffer, type KernelSlot, makeSlot } from './slot.ts';

export type { ActiveKernel, KernelOffer, KernelReason } from './slot.ts';

/** The kernels of the main entry, by what they do. */
export type KernelName = 'base64' | 'diff';

// Apart, so that a bundler drops what belongs to the one that a program never uses.
const base64: KernelSlot<Base64Kernel> = /* @__PURE__ */ makeSlot(portableBase64);
const diff: KernelSlot<DiffKernel> = /* @__PURE__ */ makeSlot(portableDiff);

/** Encodes with the kernel in use; see {@link Base64Kernel.encodeBase64}. */
export function encodeBase64(source: Uint8Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer> {
  return base64.kernel().encodeBase64(source, alphabet);
}

/** Decodes with the kernel in use; see {@link Base64Kernel.decodeBase64}, faults included. */
export function decodeBase64(source: Uint8Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer> {
  return base64.kernel().decodeBase64(source, alphabet);
}

/** Encodes to the caller's bytes with the kernel in use; see {@link Base64Kernel.encodeBase64Into}. */
export function encodeBase64Into(source: Uint8Array, target: Uint8Array, alphabet?: Base64Alphabet): number {
  return base64.kernel().encodeBase64Into(source, target, alphabet);
}

/** Decodes to the caller's bytes with the kernel in use; see {@link Base64Kernel.decodeBase64Into}, faults included. */
export function decodeBase64Into(source: Uint8Array, target: Uint8Array, alphabet?: Base64Alphabet): number {
  return base64.kernel().decodeBase64Into(source, target, alphabet);
}

/** Encodes without copying out of the kernel in use; see {@link Base64Kernel.encodeBase64View} for how long the result stays. */
export function encodeBase64View(source: Uint8Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer> {
  return base64.kernel().encodeBase64View(source, alphabet);
}

/** Decodes without copying out of the kernel in use; see {@link Base64Kernel.decodeBase64View} for how long the result stays. */
export function decodeBase64View(source: Uint8Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer> {
  return base64.kernel().decodeBase64View(source, alphabet);
}

/** Decodes many parts of one text with the kernel in use; see {@link Base64Kernel.decodeBase64Parts} for how long the results stay. */
export function decodeBase64Parts(source: Uint8Array, ranges: Uint32Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer>[] {
  return base64.kernel().decodeBase64Parts(source, ranges, alphabet);
}

/** Compares lists of integers with the kernel in use; see {@link DiffKernel.diffIds}. */
export function diffIds(a: Uint32Array, b: Uint32Array, budget?: number): Edits {
  return diff.kernel().diffIds(a, b, budget);
}

/** Compares texts with the kernel in use; see {@link DiffKernel.diffText}. */
export function diffText(a: string, b: string, budget?: number): Edits {
  return diff.kernel().diffText(a, b, budget);
}

/** Compares bytes with the kernel in use; see {@link DiffKernel.diffBytes}. */
export function diffBytes(a: Uint8Array, b: Uint8Array, budget?: number): Edits {
  return diff.kernel().diffBytes(a, b, budget);
}

/** Numbers the elements of two JSON texts with the kernel in use; see {@link DiffKernel.internElements}, faults included. */
export function internElements(a: Uint8Array, b: Uint8Array): InternedElements {
  return diff.kernel().internElements(a, b);
}

/** Which kernel is in use and why, for Base64 unless another is named. Makes the choice if nothing has yet. */
export function activeKernel(name: KernelName = 'base64'): ActiveKernel {
  return name === 'diff' ? diff.active() : base64.active();
}

/** Lets `offer` make the choice for Base64; see {@link KernelSlot.offer}. */
export function offerBase64(offer: KernelOffer<Base64Kernel>): void {
  base64.offer(offer);
}

/** As {@link offerBase64}, for differences. */
export function offerDiff(offer: KernelOffer<DiffKernel>): void {
  diff.offer(offer);
}

/** Uses `kernel` for Base64 from now on, whatever has been or will be offered. */
export function setBase64Kernel(kernel: Base64Kernel, reason: 'pinned' | 'chosen'): void {
  base64.set(kernel, reason);
}

/** Uses `kernel` for differences from now on, whatever has been or will be offered. */
export function setDiffKernel(kernel: DiffKernel, reason: 'pinned' | 'chosen'): void {
  diff.set(kernel, reason);
}
