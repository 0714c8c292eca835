/**
 * Storage of one origin, through our functions in one of its documents: read for a capture; replaced and read back for a restore. Knows nothing of
 * how the document got there.
 */
import { storageKeyIdentity } from '../session/identity.ts';
import {
  type OriginStorage,
  type Permission,
  type StorageCoverage,
  type StorageItem,
  type StorageKey,
  textOf,
} from '../session/session.ts';
import { isFramed } from './answers.ts';
import { type CapturedBucket, captureBuckets, restoreBuckets } from './buckets.ts';
import { replaceCachesCall } from './caches.ts';
import { withCallsAhead } from './calls-ahead.ts';
import { waysOf } from './choice.ts';
import { clearDatabases } from './databases.ts';
import { replaceDirectoriesCall } from './files.ts';
import type { InterceptedPage, Standing } from './intercept.ts';
import type { Operation } from './operation.ts';
import type { PageCall } from './page/script.ts';
import type { WorkerRead } from './page/workers.ts';
import type { PageWorld } from './page-world.ts';
import { capturePermissions, permissionsCall } from './permissions.ts';
import { captureRooms, type RestoredRooms, restoreRooms } from './rooms.ts';
import { placeOf, withoutBucket } from './storage-key.ts';

/** What one origin holds, and how far that is known. */
export interface CapturedOrigin {
  readonly storage: OriginStorage;
  readonly coverage: StorageCoverage;
  /** Those besides the default one. */
  readonly buckets: readonly CapturedBucket[];
  /** Its service workers, whose scripts its documents are not told: see `service-workers.ts`. Where there are none, `storage` and `coverage` say so. */
  readonly workers: readonly WorkerRead[];
  /** Null where they could not be read, and for a frame inside another site. */
  readonly permissions: readonly Permission[] | null;
}

/** Reads an origin's storage. What fails (a database, a cache, a file) is an entry of the report and makes the coverage partial. */
export async function captureOrigin(operation: Operation, standing: Standing, key: StorageKey): Promise<CapturedOrigin> {
  const origin = placeOf(key);
  const hasPermissions = !isFramed(key) && standing.isInFrame !== true;
  const at = { ...standing, world: await withCallsAhead(standing.world, firstCalls(hasPermissions), origin, operation.timeoutMs) };
  const { world } = at;
  const bucketNames = await operation.part({ outcome: 'lost', kind: 'storageBucket', place: origin }, () => world.call('bucketNames'));
  const localStorage = await world.call('readStorage', 'localStorage');
  const { storage, coverage } = await captureRooms(operation, at, origin);
  const workers = await operation.part({ outcome: 'lost', kind: 'serviceWorker', place: origin }, () => world.call('listWorkers'));
  const hasNone = workers?.length === 0;
  return {
    storage: { key, localStorage, ...storage, ...(hasNone ? { serviceWorkers: [] } : {}) },
    coverage: { key, localStorage: 'complete', ...coverage, serviceWorkers: hasNone ? 'complete' : 'unvisited' },
    buckets: await captureBuckets(operation, standing, key, bucketNames ?? []),
    workers: workers ?? [],
    permissions: hasPermissions ? await capturePermissions(operation, world, key.origin) : unreadPermissions(operation, key),
  };
}

/** Null. A frame inside something else has none of its own to tell; where a page was not possible, the report says that they were not looked at. */
function unreadPermissions(operation: Operation, key: StorageKey): null {
  if (isFramed(key)) return null;
  const reason = 'those that are not the usual ones, if any: no page of the origin could be opened beside its service worker';
  operation.entries.push({ outcome: 'uncarried', kind: 'permission', place: key.origin, reason });
  return null;
}

/** What is asked of every origin, whatever it holds. */
function firstCalls(hasPermissions: boolean): PageCall[] {
  return [
    // First, since it is also the way into the default bucket, should an operation that was cut off have left the document in another.
    ['bucketNames'],
    ['readStorage', 'localStorage'],
    ['databaseNames'],
    ['cacheNames'],
    ['listFiles'],
    ['listWorkers'],
    ...(hasPermissions ? [permissionsCall()] : []),
  ];
}

/** What a session holds for one origin: its own storage, and the buckets besides. */
export interface StoredOrigin {
  /** Names no bucket. */
  readonly key: StorageKey;
  /** Null where the session has nothing but buckets. */
  readonly storage: OriginStorage | null;
  readonly buckets: readonly OriginStorage[];
}

/** The storage of a session by origin, in its order: buckets are reached, and replaced, together with what they stand beside. */
export function groupByOrigin(storages: readonly OriginStorage[]): StoredOrigin[] {
  const groups = new Map<string, { key: StorageKey; storage: OriginStorage | null; buckets: OriginStorage[] }>();
  for (const storage of storages) {
    const key = withoutBucket(storage.key);
    const identity = storageKeyIdentity(key);
    const group = groups.get(identity) ?? { key, storage: null, buckets: [] };
    if (storage.key.bucket === undefined) group.storage = storage;
    else group.buckets.push(storage);
    groups.set(identity, group);
  }
  return [...groups.values()];
}

