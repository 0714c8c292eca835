/** When an entry counts as expired. The clock is always an argument. */

/** Expired at `now` (both integer milliseconds since the epoch). Null never expires: it ends with the browser session, not with the clock. */
export function isExpired(expiresAt: number | null, now: number): boolean {
  return expiresAt !== null && now >= expiresAt;
}
