/**
 * The earlier public PSP 2.0 session JSON -> a Session: flat JSON with `protocolVersion: "2.0.0"`, by the field list of its specification (section 2,
 * 2025-12-30). Read as far as it goes: it kept partitions as bare strings, values of IndexedDB as plain JSON and large values cut off, so what it may
 * have damaged is a loss, and what it is known to have damaged is left out.
 */
import { PRIORITIES, SAME_SITES, SCHEMES } from '../session/cookie-spelling.ts';
import type {
  Cookie,
  Database,
  ObjectStore,
  OriginStorage,
  Permission,
  Session,
  StorageCoverage,
  StorageItem,
  StoreIndex,
  Tab,
} from '../session/session.ts';
import {
  clampTime,
  emptySession,
  isOtherPartition,
  type ReadOptions,
  type ReadResult,
  readCookies,
  readCrossSiteAncestor,
  readDotDomain,
  readPath,
} from './cookie-file.ts';
import { LastOf, type Loss, lose, loseAll } from './loss.ts';
import { type FileRecord, keyFinder, keyOf, makeRecords } from './object-store.ts';
import { isOrigin, Place } from './place.ts';

/** What a Session holds of them. */
const MAX_NAME_LENGTH = 1024;
const MAX_TAGS = 100;
const MAX_TAG_LENGTH = 256;

const STATES = new Map<unknown, Permission['state']>([
  ['granted', 'granted'],
  ['denied', 'denied'],
  ['prompt', 'prompt'],
]);

/**
 * The Session that a parsed PSP 2.0 document describes. Its id, times and checksum are not taken over: the Session is a new one. The sessionStorage of
 * each origin becomes a tab of its own at that origin, as the document does not say which tab had it.
 *
 * @throws PspError FORMAT_MALFORMED for another version, encrypted fields, or a member of a wrong type, with its JSON Pointer in `details.pointer`.
 */
export function readPsp2(json: unknown, options: ReadOptions): ReadResult {
  const losses: Loss[] = [];
  const file = new Place('PSP 2.0 session', json);
  const version = file.member('protocolVersion');
  if (!/^2\.\d+\.\d+$/.test(version.string())) throw version.malformed('"2.0.0"', 'another version');
  const encrypted = file.nullable('encryption')?.nullable('encryptedFields') ?? null;
  if (encrypted !== null && encrypted.items().length > 0)
    throw encrypted.malformed('nothing: decrypt the document first', 'encrypted fields');
  const name = file.nullable('name')?.string(MAX_NAME_LENGTH);
  const tags = file
    .nullable('tags')
    ?.items(MAX_TAGS)
    .map((tag) => tag.string(MAX_TAG_LENGTH));
  const expires = file.nullable('timestamps')?.nullable('expires') ?? null;
  const empty = emptySession('psp2', options);
  const { storage, coverage, tabs } = readStorage(file, options, losses);
  const permissions = readPermissions(file.nullable('browserContext'), losses);
  const session: Session = {
    ...empty,
    ...(name === undefined ? {} : { name }),
    ...(tags === undefined ? {} : { tags }),
    ...(expires === null ? {} : { expiresAt: readTime(expires) }),
    coverage: {
      cookies: file.nullable('cookies') === null ? 'unvisited' : 'partial',
      tabs: tabs.length === 0 ? 'unvisited' : 'partial',
      ...(permissions === null ? {} : { permissions: 'partial' }),
      storage: coverage,
    },
    cookies: readCookies(file.nullable('cookies')?.items() ?? [], losses, readCookie),
    storage,
    tabs,
    ...(permissions === null ? {} : { permissions }),
  };
  if (file.nullable('description') !== null) lose(losses, '/description', 'dropped', 'a Session has no description');
  loseAll(losses, file.nullable('serviceWorkers')?.items(), '/serviceWorkers', 'neither its script nor how it is updated is in the file');
  return { session, losses };
}

