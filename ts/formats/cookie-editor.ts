/**
 * The JSON of browser extensions that export cookies (Cookie-Editor, EditThisCookie): an array of the objects of the `chrome.cookies` and
 * `browser.cookies` interfaces, whose documentation is the specification.
 *
 *     expirationDate   seconds, a float; absent with `session: true`
 *     sameSite         "no_restriction" | "lax" | "strict" | "unspecified"; some exports have null
 *     hostOnly         beside a domain with or without a dot
 *     partitionKey     { topLevelSite, hasCrossSiteAncestor }
 */
import { dotDomain } from '../session/cookie-spelling.ts';
import type { Cookie, CookiePartitionKey, Session } from '../session/session.ts';
import {
  clampTime,
  cookieSession,
  isOtherPartition,
  loseAllButCookies,
  loseDetails,
  type ReadOptions,
  type ReadResult,
  readCookies,
  readCrossSiteAncestor,
  readDotDomain,
  readPath,
} from './cookie-file.ts';
import { type Loss, lose } from './loss.ts';
import { Place } from './place.ts';

/** A cookie as extensions export it. */
export interface CookieEditorCookie {
  name: string;
  value: string;
  /** With a leading dot for a domain cookie. */
  domain: string;
  hostOnly: boolean;
  path: string;
  secure: boolean;
  httpOnly: boolean;
  sameSite: 'no_restriction' | 'lax' | 'strict' | 'unspecified';
  session: boolean;
  /** Seconds since the epoch; absent for a session cookie. */
  expirationDate?: number;
  /** The cookie store of a running browser: null is the current one. */
  storeId: null;
  partitionKey?: { topLevelSite: string; hasCrossSiteAncestor: boolean };
}

const SAME_SITES = new Map<unknown, Cookie['sameSite']>([
  ['no_restriction', 'none'],
  ['lax', 'lax'],
  ['strict', 'strict'],
  ['unspecified', 'unset'],
]);
const SAME_SITE_NAMES = { none: 'no_restriction', lax: 'lax', strict: 'strict', unset: 'unspecified' } as const;

/**
 * The Session that a parsed export describes. Null means absent. Without `hostOnly`, the dot of the domain decides. A cookie of Firefox's first-party
 * isolation, or in the partition of an extension's page, is dropped:
 * without it, it would be sent to more sites.
 *
 * @throws PspError FORMAT_MALFORMED for a member of a wrong type or out of range, with its JSON Pointer in `details.pointer`.
 */
export function readCookieEditor(json: unknown, options: ReadOptions): ReadResult {
  const losses: Loss[] = [];
  const cookies = readCookies(new Place('Cookie-Editor export', json).items(), losses, readCookie);
  return { session: cookieSession('cookie-editor', cookies, options), losses };
}

function readCookie(place: Place, losses: Loss[]): Cookie | null {
  const { domain, hostOnly } = readDotDomain(place.member('domain'));
  const partition = place.nullable('partitionKey');
  if (isOtherPartition(partition?.member('topLevelSite') ?? null, place, losses)) return null;
  const cookie: Cookie = {
    name: place.member('name').string(),
    value: place.member('value').string(),
    domain,
    hostOnly: place.nullable('hostOnly')?.boolean() ?? hostOnly,
    path: readPath(place.member('path')),
    secure: place.nullable('secure')?.boolean() ?? false,
    httpOnly: place.nullable('httpOnly')?.boolean() ?? false,
    sameSite: place.nullable('sameSite')?.oneOf(SAME_SITES) ?? 'unset',
    expiresAt: readExpiry(place, losses),
    partitionKey: readPartitionKey(partition, losses),
  };
  if ((place.nullable('firstPartyDomain')?.string() ?? '') === '') return cookie;
  lose(losses, place.pointer, 'dropped', "it belongs to one first-party domain (Firefox's isolation), which a Session cannot say");
  return null;
}

function readExpiry(place: Place, losses: Loss[]): number | null {
  const isSession = place.nullable('session')?.boolean() ?? false;
  const expiry = place.nullable('expirationDate');
  const ms = (expiry?.number() ?? 0) * 1000;
  return isSession || expiry === null ? null : clampTime(ms, expiry.pointer, losses);
}

function readPartitionKey(key: Place | null, losses: Loss[]): CookiePartitionKey | null {
  if (key === null) return null;
  const topLevelSite = key.member('topLevelSite').origin();
  return { topLevelSite, hasCrossSiteAncestor: readCrossSiteAncestor(key.nullable('hasCrossSiteAncestor'), key.pointer, losses) };
}

/** The export that says as much of a Session as the format can, and what it cannot say. `JSON.stringify` makes what the extensions import. */
export async function writeCookieEditor(session: Session): Promise<{ cookies: CookieEditorCookie[]; losses: Loss[] }> {
  const losses: Loss[] = [];
  loseAllButCookies(session, 'a Cookie-Editor export', losses);
  loseDetails(session.cookies, ['createdAt', 'priority', 'sourceScheme', 'sourcePort'], 'a Cookie-Editor export', losses);
  return { cookies: session.cookies.map(writeCookie), losses };
}

function writeCookie(cookie: Cookie): CookieEditorCookie {
  const { name, value, hostOnly, path, secure, httpOnly, sameSite, expiresAt, partitionKey } = cookie;
  return {
    name,
    value,
    domain: dotDomain(cookie),
    hostOnly,
    path,
    secure,
    httpOnly,
    sameSite: SAME_SITE_NAMES[sameSite],
    session: expiresAt === null,
    ...(expiresAt === null ? {} : { expirationDate: expiresAt / 1000 }),
    storeId: null,
    ...(partitionKey === null ? {} : { partitionKey: { ...partitionKey } }),
  };
}
