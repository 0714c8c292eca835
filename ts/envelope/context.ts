/**
 * The sealing context: what a reader must know before it opens a blob. It is encoded without any room for doubt (`{ tenant: 's-1',
 * sessionId: 't' }` and `{ tenant: 's-', sessionId: '1t' }` differ) and enters the header as a MAC under a key derived from the data key.
 * A plain hash would let anyone who holds the file guess ids. What the reader learns by opening (revision, schema) is not part of it.
 */

import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { clean, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { derive } from './derive.ts';

/** Names whom and what a blob is for. Absent members are absent: `{}` (a loose file) and `{ sessionId: '' }` are different contexts. */
export interface SealContext {
  readonly tenant?: string;
  readonly sessionId?: string;
}

/** Members in the order of the UTF-8 bytes of their names, which is the order of their encoding. */
const MEMBERS = ['sessionId', 'tenant'] as const;

/** Type byte of a string value. 2 is kept for integers. */
const TYPE_STRING = 1;

/**
 * The canonical bytes of a context: u32 member count, then for each member, sorted by the bytes of its name, u32 length || name || u8 type
 * || u32 length || value. Big-endian, UTF-8, no normalization.
 *
 * Throws TypeError for a member that is no string, that is not known (it would not be bound, and the caller believes it is), or that
 * holds a lone surrogate (UTF-8 has no bytes for it: two ids would become one).
 */
export function encodeContext(context: SealContext): Uint8Array {
  for (const name of Object.keys(context)) {
    if (!(MEMBERS as readonly string[]).includes(name)) throw new TypeError(`context: expected tenant and sessionId only, got ${name}`);
  }
  const parts: Uint8Array[] = [];
  let count = 0;
  for (const name of MEMBERS) {
    const value: unknown = context[name];
    if (value === undefined) continue;
    if (typeof value !== 'string') throw new TypeError(`context.${name}: expected a string, got ${typeof value}`);
    if (/\p{Surrogate}/u.test(value)) throw new TypeError(`context.${name}: expected well-formed UTF-16, got a lone surrogate`);
    const nameBytes = utf8ToBytes(name);
    const valueBytes = utf8ToBytes(value);
    parts.push(u32(nameBytes.length), nameBytes, Uint8Array.of(TYPE_STRING), u32(valueBytes.length), valueBytes);
    count++;
  }
  return concatBytes(u32(count), ...parts);
}

/** The 32-byte MAC that stands for `context` in the header of the blob whose data key is `dataKey`. Throws as {@link encodeContext}. */
export function macContext(dataKey: Uint8Array, context: SealContext): Uint8Array {
  const encoded = encodeContext(context);
  const key = derive(dataKey, 'context', 32);
  const mac = hmac(sha256, key, encoded);
  clean(key);
  return mac;
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
