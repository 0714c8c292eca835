/**
 * From a capture to operations (laws M8 to M10): what a browser holds now, against what was verified in it when the session had been restored. What differs
 * is a write; what is missing is a deletion only on evidence, and otherwise unknown, which is said and changes nothing. Pure functions of their arguments.
 */

import type { Coverage, Extent } from '../session/session.ts';
import { tick } from './clock.ts';
import type { Dot, EntryKind, EntryValue, Stamp } from './entry.ts';
import { entryKey } from './entry.ts';
import { storageKeyText } from './path.ts';
import { placeOf } from './place.ts';

/** One change of one entry by one writer. */
export interface Operation {
  readonly kind: EntryKind;
  readonly path: readonly string[];
  /** Absent for a deletion. */
  readonly value?: EntryValue;
  readonly structure?: Uint8Array;
  readonly stamp: Stamp;
  /** The writes that it replaces: those of the entry that the writer had seen. */
  readonly sees: readonly Dot[];
}

/** An entry as it was seen in a browser. */
export interface SeenEntry {
  readonly kind: EntryKind;
  readonly path: readonly string[];
  readonly value: EntryValue;
  /** When it ends by its own or by rules, in milliseconds since the epoch; null: never. */
  readonly expiresAt: number | null;
}

/** An entry that was verified after the restore: its value only as a digest. */
export interface BaseEntry extends Omit<SeenEntry, 'value'> {
  readonly digest: string;
}

/**
 * A change that somebody saw when it happened: a Set-Cookie, an event of web storage. Then its stamp is that moment and no interval (M10), and what is gone is
 * known to be deleted, however little the capture saw of it (M9). Only what pages and servers did, never what a browser dropped by itself.
 */
export interface ObservedChange {
  readonly kind: EntryKind;
  /**
   * Of the entry, by `path.ts`. Removed at once was all whose path begins so: `[storageKey]` of a `localStorage` that was cleared; and all that was in it: in a
   * `tab`, a `database`, a `cache`.
   */
  readonly path: readonly string[];
  /** Milliseconds since the epoch by the worker's clock. Of several changes of one entry the last one counts. */
  readonly atMs: number;
}

/** Why an absence says nothing. */
export type UnknownReason =
  /** The capture did not look there. */
  | 'unvisited'
  /** The capture could not see all of it. */
  | 'partial'
  /** Nothing is left of what the storage key held of the kind: it may have been cleared by the browser. */
  | 'emptied'
  /** The browser may have dropped it: cookies of the site are near the browser's limit. */
  | 'evicted'
  /** It had come to its end; whoever reads it knows that by the clock. */
  | 'expired'
  /** No tab is left that the session had: the browser may have been closed and started again. */
  | 'closed';

/** Entries that are missing, of which nobody knows whether they were deleted. One for each reason, kind and place. */
export interface UnknownAbsence {
  readonly reason: UnknownReason;
  readonly kind: EntryKind;
  /** An origin, a host or nothing. Never a name or a value. */
  readonly place: string | null;
  readonly count: number;
}

/** What is compared. */
export interface CaptureComparison {
  /** What was verified after the restore, by {@link entryKey}. */
  readonly base: ReadonlyMap<string, BaseEntry>;
  /** What the capture found, by the same keys. */
  readonly found: ReadonlyMap<string, SeenEntry>;
  readonly coverage: Coverage;
  /** How far the capture saw what belongs to an entry. Null: there was none, somebody says what the session is, and what is missing was deleted. */
  readonly extentOf: ((coverage: Coverage, entry: Pick<SeenEntry, 'kind' | 'path'>) => Extent) | null;
  readonly digestOf: (value: EntryValue) => string;
  /** The writes that the worker had seen of an entry, and its own. */
  readonly seen: (key: string) => readonly Dot[];
  /** When the base was taken and when the capture was, in milliseconds since the epoch by the worker's clock: stamps carry both (M10). */
  readonly since: number;
  readonly now: number;
  /** What was seen while it happened. What is outside of `since` and `now` is taken for the nearer one. */
  readonly observed?: readonly ObservedChange[];
  /** The latest stamp that the worker has seen or made. */
  readonly clock: Stamp;
}

export interface Comparison {
  readonly operations: readonly Operation[];
  readonly unknown: readonly UnknownAbsence[];
  /** The worker's clock afterwards. */
  readonly clock: Stamp;
}

