/** The origin private file system of the document this runs in (OPFS, File System Standard 5). Paths are names joined by `/`, which no name can hold. */
import { offerBody, takeBody } from './bodies.ts';
import { rooms } from './buckets.ts';

/** A file or directory as it was found. */
export interface FileRead {
  readonly path: string;
  readonly kind: 'file' | 'directory';
  /** Bytes of a file; null where it could not be read, and for a directory. */
  readonly size: number | null;
  readonly lastModified: number | null;
  /** The name of what went wrong, where the entry could not be read. */
  readonly error: string | null;
}

async function root(): Promise<FileSystemDirectoryHandle | null> {
  try {
    return (await rooms().getDirectory?.()) ?? null;
  } catch (error) {
    // Where storage is refused (a sandbox, a setting), there is nothing that a page could have kept.
    if (error instanceof DOMException && error.name === 'SecurityError') return null;
    throw error;
  }
}

/** Everything in it, a directory before what is in it, in order of names. Nothing where a page has no such file system. */
export async function listFiles(): Promise<FileRead[]> {
  const found: FileRead[] = [];
  const start = await root();
  const waiting: { path: string; directory: FileSystemDirectoryHandle }[] = start === null ? [] : [{ path: '', directory: start }];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const { path: parent, directory } = at;
    const below: typeof waiting = [];
    try {
      for await (const [name, handle] of directory.entries()) {
        const path = parent === '' ? name : `${parent}/${name}`;
        if (handle.kind === 'directory') {
          found.push({ path, kind: 'directory', size: null, lastModified: null, error: null });
          below.push({ path, directory: handle as FileSystemDirectoryHandle });
        } else found.push(await lookAt(path, handle as FileSystemFileHandle));
      }
    } catch (error) {
      found.push({ path: parent, kind: 'directory', size: null, lastModified: null, error: nameOf(error) });
    }
    waiting.push(...below);
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

async function lookAt(path: string, handle: FileSystemFileHandle): Promise<FileRead> {
  try {
    const { size, lastModified } = await handle.getFile();
    return { path, kind: 'file', size, lastModified, error: null };
  } catch (error) {
    return { path, kind: 'file', size: null, lastModified: null, error: nameOf(error) };
  }
}

/** Holds the content of a file for the driver under `slot`; how many bytes it has. */
export async function readFile(path: string, slot: string): Promise<number> {
  const { directory, name } = await parentOf(path, false);
  return offerBody(slot, await (await directory.getFileHandle(name)).getFile());
}

/**
 * Removes everything, unless it is added to, then makes the directories. The paths of those that could not be made, or null where there is no such file system.
 * A file that somebody holds locked stays, with the directories above it: whoever reads back finds it.
 */
export async function replaceDirectories(paths: readonly string[], isAdded: boolean): Promise<string[] | null> {
  const start = await root();
  if (start === null) return null;
  for await (const [name] of isAdded ? [] : start.entries()) {
    try {
      await start.removeEntry(name, { recursive: true });
    } catch (error) {
      if (nameOf(error) !== 'NoModificationAllowedError') throw error;
    }
  }
  const refused: string[] = [];
  for (const path of paths) {
    try {
      const { directory, name } = await parentOf(path, true);
      await directory.getDirectoryHandle(name, { create: true });
    } catch {
      refused.push(path);
    }
  }
  return refused;
}

/** Writes a file from what the driver sent under `slot`. */
export async function writeFile(path: string, slot: string): Promise<void> {
  const body = takeBody(slot);
  const { directory, name } = await parentOf(path, true);
  const file = await directory.getFileHandle(name, { create: true });
  const writable = await file.createWritable();
  try {
    await writable.write(body);
    await writable.close();
  } catch (error) {
    await writable.abort().catch(() => undefined);
    throw error;
  }
}

async function parentOf(path: string, create: boolean): Promise<{ directory: FileSystemDirectoryHandle; name: string }> {
  const names = path.split('/');
  const name = names.pop()!;
  let directory = await root();
  if (directory === null) throw new DOMException('there is no private file system here', 'NotSupportedError');
  for (const part of names) directory = await directory.getDirectoryHandle(part, { create });
  return { directory, name };
}

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : 'Error';
}
