/**
 * Fills a store with small values, or lists it and says how much this process's own memory grew meanwhile at most, and whether each key came once. Run by
 * the bench `storage` in processes of their own:
 *
 *     node dist/bench/storage-listing.js <fill | list> <redis | lmdb | filesystem> <options as JSON> <count>
 */
import { readFileSync } from 'node:fs';
import { filesystem } from '../providers/filesystem.ts';
import { lmdb } from '../providers/lmdb.ts';
import { redis } from '../providers/redis.ts';
import type { PutItem, StorageProvider } from '../ts/provider.ts';

/** What a listing prints. */
export interface Listing {
  readonly ms: number;
  readonly growthBytes: number;
  /** Different keys that came. */
  readonly keys: number;
  /** How often a key came that had come before. */
  readonly repeated: number;
}

const [task, name = '', options = '{}', count = '0'] = process.argv.slice(2);
const total = Number(count);
const BATCH = 2000;
/** Keys between two looks at the memory. */
const LOOK_EVERY = 1000;

const MAKERS: Readonly<Record<string, (options: never) => StorageProvider>> = { redis, lmdb, filesystem };
const make = MAKERS[name];
if (make === undefined || !['fill', 'list'].includes(task ?? ''))
  throw new Error('usage: storage-listing.js <fill | list> <provider> <options> <count>');
const provider = make(JSON.parse(options) as never);
if (task === 'fill') await fill();
else console.log(JSON.stringify(await list()));
await provider.close();

async function fill(): Promise<void> {
  for (let from = 0; from < total; from += BATCH) {
    const items: PutItem[] = [];
    for (let i = from; i < Math.min(from + BATCH, total); i++) items.push({ key: `session-${i}`, value: Uint8Array.of(i & 255) });
    for (const result of await provider.putMany(items)) if (result.status === 'rejected') throw result.reason;
  }
}

async function list(): Promise<Listing> {
  await provider.open();
  const seen = new Uint8Array(total);
  let keys = 0;
  let repeated = 0;
  const before = ownBytes();
  let most = before;
  const startMs = performance.now();
  for await (const { key } of provider.list()) {
    const at = Number(key.slice('session-'.length));
    if (seen[at] === 1) repeated += 1;
    else keys += 1;
    seen[at] = 1;
    if (keys % LOOK_EVERY === 0) most = Math.max(most, ownBytes());
  }
  return { ms: performance.now() - startMs, growthBytes: most - before, keys, repeated };
}

/**
 * Memory that is this process's alone (Linux only). Not all of its resident memory: lmdb reads through a map of its file, whose pages are the system's cache
 * and are given back whenever others need them.
 */
function ownBytes(): number {
  return Number(/RssAnon:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}
