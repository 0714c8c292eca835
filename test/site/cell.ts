/**
 * What the hard site reports: cells, one for each fact that a page or the server sees, and the comparison of the cells before a capture with those after
 * a restore. A cell that differs is named when some entry of a report speaks of the place that it stands in.
 */
import type { ReportEntry } from '../../ts/adapters/report.ts';

/** What sees a cell; a row of the table. */
export type Group =
  | 'cookies, Cookie header'
  | 'cookies, seen by scripts'
  | 'cookies, as the browser holds them'
  | 'cookies of partitions'
  | 'localStorage'
  | 'sessionStorage'
  | 'sessionStorage of origins that a tab has left'
  | 'IndexedDB schema'
  | 'IndexedDB keys'
  | 'IndexedDB values'
  | 'IndexedDB key generators'
  | 'Cache Storage'
  | 'private files'
  | 'service workers'
  | 'storage buckets'
  | 'partitioned storage'
  | 'permissions'
  | 'history and window.name'
  | 'login';

/** What a page sees at one place of one kind of state. */
export interface PageCell {
  readonly group: Group;
  /** The kind that a report would name it by, as `StateKind` or one that is still to come. */
  readonly kind: string;
  readonly name: string;
  /** A short form of what is there: equal forms are equal facts. */
  readonly seen: string;
  /** What narrower places of a report speak of this cell: a database, a store, a path. */
  readonly within?: readonly string[];
}

export interface Cell extends PageCell {
  /** The storage key, as reports write it. */
  readonly place: string;
  /** Where the tab stands that has left this place. */
  readonly tab?: string;
}

export type Verdict = 'carried' | 'lost' | 'corrupted' | 'added';

export interface Compared {
  readonly cell: Cell;
  /** What is seen in place of it; absent where nothing is. */
  readonly now?: string;
  readonly verdict: Verdict;
  /** True for what was carried, and for what an entry of the reports speaks of. */
  readonly isNamed: boolean;
}

/** Every cell of either side, with what became of it. `entries` are those of the capture's and of the restore's report. */
export function compareCells(before: readonly Cell[], after: readonly Cell[], entries: readonly ReportEntry[]): Compared[] {
  const [was, is] = [byKey(before), byKey(after)];
  const shown = new Set(
    before
      .filter(({ group }) => group === 'cookies, seen by scripts')
      .flatMap(({ place, within = [] }) => within.map((name) => `${place} ${name}`)),
  );
  const isHidden = (cell: Cell): boolean =>
    cell.kind === 'cookie' && (cell.within ?? []).every((name) => !shown.has(`${cell.place} ${name}`));
  const compared = (cell: Cell, verdict: Verdict, now?: string): Compared => ({
    cell,
    ...(now === undefined ? {} : { now }),
    verdict,
    isNamed:
      verdict === 'carried' ||
      entries.some(
        (entry) => speaksOf(entry, cell) || speaksOfSeconds(entry, cell, now) || (isHidden(cell) && speaksOfHidden(entry, cell)),
      ),
  });
  return [
    ...[...was].map(([key, cell]) => {
      const now = is.get(key);
      if (now === undefined) return compared(cell, 'lost');
      return compared(cell, now.seen === cell.seen ? 'carried' : 'corrupted', now.seen);
    }),
    ...[...is].filter(([key]) => !was.has(key)).map(([, cell]) => compared(cell, 'added')),
  ];
}

/** One line for each cell that differs: for a failing test, and for a look by hand. */
export function describeDifferences(compared: readonly Compared[]): string[] {
  return compared
    .filter(({ verdict }) => verdict !== 'carried')
    .map(({ cell: { group, place, name, seen }, now, verdict, isNamed }) =>
      [`${verdict}${isNamed ? '' : ' SILENTLY'}: ${group}`, place, name, seen, ...(now === undefined ? [] : [now])].join(' | '),
    );
}

function byKey(cells: readonly Cell[]): Map<string, Cell> {
  const map = new Map<string, Cell>();
  for (const cell of cells) {
    const key = JSON.stringify([cell.group, cell.place, cell.name]);
    if (map.has(key)) throw new Error(`two cells of one name: ${key}`);
    map.set(key, cell);
  }
  return map;
}

/** Kinds of entries that speak of everything at their place. */
const WHOLE = ['origin', 'partitionedStorage', 'tab'];

function speaksOf({ outcome, kind, place }: ReportEntry, cell: Cell): boolean {
  if (kind === 'cookie') {
    const isOfPartition = cell.group === 'cookies of partitions' && place === 'partitions';
    return cell.kind === 'cookie' && (isOfPartition || (cell.within ?? []).some((name) => place.endsWith(` ${name}`)));
  }
  if (outcome === 'notice' && !isNoticed(cell)) return false;
  // A browser that tells no history does not tell which origins a tab has left.
  if (kind === 'history' && cell.tab !== undefined && place === cell.tab) return true;
  if (kind !== cell.kind && (outcome === 'notice' || !WHOLE.includes(kind))) return false;
  const places = [cell.place, ...(cell.within ?? []).map((item) => `${cell.place} ${item}`)];
  return places.some((one) => withoutPorts(one) === withoutPorts(place));
}

/** A notice is of something harmless: only of a file's time, and of a name of web storage that a browser may write otherwise, does it excuse a difference. */
function isNoticed({ kind, name }: Cell): boolean {
  return kind === 'localStorage' || kind === 'sessionStorage' || (kind === 'fileSystem' && name.endsWith(', time'));
}

/** A page is shown no HttpOnly cookies, so it cannot name them: of those, and of no other, it says so once for its origin. */
function speaksOfHidden({ kind, place, reason }: ReportEntry, cell: Cell): boolean {
  return kind === 'cookie' && place === cell.place && /HttpOnly/.test(reason);
}

/** One entry for all cookies may say that they expire at whole seconds: of what differs by that and nothing else. */
function speaksOfSeconds({ kind, reason }: ReportEntry, cell: Cell, now: string | undefined): boolean {
  const inSeconds = (seen: string): string => seen.replace(/\b(\d{10})\d{3}\b/g, '$1');
  return (
    kind === 'cookie' && cell.kind === 'cookie' && / second /.test(reason) && now !== undefined && inSeconds(cell.seen) === inSeconds(now)
  );
}

/** A report names a frame by its page's origin where it cannot say its storage key, which has a site: sites have no ports. */
function withoutPorts(place: string): string {
  return place.replace(/(\/\/[^ /:]+):\d+/g, '$1');
}
