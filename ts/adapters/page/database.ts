/**
 * IndexedDB of the document this runs in: reads a database into encoded records, and writes one back. Opens without a version (so nothing is
 * upgraded), in one read-only transaction (so stores agree with each other). Every open has a time limit, since a pending upgrade holds it
 * for ever. Nothing here holds a live connection longer than it must.
 */
import { type DecodedValue, decodeValue, decodeValueAsync } from '../../session/clone/decode.ts';
import { beginEncoding, type EncodedValue, encodeValue, type UnfinishedValue } from '../../session/clone/encode.ts';
import { RecordWriter, readRecords } from '../../session/clone/records.ts';

/** A store as it was read. Its record bytes wait in the page until they are taken, `chunks` pieces to be joined in order. */
export interface StoreRead {
  readonly name: string;
  readonly keyPath: string | string[] | null;
  readonly autoIncrement: boolean;
  readonly indexes: { name: string; keyPath: string | string[]; unique: boolean; multiEntry: boolean }[];
  readonly recordCount: number;
  readonly chunks: number;
  /** Records that hold something that could not be carried: their number in key order, from 0, and the class names. */
  readonly unportable: { record: number; classes: string[] }[];
}

export interface DatabaseRead {
  readonly name: string;
  readonly version: number;
  readonly stores: StoreRead[];
}

/** What a store is made of. */
export interface StoreSchema {
  readonly name: string;
  readonly keyPath: string | readonly string[] | null;
  readonly autoIncrement: boolean;
  readonly indexes: readonly { name: string; keyPath: string | readonly string[]; unique: boolean; multiEntry: boolean }[];
}

/** Bytes of encoded records that cross to the driver at once. */
const CHUNK_BYTES = 4 * 1024 * 1024;
/** Records read per request; more brings nothing (facts: the batch size hardly matters from 500 up). */
const BATCH = 500;

/** Chunks that were read and not taken yet, by database and store. */
const waiting = new Map<string, Uint8Array<ArrayBuffer>[]>();
const slot = (database: string, store: string): string => JSON.stringify([database, store]);

/** Names of the databases of this storage key. */
export async function databaseNames(): Promise<string[]> {
  const databases = await indexedDB.databases();
  return databases.map((database) => database.name ?? '');
}

/** Reads a whole database, or returns null when it is gone. */
export async function readDatabase(name: string, timeoutMs: number): Promise<DatabaseRead | null> {
  const database = await openExisting(name, timeoutMs);
  if (database === null) return null;
  const { version } = database;
  const unfinished: UnfinishedStore[] = [];
  try {
    const names = [...database.objectStoreNames];
    if (names.length > 0) {
      const transaction = database.transaction(names, 'readonly');
      for (const storeName of names) unfinished.push(await readStore(transaction.objectStore(storeName)));
    }
  } finally {
    database.close();
  }
  // Only now: a transaction ends while anything else is awaited.
  const stores: StoreRead[] = [];
  for (const store of unfinished) stores.push(await finishStore(name, store));
  return { name, version, stores };
}

/** A record whose value takes waiting: its number in key order. */
interface UnfinishedRecord {
  readonly record: number;
  readonly key: EncodedValue;
  readonly value: UnfinishedValue;
}

/** A store as its transaction gave it: pieces in key order, either records or one record to be finished. */
interface UnfinishedStore {
  readonly facts: Pick<StoreRead, 'name' | 'keyPath' | 'autoIncrement' | 'indexes' | 'recordCount' | 'unportable'>;
  readonly pieces: (Uint8Array<ArrayBuffer> | UnfinishedRecord)[];
}

