/**
 * What comes from elsewhere, judged by the clock of who receives it (law M7): files that are merged, sessions that are imported. A write that says it was made in
 * the future would win over all that is written until then. Joining itself never asks: two receivers with different clocks would part.
 */
import { sha256Hex } from '../digest.ts';
import type { Session } from '../session/session.ts';
import { checkDrift, MAX_DRIFT_MS } from './clock.ts';
import { contextOf, covers, uniteContexts } from './context.ts';
import type { MergeDocument } from './document.ts';
import { type Candidate, compareCandidates, type Dot, type Entry, type Stamp } from './entry.ts';
import { markName } from './mark.ts';
import { attachState, readMerge } from './session-state.ts';

const CREATED = markName('created');
const UPDATED = markName('updated');

/** How sessions are received. */
export interface ReceiveOptions {
  /** By the clock of the receiver, in milliseconds since the epoch. */
  readonly now: number;
  /** How far ahead of it a stamp may be. Default: five minutes. */
  readonly maxDriftMs?: number;
  /**
   * Writes that are further ahead are written anew by somebody who had seen them, just before `now` and in their order. Only for a clock that is right: one that
   * is slow would put the writes of others before what they came after. Without it they are refused.
   */
  readonly restamp?: boolean;
}

/**
 * The sessions themselves where none of their writes is more than `maxDriftMs` ahead of `now`; with `restamp`, what is made of them. Give all at once that are
 * to be merged: what they have in common stays in common. The sessions must be valid. What was merged inside of a value that is written anew is one value
 * from then on. O(entries).
 *
 * @throws PspError `MERGE_DRIFT` as `checkDrift`; and as `readMerge`.
 */
export async function receiveSessions(
  sessions: readonly Session[],
  { now, maxDriftMs = MAX_DRIFT_MS, restamp = false }: ReceiveOptions,
): Promise<readonly Session[]> {
  const documents: MergeDocument[] = [];
  for (const session of sessions) documents.push((await readMerge(session)).document);
  const isAhead = (time: number): boolean => time - now > maxDriftMs;
  const stamps = documents.flatMap(({ entries }) =>
    [...entries.values()].flatMap(({ candidates }) => candidates.map(({ stamp }) => stamp)),
  );
  const own = sessions.map(({ updatedAt }) => updatedAt);
  const marked = documents.map(({ marks }) => marks.get(UPDATED) ?? 0);
  const times = [...own, ...marked, ...stamps.flatMap(({ time, since = time }) => [since, time])];
  const ahead = [...new Set(times.filter(isAhead))].sort((a, b) => a - b);
  if (ahead.length === 0) return sessions;
  if (!restamp) checkDrift([...stamps, ...own.map((time) => ({ time, count: 0 }))], now, maxDriftMs);
  // A millisecond apart: their order stays, and where an interval was there is one.
  const places = new Map(ahead.map((time, i) => [time, now - ahead.length + 1 + i]));
  const timeOf = (time: number): number => places.get(time) ?? time;
  const again = writeAgain(documents, isAhead, timeOf, now);
  return Promise.all(
    sessions.map((session, i) => {
      const updatedAt = timeOf(session.updatedAt);
      const timed = { ...session, createdAt: Math.min(session.createdAt, updatedAt), updatedAt };
      // A session without state is told by its content and its time: its writes follow.
      return session.mergeState === undefined ? timed : attachState(timed, retimed(documents[i] as MergeDocument, again, timed, timeOf));
    }),
  );
}

/** New writes in the place of others, by {@link nameDot}. */
type Rewritten = ReadonlyMap<string, { readonly old: Dot; readonly candidate: Candidate }>;

/** Everybody who has the same writes gives them the same names. */
function writeAgain(
  documents: readonly MergeDocument[],
  isAhead: (time: number) => boolean,
  timeOf: (time: number) => number,
  now: number,
): Rewritten {
  const writes = new Map<string, Candidate>();
  for (const { entries } of documents) {
    for (const { candidates } of entries.values())
      for (const one of candidates) if (isAhead(one.stamp.time)) writes.set(nameDot(one.dot), one);
  }
  const sorted = [...writes].sort(([, a], [, b]) => compareCandidates(a, b));
  const text = JSON.stringify(['psp/restamp@1', documents[0]?.epoch, now, sorted.map(([name]) => name)]);
  const replica = sha256Hex(new TextEncoder().encode(text)).slice(0, 16);
  return new Map(
    sorted.map(([name, { dot, stamp, value }], i) => {
      const candidate = { dot: { replica, counter: i + 1 }, stamp: stampAt(stamp, timeOf), ...(value === undefined ? {} : { value }) };
      return [name, { old: dot, candidate }];
    }),
  );
}

function nameDot({ replica, counter }: Dot): string {
  return `${replica}:${counter}`;
}

function stampAt({ time, count, since }: Stamp, timeOf: (time: number) => number): Stamp {
  const [at, from] = [timeOf(time), timeOf(since ?? time)];
  return from < at ? { time: at, count, since: from } : { time: at, count };
}

/** The document with the new writes. Who had seen an old one has seen the new one, be it that he has it or that he replaced it. */
function retimed(
  { epoch, context, entries, marks }: MergeDocument,
  again: Rewritten,
  { createdAt, updatedAt }: Session,
  timeOf: (time: number) => number,
): MergeDocument {
  const retimedEntries = new Map<string, Entry>();
  for (const [key, entry] of entries) {
    const candidates = entry.candidates.map((one) => again.get(nameDot(one.dot))?.candidate ?? one);
    retimedEntries.set(key, { ...entry, candidates: candidates.sort(compareCandidates) });
  }
  const seen = [...again.values()].filter(({ old }) => covers(context, old)).map(({ candidate }) => candidate.dot);
  const times = new Map(marks).set(CREATED, Math.max(marks.get(CREATED) ?? -createdAt, -createdAt));
  times.set(UPDATED, Math.max(timeOf(marks.get(UPDATED) ?? 0), updatedAt));
  return { epoch, context: uniteContexts(context, contextOf(seen)), entries: retimedEntries, marks: times };
}
