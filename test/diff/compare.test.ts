/** Whether two sessions are the same, by each measure, and where they first differ. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareSessions, type Measure } from '../../ts/diff/compare.ts';
import { diffSessions } from '../../ts/diff/diff.ts';
import type { Section, Session } from '../../ts/session/session.ts';
import { session } from '../session/arbitrary.ts';
import { all, bytesSection, cookie, inShort, KEY, recordsOf, related, sessionWith, storageWith } from './fixture.ts';

const NOW = 1_000_000;

async function firstOf(a: Partial<Session>, b: Partial<Session>, measure: Measure, now = NOW): Promise<string | null> {
  const { equal, first } = await compareSessions(sessionWith(a), sessionWith(b), measure, { now });
  expect(equal).toBe(first === null);
  return first === null ? null : inShort(first);
}

test('by every measure a session is equal to itself, and `exact` is equal exactly where there is no difference', async () => {
  await fc.assert(
    fc.asyncProperty(related, async ([a, b]) => {
      for (const measure of ['exact', 'login', 'cookies', () => true] as const)
        expect(await compareSessions(a, a, measure, { now: NOW })).toEqual({ equal: true, first: null });
      const found = all(await diffSessions(a, b));
      const { equal, first } = await compareSessions(a, b, 'exact');
      expect(equal).toBe(found.length === 0);
      if (first !== null) expect(found).toContainEqual(first);
    }),
    { numRuns: 100 },
  );
});

describe("'login'", () => {
  const login = (token: string, at: number, tabIds: readonly string[]): Session => ({
    ...sessionWith({
      id: `capture at ${at}`,
      revision: at,
      createdAt: at,
      updatedAt: at + 1,
      cookies: [cookie('sid', { value: token, createdAt: at, expiresAt: NOW + at }), cookie('theme')],
      ...storageWith({
        localStorage: [['token', token]],
        files: [{ path: 'f', kind: 'file', lastModified: at, body: bytesSection('same') }],
        indexedDB: [
          {
            name: 'db',
            version: 1,
            stores: [{ name: 's', keyPath: null, autoIncrement: false, indexes: [], recordCount: 1, records: recordsOf([1, token]) }],
          },
        ],
      }),
      tabs: tabIds.map((id, i) => ({
        id,
        url: `https://app.example/${at}`,
        history: { index: 0, entries: [{ url: `https://app.example/${at}` }] },
        sessionStorage: i === 0 ? [{ key: KEY, items: [['nonce', token]] }] : [],
      })),
      credentials: [{ credentialId: 'AA', rpId: 'app.example', isResidentCredential: true, signCount: at, privateKey: bytesSection('k') }],
    }),
  });

  test('two captures of one login are equal: other times, ids, order and tabs', async () => {
    const [a, b] = [login('secret', 1, ['t1', 't2']), login('secret', 2, ['u1'])];
    const shuffled = { ...b, cookies: [...b.cookies].reverse(), name: 'again', mergeState: bytesSection('m'), ttl: [] };
    expect(await firstOf(a, shuffled, 'login')).toBeNull();
    expect(await firstOf(a, shuffled, 'exact')).not.toBeNull();
  });

  test('an entry that has expired counts as absent', async () => {
    const [a, b] = [login('secret', 1, ['t']), login('secret', 1, ['t'])];
    const stale = { ...b, cookies: [...b.cookies, cookie('old', { expiresAt: NOW })] };
    expect(await firstOf(a, stale, 'login')).toBeNull();
    expect(await firstOf(a, stale, 'login', NOW - 1)).toBe('added cookie /cookies/2');
    const ruled: Session = {
      ...b,
      storage: [{ ...b.storage[0]!, localStorage: [...b.storage[0]!.localStorage, ['x', 'y']] }],
      ttl: [{ target: { kind: 'localStorage', name: 'x' }, expiresAt: NOW }],
    };
    expect(await firstOf(a, ruled, 'login')).toBeNull();
    expect(await firstOf(a, { ...ruled, ttl: [] }, 'login')).toBe('added localStorage /storage/0/localStorage/1');
    // Expired on one side only: it is gone there.
    expect(
      await firstOf(
        { ...a, cookies: [cookie('s', { expiresAt: NOW })] },
        { ...a, cookies: [cookie('s', { expiresAt: NOW + 1 })] },
        'login',
      ),
    ).toBe('added cookie /cookies/0');
  });

  test.each<[string, (one: Session) => Partial<Session>, string]>([
    ['a cookie', (one) => ({ cookies: [{ ...one.cookies[0]!, value: 'x' }, one.cookies[1]!] }), 'changed cookie /cookies/0 value'],
    [
      'an attribute of a cookie',
      (one) => ({ cookies: [one.cookies[0]!, { ...one.cookies[1]!, secure: false }] }),
      'changed cookie /cookies/1 secure',
    ],
    ['an item', (one) => ({ storage: [{ ...one.storage[0]!, localStorage: [] }] }), 'removed localStorage /storage/0/localStorage/0'],
    [
      'an item of another origin',
      (one) => ({ storage: [...one.storage, { key: { ...KEY, origin: 'https://b.example' }, localStorage: [['a', '']], indexedDB: [] }] }),
      'added localStorage /storage/1/localStorage/0',
    ],
    [
      'a record',
      (one) => ({
        storage: [
          { ...one.storage[0]!, ...storageWith(login('x', 1, []).storage[0]!).storage![0], localStorage: one.storage[0]!.localStorage },
        ],
      }),
      'changed store /storage/0/indexedDB/0/stores/0 records',
    ],
    [
      'sessionStorage of a tab with another id',
      () => ({ tabs: [{ id: 'z', url: '', sessionStorage: [{ key: KEY, items: [['nonce', 'x']] }] }] }),
      'changed sessionStorage /tabs/0/sessionStorage/0/items/0 1',
    ],
    ['sessionStorage of a tab that is gone', () => ({ tabs: [] }), 'removed sessionStorage /tabs/0/sessionStorage/0/items/0'],
  ])('%s counts', async (_, change, expected) => {
    const a = login('secret', 1, ['t']);
    expect(await firstOf(a, { ...a, ...change(a) }, 'login')).toBe(expected);
  });

  test('needs the time', async () => {
    await expect(compareSessions(sessionWith({}), sessionWith({}), 'login')).rejects.toThrow(TypeError);
  });
});

test("'cookies' sees cookies alone, with their times, in any order", async () => {
  const a = { cookies: [cookie('a', { expiresAt: 1 }), cookie('b')], ...storageWith({ localStorage: [['k', 'v']] }) };
  expect(await firstOf(a, { cookies: [...a.cookies].reverse() }, 'cookies')).toBeNull();
  expect(await firstOf(a, { ...a, cookies: [cookie('a', { expiresAt: 2 }), cookie('b')] }, 'cookies')).toBe(
    'changed cookie /cookies/0 expiresAt',
  );
  expect(await firstOf(a, { ...a, cookies: [cookie('b')] }, 'cookies')).toBe('removed cookie /cookies/0');
});

test('a function says what counts, and sees values only where they are revealed', async () => {
  const [a, b] = [
    sessionWith({ cookies: [cookie('a')], name: 'x' }),
    sessionWith({ cookies: [cookie('a', { value: 'new' }), cookie('b')] }),
  ];
  expect((await compareSessions(a, b, ({ change }) => change === 'added')).first).toMatchObject({ kind: 'cookie', to: '/cookies/1' });
  expect(await compareSessions(a, b, ({ kind }) => kind === 'tab')).toEqual({ equal: true, first: null });
  const { first } = await compareSessions(a, b, ({ kind }) => kind === 'cookie', { reveal: true });
  expect(first).toMatchObject({ members: [{ before: { value: 'value of a' }, after: { value: 'new' } }] });
  await expect(compareSessions(a, b, 'almost' as 'exact')).rejects.toThrow(TypeError);
});

test('stops at the first difference: what comes later is not read', async () => {
  const unreadable = (): Section => ({ mediaType: 'x/y', length: 1, bytes: () => Promise.reject(new Error('read')) });
  const one = (value: string): Session =>
    sessionWith({ cookies: [cookie('a', { value })], ...storageWith({ files: [{ path: 'f', kind: 'file', body: unreadable() }] }) });
  expect((await compareSessions(one('x'), one('y'), 'exact')).first).toMatchObject({ kind: 'cookie' });
  expect(await compareSessions(one('x'), one('x'), 'cookies')).toEqual({ equal: true, first: null });
  await expect(compareSessions(one('x'), one('x'), 'exact')).rejects.toThrow('read');
});

test('equality does not depend on the side, by any measure', async () => {
  await fc.assert(
    fc.asyncProperty(session, session, fc.constantFrom('exact' as const, 'login' as const, 'cookies' as const), async (a, b, measure) => {
      const there = await compareSessions(a, b, measure, { now: NOW });
      expect((await compareSessions(b, a, measure, { now: NOW })).equal).toBe(there.equal);
    }),
    { numRuns: 50 },
  );
});
