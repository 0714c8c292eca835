/**
 * What a failure of LMDB becomes. LMDB's own errors have a number: below zero its own, above zero the operating system's. A commit that fails is told by
 * a general error that promises the real one. None of them holds a key or a value; the path, which Node's errors hold, is taken off.
 */

import { getSystemErrorName } from 'node:util';
import { PspError } from '../../ts/errors.ts';

/** The numbers that say: this is no environment of LMDB, or its pages do not hang together. lmdb.h, "Return Codes". */
const DAMAGED: ReadonlySet<number> = new Set([-30797, -30796, -30794, -30793]);

/**
 * Runs `body`; a failure of LMDB or of the system in it becomes `PROVIDER_UNAVAILABLE`, or `PROVIDER_CORRUPT` where the files are at fault. Every other
 * error passes as it is. `doing` completes the sentence "lmdb: could not ...".
 */
export async function reportFailures<T>(doing: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw translateFailure(doing, await realError(error));
  }
}

/** The error that the caller should see. */
function translateFailure(doing: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof PspError) return error;
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  if (typeof code === 'number' && code < 0) {
    const cause = Object.assign(new Error(error.message), { code });
    return new PspError(DAMAGED.has(code) ? 'PROVIDER_CORRUPT' : 'PROVIDER_UNAVAILABLE', `lmdb: could not ${doing}: ${nameOf(error)}`, {
      cause,
      details: { lmdbCode: code },
    });
  }
  const systemCode = typeof code === 'number' ? getSystemErrorName(-code) : typeof syscall === 'string' ? code : null;
  if (typeof systemCode !== 'string') return error;
  const cause = Object.assign(new Error(`${systemCode} in ${String(syscall ?? 'lmdb')}`), { code: systemCode });
  return new PspError('PROVIDER_UNAVAILABLE', `lmdb: could not ${doing}: ${systemCode}`, { cause, details: { systemCode } });
}

/** The error behind "Commit failed": it comes as the rejection of a promise, which nobody else listens to. */
async function realError(error: unknown): Promise<unknown> {
  const pending = (error as { commitError?: Promise<unknown> } | null)?.commitError;
  if (pending === undefined) return error;
  return pending.then(
    () => error,
    (reason: unknown) => reason,
  );
}

/** `MDB_MAP_FULL` of `MDB_MAP_FULL: Environment mapsize limit reached`. */
function nameOf(error: Error): string {
  return /^MDB_\w+/.exec(error.message)?.[0] ?? 'it failed';
}
