/** What merging does to each kind of entry (laws M13 to M16): examples, one scenario each. */
import { describe, expect, test } from 'vitest';
import { compactSession, mergeSessions, withoutMergeState } from '../../ts/merge/merge.ts';
import { validateSession } from '../../ts/session/check.ts';
import { decodeValue } from '../../ts/session/clone/decode.ts';
import { encodeValue } from '../../ts/session/clone/encode.ts';
import { readRecords } from '../../ts/session/clone/records.ts';
import type { ObjectStore, Session } from '../../ts/session/session.ts';
import { bytesOf } from './session-fixture.ts';
import { bodyOf, cookieOf, databaseOf, KEY, merged, NOON, recordKey, sessionOf, storageOf, storeOf, tabOf, work } from './worker.ts';

const value = (of: unknown): Uint8Array => encodeValue(of).bytes;

async function recordsOf(session: Session, store = 0): Promise<unknown[]> {
  const { records } = session.storage[0]!.indexedDB[0]!.stores[store] as ObjectStore;
  if (records === undefined) return [];
  return [...readRecords(await records.bytes())].map((one) => [decodeValue(one.key).value, decodeValue(one.value).value]);
}

async function errorsOf(session: Session): Promise<unknown[]> {
  return (await validateSession(session)).filter(({ severity }) => severity === 'error');
}

test('a token that one worker refreshed and an item that another one added both survive', async () => {
  const base = await merged({ ...storageOf({ localStorage: [['cart', '1']] }), cookies: [cookieOf('token', 'old')] });
  const token = cookieOf('token', 'new');
  const a = await work(base, [['cookie', ['app.example', '/', 'token', 'host-only', ''], token as never]]);
  const b = await work(base, [['localStorage', [KEY, 'cart'], '1,2']]);
  const both = await merged(a, b);
  expect(both.cookies).toEqual([token]);
  expect(both.storage[0]?.localStorage).toEqual([['cart', '1,2']]);
});

test('a later logout wins over a refresh, and a login that saw it wins over both', async () => {
  const path = ['app.example', '/', 'token', 'host-only', ''];
  const base = await merged(sessionOf({ cookies: [cookieOf('token', 'old')] }));
  const refresh = await work(base, [['cookie', path, cookieOf('token', 'refreshed') as never]], NOON + 1);
  const logout = await work(base, [['cookie', path]], NOON + 2);
  const out = await merged(refresh, logout);
  expect(out.cookies).toEqual([]);
  const again = await work(out, [['cookie', path, cookieOf('token', 'again') as never]], NOON - 5);
  expect((await merged(again, refresh, logout)).cookies.map((one) => one.value)).toEqual(['again']);
});

