/**
 * IndexedDB of one storage key, through our functions in one of its documents: read for a capture, or removed (`restored-databases.ts` writes). Records cross as
 * they are encoded (`ts/session/clone/layout.md`), a few megabytes at a time; what a record holds is not looked at here.
 */
import { decodeBase64Text } from '../kernel/text.ts';
import { RECORDS_MEDIA_TYPE } from '../session/clone/records.ts';
import type { SectionWriter } from '../session/section-sink.ts';
import type { Database, Extent, ObjectStore, Section } from '../session/session.ts';
import type { Standing } from './intercept.ts';
import type { Operation } from './operation.ts';
import type { StoreSchema } from './page/database.ts';
import type { PartText } from './page/script.ts';
import type { PageWorld } from './page-world.ts';

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
  const read = await world.call('beginDatabase', name, Math.ceil(operation.timeoutMs / 2));
  if (read === null) return 'gone';
  const contents = new Contents(operation, `${origin} ${name}`, read.stores);
  try {
    for (const part of read.parts) await contents.add(part);
    if (!read.isWhole) await takeParts(world, (part) => contents.add(part));
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

/** Takes the further records of the database that is open, in order. */
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
export async function readKeyGenerator(
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