async function readStore(store: IDBObjectStore): Promise<UnfinishedStore> {
  const pieces: UnfinishedStore['pieces'] = [];
  const unportable: StoreRead['unportable'] = [];
  let writer = new RecordWriter();
  const cut = (): void => {
    if (writer.length > 0) pieces.push(writer.take());
    writer = new RecordWriter();
  };
  let count = 0;
  let range: IDBKeyRange | null = null;
  for (;;) {
    // Both requests are queued before either is awaited, so the transaction stays alive and both see the same records.
    const keysRequest: IDBRequest<IDBValidKey[]> = store.getAllKeys(range, BATCH);
    const valuesRequest: IDBRequest<unknown[]> = store.getAll(range, BATCH);
    const [keys, values] = await Promise.all([settle(keysRequest), settle(valuesRequest)]);
    keys.forEach((key, i) => {
      const record = count + i;
      const encodedKey = encodeValue(key);
      const value = beginEncoding(values[i]);
      if ('finish' in value) {
        cut();
        pieces.push({ record, key: encodedKey, value });
        return;
      }
      const classes = writer.addEncoded(encodedKey, value);
      if (classes.length > 0) unportable.push({ record, classes: [...classes] });
      if (writer.length >= CHUNK_BYTES) cut();
    });
    count += keys.length;
    if (keys.length < BATCH) break;
    range = IDBKeyRange.lowerBound(keys[keys.length - 1], true);
  }
  cut();
  return {
    facts: {
      name: store.name,
      keyPath: store.keyPath,
      autoIncrement: store.autoIncrement,
      indexes: [...store.indexNames].map((name) => {
        const { keyPath, unique, multiEntry } = store.index(name);
        return { name, keyPath, unique, multiEntry };
      }),
      recordCount: count,
      unportable,
    },
    pieces,
  };
}

/** Finishes what takes waiting, and leaves the chunks to be taken. */
async function finishStore(database: string, { facts, pieces }: UnfinishedStore): Promise<StoreRead> {
  const unportable = [...facts.unportable];
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let writer = new RecordWriter();
  const cut = (): void => {
    if (writer.length > 0) chunks.push(writer.take());
    writer = new RecordWriter();
  };
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) {
      // A store of plain records is in chunks already, and is not copied once more.
      if (writer.length === 0 && piece.length >= CHUNK_BYTES) chunks.push(piece);
      else writer.append(piece);
    } else {
      const classes = writer.addEncoded(piece.key, await piece.value.finish());
      if (classes.length > 0) unportable.push({ record: piece.record, classes: [...classes] });
    }
    if (writer.length >= CHUNK_BYTES) cut();
  }
  cut();
  waiting.set(slot(database, facts.name), chunks);
  return { ...facts, chunks: chunks.length, unportable: unportable.sort((a, b) => a.record - b.record) };
}

/** The next waiting piece of a store's records, or null after the last. */
export function takeChunk(database: string, store: string): Uint8Array<ArrayBuffer> | null {
  return waiting.get(slot(database, store))?.shift() ?? null;
}

