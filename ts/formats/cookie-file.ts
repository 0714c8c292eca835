/**
 * What the formats have in common that hold cookies: the Session that such a file makes, and how domains, expiry and partitions are read. The
 * fields of each format are its own file's business. Domains and host-only by RFC 6265bis section 5.7, partitions by CHIPS.
 */
import { splitDotDomain } from '../session/cookie-spelling.ts';
import { cookieIdentity } from '../session/identity.ts';
import type { Cookie, Session } from '../session/session.ts';
import { LATEST_TIME } from '../session/time.ts';
import { LastOf, type Loss, lose, loseAll } from './loss.ts';
import type { Place } from './place.ts';

/** What a file does not say about the Session to be made of it. */
export interface ReadOptions {
  readonly id: string;
  /** Random, see {@link Session.incarnation}. */
  readonly incarnation: string;
  /** ms since the epoch. */
  readonly now: number;
}

/** What a reader returns: the Session that a file describes, and what of the file it does not hold. */
export interface ReadResult {
  readonly session: Session;
  readonly losses: Loss[];
}

/** No domain is longer (RFC 1035 section 2.3.4). */
export const MAX_DOMAIN_LENGTH = 255;

/** Members of a cookie that some formats leave to the browser. */
export type CookieDetail = 'sameSite' | 'httpOnly' | 'secure' | 'createdAt' | 'priority' | 'sourceScheme' | 'sourcePort';

/** A Session with nothing in it yet, whose coverage says so. */
export function emptySession(tool: string, options: ReadOptions): Session {
  return {
    id: options.id,
    incarnation: options.incarnation,
    revision: 0,
    createdAt: options.now,
    updatedAt: options.now,
    source: { tool },
    coverage: { cookies: 'unvisited', tabs: 'unvisited', storage: [] },
    cookies: [],
    storage: [],
    tabs: [],
  };
}

/** The Session of a file that has cookies and nothing else. `partial`: a file does not say that it is complete. */
export function cookieSession(tool: string, cookies: readonly Cookie[], options: ReadOptions): Session {
  return { ...emptySession(tool, options), coverage: { cookies: 'partial', tabs: 'unvisited', storage: [] }, cookies };
}

/** The cookies at `places`, as {@link CookieList} keeps them; `read` gives null for one that it reported as a loss. */
export function readCookies(places: readonly Place[], losses: Loss[], read: (place: Place, losses: Loss[]) => Cookie | null): Cookie[] {
  const kept = new CookieList(losses);
  for (const place of places) {
    const cookie = read(place, losses);
    if (cookie !== null) kept.set(cookie, place.pointer);
  }
  return kept.values();
}

/** The cookies of a file: the last of each identity, and none that a Session cannot hold. The others are losses. */
export class CookieList {
  readonly #losses: Loss[];
  readonly #kept: LastOf<Cookie>;

  constructor(losses: Loss[]) {
    this.#losses = losses;
    this.#kept = new LastOf<Cookie>('cookie', losses);
  }

