/**
 * How long a store must keep a session: derived from what is in it, so that no store deletes earlier than the last live entry. Providers round it up to what
 * they can do, never down; the store computes it again on each put, since a touch moves it.
 */
import { effectiveExpiries } from './effective.ts';
import type { Session } from './session.ts';
import { LATEST_TIME } from './time.ts';

/** How much later than the last entry a store deletes by default, for clocks that disagree: one minute. */
export const STORE_SKEW_MS = 60_000;

/**
 * When a store may delete `session`, in milliseconds since the epoch, or null when it may not: the latest effective expiry of what it holds, if all of it
 * expires; else the expiry of the session; plus `skewMs`. Guarantee: never earlier than the expiry of any member.
 *
 * An origin counts by what is in it, and for itself only with a bucket policy. Null also for a time that no document can hold (after the year 9999).
 *
 * @throws RangeError when `skewMs` is not an integer from 0 on.
 */
export function storeExpiry(session: Session, options: { readonly skewMs?: number } = {}): number | null {
  const { skewMs = STORE_SKEW_MS } = options;
  if (!Number.isSafeInteger(skewMs) || skewMs < 0) throw new RangeError(`skewMs: expected an integer from 0 on, not ${skewMs}`);
  const [whole, ...members] = effectiveExpiries(session);
  const held = members.filter(({ member }) => member.holdsContent);
  let last = held.length === 0 ? (whole?.expiresAt ?? null) : Number.NEGATIVE_INFINITY;
  for (const { expiresAt } of held) {
    // The session does not expire either, then: nothing outlives its parent.
    if (expiresAt === null || last === null) return null;
    last = Math.max(last, expiresAt);
  }
  return last === null || last + skewMs > LATEST_TIME ? null : last + skewMs;
}
