/**
 * The files of LMDB (`data.mdb`, `lock.mdb`) in one folder, opened once for this process however many providers use them: two handles of one environment
 * in one thread would wait for each other for ever. LMDB's lock among processes lets one write at a time and is free again when its holder is killed; that
 * nobody opens the files meanwhile is seen to in `gate.ts`.
 */

import { closeSync, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { access, constants, lstat, mkdir, open as openFile, realpath, stat, statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PspError } from '../../ts/errors.ts';
import { Flushing } from './flushing.ts';
import { openAlone, type Writes } from './gate.ts';

/**
 * What a write waits for. 'full': until it is on the disk, in such an order that the store is whole after a power failure at any moment. 'none': until
 * every reader sees it; a killed process loses nothing, but a power failure can lose the whole store, also what others wrote to it with 'full'.
 */
export type Durability = 'full' | 'none';

/** The part of npm lmdb that is used, with keys and values as bytes. Its own declarations are an error to whoever checks them (TS1203). */
export interface Database {
  /** A view of the value, valid until the next read or wait. */
  getBinaryFast(key: Uint8Array): Uint8Array | undefined;
  getKeys(range: KeyBounds): Iterable<Uint8Array>;
  doesExist(key: Uint8Array): boolean;
  /** Outside of a transaction: when it is committed. */
  put(key: Uint8Array, value: Uint8Array): Promise<boolean>;
  /** For a transaction. */
  removeSync(key: Uint8Array): boolean;
  /** Runs `body` as the only writer; what it gives, when it is committed. */
  transaction<T>(body: () => T): Promise<T>;
  transactionSync<T>(body: () => T): T;
  resetReadTxn(): void;
  readerCheck(): number;
  sync(done: (error?: Error | null) => void): void;
  /** Settles with the commit that the writes of this turn belong to. */
  readonly committed: PromiseLike<unknown>;
  on(event: 'beforecommit', listener: () => void): void;
  close(): Promise<void>;
  readonly env: { info(): { readonly lastPageNumber: number }; stat(): { readonly pageSize: number } };
}

interface KeyBounds {
  readonly start?: Uint8Array;
  readonly exclusiveStart?: boolean;
  readonly end?: Uint8Array;
  readonly limit: number;
}

/** Files that are open. */
export interface Environment {
  readonly database: Database;
  /** Runs `body`, which ends when its writes are committed. Every write goes through here. */
  write<T>(body: () => Promise<T>): Promise<T>;
  /** Resolves when what is committed now is on the disk; at once where nobody waits for that. */
  flush(): Promise<void>;
  /** Rejects when the folder no longer holds the files that are open: what is written would be gone. */
  check(): Promise<void>;
  /** Lets go; the last to do so closes the files, after all commits. */
  release(): Promise<void>;
}

interface Opened {
  readonly database: Database;
  readonly writes: Writes;
}

interface SharedEnvironment {
  readonly opening: Promise<Opened>;
  readonly durability: Durability;
  readonly flushing: Flushing;
  users: number;
  /** Not null from the moment on when the last user let go. */
  closing: Promise<void> | null;
}

const DATA_FILE = 'data.mdb';
const LOCK_FILE = 'lock.mdb';
/** Where the magic number stands in the first two pages, and where the first says how long pages are. */
const MAGIC_AT = 24;
const PAGE_SIZE_AT = 48;
const MAGIC = 0xbeef_c0de;
/** What LMDB writes before the first commit, amply. */
const FIRST_BYTES = 64 * 1024;
/** Each process that reads takes one place. */
const MAX_READERS = 510;

const DONE = Promise.resolve();

/** By folder, resolved. */
const shared = new Map<string, SharedEnvironment>();

/** Opens the environment in the folder `path`, which is made if need be (0700, files 0600). Links in place of the files are refused. */
export async function openEnvironment(path: string, durability: Durability): Promise<Environment> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const folder = await realpath(path);
  const environment = await take(folder, durability);
  let opened: Opened;
  let identity: string;
  try {
    opened = await environment.opening;
    identity = await identityOf(folder);
  } catch (error) {
    await release(folder, environment);
    throw error;
  }
  const { database, writes } = opened;
  return {
    database,
    write: (body) => writes.run(body),
    flush: () => (durability === 'full' ? environment.flushing.join(database) : DONE),
    async check() {
      if ((await identityOf(folder)) !== identity) throw new PspError('PROVIDER_UNAVAILABLE', 'lmdb: the files of the store were replaced');
    },
    release: () => release(folder, environment),
  };
}

/** One more user of the environment that is open in this process, or the first of a new one. */
async function take(folder: string, durability: Durability): Promise<SharedEnvironment> {
  let environment = shared.get(folder);
  while (environment?.closing) {
    await environment.closing.catch(() => undefined); // Its last user is told.
    environment = shared.get(folder);
  }
  environment ??= { opening: openFiles(folder, durability), durability, flushing: new Flushing(), users: 0, closing: null };
  if (environment.durability !== durability) {
    throw new PspError('PROVIDER_UNAVAILABLE', `lmdb: this process has the store open with durability '${environment.durability}'`);
  }
  shared.set(folder, environment);
  environment.users += 1;
  return environment;
}

