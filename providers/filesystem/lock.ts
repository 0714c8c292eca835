/**
 * One writer at a time for one key, across processes, without a daemon and without `flock`, which Node does not have. The lock
 * is a directory with one file in it, whose name tells the owner (owner.ts). It is taken and recovered by three facts of POSIX:
 *
 * 1. `rename` puts a directory in the place of an absent or *empty* one, in one step, and refuses when it is not empty. So a
 *    prepared directory that already names its owner becomes the lock whole, and of several that try exactly one succeeds.
 * 2. An owner's name is unique for ever. Removing a dead owner's file from the lock by name is harmless when somebody else did
 *    it before, and cannot hit the next owner: two waiters that both judge a lock stale cannot both end up with it.
 * 3. `rmdir` refuses a directory that is not empty, so clearing away a free lock cannot take one that was just taken.
 *
 *     <owner>.claim/<owner>   --rename-->   k-….lock/<owner>   --unlink, rmdir-->   (nothing)
 *
 * Not covered: a store shared by machines or containers. Their processes cannot be seen from here, so their locks count as
 * left behind after {@link ABANDONED_AFTER_MS}; a writer checks that it still has the lock right before it renames. Nor a worker
 * thread that is ended in the middle of a write while its process lives on: the key stays locked until the process ends.
 */

import { lstat, mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PspError } from '../../ts/errors.ts';
import { hasCode } from './failure.ts';
import { removeFile, writeNewFile } from './file.ts';
import { isOwner, judgeOwner, newOwner } from './owner.ts';

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
}

// Longest pause between two tries. Pauses are random so that waiters do not move in step.
const MAX_PAUSE_MS = 25;

/**
 * Runs `body` while nobody else holds the lock at `path`, then gives it back, also when `body` fails. The directory of `path` must
 * exist. `PROVIDER_UNAVAILABLE` when the lock is not free within `waitMs`; costs six system calls when nobody competes.
 */
export async function withLock<T>(path: string, options: LockOptions, body: (lock: HeldLock) => Promise<T>): Promise<T> {
  const owner = newOwner();
  const held = join(path, owner);
  await takeLock(path, owner, options);
  let result: T;
  try {
    result = await body({ check: () => checkHeld(held) });
  } catch (error) {
    await releaseLock(path, owner).catch(() => undefined); // The body's failure is the one to report.
    throw error;
  }
  await releaseLock(path, owner);
  return result;
}

/**
 * Removes from a lock or claim directory every owner that is dead or abandoned. True when one was removed, by whomever. Safe to
 * call at any time, from any number of processes, however old the judgement is when it is carried out. Files that no owner
 * named are not ours: they stay, and keep the lock taken.
 */
export async function clearStaleOwners(path: string, now: number): Promise<boolean> {
  let cleared = false;
  for (const owner of await readNames(path)) {
    if (!isOwner(owner) || !(await isAbandoned(join(path, owner), owner, now))) continue;
    await removeFile(join(path, owner));
    cleared = true;
  }
  return cleared;
}

/** Removes a lock directory if nobody holds it. */
export async function removeFreeLock(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}

/** True when the file at `path`, named by `owner`, will not be missed: its process is dead, or cannot be judged and the file is old. */
async function isAbandoned(path: string, owner: string, now: number): Promise<boolean> {
  const state = await judgeOwner(owner);
  return state === 'unknown' ? isOlderThan(path, now - ABANDONED_AFTER_MS) : state === 'dead';
}

/** True when `path` was last changed before `time`. False when it is not there. */
export async function isOlderThan(path: string, time: number): Promise<boolean> {
  try {
    return (await lstat(path)).mtimeMs < time;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

async function takeLock(path: string, owner: string, { waitMs, now }: LockOptions): Promise<void> {
  const claim = join(path, '..', `${owner}.claim`);
  // A monotonic clock, not the caller's: this is about how long a person waits, not about what time it is.
  const deadline = performance.now() + waitMs;
  await mkdir(claim, { mode: 0o700 });
  try {
    await writeNewFile(join(claim, owner), [], 'none');
    for (let attempt = 0; !(await renameClaim(claim, path)); attempt++) {
      if (performance.now() >= deadline) throw busy(waitMs);
      if (await clearStaleOwners(path, now())) continue;
      await pause(Math.random() * Math.min(MAX_PAUSE_MS, 2 ** Math.min(attempt, 5)));
    }
  } catch (error) {
    await releaseLock(claim, owner).catch(() => undefined); // The first failure is the one to report; the sweep takes what is left.
    throw error;
  }
}

async function renameClaim(claim: string, path: string): Promise<boolean> {
  try {
    await rename(claim, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
    // Windows refuses to rename over any directory; remove it if it is empty and try again.
    if (process.platform !== 'win32' || !hasCode(error, 'EPERM', 'EACCES')) throw error;
    await removeFreeLock(path);
    return false;
  }
}

async function releaseLock(path: string, owner: string): Promise<void> {
  await removeFile(join(path, owner));
  await removeFreeLock(path);
}

async function checkHeld(held: string): Promise<void> {
  try {
    await lstat(held);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new PspError('PROVIDER_UNAVAILABLE', 'filesystem: the lock of the key was given up for abandoned before the write was done');
  }
}

async function readNames(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

function busy(waitMs: number): PspError {
  return new PspError('PROVIDER_UNAVAILABLE', 'filesystem: the lock of the key did not become free in time', {
    details: { waitMs },
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
