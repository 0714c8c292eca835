/** Open files: all of what is asked for, where one `read` may give less and one `write` take less; and the mode of those that hold secrets. */
import type { FileHandle } from 'node:fs/promises';
import { PspError } from '../errors.ts';

/** The mode of a file that its owner alone reads and writes. */
export const OWNER_ONLY = 0o600;

/** `length` bytes from `offset` on, fewer only where the file ends. */
export async function readUpTo(file: FileHandle, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const room = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const { bytesRead } = await file.read(room, at, length - at, offset + at);
    if (bytesRead === 0) return room.subarray(0, at);
    at += bytesRead;
  }
  return room;
}

/** `length` bytes from `offset` on. @throws PspError `BLOB_TRUNCATED` for a file that has fewer. */
export async function readAt(file: FileHandle, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readUpTo(file, offset, length);
  if (bytes.length < length) throw new PspError('BLOB_TRUNCATED', 'the file is shorter than it was');
  return bytes;
}

/** Writes all of `bytes` at `offset`, or where the file stands. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number | null = null): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, offset === null ? null : offset + at);
    at += bytesWritten;
  }
}
