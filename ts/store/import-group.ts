/**
 * A group of checked items on its way into the provider: one batch that only creates, which is all that most imports need; then, one by one, what was
 * not created by it: somebody's record stands there, or the reply was lost. Tombstones and lost replies are the business of `write.ts`.
 */

import { PspError } from '../errors.ts';
import type { PutItem, RecordHead } from '../provider.ts';
import type { SessionFacts } from './import-check.ts';
import type { Operation } from './metrics.ts';
import { openProvider, type StoreParts } from './parts.ts';
import { takeAll } from './pool.ts';
import type { RecordContent } from './record.ts';
import { follow, formatFacts, type RecordFacts } from './record-facts.ts';
import { conflict, mayHaveHappened, type NextRecord, refuseEnded, writeRecord } from './write.ts';

/** What is done where a session of the id is stored already. */
export type ConflictRule = 'skip' | 'replace';

/**
 * What became of an item. `created`: nothing was there; `replaced`: it stands in the place of another; `kept`: another was there and stays; `present`: this
 * import had stored just this item before.
 */
export type ImportOutcome = 'created' | 'replaced' | 'kept' | 'present';

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
}

/** What is stored now. */
export interface Stored {
  readonly outcome: ImportOutcome;
  /** Of the session in the store; null where it is another one. */
  readonly revision: number | null;
}

/** Writes that are repeated or decided one by one, at once. */
const SINGLES = 16;

/** For each item, in order, what became of it. Never rejects. */
export async function storeGroup(
  parts: StoreParts,
  operation: Operation,
  items: readonly GroupItem[],
  rule: ConflictRule,
): Promise<PromiseSettledResult<Stored>[]> {
  const results = await createAll(parts, operation, items);
  const left = results.flatMap(({ status }, at) => (status === 'rejected' ? [at] : []));
  await takeAll(left.length, SINGLES, undefined, async (index) => {
    const at = left[index]!;
    const { reason } = results[at] as PromiseRejectedResult;
    const isRefused = !mayHaveHappened(reason);
    results[at] = (await Promise.allSettled([storeOne(parts, operation, items[at]!, rule, isRefused)]))[0];
  });
  return results;
}

/** One batch of creations. What comes back rejected is not the last word: a record stands there, or a single put says more than a batch. */
async function createAll(parts: StoreParts, operation: Operation, items: readonly GroupItem[]): Promise<PromiseSettledResult<Stored>[]> {
  const { provider } = parts;
  try {
    await openProvider(parts, operation);
    if (!provider.capabilities.conditionalPut) throw new PspError('PROVIDER_UNSUPPORTED', 'import: the provider has no conditions');
    for (const { value } of items) operation.bytes += value.length;
    const heads = await provider.putMany(items.map(toCreation), operation.call);
    return heads.map((result, at) => asStored(result, items[at]!));
  } catch (reason) {
    // A wrong key refuses the whole batch, and a service that is away all of it: each item finds out for itself which it was.
    return items.map(() => ({ status: 'rejected', reason }));
  }
}

function toCreation({ key, value, facts, writeId }: GroupItem): PutItem {
  const { incarnation, revision, expiresAt } = facts;
  const metadata = formatFacts(follow(null, { incarnation, revision, writeId }));
  return { key, value, ifNoneMatch: '*', metadata, ...(expiresAt === null ? {} : { expiresAt }) };
}

function asStored(result: PromiseSettledResult<RecordHead>, { facts }: GroupItem): PromiseSettledResult<Stored> {
  return result.status === 'rejected' ? result : { status: 'fulfilled', value: { outcome: 'created', revision: facts.revision } };
}

async function storeOne(parts: StoreParts, operation: Operation, item: GroupItem, rule: ConflictRule, isRefused: boolean): Promise<Stored> {
  const { key, writeId, value, facts: own } = item;
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
