/**
 * Reading and writing whole record files. A record file is never changed once it has its name: it is written beside, made
 * durable as asked, and renamed into place, so an open file is always one whole value. Symbolic links, devices, pipes and
 * directories under a record's name are refused.
 *
 * What a put costs beside its syncs are small calls. Those that the system answers from memory are made here and now (`...Sync`):
 * in the pool of threads each would stand in line behind the syncs of other puts. Syncs, renames (ext4 then frees what was
 * replaced), the writing of large values, and opening and reading wait for the disk, and are left to the pool: two trips for a
 * small record.
 */

import { closeSync, constants, fstatSync, fsync, open as openNumber, openSync, read, writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, unlink } from 'node:fs/promises';
import type { PspError } from '../../ts/errors.ts';
import type { ByteRange } from '../contract.ts';
import { hasCode } from './failure.ts';
import type { RecordHeader } from './record.ts';
import { checkHash, corrupt, decodeHeader, decodePreamble, MAX_HEADER_BYTES, MAX_VALUE_BYTES, PREAMBLE_BYTES } from './record.ts';
import { sha256Hex } from './sha256.ts';

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

/** A record whose header is read and checked, and whose file is open. */
export interface OpenRecord extends RecordStart {
  readonly file: FileHandle;
}

/** The first bytes of a record's file. */
interface RecordStart {
  readonly header: RecordHeader;
  /** Where the value begins in the file. */
  readonly valueAt: number;
  /** The header and perhaps some of the value. */
  readonly first: Uint8Array;
}

// One read of this many bytes holds the header of all but the strangest records.
const HEADER_READ_BYTES = 4096;

// One of this many the whole of a small session.
const RECORD_READ_BYTES = 16 * 1024;

// Node takes no more than 2^31 - 1 bytes in one call.
const MOST_WRITE_BYTES = 0x4000_0000;

// Up to here a write is a copy into the memory of the system.
const QUICK_WRITE_BYTES = 64 * 1024;

// O_NONBLOCK: opening a planted pipe would wait for a writer. 0 on platforms that have no such flag.
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
const DIRECTORY_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_DIRECTORY ?? 0);

/** The record at `path`, checked in every bit, or null when there is no file. `PROVIDER_CORRUPT` when it is not whole. */
export async function readRecord(path: string): Promise<ReadRecord | null> {
  return withStart(path, RECORD_READ_BYTES, async (file, start) => {
    const { header } = start;
    const value = await readValue(file, start, { from: 0, to: header.size });
    checkHash(header, sha256Hex(value));
    return { header, value };
  });
}

/** The header of the record at `path` and this range of its value, which is not checked; null when there is no file. */
export async function readRange(path: string, range: ByteRange): Promise<ReadRecord | null> {
  return withStart(path, HEADER_READ_BYTES, async (file, start) => {
    const { header } = start;
    return { header, value: await readValue(file, start, clampRange(range, header)) };
  });
}

/** The header of the record at `path`, or null when there is no file. The value is not read, so only its length is checked. */
export async function readHeader(path: string): Promise<RecordHeader | null> {
  return withStart(path, HEADER_READ_BYTES, async (_file, { header }) => header);
}

