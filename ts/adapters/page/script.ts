/**
 * What runs inside a page, in an isolated world that the page's own scripts cannot reach or replace. `scripts/build-page.mjs` bundles this file
 * into one string; `page-world.ts` evaluates it and calls the functions below by name. JSON crosses, so bytes go as Base64.
 */
import { decodeBase64, encodeBase64 } from '../../kernel/portable/base64.ts';
import { addPiece, nextPiece } from './bodies.ts';
import { cacheNames, closeCache, openCache, putInCache, readCacheBody, replaceCaches } from './caches.ts';
import { advanceKeyGenerator, createDatabase, databaseNames, putRecords, readDatabase, type StoreSchema, takeChunk } from './database.ts';
import { listFiles, readFile, replaceDirectories, writeFile } from './files.ts';
import { readTab, renameEntry, type TabRead, writeTab } from './tab.ts';
import { countUncarried } from './uncarried.ts';
import { readStorage, writeStorage } from './web-storage.ts';

/** The calls a driver can make, by name. */
export interface PageCalls {
  readStorage: typeof readStorage;
  writeStorage: typeof writeStorage;
  databaseNames: typeof databaseNames;
  readDatabase: typeof readDatabase;
  takeChunk(database: string, store: string): string | null;
  createDatabase(name: string, version: number, stores: readonly StoreSchema[], timeoutMs: number): Promise<void>;
  putRecords(database: string, store: string, records: string, timeoutMs: number): ReturnType<typeof putRecords>;
  advanceKeyGenerator: typeof advanceKeyGenerator;
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
  readTab(): Promise<Omit<TabRead, 'state'> & { readonly state: string | null }>;
  renameEntry: typeof renameEntry;
  writeTab(name: string | null, title: string | null, state: string | null): ReturnType<typeof writeTab>;
  countUncarried: typeof countUncarried;
}

const calls: PageCalls = {
  readStorage,
  writeStorage,
  databaseNames,
  readDatabase,
  takeChunk(database, store) {
    const chunk = takeChunk(database, store);
    return chunk === null ? null : toText(chunk);
  },
  createDatabase,
  putRecords: (database, store, records, timeoutMs) => putRecords(database, store, fromText(records), timeoutMs),
  advanceKeyGenerator,
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
  async readTab() {
    const read = await readTab();
    return { ...read, state: read.state === null ? null : toText(read.state) };
  },
  renameEntry,
  writeTab: (name, title, state) => writeTab(name, title, state === null ? null : fromText(state)),
  countUncarried,
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

async function answer(name: keyof PageCalls, args: readonly unknown[]): Promise<PageAnswer> {
  try {
    const call = calls[name] as (...args: readonly unknown[]) => unknown;
    return { value: await call(...args) };
  } catch (error) {
    return { error: error instanceof Error || error instanceof DOMException ? error.name : 'Error' };
  }
}

(globalThis as { __persistentSessions?: typeof answer }).__persistentSessions = answer;
