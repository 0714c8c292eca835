/**
 * A stream into an object, in memory for one part: up to 8 MiB as one put, above in parts of 8 MiB (the last may be smaller). What is there stays until
 * the upload is completed; one that fails is given up, with its parts.
 */

import { createHash } from 'node:crypto';
import { PspError } from '../../ts/errors.ts';
import type { Call } from '../calls.ts';
import { crc32 } from '../crc32.ts';
import type { Bucket } from './bucket.ts';
import { statusOf } from './failure.ts';
import { type Draft, encodeHead, encodeTrailer } from './object.ts';

/** Bytes of a part. R2 wants all but the last alike; S3 wants 5 MiB at least. */
export const PART_BYTES: number = 8 * 1024 * 1024;

/** How often a part is sent when connections break. */
const PART_ATTEMPTS = 3;

/** What came out of a stream. */
export interface Uploaded {
  readonly etag: string;
  readonly size: number;
}

/** Writes what `stream` gives. Ends with the stream's error, the call's reason, or `PROVIDER_TOO_LARGE` above `maxBytes`. */
export async function uploadStream(
  bucket: Bucket,
  name: string,
  record: Draft,
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
  call: Call,
): Promise<Uploaded> {
  const { signal } = call;
  const reader = stream.getReader();
  const upload = new Upload(bucket, name, encodeHead(record), call);
  // A pending read ends with this; a stream that fails at it fails with what it is told.
  const stop = (): void => void reader.cancel(signal.reason).catch(() => undefined);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  let size = 0;
  let checksum = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) break;
      if (!(value instanceof Uint8Array)) throw new TypeError(`value: expected a stream of Uint8Arrays, got ${typeof value}`);
      size += value.length;
      if (size > maxBytes) throw new PspError('PROVIDER_TOO_LARGE', `value: expected at most ${maxBytes} bytes, got more`);
      checksum = crc32(value, checksum);
      await upload.write(value);
    }
    await upload.write(encodeTrailer(record.id, checksum));
    return { etag: await upload.finish(), size };
  } catch (error) {
    // What went wrong is the caller's to know; that the source or the service would not hear of it changes nothing. A sweep finds what is left.
    await Promise.allSettled([reader.cancel(error), upload.abort()]);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

class Upload {
  readonly #bucket: Bucket;
  readonly #name: string;
  readonly #head: string;
  readonly #call: Call;
  /** Memory that is never written costs nothing: most streams are short. */
  readonly #part = Buffer.allocUnsafeSlow(PART_BYTES);
  readonly #etags: string[] = [];
  #filled = 0;
  #id: string | null = null;

  constructor(bucket: Bucket, name: string, head: string, call: Call) {
    this.#bucket = bucket;
    this.#name = name;
    this.#head = head;
    this.#call = call;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#filled === PART_BYTES) await this.#send();
      const taken = bytes.subarray(at, at + PART_BYTES - this.#filled);
      this.#part.set(taken, this.#filled);
      this.#filled += taken.length;
      at += taken.length;
    }
  }

  /** Makes the object; returns its ETag. */
  async finish(): Promise<string> {
    if (this.#id === null) {
      return this.#bucket.put(this.#name, this.#part.subarray(0, this.#filled), this.#head, null, this.#call);
    }
    await this.#send();
    const etag = await this.#bucket.completeUpload(this.#name, this.#id, this.#etags, this.#call);
    if (etag !== null) return etag;
    const found = await this.#bucket.head(this.#name, this.#call);
    if (found?.head === this.#head) return found.etag;
    // Ours was there before, and has no version any more that could be told.
    throw new PspError('PROVIDER_UNAVAILABLE', 's3: the object of a stream was replaced before its ETag could be read');
  }

  async abort(): Promise<void> {
    if (this.#id !== null) await this.#bucket.abortUpload(this.#name, this.#id);
  }

  async #send(): Promise<void> {
    this.#id ??= await this.#bucket.beginUpload(this.#name, this.#head, this.#call);
    const part = this.#part.subarray(0, this.#filled);
    const md5 = createHash('md5').update(part).digest('base64');
    this.#etags.push(await this.#sendPart(this.#id, part, md5));
    this.#filled = 0;
  }

  /** A part whose connection broke (such as one that was idle while the source was slow) is sent again: nobody else has the stream any more. */
  async #sendPart(id: string, part: Uint8Array, md5: string): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#bucket.uploadPart(this.#name, id, this.#etags.length + 1, part, md5, this.#call);
      } catch (error) {
        this.#call.signal.throwIfAborted();
        if (statusOf(error) !== null || attempt === PART_ATTEMPTS) throw error;
      }
    }
  }
}
