/** What the filesystem provider promises of its files (the contract is in test/conformance/): names, modes and links. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, mkdir, open, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ABANDONED_AFTER_MS } from '../../providers/filesystem/lock.ts';
import { nameKey, readKey } from '../../providers/filesystem/name.ts';
import { newOwner } from '../../providers/filesystem/owner.ts';
import { type Durability, filesystem } from '../../providers/filesystem.ts';
import { expectCode, keysOf, pattern } from '../contract/provider/observe.ts';
import { makeFolder } from '../machine/folder.ts';
import { KEY, makeStore, NAME } from './filesystem-store.ts';

describe('filesystem: the root', () => {
  test('reading a store that is not there finds nothing and makes nothing', async () => {
    const parent = await makeFolder('filesystem');
    const provider = filesystem({ root: join(parent, 'deep', 'store') });
    expect(await provider.get(KEY)).toBeNull();
    expect(await keysOf(provider)).toEqual([]);
    expect(await provider.delete(KEY)).toBe(false);
    expect(await readdir(parent)).toEqual([]);
    await provider.put(KEY, pattern(3));
    expect(await keysOf(provider)).toEqual([KEY]);
  });

  test('a root that is a link is resolved once', async () => {
    const parent = await makeFolder('filesystem');
    await mkdir(join(parent, 'one'));
    await mkdir(join(parent, 'two'));
    await symlink(join(parent, 'one'), join(parent, 'root'));
    const provider = filesystem({ root: join(parent, 'root') });
    await provider.put('a', pattern(1));
    await rm(join(parent, 'root'));
    await symlink(join(parent, 'two'), join(parent, 'root'));
    await provider.put('b', pattern(1));
    expect((await keysOf(filesystem({ root: join(parent, 'one') }))).sort()).toEqual(['a', 'b']);
    expect(await readdir(join(parent, 'two'))).toEqual([]);
  });

  test('wrong options are refused', () => {
    expect(() => filesystem({ root: '' })).toThrow(TypeError);
    expect(() => filesystem({ root: '/tmp', durability: 'some' as Durability })).toThrow(RangeError);
  });

  test('two providers of one root see the same values', async () => {
    const root = await makeFolder('filesystem');
    const { version } = await filesystem({ root }).put(KEY, pattern(9));
    expect(await filesystem({ root }).get(KEY)).toMatchObject({ version, value: pattern(9) });
  });
});

describe('filesystem: names', () => {
  const keys = [
    'a',
    'A',
    'é',
    'e\u0301',
    'CON',
    'con.',
    'a.',
    'a ',
    '.a',
    '..',
    '../x',
    'a/b',
    'a\\b',
    '\u212b',
    'Å',
    'x'.repeat(199),
    'X'.repeat(67),
  ];

  test('names are short, plain, and differ also when case and Unicode form are ignored', () => {
    const names = keys.map((key) => nameKey(key).record);
    for (const name of names) expect(name).toMatch(/^[kh]-[a-z0-9_-]{1,198}\.rec$/);
    expect(new Set(names.map((name) => name.normalize('NFD').toUpperCase())).size).toBe(keys.length);
  });

  test('a name that spells its key is read back; a hashed one is not', () => {
    for (const key of keys) {
      const { record } = nameKey(key);
      expect(readKey(record)).toBe(record.startsWith('h-') ? null : key);
    }
    expect(nameKey('x'.repeat(198)).record).toMatch(/^k-/);
    expect(nameKey('x'.repeat(199)).record).toMatch(/^h-/);
    expect(nameKey('X'.repeat(67)).record).toMatch(/^h-/);
  });

  test('no key writes outside the root', async () => {
    const parent = await makeFolder('filesystem');
    const root = join(parent, 'a', 'root');
    await mkdir(root, { recursive: true });
    await writeFile(join(parent, 'canary'), 'untouched');
    const provider = filesystem({ root, durability: 'none' });
    const traversals = [
      '../canary',
      '../../canary',
      `${parent}/canary`,
      '..\\..\\canary',
      '%2e%2e/canary',
      '....//canary',
      'x/../../../canary',
    ];
    for (const key of traversals) await provider.put(key, pattern(4));
    for (const key of traversals) expect(await provider.delete(key)).toBe(true);
    expect([await readdir(parent), await readdir(join(parent, 'a'))]).toEqual([['a', 'canary'], ['root']]);
    expect(await readFile(join(parent, 'canary'), 'utf8')).toBe('untouched');
  });
});

describe('filesystem: modes', () => {
  test('directories are 0700 and records 0600', async () => {
    const root = join(await makeFolder('filesystem'), 'made');
    await filesystem({ root }).put(KEY, pattern(3));
    const paths = [root, join(root, NAME.shard), join(root, NAME.shard, NAME.record)];
    const modes = await Promise.all(paths.map(async (path) => (await lstat(path)).mode & 0o777));
    expect(modes).toEqual([0o700, 0o700, 0o600]);
  });

  test('a put leaves its record and nothing else', async () => {
    const { provider, shard } = await makeStore();
    await provider.put(KEY, pattern(3));
    await provider.put(KEY, pattern(4));
    await expectCode(provider.put(KEY, pattern(5), { ifNoneMatch: '*' }), 'PROVIDER_CONFLICT');
    expect(await readdir(shard)).toEqual([NAME.record]);
    await provider.delete(KEY);
    expect(await readdir(shard)).toEqual([]);
  });

  test.each([
    ['none', 0],
    ['file', 1],
    ['full', 2],
  ] as const)("durability '%s' makes %i things durable a put, of a small value and of a large one", async (durability, syncs) => {
    const root = await makeFolder('filesystem');
    const provider = filesystem({ root, durability });
    await provider.put(KEY, pattern(3));
    const ofHandle = vi.spyOn(await fileHandlePrototype(), 'sync');
    const ofNumber = vi.spyOn(fs, 'fsync');
    onTestFinished(() => {
      ofHandle.mockRestore();
      ofNumber.mockRestore();
      syncBuiltinESMExports();
    });
    syncBuiltinESMExports();
    for (const bytes of [4, 1_000_000]) {
      vi.clearAllMocks();
      await provider.put(KEY, pattern(bytes));
      expect(ofHandle.mock.calls.length + ofNumber.mock.calls.length, `${bytes} bytes`).toBe(syncs);
    }
  });
});

describe('filesystem: links and strange files are refused', () => {
  test('a link in place of a shard', async () => {
    const { provider, root, shard } = await makeStore();
    await provider.put(KEY, pattern(3));
    const elsewhere = await makeFolder('filesystem');
    await rename(shard, join(elsewhere, 'shard'));
    await symlink(join(elsewhere, 'shard'), shard);
    const before = await readdir(join(elsewhere, 'shard'));
    for (const provider of [filesystem({ root }), filesystem({ root })]) {
      await expectCode(provider.get(KEY), 'PROVIDER_CORRUPT');
      await expectCode(provider.put(KEY, pattern(4)), 'PROVIDER_CORRUPT');
      await expectCode(provider.delete(KEY), 'PROVIDER_CORRUPT');
      await expectCode(keysOf(provider), 'PROVIDER_CORRUPT');
    }
    expect(await readdir(join(elsewhere, 'shard'))).toEqual(before);
  });

  test('a link in place of a record is not followed, and a put replaces the link', async () => {
    const { provider, shard } = await makeStore();
    await provider.put(KEY, pattern(3));
    const target = join(await makeFolder('filesystem'), 'target');
    await rename(join(shard, NAME.record), target);
    await symlink(target, join(shard, NAME.record));
    const before = await readFile(target);
    await expectCode(provider.get(KEY), 'PROVIDER_CORRUPT');
    await expectCode(keysOf(provider), 'PROVIDER_CORRUPT');
    await expectCode(provider.put(KEY, pattern(4), { ifNoneMatch: '*' }), 'PROVIDER_CORRUPT');
    await provider.put(KEY, pattern(5));
    expect((await provider.get(KEY))?.value).toEqual(pattern(5));
    expect(await readFile(target)).toEqual(before);
  });

  test('a link in place of a lock is neither followed nor swept', async () => {
    const { root, shard } = await makeStore();
    const elsewhere = await makeFolder('filesystem');
    const dead = newOwner().replace(/^\d+/, '4194304'); // The kernel gives pids below this.
    await writeFile(join(elsewhere, 'target'), dead);
    await mkdir(shard);
    await symlink(join(elsewhere, 'target'), join(shard, NAME.lock));
    const provider = filesystem({ root, now: () => Date.now() + 2 * ABANDONED_AFTER_MS });
    await expectCode(provider.put(KEY, pattern(4)), 'PROVIDER_UNAVAILABLE');
    expect(await readdir(elsewhere)).toEqual(['target']);
    expect(await readdir(shard)).toEqual([NAME.lock]);
  });

  test('a directory, and a pipe that nobody writes to', async () => {
    const { provider, shard } = await makeStore();
    await mkdir(join(shard, NAME.record), { recursive: true });
    await expectCode(provider.get(KEY), 'PROVIDER_CORRUPT');
    await rm(join(shard, NAME.record), { recursive: true });
    execFileSync('mkfifo', [join(shard, NAME.record)]);
    await expectCode(provider.get(KEY), 'PROVIDER_CORRUPT');
    expect(await provider.delete(KEY)).toBe(true);
    expect(await provider.get(KEY)).toBeNull();
  });

  test('files of others are not listed and not removed', async () => {
    const { root, shard, provider } = await makeStore({ now: () => Date.now() + 2 * ABANDONED_AFTER_MS });
    const others = ['README', '.DS_Store', 'k-.rec', 'k-A.rec', 'x.rec', 'x.tmp', 'k-a.rec~', 'note.lock', `${NAME.record}.bak`];
    await mkdir(shard);
    for (const name of others) await writeFile(join(shard, name), 'theirs');
    await writeFile(join(root, 'lost+found'), '');
    await mkdir(join(root, 'zz'));
    await writeFile(join(root, 'zz', NAME.record), 'theirs');
    await provider.put(KEY, pattern(1));
    expect(await keysOf(provider)).toEqual([KEY]);
    expect((await readdir(shard)).sort()).toEqual([...others, NAME.record].sort());
  });
});

async function fileHandlePrototype(): Promise<FileHandle> {
  const file = await open('/dev/null');
  await file.close();
  return Object.getPrototypeOf(file);
}
