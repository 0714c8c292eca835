/**
 * One writer at a time for one key, across processes, without a daemon and without `flock`, which Node does not have. Each writer
 * has one file that holds its name (owner.ts); it takes a lock by linking this file into the lock's place. Three facts carry it:
 *
 * 1. `link` refuses a name that is taken, and the file has its text before it gets the name. So of several that try exactly one
 *    succeeds, and a lock always tells its owner, whole.
 * 2. An owner's name is unique for ever and a dead owner takes nothing any more. So the lock of a dead owner stays what it is
 *    until somebody removes it.
 * 3. It is removed only by who holds the lock `<dead owner>.claim`, after a second look at what is there. So two waiters that
 *    both judge a lock left behind cannot remove the lock of a third; a claim of a dead owner is removed in the same way.
 *
 *     <owner>.owner  --link-->  k-….lock  --unlink-->  (nothing)
 *
 * Needs a file system with hard links. Not covered: a store shared by machines or containers. Their processes cannot be seen from
 * here, so their locks count as left behind when their owner took or gave back none for {@link ABANDONED_AFTER_MS}; a writer checks
 * that it still has the lock right before it renames. Nor a worker thread that is ended in the middle of a write while its process
 * lives on: the key stays locked until the process ends.
 */

import { type BigIntStats, linkSync, lstatSync, unlinkSync } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PspError } from '../../ts/errors.ts';
import { hasCode } from './failure.ts';
import { fillNewFile, readText, removeFile, writeFully } from './file.ts';
import { isOwner, judgeOwner, MAX_OWNER_BYTES, newOwner } from './owner.ts';

/** Age at which what an owner left that cannot be judged by its process counts as left behind. A write holds a lock for milliseconds. */
export const ABANDONED_AFTER_MS: number = 15 * 60_000;

/** A lock that is held. */
export interface HeldLock {
  /** Returns when this lock is still ours, else `PROVIDER_UNAVAILABLE`: this process stood still so long that it was given up. */
  check(): Promise<void>;
}

/** How long to wait for a lock, and what time it is. */
export interface LockOptions {
  /** Real milliseconds to wait before `PROVIDER_UNAVAILABLE`. */
  readonly waitMs: number;
  /** Milliseconds since the epoch, to compare with file times. */
  readonly now: () => number;
  /** Who takes it; without it somebody made for this lock alone, in its directory. */
  readonly owner?: LockOwner;
}

// Longest pause between two tries. Pauses are random so that waiters do not move in step.
const MAX_PAUSE_MS = 25;

// A lock that was seen to be ours this recently is given back without another look.
const FRESH_MS = 1000;

/** Who takes locks: a file in `directory`, on the file system of the locks, made when the first is taken. */
export class LockOwner {
  readonly #directory: string;
  #file: Promise<OwnFile> | null = null;
  #unnamed: FileHandle | null = null;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Takes the lock at `path` if it is free; null when it is not. */
  async take(path: string): Promise<TakenLock | null> {
    for (let isSecond = false; ; isSecond = true) {
      const own = await this.#open();
      try {
        linkSync(own.path, path);
        return { ...own, path };
      } catch (error) {
        if (hasCode(error, 'EEXIST')) return null;
        // Somebody who could not see this process has swept the file; or the lock's directory is gone.
        if (isSecond || !hasCode(error, 'ENOENT')) throw error;
        await this.close();
      }
    }
  }

  /** Removes the file, for an owner that has the only lock it needs. */
  async unname(): Promise<void> {
    const { path } = await this.#open();
    // Open, so that no other file gets the number by which the lock is known to be ours. Named, it needs no such thing.
    this.#unnamed = await open(path, 'r');
    await removeFile(path);
  }

