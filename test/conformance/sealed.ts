/**
 * A provider of the tests that keeps sealed values in another one: seals on put, bound to the key as its session, and opens on get. Through it the
 * conformance suite shows that nothing of the contract is lost on the way through the envelope.
 */

import { provide } from '../../providers/provide.ts';
import { generateKey } from '../../ts/envelope/key.ts';
import { open } from '../../ts/envelope/open.ts';
import { messageBytes } from '../../ts/envelope/payload.ts';
import { peek } from '../../ts/envelope/peek.ts';
import { sealSync } from '../../ts/envelope/seal.ts';
import type { RecordHead, StorageProvider, StoredRecord } from '../../ts/provider.ts';
import { delegateTo, optionsOf } from './delegate.ts';

const KEY = generateKey('conformance');
/** One local key of this name: every header has this length. */
const HEADER_BYTES = peek(sealSync(new Uint8Array(), KEY)).unverified.headerBytes;
/** More than the envelope adds to the largest value. */
const ROOM_BYTES = 4 * 1024 * 1024;

/** `inner`, with everything in it sealed. Two of these over the same values understand each other. */
export function sealed(inner: StorageProvider): StorageProvider {
  const core = delegateTo(inner);
  const { putMany } = core;
  return provide({
    ...core,
    name: `${inner.name}, sealed`,
    get capabilities() {
      return { ...inner.capabilities, streams: false, ranges: false, maxValueBytes: inner.capabilities.maxValueBytes - ROOM_BYTES };
    },
    get: async (key, _, call) => openRecord(await core.get(key, null, call)),
    head: async (key, call) => openHead(await core.head(key, call)),
    async put(request, { signal }) {
      const value = sealSync(request.value, KEY, { sessionId: request.key });
      return openHead(await inner.put(request.key, value, { signal, ...optionsOf(request) }))!;
    },
    touch: async (key, expiresAt, condition, call) => openHead(await core.touch!(key, expiresAt, condition, call)),
    async listPage(request, call) {
      const page = await core.listPage(request, call);
      return { ...page, items: page.items.map((head) => openHead(head)!) };
    },
    async getMany(keys, call) {
      const found = await core.getMany!(keys, call);
      return Promise.all(found.map((result) => mapResult(result, openRecord)));
    },
    async putMany(requests, call) {
      const sealedRequests = requests.map((request) => ({ ...request, value: sealSync(request.value, KEY, { sessionId: request.key }) }));
      const put = await putMany!(sealedRequests, call);
      return Promise.all(put.map((result) => mapResult(result, async (head) => openHead(head)!)));
    },
  });
}

/** The head as it would be without the envelope: the size of a value follows from that of its sealed bytes. */
function openHead<T extends RecordHead>(head: T | null): T | null {
  return head === null ? null : { ...head, size: messageBytes(head.size - HEADER_BYTES)! };
}

async function openRecord(record: StoredRecord | null): Promise<StoredRecord | null> {
  if (record === null) return null;
  return { ...openHead(record)!, value: new Uint8Array(await open(record.value, KEY, { sessionId: record.key })) };
}

async function mapResult<T, R>(result: PromiseSettledResult<T>, map: (value: T) => Promise<R>): Promise<PromiseSettledResult<R>> {
  return result.status === 'rejected' ? result : { status: 'fulfilled', value: await map(result.value) };
}
