/**
 * Cookies between the DevTools protocol and a Session. Attributes go over raw: an unset SameSite stays unset, a session cookie has no expiry,
 * and a cookie whose partition cannot be written is refused, never un-partitioned.
 */
import {
  dotDomain,
  PRIORITIES,
  PRIORITY_NAMES,
  SAME_SITE_NAMES,
  SAME_SITES,
  SCHEME_NAMES,
  SCHEMES,
  splitDotDomain,
} from '../session/cookie-spelling.ts';
import type { Cookie, StorageKey } from '../session/session.ts';
import { isWeb } from './intercept.ts';
import type { CdpCookie, CdpCookieParam } from './protocol.ts';

/**
 * The session's form of a cookie that the browser reported, or null for one in a partition that a session cannot say: an opaque one, which no browser
 * can be given back, or that of an extension's page.
 */
export function fromCdpCookie(cookie: CdpCookie): Cookie | null {
  if (cookie.partitionKeyOpaque === true) return null;
  if (cookie.partitionKey !== undefined && !isWeb(cookie.partitionKey.topLevelSite)) return null;
  const priority = PRIORITIES.get(cookie.priority);
  const sourceScheme = SCHEMES.get(cookie.sourceScheme);
  return {
    name: cookie.name,
    value: cookie.value,
    ...splitDotDomain(cookie.domain),
    path: cookie.path,
    secure: cookie.secure,
    httpOnly: cookie.httpOnly,
    sameSite: SAME_SITES.get(cookie.sameSite) ?? 'unset',
    expiresAt: cookie.session || cookie.expires < 0 ? null : Math.round(cookie.expires * 1000),
    ...(priority === undefined ? {} : { priority }),
    ...(sourceScheme === undefined ? {} : { sourceScheme }),
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
    domain: dotDomain(cookie),
    path: cookie.path,
    secure: cookie.secure,
    httpOnly: cookie.httpOnly,
  };
  if (cookie.expiresAt !== null) param.expires = cookie.expiresAt / 1000;
  if (cookie.sameSite !== 'unset') param.sameSite = SAME_SITE_NAMES[cookie.sameSite];
  if (cookie.priority !== undefined) param.priority = PRIORITY_NAMES[cookie.priority];
  if (cookie.sourceScheme !== undefined) param.sourceScheme = SCHEME_NAMES[cookie.sourceScheme];
  if (cookie.sourcePort !== undefined) param.sourcePort = cookie.sourcePort;
  if (cookie.partitionKey !== null) param.partitionKey = { ...cookie.partitionKey };
  return param;
}

/** The storage key that a cookie was set under, or is sent to: how storage of sites that are not open is found. */
export function cookieKey(cookie: Cookie): StorageKey {
  const { partitionKey } = cookie;
  const origin = cookieOrigin(cookie);
  if (partitionKey?.hasCrossSiteAncestor !== true) return { origin, topLevelSite: null };
  const { topLevelSite } = partitionKey;
  return sameSite(origin, topLevelSite) ? { origin, topLevelSite: null, hasCrossSiteAncestor: true } : { origin, topLevelSite };
}

/** Whether an origin belongs to a site, which is a scheme and a registrable domain. */
function sameSite(origin: string, site: string): boolean {
  const [own, other] = [new URL(origin), new URL(site)];
  return own.protocol === other.protocol && (own.hostname === other.hostname || own.hostname.endsWith(`.${other.hostname}`));
}

function cookieOrigin(cookie: Cookie): string {
  const secure = cookie.sourceScheme === undefined || cookie.sourceScheme === 'unset' ? cookie.secure : cookie.sourceScheme === 'secure';
  const scheme = secure ? 'https' : 'http';
  const port = cookie.sourcePort === undefined || cookie.sourcePort <= 0 ? '' : `:${cookie.sourcePort}`;
  return new URL(`${scheme}://${cookie.domain}${port}`).origin;
}
