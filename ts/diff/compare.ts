/**
 * Whether two sessions are the same, by a measure, and if not, where they first differ. Stops there.
 */
import { effectiveExpiries } from '../session/effective.ts';
import { isExpired } from '../session/expiry.ts';
import type { Session } from '../session/session.ts';
import type { DiffOptions } from './diff.ts';
import type { Difference, DifferenceKind } from './difference.ts';
import { Walk, type WalkOptions } from './walk.ts';

/**
 * What counts as a difference.
 *
 * - `exact`: everything that `diffSessions` reports, order included.
 * - `login`: what signs a user in. Two captures of one login are the same although they were made at other times, in tabs with other ids. Not counted:
 *   the header, `coverage`, `mergeState`, rules, times (`createdAt`, `expiresAt`, `lastModified`), a bucket's policy, a passkey's `signCount`, the order of
 *   entries, an origin, cache or tab without anything in it, and where the tabs have been. sessionStorage is compared tab by tab: by id, and tabs that
 *   have no namesake in their order. What has expired at `now` counts as absent.
 * - `cookies`: cookies alone, with all their attributes, in any order.
 * - a function: each difference for which it gives true.
 */
export type Measure = 'exact' | 'login' | 'cookies' | ((difference: Difference) => boolean);

/** How sessions are compared. */
export interface CompareOptions extends DiffOptions {
  /** Milliseconds since the epoch, for `login`. */
  readonly now?: number;
}

/** Whether two sessions are the same by a measure. */
export interface Comparison {
  readonly equal: boolean;
  /** The first difference that counts, in the order of the documents; null where there is none. */
  readonly first: Difference | null;
}

/**
 * Compares two sessions by `measure` and stops at the first difference that counts.
 *
 * @throws TypeError when the measure is `login` and `options.now` is missing, or when the measure is none.
 *
 * Rejects as the sections' `bytes()` do.
 */
export async function compareSessions(a: Session, b: Session, measure: Measure, options: CompareOptions = {}): Promise<Comparison> {
  return findFirst(new Walk(a, b, walkFor(a, b, measure, options)), measure);
}

/** The first difference of a walk that counts. */
export async function findFirst(walk: Walk, measure: Measure): Promise<Comparison> {
  for await (const difference of walk.differences()) {
    if (counts(difference, measure)) return { equal: false, first: difference };
  }
  return { equal: true, first: null };
}

/** How to walk two sessions for a measure. */
export function walkFor(a: Session, b: Session, measure: Measure, options: CompareOptions): WalkOptions {
  checkMeasure(measure, options);
  const { reveal = false, sameSection, now = 0 } = options;
  const plain = { reveal, sameSection };
  if (measure === 'exact' || typeof measure === 'function') return plain;
  if (measure === 'cookies') return { ...plain, skips: ({ kind }) => kind !== 'cookie', skipsMembers: ({ kind }) => kind !== 'cookie' };
  const expired = { a: expiredPointers(a, now), b: expiredPointers(b, now) };
  return {
    ...plain,
    skips: ({ kind }) => OUTSIDE_LOGIN.has(kind),
    skipsMembers: ({ kind }) => CONTAINERS.has(kind),
    isThere: (side, pointer) => !expired[side].has(pointer),
    pairsTabs: true,
  };
}

/** Throws TypeError for a measure that is none, and for `login` without a time. */
export function checkMeasure(measure: Measure, { now }: CompareOptions): void {
  if (typeof measure !== 'function' && !['exact', 'login', 'cookies'].includes(measure))
    throw new TypeError("compare: expected 'exact', 'login', 'cookies' or a function");
  if (measure === 'login' && now === undefined) throw new TypeError("compare: 'login' needs the time as options.now");
}

function expiredPointers(session: Session, now: number): ReadonlySet<string> {
  const expired = effectiveExpiries(session).filter(({ expiresAt }) => isExpired(expiresAt, now));
  return new Set(expired.map(({ member }) => member.pointer));
}

const OUTSIDE_LOGIN: ReadonlySet<DifferenceKind> = new Set<DifferenceKind>(['coverage', 'history', 'ttl']);

/** Kinds that only hold what has entries of its own. */
const CONTAINERS: ReadonlySet<DifferenceKind> = new Set<DifferenceKind>(['header', 'origin', 'cache', 'tab']);

/** Members that do not count for a login. */
const MEMBERS_OUTSIDE_LOGIN: ReadonlySet<string> = new Set(['createdAt', 'expiresAt', 'lastModified', 'signCount']);

function counts(difference: Difference, measure: Measure): boolean {
  if (typeof measure === 'function') return measure(difference);
  if (measure === 'exact') return true;
  if (measure === 'cookies') return difference.kind === 'cookie' && difference.change !== 'moved';
  if (difference.change === 'moved' || CONTAINERS.has(difference.kind)) return false;
  return difference.change !== 'changed' || difference.members.some(({ member }) => !MEMBERS_OUTSIDE_LOGIN.has(member));
}
