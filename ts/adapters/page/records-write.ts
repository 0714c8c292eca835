/**
 * Writes a database anew: its stores and indexes, then its records as the driver sends them, each piece read back as soon as it is committed. The connection
 * stays open from the first to the last step. Calls may overlap: while the browser writes one piece and reads back the one before, the next is decoded.
 */
import { sameBytes } from '../../session/bytes.ts';
import { type DecodedValue, decodeValue, decodeValueAsync } from '../../session/clone/decode.ts';
import { encodesTo, encodeValueAsync } from '../../session/clone/encode.ts';
import { type EncodedRecord, readRecords } from '../../session/clone/records.ts';
import { type Batch, startBatch } from './batch.ts';
import { rooms } from './buckets.ts';
import { finished, openExisting, opened } from './connection.ts';
import { type DatabaseFound, deleteDatabase, lookAtDatabase, type StoreSchema } from './database.ts';

/** The database that is being written. */
let writing: { readonly database: IDBDatabase; readonly isNew: boolean } | null = null;

/** Creates a database with its stores and indexes, and holds it open for records. It must not be there. */
export async function createDatabase(name: string, version: number, stores: readonly StoreSchema[], timeoutMs: number): Promise<void> {
  letGo();
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
  writing = { database, isNew: true };
}

/** Holds a database that is there open for more records. False when it is not there, or in another version. */
export async function reopenDatabase(name: string, version: number, timeoutMs: number): Promise<boolean> {
  letGo();
  const database = await openExisting(name, timeoutMs);
  if (database === null) return false;
  if (database.version !== version) {
    database.close();
    return false;
  }
  writing = { database, isNew: false };
  return true;
}

/** Lets go of the database, and looks at what is there now: null when it is gone. */
export async function finishDatabase(timeoutMs: number): Promise<DatabaseFound | null> {
  const { database } = held();
  letGo();
  return lookAtDatabase(database.name, timeoutMs);
}

/** Lets go of the database where it is held; one that was created for this is removed, since a part of a database is none that the site ever had. */
export async function abandonDatabase(timeoutMs: number): Promise<void> {
  const abandoned = writing;
  letGo();
  if (abandoned?.isNew === true) await deleteDatabase(abandoned.database.name, timeoutMs);
}

function letGo(): void {
  writing?.database.close();
  writing = null;
}

function held(): { readonly database: IDBDatabase; readonly isNew: boolean } {
  if (writing === null) throw new DOMException('no database is being written', 'InvalidStateError');
  return writing;
}

/** What a store is made of, and holds. */
export interface StoreWrite extends StoreSchema {
  readonly records: Uint8Array;
  /** The next key of its key generator; 1 for a store that has none, or never used it. */
  readonly nextKey: number;
}

/** All steps for a small database: see {@link createDatabase}, {@link putRecords}, {@link advanceKeyGenerator} and {@link finishDatabase}. */
export async function restoreDatabase(
  name: string,
  version: number,
  stores: readonly StoreWrite[],
  timeoutMs: number,
): Promise<{ readonly answers: readonly PutAnswer[]; readonly found: DatabaseFound | null }> {
  await createDatabase(name, version, stores, timeoutMs);
  const answers = await Promise.all(
    stores.map(async (store) => {
      const answer = await putRecords(store.name, store.records, true);
      if (store.nextKey > 1) await advanceKeyGenerator(store.name, store.nextKey);
      return answer;
    }),
  );
  return { answers, found: await finishDatabase(timeoutMs) };
}

/** A record that was not written: its number within the piece, and why. */
export interface RefusedRecord {
  readonly record: number;
  readonly reason: string;
}

/** What became of a piece. */
export interface PutAnswer {
  readonly refused: readonly RefusedRecord[];
  /** Whether any of the others was not read back as it is encoded here, key and value, byte by byte. False where nothing was read back. */
  readonly isAltered: boolean;
}

interface ReadyRecord {
  /** Its number within the piece. */
  readonly record: number;
  readonly key: IDBValidKey;
  readonly value: unknown;
  readonly encoded: EncodedRecord;
}

/**
 * Writes encoded records in one transaction. A record that the database refuses costs only itself. With `isReadBack` the records are read back, which must follow
 * each other in the store, with no others between.
 */
export async function putRecords(storeName: string, records: Uint8Array, isReadBack: boolean): Promise<PutAnswer> {
  // All are decoded before the transaction, which would end while a key of one of them is imported.
  const { ready, refused } = await decodeRecords(records);
  if (ready.length === 0) return { refused, isAltered: false };
  const { database } = held();
  // Chromium aborts a transaction that was told to commit when a request of it fails after that, handled or not: then once more, slower.
  const { rejected, batch } =
    (await putAll(database, storeName, ready, isReadBack, true).catch(() => null)) ??
    (await putAll(database, storeName, ready, isReadBack, false));
  for (const [index, reason] of rejected) refused.push({ record: ready[index]!.record, reason });
  const written = rejected.size === 0 ? ready : ready.filter((_, index) => !rejected.has(index));
  return { refused, isAltered: isReadBack && !(await readsAs(batch, written)) };
}

