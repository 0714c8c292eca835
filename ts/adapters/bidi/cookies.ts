/**
 * Cookies by WebDriver BiDi, which tells no partition of a cookie: in Firefox a list without a site holds those of all partitions, a list of one site those
 * of its partition after the site's unpartitioned ones. So partitions are found by what two lists differ in, and each cookie is written with its own.
 */
import { PspError } from '../../errors.ts';
import { dotDomain, splitDotDomain } from '../../session/cookie-spelling.ts';
import type { Cookie } from '../../session/session.ts';
import type { BrowserPage, CookieJar } from '../browser-port.ts';
import { interceptContext } from './intercept.ts';
import type { BidiCookie, BidiPartialCookie, BidiSession, Partition } from './protocol.ts';
import type { Sites } from './sites.ts';

/** What the cookies of one user context are reached by. */
export interface Jar {
  readonly session: BidiSession;
  readonly userContext: string;
  readonly sites: Sites;
  /** Opens a tab of ours in it. */
  newPage(): Promise<BrowserPage<string>>;
  isClosed(): boolean;
}

/** The cookies of a user context. */
export function bidiCookies(jar: Jar): CookieJar {
  return {
    readCookies: (origins) => readCookies(jar, origins),
    async writeCookies(cookies) {
      const refused: Cookie[] = [];
      for (const cookie of cookies) {
        if (!needsHeader(cookie) && !(await isDone(jar, () => writeCookie(jar, cookie)))) refused.push(cookie);
      }
      return [...refused, ...(await writeByResponse(jar, cookies.filter(needsHeader)))];
    },
    keepable,
  };
}

/**
 * All cookies of a jar. Partitions are looked for under the sites of `origins`, and of every host that has a cookie; null for a cookie in any other, and for a
 * value whose bytes are no text.
 */
async function readCookies(jar: Jar, origins: readonly string[]): Promise<(Cookie | null)[]> {
  const all = await list(jar);
  const hosts = new Set(all.map(({ domain }) => splitDotDomain(domain).domain));
  const unpartitioned = new Set<string>();
  for (const host of hosts) for (const cookie of await listUnpartitioned(jar, host)) unpartitioned.add(cookie);
  const found: (Cookie | null)[] = [];
  const rest: string[] = [];
  for (const cookie of all) {
    if (unpartitioned.delete(JSON.stringify(cookie))) found.push(toCookie(cookie, null));
    else rest.push(JSON.stringify(cookie));
  }
  const seen = new Set<string>();
  for (const origin of rest.length === 0 ? [] : topLevelOrigins(hosts, origins)) {
    const partitioned = await listPartition(jar, origin);
    if (partitioned.length === 0) continue;
    const topLevelSite = await jar.sites.of(origin);
    if (seen.has(topLevelSite)) continue;
    seen.add(topLevelSite);
    for (const cookie of partitioned) {
      const at = rest.indexOf(JSON.stringify(cookie));
      // One that was set meanwhile is for the next look.
      if (at < 0) continue;
      rest.splice(at, 1);
      const hasCrossSiteAncestor = !belongsTo(splitDotDomain(cookie.domain).domain, topLevelSite);
      found.push(toCookie(cookie, { topLevelSite, hasCrossSiteAncestor }));
    }
  }
  return [...found, ...rest.map(() => null)];
}

async function list({ session, userContext }: Jar, sourceOrigin?: string): Promise<readonly BidiCookie[]> {
  const partition: Partition = { type: 'storageKey', userContext, ...(sourceOrigin === undefined ? {} : { sourceOrigin }) };
  return (await session.send('storage.getCookies', { partition })).cookies;
}

/** Those of a host's site that are in no partition: no page is ever on top under such a scheme, so nothing is in its partition. */
async function listUnpartitioned(jar: Jar, host: string): Promise<string[]> {
  return (await list(jar, `wss://${host}`)).map((cookie) => JSON.stringify(cookie));
}

async function listPartition(jar: Jar, origin: string): Promise<BidiCookie[]> {
  const both = await list(jar, origin);
  const unpartitioned = new Set(both.length === 0 ? [] : await listUnpartitioned(jar, new URL(origin).hostname));
  // One that is in both is listed twice.
  return both.filter((cookie) => !unpartitioned.delete(JSON.stringify(cookie)));
}

function topLevelOrigins(hosts: ReadonlySet<string>, origins: readonly string[]): Set<string> {
  return new Set([
    ...origins.map((origin) => new URL(origin).origin),
    ...[...hosts].flatMap((host) => [`https://${host}`, `http://${host}`]),
  ]);
}

function belongsTo(host: string, site: string): boolean {
  const { hostname } = new URL(site);
  return host === hostname || host.endsWith(`.${hostname}`);
}

const SAME_SITES: Readonly<Record<string, Cookie['sameSite']>> = { strict: 'strict', lax: 'lax', none: 'none' };

