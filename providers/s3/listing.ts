/**
 * Listings. A listing of S3 tells names, and nothing of expiry or metadata: each object costs a HeadObject, {@link CONCURRENCY} of them at once. A
 * cursor is the name where the page before ended, with a checksum that also covers the prefix.
 */

import { PspError } from '../../ts/errors.ts';
import type { DamagedRecord, ListPage, RecordHead } from '../../ts/provider.ts';
import type { Call } from '../calls.ts';
import { badCursor, isLive, type PageRequest } from '../contract.ts';
import { crc32 } from '../crc32.ts';
import { settleEach } from '../provide.ts';
import { hasLoneSurrogate } from '../utf8.ts';
import type { Bucket } from './bucket.ts';
import { decodeName, encodeName, RESERVED_START } from './name.ts';
import { corrupt, decodeHead, type ObjectHead } from './object.ts';

/** Requests for single objects that are under way together. */
export const CONCURRENCY = 32;

/** One page of the live records behind `start` in a bucket. */
export async function readPage(
  bucket: Bucket,
  start: string,
  { prefix, cursor, limit }: PageRequest,
  now: () => number,
  call: Call,
): Promise<ListPage> {
  const after = cursor === null ? null : start + readCursor(cursor, prefix);
  // No key begins like this: half of a pair stands alone only where the prefix ends in the middle of it.
  if (hasLoneSurrogate(prefix.replace(/[\ud800-\udbff]$/, ''))) return { items: [], damaged: [], cursor: null };
  const { objects, more } = await bucket.list(start + encodeName(prefix), after, limit, call);
  const names = objects.map(({ name }) => name.slice(start.length)).filter((name) => !name.startsWith(RESERVED_START));
  const found = await settleEach(names, (name) => readEntry(bucket, start, name, call), CONCURRENCY);

  const items: RecordHead[] = [];
  const damaged: DamagedRecord[] = [];
  for (const [n, result] of found.entries()) {
    const key = decodeName(names[n]!);
    if (key !== null && !key.startsWith(prefix)) continue;
    if (result.status === 'fulfilled') {
      if (result.value !== null && isLive(result.value.head.expiresAt, now())) items.push(result.value.head);
    } else if (isCorrupt(result.reason)) damaged.push({ key, error: result.reason });
    else throw result.reason;
  }
  const last = objects.at(-1)?.name.slice(start.length) ?? '';
  return { items, damaged, cursor: more ? writeCursor(last, prefix) : null };
}

/** The head of the object `name` behind `start`; null when it is gone. `PROVIDER_CORRUPT` when it is none of ours, or damaged. */
export async function readEntry(bucket: Bucket, start: string, name: string, call: Call): Promise<ObjectHead | null> {
  const key = decodeName(name);
  if (key === null) throw corrupt('its name is none that a key could have');
  const facts = await bucket.head(start + name, call);
  return facts === null ? null : decodeHead(key, facts);
}

/** True for a `PROVIDER_CORRUPT`. */
export function isCorrupt(error: unknown): error is PspError {
  return error instanceof PspError && error.code === 'PROVIDER_CORRUPT';
}

function writeCursor(name: string, prefix: string): string {
  return Buffer.concat([checksum(name, prefix), Buffer.from(name)]).toString('base64url');
}

function readCursor(cursor: string, prefix: string): string {
  const bytes = Buffer.from(cursor, 'base64url');
  const name = bytes.subarray(4).toString();
  if (bytes.length < 5 || writeCursor(name, prefix) !== cursor) throw badCursor();
  return name;
}

function checksum(name: string, prefix: string): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(crc32(Buffer.from(`${prefix}\0${name}`)));
  return bytes;
}
