/**
 * Any valid session, for fast-check: every kind of state and every attribute, hostile names, sections that are shared, equal and empty. Valid in every
 * stage: identities are unique, records fit their stores, and references lead somewhere. Notices and warnings may occur.
 */
import fc from 'fast-check';
import { encodeValue } from '../../ts/session/clone/encode.ts';
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../../ts/session/clone/records.ts';
import { cookieIdentity } from '../../ts/session/identity.ts';
import {
  type CacheEntry,
  type Cookie,
  type Coverage,
  type Database,
  type Extent,
  type ObjectStore,
  type OriginStorage,
  type Passkey,
  type Permission,
  type PrivateFile,
  type Section,
  type ServiceWorkerRegistration,
  type Session,
  type StorageItem,
  type StorageKey,
  type StoreIndex,
  section,
  type Tab,
  type TabHistory,
  TEXT_MEDIA_TYPE,
  type TtlRule,
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

const origin: fc.Arbitrary<string> = fc.constantFrom(
  'https://app.example',
  'http://localhost:3000',
  'https://[::1]:8443',
  'https://xn--bcher-kva.example',
);

export const storageKey: fc.Arbitrary<StorageKey> = fc.record<StorageKey, 'origin' | 'topLevelSite'>(
  {
    origin,
    topLevelSite: fc.constantFrom(null, 'https://top.example'),
    hasCrossSiteAncestor: fc.constant(true as const),
    bucket: fc.constantFrom('inbox', 'a-b_1'),
  },
  { ...PLAIN, requiredKeys: ['origin', 'topLevelSite'] },
);

const keyText = ({ key }: { key: StorageKey }): string =>
  JSON.stringify([key.origin, key.topLevelSite, key.hasCrossSiteAncestor ?? false, key.bucket ?? null]);

/** What a cookie's name or value may hold. */
const cookieText = (forbidden: RegExp): fc.Arbitrary<string> => text.map((one) => one.replace(forbidden, ''));

const anyCookie: fc.Arbitrary<Cookie> = fc.record<Cookie, Exclude<keyof Cookie, 'priority' | 'sourceScheme' | 'sourcePort' | 'createdAt'>>(
  {
    // One of the two has to be there, and names with a prefix have rules of their own.
    name: cookieText(/[;=\u0000-\u0008\u000a-\u001f\u007f]/g).map((name) => (name.startsWith('__') ? `x${name}` : name || 'n')),
    value: cookieText(/[;\u0000-\u0008\u000a-\u001f\u007f]/g),
    domain: fc.constantFrom('app.example', 'localhost', '127.0.0.1', '[::1]', 'xn--bcher-kva.example'),
    hostOnly: fc.boolean(),
    path: cookieText(/[;\u0000-\u001f\u007f]/g).map((path) => `/${path}`),
    secure: fc.boolean(),
    httpOnly: fc.boolean(),
    sameSite: fc.constantFrom('unset', 'none', 'lax', 'strict'),
    expiresAt: fc.option(timeMs),
    createdAt: timeMs,
    priority: fc.constantFrom('low', 'medium', 'high'),
    sourceScheme: fc.constantFrom('unset', 'secure', 'non-secure'),
    sourcePort: fc.constantFrom(-1, 0, 443, 65535),
    partitionKey: fc.option(fc.record({ topLevelSite: origin, hasCrossSiteAncestor: fc.boolean() }, PLAIN)),
  },
  {
    ...PLAIN,
    requiredKeys: ['name', 'value', 'domain', 'hostOnly', 'path', 'secure', 'httpOnly', 'sameSite', 'expiresAt', 'partitionKey'],
  },
);

export const cookie: fc.Arbitrary<Cookie> = anyCookie.map((one) => ({
  ...one,
  hostOnly: one.hostOnly || /^[0-9[]/.test(one.domain),
  secure: one.secure || one.partitionKey !== null,
}));

const bytes: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc
  .oneof(fc.uint8Array({ maxLength: 70 }), fc.constantFrom(new Uint8Array(0), Uint8Array.of(1, 2, 3)))
  .map((one) => new Uint8Array(one));

/** Few contents, so that equal sections occur; two media types, so that equal bytes are not always one section. */
const binary: fc.Arbitrary<Section> = fc
  .tuple(bytes, fc.constantFrom('application/octet-stream', 'image/webp'))
  .map(([content, mediaType]) => section(content, mediaType));

const longText: fc.Arbitrary<Section> = text.map((one) => {
  const units = Uint8Array.from([...Array(one.length).keys()].flatMap((i) => [one.charCodeAt(i) & 0xff, one.charCodeAt(i) >>> 8]));
  return section(units, TEXT_MEDIA_TYPE);
});

const items: fc.Arbitrary<StorageItem[]> = fc.uniqueArray(
  fc.oneof(
    { weight: 4, arbitrary: fc.tuple(text, text as fc.Arbitrary<string | Section>) },
    { weight: 1, arbitrary: fc.tuple(text, longText) },
  ),
  { selector: ([name]) => name, maxLength: 4 },
);

/** An identifier, or more of them. */
const onePath: fc.Arbitrary<string> = fc.constantFrom('', 'id', 'a.b', '$', '_x.größe', '__proto__', 'length');
const keyPath: fc.Arbitrary<string | string[]> = fc.oneof(onePath, fc.array(onePath, { minLength: 1, maxLength: 3 }));

const indexes: fc.Arbitrary<StoreIndex[]> = fc.uniqueArray(
  fc
    .record({ name: text, keyPath, unique: fc.boolean(), multiEntry: fc.boolean() }, PLAIN)
    .map((one) => ({ ...one, multiEntry: one.multiEntry && !Array.isArray(one.keyPath) })),
  { selector: ({ name }) => name, maxLength: 2 },
);

/** Out-of-line keys, ascending; values that no index finds anything in. */
function recordSection(keys: readonly unknown[]): Section {
  const writer = new RecordWriter();
  for (const key of keys) writer.add(key, null);
  return section(writer.take(), RECORDS_MEDIA_TYPE);
}

const ascendingKeys: fc.Arbitrary<unknown[]> = fc
  .uniqueArray(fc.integer({ min: -9, max: 9 }), { maxLength: 3 })
  .chain((numbers) =>
    fc.subarray([new Date(0), '', 'b', new ArrayBuffer(0), [], [0, 'x']]).map((rest) => [...numbers.sort((a, b) => a - b), ...rest]),
  );

const objectStore: fc.Arbitrary<ObjectStore> = fc.oneof(
  // With records: keys are out of line.
  fc.record({ name: text, indexes, keys: ascendingKeys }, PLAIN).map(({ name, indexes: list, keys }) => ({
    ...{
      name,
      keyPath: null,
      autoIncrement: false,
      indexes: list.map((index) => ({ ...index, unique: index.unique && index.keyPath !== '' })),
    },
    recordCount: keys.length,
    ...(keys.length === 0 ? {} : { records: recordSection(keys) }),
  })),
  // Without any, or with content of a media type that is not ours.
  fc
    .record<Omit<ObjectStore, 'indexes'> & { indexes: StoreIndex[] }, Exclude<keyof ObjectStore, 'keyGenerator' | 'records'>>(
      {
        name: text,
        keyPath: fc.option(keyPath),
        autoIncrement: fc.boolean(),
        keyGenerator: fc.constantFrom(1, 2, 2 ** 53),
        indexes,
        recordCount: fc.constantFrom(0, 1, 2 ** 53 - 1),
        records: binary,
      },
      { ...PLAIN, requiredKeys: ['name', 'keyPath', 'autoIncrement', 'indexes', 'recordCount'] },
    )
    .map(({ keyGenerator, ...store }) => {
      const autoIncrement = store.autoIncrement && store.keyPath !== '' && !Array.isArray(store.keyPath);
      return { ...store, autoIncrement, ...(autoIncrement && keyGenerator !== undefined ? { keyGenerator } : {}) };
    }),
);

const database: fc.Arbitrary<Database> = fc.record(
  {
    name: text,
    version: fc.constantFrom(1, 7, 2 ** 53 - 1),
    stores: fc.uniqueArray(objectStore, { selector: ({ name }) => name, maxLength: 3 }),
  },
  PLAIN,
);

const headers = fc.array(fc.tuple(named(20), text), { maxLength: 2 });

const cacheEntry: fc.Arbitrary<CacheEntry> = fc.record<CacheEntry, Exclude<keyof CacheEntry, 'body'>>(
  {
    url: fc.constantFrom('https://app.example/a', 'https://cdn.example/b?c#d'),
    method: fc.constantFrom('GET', 'HEAD'),
    requestHeaders: headers,
    status: fc.constantFrom(0, 200, 404, 999),
    statusText: text,
    type: fc.constantFrom('basic', 'cors', 'default', 'error', 'opaque', 'opaqueredirect'),
    responseHeaders: headers,
    body: binary,
  },
  { ...PLAIN, requiredKeys: ['url', 'method', 'requestHeaders', 'status', 'statusText', 'type', 'responseHeaders'] },
);

const caches = fc.uniqueArray(fc.record({ name: text, entries: fc.array(cacheEntry, { maxLength: 2 }) }, PLAIN), {
  selector: ({ name }) => name,
  maxLength: 2,
});

const serviceWorkers = (at: string): fc.Arbitrary<ServiceWorkerRegistration[]> =>
  fc.uniqueArray(
    fc.record<ServiceWorkerRegistration, 'scope' | 'scriptUrl' | 'type' | 'updateViaCache'>(
      {
        scope: fc.constantFrom(`${at}/`, `${at}/app/`),
        scriptUrl: fc.constant(`${at}/sw.js`),
        type: fc.constantFrom('classic', 'module'),
        updateViaCache: fc.constantFrom('imports', 'all', 'none'),
        script: binary,
      },
      { ...PLAIN, requiredKeys: ['scope', 'scriptUrl', 'type', 'updateViaCache'] },
    ),
    { selector: ({ scope }) => scope, maxLength: 2 },
  );

const files: fc.Arbitrary<PrivateFile[]> = fc
  .tuple(named(9), fc.option(timeMs, { nil: undefined }), binary)
  .map(([name, lastModified, body]) => {
    const safe = `f${name.replace(/[/\\\0]/g, '')}`;
    const time = lastModified === undefined ? {} : { lastModified };
    return [
      { path: 'docs', kind: 'directory' as const },
      { path: `docs/${safe}`, kind: 'file' as const, ...time, body },
      { path: 'empty', kind: 'file' as const },
    ];
  });

const originStorage: fc.Arbitrary<OriginStorage> = storageKey.chain((key) =>
  fc.record<OriginStorage, 'key' | 'localStorage' | 'indexedDB'>(
    {
      key: fc.constant(key),
      localStorage: items,
      indexedDB: fc.uniqueArray(database, { selector: ({ name }) => name, maxLength: 2 }),
      caches,
      serviceWorkers: serviceWorkers(key.origin),
      files,
      ...(key.bucket === undefined
        ? {}
        : {
            bucketPolicy: fc.record(
              { persisted: fc.boolean(), durability: fc.constantFrom('relaxed' as const, 'strict' as const), expiresAt: fc.option(timeMs) },
              PLAIN,
            ),
          }),
    },
    { ...PLAIN, requiredKeys: ['key', 'localStorage', 'indexedDB'] },
  ),
);

/** `history.state`, as a structured-clone value. */
const historyState: fc.Arbitrary<Section> = fc
  .oneof(fc.jsonValue({ maxDepth: 2 }), fc.date(), fc.bigInt(), text)
  .map((value) => section(encodeValue(value).bytes, 'application/vnd.psp.value'));

const history: fc.Arbitrary<TabHistory> = fc
  .array(
    fc.oneof(
      fc.record({ url: text }, PLAIN),
      fc.record({ url: text, title: text }, PLAIN),
      fc.record({ url: text, state: historyState }, PLAIN),
    ),
    { minLength: 1, maxLength: 3 },
  )
  .chain((entries) => fc.record({ index: fc.nat(entries.length - 1), entries: fc.constant(entries) }, PLAIN));

const tab: fc.Arbitrary<Tab> = fc.record<Tab, 'id' | 'url' | 'sessionStorage'>(
  {
    id: named(64),
    url: text,
    history,
    windowName: text,
    opener: fc.constant('a tab that is closed'),
    sessionStorage: fc.uniqueArray(fc.record({ key: storageKey, items }, PLAIN), { selector: keyText, maxLength: 2 }),
  },
  { ...PLAIN, requiredKeys: ['id', 'url', 'sessionStorage'] },
);

const coverage: fc.Arbitrary<Coverage> = fc.record<Coverage, 'cookies' | 'tabs' | 'storage'>(
  {
    cookies: extent,
    tabs: extent,
    permissions: extent,
    credentials: extent,
    storage: fc.uniqueArray(
      fc.record(
        { key: storageKey, localStorage: extent, indexedDB: extent, caches: extent, serviceWorkers: extent, files: extent },
        { ...PLAIN, requiredKeys: ['key', 'localStorage', 'indexedDB'] },
      ),
      { selector: keyText, maxLength: 2 },
    ),
  },
  { ...PLAIN, requiredKeys: ['cookies', 'tabs', 'storage'] },
);

const permissions: fc.Arbitrary<Permission[]> = fc.uniqueArray(
  fc.record<Permission, 'origin' | 'name' | 'state'>(
    {
      origin,
      name: fc.constantFrom('geolocation', 'storage-access'),
      state: fc.constantFrom('granted', 'denied', 'prompt'),
      embeddingOrigin: origin,
    },
    { ...PLAIN, requiredKeys: ['origin', 'name', 'state'] },
  ),
  { selector: (one) => JSON.stringify([one.origin, one.name, one.embeddingOrigin]), maxLength: 3 },
);

const credentials: fc.Arbitrary<Passkey[]> = fc.uniqueArray(
  fc.record<Passkey, Exclude<keyof Passkey, 'userHandle'>>(
    {
      credentialId: fc.constantFrom('AAECAw', 'abc_-'),
      rpId: fc.constantFrom('app.example', 'login.example'),
      isResidentCredential: fc.boolean(),
      userHandle: fc.constantFrom('dXNlcg'),
      signCount: fc.nat(),
      privateKey: binary,
    },
    { ...PLAIN, requiredKeys: ['credentialId', 'rpId', 'isResidentCredential', 'signCount', 'privateKey'] },
  ),
  { selector: ({ rpId, credentialId }) => `${rpId} ${credentialId}`, maxLength: 2 },
);

/** Rules over kinds: a pointer would have to lead somewhere. */
const ttl: fc.Arbitrary<TtlRule[]> = fc.uniqueArray(
  fc.record(
    {
      target: fc.oneof(
        fc.constant({ pointer: '' }),
        fc.record({ kind: fc.constantFrom('cookie' as const, 'file' as const, 'tab' as const), name: text }, PLAIN),
      ),
      expiresAt: timeMs,
      idleMs: fc.integer({ min: 1 }),
      lastTouched: timeMs,
    },
    { ...PLAIN, requiredKeys: ['target', 'expiresAt'] },
  ),
  { selector: ({ target }) => JSON.stringify(target), maxLength: 2 },
);

type Optional = 'name' | 'tags' | 'expiresAt' | 'permissions' | 'credentials' | 'ttl' | 'mergeState';

const anySession: fc.Arbitrary<Session> = fc.record<Session, Exclude<keyof Session, Optional>>(
  {
    id: named(256).filter((id) => !/^[0-9A-Fa-f]+(-[0-9A-Fa-f]+){4}$/.test(id)),
    incarnation: named(64),
    revision: fc.constantFrom(0, 1, 2 ** 53 - 1),
    name: text,
    tags: fc.array(text, { maxLength: 3 }),
    createdAt: timeMs,
    updatedAt: timeMs,
    expiresAt: timeMs,
    source: fc.oneof(fc.record({ tool: named(64) }, PLAIN), fc.record({ tool: named(64), browser: text }, PLAIN)),
    coverage,
    cookies: fc.uniqueArray(cookie, { selector: cookieIdentity, maxLength: 4 }),
    storage: fc.uniqueArray(originStorage, { selector: keyText, maxLength: 3 }),
    tabs: fc.uniqueArray(tab, { selector: ({ id }) => id, maxLength: 3 }),
    permissions,
    credentials,
    ttl,
    mergeState: binary,
  },
  {
    ...PLAIN,
    requiredKeys: ['id', 'incarnation', 'revision', 'createdAt', 'updatedAt', 'source', 'coverage', 'cookies', 'storage', 'tabs'],
  },
);

/** A session was made before it was changed, and before it expires. */
export const session: fc.Arbitrary<Session> = anySession.map((one) => ({
  ...one,
  updatedAt: Math.max(one.createdAt, one.updatedAt),
  ...(one.expiresAt === undefined ? {} : { expiresAt: Math.max(one.createdAt, one.expiresAt) }),
}));

/** A session as JSON can hold it: sections as `{ mediaType, length, hex }`. Reads every section. */
export async function flatten(from: Session): Promise<unknown> {
  return flattenValue(from);
}

async function flattenValue(value: unknown): Promise<unknown> {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Promise.all(value.map(flattenValue));
  if (typeof (value as Partial<Section>).bytes === 'function') {
    const { mediaType, length, bytes: read } = value as Section;
    return { mediaType, length, hex: Buffer.from(await read.call(value)).toString('hex') };
  }
  const members = await Promise.all(Object.entries(value).map(async ([name, member]) => [name, await flattenValue(member)] as const));
  return Object.fromEntries(members);
}
