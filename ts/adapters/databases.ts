/**
 * IndexedDB of one storage key, through our functions in one of its documents: read for a capture; written and read back for a restore. Records cross as
 * they are encoded (`ts/session/clone/layout.md`), a few megabytes at a time; what a record holds is not looked at here.
 */
import { PspError } from '../errors.ts';
import { decodeBase64Text, encodeBase64Text } from '../kernel/text.ts';
import { RECORDS_MEDIA_TYPE, readRecords } from '../session/clone/records.ts';
import { piecesOf, type SectionWriter } from '../session/section-sink.ts';
import type { Database, Extent, ObjectStore, Section } from '../session/session.ts';
import type { Standing } from './intercept.ts';
import type { Operation } from './operation.ts';
import type { StoreSchema } from './page/database.ts';
import { ContentDigest } from './page/digest.ts';
import type { DatabaseRead, StoreDigest } from './page/records-read.ts';
import type { PartText } from './page/script.ts';
import type { PageWorld } from './page-world.ts';
import { cutRecords, type RecordPiece } from './record-pieces.ts';

/** Reads every database. One that fails is an entry of the report, and makes the extent partial. */
export async function captureDatabases(
  operation: Operation,
  at: Standing,
  origin: string,
): Promise<{ databases: Database[]; extent: Extent }> {
  const databases: Database[] = [];
  let extent: Extent = 'complete';
  for (const name of await at.world.call('databaseNames')) {
    const read = await operation.part({ outcome: 'lost', kind: 'indexedDB', place: `${origin} ${name}` }, () =>
      readDatabase(operation, at, origin, name),
    );
    if (read === null) extent = 'partial';
    else if (read !== 'gone') databases.push(read);
  }
  return { databases, extent };
}

async function readDatabase(operation: Operation, at: Standing, origin: string, name: string): Promise<Database | 'gone'> {
  const { world } = at;
  // The page gives up first, so that its answer says why.
  const read = await world.call('openDatabase', name, Math.ceil(operation.timeoutMs / 2));
  if (read === null) return 'gone';
  const contents = new Contents(operation, `${origin} ${name}`, read.stores);
  try {
    await takeParts(world, (part) => contents.add(part));
    const records = await contents.end();
    const stores: ObjectStore[] = [];
    for (const [index, store] of read.stores.entries()) {
      const place = `${origin} ${name}/${store.name}`;
      const keyGenerator = store.autoIncrement
        ? await operation.part({ outcome: 'altered', kind: 'indexedDB', place: `${place} key generator` }, () =>
            readKeyGenerator(operation, at, name, store.name),
          )
        : null;
      const { count, section } = records[index]!;
      stores.push({
        ...store,
        ...(keyGenerator === null ? {} : { keyGenerator }),
        recordCount: count,
        ...(section === null ? {} : { records: section }),
      });
    }
    return { name, version: read.version, stores };
  } catch (error) {
    // The failure itself is reported. Where the document does not answer any more, nothing in it needs an end.
    await Promise.allSettled([contents.abort(), world.call('closeDatabase')]);
    throw error;
  }
}

/** Calls for parts that are on their way at once: one travels while the page makes the next. */
const CALLS = 2;

/** Takes all records of the database that is open, in order. */
async function takeParts(world: PageWorld, take: (part: PartText) => Promise<void>): Promise<void> {
  const calls: Promise<PartText[]>[] = [];
  const call = (): void => {
    const parts = world.call('nextRecords');
    // A failure shows where the parts are waited for, unless an earlier one ended that.
    parts.catch(() => undefined);
    calls.push(parts);
  };
  for (let i = 0; i < CALLS; i++) call();
  for (;;) {
    const parts = await calls.shift()!;
    if (parts.length === 0) break;
    call();
    for (const part of parts) await take(part);
  }
  await Promise.all(calls);
  await world.call('closeDatabase');
}