describe('M13: IndexedDB', () => {
  const index = { name: 'email', keyPath: 'email', unique: true, multiEntry: false };

  test('the higher database version takes the schema whole, and what does not fit it is parked and comes back', async () => {
    const base = await merged(storageOf({ indexedDB: [databaseOf([storeOf('a', [[1, 'one']]), storeOf('b', [[1, 'x']])])] }));
    const schema = { version: 2, stores: [{ name: 'a', keyPath: null, autoIncrement: false, indexes: [] }] };
    const upgraded = await work(
      base,
      [
        ['database', [KEY, 'db'], schema as never],
        ['record', [KEY, 'db', 'b', recordKey(1)]],
      ],
      NOON + 1,
    );
    const added = await work(base, [['record', [KEY, 'db', 'b', recordKey(2)], value('new')]], NOON + 9);
    const touched = {
      version: 1,
      stores: [
        { name: 'a', keyPath: null, autoIncrement: false, indexes: [index] },
        ...schema.stores.map((one) => ({ ...one, name: 'b' })),
      ],
    };
    const older = await work(base, [['database', [KEY, 'db'], touched as never]], NOON + 20);
    const { session, parked, losses } = await mergeSessions([upgraded, added, older]);
    expect(session.storage[0]?.indexedDB[0]).toMatchObject({ version: 2, stores: [{ name: 'a', indexes: [] }] });
    expect(parked).toEqual([{ kind: 'record', path: [KEY, 'db', 'b', recordKey(2)], reason: 'no-store' }]);
    expect(losses.map(({ rule }) => rule)).toEqual(['database-version']);
    expect(await errorsOf(session)).toEqual([]);
    const back = { version: 3, stores: [...schema.stores, { ...schema.stores[0], name: 'b' }] };
    expect(await recordsOf(await work(session, [['database', [KEY, 'db'], back as never]]), 1)).toEqual([[2, 'new']]);
  });

  test('the loser of a unique index is parked: what was written first stays', async () => {
    const rules = { indexes: [index] };
    const base = await merged(storageOf({ indexedDB: [databaseOf([storeOf('a', [[1, { email: 'x' }]], rules)])] }));
    const a = await work(base, [['record', [KEY, 'db', 'a', recordKey(2)], value({ email: 'y' })]], NOON + 1);
    const b = await work(base, [['record', [KEY, 'db', 'a', recordKey(3)], value({ email: 'y' })]], NOON + 2);
    const { session, parked } = await mergeSessions([b, a]);
    expect(parked).toEqual([{ kind: 'record', path: [KEY, 'db', 'a', recordKey(3)], reason: 'unique-index' }]);
    expect(await recordsOf(session)).toEqual([
      [1, { email: 'x' }],
      [2, { email: 'y' }],
    ]);
    expect(await errorsOf(session)).toEqual([]);
    expect(await bytesOf(await merged(session, a))).toBe(await bytesOf(session));
  });

  test('a record that does not have its key at the key path of the merged store is parked', async () => {
    const base = await merged(storageOf({ indexedDB: [databaseOf([storeOf('a', [[1, { id: 1 }]])])] }));
    const inline = { version: 2, stores: [{ name: 'a', keyPath: 'id', autoIncrement: false, indexes: [] }] };
    const a = await work(base, [['database', [KEY, 'db'], inline as never]]);
    const b = await work(base, [['record', [KEY, 'db', 'a', recordKey(2)], value('no id')]]);
    const { session, parked } = await mergeSessions([a, b]);
    expect(parked).toMatchObject([{ reason: 'key-path' }]);
    expect(await errorsOf(session)).toEqual([]);
  });

  test('the key generator is the highest, and above every key; two inserts under one key are both kept', async () => {
    const rules = { autoIncrement: true, keyGenerator: 2 };
    const base = await merged(storageOf({ indexedDB: [databaseOf([storeOf('a', [[1, 'one']], rules)])] }));
    const a = await work(base, [['record', [KEY, 'db', 'a', recordKey(2)], value('of a')]], NOON + 1);
    const b = await work(base, [['record', [KEY, 'db', 'a', recordKey(2)], value('of b')]], NOON + 2);
    const { session, parked, document } = await mergeSessions([a, b]);
    expect(session.storage[0]?.indexedDB[0]?.stores[0]?.keyGenerator).toBe(3);
    expect(await recordsOf(session)).toEqual([
      [1, 'one'],
      [2, 'of b'],
    ]);
    expect(parked).toEqual([{ kind: 'record', path: [KEY, 'db', 'a', recordKey(2)], reason: 'generated-key' }]);
    const kept = [...document.entries.values()].find(({ path }) => path[3] === recordKey(2));
    expect(kept?.candidates.map((one) => decodeValue(one.value as Uint8Array).value)).toEqual(['of a', 'of b']);
  });

  test('one key in two encodings is one record', async () => {
    const a = storageOf({
      indexedDB: [
        databaseOf([
          storeOf('a', [
            [0, 'zero'],
            [new ArrayBuffer(1), 'buffer'],
          ]),
        ]),
      ],
    });
    const b = storageOf({
      indexedDB: [
        databaseOf([
          storeOf('a', [
            [-0, 'zero'],
            [new Uint8Array(1), 'buffer'],
          ]),
        ]),
      ],
    });
    expect(await recordsOf(await merged(a, b))).toEqual([
      [0, 'zero'],
      [new ArrayBuffer(1), 'buffer'],
    ]);
  });
});

