/**
 * A provider that keeps each value in a file of its own. A put writes a temporary file beside the record, makes it durable and
 * renames it into place under the key's lock, so readers need no lock and see whole values only, whenever a process is killed.
 * Files are for this user alone (0600, directories 0700). The bytes are drawn in filesystem/record.ts, the names in
 * filesystem/name.ts, the lock in filesystem/lock.ts. For Node, Deno and Bun on a local file system, tested on Linux.
 */

import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { PspError } from '../ts/errors.ts';
import type { Capabilities, RecordHead, StorageProvider, SweepReport } from '../ts/provider.ts';
import { MAX_KEY_BYTES } from '../ts/provider.ts';
import type { Call } from './calls.ts';
import { type Condition, checkCondition, isLive, newVersion } from './contract.ts';
import { reportFailures, translateFailure } from './filesystem/failure.ts';
import { type Durability, openRecord, readHeader, readRange, readRecord, removeFile, writeNewFile } from './filesystem/file.ts';
import { type HeldLock, type LockOwner, withLock } from './filesystem/lock.ts';
import { nameKey } from './filesystem/name.ts';
import { newOwner } from './filesystem/owner.ts';
import { listRecords, listShards, readOwnHeader, readPage } from './filesystem/page.ts';
import { takeTurn } from './filesystem/queue.ts';
import { corrupt, encodeRecord, headOf, MAX_VALUE_BYTES, type RecordHeader } from './filesystem/record.ts';
import { openRoot, temporaryName } from './filesystem/root.ts';
import { copyValue, SourceFailure, streamValue, writeStream } from './filesystem/stream.ts';
import { sweepOwners, sweepShard } from './filesystem/sweep.ts';
import { type ProviderCore, provide, settleEach } from './provide.ts';
import { utf8Length } from './utf8.ts';

export type { Durability } from './filesystem/file.ts';

/** How {@link filesystem} is made. */
export interface FilesystemOptions {
  /** The directory of the store. It is made, with its parents, by the first put. Resolved once, on first use. */
  readonly root: string;
  /** Milliseconds since the epoch, also compared with file times to find what dead writers left; `Date.now` when not given. */
  readonly now?: () => number;
  /** What a put waits for; 'full' when not given. */
  readonly durability?: Durability;
}

const CAPABILITIES: Capabilities = {
  conditionalPut: true,
  conditionalDelete: true,
  touch: true,
  ranges: true,
  streams: true,
  sweep: true,
  strongReads: true,
  orderedList: false,
  exactList: true,
  maxKeyBytes: MAX_KEY_BYTES,
  maxValueBytes: MAX_VALUE_BYTES,
};

// How long a write waits for other writers of the same key. Each holds the lock for about a millisecond.
const LOCK_WAIT_MS = 10_000;

// A put that begins so soon after it was asked for does not look whether it is still wanted.
const BRIEF_MS = 10;

type WithKeyLock = <T>(body: (lock: HeldLock) => Promise<T>) => Promise<T>;

/**
 * The provider of the store in `root`. Several processes of one machine may use one root at once. Failures of the operating
 * system are `PROVIDER_UNAVAILABLE` with the system's code in `details.systemCode`; the value that was there stays, unless the
 * failure came after the rename (a directory that could not be made durable), when the new one is there. A process that writes
 * keeps a small file in the root that names it; `close` removes it, and so does the next writer after the process has ended.
 *
 * @example
 * const provider = filesystem({ root: '/var/lib/psp' });
 * await provider.put('login', new Uint8Array([1, 2, 3]), { ifNoneMatch: '*' });
 */
export function filesystem(options: FilesystemOptions): StorageProvider {
  return provide(filesystemCore(checkRoot(options.root), checkDurability(options.durability ?? 'full'), options.now ?? Date.now));
}

