/** Which members of a session a restore is left with, and what it then does with the areas that a site has. */
import { expect, test } from 'vitest';
import { choose, waysOf } from '../../ts/adapters/choice.ts';
import type { Cookie, OriginStorage, Session } from '../../ts/session/session.ts';
import { section } from '../../ts/session/session.ts';

const ONE = 'https://one.example';
const COOKIE: Cookie = {
  ...{ name: 'c', value: '', domain: 'one.example', hostOnly: true, path: '/', secure: true, httpOnly: true, sameSite: 'lax' },
  ...{ expiresAt: null, partitionKey: null },
};
const storage = (more: Partial<OriginStorage['key']>): OriginStorage => ({
  key: { origin: ONE, topLevelSite: null, ...more },
  localStorage: [],
  indexedDB: [
    { name: 'a', version: 1, stores: [] },
    { name: 'b', version: 1, stores: [] },
  ],
  caches: [],
});
const passkey = (rpId: string) => ({
  ...{ credentialId: rpId, rpId, isResidentCredential: true, signCount: 0 },
  privateKey: section(new Uint8Array(1), 'application/pkcs8'),
});
const SESSION: Session = {
  ...{ id: 's', incarnation: 'i', revision: 0, createdAt: 0, updatedAt: 0, source: { tool: 'test' } },
  coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
  cookies: [
    COOKIE,
    { ...COOKIE, domain: 'example', hostOnly: false },
    { ...COOKIE, domain: 'example', hostOnly: true },
    { ...COOKIE, domain: 'other.example' },
  ],
  storage: [storage({}), storage({ bucket: 'drafts' }), storage({ origin: 'https://other.example' })],
  tabs: [],
  permissions: [
    { origin: ONE, name: 'geolocation', state: 'granted' },
    { origin: 'https://other.example', name: 'geolocation', state: 'granted' },
  ],
  credentials: [passkey('one.example'), passkey('example'), passkey('other.example')],
};

test('without options it is the session itself, of which everything is replaced', () => {
  expect(choose(SESSION, {})).toBe(SESSION);
  expect(choose(SESSION, { existing: 'replace' })).toBe(SESSION);
  expect(waysOf(SESSION.storage[0]!)).toMatchObject({ localStorage: 'replace', indexedDB: 'replace', otherBuckets: 'replace' });
});

test('an origin has the cookies and passkeys of its host, its permissions, and its storage with the buckets', () => {
  const { cookies, permissions, credentials, storage: stored } = choose(SESSION, { origins: [ONE] });
  expect(cookies).toEqual(SESSION.cookies.slice(0, 2));
  expect(permissions).toEqual(SESSION.permissions!.slice(0, 1));
  expect(credentials!.map(({ rpId }) => rpId)).toEqual(['one.example', 'example']);
  expect(stored.map(({ key }) => key)).toEqual(SESSION.storage.slice(0, 2).map(({ key }) => key));
  expect(waysOf(stored[0]!)).toMatchObject({ localStorage: 'replace', caches: 'replace', otherBuckets: 'replace' });
});

test('an area of which a part is chosen is added to, and one of which nothing is chosen is left; then no other bucket goes', () => {
  const { cookies, storage: stored } = choose(SESSION, { origins: [ONE], only: ({ pointer }) => pointer !== '/storage/0/indexedDB/1' });
  expect(cookies.length).toBe(2);
  expect(stored.map(({ indexedDB }) => indexedDB.length)).toEqual([1, 2]);
  expect(waysOf(stored[0]!)).toEqual({
    ...{ localStorage: 'leave', indexedDB: 'add', caches: 'leave', serviceWorkers: 'leave', files: 'leave' },
    otherBuckets: 'leave',
  });
  expect(waysOf(stored[1]!)).toMatchObject({ indexedDB: 'replace', otherBuckets: 'leave' });
});

test('by kind, an area of which the session has nothing is emptied, and others are left; a storage without any goes', () => {
  const { cookies, storage: stored } = choose(SESSION, { kinds: ['localStorage'] });
  expect(cookies).toEqual([]);
  expect(stored.length).toBe(3);
  expect(waysOf(stored[2]!)).toMatchObject({ localStorage: 'replace', indexedDB: 'leave' });
  expect(choose(SESSION, { kinds: ['cookie'] }).storage).toEqual([]);
});

test('keep replaces nothing', () => {
  const [first] = choose(SESSION, { existing: 'keep' }).storage;
  expect(new Set(Object.values(waysOf(first!)))).toEqual(new Set(['add', 'leave']));
});

test.each(['one.example', `${ONE}/`, ''])('an origin that is none is the caller’s mistake: %j', (origin) => {
  expect(() => choose(SESSION, { origins: [origin] })).toThrow(/^origins: expected/);
});
