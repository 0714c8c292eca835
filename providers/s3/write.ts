/**
 * The write of one record with what it demands, and what became of it where the answer does not say. A refusal may come to a writer whose write was
 * done (the reply was lost, and a client that was passed in has asked again), Ceph's gateway answers losers of a race with 500 and AWS with 409: the
 * head of the object tells whose write is there.
 */

import { PspError } from '../../ts/errors.ts';
import type { RecordHead } from '../../ts/provider.ts';
import type { Call } from '../calls.ts';
import { type Condition, isLive } from '../contract.ts';
import type { Bucket, EtagSpelling, ObjectCondition } from './bucket.ts';
import { mayBeConflict, statusOf } from './failure.ts';
import { type Draft, decodeHead, encodeBody, encodeHead, headOf, readVersion, TRAILER_BYTES } from './object.ts';
import type { Scratch } from './scratch.ts';

/** Writes records of one bucket. */
export interface Writer {
  readonly bucket: Bucket;
  /** Null: the service does not keep conditions, and none may be asked for. */
  readonly spelling: EtagSpelling | null;
  readonly now: () => number;
  readonly scratch: Scratch;
}

/** Puts `value`, of which nothing is needed once this has returned its promise. */
export async function writeRecord(
  writer: Writer,
  name: string,
  record: Draft,
  value: Uint8Array,
  condition: Condition,
  call: Call,
): Promise<RecordHead> {
  const body = writer.scratch.take(value.length + TRAILER_BYTES);
  encodeBody(record.id, value, body);
  const etag = await writeBody(writer, name, record, body, demandOf(condition, writer), call);
  writer.scratch.give(body);
  return headOf(record, etag, value.length);
}

/** Puts a body that replaces `demand.etag` only, or nothing; returns its ETag. */
async function writeBody(
  writer: Writer,
  name: string,
  record: Draft,
  body: Uint8Array,
  demand: ObjectCondition | null,
  call: Call,
): Promise<string> {
  try {
    return await writer.bucket.put(name, body, encodeHead(record), demand, call);
  } catch (error) {
    if (demand === null || !mayBeConflict(error)) throw error;
    const facts = await writer.bucket.head(name, call);
    const found = facts === null ? null : decodeHead(record.key, facts);
    if (found !== null && Buffer.compare(found.id, record.id) === 0) return found.etag;
    if (demand.etag !== undefined) {
      // Nobody has written: then it was no race, and the service has failed.
      if (found?.etag === demand.etag) throw error;
      throw conflict(found === null ? 'none' : 'another');
    }
    if (found !== null && isLive(found.head.expiresAt, writer.now())) throw conflict('another');
    if (found === null || statusOf(error) !== 412) throw error;
    // An expired value is not there, but the server does not know that: what it calls a creation is a replacement.
    return writeBody(writer, name, record, body, { etag: found.etag, spelling: demand.spelling }, call);
  }
}

function demandOf({ absent, ifMatch }: Condition, { spelling, now }: Writer): ObjectCondition | null {
  if (spelling === null || (!absent && ifMatch === null)) return null;
  if (ifMatch === null) return { absent, spelling };
  const version = readVersion(ifMatch);
  // Whatever is there now: it is another version, or this one, which has expired.
  if (version === null || !isLive(version.expiresAt, now())) throw conflict('another');
  return { etag: version.etag, spelling };
}

/** A `PROVIDER_CONFLICT`: the object is not the one that was demanded. */
export function conflict(found: 'none' | 'another'): PspError {
  return new PspError(
    'PROVIDER_CONFLICT',
    `put: the given condition does not hold: found ${found === 'none' ? 'no value' : 'another value'}`,
    {
      details: { found },
    },
  );
}
