/**
 * One checked item of an import, and what becomes of it by itself where a batch could not create it: a record stands there, or the reply was lost.
 * Tombstones and lost replies are the business of `write.ts`; merging is in `import-merge.ts`.
 */

import type { PspError } from '../errors.ts';
import type { ReceiveOptions } from '../merge/receive.ts';
import type { Session } from '../session/session.ts';
import type { SessionFacts } from './import-check.ts';
import type { Operation } from './metrics.ts';
import type { StoreParts } from './parts.ts';
import type { RecordContent } from './record.ts';
import type { RecordFacts } from './record-facts.ts';
import { conflict, type NextRecord, refuseEnded, writeRecord } from './write.ts';
import { demandEpoch, hasConditions } from './writers.ts';

/** What is done where a session of the id is stored already. */
export type ConflictRule = 'skip' | 'replace' | 'merge';

/**
 * What became of an item. `created`: nothing was there; `replaced`: it stands in the place of another; `merged`: it was joined with what was there; `kept`:
 * another was there and stays, or what was there has all of the item; `present`: this import had stored just this item before.
 */
export type ImportOutcome = 'created' | 'replaced' | 'merged' | 'kept' | 'present';

/** An item that is to be stored. */
export interface GroupItem {
  readonly key: string;
  readonly facts: SessionFacts;
  /** The same in every run of one import for the same item, and for no other. */
  readonly writeId: string;
  /** The value of its record. */
  readonly value: Uint8Array;
  /** The value with a higher revision in it. */
  readonly renew: (revision: number) => Promise<Uint8Array>;
  /** The session itself; null for an item that was not looked at as a whole. */
  readonly session: (() => Promise<Session>) | null;
  /** How it is received where it is merged. */
  readonly drift: Omit<ReceiveOptions, 'now'>;
}

/** What is stored now. */
export interface Stored {
  readonly outcome: ImportOutcome;
  /** Of the session in the store; null where it is another one. */
  readonly revision: number | null;
}

/**
 * What becomes of one item by a rule that does not look into sessions. `isRefused`: an attempt to create it, under its write id, is known to have failed;
 * else nobody knows how that ended. Errors of `writeRecord`; `STORE_GONE` where its incarnation was deleted or replaced; `MERGE_EPOCH` as `demandEpoch`.
 */
export async function storeItem(
  parts: StoreParts,
  operation: Operation,
  item: GroupItem,
  rule: Exclude<ConflictRule, 'merge'>,
  isRefused: boolean,
): Promise<Stored> {
  const { key, writeId, value, facts: own, session } = item;
  if (rule === 'replace' && session !== null && !(await hasConditions(parts, operation)))
    await demandEpoch(parts, operation, await session());
  // Where the record turns out to be ours, nothing is decided any more.
  let outcome: ImportOutcome = isRefused ? 'present' : 'created';
  const decide = (found: RecordFacts | null): NextRecord | null => {
    refuseEnded(found, own.incarnation);
    const isFree = found === null || found.deletedAt !== null;
    if (!isFree && rule === 'skip') {
      outcome = 'kept';
      return null;
    }
    outcome = isFree ? 'created' : 'replaced';
    return { incarnation: own.incarnation, revision: revisionOver(found, own), content: () => contentOf(item, revisionOver(found, own)) };
  };
  const content = { value, expiresAt: own.expiresAt };
  const tried = { writeId, revision: own.revision, content, ...(isRefused ? { isRefused } : {}) };
  const made = await writeRecord(parts, operation, { key, decide, tried });
  return { outcome, revision: made?.revision ?? null };
}

/** Its own, unless that would be a step back in the same life of the session. */
function revisionOver(found: RecordFacts | null, { incarnation, revision }: SessionFacts): number {
  return found !== null && found.incarnation === incarnation && found.revision >= revision ? found.revision + 1 : revision;
}

async function contentOf({ value, facts, renew }: GroupItem, revision: number): Promise<RecordContent> {
  return { value: revision === facts.revision ? value : await renew(revision), expiresAt: facts.expiresAt };
}

/** `STORE_CONFLICT` of a sealed item that cannot be given the revision that it needs. */
export function cannotRenew(): PspError {
  return conflict('session', "a later revision is stored, and a sealed item that is not opened cannot follow it: verify 'full' opens it");
}