/** The records of a database's stores as they come: one store after the other. */
class Contents {
  readonly #operation: Operation;
  readonly #place: string;
  readonly #stores: readonly StoreSchema[];
  readonly #ended: { count: number; section: Section | null }[];
  #writer: SectionWriter | null = null;
  #store = 0;

  constructor(operation: Operation, place: string, stores: readonly StoreSchema[]) {
    this.#operation = operation;
    this.#place = place;
    this.#stores = stores;
    this.#ended = stores.map(() => ({ count: 0, section: null }));
  }

  async add({ store, count, bytes, unportable }: PartText): Promise<void> {
    if (store !== this.#store) await this.#endStore();
    this.#store = store;
    const writer = this.#writer ?? (await this.#operation.sink.begin(RECORDS_MEDIA_TYPE));
    this.#writer = writer;
    await writer.write(decodeBase64Text(bytes));
    this.#ended[store]!.count += count;
    for (const { record, classes } of unportable) {
      const reason = `record ${record} holds a ${classes.join(', ')}, which this version does not carry`;
      const place = `${this.#place}/${this.#stores[store]!.name}`;
      this.#operation.entries.push({ outcome: 'lost', kind: 'indexedDB', place, reason });
    }
  }

  async end(): Promise<readonly { readonly count: number; readonly section: Section | null }[]> {
    await this.#endStore();
    return this.#ended;
  }

  async abort(): Promise<void> {
    await this.#writer?.abort();
  }

  async #endStore(): Promise<void> {
    const writer = this.#writer;
    this.#writer = null;
    if (writer !== null) this.#ended[this.#store]!.section = await writer.end();
  }
}

/** Asks the browser where that can be asked; a page must try the generator, and take it back. */
async function readKeyGenerator(
  { timeoutMs }: Operation,
  { session, world, storageKey, bucket }: Standing,
  databaseName: string,
  objectStoreName: string,
): Promise<number> {
  if (session === null) return world.call('tryKeyGenerator', databaseName, objectStoreName, Math.ceil(timeoutMs / 2));
  const address = bucket === undefined ? { storageKey } : { storageBucket: { storageKey, name: bucket } };
  const { keyGeneratorValue } = await session.send('IndexedDB.getMetadata', { ...address, databaseName, objectStoreName });
  return keyGeneratorValue;
}

/**
 * Removes every database. Where the DevTools protocol is there, connections that are open are closed first, whoever holds them; a page can only ask for that,
 * and one that is held on to is an entry of the report.
 */
export async function clearDatabases(operation: Operation, { session, world, storageKey }: Standing, origin: string): Promise<void> {
  if (session !== null) {
    await session.send('Storage.clearDataForStorageKey', { storageKey, storageTypes: 'indexeddb' });
    return;
  }
  for (const name of await world.call('databaseNames')) {
    await operation.part({ outcome: 'altered', kind: 'indexedDB', place: `${origin} ${name}` }, () =>
      world.call('deleteDatabase', name, Math.ceil(operation.timeoutMs / 2)),
    );
  }
}

/**
 * Writes databases and reads them back; how many databases and records are there as captured. None of them may be there, unless it is added to: then the records
 * go into one of the same shape, beside those that it has.
 */
export async function restoreDatabases(
  operation: Operation,
  at: Standing,
  origin: string,
  databases: readonly Database[],
  isAdded: boolean,
): Promise<{ databases: number; records: number }> {
  const there = new Set(isAdded ? await at.world.call('databaseNames') : []);
  let exact = 0;
  let records = 0;
  for (const database of databases) {
    const place = `${origin} ${database.name}`;
    const restored = await operation.part({ outcome: 'lost', kind: 'indexedDB', place }, () =>
      there.has(database.name) ? addToDatabase(operation, at, place, database) : restoreDatabase(operation, at, place, database),
    );
    if (restored === null) continue;
    exact += restored.exact ? 1 : 0;
    records += restored.records;
  }
  return { databases: exact, records };
}

