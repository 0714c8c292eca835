/**
 * How a state knows the entries that it was written for, without naming them: they are cut into chunks, each with a digest. A few entries are a chunk each; many
 * are cut where the digest of a key says so, so that one that comes or goes changes its own chunk and no other. A chunk whose digest is not found any more
 * was changed by somebody who did not merge (law M16).
 */
import { Digest } from './digest.ts';
import type { EntryValue } from './entry.ts';
import { digestValue } from './value.ts';

/** Entries one after the other, and their digest (48 bits). */
export interface Chunk {
  readonly count: number;
  readonly digest: number;
}

/** Up to so many entries have a chunk each; more share about half as many to as many. */
const MOST_CHUNKS = 256;

/** How many bits of a key's digest must be zero for a chunk to end there. */
export function chunkBits(entries: number): number {
  return entries <= MOST_CHUNKS ? 0 : Math.ceil(Math.log2(entries / MOST_CHUNKS));
}

/** What tells one entry of a session from another. */
export interface EntryDigest {
  /** Of the key: the lower 32 bits, by which chunks are cut. */
  readonly key: number;
  /** Of key and value: 48 bits, the upper 32 and the lower 16. */
  readonly high: number;
  readonly low: number;
}

/** An entry that a session shows. */
interface Digested {
  /** `entryKey` of it. */
  readonly key: string;
  readonly value: EntryValue;
  /** Once somebody asked. */
  digest?: EntryDigest;
}

/** The digest of an entry. Sections by hashes that were learned. */
export function digestEntry(entry: Digested): EntryDigest {
  if (entry.digest !== undefined) return entry.digest;
  DIGEST.reset();
  DIGEST.text(entry.key);
  const key = DIGEST.value() | 0;
  digestValue(entry.value, DIGEST);
  const whole = DIGEST.value();
  entry.digest = { key, high: Math.floor(whole / 0x10000) | 0, low: whole % 0x10000 };
  return entry.digest;
}

/** Nobody else runs between its first text and its value. */
const DIGEST: Digest = /* @__PURE__ */ new Digest();

/** The chunks of entries in their order. O(size of the entries that were not digested before). */
export function chunkEntries(entries: readonly Digested[], bits: number): Chunk[] {
  const mask = 2 ** bits - 1;
  const chunks: Chunk[] = [];
  const digest = new Digest();
  let count = 0;
  for (const entry of entries) {
    const { key, high, low } = digestEntry(entry);
    digest.number(high);
    digest.number(low);
    count++;
    if ((key & mask) !== 0) continue;
    chunks.push({ count, digest: digest.value() });
    digest.reset();
    count = 0;
  }
  if (count > 0) chunks.push({ count, digest: digest.value() });
  return chunks;
}

/** The digest of the order of tabs. */
export function digestTabs(ids: readonly string[]): number {
  const digest = new Digest();
  for (const id of ids) digest.text(id);
  return digest.value();
}

/** For each entry of `found` the number of the one that stood in `stored` as it is now, or -1. Both count entries through all their chunks. */
export function alignChunks(stored: readonly Chunk[], found: readonly Chunk[]): Int32Array {
  const rows = new Int32Array(found.reduce((sum, { count }) => sum + count, 0)).fill(-1);
  const starts = new Map<number, { readonly start: number; readonly count: number }>();
  let start = 0;
  for (const { count, digest } of stored) {
    starts.set(digest, { start, count });
    start += count;
  }
  let at = 0;
  for (const { count, digest } of found) {
    const same = starts.get(digest);
    if (same !== undefined && same.count === count) for (let i = 0; i < count; i++) rows[at + i] = same.start + i;
    // Keys differ, so no two chunks are the same one; if digests meet by chance, only one may count.
    starts.delete(digest);
    at += count;
  }
  return rows;
}
