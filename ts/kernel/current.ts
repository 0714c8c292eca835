/**
 * The kernels in use, and the one place from which the rest of the package imports their functions.
 * On its own it knows only the portable kernels: this is all that the entry `./portable` can reach, so a page with a strict Content
 * Security Policy never meets an attempt to compile. select.ts, reached from the main entry alone, offers the compiled ones.
 * The choice is made at the first use, not at import, for each kernel apart, and once per copy of this module.
 */
import type {
  Base64Alphabet,
  Base64Kernel,
  DiffKernel,
  Edits,
  InternedElements,
  KernelKind,
  KernelSequence,
  Replica,
  SequenceKernel,
  SequenceUnit,
} from './kernel.ts';
import { portableBase64 } from './portable/base64.ts';
import { portableDiff } from './portable/diff.ts';
import { portableSequence } from './portable/sequence.ts';

/** The kernels, by what they do. */
export type KernelName = 'base64' | 'diff' | 'sequence';

/**
 * Why a kernel is in use: `not-offered` (portable, no other was offered), `chosen` (the offered or given one started),
 * `fell-back` (portable, because the offered one could not start; see `cause`) or `pinned` (by `useKernel`).
 */
export type KernelReason = 'not-offered' | 'chosen' | 'fell-back' | 'pinned';

/** Which kernel runs, and why. `cause` is what the platform threw when the offered kernel could not start. */
export interface ActiveKernel {
  readonly kind: KernelKind;
  readonly reason: KernelReason;
  readonly cause?: unknown;
}

/** A kernel together with the reason why it is the one in use. */
export interface KernelChoice<Kernel> {
  readonly kernel: Kernel;
  readonly reason: KernelReason;
  readonly cause?: unknown;
}

/** Makes the choice when the kernel is first needed. Must not throw. */
export type KernelOffer<Kernel> = () => KernelChoice<Kernel>;

// Apart, so that a bundler drops what belongs to the one that a program never uses.
const portableBase64Offer: KernelOffer<Base64Kernel> = () => ({ kernel: portableBase64, reason: 'not-offered' });
const portableDiffOffer: KernelOffer<DiffKernel> = () => ({ kernel: portableDiff, reason: 'not-offered' });
const portableSequenceOffer: KernelOffer<SequenceKernel> = () => ({ kernel: portableSequence, reason: 'not-offered' });

let base64Offer = portableBase64Offer;
let base64Choice: KernelChoice<Base64Kernel> | null = null;
let diffOffer = portableDiffOffer;
let diffChoice: KernelChoice<DiffKernel> | null = null;
let sequenceOffer = portableSequenceOffer;
let sequenceChoice: KernelChoice<SequenceKernel> | null = null;

