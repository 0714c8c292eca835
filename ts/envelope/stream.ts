/**
 * Sealing and opening piece by piece, in constant memory: what is held is a few chunks of 16 KiB, whatever the length. A reader gives out
 * a chunk only after it has been verified; that the end is the end it can say only at the end, so a cut blob is an error after its last good
 * chunk, and whoever uses pieces before that must be able to take them back.
 */

import { clean } from '@noble/hashes/utils.js';
import { checkRollback, encodeAttributes, readAttributes, type SealedAttributes } from './attributes.ts';
import { encodeContext, type SealContext } from './context.ts';
import { TAG_BYTES } from './engine/primitives.ts';
import { type Engines, engines } from './engine.ts';
import { MAX_HEADER_BYTES } from './header.ts';
import { checkOptions, type OpenOptions } from './open.ts';
import {
  CHUNK_BYTES,
  chunkCount,
  decryptChunks,
  encryptChunks,
  MAX_PLAINTEXT_BYTES,
  notAuthentic,
  PAYLOAD_HEAD_BYTES,
  type PayloadCipher,
  payloadBytes,
  SEALED_CHUNK_BYTES,
  truncated,
} from './payload.ts';
import { drawAhead, type RandomBytes } from './random.ts';
import { DRAW_BYTES, type SealOptions, sealHead } from './seal.ts';
import { ByteReader, type ByteSource } from './source.ts';
import { runAsync } from './steps.ts';
import { cutShort, extended, forget, openPayload, type VerifiedHeader, verifyHeader } from './verify.ts';
import { type KeySource, listKeys } from './wrap.ts';

/** Chunks that are read, worked on together and given out as one piece. More would hold more memory and hardly be faster. */
const BATCH_CHUNKS = 4;

/** How to seal a stream. */
export interface SealStreamOptions extends SealOptions {
  /**
   * Bytes of data that the source will give. When given, the length stands in the header, so that a reader can tell a cut blob from a changed
   * one wherever the cut is. Absent: the header says that the length is unknown.
   */
  readonly plaintextBytes?: number;
}

/**
 * The bytes of `source`, sealed as `seal` does, in pieces of about 64 KiB. Nothing is read or drawn before the first piece is asked for; the
 * source is closed where the reading ends, early or not. Rejects as `seal`, with what the source throws, and with a RangeError when the source
 * gives another number of bytes than was announced: what came out before is no blob then, and will not open.
 */
export async function* sealStream(
  source: ByteSource,
  keys: KeySource | readonly KeySource[],
  context: SealContext = {},
  options: SealStreamOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  yield* sealStreamWith(drawAhead(DRAW_BYTES), source, keys, context, options);
}

/** {@link sealStream} with given randomness. Not public. Draws as `sealSteps`. */
export async function* sealStreamWith(
  random: RandomBytes,
  source: ByteSource,
  keys: KeySource | readonly KeySource[],
  context: SealContext,
  options: SealStreamOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const list = listKeys(keys);
  const encodedContext = encodeContext(context);
  const front = encodeAttributes(options.attributes);
  const plaintextBytes = announcedBytes(options.plaintextBytes, front.length);
  const reader = new ByteReader(source);
  try {
    const shape = { plaintextBytes, hasAttributes: front.length > 0 };
    const { head, cipher } = await runAsync(sealHead(engines(), random, list, encodedContext, shape));
    try {
      yield head;
      yield* sealChunks(cipher, front, reader, plaintextBytes);
    } finally {
      cipher.wipe();
    }
  } finally {
    await reader.close();
  }
}

/** The plaintext length of a header, attributes included, or null. RangeError for anything but a length. */
function announcedBytes(dataBytes: number | undefined, frontBytes: number): number | null {
  if (dataBytes === undefined) return null;
  if (!Number.isSafeInteger(dataBytes) || dataBytes < 0 || dataBytes + frontBytes > MAX_PLAINTEXT_BYTES) {
    throw new RangeError(`plaintextBytes: expected an integer from 0 to 2^52 - 1, got ${dataBytes}`);
  }
  return dataBytes + frontBytes;
}

