/**
 * Cookies between WebDriver (section 14) and a Session. WebDriver tells no partition, priority or source, and calls an unset SameSite `Lax`. A cookie that is
 * set with a domain becomes one of all hosts below it: so one of a single host is set without, which is also what `__Host-` asks for.
 */
import { dotDomain, SAME_SITE_NAMES, SAME_SITES, splitDotDomain } from '../session/cookie-spelling.ts';
import type { Cookie } from '../session/session.ts';

/** A cookie as WebDriver lists it. */
export interface WebDriverCookie {
  readonly name: string;
  readonly value: string;
  readonly path?: string | undefined;
  /** With a leading dot for one of all hosts below it. */
  readonly domain?: string | undefined;
  readonly secure?: boolean | undefined;
  readonly httpOnly?: boolean | undefined;
  /** Seconds since the epoch. */
  readonly expiry?: number | Date | undefined;
  readonly sameSite?: string | undefined;
}

/** A cookie to be set, for the document that is open. */
export interface CookieSpec {
  name: string;
  value: string;
  path: string;
  domain?: string;
  secure: boolean;
  httpOnly: boolean;
  expiry?: number;
  sameSite?: string;
}

/** The session's form. `hostname` is that of the document it was listed for. */
export function fromWebDriver(cookie: WebDriverCookie, hostname: string): Cookie {
  const { name, value, path = '/', domain = hostname, secure = false, httpOnly = false, expiry } = cookie;
  const seconds = expiry instanceof Date ? expiry.getTime() / 1000 : expiry;
  return {
    name,
    value,
    ...splitDotDomain(domain),
    path,
    secure,
    httpOnly,
    sameSite: SAME_SITES.get(cookie.sameSite) ?? 'unset',
    expiresAt: seconds === undefined ? null : Math.round(seconds * 1000),
    partitionKey: null,
  };
}

/** What is given to `addCookie` for a document of the cookie's own host. */
export function toWebDriver(cookie: Cookie): CookieSpec {
  const { name, value, path, secure, httpOnly, hostOnly, expiresAt, sameSite } = cookie;
  return {
    name,
    value,
    path,
    secure,
    httpOnly,
    ...(hostOnly ? {} : { domain: dotDomain(cookie) }),
    ...(expiresAt === null ? {} : { expiry: Math.floor(expiresAt / 1000) }),
    ...(sameSite === 'unset' ? {} : { sameSite: SAME_SITE_NAMES[sameSite] }),
  };
}

/** What of a cookie WebDriver can say: no partition, priority or source, and whole seconds. */
export function sayable({ priority: _priority, sourceScheme: _scheme, sourcePort: _port, expiresAt, ...cookie }: Cookie): Cookie {
  return { ...cookie, expiresAt: expiresAt === null ? null : Math.floor(expiresAt / 1000) * 1000 };
}

/** Whether a document on `hostname` may set the cookie. */
export function isCookieOf({ domain, hostOnly }: Cookie, hostname: string): boolean {
  return domain === hostname || (!hostOnly && hostname.endsWith(`.${domain}`));
}
