/** The databases of the document this runs in, apart from their records: which there are, and their key generators. */
import { rooms } from './buckets.ts';
import { finished, limit, openExisting, settle } from './connection.ts';

/** What a store is made of. */
export interface StoreSchema {
  readonly name: string;
  readonly keyPath: string | readonly string[] | null;
  readonly autoIncrement: boolean;
  readonly indexes: readonly { name: string; keyPath: string | readonly string[]; unique: boolean; multiEntry: boolean }[];
}

/** The schema of a store, its indexes in the order of the platform. */
export function schemaOf(store: IDBObjectStore): StoreSchema {
  const { name, keyPath, autoIncrement, indexNames } = store;
  const indexes = [...indexNames].map((indexName) => {
    const index = store.index(indexName);
    return { name: indexName, keyPath: index.keyPath, unique: index.unique, multiEntry: index.multiEntry };
  });
  return { name, keyPath, autoIncrement, indexes };
}

/** Names of the databases of this storage key. */
export async function databaseNames(): Promise<string[]> {
  const databases = await rooms().indexedDB.databases();
  return databases.map((database) => database.name ?? '');
}

/** A database as it was found, apart from what its records hold. */
export interface DatabaseFound {
  readonly version: number;
  readonly stores: readonly (StoreSchema & { readonly recordCount: number })[];
}

/** What a database is made of, and how many records each store has; null when it is not there. */
export async function lookAtDatabase(name: string, timeoutMs: number): Promise<DatabaseFound | null> {
  const connection = await openExisting(name, timeoutMs);
  if (connection === null) return null;
  try {
    const { version } = connection;
    const names = [...connection.objectStoreNames];
    if (names.length === 0) return { version, stores: [] };
    const transaction = connection.transaction(names, 'readonly');
    const stores = names.map(async (storeName) => {
      const store = transaction.objectStore(storeName);
      return { ...schemaOf(store), recordCount: await settle(store.count()) };
    });
    return { version, stores: await Promise.all(stores) };
  } finally {
    connection.close();
  }
}

/**
 * Removes a database. Connections to it are asked to close; a TimeoutError where one is held on to, and then nothing is changed. A deletion that waits cannot be
 * called back, and would come over the site when it lets go: so it is an upgrade that waits, which never happens. The deletion is queued behind it, where
 * nobody gets between.
 */
export async function deleteDatabase(name: string, timeoutMs: number): Promise<void> {
  const connection = await openExisting(name, timeoutMs);
  if (connection === null) return;
  const { version } = connection;
  connection.close();
  const { indexedDB } = rooms();
  let isLate = false;
  let deleting: Promise<unknown> | null = null;
  const asking = indexedDB.open(name, version + 1);
  asking.onupgradeneeded = () => {
    if (!isLate) deleting = settle(indexedDB.deleteDatabase(name));
    asking.transaction?.abort();
  };
  try {
    await limit(settle(asking), timeoutMs, () => asking.result.close());
  } catch (error) {
    isLate = true;
    // The upgrade was taken back: what is queued behind it is next.
    if (deleting === null) throw error;
    await limit(deleting, timeoutMs, () => undefined);
  }
}

/**
 * The next key that a store's key generator will give, without using it up: a record is added in a transaction that is aborted, and that reverts the generator
 * (Indexed Database API 3.0, section 2.11).
 */
export async function tryKeyGenerator(database: string, storeName: string, timeoutMs: number): Promise<number> {
  const connection = await openExisting(database, timeoutMs);
  if (connection === null) throw new DOMException('the database is gone', 'NotFoundError');
  try {
    const transaction = connection.transaction(storeName, 'readwrite', { durability: 'relaxed' });
    // It ends by being aborted: by us, or for the reason why there is no key.
    const over = finished(transaction).catch(() => undefined);
    const key = await settle(transaction.objectStore(storeName).add({}));
    transaction.abort();
    await over;
    return key as number;
  } finally {
    connection.close();
  }
}