async function decodeRecords(records: Uint8Array): Promise<{ ready: ReadyRecord[]; refused: RefusedRecord[] }> {
  const ready: ReadyRecord[] = [];
  const refused: RefusedRecord[] = [];
  let number = 0;
  for (const encoded of readRecords(records)) {
    const record = number++;
    try {
      const now = decodeValue(encoded.value);
      const decoded = now.unportable.length === 0 && now.foreign.length > 0 ? await decodeValueAsync(encoded.value) : now;
      const reason = lackOf(decoded);
      if (reason === null) ready.push({ record, key: decodeValue(encoded.key).value as IDBValidKey, value: decoded.value, encoded });
      else refused.push({ record, reason });
    } catch (error) {
      refused.push({ record, reason: nameOf(error) });
    }
  }
  return { ready, refused };
}

/** Why a value is not what was captured; null when it is. */
function lackOf({ unportable, foreign }: DecodedValue): string | null {
  if (unportable.length > 0) return `it holds a ${unportable.join(', ')}`;
  return foreign.length > 0 ? `this browser cannot make its ${foreign.join(', ')}` : null;
}

/**
 * Puts records in one transaction. `rejected` are those that the database refused, by their index, and why; `batch` is what is found from the first of them on.
 * With `isTold` the transaction is told to commit, and waits for no answer from here.
 */
async function putAll(
  database: IDBDatabase,
  storeName: string,
  records: readonly ReadyRecord[],
  isReadBack: boolean,
  isTold: boolean,
): Promise<{ rejected: ReadonlyMap<number, string>; batch: Batch | null }> {
  const transaction = database.transaction(storeName, 'readwrite', { durability: 'relaxed' });
  const done = finished(transaction);
  const store = transaction.objectStore(storeName);
  const isOutside = store.keyPath === null;
  const rejected = new Map<number, string>();
  const requests = records.map(({ key, value }, index) => {
    try {
      return isOutside ? store.put(value, key) : store.put(value);
    } catch (error) {
      rejected.set(index, nameOf(error));
      return null;
    }
  });
  // One handler for all: one on each request costs more than to decode its value.
  transaction.onerror = (event) => {
    // Unhandled, it would abort the transaction and take the other records with it.
    event.preventDefault();
    event.stopPropagation();
    const request = event.target as IDBRequest;
    rejected.set(requests.indexOf(request), request.error?.name ?? 'Error');
  };
  if (isTold) transaction.commit();
  // Asked for at once: the browser begins with it when the records are committed (Indexed Database API 3.0, section 2.7.2), and waits for nobody between.
  const reading = isReadBack ? readFrom(database, storeName, records[0]!.key, records.length) : null;
  await done;
  return { rejected, batch: await reading };
}

/** The records from `first` on. Null where that is no key: then it is not that of a record that was put. */
function readFrom(database: IDBDatabase, storeName: string, first: IDBValidKey, count: number): Promise<Batch | null> {
  let range: IDBKeyRange;
  try {
    range = IDBKeyRange.lowerBound(first);
  } catch {
    return Promise.resolve(null);
  }
  return startBatch(database.transaction(storeName, 'readonly').objectStore(storeName), range, count);
}

/** Whether a batch begins with these records. */
async function readsAs(batch: Batch | null, records: readonly ReadyRecord[]): Promise<boolean> {
  if (batch === null || batch.keys.length < records.length) return records.length === 0;
  for (const [index, { encoded }] of records.entries()) {
    for (const [found, expected] of [
      [batch.keys[index], encoded.key],
      [batch.values[index], encoded.value],
    ] as const) {
      const is = isEncodedAs(found, expected);
      // Not awaited for nothing, once for each of many thousand values.
      if (is !== true && !(await is)) return false;
    }
  }
  return true;
}

function isEncodedAs(value: unknown, expected: Uint8Array): boolean | Promise<boolean> {
  try {
    const is = encodesTo(value, expected);
    return typeof is === 'boolean' ? is : is.catch(() => false);
  } catch {
    // What cannot be encoded is another value than the one that was.
    return false;
  }
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
  const transaction = held().database.transaction(storeName, 'readwrite', { durability: 'relaxed' });
  const done = finished(transaction);
  work(transaction.objectStore(storeName));
  await done;
}

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : 'Error';
}
