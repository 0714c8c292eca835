/** Lists of cookies by extensions, DevTools, Puppeteer and WebDriver: what their members mean; DevTools cookies also with the real Chromium. */
import { chromium } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import {
  type ReadResult,
  readCdpCookies,
  readCookieEditor,
  readPuppeteerCookies,
  readWebDriverCookies,
  writeCdpCookies,
  writePuppeteerCookies,
  writeWebDriverCookies,
} from '../../ts/formats/formats.ts';
import type { Cookie } from '../../ts/session/session.ts';
import { CHROMIUM_FLAGS, requireChromium } from '../servers/chromium.ts';
import { COOKIE, expectMalformed, OPTIONS, SECRET, sessionWith } from './fixture.ts';

const BARE = { name: 'n', value: SECRET, domain: 'a.example', path: '/' };
const READ: Cookie = { ...COOKIE, name: 'n', domain: 'a.example', secure: false, httpOnly: false, sameSite: 'unset' };
const TOP = 'https://top.example';

type Case = [what: string, members: object, expected: Partial<Cookie> | null, losses: string[]];

function checkCase(read: (json: unknown) => ReadResult, [, members, expected, expectedLosses]: Case): void {
  const { session, losses } = read([{ ...BARE, ...members }]);
  expect(session.cookies).toEqual(expected === null ? [] : [{ ...READ, ...expected }]);
  expect(losses.map(({ pointer, severity }) => `${pointer} ${severity}`)).toEqual(expectedLosses);
  expect(JSON.stringify(losses)).not.toContain(SECRET);
}

describe('Cookie-Editor', () => {
  const read = (json: unknown): ReadResult => readCookieEditor(json, OPTIONS);
  test.each<Case>([
    ['nothing more', {}, {}, []],
    [
      'nulls',
      { hostOnly: null, secure: null, httpOnly: null, sameSite: null, expirationDate: null, session: null, partitionKey: null },
      {},
      [],
    ],
    ['a dot', { domain: '.a.example' }, { hostOnly: false }, []],
    ['a flag against the dot', { domain: '.a.example', hostOnly: true }, {}, []],
    ['a domain cookie without a dot', { hostOnly: false }, { hostOnly: false }, []],
    ['no_restriction', { sameSite: 'no_restriction', secure: true }, { sameSite: 'none', secure: true }, []],
    ['unspecified', { sameSite: 'unspecified' }, {}, []],
    ['an expiry', { expirationDate: 1_900_000_000.1234, session: false }, { expiresAt: 1_900_000_000_123 }, []],
    ['a session cookie with an expiry', { expirationDate: 1_900_000_000, session: true }, {}, []],
    ['an expiry past the end', { expirationDate: 1e15 }, { expiresAt: 253_402_300_799_999 }, ['/0/expirationDate lossy']],
    [
      'a partition',
      { partitionKey: { topLevelSite: TOP, hasCrossSiteAncestor: false } },
      { partitionKey: { topLevelSite: TOP, hasCrossSiteAncestor: false } },
      [],
    ],
    [
      'half a partition key',
      { partitionKey: { topLevelSite: TOP } },
      { partitionKey: { topLevelSite: TOP, hasCrossSiteAncestor: true } },
      ['/0/partitionKey lossy'],
    ],
    ['first-party isolation', { firstPartyDomain: SECRET }, null, ['/0 dropped']],
    ['no first-party isolation', { firstPartyDomain: '', storeId: '0', id: 1 }, {}, []],
  ])('%s', (...one) => checkCase(read, one));

  test.each<[string, unknown]>([
    ['', { cookies: [SECRET] }],
    ['/0', [SECRET]],
    ['/0/sameSite', [{ ...BARE, sameSite: SECRET }]],
    ['/0/sameSite', [{ ...BARE, sameSite: 'Lax' }]],
    ['/0/expirationDate', [{ ...BARE, expirationDate: SECRET }]],
    ['/0/session', [{ ...BARE, session: SECRET }]],
    ['/0/hostOnly', [{ ...BARE, hostOnly: SECRET }]],
    ['/0/partitionKey', [{ ...BARE, partitionKey: SECRET }]],
    ['/0/partitionKey/topLevelSite', [{ ...BARE, partitionKey: {} }]],
    ['/0/partitionKey/topLevelSite', [{ ...BARE, partitionKey: { topLevelSite: SECRET } }]],
    ['/0/firstPartyDomain', [{ ...BARE, firstPartyDomain: [SECRET] }]],
    ['/0/value', [{ ...BARE, value: [SECRET] }]],
  ])('%s is refused: case %#', (pointer, json) => expectMalformed(() => read(json), 'Cookie-Editor export', pointer));
});

