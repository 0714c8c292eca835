/** The operations of the contract out of those of KV, the same for both ways to reach it. Batches are in batch.ts, listings in listing.ts. */

import type { Capabilities, RecordHead, StoredRecord, StoredStream } from '../../ts/provider.ts';
import type { Call } from '../calls.ts';
import { isLive, newVersion, type PutRequest } from '../contract.ts';
import type { ProviderCore } from '../provide.ts';
import { deleteMany, deleteOne, type OnePut, putMany } from './batch.ts';
import { type ChunkOwner, Chunks, piecesOf, piecesOfStream } from './chunk.ts';
import { listPage, sweepChunks } from './listing.ts';
import { type KvEntry, type KvPair, type KvService, MAX_NAME_BYTES, MAX_VALUE_BYTES } from './namespace.ts';
import {
  corrupt,
  decodeRecord,
  decodeRecordMetadata,
  decodeRecordStart,
  encodeManifest,
  encodeRecord,
  MAX_CHUNKED_BYTES,
  Names,
  RECORD_START_BYTES,
  type StoredHead,
  ttlSeconds,
} from './record.ts';

/** What a core is made of. */
export interface KvCoreOptions {
  readonly service: KvService;
  readonly prefix: string;
  readonly now: () => number;
  readonly timeoutMs: number;
  /** Whether opening asks the service for a sign of life. */
  readonly pingAtOpen: boolean;
}

/** What a stream gives at a time. */
const PIECE_BYTES = 256 * 1024;

/** Times that a value is looked for whose chunks are not all there: it may have been replaced in between. */
const READ_ATTEMPTS = 2;

