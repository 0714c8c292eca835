/**
 * The 400-day cap on cookies (RFC 6265bis section 5.5): a browser shortens a longer expiry without a word. Here it becomes a notice; nothing is
 * shortened.
 */
import type { Session } from './session.ts';

/** 400 days in milliseconds. */
export const COOKIE_CAP_MS = 34_560_000_000;

/** A cookie that a browser will keep for less time than it asks for. */
export interface CookieCapNotice {
  readonly pointer: string;
  readonly expiresAt: number;
  /** The latest expiry that a browser accepts at `now`. */
  readonly capAt: number;
}

/** The cookies of `session` whose own expiry is more than 400 days after `now`, in order. Rules of ours do not count: no browser sees them. */
export function cookieCapNotices(session: Session, now: number): readonly CookieCapNotice[] {
  const capAt = now + COOKIE_CAP_MS;
  return session.cookies.flatMap(({ expiresAt }, i) =>
    expiresAt !== null && expiresAt > capAt ? [{ pointer: `/cookies/${i}`, expiresAt, capAt }] : [],
  );
}