describe('DevTools and Puppeteer', () => {
  const cdp = (json: unknown): ReadResult => readCdpCookies(json, OPTIONS);
  const puppeteer = (json: unknown): ReadResult => readPuppeteerCookies(json, OPTIONS);
  const both: Case[] = [
    ['nothing more', {}, {}, []],
    [
      'what says nothing new',
      { size: 7, session: false, sameParty: false, expires: 1_900_000_000.5 },
      { expiresAt: 1_900_000_000_500 },
      [],
    ],
    ['a session cookie', { expires: -1, session: true }, {}, []],
    ['a session cookie with an expiry', { expires: 1_900_000_000, session: true }, {}, []],
    ['an expired one', { expires: 0 }, { expiresAt: 0 }, []],
    ['the default SameSite of BiDi', { sameSite: 'Default' }, {}, []],
    [
      'details',
      { priority: 'High', sourceScheme: 'NonSecure', sourcePort: -1, sameSite: 'Strict' },
      { priority: 'high', sourceScheme: 'non-secure', sourcePort: -1, sameSite: 'strict' },
      [],
    ],
    [
      'a partition as a string',
      { partitionKey: TOP },
      { partitionKey: { topLevelSite: TOP, hasCrossSiteAncestor: true } },
      ['/0/partitionKey lossy'],
    ],
    ['an opaque partition', { partitionKeyOpaque: true }, null, ['/0 dropped']],
  ];
  test.each(both)('DevTools: %s', (...one) => checkCase(cdp, one));
  test.each(both)('Puppeteer: %s', (...one) => checkCase(puppeteer, one));

  test('each has a partition key of its own', () => {
    const partitionKey = { topLevelSite: TOP, hasCrossSiteAncestor: false };
    checkCase(cdp, ['', { partitionKey }, { partitionKey }, []]);
    checkCase(puppeteer, ['', { partitionKey: { sourceOrigin: TOP, hasCrossSiteAncestor: false } }, { partitionKey }, []]);
    expectMalformed(() => puppeteer([{ ...BARE, partitionKey }]), 'Puppeteer cookies', '/0/partitionKey/sourceOrigin');
  });

  test('a reply is read as the list that it holds', () => {
    expect(cdp({ cookies: [BARE] }).session.cookies).toEqual([READ]);
  });

  test('Puppeteer cookies fit CookieData of puppeteer-core 24, copied here', async () => {
    interface CookieData {
      name: string;
      value: string;
      domain: string;
      path?: string;
      secure?: boolean;
      httpOnly?: boolean;
      sameSite?: 'Strict' | 'Lax' | 'None' | 'Default';
      expires?: number;
      priority?: 'Low' | 'Medium' | 'High';
      sourceScheme?: 'Unset' | 'NonSecure' | 'Secure';
      partitionKey?: { sourceOrigin: string; hasCrossSiteAncestor?: boolean } | string;
    }
    const { cookies } = await writePuppeteerCookies(sessionWith({ cookies: [COOKIE] }));
    const published: CookieData[] = cookies;
    expect(published).toEqual([
      { name: 'sid', value: SECRET, domain: 'app.example', path: '/', secure: true, httpOnly: true, sameSite: 'Lax' },
    ]);
  });

  test.each<[string, object]>([
    ['/0/sameSite', { sameSite: SECRET }],
    ['/0/priority', { priority: SECRET }],
    ['/0/sourceScheme', { sourceScheme: SECRET }],
    ['/0/sourcePort', { sourcePort: 65_536 }],
    ['/0/expires', { expires: SECRET }],
    ['/0/partitionKey', { partitionKey: SECRET }],
    ['/0/partitionKey', { partitionKey: 7 }],
    ['/0/partitionKey/hasCrossSiteAncestor', { partitionKey: { topLevelSite: TOP, sourceOrigin: TOP, hasCrossSiteAncestor: SECRET } }],
    ['/0/domain', { domain: `https://${SECRET}` }],
  ])('%s is refused: case %#', (pointer, members) => {
    expectMalformed(() => cdp([{ ...BARE, ...members }]), 'DevTools cookies', pointer);
    expectMalformed(() => puppeteer([{ ...BARE, ...members }]), 'Puppeteer cookies', pointer);
  });

  const chromiumPath = requireChromium('DevTools cookies with the real Chromium');
  test.skipIf(chromiumPath === null)('Chromium holds what we write, and what it reports is what was written', async () => {
    const before: Cookie[] = [
      { ...COOKIE, name: 'plain', priority: 'medium', sourceScheme: 'secure', sourcePort: 443 },
      { ...COOKIE, name: 'lasting', expiresAt: Date.now() + 86_400_123, priority: 'medium', sourceScheme: 'secure', sourcePort: 443 },
      { ...COOKIE, name: 'wide', hostOnly: false, sameSite: 'unset', priority: 'high', sourceScheme: 'secure', sourcePort: 8443 },
      {
        ...COOKIE,
        name: '__Host-chips',
        sameSite: 'none',
        priority: 'low',
        sourceScheme: 'secure',
        sourcePort: 443,
        partitionKey: { topLevelSite: TOP, hasCrossSiteAncestor: true },
      },
    ];
    const browser = await chromium.launch({ executablePath: chromiumPath!, args: [...CHROMIUM_FLAGS] });
    try {
      const context = await browser.newContext();
      const session = await context.newCDPSession(await context.newPage());
      const { cookies, losses } = await writeCdpCookies(sessionWith({ cookies: before }));
      expect(losses).toEqual([]);
      await session.send('Network.setCookies', { cookies });
      const after = cdp(await session.send('Network.getAllCookies'));
      expect(after.losses).toEqual([]);
      const byName = (list: readonly Cookie[]): Cookie[] => [...list].sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(byName(after.session.cookies)).toEqual(byName(before));
    } finally {
      await browser.close();
    }
  });
});

