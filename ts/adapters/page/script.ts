/**
 * What runs inside a page, in an isolated world that the page's own scripts cannot reach or replace. `scripts/build-page.mjs` bundles this file
 * into one string; `page-world.ts` evaluates it and calls the functions below by name. JSON crosses, so bytes go as Base64.
 */
import { decodeBase64, encodeBase64 } from '../../kernel/portable/base64.ts';
import { addPiece, nextPiece } from './bodies.ts';
import { bucketNames, removeBucket, replaceBucket, useBucket } from './buckets.ts';
import { cacheNames, closeCache, openCache, putInCache, readCacheBody, replaceCaches } from './caches.ts';
import { databaseNames, deleteDatabase, lookAtDatabase, type StoreSchema, tryKeyGenerator } from './database.ts';
import { listFiles, readFile, replaceDirectories, writeFile } from './files.ts';
import { listFrames } from './frames.ts';
import { readPermissions } from './permissions.ts';
import { beginDatabase, closeDatabase, type DatabaseBegun, nextRecords, openDatabase, type RecordsPart } from './records-read.ts';
import {
  abandonDatabase,
  advanceKeyGenerator,
  createDatabase,
  finishDatabase,
  missingRecords,
  putRecords,
  reopenDatabase,
  restoreDatabase,
  type StoreWrite,
} from './records-write.ts';
import { readNearStates, type StateRead } from './states.ts';
import { readTab, renameEntry, type TabRead, writeTab } from './tab.ts';
import { readStorage, writeStorage } from './web-storage.ts';
import { listWorkers, registerWorker, unregisterWorkers } from './workers.ts';

/** A part of a store's records as it crosses. */
export type PartText = Omit<RecordsPart, 'bytes'> & { readonly bytes: string };

/** A store to be written, as it crosses. */
export type StoreText = Omit<StoreWrite, 'records'> & { readonly records: string };

/** What can be called by its name. */
interface SingleCalls {
  readStorage: typeof readStorage;
  writeStorage: typeof writeStorage;
  databaseNames: typeof databaseNames;
  openDatabase: typeof openDatabase;
  beginDatabase(name: string, timeoutMs: number): Promise<(Omit<DatabaseBegun, 'parts'> & { readonly parts: readonly PartText[] }) | null>;
  nextRecords(): Promise<PartText[]>;
  closeDatabase: typeof closeDatabase;
  createDatabase(name: string, version: number, stores: readonly StoreSchema[], timeoutMs: number): Promise<void>;
  reopenDatabase: typeof reopenDatabase;
  restoreDatabase(name: string, version: number, stores: readonly StoreText[], timeoutMs: number): ReturnType<typeof restoreDatabase>;
  putRecords(store: string, records: string, isReadBack: boolean): ReturnType<typeof putRecords>;
  missingRecords(store: string, records: string): Promise<number[]>;
  advanceKeyGenerator: typeof advanceKeyGenerator;
  finishDatabase: typeof finishDatabase;
  abandonDatabase: typeof abandonDatabase;
  lookAtDatabase: typeof lookAtDatabase;
  tryKeyGenerator: typeof tryKeyGenerator;
  deleteDatabase: typeof deleteDatabase;
  bucketNames: typeof bucketNames;
  useBucket: typeof useBucket;
  replaceBucket: typeof replaceBucket;
  removeBucket: typeof removeBucket;
  cacheNames: typeof cacheNames;
  openCache: typeof openCache;
  readCacheBody: typeof readCacheBody;
  closeCache: typeof closeCache;
  replaceCaches: typeof replaceCaches;
  putInCache: typeof putInCache;
  listFiles: typeof listFiles;
  readFile: typeof readFile;
  replaceDirectories: typeof replaceDirectories;
  writeFile: typeof writeFile;
  nextPiece(slot: string): Promise<string | null>;
  addPiece(slot: string, piece: string): void;
  readNearStates(): Promise<(Omit<StateRead, 'state'> & { readonly state: string | null })[]>;
  listFrames: typeof listFrames;
  readTab(): Promise<Omit<TabRead, 'state'> & { readonly state: string | null }>;
  renameEntry: typeof renameEntry;
  writeTab(name: string | null, title: string | null, state: string | null): ReturnType<typeof writeTab>;
  listWorkers: typeof listWorkers;
  readPermissions: typeof readPermissions;
  unregisterWorkers: typeof unregisterWorkers;
  registerWorker: typeof registerWorker;
}