  /** Removes the file, if there is one. Locks that are held stay held; the next one is taken with another file. */
  async close(): Promise<void> {
    const [file, unnamed] = [this.#file, this.#unnamed];
    this.#file = null;
    this.#unnamed = null;
    await unnamed?.close();
    if (file !== null) await removeFile((await file).path);
  }

  #open(): Promise<OwnFile> {
    const file = this.#file ?? makeOwnFile(this.#directory);
    this.#file = file;
    // Who waits for it is told; the next one tries again.
    file.catch(() => {
      if (this.#file === file) this.#file = null;
    });
    return file;
  }
}

// Providers of one root in one process share an owner, so that many of them leave one file.
const sharedOwners = new Map<string, { readonly owner: LockOwner; users: number }>();

/** The owner of this process for locks below `directory`. Each call goes with one of {@link returnOwner}. */
export function borrowOwner(directory: string): LockOwner {
  const shared = sharedOwners.get(directory) ?? { owner: new LockOwner(directory), users: 0 };
  sharedOwners.set(directory, shared);
  shared.users++;
  return shared.owner;
}

/** Gives back what {@link borrowOwner} gave; its file goes with the last user. */
export async function returnOwner(directory: string): Promise<void> {
  const shared = sharedOwners.get(directory);
  if (shared === undefined || --shared.users > 0) return;
  sharedOwners.delete(directory);
  await shared.owner.close();
}

/** A name of an owner's file, and by what the file is known. */
interface OwnFile {
  readonly path: string;
  readonly dev: bigint;
  readonly ino: bigint;
}

/** A lock that an owner took: another name of its file. */
export type TakenLock = OwnFile;

/** Whether the lock is still what was taken. */
export function isHeld({ path, dev, ino }: TakenLock): boolean {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return found !== undefined && found.ino === ino && found.dev === dev;
}

/**
 * Runs `body` while nobody else holds the lock at `path`, then gives it back, also when `body` fails. The directory of `path` must
 * exist. `PROVIDER_UNAVAILABLE` when the lock is not free within `waitMs`; costs two system calls, and one for each check, when nobody
 * competes.
 */
export async function withLock<T>(path: string, options: LockOptions, body: (lock: HeldLock) => Promise<T>): Promise<T> {
  if (options.owner !== undefined) return withLockOf(options.owner, path, options, body);
  const owner = new LockOwner(dirname(path));
  try {
    return await withLockOf(owner, path, options, async (lock) => {
      await owner.unname(); // Now: a process that is killed leaves its lock, which the next one finds, and nothing else.
      return body(lock);
    });
  } finally {
    await owner.close();
  }
}

/**
 * Removes the lock or claim at `path` when its owner is dead or abandoned. Safe to call at any time, from any number of processes,
 * however old the judgement is when it is carried out. Gives what is known of it then: 'gone' also when somebody else was faster,
 * 'foreign' for what names no owner: that is not ours, stays, and keeps the lock taken.
 */
export async function clearLeftLock(path: string, owner: LockOwner, now: number): Promise<'gone' | 'held' | 'foreign'> {
  const holder = await readText(path, MAX_OWNER_BYTES + 1);
  if (holder === null) return 'gone';
  if (!isOwner(holder)) return 'foreign';
  if (!(await isAbandoned(path, holder, now))) return 'held';
  const claim = join(dirname(path), `${holder}.claim`);
  if ((await owner.take(claim)) === null) {
    await clearLeftLock(claim, owner, now);
    return 'held'; // Until whoever has the claim is done, or the next try.
  }
  try {
    if ((await readText(path, MAX_OWNER_BYTES + 1)) === holder) await removeFile(path);
    return 'gone';
  } finally {
    await removeFile(claim);
  }
}

/** True when nobody took or gave back a lock with, or wrote, the file at `path` since `time`. False when it is not there. */
export async function isOlderThan(path: string, time: number): Promise<boolean> {
  const found = await lookAt(path);
  return found !== null && Math.max(Number(found.mtimeMs), Number(found.ctimeMs)) < time;
}

/** True when the file at `path`, named by `owner`, will not be missed: its process is dead, or cannot be judged and the file is old. */
export async function isAbandoned(path: string, owner: string, now: number): Promise<boolean> {
  const state = await judgeOwner(owner);
  return state === 'unknown' ? isOlderThan(path, now - ABANDONED_AFTER_MS) : state === 'dead';
}

async function withLockOf<T>(
  owner: LockOwner,
  path: string,
  { waitMs, now }: LockOptions,
  body: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  // A monotonic clock, not the caller's: this is about how long a person waits, not about what time it is.
  const deadline = performance.now() + waitMs;
  let taken = await owner.take(path);
  for (let attempt = 0; taken === null; attempt++) {
    const left = await clearLeftLock(path, owner, now());
    if (left === 'foreign') throw foreign();
    if (left === 'held') {
      if (performance.now() >= deadline) throw busy(waitMs);
      await pause(Math.random() * Math.min(MAX_PAUSE_MS, 2 ** Math.min(attempt, 5)));
    }
    taken = await owner.take(path);
  }
  const lock = taken;
  let seenAt = performance.now();
  const check = async (): Promise<void> => {
    if (!isHeld(lock)) throw givenUp();
    seenAt = performance.now();
  };
  let result: T;
  try {
    result = await body({ check });
  } catch (error) {
    // The body's failure is the one to report.
    if (isHeld(lock)) await removeFile(path).catch(() => undefined);
    throw error;
  }
  if (performance.now() - seenAt < FRESH_MS || isHeld(lock)) giveBack(path);
  return result;
}

// Here and now, as the link: the file has another name, or is open, so nothing is freed.
function giveBack(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

async function makeOwnFile(directory: string): Promise<OwnFile> {
  const name = newOwner();
  const path = join(directory, `${name}.owner`);
  // On the disk before the first link to it: a lock without its text after a power cut would be taken for ever.
  const { dev, ino } = await fillNewFile(path, 'file', async (file) => {
    await writeFully(file, Buffer.from(name));
    return file.stat({ bigint: true });
  });
  return { path, dev, ino };
}

async function lookAt(path: string): Promise<BigIntStats | null> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function givenUp(): PspError {
  return new PspError('PROVIDER_UNAVAILABLE', 'filesystem: the lock of the key was given up for abandoned before the write was done');
}

function foreign(): PspError {
  return new PspError(
    'PROVIDER_UNAVAILABLE',
    'filesystem: expected no file or a lock in the place of the lock of the key, found something else',
  );
}

function busy(waitMs: number): PspError {
  return new PspError('PROVIDER_UNAVAILABLE', 'filesystem: the lock of the key did not become free in time', {
    details: { waitMs },
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
