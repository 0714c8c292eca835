/**
 * A data key encrypted under a secret of 32 bytes (a local key, or what a passphrase gives): salt 24 || AES-256-GCM ciphertext 32 || tag 16.
 * Every one has its own random 192-bit salt, from which its AES key and nonce are derived, so the limits of random 96-bit nonces do not
 * apply to a key that seals millions of blobs. The additional data binds it to the immutable part of its blob, its wrap type and its kid.
 */

import { clean, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { derive } from './derive.ts';
import type { SyncAeadKey } from './engine/primitives.ts';
import { syncEngine } from './engine.ts';
import { LOCAL_BODY_BYTES, showKid } from './header.ts';
import { KEY_BYTES } from './key.ts';
import { SALT_BYTES } from './payload.ts';

/** Where a wrapped data key belongs: the type and kid of its wrap, and part A of its blob. */
export interface WrapPlace {
  readonly type: number;
  readonly kid: string;
  readonly immutable: Uint8Array;
}

/**
 * What every wrap is bound to, whoever makes it: A || type || kid length || kid. Part A holds the context MAC, which depends on the data
 * key but on no wrap, so nothing is circular, and wraps can be replaced without touching the payload.
 */
export function wrapAdditionalData({ type, kid, immutable }: WrapPlace): Uint8Array<ArrayBuffer> {
  const kidBytes = utf8ToBytes(kid);
  return concatBytes(immutable, Uint8Array.of(type, kidBytes.length), kidBytes) as Uint8Array<ArrayBuffer>;
}

/** `dataKey` (32 bytes) encrypted under `secret` for `place`: 72 bytes. The caller guarantees that `salt` is 24 fresh random bytes. */
export function encryptDataKey(secret: Uint8Array, dataKey: Uint8Array, place: WrapPlace, salt: Uint8Array): Uint8Array {
  const body = new Uint8Array(LOCAL_BODY_BYTES);
  body.set(salt, 0);
  useCipher(secret, salt, (cipher, nonce) => cipher.encryptInto(nonce, dataKey, body.subarray(SALT_BYTES), wrapAdditionalData(place)));
  return body;
}

/** The data key out of what {@link encryptDataKey} made, or `ENVELOPE_TAMPERED`: the secret is the right one, and the wrap is not authentic. */
export function decryptDataKey(secret: Uint8Array, body: Uint8Array, place: WrapPlace): Uint8Array {
  const dataKey = new Uint8Array(KEY_BYTES);
  const authentic = useCipher(secret, body.subarray(0, SALT_BYTES), (cipher, nonce) =>
    cipher.decryptInto(nonce, body.subarray(SALT_BYTES), dataKey, wrapAdditionalData(place)),
  );
  if (!authentic) throw new PspError('ENVELOPE_TAMPERED', `wrap for key ${showKid(place.kid)}: it is not authentic`);
  return dataKey;
}

/** Runs `use` with the AES-256-GCM and the nonce of one wrap, and wipes both afterwards. Synchronous on every engine. */
function useCipher<T>(secret: Uint8Array, salt: Uint8Array, use: (cipher: SyncAeadKey, nonce: Uint8Array) => T): T {
  const keyAndNonce = derive(secret, 'kek-wrap', 44, salt);
  try {
    return use(syncEngine().aeadKey(keyAndNonce.subarray(0, 32)), keyAndNonce.subarray(32));
  } finally {
    clean(keyAndNonce);
  }
}
