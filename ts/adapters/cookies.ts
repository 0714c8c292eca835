/**
 * Cookies between the DevTools protocol and a Session. Attributes go over raw: an unset SameSite stays unset, a session cookie has no expiry,
 * and a cookie whose partition cannot be written is refused, never un-partitioned.
 */
import type { Cookie } from '../session/session.ts';
import type { CdpCookie, CdpCookieParam } from './protocol.ts';

/** The session's form of a cookie that the browser reported, or null for one in an opaque partition, which no browser can be given back. */
export function fromCdpCookie(cookie: CdpCookie): Cookie | null {
  if (cookie.partitionKeyOpaque === true) return null;
  const hostOnly = !cookie.domain.startsWith('.');
  return {
    name: cookie.name,
    value: cookie.value,
    domain: hostOnly ? cookie.domain : cookie.domain.slice(1),
    hostOnly,
    path: cookie.path,
    secure: cookie.secure,
    httpOnly: cookie.httpOnly,
    sameSite: sameSiteFrom(cookie.sameSite),
    expiresAt: cookie.session || cookie.expires < 0 ? null : Math.round(cookie.expires * 1000),
    ...(isPriority(cookie.priority) ? { priority: PRIORITIES[cookie.priority] } : {}),
    ...(isScheme(cookie.sourceScheme) ? { sourceScheme: SCHEMES[cookie.sourceScheme] } : {}),
    ...(cookie.sourcePort === undefined ? {} : { sourcePort: cookie.sourcePort }),
    partitionKey:
      cookie.partitionKey === undefined
        ? null
        : { topLevelSite: cookie.partitionKey.topLevelSite, hasCrossSiteAncestor: cookie.partitionKey.hasCrossSiteAncestor },
  };
}

/** What `Storage.setCookies` wants. Given domain and path, never a URL: the URL form guesses the rest. */
export function toCdpCookie(cookie: Cookie): CdpCookieParam {
  const param: CdpCookieParam = {
    name: cookie.name,
    value: cookie.value,
    domain: cookie.hostOnly ? cookie.domain : `.${cookie.domain}`,
    path: cookie.path,
    secure: cookie.secure,
    httpOnly: cookie.httpOnly,
  };
  if (cookie.expiresAt !== null) param.expires = cookie.expiresAt / 1000;
  if (cookie.sameSite !== 'unset') param.sameSite = SAME_SITES[cookie.sameSite];
  if (cookie.priority !== undefined) param.priority = keyOf(PRIORITIES, cookie.priority);
  if (cookie.sourceScheme !== undefined) param.sourceScheme = keyOf(SCHEMES, cookie.sourceScheme);
  if (cookie.sourcePort !== undefined) param.sourcePort = cookie.sourcePort;
  if (cookie.partitionKey !== null) param.partitionKey = { ...cookie.partitionKey };
  return param;
}

/** Origins that a cookie was set from, or is sent to: how storage of sites that are not open is found. */
export function cookieOrigin(cookie: Cookie): string {
  const secure = cookie.sourceScheme === undefined || cookie.sourceScheme === 'unset' ? cookie.secure : cookie.sourceScheme === 'secure';
  const scheme = secure ? 'https' : 'http';
  const port = cookie.sourcePort === undefined || cookie.sourcePort <= 0 ? '' : `:${cookie.sourcePort}`;
  return new URL(`${scheme}://${cookie.domain}${port}`).origin;
}

const SAME_SITES = { none: 'None', lax: 'Lax', strict: 'Strict' } as const;
const PRIORITIES = { Low: 'low', Medium: 'medium', High: 'high' } as const;
const SCHEMES = { Unset: 'unset', Secure: 'secure', NonSecure: 'non-secure' } as const;

function sameSiteFrom(value: string | undefined): Cookie['sameSite'] {
  if (value === 'None') return 'none';
  if (value === 'Lax') return 'lax';
  if (value === 'Strict') return 'strict';
  return 'unset';
}

function isPriority(value: string | undefined): value is keyof typeof PRIORITIES {
  return value !== undefined && Object.hasOwn(PRIORITIES, value);
}

function isScheme(value: string | undefined): value is keyof typeof SCHEMES {
  return value !== undefined && Object.hasOwn(SCHEMES, value);
}

function keyOf<K extends string, V>(table: Readonly<Record<K, V>>, value: V): K {
  return (Object.keys(table) as K[]).find((key) => table[key] === value) as K;
}
