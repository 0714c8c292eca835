/** Values too large for one entry of KV, as chunks: written before their manifest, one at a time, and read back checked. */

import { PspError } from '../../ts/errors.ts';
import type { RecordHead, Version } from '../../ts/provider.ts';
import type { Call } from '../calls.ts';
import { crc32 } from '../crc32.ts';
import type { KvService } from './namespace.ts';
import { CHUNK_BYTES, chunkMetadata, corrupt, MAX_CHUNKED_BYTES, type Names, type StoredHead } from './record.ts';

/** Who writes chunks: of which value, and until when they are needed. */
export interface ChunkOwner {
  readonly key: string;
  readonly version: Version;
  readonly nowMs: number;
  readonly ttlSeconds: number | null;
}

/** What was written: the length of the value, and the CRC-32 of each chunk. */
export interface WrittenChunks {
  readonly size: number;
  readonly checksums: readonly number[];
}

/** The chunks of one namespace. */
export class Chunks {
  readonly #service: KvService;
  readonly #names: Names;

  constructor(service: KvService, names: Names) {
    this.#service = service;
    this.#names = names;
  }

  /**
   * Writes each of `pieces`, all of {@link CHUNK_BYTES} but the last. Whatever fails, what was written is removed, as far as KV lets us:
   * a sweep finds the rest. `PROVIDER_TOO_LARGE` above {@link MAX_CHUNKED_BYTES}.
   */
  async write(
    owner: ChunkOwner,
    pieces: AsyncIterable<Uint8Array<ArrayBuffer>> | Iterable<Uint8Array<ArrayBuffer>>,
    call: Call,
  ): Promise<WrittenChunks> {
    const checksums: number[] = [];
    let size = 0;
    try {
      for await (const bytes of pieces) {
        size += bytes.length;
        if (size > MAX_CHUNKED_BYTES)
          throw new PspError('PROVIDER_TOO_LARGE', `value: expected at most ${MAX_CHUNKED_BYTES} bytes, got more`);
        const { key, version, nowMs, ttlSeconds } = owner;
        const name = this.#names.chunk(version, checksums.length);
        checksums.push(crc32(bytes));
        await this.#service.put({ name, bytes, metadata: chunkMetadata(key, nowMs), ttlSeconds }, call);
        call.signal.throwIfAborted();
      }
      return { size, checksums };
    } catch (error) {
      await this.#removeNames(checksums.map((_, index) => this.#names.chunk(owner.version, index))).catch(() => {}); // The first failure is the one to tell.
      throw error;
    }
  }

  /** The whole value, or null when a chunk is not there. `PROVIDER_CORRUPT` when one is damaged. */
  async read(head: RecordHead, checksums: readonly number[], call: Call): Promise<Uint8Array<ArrayBuffer> | null> {
    const value = new Uint8Array(head.size);
    for (let index = 0; index < checksums.length; index++) {
      const chunk = await this.readOne(head, checksums, index, call);
      if (chunk === null) return null;
      value.set(chunk, index * CHUNK_BYTES);
    }
    return value;
  }

  /** One chunk, or null when it is not there. `PROVIDER_CORRUPT` when it is damaged. */
  async readOne(head: RecordHead, checksums: readonly number[], index: number, call: Call): Promise<Uint8Array<ArrayBuffer> | null> {
    const bytes = await this.#service.get(this.#names.chunk(head.version, index), call);
    if (bytes === null) return null;
    const length = Math.min(CHUNK_BYTES, head.size - index * CHUNK_BYTES);
    if (bytes.length !== length || crc32(bytes) !== checksums[index]) throw corrupt('a chunk of a value is not what was put');
    return bytes;
  }

  /** The names of a record's chunks. */
  namesOf({ head, chunks }: StoredHead): string[] {
    return (chunks ?? []).map((_, index) => this.#names.chunk(head.version, index));
  }

  /** Removes the chunks of a record. */
  remove(stored: StoredHead): Promise<void> {
    return this.#removeNames(this.namesOf(stored));
  }

  // The call that they belonged to may have ended already: this one has no end of its own.
  async #removeNames(names: readonly string[]): Promise<void> {
    const call: Call = { signal: new AbortController().signal };
    for (const name of names) await this.#service.delete(name, call);
  }
}

/** A value in pieces of {@link CHUNK_BYTES}, as views. */
export function* piecesOf(value: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < value.length; at += CHUNK_BYTES) yield value.subarray(at, at + CHUNK_BYTES);
}

/** What a stream brings, in pieces of {@link CHUNK_BYTES} but for the last; in memory for two. Ends with the signal, too. */
export async function* piecesOfStream(stream: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  // Cancelling ends a read that waits, as if the stream had come to its end.
  const abort = (): void => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener('abort', abort);
  let isDone = false;
  try {
    signal.throwIfAborted();
    let piece = new Uint8Array(CHUNK_BYTES);
    let length = 0;
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      isDone = done;
      if (done) break;
      if (!(value instanceof Uint8Array)) throw new TypeError('value: expected a stream of Uint8Array');
      for (let at = 0; at < value.length; ) {
        const part = value.subarray(at, at + CHUNK_BYTES - length);
        piece.set(part, length);
        length += part.length;
        at += part.length;
        if (length < CHUNK_BYTES) continue;
        yield piece;
        piece = new Uint8Array(CHUNK_BYTES);
        length = 0;
      }
    }
    if (length > 0) yield piece.subarray(0, length);
  } finally {
    signal.removeEventListener('abort', abort);
    if (!isDone) void reader.cancel().catch(() => {}); // Its source is told; whatever it says changes nothing.
  }
}
