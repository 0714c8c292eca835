/** Listings of the filesystem provider page by page: cursors that live longer than their process, and damage that ends nothing. */
import { mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nameKey } from '../../providers/filesystem/name.ts';
import { filesystem } from '../../providers/filesystem.ts';
import type { DamagedRecord, StorageProvider } from '../../ts/provider.ts';
import { expectCode, expectSilent, pattern } from '../contract/provider/observe.ts';
import { makeFolder } from '../machine/folder.ts';
import { KEY, makeRecord, makeStore } from './filesystem-store.ts';

const HASHED = 'X'.repeat(100);

describe('filesystem: pages', () => {
  test.each([1, 3, 7, 1000])('pages of %i give every key once, each page from another provider of the root', async (limit) => {
    const { root, provider } = await makeStore();
    const keys = [...Array.from({ length: 60 }, (_, i) => `key ${i}`), ...Array.from({ length: 5 }, (_, i) => `${HASHED}${i}`)];
    await Promise.all(keys.map((key) => provider.put(key, pattern(3))));
    const seen = await walk(() => filesystem({ root }), limit);
    expect(seen.sort()).toEqual(keys.sort());
  });

  test('keys that stay come once, whatever is put, replaced and deleted between the pages', async () => {
    const { root, provider } = await makeStore();
    const stay = Array.from({ length: 80 }, (_, i) => `stay ${i}`);
    const go = Array.from({ length: 80 }, (_, i) => `go ${i}`);
    await Promise.all([...stay, ...go].map((key) => provider.put(key, pattern(3))));
    let page = 0;
    const seen = await walk(
      () => filesystem({ root }),
      9,
      async () => {
        await Promise.all([
          ...go.splice(0, 6).map((key) => provider.delete(key)),
          ...Array.from({ length: 6 }, (_, i) => provider.put(`new ${page}-${i}`, pattern(3))),
          ...stay.slice(page * 2, page * 2 + 5).map((key) => provider.put(key, pattern(4))),
        ]);
        page++;
      },
    );
    expect(seen.filter((key) => key.startsWith('stay')).sort()).toEqual([...stay].sort());
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('a prefix, of spelled and of hashed names, also across pages', async () => {
    const { root, provider } = await makeStore();
    const keys = ['a', 'ab', 'abc', 'b', `a${HASHED}`, HASHED, `ab${HASHED}`];
    await Promise.all(keys.map((key) => provider.put(key, pattern(3))));
    for (const prefix of ['', 'a', 'ab', 'X', 'none']) {
      const seen = await walk(() => filesystem({ root }), 1, undefined, prefix);
      expect(seen.sort()).toEqual(keys.filter((key) => key.startsWith(prefix)).sort());
    }
  });

  test('a cursor stays good when its record is deleted', async () => {
    const { provider } = await makeStore();
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => provider.put(key, pattern(3))));
    const first = await provider.listPage({ limit: 2 });
    for (const { key } of first.items) await provider.delete(key);
    const rest = await provider.listPage({ limit: 10, cursor: first.cursor! });
    expect([...first.items, ...rest.items].map(({ key }) => key).sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(rest.cursor).toBeNull();
  });

  test('a cursor that is damaged anywhere, or goes with another prefix, is PROVIDER_CURSOR', async () => {
    const { provider, root } = await makeStore();
    await Promise.all(['ka', 'kb', 'kc'].map((key) => provider.put(key, pattern(3))));
    const cursor = (await provider.listPage({ prefix: 'k', limit: 1 })).cursor!;
    const wrong = ['', 'x', `${cursor}0`, ` ${cursor}`, '00/:0', '00/k-a.rec:', '../k-a.rec:0', '00/../../etc/passwd.rec:0'];
    for (let at = 0; at < cursor.length; at++) {
      wrong.push(cursor.slice(0, at), cursor.slice(0, at) + String.fromCharCode(cursor.charCodeAt(at) ^ 1) + cursor.slice(at + 1));
    }
    for (const text of wrong) await expectCode(provider.listPage({ prefix: 'k', cursor: text }), 'PROVIDER_CURSOR');
    await expectCode(provider.listPage({ cursor }), 'PROVIDER_CURSOR');
    await expectCode(filesystem({ root: join(root, 'absent') }).listPage({ cursor: 'x' }), 'PROVIDER_CURSOR');
    expect((await provider.listPage({ prefix: 'k', cursor })).items).toHaveLength(2);
  });

  test('a page of a store that is not there is empty, and the last', async () => {
    const provider = filesystem({ root: join(await makeFolder('filesystem'), 'absent') });
    expect(await provider.listPage()).toEqual({ items: [], damaged: [], cursor: null });
  });

  test.skipIf(process.env['PSP_DEEP'] !== '1')(
    '100,000 keys are each listed once in constant memory (PSP_DEEP=1)',
    { timeout: 900_000 },
    async () => {
      const { provider } = await makeStore();
      for (let from = 0; from < 100_000; from += 1000) {
        await provider.putMany(Array.from({ length: 1000 }, (_, i) => ({ key: `key ${from + i}`, value: pattern(3) })));
      }
      const seen = new Uint8Array(100_000);
      const before = process.memoryUsage().heapUsed;
      let most = 0;
      for await (const { key } of provider.list()) {
        seen[Number(key.slice(4))]!++;
        most = Math.max(most, process.memoryUsage().heapUsed - before);
      }
      expect(seen.every((times) => times === 1)).toBe(true);
      expect(most).toBeLessThan(64 * 1024 * 1024);
    },
  );
});

describe('filesystem: damage in a listing', () => {
  test('every other key is listed, and each damaged record is told, with its key where its name spells it', async () => {
    const { provider, root, path } = await makeRecord();
    const others = Array.from({ length: 40 }, (_, i) => `key ${i}`);
    await Promise.all([...others, HASHED].map((key) => provider.put(key, pattern(3))));
    await writeFile(path, 'VALUESECRET'.repeat(20));
    const hashed = nameKey(HASHED);
    await writeFile(join(root, hashed.shard, hashed.record), '');
    await rename(join(root, nameKey('key 0').shard), join(root, 'moved'));
    await symlink(join(root, 'moved'), join(root, nameKey('key 0').shard));
    const lost = others.filter((key) => nameKey(key).shard === nameKey('key 0').shard);

    const damaged: DamagedRecord[] = [];
    const keys: string[] = [];
    for await (const { key } of provider.list({ onDamaged: (record) => damaged.push(record) })) keys.push(key);
    expect(keys.sort()).toEqual(others.filter((key) => !lost.includes(key)).sort());
    expect(damaged.map(({ key }) => key).sort()).toEqual([KEY, null, null]);
    for (const { error } of damaged) {
      expect(error.code).toBe('PROVIDER_CORRUPT');
      expectSilent(error, [KEY, HASHED, 'VALUESECRET', 'METASECRET']);
    }
    const seen: string[] = [];
    const listed = (async () => {
      for await (const { key } of provider.list()) seen.push(key);
    })();
    expect((await expectCode(listed, 'PROVIDER_CORRUPT')).details).toEqual({ damaged: 3 });
    expect(seen.sort()).toEqual(keys);
  });

  test('a record under the name of another key does not speak for that key', async () => {
    const { provider, root, path } = await makeRecord();
    const other = nameKey('other');
    await mkdir(join(root, other.shard), { recursive: true });
    await writeFile(join(root, other.shard, other.record), await readFile(path));
    await writeFile(join(root, other.shard, 'k-elsewhere.rec'), await readFile(path));
    await writeFile(join(root, other.shard, 'k-_zz.rec'), await readFile(path));
    const { items, damaged } = await provider.listPage();
    expect(items.map(({ key }) => key)).toEqual([KEY]);
    expect(damaged.map(({ key }) => key)).toEqual([null, null, 'other']);
  });

  test('each damaged record comes once, also in pages of one', async () => {
    const { provider, root } = await makeStore();
    const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
    await Promise.all(keys.map((key) => provider.put(key, pattern(3))));
    for (const key of keys.slice(0, 10)) await writeFile(join(root, nameKey(key).shard, nameKey(key).record), 'garbage');
    const found: (string | null)[] = [];
    let cursor: string | null = null;
    do {
      const page = await provider.listPage({ limit: 1, ...(cursor === null ? {} : { cursor }) });
      found.push(...page.items.map(({ key }) => key), ...page.damaged.map(({ key }) => key));
      cursor = page.cursor;
    } while (cursor !== null);
    expect(found.sort()).toEqual(keys.sort());
  });
});

/** All keys, page after page, each page from another provider. */
async function walk(open: () => StorageProvider, limit: number, between?: () => Promise<void>, prefix = ''): Promise<string[]> {
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await open().listPage({ prefix, limit, ...(cursor === null ? {} : { cursor }) });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    seen.push(...page.items.map(({ key }) => key));
    cursor = page.cursor;
    await between?.();
  } while (cursor !== null);
  return seen;
}
