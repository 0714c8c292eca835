/** What can be wrong under the lmdb provider: damaged values and files, strange keys, a full disk, a read-only one. */

import { execFileSync } from 'node:child_process';
import { mkdir, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openEnvironment } from '../../providers/lmdb/environment.ts';
import { lmdb } from '../../providers/lmdb.ts';
import type { DamagedRecord, StorageProvider } from '../../ts/provider.ts';
import { bytes, codeOf, expectCode, expectSilent, keysOf, pattern, present } from '../contract/provider/observe.ts';
import { makeFolder } from '../machine/folder.ts';
import { canMountTmpfs, mountTmpfs } from '../machine/tmpfs.ts';
import { makeStore, openStore } from './lmdb-store.ts';

const KEY = 'keysecret';
const VALUE = new TextEncoder().encode('VALUESECRET'.repeat(1000));

describe('lmdb: damage', () => {
  test('a value of which one bit is another is PROVIDER_CORRUPT, and can be replaced and deleted', async () => {
    const { path, provider } = await makeStore();
    await provider.put('before', bytes(1));
    await provider.put(KEY, VALUE);
    await provider.put('later', bytes(2));
    await provider.close();
    await flip(join(path, 'data.mdb'), 'VALUESECRET', 5);
    const again = openStore(path);
    const error = await expectCode(again.get(KEY), 'PROVIDER_CORRUPT');
    expectSilent(error, [KEY, 'VALUESECRET']);
    const many = await again.getMany(['before', KEY, 'later']);
    expect(many.map((one) => (one.status === 'fulfilled' ? one.value?.size : codeOf(one.reason)))).toEqual([1, 'PROVIDER_CORRUPT', 1]);
    await again.put(KEY, bytes(3));
    expect((await present(again, KEY)).value).toEqual(bytes(3));
  });

  test('a head that is none is PROVIDER_CORRUPT, is listed as damaged, is kept by a sweep, and can be deleted', async () => {
    const { path, provider } = await makeStore();
    await provider.put('a', bytes(1));
    await provider.put('z', bytes(2));
    await plant(path, Buffer.from(KEY), VALUE);
    await plant(path, Uint8Array.of(0x62, 0xff, 0xfe), VALUE);
    for (const call of [
      () => provider.get(KEY),
      () => provider.head(KEY),
      () => provider.touch(KEY, 5),
      () => provider.put(KEY, bytes(1), { ifNoneMatch: '*' }),
      () => provider.get(KEY, { range: [0, 5] }),
    ]) {
      expectSilent(await expectCode(call(), 'PROVIDER_CORRUPT'), [KEY, 'VALUESECRET']);
    }
    expect(await provider.sweep()).toEqual({ expired: 0, orphans: 0 });
    const damaged: DamagedRecord[] = [];
    expect(await keysOf(provider, { onDamaged: (record) => damaged.push(record) })).toEqual(['a', 'z']);
    expect(damaged.map(({ key, error }) => [key, error.code])).toEqual([
      [null, 'PROVIDER_CORRUPT'],
      [KEY, 'PROVIDER_CORRUPT'],
    ]);
    await expectCode(keysOf(provider), 'PROVIDER_CORRUPT');
    expect(await provider.delete(KEY)).toBe(true);
    expect(await provider.get(KEY)).toBeNull();
  });

  test.each([
    ['garbage', async (file: string) => writeFile(file, pattern(20_000))],
    ['a text', async (file: string) => writeFile(file, 'this is no environment of LMDB')],
    ['the first page cut in two', async (file: string) => truncate(file, 2000)],
  ])('a file that is %s is a coded error', async (_, damage) => {
    const { path, provider } = await makeStore();
    await provider.put(KEY, VALUE);
    await provider.close();
    await damage(join(path, 'data.mdb'));
    for (const call of [openStore(path).get(KEY), openStore(path).put(KEY, VALUE)]) {
      const error = await call.then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(['PROVIDER_CORRUPT', 'PROVIDER_UNAVAILABLE']).toContain(codeOf(error));
      expectSilent(error as Error, [KEY, 'VALUESECRET']);
    }
  });

  test('a file that was cut gives coded errors, not the end of the process', async () => {
    const { path, provider } = await makeStore();
    for (let i = 0; i < 50; i++) await provider.put(`key ${i}`, pattern(9000));
    await provider.close();
    const file = join(path, 'data.mdb');
    const { size } = await stat(file);
    const whole = await readFile(file);
    for (const left of [0.9, 0.5, 0.1]) {
      await truncate(file, Math.floor(size * left));
      await expectCodedOnly(openStore(path));
      await writeFile(file, whole);
    }
  });

  test('an empty file is an empty store', async () => {
    const path = await makeFolder('lmdb');
    await writeFile(join(path, 'data.mdb'), '');
    expect(await keysOf(openStore(path))).toEqual([]);
  });

  test('something else in place of the folder, or no right to make it', async () => {
    const folder = await makeFolder('lmdb');
    const file = join(folder, 'file');
    await writeFile(file, '');
    for (const path of [file, join(file, 'below')]) {
      const error = await expectCode(lmdb({ path }).put(KEY, VALUE), 'PROVIDER_UNAVAILABLE');
      expect(['EEXIST', 'ENOTDIR']).toContain(error.details['systemCode']);
      expectSilent(error, [KEY, 'VALUESECRET']);
    }
    const path = join(folder, 'folder');
    await mkdir(join(path, 'data.mdb'), { recursive: true });
    await expectCode(lmdb({ path }).get(KEY), 'PROVIDER_CORRUPT');
  });

  test('a store that could not be opened can be opened later', async () => {
    const path = join(await makeFolder('lmdb'), 'store');
    await writeFile(path, '');
    const provider = openStore(path);
    await expectCode(provider.get(KEY), 'PROVIDER_UNAVAILABLE');
    await rm(path);
    await provider.put(KEY, bytes(1));
    expect((await present(provider, KEY)).value).toEqual(bytes(1));
  });
});