test('M13: an entry without its cache and a file without its directory are parked', async () => {
  const entry = {
    url: 'https://app.example/a',
    method: 'GET',
    requestHeaders: [],
    status: 200,
    statusText: '',
    type: 'basic' as const,
    responseHeaders: [],
  };
  const base = await merged(storageOf({ caches: [{ name: 'c', entries: [entry] }], files: [{ path: 'd', kind: 'directory' }] }));
  const a = await work(
    base,
    [
      ['cache', [KEY, 'c']],
      ['cacheEntry', [KEY, 'c', 'GET', entry.url, '']],
      ['file', [KEY, 'd']],
    ],
    NOON + 5,
  );
  const b = await work(base, [
    ['cacheEntry', [KEY, 'c', 'GET', 'https://app.example/b', ''], { ...entry, url: 'https://app.example/b' } as never],
    ['file', [KEY, 'd/f'], { path: 'd/f', kind: 'file', body: bodyOf('text') } as never],
  ]);
  const { session, parked } = await mergeSessions([a, b]);
  expect(parked.map(({ reason }) => reason)).toEqual(['no-cache', 'no-directory']);
  expect(await errorsOf(session)).toEqual([]);
  expect(session.storage[0]).toMatchObject({ caches: [], files: [] });
});

test('a cache keeps the order of writing, as Cache Storage does', async () => {
  const entry = (url: string, status = 200) => ({
    ...{ url, method: 'GET', requestHeaders: [], status, statusText: '', type: 'basic' as const },
    responseHeaders: [],
  });
  const urls = ['z', 'a', 'm'].map((name) => `https://app.example/${name}`);
  const base = await merged(storageOf({ caches: [{ name: 'c', entries: urls.map((url) => entry(url)) }] }));
  const put = await work(base, [['cacheEntry', [KEY, 'c', 'GET', urls[0]!, ''], entry(urls[0]!, 404) as never]]);
  expect((await merged(put, base)).storage[0]?.caches?.[0]?.entries.map(({ url }) => url)).toEqual([urls[1], urls[2], urls[0]]);
});

describe('M14: tabs', () => {
  test('address, history and index are one register; sessionStorage merges by item; a closed tab takes its items along', async () => {
    const area = [{ key: { origin: 'https://app.example', topLevelSite: null }, items: [['a', '1']] as const }];
    const base = await merged(sessionOf({ tabs: [tabOf('t', { sessionStorage: area })] }));
    const a = await work(base, [
      ['tab', ['t'], { url: 'https://app.example/2', history: { index: 0, entries: [{ url: 'https://app.example/2' }] } } as never],
    ]);
    const b = await work(base, [['sessionStorage', ['t', KEY, 'b'], '2']]);
    const [tab] = (await merged(a, b)).tabs;
    expect(tab).toMatchObject({
      url: 'https://app.example/2',
      sessionStorage: [
        {
          items: [
            ['a', '1'],
            ['b', '2'],
          ],
        },
      ],
    });
    const closed = await work(
      base,
      [
        ['tab', ['t']],
        ['sessionStorage', ['t', KEY, 'a']],
      ],
      NOON + 9000,
    );
    expect((await merged(closed, b)).tabs).toEqual([]);
  });

  test('a tab that is moved while another is inserted stands once, and the others do not move', async () => {
    const base = await merged(sessionOf({ tabs: ['a', 'b', 'c', 'd'].map((id) => tabOf(id)) }));
    const moved = { ...base, tabs: [base.tabs[3]!, base.tabs[0]!, base.tabs[1]!, base.tabs[2]!], updatedAt: NOON + 1 };
    const inserted = { ...base, tabs: [base.tabs[0]!, base.tabs[1]!, tabOf('n'), base.tabs[2]!, base.tabs[3]!], updatedAt: NOON + 2 };
    expect((await merged(moved, inserted)).tabs.map(({ id }) => id)).toEqual(['d', 'a', 'b', 'n', 'c']);
  });
});