function filesystemCore(root: string, durability: Durability, now: () => number): ProviderCore {
  const directories = openRoot(root, durability, now);

  /** Runs `write` as the only writer of the key in this process; `withKeyLock` inside it makes it the only one of the machine. */
  async function queueWrite<T>(lock: string, owner: LockOwner, write: (withKeyLock: WithKeyLock) => Promise<T>): Promise<T> {
    const deadline = performance.now() + LOCK_WAIT_MS; // Waiting for the turn counts.
    const waitMs = () => Math.max(0, Math.round(deadline - performance.now()));
    return takeTurn(lock, () => write((body) => withLock(lock, { waitMs: waitMs(), now, owner }, body)));
  }

  /** The header of the live record of `key`, or null. */
  async function readLive(path: string, key: string): Promise<RecordHeader | null> {
    return checkLive(await readHeader(path), key, now());
  }

  // A write without a condition does not read what is there: it also replaces a damaged record.
  async function check(condition: Condition, path: string, key: string): Promise<true> {
    if (condition.absent || condition.ifMatch !== null) checkCondition(condition, await readLive(path, key));
    return true;
  }

  /** Renames the temporary file into the place of the record, if `mayWrite`, which is asked under the lock, says so. */
  async function publish(temporary: string, record: string, withKeyLock: WithKeyLock, mayWrite: () => Promise<boolean>): Promise<void> {
    try {
      await withKeyLock(async (lock) => {
        if (!(await mayWrite())) return;
        await lock.check();
        await rename(temporary, record);
      });
    } catch (error) {
      await removeFile(temporary).catch(() => undefined); // The first failure is the one to report; the sweep takes what is left.
      throw error;
    }
  }

  /** A copy of the live record with another version and expiry, beside it: its head and the version that was copied. Null when there is none. */
  async function copyTouched(
    record: string,
    temporary: string,
    key: string,
    expiresAt: number | null,
  ): Promise<{ head: RecordHead; of: string } | null> {
    const open = await openRecord(record);
    if (open === null) return null;
    try {
      const live = checkLive(open.header, key, now());
      if (live === null) return null;
      const head = { ...headOf(live), version: newVersion(), expiresAt };
      await copyValue(temporary, head, open, durability);
      return { head, of: live.version };
    } finally {
      await open.file.close();
    }
  }

  /** Removes a record if it has expired; also a moment later, when somebody may have put another. */
  async function removeExpired(root: string, shard: string, record: string, owner: LockOwner): Promise<boolean> {
    const hasExpired = async (): Promise<RecordHeader | null> => {
      const header = await readOwnHeader(root, { shard, record });
      return header === null || isLive(header.expiresAt, now()) ? null : header;
    };
    const header = await hasExpired();
    if (header === null) return false;
    const path = join(root, shard, nameKey(header.key).lock);
    return queueWrite(path, owner, (withKeyLock) =>
      withKeyLock(async (lock) => {
        if ((await hasExpired()) === null) return false;
        await lock.check();
        return removeFile(join(root, shard, record)); // What a power cut brings back has still expired.
      }),
    );
  }

  async function sweep(root: string, call: Call): Promise<SweepReport> {
    const owner = directories.ownerIn(root);
    let [expired, orphans] = [0, 0];
    for (const { name: shard, isDirectory } of await listShards(root, '')) {
      if (!isDirectory) continue; // Not ours; a listing reports it.
      orphans += await sweepShard(join(root, shard), owner, now());
      const removals = await settleEach(await listRecords(join(root, shard), '', ''), async (record) => {
        call.signal.throwIfAborted();
        return removeExpired(root, shard, record, owner);
      });
      for (const removal of removals) {
        if (removal.status === 'fulfilled') expired += removal.value ? 1 : 0;
        else if (!isCorrupt(removal.reason)) throw removal.reason; // What is damaged stays, for a listing to report it.
      }
    }
    await sweepOwners(root, now());
    return { expired, orphans };
  }

  return {
    name: 'filesystem',
    capabilities: CAPABILITIES,
    timeoutMs: 0,

    async get(key, range) {
      const name = nameKey(key);
      return reportFailures('read a value', async () => {
        const shard = await directories.findShard(name.shard);
        if (shard === null) return null;
        const path = join(shard, name.record);
        const record = await (range === null ? readRecord(path) : readRange(path, range));
        const header = checkLive(record?.header ?? null, key, now());
        return header === null ? null : { ...headOf(header), value: record!.value };
      });
    },

    async getStream(key, range) {
      const name = nameKey(key);
      return reportFailures('read a value', async () => {
        const shard = await directories.findShard(name.shard);
        const record = shard === null ? null : await openRecord(join(shard, name.record));
        if (record === null) return null;
        let header: RecordHeader | null = null;
        try {
          header = checkLive(record.header, key, now());
        } finally {
          if (header === null) await record.file.close();
        }
        if (header === null) return null;
        return { ...headOf(header), stream: streamValue(record, range, (error) => translateFailure('read a value', error)) };
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

    async put({ key, value, condition, expiresAt, metadata }, call) {
      const name = nameKey(key);
      const head = { key, version: newVersion(), size: value.length, expiresAt, metadata };
      const bytes = encodeRecord(head, value); // The copy of the caller's value.
      const askedAt = performance.now();
      return reportFailures('store a value', () =>
        directories.write(name.shard, async (shard, owner) => {
          const record = join(shard, name.record);
          const temporary = join(shard, temporaryName(newOwner()));
          await queueWrite(join(shard, name.lock), owner, async (withKeyLock) => {
            // A signal is made by asking for it: only a write that had to wait can have lost its caller.
            if (performance.now() - askedAt > BRIEF_MS) call.signal.throwIfAborted();
            await check(condition, record, key); // Spares most losers their temporary file; what counts is the check under the lock.
            await writeNewFile(temporary, bytes, durability);
            await publish(temporary, record, withKeyLock, () => check(condition, record, key));
          });
          return head;
        }),
      );
    },

    async putStream({ key, value, condition, expiresAt, metadata }, call) {
      const name = nameKey(key);
      return reportFailures('store a value', () =>
        directories.write(name.shard, async (shard, owner) => {
          const record = join(shard, name.record);
          const temporary = join(shard, temporaryName(newOwner()));
          await check(condition, record, key);
          // Outside the queue: nobody knows how long the stream takes.
          const head = await writeStream(temporary, { key, version: newVersion(), expiresAt, metadata }, value, durability, call.signal);
          await queueWrite(join(shard, name.lock), owner, (withKeyLock) =>
            publish(temporary, record, withKeyLock, async () => {
              call.signal.throwIfAborted();
              return check(condition, record, key);
            }),
          );
          return head;
        }),
      ).catch(async (error: unknown) => {
        if (!value.locked) await value.cancel(error).catch(() => undefined); // It failed before the stream was looked at.
        throw error instanceof SourceFailure ? error.cause : error;
      });
    },

    async delete(key, condition) {
      const name = nameKey(key);
      return reportFailures('delete a value', async () => {
        const deleted = await directories.writeInFound(name.shard, async (shard, owner) => {
          const record = join(shard, name.record);
          return queueWrite(join(shard, name.lock), owner, (withKeyLock) =>
            withKeyLock(async (lock) => {
              await check(condition, record, key);
              const live = await isThere(() => readLive(record, key));
              await lock.check();
              return (await removeFile(record)) && live;
            }),
          );
        });
        if (deleted === null) checkCondition(condition, null);
        return deleted ?? false;
      });
    },

    async touch(key, expiresAt, condition) {
      const name = nameKey(key);
      return reportFailures('change an expiry', async () => {
        const touched = await directories.writeInFound(name.shard, async (shard, owner) => {
          const record = join(shard, name.record);
          const temporary = join(shard, temporaryName(newOwner()));
          return queueWrite(join(shard, name.lock), owner, async (withKeyLock) => {
            await check(condition, record, key);
            // Copied before the lock is taken: a large value takes long. If somebody replaced it meanwhile, once more, now that nobody can.
            let copy = await copyTouched(record, temporary, key, expiresAt);
            if (copy === null) return null;
            await publish(temporary, record, withKeyLock, async () => {
              const live = await readLive(record, key);
              checkCondition(condition, live);
              if (live?.version === copy?.of) return true;
              await removeFile(temporary);
              copy = await copyTouched(record, temporary, key, expiresAt);
              return copy !== null;
            });
            return copy?.head ?? null;
          });
        });
        if (touched === null) checkCondition(condition, null);
        return touched;
      });
    },

    async listPage(request) {
      return reportFailures('list the values', async () => readPage(await directories.find(), request, now));
    },

    async sweep(call) {
      return reportFailures('sweep the store', async () => {
        const found = await directories.find();
        return found === null ? { expired: 0, orphans: 0 } : sweep(found, call);
      });
    },

    async ping() {
      await reportFailures('look at the root', () => directories.probe());
    },

    async close() {
      await reportFailures('close the store', () => directories.close());
    },
  };
}

// A damaged record is there: deleting it is how a user gets rid of it.
async function isThere(readLive: () => Promise<RecordHeader | null>): Promise<boolean> {
  try {
    return (await readLive()) !== null;
  } catch (error) {
    if (isCorrupt(error)) return true;
    throw error;
  }
}

function isCorrupt(error: unknown): boolean {
  return error instanceof PspError && error.code === 'PROVIDER_CORRUPT';
}

/** The header, if it is of `key` and its value is live; otherwise null. `PROVIDER_CORRUPT` for the header of another key. */
function checkLive(header: RecordHeader | null, key: string, now: number): RecordHeader | null {
  if (header === null) return null;
  if (header.key !== key) throw corrupt(`the record of a key of ${utf8Length(key)} bytes holds another key`);
  return isLive(header.expiresAt, now) ? header : null;
}

function checkRoot(root: string): string {
  if (typeof root !== 'string' || root === '') throw new TypeError('root: expected the path of a directory');
  return root;
}

function checkDurability(durability: Durability): Durability {
  if (!['none', 'file', 'full'].includes(durability)) throw new RangeError("durability: expected 'none', 'file' or 'full'");
  return durability;
}
