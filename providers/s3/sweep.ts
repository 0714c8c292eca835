/**
 * What is cleared away: values that have expired, probes and uploads whose writers died. S3 tells an expiry only by a HeadObject for each object.
 *
 * Where the service keeps no condition of a delete (Ceph's gateway, R2) a value that is put between the look at an expired one and its delete is lost
 * with it: that is the time of one request.
 */

import type { SweepReport } from '../../ts/provider.ts';
import type { Call } from '../calls.ts';
import { isLive } from '../contract.ts';
import { settleEach } from '../provide.ts';
import type { Bucket, EtagSpelling } from './bucket.ts';
import { mayBeConflict } from './failure.ts';
import { CONCURRENCY, isCorrupt, readEntry } from './listing.ts';
import { decodeName, RESERVED_START } from './name.ts';

/** A probe that is older belongs to nobody any more. */
const STALE_PROBE_MS = 3_600_000;
/** An upload that is older will not be completed. */
const STALE_UPLOAD_MS = 24 * 3_600_000;
const PAGE_OBJECTS = 1000;

/** Sweeps what is behind `start`. `spelling` is that of a delete's condition, or null where none holds. */
export async function sweepBucket(
  bucket: Bucket,
  start: string,
  spelling: EtagSpelling | null,
  now: () => number,
  call: Call,
): Promise<SweepReport> {
  let expired = 0;
  let orphans = 0;

  async function sweepRecord(name: string): Promise<void> {
    const found = await readEntry(bucket, start, name, call).catch((error: unknown) => {
      if (isCorrupt(error)) return null; // what cannot be read is not ours to delete
      throw error;
    });
    if (found === null || isLive(found.head.expiresAt, now())) return;
    try {
      await bucket.delete(start + name, spelling === null ? null : { etag: found.etag, spelling }, call);
      expired += 1;
    } catch (error) {
      if (spelling === null || !mayBeConflict(error)) throw error; // otherwise somebody has put a new value
    }
  }

  let after: string | null = null;
  for (let more = true; more; ) {
    call.signal.throwIfAborted();
    const page = await bucket.list(start, after, PAGE_OBJECTS, call);
    const swept = await settleEach(
      page.objects,
      async ({ name, changedMs }) => {
        const own = name.slice(start.length);
        if (!own.startsWith(RESERVED_START)) return sweepRecord(own);
        if (changedMs > now() - STALE_PROBE_MS) return;
        await bucket.delete(name, null, call);
        orphans += 1;
      },
      CONCURRENCY,
    );
    for (const result of swept) if (result.status === 'rejected') throw result.reason;
    after = page.objects.at(-1)?.name ?? null;
    more = page.more;
  }

  for (const { name, id, startedMs } of await bucket.listUploads(start, call)) {
    if (startedMs > now() - STALE_UPLOAD_MS || decodeName(name.slice(start.length)) === null) continue;
    await bucket.abortUpload(name, id);
    orphans += 1;
  }
  return { expired, orphans };
}