describe('M15: what belongs to the session', () => {
  test('the earliest creation, the latest change and the latest touch count; a rule follows its target', async () => {
    const rule = (lastTouched: number) => ({ target: { pointer: '/cookies/0' }, idleMs: 1000, lastTouched });
    const a = sessionOf({ createdAt: 5, updatedAt: 7, cookies: [cookieOf('b', '1')], ttl: [rule(6)] });
    const b = sessionOf({ createdAt: 3, updatedAt: 9, cookies: [cookieOf('b', '1')], ttl: [rule(8)] });
    const c = sessionOf({ createdAt: 4, updatedAt: 4, cookies: [cookieOf('a', '2')] });
    const session = await merged(a, b, c);
    expect(session).toMatchObject({
      createdAt: 3,
      updatedAt: 9,
      ttl: [{ target: { pointer: '/cookies/1' }, idleMs: 1000, lastTouched: 8 }],
    });
  });

  test('different ids need a target', async () => {
    const [a, b] = [sessionOf(), sessionOf({ id: 'two' })];
    await expect(mergeSessions([a, b])).rejects.toMatchObject({ code: 'MERGE_UNRELATED' });
    expect((await mergeSessions([a, b], { targetId: 'three' })).session.id).toBe('three');
    await expect(mergeSessions([])).rejects.toThrow(TypeError);
  });
});

describe('M16: a session that was changed without merging', () => {
  test('counts as one write of what changed, by somebody who had seen all of it', async () => {
    const base = await merged(sessionOf({ cookies: [cookieOf('a', '1'), cookieOf('b', '1')] }));
    const edited = { ...base, cookies: [base.cookies[0]!, cookieOf('b', 'edited')], updatedAt: NOON + 1 };
    const worker = await work(base, [['cookie', ['app.example', '/', 'a', 'host-only', ''], cookieOf('a', 'worker') as never]], NOON - 1);
    const session = await merged(edited, worker);
    expect(session.cookies.map((one) => one.value)).toEqual(['worker', 'edited']);
    expect(await bytesOf(await merged(session, base, edited))).toBe(await bytesOf(session));
  });

  test('what was taken out is gone, unless somebody wrote it meanwhile', async () => {
    const base = await merged(sessionOf({ cookies: [cookieOf('a', '1'), cookieOf('b', '1')] }));
    const purged = { ...base, cookies: [] };
    expect((await merged(purged, base)).cookies).toEqual([]);
    const worker = await work(base, [['cookie', ['app.example', '/', 'b', 'host-only', ''], cookieOf('b', 'worker') as never]]);
    expect((await merged(purged, worker)).cookies.map((one) => one.value)).toEqual(['worker']);
  });

  test('what is taken out does not bring back what it had won against', async () => {
    const path = ['app.example', '/', 'a', 'host-only', ''];
    const base = await merged(sessionOf({ cookies: [cookieOf('a', '1')] }));
    const one = await work(base, [['cookie', path, cookieOf('a', 'one') as never]], NOON + 1);
    const two = await work(base, [['cookie', path, cookieOf('a', 'two') as never]], NOON + 2);
    const both = await merged(one, two);
    expect(both.cookies.map(({ value: shown }) => shown)).toEqual(['two']);
    expect((await merged({ ...both, cookies: [] })).cookies).toEqual([]);
    expect((await merged({ ...both, cookies: [] }, both, one, two)).cookies).toEqual([]);
  });

  test('without its state it is another one: nothing that it lacks is deleted', async () => {
    const base = await merged(sessionOf({ cookies: [cookieOf('a', '1')] }));
    expect((await merged({ ...withoutMergeState(base), cookies: [] }, base)).cookies).toHaveLength(1);
  });
});

test('M6: a compacted session shows the same, and takes no part in merges of before', async () => {
  const base = await merged(sessionOf({ cookies: [cookieOf('a', '1')], tabs: [tabOf('t'), tabOf('u')] }));
  const a = await work(base, [['cookie', ['app.example', '/', 'a', 'host-only', ''], cookieOf('a', '2') as never]]);
  const compacted = await compactSession(a, 'e'.repeat(16));
  expect(withoutMergeState(compacted)).toEqual(withoutMergeState(a));
  await expect(mergeSessions([compacted, base])).rejects.toMatchObject({ code: 'MERGE_EPOCH' });
  expect((await merged(compacted, compacted)).cookies).toEqual(a.cookies);
});

test('an entry that stands twice is refused', async () => {
  await expect(mergeSessions([sessionOf({ cookies: [cookieOf('a', '1'), cookieOf('a', '2')] })])).rejects.toMatchObject({
    code: 'SESSION_INVALID',
  });
});
