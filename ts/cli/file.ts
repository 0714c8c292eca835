/** Files as the command reads and writes them: private to the user, and there only when they are complete; and how their failures are told. */
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CliFailure } from './failure.ts';

/** The bytes of a file. */
export async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new CliFailure('FILE_READ', `${basename(path)} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

/** Up to `length` bytes from the beginning of a regular file. Null for anything else, such as a pipe, which gives its bytes but once. */
export async function peekFile(path: string, length: number): Promise<Uint8Array | null> {
  return naming('FILE_READ', path, async () => {
    if (!(await stat(path)).isFile()) return null;
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  });
}

/** Runs `work` on the file at `path`: what the file system fails with becomes a failure with `code`. Everything else is thrown as it is. */
export async function naming<T>(code: 'FILE_READ' | 'FILE_WRITE', path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
    const what = code === 'FILE_READ' ? 'read' : 'written';
    throw new CliFailure(code, `${basename(path)} cannot be ${what}: ${reasonOf(cause)}`, { cause });
  }
}

/** Writes a file that appears by rename, with mode 0600. After a failure there is no new file, and an old one is as it was. */
export function writeWhole(path: string, bytes: Uint8Array | string): Promise<void> {
  return writeThen(path, bytes, (temporary) => rename(temporary, path));
}

/** {@link writeWhole} for a file that must not be there yet: `link` fails where the name is taken. */
export function createWhole(path: string, bytes: Uint8Array | string): Promise<void> {
  return writeThen(path, bytes, async (temporary) => {
    await link(temporary, path);
    await rm(temporary);
  });
}

/** Writes a temporary file beside `path` and lets `appear` give it its name. */
async function writeThen(path: string, bytes: Uint8Array | string, appear: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${crypto.randomUUID()}`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await appear(temporary);
  } catch (cause) {
    // Where even this fails (a folder that is none), the first failure is the one to report.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new CliFailure('FILE_WRITE', `${basename(path)} cannot be written: ${reasonOf(cause)}`, { cause });
  }
}

/** The system's code for a failure, such as ENOENT. */
export function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown reason';
}
