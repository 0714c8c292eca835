/** A file for one `psp` at a time: what is read, changed and written back would else be lost to another that does the same. */
import { withLock } from '../../providers/filesystem/lock.ts';
import { PspError } from '../errors.ts';
import { CliFailure } from './failure.ts';
import { reasonOf } from './file.ts';

/** How long another `psp` is waited for. One that was killed is noticed by its process id. */
const WAIT_MS = 2000;

/** Runs `body` while no other `psp` holds `path`: `FILE_BUSY` when one does. The lock is `path` with `.lock` behind it. */
export async function holdFile<T>(path: string, what: string, body: () => Promise<T>): Promise<T> {
  let isHeld = false;
  try {
    return await withLock(`${path}.lock`, { waitMs: WAIT_MS, now: Date.now }, () => {
      isHeld = true;
      return body();
    });
  } catch (cause) {
    if (isHeld) throw cause;
    if (cause instanceof PspError) throw new CliFailure('FILE_BUSY', `another psp works on the ${what}`, { cause });
    throw new CliFailure('FILE_WRITE', `the ${what} cannot be locked: ${reasonOf(cause)}`, { cause });
  }
}
