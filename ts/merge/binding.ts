/**
 * How a state knows the entries that it was written for, without naming them: they are cut into chunks, each with a digest. A few entries are a chunk each; many
 * are cut where the digest of an identity says so, so that one that comes or goes changes its own chunk and no other. A chunk whose digest is not found any more
 * was changed by somebody who did not merge (law M16).
 */
import { Digest } from './digest.ts';
import type { EntryValue } from './entry.ts';
import type { Identity } from './identity.ts';
import { digestValue } from './value.ts';

/** Entries one after the other, and their digest (48 bits). */
export interface Chunk {
  readonly count: number;
  readonly digest: number;
}

/** Up to so many entries have a chunk each; more share about half as many to as many. */
const MOST_CHUNKS = 256;

/** How many lower bits of an identity's digest must be zero for a chunk to end there. */
export function chunkBits(entries: number): number {
  return entries <= MOST_CHUNKS ? 0 : Math.ceil(Math.log2(entries / MOST_CHUNKS));
}

/** What is digested: the entries of a session in their order. */
interface Digested {
  readonly identities: readonly Identity[];
  readonly values: readonly EntryValue[];
  /** For each entry its place in `like`, where the very same entry with the same value stands; else -1. */
  readonly same: Int32Array;
  readonly like: Digested | null;
  /** {@link digestEntries}, once somebody asked. */
  digests: Int32Array | null;
}

/** The digests of entries, over identity and value: two numbers for each, the upper 32 bits and the lower 16. Sections by hashes that were learned. */
function digestEntries(entries: Digested): Int32Array {
  if (entries.digests !== null) return entries.digests;
  const { identities, values, same, like } = entries;
  const known = like === null ? null : digestEntries(like);
  const digests = new Int32Array(2 * identities.length);
  const digest = new Digest();
  for (let i = 0; i < identities.length; i++) {
    const place = same[i] as number;
    if (known !== null && place >= 0) {
      digests[2 * i] = known[2 * place] as number;
      digests[2 * i + 1] = known[2 * place + 1] as number;
      continue;
    }
    const { laneA, laneB } = identities[i] as Identity;
    digest.resume(laneA, laneB);
    digestValue(values[i] as EntryValue, digest);
    const whole = digest.value();
    digests[2 * i] = Math.floor(whole / 0x10000) | 0;
    digests[2 * i + 1] = whole % 0x10000;
  }
  entries.digests = digests;
  return digests;
}

/** The chunks of entries in their order. O(size of the entries that were not digested before). */
export function chunkEntries(entries: Digested, bits: number): Chunk[] {
  const { identities } = entries;
  const digests = digestEntries(entries);
  const mask = 2 ** bits - 1;
  const chunks: Chunk[] = [];
  const digest = new Digest();
  let count = 0;
  for (let i = 0; i < identities.length; i++) {
    digest.number(digests[2 * i] as number);
    digest.number(digests[2 * i + 1] as number);
    count++;
    if (((identities[i] as Identity).digest & mask) !== 0) continue;
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
