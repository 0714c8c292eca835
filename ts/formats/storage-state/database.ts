/**
 * IndexedDB of a storage state to and from that of a Session. A store with a key path holds values alone: their keys are in them.
 *
 *     keyPath | keyPathArray | neither    <->  keyPath: a string, an array, null
 *     key | keyEncoded, value | valueEncoded   <->  a record; see `value.ts` for the encoding
 */
import { PspError } from '../../errors.ts';
import { decodeValue } from '../../session/clone/decode.ts';
import { readRecords as splitRecords } from '../../session/clone/records.ts';
import type { Database, ObjectStore, StoreIndex } from '../../session/session.ts';
import { LastOf, type Loss, lose } from '../loss.ts';
import { type FileRecord, keyFinder, keyOf, makeRecords } from '../object-store.ts';
import type { Place } from '../place.ts';
import { readValue } from './read-value.ts';
import { Uncarriable } from './value.ts';
import { type WrittenValue, writeValue } from './write-value.ts';

/** A database of a storage state. */
export interface StorageStateDatabase {
  name: string;
  version: number;
  stores: StorageStateStore[];
}

/** An object store. Without a key path in either form, keys stand beside the values. */
export interface StorageStateStore {
  name: string;
  autoIncrement: boolean;
  keyPath?: string;
  keyPathArray?: string[];
  records: StorageStateRecord[];
  indexes: StorageStateIndex[];
}

/** A record: its value as JSON or, where JSON cannot say it, encoded; the same for its key, unless the key is in the value. */
export interface StorageStateRecord {
  key?: unknown;
  keyEncoded?: unknown;
  value?: unknown;
  valueEncoded?: unknown;
}

/** An index of an object store. */
export interface StorageStateIndex {
  name: string;
  keyPath?: string;
  keyPathArray?: string[];
  multiEntry: boolean;
  unique: boolean;
}

/** Reads the databases of one origin. Key generators are not in a file: restored, they start after the largest key. */
export function readDatabases(places: readonly Place[], losses: Loss[]): Database[] {
  const kept = new LastOf<Database>('database', losses);
  for (const place of places) {
    const name = place.member('name').string();
    const version = place.member('version').integer(1, Number.MAX_SAFE_INTEGER);
    const stores = new LastOf<ObjectStore>('object store', losses);
    for (const store of place.member('stores').items()) stores.set(store.member('name').string(), readStore(store, losses), store.pointer);
    kept.set(name, { name, version, stores: stores.values() }, place.pointer);
  }
  return kept.values();
}

function readStore(place: Place, losses: Loss[]): ObjectStore {
  const keyPath = readKeyPath(place);
  const indexes = new LastOf<StoreIndex>('index', losses);
  for (const index of place.member('indexes').items()) indexes.set(index.member('name').string(), readIndex(index), index.pointer);
  const findKey = keyPath === null ? null : keyFinder(keyPath);
  const records = place
    .member('records')
    .items()
    .flatMap((record) => readRecord(record, findKey, losses));
  return {
    name: place.member('name').string(),
    keyPath,
    autoIncrement: place.member('autoIncrement').boolean(),
    indexes: indexes.values(),
    ...makeRecords(records, losses),
  };
}

function readIndex(place: Place): StoreIndex {
  const keyPath = readKeyPath(place);
  if (keyPath === null) throw place.member('keyPath').malformed('a key path');
  return {
    name: place.member('name').string(),
    keyPath,
    unique: place.member('unique').boolean(),
    multiEntry: place.member('multiEntry').boolean(),
  };
}

// In Playwright's order: the array counts where both are there.
function readKeyPath(place: Place): string | string[] | null {
  const array = place.optional('keyPathArray');
  if (array === null) return place.optional('keyPath')?.string() ?? null;
  const paths = array.items().map((path) => path.string());
  if (paths.length === 0) throw array.malformed('at least one key path', 'none');
  return paths;
}

