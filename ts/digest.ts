/**
 * SHA-256 (FIPS 180-4), synchronous, in every runtime: node:crypto where the platform has it, else noble. Same bytes either way.
 * Synchronous because a section's hash is checked on its first read, which may not wait; WebCrypto has no such form.
 * node:crypto is asked for at run time and never imported, so a browser bundle meets no `node:` module.
 */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';

type Hash = (bytes: Uint8Array) => Uint8Array;

let hash: Hash | null = null;

/** The 32 bytes of SHA-256 over `bytes`, in a new array. O(n). */
export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  hash ??= findHash();
  return new Uint8Array(hash(bytes));
}

/** SHA-256 over `bytes` as 64 lower-case hexadecimal digits. */
export function sha256Hex(bytes: Uint8Array): string {
  hash ??= findHash();
  let hex = '';
  for (const byte of hash(bytes)) hex += DIGITS[byte]!;
  return hex;
}

const DIGITS = /* @__PURE__ */ Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** `process.getBuiltinModule` came with Node 20.16; Deno and Bun have it too. A bundler's stand-in for `process` has not. */
function findHash(): Hash {
  const crypto = globalThis.process?.getBuiltinModule?.('node:crypto');
  if (typeof crypto?.createHash !== 'function') return nobleSha256;
  return (bytes) => crypto.createHash('sha256').update(bytes).digest();
}
