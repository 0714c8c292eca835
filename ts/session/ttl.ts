/**
 * Setting, touching and clearing the rules by which entries expire, with the conditions of Redis HPEXPIREAT. Rules stand beside the values: writing a value
 * keeps its TTL, unlike HSET. No function here deletes anything, and none changes a value, `updatedAt` or `revision`.
 */
import { isExpired } from './expiry.ts';
import { listMembers } from './member.ts';
import type { Session, TtlRule, TtlTarget } from './session.ts';
import { isTime } from './time.ts';

/** When to set: `NX` where there is none, `XX` where there is one, `GT` and `LT` where the new one is later or earlier. None counts as infinite. */
export type TtlCondition = 'NX' | 'XX' | 'GT' | 'LT';

/** What {@link setTtl} sets; at least one of `expiresAt` and `idleMs`. What is not given is kept. */
export interface TtlSetting {
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** From 1 on; counts from `now`, or from the last touch if that is later. */
  readonly idleMs?: number;
  readonly now: number;
  /** Each member that is given is compared with its own predecessor, and every one must meet it. */
  readonly condition?: TtlCondition;
}

/** Redis' 1, 0, 2 and -2. Unlike Redis, `already-past` is set too, and deletes nothing. */
export type TtlOutcome = 'set' | 'condition-not-met' | 'already-past' | 'no-such-target';

/**
 * `session` with a TTL on `target`. A pointer must name a member ({@link Member}); a rule by kind is for entries to come as well, so it always has a target.
 * There is one rule for a target: it is replaced where it stands. The absolute expiry of the session (`""`) is its `expiresAt`. O(n) for a pointer.
 *
 * @throws TypeError when neither `expiresAt` nor `idleMs` is given; RangeError for a number that no document can hold.
 * @example
 * const { session: next, outcome } = setTtl(session, { pointer: '/cookies/0' }, { expiresAt: now + 60_000, now, condition: 'LT' });
 */
export function setTtl(
  session: Session,
  target: TtlTarget,
  setting: TtlSetting,
): { readonly session: Session; readonly outcome: TtlOutcome } {
  checkSetting(setting);
  if (!hasTarget(session, target)) return { session, outcome: 'no-such-target' };
  const { expiresAt, idleMs, now, condition } = setting;
  const current = readTtl(session, target);
  const met =
    (expiresAt === undefined || isMet(condition, expiresAt, current.expiresAt)) &&
    (idleMs === undefined || isMet(condition, idleMs, current.idleMs));
  if (!met) return { session, outcome: 'condition-not-met' };
  const next = {
    ...current,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(idleMs === undefined ? {} : { idleMs, lastTouched: Math.max(current.lastTouched ?? now, now) }),
  };
  return {
    session: writeTtl(session, target, next),
    outcome: expiresAt !== undefined && isExpired(expiresAt, now) ? 'already-past' : 'set',
  };
}

/**
 * `session` with the rule for exactly this `target` used at `now`: its idle time begins again. `lastTouched` becomes the later of the two, so touches commute and
 * merge by maximum (law M15), and a touch is no write: it never beats a concurrent value. Without such a rule, or with a later touch, gives `session` itself.
 * A rule by kind has one `lastTouched` for all that it matches.
 *
 * @throws RangeError for a time that no document can hold.
 */
export function touch(session: Session, target: TtlTarget, now: number): Session {
  checkTime('now', now);
  const isOlder = (rule: TtlRule): boolean => isSameTarget(rule.target, target) && (rule.lastTouched ?? -1) < now;
  const { ttl } = session;
  if (ttl === undefined || !ttl.some(isOlder)) return session;
  return { ...session, ttl: ttl.map((rule) => (isOlder(rule) ? { ...rule, lastTouched: now } : rule)) };
}

/**
 * `session` without a TTL on exactly this `target`; for the session (`""`) also without its `expiresAt`. What the browser says (a cookie's or a bucket's own expiry),
 * other rules and parents go on to count. Redis HPERSIST.
 */
export function persist(
  session: Session,
  target: TtlTarget,
): { readonly session: Session; readonly outcome: 'persisted' | 'no-ttl' | 'no-such-target' } {
  if (!hasTarget(session, target)) return { session, outcome: 'no-such-target' };
  const { expiresAt, idleMs } = readTtl(session, target);
  if (expiresAt === undefined && idleMs === undefined) return { session, outcome: 'no-ttl' };
  return { session: writeTtl(session, target, {}), outcome: 'persisted' };
}

