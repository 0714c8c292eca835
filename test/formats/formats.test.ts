/** What holds of every format that has cookies: a file comes back as what its losses say, and nothing of a session is in what is told about it. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeSession } from '../../ts/blob/encode.ts';
import { COOKIE_TEXT } from '../../ts/formats/cookie-file.ts';
import type { Loss, ReadResult } from '../../ts/formats/formats.ts';
import * as formats from '../../ts/formats/formats.ts';
import { type Cookie, type Session, section } from '../../ts/session/session.ts';
import { COOKIE, cookies, expectMalformed, OPTIONS, SECRET, sessionWith, throughFile } from './fixture.ts';

interface CookieFormat {
  readonly name: string;
  write(session: Session): Promise<{ file: unknown; losses: Loss[] }>;
  read(file: unknown): ReadResult;
  /** What an expiry becomes that is told as lossy. */
  readonly coarser?: (ms: number) => number;
}

const toSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;

const FORMATS: readonly CookieFormat[] = [
  {
    name: 'storage state',
    write: async (session) => {
      const { state, losses } = await formats.writeStorageState(session);
      return { file: throughFile(state), losses };
    },
    read: (file) => formats.readStorageState(file, OPTIONS),
    coarser: (ms) => Math.min(ms, 253_402_300_799_000),
  },
  {
    name: 'cookies.txt',
    write: async (session) => {
      const { text, losses } = await formats.writeCookiesTxt(session);
      return { file: Buffer.from(text, 'utf8').toString('utf8'), losses };
    },
    read: (file) => formats.readCookiesTxt(file as string, OPTIONS),
    coarser: toSeconds,
  },
  {
    name: 'Cookie-Editor export',
    write: async (session) => {
      const { cookies: list, losses } = await formats.writeCookieEditor(session);
      return { file: throughFile(list), losses };
    },
    read: (file) => formats.readCookieEditor(file, OPTIONS),
  },
  {
    name: 'tough-cookie jar',
    write: async (session) => {
      const { jar, losses } = await formats.writeToughCookie(session);
      return { file: throughFile(jar), losses };
    },
    read: (file) => formats.readToughCookie(file, OPTIONS),
  },
  {
    name: 'DevTools cookies',
    write: async (session) => {
      const { cookies: list, losses } = await formats.writeCdpCookies(session);
      return { file: throughFile(list), losses };
    },
    read: (file) => formats.readCdpCookies(file, OPTIONS),
  },
  {
    name: 'Puppeteer cookies',
    write: async (session) => {
      const { cookies: list, losses } = await formats.writePuppeteerCookies(session);
      return { file: throughFile(list), losses };
    },
    read: (file) => formats.readPuppeteerCookies(file, OPTIONS),
  },
  {
    name: 'WebDriver cookies',
    write: async (session) => {
      const { hosts, losses } = await formats.writeWebDriverCookies(session);
      return { file: throughFile(hosts), losses };
    },
    read: (file) => formats.readWebDriverCookies(file, OPTIONS),
    coarser: toSeconds,
  },
];

/** What the losses of a writer leave of cookies, by their own words. */
function afterLosses(before: readonly Cookie[], losses: readonly Loss[], coarser: (ms: number) => number): Cookie[] {
  const dropped = new Set(losses.filter(({ severity }) => severity === 'dropped').map(({ pointer }) => pointer));
  const coarse = new Set(losses.filter(({ severity }) => severity === 'lossy').map(({ pointer }) => pointer));
  const details = losses.filter(({ pointer }) => pointer === '/cookies').map(({ reason }) => /hold (\w+) of cookies$/.exec(reason)![1]!);
  return before.flatMap((cookie, index) => {
    if (dropped.has(`/cookies/${index}`)) return [];
    const left: Record<string, unknown> = { ...cookie };
    for (const detail of details) {
      if (detail === 'sameSite') left['sameSite'] = 'unset';
      else delete left[detail];
    }
    if (coarse.has(`/cookies/${index}/expiresAt`)) left['expiresAt'] = coarser(cookie.expiresAt!);
    return [left as unknown as Cookie];
  });
}

const byIdentity = (list: readonly Cookie[]): string[] => list.map((cookie) => JSON.stringify(Object.entries(cookie).sort())).sort();

