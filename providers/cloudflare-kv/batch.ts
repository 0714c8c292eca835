/** Many puts in few requests, and deletes one by one and many together. */

import { PspError } from '../../ts/errors.ts';
import type { RecordHead } from '../../ts/provider.ts';
import type { Call } from '../calls.ts';
import { isLive, type PutRequest } from '../contract.ts';
import { settleEach } from '../provide.ts';
import type { Chunks } from './chunk.ts';
import type { KvPair, KvService } from './namespace.ts';
import type { Names, StoredHead } from './record.ts';

/** A put that is one entry of KV. */
export interface OnePut {
  readonly head: RecordHead;
  readonly pair: KvPair;
}

/** What {@link putMany} works with. */
interface Putting {
  readonly service: KvService;
  /** Null when the value is too large for one entry. */
  readonly onePut: (request: PutRequest) => OnePut | null;
  readonly putLarge: (request: PutRequest<Uint8Array<ArrayBuffer>>, call: Call) => Promise<RecordHead>;
}

/** What a delete works with. */
interface Deleting {
  readonly service: KvService;
  readonly names: Names;
  readonly chunks: Chunks;
  readonly now: () => number;
  readonly readHead: (key: string, call: Call) => Promise<StoredHead | null>;
}

/**
 * Puts each, and gives the results in order. Of two items of one key only the later is sent, as a request may hold a name once: the earlier is
 * put when the later is.
 */
export async function putMany(
  requests: readonly PutRequest[],
  { service, onePut, putLarge }: Putting,
  call: Call,
): Promise<PromiseSettledResult<RecordHead>[]> {
  const ones = requests.map(onePut);
  const last = new Map(requests.map(({ key }, index) => [key, index]));
  const small = [...last.values()].flatMap((index) => ones[index] ?? []);
  const large = [...last.values()].filter((index) => ones[index] === null);
  // Copied before the first wait: the caller may write to its arrays after it.
  const copies = large.map((index) => ({ ...requests[index]!, value: requests[index]!.value.slice() as Uint8Array<ArrayBuffer> }));
  const [errors, largeResults] = await Promise.all([
    service.putMany!(
      small.map(({ pair }) => pair),
      call,
    ),
    settleEach(copies, (request) => putLarge(request, call)),
  ]);
  const results = new Map<number, PromiseSettledResult<RecordHead>>();
  for (const [at, index] of large.entries()) results.set(index, largeResults[at]!);
  for (const index of last.values()) {
    const one = ones[index];
    if (one === null || one === undefined) continue;
    const error = errors.get(one.pair.name);
    results.set(index, error === undefined ? { status: 'fulfilled', value: one.head } : { status: 'rejected', reason: error });
  }
  return requests.map(({ key }, index) => {
    const result = results.get(last.get(key)!)!;
    const head = ones[index]?.head;
    return result.status === 'fulfilled' && head !== undefined ? { status: 'fulfilled', value: head } : result;
  });
}

/** Deletes the record of a key, with its chunks, and tells whether there was a live one. */
export async function deleteOne(key: string, deleting: Deleting, call: Call): Promise<boolean> {
  const found = await findForDelete(key, deleting, call);
  // Also when there seems to be none: what is read may be a minute old.
  await deleting.service.delete(deleting.names.record(key), call);
  // What of its chunks is not deleted, a sweep finds.
  if (found.stored !== null) await deleting.chunks.remove(found.stored).catch(() => {});
  return found.isLive;
}

/** Deletes each, and tells in order whether it was there: which costs a small read for each key. */
export async function deleteMany(keys: readonly string[], deleting: Deleting, call: Call): Promise<PromiseSettledResult<boolean>[]> {
  const { service, names, chunks } = deleting;
  const unique = [...new Set(keys)];
  const found = await settleEach(unique, (key) => findForDelete(key, deleting, call));
  const readable = found.flatMap((result, at) =>
    result.status === 'fulfilled' ? [{ ...result.value, name: names.record(unique[at]!) }] : [],
  );
  const recordNames = readable.map(({ name }) => name);
  const errors = await service.deleteMany!(recordNames, call);
  const chunkNames = readable.flatMap(({ name, stored }) => (errors.has(name) || stored === null ? [] : chunks.namesOf(stored)));
  // What of them is not deleted, a sweep finds.
  await service.deleteMany!(chunkNames, call);

  const results = new Map(unique.map((key, at) => [key, found[at]!]));
  const seen = new Set<string>();
  return keys.map((key) => {
    const result = results.get(key)!;
    if (result.status === 'rejected') return result;
    const error = errors.get(names.record(key));
    if (error !== undefined) return { status: 'rejected', reason: error };
    const isFirst = !seen.has(key);
    seen.add(key);
    return { status: 'fulfilled', value: isFirst && result.value.isLive };
  });
}

/** What a delete of this key will delete. A damaged record is deleted like any other; of its chunks nothing is known. */
async function findForDelete(
  key: string,
  { readHead, now }: Deleting,
  call: Call,
): Promise<{ isLive: boolean; stored: StoredHead | null }> {
  try {
    const stored = await readHead(key, call);
    return { isLive: stored !== null && isLive(stored.head.expiresAt, now()), stored };
  } catch (error) {
    if (error instanceof PspError && error.code === 'PROVIDER_CORRUPT') return { isLive: true, stored: null };
    throw error;
  }
}
