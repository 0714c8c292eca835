/**
 * The operations of a record store over one bucket: which requests each of them costs, and in which order. Objects are named `start` and the encoded key.
 */

import { PspError } from '../../ts/errors.ts';
import type { Capabilities, RecordHead, StoredRecord, StoredStream, Version } from '../../ts/provider.ts';
import { MAX_KEY_BYTES } from '../../ts/provider.ts';
import type { Call } from '../calls.ts';
import { type ByteRange, type Condition, checkCondition, isLive, type PutRequest } from '../contract.ts';
import { type ProviderCore, settleEach, unsupported } from '../provide.ts';
import { emptyStream, readRange, readValue, streamRange, streamValue } from './body.ts';
import { type Bucket, DELETE_LIMIT, type OpenObject } from './bucket.ts';
import { mayBeConflict } from './failure.ts';
import { CONCURRENCY, isCorrupt, readPage } from './listing.ts';
import { encodeName } from './name.ts';
import { decodeHead, draft, headOf, type ObjectFacts, type ObjectHead, TRAILER_BYTES } from './object.ts';
import { type Conditions, probeConditions } from './probe.ts';
import { Scratch } from './scratch.ts';
import { sweepBucket } from './sweep.ts';
import { uploadStream } from './upload.ts';
import { type Writer, writeRecord } from './write.ts';

/** What a core is made of. */
export interface CoreOptions {
  readonly bucket: Bucket;
  /** How the names of our objects begin: ASCII. */
  readonly start: string;
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly close: () => void;
}

/** Most bytes of the name of an object. */
const MAX_NAME_BYTES = 1024;
/** Most bytes of one PutObject. A stream of more could be uploaded, but never be touched or copied again. */
const MAX_OBJECT_BYTES = 5 * 1024 ** 3;
/** How often a touch without a condition begins anew because somebody has written meanwhile. */
const TOUCH_ATTEMPTS = 8;

const isAscii = /^[\x20-\x7e]*$/;

/** What no version is equal to. */
const NO_VERSION = { version: '' as Version };

const ANY: Condition = { ifMatch: null, absent: false };

