/**
 * The engine over node:crypto: synchronous, native, in Node, Bun and Deno. The module is asked for at run time and never imported, so a
 * browser bundle meets no `node:` module.
 *
 * Keys are passed as bytes: a `KeyObject` was measured to save nothing per call, costs as much as it takes to make one, and cannot be wiped.
 */

import { type HashName, type SyncAeadKey, type SyncEngine, type SyncMacKey, TAG_BYTES } from './primitives.ts';

type NodeCrypto = NonNullable<ReturnType<typeof findNodeCrypto>>;

const HASHES = { 'SHA-256': 'sha256', 'SHA-512': 'sha512' } as const;

// Without it `createDecipheriv` would take the first 4 bytes of a tag for a whole one (nodejs/node#52327).
const TAG_OPTION = { authTagLength: TAG_BYTES };

/** node:crypto as an engine, or null where the runtime has none, or only a stand-in of a bundler. */
export function findNodeEngine(): SyncEngine | null {
  const crypto = findNodeCrypto();
  return typeof crypto?.createCipheriv === 'function' && typeof crypto.createHmac === 'function' ? nodeEngine(crypto) : null;
}

/** `process.getBuiltinModule` came with Node 20.16; Deno and Bun have it too. */
function findNodeCrypto() {
  return globalThis.process?.getBuiltinModule?.('node:crypto');
}

function nodeEngine(crypto: NodeCrypto): SyncEngine {
  function macKey(hash: HashName, key: Uint8Array): SyncMacKey {
    return {
      hash,
      sign(message, more) {
        const mac = crypto.createHmac(HASHES[hash], key).update(message);
        // Not the Buffer itself: its `slice` is a view where that of a Uint8Array is a copy.
        const { buffer, byteOffset, byteLength } = (more === undefined ? mac : mac.update(more)).digest();
        return new Uint8Array(buffer, byteOffset, byteLength);
      },
      wipe: () => undefined,
    };
  }

  function aeadKey(key: Uint8Array): SyncAeadKey {
    const algorithm = key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
    return {
      encryptInto(nonce, plaintext, target, additionalData) {
        const cipher = crypto.createCipheriv(algorithm, key, nonce, TAG_OPTION);
        if (additionalData !== undefined) cipher.setAAD(additionalData);
        target.set(cipher.update(plaintext));
        cipher.final();
        target.set(cipher.getAuthTag(), plaintext.length);
      },
      decryptInto(nonce, sealed, target, additionalData) {
        const length = sealed.length - TAG_BYTES;
        if (length < 0) return false;
        const cipher = crypto.createDecipheriv(algorithm, key, nonce, TAG_OPTION);
        if (additionalData !== undefined) cipher.setAAD(additionalData);
        cipher.setAuthTag(sealed.subarray(length));
        const plaintext = cipher.update(sealed.subarray(0, length));
        let authentic = true;
        try {
          cipher.final();
        } catch {
          authentic = false; // the only thing `final` of GCM can say
        }
        if (authentic) target.set(plaintext);
        else plaintext.fill(0);
        return authentic;
      },
    };
  }

  return { kind: 'node', macKey, aeadKey };
}