/** Creates a database with its stores and indexes. It must not be there. */
export async function createDatabase(name: string, version: number, stores: readonly StoreSchema[], timeoutMs: number): Promise<void> {
  const request = indexedDB.open(name, version);
  let created = false;
  request.onupgradeneeded = (event) => {
    if (event.oldVersion !== 0) return;
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
  const database = await limit(settle(request), timeoutMs, () => request.result.close());
  database.close();
  if (!created) throw new DOMException('the database was there already', 'ConstraintError');
}

/** What became of a piece of records: how many were written, and the numbers within the piece of those that were not, with the reason. */
export interface PutResult {
  readonly written: number;
  readonly refused: { record: number; reason: string }[];
}

/** Writes encoded records in one transaction. A record that the database refuses costs only itself. */
export async function putRecords(database: string, storeName: string, records: Uint8Array, timeoutMs: number): Promise<PutResult> {
  const refused: PutResult['refused'] = [];
  const ready: ReadyRecord[] = [];
  let record = 0;
  // All are decoded before the transaction, which would end while a key of one of them is imported.
  for (const { key, value } of readRecords(records)) {
    const number = record++;
    try {
      const decoded = await decodeExactly(value);
      if (typeof decoded === 'string') refused.push({ record: number, reason: decoded });
      else ready.push({ record: number, key: decodeValue(key).value as IDBValidKey, value: decoded.value });
    } catch (error) {
      refused.push({ record: number, reason: nameOf(error) });
    }
  }
  let written = 0;
  await inStore(database, storeName, timeoutMs, (store) => {
    for (const { record: number, key, value } of ready) {
      try {
        const request = store.keyPath === null ? store.put(value, key) : store.put(value);
        request.onsuccess = () => written++;
        request.onerror = (event) => {
          // Unhandled, it would abort the transaction and take the other records with it.
          event.preventDefault();
          event.stopPropagation();
          refused.push({ record: number, reason: request.error?.name ?? 'Error' });
        };
      } catch (error) {
        refused.push({ record: number, reason: nameOf(error) });
      }
    }
    store.transaction.commit();
  });
  return { written, refused };
}

interface ReadyRecord {
  readonly record: number;
  readonly key: IDBValidKey;
  readonly value: unknown;
}

/** The value as it was captured, or why it cannot be had. Waits only where it must. */
async function decodeExactly(bytes: Uint8Array): Promise<DecodedValue | string> {
  let decoded = decodeValue(bytes);
  if (decoded.unportable.length === 0 && decoded.foreign.length > 0) decoded = await decodeValueAsync(bytes);
  const { unportable, foreign } = decoded;
  if (unportable.length > 0) return `it holds a ${unportable.join(', ')}`;
  if (foreign.length > 0) return `this browser cannot make its ${foreign.join(', ')}`;
  return decoded;
}

/**
 * Moves a store's key generator on to `next`: a record with key `next - 1` is put and deleted in one transaction. Does nothing when that key
 * is taken, since the generator is past it then.
 */
export async function advanceKeyGenerator(database: string, storeName: string, next: number, timeoutMs: number): Promise<void> {
  const last = next - 1;
  await inStore(database, storeName, timeoutMs, (store) => {
    const taken = store.count(last);
    taken.onsuccess = () => {
      if (taken.result > 0) return;
      if (store.keyPath === null) store.put(null, last);
      else store.put(valueAt(store.keyPath as string, last));
      store.delete(last);
    };
  });
}

/** Runs `work` in a read-write transaction over one store, and returns when that is complete. */
async function inStore(database: string, storeName: string, timeoutMs: number, work: (store: IDBObjectStore) => void): Promise<void> {
  const connection = await openExisting(database, timeoutMs);
  if (connection === null) throw new DOMException('the database is gone', 'NotFoundError');
  try {
    const transaction = connection.transaction(storeName, 'readwrite', { durability: 'relaxed' });
    const done = finished(transaction);
    work(transaction.objectStore(storeName));
    await done;
  } finally {
    connection.close();
  }
}

/** An object that has `key` at a key path such as `meta.id`. */
function valueAt(keyPath: string, key: number): unknown {
  return keyPath.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), key);
}

/** Opens a database that exists; null when it does not (an open without a version would create it). */
async function openExisting(name: string, timeoutMs: number): Promise<IDBDatabase | null> {
  const request = indexedDB.open(name);
  let absent = false;
  request.onupgradeneeded = () => {
    absent = true;
    request.transaction?.abort();
  };
  try {
    const database = await limit(settle(request), timeoutMs, () => request.result.close());
    // Someone who upgrades the database must not wait for us.
    database.onversionchange = () => database.close();
    return database;
  } catch (error) {
    if (absent) return null;
    throw error;
  }
}

function settle<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = (event) => {
      event.preventDefault();
      reject(request.error);
    };
  });
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new DOMException('the transaction was aborted', 'AbortError'));
  });
}

/** Rejects with a TimeoutError after `timeoutMs`; when the work ends later all the same, `undo` runs. */
function limit<T>(work: Promise<T>, timeoutMs: number, undo: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      reject(new DOMException('the database did not open in time', 'TimeoutError'));
    }, timeoutMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        if (late) undo();
        else resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : 'Error';
}
