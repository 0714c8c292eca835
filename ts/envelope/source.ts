/**
 * Bytes that arrive in pieces of any size, taken in pieces of a wanted size. Holds what was asked for and the rest of the last piece that
 * came, never more.
 */

import { isBytes } from '@noble/hashes/utils.js';

/** Where a stream of bytes comes from: a web stream, or anything that `for await` reads. */
export type ByteSource = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Takes bytes from a source. */
export class ByteReader {
  readonly #next: () => Promise<IteratorResult<Uint8Array, unknown>>;
  readonly #close: () => Promise<void>;
  #rest: Uint8Array = new Uint8Array(0);

  /** TypeError for anything that cannot be read. */
  constructor(source: ByteSource) {
    const iterable = source as Partial<AsyncIterable<Uint8Array> & Iterable<Uint8Array>> & Partial<ReadableStream<Uint8Array>>;
    // Not every browser can iterate a web stream.
    if (typeof iterable?.getReader === 'function') {
      const reader = (source as ReadableStream<Uint8Array>).getReader();
      this.#next = () => reader.read() as Promise<IteratorResult<Uint8Array, unknown>>;
      this.#close = async () => {
        // A stream that failed rejects once more, with the error that the caller has already.
        await reader.cancel().catch(() => undefined);
        reader.releaseLock();
      };
      return;
    }
    const iterator = iterable?.[Symbol.asyncIterator]?.() ?? iterable?.[Symbol.iterator]?.();
    if (iterator === undefined || isBytes(source)) throw new TypeError('source: expected a stream or an iterable of Uint8Array');
    this.#next = async () => iterator.next();
    this.#close = async () => {
      await iterator.return?.();
    };
  }

  /**
   * The next `byteLength` bytes, fewer only where the source ends, in an array of the caller's own or a view of a piece that nobody else
   * reads. TypeError for a piece that is no bytes; rejects with what the source throws.
   */
  async take(byteLength: number): Promise<Uint8Array> {
    if (this.#rest.length >= byteLength) return this.#cut(byteLength);
    const taken = new Uint8Array(byteLength);
    let filled = 0;
    for (;;) {
      const part = this.#cut(Math.min(this.#rest.length, byteLength - filled));
      taken.set(part, filled);
      filled += part.length;
      if (filled === byteLength) return taken;
      const { done, value } = await this.#next();
      if (done === true) return taken.subarray(0, filled);
      if (!isBytes(value)) throw new TypeError('source: expected pieces that are Uint8Array');
      this.#rest = value;
    }
  }

  /** As {@link ByteReader.take}, but the bytes stay to be taken. */
  async peek(byteLength: number): Promise<Uint8Array> {
    const bytes = await this.take(byteLength);
    const rest = new Uint8Array(bytes.length + this.#rest.length);
    rest.set(bytes);
    rest.set(this.#rest, bytes.length);
    this.#rest = rest;
    return bytes;
  }

  /** Tells the source that no more is wanted. */
  close(): Promise<void> {
    return this.#close();
  }

  #cut(byteLength: number): Uint8Array {
    const part = this.#rest.subarray(0, byteLength);
    this.#rest = this.#rest.subarray(byteLength);
    return part;
  }
}
