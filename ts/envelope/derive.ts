/**
 * Derived keys: one label for each purpose, so that a key made for one thing is never used for another. A derived key is the front of
 * HMAC-SHA-512(secret, label || 0x00 || salt): one call gives up to 64 bytes. The zero byte ends the label, so no label can run into a salt.
 * HKDF-Expand (RFC 5869 section 2.3) stands here too, for the payload: noble's own refuses a key shorter than the hash.
 */

import { hmac } from '@noble/hashes/hmac.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { clean, utf8ToBytes } from '@noble/hashes/utils.js';

/** What a derived key is for. The first three come from a blob's data key, the last two from an encryption key. */
export type Purpose = 'payload' | 'header-mac' | 'context' | 'kek-wrap' | 'kcv';

/** The label of each purpose, as it enters the derivation. Labels are part of the format: `layout.md`, "Keys". */
export const LABELS: Readonly<Record<Purpose, string>> = {
  payload: 'psp/env@1 payload',
  'header-mac': 'psp/env@1 header-mac',
  context: 'psp/env@1 context',
  'kek-wrap': 'psp/env@1 kek-wrap',
  kcv: 'psp/env@1 kcv',
};

/**
 * The first `byteLength` (at most 64) bytes of HMAC-SHA-512(`secret`, label of `purpose` || 0x00 || `salt`), in an array of the caller's own.
 * The caller guarantees that `secret` is 32 uniformly random bytes.
 */
export function derive(secret: Uint8Array, purpose: Purpose, byteLength: number, salt?: Uint8Array): Uint8Array {
  const mac = hmac.create(sha512, secret).update(utf8ToBytes(`${LABELS[purpose]}\0`));
  const block = (salt === undefined ? mac : mac.update(salt)).digest();
  const key = block.slice(0, byteLength);
  clean(block);
  return key;
}

/** Hash functions that {@link hkdfExpand} runs over, as noble gives them. */
export type HkdfHash = Parameters<typeof hmac.create>[0];

/**
 * HKDF-Expand of RFC 5869 section 2.3: `byteLength` bytes (at most 255 hash lengths) from the pseudorandom key `prk`. Unlike the RFC's
 * advice, `prk` may be shorter than the hash: the chunked-encryption format of C2SP expands a 16- or 32-byte key with SHA-512.
 */
export function hkdfExpand(hash: HkdfHash, prk: Uint8Array, info: Uint8Array, byteLength: number): Uint8Array {
  if (byteLength > 255 * hash.outputLen) throw new RangeError(`byteLength: expected at most ${255 * hash.outputLen}, got ${byteLength}`);
  const output = new Uint8Array(byteLength);
  let block: Uint8Array = new Uint8Array(0);
  for (let filled = 0, counter = 1; filled < byteLength; counter++) {
    const next = hmac.create(hash, prk).update(block).update(info).update(Uint8Array.of(counter)).digest();
    clean(block);
    block = next;
    output.set(block.subarray(0, byteLength - filled), filled);
    filled += block.length;
  }
  clean(block);
  return output;
}
