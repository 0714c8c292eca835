/**
 * Playwright's storageState JSON to and from a Session: cookies and localStorage, exactly. Written against playwright-core 1.65, whose
 * source is the only specification; what a file may leave out is what its loader lets be absent.
 *
 * Not carried by this version, but reported: IndexedDB, OPFS and passkeys of a file; tabs (and with them sessionStorage), IndexedDB and
 * partitioned storage of a Session. Bookkeeping (id, incarnation, revision, times of change, coverage) has no place in a file.
 *
 *     expires         seconds, a float; -1 is a session cookie       <->  expiresAt, integer ms; null
 *     domain          ".host" is a domain cookie, "host" host-only   <->  domain without the dot, hostOnly
 *     sameSite        "Strict" | "Lax" | "None"                      <->  strict, lax, none; unset has no name there
 *     partitionKey    site, with _crHasCrossSiteAncestor beside it   <->  { topLevelSite, hasCrossSiteAncestor }
 */
import { PspError } from '../errors.ts';
import {
  type Cookie,
  type CookiePartitionKey,
  type OriginStorage,
  type SameSite,
  type Session,
  type StorageItem,
  textOf,
} from '../session/session.ts';
import type { Loss } from './loss.ts';

/** A storage state as Playwright takes it: `browser.newContext({ storageState })`. */
export interface StorageState {
  cookies: StorageStateCookie[];
  origins: StorageStateOrigin[];
}

/** A cookie of a storage state. */
export interface StorageStateCookie {
  name: string;
  value: string;
  /** With a leading dot for a domain cookie. */
  domain: string;
  path: string;
  /** Seconds since the epoch, with a fraction; -1 for a session cookie. */
  expires: number;
  httpOnly: boolean;
  secure: boolean;
  sameSite: 'Strict' | 'Lax' | 'None';
  partitionKey?: string;
  _crHasCrossSiteAncestor?: boolean;
}

/** What a storage state holds of one origin. */
export interface StorageStateOrigin {
  origin: string;
  localStorage: { name: string; value: string }[];
}

/** What a file does not say about the Session to be made of it. */
export interface ReadOptions {
  readonly id: string;
  /** Random, see {@link Session.incarnation}. */
  readonly incarnation: string;
  /** ms since the epoch. */
  readonly now: number;
}

/** The last second of the year 9999: Playwright refuses a whole file for one cookie that lives longer. */
const MAX_EXPIRES_SECONDS = 253_402_300_799;

const SAME_SITE_OF_NAME: ReadonlyMap<unknown, SameSite> = new Map([
  ['Strict', 'strict'],
  ['Lax', 'lax'],
  ['None', 'none'],
]);

const NAME_OF_SAME_SITE = { strict: 'Strict', lax: 'Lax', none: 'None', unset: 'Lax' } as const;

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
export function readStorageState(json: unknown, options: ReadOptions): { session: Session; losses: Loss[] } {
  const losses: Loss[] = [];
  const file = asObject(json, '');
  const cookies = readCookies(optionalArray(file, 'cookies', ''), losses);
  const storage = readOrigins(optionalArray(file, 'origins', ''), losses);
  dropAll(optionalArray(file, 'credentials', ''), '/credentials', 'passkeys are not carried yet', losses);
  const session: Session = {
    id: options.id,
    incarnation: options.incarnation,
    revision: 0,
    createdAt: options.now,
    updatedAt: options.now,
    source: { tool: 'storage-state' },
    coverage: {
      cookies: file['cookies'] === undefined ? 'unvisited' : 'partial',
      tabs: 'unvisited',
      storage: storage.map(({ key }) => ({ key, localStorage: 'partial', indexedDB: 'unvisited' })),
    },
    cookies,
    storage,
    tabs: [],
  };
  return { session, losses };
}

/**
 * The storage state that says as much of a Session as Playwright's format can, and what it cannot say. `JSON.stringify` makes the file.
 *
 * Never makes a cookie more than it was: one that expired before 1970 is dropped, as its negative time could read as "session".
 * A promise, because IndexedDB records are read lazily; this version does not read them.
 */
export async function writeStorageState(session: Session): Promise<{ state: StorageState; losses: Loss[] }> {
  const losses: Loss[] = [];
  if (session.name !== undefined) lose(losses, '/name', 'dropped', 'a storage state has no name');
  if (session.expiresAt !== undefined) lose(losses, '/expiresAt', 'dropped', 'a storage state does not expire as a whole');
  const cookies = session.cookies.flatMap((cookie, index) => writeCookie(cookie, `/cookies/${index}`, losses));
  const origins = (await Promise.all(session.storage.map((storage, index) => writeOrigin(storage, `/storage/${index}`, losses)))).flat();
  dropAll(session.tabs, '/tabs', 'a storage state has no tabs, and so no sessionStorage', losses);
  return { state: { cookies, origins }, losses };
}

