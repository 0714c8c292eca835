/** A restore brings back nothing that has expired by its clock, of whatever kind, and says what it left out. In a real browser. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cdp } from '../../ts/adapters/cdp.ts';
import type { Session } from '../../ts/session/session.ts';
import { launchChromium, requireChromium } from '../servers/chromium.ts';

const GROUP = 'restoring what has expired';
const KEY = { origin: 'https://app.example', topLevelSite: null };
const OTHER = { origin: 'https://other.example', topLevelSite: null };
const COOKIE = {
  value: 'planted-secret',
  domain: 'app.example',
  hostOnly: true,
  path: '/',
  secure: true,
  httpOnly: true,
  sameSite: 'lax',
  expiresAt: null,
  partitionKey: null,
} as const;

const SESSION: Session = {
  id: 's',
  incarnation: 'i',
  revision: 0,
  createdAt: 0,
  updatedAt: 0,
  source: { tool: 'test' },
  coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
  cookies: [
    { ...COOKIE, name: 'stays' },
    { ...COOKIE, name: 'goes' },
  ],
  storage: [
    {
      key: KEY,
      localStorage: [
        ['goes', 'planted-secret'],
        ['stays', 'planted-secret'],
      ],
      indexedDB: [
        { name: 'goes', version: 1, stores: [] },
        { name: 'stays', version: 1, stores: [] },
      ],
    },
    { key: OTHER, localStorage: [['a', 'planted-secret']], indexedDB: [] },
  ],
  tabs: [
    { id: 'goes', url: 'https://app.example/goes?planted-secret', sessionStorage: [] },
    {
      id: 'stays',
      url: 'https://app.example/stays',
      sessionStorage: [
        {
          key: KEY,
          items: [
            ['goes', 'planted-secret'],
            ['stays', 'planted-secret'],
          ],
        },
      ],
    },
  ],
  ttl: [
    { target: { kind: 'cookie', name: 'go*' }, expiresAt: 1000 },
    { target: { kind: 'localStorage', name: 'goes' }, idleMs: 400, lastTouched: 600 },
    { target: { pointer: '/storage/0/indexedDB/0' }, expiresAt: 1000 },
    { target: { pointer: '/storage/1' }, expiresAt: 1000 },
    { target: { pointer: '/tabs/0' }, expiresAt: 1000 },
    { target: { kind: 'sessionStorage', name: 'goes' }, expiresAt: 1000 },
  ],
};

const EXPIRED = [
  ['skipped', 'cookie', 'app.example/ goes'],
  ['skipped', 'localStorage', 'https://app.example goes'],
  ['skipped', 'indexedDB', 'https://app.example goes'],
  ['skipped', 'origin', 'https://other.example'],
  ['skipped', 'localStorage', 'https://other.example a'],
  ['skipped', 'tab', 'https://app.example'],
  ['skipped', 'sessionStorage', 'https://app.example goes'],
];

describe.skipIf(requireChromium(GROUP) === null)(GROUP, () => {
  let browser: Awaited<ReturnType<typeof launchChromium>>;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  test('every kind is skipped from its millisecond on and listed, and the rest comes back', async () => {
    const driver = cdp(browser.cdpUrl);
    const { report } = await driver.restore(SESSION, { now: () => 1000 });
    expect(report.entries.map(({ outcome, kind, place }) => [outcome, kind, place])).toEqual(EXPIRED);
    expect(report.counts).toEqual({
      cookies: 1,
      localStorage: 1,
      sessionStorage: 1,
      databases: 1,
      records: 0,
      cacheEntries: 0,
      files: 0,
      serviceWorkers: 0,
      permissions: 0,
      passkeys: 0,
      tabs: 1,
      origins: 1,
    });
    expect(JSON.stringify(report)).not.toContain('planted-secret');

    const { session } = await driver.capture({ origins: [KEY.origin, OTHER.origin] });
    expect(session.cookies.map(({ name }) => name)).toEqual(['stays']);
    const found = session.storage.filter(({ localStorage, indexedDB }) => localStorage.length + indexedDB.length > 0);
    expect(found.map(({ key, localStorage, indexedDB }) => [key.origin, localStorage, indexedDB.map(({ name }) => name)])).toEqual([
      [KEY.origin, [['stays', 'planted-secret']], ['stays']],
    ]);
    expect(session.tabs.map(({ url }) => url)).not.toContain(SESSION.tabs[0]?.url);
  });

  test('one millisecond earlier nothing is skipped', async () => {
    const { report } = await cdp(browser.cdpUrl).restore(SESSION, { now: () => 999 });
    expect(report.entries).toEqual([]);
    expect(report.counts).toMatchObject({ cookies: 2, localStorage: 3, sessionStorage: 2, databases: 2, tabs: 2, origins: 2 });
  });

  test('a session that has expired brings nothing back, and all of it is listed', async () => {
    const { report } = await cdp(browser.cdpUrl).restore({ ...SESSION, expiresAt: 500 }, { now: () => 500 });
    expect(report.entries.every(({ outcome }) => outcome === 'skipped')).toBe(true);
    expect(report.entries.length).toBe(14);
    expect(report.counts).toEqual({
      cookies: 0,
      localStorage: 0,
      sessionStorage: 0,
      databases: 0,
      records: 0,
      cacheEntries: 0,
      files: 0,
      serviceWorkers: 0,
      permissions: 0,
      passkeys: 0,
      tabs: 0,
      origins: 0,
    });
  });
});