/**
 * The absolute expiry that is `ttlSeconds` after `now`, for edges where people speak of seconds. Documents hold absolute times only.
 *
 * @throws RangeError when `ttlSeconds` is not an integer from 0 on, or the time is after the year 9999.
 */
export function expiryAfter(ttlSeconds: number, now: number): number {
  if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < 0)
    throw new RangeError(`ttlSeconds: expected an integer from 0 on, not ${ttlSeconds}`);
  checkTime('now', now);
  const expiresAt = now + ttlSeconds * 1000;
  checkTime('now + ttlSeconds', expiresAt);
  return expiresAt;
}

type Ttl = Omit<TtlRule, 'target'>;

/** What is set on exactly this target. A document of others may have several rules for it: they count as one, the strictest. */
function readTtl(session: Session, target: TtlTarget): Ttl {
  const own = isSession(target) && session.expiresAt !== undefined ? { expiresAt: session.expiresAt } : {};
  return (session.ttl ?? []).filter((rule) => isSameTarget(rule.target, target)).reduce<Ttl>(strictest, own);
}

function strictest(ttl: Ttl, { target: _, ...rule }: TtlRule): Ttl {
  const least = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
  const expiresAt = least(ttl.expiresAt, rule.expiresAt);
  const idleMs = least(ttl.idleMs, rule.idleMs);
  const lastTouched = Math.max(ttl.lastTouched ?? -1, rule.lastTouched ?? -1);
  return {
    ...ttl,
    ...rule,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(idleMs === undefined ? {} : { idleMs }),
    ...(lastTouched < 0 ? {} : { lastTouched }),
  };
}

/** The one rule for `target` stands where the first one stood, or last. No rule is kept that says nothing. */
function writeTtl(session: Session, target: TtlTarget, ttl: Ttl): Session {
  const { expiresAt, ttl: rules = [], ...rest } = session;
  const { expiresAt: absolute, ...idle } = ttl;
  const own = isSession(target) ? absolute : expiresAt;
  const rule: TtlRule = { target, ...(isSession(target) ? idle : ttl) };
  const first = rules.findIndex((one) => isSameTarget(one.target, target));
  const others = rules.filter((one) => !isSameTarget(one.target, target));
  if (rule.expiresAt !== undefined || rule.idleMs !== undefined) others.splice(first < 0 ? others.length : first, 0, rule);
  return { ...rest, ...(own === undefined ? {} : { expiresAt: own }), ...(others.length === 0 ? {} : { ttl: others }) };
}

function isMet(condition: TtlCondition | undefined, next: number, current: number | undefined): boolean {
  if (condition === 'NX') return current === undefined;
  if (condition === 'XX') return current !== undefined;
  if (condition === 'GT') return current !== undefined && next > current;
  if (condition === 'LT') return current === undefined || next < current;
  return true;
}

function hasTarget(session: Session, target: TtlTarget): boolean {
  return !('pointer' in target) || isSession(target) || listMembers(session).some(({ pointer }) => pointer === target.pointer);
}

function isSession(target: TtlTarget): boolean {
  return 'pointer' in target && target.pointer === '';
}

function isSameTarget(one: TtlTarget, other: TtlTarget): boolean {
  if ('pointer' in one || 'pointer' in other) return 'pointer' in one && 'pointer' in other && one.pointer === other.pointer;
  return one.kind === other.kind && one.origin === other.origin && one.name === other.name;
}

function checkSetting({ expiresAt, idleMs, now }: TtlSetting): void {
  checkTime('now', now);
  if (expiresAt === undefined && idleMs === undefined) throw new TypeError('setting: expected expiresAt, idleMs or both');
  if (expiresAt !== undefined) checkTime('expiresAt', expiresAt);
  if (idleMs !== undefined && (!Number.isSafeInteger(idleMs) || idleMs < 1)) {
    throw new RangeError(`idleMs: expected an integer from 1 on, not ${idleMs}`);
  }
}

function checkTime(name: string, time: number): void {
  if (isTime(time)) return;
  throw new RangeError(`${name}: expected integer milliseconds from 1970 to 9999, not ${time}`);
}