function readCookie(place: Place, losses: Loss[]): Cookie | null {
  const expires = place.nullable('expires');
  const seconds = expires?.number() ?? -1;
  const priority = place.nullable('priority')?.oneOf(PRIORITIES);
  const sourceScheme = place.nullable('sourceScheme')?.oneOf(SCHEMES);
  const sourcePort = place.nullable('sourcePort')?.integer(-1, 65_535);
  const partition = place.nullable('partitionKey');
  if (isOtherPartition(partition, place, losses)) return null;
  const topLevelSite = partition?.origin();
  return {
    name: place.member('name').string(),
    value: place.member('value').string(),
    ...readDotDomain(place.member('domain')),
    path: readPath(place.member('path')),
    secure: place.nullable('secure')?.boolean() ?? false,
    httpOnly: place.nullable('httpOnly')?.boolean() ?? false,
    sameSite: place.nullable('sameSite')?.oneOf(SAME_SITES) ?? 'unset',
    expiresAt: expires === null || seconds < 0 ? null : clampTime(seconds * 1000, expires.pointer, losses),
    ...(priority === undefined ? {} : { priority }),
    ...(sourceScheme === undefined ? {} : { sourceScheme }),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    partitionKey:
      topLevelSite === undefined
        ? null
        : { topLevelSite, hasCrossSiteAncestor: readCrossSiteAncestor(null, `${place.pointer}/partitionKey`, losses) },
  };
}

interface StorageReading {
  readonly storage: OriginStorage[];
  readonly coverage: StorageCoverage[];
  readonly tabs: Tab[];
}

function readStorage(file: Place, options: ReadOptions, losses: Loss[]): StorageReading {
  const localStorage = new Map<string, LastOf<StorageItem>>();
  const sessionStorage = new Map<string, LastOf<StorageItem>>();
  for (const place of file.nullable('origins')?.items() ?? []) {
    const origin = place.member('origin').origin();
    addItems(origin, place.nullable('localStorage'), localStorage, losses);
    addItems(origin, place.nullable('sessionStorage'), sessionStorage, losses);
  }
  const databases = new Map<string, LastOf<Database>>();
  for (const place of file.nullable('indexedDB')?.items() ?? []) {
    const ofOrigin = ofKey(databases, place.member('origin').origin(), () => new LastOf<Database>('database', losses));
    const database = readDatabase(place, losses);
    ofOrigin.set(database.name, database, place.pointer);
  }
  const storage = [...new Set([...localStorage.keys(), ...databases.keys()])].map((origin) => ({
    key: { origin, topLevelSite: null },
    localStorage: localStorage.get(origin)?.values() ?? [],
    indexedDB: databases.get(origin)?.values() ?? [],
  }));
  const coverage = storage.map(
    ({ key }): StorageCoverage => ({
      key,
      localStorage: localStorage.has(key.origin) ? 'partial' : 'unvisited',
      indexedDB: databases.has(key.origin) ? 'partial' : 'unvisited',
    }),
  );
  const tabs = [...sessionStorage].flatMap(([origin, kept], index): Tab[] => {
    const items = kept.values();
    if (items.length === 0) return [];
    return [
      {
        id: `${options.incarnation.slice(0, 48)}-${index}`,
        url: `${origin}/`,
        sessionStorage: [{ key: { origin, topLevelSite: null }, items }],
      },
    ];
  });
  return { storage, coverage, tabs };
}

// A part of a token is worse than none: the site would use it.
const CUT_OFF = 'its value was cut off when the file was written';

function addItems(origin: string, list: Place | null, into: Map<string, LastOf<StorageItem>>, losses: Loss[]): void {
  if (list === null) return;
  const items = ofKey(into, origin, () => new LastOf<StorageItem>('item', losses));
  for (const place of list.items()) {
    const key = place.member('key').string();
    const value = place.member('value').string();
    if (place.nullable('truncated')?.boolean() === true) lose(losses, place.pointer, 'dropped', CUT_OFF);
    else items.set(key, [key, value], place.pointer);
  }
}