async function* sealChunks(
  cipher: PayloadCipher,
  attributes: Uint8Array,
  reader: ByteReader,
  plaintextBytes: number | null,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const batchBytes = BATCH_CHUNKS * CHUNK_BYTES;
  let front = attributes;
  for (let index = 0, sealedBytes = 0, isLast = false; !isLast; index += BATCH_CHUNKS) {
    const data = await reader.take(batchBytes - front.length);
    const textBytes = front.length + data.length;
    isLast = textBytes < batchBytes;
    sealedBytes += textBytes;
    checkAnnounced(plaintextBytes, sealedBytes, isLast);
    const chunks = isLast ? chunkCount(textBytes) : BATCH_CHUNKS;
    const piece = new Uint8Array(textBytes + chunks * TAG_BYTES);
    await runAsync(encryptChunks(cipher, index, front, data, piece));
    yield piece;
    front = new Uint8Array(0);
  }
}

function checkAnnounced(plaintextBytes: number | null, sealedBytes: number, isLast: boolean): void {
  if (plaintextBytes === null || sealedBytes === plaintextBytes || (sealedBytes < plaintextBytes && !isLast)) return;
  const came = isLast ? `${sealedBytes}` : `at least ${sealedBytes}`;
  throw new RangeError(`source: expected ${plaintextBytes} bytes, attributes included, got ${came}`);
}

/** A blob that is being opened: what was sealed beside the data, then the data. */
export interface OpenedStream extends AsyncIterable<Uint8Array<ArrayBuffer>> {
  /** Authentic. Empty for a blob that was sealed without. */
  readonly attributes: SealedAttributes;
  /** Of the key that opened it, as it stands in the blob. */
  readonly kid: string;
  /** Bytes of data, authentic; null for a stream of unknown length. */
  readonly plaintextBytes: number | null;
  /**
   * The data, once, in pieces of up to 64 KiB, each verified before it is given out. The blob is whole only when the iteration has ended without
   * an error; after an error every further step rejects with it again, so that a reader who swallows one never sees a clean end.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array<ArrayBuffer>>;
}

/**
 * Opens a blob from a stream. Resolves when its header is authentic, and its attributes where it has some; rejects until then as `open` does.
 * The iteration rejects with the codes of the payload: `ENVELOPE_TRUNCATED` for a blob that ends early, `ENVELOPE_TAMPERED` for one that is
 * changed, reordered or extended, and what the source throws. In a blob of unknown length a cut inside a chunk is `ENVELOPE_TAMPERED`: it
 * cannot be told from a change. The source is closed where the reading ends, early or not.
 */
export async function openStream(
  source: ByteSource,
  keys: KeySource | readonly KeySource[],
  context: SealContext = {},
  options: OpenOptions = {},
): Promise<OpenedStream> {
  const list = listKeys(keys);
  const encodedContext = encodeContext(context);
  checkOptions(options);
  const chosen = engines();
  const reader = new ByteReader(source);
  try {
    const start = await reader.peek(MAX_HEADER_BYTES + PAYLOAD_HEAD_BYTES);
    const verified = await runAsync(verifyHeader(chosen, start, list, encodedContext));
    try {
      return await startReading(chosen, reader, verified, options);
    } finally {
      forget(verified);
    }
  } catch (error) {
    await reader.close();
    throw error;
  }
}

async function startReading(chosen: Engines, reader: ByteReader, verified: VerifiedHeader, options: OpenOptions): Promise<OpenedStream> {
  const { header, kid } = verified;
  await reader.take(header.headerBytes + PAYLOAD_HEAD_BYTES);
  const cipher = await runAsync(openPayload(chosen, verified, header.plaintextBytes ?? Number.POSITIVE_INFINITY));
  const chunks = new ChunkReader(reader, cipher, verified);
  try {
    if (!header.hasAttributes) {
      checkRollback({}, options.minRevision);
      return new PlaintextReader(chunks, null, { attributes: {}, kid, plaintextBytes: header.plaintextBytes });
    }
    const first = await chunks.next();
    const { attributes, byteLength } = readAttributes(first ?? new Uint8Array(0));
    checkRollback(attributes, options.minRevision);
    const plaintextBytes = header.plaintextBytes === null ? null : header.plaintextBytes - byteLength;
    return new PlaintextReader(chunks, first?.subarray(byteLength) ?? null, { attributes, kid, plaintextBytes });
  } catch (error) {
    cipher.wipe();
    throw error;
  }
}

/** Verified text out of a payload, batch by batch. */
class ChunkReader {
  readonly #reader: ByteReader;
  readonly #cipher: PayloadCipher;
  readonly #header: VerifiedHeader['header'];
  #index = 0;
  #takenBytes = PAYLOAD_HEAD_BYTES;
  /** How it ends after the last batch: null while there may be another, else an error or a clean end. */
  #ending: Error | 'clean' | null = null;