describe('WebDriver', () => {
  const read = (json: unknown): ReadResult => readWebDriverCookies(json, OPTIONS);
  test.each<Case>([
    ['nothing more', {}, {}, []],
    ['a dot', { domain: '.a.example' }, { hostOnly: false }, []],
    ['an expiry', { expiry: 1_900_000_000 }, { expiresAt: 1_900_000_000_000 }, []],
    ['a SameSite', { sameSite: 'None' }, { sameSite: 'none' }, []],
  ])('%s', (...one) => checkCase(read, one));

  test('what is written is grouped by host; what is the host’s own has no domain, so that it stays so', async () => {
    const { hosts, losses } = await writeWebDriverCookies(
      sessionWith({
        cookies: [
          { ...COOKIE, name: '__Host-a' },
          { ...COOKIE, name: 'b', hostOnly: false, expiresAt: 1_900_000_000_500 },
          { ...COOKIE, name: 'c', domain: 'b.example', sameSite: 'unset' },
        ],
      }),
    );
    const base = { value: SECRET, path: '/', secure: true, httpOnly: true, sameSite: 'Lax' };
    expect(hosts).toEqual([
      {
        host: 'app.example',
        cookies: [
          { ...base, name: '__Host-a' },
          { ...base, name: 'b', domain: '.app.example', expiry: 1_900_000_000 },
        ],
      },
      { host: 'b.example', cookies: [{ name: 'c', value: SECRET, path: '/', secure: true, httpOnly: true }] },
    ]);
    expect(losses.map(({ pointer, severity }) => `${pointer} ${severity}`)).toEqual([
      '/cookies/1/expiresAt lossy',
      '/cookies/2/sameSite lossy',
    ]);
  });

  test.each<[string, unknown]>([
    ['', { secret: SECRET }],
    ['/0', [SECRET]],
    ['/0/domain', [{ ...BARE, domain: undefined }]],
    ['/0/expiry', [{ ...BARE, expiry: SECRET }]],
    ['/0/sameSite', [{ ...BARE, sameSite: SECRET }]],
    ['/0/host', [{ cookies: [BARE] }]],
    ['/0/host', [{ host: `https://${SECRET}`, cookies: [BARE] }]],
    ['/0/cookies/0/name', [{ host: 'a', cookies: [{ value: SECRET }] }]],
  ])('%s is refused: case %#', (pointer, json) => expectMalformed(() => read(json), 'WebDriver cookies', pointer));
});
