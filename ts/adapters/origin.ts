/**
 * Storage of one origin, through our functions in one of its documents: read for a capture; replaced and read back for a restore. Knows nothing of
 * how the document got there.
 */
import { PspError } from '../errors.ts';
import { decodeBase64Text, encodeBase64Text } from '../kernel/text.ts';
import { concatenate, sameBytes } from '../session/bytes.ts';
import { RECORDS_MEDIA_TYPE, readRecords } from '../session/clone/records.ts';
import {
  type Database,
  type Extent,
  type ObjectStore,
  type OriginStorage,
  type StorageCoverage,
  type StorageItem,
  type StorageKey,
  section,
  textOf,
} from '../session/session.ts';
import { captureCaches, restoreCaches } from './caches.ts';
import { captureFiles, restoreFiles } from './files.ts';
import type { InterceptedPage, Standing } from './intercept.ts';
import type { Operation } from './operation.ts';
import type { DatabaseRead, StoreRead } from './page/database.ts';
import type { Uncarried } from './page/uncarried.ts';
import type { PageWorld } from './page-world.ts';
import type { DevToolsSession } from './protocol.ts';
import { placeOf } from './storage-key.ts';

/** What one origin holds, how far that is known, and what it holds of kinds that are not carried. */
export interface CapturedOrigin {
  readonly storage: OriginStorage;
  readonly coverage: StorageCoverage;
  readonly uncarried: Uncarried;
}

/** Reads an origin's storage. What fails (a database, a cache, a file) is an entry of the report and makes the coverage partial. */
export async function captureOrigin(
  operation: Operation,
  { session, world, storageKey }: Standing,
  key: StorageKey,
): Promise<CapturedOrigin> {
  const origin = placeOf(key);
  const localStorage = await world.call('readStorage', 'localStorage');
  const databases: Database[] = [];
  let extent: Extent = 'complete';
  for (const name of await world.call('databaseNames')) {
    const place = `${origin} ${name}`;
    const read = await operation.part({ outcome: 'lost', kind: 'indexedDB', place }, () =>
      readDatabase(operation, session, world, storageKey, origin, name),
    );
    if (read === null) extent = 'partial';
    else if (read !== 'gone') databases.push(read);
  }
  const { caches, extent: cachesExtent } = (await operation.part({ outcome: 'lost', kind: 'cacheStorage', place: origin }, () =>
    captureCaches(operation, { session, world, storageKey, place: origin }),
  )) ?? { caches: [], extent: 'unvisited' as const };
  const { files, extent: filesExtent } = (await operation.part({ outcome: 'lost', kind: 'fileSystem', place: origin }, () =>
    captureFiles(operation, world, origin),
  )) ?? { files: [], extent: 'unvisited' as const };
  return {
    storage: {
      key,
      localStorage,
      indexedDB: databases,
      ...(cachesExtent === 'unvisited' ? {} : { caches }),
      ...(filesExtent === 'unvisited' ? {} : { files }),
    },
    coverage: { key, localStorage: 'complete', indexedDB: extent, caches: cachesExtent, files: filesExtent },
    uncarried: await world.call('countUncarried'),
  };
}

async function readDatabase(
  operation: Operation,
  session: DevToolsSession,
  world: PageWorld,
  storageKey: string,
  origin: string,
  name: string,
): Promise<Database | 'gone'> {
  // The page gives up first, so that its answer says why.
  const read = await world.call('readDatabase', name, Math.ceil(operation.timeoutMs / 2));
  if (read === null) return 'gone';
  const stores: ObjectStore[] = [];
  for (const store of read.stores) {
    const place = `${origin} ${name}/${store.name}`;
    for (const { record, classes } of store.unportable) {
      const reason = `record ${record} holds a ${classes.join(', ')}, which this version does not carry`;
      operation.entries.push({ outcome: 'lost', kind: 'indexedDB', place, reason });
    }
    const keyGenerator = store.autoIncrement
      ? await operation.part({ outcome: 'altered', kind: 'indexedDB', place: `${place} key generator` }, () =>
          readKeyGenerator(session, storageKey, name, store.name),
        )
      : null;
    stores.push(await toStore(world, name, store, keyGenerator));
  }
  return { name, version: read.version, stores };
}

async function readKeyGenerator(
  session: DevToolsSession,
  storageKey: string,
  databaseName: string,
  objectStoreName: string,
): Promise<number> {
  const { keyGeneratorValue } = await session.send('IndexedDB.getMetadata', { storageKey, databaseName, objectStoreName });
  return keyGeneratorValue;
}