/** The core of the provider over `bucket`. */
export function s3Core({ bucket, start, timeoutMs, now, close }: CoreOptions): ProviderCore {
  let conditions: Conditions = { put: null, delete: false };
  let capabilities = capabilitiesOf(conditions, start);

  const scratch = new Scratch();
  const writer = (): Writer => ({ bucket, spelling: conditions.put, now, scratch });
  const nameOf = (key: string): string => start + encodeName(key);

  /** What the object tells; null when it is not there or has expired. */
  function live(key: string, facts: ObjectFacts | null): ObjectHead | null {
    if (facts === null) return null;
    const found = decodeHead(key, facts);
    return isLive(found.head.expiresAt, now()) ? found : null;
  }

  /** Opens the object for reading; null when there is no live value. */
  async function openValue(key: string, range: ByteRange | null, call: Call): Promise<{ object: OpenObject; found: ObjectHead } | null> {
    const object = await bucket.get(nameOf(key), range, call);
    if (object === null) return null;
    try {
      const found = live(key, object);
      if (found !== null) return { object, found };
    } catch (error) {
      object.body.destroy();
      throw error;
    }
    object.body.destroy();
    return null;
  }

  /** What a read needs; without an object where the range holds no byte of the value, for which HTTP has no words. */
  async function openPart(
    key: string,
    range: ByteRange | null,
    call: Call,
  ): Promise<{ object: OpenObject | null; found: ObjectHead } | null> {
    const opened = range !== null && range.from === range.to ? null : await openValue(key, range, call);
    if (opened !== null || range === null) return opened;
    const found = live(key, await bucket.head(nameOf(key), call));
    if (found === null) return null;
    if (range.from === range.to || range.from >= found.head.size) return { object: null, found };
    throw new PspError('PROVIDER_UNAVAILABLE', 's3: the value has changed while it was read');
  }

  /** The head of what a delete would delete: a damaged record is there, too, and goes like any other. */
  async function lookFor(key: string, call: Call): Promise<{ etag: string; head: Pick<RecordHead, 'version'> | null } | null> {
    const facts = await bucket.head(nameOf(key), call);
    try {
      return live(key, facts);
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      return { etag: facts!.etag, head: null };
    }
  }

  return {
    name: 's3',
    get capabilities() {
      return capabilities;
    },
    timeoutMs,
    batchConcurrency: CONCURRENCY,

    async open(call) {
      conditions = await probeConditions(bucket, start, call);
      capabilities = capabilitiesOf(conditions, start);
    },

    async get(key, range, call): Promise<StoredRecord | null> {
      const opened = await openPart(key, range, call);
      if (opened === null) return null;
      const { object, found } = opened;
      if (object === null) return { ...found.head, value: new Uint8Array(0) };
      if (range === null) return { ...found.head, value: await readValue(object, found) };
      return { ...found.head, value: await readRange(object, range.from, Math.min(range.to, found.head.size)) };
    },

    async getStream(key, range, call): Promise<StoredStream | null> {
      const opened = await openPart(key, range, call);
      if (opened === null) return null;
      const { object, found } = opened;
      if (object === null) return { ...found.head, stream: emptyStream() };
      if (range === null) return { ...found.head, stream: streamValue(object, found) };
      return { ...found.head, stream: streamRange(object, range.from, Math.min(range.to, found.head.size)) };
    },

    async head(key, call) {
      return live(key, await bucket.head(nameOf(key), call))?.head ?? null;
    },

    async put({ key, value, condition, expiresAt, metadata }, call) {
      return writeRecord(writer(), nameOf(key), draft(key, expiresAt, metadata), value, condition, call);
    },

    async putStream({ key, value, condition, expiresAt, metadata }: PutRequest<ReadableStream<Uint8Array>>, call) {
      // No service that this was tested on keeps the condition of a CompleteMultipartUpload.
      if (condition.absent || condition.ifMatch !== null) throw unsupported('s3', 'a stream with a condition');
      const record = draft(key, expiresAt, metadata);
      const { etag, size } = await uploadStream(bucket, nameOf(key), record, value, capabilities.maxValueBytes, call);
      return headOf(record, etag, size);
    },

    async delete(key, condition, call) {
      const found = await lookFor(key, call);
      checkCondition(condition, found?.head ?? (found === null ? null : NO_VERSION));
      if (found === null) return false;
      const demand = condition.ifMatch === null ? null : { etag: found.etag, spelling: conditions.put! };
      try {
        await bucket.delete(nameOf(key), demand, call);
      } catch (error) {
        if (demand !== null && mayBeConflict(error)) checkCondition(condition, null);
        throw error;
      }
      return true;
    },

    async deleteMany(keys, call) {
      const unique = [...new Set(keys)];
      const looks = await settleEach(unique, async (key) => (await lookFor(key, call)) !== null, CONCURRENCY);
      const present = unique.filter((_, n) => isTrue(looks[n]!));
      const failures = await deleteNames(bucket, present.map(nameOf), call);
      const results = new Map(unique.map((key, n) => [key, outcomeOf(looks[n]!, failures.get(nameOf(key)))]));
      return keys.map((key) => {
        const result = results.get(key)!;
        // The second time there is nothing left.
        if (isTrue(result)) results.set(key, { status: 'fulfilled', value: false });
        return result;
      });
    },

    async touch(key, expiresAt, condition, call) {
      for (let attempt = 1; ; attempt++) {
        const opened = await openValue(key, null, call);
        try {
          checkCondition(condition, opened?.found.head ?? null);
        } catch (error) {
          opened?.object.body.destroy();
          throw error;
        }
        if (opened === null) return null;
        const { object, found } = opened;
        const value = await readValue(object, found);
        const replaced: Condition = { ...ANY, ifMatch: found.head.version };
        try {
          return await writeRecord(writer(), nameOf(key), draft(key, expiresAt, found.head.metadata), value, replaced, call);
        } catch (error) {
          const isLost = error instanceof PspError && error.code === 'PROVIDER_CONFLICT';
          if (!isLost || condition.ifMatch !== null || attempt === TOUCH_ATTEMPTS) throw error;
        }
      }
    },

    listPage: (request, call) => readPage(bucket, start, request, now, call),
    sweep: (call) => sweepBucket(bucket, start, conditions.delete ? conditions.put : null, now, call),
    ping: (call) => bucket.ping(call),
    async close() {
      close();
    },
  };
}

function capabilitiesOf(conditions: Conditions, start: string): Capabilities {
  return {
    conditionalPut: conditions.put !== null,
    conditionalDelete: conditions.delete,
    touch: conditions.put !== null,
    ranges: true,
    streams: true,
    sweep: true,
    strongReads: true,
    orderedList: false,
    exactList: true,
    // An escaped character takes two bytes.
    maxKeyBytes: Math.min(MAX_KEY_BYTES, Math.floor((MAX_NAME_BYTES - start.length) / 2)),
    maxValueBytes: MAX_OBJECT_BYTES - TRAILER_BYTES,
  };
}

/** Deletes objects, those with ASCII names by the thousand: what is not ASCII does not always come through XML as it was. Returns failures by name. */
async function deleteNames(bucket: Bucket, names: readonly string[], call: Call): Promise<Map<string, PspError>> {
  const failures = new Map<string, PspError>();
  const others = names.filter((name) => !isAscii.test(name));
  const single = await settleEach(others, (name) => bucket.delete(name, null, call), CONCURRENCY);
  for (const [n, result] of single.entries()) if (result.status === 'rejected') failures.set(others[n]!, result.reason);
  const plain = names.filter((name) => isAscii.test(name));
  for (let at = 0; at < plain.length; at += DELETE_LIMIT) {
    const part = plain.slice(at, at + DELETE_LIMIT);
    try {
      for (const [name, failure] of await bucket.deleteMany(part, call)) failures.set(name, failure);
    } catch (error) {
      // Each of the part's items has failed so: what came before has been done, and is told.
      if (!(error instanceof PspError)) throw error;
      for (const name of part) failures.set(name, error);
    }
  }
  return failures;
}

function outcomeOf(look: PromiseSettledResult<boolean>, failure: PspError | undefined): PromiseSettledResult<boolean> {
  return failure === undefined ? look : { status: 'rejected', reason: failure };
}

function isTrue(result: PromiseSettledResult<boolean>): boolean {
  return result.status === 'fulfilled' && result.value;
}
