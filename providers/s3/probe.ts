/**
 * What a server really does with conditions, found out with one throw-away object. Many servers that call themselves compatible accept a condition and
 * write all the same; Ceph's gateway compares ETags without quotes only, R2 with quotes only. What is not seen to be refused is not believed.
 */

import type { Call } from '../calls.ts';
import { randomHex } from '../contract.ts';
import type { Bucket, EtagSpelling, ObjectCondition } from './bucket.ts';
import { statusOf } from './failure.ts';
import { RESERVED_START } from './name.ts';
import { draft, encodeHead, encodeTrailer } from './object.ts';

/** What a server keeps. */
export interface Conditions {
  /** How If-Match of a put is to be written; null: conditions of puts do not hold here. */
  readonly put: EtagSpelling | null;
  /** If-Match of a delete holds. */
  readonly delete: boolean;
}

const NONE: Conditions = { put: null, delete: false };

/** Puts and deletes an object behind `prefix`, in six to eight requests. Fails as those do where the server refuses what has no condition. */
export async function probeConditions(bucket: Bucket, prefix: string, call: Call): Promise<Conditions> {
  const name = `${prefix}${RESERVED_START}probe-${randomHex(16)}`;
  const put = async (condition: ObjectCondition | null): Promise<string> => {
    const record = draft('', null, {});
    return bucket.put(name, encodeTrailer(record.id, 0), encodeHead(record), condition, call);
  };

  // Without a condition first: whoever may not write at all learns it here, and not as a missing capability.
  const first = await put(null);
  const found = (await holdsAbsence(put)) ? await findSpelling(put, first) : null;
  if (found === null) {
    await bucket.delete(name, null, call);
    return NONE;
  }
  const stale = { etag: first, spelling: found.spelling };
  const held = await isRefused(bucket.delete(name, stale, call));
  // It may also refuse every delete that has a condition.
  const done = held && !(await isRefused(bucket.delete(name, { etag: found.etag, spelling: found.spelling }, call)));
  if (held && !done) await bucket.delete(name, null, call);
  return { put: found.spelling, delete: done };
}

async function holdsAbsence(put: (condition: ObjectCondition) => Promise<string>): Promise<boolean> {
  return isRefused(put({ absent: true, spelling: 'quoted' }));
}

/** The spelling with which the right ETag is accepted and the one before it refused, and the ETag that is there then. */
async function findSpelling(put: (condition: ObjectCondition) => Promise<string>, first: string) {
  for (const spelling of ['quoted', 'bare'] as const) {
    let etag: string;
    try {
      etag = await put({ etag: first, spelling });
    } catch (error) {
      if (isNoAnswer(error)) throw error;
      continue; // 412 from a server that compares otherwise, 500 from one that cannot read it
    }
    // An ETag that does not change with the bytes is no version.
    return etag !== first && (await isRefused(put({ etag: first, spelling }))) ? { spelling, etag } : null;
  }
  return null;
}

/** True when the server answers that the condition does not hold. Another answer is no promise; no answer is a failure. */
async function isRefused(request: Promise<unknown>): Promise<boolean> {
  try {
    await request;
    return false;
  } catch (error) {
    if (isNoAnswer(error)) throw error;
    return [409, 412].includes(statusOf(error)!);
  }
}

/** True when a failure says nothing about conditions: no connection, no permission, no time. */
function isNoAnswer(error: unknown): boolean {
  return [null, 403, 429, 503].includes(statusOf(error));
}
