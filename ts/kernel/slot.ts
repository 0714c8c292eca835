/**
 * The place of one kernel: which of its twins is in use, and why. Starts with the portable one; another is offered, given or pinned from outside, so nothing
 * here knows of WebAssembly. The choice is made at the first use, not at import. Each kernel has a place of its own (`current.ts`, `current-sequence.ts`), so
 * that a program carries those that it uses.
 */
import type { KernelKind } from './kernel.ts';

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

/** The kernel in use, and the ways to change it. */
export interface KernelSlot<Kernel> {
  /** The kernel in use. Makes the choice if nothing has yet. */
  kernel(): Kernel;
  /** Which kernel is in use and why. Makes the choice if nothing has yet. */
  active(): ActiveKernel;
  /**
   * Lets `offer` make the choice when the kernel is next needed. Costs nothing when offered again. A choice already made stands, unless it was portable only
   * because nothing had been offered.
   */
  offer(offer: KernelOffer<Kernel>): void;
  /** Uses `kernel` from now on, whatever has been or will be offered. */
  set(kernel: Kernel, reason: 'pinned' | 'chosen'): void;
}

/** A place with the portable kernel in it. */
export function makeSlot<Kernel extends { readonly kind: KernelKind }>(portable: Kernel): KernelSlot<Kernel> {
  let offered: KernelOffer<Kernel> = () => ({ kernel: portable, reason: 'not-offered' });
  let choice: KernelChoice<Kernel> | null = null;

  function choose(): KernelChoice<Kernel> {
    choice ??= offered();
    return choice;
  }

  return {
    kernel: () => (choice ?? choose()).kernel,
    active() {
      const { kernel, reason, cause } = choose();
      return cause === undefined ? { kind: kernel.kind, reason } : { kind: kernel.kind, reason, cause };
    },
    offer(offer) {
      if (offered === offer) return;
      offered = offer;
      if (choice?.reason === 'not-offered') choice = null;
    },
    set(kernel, reason) {
      choice = { kernel, reason };
    },
  };
}
