/**
 * The order of cookies that have one name and may be sent in one request. Where their paths are equally long the older comes first (RFC 6265bis, section 5.8.3), and
 * most sites read the first alone. No protocol sets a cookie's age: so a session keeps the order in its list, and a restore sets them one after the other.
 */
import { cookieIdentity } from '../session/identity.ts';
import type { Cookie } from '../session/session.ts';

/** A cookie as a page lists it, in the order in which the browser sends them. A page that is not secure is told name and value alone. */
export interface SeenCookie {
  readonly name: string;
  readonly value: string;
  /** Null for one of a single host. */
  readonly domain?: string | null;
  readonly path?: string;
}

/** `cookies` with those of one name that the page sees in the page's order; the others stay where they are. */
export function inPageOrder(cookies: readonly Cookie[], seen: readonly SeenCookie[]): Cookie[] {
  const ordered = [...cookies];
  for (const group of byName(cookies)) {
    const ranked = group
      .map(({ cookie, index }) => ({ cookie, index, rank: seen.findIndex((one) => isSeenAs(cookie, one)) }))
      .filter(({ rank }) => rank >= 0);
    const cookiesByRank = [...ranked].sort((a, b) => a.rank - b.rank);
    for (const [at, { index }] of ranked.entries()) ordered[index] = cookiesByRank[at]!.cookie;
  }
  return ordered;
}

function isSeenAs({ name, value, domain, hostOnly, path }: Cookie, seen: SeenCookie): boolean {
  const isThere = seen.domain === undefined || seen.domain === (hostOnly ? null : domain);
  return seen.name === name && seen.value === value && isThere && (seen.path ?? path) === path;
}

/** Those of `wanted` of which another of their name, that comes after them there, comes before them in `found`. Cookies that are not found do not count. */
export function misplaced(wanted: readonly Cookie[], found: readonly Cookie[]): Cookie[] {
  const positions = new Map(found.map((cookie, index) => [cookieIdentity(cookie), index]));
  const positionOf = (cookie: Cookie): number => positions.get(cookieIdentity(cookie)) ?? Number.NaN;
  return byName(wanted).flatMap((group) =>
    group
      .filter(({ cookie }, at) =>
        group.slice(at + 1).some((other) => areRivals(cookie, other.cookie) && positionOf(other.cookie) < positionOf(cookie)),
      )
      .map(({ cookie }) => cookie),
  );
}

/** Whether nothing but their age says which of two cookies of one name is sent first. */
export function areRivals(one: Cookie, other: Cookie): boolean {
  const isWithin = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`);
  const canMeet = isWithin(one.domain, other.domain) || isWithin(other.domain, one.domain);
  return one.name === other.name && canMeet && one.path.length === other.path.length;
}

interface Placed {
  readonly cookie: Cookie;
  readonly index: number;
}

/** Groups of more than one. */
function byName(cookies: readonly Cookie[]): Placed[][] {
  const groups = new Map<string, Placed[]>();
  for (const [index, cookie] of cookies.entries()) {
    const group = groups.get(cookie.name) ?? [];
    group.push({ cookie, index });
    groups.set(cookie.name, group);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}
