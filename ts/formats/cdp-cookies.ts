/**
 * Cookies of the DevTools protocol (`Network.Cookie` of Storage.getCookies, `Network.CookieParam` for Storage.setCookies) and of Puppeteer, which
 * passes them on with a partition key of its own. All that a Session holds of a cookie but its time of creation has a place in both.
 *
 *     expires        seconds, a float; -1, with `session: true`, for a session cookie
 *     sameSite       "Strict" | "Lax" | "None" | absent (Puppeteer over BiDi: "Default")
 *     partitionKey   CDP { topLevelSite, hasCrossSiteAncestor }, Puppeteer { sourceOrigin, hasCrossSiteAncestor }, both formerly a string
 */
import { dotDomain, PRIORITIES, PRIORITY_NAMES, SAME_SITE_NAMES, SAME_SITES, SCHEME_NAMES, SCHEMES } from '../session/cookie-spelling.ts';
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

/** What both protocols say of a cookie that is to be set. */
interface CookieParam {
  name: string;
  value: string;
  /** With a leading dot for a domain cookie. */
  domain: string;
  path: string;
  secure: boolean;
  httpOnly: boolean;
  sameSite?: 'Strict' | 'Lax' | 'None';
  /** Seconds since the epoch; absent for a session cookie. */
  expires?: number;
  priority?: 'Low' | 'Medium' | 'High';
  sourceScheme?: 'Unset' | 'Secure' | 'NonSecure';
  sourcePort?: number;
}

/** A cookie for Storage.setCookies or Network.setCookies of the DevTools protocol. */
export interface CdpCookieParam extends CookieParam {
  partitionKey?: { topLevelSite: string; hasCrossSiteAncestor: boolean };
}

/** A cookie for `browser.setCookie` of Puppeteer. */
export interface PuppeteerCookie extends CookieParam {
  partitionKey?: { sourceOrigin: string; hasCrossSiteAncestor: boolean };
}

/** Puppeteer over BiDi says Default. */
const SAME_SITES_OR_DEFAULT: ReadonlyMap<unknown, Cookie['sameSite']> = new Map([...SAME_SITES, ['Default', 'unset']]);

/**
 * The Session that an array of `Network.Cookie` or `Network.CookieParam` describes, or a reply `{ cookies }` that holds one. A cookie in an opaque
 * partition, or in that of an extension's page, is dropped. `size`, `session` and `sameParty` say nothing new and are ignored.
 *
 * @throws PspError FORMAT_MALFORMED for a member of a wrong type or out of range, with its JSON Pointer in `details.pointer`.
 */
export function readCdpCookies(json: unknown, options: ReadOptions): ReadResult {
  return read(json, 'DevTools cookies', 'cdp-cookies', 'topLevelSite', options);
}

/** {@link readCdpCookies} for what `browser.cookies()` of Puppeteer returns. */
export function readPuppeteerCookies(json: unknown, options: ReadOptions): ReadResult {
  return read(json, 'Puppeteer cookies', 'puppeteer-cookies', 'sourceOrigin', options);
}

function read(json: unknown, format: string, tool: string, siteName: string, options: ReadOptions): ReadResult {
  const losses: Loss[] = [];
  const file = new Place(format, json);
  const list = Array.isArray(json) ? file : file.member('cookies');
  const cookies = readCookies(list.items(), losses, (place) => readCookie(place, siteName, losses));
  return { session: cookieSession(tool, cookies, options), losses };
}

