/** Joins one entry of several documents (law M1), and finds dots that stand for two writes (law M5). */
import { PspError } from '../errors.ts';
import { sameBytes } from '../session/bytes.ts';
import { type Context, covers } from './context.ts';
import { type Candidate, compareCandidates, type Dot, type Entry, type EntryKind, isSameStamp } from './entry.ts';
import { sameEntryValue } from './value.ts';

/**
 * The entry that documents with these contexts hold together; null when nothing is left of it. `held`: what each has of it. All at once: joining two after two would
 * make every entry anew each time.
 *
 * @throws PspError `MERGE_FORK` where one dot stands for two writes.
 */
export function joinEntry(contexts: readonly Context[], held: readonly (Entry | undefined)[]): Entry | null {
  const first = held.find((entry) => entry !== undefined);
  if (first === undefined) return null;
  if (held.every((entry) => entry === first)) return first;
  const kept: Candidate[] = [];
  held.forEach((entry, i) => {
    for (const candidate of entry?.candidates ?? []) {
      const same = findDot(kept, candidate.dot);
      if (same !== undefined) checkFork(first.kind, same, candidate);
      else if (isKept(candidate.dot, i, contexts, held)) kept.push(candidate);
    }
  });
  if (kept.length === 0) return null;
  if (kept.length === first.candidates.length && kept.every((candidate, i) => candidate === first.candidates[i])) return first;
  return { kind: first.kind, path: first.path, candidates: sortCandidates(kept) };
}

/** In place. Mostly they are in order. */
export function sortCandidates(candidates: Candidate[]): Candidate[] {
  for (let i = 1; i < candidates.length; i++) {
    if (compareCandidates(candidates[i - 1] as Candidate, candidates[i] as Candidate) > 0) return candidates.sort(compareCandidates);
  }
  return candidates;
}

/** Whether everybody who has seen a write of the document at `of` still holds it. */
function isKept(dot: Dot, of: number, contexts: readonly Context[], held: readonly (Entry | undefined)[]): boolean {
  for (let i = 0; i < contexts.length; i++) {
    if (i === of || !covers(contexts[i] as Context, dot)) continue;
    const entry = held[i];
    if (entry === undefined || findDot(entry.candidates, dot) === undefined) return false;
  }
  return true;
}

/** The candidate with this dot. */
export function findDot(candidates: readonly Candidate[], dot: Dot): Candidate | undefined {
  for (let i = 0; i < candidates.length; i++) if (isSameDot((candidates[i] as Candidate).dot, dot)) return candidates[i];
  return undefined;
}

function isSameDot(a: Dot, b: Dot): boolean {
  return a.counter === b.counter && a.replica === b.replica;
}

/**
 * Law M5: a dot is given once. Two contents under one mean that a replica was used twice, as by a backup that was restored.
 *
 * @throws PspError `MERGE_FORK`
 */
export function checkFork(kind: EntryKind, a: Candidate, b: Candidate): void {
  if (a === b || isSameWrite(a, b)) return;
  throw new PspError('MERGE_FORK', `write ${a.dot.counter} of replica ${a.dot.replica} of a ${kind} is two different writes`, {
    details: { replica: a.dot.replica, counter: a.dot.counter, kind },
  });
}

function isSameWrite(a: Candidate, b: Candidate): boolean {
  if (!isSameStamp(a.stamp, b.stamp)) return false;
  if (a.value === undefined || b.value === undefined) {
    if (a.value !== b.value) return false;
  } else if (!sameEntryValue(a.value, b.value)) return false;
  if (a.structure === undefined || b.structure === undefined) return a.structure === b.structure;
  return sameBytes(a.structure, b.structure);
}
