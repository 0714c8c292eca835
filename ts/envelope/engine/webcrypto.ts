/**
 * The engine over `crypto.subtle` (W3C Web Cryptography): native in browsers, workers and every server runtime, always asynchronous. A key
 * is imported once, when it is first used; chunks may be in flight together. It is missing on pages over plain http.
 */

import { concatBytes } from '@noble/hashes/utils.js';
import { type AeadKey, type Engine, type HashName, type MacKey, TAG_BYTES } from './primitives.ts';

/** `crypto.subtle` as an engine, or null where the runtime has none. */
export function findWebCryptoEngine(): Engine | null {
  const subtle = (globalThis as { crypto?: Partial<Crypto> }).crypto?.subtle;
  return typeof subtle?.importKey === 'function' ? webCryptoEngine(subtle) : null;
}

function webCryptoEngine(subtle: SubtleCrypto): Engine {
  function macKey(hash: HashName, key: Uint8Array): MacKey {
    const imported = once(() => subtle.importKey('raw', unshared(key), { name: 'HMAC', hash }, false, ['sign']));
    return {
      hash,
      async sign(message, more) {
        const whole = more === undefined ? message : concatBytes(message, more);
        return new Uint8Array(await subtle.sign('HMAC', await imported(), unshared(whole)));
      },
      wipe: () => undefined,
    };
  }

  function aeadKey(key: Uint8Array): AeadKey {
    const imported = once(() => subtle.importKey('raw', unshared(key), 'AES-GCM', false, ['encrypt', 'decrypt']));
    return {
      async encryptInto(nonce, plaintext, target, additionalData) {
        const parameters = gcmParameters(nonce, additionalData);
        target.set(new Uint8Array(await subtle.encrypt(parameters, await imported(), unshared(plaintext))));
      },
      async decryptInto(nonce, sealed, target, additionalData) {
        if (sealed.length < TAG_BYTES) return false;
        const parameters = gcmParameters(nonce, additionalData);
        let plaintext: Uint8Array;
        try {
          plaintext = new Uint8Array(await subtle.decrypt(parameters, await imported(), unshared(sealed)));
        } catch (error) {
          // The standard's name for a tag that does not fit.
          if ((error as { name?: unknown }).name === 'OperationError') return false;
          throw error;
        }
        target.set(plaintext);
        plaintext.fill(0);
        return true;
      },
    };
  }

  return { kind: 'webcrypto', macKey, aeadKey };
}

function gcmParameters(nonce: Uint8Array, additionalData: Uint8Array | undefined): AesGcmParams {
  const parameters = { name: 'AES-GCM', iv: unshared(nonce), tagLength: 8 * TAG_BYTES };
  // An explicit `undefined` is refused by some runtimes.
  return additionalData === undefined ? parameters : { ...parameters, additionalData: unshared(additionalData) };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make();
    return made;
  };
}

/** `bytes` as WebCrypto takes them: it refuses views of a SharedArrayBuffer, which every other engine reads, so those are copied. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : Uint8Array.from(bytes);
}
