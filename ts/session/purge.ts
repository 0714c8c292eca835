/**
 * Purge: taking out of a session what has expired, for good, with a log. Filtering on read (`expiry.ts`) hides the same members; a purge is what someone
 * decides to do and to write down. It reads no clock of its own.
 */
import { type ExpiredEntry, withoutExpired } from './expiry.ts';
import type { Session } from './session.ts';

/** What one purge took out: one entry for each member, pointers into the session before the purge. Names and rules, never a value. */
export type PurgeLog = readonly ExpiredEntry[];

/**
 * `session` without what has expired at `now`, and the log of what went. Rules that pointed at what went go too; those whose target moved are renumbered.
 * Guarantees: (1) what remains keeps its effective expiry; (2) the log names every member that went, and nothing else; (3) a second purge at the same time
 * changes and logs nothing. Gives `session` itself when nothing has expired.
 *
 * A session that has itself expired comes back empty, and is not in the log: deleting it is the store's part. `mergeState` is passed on as it is: who
 * merges the result finds that entries are missing which the state was written for, and takes that as a causal removal by somebody who had seen them (laws M4
 * and M16). So a concurrent write of such an entry survives, and until the state is written anew it may still hold older values that were not shown.
 */
export function purge(session: Session, now: number): { readonly session: Session; readonly log: PurgeLog } {
  const { session: left, expired } = withoutExpired(session, now);
  return { session: left, log: expired.filter(({ kind }) => kind !== 'session') };
}