/** How far a capture of a browser saw what belongs to an entry. What no browser has, its header and rules, it did not visit. */
export function captureExtent(coverage: Coverage, { kind, path }: Pick<SeenEntry, 'kind' | 'path'>): Extent {
  switch (kind) {
    case 'header':
    case 'ttl':
      return 'unvisited';
    case 'cookie':
      return coverage.cookies;
    case 'tab':
    case 'tabPlace':
    case 'sessionStorage':
      return coverage.tabs;
    case 'permission':
      return coverage.permissions ?? 'unvisited';
    case 'credential':
      return coverage.credentials ?? 'unvisited';
    default: {
      const storage = coverage.storage.find(({ key }) => storageKeyText(key) === path[0]);
      return storage?.[STORAGE_MEMBERS[kind]] ?? 'unvisited';
    }
  }
}

const STORAGE_MEMBERS = {
  origin: 'localStorage',
  localStorage: 'localStorage',
  database: 'indexedDB',
  record: 'indexedDB',
  cache: 'caches',
  cacheEntry: 'caches',
  serviceWorker: 'serviceWorkers',
  file: 'files',
} as const;

/**
 * Chromium holds 180 cookies of one site and then drops 30, those longest unused first (net/cookies/cookie_monster.h: kDomainMaxCookies,
 * kDomainPurgeCookies). From here on a cookie that is missing may have been dropped.
 */
const CROWDED_COOKIES = 150;

/** What differs, before it has a stamp. */
interface Change extends Pick<Operation, 'kind' | 'path' | 'value' | 'sees'> {
  /** When it was seen to happen; null where nobody looked. */
  readonly atMs: number | null;
}

/**
 * What changed between the base and the capture. Operations are in the order of the capture, deletions after them in the order of the base; their stamps are in
 * the order in which they were seen to happen, and behind those the rest.
 *
 * @throws RangeError for an observed time that is no number.
 */
export function compareCapture(comparison: CaptureComparison): Comparison {
  const { base, found, digestOf, seen } = comparison;
  const observed = new Observed(comparison);
  const changes: Change[] = [];
  for (const [key, { kind, path, value }] of found) {
    if (base.get(key)?.digest !== digestOf(value)) changes.push({ kind, path, value, sees: seen(key), atMs: observed.changeOf(key) });
  }
  const absence = new Absence(comparison, observed);
  for (const [key, entry] of base) {
    const { kind, path } = entry;
    if (!found.has(key) && absence.isDeletion(key, entry))
      changes.push({ kind, path, sees: seen(key), atMs: observed.removalOf(key, entry) });
  }
  return { ...stampChanges(changes, comparison), unknown: absence.unknown() };
}

function stampChanges(changes: readonly Change[], { since, now, clock: before }: CaptureComparison): Omit<Comparison, 'unknown'> {
  let clock = before;
  const stamps = new Map<Change, Stamp>();
  for (const change of [...changes].sort((a, b) => (a.atMs ?? Number.MAX_VALUE) - (b.atMs ?? Number.MAX_VALUE))) {
    clock = tick(clock, change.atMs ?? now);
    stamps.set(change, change.atMs === null && since < clock.time ? { ...clock, since } : clock);
  }
  const operations = changes.map((change): Operation => {
    const { atMs: _, ...operation } = change;
    return { ...operation, stamp: stamps.get(change) as Stamp };
  });
  return { operations, clock };
}

/** When entries were seen to change. */
class Observed {
  readonly #times = new Map<string, number>();

  constructor({ observed = [], since, now }: CaptureComparison) {
    for (const { kind, path, atMs } of observed) {
      if (!Number.isFinite(atMs)) throw new RangeError(`observed: expected milliseconds since the epoch for a ${kind}, not ${atMs}`);
      const key = entryKey(kind, path);
      const time = Math.min(Math.max(atMs, since), Math.max(since, now));
      this.#times.set(key, Math.max(time, this.#times.get(key) ?? time));
    }
  }

  changeOf(key: string): number | null {
    return this.#times.get(key) ?? null;
  }

