/**
 * Policies: which of the concurrent candidates of an entry is shown, or what is made of them. A policy is a pure function of the set of
 * candidates (law M2): it reads no clock, keeps nothing, and its result is never stored, so workers with different policies still agree on the state.
 * The time-based policies are in this file; what combines values is in `policy/`, groups of entries are in `groups.ts`.
 */
import type { Candidate, EntryKind, EntryValue } from './entry.ts';
import { compareCandidates } from './entry.ts';
import { BY_AGE, BY_LIFE, type EvidenceKind, preferEvident } from './policy/evidence.ts';
import { sameEntryValue } from './value.ts';

/** Policies by name. `docs/conflicts.md` shows what each does to each pair of operations. */
export type PolicyName = 'last-writer' | 'first-writer' | 'longest-lived' | 'prefer-fresh-token' | 'json' | 'text' | 'union' | 'keep-both';

/** What a policy may know of an entry besides its candidates. */
export interface EntryFacts {
  readonly kind: EntryKind;
  readonly path: readonly string[];
}

/** Why a candidate was chosen. The first ones are about what a value says of itself, `first` and `last` about stamps. */
export type Ground = EvidenceKind | 'asked' | 'first' | 'last';

/** One candidate wins, and with it its writer may win the conflicts of its whole group. */
export interface Pick {
  readonly winner: Candidate;
  readonly by: Ground;
  /** The evidence, where there is some; greater is stronger. */
  readonly weight?: number;
  /** The entry stays out of the decision of its group. */
  readonly alone?: true;
  /** Why the application should look at it. */
  readonly surface?: SurfaceReason;
}

/** A value was made of several candidates; undefined shows nothing. Groups never change it. */
export interface Made {
  readonly made: EntryValue | undefined;
  /** What lost inside the value: which writes at which place of it. */
  readonly inner?: readonly InnerLoss[];
  readonly surface?: SurfaceReason;
}

/** Inside a merged value: the place, as member names and indexes, what lost there, and to what. */
export interface InnerLoss {
  readonly within: readonly string[];
  readonly losing: readonly Candidate[];
  readonly winning: Candidate;
}

export type Choice = Pick | Made;

/**
 * Why a conflict is told to the application: the intervals of its stamps overlap, so nobody knows which write was the later one (law M10); all values are
 * wanted; or a value is not of the kind that the rule merges.
 */
export type SurfaceReason = 'order-unknown' | 'keep-both' | 'not-mergeable';

/** Chooses among candidates. `checkPolicy` looks for a mistake in one. */
export interface Policy {
  /** Stands in the log. At most 64 units. */
  readonly name: string;
  /** Whether values in sections must be read for it; see `learnConflicts`. */
  readonly looksInside?: true;
  /** What whoever commits writes beside the plain value for it; see `structure.ts`. */
  readonly structure?: 'json' | 'text';
  /** At least two candidates, not all of one value. Must be a pure function of the set: their order, which is the canonical one, is not to be relied on. */
  choose(candidates: readonly Candidate[], facts: EntryFacts): Choice;
}

/**
 * Which entries are merged how: by kind, by origin (a cookie counts where it is sent to the origin's host) and by a name pattern in which `*` stands for any
 * characters. What is absent does not narrow. The first rule that fits and has a `policy` gives the policy, the first that fits and has `volatile` says whether
 * the entry is volatile.
 */
export interface PolicyRule {
  readonly kind?: EntryKind;
  readonly origin?: string;
  readonly name?: string;
  readonly policy?: PolicyName | Policy;
  /** Follows its group, decides nothing in it, and is counted, not logged: counters, nonces of analytics. */
  readonly volatile?: boolean;
}

/** The later write wins, a deletion as well as a value. Where the order is unknown: evidence, then time; surfaced. The default. */
export const lastWriter: Policy = { name: 'last-writer', choose: chooseLast };

/** The earlier write wins, a deletion as well as a value. Where the order is unknown: the older evidence, then time; surfaced. */
export const firstWriter: Policy = { name: 'first-writer', choose: chooseFirst };

/**
 * The value that the browser keeps longest, a session cookie longest of all, else the one whose token expires last; {@link lastWriter} where a candidate says
 * neither. A deletion wins where it is the last write, and is set aside where it is not.
 */
export const longestLived: Policy = { name: 'longest-lived', choose: (candidates, facts) => chooseEvident(candidates, facts, BY_LIFE) };

/**
 * The value whose token was issued last, else expires last, else the cookie that expires last; {@link lastWriter} where a candidate is no token. A deletion wins
 * where it is the last write, and is set aside where it is not.
 */
export const preferFreshToken: Policy = {
  name: 'prefer-fresh-token',
  choose: (candidates, facts) => chooseEvident(candidates, facts, BY_AGE),
};

/** Shows what {@link lastWriter} would among the values, never a deletion, and surfaces all of them. Decided for each entry alone. */
export const keepBoth: Policy = {
  name: 'keep-both',
  choose: (candidates, facts) => ({ ...chooseLast(withoutDeletions(candidates), facts), alone: true, surface: 'keep-both' }),
};

