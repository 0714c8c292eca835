/**
 * The state of merging: entries, each a set of candidates, under one causal context (laws M1 to M6). Pure set logic: no policy, no clock, no session. A change
 * is a document as well (a delta, Almeida et al., arXiv 1603.01529), so there is one operation: {@link joinDocuments}.
 */
import { PspError } from '../errors.ts';
import { contextOf, covers, EMPTY_CONTEXT, subtractContexts, uniteContexts } from './context.ts';
import type { MergeDocument } from './document-columns.ts';
import { type Candidate, type Dot, type Entry, type EntryValue, entryKey } from './entry.ts';
import { ListDocument } from './entry-list.ts';
import { joinColumns } from './join-columns.ts';
import { findDot } from './join-entry.ts';
import type { Operation } from './operations.ts';

export type { MergeDocument } from './document-columns.ts';

/** Holds nothing and has seen nothing: joining it changes nothing. */
export function emptyDocument(epoch = ''): MergeDocument {
  return { epoch, context: EMPTY_CONTEXT, entries: new Map(), marks: new Map() };
}

/**
 * What all of them know together (law M1): a candidate stays that all hold who have seen it. Commutative, associative, idempotent; reads no clock and asks
 * no policy. O(entries of all).
 *
 * @throws PspError `MERGE_EPOCH` where epochs differ, `MERGE_FORK` where one dot stands for two writes.
 */
export function joinDocuments(documents: readonly MergeDocument[]): MergeDocument {
  const [first] = documents;
  if (first === undefined) return emptyDocument();
  const other = documents.find(({ epoch }) => epoch !== first.epoch);
  if (other !== undefined)
    throw new PspError('MERGE_EPOCH', 'the states are of different epochs: one was compacted since; take its session out anew', {
      details: { epoch: first.epoch, other: other.epoch },
    });
  const marks = new Map(first.marks);
  for (const document of documents) for (const [name, value] of document.marks) raiseMark(marks, name, value);
  const context = documents.reduce((united, document) => uniteContexts(united, document.context), EMPTY_CONTEXT);
  return new ListDocument({ epoch: first.epoch, context, marks }, joinColumns(documents));
}

/** Keeps the greater of a mark's two values. */
export function raiseMark(marks: Map<string, number>, name: string, value: number): void {
  const old = marks.get(name);
  if (old === undefined || value > old) marks.set(name, value);
}

/** Who writes: a replica, and the counter of its last write. */
export interface Writer {
  /** 16 lower-case hexadecimal digits, random, never used by another (law M5). */
  readonly replica: string;
  /** 0 before the first. */
  readonly counter: number;
}

/**
 * Operations as a delta, each under the next dot of its writer, with the counter to go on from. A delta replaces what its operations had seen, and nothing
 * else; join it to any document of the epoch. It may arrive twice, and in any order: keep it for retries, so that they reuse its dots.
 *
 * Several operations of one entry: only the last one stays, since the writer had seen the others.
 */
export function deltaOf(
  epoch: string,
  operations: readonly Operation[],
  writer: Writer,
): { readonly delta: MergeDocument; readonly counter: number } {
  let { counter } = writer;
  const entries = new Map<string, Entry>();
  const dots: Dot[] = [];
  for (const { kind, path, value, structure, stamp, sees } of operations) {
    const dot = { replica: writer.replica, counter: ++counter };
    const candidate: Candidate = {
      dot,
      stamp,
      ...(value === undefined ? {} : { value }),
      ...(structure === undefined ? {} : { structure }),
    };
    entries.set(entryKey(kind, path), { kind, path, candidates: [candidate] });
    dots.push(dot, ...sees);
  }
  return { delta: { epoch, context: contextOf(dots), entries, marks: new Map() }, counter };
}

/**
 * A delta that takes entries out without a trace but in the context (law M4): no candidate, not even a deletion, so a concurrent write of another survives it.
 * For purging and collapsing, which are decisions about keeping, not about meaning.
 */
export function removeEntries(document: MergeDocument, keys: Iterable<string>): MergeDocument {
  const dots: Dot[] = [];
  for (const key of keys) for (const { dot } of document.entries.get(key)?.candidates ?? []) dots.push(dot);
  return { epoch: document.epoch, context: contextOf(dots), entries: new Map(), marks: new Map() };
}

/** What `since` must join to know all that `document` does: the candidates that it has not seen, and what was removed of those that it holds. */
export function deltaSince(document: MergeDocument, since: MergeDocument): MergeDocument {
  if (document.epoch !== since.epoch)
    throw new PspError('MERGE_EPOCH', 'the states are of different epochs: send the whole state', {
      details: { epoch: document.epoch, other: since.epoch },
    });
  const entries = new Map<string, Entry>();
  for (const [key, entry] of document.entries) {
    const kept = entry.candidates.filter(({ dot }) => !covers(since.context, dot));
    if (kept.length > 0) entries.set(key, { ...entry, candidates: kept });
  }
  const removed: Dot[] = [];
  for (const [key, { candidates }] of since.entries) {
    const held = document.entries.get(key)?.candidates ?? [];
    for (const { dot } of candidates) if (findDot(held, dot) === undefined && covers(document.context, dot)) removed.push(dot);
  }
  const context = uniteContexts(subtractContexts(document.context, since.context), contextOf(removed));
  const marks = new Map([...document.marks].filter(([name, value]) => value > (since.marks.get(name) ?? Number.NEGATIVE_INFINITY)));
  return { epoch: document.epoch, context, entries, marks };
}

/**
 * The document in a new epoch (law M6): every entry has one candidate, the value that `show` gives, under a new dot, and nothing is known of what was before: no
 * deletions, no losers, no replicas. Only to be stored with compare-and-set, since nobody who holds the old epoch can join it.
 *
 * `epoch` is 16 lower-case hexadecimal digits, random, never used before. An entry for which `show` gives nothing is left out; the latest stamp of each stays.
 * Marks stay.
 */
export function compactDocument(document: MergeDocument, epoch: string, show: (entry: Entry) => EntryValue | undefined): MergeDocument {
  if (!/^[0-9a-f]{16}$/.test(epoch)) throw new TypeError('epoch: expected 16 lower-case hexadecimal digits');
  const entries = new Map<string, Entry>();
  let counter = 0;
  for (const key of [...document.entries.keys()].sort()) {
    const entry = document.entries.get(key) as Entry;
    const value = show(entry);
    if (value === undefined) continue;
    const latest = entry.candidates.at(-1) as Candidate;
    const { time, count } = latest.stamp;
    // Without its structure: it is lifted anew from the new dot, and would name all who ever wrote.
    const candidate = { dot: { replica: epoch, counter: ++counter }, stamp: { time, count }, value };
    entries.set(key, { ...entry, candidates: [candidate] });
  }
  const context = new Map(counter === 0 ? [] : [[epoch, [1, counter]] as const]);
  return { epoch, context, entries, marks: document.marks };
}