  /** The last of: its own removal, that of all around it, that of what it was in. */
  removalOf(key: string, { kind, path }: Pick<BaseEntry, 'kind' | 'path'>): number | null {
    if (this.#times.size === 0) return null;
    let last = this.changeOf(key);
    for (let length = path.length; length > 0; length--) {
      for (const around of [kind, HOLDERS[kind] ?? kind]) {
        const atMs = this.changeOf(entryKey(around, path.slice(0, length)));
        if (atMs !== null && (last === null || atMs > last)) last = atMs;
      }
    }
    return last;
  }
}

/** Kinds of what others are in: the paths of these begin with the path of that. */
const HOLDERS: Readonly<Partial<Record<EntryKind, EntryKind>>> = {
  tabPlace: 'tab',
  sessionStorage: 'tab',
  record: 'database',
  cacheEntry: 'cache',
};

/** Decides what is missing for a reason. */
class Absence {
  readonly #comparison: CaptureComparison;
  readonly #observed: Observed;
  readonly #counts = new Map<string, UnknownAbsence>();
  /** Of kind and container: whether anything is left of it. */
  readonly #left = new Set<string>();
  readonly #crowdedHosts: ReadonlySet<string>;
  readonly #tabs: ReadonlySet<string>;
  readonly #tabsAreGone: boolean;

  constructor(comparison: CaptureComparison, observed: Observed) {
    this.#comparison = comparison;
    this.#observed = observed;
    const { base, found } = comparison;
    for (const entry of found.values()) this.#left.add(containerOf(entry));
    const tabsOf = (entries: Iterable<SeenEntry | BaseEntry>): string[] =>
      [...entries].flatMap(({ kind, path }) => (kind === 'tab' && path.length === 1 ? [path[0]!] : []));
    this.#tabs = new Set(tabsOf(found.values()));
    const before = tabsOf(base.values());
    this.#tabsAreGone = before.length > 0 && !before.some((id) => this.#tabs.has(id));
    this.#crowdedHosts = new Set([...crowdedHosts(base), ...crowdedHosts(found)]);
  }

  /** True for a deletion; else the absence is noted as unknown. */
  isDeletion(key: string, entry: BaseEntry): boolean {
    const reason = this.#doubt(key, entry);
    if (reason !== null) this.#note(entry, reason);
    return reason === null;
  }

  unknown(): UnknownAbsence[] {
    return [...this.#counts.values()];
  }

  #doubt(key: string, entry: BaseEntry): UnknownReason | null {
    const { coverage, extentOf, now } = this.#comparison;
    if (extentOf === null || this.#observed.removalOf(key, entry) !== null) return null;
    const extent = extentOf(coverage, entry);
    if (extent !== 'complete') return extent;
    if (entry.expiresAt !== null && entry.expiresAt <= now) return 'expired';
    switch (entry.kind) {
      case 'cookie':
        return this.#crowdedHosts.has(crowdKey(entry.path)) ? 'evicted' : null;
      case 'tab':
      case 'tabPlace':
        return this.#tabsAreGone ? 'closed' : null;
      case 'sessionStorage':
        // What a closed tab held is gone with it. A tab that is there and holds nothing any more is no clearing that anybody saw.
        if (!this.#tabs.has(entry.path[0]!)) return this.#tabsAreGone ? 'closed' : null;
        return this.#left.has(containerOf(entry)) ? null : 'emptied';
      case 'localStorage':
      case 'database':
      case 'record':
      case 'cache':
      case 'cacheEntry':
      case 'file':
        return this.#left.has(containerOf(entry)) ? null : 'emptied';
      default:
        return null;
    }
  }

  #note({ kind, path }: BaseEntry, reason: UnknownReason): void {
    const { origin, host } = placeOf(kind, path);
    const place = origin ?? host;
    const key = JSON.stringify([reason, kind, place]);
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.set(key, { reason, kind, place, count });
  }
}

/** What an entry is in together with others, of which all going at once is no evidence: a tab's items of a storage key; all databases of one; ... */
function containerOf({ kind, path }: Pick<SeenEntry, 'kind' | 'path'>): string {
  switch (kind) {
    case 'sessionStorage':
      return entryKey(kind, path.slice(0, 2));
    case 'record':
    case 'database':
      return entryKey('database', path.slice(0, 1));
    case 'cacheEntry':
    case 'cache':
      return entryKey('cache', path.slice(0, 1));
    default:
      return entryKey(kind, path.slice(0, 1));
  }
}

/** Sites with many cookies; a site as far as it can be told without a list of public suffixes: the last two labels of the domain, all partitions together. */
function crowdedHosts(entries: ReadonlyMap<string, Pick<SeenEntry, 'kind' | 'path'>>): Set<string> {
  const counts = new Map<string, number>();
  for (const { kind, path } of entries.values()) {
    if (kind !== 'cookie') continue;
    const key = crowdKey(path);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return new Set([...counts].flatMap(([key, count]) => (count >= CROWDED_COOKIES ? [key] : [])));
}

function crowdKey(path: readonly string[]): string {
  const { host } = placeOf('cookie', path);
  return (host ?? '').split('.').slice(-2).join('.');
}
