/**
 * A provider over LMDB (npm lmdb 3.5), an engine inside the process: the one for many values at once. Each value is one frame under the bytes of its key.
 * Writes that come together are one commit; a write with a condition reads and writes inside one transaction. Several processes of one machine may use
 * one store; who opens it waits for their writes (lmdb/gate.ts). LMDB trusts its own pages: damage of a value is found, but damage between the values may end
 * the process. Tested in Node on Linux.
 */

import { PspError } from '../ts/errors.ts';
import type { Capabilities, DamagedRecord, RecordHead, StorageProvider, StoredRecord } from '../ts/provider.ts';
import { MAX_KEY_BYTES } from '../ts/provider.ts';
import type { Call } from './calls.ts';
import { type ByteRange, checkCondition, isLive, newVersion, type PutRequest } from './contract.ts';
import { decodeFrame, decodeFrameHead, encodeFrame, FRAME_FIXED_BYTES, FRAME_HEAD_BYTES, frameValueAt, touchFrame } from './frame.ts';
import { type Database, type Durability, type Environment, openEnvironment } from './lmdb/environment.ts';
import { reportFailures } from './lmdb/failure.ts';
import { type KeyRange, rangeOf, writeCursor } from './lmdb/page.ts';
import { type ProviderCore, provide } from './provide.ts';

export type { Durability } from './lmdb/environment.ts';

/** How {@link lmdb} is made. */
export interface LmdbOptions {
  /** The folder of the store; it is made, with its parents, when the store is opened. A local file system: LMDB does not work over a network. */
  readonly path: string;
  /** What a write waits for; 'full' when not given. All providers of one path in one process have the same. */
  readonly durability?: Durability;
  /** The time limit of a call that names none; 30 s when not given, 0: none. A process that is stopped in a write stops all other writers. */
  readonly timeoutMs?: number;
  /** Milliseconds since the epoch; `Date.now` when not given. */
  readonly now?: () => number;
}

const CAPABILITIES: Capabilities = {
  conditionalPut: true,
  conditionalDelete: true,
  touch: true,
  ranges: true,
  streams: false,
  sweep: true,
  strongReads: true,
  orderedList: true,
  exactList: true,
  maxKeyBytes: MAX_KEY_BYTES,
  // What the tests put. LMDB would take 4 GiB, but a value is written from memory, and stands there twice.
  maxValueBytes: 256 * 1024 * 1024,
};

const DEFAULT_TIMEOUT_MS = 30_000;
/** Keys that a sweep looks at before it lets others run, and most that one of its transactions removes. */
const SWEEP_KEYS = 512;
/** Reads after which one waits for the other work of this process. */
const READS_IN_TURN = 64;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The provider of the store in `path`. A value of more than a page is kept in pages of its own (4 KiB), and the file never gets smaller. Failures of
 * LMDB and of the system are `PROVIDER_UNAVAILABLE` with `details.lmdbCode` or `details.systemCode`; the value that was there stays.
 *
 * @example
 * const provider = lmdb({ path: '/var/lib/psp' });
 * await provider.putMany([{ key: 'login', value: new Uint8Array([1, 2, 3]) }]);
 */
export function lmdb(options: LmdbOptions): StorageProvider {
  const { path, durability = 'full', timeoutMs = DEFAULT_TIMEOUT_MS, now = Date.now } = options;
  if (typeof path !== 'string' || path === '') throw new TypeError('path: expected the path of a folder');
  if (durability !== 'full' && durability !== 'none') throw new RangeError("durability: expected 'full' or 'none'");
  return provide(lmdbCore(path, durability, timeoutMs, now));
}

