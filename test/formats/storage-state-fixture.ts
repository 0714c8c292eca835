/** Object stores to write into a storage state, and the way back. */
import { readStorageState, type StorageState, writeStorageState } from '../../ts/formats/formats.ts';
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../../ts/session/clone/records.ts';
import { type ObjectStore, type OriginStorage, type Session, section } from '../../ts/session/session.ts';
import { OPTIONS, sessionWith, throughFile } from './fixture.ts';

export type Pair = readonly [key: unknown, value: unknown];

/** A store with these records, which are in key order. */
export function storeOf(pairs: readonly Pair[], parts: Partial<ObjectStore> = {}): ObjectStore {
  const writer = new RecordWriter();
  for (const [key, value] of pairs) writer.add(key, value);
  const records = section(writer.take(), RECORDS_MEDIA_TYPE);
  return { name: 's', keyPath: null, autoIncrement: false, indexes: [], recordCount: pairs.length, records, ...parts };
}

/** What `origin` holds: one database with these stores. */
export function storageOf(origin: string, ...stores: ObjectStore[]): OriginStorage {
  return { key: { origin, topLevelSite: null }, localStorage: [], indexedDB: [{ name: 'db', version: 2, stores }] };
}

/** The file of a session with these stores. */
export const writeStores = async (...stores: ObjectStore[]) =>
  writeStorageState(sessionWith({ storage: [storageOf('http://a', ...stores)] }));
/** What is read from a file, once JSON had it. */
export const readBack = (state: StorageState) => readStorageState(throughFile(state), OPTIONS);
/** The first store of the first database. */
export const firstStore = (session: Session): ObjectStore => session.storage[0]!.indexedDB[0]!.stores[0]!;

/** An object for two places. */
export const shared = { s: 1 };

/** An object in itself. */
export const cyclic: Record<string, unknown> = { name: 'c' };
cyclic['self'] = cyclic;

/** So many arrays in one another. */
export const nested = (depth: number): unknown => {
  let value: unknown = 0;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
};
