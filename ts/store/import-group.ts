/**
 * A group of checked items on its way into the provider: one batch that only creates, which is all that most imports need; then, one by one, what was
 * not created by it (`import-item.ts`).
 */

import { PspError } from '../errors.ts';
import type { PutItem, RecordHead } from '../provider.ts';
import { type ConflictRule, type GroupItem, type Stored, storeItem } from './import-item.ts';
import { mergeItem } from './import-merge.ts';
import type { Operation } from './metrics.ts';
import { openProvider, type StoreParts } from './parts.ts';
import { takeAll } from './pool.ts';
import { follow, formatFacts } from './record-facts.ts';
import { mayHaveHappened } from './write.ts';

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
  const storeOne = (item: GroupItem, isRefused: boolean): Promise<Stored> =>
    rule === 'merge' ? mergeItem(parts, operation, item, isRefused) : storeItem(parts, operation, item, rule, isRefused);
  const left = new Map<string, number[]>();
  for (const [at, { status }] of results.entries()) {
    if (status === 'rejected') left.set(items[at]!.key, [...(left.get(items[at]!.key) ?? []), at]);
  }
  // Those of one key one after the other: the same session twice is created once, and found the second time.
  const ofEachKey = [...left.values()];
  await takeAll(ofEachKey.length, SINGLES, undefined, async (index) => {
    for (const at of ofEachKey[index]!) {
      const { reason } = results[at] as PromiseRejectedResult;
      const isRefused = !mayHaveHappened(reason);
      results[at] = (await Promise.allSettled([storeOne(items[at]!, isRefused)]))[0];
    }
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