async function restoreDatabase(
  operation: Operation,
  at: Standing,
  place: string,
  database: Database,
): Promise<{ exact: boolean; records: number }> {
  const { world } = at;
  const limit = Math.ceil(operation.timeoutMs / 2);
  const { name, version, stores } = database;
  const before = operation.entries.length;
  await world.call('createDatabase', name, version, stores.map(schemaOf), limit);
  const written = new Map<string, string>();
  try {
    for (const store of stores) {
      written.set(store.name, (await putStore(operation, world, `${place}/${store.name}`, store)).digest);
      if (store.keyGenerator !== undefined && store.keyGenerator > 1) {
        await world.call('advanceKeyGenerator', store.name, store.keyGenerator);
      }
    }
    await world.call('finishDatabase');
  } catch (error) {
    // A part of a database is none that the site ever had. Where the document does not answer any more, this fails like the rest.
    await Promise.allSettled([world.call('finishDatabase'), world.call('deleteDatabase', name, limit)]);
    throw error;
  }

  const found = await readBack(world, name, limit);
  let records = 0;
  for (const store of stores) {
    const there = found?.stores.get(store.name);
    const generator = store.keyGenerator === undefined ? undefined : await readKeyGenerator(operation, at, name, store.name);
    const difference = compareStore(store, written.get(store.name)!, there, generator);
    if (difference === null) records += there?.recordCount ?? 0;
    else operation.entries.push({ outcome: 'altered', kind: 'indexedDB', place: `${place}/${store.name}`, reason: difference });
  }
  if (!sameShape(database, found?.read ?? null)) {
    operation.entries.push({ outcome: 'altered', kind: 'indexedDB', place, reason: 'its version or stores read back differently' });
  }
  return { exact: operation.entries.length === before, records };
}

/** Puts the records of a database into the one that is there. */
async function addToDatabase(
  operation: Operation,
  at: Standing,
  place: string,
  database: Database,
): Promise<{ exact: boolean; records: number }> {
  const { world } = at;
  const limit = Math.ceil(operation.timeoutMs / 2);
  const { name, version, stores } = database;
  const found = await world.call('openDatabase', name, limit);
  await world.call('closeDatabase');
  if (!sameShape(database, found) || !(await world.call('reopenDatabase', name, version, limit))) {
    throw new PspError('ADAPTER_UNSUPPORTED', 'it is there in another version or shape, and is kept');
  }
  const before = operation.entries.length;
  let records = 0;
  try {
    for (const store of stores) {
      const storePlace = `${place}/${store.name}`;
      const { refused } = await putStore(operation, world, storePlace, store);
      records += store.recordCount - (await reportMissing(operation, world, storePlace, store, refused));
      const next = store.keyGenerator ?? 1;
      if (next > 1) await world.call('advanceKeyGenerator', store.name, next);
    }
  } finally {
    await Promise.allSettled([world.call('finishDatabase')]);
  }
  for (const { name: store, keyGenerator } of stores) {
    if (keyGenerator === undefined || (await readKeyGenerator(operation, at, name, store)) >= keyGenerator) continue;
    const reason = 'its key generator reads back behind that of the session';
    operation.entries.push({ outcome: 'altered', kind: 'indexedDB', place: `${place}/${store}`, reason });
  }
  return { exact: operation.entries.length === before, records };
}

/** Reads back the records of a store that holds others besides; how many of them are not there as captured, each of which is an entry of the report. */
async function reportMissing(
  operation: Operation,
  world: PageWorld,
  place: string,
  { name, records }: ObjectStore,
  refused: ReadonlySet<number>,
): Promise<number> {
  let missing = 0;
  if (records === undefined) return missing;
  for await (const { first, bytes } of cutRecords(piecesOf(records))) {
    for (const record of await world.call('missingRecords', name, encodeBase64Text(bytes))) {
      missing++;
      if (refused.has(first + record)) continue;
      operation.entries.push({ outcome: 'altered', kind: 'indexedDB', place, reason: `record ${first + record} reads back differently` });
    }
  }
  return missing;
}

