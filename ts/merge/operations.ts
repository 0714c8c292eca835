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

/** What changed between the base and the capture. Operations are in the order of the capture, deletions after them in the order of the base. */
export function compareCapture(comparison: CaptureComparison): Comparison {
  const { base, found, digestOf, seen, since, now } = comparison;
  let clock = comparison.clock;
  const operations: Operation[] = [];
  const add = ({ kind, path }: Pick<SeenEntry, 'kind' | 'path'>, key: string, change: Pick<Operation, 'value'>): void => {
    clock = tick(clock, now);
    operations.push({ kind, path, ...change, stamp: since < clock.time ? { ...clock, since } : clock, sees: seen(key) });
  };
  for (const [key, entry] of found) {
    if (base.get(key)?.digest !== digestOf(entry.value)) add(entry, key, { value: entry.value });
  }
  const absence = new Absence(comparison);
  for (const [key, entry] of base) {
    if (!found.has(key) && absence.isDeletion(entry)) add(entry, key, {});
  }
  return { operations, unknown: absence.unknown(), clock };
}

/** Decides what is missing for a reason. */
class Absence {
  readonly #comparison: CaptureComparison;
  readonly #counts = new Map<string, UnknownAbsence>();
  /** Of kind and container: whether anything is left of it. */
  readonly #left = new Set<string>();
  readonly #crowdedHosts: ReadonlySet<string>;
  readonly #tabs: ReadonlySet<string>;
  readonly #tabsAreGone: boolean;

  constructor(comparison: CaptureComparison) {
    this.#comparison = comparison;
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
  isDeletion(entry: BaseEntry): boolean {
    const reason = this.#doubt(entry);
    if (reason !== null) this.#note(entry, reason);
    return reason === null;
  }

  unknown(): UnknownAbsence[] {
    return [...this.#counts.values()];
  }

  #doubt(entry: BaseEntry): UnknownReason | null {
    const { coverage, extentOf, now } = this.#comparison;
    if (extentOf === null) return null;
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
