/** A compiled module as its host sees it, without the word for what it is: `compiled/` lays out calls in it, and `wasm.ts` starts it. */
import type { KernelKind } from './kernel.ts';

export interface LinearModule<Exports> {
  readonly kind: Exclude<KernelKind, 'portable'>;
  readonly exports: Exports;
  /** The first byte that belongs to the host, divisible by 16. */
  readonly base: number;
  /**
   * All of memory, at least `end` bytes of it. Growing detaches every earlier view: ask again after each call that may grow.
   *
   * @throws PspError `KERNEL_MEMORY` when the engine refuses.
   */
  reserve(end: number): Uint8Array<ArrayBuffer>;
}