/** How much of an origin's storage was found right when it was read back, in all of its buckets. */
export interface RestoredOrigin extends RestoredRooms {
  readonly localStorage: number;
  /** How many entries of the session's storage it was. */
  readonly origins: number;
}

/** What a restore asks of a document first, to be made ahead of {@link restoreOrigin}. */
export function firstRestoreCalls({ storage }: StoredOrigin, hasPermissions: boolean): PageCall[] {
  // First, as in a capture.
  const calls: PageCall[] = [['bucketNames']];
  if (hasPermissions) calls.push(permissionsCall());
  if (storage === null) return calls;
  const { caches, files } = storage;
  const ways = waysOf(storage);
  if (losesWorkers(storage)) calls.push(['unregisterWorkers']);
  if (caches !== undefined && ways.caches !== 'leave') calls.push(replaceCachesCall(caches, ways.caches === 'add'));
  if (files !== undefined && ways.files !== 'leave') calls.push(replaceDirectoriesCall(files, ways.files === 'add'));
  return calls;
}

/** Those that there were are restored before: see `restored-workers.ts`. */
function losesWorkers(storage: OriginStorage): boolean {
  return storage.serviceWorkers?.length === 0 && waysOf(storage).serviceWorkers === 'replace';
}

/**
 * Replaces an origin's storage, or what of it `choose` gave, and reads it back. What is not there as captured is an entry of the report. `answer` is the
 * intercepted page's; null where requests cannot be answered, and then responses that came by the network are made by a script instead.
 */
export async function restoreOrigin(
  operation: Operation,
  at: Standing,
  { key, storage, buckets }: StoredOrigin,
  answer: InterceptedPage['answer'] | null,
): Promise<RestoredOrigin> {
  const place = placeOf(key);
  const isPartial = [...(storage === null ? [] : [storage]), ...buckets].some((one) => waysOf(one).otherBuckets === 'leave');
  let localStorage = 0;
  const restored: RestoredRooms[] = [];
  if (storage !== null) {
    const ways = waysOf(storage);
    if (ways.localStorage !== 'leave') {
      const isAdded = ways.localStorage === 'add';
      localStorage =
        (await operation.part({ outcome: 'lost', kind: 'localStorage', place }, () =>
          restoreItems(operation, at.world, 'localStorage', place, storage.localStorage, isAdded),
        )) ?? 0;
      // Firefox does so with localStorage, Chromium never.
      if (at.session === null) for (const [name] of storage.localStorage) noticeHalf(operation, 'localStorage', place, name);
    }
    const cleared = await operation.part({ outcome: 'lost', kind: 'indexedDB', place }, async () => {
      // By the DevTools protocol this clears the databases of all buckets, so it comes before any of them, and is not for one that is left alone.
      if (ways.indexedDB === 'replace') await clearDatabases(operation, isPartial ? { ...at, session: null } : at, place);
      return true;
    });
    if (losesWorkers(storage)) {
      await operation.part({ outcome: 'altered', kind: 'serviceWorker', place }, () => at.world.call('unregisterWorkers'));
    }
    restored.push(await restoreRooms(operation, at, cleared === null ? { ...storage, indexedDB: [] } : storage, ways, place, answer));
  }
  restored.push(...(await restoreBuckets(operation, at, key, buckets, isPartial, answer)));
  const sum = (count: (rooms: RestoredRooms) => number): number => restored.reduce((total, rooms) => total + count(rooms), 0);
  return {
    localStorage,
    databases: sum(({ databases }) => databases),
    records: sum(({ records }) => records),
    cacheEntries: sum(({ cacheEntries }) => cacheEntries),
    files: sum(({ files }) => files),
    origins: restored.length,
  };
}

function noticeHalf(operation: Operation, kind: 'localStorage' | 'sessionStorage', place: string, name: string): void {
  if (!/\p{Surrogate}/u.test(name)) return;
  const reason = 'its name has half of a surrogate pair, which a browser may replace when its page is loaded anew';
  operation.entries.push({ outcome: 'notice', kind, place: `${place} ${name}`, reason });
}

/** Replaces a web storage area, or adds to it, and reads it back; returns how many items are there as captured. */
export async function restoreItems(
  operation: Operation,
  world: PageWorld,
  area: 'localStorage' | 'sessionStorage',
  place: string,
  captured: readonly StorageItem[],
  isAdded = false,
): Promise<number> {
  const items = await Promise.all(captured.map(async ([name, value]) => [name, await textOf(value)] as const));
  const written = await world.call('writeStorage', area, items, isAdded);
  const refused = new Set(written.refused);
  const found = new Map(written.found);
  let right = 0;
  items.forEach(([name, value], index) => {
    if (found.get(name) === value) right++;
    else if (refused.has(index))
      operation.entries.push({ outcome: 'lost', kind: area, place: `${place} ${name}`, reason: 'the browser refused it' });
    else operation.entries.push({ outcome: 'altered', kind: area, place: `${place} ${name}`, reason: 'it reads back differently' });
    // Chromium keeps names of sessionStorage as UTF-8 outside the page's process, and a tab changes processes on its way.
    if (area === 'sessionStorage') noticeHalf(operation, area, place, name);
  });
  return right;
}
