/**
 * Random access: some bytes out of a large blob, reading its header and the chunks that hold them and nothing else. What is given out is
 * verified chunk by chunk; of the rest of the blob, and of whether anything follows it, nothing is said.
 */

import { clean } from '@noble/hashes/utils.js';
import { checkRollback, readAttributes } from './attributes.ts';
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
import { cutShort, forget, openPayload, verifyHeader } from './verify.ts';
import { type KeySource, listKeys } from './wrap.ts';

/** Reads up to `length` bytes of a blob at `offset`; fewer only where the blob ends. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>;

/**
 * Bytes `start` to `end` (not included) of the data of a blob, in a new array; fewer where the data ends before `end`. Reads 8,248 bytes for
 * the header, the chunks of 16 KiB that hold the range in one piece, and the first chunk where the data is sealed with attributes.
 *
 * RangeError for a range that is none. Rejects as `open` does, except that bytes outside of what is read are not looked at:
 * `ENVELOPE_TRUNCATED` where a chunk of the range is missing. In a blob of unknown length a range that begins at its end or behind it cannot be
 * told from a cut one, and is `ENVELOPE_TRUNCATED` too.
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
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end) {
    throw new RangeError(`range: expected integers with 0 <= start <= end, got ${start} and ${end}`);
  }
  const chosen = engines();
  const front = await read(0, MAX_HEADER_BYTES + PAYLOAD_HEAD_BYTES);
  const verified = await runAsync(verifyHeader(chosen, front, list, encodedContext));
  let cipher: PayloadCipher | null = null;
  try {
    const { header } = verified;
    cipher = await runAsync(openPayload(chosen, verified, end - start));
    const chunks: ChunkSource = { read, cipher, header };
    let frontBytes = 0;
    if (header.hasAttributes) {
      const first = readAttributes(await readText(chunks, 0, CHUNK_BYTES));
      checkRollback(first.attributes, options.minRevision);
      frontBytes = first.byteLength;
    } else {
      checkRollback({}, options.minRevision);
    }
    return await readText(chunks, frontBytes + start, frontBytes + end);
  } finally {
    cipher?.wipe();
    forget(verified);
  }
}

interface ChunkSource {
  readonly read: ReadRange;
  readonly cipher: PayloadCipher;
  readonly header: Header;
}

/** Bytes `start` to `end` of the whole text, attributes included. */
async function readText({ read, cipher, header }: ChunkSource, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const stop = Math.min(end, header.plaintextBytes ?? end);
  if (start >= stop) return new Uint8Array(0);
  const first = Math.floor(start / CHUNK_BYTES);
  const firstAt = PAYLOAD_HEAD_BYTES + first * SEALED_CHUNK_BYTES;
  const lastEnd = PAYLOAD_HEAD_BYTES + Math.ceil(stop / CHUNK_BYTES) * SEALED_CHUNK_BYTES;
  const wanted = Math.min(lastEnd, header.plaintextBytes === null ? lastEnd : payloadBytes(header.plaintextBytes)) - firstAt;
  const sealed = await read(header.headerBytes + firstAt, wanted);
  const isWhole = sealed.length === wanted;
  // A last chunk that is not full is the end of a blob of unknown length; of a known one, everything has to be there.
  const mayEnd = header.plaintextBytes === null && sealed.length < wanted && sealed.length % SEALED_CHUNK_BYTES >= TAG_BYTES;
  if (!isWhole && !mayEnd) throw cutShort(header, firstAt + sealed.length);
  const text = new Uint8Array(sealed.length - Math.ceil(sealed.length / SEALED_CHUNK_BYTES) * TAG_BYTES);
  try {
    if (!(await runAsync(decryptChunks(cipher, first, sealed, text)))) throw notAuthentic();
    return text.slice(start - first * CHUNK_BYTES, stop - first * CHUNK_BYTES);
  } finally {
    clean(text);
  }
}
