/**
 * Sessions that are larger than memory, to a file and from one (Node, Deno, Bun): contents leave the process as they are captured, and are read as they are
 * restored. With keys the file is a sealed blob; without, a blob of the packed framing in the clear, which holds every secret of the session. Either is made
 * for its owner alone.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { CaptureOptions, CaptureResult, Driver, RestoreOptions, RestoreResult } from './adapters/driver.ts';
import { planBlob, writePlan } from './blob/encode.ts';
import { type BlobSource, openBlob } from './blob/source.ts';
import type { SealContext } from './envelope/context.ts';
import { isSealed } from './envelope/header.ts';
import { openRanges } from './envelope/range.ts';
import { sealStream } from './envelope/stream.ts';
import type { KeySource } from './envelope/wrap.ts';
import { PspError } from './errors.ts';
import { OWNER_ONLY, readAt, readUpTo, writeAll } from './file/handle.ts';
import { openSpool } from './file/spool.ts';
import { sectionsOf } from './session/document.ts';
import { piecesOf, type SectionSink } from './session/section-sink.ts';
import type { Session } from './session/session.ts';

export { openSpool, type Spool } from './file/spool.ts';

/** How a session file is sealed, and opened again. */
export interface SessionFileOptions {
  /** What it is sealed for, or opened with. Absent or null: a file in the clear. */
  readonly keys?: KeySource | readonly KeySource[] | null;
  /** For whom and what it is sealed, as `seal` takes it. Default: nothing, as `psp` does for loose files. */
  readonly context?: SealContext;
}

/** Sizes of a session in a file. */
export interface WrittenFile {
  /** Of the blob, before it is sealed. */
  readonly blobBytes: number;
  readonly fileBytes: number;
}

/** What was written, and what the capture says about itself. */
export interface CapturedFile extends WrittenFile {
  readonly id: string;
  readonly report: CaptureResult['report'];
}

/**
 * Captures into a file at `path`, which is replaced when all of it is written. Memory does not grow with what IndexedDB, caches and private files hold.
 *
 * Meanwhile contents lie in a spool beside it (`openSpool`), and then the new file under the name `<path>.<random>.unfinished`. Both are gone when this ends. A
 * process that is killed leaves no spool, and an unfinished file only where it was writing that: a part of the sealed file, or of the clear one without keys.
 *
 * @throws what the driver throws, `sealStream` for the keys, and the errors of the file system as they are (`code: 'ENOSPC'` and so on).
 */
export async function captureToFile(
  driver: Driver<unknown>,
  path: string,
  { keys = null, context = {}, ...options }: CaptureOptions & SessionFileOptions = {},
): Promise<CapturedFile> {
  const spool = await openSpool(`${path}.${crypto.randomUUID()}.spool`);
  try {
    const { signal } = options;
    const { session, report } = await driver.capture({ ...options, sink: signal === undefined ? spool.sink : until(signal, spool.sink) });
    const written = await writeSessionFile(session, path, { keys, context, ...(signal === undefined ? {} : { signal }) });
    return { id: session.id, ...written, report };
  } finally {
    await spool.close();
  }
}

/** A sink that takes no further piece once the signal is given: to a driver a content is one step, and may be large. */
function until(signal: AbortSignal, sink: SectionSink): SectionSink {
  return {
    async begin(mediaType) {
      const { write, ...rest } = await sink.begin(mediaType);
      return {
        ...rest,
        async write(bytes) {
          signal.throwIfAborted();
          await write(bytes);
        },
      };
    },
  };
}

/**
 * Writes a session into a file at `path`, which is replaced when all of it is written. Each section is read twice, and is never whole in memory where it has a
 * `stream`. `signal` ends it between two pieces, with its reason.
 *
 * @throws as `writeBlob` and `sealStream`, and the errors of the file system as they are.
 */