/** The record at `path`, or null when there is no file. The caller closes the file. `PROVIDER_CORRUPT` as for {@link readHeader}. */
export async function openRecord(path: string): Promise<OpenRecord | null> {
  const file = await openFound(() => open(path, READ_FLAGS));
  if (file === null) return null;
  try {
    return { file, ...(await readStart(file.fd, HEADER_READ_BYTES)) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The part of a range that the value has. */
export function clampRange({ from, to }: ByteRange, { size }: RecordHeader): ByteRange {
  return { from: Math.min(from, size), to: Math.min(to, size) };
}

/**
 * Fills `into` from byte `position` of an open file. `PROVIDER_CORRUPT` when the file ends before. Given by its number it must stay
 * open until this returns; a handle that is closed meanwhile waits.
 */
export async function readExactly(file: FileHandle | number, into: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const bytesRead = await readSome(file, into.subarray(done), position + done);
    if (bytesRead === 0) throw corrupt(`the file ends at byte ${position + done}, while it is read`);
    done += bytesRead;
  }
}

/** Writes all of `bytes` at `position`, or where the last write without one ended. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position: number | null = null): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    // A full disk may first take a part; the next call then fails, so this ends.
    const length = Math.min(bytes.length - done, MOST_WRITE_BYTES);
    const { bytesWritten } = await file.write(bytes, done, length, position === null ? null : position + done);
    done += bytesWritten;
  }
}

/**
 * Writes a new file of mode 0600. Fails when the name is taken. When it fails for another reason the file is removed again. A small
 * one holds up this thread for as long as the system takes to copy it.
 */
export async function writeNewFile(path: string, bytes: Uint8Array, durability: Durability): Promise<void> {
  if (bytes.length > QUICK_WRITE_BYTES) return fillNewFile(path, durability, (file) => writeFully(file, bytes));
  const file = openSync(path, CREATE_FLAGS, 0o600);
  try {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      if (durability !== 'none') await sync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    await removeFile(path).catch(() => undefined); // The first failure is the one to report; the sweep takes what is left.
    throw error;
  }
}

/** A new file of mode 0600 with what `fill` writes to it; otherwise as {@link writeNewFile}. Gives what `fill` gives. */
export async function fillNewFile<T>(path: string, durability: Durability, fill: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, CREATE_FLAGS, 0o600);
  try {
    try {
      const result = await fill(file);
      if (durability !== 'none') await file.sync();
      return result;
    } finally {
      await file.close();
    }
  } catch (error) {
    await removeFile(path).catch(() => undefined); // The first failure is the one to report; the sweep takes what is left.
    throw error;
  }
}

/** Up to `maxBytes` first bytes of a small file as text, '' when it is none that can be read as one; null when nothing is there. */
export async function readText(path: string, maxBytes: number): Promise<string | null> {
  let file: FileHandle;
  try {
    file = await open(path, READ_FLAGS);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    if (hasCode(error, 'ELOOP', 'EMLINK', 'ENXIO')) return '';
    throw error;
  }
  try {
    if (!(await file.stat()).isFile()) return '';
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
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

/** A directory that is open, to make its names durable. */
export interface OpenDirectory {
  /** Returns when the names that are in it now are on the disk. */
  sync(): Promise<void>;
  close(): void;
}

/** Opens a directory; a link is not followed. Null where the platform opens none. */
export function openDirectory(path: string): OpenDirectory | null {
  // Windows cannot open a directory for this; NTFS journals names by itself.
  if (process.platform === 'win32') return null;
  const directory = openSync(path, DIRECTORY_FLAGS);
  return { sync: () => sync(directory), close: () => closeSync(directory) };
}

/** Returns when the names in a directory are on the disk. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = openDirectory(path);
  try {
    await directory?.sync();
  } finally {
    directory?.close();
  }
}

function sync(file: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fsync(file, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** Runs `use` with the number of the open file at `path` and its first bytes; null when there is no file. */
async function withStart<T>(path: string, firstBytes: number, use: (file: number, start: RecordStart) => Promise<T>): Promise<T | null> {
  const file = await openFound(() => openToRead(path));
  if (file === null) return null;
  try {
    return await use(file, await readStart(file, firstBytes));
  } finally {
    closeSync(file);
  }
}

/** What `openFile` opens, under the name of a record; null when nothing is there. */
async function openFound<T>(openFile: () => Promise<T>): Promise<T | null> {
  try {
    return await openFile();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    // ELOOP is what O_NOFOLLOW says of a link. ENXIO: a socket.
    if (hasCode(error, 'ELOOP', 'EMLINK', 'ENXIO')) throw notAFile();
    throw error;
  }
}

// Not a FileHandle: to open and close one costs more than all else of a small read.
function openToRead(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    openNumber(path, READ_FLAGS, (error, file) => (error === null ? resolve(file) : reject(error)));
  });
}

async function readSome(file: FileHandle | number, into: Uint8Array, position: number): Promise<number> {
  if (typeof file !== 'number') return (await file.read(into, 0, into.length, position)).bytesRead;
  return new Promise((resolve, reject) => {
    read(file, into, 0, into.length, position, (error, bytesRead) => (error === null ? resolve(bytesRead) : reject(error)));
  });
}

async function readValue(file: number, { first, valueAt }: RecordStart, { from, to }: ByteRange): Promise<Uint8Array<ArrayBuffer>> {
  const value = new Uint8Array(Math.max(0, to - from));
  const early = first.subarray(valueAt + from, valueAt + from + value.length);
  value.set(early);
  await readExactly(file, value.subarray(early.length), valueAt + from + early.length);
  return value;
}

async function readStart(file: number, firstBytes: number): Promise<RecordStart> {
  const stat = fstatSync(file);
  if (!stat.isFile()) throw notAFile();
  const fileBytes = stat.size;
  if (fileBytes > PREAMBLE_BYTES + MAX_HEADER_BYTES + MAX_VALUE_BYTES)
    throw corrupt(`the file has ${fileBytes} bytes, more than a record can`);
  let first = new Uint8Array(Math.min(fileBytes, firstBytes));
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

function notAFile(): PspError {
  return corrupt('expected a file under the name of a record, found something else');
}
