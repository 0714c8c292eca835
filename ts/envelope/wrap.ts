/**
 * Wraps: the data key of a blob, encrypted for one local key each. Every wrap has its own random 192-bit salt, from which its AES key and
 * nonce are derived, so the limits of random 96-bit nonces do not apply to a key that seals millions of blobs. The additional data binds a
 * wrap to the immutable part of its blob and to its own kid. That part holds the context MAC, which depends on the data key but on no
 * wrap, so nothing is circular, and the wraps can be replaced without touching the payload.
 */

import { gcm } from '@noble/ciphers/aes.js';
import { equalBytes } from '@noble/ciphers/utils.js';
import { clean, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { derive } from './derive.ts';
import { KCV_BYTES, showKid, WRAP_LOCAL, type Wrap } from './header.ts';
import { type EncryptionKey, secretOf } from './key.ts';
import { SALT_BYTES } from './payload.ts';

/** Wraps `dataKey` (32 bytes) for `key`. The caller guarantees that `salt` is 24 fresh random bytes. */
export function wrapDataKey(key: EncryptionKey, dataKey: Uint8Array, immutable: Uint8Array, salt: Uint8Array): Wrap {
  const encrypted = wrapCipher(key, immutable, salt, (cipher) => cipher.encrypt(dataKey));
  return { type: WRAP_LOCAL, kid: key.kid, kcv: keyCheckValue(key), body: concatBytes(salt, encrypted) };
}

/**
 * The data key out of the first local wrap whose kid and check value are those of a given key. Other wraps are passed over, and no second
 * wrap is tried when that one fails: the header MAC covers them all, so a changed one condemns the blob anyway.
 *
 * - `KEY_UNKNOWN`: no local wrap names a key that was given; the message lists the kids of all wraps, the types that this version does
 *   not open included, since a reader who holds none of the keys is not helped by a newer version.
 * - `KEY_WRONG`: a wrap names a given key, but was made by another key of that name.
 * - `ENVELOPE_TAMPERED`: the key is the right one, and the wrap is not authentic.
 */
export function unwrapDataKey(keys: readonly EncryptionKey[], wraps: readonly Wrap[], immutable: Uint8Array): Uint8Array {
  let namesakes = '';
  for (const wrap of wraps) {
    if (wrap.type !== WRAP_LOCAL) continue;
    for (const key of keys) {
      if (key.kid !== wrap.kid) continue;
      if (equalBytes(keyCheckValue(key), wrap.kcv)) return decryptWrap(key, wrap, immutable);
      namesakes = showKid(key.kid);
    }
  }
  if (namesakes !== '') throw new PspError('KEY_WRONG', `key ${namesakes}: the blob was sealed by another key of this name`);
  const kids = wraps.map((wrap) => showKid(wrap.kid) + (wrap.type === WRAP_LOCAL ? '' : ` (wrap type ${wrap.type})`)).join(', ');
  throw new PspError('KEY_UNKNOWN', `keys: expected one of ${kids}, got ${keys.length} of other names`, { details: { kids } });
}

function decryptWrap(key: EncryptionKey, wrap: Wrap, immutable: Uint8Array): Uint8Array {
  const salt = wrap.body.subarray(0, SALT_BYTES);
  try {
    return wrapCipher(key, immutable, salt, (cipher) => cipher.decrypt(wrap.body.subarray(SALT_BYTES)));
  } catch (cause) {
    throw new PspError('ENVELOPE_TAMPERED', `wrap for key ${showKid(wrap.kid)}: it is not authentic`, { cause });
  }
}

/** 8 bytes that tell one key from another of the same name; they tell nothing else about it. */
function keyCheckValue(key: EncryptionKey): Uint8Array {
  return derive(secretOf(key), 'kcv', KCV_BYTES);
}

/** Runs `use` with the AES-256-GCM of one wrap, and wipes its key afterwards. */
function wrapCipher(
  key: EncryptionKey,
  immutable: Uint8Array,
  salt: Uint8Array,
  use: (cipher: ReturnType<typeof gcm>) => Uint8Array,
): Uint8Array {
  const keyAndNonce = derive(secretOf(key), 'kek-wrap', 44, salt);
  const kid = utf8ToBytes(key.kid);
  const additionalData = concatBytes(immutable, Uint8Array.of(WRAP_LOCAL, kid.length), kid);
  try {
    return use(gcm(keyAndNonce.subarray(0, 32), keyAndNonce.subarray(32), additionalData));
  } finally {
    clean(keyAndNonce);
  }
}