  set(cookie: Cookie, pointer: string): void {
    const flaw = cookieFlaw(cookie);
    if (flaw === null) this.#kept.set(cookieIdentity(cookie), cookie, pointer);
    else lose(this.#losses, pointer, 'dropped', flaw);
  }

  values(): Cookie[] {
    return this.#kept.values();
  }
}

/** What the schema lets the text of a cookie be; no browser keeps a cookie of another. */
export const COOKIE_TEXT: Readonly<Record<'name' | 'value' | 'path' | 'domain', RegExp>> = {
  name: /^[^;\u0000-\u0008\u000a-\u001f\u007f=]*$/,
  value: /^[^;\u0000-\u0008\u000a-\u001f\u007f]*$/,
  path: /^\/[^;\u0000-\u001f\u007f]*$/,
  domain: /^([A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+\.?$|^\[[0-9a-f:.]+\]$/,
};

/** Why a Session cannot hold the cookie, or null: one such cookie would make the whole Session invalid. */
export function cookieFlaw(cookie: Cookie): string | null {
  for (const member of ['name', 'value', 'path', 'domain'] as const) {
    if (!COOKIE_TEXT[member].test(cookie[member])) return `its ${member} holds a character that no cookie has there`;
  }
  return cookie.domain.length > MAX_DOMAIN_LENGTH ? 'its domain is longer than any' : null;
}

/** A domain whose leading dot, as browsers report it, says that it is a domain cookie. */
export function readDotDomain(place: Place): { domain: string; hostOnly: boolean } {
  const split = splitDotDomain(place.string());
  if (!isHost(split.domain)) throw place.malformed('a host, or a dot and a host', 'another string');
  return split;
}

/** Whether `text` is a host without a port, and so what a file may have as a domain. */
export function isHost(text: string): boolean {
  return text.length <= MAX_DOMAIN_LENGTH && /^[^./:\s][^/:\s]*$|^\[[0-9a-f:.]+\]$/.test(text);
}

/** A path, which begins with a slash. */
export function readPath(place: Place): string {
  const path = place.string();
  if (!path.startsWith('/')) throw place.malformed('a path that begins with a slash', 'another string');
  return path;
}

/** A time of a file as whole ms that a Session can hold: before 1970 is 1970, and after the year 9999 is the end of it, which is a loss. */
export function clampTime(ms: number, pointer: string, losses: Loss[]): number {
  if (ms <= LATEST_TIME) return Math.max(0, Math.round(ms));
  lose(losses, pointer, 'lossy', 'it is after the year 9999; it becomes the end of that year');
  return LATEST_TIME;
}

/** The flag beside a partition's site. Where a file leaves it out, true: what browsers take for the cookies that an embedded frame sets. */
export function readCrossSiteAncestor(place: Place | null, pointer: string, losses: Loss[]): boolean {
  if (place !== null) return place.boolean();
  lose(losses, pointer, 'lossy', 'the file does not say whether another site stood above the frame; taken as yes');
  return true;
}

/**
 * Whether `site`, the site of a partition, is one that a Session cannot say: that of a page of an extension, for example. A cookie in it is dropped,
 * and reported here.
 */
export function isOtherPartition(site: Place | null, cookie: Place, losses: Loss[]): boolean {
  const isOther = typeof site?.value === 'string' && /^(?!https?:)[a-z][a-z0-9+.-]*:\/\//i.test(site.value);
  if (isOther) lose(losses, cookie.pointer, 'dropped', 'its partition is that of a page of neither http nor https');
  return isOther;
}

/** One loss for each of `details` that some cookie has, since no cookie keeps it. An unset SameSite and a flag that is false are nothing to lose. */
export function loseDetails(cookies: readonly Cookie[], details: readonly CookieDetail[], format: string, losses: Loss[]): void {
  for (const detail of details) {
    const isNothing = detail === 'sameSite' ? 'unset' : false;
    const hasIt = cookies.some((cookie) => cookie[detail] !== undefined && cookie[detail] !== isNothing);
    if (hasIt) lose(losses, '/cookies', 'lossy', `${format} does not hold ${detail} of cookies`);
  }
}

/** Leaves out a cookie that a format cannot say without making it another one; returns whether it may stay. */
export function keepCookie(isSayable: boolean, pointer: string, reason: string, losses: Loss[]): boolean {
  if (!isSayable) lose(losses, pointer, 'dropped', reason);
  return isSayable;
}

/** The cookies with their pointers, without those in a partition, which `format` cannot say: unpartitioned, they would be sent to more sites. */
export function withoutPartitioned(cookies: readonly Cookie[], format: string, losses: Loss[]): [cookie: Cookie, pointer: string][] {
  return cookies.flatMap((cookie, index) => {
    const pointer = `/cookies/${index}`;
    return keepCookie(cookie.partitionKey === null, pointer, `${format} has no partitions`, losses) ? [[cookie, pointer]] : [];
  });
}

/** A loss for all that a Session holds besides its cookies. Bookkeeping (id, revision, coverage) is no part of what a file is about. */
export function loseAllButCookies(session: Session, format: string, losses: Loss[]): void {
  loseDescription(session, format, losses);
  loseAll(losses, session.storage, '/storage', `${format} holds cookies alone`);
  loseAll(losses, session.tabs, '/tabs', `${format} holds cookies alone`);
  loseAll(losses, session.credentials, '/credentials', `${format} holds cookies alone`);
}

/** A loss for what describes a Session, its rules and its permissions: no file of another tool has a place for them. */
export function loseDescription(session: Session, format: string, losses: Loss[]): void {
  if (session.name !== undefined) lose(losses, '/name', 'dropped', `${format} has no name`);
  loseAll(losses, session.tags, '/tags', `${format} has no tags`);
  if (session.expiresAt !== undefined) lose(losses, '/expiresAt', 'dropped', `${format} does not expire as a whole`);
  loseAll(losses, session.permissions, '/permissions', `${format} has no permissions`);
  loseAll(losses, session.ttl, '/ttl', `${format} has no rules of expiry`);
  if (session.mergeState !== undefined) lose(losses, '/mergeState', 'dropped', `${format} has no history to merge by`);
}