describe.each(FORMATS)('$name', ({ name, write, read, coarser = (ms) => ms }) => {
  test('cookies of any session come back as the losses of the writer say, and the reader adds none', async () => {
    await fc.assert(
      fc.asyncProperty(cookies, async (before) => {
        const written = await write(sessionWith({ cookies: before }));
        const after = read(written.file);
        expect(after.losses).toEqual([]);
        expect(byIdentity(after.session.cookies)).toEqual(byIdentity(afterLosses(before, written.losses, coarser)));
        await encodeSession(after.session);
        // What was written of it is all that the format can say: a second time, nothing more is lost.
        const again = await write(sessionWith({ cookies: after.session.cookies }));
        expect(again.losses.filter(({ severity }) => severity === 'dropped')).toEqual([]);
        expect(again.file).toEqual(written.file);
      }),
    );
  });

  test('a cookie that no Session can hold is dropped and told; the others stay, and the session can be written', async () => {
    const odd: Partial<Cookie>[] = [
      { name: `${SECRET};` },
      { name: `${SECRET}=` },
      { name: `${SECRET}\u0001` },
      { value: `${SECRET};` },
      { value: `${SECRET}\u007f` },
      { path: `/${SECRET};` },
      { path: `/${SECRET}\u0001` },
      { domain: `${SECRET}.b\u00fccher.example` },
    ];
    // The writers believe that a session is valid, so they write what no reader shall take.
    const { file } = await write(sessionWith({ cookies: [...odd.map((change) => ({ ...COOKIE, ...change })), COOKIE] }));
    const { session, losses } = read(file);
    expect(session.cookies).toHaveLength(1);
    expect(losses.map(({ severity }) => severity)).toEqual(odd.map(() => 'dropped'));
    expect(new Set(losses.map(({ pointer }) => pointer)).size).toBe(odd.length);
    expect(JSON.stringify(losses)).not.toContain(SECRET);
    await encodeSession(session);
  });

  test('a plain cookie is written without a loss, and a host-only one never becomes a domain cookie', async () => {
    const plain: Cookie = { ...COOKIE, expiresAt: 1_800_000_000_000 };
    const before = [plain, { ...plain, hostOnly: false }, { ...plain, path: '/deep', expiresAt: null }];
    const { file, losses } = await write(sessionWith({ cookies: before }));
    const isLess = (cookie: Cookie): Cookie => (name === 'cookies.txt' ? { ...cookie, sameSite: 'unset' } : cookie);
    expect(losses.map(({ pointer }) => pointer)).toEqual(name === 'cookies.txt' ? ['/cookies'] : []);
    expect(byIdentity(read(file).session.cookies)).toEqual(byIdentity(before.map(isLess)));
  });

  test('a partitioned cookie is written with its partition or not at all', async () => {
    const partitioned: Cookie = {
      ...COOKIE,
      sameSite: 'none',
      partitionKey: { topLevelSite: 'https://top.example', hasCrossSiteAncestor: false },
    };
    const { file, losses } = await write(sessionWith({ cookies: [partitioned] }));
    const isDropped = losses.some(({ pointer, severity }) => pointer === '/cookies/0' && severity === 'dropped');
    expect(read(file).session.cookies).toEqual(isDropped ? [] : [partitioned]);
    expect(isDropped).toBe(['cookies.txt', 'tough-cookie jar', 'WebDriver cookies'].includes(name));
  });

  test('all else of a session is a loss, named by its place and never by its content', async () => {
    const key = { origin: 'https://app.example', topLevelSite: null };
    const { losses } = await write(
      sessionWith({
        name: SECRET,
        tags: [SECRET],
        expiresAt: 1,
        mergeState: section(new Uint8Array(1), SECRET),
        cookies: [{ ...COOKIE, name: `${SECRET}\t`, sourcePort: 1, createdAt: 1 }],
        storage: [{ key: { ...key, topLevelSite: `https://${SECRET.toLowerCase()}` }, localStorage: [[SECRET, SECRET]], indexedDB: [] }],
        tabs: [{ id: SECRET, url: `https://app.example/${SECRET}`, sessionStorage: [{ key, items: [[SECRET, SECRET]] }] }],
        permissions: [{ origin: 'https://app.example', name: SECRET, state: 'granted' }],
        credentials: [
          { credentialId: SECRET, rpId: SECRET, isResidentCredential: true, signCount: 1, privateKey: section(new Uint8Array(1), SECRET) },
        ],
        ttl: [{ target: { pointer: `/${SECRET}` }, expiresAt: 1 }],
      }),
    );
    const dropped = losses.filter(({ severity }) => severity === 'dropped').map(({ pointer }) => pointer);
    for (const place of [
      '/name',
      '/tags/0',
      '/expiresAt',
      '/mergeState',
      '/storage/0',
      '/tabs/0',
      '/permissions/0',
      '/credentials/0',
      '/ttl/0',
    ]) {
      expect(dropped).toContain(place);
    }
    expect(JSON.stringify(losses).toLowerCase()).not.toContain(SECRET.toLowerCase());
  });

  test('what is read says that it is cookies, and only some', async () => {
    const { file } = await write(sessionWith({ cookies: [COOKIE] }));
    const { session } = read(file);
    expect(session).toMatchObject({
      ...OPTIONS_OF_SESSION,
      storage: [],
      tabs: [],
      coverage: { cookies: 'partial', tabs: 'unvisited', storage: [] },
    });
    expect(session.source.tool).toMatch(/^[a-z0-9-]+$/);
  });
});

