/** Storage buckets of the hard site (Storage Buckets API), where a browser has them. */
import type { PageCell } from '../cell.ts';
import { lookAtCaches, seedOwnCache } from './caches.ts';
import { lookAtOwnDatabase, seedOwnDatabase } from './databases.ts';
import { lookAtFiles, seedOwnFile } from './files.ts';

interface Bucket {
  readonly name: string;
  readonly indexedDB: IDBFactory;
  readonly caches: CacheStorage;
  getDirectory(): Promise<FileSystemDirectoryHandle>;
  persisted(): Promise<boolean>;
  /** Chromium has none. */
  durability?(): Promise<string>;
  expires(): Promise<number | null>;
}

interface Buckets {
  keys(): Promise<string[]>;
  open(name: string, options?: object): Promise<Bucket>;
}

const GROUP = 'storage buckets';

function buckets(): Buckets | undefined {
  return (navigator as unknown as { storageBuckets?: Buckets }).storageBuckets;
}

/** Two: one strict that expires, with something of everything, and one that is empty. */
export async function seedBuckets(expiresAt: number): Promise<void> {
  const bucket = await buckets()?.open('strict', { durability: 'strict', expires: expiresAt });
  if (bucket === undefined) return;
  await seedOwnDatabase('bucket', bucket.indexedDB);
  await seedOwnCache('bucket', bucket.caches);
  await seedOwnFile('bucket', await bucket.getDirectory());
  await buckets()?.open('empty');
}

/** Each bucket's policy, and what is in it. */
export async function lookAtBuckets(): Promise<PageCell[]> {
  const cells: PageCell[] = [];
  for (const name of (await buckets()?.keys()) ?? []) {
    const bucket = (await buckets()!.open(name))!;
    const policy = [
      `durability ${await bucket.durability?.()}`,
      `persisted ${await bucket.persisted()}`,
      `expires ${await bucket.expires()}`,
    ].join(', ');
    const own = { group: GROUP, kind: 'storageBucket', within: [`bucket ${name}`, name] } as const;
    cells.push({ ...own, name, seen: policy });
    const inside = [
      ...(await lookAtOwnDatabase(GROUP, bucket.indexedDB)),
      ...(await lookAtCaches(GROUP, bucket.caches)),
      ...(await lookAtFiles(GROUP, await bucket.getDirectory())),
    ];
    // Kinds of their own, at a place of their own.
    for (const cell of inside) {
      const within = [`bucket ${name}`, ...(cell.within ?? []).map((item) => `bucket ${name} ${item}`)];
      cells.push({ ...cell, name: `${name} ${cell.name}`, within });
    }
  }
  return cells;
}
