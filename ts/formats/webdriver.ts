/**
 * Cookies of WebDriver (W3C WebDriver section 14), as Selenium's `get_cookies()` gives and `add_cookie()` takes them. A cookie can only be added for
 * the site of the document that is open, and one that is added with a `domain` becomes a domain cookie: so what we write is grouped by the host to
 * open, and a host-only cookie has no `domain` there.
 *
 *     expiry     whole seconds; absent for a session cookie
 *     sameSite   "Strict" | "Lax" | "None"
 *     domain     ".host" or "host" as reported; absent in a group for what is the host's own
 */
import { dotDomain, SAME_SITE_NAMES, SAME_SITES } from '../session/cookie-spelling.ts';
import type { Cookie, Session } from '../session/session.ts';
import {
  clampTime,
  cookieSession,
  isHost,
  keepCookie,
  loseAllButCookies,
  loseDetails,
  type ReadOptions,
  type ReadResult,
  readCookies,
  readDotDomain,
  readPath,
  withoutPartitioned,
} from './cookie-file.ts';
import { type Loss, lose } from './loss.ts';
import { Place } from './place.ts';

/** A cookie for the command Add Cookie. */
export interface WebDriverCookie {
  name: string;
  value: string;
  path: string;
  /** With a leading dot; absent for a host-only cookie. */
  domain?: string;
  secure: boolean;
  httpOnly: boolean;
  /** Whole seconds since the epoch; absent for a session cookie. */
  expiry?: number;
  sameSite?: 'Strict' | 'Lax' | 'None';
}

/** The cookies to add while a document of `host` is open. */
export interface WebDriverHost {
  host: string;
  cookies: WebDriverCookie[];
}

/**
 * The Session that WebDriver cookies describe: an array as a driver returns it, where every cookie has its `domain`, or the groups that
 * {@link writeWebDriverCookies} makes. Drivers report a SameSite that was never set as Lax; what they say is what is read.
 *
 * @throws PspError FORMAT_MALFORMED for a member of a wrong type or out of range, with its JSON Pointer in `details.pointer`.
 */
export function readWebDriverCookies(json: unknown, options: ReadOptions): ReadResult {
  const losses: Loss[] = [];
  const places: { cookie: Place; host: string | null }[] = [];
  for (const entry of new Place('WebDriver cookies', json).items()) {
    const list = entry.optional('cookies');
    if (list === null) places.push({ cookie: entry, host: null });
    else for (const cookie of list.items()) places.push({ cookie, host: readHost(entry.member('host')) });
  }
  const hosts = new Map(places.map(({ cookie, host }) => [cookie.pointer, host]));
  const cookies = readCookies(
    places.map(({ cookie }) => cookie),
    losses,
    (place) => readCookie(place, hosts.get(place.pointer) ?? null, losses),
  );
  return { session: cookieSession('webdriver', cookies, options), losses };
}

function readHost(place: Place): string {
  const host = place.string();
  if (!isHost(host)) throw place.malformed('a host', 'another string');
  return host;
}

function readCookie(place: Place, host: string | null, losses: Loss[]): Cookie {
  const ownHost = host !== null && place.optional('domain') === null ? { domain: host, hostOnly: true } : null;
  const expiry = place.nullable('expiry');
  return {
    name: place.member('name').string(),
    value: place.member('value').string(),
    ...(ownHost ?? readDotDomain(place.member('domain'))),
    path: place.optional('path') === null ? '/' : readPath(place.member('path')),
    secure: place.optional('secure')?.boolean() ?? false,
    httpOnly: place.optional('httpOnly')?.boolean() ?? false,
    sameSite: place.optional('sameSite')?.oneOf(SAME_SITES) ?? 'unset',
    // Old drivers write a fraction of a second.
    expiresAt: expiry === null ? null : clampTime(expiry.number() * 1000, expiry.pointer, losses),
    partitionKey: null,
  };
}

/**
 * The cookies of a Session by the host to open before adding them, and what they cannot say. The group of a domain cookie is that of its domain;
 * where nothing answers there, any subdomain will do.
 */
export async function writeWebDriverCookies(session: Session): Promise<{ hosts: WebDriverHost[]; losses: Loss[] }> {
  const losses: Loss[] = [];
  loseAllButCookies(session, 'WebDriver', losses);
  loseDetails(session.cookies, ['createdAt', 'priority', 'sourceScheme', 'sourcePort'], 'WebDriver', losses);
  const hosts = new Map<string, WebDriverHost>();
  for (const [cookie, pointer] of withoutPartitioned(session.cookies, 'WebDriver', losses)) {
    const isSayable = cookie.expiresAt === null || cookie.expiresAt >= 0;
    if (!keepCookie(isSayable, pointer, 'it expired before 1970, which WebDriver cannot say', losses)) continue;
    const group = hosts.get(cookie.domain) ?? { host: cookie.domain, cookies: [] };
    hosts.set(cookie.domain, group);
    group.cookies.push(writeCookie(cookie, pointer, losses));
  }
  return { hosts: [...hosts.values()], losses };
}

function writeCookie(cookie: Cookie, pointer: string, losses: Loss[]): WebDriverCookie {
  const { name, value, path, hostOnly, secure, httpOnly, sameSite, expiresAt } = cookie;
  if (expiresAt !== null && expiresAt % 1000 !== 0)
    lose(losses, `${pointer}/expiresAt`, 'lossy', 'WebDriver counts whole seconds; cut to them');
  if (sameSite === 'unset') lose(losses, `${pointer}/sameSite`, 'lossy', 'written by leaving it out, which the standard takes for None');
  return {
    name,
    value,
    path,
    ...(hostOnly ? {} : { domain: dotDomain(cookie) }),
    secure,
    httpOnly,
    ...(expiresAt === null ? {} : { expiry: Math.floor(expiresAt / 1000) }),
    ...(sameSite === 'unset' ? {} : { sameSite: SAME_SITE_NAMES[sameSite] }),
  };
}
