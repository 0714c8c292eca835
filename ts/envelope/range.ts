/**
 * Random access: some bytes out of a large blob, reading its header and the chunks that hold them and nothing else. What is given out is
 * verified chunk by chunk: it is what was sealed, at its place, in this blob. Of chunks that are not read nothing is said.
 */

import { clean } from '@noble/hashes/utils.js';
import { checkRollback, readAttributes, type SealedAttributes } from './attributes.ts';
import { encodeContext, type SealContext } from './context.ts';
import { TAG_BYTES } from './engine/primitives.ts';
import { engines } from './engine.ts';
import { type Header, MAX_HEADER_BYTES } from './header.ts';
import { checkOptions, type OpenOptions } from './open.ts';
import {
  CHUNK_BYTES,
  decryptChunks,
  notAuthentic,
  PAYLOAD_HEAD_BYTES,
  type PayloadCipher,
  payloadBytes,
  SEALED_CHUNK_BYTES,
} from './payload.ts';
import { runAsync } from './steps.ts';
import { cutShort, expectWhole, forget, openPayload, verifyHeader } from './verify.ts';
import { type KeySource, listKeys } from './wrap.ts';

/** Reads up to `length` bytes of a blob at `offset`; fewer only where the blob ends. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>;

/**
 * Bytes `start` to `end` (not included) of the data of a blob, in a new array; fewer where the data ends before `end`. Reads 8,248 bytes for
 * the header, the chunks of 16 KiB that hold the range in one piece, and the first chunk where the data is sealed with attributes.
 *
 * RangeError for a range that is none. Rejects as `open` does, except that bytes outside of what is read are not looked at:
 * `ENVELOPE_TRUNCATED` where a chunk of the range is missing. In a blob of unknown length a range that begins at its end or behind it cannot be
 * told from a cut one, and is `ENVELOPE_TRUNCATED` too. {@link openRanges} is for more than one.
 */
export async function openRange(
  read: ReadRange,
  keys: KeySource | readonly KeySource[],
  context: SealContext,
  start: number,
  end: number,
  options: OpenOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const list = listKeys(keys);
  const encodedContext = encodeContext(context);
  checkOptions(options);
  checkRange(start, end);
  const opened = await openFront(read, list, encodedContext, options, end - start);
  try {
    return await readText(opened, opened.frontBytes + start, opened.frontBytes + end);
  } finally {
    opened.cipher.wipe();
  }
}

/** What a reader of ranges may demand and tell. */
export interface OpenRangesOptions extends OpenOptions {
  /**
   * Bytes of the whole blob, as its place has them. When given, the length is proven before anything else is read: the blob is neither cut nor
   * extended, and its last chunk is authentic.
   */
  readonly sealedBytes?: number;
}

/** A blob that is open for reading here and there; its data key was unlocked once. */
export interface OpenedRanges {
  /** Authentic. Empty for a blob that was sealed without. */
  readonly attributes: SealedAttributes;
  /** Of the key that opened it, as it stands in the blob. */
  readonly kid: string;
  /** Bytes of data, authentic; null for a stream of unknown length whose `sealedBytes` were not given. */
  readonly plaintextBytes: number | null;
  /**
   * Bytes `start` to `end` (not included) of the data, as {@link openRange} gives them. RangeError for a range that is none, TypeError when it is
   * closed; `ENVELOPE_TRUNCATED` and `ENVELOPE_TAMPERED` where a chunk of the range is missing or not what was sealed; and what `read` rejects with.
   */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Wipes the key. Not before the last reading has ended. */
  close(): void;
}

/**
 * Opens a blob for ranges. Reads its header, the first chunk where the data is sealed with attributes, and with `sealedBytes` the last chunk.
 *
 * What has been read is authentic, and belongs to one blob that the key sealed for the context: a chunk that was changed, moved or taken from an
 * older blob is refused whenever it is read. What has not been read may be damaged, which shows when it is. Rejects as `open` does; with
 * `sealedBytes` also with `ENVELOPE_TRUNCATED` and `ENVELOPE_TAMPERED` for a blob that is shorter or longer than it was sealed.
 */
export async function openRanges(
  read: ReadRange,
  keys: KeySource | readonly KeySource[],
  context: SealContext = {},
  options: OpenRangesOptions = {},
): Promise<OpenedRanges> {
  const list = listKeys(keys);
  const encodedContext = encodeContext(context);
  checkOptions(options);
  const { sealedBytes } = options;
  if (sealedBytes !== undefined && !(Number.isSafeInteger(sealedBytes) && sealedBytes >= 0)) {
    throw new RangeError(`sealedBytes: expected an integer from 0 to 2^53 - 1, got ${sealedBytes}`);
  }
  const opened = await openFront(read, list, encodedContext, options, Number.POSITIVE_INFINITY);
  const { header, cipher, frontBytes, attributes, kid } = opened;
  let textBytes: number | null;
  try {
    textBytes = sealedBytes === undefined ? header.plaintextBytes : await proveLength(opened, sealedBytes);
  } catch (error) {
    cipher.wipe();
    throw error;
  }
  let isClosed = false;
  return {
    attributes,
    kid,
    plaintextBytes: textBytes === null ? null : textBytes - frontBytes,
    async read(start, end) {
      checkRange(start, end);
      if (isClosed) throw new TypeError('ranges: expected them to be open, and they are closed');
      return readText(opened, frontBytes + start, frontBytes + Math.min(end, (textBytes ?? Number.POSITIVE_INFINITY) - frontBytes));
    },
    close() {
      isClosed = true;
      cipher.wipe();
    },
  };
}