function readCookie(place: Place, siteName: string, losses: Loss[]): Cookie | null {
  const priority = place.optional('priority')?.oneOf(PRIORITIES);
  const sourceScheme = place.optional('sourceScheme')?.oneOf(SCHEMES);
  const sourcePort = place.optional('sourcePort')?.integer(-1, 65_535);
  if (place.optional('partitionKeyOpaque')?.boolean() === true) {
    lose(losses, place.pointer, 'dropped', 'its partition is opaque: it belongs to a page that had no address');
    return null;
  }
  const partition = place.optional('partitionKey');
  const site = typeof partition?.value === 'string' ? partition : (partition?.member(siteName) ?? null);
  if (isOtherPartition(site, place, losses)) return null;
  return {
    name: place.member('name').string(),
    value: place.member('value').string(),
    ...readDotDomain(place.member('domain')),
    path: place.optional('path') === null ? '/' : readPath(place.member('path')),
    secure: place.optional('secure')?.boolean() ?? false,
    httpOnly: place.optional('httpOnly')?.boolean() ?? false,
    sameSite: place.optional('sameSite')?.oneOf(SAME_SITES_OR_DEFAULT) ?? 'unset',
    expiresAt: readExpires(place, losses),
    ...(priority === undefined ? {} : { priority }),
    ...(sourceScheme === undefined ? {} : { sourceScheme }),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    partitionKey: site === null ? null : readPartitionKey(partition as Place, site, losses),
  };
}

// Any negative time is a session cookie to the protocol.
function readExpires(place: Place, losses: Loss[]): number | null {
  const isSession = place.optional('session')?.boolean() ?? false;
  const expires = place.optional('expires');
  const seconds = expires?.number() ?? -1;
  return isSession || expires === null || seconds < 0 ? null : clampTime(seconds * 1000, expires.pointer, losses);
}

function readPartitionKey(place: Place, site: Place, losses: Loss[]): CookiePartitionKey {
  const flag = site === place ? null : place.optional('hasCrossSiteAncestor');
  return { topLevelSite: site.origin(), hasCrossSiteAncestor: readCrossSiteAncestor(flag, place.pointer, losses) };
}

/** The cookies of a Session for Storage.setCookies, and what they cannot say. Given with domain and path, never a URL, which guesses the rest. */
export async function writeCdpCookies(session: Session): Promise<{ cookies: CdpCookieParam[]; losses: Loss[] }> {
  const losses = lossesOf(session, 'a list of DevTools cookies');
  const cookies = session.cookies.map((cookie) => {
    const param: CdpCookieParam = writeCookie(cookie);
    if (cookie.partitionKey !== null) param.partitionKey = { ...cookie.partitionKey };
    return param;
  });
  return { cookies, losses };
}

/** The cookies of a Session for `browser.setCookie(...cookies)` of Puppeteer, and what they cannot say. */
export async function writePuppeteerCookies(session: Session): Promise<{ cookies: PuppeteerCookie[]; losses: Loss[] }> {
  const losses = lossesOf(session, 'a list of Puppeteer cookies');
  const cookies = session.cookies.map((cookie) => {
    const { partitionKey } = cookie;
    const param: PuppeteerCookie = writeCookie(cookie);
    if (partitionKey !== null) {
      param.partitionKey = { sourceOrigin: partitionKey.topLevelSite, hasCrossSiteAncestor: partitionKey.hasCrossSiteAncestor };
    }
    return param;
  });
  return { cookies, losses };
}

function lossesOf(session: Session, format: string): Loss[] {
  const losses: Loss[] = [];
  loseAllButCookies(session, format, losses);
  loseDetails(session.cookies, ['createdAt'], format, losses);
  return losses;
}

function writeCookie(cookie: Cookie): CookieParam {
  const { name, value, path, secure, httpOnly, sameSite, expiresAt, priority, sourceScheme, sourcePort } = cookie;
  const param: CookieParam = { name, value, domain: dotDomain(cookie), path, secure, httpOnly };
  if (sameSite !== 'unset') param.sameSite = SAME_SITE_NAMES[sameSite];
  // Never below 0: that would read as "session".
  if (expiresAt !== null) param.expires = Math.max(0, expiresAt / 1000);
  if (priority !== undefined) param.priority = PRIORITY_NAMES[priority];
  if (sourceScheme !== undefined) param.sourceScheme = SCHEME_NAMES[sourceScheme];
  if (sourcePort !== undefined) param.sourcePort = sourcePort;
  return param;
}