/** Encodes with the kernel in use; see {@link Base64Kernel.encodeBase64}. */
export function encodeBase64(source: Uint8Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer> {
  return base64().kernel.encodeBase64(source, alphabet);
}

/** Decodes with the kernel in use; see {@link Base64Kernel.decodeBase64}, faults included. */
export function decodeBase64(source: Uint8Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer> {
  return base64().kernel.decodeBase64(source, alphabet);
}

/** Encodes to the caller's bytes with the kernel in use; see {@link Base64Kernel.encodeBase64Into}. */
export function encodeBase64Into(source: Uint8Array, target: Uint8Array, alphabet?: Base64Alphabet): number {
  return base64().kernel.encodeBase64Into(source, target, alphabet);
}

/** Decodes to the caller's bytes with the kernel in use; see {@link Base64Kernel.decodeBase64Into}, faults included. */
export function decodeBase64Into(source: Uint8Array, target: Uint8Array, alphabet?: Base64Alphabet): number {
  return base64().kernel.decodeBase64Into(source, target, alphabet);
}

/** Encodes without copying out of the kernel in use; see {@link Base64Kernel.encodeBase64View} for how long the result stays. */
export function encodeBase64View(source: Uint8Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer> {
  return base64().kernel.encodeBase64View(source, alphabet);
}

/** Decodes without copying out of the kernel in use; see {@link Base64Kernel.decodeBase64View} for how long the result stays. */
export function decodeBase64View(source: Uint8Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer> {
  return base64().kernel.decodeBase64View(source, alphabet);
}

/** Decodes many parts of one text with the kernel in use; see {@link Base64Kernel.decodeBase64Parts} for how long the results stay. */
export function decodeBase64Parts(source: Uint8Array, ranges: Uint32Array, alphabet?: Base64Alphabet): Uint8Array<ArrayBuffer>[] {
  return base64().kernel.decodeBase64Parts(source, ranges, alphabet);
}

/** Compares lists of integers with the kernel in use; see {@link DiffKernel.diffIds}. */
export function diffIds(a: Uint32Array, b: Uint32Array, budget?: number): Edits {
  return diff().kernel.diffIds(a, b, budget);
}

/** Compares texts with the kernel in use; see {@link DiffKernel.diffText}. */
export function diffText(a: string, b: string, budget?: number): Edits {
  return diff().kernel.diffText(a, b, budget);
}

/** Compares bytes with the kernel in use; see {@link DiffKernel.diffBytes}. */
export function diffBytes(a: Uint8Array, b: Uint8Array, budget?: number): Edits {
  return diff().kernel.diffBytes(a, b, budget);
}

/** Numbers the elements of two JSON texts with the kernel in use; see {@link DiffKernel.internElements}, faults included. */
export function internElements(a: Uint8Array, b: Uint8Array): InternedElements {
  return diff().kernel.internElements(a, b);
}

/** An empty list with the kernel in use, which it keeps; see {@link SequenceKernel.createSequence}. */
export function createSequence(replica: Replica, unit: SequenceUnit): KernelSequence {
  return sequence().kernel.createSequence(replica, unit);
}

/** Which kernel is in use and why, for Base64 unless another is named. Makes the choice if nothing has yet. */
export function activeKernel(name: KernelName = 'base64'): ActiveKernel {
  const { kernel, reason, cause } = name === 'diff' ? diff() : name === 'sequence' ? sequence() : base64();
  return cause === undefined ? { kind: kernel.kind, reason } : { kind: kernel.kind, reason, cause };
}

/**
 * Lets `offer` make the choice when Base64 is next needed. Costs nothing when offered again. A choice already made stands, unless it was portable
 * only because nothing had been offered.
 */
export function offerBase64(offer: KernelOffer<Base64Kernel>): void {
  if (base64Offer === offer) return;
  base64Offer = offer;
  if (base64Choice?.reason === 'not-offered') base64Choice = null;
}

/** As {@link offerBase64}, for differences. */
export function offerDiff(offer: KernelOffer<DiffKernel>): void {
  if (diffOffer === offer) return;
  diffOffer = offer;
  if (diffChoice?.reason === 'not-offered') diffChoice = null;
}

/** As {@link offerBase64}, for sequences. */
export function offerSequence(offer: KernelOffer<SequenceKernel>): void {
  if (sequenceOffer === offer) return;
  sequenceOffer = offer;
  if (sequenceChoice?.reason === 'not-offered') sequenceChoice = null;
}

/** Uses `kernel` for Base64 from now on, whatever has been or will be offered. */
export function setBase64Kernel(kernel: Base64Kernel, reason: 'pinned' | 'chosen'): void {
  base64Choice = { kernel, reason };
}

/** Uses `kernel` for differences from now on, whatever has been or will be offered. */
export function setDiffKernel(kernel: DiffKernel, reason: 'pinned' | 'chosen'): void {
  diffChoice = { kernel, reason };
}

/** Uses `kernel` for sequences made from now on, whatever has been or will be offered. */
export function setSequenceKernel(kernel: SequenceKernel, reason: 'pinned' | 'chosen'): void {
  sequenceChoice = { kernel, reason };
}

function base64(): KernelChoice<Base64Kernel> {
  base64Choice ??= base64Offer();
  return base64Choice;
}

function diff(): KernelChoice<DiffKernel> {
  diffChoice ??= diffOffer();
  return diffChoice;
}

function sequence(): KernelChoice<SequenceKernel> {
  sequenceChoice ??= sequenceOffer();
  return sequenceChoice;
}
