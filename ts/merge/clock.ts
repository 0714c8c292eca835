/**
 * Hybrid logical time (Kulkarni et al. 2014, "Logical Physical Clocks"), law M7: a stamp is never behind what its writer had seen, and stays close to the
 * wall clock. Functions over {@link Stamp}; the wall clock is always an argument. Drift is judged here, by who receives, before anything is joined.
 */
import { PspError } from '../errors.ts';
import { type Candidate, compareCandidates, type Stamp } from './entry.ts';

/** How far ahead of the receiver's clock a stamp may be unless told otherwise: five minutes. */
export const MAX_DRIFT_MS = 300_000;

/** Before every write. */
export const NO_STAMP: Stamp = { time: 0, count: 0 };

/** The stamp of the next write at `now` (milliseconds since the epoch) by a writer whose latest stamp, written or seen, is `clock`. */
export function tick(clock: Stamp, now: number): Stamp {
  return now > clock.time ? { time: now, count: 0 } : { time: clock.time, count: clock.count + 1 };
}

/** The clock of a writer after it has seen `stamp`: the later of the two. Commutative, associative, idempotent. */
export function observe(clock: Stamp, stamp: Stamp): Stamp {
  return compareStamps(clock, stamp) >= 0 ? clock : { time: stamp.time, count: stamp.count };
}

/** By time, then count. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.time - b.time || a.count - b.count;
}

/**
 * Returns when no stamp is more than `maxDriftMs` ahead of `now`. The join itself never asks: two receivers with different clocks would part.
 *
 * @throws PspError `MERGE_DRIFT` with `details` { aheadMs, maxDriftMs, count }: how far the worst is ahead, and how many are too far.
 */
export function checkDrift(stamps: Iterable<Stamp>, now: number, maxDriftMs: number = MAX_DRIFT_MS): void {
  let aheadMs = 0;
  let count = 0;
  for (const { time } of stamps) {
    if (time - now <= maxDriftMs) continue;
    count++;
    aheadMs = Math.max(aheadMs, time - now);
  }
  if (count === 0) return;
  throw new PspError('MERGE_DRIFT', `${count} stamps are ahead of this clock, by up to ${aheadMs} ms; ${maxDriftMs} are allowed`, {
    details: { aheadMs, maxDriftMs, count },
  });
}

/**
 * The same writes with those that are more than `maxDriftMs` ahead of `now` put at `now`, in their order and after the others of that time. Only for writes
 * that nobody else has joined yet, and once: keep the result for retries, since one dot with two stamps is a fork (law M5).
 */
export function restamp(candidates: readonly Candidate[], now: number, maxDriftMs: number = MAX_DRIFT_MS): readonly Candidate[] {
  const isAhead = ({ stamp }: Candidate): boolean => stamp.time - now > maxDriftMs;
  if (!candidates.some(isAhead)) return candidates;
  let clock: Stamp = { time: now, count: -1 };
  for (const candidate of candidates) if (!isAhead(candidate) && candidate.stamp.time === now) clock = observe(clock, candidate.stamp);
  const stamps = new Map<Candidate, Stamp>();
  for (const candidate of candidates.filter(isAhead).sort(compareCandidates)) {
    clock = { time: now, count: clock.count + 1 };
    const { since } = candidate.stamp;
    stamps.set(candidate, since === undefined ? clock : { ...clock, since: Math.min(since, now) });
  }
  return candidates.map((candidate) => {
    const stamp = stamps.get(candidate);
    return stamp === undefined ? candidate : { ...candidate, stamp };
  });
}