function checkRange(start: number, end: number): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end) {
    throw new RangeError(`range: expected integers with 0 <= start <= end, got ${start} and ${end}`);
  }
}

interface ChunkSource {
  readonly read: ReadRange;
  readonly cipher: PayloadCipher;
  readonly header: Header;
}

/** What stands before the data of a blob, and the cipher of its chunks. */
interface Front extends ChunkSource {
  readonly kid: string;
  readonly attributes: SealedAttributes;
  /** Bytes of text before the data. */
  readonly frontBytes: number;
}

/** Opens the header, and the attributes where there are some. `expectedBytes` that will be read, about, decide the engine. Who gets the cipher wipes it. */
async function openFront(
  read: ReadRange,
  keys: readonly KeySource[],
  context: Uint8Array,
  options: OpenOptions,
  expectedBytes: number,
): Promise<Front> {
  const chosen = engines();
  const front = await read(0, MAX_HEADER_BYTES + PAYLOAD_HEAD_BYTES);
  const verified = await runAsync(verifyHeader(chosen, front, keys, context));
  let cipher: PayloadCipher | null = null;
  try {
    const { header, kid } = verified;
    cipher = await runAsync(openPayload(chosen, verified, expectedBytes));
    const chunks: ChunkSource = { read, cipher, header };
    const { attributes, byteLength: frontBytes } = header.hasAttributes
      ? readAttributes(await readText(chunks, 0, CHUNK_BYTES))
      : { attributes: {}, byteLength: 0 };
    checkRollback(attributes, options.minRevision);
    return { ...chunks, kid, attributes, frontBytes };
  } catch (error) {
    cipher?.wipe();
    throw error;
  } finally {
    forget(verified);
  }
}

/**
 * The bytes of the whole text of a blob of `sealedBytes`. The last chunk alone is not full, so one that is authentic at its place is the end; in a blob
 * of unknown length nothing else says so.
 */
async function proveLength(chunks: Front, sealedBytes: number): Promise<number> {
  const textBytes = expectWhole(chunks.header, Math.max(0, sealedBytes - chunks.header.headerBytes));
  const payloadEnd = sealedBytes - chunks.header.headerBytes;
  const last = Math.floor(textBytes / CHUNK_BYTES);
  const text = await readChunks(chunks, last, payloadEnd);
  clean(text);
  // A stream whose place said too much: its last chunk is authentic, and shorter.
  if (text.length !== textBytes - last * CHUNK_BYTES) throw cutShort(chunks.header, payloadEnd);
  return textBytes;
}

/** Bytes `start` to `end` of the whole text, attributes included. */
async function readText(chunks: ChunkSource, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const { header } = chunks;
  const stop = Math.min(end, header.plaintextBytes ?? end);
  if (start >= stop) return new Uint8Array(0);
  const first = Math.floor(start / CHUNK_BYTES);
  const lastEnd = PAYLOAD_HEAD_BYTES + Math.ceil(stop / CHUNK_BYTES) * SEALED_CHUNK_BYTES;
  const text = await readChunks(
    chunks,
    first,
    Math.min(lastEnd, header.plaintextBytes === null ? lastEnd : payloadBytes(header.plaintextBytes)),
  );
  try {
    return text.slice(start - first * CHUNK_BYTES, stop - first * CHUNK_BYTES);
  } finally {
    clean(text);
  }
}

/** The text of chunks from number `first` on, up to byte `payloadEnd` of the payload. */
async function readChunks({ read, cipher, header }: ChunkSource, first: number, payloadEnd: number): Promise<Uint8Array<ArrayBuffer>> {
  const firstAt = PAYLOAD_HEAD_BYTES + first * SEALED_CHUNK_BYTES;
  const wanted = payloadEnd - firstAt;
  const sealed = await read(header.headerBytes + firstAt, wanted);
  const isWhole = sealed.length === wanted;
  // A last chunk that is not full is the end of a blob of unknown length; of a known one, everything has to be there.
  const mayEnd = header.plaintextBytes === null && sealed.length < wanted && sealed.length % SEALED_CHUNK_BYTES >= TAG_BYTES;
  if (!isWhole && !mayEnd) throw cutShort(header, firstAt + sealed.length);
  const text = new Uint8Array(sealed.length - Math.ceil(sealed.length / SEALED_CHUNK_BYTES) * TAG_BYTES);
  if (await runAsync(decryptChunks(cipher, first, sealed, text))) return text;
  clean(text);
  throw notAuthentic();
}