function toCookie(cookie: BidiCookie, partitionKey: Cookie['partitionKey']): Cookie | null {
  const { name, value, path, secure, httpOnly, sameSite, expiry } = cookie;
  if (value.type !== 'string') return null;
  return {
    name,
    value: value.value,
    ...splitDotDomain(cookie.domain),
    path,
    secure,
    httpOnly,
    sameSite: SAME_SITES[sameSite] ?? 'unset',
    expiresAt: expiry === undefined ? null : expiry * 1000,
    partitionKey,
  };
}

/** What of a cookie can be written: BiDi has whole seconds, and neither a priority nor where a cookie came from. */
function keepable({ priority: _, sourceScheme: __, sourcePort: ___, ...cookie }: Cookie): Cookie {
  return { ...cookie, expiresAt: cookie.expiresAt === null ? null : Math.floor(cookie.expiresAt / 1000) * 1000 };
}

/** Sets a cookie that {@link needsHeader} is false of. `ADAPTER_PROTOCOL` when it is refused. */
async function writeCookie({ session, userContext }: Jar, cookie: Cookie): Promise<void> {
  const { partitionKey } = cookie;
  if (!keepsPrefix(cookie)) throw new PspError('ADAPTER_PROTOCOL', 'the name of the cookie promises what it is not');
  // Only the site is named: the partition is the one that the cookie's domain means there.
  if (partitionKey !== null && partitionKey.hasCrossSiteAncestor === belongsTo(cookie.domain, partitionKey.topLevelSite)) {
    throw new PspError('ADAPTER_UNSUPPORTED', 'BiDi cannot name the partition of the cookie');
  }
  const param: BidiPartialCookie = {
    name: cookie.name,
    value: { type: 'string', value: cookie.value },
    domain: dotDomain(cookie),
    path: cookie.path,
    secure: cookie.secure,
    httpOnly: cookie.httpOnly,
  };
  if (cookie.sameSite !== 'unset') param.sameSite = cookie.sameSite;
  if (cookie.expiresAt !== null) param.expiry = Math.floor(cookie.expiresAt / 1000);
  const sourceOrigin = partitionKey === null ? {} : { sourceOrigin: partitionKey.topLevelSite };
  await session.send('storage.setCookie', { cookie: param, partition: { type: 'storageKey', userContext, ...sourceOrigin } });
}

/** RFC 6265bis, section 4.1.3: what a browser demands of a site, and WebDriver of nobody. */
function keepsPrefix({ name, secure, hostOnly, path }: Cookie): boolean {
  const prefix = /^__(secure|host)-/i.exec(name)?.[1]?.toLowerCase();
  return prefix === undefined || (secure && (prefix === 'secure' || (hostOnly && path === '/')));
}

/** Whether only a response can set the cookie: `storage.setCookie` encodes text beyond ASCII twice (Firefox 153). */
function needsHeader({ name, value }: Cookie): boolean {
  return /[^\u0000-\u007f]/.test(name + value);
}

/** The cookie as a site sets it (`Set-Cookie`), and the origin of the response; null for one that no response can set, or none of ours. */
function toSetCookie(cookie: Cookie): { readonly origin: string; readonly header: string } | null {
  const { name, value, domain, hostOnly, path, secure, httpOnly, sameSite, expiresAt, partitionKey } = cookie;
  if (partitionKey !== null || /[;\x00-\x1f\x7f]/.test(name + value + path) || name.includes('=')) return null;
  const attributes = [
    `Path=${path}`,
    ...(hostOnly ? [] : [`Domain=${domain}`]),
    ...(expiresAt === null ? [] : [`Expires=${new Date(expiresAt).toUTCString()}`]),
    ...(secure ? ['Secure'] : []),
    ...(httpOnly ? ['HttpOnly'] : []),
    ...(sameSite === 'unset' ? [] : [`SameSite=${sameSite}`]),
  ];
  return { origin: `${secure ? 'https' : 'http'}://${domain}`, header: [`${name}=${value}`, ...attributes].join('; ') };
}

/** Sets cookies by responses of ours to a page of ours; those that cannot be set so, or are refused, come back. */
async function writeByResponse(jar: Jar, cookies: readonly Cookie[]): Promise<readonly Cookie[]> {
  if (cookies.length === 0) return [];
  const own = await jar.newPage();
  try {
    const page = await interceptContext(jar.session, own.handle);
    const refused: Cookie[] = [];
    for (const cookie of cookies) {
      const response = toSetCookie(cookie);
      const isSet = response !== null && (await isDone(jar, () => page.visit(response.origin, [['set-cookie', response.header]])));
      if (!isSet) refused.push(cookie);
    }
    return refused;
  } finally {
    await Promise.allSettled([own.close()]);
  }
}

/** False where the browser refused; rejects where it is gone. */
async function isDone({ isClosed }: Jar, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof PspError) || error.code === 'ADAPTER_DISCONNECTED' || isClosed()) throw error;
    return false;
  }
}
