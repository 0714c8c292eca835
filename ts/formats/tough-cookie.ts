/**
 * The JSON of a tough-cookie CookieJar (`jar.toJSON()`, `CookieJar.fromJSON(json)`), written against tough-cookie 6: Node programs keep their
 * cookies in it. A member at its default is absent in a file.
 *
 *     expires       RFC 3339, or "Infinity"; absent for a session cookie
 *     maxAge        seconds, "Infinity" or "-Infinity"; outweighs `expires`, and counts from `lastAccessed`
 *     domain        without a dot, beside `hostOnly`
 *     extensions    attributes that tough-cookie does not know: "Partitioned" among them
 */
import type { Cookie, Session } from '../session/session.ts';
import { LATEST_TIME } from '../session/time.ts';
import {
  clampTime,
  cookieSession,
  isHost,
  loseAllButCookies,
  loseDetails,
  type ReadOptions,
  type ReadResult,
  readCookies,
  readPath,
  withoutPartitioned,
} from './cookie-file.ts';
import { type Loss, lose } from './loss.ts';
import { Place } from './place.ts';

/** A cookie of a serialized jar. */
export interface ToughCookie {
  key: string;
  value: string;
  domain: string;
  hostOnly: boolean;
  path: string;
  secure?: true;
  httpOnly?: true;
  sameSite?: 'strict' | 'lax' | 'none';
  /** RFC 3339; absent for a session cookie. */
  expires?: string;
  /** RFC 3339. */
  creation?: string;
  // tough-cookie's own type takes any member.
  [member: string]: unknown;
}

/** A serialized jar. */
export interface ToughCookieJar {
  version: string;
  storeType: 'MemoryCookieStore';
  rejectPublicSuffixes: boolean;
  cookies: ToughCookie[];
}

/** The version of tough-cookie whose format this is. The library writes it and never reads it. */
const VERSION = 'tough-cookie@6.1.0';

const SAME_SITES = new Map<unknown, Cookie['sameSite']>([
  ['strict', 'strict'],
  ['lax', 'lax'],
  ['none', 'none'],
]);

/**
 * The Session that a serialized jar describes. A cookie with the attribute Partitioned is dropped: the jar does not know its partition, and without
 * one it would be sent to more sites. Other attributes that tough-cookie does not know are a loss; when a cookie was last used is not looked at, but
 * for `maxAge`.
 *
 * @throws PspError FORMAT_MALFORMED for a member of a wrong type or out of range, with its JSON Pointer in `details.pointer`.
 */
export function readToughCookie(json: unknown, options: ReadOptions): ReadResult {
  const losses: Loss[] = [];
  const cookies = readCookies(new Place('tough-cookie jar', json).member('cookies').items(), losses, (place) =>
    readCookie(place, options, losses),
  );
  return { session: cookieSession('tough-cookie', cookies, options), losses };
}

function readCookie(place: Place, options: ReadOptions, losses: Loss[]): Cookie | null {
  const domain = place.member('domain').string();
  if (!isHost(domain)) throw place.member('domain').malformed('a host', 'another string');
  const createdAt = readTime(place.nullable('creation'), losses);
  const cookie: Cookie = {
    name: place.optional('key')?.string() ?? '',
    value: place.optional('value')?.string() ?? '',
    domain,
    hostOnly: readHostOnly(place, losses),
    path: readPath(place.member('path')),
    secure: place.optional('secure')?.boolean() ?? false,
    httpOnly: place.optional('httpOnly')?.boolean() ?? false,
    sameSite: place.nullable('sameSite')?.oneOf(SAME_SITES) ?? 'unset',
    expiresAt: readExpiry(place, options, losses),
    ...(createdAt === null ? {} : { createdAt }),
    partitionKey: null,
  };
  const extensions = (place.nullable('extensions')?.items() ?? []).map((extension) => extension.string());
  if (extensions.some((extension) => /^\s*partitioned\s*(=|$)/i.test(extension))) {
    lose(losses, place.pointer, 'dropped', 'it is partitioned, and the jar does not say by which site');
    return null;
  }
  if (extensions.length > 0)
    lose(losses, `${place.pointer}/extensions`, 'lossy', 'attributes that tough-cookie does not know are not read');
  return cookie;
}

// A jar always says it; a hand-written one may not, and then the narrower of the two is the safe one.
function readHostOnly(place: Place, losses: Loss[]): boolean {
  const flag = place.nullable('hostOnly');
  if (flag !== null) return flag.boolean();
  lose(losses, place.pointer, 'lossy', 'it does not say whether it is host-only; taken as host-only');
  return true;
}

/** Max-Age outweighs Expires (RFC 6265 section 5.3); a jar that has it counts it from the last use, as tough-cookie does. */
function readExpiry(place: Place, options: ReadOptions, losses: Loss[]): number | null {
  const expires = readTime(place.nullable('expires'), losses);
  const maxAge = place.nullable('maxAge');
  if (maxAge === null) return expires;
  if (maxAge.value === '-Infinity') return 0;
  if (maxAge.value === 'Infinity') return clampTime(Number.POSITIVE_INFINITY, maxAge.pointer, losses);
  const seconds = maxAge.number();
  if (seconds <= 0) return 0;
  const from = readTime(place.nullable('lastAccessed'), losses) ?? readTime(place.nullable('creation'), losses) ?? options.now;
  return clampTime(from + seconds * 1000, maxAge.pointer, losses);
}

function readTime(place: Place | null, losses: Loss[]): number | null {
  if (place === null || place.value === 'Infinity') return null;
  const text = place.string();
  const ms = /^[+-]?[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw place.malformed('a time in RFC 3339 and UTC, or "Infinity"', 'another string');
  return clampTime(ms, place.pointer, losses);
}

/** The jar that says as much of a Session as tough-cookie can, and what it cannot say. `CookieJar.fromJSON` takes it, or its text. */
export async function writeToughCookie(session: Session): Promise<{ jar: ToughCookieJar; losses: Loss[] }> {
  const losses: Loss[] = [];
  loseAllButCookies(session, 'a tough-cookie jar', losses);
  loseDetails(session.cookies, ['priority', 'sourceScheme', 'sourcePort'], 'a tough-cookie jar', losses);
  const cookies = withoutPartitioned(session.cookies, 'a tough-cookie jar', losses).map(([cookie]) => writeCookie(cookie));
  return { jar: { version: VERSION, storeType: 'MemoryCookieStore', rejectPublicSuffixes: true, cookies }, losses };
}

function writeCookie({ name, value, domain, hostOnly, path, secure, httpOnly, sameSite, expiresAt, createdAt }: Cookie): ToughCookie {
  return {
    key: name,
    value,
    domain,
    hostOnly,
    path,
    ...(secure ? { secure } : {}),
    ...(httpOnly ? { httpOnly } : {}),
    ...(sameSite === 'unset' ? {} : { sameSite }),
    ...(expiresAt === null ? {} : { expires: timeText(expiresAt) }),
    ...(createdAt === undefined ? {} : { creation: timeText(createdAt) }),
  };
}

function timeText(ms: number): string {
  return new Date(Math.min(Math.max(ms, 0), LATEST_TIME)).toISOString();
}
