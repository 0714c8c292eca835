/** Damage under the filesystem provider: records that are cut or changed are never returned, and what dead writers leave is swept. */
import { appendFile, mkdir, readdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ABANDONED_AFTER_MS } from '../../providers/filesystem/lock.ts';
import { nameKey } from '../../providers/filesystem/name.ts';
import { newOwner } from '../../providers/filesystem/owner.ts';
import { filesystem } from '../../providers/filesystem.ts';
import { expectCode, expectSilent, keysOf, pattern } from '../contract/provider/observe.ts';
import { deadOwner, KEY, makeRecord, makeStore, NAME } from './filesystem-store.ts';

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
    await writeFile(join(shard, `${deadOwner()}.claim`), dead);
    await writeFile(join(shard, nameKey('another').lock), dead);
    await writeFile(join(root, `${dead}.owner`), dead);
    await writeFile(join(shard, `${alive}.tmp`), 'still being written');
    const provider = () => filesystem({ root, now: () => nowMs });
    const left = async () => (await readdir(shard)).sort();

    nowMs += ABANDONED_AFTER_MS - 60_000;
    await provider().put(KEY, pattern(1));
    const kept = [`${dead}.tmp`, `${alive}.tmp`, NAME.record];
    // What the dead hold is free at once; what they wrote is looked at more closely only when it is old.
    expect(await left()).toEqual([...kept].sort());
    expect(await readdir(root)).not.toContain(`${dead}.owner`);

    nowMs += 120_000;
    await writeFile(join(shard, `${young}.tmp`), '');
    await utimes(join(shard, `${young}.tmp`), new Date(nowMs), new Date(nowMs));
    expect(await keysOf(provider())).toEqual([KEY]);
    expect(await left()).toEqual([...kept, `${young}.tmp`].sort());
    await provider().put(KEY, pattern(1));
    expect(await left()).toEqual([`${young}.tmp`, `${alive}.tmp`, NAME.record].sort());
  });
});
