/**
 * What every storage bucket of a key has, the default one too: databases, caches and private files (Storage Standard, section 4.6). Read for a capture;
 * written and read back for a restore.
 */
import type { OriginStorage, StorageCoverage } from '../session/session.ts';
import { captureCaches, restoreCaches } from './caches.ts';
import type { Ways } from './choice.ts';
import { captureDatabases } from './databases.ts';
import { captureFiles, restoreFiles } from './files.ts';
import type { InterceptedPage, Standing } from './intercept.ts';
import type { Operation } from './operation.ts';
import { restoreDatabases } from './restored-databases.ts';

/** What a bucket holds, and how far that is known. */
export interface CapturedRooms {
  readonly storage: Pick<OriginStorage, 'indexedDB' | 'caches' | 'files'>;
  readonly coverage: Pick<StorageCoverage, 'indexedDB' | 'caches' | 'files'>;
}

/** Reads all three. What fails (a database, a cache, a file) is an entry of the report and makes the coverage partial. */
export async function captureRooms(operation: Operation, at: Standing, place: string): Promise<CapturedRooms> {
  const { databases, extent } = (await operation.part({ outcome: 'lost', kind: 'indexedDB', place }, () =>
    captureDatabases(operation, at, place),
  )) ?? { databases: [], extent: 'unvisited' as const };
  const { caches, extent: cachesExtent } = (await operation.part({ outcome: 'lost', kind: 'cacheStorage', place }, () =>
    captureCaches(operation, { ...at, place }),
  )) ?? { caches: [], extent: 'unvisited' as const };
  const { files, extent: filesExtent } = (await operation.part({ outcome: 'lost', kind: 'fileSystem', place }, () =>
    captureFiles(operation, at.world, place),
  )) ?? { files: [], extent: 'unvisited' as const };
  return {
    storage: {
      indexedDB: databases,
      ...(cachesExtent === 'unvisited' ? {} : { caches }),
      ...(filesExtent === 'unvisited' ? {} : { files }),
    },
    coverage: { indexedDB: extent, caches: cachesExtent, files: filesExtent },
  };
}

/** How much of a bucket was found right when it was read back. */
export interface RestoredRooms {
  readonly databases: number;
  readonly records: number;
  readonly cacheEntries: number;
  readonly files: number;
}

/**
 * Writes all three, each as `ways` says, and reads them back. Databases that are to be replaced must be gone. What is not there as captured is an entry of the
 * report.
 */
export async function restoreRooms(
  operation: Operation,
  at: Standing,
  { indexedDB, caches, files }: Pick<OriginStorage, 'indexedDB' | 'caches' | 'files'>,
  ways: Ways,
  place: string,
  answer: InterceptedPage['answer'] | null,
): Promise<RestoredRooms> {
  const { databases, records } = (await operation.part({ outcome: 'lost', kind: 'indexedDB', place }, () =>
    restoreDatabases(operation, at, place, ways.indexedDB === 'leave' ? [] : indexedDB, ways.indexedDB === 'add'),
  )) ?? { databases: 0, records: 0 };
  const cacheEntries =
    caches === undefined || ways.caches === 'leave'
      ? 0
      : await operation.part({ outcome: 'lost', kind: 'cacheStorage', place }, () =>
          restoreCaches(operation, { ...at, place }, answer, caches, ways.caches === 'add'),
        );
  const restoredFiles =
    files === undefined || ways.files === 'leave'
      ? 0
      : await operation.part({ outcome: 'lost', kind: 'fileSystem', place }, () =>
          restoreFiles(operation, at.world, place, files, ways.files === 'add'),
        );
  return { databases, records, cacheEntries: cacheEntries ?? 0, files: restoredFiles ?? 0 };
}
