/** What counts as the same entry, kind by kind, and where the pointers lead. Values are shown to nobody who did not ask. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diffSessions } from '../../ts/diff/diff.ts';
import { invertPatch } from '../../ts/diff/patch.ts';
import { renderDiff, renderStat } from '../../ts/diff/render.ts';
import type { OriginStorage, Section, Session, Tab } from '../../ts/session/session.ts';
import { expectNoSecret, plantSecret } from '../cli/leak.ts';
import { all, bytesSection, cookie, inShort, KEY, recordsOf, related, sessionWith, storageWith, textSection } from './fixture.ts';

const differences = async (a: Partial<Session>, b: Partial<Session>): Promise<string[]> =>
  all(await diffSessions(sessionWith(a), sessionWith(b))).map(inShort);

const tab = (id: string, more: Partial<Tab> = {}): Tab => ({ id, url: 'https://app.example/', sessionStorage: [], ...more });
const database = (records: Section | undefined, recordCount: number): Pick<OriginStorage, 'indexedDB'> => {
  const held = records === undefined ? {} : { records };
  const stores = [{ name: 's', keyPath: null, autoIncrement: false, indexes: [], recordCount, ...held }];
  return { indexedDB: [{ name: 'db', version: 1, stores }] };
};
const store = (records: Section | undefined, recordCount: number): Partial<Session> => storageWith(database(records, recordCount));
const request = (url: string, more: object = {}): object => ({
  ...{ url, method: 'GET', requestHeaders: [], status: 200, statusText: '', type: 'basic', responseHeaders: [] },
  ...more,
});
const cached = (...entries: object[]): Partial<Session> => storageWith({ caches: [{ name: 'v1', entries: entries as never }] });

describe('entries are the same by identity', () => {
  test.each<[string, Partial<Session>, Partial<Session>, string[]]>([
    [
      'a cookie with another value',
      { cookies: [cookie('a')] },
      { cookies: [cookie('a', { value: 'x', secure: false })] },
      ['changed cookie /cookies/0 value,secure'],
    ],
    [
      'cookies of one name on two paths',
      { cookies: [cookie('a')] },
      { cookies: [cookie('a', { path: '/b' }), cookie('a')] },
      ['added cookie /cookies/0'],
    ],
    [
      'a cookie in another partition',
      { cookies: [cookie('a')] },
      { cookies: [cookie('a', { partitionKey: { topLevelSite: 'https://top.example', hasCrossSiteAncestor: true } })] },
      ['added cookie /cookies/0', 'removed cookie /cookies/0'],
    ],
    [
      'a cookie that moved and changed',
      { cookies: ['a', 'b', 'c'].map((name) => cookie(name)) },
      { cookies: [cookie('b'), cookie('c'), cookie('a', { value: '' })] },
      ['changed cookie /cookies/0 -> /cookies/2 value', 'moved cookie /cookies/0 -> /cookies/2'],
    ],
    [
      'items of localStorage',
      storageWith({
        localStorage: [
          ['a', '1'],
          ['b', '2'],
        ],
      }),
      storageWith({
        localStorage: [
          ['b', '3'],
          ['c', '4'],
        ],
      }),
      [
        'added localStorage /storage/0/localStorage/1',
        'removed localStorage /storage/0/localStorage/0',
        'changed localStorage /storage/0/localStorage/1 -> /storage/0/localStorage/0 1',
      ],
    ],
    [
      'two buckets of one origin',
      { storage: [{ key: KEY, localStorage: [], indexedDB: [] }] },
      {
        storage: [
          { key: { ...KEY, bucket: 'b' }, localStorage: [], indexedDB: [] },
          { key: KEY, localStorage: [], indexedDB: [] },
        ],
      },
      ['added origin /storage/0'],
    ],
    [
      'an origin with what is in it',
      {},
      storageWith({ localStorage: [['a', '1']], caches: [] }),
      ['added origin /storage/0', 'added localStorage /storage/0/localStorage/0'],
    ],
    ['a list that was not looked at and an empty one', storageWith({}), storageWith({ caches: [] }), ['changed origin /storage/0 caches']],
    [
      'sessionStorage of a tab',
      { tabs: [tab('t', { sessionStorage: [{ key: KEY, items: [['a', '1']] }] })] },
      { tabs: [tab('new'), tab('t', { sessionStorage: [{ key: KEY, items: [['a', '2']] }] })] },
      ['added tab /tabs/0', 'changed sessionStorage /tabs/0/sessionStorage/0/items/0 -> /tabs/1/sessionStorage/0/items/0 1'],
    ],
    [
      'records by key',
      store(recordsOf([1, 'a'], [2, 'b'], [3, 'c']), 3),
      store(recordsOf([2, 'B'], [3, 'c'], [4, 'd']), 3),
      [
        'added record /storage/0/indexedDB/0/stores/0/records/2',
        'removed record /storage/0/indexedDB/0/stores/0/records/0',
        'changed store /storage/0/indexedDB/0/stores/0 records',
        'changed record /storage/0/indexedDB/0/stores/0/records/1 -> /storage/0/indexedDB/0/stores/0/records/0 value',
      ],
    ],
    [
      'records of a store that had none',
      store(undefined, 0),
      store(recordsOf([1, 'a']), 1),
      ['added record /storage/0/indexedDB/0/stores/0/records/0', 'changed store /storage/0/indexedDB/0/stores/0 recordCount,records'],
    ],
    [
      'records that are none',
      store(bytesSection('x'), 1),
      store(bytesSection('yy'), 1),
      ['changed store /storage/0/indexedDB/0/stores/0 records'],
    ],
    [
      'records whose lengths do not add up',
      store(recordsOf([1, 'a']), 1),
      store({ ...recordsOf([1, 'a']), length: 1, bytes: async () => Uint8Array.of(9) }, 1),
      ['changed store /storage/0/indexedDB/0/stores/0 records'],
    ],
    [
      'requests by method and URL',
      cached(request('https://app.example/a')),
      cached(request('https://app.example/a', { method: 'HEAD' }), request('https://app.example/a', { status: 404 })),
      [
        'added request /storage/0/caches/0/entries/0',
        'changed request /storage/0/caches/0/entries/0 -> /storage/0/caches/0/entries/1 status',
      ],
    ],
    [
      'requests that differ in what varies',
      cached(request('https://app.example/a'), request('https://app.example/a', { requestHeaders: [['accept', 'b']] })),
      cached(request('https://app.example/a')),
      ['removed request /storage/0/caches/0/entries/1'],
    ],
    [
      'files by path',
      storageWith({ files: [{ path: 'a', kind: 'file', body: bytesSection('1') }] }),
      storageWith({ files: [{ path: 'a', kind: 'file', body: bytesSection('2') }] }),
      ['changed file /storage/0/files/0 body'],
    ],
    [
      'tabs that changed places',
      { tabs: [tab('a'), tab('b'), tab('c')] },
      { tabs: [tab('c'), tab('a'), tab('b')] },
      ['moved tab /tabs/2 -> /tabs/0'],
    ],
    [
      'the history of a tab is a sequence',
      { tabs: [tab('a', { history: { index: 1, entries: [{ url: 'u' }, { url: 'v' }] } })] },
      { tabs: [tab('a', { history: { index: 1, entries: [{ url: 'v' }, { url: 'u' }] } })] },
      ['added historyEntry /tabs/0/history/entries/1', 'removed historyEntry /tabs/0/history/entries/0'],
    ],
    [
      'a tab without a history',
      { tabs: [tab('a')] },
      { tabs: [tab('a', { history: { index: 0, entries: [{ url: 'u' }] } })] },
      ['added history /tabs/0/history', 'added historyEntry /tabs/0/history/entries/0'],
    ],
    [
      'permissions',
      { permissions: [{ origin: 'https://a.example', name: 'geolocation', state: 'granted' }] },
      { permissions: [{ origin: 'https://a.example', name: 'geolocation', state: 'denied' }] },
      ['changed permission /permissions/0 state'],
    ],
    [
      'passkeys',
      { credentials: [{ credentialId: 'AA', rpId: 'a.example', isResidentCredential: true, signCount: 1, privateKey: bytesSection('k') }] },
      { credentials: [{ credentialId: 'AA', rpId: 'a.example', isResidentCredential: true, signCount: 2, privateKey: bytesSection('k') }] },
      ['changed passkey /credentials/0 signCount'],
    ],
    [
      'a rule for an entry that moved',
      { cookies: [cookie('a')], ttl: [{ target: { pointer: '/cookies/0' }, idleMs: 1 }] },
      { cookies: [cookie('b'), cookie('a')], ttl: [{ target: { pointer: '/cookies/1' }, idleMs: 2 }] },
      ['added cookie /cookies/0', 'changed ttl /ttl/0 target,idleMs'],
    ],
    [
      'a rule by kind',
      { ttl: [{ target: { kind: 'cookie', name: 'a*' }, expiresAt: 1 }] },
      { ttl: [{ target: { kind: 'cookie', name: 'b*' }, expiresAt: 1 }] },
      ['added ttl /ttl/0', 'removed ttl /ttl/0'],
    ],
    ['the header', { name: 'one', revision: 1 }, { tags: ['a'], revision: 2 }, ['changed header  revision,name,tags']],
    ['mergeState as bytes', { mergeState: bytesSection('a') }, { mergeState: bytesSection('b') }, ['changed header  mergeState']],
    ['a member that is not known', { later: { deep: [1] } } as object, { later: { deep: [2] } } as object, ['changed header  later']],
    [
      'coverage',
      {},
      { coverage: { cookies: 'partial', tabs: 'complete', storage: [{ key: KEY, localStorage: 'complete', indexedDB: 'partial' }] } },
      ['added coverage /coverage/storage/0', 'changed coverage /coverage cookies'],
    ],
    [
      'text that is not the same for a lone surrogate',
      storageWith({ localStorage: [['\ud800', 'a\udc00']] }),
      storageWith({
        localStorage: [
          ['\ud800', 'a\udc01'],
          ['\ufffd', ''],
        ],
      }),
      ['added localStorage /storage/0/localStorage/1', 'changed localStorage /storage/0/localStorage/0 1'],
    ],
  ])('%s', async (_, a, b, expected) => {
    expect(await differences(a, b)).toEqual(expected);
    expect(await differences(b, b)).toEqual([]);
  });

  test('an identity that stands twice is told apart by its order', async () => {
    const twice = { cookies: [cookie('a', { value: '1' }), cookie('a', { value: '2' })] };
    const diff = await diffSessions(sessionWith(twice), sessionWith({ cookies: [cookie('a', { value: '1' })] }));
    expect(diff.removed).toMatchObject([{ from: '/cookies/1', occurrence: 1 }]);
    expect(diff.unchangedCount).toBe(2);
  });

  test('unchanged entries are counted, those in place and whole', async () => {
    const a = sessionWith({ cookies: ['a', 'b', 'c', 'd'].map((name) => cookie(name)) });
    const b = sessionWith({ cookies: [cookie('d'), cookie('a'), cookie('b', { value: '' })] });
    // The coverage and one cookie: another was removed, another moved, another changed.
    expect((await diffSessions(a, b)).unchangedCount).toBe(2);
  });
});

describe('what an entry says', () => {
  test('kinds and lengths, and values where they are to be revealed', async () => {
    const [a, b] = [
      sessionWith({ cookies: [cookie('a', { value: 'one' })] }),
      sessionWith({ cookies: [cookie('a', { value: 'longer', expiresAt: 5 })] }),
    ];
    const before = { kind: 'cookie', place: 'app.example/', name: 'a', from: '/cookies/0', to: '/cookies/0' };
    expect((await diffSessions(a, b)).changed).toEqual([
      {
        ...before,
        change: 'changed',
        members: [
          { member: 'value', before: { type: 'string', length: 3 }, after: { type: 'string', length: 6 } },
          { member: 'expiresAt', before: { type: 'null' }, after: { type: 'number' } },
        ],
      },
    ]);
    const [revealed] = (await diffSessions(a, b, { reveal: true })).changed;
    expect(revealed).toMatchObject({
      ...before,
      members: [{ before: { value: 'one' }, after: { value: 'longer' } }, { after: { value: 5 } }],
    });
  });

  test('a long string says where it changed, also in a section; an array says which items', async () => {
    const long = 'x'.repeat(100);
    const a = sessionWith({ tags: ['a', 'b', 'c'], ...storageWith({ localStorage: [['k', `${long}old${long}`]] }) });
    const b = sessionWith({ tags: ['a', 'c'], ...storageWith({ localStorage: [['k', textSection(`${long}newer${long}`)]] }) });
    const diff = await diffSessions(a, b);
    const { changed } = diff;
    expect(invertPatch(diff).changed.map(({ members }) => members[0]?.edits)).toEqual([
      [1, 1, 1, 2],
      [100, 105, 100, 103],
    ]);
    expect(changed.map(({ members }) => members[0]?.edits)).toEqual([
      [1, 2, 1, 1],
      [100, 103, 100, 105],
    ]);
    expect(changed[1]?.members[0]).toMatchObject({ before: { type: 'string', length: 203 }, after: { type: 'string', length: 205 } });
  });

  test('edits turn the one value into the other', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\ud83e\udd8a', '\ud800'), minLength: 64, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(text, text, async (one, other) => {
        fc.pre(one !== other);
        const value = (content: string): Session => sessionWith(storageWith({ localStorage: [['k', content]] }));
        const edits = (await diffSessions(value(one), value(other))).changed[0]?.members[0]?.edits ?? [];
        let [result, at] = ['', 0];
        for (let i = 0; i < edits.length; i += 4) {
          result += one.slice(at, edits[i]) + other.slice(edits[i + 2], edits[i + 3]);
          at = edits[i + 1] as number;
        }
        expect(result + one.slice(at)).toBe(other);
      }),
      { numRuns: 50 },
    );
  });
});

describe('sections', () => {
  const unreadable = (length: number): Section => ({
    mediaType: 'x/y',
    length,
    bytes: () => Promise.reject(new Error('read')),
  });
  const file = (body: Section): Session => sessionWith(storageWith({ files: [{ path: 'f', kind: 'file', body }] }));

  test('one handle is not read, nor are those of different length or media type', async () => {
    const one = unreadable(3);
    expect(all(await diffSessions(file(one), file(one)))).toEqual([]);
    expect(all(await diffSessions(file(one), file(unreadable(4))))).toHaveLength(1);
    expect(all(await diffSessions(file(one), file({ ...one, mediaType: 'x/z' })))).toHaveLength(1);
  });

  test('a caller who knows is believed, and one who does not is not', async () => {
    const [one, other] = [unreadable(3), unreadable(3)];
    expect(all(await diffSessions(file(one), file(other), { sameSection: () => true }))).toEqual([]);
    expect(all(await diffSessions(file(one), file(other), { sameSection: () => false }))).toHaveLength(1);
    await expect(diffSessions(file(one), file(other), { sameSection: () => undefined })).rejects.toThrow('read');
  });
});

describe('without reveal no value is shown', () => {
  const layout = {
    show: (text: string) => text,
    table: (rows: readonly (readonly string[])[]) => rows.map((row) => row.join(' ')).join('\n'),
  };

  test('of secrets in every place that holds values', async () => {
    const secrets: Record<string, string> = {};
    const secret = (place: string): string => {
      secrets[place] = plantSecret('ascii');
      return secrets[place];
    };
    const make = (side: string): Session => {
      const hide = (place: string): string => secret(`${side} ${place}`);
      return {
        ...sessionWith({
          id: hide('id'),
          name: hide('name'),
          tags: [hide('tag')],
          source: { tool: 'test', browser: hide('browser') },
          cookies: [cookie('c', { value: hide('cookie') })],
          storage: [
            {
              key: KEY,
              localStorage: [
                ['text', hide('localStorage')],
                ['section', textSection(hide('text section'))],
              ],
              ...database(recordsOf([hide('key'), hide('record')]), 1),
              caches: [
                {
                  name: 'v1',
                  entries: [
                    request(`https://app.example/${hide('path')}?${hide('query')}`, {
                      requestHeaders: [['authorization', hide('header')]],
                      body: bytesSection(hide('body')),
                    }),
                  ] as never,
                },
              ],
              serviceWorkers: [
                {
                  scope: `https://app.example/${hide('scope')}/`,
                  scriptUrl: hide('script URL'),
                  type: 'classic',
                  updateViaCache: 'none',
                  script: bytesSection(hide('script')),
                },
              ],
              files: [{ path: 'f', kind: 'file', body: bytesSection(hide('file')) }],
            },
          ],
          tabs: [
            tab('t', {
              url: `https://app.example/${hide('tab path')}#${hide('fragment')}`,
              windowName: hide('window name'),
              history: { index: 0, entries: [{ url: `https://app.example/${hide('history')}`, title: hide('title') }] },
              sessionStorage: [{ key: KEY, items: [['s', hide('sessionStorage')]] }],
            }),
          ],
          credentials: [
            {
              ...{ credentialId: hide('credential'), rpId: 'app.example', isResidentCredential: true, signCount: 0 },
              privateKey: bytesSection(hide('key')),
            },
          ],
          mergeState: bytesSection(hide('merge')),
        }),
        ...{ later: hide('unknown member') },
      };
    };
    const [a, b, empty] = [make('a'), make('b'), sessionWith({})];
    for (const [one, other] of [
      [a, b],
      [a, empty],
      [empty, b],
    ] as const) {
      const diff = await diffSessions(one, other);
      expect(all(diff).length).toBeGreaterThan(10);
      expectNoSecret(JSON.stringify(diff), secrets, 'the difference');
      expectNoSecret(renderDiff(diff, layout) + renderStat(diff, layout), secrets, 'its text');
    }
    // Told apart from a search that finds nothing.
    const revealed = await diffSessions(a, b, { reveal: true });
    expect(() => expectNoSecret(JSON.stringify(revealed), secrets, 'the difference')).toThrow();
  });

  test('in any session, nothing is a value but kinds, labels and numbers', async () => {
    await fc.assert(
      fc.asyncProperty(related, async ([a, b]) => {
        const values = JSON.stringify(await diffSessions(a, b), (name, value: unknown) =>
          name === 'value' || name === 'identity' ? 'found' : value,
        );
        expect(values).not.toContain('"found"');
      }),
      { numRuns: 50 },
    );
  });
});
