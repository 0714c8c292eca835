/**
 * Cookies as a script of the document sees and sets them (Cookie Store API, HTML `document.cookie`): those of this host and path, never an HttpOnly one.
 * A browser may tell their attributes (Chromium) or names and values alone (Firefox, and any page that is not secure).
 */
import { PRIORITY_NAMES, SAME_SITE_NAMES } from '../session/cookie-spelling.ts';
import type { Cookie } from '../session/session.ts';
import type { Operation } from './operation.ts';
import { isAddressHost } from './page-place.ts';
import { cookiePlace, type ReportEntry } from './report.ts';

/** `CookieListItem`, of which newer specifications keep name and value alone. */
interface ListedCookie {
  readonly name?: string;
  readonly value?: string;
  readonly domain?: string | null;
  readonly path?: string;
  readonly expires?: number | null;
  readonly secure?: boolean;
  readonly sameSite?: string;
  readonly partitioned?: boolean;
}

// Taken when this module is loaded: what the page replaces later changes nothing here.
const cookieText = globalThis.Document === undefined ? undefined : Object.getOwnPropertyDescriptor(Document.prototype, 'cookie');
const { cookieStore } = globalThis as { cookieStore?: { getAll(): Promise<readonly ListedCookie[]> } };
const listCookies = cookieStore?.getAll.bind(cookieStore);

function readText(): string {
  return cookieText?.get?.call(document) as string;
}

function writeText(line: string): void {
  cookieText?.set?.call(document, line);
}

/** The address that a document was loaded from: cookies are shown by that, whatever a script has made of its address since (Chromium). */
export type CookieDocument = Pick<URL, 'protocol' | 'hostname' | 'port' | 'pathname'>;

/** The address that this document was loaded from. */
export function cookieDocument(): CookieDocument {
  const [loading] = performance.getEntriesByType('navigation');
  return new URL(loading?.name ?? location.href);
}

/** What the document is shown. */
async function seeCookies(): Promise<readonly ListedCookie[]> {
  const listed = (await listCookies?.()) ?? [];
  if (listed.some(isTold)) return listed;
  return readText()
    .split('; ')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      return { name: pair.slice(0, Math.max(at, 0)), value: pair.slice(at + 1) };
    });
}

/** Whether the browser tells more than name and value. */
function isTold({ domain }: ListedCookie): boolean {
  return domain !== undefined;
}

/** The cookies that the document is shown. What is not told of them is an entry. */
export async function captureCookies(entries: ReportEntry[], at: CookieDocument): Promise<Cookie[]> {
  const site = siteOf(at);
  const cookies: Cookie[] = [];
  for (const one of await seeCookies()) {
    const cookie = toCookie(one, at, site);
    const place = cookiePlace(cookie);
    if (one.partitioned === true && site === null) {
      entries.push({ outcome: 'lost', kind: 'cookie', place, reason: 'it is in a partition, and script is not told of which site' });
      continue;
    }
    if (!isTold(one)) {
      const reason = 'script is told its name and value alone: it is taken for a session cookie of this host and of path /';
      entries.push({ outcome: 'altered', kind: 'cookie', place, reason });
    }
    cookies.push(cookie);
  }
  const lax = cookies.filter(({ sameSite }) => sameSite === 'lax').length;
  if (lax > 0) {
    const reason = `${lax} cookies are taken for SameSite=Lax: script is not told whether a site has set that or nothing`;
    entries.push({ outcome: 'notice', kind: 'cookie', place: at.hostname, reason });
  }
  return cookies;
}

const SAME_SITES: ReadonlyMap<string | undefined, Cookie['sameSite']> = /* @__PURE__ */ new Map([
  ['strict', 'strict'],
  ['lax', 'lax'],
  ['none', 'none'],
]);

function toCookie({ name = '', value = '', ...told }: ListedCookie, at: CookieDocument, site: string | null): Cookie {
  const { domain } = told;
  const isPartitioned = told.partitioned === true && site !== null;
  return {
    name,
    value,
    domain: domain ?? at.hostname,
    hostOnly: domain === undefined || domain === null,
    path: told.path ?? '/',
    // Where nothing is told, the name may tell.
    secure: told.secure ?? /^__(Secure|Host)-/i.test(name),
    httpOnly: false,
    sameSite: SAME_SITES.get(told.sameSite) ?? 'unset',
    expiresAt: told.expires === undefined || told.expires === null ? null : Math.round(told.expires),
    partitionKey: isPartitioned ? { topLevelSite: site, hasCrossSiteAncestor: false } : null,
  };
}

/**
 * The site of the document, where it can be told without a list of public suffixes: of a host of one or two names, and of an address. Null for any other,
 * whose site may be shorter than it.
 */
function siteOf({ protocol, hostname }: CookieDocument): string | null {
  return isAddressHost(hostname) || hostname.split('.').length <= 2 ? `${protocol}//${hostname}` : null;
}

