/**
 * The directories of a store: the root, resolved once, and its shards, made when they are first written to. What killed writers
 * left in a shard is swept when this process first writes to it, one shard at a time: a store of a million keys opens at once.
 * Symbolic links below the root are refused. Node has no `openat`, so a link that is slipped in between the check and the use is
 * not found: the root is private (0700), and only its owner could do it.
 */

import { constants, lstatSync, type Stats } from 'node:fs';
import { access, mkdir, realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { hasCode } from './failure.ts';
import { type Durability, type OpenDirectory, openDirectory, syncDirectory } from './file.ts';
import { borrowOwner, type LockOwner, returnOwner } from './lock.ts';
import { corrupt } from './record.ts';
import { sweepOwners, sweepShard } from './sweep.ts';

/** The directories below one root. */
export interface RootDirectory {
  /** The resolved root, or null when there is none yet. */
  find(): Promise<string | null>;
  /** The path of a shard that is there, or null. */
  findShard(shard: string): Promise<string | null>;
  /** Runs `body` in a shard that is there; the names it changes are durable, as asked, when this returns. Null when there is none. */
  writeInFound<T>(shard: string, body: Writing<T>): Promise<T | null>;
  /** The same, in a shard that is made if it is missing and swept on the first call for it. */
  write<T>(shard: string, body: Writing<T>): Promise<T>;
  /** Who takes this process's locks in the store at `root`, which {@link find} has given. */
  ownerIn(root: string): LockOwner;
  /** Fails when the root is not there and cannot be made, or cannot be written to. Changes nothing. */
  probe(): Promise<void>;
  /** Lets go of what tells others who writes here. */
  close(): Promise<void>;
}

/** Work in the shard at `path` by somebody who can take its locks. */
export type Writing<T> = (path: string, owner: LockOwner) => Promise<T>;

/** The directories below `root`. Nothing is touched before the first call. */
export function openRoot(root: string, durability: Durability, now: () => number): RootDirectory {
  let resolved: string | null = null;
  let owner: LockOwner | null = null;
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
    if (durability === 'full') await syncDirectory(dirname(resolved));
    return resolved;
  }

  function ownerIn(root: string): LockOwner {
    owner ??= borrowOwner(root);
    return owner;
  }

  /** Null when the shard is not there. */
  async function writeIn<T>(root: string, shard: string, body: Writing<T>): Promise<{ result: T } | null> {
    const path = join(root, shard);
    if (durability !== 'full') return isDirectory(path) ? { result: await body(path, ownerIn(root)) } : null;
    // Opening it is also the look at what it is.
    let directory: OpenDirectory | null;
    try {
      directory = openDirectory(path);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null;
      isDirectory(path); // Says what it is instead, if that is what was wrong.
      throw error;
    }
    if (directory === null && !isDirectory(path)) return null;
    try {
      const result = await body(path, ownerIn(root));
      await directory?.sync();
      return { result };
    } finally {
      directory?.close();
    }
  }

  return {
    find,

    async findShard(shard) {
      const directory = await find();
      if (directory === null) return null;
      const path = join(directory, shard);
      return isDirectory(path) ? path : null;
    },

    async writeInFound(shard, body) {
      const directory = await find();
      return directory === null ? null : ((await writeIn(directory, shard, body))?.result ?? null);
    },

    async write(shard, body) {
      const directory = await findOrMake();
      const sweepAndWrite: typeof body = async (path, owner) => {
        if (!swept.has('')) {
          swept.add('');
          await sweepOwners(directory, now());
        }
        if (!swept.has(shard)) {
          swept.add(shard); // First, so that writes that come together sweep once.
          await sweepShard(path, owner, now());
        }
        return body(path, owner);
      };
      const done = await writeIn(directory, shard, sweepAndWrite);
      if (done !== null) return done.result;
      await makeDirectory(join(directory, shard));
      if (durability === 'full') await syncDirectory(directory);
      const again = await writeIn(directory, shard, sweepAndWrite);
      if (again !== null) return again.result;
      throw corrupt('a shard was removed while it was written to');
    },

    ownerIn,

    async probe() {
      let path = resolve(root);
      for (;;) {
        try {
          // The dot makes it a directory or nothing.
          return await access(`${path}/.`, constants.R_OK | constants.W_OK | constants.X_OK);
        } catch (error) {
          if (!hasCode(error, 'ENOENT') || path === dirname(path)) throw error;
          path = dirname(path);
        }
      }
    },

    async close() {
      if (owner === null) return;
      owner = null;
      await returnOwner(resolved!);
    },
  };
}

/** The name under which a writer prepares a value beside its place; `owner` is new for each. */
export function temporaryName(owner: string): string {
  return `${owner}.tmp`;
}

// Not handed to another thread: what every call asks for the system knows by heart.
function isDirectory(path: string): boolean {
  let stat: Stats;
  try {
    // Without `throwIfNoEntry: false`, for which newer runtimes also take a root that is a file for one that is not there.
    stat = lstatSync(path);
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
    isDirectory(path);
  }
}
