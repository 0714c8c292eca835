/**
 * A provider that keeps values in this process's memory: for tests, for short-lived work and as the plainest reading of the
 * contract. Nothing survives the process and nothing is shared between two calls of {@link memory}.
 */

import type { DeleteOptions, ListOptions, PutOptions, RecordHead, StorageProvider, StoredRecord } from '../ts/provider.ts';
import { checkCondition, checkDelete, checkKey, checkPrefix, checkPut, isLive, newVersion } from './contract.ts';

/** How {@link memory} is made. */
export interface MemoryOptions {
  /** Milliseconds since the epoch; `Date.now` when not given. */
  readonly now?: () => number;
}

/**
 * A new, empty provider in memory. Every operation runs to its end without waiting, which is what makes its conditions atomic.
 *
 * @example
 * const provider = memory();
 * const { version } = await provider.put('login', new Uint8Array([1, 2]));
 * await provider.put('login', new Uint8Array([3]), { ifMatch: version });
 */
export function memory(options: MemoryOptions = {}): StorageProvider {
  const now = options.now ?? Date.now;
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

    async get(key: string): Promise<StoredRecord | null> {
      checkKey(key);
      const record = live(key);
      return record === null ? null : { ...headOf(record), value: new Uint8Array(record.value) };
    },

    async put(key: string, value: Uint8Array, putOptions?: PutOptions): Promise<RecordHead> {
      const { condition, expiresAt, metadata, value: copy } = checkPut(key, value, putOptions);
      checkCondition(condition, live(key));
      const record = { key, version: newVersion(), size: copy.length, expiresAt, metadata, value: copy };
      records.set(key, record);
      return headOf(record);
    },

    async delete(key: string, deleteOptions?: DeleteOptions): Promise<boolean> {
      const condition = checkDelete(key, deleteOptions);
      checkCondition(condition, live(key));
      return records.delete(key);
    },

    async *list(listOptions: ListOptions = {}): AsyncGenerator<RecordHead> {
      const prefix = checkPrefix(listOptions.prefix);
      // A copy of the keys: a Map's own iterator would also visit what is put meanwhile, without end if every step puts.
      for (const key of [...records.keys()]) {
        const record = key.startsWith(prefix) ? live(key) : null;
        if (record !== null) yield headOf(record);
      }
    },
  };
}

function headOf({ key, version, size, expiresAt, metadata }: StoredRecord): RecordHead {
  return { key, version, size, expiresAt, metadata: { ...metadata } };
}