test('a list of more than a million entries is refused before it is read', () => {
  const list: unknown[] = new Array(1_000_001).fill({ [SECRET]: SECRET });
  expectMalformed(() => formats.readCdpCookies(list, OPTIONS), 'DevTools cookies', '');
  expectMalformed(() => formats.readStorageState({ cookies: list }, OPTIONS), 'storage state', '/cookies');
  expectMalformed(() => formats.readCookiesTxt('\n'.repeat(1_000_001), OPTIONS), 'cookies.txt', '');
});

describe.each(FORMATS.filter(({ name }) => name !== 'cookies.txt'))('$name of another shape', ({ name, read }) => {
  test.each([[null], [SECRET], [7], [[SECRET]], [[[SECRET]]], [{ cookies: SECRET }], [{ cookies: [SECRET] }]])(
    'a file of another shape is refused: case %#',
    (file) => {
      // Whatever the place, it is in the error, and the value is not.
      let pointer = '';
      try {
        read(file);
      } catch (error) {
        pointer = String((error as { details?: { pointer?: unknown } }).details?.pointer);
      }
      expectMalformed(() => read(file), name, pointer);
    },
  );
});

test('the text that a cookie may have is what the newest schema says', () => {
  const schema = JSON.parse(readFileSync(new URL('../../schema/session-2.0.json', import.meta.url), 'utf8')) as {
    $defs: { cookie: { properties: Record<keyof typeof COOKIE_TEXT, { pattern: string }> } };
  };
  for (const member of ['name', 'value', 'path', 'domain'] as const) {
    expect(COOKIE_TEXT[member].source).toBe(new RegExp(schema.$defs.cookie.properties[member].pattern).source);
  }
});

/** The formats that know partitions; an extension that embeds a site has partitions of its own. */
test.each<[string, (json: unknown) => ReadResult, object]>([
  [
    'DevTools',
    (json) => formats.readCdpCookies(json, OPTIONS),
    { topLevelSite: `chrome-extension://${SECRET}`, hasCrossSiteAncestor: true },
  ],
  ['Puppeteer', (json) => formats.readPuppeteerCookies(json, OPTIONS), { sourceOrigin: `chrome-extension://${SECRET}` }],
  ['Puppeteer as a string', (json) => formats.readPuppeteerCookies(json, OPTIONS), `moz-extension://${SECRET}` as unknown as object],
  ['Cookie-Editor', (json) => formats.readCookieEditor(json, OPTIONS), { topLevelSite: `moz-extension://${SECRET}` }],
  ['storage state', (json) => formats.readStorageState({ cookies: json }, OPTIONS), `chrome-extension://${SECRET}` as unknown as object],
  [
    'PSP 2.0',
    (json) => formats.readPsp2({ protocolVersion: '2.0.0', cookies: json }, OPTIONS),
    `chrome-extension://${SECRET}` as unknown as object,
  ],
])('a cookie in the partition of an extension costs no other, and is never un-partitioned: %s', (_, read, partitionKey) => {
  const cookie = { name: 'n', value: SECRET, domain: 'a.example', path: '/' };
  const { session, losses } = read([
    { ...cookie, partitionKey },
    { ...cookie, name: 'kept' },
  ]);
  expect(session.cookies.map(({ name }) => name)).toEqual(['kept']);
  expect(losses.map(({ pointer, severity }) => `${pointer.replace('/cookies', '')} ${severity}`)).toEqual(['/0 dropped']);
  expect(JSON.stringify(losses)).not.toContain(SECRET);
});

const OPTIONS_OF_SESSION = {
  id: OPTIONS.id,
  incarnation: OPTIONS.incarnation,
  revision: 0,
  createdAt: OPTIONS.now,
  updatedAt: OPTIONS.now,
};
