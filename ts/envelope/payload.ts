/**
 * The payload: C2SP chunked-encryption (https://c2sp.org/chunked-encryption), instantiated with HKDF-Expand-SHA-512 and AES-GCM. It commits
 * to its key, can be sought in, and cannot be cut or extended unnoticed. Written over the key size: 32 bytes is our format, 16 bytes is
 * the instance that the Wycheproof vectors are for.
 *
 *     salt 24 | commitment 32 | chunk 0 | chunk 1 | ... | last chunk       each chunk: 16 KiB of text (the last: less, perhaps none) + tag 16
 */

import { gcm } from '@noble/ciphers/aes.js';
import { equalBytes } from '@noble/ciphers/utils.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { clean, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { hkdfExpand } from './derive.ts';

/** Plaintext bytes of every chunk but the last. */
export const CHUNK_BYTES = 16_384;
/** Bytes of the random salt in front of the payload. */
export const SALT_BYTES = 24;
/** Bytes before the first chunk: salt and commitment. */
export const PAYLOAD_HEAD_BYTES = 56;
/** Longest message: 2^38 chunks, the last of them not full. Below 2^53, so every length is an exact number. */
export const MAX_PLAINTEXT_BYTES: number = 2 ** 52 - 1;

const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const COMMITMENT_BYTES = 32;

/** Bytes of the payload of a message of `plaintextBytes`: there is exactly one. */
export function payloadBytes(plaintextBytes: number): number {
  const chunks = Math.floor(plaintextBytes / CHUNK_BYTES) + 1;
  return PAYLOAD_HEAD_BYTES + plaintextBytes + chunks * TAG_BYTES;
}

/** The context under which a blob's payload is encrypted: it binds the payload to the immutable part of the header. */
export function payloadContext(immutable: Uint8Array): Uint8Array {
  return concatBytes(utf8ToBytes('psp/payload@1\0'), immutable);
}

/**
 * Writes the payload of `plaintext` into `output`.
 *
 * The caller guarantees: `key` is uniformly random, 16 or 32 bytes (else RangeError); `salt` (24 bytes) never repeats for a key; `output`
 * is {@link payloadBytes} long and does not overlap `plaintext`.
 */
export function encryptPayload(key: Uint8Array, context: Uint8Array, salt: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void {
  const keys = derivePayloadKeys(key, context, salt);
  output.set(salt, 0);
  output.set(keys.commitment, SALT_BYTES);
  let at = PAYLOAD_HEAD_BYTES;
  // `<=`: a message that fills its last chunk is ended by an empty one.
  for (let index = 0, start = 0; start <= plaintext.length; index++, start += CHUNK_BYTES) {
    const chunk = gcm(keys.key, chunkNonce(keys.baseNonce, index)).encrypt(plaintext.subarray(start, start + CHUNK_BYTES));
    output.set(chunk, at);
    at += chunk.length;
  }
  clean(keys.key, keys.baseNonce);
}

/**
 * The message of a payload, in a new array; nothing of it is released unless all of it is authentic.
 *
 * - RangeError: `key` is not 16 or 32 bytes.
 * - `ENVELOPE_TRUNCATED`: a length that no message has: the head or a tag is incomplete, or the last chunk is missing.
 * - `ENVELOPE_TAMPERED`: another key or context (by the commitment, before any chunk is decrypted), or a chunk that is not authentic.
 */
export function decryptPayload(key: Uint8Array, context: Uint8Array, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  if (payload.length < PAYLOAD_HEAD_BYTES) throw truncated(payload.length);
  const keys = derivePayloadKeys(key, context, payload.subarray(0, SALT_BYTES));
  if (!equalBytes(keys.commitment, payload.subarray(SALT_BYTES, PAYLOAD_HEAD_BYTES))) {
    clean(keys.key, keys.baseNonce);
    throw new PspError('ENVELOPE_TAMPERED', 'payload: the commitment does not fit the key and the header');
  }
  const sealedChunkBytes = CHUNK_BYTES + TAG_BYTES;
  const bodyBytes = payload.length - PAYLOAD_HEAD_BYTES;
  const lastIndex = Math.floor(bodyBytes / sealedChunkBytes);
  if (bodyBytes % sealedChunkBytes < TAG_BYTES) throw truncated(payload.length);

  const plaintext = new Uint8Array(bodyBytes - (lastIndex + 1) * TAG_BYTES);
  try {
    for (let index = 0; index <= lastIndex; index++) {
      const start = PAYLOAD_HEAD_BYTES + index * sealedChunkBytes;
      const chunk = gcm(keys.key, chunkNonce(keys.baseNonce, index)).decrypt(payload.subarray(start, start + sealedChunkBytes));
      plaintext.set(chunk, index * CHUNK_BYTES);
      clean(chunk);
    }
  } catch (cause) {
    clean(plaintext);
    throw new PspError('ENVELOPE_TAMPERED', 'payload: a chunk is not authentic', { cause });
  } finally {
    clean(keys.key, keys.baseNonce);
  }
  return plaintext;
}

/** What the format derives from an input key: HKDF-Expand(key, prefix || AEAD name || 0x00 || salt || context), cut in three. */
export interface PayloadKeys {
  readonly key: Uint8Array;
  readonly baseNonce: Uint8Array;
  readonly commitment: Uint8Array;
}

/** The keys of one payload. RangeError when `key` is neither 16 nor 32 bytes long. */
export function derivePayloadKeys(key: Uint8Array, context: Uint8Array, salt: Uint8Array): PayloadKeys {
  if (key.length !== 16 && key.length !== 32) throw new RangeError(`key: expected 16 or 32 bytes, got ${key.length}`);
  const aead = key.length === 16 ? 'AEAD_AES_128_GCM' : 'AEAD_AES_256_GCM';
  const info = concatBytes(utf8ToBytes(`c2sp.org/chunked-encryption@v1+${aead}\0`), salt, context);
  const okm = hkdfExpand(sha512, key, info, key.length + NONCE_BYTES + COMMITMENT_BYTES);
  const nonceEnd = key.length + NONCE_BYTES;
  const keys = { key: okm.slice(0, key.length), baseNonce: okm.slice(key.length, nonceEnd), commitment: okm.slice(nonceEnd) };
  clean(okm);
  return keys;
}

/** The base nonce with the chunk number (below 2^38, so it fits in 5 bytes) XORed into its end, big-endian. */
function chunkNonce(baseNonce: Uint8Array, index: number): Uint8Array {
  const nonce = Uint8Array.from(baseNonce);
  // Division, not `>>>`: bitwise operators would cut the number at 32 bits.
  for (let rest = index, at = NONCE_BYTES - 1; rest > 0; rest = Math.floor(rest / 256), at--) nonce[at]! ^= rest % 256;
  return nonce;
}

function truncated(byteLength: number): PspError {
  return new PspError('ENVELOPE_TRUNCATED', `payload: expected a length that a message has, got ${byteLength} bytes`, {
    details: { actualBytes: byteLength },
  });
}
