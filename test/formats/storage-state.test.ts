/** storageState files: what is read and written, laws, and malformed input. With the real Playwright: `storage-state-playwright.test.ts`. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Loss, readStorageState, writeStorageState } from '../../ts/formats/formats.ts';
import { type Cookie, type Session, section } from '../../ts/session/session.ts';
import { COOKIE, cookie, expectMalformed, host, OPTIONS, SECRET, sessionWith, text, throughFile } from './fixture.ts';

function read(json: unknown): { session: Session; losses: Loss[] } {
  return readStorageState(json, OPTIONS);
}

const FILE_COOKIE = {
  name: 'sid',
  value: SECRET,
  domain: '.app.example',
  path: '/',
  expires: 1_800_000_000.25,
  httpOnly: true,
  secure: true,
  sameSite: 'None',
};

describe('reading a storage state', () => {
  test('seconds become milliseconds, the dot becomes hostOnly, the partition becomes a key', () => {
    const { session, losses } = read({
      cookies: [{ ...FILE_COOKIE, partitionKey: 'https://top.example', _crHasCrossSiteAncestor: false }],
      origins: [{ origin: 'https://app.example', localStorage: [{ name: 'token', value: SECRET }] }],
    });
    expect(losses).toEqual([]);
    expect(session).toEqual({
      id: 'session-1',
      incarnation: 'incarnation-1',
      revision: 0,
      createdAt: OPTIONS.now,
      updatedAt: OPTIONS.now,
      source: { tool: 'storage-state' },
      coverage: {
        cookies: 'partial',
        tabs: 'unvisited',
        storage: [{ key: { origin: 'https://app.example', topLevelSite: null }, localStorage: 'partial', indexedDB: 'unvisited' }],
      },
      cookies: [
        {
          ...COOKIE,
          hostOnly: false,
          sameSite: 'none',
          expiresAt: 1_800_000_000_250,
          partitionKey: { topLevelSite: 'https://top.example', hasCrossSiteAncestor: false },
        },
      ],
      storage: [{ key: { origin: 'https://app.example', topLevelSite: null }, localStorage: [['token', SECRET]], indexedDB: [] }],
      tabs: [],
    });
  });

  test.each([
    [-1, null],
    [0, 0],
    [-0, 0],
    [0.0004, 0],
    [1_893_456_000.123456, 1_893_456_000_123],
    [1_893_456_000.1236, 1_893_456_000_124],
    [253_402_300_799, 253_402_300_799_000],
  ])('expires %d is %s ms', (expires, expiresAt) => {
    expect(read({ cookies: [{ ...FILE_COOKIE, expires }] }).session.cookies[0]!.expiresAt).toBe(expiresAt);
  });

  test('what a hand-written file leaves out is what the loader takes it for', () => {
    const { session } = read({ cookies: [{ name: '', value: '', domain: 'a', path: '/', partitionKey: 'https://b' }] });
    expect(session.cookies).toEqual([
      {
        name: '',
        value: '',
        domain: 'a',
        hostOnly: true,
        path: '/',
        secure: false,
        httpOnly: false,
        sameSite: 'unset',
        expiresAt: null,
        partitionKey: { topLevelSite: 'https://b', hasCrossSiteAncestor: true },
      },
    ]);
    expect(read({}).session).toMatchObject({ cookies: [], storage: [], coverage: { cookies: 'unvisited' } });
  });

  test('of what a file says twice the last counts, and the others are losses', () => {
    const { session, losses } = read({
      cookies: [FILE_COOKIE, { ...FILE_COOKIE, domain: 'app.example' }, { ...FILE_COOKIE, value: 'later' }],
      origins: [
        {
          origin: 'http://a',
          localStorage: [
            { name: 'k', value: '1' },
            { name: 'l', value: '2' },
          ],
        },
        { origin: 'http://a', localStorage: [{ name: 'k', value: '3' }] },
      ],
    });
    expect(session.cookies.map(({ value, hostOnly }) => [value, hostOnly])).toEqual([
      ['later', false],
      [SECRET, true],
    ]);
    expect(session.storage.map(({ localStorage }) => localStorage)).toEqual([
      [
        ['k', '3'],
        ['l', '2'],
      ],
    ]);
    expect(losses.map(({ pointer, severity }) => [pointer, severity])).toEqual([
      ['/cookies/0', 'dropped'],
      ['/origins/0/localStorage/0', 'dropped'],
    ]);
  });

  test('members that are not known are ignored, and an empty list is something that was looked at', () => {
    const { session, losses } = read({
      cookies: [{ ...FILE_COOKIE, size: 3 }],
      origins: [{ origin: 'http://a', localStorage: [], indexedDB: [], opfs: [], more: 1 }],
      credentials: [],
      more: 1,
    });
    expect(losses).toEqual([]);
    expect(session.credentials).toEqual([]);
    expect(session.storage).toEqual([{ key: { origin: 'http://a', topLevelSite: null }, localStorage: [], indexedDB: [], files: [] }]);
    expect(session.coverage).toMatchObject({ credentials: 'partial', storage: [{ indexedDB: 'partial', files: 'partial' }] });
  });
});

const PASSKEY = { id: 'aWQ', rpId: SECRET, userHandle: '', privateKey: 'aWQ', publicKey: 'aWQ', signCount: 0 };

describe('malformed storage states', () => {
  const cookie = (member: string, value: unknown): unknown => ({ cookies: [FILE_COOKIE, { ...FILE_COOKIE, [member]: value }] });
  const origin = (member: string, value: unknown): unknown => ({ origins: [{ origin: 'http://a', localStorage: [], [member]: value }] });
  const item = (value: unknown): unknown => origin('localStorage', [value]);
  const table: [pointer: string, json: unknown][] = [
    ['', null],
    ['', undefined],
    ['', SECRET],
    ['', [SECRET]],
    ['/cookies', { cookies: { 0: FILE_COOKIE } }],
    ['/cookies', { cookies: null }],
    ['/cookies/0', { cookies: [SECRET] }],
    ['/cookies/0', { cookies: [[SECRET]] }],
    ['/cookies/0/domain', { cookies: [{}] }],
    ['/cookies/1/name', cookie('name', undefined)],
    ['/cookies/1/name', cookie('name', 7)],
    ['/cookies/1/value', cookie('value', { secret: SECRET })],
    ['/cookies/1/value', cookie('value', null)],
    ['/cookies/1/domain', cookie('domain', '')],
    ['/cookies/1/domain', cookie('domain', '.')],
    ['/cookies/1/domain', cookie('domain', `..${SECRET}`)],
    ['/cookies/1/path', cookie('path', undefined)],
    ['/cookies/1/path', cookie('path', SECRET)],
    ['/cookies/1/expires', cookie('expires', -2)],
    ['/cookies/1/expires', cookie('expires', -0.5)],
    ['/cookies/1/expires', cookie('expires', 253_402_300_800)],
    ['/cookies/1/expires', cookie('expires', Number.NaN)],
    ['/cookies/1/expires', cookie('expires', Number.POSITIVE_INFINITY)],
    ['/cookies/1/expires', cookie('expires', `${SECRET}1800000000`)],
    ['/cookies/1/expires', cookie('expires', null)],
    ['/cookies/1/httpOnly', cookie('httpOnly', 'true')],
    ['/cookies/1/secure', cookie('secure', 1)],
    ['/cookies/1/sameSite', cookie('sameSite', 'lax')],
    ['/cookies/1/sameSite', cookie('sameSite', SECRET)],
    ['/cookies/1/sameSite', cookie('sameSite', null)],
    ['/cookies/1/partitionKey', cookie('partitionKey', { topLevelSite: SECRET })],
    ['/cookies/1/partitionKey', cookie('partitionKey', '')],
    ['/cookies/1/_crHasCrossSiteAncestor', cookie('_crHasCrossSiteAncestor', SECRET)],
    ['/origins', { origins: SECRET }],
    ['/origins/0', { origins: [SECRET] }],
    ['/origins/0/origin', origin('origin', undefined)],
    ['/origins/0/origin', origin('origin', SECRET)],
    ['/origins/0/origin', origin('origin', `http://a/${SECRET}`)],
    ['/origins/0/origin', origin('origin', 'http://A')],
    ['/origins/0/localStorage', origin('localStorage', { [SECRET]: SECRET })],
    ['/origins/0/localStorage/0', item([SECRET, SECRET])],
    ['/origins/0/localStorage/0/name', item({ value: SECRET })],
    ['/origins/0/localStorage/0/value', item({ name: SECRET, value: 1 })],
    ['/origins/0/indexedDB', origin('indexedDB', SECRET)],
    ['/origins/0/opfs', origin('opfs', { path: SECRET })],
    ['/origins/0/origin', origin('origin', 'file://')],
    ['/origins/0/opfs/0/path', origin('opfs', [{ path: `../${SECRET}`, type: 'directory' }])],
    ['/origins/0/opfs/0/path', origin('opfs', [{ path: `/${SECRET}`, type: 'directory' }])],
    ['/origins/0/opfs/0/type', origin('opfs', [{ path: SECRET, type: SECRET }])],
    ['/origins/0/opfs/0/base64', origin('opfs', [{ path: SECRET, type: 'file' }])],
    ['/origins/0/opfs/0/base64', origin('opfs', [{ path: SECRET, type: 'file', base64: `${SECRET}!` }])],
    [
      '/origins/0/opfs/1/path',
      origin('opfs', [
        { path: 'a', type: 'file', base64: '' },
        { path: 'a/b', type: 'directory' },
      ]),
    ],
    ['/origins/0/opfs/0/path', origin('opfs', [{ path: `${SECRET}/${'d/'.repeat(2048)}e`, type: 'directory' }])],
    ['/origins/0/opfs/0/path', origin('opfs', [{ path: 'd/'.repeat(1_000_000) + SECRET, type: 'directory' }])],
    ['/credentials', { credentials: SECRET }],
    ['/credentials/0/id', { credentials: [{ ...PASSKEY, id: 'a'.repeat(2052) }] }],
    ['/credentials/0/userHandle', { credentials: [{ ...PASSKEY, userHandle: 'a'.repeat(2052) }] }],
    ['/credentials/0/id', { credentials: [{ ...PASSKEY, id: '' }] }],
    ['/credentials/0/privateKey', { credentials: [{ ...PASSKEY, privateKey: `${SECRET}=` }] }],
    ['/credentials/0/signCount', { credentials: [{ ...PASSKEY, signCount: -1 }] }],
    ['/credentials/0/userHandle', { credentials: [{ ...PASSKEY, userHandle: null }] }],
  ];

  test.each(table)('%s is refused, at its place and without its value: case %#', (pointer, json) => {
    expectMalformed(() => read(json), 'storage state', pointer);
  });
});

describe('writing a storage state', () => {
  test('what the format cannot say is a loss at its place in the session, without a value', async () => {
    const key = { origin: 'http://a', topLevelSite: null };
    const { state, losses } = await writeStorageState(
      sessionWith({
        name: SECRET,
        expiresAt: 1,
        cookies: [
          { ...COOKIE, sameSite: 'unset', priority: 'high', sourceScheme: 'secure', sourcePort: 443, createdAt: 1 },
          { ...COOKIE, name: 'other', priority: 'low', sourceScheme: 'secure', sourcePort: 443 },
          { ...COOKIE, expiresAt: -1_000 },
          { ...COOKIE, expiresAt: 253_402_300_799_001 },
        ],
        storage: [
          { key: { origin: 'http://a', topLevelSite: 'http://top' }, localStorage: [[SECRET, SECRET]], indexedDB: [] },
          {
            key,
            localStorage: [],
            indexedDB: [],
            caches: [{ name: SECRET, entries: [] }],
            serviceWorkers: [{ scope: SECRET, scriptUrl: SECRET, type: 'classic', updateViaCache: 'none' }],
            files: [{ path: SECRET, kind: 'file', lastModified: 1, body: section(new TextEncoder().encode('hi'), 'x/y') }],
          },
          { key: { ...key, bucket: 'inbox' }, localStorage: [[SECRET, SECRET]], indexedDB: [] },
        ],
        tabs: [{ id: 't', url: `http://a/${SECRET}`, sessionStorage: [{ key, items: [[SECRET, SECRET]] }] }],
      }),
    );
    expect(losses.map(({ pointer, severity }) => `${pointer} ${severity}`)).toEqual([
      '/name dropped',
      '/expiresAt dropped',
      '/cookies lossy',
      '/cookies lossy',
      '/cookies lossy',
      '/cookies lossy',
      '/cookies/2 dropped',
      '/cookies/3/expiresAt lossy',
      '/storage/0 dropped',
      '/storage/1/caches/0 dropped',
      '/storage/1/serviceWorkers/0 dropped',
      '/storage/1/files lossy',
      '/storage/2 dropped',
      '/tabs/0 dropped',
    ]);
    expect(JSON.stringify(losses)).not.toContain(SECRET);
    expect(state.cookies.map(({ sameSite, expires }) => [sameSite, expires])).toEqual([
      [undefined, -1],
      ['Lax', -1],
      ['Lax', 253_402_300_799],
    ]);
    expect(state.cookies[0]).not.toHaveProperty('sameSite');
    expect(state.origins).toEqual([{ origin: 'http://a', localStorage: [], opfs: [{ path: SECRET, type: 'file', base64: 'aGk=' }] }]);
  });

  // Without what the format leaves to the browser.
  const heldCookie = cookie.map(
    ({ createdAt, priority, sourceScheme, sourcePort, expiresAt, ...held }): Cookie => ({
      ...held,
      expiresAt: expiresAt === null ? null : Math.min(expiresAt, 253_402_300_799_000),
    }),
  );
  const session = fc
    .record({
      cookies: fc.uniqueArray(heldCookie, {
        selector: ({ partitionKey, domain, hostOnly, path, name }) => JSON.stringify([partitionKey, domain, hostOnly, path, name]),
      }),
      storage: fc.uniqueArray(
        fc.record({
          key: host.map((name) => ({ origin: `http://${name}`, topLevelSite: null })),
          localStorage: fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name }),
          indexedDB: fc.constant([]),
        }),
        { selector: ({ key }) => key.origin },
      ),
    })
    .map(sessionWith);

  test('cookies and localStorage of any session come back exactly, through JSON, without a loss', async () => {
    await fc.assert(
      fc.asyncProperty(session, async (before) => {
        const written = await writeStorageState(before);
        const after = read(throughFile(written.state));
        expect([...written.losses, ...after.losses]).toEqual([]);
        expect(after.session.cookies).toEqual(before.cookies);
        expect(after.session.storage).toEqual(before.storage);
      }),
    );
  });
});
