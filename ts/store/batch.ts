/**
 * Many sessions at a time, each settled by itself. New ones are created in groups, which providers write faster than one by one; whatever the group
 * leaves open is written singly, with the write id that it had.
 */

import type { PutItem, StoredRecord } from '../provider.ts';
import type { Session } from '../session/session.ts';
import type { Operation } from './metrics.ts';
import { keyOf } from './namespace.ts';
import { openProvider, type StoreParts } from './parts.ts';
import { takeAll } from './pool.ts';
import { decidePut } from './put.ts';
import { follow, formatFacts, newWriteId } from './record-facts.ts';
import type { PutManyOptions, StoredVersion } from './store.ts';
import { mayHaveHappened, type TriedWrite, writeRecord } from './write.ts';

/** Single operations of a batch that are under way together. */
const CONCURRENCY = 16;
/** A group ends with the item that makes it so many or so large. */
const GROUP_ITEMS = 64;
const GROUP_BYTES = 4 * 1024 * 1024;

/** The records of `keys`, in order. Those that fail in passing are asked for again. */
export async function getRecords(
  { provider, retry }: StoreParts,
  operation: Operation,
  keys: readonly string[],
): Promise<PromiseSettledResult<StoredRecord | null>[]> {
  const results: PromiseSettledResult<StoredRecord | null>[] = [];
  let left = keys.map((_, at) => at);
  for (let failures = 1; left.length > 0; failures++) {
    const wanted = left;
    const settled = await retry.read(operation, () =>
      provider.getMany(
        wanted.map((at) => keys[at]!),
        operation.call,
      ),
    );
    settled.forEach((result, i) => {
      results[wanted[i]!] = result;
    });
    left = wanted.filter((at) => {
      const result = results[at]!;
      return result.status === 'rejected' && retry.isWorthwhile(result.reason, failures);
    });
    if (left.length > 0) await retry.waitAfterFailure(operation, failures);
  }
  return results;
}

/** `take` of each item, a few at a time, settled in order. Rejects with the reason of the signal only. */
export async function settleAll<T, R>(
  operation: Operation,
  items: readonly T[],
  take: (item: T) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> {
  const results = new Array<PromiseSettledResult<R>>(items.length);
  const { signal } = operation.call;
  await takeAll(items.length, CONCURRENCY, signal, async (at) => {
    [results[at]] = (await Promise.allSettled([take(items[at]!)])) as [PromiseSettledResult<R>];
  });
  signal?.throwIfAborted();
  return results;
}

/**
 * For each session what a put of it gives. Of several with one id, each later one is put after the earlier ones. `demand` rejects for one that may not be written
 * singly, as all are without conditions.
 */
export async function putSessions(
  parts: StoreParts,
  operation: Operation,
  sessions: readonly Session[],
  options: PutManyOptions,
  demand: (session: Session) => Promise<void>,
): Promise<PromiseSettledResult<StoredVersion>[]> {
  await openProvider(parts, operation);
  const puts = sessions.map((session, index) => ({ session, index, key: keyOf(parts.prefix, session.id) }));
  const results = new Array<PromiseSettledResult<StoredVersion>>(sessions.length);
  for (const round of roundsOf(puts)) {
    const open = parts.provider.capabilities.conditionalPut ? await createInGroups(parts, operation, round, results) : round;
    const settled = await settleAll(operation, open, async (put) => {
      await demand(put.session);
      return (await writeRecord(parts, operation, writeOf(parts, put, options)))!;
    });
    settled.forEach((result, i) => {
      results[open[i]!.index] = result;
    });
  }
  return results;
}

/** A session of a batch. */
interface BatchPut {
  readonly session: Session;
  readonly index: number;
  readonly key: string;
  /** Where it was put with its group. */
  readonly tried?: TriedWrite;
}

function writeOf(parts: StoreParts, { session, key, tried }: BatchPut, options: PutManyOptions) {
  return { key, decide: decidePut(parts, session, options), ...(tried === undefined ? {} : { tried }) };
}

/** In each round every key once, in the order of the sessions. */
function roundsOf(puts: readonly BatchPut[]): BatchPut[][] {
  const rounds: BatchPut[][] = [];
  const seen = new Map<string, number>();
  for (const put of puts) {
    const round = seen.get(put.key) ?? 0;
    seen.set(put.key, round + 1);
    rounds[round] ??= [];
    rounds[round].push(put);
  }
  return rounds;
}

/**
 * Creates what is not there, group by group, and gives back what is left to be looked at: what is there already, and what failed. Once most of a group was
 * there, the rest is not tried: sessions that exist would be sent twice.
 */
async function createInGroups(
  parts: StoreParts,
  operation: Operation,
  puts: readonly BatchPut[],
  results: PromiseSettledResult<StoredVersion>[],
): Promise<BatchPut[]> {
  const open: BatchPut[] = [];
  let at = 0;
  while (at < puts.length) {
    operation.call.signal?.throwIfAborted();
    const group: { readonly put: BatchPut; readonly tried: TriedWrite; readonly item: PutItem }[] = [];
    let bytes = 0;
    for (; at < puts.length && group.length < GROUP_ITEMS && bytes < GROUP_BYTES; at++) {
      const put = puts[at]!;
      const [made] = await Promise.allSettled([createItem(parts, put)]);
      if (made.status === 'rejected') {
        results[put.index] = made;
        continue;
      }
      group.push({ put, ...made.value });
      bytes += made.value.item.value.length;
    }
    operation.bytes += bytes;
    const settled = await settleGroup(
      parts,
      operation,
      group.map(({ item }) => item),
    );
    const before = open.length;
    settled.forEach((result, i) => {
      const { put, tried } = group[i]!;
      if (result.status === 'rejected')
        open.push({ ...put, tried: mayHaveHappened(result.reason) ? tried : { ...tried, isRefused: true } });
      else results[put.index] = { status: 'fulfilled', value: { ...result.value, revision: tried.revision } };
    });
    if ((open.length - before) * 2 > group.length) break;
  }
  return [...open, ...puts.slice(at)];
}

async function createItem(parts: StoreParts, { session, key }: BatchPut): Promise<{ readonly tried: TriedWrite; readonly item: PutItem }> {
  const { incarnation, revision, content: encode } = decidePut(parts, session, {})(null);
  const content = await encode();
  const writeId = newWriteId(parts.random);
  const metadata = formatFacts(follow(null, { incarnation, revision, writeId }));
  const { value, expiresAt } = content;
  const item: PutItem = { key, value, metadata, ifNoneMatch: '*', ...(expiresAt === null ? {} : { expiresAt }) };
  return { tried: { writeId, revision, content }, item };
}

/** A group whose call fails as a whole has failed in each item: what became of those is looked at one by one. */
async function settleGroup({ provider }: StoreParts, { call }: Operation, items: readonly PutItem[]) {
  if (items.length === 0) return [];
  try {
    const settled = await provider.putMany(items, call);
    return settled.map((result) =>
      result.status === 'rejected' ? result : { ...result, value: { version: result.value.version, expiresAt: result.value.expiresAt } },
    );
  } catch (reason) {
    call.signal?.throwIfAborted();
    return items.map(() => ({ status: 'rejected' as const, reason: reason as unknown }));
  }
}