function readDatabase(place: Place, losses: Loss[]): Database {
  const stores = new LastOf<ObjectStore>('object store', losses);
  for (const store of place.member('objectStores').items())
    stores.set(store.member('name').string(), readStore(store, losses), store.pointer);
  return {
    name: place.member('name').string(),
    version: place.member('version').integer(1, Number.MAX_SAFE_INTEGER),
    stores: stores.values(),
  };
}

function readStore(place: Place, losses: Loss[]): ObjectStore {
  const path = place.nullable('keyPath');
  const keyPath = path === null ? null : readKeyPath(path);
  const findKey = keyPath === null ? null : keyFinder(keyPath);
  const records = place
    .member('records')
    .items()
    .flatMap((record) => readRecord(record, findKey, losses));
  if (records.length > 0) {
    lose(losses, `${place.pointer}/records`, 'lossy', 'values are plain JSON: what was a Date, bytes or a Map is whatever JSON made of it');
  }
  const indexes = new LastOf<StoreIndex>('index', losses);
  for (const index of place.nullable('indexes')?.items() ?? []) indexes.set(index.member('name').string(), readIndex(index), index.pointer);
  const autoIncrement = place.member('autoIncrement').boolean();
  return { name: place.member('name').string(), keyPath, autoIncrement, indexes: indexes.values(), ...makeRecords(records, losses) };
}

function readIndex(place: Place): StoreIndex {
  return {
    name: place.member('name').string(),
    keyPath: readKeyPath(place.member('keyPath')),
    unique: place.member('unique').boolean(),
    multiEntry: place.member('multiEntry').boolean(),
  };
}

/** `findKey` is null where keys stand beside values. */
function readRecord(place: Place, findKey: ReturnType<typeof keyFinder> | null, losses: Loss[]): FileRecord[] {
  const value = place.member('value').value;
  if (place.nullable('truncated')?.boolean() === true) {
    lose(losses, place.pointer, 'dropped', CUT_OFF);
    return [];
  }
  const key = value === undefined ? null : findKey === null ? keyOf(place.member('key').value) : findKey(value);
  if (key !== null) return [{ key, value, pointer: place.pointer }];
  lose(losses, place.pointer, 'dropped', 'it has no value, or no valid key');
  return [];
}

function readKeyPath(place: Place): string | string[] {
  if (!Array.isArray(place.value)) return place.string();
  const paths = place.items().map((path) => path.string());
  if (paths.length === 0) throw place.malformed('at least one key path', 'none');
  return paths;
}

/** Permissions by origin. Names are the file's, so they are in no pointer. */
function readPermissions(context: Place | null, losses: Loss[]): Permission[] | null {
  if (context === null) return null;
  for (const member of ['userAgent', 'viewport', 'geolocation', 'timezoneId', 'locale', 'colorScheme']) {
    if (context.nullable(member) !== null)
      lose(losses, `/browserContext/${member}`, 'dropped', 'a Session does not say what the browser pretends to be');
  }
  const place = context.nullable('permissions');
  if (place === null) return null;
  const permissions: Permission[] = [];
  for (const [origin, states] of namedValues(place)) {
    if (!isOrigin(origin)) throw place.malformed('origins as names', 'another name');
    for (const [name, state] of namedValues(states)) {
      if (name === '' || name.length > 128) throw place.malformed('names of permissions', 'another name');
      permissions.push({ origin, name, state: state.oneOf(STATES) });
    }
  }
  return permissions;
}

/** The members of an object whose names are data: each stands at the pointer of the object. */
function namedValues(place: Place): [name: string, value: Place][] {
  const { format, value, pointer } = place;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw place.malformed('an object');
  return Object.entries(value).map(([name, member]) => [name, new Place(format, member, pointer)]);
}

function readTime(place: Place): number {
  const ms = /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/.test(place.string()) ? Date.parse(place.string()) : Number.NaN;
  if (Number.isNaN(ms) || ms < 0) throw place.malformed('a time in RFC 3339', 'another string');
  return ms;
}

function ofKey<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}