/** `findKey` is null where keys stand beside values. */
function readRecord(place: Place, findKey: ReturnType<typeof keyFinder> | null, losses: Loss[]): FileRecord[] {
  const { pointer } = place;
  try {
    const value = readPart(place, 'value', 'valueEncoded');
    if (findKey !== null) {
      const key = findKey(value);
      if (key === null) throw new Uncarriable('it has no key at the key path of its store');
      return [{ key, value, pointer }];
    }
    const key = keyOf(readPart(place, 'key', 'keyEncoded'));
    if (key === null) throw place.malformed('a record with a valid key', 'one with another');
    return [{ key, value, pointer }];
  } catch (error) {
    if (!(error instanceof Uncarriable)) throw error;
    lose(losses, pointer, 'dropped', error.reason);
    return [];
  }
}

function readPart(place: Place, plainName: string, encodedName: string): unknown {
  const plain = place.optional(plainName);
  if (plain !== null) return plain.value;
  const encoded = place.optional(encodedName);
  if (encoded === null) throw place.member(plainName).malformed(`a value, here or as ${encodedName}`);
  return readValue(encoded);
}

/**
 * Writes the databases of one origin. A record that Playwright cannot hold exactly is a loss of its own, `records/<n>` counted in key order; so is a
 * key generator that has moved on from its largest key, as the keys that it gives next were given before.
 */
export async function writeDatabases(databases: readonly Database[], pointer: string, losses: Loss[]): Promise<StorageStateDatabase[]> {
  const written: StorageStateDatabase[] = [];
  for (const [index, { name, version, stores }] of databases.entries()) {
    const writtenStores: StorageStateStore[] = [];
    for (const [at, store] of stores.entries()) writtenStores.push(await writeStore(store, `${pointer}/${index}/stores/${at}`, losses));
    written.push({ name, version, stores: writtenStores });
  }
  return written;
}

async function writeStore(store: ObjectStore, pointer: string, losses: Loss[]): Promise<StorageStateStore> {
  const records: StorageStateRecord[] = [];
  let nextKey = 1;
  const bytes = await store.records?.bytes();
  let at = 0;
  for (const { key, value } of bytes === undefined ? [] : splitRecords(bytes)) {
    const place = `${pointer}/records/${at++}`;
    const decodedKey = decodeValue(key).value;
    if (typeof decodedKey === 'number') nextKey = Math.max(nextKey, Math.floor(decodedKey) + 1);
    const record = writeRecord(decodedKey, value, store.keyPath !== null, place, losses);
    if (record !== null) records.push(record);
  }
  if (store.keyGenerator !== undefined && store.keyGenerator !== nextKey) {
    lose(losses, `${pointer}/keyGenerator`, 'lossy', 'Playwright starts it after the largest key that is left: keys may be given again');
  }
  const indexes = store.indexes.map(({ name, keyPath, multiEntry, unique }) => ({ name, ...writeKeyPath(keyPath), multiEntry, unique }));
  return { name: store.name, autoIncrement: store.autoIncrement, ...writeKeyPath(store.keyPath), records, indexes };
}

function writeKeyPath(keyPath: ObjectStore['keyPath']): { keyPath?: string; keyPathArray?: string[] } {
  if (keyPath === null) return {};
  return typeof keyPath === 'string' ? { keyPath } : { keyPathArray: [...keyPath] };
}

function writeRecord(key: unknown, value: Uint8Array, keyIsInValue: boolean, pointer: string, losses: Loss[]): StorageStateRecord | null {
  try {
    const written = writeValue(decodeRecordValue(value));
    for (const flaw of written.flaws) lose(losses, pointer, 'lossy', flaw);
    const record: StorageStateRecord = isEncoded(written) ? { valueEncoded: written.encoded } : { value: written.plain };
    if (keyIsInValue) return record;
    const writtenKey = writeValue(key);
    return isEncoded(writtenKey) ? { keyEncoded: writtenKey.encoded, ...record } : { key: writtenKey.plain, ...record };
  } catch (error) {
    if (!(error instanceof Uncarriable)) throw error;
    lose(losses, pointer, 'dropped', error.reason);
    return null;
  }
}

function isEncoded(written: WrittenValue): written is Extract<WrittenValue, { encoded: unknown }> {
  return 'encoded' in written;
}

/** Bytes that are damaged are thrown for; a value too large for this platform costs its record only. */
function decodeRecordValue(bytes: Uint8Array): unknown {
  try {
    return decodeValue(bytes).value;
  } catch (error) {
    if (error instanceof PspError && error.code === 'SESSION_CLONE_UNSUPPORTED')
      throw new Uncarriable('it is larger than this platform can hold');
    throw error;
  }
}
