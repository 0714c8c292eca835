/**
 * A provider that keeps each value in a file of its own. A put writes a temporary file beside the record, makes it durable and
 * renames it into place under the key's lock, so readers need no lock and see whole values only, whenever a process is killed.
 * Files are for this user alone (0600, directories 0700). The bytes are drawn in filesystem/record.ts, the names in
 * filesystem/name.ts, the lock in filesystem/lock.ts. For Node, Deno and Bun on a local file system, tested on Linux.
 */

import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { PspError } from '../ts/errors.ts';
import type { Capabilities, DamagedRecord, ListPage, RecordHead, StorageProvider } from '../ts/provider.ts';
import { MAX_KEY_BYTES } from '../ts/provider.ts';
import { badCursor, type Condition, checkCondition, isLive, keyBytes, newVersion, type PageRequest } from './contract.ts';
import { crc32 } from './crc32.ts';
import { hasCode, reportFailures } from './filesystem/failure.ts';
import { type Durability, readHeader, readRecord, removeFile, syncDirectory, writeNewFile } from './filesystem/file.ts';
import { type HeldLock, withLock } from './filesystem/lock.ts';
import { isRecordName, isShardName, nameKey, readKey } from './filesystem/name.ts';
import { newOwner } from './filesystem/owner.ts';
import { takeTurn } from './filesystem/queue.ts';
import { corrupt, encodeHeader, MAX_VALUE_BYTES, type RecordHeader } from './filesystem/record.ts';
import { openRoot, temporaryName } from './filesystem/root.ts';
import { provide } from './provide.ts';

export type { Durability } from './filesystem/file.ts';

const CAPABILITIES: Capabilities = {
  conditionalPut: true,
  conditionalDelete: true,
  touch: false,
  ranges: false,
  streams: false,
  sweep: false,
  strongReads: true,
  orderedList: false,
  exactList: true,
  maxKeyBytes: MAX_KEY_BYTES,
  maxValueBytes: MAX_VALUE_BYTES,
};

/** How {@link filesystem} is made. */
export interface FilesystemOptions {
  /** The directory of the store. It is made, with its parents, by the first put. Resolved once, on first use. */
  readonly root: string;
  /** Milliseconds since the epoch, also compared with file times to find what dead writers left; `Date.now` when not given. */
  readonly now?: () => number;
  /** What a put waits for; 'full' when not given. */
  readonly durability?: Durability;
}

// How long a write waits for other writers of the same key. Each holds the lock for about a millisecond.
const LOCK_WAIT_MS = 10_000;

type WithKeyLock = <T>(body: (lock: HeldLock) => Promise<T>) => Promise<T>;

/**
 * The provider of the store in `root`. Several processes of one machine may use one root at once. Failures of the operating
 * system are `PROVIDER_UNAVAILABLE` with the system's code in `details.systemCode`; the value that was there stays, unless the
 * failure came after the rename (a directory that could not be made durable), when the new one is there.
 *
 * @example
 * const provider = filesystem({ root: '/var/lib/psp' });
 * await provider.put('login', new Uint8Array([1, 2, 3]), { ifNoneMatch: '*' });
 */
