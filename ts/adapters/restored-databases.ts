/**
 * IndexedDB of one storage key, written through our functions in one of its documents, and read back. Records cross as they are encoded
 * (`ts/session/clone/layout.md`): a small database in one call, a large one a few megabytes at a time.
 */
import { PspError } from '../errors.ts';
import { encodeBase64Text } from '../kernel/text.ts';
import { concatenate } from '../session/bytes.ts';
import { RECORDS_MEDIA_TYPE, readRecords } from '../session/clone/records.ts';
import { piecesOf } from '../session/section-sink.ts';
import type { Database, ObjectStore } from '../session/session.ts';
import { readKeyGenerator } from './databases.ts';
import type { Standing } from './intercept.ts';
import type { Operation } from './operation.ts';
import type { DatabaseFound, StoreSchema } from './page/database.ts';
import type { PutAnswer } from './page/records-write.ts';
import type { PageWorld } from './page-world.ts';
import { cutRecords, type RecordPiece } from './record-pieces.ts';

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
  const before = operation.entries.length;
  const { written, found } = await writeDatabase(operation, world, place, database, limit);
  let records = 0;
  for (const [index, store] of database.stores.entries()) {
    const there = found?.stores.find(({ name }) => name === store.name);
    const generator = store.keyGenerator === undefined ? undefined : await readKeyGenerator(operation, at, database.name, store.name);
    const difference = compareStore(store, written[index]!, there, generator);
    if (difference === null) records += there?.recordCount ?? 0;
    else operation.entries.push({ outcome: 'altered', kind: 'indexedDB', place: `${place}/${store.name}`, reason: difference });
  }
  if (!sameShape(database, found)) {
    operation.entries.push({ outcome: 'altered', kind: 'indexedDB', place, reason: 'its version or stores read back differently' });
  }
  return { exact: operation.entries.length === before, records };
}

/** What was written of a store. */
interface WrittenStore {
  readonly recordCount: number;
  /** Whether any of them was read back otherwise. */
  readonly isAltered: boolean;
  /** Numbers of the records that were not written: each is an entry of the report. */
  readonly refused: ReadonlySet<number>;
}

/** Stores that have no more than this together cross in one call: bytes, as they are encoded, and records. */
const SMALL_BYTES = 128 * 1024;
const SMALL_RECORDS = 1000;

