/**
 * The directories of a store: the root, resolved once, and its shards, made when they are first written to. What killed writers
 * left in a shard is swept when this process first writes to it, one shard at a time: a store of a million keys opens at once.
 * Symbolic links below the root are refused. Node has no `openat`, so a link that is slipped in between the check and the use is
 * not found: the root is private (0700), and only its owner could do it.
 */

import type { Stats } from 'node:fs';
import { lstat, mkdir, opendir, realpath, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from './failure.ts';
import { type Durability, removeFile, syncDirectory } from './file.ts';
import { ABANDONED_AFTER_MS, clearStaleOwners, isOlderThan, removeFreeLock } from './lock.ts';
import { isLockName } from './name.ts';
import { isOwner, judgeOwner } from './owner.ts';
import { corrupt } from './record.ts';

/** The directories below one root. */
export interface RootDirectory {
  /** The resolved root, or null when there is none yet. */
  find(): Promise<string | null>;
  /** The path of a shard that is there, or null. */
  findShard(shard: string): Promise<string | null>;
  /** The path of a shard, made if it is missing and swept on the first call for it. */
  openShard(shard: string): Promise<string>;
}

/** The directories below `root`. Nothing is touched before the first call. */
export function openRoot(root: string, durability: Durability, now: () => number): RootDirectory {
  let resolved: string | null = null;
  const swept = new Set<string>();

  async function find(): Promise<string | null> {
    if (resolved !== null) return resolved;
    try {
      resolved = await realpath(root);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
    return resolved;
  }

  async function findOrMake(): Promise<string> {
    const found = await find();
    if (found !== null) return found;
    await mkdir(root, { recursive: true, mode: 0o700 });
    resolved = await realpath(root);
    if (durability === 'full') await syncDirectory(join(resolved, '..'));
    return resolved;
  }

  return {
    find,

    async findShard(shard: string): Promise<string | null> {
      const directory = await find();
      if (directory === null) return null;
      const path = join(directory, shard);
      return (await isDirectory(path)) ? path : null;
    },

    async openShard(shard: string): Promise<string> {
      const directory = await findOrMake();
      const path = join(directory, shard);
      if (!(await isDirectory(path))) {
        await makeDirectory(path);
        if (durability === 'full') await syncDirectory(directory);
      }
      if (!swept.has(shard)) {
        swept.add(shard); // First, so that writes that come together sweep once.
        await sweepShard(path, now());
      }
      return path;
    },
  };
}

/** The name under which a writer prepares a value beside its place; `owner` is new for each. */
export function temporaryName(owner: string): string {
  return `${owner}.tmp`;
}

/**
 * Removes what dead writers left in a shard: temporary files and claims older than {@link ABANDONED_AFTER_MS} whose process is
 * not known to live, and locks nobody holds. Files with other names are not ours and stay.
 */
export async function sweepShard(shard: string, now: number): Promise<void> {
  for await (const entry of await opendir(shard)) {
    const path = join(shard, entry.name);
    const temporary = withoutEnding(entry.name, '.tmp');
    const claim = withoutEnding(entry.name, '.claim');
    // A link is never a directory here: what it points to is not ours to clear.
    if (entry.isDirectory() && isLockName(entry.name)) {
      await clearStaleOwners(path, now);
      await removeFreeLock(path);
    } else if (entry.isDirectory() && isOwner(claim)) {
      if (await isLeft(path, claim, now)) await removeClaim(path, claim);
    } else if (!entry.isDirectory() && isOwner(temporary)) {
      if (await isLeft(path, temporary, now)) await removeFile(path);
    }
  }
}

// A claim is made by one process and never taken over by another: nothing competes for its removal but other sweepers.
async function removeClaim(path: string, owner: string): Promise<void> {
  await removeFile(join(path, owner));
  try {
    await rmdir(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

async function isLeft(path: string, owner: string, now: number): Promise<boolean> {
  return (await isOlderThan(path, now - ABANDONED_AFTER_MS)) && (await judgeOwner(owner)) !== 'alive';
}

function withoutEnding(name: string, ending: string): string {
  return name.endsWith(ending) ? name.slice(0, -ending.length) : '';
}

async function isDirectory(path: string): Promise<boolean> {
  let stat: Stats;
  try {
    stat = await lstat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  if (!stat.isDirectory()) throw corrupt('expected a directory under the name of a shard, found something else');
  return true;
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    // Another writer was first. What it made is checked like any other.
    if (!hasCode(error, 'EEXIST')) throw error;
    await isDirectory(path);
  }
}