async function toStore(world: PageWorld, database: string, read: StoreRead, keyGenerator: number | null): Promise<ObjectStore> {
  const records = await takeRecords(world, database, read);
  return {
    name: read.name,
    keyPath: read.keyPath,
    autoIncrement: read.autoIncrement,
    ...(keyGenerator === null ? {} : { keyGenerator }),
    indexes: read.indexes,
    recordCount: read.recordCount,
    ...(records.length === 0 ? {} : { records: section(records, RECORDS_MEDIA_TYPE) }),
  };
}

async function takeRecords(world: PageWorld, database: string, store: StoreRead): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  for (let i = 0; i < store.chunks; i++) {
    const text = await world.call('takeChunk', database, store.name);
    if (text !== null) pieces.push(decodeBase64Text(text));
  }
  return concatenate(pieces);
}

/** How much of an origin's storage was found right when it was read back. */
export interface RestoredOrigin {
  readonly localStorage: number;
  readonly databases: number;
  readonly records: number;
  readonly cacheEntries: number;
  readonly files: number;
}

/** Writes an origin's storage, whose web storage and databases must have been cleared, and reads it back. What is not there as captured is an entry of the report. */
export async function restoreOrigin(
  operation: Operation,
  { session, world, storageKey }: Standing,
  storage: OriginStorage,
  answer: InterceptedPage['answer'],
): Promise<RestoredOrigin> {
  const origin = placeOf(storage.key);
  const items =
    (await operation.part({ outcome: 'lost', kind: 'localStorage', place: origin }, () =>
      restoreItems(operation, world, 'localStorage', origin, storage.localStorage),
    )) ?? 0;
  let databases = 0;
  let records = 0;
  for (const database of storage.indexedDB) {
    const place = `${origin} ${database.name}`;
    const restored = await operation.part({ outcome: 'lost', kind: 'indexedDB', place }, () =>
      restoreDatabase(operation, session, world, storageKey, place, database),
    );
    if (restored === null) continue;
    databases += restored.exact ? 1 : 0;
    records += restored.records;
  }
  const { caches, files } = storage;
  const cacheEntries =
    caches === undefined
      ? null
      : await operation.part({ outcome: 'lost', kind: 'cacheStorage', place: origin }, () =>
          restoreCaches(operation, { session, world, storageKey, place: origin }, answer, caches),
        );
  const restoredFiles =
    files === undefined
      ? null
      : await operation.part({ outcome: 'lost', kind: 'fileSystem', place: origin }, () => restoreFiles(operation, world, origin, files));
  return { localStorage: items, databases, records, cacheEntries: cacheEntries ?? 0, files: restoredFiles ?? 0 };
}

/** Replaces a web storage area and reads it back; returns how many items are there as captured. */
export async function restoreItems(
  operation: Operation,
  world: PageWorld,
  area: 'localStorage' | 'sessionStorage',
  place: string,
  captured: readonly StorageItem[],
): Promise<number> {
  const items = await Promise.all(captured.map(async ([name, value]) => [name, await textOf(value)] as const));
  const refused = new Set(await world.call('writeStorage', area, items));
  const found = new Map(await world.call('readStorage', area));
  let right = 0;
  items.forEach(([name, value], index) => {
    if (found.get(name) === value) right++;
    else if (refused.has(index))
      operation.entries.push({ outcome: 'lost', kind: area, place: `${place} ${name}`, reason: 'the browser refused it' });
    else operation.entries.push({ outcome: 'altered', kind: area, place: `${place} ${name}`, reason: 'it reads back differently' });
  });
  return right;
}