describe('lmdb: a disk that is full or read-only', () => {
  const canMount = canMountTmpfs();

  test.skipIf(!canMount)(
    'disk full: the old values stay, and there is room again after a delete (needs root, to mount a tmpfs)',
    async () => {
      const provider = openStore(await mountTmpfs());
      await provider.put('small', bytes(1));
      await provider.put(KEY, pattern(200_000));
      const puts = await Promise.allSettled([
        provider.put(KEY, pattern(3_000_000)),
        provider.putMany([{ key: 'b', value: pattern(2_000_000) }]),
      ]);
      const single = puts[0].status === 'rejected' ? puts[0].reason : null;
      const batch = puts[1].status === 'fulfilled' ? puts[1].value[0]! : null;
      expect(codeOf(single)).toBe('PROVIDER_UNAVAILABLE');
      // LMDB's name for a write that stored only its first part is EIO.
      expect(['ENOSPC', 'EIO']).toContain(single.details.systemCode);
      expectSilent(single, [KEY]);
      expect(batch?.status === 'rejected' && codeOf(batch.reason)).toBe('PROVIDER_UNAVAILABLE');
      expect((await present(provider, KEY)).value).toEqual(pattern(200_000));
      await expectCode(provider.put(KEY, pattern(3_000_000), { ifMatch: (await present(provider, KEY)).version }), 'PROVIDER_UNAVAILABLE');
      expect(await provider.delete(KEY)).toBe(true);
      await provider.put('again', pattern(100_000));
      expect(await keysOf(provider)).toEqual(['again', 'small']);
    },
  );

  test.skipIf(!canMount)('a read-only file system is PROVIDER_UNAVAILABLE (needs root, to mount a tmpfs)', async () => {
    const path = await mountTmpfs();
    const first = lmdb({ path });
    await first.put(KEY, VALUE);
    await first.close();
    execFileSync('mount', ['-o', 'remount,ro', path]);
    const error = await expectCode(lmdb({ path }).put(KEY, VALUE), 'PROVIDER_UNAVAILABLE');
    expect(error.details).toEqual({ systemCode: 'EROFS' });
    expectSilent(error, [KEY, 'VALUESECRET']);
  });
});

/** Every call ends, with a result or a coded error. */
async function expectCodedOnly(provider: StorageProvider): Promise<void> {
  const calls = Array.from({ length: 50 }, (_, i) => provider.get(`key ${i}`));
  let failed = 0;
  for (const result of await Promise.allSettled([...calls, keysOf(provider), provider.sweep()])) {
    if (result.status === 'fulfilled') continue;
    failed += 1;
    expect(codeOf(result.reason)).toBe('PROVIDER_CORRUPT');
  }
  expect(failed).toBeGreaterThan(0);
  await provider.close();
}

/** Puts bytes under a key past the provider. */
async function plant(path: string, key: Uint8Array, value: Uint8Array): Promise<void> {
  const { database, release } = await openEnvironment(path, 'full');
  await database.put(key, value);
  await release();
}

async function flip(file: string, text: string, offset: number): Promise<void> {
  const at = (await readFile(file)).indexOf(text);
  expect(at).toBeGreaterThan(0);
  const handle = await open(file, 'r+');
  await handle.write('x', at + offset);
  await handle.close();
}
