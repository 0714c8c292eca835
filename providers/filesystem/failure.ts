/**
 * What a failure of the operating system becomes. Node's own errors carry the path in their message, and the path spells the
 * key: the cause that is handed on is the same failure without the path.
 */

import { PspError } from '../../ts/errors.ts';

/** True when `error` comes from the operating system with one of these codes, such as 'ENOENT'. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  const code = codeOf(error);
  return code !== null && codes.includes(code);
}

/**
 * Runs `body`; a failure of the operating system in it becomes `PROVIDER_UNAVAILABLE`, and every other error passes as it is.
 * `doing` completes the sentence "filesystem: could not ...".
 */
export async function reportFailures<T>(doing: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw translateFailure(doing, error);
  }
}

/** The error that the caller should see for `error`: `PROVIDER_UNAVAILABLE` for the operating system's, itself otherwise. */
export function translateFailure(doing: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === null) return error;
  const syscall = (error as NodeJS.ErrnoException).syscall ?? 'unknown call';
  const cause = Object.assign(new Error(`${code} in ${syscall}`), { code, syscall, errno: (error as NodeJS.ErrnoException).errno });
  return new PspError('PROVIDER_UNAVAILABLE', `filesystem: could not ${doing}: ${code}`, { cause, details: { systemCode: code } });
}

// Only a failed system call has both; Node's own argument errors have a code but no syscall, and those are our bugs.
function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || error instanceof PspError) return null;
  const { code, syscall } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && typeof syscall === 'string' ? code : null;
}