async function restoreDatabase(
  operation: Operation,
  session: DevToolsSession,
  world: PageWorld,
  storageKey: string,
  place: string,
  database: Database,
): Promise<{ exact: boolean; records: number }> {
  const limit = Math.ceil(operation.timeoutMs / 2);
  const { name, version, stores } = database;
  const before = operation.entries.length;
  await world.call('createDatabase', name, version, stores.map(schemaOf), limit);
  const written = new Map<string, Uint8Array>();
  for (const store of stores) {
    const expected = await putStore(operation, world, place, database, store, limit);
    written.set(store.name, expected);
    if (store.keyGenerator !== undefined && store.keyGenerator > 1) {
      await world.call('advanceKeyGenerator', name, store.name, store.keyGenerator, limit);
    }
  }

  const read = await world.call('readDatabase', name, limit);
  let records = 0;
  for (const store of stores) {
    const storePlace = `${place}/${store.name}`;
    const found = read?.stores.find((candidate) => candidate.name === store.name);
    const bytes = found === undefined ? null : await takeRecords(world, name, found);
    const generator = store.keyGenerator === undefined ? undefined : await readKeyGenerator(session, storageKey, name, store.name);
    const difference = compareStore(store, written.get(store.name) as Uint8Array, found, bytes, generator);
    if (difference === null) records += found?.recordCount ?? 0;
    else operation.entries.push({ outcome: 'altered', kind: 'indexedDB', place: storePlace, reason: difference });
  }
  if (!sameShape(database, read)) {
    operation.entries.push({ outcome: 'altered', kind: 'indexedDB', place, reason: 'its version or stores read back differently' });
  }
  return { exact: operation.entries.length === before, records };
}

/** Bytes of records sent to the page at once. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** Writes a store's records piece by piece; returns the bytes that should read back: those of every record that was not refused. */
async function putStore(
  operation: Operation,
  world: PageWorld,
  place: string,
  database: Database,
  store: ObjectStore,
  limitMs: number,
): Promise<Uint8Array> {
  if (store.records === undefined) return new Uint8Array(0);
  if (store.records.mediaType !== RECORDS_MEDIA_TYPE) {
    throw new PspError(
      'SESSION_CLONE_UNSUPPORTED',
      `the records of ${place}/${store.name} are in another encoding than ${RECORDS_MEDIA_TYPE}`,
    );
  }
  const kept: Uint8Array[] = [];
  let first = 0;
  for (const piece of pieces([...readRecords(await store.records.bytes())].map(({ whole }) => whole))) {
    const text = encodeBase64Text(concatenate(piece));
    const { refused } = await world.call('putRecords', database.name, store.name, text, limitMs);
    const reasons = new Map(refused.map(({ record, reason }) => [record, reason]));
    piece.forEach((record, index) => {
      const reason = reasons.get(index);
      if (reason === undefined) kept.push(record);
      else
        operation.entries.push({
          outcome: 'lost',
          kind: 'indexedDB',
          place: `${place}/${store.name}`,
          reason: `record ${first + index}: ${reason}`,
        });
    });
    first += piece.length;
  }
  return concatenate(kept);
}

function* pieces(records: readonly Uint8Array[]): IterableIterator<Uint8Array[]> {
  let piece: Uint8Array[] = [];
  let size = 0;
  for (const record of records) {
    if (size > 0 && size + record.length > PIECE_BYTES) {
      yield piece;
      piece = [];
      size = 0;
    }
    piece.push(record);
    size += record.length;
  }
  if (size > 0) yield piece;
}

/** What differs between a store as it should be and as it was found, or null. */
function compareStore(
  expected: ObjectStore,
  expectedRecords: Uint8Array,
  found: StoreRead | undefined,
  foundRecords: Uint8Array | null,
  generator: number | undefined,
): string | null {
  if (found === undefined || foundRecords === null) return 'it is not there';
  if (!sameBytes(expectedRecords, foundRecords)) return 'its records read back differently';
  if (generator !== expected.keyGenerator) return 'its key generator reads back differently';
  return null;
}

function sameShape(expected: Database, found: DatabaseRead | null): boolean {
  if (found === null || found.version !== expected.version) return false;
  const shapes = (stores: readonly (ObjectStore | StoreRead)[]): string => JSON.stringify(byName(stores).map(schemaOf));
  return shapes(expected.stores) === shapes(found.stores);
}

/** The schema facts of a store, its indexes in name order: the order in which a browser lists them. */
function schemaOf({
  name,
  keyPath,
  autoIncrement,
  indexes,
}: ObjectStore | StoreRead): Pick<StoreRead, 'name' | 'autoIncrement' | 'indexes' | 'keyPath'> {
  const copy = (path: string | readonly string[]): string | string[] => (typeof path === 'string' ? path : [...path]);
  return {
    name,
    keyPath: keyPath === null ? null : copy(keyPath),
    autoIncrement,
    indexes: byName(indexes).map((index) => ({
      name: index.name,
      keyPath: copy(index.keyPath),
      unique: index.unique,
      multiEntry: index.multiEntry,
    })),
  };
}

function byName<T extends { readonly name: string }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
