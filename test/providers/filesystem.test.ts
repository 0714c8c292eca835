/** The filesystem provider against the contract, and what it promises of its files: names, modes, links, damage, failures. */

import { execFileSync } from 'node:child_process';
import type { FileHandle } from 'node:fs/promises';
import {
  appendFile,
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ABANDONED_AFTER_MS } from '../../providers/filesystem/lock.ts';
import { nameKey, readKey } from '../../providers/filesystem/name.ts';
import { newOwner } from '../../providers/filesystem/owner.ts';
import { type Durability, filesystem } from '../../providers/filesystem.ts';
import { PspError } from '../../ts/errors.ts';
import { expectCode, expectSilent, keysOf, pattern, providerContract } from '../contract/provider.ts';

providerContract('filesystem', async (clock) => {
  const root = await mkdtemp(join(tmpdir(), 'psp-filesystem-'));
  return { provider: filesystem({ root, now: clock }), dispose: () => removeTree(root) };
});

const KEY = 'keysecret';
const NAME = nameKey(KEY);

describe('filesystem: the root', () => {
  test('reading a store that is not there finds nothing and makes nothing', async () => {
    const parent = await makeDirectory();
    const provider = filesystem({ root: join(parent, 'deep', 'store') });
    expect(await provider.get(KEY)).toBeNull();
    expect(await keysOf(provider)).toEqual([]);
    expect(await provider.delete(KEY)).toBe(false);
    expect(await readdir(parent)).toEqual([]);
    await provider.put(KEY, pattern(3));
    expect(await keysOf(provider)).toEqual([KEY]);
  });

  test('a root that is a link is resolved once', async () => {
    const parent = await makeDirectory();
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
    const root = await makeDirectory();
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
    const parent = await makeDirectory();
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
    const root = join(await makeDirectory(), 'made');
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
  ] as const)("durability '%s' makes %i things durable a put", async (durability, syncs) => {
    const root = await makeDirectory();
    const provider = filesystem({ root, durability });
    await provider.put(KEY, pattern(3));
    const sync = vi.spyOn(await fileHandlePrototype(), 'sync');
    onTestFinished(() => sync.mockRestore());
    await provider.put(KEY, pattern(4));
    expect(sync).toHaveBeenCalledTimes(syncs);
  });
});

