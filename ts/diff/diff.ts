/**
 * What differs between two sessions, by the identity of their entries. Pure but for reading sections: nothing is written, and no clock is read.
 */
import type { Session } from '../session/session.ts';
import type { Added, Changed, Difference, Moved, Removed, SessionDiff } from './difference.ts';
import type { SameSection } from './value.ts';
import { Walk } from './walk.ts';

/** How sessions are compared. */
export interface DiffOptions {
  /** Whether values are in the result, so that it can be applied as a patch. False unless told: then it holds kinds, lengths and places only. */
  readonly reveal?: boolean;
  /**
   * Whether two sections of the same media type have the same content, for a caller who knows their hashes. Where it gives undefined they are the same
   * when they are one handle, or have the same length and bytes.
   */
  readonly sameSection?: SameSection;
}

/**
 * The differences from `a` to `b`.
 *
 * Entries are the same by identity: cookies by `cookieIdentity`, web storage by storage key and name (in a tab: by tab, storage key and name), databases,
 * object stores and caches by name, records by the bytes of their key, requests by method and URL, service workers by scope, files by path, tabs by
 * id, permissions by origin, name and embedding origin, passkeys by relying party and id, rules by their target (one that is a pointer by what it
 * points at). The history of a tab is a sequence: its entries are the same where URL and order are. All else is a member of its entry and compared
 * as a whole: member by member, arrays item by item; sections by media type and bytes; text the same in a string and in a section.
 *
 * Everything that the two sessions hold is compared, also what says nothing of a login: the members of the header (as kind `header`, with the members
 * that are unknown to this version), `coverage`, `mergeState` (as bytes). For less, see `compareSessions`.
 *
 * An entry is listed with everything inside it, each with an entry of its own. Where the order of a list differs, the fewest entries that must move
 * are `moved`; one may be `moved` and `changed`.
 *
 * Rejects as the sections' `bytes()` do. O(entries), and the cost of what moved; sections of equal length are read unless they are one handle.
 */
export async function diffSessions(a: Session, b: Session, options: DiffOptions = {}): Promise<SessionDiff> {
  const { reveal = false, sameSection } = options;
  return collect(new Walk(a, b, { reveal, sameSection }), reveal);
}

/** All that a walk finds. */
export async function collect(walk: Walk, revealed: boolean): Promise<SessionDiff> {
  const found: Difference[] = [];
  for await (const difference of walk.differences()) found.push(difference);
  return {
    revealed,
    added: found.filter((one): one is Added => one.change === 'added'),
    removed: found.filter((one): one is Removed => one.change === 'removed'),
    changed: found.filter((one): one is Changed => one.change === 'changed'),
    moved: found.filter((one): one is Moved => one.change === 'moved'),
    unchangedCount: walk.unchangedCount,
  };
}
