/** Several records of a store at once, keys with their values: in one request where the browser has that, else in two. */
import { settle } from './connection.ts';

/** Records that follow each other in their store. */
export interface Batch {
  /** Records that were asked for. */
  readonly asked: number;
  readonly keys: readonly IDBValidKey[];
  readonly values: readonly unknown[];
}

interface RecordsStore {
  /** Newer than the types. */
  getAllRecords?(options: { query: IDBKeyRange | null; count: number }): IDBRequest<{ primaryKey: IDBValidKey; value: unknown }[]>;
}

/** Asks for `asked` records at most, from the start of the range on. */
export function startBatch(store: IDBObjectStore, range: IDBKeyRange | null, asked: number): Promise<Batch> {
  const batch = requestBatch(store, range, asked);
  // It may fail when nobody waits for it any more.
  batch.catch(() => undefined);
  return batch;
}

async function requestBatch(store: IDBObjectStore & RecordsStore, range: IDBKeyRange | null, asked: number): Promise<Batch> {
  if (store.getAllRecords !== undefined) {
    const records = await settle(store.getAllRecords({ query: range, count: asked }));
    return { asked, keys: records.map(({ primaryKey }) => primaryKey), values: records.map(({ value }) => value) };
  }
  // Both requests are made before either is awaited, so that both see the same records.
  const [keys, values] = await Promise.all([settle(store.getAllKeys(range, asked)), settle(store.getAll(range, asked))]);
  return { asked, keys, values };
}
