/**
 * FileSystemHandle (tag `1f`): whether it is of a file or a directory, and its path in the origin's private file system. The path and the handle both
 * take waiting. A handle of the user's own disk, or of a storage bucket, has no such path and is a placeholder. What is at the path is not part of
 * the handle.
 */
import { slotOf } from './brand.ts';
import type { ByteWriter } from './bytes.ts';
import { ForeignValue } from './foreign.ts';
import { readString, writeString } from './primitive.ts';
import { awaitedOr, leaveGap, type Reading, type Writing } from './state.ts';
import { TAG } from './tags.ts';

type Kind = 'file' | 'directory';
const KINDS: readonly Kind[] = ['file', 'directory'];
const CLASSES: Readonly<Record<Kind, string>> = { file: 'FileSystemFileHandle', directory: 'FileSystemDirectoryHandle' };

const kindOf = slotOf<Kind>('FileSystemHandle', 'kind');

/** Whether `name` is a class of handles. */
export function isHandle(name: string): boolean {
  return name === CLASSES.file || name === CLASSES.directory;
}

/** Writes a handle: later, or at once when it is a stand-in. */
export function writeHandle(value: object, writing: Writing): null {
  if (value instanceof ForeignValue) {
    return writePath(value.className === CLASSES.file ? 'file' : 'directory', value.fields['path'] as readonly string[], writing.writer);
  }
  const kind = kindOf.call(value);
  return leaveGap(writing, CLASSES[kind], async (writer) => {
    const path = await pathOf(value as FileSystemHandle);
    if (path === null) return false;
    writePath(kind, path, writer);
    return true;
  });
}

async function pathOf(handle: FileSystemHandle): Promise<readonly string[] | null> {
  try {
    return await (await navigator.storage.getDirectory()).resolve(handle);
  } catch {
    return null;
  }
}

function writePath(kind: Kind, path: readonly string[], writer: ByteWriter): null {
  writer.byte(TAG.handle);
  writer.byte(KINDS.indexOf(kind));
  writer.varint(path.length);
  for (const name of path) writeString(name, writer);
  return null;
}

/** Reads what follows the tag of a handle: its stand-in, unless it was waited for. */
export function readHandle(reading: Reading): object {
  const { reader } = reading;
  const kind = KINDS[reader.byte()];
  const count = reader.count(2);
  if (kind === undefined || (kind === 'file' && count === 0)) throw reader.fault('an unknown kind of file system handle');
  const path: string[] = [];
  while (path.length < count) path.push(readString(reader));
  return awaitedOr(reading, CLASSES[kind], { path }, () => openHandle(kind, path));
}

/** What was made on the way to a handle, to be removed again. */
type Made = { readonly parent: FileSystemDirectoryHandle; readonly name: string }[];

/**
 * The handle of `path`, or null where there is no such file system. A handle can be had of what exists only, so what is missing is made and removed
 * again: the handle stays good, and is then what it was after its file was removed, or before its file was restored.
 */
async function openHandle(kind: Kind, path: readonly string[]): Promise<object | null> {
  const made: Made = [];
  const handle = await walk(kind, path, made).catch(() => null);
  // What cannot be removed again would be a file that nobody asked for: then there is no handle, and the record is refused and reported.
  return (await removeAll(made)) ? handle : null;
}

async function walk(kind: Kind, path: readonly string[], made: Made): Promise<FileSystemHandle> {
  let handle: FileSystemHandle = await navigator.storage.getDirectory();
  for (const [depth, name] of path.entries()) {
    const last = depth === path.length - 1;
    handle = await enter(handle as FileSystemDirectoryHandle, name, last ? kind : 'directory', made);
  }
  return handle;
}

/** Whether all of it is gone. */
async function removeAll(made: Made): Promise<boolean> {
  let gone = true;
  for (const { parent, name } of made.reverse()) {
    const removed = parent.removeEntry(name).then(
      () => true,
      () => false,
    );
    gone = (await removed) && gone;
  }
  return gone;
}

async function enter(parent: FileSystemDirectoryHandle, name: string, kind: Kind, made: Made): Promise<FileSystemHandle> {
  const get = (create: boolean): Promise<FileSystemHandle> =>
    kind === 'file' ? parent.getFileHandle(name, { create }) : parent.getDirectoryHandle(name, { create });
  try {
    return await get(false);
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'NotFoundError')) throw error;
  }
  const handle = await get(true);
  made.push({ parent, name });
  return handle;
}