async function release(folder: string, environment: SharedEnvironment): Promise<void> {
  environment.users -= 1;
  if (environment.users > 0) return;
  environment.closing = closeDatabase(environment).finally(() => shared.delete(folder));
  await environment.closing;
}

async function closeDatabase({ opening, flushing }: SharedEnvironment): Promise<void> {
  const opened = await opening.catch(() => null); // Whoever asked for it was told.
  if (opened === null) return;
  const { database, writes } = opened;
  try {
    await flushing.join(database);
  } finally {
    await database.close();
    writes.close();
  }
}

function openFiles(folder: string, durability: Durability): Promise<Opened> {
  return openAlone(folder, async (writes) => ({ database: await openDatabase(folder, durability), writes }));
}

async function openDatabase(folder: string, durability: Durability): Promise<Database> {
  await checkFiles(folder);
  const { open } = createRequire(import.meta.url)('lmdb') as { open(options: object): Database };
  const database = open({
    path: folder,
    noSubdir: false, // Also where the folder's name has a dot in it.
    encoding: 'binary',
    keyEncoding: 'binary',
    maxReaders: MAX_READERS,
    permissionsMode: 0o600,
    overlappingSync: false,
    noSync: durability === 'none',
    // A commit syncs its pages, then writes the page that makes them count, and tells the other processes. With the last sync in between, most writers that
    // are killed would be killed there, and their write would come to light only with the next one, whoever makes it. So that sync is ours: `flush`.
    noMetaSync: true,
  });
  ignoreInnerPromises(database);
  try {
    fillCut(database, join(folder, DATA_FILE));
    // LMDB makes its files durable, not their names.
    if (durability === 'full') for (const path of [folder, dirname(folder)]) await syncFolder(path);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

/** The promise that lmdb makes for each turn is nobody's: when a commit fails, its rejection would end the process. Those of the writes are ours. */
function ignoreInnerPromises(database: Database): void {
  const ignore = (): void => undefined;
  database.on('beforecommit', () => queueMicrotask(() => void database.committed.then(ignore, ignore)));
}

/**
 * Finds beforehand what would make the opening fail: in lmdb 3.5 an opening that fails frees its memory twice and ends the process. Files that are missing
 * are made.
 */
async function checkFiles(folder: string): Promise<void> {
  for (const name of [DATA_FILE, LOCK_FILE]) {
    const path = join(folder, name);
    // Never opened when it is there: closing it would give up the locks that this process has on it.
    if (await isThere(path)) await access(path, constants.R_OK | constants.W_OK);
    else await makeFile(path);
  }
  const handle = await openFile(join(folder, DATA_FILE), 'r');
  try {
    const { size } = await handle.stat();
    if (size === 0) return await checkRoom(folder);
    const header = Buffer.alloc(64);
    await handle.read(header, 0, header.length, 0);
    const pageSize = header.readUInt32LE(PAGE_SIZE_AT);
    const second = Buffer.alloc(64);
    await handle.read(second, 0, second.length, pageSize);
    if ([header, second].some((page) => page.readUInt32LE(MAGIC_AT) !== MAGIC) || size < 2 * pageSize) {
      throw new PspError('PROVIDER_CORRUPT', 'lmdb: the file of the store is none of LMDB, or damaged in its first pages');
    }
  } finally {
    await handle.close();
  }
}

/** False when nothing has this name. `PROVIDER_CORRUPT` for a link, or whatever else is no file. */
async function isThere(path: string): Promise<boolean> {
  try {
    if ((await lstat(path)).isFile()) return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  throw new PspError('PROVIDER_CORRUPT', 'lmdb: expected a file of the store, found something else in its place');
}

async function makeFile(path: string): Promise<void> {
  try {
    await (await openFile(path, 'wx', 0o600)).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // Another process was first.
  }
}

async function checkRoom(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= FIRST_BYTES) return;
  throw new PspError('PROVIDER_UNAVAILABLE', 'lmdb: could not open the store: ENOSPC', { details: { systemCode: 'ENOSPC' } });
}

/**
 * Makes a file that was cut as long as it says it is. LMDB reads it through memory, where what is missing would end the process by a signal; zeros are no
 * pages of LMDB, which it finds and says. A file may also be short because its last pages are free.
 */
function fillCut(database: Database, file: string): void {
  // As the only writer: another one may be just about to make the file longer.
  database.transactionSync(() => {
    const bytes = (database.env.info().lastPageNumber + 1) * database.env.stat().pageSize;
    const descriptor = openSync(file, 'r+');
    try {
      if (fstatSync(descriptor).size < bytes) ftruncateSync(descriptor, bytes);
    } finally {
      closeSync(descriptor);
    }
  });
}

async function syncFolder(path: string): Promise<void> {
  const handle = await openFile(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function identityOf(folder: string): Promise<string> {
  const { dev, ino } = await stat(join(folder, DATA_FILE), { bigint: true });
  return `${dev}:${ino}`;
}
