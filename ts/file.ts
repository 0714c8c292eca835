/**
 * Sessions that are larger than memory, to a file and from one (Node, Deno, Bun): contents leave the process as they are captured, and are read as they are
 * restored. The file is a blob of the packed framing, in the clear: it holds every secret of the session, so it is made for its owner alone.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { CaptureOptions, CaptureResult, Driver, RestoreOptions, RestoreResult } from './adapters/driver.ts';
import { type BlobSource, openBlob } from './blob/source.ts';
import { writeBlob } from './blob/stream.ts';
import type { SectionSink } from './session/section-sink.ts';
import type { Section, Session } from './session/session.ts';

const OWNER_ONLY = 0o600;

/** What was written, and what the capture says about itself. */
export interface CapturedFile {
  readonly id: string;
  readonly fileBytes: number;
  readonly report: CaptureResult['report'];
}

/**
 * Captures into a file at `path`, which is replaced when all of it is written. Memory does not grow with what IndexedDB, caches and private files hold. Two
 * files stand beside it meanwhile; they are gone afterwards, unless the process is killed.
 *
 * @throws what the driver throws, and the errors of the file system as they are (`code: 'ENOSPC'` and so on).
 */
export async function captureToFile(driver: Driver<unknown>, path: string, options: CaptureOptions = {}): Promise<CapturedFile> {
  // Names of their own: what a process that was killed left behind is in nobody's way.
  const own = `${path}.${crypto.randomUUID()}`;
  const unfinished = `${own}.unfinished`;
  const spool = await openSpool(`${own}.spool`);
  try {
    const { session, report } = await driver.capture({ ...options, sink: spool.sink });
    const file = await open(unfinished, 'wx', OWNER_ONLY);
    let fileBytes: number;
    try {
      fileBytes = await writeBlob(session, (chunk) => writeAll(file, chunk), { framing: 'packed' });
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    return { id: session.id, fileBytes, report };
  } finally {
    await spool.close();
    await rm(unfinished, { force: true });
  }
}

/**
 * Restores the session of a file that `captureToFile` wrote, or of any other blob. Memory grows as there.
 *
 * @throws as {@link openSessionFile} and the driver; `BLOB_SECTION_HASH` for a content that was damaged is an entry of the report where it was to be restored.
 */
export async function restoreFromFile<Target>(
  driver: Driver<Target>,
  path: string,
  options: RestoreOptions = {},
): Promise<RestoreResult<Target>> {
  const { session, close } = await openSessionFile(path);
  try {
    return await driver.restore(session, options);
  } finally {
    await close();
  }
}

/** A session whose contents are read from its file when they are asked for. */
export interface SessionFile {
  readonly session: Session;
  /** Nothing can be read of the sections after it. */
  close(): Promise<void>;
}

/** Opens the blob in a file. @throws as `openBlob` does, and the errors of the file system as they are. */
export async function openSessionFile(path: string): Promise<SessionFile> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const source: BlobSource = { length: size, read: (offset, length) => readAt(file, offset, length) };
    return { session: await openBlob(source), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A file for the contents of one capture. */
export interface Spool {
  readonly sink: SectionSink;
  /** Closes and removes the file: its sections cannot be read after that. */
  close(): Promise<void>;
}

/** Bytes that lie together in a spool. */
interface Extent {
  readonly offset: number;
  length: number;
}

/** Makes a spool at `path`, where no file may be. Its owner alone can read it. @throws the errors of the file system as they are. */
export async function openSpool(path: string): Promise<Spool> {
  const file = await open(path, 'wx+', OWNER_ONLY);
  let end = 0;
  let turn: Promise<unknown> = Promise.resolve();
  /** Contents come from several places at once; each piece goes to the end of the file in its turn. */
  const append = (bytes: Uint8Array): Promise<number> => {
    const mine = turn.then(async () => {
      const offset = end;
      await writeAll(file, bytes, offset);
      end += bytes.length;
      return offset;
    });
    turn = mine.catch(() => undefined);
    return mine;
  };
  const sink: SectionSink = {
    async begin(mediaType) {
      const extents: Extent[] = [];
      return {
        async write(bytes) {
          const offset = await append(bytes);
          const last = extents.at(-1);
          if (last !== undefined && last.offset + last.length === offset) last.length += bytes.length;
          else extents.push({ offset, length: bytes.length });
        },
        end: async () => spooled(file, extents, mediaType),
        // What was written stays unused until the spool is removed.
        async abort() {
          extents.length = 0;
        },
      };
    },
  };
  return {
    sink,
    async close() {
      await file.close();
      await rm(path, { force: true });
    },
  };
}

function spooled(file: FileHandle, extents: readonly Extent[], mediaType: string): Section {
  const length = extents.reduce((sum, extent) => sum + extent.length, 0);
  return {
    mediaType,
    length,
    async bytes() {
      const whole = new Uint8Array(length);
      let at = 0;
      for (const { offset, length: part } of extents) {
        await readInto(file, whole.subarray(at, at + part), offset);
        at += part;
      }
      return whole;
    },
    async *stream() {
      for (const { offset, length: part } of extents) {
        for (let at = 0; at < part; at += PIECE_BYTES) yield await readAt(file, offset + at, Math.min(PIECE_BYTES, part - at));
      }
    },
  };
}

const PIECE_BYTES = 256 * 1024;

async function readAt(file: FileHandle, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await readInto(file, bytes, offset);
  return bytes;
}

/** A read may give less than was asked for. */
async function readInto(file: FileHandle, room: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < room.length; ) {
    const { bytesRead } = await file.read(room, at, room.length - at, offset + at);
    if (bytesRead === 0) throw new Error('the file is shorter than it was');
    at += bytesRead;
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number | null = null): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, offset === null ? null : offset + at);
    at += bytesWritten;
  }
}
