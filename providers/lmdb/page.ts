/**
 * Where a page of a listing begins and ends: a range of keys in the order of their bytes. A cursor is the last key of its page, with a checksum over it
 * and the prefix of the listing, so that what no page gave is found out.
 */

import { MAX_KEY_BYTES } from '../../ts/provider.ts';
import { badCursor } from '../contract.ts';
import { crc32 } from '../crc32.ts';

/** Keys after `after` or from `from` on, before `before`; null: no bound. */
export interface KeyRange {
  readonly from: Uint8Array | null;
  readonly after: Uint8Array | null;
  readonly before: Uint8Array | null;
}

const CHECKSUM_BYTES = 4;
const isBase64url = /^[A-Za-z0-9_-]+$/;

const encoder = new TextEncoder();

/** A prefix may end in the middle of a surrogate pair: in UTF-8 there is no such place, so the range is that of what stands before it. */
const halfPairAtEnd = /[\ud800-\udbff]$/;

/** A range of which all keys that begin with `prefix` are, and few others, behind the page of `cursor` (null: from the first). `PROVIDER_CURSOR` when it is none of this listing. */
export function rangeOf(prefix: string, cursor: string | null): KeyRange {
  // No key is longer: what stands behind is for the caller to compare.
  const start = encoder.encode(prefix.slice(0, MAX_KEY_BYTES).replace(halfPairAtEnd, '')).subarray(0, MAX_KEY_BYTES);
  const after = cursor === null ? null : readCursor(cursor, prefix);
  return { from: start.length === 0 ? null : start, after, before: start.length === 0 ? null : successor(start) };
}

/** The cursor behind `key`. */
export function writeCursor(key: Uint8Array, prefix: string): string {
  const bytes = Buffer.alloc(CHECKSUM_BYTES + key.length);
  bytes.writeUInt32BE(checksum(key, prefix));
  bytes.set(key, CHECKSUM_BYTES);
  return bytes.toString('base64url');
}

function readCursor(cursor: string, prefix: string): Uint8Array {
  const bytes = Buffer.from(isBase64url.test(cursor) ? cursor : '', 'base64url');
  if (bytes.length <= CHECKSUM_BYTES || bytes.length > CHECKSUM_BYTES + MAX_KEY_BYTES || bytes.toString('base64url') !== cursor)
    throw badCursor();
  const key = bytes.subarray(CHECKSUM_BYTES);
  if (bytes.readUInt32BE() !== checksum(key, prefix)) throw badCursor();
  return key;
}

function checksum(key: Uint8Array, prefix: string): number {
  return crc32(key, crc32(encoder.encode(prefix)));
}

/** The least bytes after all that begin with these. UTF-8 has no byte 255. */
function successor(start: Uint8Array): Uint8Array {
  const end = start.slice();
  end[end.length - 1]! += 1;
  return end;
}
