/**
 * What runs inside a page, in an isolated world that the page's own scripts cannot reach or replace. `scripts/build-page.mjs` bundles this file
 * into one string; `page-world.ts` evaluates it and calls the functions below by name. JSON crosses, so bytes go as Base64.
 */
import { decodeBase64, encodeBase64 } from '../../kernel/portable/base64.ts';
import { addPiece, nextPiece } from './bodies.ts';
import { bucketNames, removeBucket, replaceBucket, useBucket } from './buckets.ts';
import { cacheNames, closeCache, openCache, putInCache, readCacheBody, replaceCaches } from './caches.ts';
import { databaseNames, deleteDatabase, type StoreSchema, tryKeyGenerator } from './database.ts';
import { listFiles, readFile, replaceDirectories, writeFile } from './files.ts';
import { readPermissions } from './permissions.ts';
import { closeDatabase, digestRecords, nextRecords, openDatabase, type RecordsPart } from './records-read.ts';
import { advanceKeyGenerator, createDatabase, finishDatabase, missingRecords, putRecords, reopenDatabase } from './records-write.ts';
import { readNearStates, type StateRead } from './states.ts';
import { readTab, renameEntry, type TabRead, writeTab } from './tab.ts';
import { readStorage, writeStorage } from './web-storage.ts';
import { listWorkers, registerWorker, unregisterWorkers } from './workers.ts';

/** A part of a store's records as it crosses. */
export type PartText = Omit<RecordsPart, 'bytes'> & { readonly bytes: string };

/** The calls a driver can make, by name. */
export interface PageCalls {
  readStorage: typeof readStorage;
  writeStorage: typeof writeStorage;
  databaseNames: typeof databaseNames;
  openDatabase: typeof openDatabase;
  nextRecords(): Promise<PartText[]>;
  digestRecords: typeof digestRecords;
  closeDatabase: typeof closeDatabase;
  createDatabase(name: string, version: number, stores: readonly StoreSchema[], timeoutMs: number): Promise<void>;
  reopenDatabase: typeof reopenDatabase;
  putRecords(store: string, records: string): ReturnType<typeof putRecords>;
  missingRecords(store: string, records: string): Promise<number[]>;
  advanceKeyGenerator: typeof advanceKeyGenerator;
  finishDatabase: typeof finishDatabase;
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
  readTab(): Promise<Omit<TabRead, 'state'> & { readonly state: string | null }>;
  renameEntry: typeof renameEntry;
  writeTab(name: string | null, title: string | null, state: string | null): ReturnType<typeof writeTab>;
  listWorkers: typeof listWorkers;
  readPermissions: typeof readPermissions;
  unregisterWorkers: typeof unregisterWorkers;
  registerWorker: typeof registerWorker;
}

const calls: PageCalls = {
  readStorage,
  writeStorage,
  databaseNames,
  openDatabase,
  nextRecords: async () => (await nextRecords()).map((part) => ({ ...part, bytes: toText(part.bytes) })),
  digestRecords,
  closeDatabase,
  createDatabase,
  reopenDatabase,
  putRecords: (store, records) => putRecords(store, fromText(records)),
  missingRecords: (store, records) => missingRecords(store, fromText(records)),
  advanceKeyGenerator,
  finishDatabase,
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