  constructor(reader: ByteReader, cipher: PayloadCipher, { header }: VerifiedHeader) {
    this.#reader = reader;
    this.#cipher = cipher;
    this.#header = header;
  }

  /** The next verified text, never empty, or null at an authentic end. */
  async next(): Promise<Uint8Array<ArrayBuffer> | null> {
    while (this.#ending === null) {
      const sealed = await this.#takeBatch();
      const text = new Uint8Array(sealed.length - Math.ceil(sealed.length / SEALED_CHUNK_BYTES) * TAG_BYTES);
      if (!(await runAsync(decryptChunks(this.#cipher, this.#index, sealed, text)))) {
        clean(text);
        throw notAuthentic();
      }
      this.#index += BATCH_CHUNKS;
      if (text.length > 0) return text;
    }
    if (this.#ending === 'clean') return null;
    throw this.#ending;
  }

  async close(): Promise<void> {
    this.#cipher.wipe();
    await this.#reader.close();
  }

  /** The next sealed chunks, none of which is cut; says how it ends where they are the last. */
  async #takeBatch(): Promise<Uint8Array> {
    const { plaintextBytes } = this.#header;
    const total = plaintextBytes === null ? Number.POSITIVE_INFINITY : payloadBytes(plaintextBytes);
    const wanted = Math.min(BATCH_CHUNKS * SEALED_CHUNK_BYTES, total - this.#takenBytes);
    const sealed = await this.#reader.take(wanted);
    this.#takenBytes += sealed.length;
    if (this.#takenBytes === total) {
      if ((await this.#reader.take(1)).length > 0) throw extended(total, total + 1);
      this.#ending = 'clean';
      return sealed;
    }
    if (sealed.length === wanted) return sealed;
    // The source has ended. Where the length is unknown that may be the end: a last chunk that is not full.
    const restBytes = sealed.length % SEALED_CHUNK_BYTES;
    if (plaintextBytes === null && restBytes >= TAG_BYTES) {
      this.#ending = 'clean';
      return sealed;
    }
    this.#ending = plaintextBytes === null ? truncated(this.#takenBytes) : cutShort(this.#header, this.#takenBytes);
    return sealed.subarray(0, sealed.length - restBytes);
  }
}

/** The iteration that a caller sees: one step at a time, closed where it ends, and failing for good once it has failed. */
class PlaintextReader implements OpenedStream, AsyncIterableIterator<Uint8Array<ArrayBuffer>> {
  readonly attributes: SealedAttributes;
  readonly kid: string;
  readonly plaintextBytes: number | null;
  readonly #chunks: ChunkReader;
  #first: Uint8Array<ArrayBuffer> | null;
  #last: Promise<unknown> = Promise.resolve();
  #state: { readonly error: unknown } | 'open' | 'done' = 'open';

  constructor(
    chunks: ChunkReader,
    first: Uint8Array<ArrayBuffer> | null,
    facts: Pick<OpenedStream, 'attributes' | 'kid' | 'plaintextBytes'>,
  ) {
    this.#chunks = chunks;
    this.#first = first;
    this.attributes = facts.attributes;
    this.kid = facts.kid;
    this.plaintextBytes = facts.plaintextBytes;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    return this.#afterLast(() => this.#step());
  }

  return(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    return this.#afterLast(async () => {
      if (this.#state === 'open') await this.#finish('done');
      return { done: true, value: undefined };
    });
  }

  /** Steps that are asked for together run one after the other, as a generator's do. */
  #afterLast<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run);
    this.#last = result.catch(() => undefined); // whoever asked for it has it
    return result;
  }

  async #step(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, undefined>> {
    if (typeof this.#state === 'object') throw this.#state.error;
    if (this.#state === 'done') return { done: true, value: undefined };
    try {
      const text = this.#first === null || this.#first.length === 0 ? await this.#chunks.next() : this.#first;
      this.#first = null;
      if (text !== null) return { done: false, value: text };
    } catch (error) {
      await this.#finish({ error });
      throw error;
    }
    await this.#finish('done');
    return { done: true, value: undefined };
  }

  async #finish(state: { readonly error: unknown } | 'done'): Promise<void> {
    this.#state = state;
    await this.#chunks.close();
  }
}
