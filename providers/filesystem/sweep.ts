/**
 * What writers left that did not come to their end: temporary files of values that never got their place, locks and claims of dead
 * owners, and the files that told who these were. Files with other names are not ours and stay.
 */

import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile } from './file.ts';
import { ABANDONED_AFTER_MS, clearLeftLock, isAbandoned, isOlderThan, type LockOwner } from './lock.ts';
import { isLockName } from './name.ts';
import { isOwner, judgeOwner } from './owner.ts';

/**
 * Removes what dead writers left in a shard: temporary files older than {@link ABANDONED_AFTER_MS} whose process is not known to live,
 * and locks that nobody holds. `owner` takes part in the removal of locks. Gives how many files it removed.
 */
export async function sweepShard(shard: string, owner: LockOwner, now: number): Promise<number> {
  let removed = 0;
  for await (const entry of await opendir(shard)) {
    // A link or a directory is never ours here.
    if (!entry.isFile()) continue;
    const path = join(shard, entry.name);
    const temporary = withoutEnding(entry.name, '.tmp');
    if (isLockName(entry.name) || isOwner(withoutEnding(entry.name, '.claim'))) {
      if ((await clearLeftLock(path, owner, now)) === 'gone') removed++;
    } else if (isOwner(temporary) && (await isLeft(path, temporary, now))) {
      if (await removeFile(path)) removed++;
    }
  }
  return removed;
}

/** Removes from a root the files of owners that are dead or abandoned. One that lives makes itself another when it needs it. */
export async function sweepOwners(root: string, now: number): Promise<void> {
  for await (const entry of await opendir(root)) {
    const owner = withoutEnding(entry.name, '.owner');
    const path = join(root, entry.name);
    if (entry.isFile() && isOwner(owner) && (await isAbandoned(path, owner, now))) await removeFile(path);
  }
}

async function isLeft(path: string, owner: string, now: number): Promise<boolean> {
  return (await isOlderThan(path, now - ABANDONED_AFTER_MS)) && (await judgeOwner(owner)) !== 'alive';
}

function withoutEnding(name: string, ending: string): string {
  return name.endsWith(ending) ? name.slice(0, -ending.length) : '';
}
