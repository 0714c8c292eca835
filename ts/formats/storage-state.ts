/**
 * Playwright's storageState JSON to and from a Session: cookies, localStorage, IndexedDB, the origin private file system and passkeys, each in a
 * file of `storage-state/`. Written against playwright-core 1.65, whose source is the only specification; what a file may leave out is what its
 * loader lets be absent.
 *
 * A file has no place for tabs (and with them sessionStorage), partitioned storage, buckets, caches, service workers and permissions. Bookkeeping
 * (id, incarnation, revision, times of change, coverage) is no part of it.
 */
import { type OriginStorage, type Session, type StorageCoverage, type StorageItem, textOf } from '../session/session.ts';
import { emptySession, loseDescription, type ReadOptions, type ReadResult, readCookies } from './cookie-file.ts';
import { LastOf, type Loss, lose, loseAll } from './loss.ts';
import { Place } from './place.ts';
import { readCookie, type StorageStateCookie, writeCookies } from './storage-state/cookie.ts';
import { readDatabases, type StorageStateDatabase, writeDatabases } from './storage-state/database.ts';
import { readFiles, type StorageStateFile, writeFiles } from './storage-state/file.ts';
import { readPasskeys, type StorageStateCredential, writePasskeys } from './storage-state/passkey.ts';

/** A storage state as Playwright takes it: `browser.newContext({ storageState })`. */
export interface StorageState {
  cookies: StorageStateCookie[];
  origins: StorageStateOrigin[];
  /** Present when there are passkeys: loading them puts a virtual authenticator in the place of the real one. */
  credentials?: StorageStateCredential[];
}

/** What a storage state holds of one origin. */
export interface StorageStateOrigin {
  origin: string;
  localStorage: { name: string; value: string }[];
  indexedDB?: StorageStateDatabase[];
  opfs?: StorageStateFile[];
}

/**
 * The Session that a parsed storageState file describes, and what of the file it does not hold.
 *
 * - `expires` becomes the nearest whole millisecond; browsers give microseconds, so up to half a millisecond goes, which is not reported.
 * - An absent `expires`, `httpOnly`, `secure` or `sameSite` means what it means to Playwright: session, false, false, unset.
 * - Where a file says something twice (the same cookie, origin or item), the last one counts, as when Playwright loads it; the others are losses.
 * - Coverage is `partial` at best: a file does not say that it is complete, so what is missing in it proves nothing.
 * - Members that we do not know are ignored.
 *
 * @throws PspError FORMAT_MALFORMED for a member of a wrong type or out of range, with its JSON Pointer in `details.pointer`.
 */
export function readStorageState(json: unknown, options: ReadOptions): ReadResult {
  const losses: Loss[] = [];
  const file = new Place('storage state', json);
  const cookies = file.optional('cookies')?.items() ?? null;
  const credentials = file.optional('credentials')?.items() ?? null;
  const empty = emptySession('storage-state', options);
  const cookieList = readCookies(cookies ?? [], losses, readCookie);
  const readings = readOrigins(file.optional('origins')?.items() ?? [], losses);
  const session: Session = {
    ...empty,
    coverage: {
      ...empty.coverage,
      cookies: cookies === null ? 'unvisited' : 'partial',
      storage: readings.map(({ coverage }) => coverage),
      ...(credentials === null ? {} : { credentials: 'partial' }),
    },
    cookies: cookieList,
    storage: readings.map(({ storage }) => storage),
    ...(credentials === null ? {} : { credentials: readPasskeys(credentials, losses) }),
  };
  return { session, losses };
}

/**
 * The storage state that says as much of a Session as Playwright's format can, and what it cannot say. `JSON.stringify` makes the file.
 *
 * An unset SameSite is an absent member, which Playwright loads, though its published type knows no such cookie. Sections are read one after the
 * other; rejects as their `bytes()` do, and with `SESSION_CLONE_MALFORMED` for records that are damaged.
 */
export async function writeStorageState(session: Session): Promise<{ state: StorageState; losses: Loss[] }> {
  const losses: Loss[] = [];
  loseDescription(session, 'a storage state', losses);
  const cookies = writeCookies(session.cookies, losses);
  const origins: StorageStateOrigin[] = [];
  for (const [index, storage] of session.storage.entries()) origins.push(...(await writeOrigin(storage, `/storage/${index}`, losses)));
  loseAll(losses, session.tabs, '/tabs', 'a storage state has no tabs, and so no sessionStorage');
  const credentials = await writePasskeys(session.credentials ?? [], losses);
  return { state: { cookies, origins, ...(credentials.length === 0 ? {} : { credentials }) }, losses };
}

interface OriginReading {
  readonly storage: OriginStorage;
  readonly coverage: StorageCoverage;
}

/** Of an origin that comes twice, items are joined, and of databases and files the last list counts. */
function readOrigins(places: readonly Place[], losses: Loss[]): OriginReading[] {
  const readings = new Map<string, { items: LastOf<StorageItem>; indexedDB: Place | null; opfs: Place | null }>();
  for (const place of places) {
    const origin = place.member('origin').origin();
    const reading = readings.get(origin) ?? { items: new LastOf<StorageItem>('item', losses), indexedDB: null, opfs: null };
    readings.set(origin, reading);
    for (const item of place.optional('localStorage')?.items() ?? []) {
      const name = item.member('name').string();
      reading.items.set(name, [name, item.member('value').string()], item.pointer);
    }
    for (const kind of ['indexedDB', 'opfs'] as const) {
      const list = place.optional(kind);
      if (list === null) continue;
      list.items();
      if (reading[kind] !== null) lose(losses, reading[kind].pointer, 'dropped', 'the same origin comes again later in the file');
      reading[kind] = list;
    }
  }
  return [...readings].map(([origin, { items, indexedDB, opfs }]) => {
    const key = { origin, topLevelSite: null };
    const localStorage = items.values();
    const databases = indexedDB === null ? [] : readDatabases(indexedDB.items(), losses);
    const files = opfs === null ? {} : { files: readFiles(opfs.items(), losses) };
    const coverage: StorageCoverage = {
      key,
      localStorage: 'partial',
      indexedDB: indexedDB === null ? 'unvisited' : 'partial',
      ...(opfs === null ? {} : { files: 'partial' }),
    };
    return { storage: { key, localStorage, indexedDB: databases, ...files }, coverage };
  });
}

async function writeOrigin(storage: OriginStorage, pointer: string, losses: Loss[]): Promise<StorageStateOrigin[]> {
  const { key, indexedDB, files } = storage;
  if (key.topLevelSite !== null || key.hasCrossSiteAncestor !== undefined || key.bucket !== undefined) {
    lose(losses, pointer, 'dropped', 'a storage state has neither partitioned storage nor buckets');
    return [];
  }
  loseAll(losses, storage.caches, `${pointer}/caches`, 'a storage state has no caches');
  loseAll(losses, storage.serviceWorkers, `${pointer}/serviceWorkers`, 'a storage state has no service workers');
  const written: StorageStateOrigin = { origin: key.origin, localStorage: [] };
  for (const [name, value] of storage.localStorage) written.localStorage.push({ name, value: await textOf(value) });
  if (indexedDB.length > 0) written.indexedDB = await writeDatabases(indexedDB, `${pointer}/indexedDB`, losses);
  if (files !== undefined && files.length > 0) written.opfs = await writeFiles(files, `${pointer}/files`, losses);
  return [written];
}
