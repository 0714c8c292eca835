/** storageState files, with the real Playwright as the judge in both directions: cookies and localStorage. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { type Loss, readStorageState, type StorageState, writeStorageState } from '../../ts/formats/formats.ts';
import type { Cookie, Session } from '../../ts/session/session.ts';
import { CHROMIUM_FLAGS, requireChromium } from '../servers/chromium.ts';
import { COOKIE, OPTIONS, sessionWith, throughFile } from './fixture.ts';

const chromiumPath = requireChromium('storageState with the real Playwright');

function read(json: unknown): { session: Session; losses: Loss[] } {
  return readStorageState(json, OPTIONS);
}

// Playwright's published type knows no cookie without sameSite; its loader does.
type LoadedState = Exclude<BrowserContextOptions['storageState'], string | undefined>;
const load = (state: StorageState): LoadedState => state as LoadedState;

describe.skipIf(chromiumPath === null)('storageState with the real Playwright', () => {
  const folder = mkdtempSync(join(tmpdir(), 'psp-storage-state-'));
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    site = await startSite();
    browser = await chromium.launch({ executablePath: chromiumPath!, args: [...CHROMIUM_FLAGS] });
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function logIn(context: BrowserContext): Promise<void> {
    const page = await context.newPage();
    await page.goto(`${site.origin}/login`);
    await page.fill('[name=user]', site.user);
    await page.fill('[name=password]', site.password);
    await page.click('button');
    await page.waitForSelector('#status[data-ready=true]');
  }

  async function whoAmI(context: BrowserContext): Promise<string | null> {
    const page = await context.newPage();
    await page.goto(`${site.origin}/whoami`);
    return page.locator('#status[data-places]').textContent();
  }

  async function cookiesOverCdp(context: BrowserContext): Promise<object[]> {
    const cdp = await context.newCDPSession(await context.newPage());
    return (await cdp.send('Network.getAllCookies')).cookies;
  }

  test('a file that Playwright wrote is read, and what we write of it logs a fresh browser in as far as the format goes', async () => {
    const first = await browser.newContext();
    await logIn(first);
    const inAYear = Math.round(Date.now() / 1000) + 365 * 86_400;
    await first.addCookies([
      {
        name: 'partitioned',
        value: 'p',
        domain: 'widget.example',
        path: '/',
        secure: true,
        sameSite: 'None',
        partitionKey: 'https://top.example',
      },
      { name: 'wide', value: 'w=1', domain: '.app.example', path: '/deep', expires: inAYear + 0.5, httpOnly: true, sameSite: 'Strict' },
    ]);
    const path = join(folder, `${randomUUID()}.json`);
    await first.storageState({ path, indexedDB: true });
    const file = JSON.parse(readFileSync(path, 'utf8')) as StorageState;
    const { session, losses } = read(file);

    const base = { path: '/', secure: false, httpOnly: false, hostOnly: true, expiresAt: null, partitionKey: null };
    const byName = Object.fromEntries(session.cookies.map((one) => [one.name, one]));
    expect(Object.keys(byName).sort()).toEqual(['partitioned', 'sid', 'wide']);
    expect(byName['sid']).toEqual({
      ...base,
      name: 'sid',
      value: expect.any(String),
      domain: '127.0.0.1',
      httpOnly: true,
      sameSite: 'lax',
    });
    expect(byName['partitioned']).toEqual({
      ...base,
      name: 'partitioned',
      value: 'p',
      domain: 'widget.example',
      secure: true,
      sameSite: 'none',
      partitionKey: { topLevelSite: 'https://top.example', hasCrossSiteAncestor: true },
    });
    expect(byName['wide']).toMatchObject({ domain: 'app.example', hostOnly: false, path: '/deep', value: 'w=1', sameSite: 'strict' });
    // Chromium stores the time left added to its own clock: some milliseconds more or less.
    expect(Math.abs(byName['wide']!.expiresAt! - (inAYear + 0.5) * 1000)).toBeLessThan(60_000);
    expect(session.storage).toMatchObject([
      { key: { origin: site.origin, topLevelSite: null }, localStorage: [['token', expect.any(String)]], indexedDB: [{ name: 'app' }] },
    ]);
    expect(losses).toEqual([]);

    const written = await writeStorageState(session);
    expect(written.losses).toEqual([]);
    const second = await browser.newContext({ storageState: load(written.state) });
    expect(await whoAmI(second)).toBe('not logged in (failed: sessionStorage)');
    const attributes = ({
      name,
      value,
      domain,
      path: cookiePath,
      httpOnly,
      secure,
      sameSite,
      partitionKey,
    }: StorageState['cookies'][number]): object => ({
      name,
      value,
      domain,
      path: cookiePath,
      httpOnly,
      secure,
      sameSite,
      partitionKey,
    });
    const again = (await second.storageState({ indexedDB: true })) as StorageState;
    expect(again.cookies.map(attributes)).toEqual(file.cookies.map(attributes));
    expect(again.origins).toEqual(written.state.origins);
    await first.close();
    await second.close();
  });

  test('a session with every kind of cookie and item that the format has is what the browser holds after loading our file', async () => {
    const expiresAt = Date.now() + 86_400_000;
    const cookies: Cookie[] = [
      { ...COOKIE, name: 'host', hostOnly: true, expiresAt },
      { ...COOKIE, name: 'domain', hostOnly: false, sameSite: 'strict', path: '/a' },
      {
        ...COOKIE,
        name: '__Host-chips',
        sameSite: 'none',
        partitionKey: { topLevelSite: 'https://top.example', hasCrossSiteAncestor: true },
      },
      { ...COOKIE, name: 'chips', sameSite: 'none', partitionKey: { topLevelSite: 'https://app.example', hasCrossSiteAncestor: false } },
      { ...COOKIE, name: '', value: 'nameless', secure: false, httpOnly: false },
    ];
    const items: [string, string][] = [
      ['plain', 'value'],
      ['lone \ud800', '\udc00 and \0'],
      ['', ''],
    ];
    const before = sessionWith({
      cookies,
      storage: [{ key: { origin: site.secondOrigin, topLevelSite: null }, localStorage: items, indexedDB: [] }],
    });
    const { state, losses } = await writeStorageState(before);
    expect(losses).toEqual([]);
    const path = join(folder, `${randomUUID()}.json`);
    writeFileSync(path, JSON.stringify(state));

    site.resetCounters();
    const context = await browser.newContext({ storageState: path });
    expect(site.requests).toEqual([]);
    const after = read(throughFile((await context.storageState()) as StorageState)).session;
    const sorted = (list: readonly Cookie[]): Cookie[] => [...list].sort((a, b) => (a.name < b.name ? -1 : 1));
    const [held, wanted] = [sorted(after.cookies), sorted(cookies)];
    expect(held.map((one) => ({ ...one, expiresAt: null }))).toEqual(wanted.map((one) => ({ ...one, expiresAt: null })));
    for (const [index, { expiresAt: at }] of wanted.entries()) {
      if (at === null) expect(held[index]!.expiresAt).toBeNull();
      else expect(Math.abs(held[index]!.expiresAt! - at)).toBeLessThan(60_000);
    }
    expect(after.storage.map(({ key }) => key.origin)).toEqual([site.secondOrigin]);
    expect([...after.storage[0]!.localStorage].sort()).toEqual([...items].sort());
    await context.close();
  });

  // If this fails, Playwright has changed what an absent member means, and the reader has to follow.
  test('a cookie without expires, httpOnly, secure and sameSite is to Playwright what it is to the reader', async () => {
    const bare = { name: 'bare', value: 'b', domain: 'app.example', path: '/' };
    const context = await browser.newContext({ storageState: { cookies: [bare], origins: [] } as unknown as LoadedState });
    const [held] = await cookiesOverCdp(context);
    expect(held).toMatchObject({ ...bare, session: true, httpOnly: false, secure: false });
    expect(held).not.toHaveProperty('sameSite');
    await context.close();
  });

  test('expires 0 is an expired cookie to Playwright, as to the reader', async () => {
    const { state } = await writeStorageState(sessionWith({ cookies: [{ ...COOKIE, expiresAt: 0 }] }));
    expect(state.cookies[0]!.expires).toBe(0);
    const context = await browser.newContext({ storageState: load(state) });
    expect(await cookiesOverCdp(context)).toEqual([]);
    await context.close();
  });
});
