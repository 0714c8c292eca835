/** What the lmdb provider adds to the contract (test/conformance has that): order, cursors, files, and providers that share a store. */

import { chmod, mkdir, readdir, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { lmdb } from '../../providers/lmdb.ts';
import { bytes, expectCode, fill, keysOf, pattern, present } from '../contract/provider/observe.ts';
import { makeFolder } from '../machine/folder.ts';
import { makeStore, openStore } from './lmdb-store.ts';

describe('lmdb: listings', () => {
  test('keys come in the order of their UTF-8 bytes, which is not that of UTF-16', async () => {
    const { provider } = await makeStore();
    const keys = ['a', 'Z', 'é', '\uffff', '😀', 'a/b', 'a-b', '\x01', '~'];
    for (const key of keys) await provider.put(key, bytes(1));
    const expected = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await keysOf(provider)).toEqual(expected);
    expect(expected.indexOf('😀')).toBeGreaterThan(expected.indexOf('\uffff'));
  });

  test('a prefix may end in the middle of a surrogate pair', async () => {
    const { provider } = await makeStore();
    for (const key of ['a😀', 'a😁', 'a𐀀', 'a\uffff', 'a', 'b']) await provider.put(key, bytes(1));
    expect(await keysOf(provider, { prefix: 'a\ud83d' })).toEqual(['a😀', 'a😁']);
    expect(await keysOf(provider, { prefix: 'a\ude00' })).toEqual([]);
    expect(await keysOf(provider, { prefix: `a${'\ud83d'.repeat(3)}` })).toEqual([]);
  });

  test('a prefix longer than any key lists nothing', async () => {
    const { provider } = await makeStore();
    const key = `${'é'.repeat(255)}xy`;
    await provider.put(key, bytes(1));
    expect(await keysOf(provider, { prefix: key })).toEqual([key]);
    for (const prefix of [`${key}z`, `${'é'.repeat(255)}é`, 'é'.repeat(100_000), '😀'.repeat(1000)]) {
      expect(await keysOf(provider, { prefix })).toEqual([]);
    }
  });

  test('expired values make pages short, never endless', async () => {
    let nowMs = 1000;
    const { provider } = await makeStore({ now: () => nowMs });
    await fill(provider, 100, (i) => (i % 50 === 7 ? {} : { expiresAt: 2000 }));
    nowMs = 2000;
    expect((await provider.listPage({ limit: 10 })).items).toEqual([]);
    expect(await keysOf(provider)).toEqual(['key 57', 'key 7']);
  });

  test('a cursor is one of its own listing, unchanged, or PROVIDER_CURSOR', async () => {
    const { provider } = await makeStore();
    await fill(provider, 10);
    const { cursor } = await provider.listPage({ prefix: 'key', limit: 3 });
    expect((await provider.listPage({ prefix: 'key', cursor: cursor!, limit: 3 })).items.map(({ key }) => key)).toEqual([
      'key 3',
      'key 4',
      'key 5',
    ]);
    const long = Buffer.alloc(3000).toString('base64url');
    const changed = [...cursor!].map((letter, at) => `${cursor!.slice(0, at)}${letter === 'A' ? 'B' : 'A'}${cursor!.slice(at + 1)}`);
    for (const wrong of ['', 'x', cursor!.slice(1), cursor!.slice(0, -1), `${cursor}=`, `${cursor}A`, long, ...changed]) {
      await expectCode(provider.listPage({ prefix: 'key', cursor: wrong }), 'PROVIDER_CURSOR');
    }
    await expectCode(provider.listPage({ prefix: 'ke', cursor: cursor! }), 'PROVIDER_CURSOR');
    await expectCode(provider.listPage({ cursor: cursor! }), 'PROVIDER_CURSOR');
  });

  test('a sweep goes through more than one transaction and takes what has expired, nothing else', async () => {
    let nowMs = 1000;
    const { provider } = await makeStore({ now: () => nowMs });
    const items = Array.from({ length: 2000 }, (_, i) => ({
      key: `key ${i}`,
      value: bytes(i & 255),
      ...(i % 3 === 0 ? {} : { expiresAt: 2000 }),
    }));
    await provider.putMany(items);
    nowMs = 2000;
    expect(await provider.sweep()).toEqual({ expired: 1333, orphans: 0 });
    expect(await provider.sweep()).toEqual({ expired: 0, orphans: 0 });
    nowMs = 0; // What is gone does not come back when the clock is set back.
    expect((await keysOf(provider)).length).toBe(667);
  });

  test('a sweep that nobody waits for any more ends', async () => {
    const { provider } = await makeStore({ now: () => 5000 });
    await provider.putMany(Array.from({ length: 5000 }, (_, i) => ({ key: `key ${i}`, value: bytes(1), expiresAt: 1 })));
    const controller = new AbortController();
    const swept = provider.sweep({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(swept).rejects.toThrow('enough');
    await sleep(20);
    const { expired } = await provider.sweep();
    expect(expired).toBeGreaterThan(0);
  });
});

describe('lmdb: files', () => {
  test('the folder is 0700 and its files 0600, and a name with a dot is a folder, too', async () => {
    const path = join(await makeFolder('lmdb'), 'deep', 'store.db');
    const provider = openStore(path);
    await provider.put('key', bytes(1));
    const modes = await Promise.all(['', 'gate', 'data.mdb', 'lock.mdb'].map(async (name) => (await stat(join(path, name))).mode & 0o777));
    expect(modes).toEqual([0o700, 0o700, 0o600, 0o600]);
    expect((await readdir(path)).sort()).toEqual(['data.mdb', 'gate', 'lock.mdb']);
  });

  test('a folder that is there keeps its mode', async () => {
    const path = await makeFolder('lmdb');
    await chmod(path, 0o750);
    await openStore(path).put('key', bytes(1));
    expect((await stat(path)).mode & 0o777).toBe(0o750);
  });

  test.each(['data.mdb', 'lock.mdb'])('a link in place of %s is refused, and what it points to is not touched', async (name) => {
    const folder = await makeFolder('lmdb');
    const path = join(folder, 'store');
    await mkdir(path);
    await writeFile(join(folder, 'target'), '');
    await symlink(join(folder, 'target'), join(path, name));
    await expectCode(openStore(path).put('key', bytes(1)), 'PROVIDER_CORRUPT');
    expect((await stat(join(folder, 'target'))).size).toBe(0);
  });

  test('health says when the files of the store were replaced', async () => {
    const { path, provider } = await makeStore();
    await provider.put('key', bytes(1));
    expect(await provider.health()).toMatchObject({ ok: true, error: null });
    await rename(join(path, 'data.mdb'), join(path, 'old.mdb'));
    expect(await provider.health()).toMatchObject({ ok: false, error: { code: 'PROVIDER_UNAVAILABLE' } });
    await writeFile(join(path, 'data.mdb'), '');
    expect(await provider.health()).toMatchObject({ ok: false, error: { code: 'PROVIDER_UNAVAILABLE' } });
  });

  test('the map grows by itself, from its first 128 KiB to many megabytes, under readers', { timeout: 60_000 }, async () => {
    const { path, provider } = await makeStore();
    await provider.put('first', pattern(50_000));
    const first = pattern(50_000);
    for (let i = 0; i < 20; i++) {
      const value = new Uint8Array(100_000).fill(i);
      const puts = provider.putMany(Array.from({ length: 20 }, (_, j) => ({ key: `key ${i} ${j}`, value })));
      expect(Buffer.compare((await present(provider, 'first')).value, first)).toBe(0);
      expect((await puts).every(({ status }) => status === 'fulfilled')).toBe(true);
      expect(Buffer.compare((await present(provider, `key ${i} 19`)).value, value)).toBe(0);
    }
    expect((await stat(join(path, 'data.mdb'))).size).toBeGreaterThan(40_000_000);
  });

  test('a value as large as the capabilities say', { timeout: 120_000 }, async () => {
    const { provider } = await makeStore();
    // Everyday as much as is read through the map (16 MiB and more); the largest where there is time.
    const size = process.env['PSP_DEEP'] ? provider.capabilities.maxValueBytes : 40 * 1024 * 1024;
    const value = new Uint8Array(size).fill(7);
    value[size - 1] = 8;
    const head = await provider.put('large', value);
    const record = await present(provider, 'large');
    expect([record.version, record.value.length, Buffer.compare(record.value, value)]).toEqual([head.version, size, 0]);
    const range = await provider.get('large', { range: [size - 2, size + 5] });
    expect(range?.value).toEqual(bytes(7, 8));
    expect((await provider.touch('large', null))?.size).toBe(size);
    expect(Buffer.compare((await present(provider, 'large')).value, value)).toBe(0);
  });
});

describe('lmdb: providers of one store', () => {
  test('two of one process see each other at once, and one that closes leaves the other open', async () => {
    const { path, provider } = await makeStore();
    const other = openStore(join(path, '..', 'store'));
    const { version } = await provider.put('key', bytes(1));
    expect((await other.get('key'))?.version).toBe(version);
    for (let i = 2; i < 50; i++) {
      const writer = i % 2 === 0 ? provider : other;
      const reader = i % 2 === 0 ? other : provider;
      await writer.put('key', bytes(i));
      expect((await present(reader, 'key')).value).toEqual(bytes(i));
    }
    await provider.close();
    await other.put('key', bytes(100));
    expect((await present(other, 'key')).value).toEqual(bytes(100));
  });

  test('a store can be opened again after, and while, it is closed', async () => {
    const { path } = await makeStore();
    for (let round = 0; round < 10; round++) {
      const provider = lmdb({ path });
      await provider.put(`key ${round}`, bytes(round));
      const closing = provider.close();
      if (round % 2 === 0) await closing;
      const next = lmdb({ path });
      expect((await present(next, `key ${round}`)).value).toEqual(bytes(round));
      await Promise.all([closing, next.close()]);
    }
    expect((await keysOf(openStore(path))).length).toBe(10);
  });

  test('close waits for what is being committed', async () => {
    const { path, provider } = await makeStore();
    await provider.open();
    const puts = Array.from({ length: 50 }, (_, i) => provider.put(`key ${i}`, pattern(10_000)));
    await provider.close();
    expect((await Promise.allSettled(puts)).every(({ status }) => status === 'fulfilled')).toBe(true);
    expect((await keysOf(openStore(path))).length).toBe(50);
  });

  test('two durabilities of one store in one process are refused: the second would not get what it asks for', async () => {
    const { path, provider } = await makeStore({ durability: 'none' });
    await provider.put('key', bytes(1));
    await expectCode(lmdb({ path }).get('key'), 'PROVIDER_UNAVAILABLE');
    await provider.close();
    expect((await present(openStore(path), 'key')).value).toEqual(bytes(1));
  });

  test('who reads in a loop does not hold up timers and commits', async () => {
    const { provider } = await makeStore();
    await provider.put('key', bytes(1));
    let isDone = false;
    const put = provider.put('key', bytes(2)).then(() => sleep(1));
    void put.then(() => {
      isDone = true;
    });
    let reads = 0;
    while (!isDone && reads < 1_000_000) {
      await provider.get('key');
      reads += 1;
    }
    expect(isDone).toBe(true);
  });

  test('options that make no sense are refused', () => {
    expect(() => lmdb({ path: '' })).toThrow(TypeError);
    expect(() => lmdb({} as never)).toThrow(TypeError);
    expect(() => lmdb({ path: 'x', durability: 'file' as never })).toThrow(RangeError);
    expect(inspect(lmdb({ path: 'x' }))).toContain('lmdb');
  });
});
