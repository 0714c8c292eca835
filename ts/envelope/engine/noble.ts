/**
 * The engine that runs everywhere: @noble/ciphers and @noble/hashes, plain JavaScript. Its HMAC costs about what a native one does for the
 * short messages of a header; its AES is some 40 times slower than a native one for long ones, and by its own README uses tables whose
 * access times depend on the key. So its AES is for places that have no other, and for calls that may not wait.
 */

import { gcm } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { type HashName, type SyncAeadKey, type SyncEngine, type SyncMacKey, TAG_BYTES } from './primitives.ts';

const HASHES = { 'SHA-256': sha256, 'SHA-512': sha512 } as const;

/** @noble as an engine. */
export const nobleEngine: SyncEngine = { kind: 'noble', macKey, aeadKey };

function macKey(hash: HashName, key: Uint8Array): SyncMacKey {
  // Holds the hash states after the padded key, so that each message costs two compressions less.
  const keyed = hmac.create(HASHES[hash], key);
  return {
    hash,
    sign(message, more) {
      const mac = keyed.clone().update(message);
      return (more === undefined ? mac : mac.update(more)).digest();
    },
    wipe: () => keyed.destroy(),
  };
}

function aeadKey(key: Uint8Array): SyncAeadKey {
  return {
    encryptInto(nonce, plaintext, target, additionalData) {
      target.set(gcm(key, nonce, additionalData).encrypt(plaintext));
    },
    decryptInto(nonce, sealed, target, additionalData) {
      if (sealed.length < TAG_BYTES) return false;
      let plaintext: Uint8Array;
      try {
        plaintext = gcm(key, nonce, additionalData).decrypt(sealed);
      } catch (error) {
        if (isBadTag(error)) return false;
        throw error;
      }
      target.set(plaintext);
      plaintext.fill(0);
      return true;
    },
  };
}

/** What noble throws for a tag that does not fit; it has no class or code of its own. Anything else is a mistake of ours. */
function isBadTag(error: unknown): boolean {
  return error instanceof Error && /invalid tag/.test(error.message);
}
