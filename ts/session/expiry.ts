/**
 * When an entry counts as expired, and a session without what has: readers filter, whatever a store has deleted already. The clock is always an argument,
 * and the session that was passed in stays as it is.
 */
import { type EffectiveExpiry, effectiveExpiries } from './effective.ts';
import type { MemberKind } from './member.ts';
import type { OriginStorage, Session, Tab, TtlRule } from './session.ts';

/** Expired at `now` (both integer milliseconds since the epoch). Null never expires: it ends with the browser session, not with the clock. */
export function isExpired(expiresAt: number | null, now: number): boolean {
  return expiresAt !== null && now >= expiresAt;
}

/** A member of a session that has expired. Pointers are those of the session that was filtered. Never a value. */
export interface ExpiredEntry {
  readonly pointer: string;
  readonly kind: MemberKind;
  /** The effective expiry. */
  readonly expiredAt: number;
  /** Pointer of the member whose expiry this is: the entry itself or a parent that took it along. */
  readonly cause: string;
  /** The rule that decided; null where the document itself says so (a cookie's, a bucket's or the session's own expiry). */
  readonly rule: TtlRule | null;
}

/**
 * `session` without what has expired at `now`, and one entry for each member that is left out, also for those inside another one, in the order of the
 * document. Rules that point at what is left are renumbered; rules that point at nothing are left out. Where the session itself has expired, an empty one
 * comes back and the first entry has the pointer `""`. Gives `session` itself when nothing is left out. O(members × rules of their kind).
 *
 * Coverage stays: it says what was captured. So do `updatedAt`, `revision` and `mergeState`.
 */
export function withoutExpired(session: Session, now: number): { readonly session: Session; readonly expired: readonly ExpiredEntry[] } {
  const expired = effectiveExpiries(session).flatMap((expiry) => asExpired(expiry, now));
  const gone = new Set(expired.map(({ pointer }) => pointer).filter((pointer) => pointer !== ''));
  return { session: withoutMembers(session, gone), expired };
}

function asExpired({ member, expiresAt, cause, rule }: EffectiveExpiry, now: number): ExpiredEntry[] {
  if (expiresAt === null || cause === null || !isExpired(expiresAt, now)) return [];
  return [{ pointer: member.pointer, kind: member.kind, expiredAt: expiresAt, cause, rule }];
}

/** Leaves out the members at the pointers in `gone`, and remembers where each other one went. */
class Sieve {
  readonly #gone: ReadonlySet<string>;
  readonly #moved: Map<string, string> = new Map([['', '']]);

  constructor(gone: ReadonlySet<string>) {
    this.#gone = gone;
  }

  /** What stays of `entries`, which stand at `from` and will stand at `to`. */
  list<T>(entries: readonly T[], from: string, to: string, within: (entry: T, from: string, to: string) => T = same): T[] {
    const kept: T[] = [];
    entries.forEach((entry, i) => {
      const pointer = `${from}/${i}`;
      if (this.#gone.has(pointer)) return;
      const target = `${to}/${kept.length}`;
      this.#moved.set(pointer, target);
      kept.push(within(entry, pointer, target));
    });
    return kept;
  }

  /** The rules for what stays. Only to be called when all lists are through. */
  rules(rules: readonly TtlRule[]): TtlRule[] {
    return rules.flatMap((rule) => {
      if (!('pointer' in rule.target)) return [rule];
      const pointer = this.#moved.get(rule.target.pointer);
      if (pointer === undefined) return [];
      return [pointer === rule.target.pointer ? rule : { ...rule, target: { pointer } }];
    });
  }
}

/**
 * `session` without the members at the pointers in `gone`, and what is in them; the session itself when there are none. Rules that point at what is left are
 * renumbered; rules that point at nothing are left out.
 */
export function withoutMembers(session: Session, gone: ReadonlySet<string>): Session {
  if (gone.size === 0) return session;
  const sieve = new Sieve(gone);
  const { permissions, credentials, ttl, ...rest } = session;
  const left = {
    ...rest,
    cookies: sieve.list(session.cookies, '/cookies', '/cookies'),
    storage: sieve.list(session.storage, '/storage', '/storage', (storage, from, to) => siftStorage(sieve, storage, from, to)),
    tabs: sieve.list(session.tabs, '/tabs', '/tabs', (tab, from, to) => siftTab(sieve, tab, from, to)),
    ...(permissions === undefined ? {} : { permissions: sieve.list(permissions, '/permissions', '/permissions') }),
    ...(credentials === undefined ? {} : { credentials: sieve.list(credentials, '/credentials', '/credentials') }),
  };
  const rules = sieve.rules(ttl ?? []);
  return rules.length === 0 ? left : { ...left, ttl: rules };
}

function siftStorage(sieve: Sieve, storage: OriginStorage, from: string, to: string): OriginStorage {
  const { caches, serviceWorkers, files } = storage;
  const list = <T>(entries: readonly T[], member: string): T[] => sieve.list(entries, `${from}/${member}`, `${to}/${member}`);
  return {
    ...storage,
    localStorage: list(storage.localStorage, 'localStorage'),
    indexedDB: list(storage.indexedDB, 'indexedDB'),
    ...(caches === undefined ? {} : { caches: list(caches, 'caches') }),
    ...(serviceWorkers === undefined ? {} : { serviceWorkers: list(serviceWorkers, 'serviceWorkers') }),
    ...(files === undefined ? {} : { files: list(files, 'files') }),
  };
}

function siftTab(sieve: Sieve, tab: Tab, from: string, to: string): Tab {
  const sessionStorage = sieve.list(tab.sessionStorage, `${from}/sessionStorage`, `${to}/sessionStorage`, (area, oldArea, newArea) => ({
    ...area,
    items: sieve.list(area.items, `${oldArea}/items`, `${newArea}/items`),
  }));
  return { ...tab, sessionStorage };
}

function same<T>(entry: T): T {
  return entry;
}