describe('filesystem: links and strange files are refused', () => {
  test('a link in place of a shard', async () => {
    const { provider, root, shard } = await makeStore();
    await provider.put(KEY, pattern(3));
    const elsewhere = await makeDirectory();
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
    const target = join(await makeDirectory(), 'target');
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
    const elsewhere = await makeDirectory();
    const dead = newOwner().replace(/^\d+/, '4194304'); // The kernel gives pids below this.
    await writeFile(join(elsewhere, dead), '');
    await mkdir(shard);
    await symlink(elsewhere, join(shard, NAME.lock));
    const provider = filesystem({ root, now: () => Date.now() + 2 * ABANDONED_AFTER_MS });
    await expectCode(provider.put(KEY, pattern(4)), 'PROVIDER_UNAVAILABLE');
    expect(await readdir(elsewhere)).toEqual([dead]);
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

describe('filesystem: a damaged record is never returned', () => {
  test('cut at every byte, or longer by one', async () => {
    const { provider, path, whole } = await makeRecord();
    for (let length = 0; length < whole.length; length++) {
      await writeFile(path, whole.subarray(0, length));
      await expectCode(provider.get(KEY), 'PROVIDER_CORRUPT');
      await expectCode(keysOf(provider), 'PROVIDER_CORRUPT');
    }
    await writeFile(path, whole);
    await appendFile(path, 'x');
    await expectCode(provider.get(KEY), 'PROVIDER_CORRUPT');
    await writeFile(path, whole);
    expect((await provider.get(KEY))?.value).toEqual(pattern(20));
  });

  test('any one bit changed', async () => {
    const { provider, path, whole } = await makeRecord();
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(path, damaged);
      await expectCode(provider.get(KEY), 'PROVIDER_CORRUPT');
    }
    await writeFile(path, whole);
    expect((await provider.get(KEY))?.value).toEqual(pattern(20));
  });

  test('a value beyond the first read, cut and changed', async () => {
    const { provider, path } = await makeRecord();
    await provider.put(KEY, pattern(50_000));
    const whole = await readFile(path);
    const changed = Buffer.from(whole);
    changed[40_000]! ^= 1;
    for (const damaged of [changed, whole.subarray(0, 40_000), whole.subarray(0, 4096)]) {
      await writeFile(path, damaged);
      await expectCode(provider.get(KEY), 'PROVIDER_CORRUPT');
    }
  });

  test('a record under the name of another key', async () => {
    const { provider, root, path } = await makeRecord();
    const other = nameKey('other');
    await mkdir(join(root, other.shard), { recursive: true });
    await rename(path, join(root, other.shard, other.record));
    await expectCode(provider.get('other'), 'PROVIDER_CORRUPT');
    await expectCode(provider.put('other', pattern(1), { ifNoneMatch: '*' }), 'PROVIDER_CORRUPT');
    await expectCode(keysOf(provider), 'PROVIDER_CORRUPT');
  });

  test('conditions fail on it, a plain put repairs it and a plain delete removes it', async () => {
    const { provider, path, version } = await makeRecord();
    for (const repair of [() => provider.put(KEY, pattern(1)), () => provider.delete(KEY)]) {
      await writeFile(path, 'garbage');
      await expectCode(provider.put(KEY, pattern(2), { ifMatch: version }), 'PROVIDER_CORRUPT');
      await expectCode(provider.delete(KEY, { ifMatch: version }), 'PROVIDER_CORRUPT');
      expect(await readFile(path, 'utf8')).toBe('garbage');
      expect(await repair()).toBeTruthy();
    }
    expect(await provider.get(KEY)).toBeNull();
  });

  test('its error does not tell what the file holds', async () => {
    const { provider, path, whole } = await makeRecord();
    for (const damaged of [whole.subarray(0, -1), Buffer.from('VALUESECRET'.repeat(20))]) {
      await writeFile(path, damaged);
      expectSilent(await expectCode(provider.get(KEY), 'PROVIDER_CORRUPT'), [KEY, 'VALUESECRET', 'METASECRET']);
    }
  });
});

describe('filesystem: what dead writers leave', () => {
  test('is swept by the first put into its shard, when it is old and its process is gone', async () => {
    let nowMs = Date.now();
    const { root, shard } = await makeStore();
    await mkdir(shard);
    const [dead, young, alive] = [deadOwner(), deadOwner(), newOwner()];
    await writeFile(join(shard, `${dead}.tmp`), 'half a value');
    await mkdir(join(shard, `${dead}.claim`));
    await writeFile(join(shard, `${dead}.claim`, dead), '');
    await mkdir(join(shard, nameKey('another').lock));
    await writeFile(join(shard, `${alive}.tmp`), 'still being written');
    const provider = () => filesystem({ root, now: () => nowMs });
    const left = async () => (await readdir(shard)).sort();

    nowMs += ABANDONED_AFTER_MS - 60_000;
    await provider().put(KEY, pattern(1));
    const kept = [`${dead}.tmp`, `${dead}.claim`, `${alive}.tmp`, NAME.record];
    expect(await left()).toEqual([...kept].sort());

    nowMs += 120_000;
    await writeFile(join(shard, `${young}.tmp`), '');
    await utimes(join(shard, `${young}.tmp`), new Date(nowMs), new Date(nowMs));
    expect(await keysOf(provider())).toEqual([KEY]);
    expect(await left()).toEqual([...kept, `${young}.tmp`].sort());
    await provider().put(KEY, pattern(1));
    expect(await left()).toEqual([`${young}.tmp`, `${alive}.tmp`, NAME.record].sort());
  });
});

describe('filesystem: failures of the system', () => {
  const canMount = mountTmpfsWorks();

  test.skipIf(!canMount)('disk full: the old value stays, nothing is left behind (needs root, to mount a tmpfs)', async () => {
    const root = await mountTmpfs();
    const provider = filesystem({ root });
    await provider.put(KEY, pattern(100_000));
    const error = await expectCode(provider.put(KEY, pattern(3_000_000)), 'PROVIDER_UNAVAILABLE');
    expect(error.details).toEqual({ systemCode: 'ENOSPC' });
    expect(error.cause).toMatchObject({ code: 'ENOSPC' });
    expectSilent(error, [KEY]);
    expect(await readdir(join(root, NAME.shard))).toEqual([NAME.record]);
    expect((await provider.get(KEY))?.value).toEqual(pattern(100_000));
  });

  test.skipIf(!canMount)('read-only root: reads work, writes are PROVIDER_UNAVAILABLE (needs root, to mount a tmpfs)', async () => {
    const root = await mountTmpfs();
    await filesystem({ root }).put(KEY, pattern(10));
    execFileSync('mount', ['-o', 'remount,ro', root]);
    await expectReadOnly(root, 'EROFS');
  });

  test.skipIf(process.getuid?.() === 0)('a root without write permission (needs a user other than root)', async () => {
    const { root, shard, provider } = await makeStore();
    await provider.put(KEY, pattern(10));
    await chmod(shard, 0o500);
    onTestFinished(() => chmod(shard, 0o700));
    await expectReadOnly(root, 'EACCES');
  });

  test('a root that is a file', async () => {
    const root = join(await makeDirectory(), KEY);
    await writeFile(root, '');
    const provider = filesystem({ root });
    const calls = [() => provider.put(KEY, pattern(1)), () => provider.get(KEY), () => provider.delete(KEY), () => keysOf(provider)];
    for (const call of calls) {
      const error = await expectCode(call(), 'PROVIDER_UNAVAILABLE');
      expect(error.details).toEqual({ systemCode: 'ENOTDIR' });
      expectSilent(error, [KEY]);
    }
  });

  test('a directory in place of the record: the put fails and leaves nothing behind', async () => {
    const { provider, shard } = await makeStore();
    await mkdir(join(shard, NAME.record), { recursive: true });
    const error = await expectCode(provider.put(KEY, pattern(1)), 'PROVIDER_UNAVAILABLE');
    expect(error.cause).not.toBeInstanceOf(PspError);
    expectSilent(error, [KEY]);
    expect(await readdir(shard)).toEqual([NAME.record]);
  });

  async function expectReadOnly(root: string, systemCode: string): Promise<void> {
    const provider = filesystem({ root });
    for (const write of [() => provider.put(KEY, pattern(1)), () => provider.delete(KEY)]) {
      const error = await expectCode(write(), 'PROVIDER_UNAVAILABLE');
      expect(error.details).toEqual({ systemCode });
      expectSilent(error, [KEY]);
    }
    expect((await provider.get(KEY))?.value).toEqual(pattern(10));
    expect(await keysOf(provider)).toEqual([KEY]);
    expect(await readdir(join(root, NAME.shard))).toEqual([NAME.record]);
  }
});

async function makeDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'psp-filesystem-'));
  onTestFinished(() => removeTree(path));
  return path;
}

async function makeStore(options: { now?: () => number } = {}) {
  const root = await makeDirectory();
  return { root, shard: join(root, NAME.shard), provider: filesystem({ root, durability: 'none', ...options }) };
}

async function makeRecord() {
  const store = await makeStore();
  const { version } = await store.provider.put(KEY, pattern(20), { metadata: { m: 'METASECRET' }, expiresAt: Date.now() + 3_600_000 });
  const path = join(store.shard, NAME.record);
  return { ...store, version, path, whole: await readFile(path) };
}

function removeTree(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true });
}

/** An owner of this machine whose process has ended. */
function deadOwner(): string {
  const pid = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).trim();
  return newOwner().replace(/^\d+/, pid);
}

async function fileHandlePrototype(): Promise<FileHandle> {
  const file = await open('/dev/null');
  await file.close();
  return Object.getPrototypeOf(file);
}

function mountTmpfsWorks(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function mountTmpfs(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'psp-tmpfs-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', path]);
  onTestFinished(async () => {
    execFileSync('umount', [path]);
    await removeTree(path);
  });
  return path;
}