/**
 * What these replicas wrote wins, the first one before the second, before all others; a deletion counts as any other write of theirs. {@link lastWriter} among
 * the rest. The replicas that wrote a session are those of the context of its document (`replicasOf`).
 */
export function preferSource(replicas: readonly string[]): Policy {
  const ranks = new Map(replicas.map((replica, rank) => [replica, rank]));
  return {
    name: 'prefer-source',
    choose(candidates, facts) {
      const best = Math.min(...candidates.map(({ dot }) => ranks.get(dot.replica) ?? replicas.length));
      if (best === replicas.length) return chooseLast(candidates, facts);
      const preferred = candidates.filter(({ dot }) => ranks.get(dot.replica) === best);
      return { winner: lastOf(preferred), by: 'asked', weight: -best };
    },
  };
}

/**
 * A policy of your own. `choose` gets at least two candidates, deletions (without a value) among them, and gives one of them back, or `{ made: value }`, where
 * undefined shows nothing. It must be a pure function of the set, whatever its order; `checkPolicy` tries to find out.
 */
export function customPolicy(
  name: string,
  choose: (candidates: readonly Candidate[], facts: EntryFacts) => Candidate | { readonly made: EntryValue | undefined },
): Policy {
  if (name === '' || name.length > 64) throw new RangeError(`name: expected 1 to 64 units, not ${name.length}`);
  return {
    name,
    choose(candidates, facts) {
      const chosen = choose(candidates, facts);
      if (typeof chosen === 'object' && chosen !== null && 'made' in chosen) return { made: chosen.made };
      if (candidates.includes(chosen)) return { winner: chosen, by: 'asked' };
      throw new TypeError(`policy ${name}: expected one of the candidates or { made }, got neither`);
    },
  };
}

/** Whether two writes left the same behind: equal values, or both nothing. */
export function sameWrite({ value: a }: Candidate, { value: b }: Candidate): boolean {
  return a === b || (a !== undefined && b !== undefined && sameEntryValue(a, b));
}

/** The deletions left out. There is at least one value where not all candidates are the same. */
export function withoutDeletions(candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.filter(({ value }) => value !== undefined);
}

/**
 * The last write among candidates. Those that may have been the last one, because their interval reaches beyond the latest beginning of
 * any, all hold that moment, so each two of them overlap; among them evidence decides, then time.
 */
export function chooseLast(candidates: readonly Candidate[], facts: EntryFacts): Pick {
  const winner = lastOf(candidates);
  if (!candidates.some(isInterval)) return { winner, by: 'last' };
  const from = Math.max(...candidates.map(startOf));
  const last = candidates.filter(({ stamp }) => stamp.time >= from);
  if (!isUnsure(last)) return { winner, by: 'last' };
  const evident = preferEvident(facts.kind, last, BY_AGE);
  return { ...(evident ?? { winner, by: 'last' }), surface: 'order-unknown' };
}

/** As {@link chooseLast}, from the other end: those that may have been the first write all hold the earliest end of any. */
function chooseFirst(candidates: readonly Candidate[], facts: EntryFacts): Pick {
  const until = Math.min(...candidates.map(({ stamp }) => stamp.time));
  const first = candidates.filter((one) => startOf(one) <= until);
  const winner = candidates.reduce((first, one) => (compareCandidates(one, first) < 0 ? one : first));
  if (!isUnsure(first)) return { winner, by: 'first' };
  const evident = preferEvident(facts.kind, first, BY_AGE, -1);
  return { ...(evident ?? { winner, by: 'first' }), surface: 'order-unknown' };
}

function chooseEvident(candidates: readonly Candidate[], facts: EntryFacts, order: readonly EvidenceKind[]): Pick {
  const last = chooseLast(candidates, facts);
  if (last.winner.value === undefined) return last;
  const values = withoutDeletions(candidates);
  return preferEvident(facts.kind, values, order) ?? chooseLast(values, facts);
}

function lastOf(candidates: readonly Candidate[]): Candidate {
  return candidates.reduce((last, one) => (compareCandidates(one, last) > 0 ? one : last));
}

function isInterval({ stamp }: Candidate): boolean {
  return stamp.since !== undefined && stamp.since < stamp.time;
}

function startOf({ stamp }: Candidate): number {
  return stamp.since ?? stamp.time;
}

/** Whether these candidates, which overlap, leave open what the order means: two points in time do not, nor do equal values. */
function isUnsure(candidates: readonly Candidate[]): boolean {
  return candidates.some(isInterval) && candidates.some((one) => !sameWrite(one, candidates[0] as Candidate));
}

/** Those with greater stamps come later; of picks by `first` those with smaller ones. Positive where `a` is the stronger decision. */
export function comparePicks(a: Pick, b: Pick): number {
  return (
    STRENGTH.indexOf(a.by) - STRENGTH.indexOf(b.by) ||
    (a.weight ?? 0) - (b.weight ?? 0) ||
    compareCandidates(a.winner, b.winner) * (a.by === 'first' ? -1 : 1)
  );
}

/** From the weakest ground to the strongest. */
const STRENGTH: readonly Ground[] = ['last', 'first', 'expiry', 'exp', 'iat', 'asked'];
