/**
 * Looks for a counter-example to what law M2 asks of a policy: a pure function of the set of candidates that throws nobody's data away unasked. It tries and
 * proves nothing; what it finds is a mistake, what it does not find may be one.
 */
import { type Candidate, compareCandidates, compareDots, type Entry } from '../entry.ts';
import type { Choice, Policy } from '../policy.ts';
import { sameEntryValue } from '../value.ts';

/**
 * What is wrong: another choice for another order of the candidates, for one that came twice, when asked again, at another time or with other random numbers;
 * candidates that were changed; a choice that is none of the candidates; nothing shown though nobody deleted anything; an error that it threw.
 */
export type PolicyFault =
  | 'order'
  | 'duplicates'
  | 'repetition'
  | 'clock'
  | 'randomness'
  | 'changes-candidates'
  | 'no-candidate'
  | 'loses-data'
  | 'throws';

/** A case in which a policy is wrong. It holds the values of the sample: not for a log. */
export interface CounterExample {
  readonly fault: PolicyFault;
  /** Index of the sample. */
  readonly sample: number;
  /** What the policy was given at last. */
  readonly candidates: readonly Candidate[];
  /** What it chose in canonical order; absent where it threw. */
  readonly expected?: Choice;
  /** What it chose for `candidates`. */
  readonly found?: Choice;
  /** What it threw. */
  readonly cause?: unknown;
}

/** Permutations that are tried of a sample; all of them up to four candidates. */
const MAX_ORDERS = 24;

/** Two moments that a policy could tell apart: 1970 and 2100. */
const CLOCKS = [0, 4_102_444_800_000];

/**
 * A counter-example among the samples, or null where none was found. Samples are entries as a merge may meet them, with two candidates at least; more, and odder
 * ones, find more. While the policy runs, `Date` stands still and `Math.random` repeats itself: do not call it while anything else runs that minds.
 */
export function checkPolicy(policy: Policy, samples: Iterable<Entry>): CounterExample | null {
  let sample = 0;
  for (const entry of samples) {
    const found = checkSample(policy, entry);
    if (found !== null) return { ...found, sample };
    sample++;
  }
  return null;
}

function checkSample(policy: Policy, entry: Entry): Omit<CounterExample, 'sample'> | null {
  const { kind, path } = entry;
  const candidates = [...entry.candidates].sort(compareCandidates);
  const ask = (list: readonly Candidate[], clock = CLOCKS[0] as number, random = 0.25): Choice =>
    at(clock, random, () => policy.choose(list, { kind, path }));
  try {
    const copy = candidates.map((one) => ({ ...one, dot: { ...one.dot }, stamp: { ...one.stamp } }));
    const expected = ask(candidates);
    if (candidates.some((one, i) => !isSameCandidate(one, copy[i]))) return { fault: 'changes-candidates', candidates, expected };
    if (!('made' in expected) && !candidates.includes(expected.winner)) return { fault: 'no-candidate', candidates, expected };
    if ('made' in expected && expected.made === undefined && candidates.every(({ value }) => value !== undefined)) {
      return { fault: 'loses-data', candidates, expected };
    }
    const trials: [PolicyFault, readonly Candidate[], Choice][] = [
      ['repetition', candidates, ask(candidates)],
      ['clock', candidates, ask(candidates, CLOCKS[1])],
      ['randomness', candidates, ask(candidates, CLOCKS[0], 0.75)],
      ...ordersOf(candidates).map((list): [PolicyFault, readonly Candidate[], Choice] => ['order', list, ask(list)]),
      ...candidates.map((one): [PolicyFault, readonly Candidate[], Choice] => {
        const list = [...candidates, one].sort(compareCandidates);
        return ['duplicates', list, ask(list)];
      }),
    ];
    const wrong = trials.find(([, , found]) => !isSameChoice(expected, found));
    return wrong === undefined ? null : { fault: wrong[0], candidates: wrong[1], expected, found: wrong[2] };
  } catch (cause) {
    return { fault: 'throws', candidates, cause };
  }
}

function isSameCandidate(a: Candidate, b: Candidate | undefined): boolean {
  if (b === undefined || compareCandidates(a, b) !== 0 || a.stamp.since !== b.stamp.since) return false;
  return a.value === b.value && a.structure === b.structure;
}

function isSameChoice(a: Choice, b: Choice): boolean {
  if (a.surface !== b.surface) return false;
  if ('made' in a || 'made' in b) {
    if (!('made' in a && 'made' in b)) return false;
    return a.made === b.made || (a.made !== undefined && b.made !== undefined && sameEntryValue(a.made, b.made));
  }
  return compareDots(a.winner.dot, b.winner.dot) === 0;
}

/** Other orders than the canonical one: all of a few, else turns of it and their mirror images. */
function ordersOf(candidates: readonly Candidate[]): Candidate[][] {
  if (candidates.length <= 4) return permutationsOf(candidates).slice(1);
  const turns = candidates.map((_, i) => [...candidates.slice(i), ...candidates.slice(0, i)]);
  return [...turns.slice(1), ...turns.map((turn) => turn.reverse())].slice(0, MAX_ORDERS);
}

function permutationsOf(list: readonly Candidate[]): Candidate[][] {
  if (list.length <= 1) return [[...list]];
  return list.flatMap((one, i) => permutationsOf(list.filter((_, j) => j !== i)).map((rest) => [one, ...rest]));
}

/** Runs `run` at a moment that stands still, with one random number. */
function at<T>(clock: number, random: number, run: () => T): T {
  const { Date: realDate } = globalThis;
  const { random: realRandom } = Math;
  globalThis.Date = class extends realDate {
    constructor(...parts: unknown[]) {
      // Without arguments a Date is the present; with any it is what they say.
      super(...((parts.length === 0 ? [clock] : parts) as [number]));
    }
    static override now(): number {
      return clock;
    }
  } as DateConstructor;
  Math.random = () => random;
  try {
    return run();
  } finally {
    globalThis.Date = realDate;
    Math.random = realRandom;
  }
}
