/** SHA-256 of bytes that are at hand: in one call where the runtime has one, since small records are hashed three times a put. */

import crypto from 'node:crypto';

/** 64 lower-case hexadecimal digits. */
export function sha256Hex(bytes: Uint8Array): string {
  // Node since 20.12; not in every runtime that has the rest of node:crypto.
  if (typeof crypto.hash === 'function') return crypto.hash('sha256', bytes, 'hex');
  return crypto.createHash('sha256').update(bytes).digest('hex');
}
