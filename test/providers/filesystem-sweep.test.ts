/** What the filesystem provider clears away, what it leaves, how it says that it is well, and what is left when it is closed. */
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ABANDONED_AFTER_MS } from '../../providers/filesystem/lock.ts';
import { nameKey } from '../../providers/filesystem/name.ts';
import { newOwner } from '../../providers/filesystem/owner.ts';
import { filesystem } from '../../providers/filesystem.ts';
import { expectCode, expectSilent, keysOf, pattern } from '../contract/provider/observe.ts';
import { makeFolder } from '../machine/folder.ts';
import { deadOwner, KEY, makeRecord, makeStore, NAME } from './filesystem-store.ts';

describe('filesystem: sweep', () => {
  test('removes what has expired, and nothing that has not', async () => {
    let nowMs = 1000;
    const { provider, root } = await makeStore({ now: () => nowMs });
    expect(await provider.sweep()).toEqual({ expired: 0, orphans: 0 });
    expect(await readdir(root)).toEqual([]);
    const keys = Array.from({ length: 30 }, (_, i) => `key ${i}`);
    await Promise.all(keys.map((key, i) => provider.put(key, pattern(3), i % 3 === 0 ? {} : { expiresAt: 2000 + (i % 3) })));
    nowMs = 2001;
    expect(await provider.sweep()).toEqual({ expired: 10, orphans: 0 });
    expect(await provider.sweep()).toEqual({ expired: 0, orphans: 0 });
    nowMs = 2002;
    expect(await provider.sweep()).toEqual({ expired: 10, orphans: 0 });
    expect((await keysOf(provider)).sort()).toEqual(keys.filter((_, i) => i % 3 === 0).sort());
    expect(await recordFiles(root)).toHaveLength(10);
  });

  test('a value that is put while its expired forerunner is swept stays', async () => {
    let nowMs = 1000;
    const { provider, root } = await makeStore({ now: () => nowMs });
    const sweepers = [provider, filesystem({ root, now: () => nowMs, durability: 'none' })];
    for (let round = 0; round < 30; round++) {
      await provider.put(KEY, pattern(3), { expiresAt: nowMs + 1 });
      nowMs++;
      const [head] = await Promise.all([provider.put(KEY, pattern(round)), ...sweepers.map((sweeper) => sweeper.sweep())]);
      expect(await provider.get(KEY)).toEqual({ ...head, value: pattern(round) });
    }
  });

  test('removes temporary files, locks and claims of the dead, and leaves those of the living, the young and others', async () => {
    const { root, shard } = await makeStore();
    await filesystem({ root, durability: 'none' }).put(KEY, pattern(3));
    const [dead, alive] = [deadOwner(), newOwner()];
    const names = [
      `${dead}.tmp`,
      `${deadOwner()}.claim`,
      nameKey('dead').lock,
      `${alive}.tmp`,
      nameKey('alive').lock,
      'README',
      'note.lock',
    ];
    const texts = ['half', dead, dead, 'half', alive, 'theirs', dead];
    for (const [i, name] of names.entries()) await writeFile(join(shard, name), texts[i]!);
    await writeFile(join(root, `${dead}.owner`), dead);
    await mkdir(join(shard, nameKey('folder').lock));
    const kept = [NAME.record, nameKey('folder').lock, ...names.slice(3)];

    expect(await filesystem({ root }).sweep()).toEqual({ expired: 0, orphans: 2 });
    expect((await readdir(shard)).sort()).toEqual([...kept, names[0]].sort()); // The temporary file is young.
    expect(await readdir(root)).not.toContain(`${dead}.owner`);
    expect(await filesystem({ root, now: () => Date.now() + 2 * ABANDONED_AFTER_MS }).sweep()).toEqual({ expired: 0, orphans: 1 });
    expect((await readdir(shard)).sort()).toEqual(kept.sort());
  });

  test('leaves what is damaged for a listing to report', async () => {
    const { provider, root, path } = await makeRecord();
    await writeFile(path, 'garbage');
    await symlink(await makeFolder('filesystem'), join(root, NAME.shard === '00' ? '01' : '00'));
    expect(await provider.sweep()).toEqual({ expired: 0, orphans: 0 });
    expect(await readFile(path, 'utf8')).toBe('garbage');
    await expectCode(keysOf(provider), 'PROVIDER_CORRUPT');
  });

  test('ends with the reason of its signal', async () => {
    const { provider } = await makeStore();
    await provider.putMany(Array.from({ length: 200 }, (_, i) => ({ key: `key ${i}`, value: pattern(3) })));
    const abort = new AbortController();
    const sweep = provider.sweep({ signal: abort.signal });
    abort.abort('enough');
    await expect(sweep).rejects.toBe('enough');
  });
});

describe('filesystem: health', () => {
  test('a root that is there, and one that can be made, which it does not do', async () => {
    const parent = await makeFolder('filesystem');
    for (const root of [parent, join(parent, 'deep', 'store')]) {
      expect(await filesystem({ root }).health()).toEqual({ ok: true, latencyMs: expect.any(Number), error: null });
    }
    expect(await readdir(parent)).toEqual([]);
  });

  test('a file in place of the root, or above it', async () => {
    const path = join(await makeFolder('filesystem'), KEY);
    await writeFile(path, '');
    for (const root of [path, join(path, 'below')]) {
      const { ok, error } = await filesystem({ root }).health();
      expect({ ok, code: error?.code, details: error?.details }).toEqual({
        ok: false,
        code: 'PROVIDER_UNAVAILABLE',
        details: { systemCode: 'ENOTDIR' },
      });
      expectSilent(error!, [KEY]);
    }
  });

  test.skipIf(process.getuid?.() === 0)('a root that may not be written to (needs a user other than root)', async () => {
    const root = await makeFolder('filesystem');
    await chmod(root, 0o500);
    onTestFinished(() => chmod(root, 0o700));
    expect(await filesystem({ root }).health()).toMatchObject({ ok: false, error: { details: { systemCode: 'EACCES' } } });
  });
});

describe('filesystem: the file that tells who writes', () => {
  test('is one for all providers of a root in a process, goes when the last is closed, and is made again when somebody swept it', async () => {
    const root = await makeFolder('filesystem');
    const [first, second] = [filesystem({ root, durability: 'none' }), filesystem({ root, durability: 'none' })];
    await Promise.all([first.put('a', pattern(1)), second.put('b', pattern(1)), first.put('c', pattern(1))]);
    const [own, ...more] = await ownerFiles(root);
    expect(more).toEqual([]);
    await first.close();
    expect(await ownerFiles(root)).toEqual([own]);
    await rm(join(root, own!));
    await second.put('d', pattern(1));
    expect((await second.get('d'))?.value).toEqual(pattern(1));
    expect(await ownerFiles(root)).toHaveLength(1);
    await second.close();
    expect(await ownerFiles(root)).toEqual([]);
  });

  test('is not made by readers', async () => {
    const { root } = await makeRecord();
    for (const name of await ownerFiles(root)) await rm(join(root, name));
    const reader = filesystem({ root });
    await reader.get(KEY);
    await reader.head(KEY);
    await keysOf(reader);
    await reader.close();
    expect(await ownerFiles(root)).toEqual([]);
  });
});

async function ownerFiles(root: string): Promise<string[]> {
  return (await readdir(root)).filter((name) => name.endsWith('.owner'));
}

async function recordFiles(root: string): Promise<string[]> {
  return (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.rec'));
}
