/**
 * Storage buckets of the document this runs in (Storage Buckets API, W3C): each is a room with databases, caches and private files of its own. The other
 * page functions work in the default bucket until {@link useBucket} names another.
 */

/** The storage that a bucket holds, under the names that a page knows it by. Absent: what this document has not. */
export interface Rooms {
  readonly indexedDB: Pick<IDBFactory, 'open' | 'databases' | 'deleteDatabase'>;
  readonly caches: Pick<CacheStorage, 'keys' | 'has' | 'open' | 'delete'> | undefined;
  readonly getDirectory: (() => Promise<FileSystemDirectoryHandle>) | undefined;
}

/** How a bucket is kept, as far as a page is told. */
export interface BucketRead {
  readonly persisted: boolean;
  /** Chromium has no other than relaxed ones, and does not say so. */
  readonly durability: Durability;
  /** Milliseconds since the epoch, which may have a fraction; null for never. */
  readonly expiresAt: number | null;
  /** It has a limit of size that is not the origin's. */
  readonly hasOwnQuota: boolean;
}

type Durability = 'relaxed' | 'strict';

/** How a bucket is to be kept. */
export interface BucketWrite {
  readonly persisted: boolean;
  readonly durability: Durability;
  readonly expiresAt: number | null;
}

interface StorageBucket {
  readonly indexedDB: IDBFactory;
  readonly caches: CacheStorage;
  getDirectory(): Promise<FileSystemDirectoryHandle>;
  persist(): Promise<boolean>;
  persisted(): Promise<boolean>;
  durability?(): Promise<Durability>;
  expires(): Promise<number | null>;
  estimate(): Promise<StorageEstimate>;
}

interface StorageBucketManager {
  open(name: string, policy?: { persisted?: boolean; durability?: string; expires?: number }): Promise<StorageBucket>;
  keys(): Promise<string[]>;
  delete(name: string): Promise<void>;
}

/** What the document had when this was loaded: what a page puts in its place later changes nothing. */
const OWN: Rooms & {
  /** None where the browser has no buckets, or the document is not secure. */
  readonly buckets: StorageBucketManager | undefined;
  readonly estimate: (() => Promise<StorageEstimate>) | undefined;
} = ownRooms();

function ownRooms(): typeof OWN {
  // Also loaded where there is no document: by the code of the in-page driver, on its way through a bundler or a test.
  const navigator = globalThis.navigator as Partial<Navigator & { storageBuckets: StorageBucketManager }> | undefined;
  const storage = navigator?.storage as Partial<StorageManager> | undefined;
  return {
    indexedDB: bound(globalThis.indexedDB, 'open', 'databases', 'deleteDatabase') as Rooms['indexedDB'],
    caches: bound(globalThis.caches, 'keys', 'has', 'open', 'delete'),
    getDirectory: storage?.getDirectory?.bind(storage),
    buckets: bound(navigator?.storageBuckets, 'open', 'keys', 'delete'),
    estimate: storage?.estimate?.bind(storage),
  };
}

/** Methods of an object as they are now; undefined where there is none. */
function bound<T extends object, N extends keyof T>(object: T | undefined, ...names: readonly N[]): Pick<T, N> | undefined {
  if (object === undefined) return undefined;
  return Object.fromEntries(names.map((name) => [name, (object[name] as () => unknown).bind(object)])) as unknown as Pick<T, N>;
}

let current: StorageBucket | null = null;
/** Counts the changes of place. */
let turn = 0;

/** Where the functions of this script find storage now. */
export function rooms(): Rooms {
  if (current === null) return OWN;
  const bucket = current;
  return { indexedDB: bucket.indexedDB, caches: bucket.caches, getDirectory: () => bucket.getDirectory() };
}

/** Names of the buckets that the page made, in order of names; what has expired is not among them. From now on the default bucket is the place. */
export async function bucketNames(): Promise<string[]> {
  leave();
  try {
    return (await OWN.buckets?.keys()) ?? [];
  } catch (error) {
    // Where storage is refused (a sandbox, a setting), there is nothing that a page could have kept.
    if (error instanceof DOMException && error.name === 'SecurityError') return [];
    throw error;
  }
}

function leave(): number {
  current = null;
  return ++turn;
}

/** Works in a bucket that exists from now on, or in the default one again; null when there is no such bucket (an `open` would make it). */
export async function useBucket(name: string | null): Promise<BucketRead | null> {
  const own = leave();
  const { buckets } = OWN;
  if (name === null || buckets === undefined || !(await buckets.keys()).includes(name)) return null;
  const bucket = await buckets.open(name);
  const read: BucketRead = {
    persisted: await bucket.persisted(),
    durability: (await bucket.durability?.()) ?? 'relaxed',
    expiresAt: await bucket.expires(),
    hasOwnQuota: await isLimited(bucket),
  };
  // Nobody waits for this any more when another place was named meanwhile.
  if (own === turn) current = bucket;
  return read;
}

/** A bucket without a limit may hold what its origin may. Chromium counts what it holds already on top of that. */
async function isLimited(bucket: StorageBucket): Promise<boolean> {
  const own = await bucket.estimate();
  const origin = (await OWN.estimate?.()) ?? {};
  const beside = ({ quota = 0, usage = 0 }: StorageEstimate): number => quota - usage;
  return own.quota !== origin.quota && beside(own) !== beside(origin);
}

/** Makes a bucket anew, empty, in place of one of its name; false where there can be none. */
export async function replaceBucket(name: string, { persisted, durability, expiresAt }: BucketWrite, isAdded: boolean): Promise<boolean> {
  const { buckets } = OWN;
  if (buckets === undefined) return false;
  if (!isAdded) await buckets.delete(name);
  const bucket = await buckets.open(name, { persisted, durability, ...(expiresAt === null ? {} : { expires: expiresAt }) });
  // A browser that does not take it when a bucket is made (Chromium) may take it now.
  if (persisted && !(await bucket.persisted())) await bucket.persist();
  return true;
}

/** Removes a bucket with all that is in it. */
export async function removeBucket(name: string): Promise<void> {
  await OWN.buckets?.delete(name);
}
