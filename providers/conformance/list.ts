/** Cases: listings give each live key once, page by page, while others write. */

import assert from 'node:assert/strict';
import { type ListPage, MAX_PAGE_ITEMS, type StorageProvider } from '../../ts/provider.ts';
import type { ConformanceGroup } from './case.ts';
import { byKey, bytes, collect, expectCode, expectSame, fill, keysOf } from './observe.ts';

const KEYS = [
  ...['a', 'a/', 'za/1', 'xa', '/a/', 'a/1', 'a/2', 'a0', 'A/1', 'b/1', 'a%2f1', '\u00e9x', 'e\u0301x', '\u{1f600}', '\u{1f601}', '*'],
  ...['a*', 'a\\*', 'a[b]', 'a?', 'ab'.repeat(120)],
];
const PREFIXES = [
  ...['', 'a', 'a/', 'a/1', 'a/1/', 'A', 'e', '\u00e9', '\ud83d', '*', 'a*', 'a\\', 'a[', 'a[b', 'a?', '[a-z]', '?', 'ab'.repeat(100)],
  ...['zz', '\u{1f600}', 'x'.repeat(2000)],
];

/** Listings. */
export const list: ConformanceGroup = {
  name: 'list',
  cases: [
    {
      name: 'empty',
      says: 'an empty store lists nothing, in one last page',
      async run({ provider }) {
        assert.deepEqual(await keysOf(provider), []);
        assert.deepEqual(await keysOf(provider, { prefix: 'a' }), []);
        const walk = await walkPages(provider, {});
        assert.deepEqual([walk.keys, walk.damaged], [[], 0]);
      },
    },
    {
      name: 'exact-prefix',
      says: 'a prefix is compared by code units, and what means something in a pattern is a letter',
      async run({ provider }) {
        for (const key of KEYS) await provider.put(key, bytes(1));
        for (const prefix of PREFIXES) {
          const expected = KEYS.filter((key) => key.startsWith(prefix));
          expectSame(await keysOf(provider, { prefix }), expected, `list with prefix ${JSON.stringify(prefix)}`);
          const { keys } = await walkPages(provider, { prefix, limit: 3 });
          expectSame(keys, expected, `pages with prefix ${JSON.stringify(prefix)}`);
        }
      },
    },
    {
      name: 'no-prefix-bleed',
      says: 'a prefix does not list what only looks like it',
      async run({ provider }) {
        for (const key of ['user/1', 'user/2', 'user', 'user2/1', 'users/1', 'User/1', 'xuser/1', 'user%2f1'])
          await provider.put(key, bytes(1));
        expectSame(await keysOf(provider, { prefix: 'user/' }), ['user/1', 'user/2'], 'keys of user/');
      },
    },
    {
      name: '500-keys-with-heads',
      says: '500 keys are listed with the heads that they were put with',
      async run({ provider, amount }) {
        const heads = await fill(provider, amount(500, 300), (i) => ({ metadata: { i: String(i) } }));
        const listed = await collect(provider);
        const first = new Map(listed.map((head) => [head.key, head]));
        assert.deepEqual([...first.values()].sort(byKey), heads.sort(byKey));
        if (provider.capabilities.exactList) assert.equal(listed.length, heads.length);
      },
    },
    {
      name: 'ordered',
      says: "a listing comes in the order of the keys' UTF-8 bytes",
      needs: ['orderedList'],
      async run({ provider }) {
        const keys = [...KEYS, '\ue000', '\uffff', 'a'.repeat(200), 'b', 'B', '~', ' '];
        for (const key of keys) await provider.put(key, bytes(1));
        const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        assert.deepEqual(await keysOf(provider), sorted);
        assert.deepEqual((await walkPages(provider, { limit: 2 })).keys, sorted);
      },
    },
    {
      name: 'cursor-walk-10k-each-once',
      says: 'a walk of 10,000 keys (as many as the scale allows) meets each once, in pages of any size',
      timeoutMs: 300_000,
      async run({ provider, amount }) {
        const count = amount(10_000, 300);
        await fill(provider, count);
        await provider.put('other', bytes(1));
        const all = Array.from({ length: count }, (_, i) => `key ${i}`).sort();
        for (const limit of [MAX_PAGE_ITEMS, 97]) {
          const walk = await walkPages(provider, { prefix: 'key ', limit });
          expectEachOnce(provider, walk.keys, all);
          assert.ok(walk.pages >= count / limit, `${walk.pages} pages of at most ${limit} for ${count} keys`);
        }
        expectEachOnce(provider, await keysOf(provider), [...all, 'other'].sort());
      },
    },
    {
      name: 'limit-1',
      says: 'pages of one item meet each key',
      async run({ provider }) {
        const heads = await fill(provider, 25);
        const walk = await walkPages(provider, { limit: 1 });
        expectEachOnce(
          provider,
          walk.keys,
          heads.map((head) => head.key),
        );
      },
    },
    {
      name: 'delete-while-walking',
      says: 'keys that stay are met although others are deleted between the pages, the last of a page too',
      async run({ provider, amount }) {
        const count = amount(300, 60);
        await fill(provider, count);
        const stays = Array.from({ length: count / 2 }, (_, i) => `key ${i * 2}`);
        const met: string[] = [];
        let cursor: string | null = null;
        let doomed = 1;
        do {
          const page: ListPage = await provider.listPage({ limit: 7, ...(cursor === null ? {} : { cursor }) });
          met.push(...page.items.map((head) => head.key));
          cursor = page.cursor;
          const last = met.at(-1);
          if (last !== undefined && !stays.includes(last)) await provider.delete(last);
          for (let i = 0; i < 5 && doomed < count; i++, doomed += 2) await provider.delete(`key ${doomed}`);
        } while (cursor !== null);
        expectEachOnce(
          provider,
          met.filter((key) => stays.includes(key)),
          stays,
        );
        if (provider.capabilities.exactList) assert.equal(new Set(met).size, met.length, 'a key was met twice');
      },
    },
    {
      name: 'insert-while-walking',
      says: 'keys that stay are met once although others are inserted, and the walk ends',
      async run({ provider }) {
        const stays = (await fill(provider, 100)).map((head) => head.key);
        const met: string[] = [];
        let step = 0;
        for await (const { key } of provider.list({ prefix: 'key ' })) {
          met.push(key);
          // Bounded: a provider that lists what was just inserted must still come to its end.
          if (step >= 100) continue;
          await provider.put(`key new ${step}`, bytes(1));
          await provider.put(`key ${step} new`, bytes(1));
          step += 1;
        }
        assert.equal(step, 100);
        expectEachOnce(
          provider,
          met.filter((key) => stays.includes(key)),
          stays,
        );
      },
    },
    {
      name: 'left-in-the-middle',
      says: 'a listing may be left in the middle',
      async run({ provider }) {
        await fill(provider, 50);
        for await (const { key } of provider.list()) {
          assert.match(key, /^key \d+$/);
          break;
        }
        assert.equal(new Set(await keysOf(provider)).size, 50);
      },
    },
    {
      name: 'bad-cursor-error',
      says: 'a text that no page gave is PROVIDER_CURSOR',
      async run({ provider }) {
        await fill(provider, 10);
        const { cursor } = await provider.listPage({ limit: 1 });
        const wrong = ['', 'x', 'AAAA', '0', '{}', '[]', 'null', '../..', '\0', '\u{1f600}', 'x'.repeat(10_000)];
        for (const text of wrong) await expectCode(provider.listPage({ cursor: text }), 'PROVIDER_CURSOR');
        if (cursor !== null) {
          // A cursor that was changed is refused, or it is a cursor too: then it gives a page.
          for (const text of [cursor.slice(1), `x${cursor}`, cursor.toUpperCase().replace(/^./, '!')]) {
            const [outcome] = await Promise.allSettled([provider.listPage({ cursor: text })]);
            if (outcome.status === 'rejected') await expectCode(Promise.reject(outcome.reason), 'PROVIDER_CURSOR');
          }
        }
      },
    },
    {
      name: 'cursor-of-one-client-in-another',
      says: 'a walk goes on in another client where it was left in the first',
      needs: ['again'],
      async run({ provider, again }) {
        const heads = await fill(provider, 60);
        const clients = [provider, await again()];
        const met: string[] = [];
        let cursor: string | null = null;
        let turn = 0;
        do {
          const page: ListPage = await clients[turn++ % 2]!.listPage({ limit: 7, ...(cursor === null ? {} : { cursor }) });
          met.push(...page.items.map((head) => head.key));
          cursor = page.cursor;
        } while (cursor !== null);
        expectEachOnce(
          provider,
          met,
          heads.map((head) => head.key),
        );
      },
    },
  ],
};

/** All pages of a listing; fails when one is larger than `limit`, or when they do not come to an end. */
async function walkPages(provider: StorageProvider, options: { prefix?: string; limit?: number }) {
  const keys: string[] = [];
  let damaged = 0;
  let pages = 0;
  let cursor: string | null = null;
  do {
    const page: ListPage = await provider.listPage({ ...options, ...(cursor === null ? {} : { cursor }) });
    assert.ok(page.items.length <= (options.limit ?? 256), 'a page holds more than was asked for');
    keys.push(...page.items.map((head) => head.key));
    damaged += page.damaged.length;
    cursor = page.cursor;
    pages += 1;
    assert.ok(pages < 100_000, 'the pages come to no end');
  } while (cursor !== null);
  return { keys, damaged, pages };
}

/** Each of `expected` is met: exactly once where the provider promises it. */
function expectEachOnce(provider: StorageProvider, met: readonly string[], expected: readonly string[]): void {
  expectSame(provider.capabilities.exactList ? met : [...new Set(met)], expected, 'keys that were met');
}