/** The calls a driver can make, by name. */
export interface PageCalls extends SingleCalls {
  answerAll: typeof answerAll;
}

/** A call by name, with its arguments. */
export type PageCall = { readonly [N in keyof SingleCalls]: readonly [N, ...Parameters<SingleCalls[N]>] }[keyof SingleCalls];

const calls: PageCalls = {
  answerAll,
  readStorage,
  writeStorage,
  databaseNames,
  openDatabase,
  async beginDatabase(name, timeoutMs) {
    const begun = await beginDatabase(name, timeoutMs);
    return begun === null ? null : { ...begun, parts: begun.parts.map(partText) };
  },
  nextRecords: async () => (await nextRecords()).map(partText),
  closeDatabase,
  createDatabase,
  reopenDatabase,
  restoreDatabase: (name, version, stores, timeoutMs) =>
    restoreDatabase(
      name,
      version,
      stores.map((store) => ({ ...store, records: fromText(store.records) })),
      timeoutMs,
    ),
  putRecords: (store, records, isReadBack) => putRecords(store, fromText(records), isReadBack),
  missingRecords: (store, records) => missingRecords(store, fromText(records)),
  advanceKeyGenerator,
  finishDatabase,
  abandonDatabase,
  lookAtDatabase,
  tryKeyGenerator,
  deleteDatabase,
  bucketNames,
  useBucket,
  replaceBucket,
  removeBucket,
  cacheNames,
  openCache,
  readCacheBody,
  closeCache,
  replaceCaches,
  putInCache,
  listFiles,
  readFile,
  replaceDirectories,
  writeFile,
  async nextPiece(slot) {
    const piece = await nextPiece(slot);
    return piece === null ? null : toText(piece);
  },
  addPiece: (slot, piece) => addPiece(slot, fromText(piece)),
  readNearStates: async () => (await readNearStates()).map((read) => ({ ...read, state: read.state === null ? null : toText(read.state) })),
  listFrames,
  async readTab() {
    const read = await readTab();
    return { ...read, state: read.state === null ? null : toText(read.state) };
  },
  renameEntry,
  writeTab: (name, title, state) => writeTab(name, title, state === null ? null : fromText(state)),
  listWorkers,
  readPermissions,
  unregisterWorkers,
  registerWorker,
};

function partText(part: RecordsPart): PartText {
  return { ...part, bytes: toText(part.bytes) };
}

interface NativeBase64 {
  toBase64?(): string;
}

/** The engine's own codec where there is one: several times faster (facts/codec.md A2). */
function toText(bytes: Uint8Array): string {
  return (bytes as NativeBase64).toBase64?.() ?? new TextDecoder().decode(encodeBase64(bytes));
}

function fromText(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as unknown as { fromBase64?(text: string): Uint8Array<ArrayBuffer> }).fromBase64;
  return native === undefined ? decodeBase64(new TextEncoder().encode(text)) : native.call(Uint8Array, text);
}

/**
 * Runs several functions: the first by itself, then all others at once. Their answers in the same order; null in the place of one that takes longer than
 * `limitMs`.
 */
async function answerAll(several: readonly PageCall[], limitMs: number): Promise<(PageAnswer | null)[]> {
  const [first, ...others] = several.map(
    ([name, ...args]) =>
      (): Promise<PageAnswer | null> =>
        within(limitMs, answer(name, args)),
  );
  if (first === undefined) return [];
  const head = await first();
  return [head, ...(await Promise.all(others.map((other) => other())))];
}

function within<T>(limitMs: number, work: Promise<T>): Promise<T | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), limitMs);
    work.then((result) => {
      clearTimeout(timer);
      resolve(result);
    });
  });
}

/** How an answer crosses: a value, or the name of what was thrown. Messages stay behind: a platform's may quote what the page stores. */
export type PageAnswer = { readonly value: unknown } | { readonly error: string };

/** Runs a function by its name. Never rejects. */
export async function answer(name: keyof PageCalls, args: readonly unknown[]): Promise<PageAnswer> {
  try {
    const call = calls[name] as (...args: readonly unknown[]) => unknown;
    return { value: await call(...args) };
  } catch (error) {
    return { error: error instanceof Error || error instanceof DOMException ? error.name : 'Error' };
  }
}
