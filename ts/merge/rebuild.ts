/**
 * The entries that are shown, put together to a session again. Lists whose order says nothing are sorted; caches and what is in them stand in the order in which
 * they were written, which is what Cache Storage does; tabs stand in the order of their places. What would make the session invalid is parked (law M13).
 */
import type { Coverage, OriginStorage, Permission, Session, StorageCoverage, Tab, TtlRule } from '../session/session.ts';
import type { EntryKind, EntryValue } from './entry.ts';
import type { Source } from './fit.ts';
import { EXTENTS, markName, markParts } from './mark.ts';
import { comparePaths, parseStorageKey } from './path.ts';
import { type ParkedEntry, StorageBuilder } from './rebuild-storage.ts';
import type { ShownEntry } from './shown.ts';
import { comparePlaces } from './tab-place.ts';
import { targetsOf } from './target.ts';

export type { ParkedEntry } from './rebuild-storage.ts';

/** What a session has besides entries and marks. */
export interface SessionIdentity {
  readonly id: string;
  readonly incarnation: string;
}

type Members = Readonly<Record<string, EntryValue>>;

/**
 * The session that shows these entries, without `mergeState`, and what of them it does not show. `sources` are the sessions that were merged: see `fit.ts`.
 * The same entries and marks give the same session, in whatever order they come. O(n log n).
 */
export function rebuildSession(
  entries: readonly ShownEntry[],
  marks: ReadonlyMap<string, number>,
  identity: SessionIdentity,
  sources: readonly Source[] = [],
): { readonly session: Session; readonly parked: readonly ParkedEntry[] } {
  const byKind = groupByKind(entries);
  const list = (kind: EntryKind): readonly ShownEntry[] => byKind.get(kind) ?? [];
  const parked: ParkedEntry[] = [];
  const header = Object.fromEntries(list('header').map(({ path, value }) => [path[0] as string, value]));
  const permissions = inOrder(list('permission')).map(({ value }) => value as unknown as Permission);
  const credentials = inOrder(list('credential')).map(({ path, value }) => {
    const signCount = marks.get(markName('signCount', path[0] as string, path[1] as string)) ?? 0;
    return { ...(value as Members), signCount };
  });
  const isListed = (member: string): boolean => marks.get(markName('list', member)) === 1;
  const session = {
    ...header,
    ...identity,
    revision: marks.get(markName('revision')) ?? 0,
    createdAt: -(marks.get(markName('created')) ?? 0) + 0,
    updatedAt: marks.get(markName('updated')) ?? 0,
    coverage: rebuildCoverage(marks),
    cookies: inOrder(list('cookie')).map(({ value }) => value),
    storage: rebuildStorage(byKind, marks, sources, parked),
    tabs: rebuildTabs(byKind, marks),
    ...(permissions.length > 0 || isListed('permissions') ? { permissions } : {}),
    ...(credentials.length > 0 || isListed('credentials') ? { credentials } : {}),
  } as unknown as Session;
  const ttl = rebuildRules(session, inOrder(list('ttl')), marks);
  return { session: ttl.length > 0 || isListed('ttl') ? { ...session, ttl } : session, parked };
}

function groupByKind(entries: readonly ShownEntry[]): ReadonlyMap<EntryKind, readonly ShownEntry[]> {
  const byKind = new Map<EntryKind, ShownEntry[]>();
  for (const one of entries) {
    const list = byKind.get(one.kind);
    if (list === undefined) byKind.set(one.kind, [one]);
    else list.push(one);
  }
  return byKind;
}

function inOrder(entries: readonly ShownEntry[]): readonly ShownEntry[] {
  return [...entries].sort((a, b) => comparePaths(a.path, b.path));
}

function rebuildCoverage(marks: ReadonlyMap<string, number>): Coverage {
  const whole: Record<string, unknown> = { cookies: 'unvisited', tabs: 'unvisited' };
  const storage = new Map<string, Record<string, unknown>>();
  for (const [name, value] of marks) {
    if (!name.startsWith('["coverage"')) continue;
    const [, place, member] = markParts(name) as [string, string, string | undefined];
    const extent = EXTENTS[value];
    if (member === undefined) whole[place] = extent;
    else {
      const key = parseStorageKey(place);
      if (key === null) continue;
      const one = storage.get(place) ?? { key, localStorage: 'unvisited', indexedDB: 'unvisited' };
      one[member] = extent;
      storage.set(place, one);
    }
  }
  const sorted = [...storage].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one as unknown as StorageCoverage);
  return { ...whole, storage: sorted } as unknown as Coverage;
}

