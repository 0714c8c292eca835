/**
 * Sealing: bytes -> sealed bytes, under a data key that is made for this blob and never used again. What is inside is not looked at.
 * The order: data key, context MAC, immutable part, wraps, payload, header MAC; each depends on earlier ones only.
 */

import { clean, concatBytes, isBytes } from '@noble/hashes/utils.js';
import { macContext, type SealContext } from './context.ts';
import { derive } from './derive.ts';
import { BLOB_ID_BYTES, MAC_BYTES, MAX_WRAPS, macHeader, writeImmutable, writeMutable } from './header.ts';
import { type EncryptionKey, KEY_BYTES, listKeys } from './key.ts';
import { encryptPayload, PAYLOAD_HEAD_BYTES, payloadBytes, payloadContext, SALT_BYTES } from './payload.ts';
import { type RandomBytes, systemRandom } from './random.ts';
import { wrapDataKey } from './wrap.ts';

/**
 * `plaintext`, sealed for every one of `keys` (1 to 8, of different names): any one of them opens it, given the same `context`.
 *
 * The result is 154 bytes longer than the plaintext, plus 84 and the kid for each key, plus 16 for each chunk of 16 KiB. The length of the
 * plaintext and the kids can be read by anyone. TypeError and RangeError for wrong arguments; it fails in no other way.
 * Cost: O(n), one copy of the input. The data key is wiped; what the JavaScript engine copied of it, or of the plaintext, cannot be.
 *
 * @example
 * const key = generateKey();
 * const sealed = await seal(new TextEncoder().encode('hello'), key, { sessionId: 's-1' });
 * const opened = await open(sealed, key, { sessionId: 's-1' });
 */
export async function seal(
  plaintext: Uint8Array,
  keys: EncryptionKey | readonly EncryptionKey[],
  context: SealContext = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return sealWith(systemRandom, plaintext, keys, context);
}

/**
 * {@link seal} with given randomness, synchronous. Not public. Draws, in this order: data key 32, blob id 16, payload salt 24, then a
 * salt of 24 for each key.
 */
export function sealWith(
  random: RandomBytes,
  plaintext: Uint8Array,
  keys: EncryptionKey | readonly EncryptionKey[],
  context: SealContext,
): Uint8Array<ArrayBuffer> {
  if (!isBytes(plaintext)) throw new TypeError('plaintext: expected a Uint8Array');
  const list = listKeys(keys);
  if (list.length > MAX_WRAPS) throw new RangeError(`keys: expected at most ${MAX_WRAPS}, got ${list.length}`);
  if (new Set(list.map((key) => key.kid)).size < list.length) throw new RangeError('keys: expected different kids, got one twice');

  const dataKey = random(KEY_BYTES);
  const blobId = random(BLOB_ID_BYTES);
  const salt = random(SALT_BYTES);
  const immutable = writeImmutable(blobId, plaintext.length, macContext(dataKey, context));
  const wraps = list.map((key) => wrapDataKey(key, dataKey, immutable, random(SALT_BYTES)));
  const authenticated = concatBytes(immutable, writeMutable(wraps));

  const headerBytes = authenticated.length + MAC_BYTES;
  const sealed = new Uint8Array(headerBytes + payloadBytes(plaintext.length));
  const payload = sealed.subarray(headerBytes);
  const payloadKey = derive(dataKey, 'payload', 32);
  encryptPayload(payloadKey, payloadContext(immutable), salt, plaintext, payload);
  sealed.set(authenticated, 0);
  sealed.set(macHeader(dataKey, authenticated, payload.subarray(0, PAYLOAD_HEAD_BYTES)), authenticated.length);
  clean(dataKey, payloadKey);
  return sealed;
}