function lmdbCore(path: string, durability: Durability, timeoutMs: number, now: () => number): ProviderCore {
  let environment: Environment | null = null;
  let database: Database;
  let readsInTurn = 0;

  /** The stored bytes under `key`, or null. They are LMDB's own: valid until the next read or wait. */
  function view(key: Uint8Array): Uint8Array<ArrayBuffer> | null {
    const found = database.getBinaryFast(key);
    return found === undefined ? null : new Uint8Array(found.buffer as ArrayBuffer, found.byteOffset, found.length);
  }

  /** The head of the live value, or null. */
  function liveHead(key: string, bytes: Uint8Array | null): RecordHead | null {
    if (bytes === null) return null;
    const head = decodeFrameHead(key, bytes.subarray(0, FRAME_HEAD_BYTES), bytes.length);
    return isLive(head.expiresAt, now()) ? head : null;
  }

  /** A copy of the live value, or null. */
  function liveRecord(key: string, bytes: Uint8Array<ArrayBuffer> | null): StoredRecord | null {
    if (bytes === null) return null;
    const record = decodeFrame(key, bytes);
    return isLive(record.expiresAt, now()) ? { ...record, value: copy(record.value) } : null;
  }

  /** Reads in a snapshot that is taken now, not one that an earlier read of the last millisecond took. */
  function read<T>(body: () => T): Promise<T> {
    // A read never waits: who reads in a loop would let no timer and no commit of this process come to its end.
    return ++readsInTurn >= READS_IN_TURN ? nextTurn().then(() => readNow(body)) : readNow(body);
  }

  async function readNow<T>(body: () => T): Promise<T> {
    try {
      database.resetReadTxn();
      return body();
    } catch (error) {
      return reportFailures('read', () => Promise.reject(error));
    }
  }

  function nextTurn(): Promise<void> {
    readsInTurn = 0;
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Runs `body` as the only writer of all processes. What it throws undoes nothing, so it throws before it writes. */
  function transact<T>(body: () => T): Promise<T> {
    return write(() => database.transaction(body));
  }

  /** Commits what `body` writes, and makes it durable. */
  function write<T>(body: () => Promise<T>): Promise<T> {
    return reportFailures('write', async () => {
      const result = await environment!.write(body);
      await environment!.flush();
      return result;
    });
  }

  /** Inside a transaction. */
  function putNow({ key, condition }: PutRequest, keyBytes: Uint8Array, frame: Uint8Array): void {
    if (condition.absent || condition.ifMatch !== null) checkCondition(condition, liveHead(key, view(keyBytes)));
    database.put(keyBytes, frame);
  }

  /** Inside a transaction. True when a live value was deleted, or one that cannot be read. */
  function deleteNow(key: string): boolean {
    const keyBytes = encoder.encode(key);
    const was = present(key, view(keyBytes));
    database.removeSync(keyBytes);
    return was;
  }

  function present(key: string, bytes: Uint8Array | null): boolean {
    try {
      return liveHead(key, bytes) !== null;
    } catch (error) {
      if (isCorrupt(error)) return true;
      throw error;
    }
  }

  function keysIn({ from, after, before }: KeyRange, limit: number): Uint8Array[] {
    const start = after ?? from;
    const range = {
      ...(start === null ? {} : { start, exclusiveStart: after !== null }),
      ...(before === null ? {} : { end: before }),
      limit,
    };
    return [...database.getKeys(range)];
  }

  return {
    name: 'lmdb',
    capabilities: CAPABILITIES,
    timeoutMs,

    async open() {
      environment = await reportFailures('open the store', () => openEnvironment(path, durability));
      database = environment.database;
    },

    get(key, range) {
      return read(() => {
        const bytes = view(encoder.encode(key));
        if (bytes === null || range === null) return liveRecord(key, bytes);
        const head = liveHead(key, bytes);
        return head === null ? null : { ...head, value: copy(cut(bytes, range)) };
      });
    },

    head(key) {
      return read(() => liveHead(key, view(encoder.encode(key))));
    },

    async put(request) {
      const { head, frame } = frameOf(request);
      const keyBytes = encoder.encode(request.key);
      const { absent, ifMatch } = request.condition;
      if (absent || ifMatch !== null) await transact(() => putNow(request, keyBytes, frame));
      else await write(() => database.put(keyBytes, frame));
      return head;
    },

    delete(key, condition) {
      return transact(() => {
        if (condition.ifMatch !== null) checkCondition(condition, liveHead(key, view(encoder.encode(key))));
        return deleteNow(key);
      });
    },

    touch(key, expiresAt, condition) {
      const version = newVersion();
      const keyBytes = encoder.encode(key);
      return transact(() => {
        const bytes = view(keyBytes);
        const head = liveHead(key, bytes);
        checkCondition(condition, head);
        if (bytes === null || head === null) return null;
        const frame = copy(bytes);
        frame.set(touchFrame(bytes.subarray(0, FRAME_FIXED_BYTES), version, expiresAt));
        database.put(keyBytes, frame);
        return { ...head, version, expiresAt };
      });
    },

    listPage({ prefix, cursor, limit }) {
      const range = rangeOf(prefix, cursor);
      return read(() => {
        const items: RecordHead[] = [];
        const damaged: DamagedRecord[] = [];
        const keys = keysIn(range, limit + 1);
        for (const keyBytes of keys.slice(0, limit)) {
          const key = decodeKey(keyBytes);
          if (key !== null && !key.startsWith(prefix)) continue;
          try {
            if (key === null) throw new PspError('PROVIDER_CORRUPT', 'lmdb: a key is no UTF-8');
            const head = liveHead(key, view(keyBytes));
            if (head !== null) items.push(head);
          } catch (error) {
            if (!isCorrupt(error)) throw error;
            damaged.push({ key, error });
          }
        }
        return { items, damaged, cursor: keys.length > limit ? writeCursor(keys[limit - 1]!, prefix) : null };
      });
    },

    getMany(keys) {
      return read(() => keys.map((key) => settle(() => liveRecord(key, view(encoder.encode(key))))));
    },

    async putMany(requests) {
      const frames = requests.map(frameOf);
      const keys = requests.map(({ key }) => encoder.encode(key));
      if (requests.some(({ condition }) => condition.absent || condition.ifMatch !== null)) {
        return settleAll(requests.length, () =>
          transact(() =>
            requests.map((request, at) =>
              settle(() => {
                putNow(request, keys[at]!, frames[at]!.frame);
                return frames[at]!.head;
              }),
            ),
          ),
        );
      }
      return settleAll(requests.length, () =>
        write(async () => {
          // All of one turn are one commit, and most of its promises are one.
          await Promise.all(new Set(frames.map(({ frame }, at) => database.put(keys[at]!, frame))));
          return frames.map(({ head }) => ({ status: 'fulfilled' as const, value: head }));
        }),
      );
    },

    deleteMany(keys) {
      return settleAll(keys.length, () => transact(() => keys.map((key) => settle(() => deleteNow(key)))));
    },

    async sweep(call) {
      return { expired: await sweepExpired(call), orphans: 0 };
    },

    async ping() {
      await reportFailures('find the store', () => environment!.check());
      await read(() => database.doesExist(Uint8Array.of(1)));
    },

    async close() {
      await reportFailures('close the store', async () => environment?.release());
    },
  };

  async function sweepExpired(call: Call): Promise<number> {
    database.readerCheck(); // What dead readers hold can be used again.
    let expired = 0;
    let range: KeyRange = { from: null, after: null, before: null };
    while (!call.signal.aborted) {
      const keys = await read(() => keysIn(range, SWEEP_KEYS));
      if (keys.length === 0) break;
      const found = await read(() => keys.filter(isExpired));
      if (found.length > 0) {
        // Looked at again: it may have been written since.
        const removed = await transact(() => found.filter((key) => isExpired(key) && database.removeSync(key)).length);
        expired += removed;
      }
      range = { from: null, after: keys.at(-1)!, before: null };
      await nextTurn();
    }
    return expired;
  }

  function isExpired(keyBytes: Uint8Array): boolean {
    const key = decodeKey(keyBytes);
    const bytes = key === null ? null : view(keyBytes);
    // What cannot be read stays: a listing tells of it.
    return key !== null && bytes !== null && !present(key, bytes);
  }
}

/** The head and the bytes to store; a copy of the value. */
function frameOf({ key, value, expiresAt, metadata }: PutRequest): { head: RecordHead; frame: Uint8Array } {
  const head = { key, version: newVersion(), size: value.length, expiresAt, metadata };
  return { head, frame: encodeFrame(head, value) };
}

/** The part of a frame that is the range of its value. */
function cut(frame: Uint8Array, { from, to }: ByteRange): Uint8Array {
  const value = frame.subarray(frameValueAt(frame));
  return value.subarray(from, to);
}

function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function decodeKey(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null; // A key that we did not write.
  }
}

function isCorrupt(error: unknown): error is PspError {
  return error instanceof PspError && error.code === 'PROVIDER_CORRUPT';
}

/** What one item of a batch gives. Only coded errors are an item's own. */
function settle<T>(work: () => T): PromiseSettledResult<T> {
  try {
    return { status: 'fulfilled', value: work() };
  } catch (reason) {
    if (!(reason instanceof PspError)) throw reason;
    return { status: 'rejected', reason };
  }
}

/** The results of a batch; where its commit fails, that is the result of each of the `count` items. */
async function settleAll<T>(count: number, work: () => Promise<PromiseSettledResult<T>[]>): Promise<PromiseSettledResult<T>[]> {
  try {
    return await work();
  } catch (reason) {
    if (!(reason instanceof PspError)) throw reason;
    return Array.from({ length: count }, () => ({ status: 'rejected', reason }));
  }
}