function readCookies(values: readonly unknown[], losses: Loss[]): Cookie[] {
  const kept = new LastOf<Cookie>('cookie', losses);
  for (const [index, value] of values.entries()) {
    const pointer = `/cookies/${index}`;
    const cookie = readCookie(value, pointer);
    const { partitionKey, domain, hostOnly, path, name } = cookie;
    kept.set(
      JSON.stringify([partitionKey?.topLevelSite, partitionKey?.hasCrossSiteAncestor, domain, hostOnly, path, name]),
      cookie,
      pointer,
    );
  }
  return kept.values();
}

function readCookie(value: unknown, pointer: string): Cookie {
  const cookie = asObject(value, pointer);
  const domain = stringMember(cookie, 'domain', pointer);
  const hostOnly = !domain.startsWith('.');
  const host = hostOnly ? domain : domain.slice(1);
  if (host === '' || host.startsWith('.')) throw malformed(`${pointer}/domain`, 'a host, or a dot and a host', 'another string');
  const path = stringMember(cookie, 'path', pointer);
  if (!path.startsWith('/')) throw malformed(`${pointer}/path`, 'a path that begins with a slash', 'another string');
  return {
    name: stringMember(cookie, 'name', pointer),
    value: stringMember(cookie, 'value', pointer),
    domain: host,
    hostOnly,
    path,
    secure: booleanMember(cookie, 'secure', pointer) ?? false,
    httpOnly: booleanMember(cookie, 'httpOnly', pointer) ?? false,
    sameSite: readSameSite(cookie['sameSite'], `${pointer}/sameSite`),
    expiresAt: readExpires(cookie['expires'], `${pointer}/expires`),
    partitionKey: readPartitionKey(cookie, pointer),
  };
}

function readSameSite(value: unknown, pointer: string): SameSite {
  if (value === undefined) return 'unset';
  const sameSite = SAME_SITE_OF_NAME.get(value);
  if (sameSite === undefined) throw malformed(pointer, '"Strict", "Lax" or "None"', kindOf(value, 'string'));
  return sameSite;
}

// 0 is 1970 and means expired: Chromium 156 keeps no cookie when Playwright gives it 0.
function readExpires(value: unknown, pointer: string): number | null {
  if (value === undefined || value === -1) return null;
  const isInRange = typeof value === 'number' && value >= 0 && value <= MAX_EXPIRES_SECONDS;
  if (!isInRange) throw malformed(pointer, '-1 or seconds since the epoch up to the year 9999', kindOf(value, 'number'));
  // JSON has -0; adding 0 makes it the 0 that it means.
  return Math.round(value * 1000) + 0;
}

function readPartitionKey(cookie: Readonly<Record<string, unknown>>, pointer: string): CookiePartitionKey | null {
  // Checked in any case: a flag of a wrong type must not pass because there is no key yet.
  const hasCrossSiteAncestor = booleanMember(cookie, '_crHasCrossSiteAncestor', pointer);
  if (cookie['partitionKey'] === undefined) return null;
  const topLevelSite = stringMember(cookie, 'partitionKey', pointer);
  // Playwright reads an empty key as "not partitioned", which would widen who sees the cookie.
  if (topLevelSite === '') throw malformed(`${pointer}/partitionKey`, 'a site', 'an empty string');
  // True is what Playwright's own loader takes when the flag is absent.
  return { topLevelSite, hasCrossSiteAncestor: hasCrossSiteAncestor ?? true };
}

function readOrigins(values: readonly unknown[], losses: Loss[]): OriginStorage[] {
  const itemsOf = new Map<string, LastOf<StorageItem>>();
  for (const [index, value] of values.entries()) {
    const pointer = `/origins/${index}`;
    const entry = asObject(value, pointer);
    const origin = stringMember(entry, 'origin', pointer);
    if (!isOrigin(origin)) throw malformed(`${pointer}/origin`, 'an origin such as https://host:port', 'another string');
    const items = itemsOf.get(origin) ?? new LastOf<StorageItem>('item', losses);
    itemsOf.set(origin, items);
    for (const [itemIndex, item] of optionalArray(entry, 'localStorage', pointer).entries()) {
      const itemPointer = `${pointer}/localStorage/${itemIndex}`;
      const object = asObject(item, itemPointer);
      const name = stringMember(object, 'name', itemPointer);
      items.set(name, [name, stringMember(object, 'value', itemPointer)], itemPointer);
    }
    dropAll(optionalArray(entry, 'indexedDB', pointer), `${pointer}/indexedDB`, 'IndexedDB of a storage state is not carried yet', losses);
    dropAll(optionalArray(entry, 'opfs', pointer), `${pointer}/opfs`, 'files are not carried yet', losses);
  }
  return [...itemsOf].map(([origin, items]) => ({ key: { origin, topLevelSite: null }, localStorage: items.values(), indexedDB: [] }));
}

function isOrigin(text: string): boolean {
  try {
    return new URL(text).origin === text;
  } catch {
    return false;
  }
}