function rebuildStorage(
  byKind: ReadonlyMap<EntryKind, readonly ShownEntry[]>,
  marks: ReadonlyMap<string, number>,
  sources: readonly Source[],
  parked: ParkedEntry[],
): OriginStorage[] {
  const builders = new Map<string, StorageBuilder>();
  const builder = (storageKey: string): StorageBuilder => {
    const found = builders.get(storageKey) ?? new StorageBuilder(storageKey);
    builders.set(storageKey, found);
    return found;
  };
  for (const name of marks.keys()) if (name.startsWith('["origin"')) builder(markParts(name)[1] as string);
  const kinds: readonly EntryKind[] = ['origin', 'localStorage', 'database', 'record', 'cache', 'cacheEntry', 'serviceWorker', 'file'];
  for (const kind of kinds) {
    for (const one of byKind.get(kind) ?? []) builder(one.path[0] as string).add(one);
  }
  const sorted = [...builders].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.flatMap(([, one]) => one.build(marks, sources, parked) ?? []);
}

/** Law M14: what belongs to a tab that is not shown is not shown either. */
function rebuildTabs(byKind: ReadonlyMap<EntryKind, readonly ShownEntry[]>, marks: ReadonlyMap<string, number>): Tab[] {
  const tabs = new Map<string, { place: string; id: string; own: Record<string, unknown>; areas: Map<string, [string, EntryValue][]> }>();
  for (const { path, value } of byKind.get('tab') ?? []) {
    const [id, member] = path as [string, string?];
    if (member === undefined) tabs.set(id, { place: '', id, own: { ...(value as Members) }, areas: new Map() });
  }
  for (const { path, value } of byKind.get('tab') ?? []) {
    const [id, member] = path as [string, string?];
    const tab = tabs.get(id);
    if (member !== undefined && tab !== undefined) tab.own[member] = value;
  }
  for (const { path, value } of byKind.get('tabPlace') ?? []) {
    const tab = tabs.get(path[0] as string);
    if (tab !== undefined) tab.place = value as string;
  }
  for (const name of marks.keys()) {
    if (!name.startsWith('["area"')) continue;
    const [, id, storageKey] = markParts(name) as [string, string, string];
    tabs.get(id)?.areas.set(storageKey, []);
  }
  for (const { path, value } of byKind.get('sessionStorage') ?? []) {
    const [id, storageKey, item] = path as [string, string, string];
    const areas = tabs.get(id)?.areas;
    const items = areas?.get(storageKey) ?? [];
    items.push([item, value]);
    areas?.set(storageKey, items);
  }
  return [...tabs.values()].sort(compareTabs).map(({ id, own, areas }) => {
    const sessionStorage = [...areas]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([storageKey, items]) => {
        const key = parseStorageKey(storageKey);
        return key === null ? [] : [{ key, items: items.sort(([a], [b]) => (a < b ? -1 : 1)) }];
      });
    return { id, ...own, sessionStorage } as unknown as Tab;
  });
}

/** A tab whose place is not known, since only a change of it has arrived, comes last. */
function compareTabs(a: { readonly place: string; readonly id: string }, b: { readonly place: string; readonly id: string }): number {
  if ((a.place === '') !== (b.place === '')) return a.place === '' ? 1 : -1;
  return comparePlaces(a, b);
}

/** A rule for what is not shown is not shown either, and comes back with it. */
function rebuildRules(session: Session, entries: readonly ShownEntry[], marks: ReadonlyMap<string, number>): TtlRule[] {
  const targets = targetsOf(
    session,
    entries.map(({ path }) => path),
  );
  return entries.flatMap(({ path, value }, i) => {
    const target = targets[i];
    if (target === undefined || target === null) return [];
    const lastTouched = marks.get(markName('touched', ...path));
    return [{ target, ...(value as Members), ...(lastTouched === undefined ? {} : { lastTouched }) }];
  });
}
