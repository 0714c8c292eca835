/**
 * A provider that keeps values in this process's memory: for tests, for short-lived work and as the plainest reading of the
 * contract. Nothing survives the process and nothing is shared between two calls of {@link memory}.
 */

import type { Capabilities, RecordHead, StorageProvider, StoredRecord } from '../ts/provider.ts';
import { MAX_KEY_BYTES } from '../ts/provider.ts';
import { badCursor, checkCondition, isLive, newVersion } from './contract.ts';
import { type ProviderCore, provide } from './provide.ts';

/** How {@link memory} is made. */
export interface MemoryOptions {
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
  orderedList: false,
  exactList: true,
  maxKeyBytes: MAX_KEY_BYTES,
  maxValueBytes: 0x7fff_ffff,
};

/** A cursor is the last key of its page behind this mark. */
const CURSOR_MARK = 'after ';

/**
 * A new, empty provider in memory. Every operation runs to its end without waiting, which is what makes its conditions atomic.
 *
 * @example
 * const provider = memory();
 * const { version } = await provider.put('login', new Uint8Array([1, 2]));
 * await provider.put('login', new Uint8Array([3]), { ifMatch: version });
 */
export function memory(options: MemoryOptions = {}): StorageProvider {
  return provide(memoryCore(options.now ?? Date.now));
}

function memoryCore(now: () => number): ProviderCore {
  const records = new Map<string, StoredRecord>();

  // An expired value is dropped when it is met: it can never be read again, so it need not take memory.
  function live(key: string): StoredRecord | null {
    const record = records.get(key);
    if (record === undefined) return null;
    if (isLive(record.expiresAt, now())) return record;
    records.delete(key);
    return null;
  }

  return {
    name: 'memory',
    capabilities: CAPABILITIES,
    timeoutMs: 0,

    async get(key, range) {
      const record = live(key);
      if (record === null) return null;
      return { ...headOf(record), value: record.value.slice(range?.from, range?.to) };
    },

    async head(key) {
      const record = live(key);
      return record === null ? null : headOf(record);
    },

    async put({ key, value, condition, expiresAt, metadata }) {
      checkCondition(condition, live(key));
      const record = { key, version: newVersion(), size: value.length, expiresAt, metadata, value: new Uint8Array(value) };
      records.set(key, record);
      return headOf(record);
    },

    async delete(key, condition) {
      checkCondition(condition, live(key));
      return records.delete(key);
    },

    async touch(key, expiresAt, condition) {
      const record = live(key);
      checkCondition(condition, record);
      if (record === null) return null;
      const touched = { ...record, expiresAt, version: newVersion() };
      records.set(key, touched);
      return headOf(touched);
    },

    async listPage({ prefix, cursor, limit }) {
      if (cursor !== null && !cursor.startsWith(CURSOR_MARK)) throw badCursor();
      const after = cursor === null ? '' : cursor.slice(CURSOR_MARK.length);
      const keys = [...records.keys()].filter((key) => key > after && key.startsWith(prefix) && live(key) !== null).sort();
      const items = keys.slice(0, limit).map((key) => headOf(records.get(key)!));
      return { items, damaged: [], cursor: keys.length > limit ? `${CURSOR_MARK}${keys[limit - 1]!}` : null };
    },

    async sweep() {
      const before = records.size;
      for (const key of [...records.keys()]) live(key);
      return { expired: before - records.size, orphans: 0 };
    },

    async ping() {
      // There is nothing that could fail to answer.
    },
  };
}

function headOf({ key, version, size, expiresAt, metadata }: StoredRecord): RecordHead {
  return { key, version, size, expiresAt, metadata: { ...metadata } };
}