/** Writes a database, which reads back what it wrote, and looks at it. A part of a database is none that the site ever had: where this fails, nothing is left. */
async function writeDatabase(
  operation: Operation,
  world: PageWorld,
  place: string,
  database: Database,
  limit: number,
): Promise<{ written: readonly WrittenStore[]; found: DatabaseFound | null }> {
  const { name, version, stores } = database;
  const sum = (size: (store: ObjectStore) => number): number => stores.reduce((all, store) => all + size(store), 0);
  const isSmall = sum(({ records }) => records?.length ?? 0) <= SMALL_BYTES && sum(({ recordCount }) => recordCount) <= SMALL_RECORDS;
  // Read before anything is there.
  const whole = isSmall ? await Promise.all(stores.map((store) => wholePiece(store, `${place}/${store.name}`))) : null;
  try {
    if (whole !== null) {
      const texts = stores.map((store, i) => ({
        ...schemaOf(store),
        records: encodeBase64Text(whole[i]!.bytes),
        nextKey: store.keyGenerator ?? 1,
      }));
      const { answers, found } = await world.call('restoreDatabase', name, version, texts, limit);
      const written = stores.map((store, i) => {
        const writing = new StoreWriting(operation, `${place}/${store.name}`);
        writing.note(whole[i]!, answers[i]!);
        return writing;
      });
      return { written, found };
    }
    await world.call('createDatabase', name, version, stores.map(schemaOf), limit);
    const written: WrittenStore[] = [];
    for (const store of stores) {
      written.push(await putStore(operation, world, `${place}/${store.name}`, store, true));
      const next = store.keyGenerator ?? 1;
      if (next > 1) await world.call('advanceKeyGenerator', store.name, next);
    }
    return { written, found: await world.call('finishDatabase', limit) };
  } catch (error) {
    // Where the document does not answer any more, this fails like the rest.
    await Promise.allSettled([world.call('abandonDatabase', limit)]);
    throw error;
  }
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
  if (
    !sameShape(database, await world.call('lookAtDatabase', name, limit)) ||
    !(await world.call('reopenDatabase', name, version, limit))
  ) {
    throw new PspError('ADAPTER_UNSUPPORTED', 'it is there in another version or shape, and is kept');
  }
  const before = operation.entries.length;
  let records = 0;
  try {
    for (const store of stores) {
      const storePlace = `${place}/${store.name}`;
      const { refused } = await putStore(operation, world, storePlace, store, false);
      records += store.recordCount - (await reportMissing(operation, world, storePlace, store, refused));
      const next = store.keyGenerator ?? 1;
      if (next > 1) await world.call('advanceKeyGenerator', store.name, next);
    }
  } finally {
    await Promise.allSettled([world.call('abandonDatabase', limit)]);
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

/** What the page says of the pieces of one store. */
class StoreWriting implements WrittenStore {
  readonly #operation: Operation;
  readonly #place: string;
  readonly refused = new Set<number>();
  recordCount = 0;
  isAltered = false;

  constructor(operation: Operation, place: string) {
    this.#operation = operation;
    this.#place = place;
  }

  note({ first, count }: Pick<RecordPiece, 'first' | 'count'>, { refused, isAltered }: PutAnswer): void {
    for (const { record, reason } of refused) {
      this.refused.add(first + record);
      const said = `record ${first + record}: ${reason}`;
      this.#operation.entries.push({ outcome: 'lost', kind: 'indexedDB', place: this.#place, reason: said });
    }
    this.recordCount += count - refused.length;
    this.isAltered ||= isAltered;
  }
}

/** Pieces that are on their way into the page at once: while one is written and read back, the next waits for its turn in the browser, and a third one travels. */
const PIECES = 3;

/** Writes a store's records. Those that were refused are entries of the report; the others are read back where that is wanted. */
async function putStore(
  operation: Operation,
  world: PageWorld,
  place: string,
  store: ObjectStore,
  isReadBack: boolean,
): Promise<WrittenStore> {
  const writing = new StoreWriting(operation, place);
  const sent: { readonly piece: RecordPiece; readonly answer: Promise<PutAnswer> }[] = [];
  const settleFirst = async (): Promise<void> => {
    const { piece, answer } = sent.shift()!;
    writing.note(piece, await answer);
  };
  for await (const piece of cutRecords(contentOf(store, place))) {
    const answer = world.call('putRecords', store.name, encodeBase64Text(piece.bytes), isReadBack);
    // A failure shows when its turn comes, unless an earlier one ended that.
    answer.catch(() => undefined);
    sent.push({ piece, answer });
    if (sent.length === PIECES) await settleFirst();
  }
  while (sent.length > 0) await settleFirst();
  return writing;
}

/** All records of a small store. Fails as {@link cutRecords} does. */
async function wholePiece(store: ObjectStore, place: string): Promise<RecordPiece> {
  const pieces: Uint8Array[] = [];
  for await (const piece of contentOf(store, place)) pieces.push(piece);
  const bytes = concatenate(pieces);
  return { first: 0, count: [...readRecords(bytes)].length, bytes };
}

/** The encoded records of a store, in pieces. */
async function* contentOf({ records }: ObjectStore, place: string): AsyncGenerator<Uint8Array> {
  if (records === undefined) return;
  if (records.mediaType !== RECORDS_MEDIA_TYPE) {
    throw new PspError('SESSION_CLONE_UNSUPPORTED', `the records of ${place} are in another encoding than ${RECORDS_MEDIA_TYPE}`);
  }
  yield* piecesOf(records);
}

/** What differs between a store as it should be and as it was found, or null. */
function compareStore(
  expected: ObjectStore,
  written: WrittenStore,
  found: DatabaseFound['stores'][number] | undefined,
  generator: number | undefined,
): string | null {
  if (found === undefined) return 'it is not there';
  if (written.isAltered || found.recordCount !== written.recordCount) return 'its records read back differently';
  if (generator !== expected.keyGenerator) return 'its key generator reads back differently';
  return null;
}

function sameShape(expected: Database, found: DatabaseFound | null): boolean {
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