function writeCookie(cookie: Cookie, pointer: string, losses: Loss[]): StorageStateCookie[] {
  if (cookie.expiresAt !== null && cookie.expiresAt < 0) {
    lose(losses, pointer, 'dropped', 'it expired before 1970, which a storage state cannot say');
    return [];
  }
  if (cookie.sameSite === 'unset') {
    // The loader of 1.65 takes a cookie without sameSite and leaves it unset, but the published type and other readers of the format do not.
    lose(losses, `${pointer}/sameSite`, 'lossy', 'a storage state has no unset SameSite; it becomes Lax');
  }
  for (const member of ['priority', 'sourceScheme', 'sourcePort'] as const) {
    if (cookie[member] !== undefined)
      lose(losses, `${pointer}/${member}`, 'lossy', 'a storage state does not hold it; the browser chooses');
  }
  let expires = cookie.expiresAt === null ? -1 : cookie.expiresAt / 1000;
  if (expires > MAX_EXPIRES_SECONDS) {
    lose(losses, `${pointer}/expiresAt`, 'lossy', 'Playwright takes nothing after the year 9999; it becomes the end of that year');
    expires = MAX_EXPIRES_SECONDS;
  }
  const { name, value, path, httpOnly, secure, partitionKey } = cookie;
  const domain = cookie.hostOnly ? cookie.domain : `.${cookie.domain}`;
  const written = { name, value, domain, path, expires, httpOnly, secure, sameSite: NAME_OF_SAME_SITE[cookie.sameSite] };
  if (partitionKey === null) return [written];
  return [{ ...written, partitionKey: partitionKey.topLevelSite, _crHasCrossSiteAncestor: partitionKey.hasCrossSiteAncestor }];
}

async function writeOrigin(storage: OriginStorage, pointer: string, losses: Loss[]): Promise<StorageStateOrigin[]> {
  if (storage.key.topLevelSite !== null) {
    lose(losses, pointer, 'dropped', 'a storage state has no partitioned storage');
    return [];
  }
  dropAll(storage.indexedDB, `${pointer}/indexedDB`, 'IndexedDB is not written to a storage state yet', losses);
  const localStorage = await Promise.all(storage.localStorage.map(async ([name, value]) => ({ name, value: await textOf(value) })));
  return [{ origin: storage.key.origin, localStorage }];
}

/** Values by identity: the last one set stays, and each one that it replaces is a loss. */
class LastOf<T> {
  readonly #what: string;
  readonly #losses: Loss[];
  readonly #kept = new Map<string, { value: T; pointer: string }>();

  constructor(what: string, losses: Loss[]) {
    this.#what = what;
    this.#losses = losses;
  }

  set(identity: string, value: T, pointer: string): void {
    const earlier = this.#kept.get(identity);
    if (earlier !== undefined) lose(this.#losses, earlier.pointer, 'dropped', `the same ${this.#what} comes again later in the file`);
    this.#kept.set(identity, { value, pointer });
  }

  values(): T[] {
    return [...this.#kept.values()].map(({ value }) => value);
  }
}

function lose(losses: Loss[], pointer: string, severity: Loss['severity'], reason: string): void {
  losses.push({ pointer, reason, severity });
}

function dropAll(values: readonly unknown[], pointer: string, reason: string, losses: Loss[]): void {
  for (const index of values.keys()) lose(losses, `${pointer}/${index}`, 'dropped', reason);
}

function asObject(value: unknown, pointer: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(pointer, 'an object', kindOf(value, 'object'));
  return value as Readonly<Record<string, unknown>>;
}

// The names of members below are ours, never the file's: they are safe in a pointer as they are.
function optionalArray(object: Readonly<Record<string, unknown>>, name: string, pointer: string): readonly unknown[] {
  const value = object[name];
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw malformed(`${pointer}/${name}`, 'an array', kindOf(value, 'array'));
  return value;
}

function stringMember(object: Readonly<Record<string, unknown>>, name: string, pointer: string): string {
  const value = object[name];
  if (typeof value !== 'string') throw malformed(`${pointer}/${name}`, 'a string', kindOf(value, 'string'));
  return value;
}

function booleanMember(object: Readonly<Record<string, unknown>>, name: string, pointer: string): boolean | undefined {
  const value = object[name];
  if (value !== undefined && typeof value !== 'boolean') throw malformed(`${pointer}/${name}`, 'a boolean', kindOf(value, 'boolean'));
  return value;
}

// What came, by its type alone; `expected` says which type would have been right, so that a wrong value of it is "another" one.
function kindOf(value: unknown, expected: string): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  const kind = Array.isArray(value) ? 'array' : typeof value;
  return kind === expected ? `another ${kind}` : `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`;
}

function malformed(pointer: string, expected: string, came: string): PspError {
  const place = pointer === '' ? 'the top of the file' : pointer;
  return new PspError('FORMAT_MALFORMED', `storage state: ${place}: expected ${expected}, got ${came}`, { details: { pointer } });
}