interface FoundDatabase {
  readonly read: DatabaseRead;
  readonly stores: ReadonlyMap<string, StoreDigest>;
}

/** Reads a database in the page, which says what the records of each store are by their digest; null when it is not there. */
async function readBack(world: PageWorld, name: string, timeoutMs: number): Promise<FoundDatabase | null> {
  const read = await world.call('openDatabase', name, timeoutMs);
  if (read === null) return null;
  try {
    for (;;) {
      const digests = await world.call('digestRecords');
      if (digests !== null) return { read, stores: new Map(read.stores.map(({ name: store }, i) => [store, digests[i]!])) };
    }
  } finally {
    await Promise.allSettled([world.call('closeDatabase')]);
  }
}

/** Pieces that are on their way into the page at once: while one is committed, the next is decoded there and a third one travels. */
const PIECES = 3;

/** Writes a store's records. Those that were refused, by their number, are entries of the report; `digest` is that of what should read back: of all others. */
async function putStore(
  operation: Operation,
  world: PageWorld,
  place: string,
  { name, records }: ObjectStore,
): Promise<{ digest: string; refused: ReadonlySet<number> }> {
  const digest = new ContentDigest();
  const allRefused = new Set<number>();
  if (records === undefined) return { digest: digest.finish(), refused: allRefused };
  if (records.mediaType !== RECORDS_MEDIA_TYPE) {
    throw new PspError('SESSION_CLONE_UNSUPPORTED', `the records of ${place} are in another encoding than ${RECORDS_MEDIA_TYPE}`);
  }
  const sent: { readonly piece: RecordPiece; readonly answer: ReturnType<typeof put> }[] = [];
  const put = (bytes: Uint8Array) => world.call('putRecords', name, encodeBase64Text(bytes));
  const settleFirst = async (): Promise<void> => {
    const { piece, answer } = sent.shift()!;
    const refused = new Map((await answer).map(({ record, reason }) => [record, reason]));
    for (const [record, reason] of refused) {
      allRefused.add(piece.first + record);
      operation.entries.push({ outcome: 'lost', kind: 'indexedDB', place, reason: `record ${piece.first + record}: ${reason}` });
    }
    if (refused.size === 0) digest.add(piece.bytes);
    else for (const [i, { whole }] of [...readRecords(piece.bytes)].entries()) if (!refused.has(i)) digest.add(whole);
  };
  for await (const piece of cutRecords(piecesOf(records))) {
    const answer = put(piece.bytes);
    // A failure shows when its turn comes, unless an earlier one ended that.
    answer.catch(() => undefined);
    sent.push({ piece, answer });
    if (sent.length === PIECES) await settleFirst();
  }
  while (sent.length > 0) await settleFirst();
  return { digest: digest.finish(), refused: allRefused };
}

/** What differs between a store as it should be and as it was found, or null. */
function compareStore(
  expected: ObjectStore,
  expectedDigest: string,
  found: StoreDigest | undefined,
  generator: number | undefined,
): string | null {
  if (found === undefined) return 'it is not there';
  if (found.digest !== expectedDigest) return 'its records read back differently';
  if (generator !== expected.keyGenerator) return 'its key generator reads back differently';
  return null;
}

function sameShape(expected: Database, found: DatabaseRead | null): boolean {
  if (found === null || found.version !== expected.version) return false;
  const shapes = (stores: readonly (ObjectStore | StoreSchema)[]): string => JSON.stringify(byName(stores).map(schemaOf));
  return shapes(expected.stores) === shapes(found.stores);
}

/** The schema facts of a store, its indexes in name order: the order in which a browser lists them. */
function schemaOf({ name, keyPath, autoIncrement, indexes }: ObjectStore | StoreSchema): StoreSchema {
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
