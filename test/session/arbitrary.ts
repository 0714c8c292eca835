/** Any session that the schema allows, for fast-check: every attribute, hostile names, sections that are shared, equal and empty, several tabs. */
import fc from 'fast-check';
import { RECORDS_MEDIA_TYPE } from '../../ts/session/clone/records.ts';
import {
  type Cookie,
  type Coverage,
  type Database,
  type Extent,
  type ObjectStore,
  type OriginStorage,
  type Section,
  type Session,
  type StorageItem,
  type StorageKey,
  type StoreIndex,
  section,
  type Tab,
} from '../../ts/session/session.ts';
import { text } from './graph.ts';

/** Plain prototypes: a session that was read from JSON has no others. */
const PLAIN = { noNullPrototype: true };

const named = (maxLength: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength }),
    text.filter((one) => one !== '' && one.length <= maxLength),
  );

const timeMs: fc.Arbitrary<number> = fc.oneof(fc.integer({ min: 0, max: 253_402_300_799_999 }), fc.constantFrom(0, 253_402_300_799_999));

const extent: fc.Arbitrary<Extent> = fc.constantFrom('complete', 'partial', 'unvisited');

export const storageKey: fc.Arbitrary<StorageKey> = fc.record(
  {
    origin: fc.constantFrom('https://app.example', 'http://localhost:3000', 'https://[::1]:8443', 'https://xn--bcher-kva.example'),
    topLevelSite: fc.constantFrom(null, 'https://top.example'),
  },
  PLAIN,
);

export const cookie: fc.Arbitrary<Cookie> = fc.record<Cookie, Exclude<keyof Cookie, 'priority' | 'sourceScheme' | 'sourcePort'>>(
  {
    name: text,
    value: text,
    domain: fc.constantFrom('app.example', 'localhost', '127.0.0.1', '[::1]', ''),
    hostOnly: fc.boolean(),
    path: text.map((path) => `/${path}`),
    secure: fc.boolean(),
    httpOnly: fc.boolean(),
    sameSite: fc.constantFrom('unset', 'none', 'lax', 'strict'),
    expiresAt: fc.option(timeMs),
    priority: fc.constantFrom('low', 'medium', 'high'),
    sourceScheme: fc.constantFrom('unset', 'secure', 'non-secure'),
    sourcePort: fc.constantFrom(-1, 0, 443, 65535),
    partitionKey: fc.option(fc.record({ topLevelSite: named(40), hasCrossSiteAncestor: fc.boolean() }, PLAIN)),
  },
  {
    ...PLAIN,
    requiredKeys: ['name', 'value', 'domain', 'hostOnly', 'path', 'secure', 'httpOnly', 'sameSite', 'expiresAt', 'partitionKey'],
  },
);

const items: fc.Arbitrary<StorageItem[]> = fc.array(fc.tuple(text, text), { maxLength: 4 });

const keyPath: fc.Arbitrary<string | string[]> = fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 }));

const index: fc.Arbitrary<StoreIndex> = fc.record({ name: text, keyPath, unique: fc.boolean(), multiEntry: fc.boolean() }, PLAIN);

/** Few contents, so that equal sections occur; two media types, so that equal bytes are not always one section. */
const records: fc.Arbitrary<Section> = fc
  .tuple(
    fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.constantFrom(new Uint8Array(0), Uint8Array.of(1, 2, 3))),
    fc.constantFrom(RECORDS_MEDIA_TYPE, RECORDS_MEDIA_TYPE, 'application/octet-stream'),
  )
  .map(([bytes, mediaType]) => section(new Uint8Array(bytes), mediaType));

const objectStore: fc.Arbitrary<ObjectStore> = fc.record<ObjectStore, Exclude<keyof ObjectStore, 'keyGenerator' | 'records'>>(
  {
    name: text,
    keyPath: fc.option(keyPath),
    autoIncrement: fc.boolean(),
    keyGenerator: fc.constantFrom(1, 2, 2 ** 53),
    indexes: fc.array(index, { maxLength: 2 }),
    recordCount: fc.constantFrom(0, 1, 2 ** 53 - 1),
    records,
  },
  { ...PLAIN, requiredKeys: ['name', 'keyPath', 'autoIncrement', 'indexes', 'recordCount'] },
);

const database: fc.Arbitrary<Database> = fc.record(
  { name: text, version: fc.constantFrom(1, 7, 2 ** 53 - 1), stores: fc.array(objectStore, { maxLength: 3 }) },
  PLAIN,
);

const originStorage: fc.Arbitrary<OriginStorage> = fc.record(
  { key: storageKey, localStorage: items, indexedDB: fc.array(database, { maxLength: 2 }) },
  PLAIN,
);

const tab: fc.Arbitrary<Tab> = fc.record(
  {
    id: named(64),
    url: text,
    sessionStorage: fc.array(fc.record({ key: storageKey, items }, PLAIN), { maxLength: 2 }),
  },
  PLAIN,
);

const coverage: fc.Arbitrary<Coverage> = fc.record(
  {
    cookies: extent,
    tabs: extent,
    storage: fc.array(fc.record({ key: storageKey, localStorage: extent, indexedDB: extent }, PLAIN), { maxLength: 2 }),
  },
  PLAIN,
);

export const session: fc.Arbitrary<Session> = fc.record<Session, Exclude<keyof Session, 'name' | 'expiresAt'>>(
  {
    id: named(256),
    incarnation: named(64),
    revision: fc.constantFrom(0, 1, 2 ** 53 - 1),
    name: text,
    createdAt: timeMs,
    updatedAt: timeMs,
    expiresAt: timeMs,
    source: fc.oneof(fc.record({ tool: named(64) }, PLAIN), fc.record({ tool: named(64), browser: text }, PLAIN)),
    coverage,
    cookies: fc.array(cookie, { maxLength: 4 }),
    storage: fc.array(originStorage, { maxLength: 3 }),
    tabs: fc.array(tab, { maxLength: 3 }),
  },
  {
    ...PLAIN,
    requiredKeys: ['id', 'incarnation', 'revision', 'createdAt', 'updatedAt', 'source', 'coverage', 'cookies', 'storage', 'tabs'],
  },
);

/** A session as JSON can hold it: sections as `{ mediaType, length, hex }`. Reads every section. */
export async function flatten(from: Session): Promise<unknown> {
  const storage = from.storage.map(async ({ indexedDB, ...origin }) => ({
    ...origin,
    indexedDB: await Promise.all(
      indexedDB.map(async ({ stores, ...rest }) => ({ ...rest, stores: await Promise.all(stores.map(flattenStore)) })),
    ),
  }));
  return { ...from, storage: await Promise.all(storage) };
}

async function flattenStore({ records: content, ...store }: ObjectStore): Promise<unknown> {
  if (content === undefined) return store;
  const { mediaType, length } = content;
  return { ...store, records: { mediaType, length, hex: Buffer.from(await content.bytes()).toString('hex') } };
}
