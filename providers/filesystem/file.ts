/**
 * Reading and writing whole record files. A record file is never changed once it has its name: it is written beside, made
 * durable as asked, and renamed into place, so an open file is always one whole value. Symbolic links, devices, pipes and
 * directories under a record's name are refused.
 */

import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, unlink } from 'node:fs/promises';
import { hasCode } from './failure.ts';
import type { RecordHeader } from './record.ts';
import { checkValue, corrupt, decodeHeader, decodePreamble, MAX_HEADER_BYTES, MAX_VALUE_BYTES, PREAMBLE_BYTES } from './record.ts';

/**
 * What a put waits for before it returns: 'none' for nothing, 'file' until the bytes are on the disk, 'full' also until the new
 * name is. Whatever is chosen, a killed process leaves whole values; the choice is about power cuts.
 */
export type Durability = 'none' | 'file' | 'full';

/** A header and, when it was asked for, its value. */
export interface ReadRecord {
  readonly header: RecordHeader;
  readonly value: Uint8Array<ArrayBuffer>;
}

// One read of this many bytes holds the header of all but the strangest records, and the whole of a small one.
const FIRST_READ_BYTES = 4096;

// O_NONBLOCK: opening a planted pipe would wait for a writer. 0 on platforms that have no such flag.
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);

/** The record at `path`, checked in every bit, or null when there is no file. `PROVIDER_CORRUPT` when it is not whole. */
export async function readRecord(path: string): Promise<ReadRecord | null> {
  return withRecordFile(path, async (file, fileBytes) => {
    const { header, first, valueAt } = await readStart(file, fileBytes);
    const value = new Uint8Array(header.size);
    const early = first.subarray(valueAt);
    value.set(early);
    await readExactly(file, value.subarray(early.length), valueAt + early.length);
    checkValue(header, value);
    return { header, value };
  });
}

/** The header of the record at `path`, or null when there is no file. The value is not read, so only its length is checked. */
export async function readHeader(path: string): Promise<RecordHeader | null> {
  return withRecordFile(path, async (file, fileBytes) => (await readStart(file, fileBytes)).header);
}

/**
 * Writes a new file of mode 0600 from `parts`, in order. Fails when the name is taken. When it fails for another reason the file
 * is removed again.
 */
export async function writeNewFile(path: string, parts: readonly Uint8Array[], durability: Durability): Promise<void> {
  const file = await open(path, CREATE_FLAGS, 0o600);
  try {
    try {
      for (const part of parts) await writeFully(file, part);
      if (durability !== 'none') await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await removeFile(path).catch(() => undefined); // The first failure is the one to report; the sweep takes what is left.
    throw error;
  }
}

/** Removes a file; true when it was there. A link is removed, not followed. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Returns when the names in a directory are on the disk. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return; // Windows cannot open a directory for this; NTFS journals names by itself.
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function withRecordFile<T>(path: string, read: (file: FileHandle, fileBytes: number) => Promise<T>): Promise<T | null> {
  let file: FileHandle;
  try {
    file = await open(path, READ_FLAGS);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    // ELOOP is what O_NOFOLLOW says of a link. ENXIO: a socket.
    if (hasCode(error, 'ELOOP', 'EMLINK', 'ENXIO')) throw corrupt('expected a file under the name of a record, found something else');
    throw error;
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw corrupt('expected a file under the name of a record, found something else');
    return await read(file, stat.size);
  } finally {
    await file.close();
  }
}

async function readStart(file: FileHandle, fileBytes: number): Promise<{ header: RecordHeader; first: Uint8Array; valueAt: number }> {
  if (fileBytes > PREAMBLE_BYTES + MAX_HEADER_BYTES + MAX_VALUE_BYTES)
    throw corrupt(`the file has ${fileBytes} bytes, more than a record can`);
  let first = new Uint8Array(Math.min(fileBytes, FIRST_READ_BYTES));
  await readExactly(file, first, 0);
  const valueAt = PREAMBLE_BYTES + decodePreamble(first);
  if (valueAt > fileBytes) throw corrupt(`the file ends at byte ${fileBytes}, inside its header`);
  if (valueAt > first.length) {
    const longer = new Uint8Array(valueAt);
    longer.set(first);
    await readExactly(file, longer.subarray(first.length), first.length);
    first = longer;
  }
  return { header: decodeHeader(first.subarray(0, valueAt), fileBytes), first, valueAt };
}

async function readExactly(file: FileHandle, into: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw corrupt(`the file ends at byte ${position + done}, while it is read`);
    done += bytesRead;
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    // A full disk may first take a part; the next call then fails, so this ends.
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done);
    done += bytesWritten;
  }
}