/** Sets cookies and looks whether they are there; how many were found as captured. What was not is an entry. */
export async function restoreCookies(operation: Operation, cookies: readonly Cookie[], at: CookieDocument): Promise<number> {
  const { entries } = operation;
  const written: Cookie[] = [];
  for (const cookie of cookies) {
    const reason = whyNot(cookie, at);
    if (reason === null) {
      writeText(cookieLine(cookie));
      written.push(cookie);
    } else entries.push({ outcome: 'lost', kind: 'cookie', place: cookiePlace(cookie), reason, code: 'ADAPTER_UNSUPPORTED' });
  }
  const say = (count: number, what: string): void => {
    if (count > 0) entries.push({ outcome: 'notice', kind: 'cookie', place: at.hostname, reason: `${count} cookies ${what}` });
  };
  const countOf = (is: (cookie: Cookie) => boolean): number => written.filter(is).length;
  say(
    countOf(({ expiresAt }) => expiresAt !== null && expiresAt % 1000 !== 0),
    'expire up to a second early: script sets whole seconds',
  );
  say(
    countOf(({ priority = 'medium' }) => priority !== 'medium'),
    'have a priority that script sets, and is not told again',
  );
  say(
    countOf((cookie) => isFromElsewhere(cookie, at)),
    'were set from another scheme or port: script sets them from its own',
  );
  return verifyCookies(operation, written, at);
}

/** Why script of this document cannot set a cookie; null when it may. */
function whyNot({ httpOnly, domain, hostOnly, partitionKey }: Cookie, at: CookieDocument): string | null {
  if (httpOnly) return 'it is HttpOnly, which script cannot set';
  const isOwn = domain === at.hostname || (!hostOnly && !isAddressHost(at.hostname) && at.hostname.endsWith(`.${domain}`));
  if (!isOwn) return 'it belongs to another host than this page';
  if (partitionKey === null) return null;
  const isOwnPartition = partitionKey.topLevelSite === siteOf(at) && !partitionKey.hasCrossSiteAncestor;
  return isOwnPartition ? null : 'it is in a partition that this page does not write to, as far as script is told';
}

function isFromElsewhere({ sourceScheme, sourcePort }: Cookie, { protocol, port }: CookieDocument): boolean {
  const isSecure = protocol === 'https:';
  const own = port === '' ? (isSecure ? 443 : 80) : Number(port);
  const isOtherScheme = sourceScheme === (isSecure ? 'non-secure' : 'secure');
  return isOtherScheme || (sourcePort !== undefined && sourcePort >= 0 && sourcePort !== own);
}

/** A `set-cookie-string` (RFC 6265bis, section 4.1). */
function cookieLine(cookie: Cookie): string {
  const { name, value, domain, hostOnly, path, secure, sameSite, expiresAt, priority, partitionKey } = cookie;
  return [
    `${name}=${value}`,
    `Path=${path}`,
    ...(hostOnly ? [] : [`Domain=${domain}`]),
    ...(expiresAt === null ? [] : [`Expires=${new Date(expiresAt).toUTCString()}`]),
    ...(secure ? ['Secure'] : []),
    ...(sameSite === 'unset' ? [] : [`SameSite=${SAME_SITE_NAMES[sameSite]}`]),
    ...(priority === undefined ? [] : [`Priority=${PRIORITY_NAMES[priority]}`]),
    ...(partitionKey === null ? [] : ['Partitioned']),
  ].join('; ');
}

async function verifyCookies({ entries }: Operation, written: readonly Cookie[], at: CookieDocument): Promise<number> {
  const seen = await seeCookies();
  let right = 0;
  let untold = 0;
  for (const cookie of written) {
    const place = cookiePlace(cookie);
    const difference = differenceOf(cookie, seen, at);
    if (difference === 'all' && !isPathOf(at.pathname, cookie.path)) {
      const reason = 'it is set; a page of another path is not shown whether the browser kept it';
      entries.push({ outcome: 'notice', kind: 'cookie', place, reason });
      continue;
    }
    if (difference === null || difference === 'untold') right++;
    if (difference === 'untold') untold++;
    else if (difference === 'all') entries.push({ outcome: 'lost', kind: 'cookie', place, reason: 'the browser did not keep it' });
    else if (difference !== null) {
      entries.push({ outcome: 'altered', kind: 'cookie', place, reason: `its ${difference} reads back differently` });
    }
  }
  if (untold > 0) {
    const reason = `of ${untold} cookies only name and value can be read back: whether their attributes were kept is not known`;
    entries.push({ outcome: 'notice', kind: 'cookie', place: at.hostname, reason });
  }
  return right;
}

/** What of `expected` is not among the cookies that are seen; null when it is there, `untold` where only its name and value are. */
function differenceOf(expected: Cookie, seen: readonly ListedCookie[], at: CookieDocument): 'all' | 'untold' | keyof Cookie | null {
  const { name, value, domain, hostOnly, path, partitionKey } = expected;
  const named = seen.filter((one) => (one.name ?? '') === name);
  const there = named
    .filter(isTold)
    .map((one) => toCookie(one, at, siteOf(at)))
    .find(
      (cookie) =>
        cookie.path === path &&
        cookie.domain === domain &&
        cookie.hostOnly === hostOnly &&
        (cookie.partitionKey === null) === (partitionKey === null),
    );
  if (there === undefined) return named.some((one) => !isTold(one) && one.value === value) ? 'untold' : 'all';
  if (there.value !== value) return 'value';
  if (there.secure !== expected.secure) return 'secure';
  // What a site has not set is shown as Lax.
  const shown = expected.sameSite === 'unset' ? 'lax' : expected.sameSite;
  if (there.sameSite !== shown) return 'sameSite';
  const seconds = (time: number | null): number | null => (time === null ? null : Math.floor(time / 1000));
  return seconds(there.expiresAt) === seconds(expected.expiresAt) ? null : 'expiresAt';
}

/** RFC 6265bis, section 5.1.4. */
function isPathOf(pathname: string, path: string): boolean {
  return pathname === path || (pathname.startsWith(path) && (path.endsWith('/') || pathname.charAt(path.length) === '/'));
}
