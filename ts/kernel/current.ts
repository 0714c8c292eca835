/**
 * The kernel in use, and the one place from which the rest of the package imports `encodeBase64` and `decodeBase64`.
 * On its own it knows only the portable kernel: this is all that the entry `./portable` can reach, so a page with a strict Content
 * Security Policy never meets an attempt to compile. select.ts, reached from the main entry alone, offers the compiled one.
 * The choice is made at the first use, not at import, and once per copy of this module.
 */
import type { Base64Kernel, KernelKind } from './kernel.ts';
import { portableBase64 } from './portable/base64.ts';

/**
 * Why a kernel is in use: `not-offered` (portable, no other was offered), `chosen` (the offered one started),
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
export interface KernelChoice {
  readonly kernel: Base64Kernel;
  readonly reason: KernelReason;
  readonly cause?: unknown;
}

let choose: () => KernelChoice = choosePortable;
let choice: KernelChoice | null = null;

/** Encodes with the kernel in use; see {@link Base64Kernel.encodeBase64}. */
export function encodeBase64(source: Uint8Array): Uint8Array<ArrayBuffer> {
  return current().kernel.encodeBase64(source);
}

/** Decodes with the kernel in use; see {@link Base64Kernel.decodeBase64}, faults included. */
export function decodeBase64(source: Uint8Array): Uint8Array<ArrayBuffer> {
  return current().kernel.decodeBase64(source);
}

/** Which kernel is in use and why. Makes the choice if nothing has yet. */
export function activeKernel(): ActiveKernel {
  const { kernel, reason, cause } = current();
  return cause === undefined ? { kind: kernel.kind, reason } : { kind: kernel.kind, reason, cause };
}

/**
 * Lets `chooseKernel` make the choice when a kernel is next needed. It must not throw. Costs nothing when offered again.
 * A choice already made stands, unless it was portable only because nothing had been offered.
 */
export function offerKernel(chooseKernel: () => KernelChoice): void {
  if (choose === chooseKernel) return;
  choose = chooseKernel;
  if (choice?.reason === 'not-offered') choice = null;
}

/** Uses `kernel` from now on, whatever has been or will be offered. */
export function pinKernel(kernel: Base64Kernel): void {
  choice = { kernel, reason: 'pinned' };
}

function current(): KernelChoice {
  choice ??= choose();
  return choice;
}

function choosePortable(): KernelChoice {
  return { kernel: portableBase64, reason: 'not-offered' };
}
