/**
 * Listings by the metadata of their entries, and the sweep of chunks that no value needs. KV lists names in the order of their UTF-8 bytes, so
 * a page of ours that ends inside one of KV's is told by the last key: the cursor is KV's own with that key.
 */

import { PspError } from '../../ts/errors.ts';
import type { DamagedRecord, ListPage, RecordHead, SweepReport } from '../../ts/provider.ts';
import type { Call } from '../calls.ts';
import { badCursor, isLive, type PageRequest } from '../contract.ts';
import { settleEach } from '../provide.ts';
import { hasLoneSurrogate, utf8Length } from '../utf8.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { type KvEntry, type KvService, MAX_NAME_BYTES, MAX_PAGE_ENTRIES, MIN_PAGE_ENTRIES } from './namespace.ts';
import { type Names, readChunk, type StoredHead } from './record.ts';

/** What a listing works with. */
interface Listing {
  readonly service: KvService;
  readonly names: Names;
  readonly now: () => number;
  readonly readHead: (key: string, call: Call, entry?: Pick<KvEntry, 'metadata'>) => Promise<StoredHead | null>;
}

/** Where a listing goes on. */
interface Place {
  /** KV's cursor; null: its first page. */
  readonly kv: string | null;
  /** The last name of that page that was listed already; null: none. */
  readonly after: string | null;
}

/** How old a chunk is before a sweep takes it for one that its writer left: longer than any upload, and than KV takes to show a manifest. */
const ORPHAN_AFTER_MS = 24 * 3_600_000;

const encoder = new TextEncoder();

/** One page of the live records. */
export async function listPage({ prefix, cursor, limit }: PageRequest, listing: Listing, call: Call): Promise<ListPage> {
  const { service, names } = listing;
  const place = readCursor(cursor);
  const namePrefix = names.record(askablePrefix(prefix));
  if (hasLoneSurrogate(namePrefix) || utf8Length(namePrefix) > MAX_NAME_BYTES) return { items: [], damaged: [], cursor: null };

  const page = await service.list({ prefix: namePrefix, cursor: place.kv, limit: Math.max(limit, MIN_PAGE_ENTRIES) }, call);
  const entries = place.after === null ? page.entries : page.entries.filter(({ name }) => isAfter(name, place.after!));
  const taken = entries.slice(0, limit);
  const isWhole = taken.length === entries.length;
  return {
    ...(await readHeads(taken, prefix, listing, call)),
    cursor: isWhole
      ? page.cursor === null
        ? null
        : cursorOf({ kv: page.cursor, after: null })
      : cursorOf({ kv: place.kv, after: taken.at(-1)!.name }),
  };
}

/**
 * Removes chunks whose value is there no more, or is another by now, a day after they were written. It removes no expired value: KV does that
 * itself, and without a conditional delete we might remove the one that has just replaced it.
 */
export async function sweepChunks(listing: Listing, call: Call): Promise<SweepReport> {
  const { service, names, now } = listing;
  let orphans = 0;
  let cursor: string | null = null;
  // Chunks of one value stand together, so one answer serves them all.
  let lastVersion = '';
  let lastIsNeeded = false;
  do {
    const page = await service.list({ prefix: names.chunks, cursor, limit: MAX_PAGE_ENTRIES }, call);
    for (const { name, metadata } of page.entries) {
      const chunk = readChunk(name.slice(names.chunks.length), metadata);
      if (chunk === null || now() < chunk.writtenAtMs + ORPHAN_AFTER_MS) continue;
      if (chunk.version !== lastVersion) lastIsNeeded = await isNeeded(chunk.key, chunk.version, listing, call);
      lastVersion = chunk.version;
      if (lastIsNeeded) continue;
      await service.delete(name, call);
      orphans += 1;
    }
    cursor = page.cursor;
  } while (cursor !== null);
  return { expired: 0, orphans };
}

async function isNeeded(key: string, version: string, { readHead }: Listing, call: Call): Promise<boolean> {
  try {
    return (await readHead(key, call))?.head.version === version;
  } catch (error) {
    // Whether a damaged manifest names it, nobody knows.
    if (error instanceof PspError && error.code === 'PROVIDER_CORRUPT') return true;
    throw error;
  }
}

async function readHeads(entries: readonly KvEntry[], prefix: string, { names, now, readHead }: Listing, call: Call) {
  const items: RecordHead[] = [];
  const damaged: DamagedRecord[] = [];
  const keys = entries.map(({ name }) => names.keyOf(name));
  const results = await settleEach(entries, (entry) => readHead(names.keyOf(entry.name), call, entry));
  for (const [at, result] of results.entries()) {
    const key = keys[at]!;
    if (!key.startsWith(prefix)) continue;
    if (result.status === 'fulfilled') {
      const head = result.value?.head;
      if (head !== undefined && isLive(head.expiresAt, now())) items.push(head);
    } else {
      const error: unknown = result.reason;
      if (!(error instanceof PspError) || error.code !== 'PROVIDER_CORRUPT') throw error;
      damaged.push({ key: key === '' ? null : key, error });
    }
  }
  return { items, damaged };
}

/** A prefix may end between the two halves of a character, which no name in UTF-8 does. */
function askablePrefix(prefix: string): string {
  return /[\ud800-\udbff]$/.test(prefix) ? prefix.slice(0, -1) : prefix;
}

/** Whether `name` comes after `other` in the order of UTF-8 bytes, which is that of code points. */
function isAfter(name: string, other: string): boolean {
  const [a, b] = [encoder.encode(name), encoder.encode(other)];
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at !== -1 && (at >= b.length || a[at]! > b[at]!);
}

function cursorOf({ kv, after }: Place): string {
  return toBase64(encoder.encode(JSON.stringify([kv, after])));
}

function readCursor(cursor: string | null): Place {
  if (cursor === null) return { kv: null, after: null };
  const bytes = fromBase64(cursor);
  if (bytes === null) throw badCursor();
  const [kv, after, ...rest] = parseArray(new TextDecoder().decode(bytes));
  if (!isTextOrNull(kv) || !isTextOrNull(after) || rest.length > 0 || (kv === null && after === null)) throw badCursor();
  return { kv, after };
}

function parseArray(text: string): unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badCursor();
  }
  if (!Array.isArray(value)) throw badCursor();
  return value;
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}
