/** A difference as text: a table with a line for each entry, or counts by kind. Without values; names cannot steer a terminal if `show` sees to it. */
import type { Difference, DifferenceKind, MemberChange, SessionDiff, ValueFacts } from './difference.ts';

/** How text is laid out. */
export interface RenderOptions {
  /** Makes a name or a value fit to be printed. */
  readonly show: (text: string) => string;
  /** Rows of cells to lines of text; the first row is the head. */
  readonly table: (rows: readonly (readonly string[])[]) => string;
}

/** A line for each entry: what happened, kind, place, name, and which members differ. Values are shown where they were revealed. */
export function renderDiff(diff: SessionDiff, { show, table }: RenderOptions): string {
  const differences = [...diff.removed, ...diff.added, ...diff.changed, ...diff.moved];
  if (differences.length === 0) return `no difference; ${summarize(diff)}\n`;
  const rows = gather(differences, diff.revealed).map(([one, more]) => [
    one.change,
    one.kind,
    one.place === '' ? '' : show(one.place),
    more > 0 || (one.name === '' && NAMELESS.has(one.kind)) ? '' : show(one.name),
    more > 0 ? `${more + 1} of them` : detailsOf(one, show),
  ]);
  return `${table([['', 'kind', 'place', 'name', 'what'], ...rows])}\n\n${summarize(diff)}\n`;
}

/** Kinds of which an entry may have no name that can be shown; of the others an empty name is a name. */
const NAMELESS: ReadonlySet<DifferenceKind> = new Set<DifferenceKind>(['header', 'coverage', 'record', 'history', 'passkey', 'tab']);

/** Each difference with how many more its line stands for: there is nothing to tell records apart by, nor, in front of people, what moved in a list. */
function gather(differences: readonly Difference[], revealed: boolean): (readonly [Difference, number])[] {
  const lines = new Map<string, [Difference, number]>();
  for (const [i, one] of differences.entries()) {
    const isAlike = one.change === 'moved' || (one.kind === 'record' && !revealed);
    const line = JSON.stringify(isAlike ? [one.change, one.kind, one.place] : i);
    const first = lines.get(line);
    if (first === undefined) lines.set(line, [one, 0]);
    else first[1]++;
  }
  return [...lines.values()];
}

/** How many entries of a kind differ, by what happened to them. */
export type KindCounts = Readonly<Record<Difference['change'], number>>;

/** How many entries of each kind differ; kinds without any are left out. */
export function countKinds(diff: SessionDiff): ReadonlyMap<DifferenceKind, KindCounts> {
  const counts = new Map<DifferenceKind, KindCounts>();
  for (const { kind, change } of [...diff.added, ...diff.removed, ...diff.changed, ...diff.moved]) {
    const count = counts.get(kind) ?? { added: 0, removed: 0, changed: 0, moved: 0 };
    counts.set(kind, { ...count, [change]: count[change] + 1 });
  }
  return counts;
}

/** A line for each kind with how many entries of it were added, removed, changed and moved. */
export function renderStat(diff: SessionDiff, { table }: RenderOptions): string {
  const rows = [...countKinds(diff)].map(([kind, { added, removed, changed, moved }]) => [
    kind,
    ...[added, removed, changed, moved].map(String),
  ]);
  const list = rows.length === 0 ? '' : `${table([['kind', 'added', 'removed', 'changed', 'moved'], ...rows])}\n\n`;
  return `${list}${summarize(diff)}\n`;
}

function summarize({ added, removed, changed, moved, unchangedCount }: SessionDiff): string {
  return `${added.length} added, ${removed.length} removed, ${changed.length} changed, ${moved.length} moved, ${unchangedCount} unchanged`;
}

function detailsOf(difference: Difference, show: RenderOptions['show']): string {
  switch (difference.change) {
    case 'moved':
      return `${difference.from} -> ${difference.to}`;
    case 'changed':
      return difference.members.map((change) => describeMember(change, show)).join(', ');
    default: {
      const facts = difference.change === 'added' ? difference.after : difference.before;
      const size = difference.size === null ? '' : `size ${difference.size}`;
      return facts.value === undefined ? size : [size, showValue(facts.value, show)].filter((part) => part !== '').join(' ');
    }
  }
}

/** `value (44 -> 51)`, `expiresAt`, `tags removed`; where values are revealed `value: "old" -> "new"`. */
function describeMember({ member, before, after, edits }: MemberChange, show: RenderOptions['show']): string {
  // The number under which an item of web storage keeps its value.
  const name = member === '1' ? 'value' : show(member);
  if (before?.value !== undefined || after?.value !== undefined) return `${name}: ${revealed(before, show)} -> ${revealed(after, show)}`;
  if (before === null) return `${name} added`;
  if (after === null) return `${name} removed`;
  const places = edits === undefined ? '' : ` in ${edits.length / 4} ${edits.length === 4 ? 'place' : 'places'}`;
  if (before.type !== after.type) return `${name} (${before.type} -> ${after.type})`;
  return before.length === undefined ? name : `${name} (${before.length} -> ${after.length})${places}`;
}

function revealed(facts: ValueFacts | null, show: RenderOptions['show']): string {
  return facts === null ? 'absent' : showValue(facts.value, show);
}

/** Sections by their size: their bytes are nothing for a line of text. */
function showValue(value: unknown, show: RenderOptions['show']): string {
  const text = JSON.stringify(value, (_, inner: unknown) => {
    const { mediaType, length, bytes } = (inner ?? {}) as Readonly<Record<string, unknown>>;
    return typeof bytes === 'function' ? { mediaType, length } : inner;
  });
  return show(text);
}
