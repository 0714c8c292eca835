/**
 * A data key encrypted under a secret of 32 bytes (a local key, or what a passphrase gives): salt 24 || AES-256-GCM ciphertext 32 || tag 16.
 * Every one has its own random 192-bit salt, from which its AES key and nonce are derived, so the limits of random 96-bit nonces do not
 * apply to a key that seals millions of blobs. The additional data binds it to the immutable part of its blob, its wrap type and its kid.
 */

import { clean, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import type { Deriver } from './derive.ts';
import type { AeadKey } from './engine/primitives.ts';
import type { Engines } from './engine.ts';
import { LOCAL_BODY_BYTES, showKid } from './header.ts';
import { KEY_BYTES } from './key.ts';
import { SALT_BYTES } from './payload.ts';
import { chain, type MaybePromise } from './steps.ts';

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

/**
 * `dataKey` (32 bytes) encrypted for `place` under the secret that `deriver` was made of, by `engines`: 72 bytes; a promise only where an engine
 * gives one. The caller guarantees that `salt` is 24 fresh random bytes, and wipes nothing before the result is there.
 */
export function encryptDataKey(
  engines: Engines,
  deriver: Deriver,
  dataKey: Uint8Array,
  place: WrapPlace,
  salt: Uint8Array,
): MaybePromise<Uint8Array> {
  const body = new Uint8Array(LOCAL_BODY_BYTES);
  body.set(salt, 0);
  return withCipher(engines, deriver, salt, (cipher, nonce) =>
    chain(cipher.encryptInto(nonce, dataKey, body.subarray(SALT_BYTES), wrapAdditionalData(place)), () => body),
  );
}

/** The data key out of what {@link encryptDataKey} made, or `ENVELOPE_TAMPERED`: the secret is the right one, and the wrap is not authentic. */
export function decryptDataKey(engines: Engines, deriver: Deriver, body: Uint8Array, place: WrapPlace): MaybePromise<Uint8Array> {
  const dataKey = new Uint8Array(KEY_BYTES);
  return withCipher(engines, deriver, body.subarray(0, SALT_BYTES), (cipher, nonce) =>
    chain(cipher.decryptInto(nonce, body.subarray(SALT_BYTES), dataKey, wrapAdditionalData(place)), (authentic) => {
      if (!authentic) throw new PspError('ENVELOPE_TAMPERED', `wrap for key ${showKid(place.kid)}: it is not authentic`);
      return dataKey;
    }),
  );
}

/** Runs `use` with the AES-256-GCM and the nonce of one wrap, and wipes both when it is done. */
function withCipher<T>(
  engines: Engines,
  deriver: Deriver,
  salt: Uint8Array,
  use: (cipher: AeadKey, nonce: Uint8Array) => MaybePromise<T>,
): MaybePromise<T> {
  return chain(deriver.derive('kek-wrap', 44, salt), (keyAndNonce) => {
    const wipe = (): void => clean(keyAndNonce);
    let result: MaybePromise<T> | null = null;
    try {
      result = use(engines.aeadKey(keyAndNonce.subarray(0, 32), KEY_BYTES), keyAndNonce.subarray(32));
      return result instanceof Promise ? result.finally(wipe) : result;
    } finally {
      if (!(result instanceof Promise)) wipe();
    }
  });
}