export async function writeSessionFile(
  session: Session,
  path: string,
  { keys = null, context = {}, signal }: SessionFileOptions & { readonly signal?: AbortSignal } = {},
): Promise<WrittenFile> {
  const plan = await planBlob(session, { framing: 'packed' }, false);
  const blob = writePlan(plan);
  const pieces = keys === null ? blob : sealStream(blob, keys, context, { plaintextBytes: plan.length });
  // A name of its own: what a process that was killed left behind is in nobody's way.
  const unfinished = `${path}.${crypto.randomUUID()}.unfinished`;
  try {
    const fileBytes = await writeNew(unfinished, pieces, signal);
    await rename(unfinished, path);
    return { blobBytes: plan.length, fileBytes };
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function writeNew(path: string, pieces: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<number> {
  const file = await open(path, 'wx', OWNER_ONLY);
  try {
    let fileBytes = 0;
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      await writeAll(file, piece);
      fileBytes += piece.length;
    }
    await file.sync();
    return fileBytes;
  } finally {
    await file.close();
  }
}

/**
 * Restores the session of a file that `captureToFile` wrote, or of any other blob. Memory grows as there. A content that was damaged is an entry of the report
 * where it was to be restored (`BLOB_SECTION_HASH`, `ENVELOPE_TAMPERED`); `openSessionFile` and `verify` tell it before the browser is touched.
 *
 * @throws as {@link openSessionFile} and the driver.
 */
export async function restoreFromFile<Target>(
  driver: Driver<Target>,
  path: string,
  { keys = null, context = {}, ...options }: RestoreOptions & SessionFileOptions = {},
): Promise<RestoreResult<Target>> {
  const { session, close } = await openSessionFile(path, { keys, context });
  try {
    return await driver.restore(session, options);
  } finally {
    await close();
  }
}

/** A session whose contents are read from its file when they are asked for. */
export interface SessionFile {
  readonly session: Session;
  /** Reads every content once, with one piece in memory at a time. Rejects as their `bytes()` do, at the first that is damaged. */
  verify(): Promise<void>;
  /** Wipes the key. Nothing can be read of the sections after it. */
  close(): Promise<void>;
}

/**
 * Opens the session in a file: a blob in the clear, or with `keys` a sealed one, whose data key is unlocked once.
 *
 * Of a sealed file the length, the header and state of the session, and the beginning and the end of the file are authentic when this resolves; a content is
 * when it has been read. Content is read anew whenever it is asked for, and verified each time: by the seal, or in the clear by the hash in the header, which
 * tells damage and not malice. A file that is replaced meanwhile (by a rename, as `captureToFile` does) stays what it was for whoever has it open.
 *
 * @throws as `openBlob` and `openRanges` do; `KEY_MISSING` for a sealed file without `keys`, `ENVELOPE_NOT_SEALED` for a clear one with `keys`; and the errors
 * of the file system as they are.
 */
export async function openSessionFile(path: string, { keys = null, context = {} }: SessionFileOptions = {}): Promise<SessionFile> {
  const file = await open(path, 'r');
  let wipe = (): void => undefined;
  const close = (): Promise<void> => {
    wipe();
    return file.close();
  };
  try {
    const { size } = await file.stat();
    let source: BlobSource;
    if (keys === null) {
      source = await clearSource(file, size);
    } else {
      const sealed = await openRanges((offset, length) => readUpTo(file, offset, length), keys, context, { sealedBytes: size });
      wipe = () => sealed.close();
      source = { length: sealed.plaintextBytes as number, read: (offset, length) => sealed.read(offset, offset + length) };
    }
    const session = await openBlob(source);
    return { session, verify: () => readAll(session), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function clearSource(file: FileHandle, length: number): Promise<BlobSource> {
  if (isSealed(await readUpTo(file, 0, 4))) throw new PspError('KEY_MISSING', 'session file: it is sealed, and no keys were given');
  return { length, read: (offset, byteLength) => readAt(file, offset, byteLength) };
}

async function readAll(session: Session): Promise<void> {
  for (const section of sectionsOf(session).keys()) {
    for await (const _piece of piecesOf(section)) {
      // Reading is what checks it.
    }
  }
}
