/**
 * SHA-256 (FIPS 180-4), synchronous, in every runtime: node:crypto where the platform has it, else noble. Same bytes either way.
 * Synchronous because a section's hash is checked on its first read, which may not wait; WebCrypto has no such form.
 * node:crypto is asked for at run time and never imported, so a browser bundle meets no `node:` module.
 */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';

type Hash = (bytes: Uint8Array) => Uint8Array;
type HashToHex = (bytes: Uint8Array) => string;

let hash: Hash | null = null;
let hashToHex: HashToHex | null = null;

/** The 32 bytes of SHA-256 over `bytes`, in a new array. O(n). */
export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  hash ??= findHash();
  return new Uint8Array(hash(bytes));
}

/** SHA-256 over `bytes` as 64 lower-case hexadecimal digits. */
export function sha256Hex(bytes: Uint8Array): string {
  hashToHex ??= findHashToHex();
  return hashToHex(bytes);
}

/** A SHA-256 whose bytes come piece by piece. */
export interface RunningSha256 {
  add(bytes: Uint8Array): void;
  /** Of all that was added, as {@link sha256Hex}. Nothing may be added after it. */
  hex(): string;
}

/** SHA-256 over bytes that are not all there yet. */
export function startSha256(): RunningSha256 {
  const running = findNodeCrypto()?.createHash?.('sha256') ?? nobleSha256.create();
  return {
    add(bytes) {
      running.update(bytes);
    },
    hex: () => toHex(running.digest()),
  };
}

const DIGITS = /* @__PURE__ */ Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function findHash(): Hash {
  const crypto = findNodeCrypto();
  if (typeof crypto?.createHash !== 'function') return nobleSha256;
  return (bytes) => crypto.createHash('sha256').update(bytes).digest();
}

/** In one call where there is such a call (Node 20.12): for a few kilobytes, making a `Hash` and a Buffer costs as much as hashing. */
function findHashToHex(): HashToHex {
  const crypto = findNodeCrypto();
  if (typeof crypto?.hash === 'function') return (bytes) => crypto.hash('sha256', bytes, 'hex');
  const hashBytes = findHash();
  return (bytes) => toHex(hashBytes(bytes));
}

function toHex(hashed: Uint8Array): string {
  let hex = '';
  for (const byte of hashed) hex += DIGITS[byte]!;
  return hex;
}

/** `process.getBuiltinModule` came with Node 20.16; Deno and Bun have it too. A bundler's stand-in for `process` has not. */
function findNodeCrypto() {
  return globalThis.process?.getBuiltinModule?.('node:crypto');
}