export function filesystem(options: FilesystemOptions): StorageProvider {
  const now = options.now ?? Date.now;
  const durability = options.durability ?? 'full';
  const directories = openRoot(checkRoot(options.root), checkDurability(durability), now);

  /** Runs `write` as the only writer of the key in this process; `withKeyLock` inside it makes it the only one of the machine. */
  async function queueWrite<T>(lock: string, write: (withKeyLock: WithKeyLock) => Promise<T>): Promise<T> {
    const deadline = performance.now() + LOCK_WAIT_MS; // Waiting for the turn counts.
    const waitMs = () => Math.max(0, Math.round(deadline - performance.now()));
    return takeTurn(lock, () => write((body) => withLock(lock, { waitMs: waitMs(), now }, body)));
  }

  /** The header of the live record of `key`, or null. */
  async function readLive(path: string, key: string): Promise<RecordHeader | null> {
    const header = await readHeader(path);
    if (header === null) return null;
    checkOwnKey(header, key);
    return isLive(header.expiresAt, now()) ? header : null;
  }

  // A write without a condition does not read what is there: it also replaces a damaged record.
  async function check(condition: Condition, path: string, key: string): Promise<void> {
    if (condition.absent || condition.ifMatch !== null) checkCondition(condition, await readLive(path, key));
  }

  async function readPage({ prefix, cursor, limit }: PageRequest): Promise<ListPage> {
    const items: RecordHead[] = [];
    const damaged: DamagedRecord[] = [];
    const from = cursor === null ? START : readCursor(cursor, prefix);
    const root = await directories.find();
    if (root === null) return { items, damaged, cursor: null };
    for await (const { shard, record, error } of walkRecords(root, from)) {
      if (record === null) {
        damaged.push({ key: null, error: error! });
        continue;
      }
      const spelled = readKey(record);
      if (spelled !== null && !spelled.startsWith(prefix)) continue;
      try {
        const header = await readHeader(join(root, shard, record));
        if (header === null) continue; // Deleted since the directory was read.
        const own = nameKey(header.key);
        if (own.shard !== shard || own.record !== record) throw corrupt('a record lies under the name of another key');
        if (header.key.startsWith(prefix) && isLive(header.expiresAt, now())) items.push(headOf(header));
      } catch (error) {
        if (!(error instanceof PspError) || error.code !== 'PROVIDER_CORRUPT') throw error;
        damaged.push({ key: spelled, error });
      }
      if (items.length + damaged.length >= limit) return { items, damaged, cursor: writeCursor({ shard, record }, prefix) };
    }
    return { items, damaged, cursor: null };
  }

  return provide({
    name: 'filesystem',
    capabilities: CAPABILITIES,
    timeoutMs: 0,

    async get(key) {
      const name = nameKey(key);
      return reportFailures('read a value', async () => {
        const shard = await directories.findShard(name.shard);
        const record = shard === null ? null : await readRecord(join(shard, name.record));
        if (record === null) return null;
        checkOwnKey(record.header, key);
        return isLive(record.header.expiresAt, now()) ? { ...headOf(record.header), value: record.value } : null;
      });
    },

    async head(key) {
      const name = nameKey(key);
      return reportFailures('read a value', async () => {
        const shard = await directories.findShard(name.shard);
        const header = shard === null ? null : await readLive(join(shard, name.record), key);
        return header === null ? null : headOf(header);
      });
    },

    async put({ key, value, condition, expiresAt, metadata }) {
      const copy = new Uint8Array(value);
      const name = nameKey(key);
      const head = { key, version: newVersion(), size: copy.length, expiresAt, metadata };
      return reportFailures('store a value', async () => {
        const shard = await directories.openShard(name.shard);
        const record = join(shard, name.record);
        const temporary = join(shard, temporaryName(newOwner()));
        await queueWrite(join(shard, name.lock), async (withKeyLock) => {
          await check(condition, record, key); // Spares most losers their temporary file; what counts is the check below.
          await writeNewFile(temporary, [encodeHeader(head, copy), copy], durability);
          try {
            await withKeyLock(async (lock) => {
              await check(condition, record, key);
              await lock.check();
              await rename(temporary, record);
            });
          } catch (error) {
            await removeFile(temporary).catch(() => undefined); // The first failure is the one to report; the sweep takes what is left.
            throw error;
          }
        });
        if (durability === 'full') await syncDirectory(shard);
        return head;
      });
    },

    async delete(key, condition) {
      const name = nameKey(key);
      return reportFailures('delete a value', async () => {
        const shard = await directories.findShard(name.shard);
        if (shard === null) {
          checkCondition(condition, null);
          return false;
        }
        const record = join(shard, name.record);
        const deleted = await queueWrite(join(shard, name.lock), (withKeyLock) =>
          withKeyLock(async (lock) => {
            await check(condition, record, key);
            const live = await isThere(() => readLive(record, key));
            await lock.check();
            return (await removeFile(record)) && live;
          }),
        );
        if (durability === 'full') await syncDirectory(shard);
        return deleted;
      });
    },

    async listPage(request) {
      return reportFailures('list the values', () => readPage(request));
    },

    async ping() {
      await reportFailures('look at the root', () => directories.find());
    },
  });
}

// A damaged record is there: deleting it is how a user gets rid of it.
async function isThere(readLive: () => Promise<RecordHeader | null>): Promise<boolean> {
  try {
    return (await readLive()) !== null;
  } catch (error) {
    if (error instanceof PspError && error.code === 'PROVIDER_CORRUPT') return true;
    throw error;
  }
}

interface Place {
  readonly shard: string;
  readonly record: string;
}

const START: Place = { shard: '', record: '' };

/** The records below a root after a place, by shard and name. `record` is null for what lies in the place of a shard. */
async function* walkRecords(root: string, from: Place): AsyncGenerator<{ shard: string; record: string | null; error?: PspError }> {
  const shards = (await readdir(root, { withFileTypes: true })).filter(({ name }) => isShardName(name) && name >= from.shard);
  for (const shard of shards.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!shard.isDirectory()) {
      const error = corrupt('expected a directory under the name of a shard, found something else');
      yield { shard: shard.name, record: null, error };
      continue;
    }
    const names = (await readShard(join(root, shard.name))).filter((name) => isRecordName(name));
    for (const record of names.sort()) if (shard.name > from.shard || record > from.record) yield { shard: shard.name, record };
  }
}

async function readShard(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return []; // Somebody removed the shard; it holds no record now.
    throw error;
  }
}

function writeCursor({ shard, record }: Place, prefix: string): string {
  const place = `${shard}/${record}`;
  return `${place}:${crc32(Buffer.from(`${place}\0${prefix}`)).toString(16)}`;
}

function readCursor(cursor: string, prefix: string): Place {
  const [place = '', rest] = cursor.split(':');
  const [shard = '', record = ''] = place.split('/');
  if (rest === undefined || !isShardName(shard) || writeCursor({ shard, record }, prefix) !== cursor) throw badCursor();
  return { shard, record };
}

function checkOwnKey(header: RecordHeader, key: string): void {
  if (header.key !== key) throw corrupt(`the record of a key of ${keyBytes(key)} bytes holds another key`);
}

function headOf({ key, version, size, expiresAt, metadata }: RecordHeader): RecordHead {
  return { key, version, size, expiresAt, metadata };
}

function checkRoot(root: string): string {
  if (typeof root !== 'string' || root === '') throw new TypeError('root: expected the path of a directory');
  return root;
}

function checkDurability(durability: Durability): Durability {
  if (!['none', 'file', 'full'].includes(durability)) throw new RangeError("durability: expected 'none', 'file' or 'full'");
  return durability;
}
