/**
 * Memory for bodies that are on their way, used again when they have arrived: a fresh array for each put of some 64 KiB costs more in garbage collection
 * than everything else that is done with it.
 */

/** Larger bodies come rarely, and cost much more than their memory. */
const MAX_BYTES = 1024 * 1024;
const MIN_BYTES = 1024;
/** Most that is kept for later. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/** Arrays to write bodies into. */
export class Scratch {
  /** By length, which is a power of two. */
  readonly #kept = new Map<number, Buffer[]>();
  #keptBytes = 0;

  /** An array of `length` bytes, of which none means anything. */
  take(length: number): Buffer {
    if (length > MAX_BYTES) return Buffer.allocUnsafeSlow(length);
    const whole = 2 ** Math.ceil(Math.log2(Math.max(length, MIN_BYTES)));
    const kept = this.#kept.get(whole)?.pop();
    if (kept !== undefined) this.#keptBytes -= whole;
    return (kept ?? Buffer.allocUnsafeSlow(whole)).subarray(0, length);
  }

  /** Gives back what {@link take} gave. Nobody may read or write it any more: what was not sent to its end is not given back. */
  give({ buffer }: Buffer): void {
    const whole = buffer.byteLength;
    if (whole > MAX_BYTES || this.#keptBytes + whole > MAX_KEPT_BYTES) return;
    const kept = this.#kept.get(whole);
    if (kept === undefined) this.#kept.set(whole, [Buffer.from(buffer)]);
    else kept.push(Buffer.from(buffer));
    this.#keptBytes += whole;
  }
}
