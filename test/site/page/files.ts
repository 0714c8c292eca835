/** The private file system of the hard site. */
import type { PageCell } from '../cell.ts';
import { plainName, shortBytes } from './short.ts';

/** A tree with a large file, an empty one, an empty directory, and names that are hard to say. */
export async function seedFiles(): Promise<void> {
  const root = await navigator.storage.getDirectory();
  const deep = await (await root.getDirectoryHandle('a', { create: true })).getDirectoryHandle('b \u{1f98a}', { create: true });
  await root.getDirectoryHandle('empty', { create: true });
  await write(
    deep,
    'large.bin',
    new Uint8Array(2_000_003).map((_, i) => i % 253),
  );
  await write(root, 'nothing', new Uint8Array(0));
  await write(root, ' %2F "spaces" ', new TextEncoder().encode('text'));
}

/** One file that tells this place from the others. */
export async function seedOwnFile(own: string, root?: FileSystemDirectoryHandle): Promise<void> {
  await write(root ?? (await navigator.storage.getDirectory()), 'own', new TextEncoder().encode(own));
}

/** A cell for each file and directory. */
export async function lookAtFiles(group: PageCell['group'], root?: FileSystemDirectoryHandle): Promise<PageCell[]> {
  const cells: PageCell[] = [];
  const walk = async (directory: FileSystemDirectoryHandle, path: string): Promise<void> => {
    for await (const [name, handle] of directory.entries()) {
      const own = { group, kind: 'fileSystem', name: plainName(`file ${path}${name}`), within: [`${path}${name}`] };
      if (handle.kind === 'directory') {
        cells.push({ ...own, seen: 'directory' });
        await walk(handle as FileSystemDirectoryHandle, `${path}${name}/`);
        continue;
      }
      const file = await (handle as FileSystemFileHandle).getFile();
      cells.push({ ...own, seen: shortBytes(new Uint8Array(await file.arrayBuffer())) });
      cells.push({ ...own, name: `${own.name}, time`, seen: String(file.lastModified) });
    }
  };
  await walk(root ?? (await navigator.storage.getDirectory()), '');
  return cells;
}

async function write(directory: FileSystemDirectoryHandle, name: string, content: Uint8Array<ArrayBuffer>): Promise<void> {
  const writable = await (await directory.getFileHandle(name, { create: true })).createWritable();
  await writable.write(content);
  await writable.close();
}