/** The provider over one namespace. RangeError when the prefix leaves no room for keys. */
export function kvCore({ service, prefix, now, timeoutMs, pingAtOpen }: KvCoreOptions): ProviderCore {
  const names = new Names(prefix);
  const chunks = new Chunks(service, names);
  const maxKeyBytes = MAX_NAME_BYTES - names.overheadBytes;
  if (maxKeyBytes < 1) throw new RangeError(`prefix: expected at most ${MAX_NAME_BYTES - 2} bytes, got ${names.overheadBytes - 1}`);

  const capabilities: Capabilities = {
    conditionalPut: false,
    conditionalDelete: false,
    touch: false,
    ranges: false,
    streams: true,
    sweep: true,
    strongReads: false,
    orderedList: true,
    exactList: true,
    maxKeyBytes,
    maxValueBytes: MAX_CHUNKED_BYTES,
  };

  /** What `take` makes of the live record under `key`; it gives null when chunks are missing. */
  async function load<T>(key: string, call: Call, take: (record: ReturnType<typeof decodeRecord>) => Promise<T | null>): Promise<T | null> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const bytes = await service.get(names.record(key), call);
      if (bytes === null) return null;
      const record = decodeRecord(key, bytes);
      if (!isLive(record.head.expiresAt, now())) return null;
      const taken = await take(record);
      if (taken !== null) return taken;
    }
    throw corrupt('chunks of a value are not there');
  }

  /** The head of a record, live or not, by its metadata where that holds it: `metadata` when it is known already. */
  async function readHead(key: string, call: Call, entry?: Pick<KvEntry, 'metadata'>): Promise<StoredHead | null> {
    const found = entry ?? (await service.getMetadata(names.record(key), call));
    if (found === null) return null;
    const stored = decodeRecordMetadata(key, found.metadata);
    if (stored !== null) return stored;
    const start = await service.getStart(names.record(key), RECORD_START_BYTES, call);
    return start === null ? null : decodeRecordStart(key, start);
  }

  function newHead({ key, expiresAt, metadata }: PutRequest<unknown>, size: number): RecordHead {
    return { key, version: newVersion(), size, expiresAt, metadata };
  }

  function ownerOf({ key, version, expiresAt }: RecordHead): ChunkOwner {
    return { key, version, nowMs: now(), ttlSeconds: ttlSeconds(expiresAt, now()) };
  }

  function pairOf(head: RecordHead, { bytes, metadata }: Pick<KvPair, 'bytes' | 'metadata'>): KvPair {
    return { name: names.record(head.key), bytes, metadata, ttlSeconds: ttlSeconds(head.expiresAt, now()) };
  }

  /** The head of a put with all that KV is to be given, or null when the value is too large for that. */
  function onePut(request: PutRequest): OnePut | null {
    if (request.value.length > MAX_VALUE_BYTES) return null;
    const head = newHead(request, request.value.length);
    const pair = pairOf(head, encodeRecord(head, request.value));
    return pair.bytes.length > MAX_VALUE_BYTES ? null : { head, pair };
  }

  async function put(request: PutRequest, call: Call): Promise<RecordHead> {
    const one = onePut(request);
    if (one === null) return putLarge({ ...request, value: request.value.slice() as Uint8Array<ArrayBuffer> }, call);
    await service.put(one.pair, call);
    return one.head;
  }

  /** Puts a value that is nobody else's by now. */
  function putLarge(request: PutRequest<Uint8Array<ArrayBuffer>>, call: Call): Promise<RecordHead> {
    return putChunks(newHead(request, 0), piecesOf(request.value), call);
  }

  async function putChunks(
    started: RecordHead,
    pieces: AsyncIterable<Uint8Array<ArrayBuffer>> | Iterable<Uint8Array<ArrayBuffer>>,
    call: Call,
  ): Promise<RecordHead> {
    const { size, checksums } = await chunks.write(ownerOf(started), pieces, call);
    const head = { ...started, size };
    // What is stored if this fails is not known, so the chunks stay: a sweep finds out.
    await service.put(pairOf(head, encodeManifest(head, checksums)), call);
    return head;
  }

  async function ping(call: Call): Promise<void> {
    await service.getMetadata(names.unused, call);
  }

  const deleting = { service, names, chunks, now, readHead };

  return {
    name: 'cloudflare-kv',
    capabilities,
    timeoutMs,
    ...(pingAtOpen ? { open: ping } : {}),

    get: (key, _range, call) =>
      load<StoredRecord>(key, call, async ({ head, chunks: checksums, value }) => {
        if (checksums === null) return { ...head, value: value!.slice() };
        const whole = await chunks.read(head, checksums, call);
        return whole === null ? null : { ...head, value: whole };
      }),

    getStream: (key, _range, call) =>
      load<StoredStream>(key, call, async ({ head, chunks: checksums, value }) => {
        const first = checksums === null ? value! : await chunks.readOne(head, checksums, 0, call);
        return first === null ? null : { ...head, stream: streamOf(chunks, head, checksums ?? [0], first) };
      }),

    async head(key, call) {
      const stored = await readHead(key, call);
      return stored !== null && isLive(stored.head.expiresAt, now()) ? stored.head : null;
    },

    put,

    async putStream(request, call) {
      const pieces = piecesOfStream(request.value, call.signal);
      const first = await pieces.next();
      const second = first.done === true ? first : await pieces.next();
      if (second.done === true) return put({ ...request, value: first.value ?? new Uint8Array() }, call);
      return putChunks(newHead(request, 0), chain([first.value!, second.value], pieces), call);
    },

    delete: (key, _condition, call) => deleteOne(key, deleting, call),

    listPage: (request, call) => listPage(request, { service, names, now, readHead }, call),

    ...(service.putMany === undefined ? {} : { putMany: (requests, call) => putMany(requests, { service, onePut, putLarge }, call) }),

    ...(service.deleteMany === undefined ? {} : { deleteMany: (keys, call) => deleteMany(keys, deleting, call) }),

    sweep: (call) => sweepChunks({ service, names, now, readHead }, call),

    ping,
  };
}

/** The chunks of a value one after the other, each checked before any of it is given away. */
function streamOf(
  chunks: Chunks,
  head: RecordHead,
  checksums: readonly number[],
  first: Uint8Array<ArrayBuffer>,
): ReadableStream<Uint8Array> {
  const reading = new AbortController();
  let chunk = first;
  let index = 0;
  let at = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (at === chunk.length) {
        index += 1;
        if (index >= checksums.length) return controller.close();
        const next = await chunks.readOne(head, checksums, index, { signal: reading.signal });
        if (next === null) throw corrupt('a chunk of a value is not there');
        chunk = next;
        at = 0;
      }
      const piece = chunk.slice(at, at + PIECE_BYTES);
      at += piece.length;
      controller.enqueue(piece);
    },
    cancel(reason) {
      reading.abort(reason);
    },
  });
}

async function* chain<T>(first: readonly T[], rest: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* first;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}
