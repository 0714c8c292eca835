/**
 * Writes a database anew: its stores and indexes, then its records as the driver sends them. The connection stays open from the first to the last step. Calls
 * may overlap: while one transaction is being committed, the records of the next are decoded.
 */
import { sameBytes } from '../../session/bytes.ts';
import { type DecodedValue, decodeValue, decodeValueAsync } from '../../session/clone/decode.ts';
import { encodeValueAsync } from '../../session/clone/encode.ts';
import { readRecords } from '../../session/clone/records.ts';
import { rooms } from './buckets.ts';
import { finished, openExisting, opened } from './connection.ts';
import type { StoreSchema } from './database.ts';

let writing: IDBDatabase | null = null;

/** Creates a database with its stores and indexes, and holds it open for records. It must not be there. */
export async function createDatabase(name: string, version: number, stores: readonly StoreSchema[], timeoutMs: number): Promise<void> {
  finishDatabase();
  const request = rooms().indexedDB.open(name, version);
  let created = false;
  request.onupgradeneeded = (event) => {
    // Somebody's database, of another version: it stays as it is.
    if (event.oldVersion !== 0) {
      request.transaction?.abort();
      return;
    }
    created = true;
    for (const schema of stores) {
      const store = request.result.createObjectStore(schema.name, {
        keyPath: schema.keyPath as string | string[] | null,
        autoIncrement: schema.autoIncrement,
      });
      for (const { name: index, keyPath, unique, multiEntry } of schema.indexes) {
        store.createIndex(index, keyPath as string | string[], { unique, multiEntry });
      }
    }
  };
  const database = await opened(request, timeoutMs);
  if (!created) {
    database.close();
    throw new DOMException('the database was there already', 'ConstraintError');
  }
  writing = database;
}

/** Holds a database that is there open for more records. False when it is not there, or in another version. */
export async function reopenDatabase(name: string, version: number, timeoutMs: number): Promise<boolean> {
  finishDatabase();
  const database = await openExisting(name, timeoutMs);
  if (database === null) return false;
  if (database.version !== version) {
    database.close();
    return false;
  }
  writing = database;
  return true;
}

/**
 * Which of the encoded records are not in the store of the database that is being written, or not as they are encoded here: their numbers. For a store that holds
 * others besides.
 */
export async function missingRecords(storeName: string, records: Uint8Array): Promise<number[]> {
  const expected = [...readRecords(records)];
  const found: unknown[] = [];
  await inStore(storeName, (store) => {
    expected.forEach(({ key }, index) => {
      const request = store.get(decodeValue(key).value as IDBValidKey);
      request.onsuccess = () => {
        found[index] = request.result;
      };
    });
  });
  const missing: number[] = [];
  for (const [index, { value }] of expected.entries()) {
    const { bytes } = await encodeValueAsync(found[index]);
    if (!sameBytes(bytes, value)) missing.push(index);
  }
  return missing;
}

/** Lets go of the database. */
export function finishDatabase(): void {
  writing?.close();
  writing = null;
}

/** A record that was not written: its number within the piece, and why. */
export interface RefusedRecord {
  readonly record: number;
  readonly reason: string;
}

interface ReadyRecord {
  readonly record: number;
  readonly key: IDBValidKey;
  readonly value: unknown;
}

/** Writes encoded records in one transaction; returns those that were refused. A record that the database refuses costs only itself. */
export async function putRecords(storeName: string, records: Uint8Array): Promise<RefusedRecord[]> {
  const refused: RefusedRecord[] = [];
  const ready: ReadyRecord[] = [];
  let number = 0;
  // All are decoded before the transaction, which would end while a key of one of them is imported.
  for (const { key, value } of readRecords(records)) {
    const record = number++;
    try {
      const now = decodeValue(value);
      const decoded = now.unportable.length === 0 && now.foreign.length > 0 ? await decodeValueAsync(value) : now;
      const reason = lackOf(decoded);
      if (reason === null) ready.push({ record, key: decodeValue(key).value as IDBValidKey, value: decoded.value });
      else refused.push({ record, reason });
    } catch (error) {
      refused.push({ record, reason: nameOf(error) });
    }
  }
  await inStore(storeName, (store) => {
    for (const { record, key, value } of ready) {
      try {
        const request = store.keyPath === null ? store.put(value, key) : store.put(value);
        request.onerror = (event) => {
          // Unhandled, it would abort the transaction and take the other records with it.
          event.preventDefault();
          event.stopPropagation();
          refused.push({ record, reason: request.error?.name ?? 'Error' });
        };
      } catch (error) {
        refused.push({ record, reason: nameOf(error) });
      }
    }
    store.transaction.commit();
  });
  return refused;
}

/** Why a value is not what was captured; null when it is. */
function lackOf({ unportable, foreign }: DecodedValue): string | null {
  if (unportable.length > 0) return `it holds a ${unportable.join(', ')}`;
  return foreign.length > 0 ? `this browser cannot make its ${foreign.join(', ')}` : null;
}

/**
 * Moves a store's key generator on to `next`: a record with key `next - 1` is put and deleted in one transaction. Does nothing when that key
 * is taken, since the generator is past it then.
 */
export async function advanceKeyGenerator(storeName: string, next: number): Promise<void> {
  const last = next - 1;
  await inStore(storeName, (store) => {
    const taken = store.count(last);
    taken.onsuccess = () => {
      if (taken.result > 0) return;
      if (store.keyPath === null) store.put(null, last);
      else store.put(valueAt(store.keyPath as string, last));
      store.delete(last);
    };
  });
}

/** An object that has `key` at a key path such as `meta.id`. */
function valueAt(keyPath: string, key: number): unknown {
  return keyPath.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), key);
}

/** Runs `work` in a read-write transaction over one store, and returns when that is complete. */
async function inStore(storeName: string, work: (store: IDBObjectStore) => void): Promise<void> {
  if (writing === null) throw new DOMException('no database is being written', 'InvalidStateError');
  const transaction = writing.transaction(storeName, 'readwrite', { durability: 'relaxed' });
  const done = finished(transaction);
  work(transaction.objectStore(storeName));
  await done;
}

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : 'Error';
}
