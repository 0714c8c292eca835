/**
 * Cookies of a storage state to and from those of a Session. An unset SameSite is an absent member: Playwright 1.65 loads such a cookie and
 * Chromium keeps it unset, though Playwright itself writes Lax for it.
 *
 *     expires         seconds, a float; -1 is a session cookie       <->  expiresAt, integer ms; null
 *     domain          ".host" is a domain cookie, "host" host-only   <->  domain without the dot, hostOnly
 *     sameSite        "Strict" | "Lax" | "None" | absent             <->  strict, lax, none, unset
 *     partitionKey    site, with _crHasCrossSiteAncestor beside it   <->  { topLevelSite, hasCrossSiteAncestor }
 */
import { dotDomain, SAME_SITE_NAMES, SAME_SITES } from '../../session/cookie-spelling.ts';
import type { Cookie, CookiePartitionKey } from '../../session/session.ts';
import { isOtherPartition, keepCookie, loseDetails, readDotDomain, readPath } from '../cookie-file.ts';
import { type Loss, lose } from '../loss.ts';
import type { Place } from '../place.ts';

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
  /** Absent when the site set none. */
  sameSite?: 'Strict' | 'Lax' | 'None';
  partitionKey?: string;
  _crHasCrossSiteAncestor?: boolean;
}

/** The last second of the year 9999: Playwright refuses a whole file for one cookie that lives longer. */
const MAX_EXPIRES_SECONDS = 253_402_300_799;

/**
 * Reads one cookie. What a hand-written file leaves out means what it means to Playwright: session, false, false, unset. Null for one in the partition of
 * an extension's page, which is a loss.
 */
export function readCookie(place: Place, losses: Loss[]): Cookie | null {
  if (isOtherPartition(place.optional('partitionKey'), place, losses)) return null;
  return {
    ...readDotDomain(place.member('domain')),
    name: place.member('name').string(),
    value: place.member('value').string(),
    path: readPath(place.member('path')),
    secure: place.optional('secure')?.boolean() ?? false,
    httpOnly: place.optional('httpOnly')?.boolean() ?? false,
    sameSite: place.optional('sameSite')?.oneOf(SAME_SITES) ?? 'unset',
    expiresAt: readExpires(place.optional('expires')),
    partitionKey: readPartitionKey(place),
  };
}

// 0 is 1970 and means expired: Chromium 156 keeps no cookie when Playwright gives it 0.
function readExpires(place: Place | null): number | null {
  if (place === null || place.value === -1) return null;
  const { value } = place;
  const isInRange = typeof value === 'number' && value >= 0 && value <= MAX_EXPIRES_SECONDS;
  if (!isInRange) throw place.malformed('-1 or seconds since the epoch up to the year 9999');
  // JSON has -0; adding 0 makes it the 0 that it means.
  return Math.round(value * 1000) + 0;
}

function readPartitionKey(place: Place): CookiePartitionKey | null {
  // Checked in any case: a flag of a wrong type must not pass because there is no key yet.
  const hasCrossSiteAncestor = place.optional('_crHasCrossSiteAncestor')?.boolean();
  // Playwright reads an empty key as "not partitioned", which would widen who sees the cookie: here it is no origin.
  const topLevelSite = place.optional('partitionKey')?.origin();
  // True is what Playwright's own loader takes when the flag is absent.
  return topLevelSite === undefined ? null : { topLevelSite, hasCrossSiteAncestor: hasCrossSiteAncestor ?? true };
}

/** Writes the cookies. One that expired before 1970 is dropped, as its negative time could read as "session". */
export function writeCookies(cookies: readonly Cookie[], losses: Loss[]): StorageStateCookie[] {
  loseDetails(cookies, ['createdAt', 'priority', 'sourceScheme', 'sourcePort'], 'a storage state', losses);
  return cookies.flatMap((cookie, index) => writeCookie(cookie, `/cookies/${index}`, losses));
}

function writeCookie(cookie: Cookie, pointer: string, losses: Loss[]): StorageStateCookie[] {
  const isSayable = cookie.expiresAt === null || cookie.expiresAt >= 0;
  if (!keepCookie(isSayable, pointer, 'it expired before 1970, which a storage state cannot say', losses)) return [];
  let expires = cookie.expiresAt === null ? -1 : cookie.expiresAt / 1000;
  if (expires > MAX_EXPIRES_SECONDS) {
    lose(losses, `${pointer}/expiresAt`, 'lossy', 'Playwright takes nothing after the year 9999; it becomes the end of that year');
    expires = MAX_EXPIRES_SECONDS;
  }
  const { name, value, path, httpOnly, secure, sameSite, partitionKey } = cookie;
  const written: StorageStateCookie = { name, value, domain: dotDomain(cookie), path, expires, httpOnly, secure };
  if (sameSite !== 'unset') written.sameSite = SAME_SITE_NAMES[sameSite];
  if (partitionKey !== null) {
    written.partitionKey = partitionKey.topLevelSite;
    written._crHasCrossSiteAncestor = partitionKey.hasCrossSiteAncestor;
  }
  return [written];
}
