/**
 * Handles of the private file system where a real one cannot be made to fail: opening and removing by a file system of our own, which follows the
 * File System Standard as far as handles ask for it. Real ones: `test/adapters/clone-browser.test.ts`.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { decodeValueAsync, ForeignValue } from '../../../ts/session/clone/decode.ts';
import { encodeValue } from '../../../ts/session/clone/encode.ts';

const handleOf = (kind: 'File' | 'Directory', ...path: string[]): Uint8Array =>
  encodeValue(new ForeignValue(`FileSystem${kind}Handle`, { path })).bytes;

/** A directory of a private file system. `locked` names cannot be removed, as where another context writes to them. */
class Directory {
  readonly kind = 'directory';
  readonly entries = new Map<string, Directory | { readonly kind: 'file' }>();
  readonly locked: ReadonlySet<string>;
  constructor(locked: ReadonlySet<string>) {
    this.locked = locked;
  }

  getDirectoryHandle(name: string, options: { create: boolean }): Promise<unknown> {
    return this.#get(name, 'directory', options.create);
  }

  getFileHandle(name: string, options: { create: boolean }): Promise<unknown> {
    return this.#get(name, 'file', options.create);
  }

  async removeEntry(name: string): Promise<void> {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new DOMException('', 'NotFoundError');
    if (this.locked.has(name)) throw new DOMException('', 'NoModificationAllowedError');
    if (entry instanceof Directory && entry.entries.size > 0) throw new DOMException('', 'InvalidModificationError');
    this.entries.delete(name);
  }

  async #get(name: string, kind: 'file' | 'directory', create: boolean): Promise<unknown> {
    const found = this.entries.get(name);
    if (found === undefined && !create) throw new DOMException('', 'NotFoundError');
    const entry = found ?? (kind === 'file' ? ({ kind } as const) : new Directory(this.locked));
    if (entry.kind !== kind) throw new DOMException('', 'TypeMismatchError');
    this.entries.set(name, entry);
    return entry;
  }
}

describe('a handle that is opened', () => {
  let locked: Set<string>;
  let root: Directory;

  beforeEach(() => {
    locked = new Set();
    root = new Directory(locked);
    vi.stubGlobal('navigator', { storage: { getDirectory: async () => root } });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test('is that of what is there, and leaves it alone', async () => {
    const there = await root.getDirectoryHandle('a', { create: true });
    const file = await (there as Directory).getFileHandle('b', { create: true });
    expect(await decodeValueAsync(handleOf('File', 'a', 'b'))).toEqual({ value: file, unportable: [], foreign: [] });
    expect((there as Directory).entries.has('b')).toBe(true);
  });

  test('of what is missing leaves nothing behind', async () => {
    const { value, foreign } = await decodeValueAsync(handleOf('File', 'a', 'b'));
    expect([value, foreign]).toEqual([{ kind: 'file' }, []]);
    expect(root.entries.size).toBe(0);
  });

  test.each(['a', 'b'])('is none where a trace of it cannot be removed, and is a stand-in that says so: %s', async (name) => {
    locked.add(name);
    const { value, foreign } = await decodeValueAsync(handleOf('File', 'a', 'b'));
    expect(value).toEqual(new ForeignValue('FileSystemFileHandle', { path: ['a', 'b'] }));
    expect(foreign).toEqual(['FileSystemFileHandle']);
    // What can be removed is, though something else cannot.
    const a = root.entries.get('a') as Directory;
    expect([...a.entries.keys()]).toEqual(name === 'b' ? ['b'] : []);
  });

  test('is none where something of the other kind stands, which stays', async () => {
    await root.getFileHandle('a', { create: true });
    const { foreign } = await decodeValueAsync(handleOf('Directory', 'a', 'b'));
    expect(foreign).toEqual(['FileSystemDirectoryHandle']);
    expect([...root.entries.keys()]).toEqual(['a']);
  });
});
