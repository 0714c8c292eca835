/**
 * Sessions without merge state that come from one known session, as two branches of a repository do: what differs from the base is a write and what is missing is
 * a deletion, as far as the branch's coverage says that it looked (law M9). The base is what a store's checkout has verified (`operations.ts`); in
 * files nobody has, so neither eviction nor expiry is asked for here.
 */
import { sha256Hex } from '../digest.ts';
import type { Session } from '../session/session.ts';
import { NO_STAMP, observe, tick } from './clock.ts';
import { deltaOf, joinDocuments, type MergeDocument } from './document.ts';
import { type Dot, type Entry, type EntryKind, entryKey, type Stamp } from './entry.ts';
import { captureExtent, type Operation } from './operations.ts';
import { structureModes } from './policy/rules.ts';
import type { PolicyRule } from './policy.ts';
import { attachState, type MergeInput, readMerge } from './session-state.ts';
import { addStructures } from './structured-delta.ts';
import { placesFor } from './tab-place.ts';
import { sameEntryValue } from './value.ts';

/** How branches are read. */
export interface BranchOptions {
  /** Those by which they will be merged: `json` and `text` want to know what a branch changed inside of a value. */
  readonly policies?: readonly PolicyRule[];
}

/** A session that knows what it came from. */
export interface Branch {
  /** Shows what it did, and carries the state of its base with its own writes: ready to be merged with others of that base. */
  readonly session: Session;
  readonly written: number;
  readonly deleted: number;
  /** Entries of the base that are missing where the branch's coverage does not say that it looked at everything: no deletions. */
  readonly unknown: number;
}

/**
 * Each of `sessions` as a branch of `base`. One that carries merge state is given back as it is, since it tells by itself what it has seen.
 *
 * The same base and session give the same writes, dots included, so the same branch may be merged any number of times, by anybody. Their stamps are
 * the interval between the times of the base and of the branch: nobody knows when in between they were made (law M10). All sessions must be valid; their ids do not
 * matter. O(entries).
 *
 * @throws PspError as `readMerge`.
 */
export async function branchesOf(base: Session, sessions: readonly Session[], { policies = [] }: BranchOptions = {}): Promise<Branch[]> {
  const from = await readMerge(base);
  const modeOf = structureModes(policies);
  const branches: Branch[] = [];
  for (const session of sessions) {
    const isPlain = session.mergeState === undefined;
    branches.push(isPlain ? await branchOf(base, from, session, modeOf) : { session, written: 0, deleted: 0, unknown: 0 });
  }
  return branches;
}

type ModeOf = ReturnType<typeof structureModes>;

async function branchOf(base: Session, from: MergeInput, session: Session, modeOf: ModeOf): Promise<Branch> {
  const own = await readMerge(session);
  const stamp = stampOf(from.document, base.updatedAt, session.updatedAt);
  // A write has its structure from its rule, so it has its name from it too (law M5).
  const modes = own.flat.entries.flatMap(({ key, kind, path }) => (modeOf(kind, path) === null ? [] : [[key, modeOf(kind, path)]]));
  const replica = nameBranch(from.document, stamp, [...own.document.context.keys(), ...modes]);
  const operations: Operation[] = [];
  const add = (kind: EntryKind, path: readonly string[], change: Pick<Operation, 'value'>): void => {
    operations.push({ kind, path, ...change, stamp, sees: dotsOf(from.document, entryKey(kind, path)) });
  };

  const before = new Map(from.flat.entries.map((entry) => [entry.key, entry]));
  const found = new Set<string>();
  for (const { key, kind, path, value } of own.flat.entries) {
    found.add(key);
    const old = before.get(key);
    if (old === undefined || !sameEntryValue(old.value, value)) add(kind, path, { value });
  }
  const known = placesIn(from.document);
  for (const [id, value] of placesFor(own.flat.tabs, known, replica)) {
    if (known.get(id) !== value) add('tabPlace', [id], { value });
  }
  const written = operations.length;

  let unknown = 0;
  for (const { key, kind, path } of before.values()) {
    if (found.has(key)) continue;
    if (hasLooked(session, kind, path)) add(kind, path, {});
    else unknown++;
  }
  const tabs = new Set(own.flat.tabs);
  for (const id of known.keys()) if (!tabs.has(id) && hasLooked(session, 'tabPlace', [id])) add('tabPlace', [id], {});

  const { delta } = deltaOf(from.document.epoch, operations, { replica, counter: 0 });
  const structured = await addStructures(delta, modeOf, (key) => {
    const { kind, path, candidates } = from.document.entries.get(key) ?? NO_ENTRY;
    if (candidates.length < 2 || modeOf(kind, path) !== null) return candidates;
    const shown = before.get(key)?.value;
    return candidates.filter(({ value }) => value !== undefined && shown !== undefined && sameEntryValue(value, shown)).slice(0, 1);
  });
  const document = joinDocuments([from.document, { ...structured, marks: own.flat.marks }]);
  return { session: await attachState(session, document), written, deleted: operations.length - written, unknown };
}

const NO_ENTRY: Entry = { kind: 'header', path: [], candidates: [] };

/** No coverage speaks of the header and of rules: a file has all of them. */
function hasLooked({ coverage }: Session, kind: EntryKind, path: readonly string[]): boolean {
  return kind === 'header' || kind === 'ttl' || captureExtent(coverage, { kind, path }) === 'complete';
}

/** Later than all that the base holds, and never a moment: where the times of two branches say nothing, nobody knows which was later. */
function stampOf({ entries }: MergeDocument, since: number, updatedAt: number): Stamp {
  let clock = NO_STAMP;
  for (const { candidates } of entries.values()) for (const { stamp } of candidates) clock = observe(clock, stamp);
  const stamp = tick(clock, updatedAt);
  const from = Math.max(0, Math.min(since, stamp.time - 1));
  return from < stamp.time ? { ...stamp, since: from } : stamp;
}

/** As law M16 names the writer of a session without state, and another name for each base: what is seen of it belongs to the write. */
function nameBranch({ epoch, context }: MergeDocument, stamp: Stamp, own: readonly unknown[]): string {
  const seen = [...context].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify(['psp/branch@1', epoch, seen, stamp, own]);
  return sha256Hex(new TextEncoder().encode(text)).slice(0, 16);
}

function dotsOf({ entries }: MergeDocument, key: string): readonly Dot[] {
  return (entries.get(key)?.candidates ?? []).map(({ dot }) => dot);
}

function placesIn({ entries }: MergeDocument): Map<string, string> {
  const places = new Map<string, string>();
  for (const { kind, path, candidates } of entries.values()) {
    const place = candidates.at(-1)?.value;
    if (kind === 'tabPlace' && typeof place === 'string') places.set(path[0] as string, place);
  }
  return places;
}
