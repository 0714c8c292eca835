/**
 * Storage buckets (Storage Buckets API, W3C) of one key: rooms beside the default one, with a name and a policy of their own. A limit of size that a page set
 * for a bucket is not in a session; it is reported.
 */
import { PspError } from '../errors.ts';
import type { BucketPolicy, OriginStorage, StorageCoverage, StorageKey } from '../session/session.ts';
import { waysOf } from './choice.ts';
import { clearDatabases } from './databases.ts';
import type { InterceptedPage, Standing } from './intercept.ts';
import type { Operation } from './operation.ts';
import type { BucketRead } from './page/buckets.ts';
import { captureRooms, type RestoredRooms, restoreRooms } from './rooms.ts';
import { placeOf } from './storage-key.ts';

/** A bucket as it was captured, and how far that is known. */
export interface CapturedBucket {
  readonly storage: OriginStorage | null;
  readonly coverage: StorageCoverage;
}

/** Reads the buckets of these names under `key`. One that fails is an entry of the report, and unvisited; one that went away meanwhile is left out. */
export async function captureBuckets(
  operation: Operation,
  at: Standing,
  key: StorageKey,
  names: readonly string[],
): Promise<CapturedBucket[]> {
  const captured: CapturedBucket[] = [];
  for (const bucket of names) {
    const bucketKey = { ...key, bucket };
    const entry = { outcome: 'lost', kind: 'storageBucket', place: placeOf(bucketKey) } as const;
    const read = await operation.part(entry, () => inBucket(at, bucket, (own, policy) => captureBucket(operation, own, bucketKey, policy)));
    if (read === 'gone') continue;
    captured.push(read ?? { storage: null, coverage: { key: bucketKey, localStorage: 'complete', ...UNVISITED } });
  }
  return captured;
}

const UNVISITED = { indexedDB: 'unvisited', caches: 'unvisited', files: 'unvisited' } as const;

async function captureBucket(operation: Operation, at: Standing, key: StorageKey, read: BucketRead): Promise<CapturedBucket> {
  const place = placeOf(key);
  if (read.hasOwnQuota) {
    operation.entries.push({ outcome: 'altered', kind: 'storageBucket', place, reason: 'its limit of size is not carried' });
  }
  const { storage, coverage } = await captureRooms(operation, at, place);
  return {
    // A bucket holds no web storage.
    storage: { key, bucketPolicy: policyOf(read), localStorage: [], ...storage },
    coverage: { key, localStorage: 'complete', ...coverage },
  };
}

function policyOf({ persisted, durability, expiresAt }: BucketRead): BucketPolicy {
  return { persisted, durability, expiresAt: expiresAt === null ? null : Math.round(expiresAt) };
}

/** Has `work` done in a bucket that exists; 'gone' where it does not. */
async function inBucket<T>(at: Standing, bucket: string, work: (at: Standing, policy: BucketRead) => Promise<T>): Promise<T | 'gone'> {
  const { world } = at;
  const policy = await world.call('useBucket', bucket);
  if (policy === null) return 'gone';
  try {
    return await work({ ...at, bucket }, policy);
  } finally {
    // Where the document does not answer any more, nothing else is done in it.
    await Promise.allSettled([world.call('useBucket', null)]);
  }
}

/**
 * Makes the buckets of `storages` anew, removes all others of the key unless it is restored in part, and reads back what was written: one result for each bucket
 * that is there.
 */
export async function restoreBuckets(
  operation: Operation,
  at: Standing,
  key: StorageKey,
  storages: readonly OriginStorage[],
  isPartial: boolean,
  answer: InterceptedPage['answer'] | null,
): Promise<RestoredRooms[]> {
  if (!isPartial) await removeOthers(operation, at, key, storages);
  const restored: RestoredRooms[] = [];
  for (const storage of storages) {
    const entry = { outcome: 'lost', kind: 'storageBucket', place: placeOf(storage.key) } as const;
    const done = await operation.part(entry, () => restoreBucket(operation, at, storage, answer));
    if (done !== null) restored.push(done);
  }
  return restored;
}

async function removeOthers(operation: Operation, { world }: Standing, key: StorageKey, storages: readonly OriginStorage[]): Promise<void> {
  const place = placeOf(key);
  const kept = new Set(storages.map((storage) => storage.key.bucket));
  const removed = await operation.part({ outcome: 'altered', kind: 'storageBucket', place }, async () => {
    const others = (await world.call('bucketNames')).filter((name) => !kept.has(name));
    for (const name of others) await world.call('removeBucket', name);
    return others.length;
  });
  if (removed !== null && removed > 0) {
    const reason = `${removed} buckets that the session does not have were removed`;
    operation.entries.push({ outcome: 'notice', kind: 'storageBucket', place, reason });
  }
}

async function restoreBucket(
  operation: Operation,
  at: Standing,
  storage: OriginStorage,
  answer: InterceptedPage['answer'] | null,
): Promise<RestoredRooms> {
  const place = placeOf(storage.key);
  const bucket = storage.key.bucket!;
  // A session that says nothing of it has what a page gets that asks for nothing.
  const expected: BucketPolicy = storage.bucketPolicy ?? { persisted: false, durability: 'relaxed', expiresAt: null };
  const ways = waysOf(storage);
  const isAdded = ways.indexedDB !== 'replace' || ways.caches !== 'replace' || ways.files !== 'replace';
  if (!(await at.world.call('replaceBucket', bucket, expected, isAdded))) {
    throw new PspError('ADAPTER_UNSUPPORTED', 'this browser has no storage buckets');
  }
  const done = await inBucket(at, bucket, async (own, policy) => {
    const found = policyOf(policy);
    for (const member of ['persisted', 'durability', 'expiresAt'] as const) {
      if (found[member] === expected[member]) continue;
      operation.entries.push({ outcome: 'altered', kind: 'storageBucket', place, reason: `its ${member} reads back differently` });
    }
    if (isAdded && ways.indexedDB === 'replace') await clearDatabases(operation, { ...own, session: null }, place);
    return restoreRooms(operation, own, storage, ways, place, answer);
  });
  if (done === 'gone') throw new PspError('ADAPTER_PROTOCOL', 'the browser did not keep it');
  return done;
}
