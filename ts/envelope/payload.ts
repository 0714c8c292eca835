/**
 * The payload: C2SP chunked-encryption (https://c2sp.org/chunked-encryption), instantiated with HKDF-Expand-SHA-512 and AES-GCM. It commits
 * to its key, can be sought in, and cannot be cut or extended unnoticed. Written over the key size: 32 bytes is our format, 16 bytes is
 * the instance that the Wycheproof vectors are for.
 *
 *     salt 24 | commitment 32 | chunk 0 | chunk 1 | ... | last chunk       each chunk: 16 KiB of text (the last: less, perhaps none) + tag 16
 */

import { equalBytes } from '@noble/ciphers/utils.js';
import { clean, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { hkdfExpand } from './derive.ts';
import { NONCE_BYTES, TAG_BYTES } from './engine/primitives.ts';
import type { Engines } from './engine.ts';
import type { MaybePromise, Steps } from './steps.ts';

/** Plaintext bytes of every chunk but the last. */
export const CHUNK_BYTES = 16_384;
/** Bytes of every sealed chunk but the last. */
export const SEALED_CHUNK_BYTES: number = CHUNK_BYTES + TAG_BYTES;
/** Bytes of the random salt in front of the payload. */
export const SALT_BYTES = 24;
/** Bytes before the first chunk: salt and commitment. */
export const PAYLOAD_HEAD_BYTES = 56;
/** Longest message: 2^38 chunks, the last of them not full. Below 2^53, so every length is an exact number. */
export const MAX_PLAINTEXT_BYTES: number = 2 ** 52 - 1;

const COMMITMENT_BYTES = 32;
const CONTEXT_PREFIX = utf8ToBytes('psp/payload@1\0');
const KDF_PREFIX_128 = utf8ToBytes('c2sp.org/chunked-encryption@v1+AEAD_AES_128_GCM\0');
const KDF_PREFIX_256 = utf8ToBytes('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0');

/** Longest memory that has to be zeroed; the system gives longer areas anew, and zeroed already. */
const MAX_ZEROED_BYTES = 256 * 1024;

/** Chunks in flight at a time where an engine works on several; more only hold memory. */
const MAX_IN_FLIGHT = 16;

/** Bytes of the payload of a message of `plaintextBytes`: there is exactly one. */
export function payloadBytes(plaintextBytes: number): number {
  return PAYLOAD_HEAD_BYTES + plaintextBytes + chunkCount(plaintextBytes) * TAG_BYTES;
}

/** Chunks of a message: a message that fills its last chunk is ended by an empty one. */
export function chunkCount(plaintextBytes: number): number {
  return Math.floor(plaintextBytes / CHUNK_BYTES) + 1;
}

/** Plaintext bytes of a payload of `byteLength`, or null for a length that no message has: its head, a tag or the last chunk is incomplete. */
export function messageBytes(byteLength: number): number | null {
  const body = byteLength - PAYLOAD_HEAD_BYTES;
  if (body < 0 || body % SEALED_CHUNK_BYTES < TAG_BYTES) return null;
  return body - (Math.floor(body / SEALED_CHUNK_BYTES) + 1) * TAG_BYTES;
}

/** The context under which a blob's payload is encrypted: it binds the payload to the immutable part of the header. */
export function payloadContext(immutable: Uint8Array): Uint8Array {
  return concatBytes(CONTEXT_PREFIX, immutable);
}

/** What the format derives from an input key: HKDF-Expand(key, prefix || AEAD name || 0x00 || salt || context), cut in three. */
export interface PayloadKeys {
  readonly key: Uint8Array;
  readonly baseNonce: Uint8Array;
  readonly commitment: Uint8Array;
}

/** The keys of one payload. RangeError when `key` is neither 16 nor 32 bytes long. */
export function* derivePayloadKeys(engines: Engines, key: Uint8Array, context: Uint8Array, salt: Uint8Array): Steps<PayloadKeys> {
  if (key.length !== 16 && key.length !== 32) throw new RangeError(`key: expected 16 or 32 bytes, got ${key.length}`);
  const info = concatBytes(key.length === 16 ? KDF_PREFIX_128 : KDF_PREFIX_256, salt, context);
  const mac = engines.mac.macKey('SHA-512', key);
  const okm = yield* hkdfExpand(mac, info, key.length + NONCE_BYTES + COMMITMENT_BYTES);
  mac.wipe();
  const nonceEnd = key.length + NONCE_BYTES;
  return { key: okm.subarray(0, key.length), baseNonce: okm.subarray(key.length, nonceEnd), commitment: okm.subarray(nonceEnd) };
}

/** The chunks of one payload, in any order. */
export interface PayloadCipher {
  readonly commitment: Uint8Array;
  /** Encrypts chunk `index` into `target`, 16 bytes longer. The caller guarantees that no index is encrypted twice. */
  encryptChunk(index: number, chunk: Uint8Array, target: Uint8Array): MaybePromise<void>;
  /** Decrypts chunk `index` into `target`, 16 bytes shorter; false, and nothing left in `target`, when it is not that chunk as it was sealed. */
  decryptChunk(index: number, sealed: Uint8Array, target: Uint8Array): MaybePromise<boolean>;
  /** Wipes the keys. Not before the last chunk is done. */
  wipe(): void;
}

/** The cipher of one payload. `expectedBytes` of plaintext, about, decide the engine. RangeError as {@link derivePayloadKeys}. */
export function* payloadCipher(
  engines: Engines,
  key: Uint8Array,
  context: Uint8Array,
  salt: Uint8Array,
  expectedBytes: number,
): Steps<PayloadCipher> {
  const keys = yield* derivePayloadKeys(engines, key, context, salt);
  const aead = engines.aeadKey(keys.key, expectedBytes);
  return {
    commitment: keys.commitment,
    encryptChunk: (index, chunk, target) => aead.encryptInto(chunkNonce(keys.baseNonce, index), chunk, target),
    decryptChunk: (index, sealed, target) => aead.decryptInto(chunkNonce(keys.baseNonce, index), sealed, target),
    wipe: () => clean(keys.key, keys.baseNonce),
  };
}

/** The cipher of a payload that was made under `key` and `context`, or `ENVELOPE_TAMPERED`, by the commitment, before any chunk is decrypted. */
export function* committedCipher(
  engines: Engines,
  key: Uint8Array,
  context: Uint8Array,
  payloadHead: Uint8Array,
  expectedBytes: number,
): Steps<PayloadCipher> {
  const cipher = yield* payloadCipher(engines, key, context, payloadHead.subarray(0, SALT_BYTES), expectedBytes);
  if (equalBytes(cipher.commitment, payloadHead.subarray(SALT_BYTES))) return cipher;
  cipher.wipe();
  throw new PspError('ENVELOPE_TAMPERED', 'payload: the commitment does not fit the key and the header');
}

/**
 * Encrypts chunks from number `first` on into `target`, which holds just them. Their text is `front` and then `data`, so that nobody has to put
 * the two together; all but the last are full.
 */
export function* encryptChunks(cipher: PayloadCipher, first: number, front: Uint8Array, data: Uint8Array, target: Uint8Array): Steps<void> {
  const count = Math.ceil(target.length / SEALED_CHUNK_BYTES);
  yield* forEachChunk(first, count, (index) => {
    const at = (index - first) * SEALED_CHUNK_BYTES;
    const sealed = target.subarray(at, at + SEALED_CHUNK_BYTES);
    const start = (index - first) * CHUNK_BYTES;
    return cipher.encryptChunk(index, sliceOfTwo(front, data, start, start + sealed.length - TAG_BYTES), sealed);
  });
}

/**
 * Decrypts chunks from number `first` to the end of `sealed`, which holds whole chunks but for the last, into `target`. False when one is not
 * authentic; `target` may hold authentic chunks then, which the caller must not release.
 */
export function* decryptChunks(cipher: PayloadCipher, first: number, sealed: Uint8Array, target: Uint8Array): Steps<boolean> {
  const count = Math.ceil(sealed.length / SEALED_CHUNK_BYTES);
  return yield* forEachChunk(first, count, (index) => {
    const at = (index - first) * SEALED_CHUNK_BYTES;
    const chunk = sealed.subarray(at, at + SEALED_CHUNK_BYTES);
    const targetAt = (index - first) * CHUNK_BYTES;
    return cipher.decryptChunk(index, chunk, target.subarray(targetAt, targetAt + chunk.length - TAG_BYTES));
  });
}

/**
 * The message of a payload, in a new array; nothing of it is released unless all of it is authentic.
 *
 * - RangeError: `key` is not 16 or 32 bytes.
 * - `ENVELOPE_TRUNCATED`: a length that no message has: the head or a tag is incomplete, or the last chunk is missing.
 * - `ENVELOPE_TAMPERED`: another key or context (by the commitment, before any chunk is decrypted), or a chunk that is not authentic.
 */
export function* decryptPayload(
  engines: Engines,
  key: Uint8Array,
  context: Uint8Array,
  payload: Uint8Array,
): Steps<Uint8Array<ArrayBuffer>> {
  const byteLength = messageBytes(payload.length);
  if (byteLength === null) throw truncated(payload.length);
  const cipher = yield* committedCipher(engines, key, context, payload.subarray(0, PAYLOAD_HEAD_BYTES), byteLength);
  const plaintext = bytesToFill(byteLength);
  try {
    if (yield* decryptChunks(cipher, 0, payload.subarray(PAYLOAD_HEAD_BYTES), plaintext)) return plaintext;
  } finally {
    cipher.wipe();
  }
  clean(plaintext);
  throw notAuthentic();
}

/**
 * New bytes for a text that is written to its end before anybody is given it, and otherwise wiped or dropped: the caller guarantees that. In Node
 * those of middling length are not zeroed first, which would cost a tenth of their decryption.
 */
export function bytesToFill(byteLength: number): Uint8Array<ArrayBuffer> {
  const { Buffer: buffers } = globalThis as { Buffer?: typeof Buffer };
  const isMiddling = byteLength >= CHUNK_BYTES && byteLength <= MAX_ZEROED_BYTES;
  if (!isMiddling || typeof buffers?.allocUnsafeSlow !== 'function') return new Uint8Array(byteLength);
  // Not `allocUnsafe`, which cuts its buffers out of one that all share.
  const { buffer, byteOffset } = buffers.allocUnsafeSlow(byteLength);
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** A payload of a length that no message has. */
export function truncated(actualBytes: number): PspError {
  return new PspError('ENVELOPE_TRUNCATED', `payload: expected a length that a message has, got ${actualBytes} bytes`, {
    details: { actualBytes },
  });
}

/** A chunk that is not what was sealed at its place. */
export function notAuthentic(): PspError {
  return new PspError('ENVELOPE_TAMPERED', 'payload: a chunk is not authentic');
}

/**
 * Calls `work` for `count` numbers from `first` on, with at most {@link MAX_IN_FLIGHT} promises at a time, and ends when all of them are done.
 * False as soon as one of them said so.
 */
function* forEachChunk(first: number, count: number, work: (index: number) => MaybePromise<unknown>): Steps<boolean> {
  const pending: Promise<unknown>[] = [];
  let good = true;
  for (let index = first; index < first + count && good; index++) {
    const result = work(index);
    if (result instanceof Promise) {
      result.catch(() => undefined); // met below, or given up with the others
      pending.push(result);
      if (pending.length === MAX_IN_FLIGHT) good = (yield pending.shift()!) !== false;
    } else if (result === false) {
      good = false;
    }
  }
  for (const promise of pending) if ((yield promise) === false) good = false;
  return good;
}

/** Bytes `start` to `end` of `front` and `data`, one after the other. A view wherever they lie in one of them. */
function sliceOfTwo(front: Uint8Array, data: Uint8Array, start: number, end: number): Uint8Array {
  if (start >= front.length) return data.subarray(start - front.length, end - front.length);
  return concatBytes(front.subarray(start, end), data.subarray(0, Math.max(0, end - front.length)));
}

/** The base nonce with the chunk number (below 2^38, so it fits in 5 bytes) XORed into its end, big-endian. */
function chunkNonce(baseNonce: Uint8Array, index: number): Uint8Array {
  const nonce = baseNonce.slice();
  // Division, not `>>>`: bitwise operators would cut the number at 32 bits.
  for (let rest = index, at = NONCE_BYTES - 1; rest > 0; rest = Math.floor(rest / 256), at--) nonce[at]! ^= rest % 256;
  return nonce;
}
