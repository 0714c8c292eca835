/**
 * The engine over node:crypto: synchronous, native, in Node, Bun and Deno. The module is asked for at run time and never imported, so a
 * browser bundle meets no `node:` module.
 *
 * Keys are passed as bytes: a `KeyObject` was measured to save nothing per call, costs as much as it takes to make one, and cannot be wiped.
 */

import { HASH_BYTES, type HashName, NONCE_BYTES, type SyncAeadKey, type SyncEngine, type SyncMacKey, TAG_BYTES } from './primitives.ts';

type NodeCrypto = NonNullable<ReturnType<typeof findNodeCrypto>>;

const HASHES = { 'SHA-256': 'sha256', 'SHA-512': 'sha512' } as const;

/** Bytes that each hash takes at a time (FIPS 180-4). */
const BLOCK_BYTES: Readonly<Record<HashName, number>> = { 'SHA-256': 64, 'SHA-512': 128 };

/** Most bytes of a message that {@link shortMacs} put together; longer ones are not worth the copy. */
const SHORT_BYTES = 1024;

// Without it `createDecipheriv` would take the first 4 bytes of a tag for a whole one (nodejs/node#52327).
const TAG_OPTION = { authTagLength: TAG_BYTES };

let made: { readonly crypto: NodeCrypto; readonly engine: SyncEngine } | null = null;

/** node:crypto as an engine, always the same one, or null where the runtime has none, or only a stand-in of a bundler. */
export function findNodeEngine(): SyncEngine | null {
  const crypto = findNodeCrypto();
  if (typeof crypto?.createCipheriv !== 'function' || typeof crypto.createHmac !== 'function') return null;
  if (made?.crypto !== crypto) made = { crypto, engine: nodeEngine(crypto) };
  return made.engine;
}

/** `process.getBuiltinModule` came with Node 20.16; Deno and Bun have it too. */
function findNodeCrypto() {
  return globalThis.process?.getBuiltinModule?.('node:crypto');
}

function nodeEngine(crypto: NodeCrypto): SyncEngine {
  const short = shortMacs(crypto);

  function macKey(hash: HashName, key: Uint8Array): SyncMacKey {
    const signShort = short !== null && key.length <= BLOCK_BYTES[hash] ? short[hash] : null;
    return {
      hash,
      sign(message, more) {
        if (signShort !== null && message.length + (more?.length ?? 0) <= SHORT_BYTES) return signShort(key, message, more);
        const mac = crypto.createHmac(HASHES[hash], key).update(message);
        // Not the Buffer itself: its `slice` is a view where that of a Uint8Array is a copy.
        const { buffer, byteOffset, byteLength } = (more === undefined ? mac : mac.update(more)).digest();
        return new Uint8Array(buffer, byteOffset, byteLength);
      },
      wipe: () => undefined,
    };
  }

  // Native code is given this array, because it makes V8 move a short one of its own out of its heap.
  const iv = new Uint8Array(new ArrayBuffer(NONCE_BYTES));

  function aeadKey(key: Uint8Array): SyncAeadKey {
    const algorithm = key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
    return {
      encryptInto(nonce, plaintext, target, additionalData) {
        iv.set(nonce);
        const cipher = crypto.createCipheriv(algorithm, key, iv, TAG_OPTION);
        if (additionalData !== undefined) cipher.setAAD(additionalData);
        target.set(cipher.update(plaintext));
        cipher.final();
        target.set(cipher.getAuthTag(), plaintext.length);
      },
      decryptInto(nonce, sealed, target, additionalData) {
        const length = sealed.length - TAG_BYTES;
        if (length < 0) return false;
        iv.set(nonce);
        const cipher = crypto.createDecipheriv(algorithm, key, iv, TAG_OPTION);
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

/** {@link SyncMacKey.sign} for messages of at most {@link SHORT_BYTES} bytes under keys no longer than the block of their hash. */
type ShortMac = (key: Uint8Array, message: Uint8Array, more?: Uint8Array) => Uint8Array;

/**
 * HMAC as RFC 2104 section 2 writes it, as two hashes of one call each; null where that is no gain. An `Hmac` object of Node costs more than
 * the hashing: it is made, and later collected by way of a weak reference. Deno and Bun have no such price to save.
 */
function shortMacs(crypto: NodeCrypto): Readonly<Record<HashName, ShortMac>> | null {
  if (typeof crypto.hash !== 'function' || 'Deno' in globalThis || 'Bun' in globalThis) return null;
  return { 'SHA-256': shortMac(crypto, 'SHA-256'), 'SHA-512': shortMac(crypto, 'SHA-512') };
}

function shortMac(crypto: NodeCrypto, hash: HashName): ShortMac {
  const algorithm = HASHES[hash];
  const blockBytes = BLOCK_BYTES[hash];
  const hashBytes = HASH_BYTES[hash];
  // key XOR ipad || message, and key XOR opad || inner hash. Between two calls, which never overlap as nothing here waits, they hold no key.
  const inner = new Uint8Array(blockBytes + SHORT_BYTES).fill(0x36, 0, blockBytes);
  const outer = new Uint8Array(blockBytes + hashBytes).fill(0x5c, 0, blockBytes);
  return (key, message, more) => {
    const moreAt = blockBytes + message.length;
    const end = moreAt + (more?.length ?? 0);
    try {
      for (let at = 0; at < key.length; at++) {
        inner[at] = key[at]! ^ 0x36;
        outer[at] = key[at]! ^ 0x5c;
      }
      inner.set(message, blockBytes);
      if (more !== undefined) inner.set(more, moreAt);
      // As text of one character per byte, because a Buffer costs more than the hashing. V8 drops such a text soon, but nobody can wipe it: so what
      // is derived for one blob may outlive the call in free memory (docs/keys.md). The secrets that it is derived from never pass this way.
      writeText(crypto.hash(algorithm, inner.subarray(0, end), 'binary'), outer, blockBytes);
      const tag = new Uint8Array(hashBytes);
      writeText(crypto.hash(algorithm, outer, 'binary'), tag, 0);
      return tag;
    } finally {
      inner.fill(0x36, 0, blockBytes).fill(0, blockBytes, end);
      outer.fill(0x5c, 0, blockBytes).fill(0, blockBytes);
    }
  };
}

function writeText(text: string, target: Uint8Array, offset: number): void {
  for (let at = 0; at < text.length; at++) target[offset + at] = text.charCodeAt(at);
}
