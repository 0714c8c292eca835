/** The demo site itself: by plain HTTP first, then as a real browser sees it. */
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { CHROMIUM_FLAGS, launchChromium, requireChromium } from '../servers/chromium.ts';

const chromiumPath = requireChromium('the demo site in a browser');
let site: Site;

beforeAll(async () => {
  site = await startSite();
});
afterAll(() => site.close());
beforeEach(() => site.resetCounters());

function logIn(user: string, password: string): Promise<Response> {
  return fetch(`${site.origin}/login`, { method: 'POST', body: new URLSearchParams({ user, password }), redirect: 'manual' });
}

function whoAmI(headers: Record<string, string>, body = '{"profile":null}'): Promise<Response> {
  return fetch(`${site.origin}/api/whoami`, { method: 'POST', headers, body });
}

describe('the demo site over HTTP', () => {
  test('a wrong password or an unknown user is refused without a cookie', async () => {
    for (const [user, password] of [
      [site.user, 'wrong'],
      ['eve', site.password],
      ['', ''],
    ] as const) {
      const response = await logIn(user, password);
      expect(response.status).toBe(401);
      expect(response.headers.get('set-cookie')).toBeNull();
    }
  });

  test('the right password gives an HttpOnly, SameSite=Lax session cookie and leads to /home', async () => {
    const response = await logIn(site.user, site.password);
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe('/home');
    expect(response.headers.get('set-cookie')).toMatch(/^sid=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
  });

  test('whoami without anything says not logged in, place by place', async () => {
    const answer = await (await whoAmI({})).json();
    expect(answer).toEqual({ name: null, places: { cookie: false, localStorage: false, sessionStorage: false, IndexedDB: false } });
  });

  test('whoami judges each place by itself', async () => {
    const cookie = (await logIn(site.user, site.password)).headers.get('set-cookie')!.split(';')[0]!;
    const { token } = (await (await fetch(`${site.origin}/api/token`, { headers: { cookie } })).json()) as { token: string };
    const places = async (headers: Record<string, string>): Promise<unknown> =>
      ((await (await whoAmI(headers)).json()) as { places: unknown }).places;
    expect(await places({ cookie })).toMatchObject({ cookie: true, localStorage: false });
    expect(await places({ authorization: `Bearer ${token}` })).toMatchObject({ cookie: false, localStorage: true });
    expect(await places({ authorization: `Bearer ${token}x` })).toMatchObject({ cookie: false, localStorage: false });
  });

  test('a nonce of another login does not go with this cookie', async () => {
    const logins = await Promise.all([1, 2].map(() => logIn(site.user, site.password)));
    const [first, second] = logins.map((response) => response.headers.get('set-cookie')!.split(';')[0]!);
    const home = await (await fetch(`${site.origin}/home`, { headers: { cookie: first! } })).text();
    const nonce = /csrf-nonce" content="([\w-]+)"/.exec(home)![1]!;
    const place = async (cookie: string): Promise<unknown> => (await whoAmI({ cookie, 'x-csrf': nonce })).json();
    expect(await place(first!)).toMatchObject({ places: { sessionStorage: true } });
    expect(await place(second!)).toMatchObject({ places: { sessionStorage: false } });
  });

  test('what needs a login is closed without one', async () => {
    for (const path of ['/api/token', '/api/profile', '/api/avatar']) expect((await fetch(site.origin + path)).status).toBe(401);
    const home = await fetch(`${site.origin}/home`, { redirect: 'manual' });
    expect([home.status, home.headers.get('location')]).toEqual([303, '/login']);
  });

  test('a body that is not JSON, or too long, is a bad request and not a crash', async () => {
    expect((await whoAmI({}, '{')).status).toBe(400);
    expect((await whoAmI({}, ' '.repeat(65_537))).status).toBe(400);
  });

  test('every request is counted with its method, path and host, until the counters are reset', async () => {
    await fetch(`${site.origin}/favicon.ico?x=1`);
    await fetch(`${site.secondOrigin}/nowhere`);
    expect(site.requests).toEqual([
      { method: 'GET', path: '/favicon.ico', host: new URL(site.origin).host },
      { method: 'GET', path: '/nowhere', host: new URL(site.secondOrigin).host },
    ]);
    site.resetCounters();
    expect(site.requests).toEqual([]);
  });
});

describe.skipIf(chromiumPath === null)('the demo site in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath!, args: [...CHROMIUM_FLAGS] });
  });
  afterAll(() => browser?.close());

  test('a login fills four places, and whoami knows Ada from each', async () => {
    const page = await browser.newPage();
    await page.goto(`${site.origin}/login`);
    await page.fill('[name=user]', site.user);
    await page.fill('[name=password]', site.password);
    await page.click('button');
    await page.waitForSelector('#status[data-ready=true]');
    await page.goto(`${site.origin}/whoami`);
    const status = page.locator('#status[data-places]');
    expect(await status.getAttribute('data-places')).toBe('4');
    expect(await status.textContent()).toBe('logged in as Ada from: cookie, localStorage, sessionStorage, IndexedDB');
    // Entry 2 was deleted: one record is left and the key generator stands at 3.
    const outbox = await page.evaluate(
      () =>
        new Promise((resolve) => {
          indexedDB.open('app').onsuccess = (event) => {
            const database = (event.target as IDBOpenDBRequest).result;
            const store = database.transaction('outbox', 'readwrite').objectStore('outbox');
            const keys = store.getAllKeys();
            const added = store.add('probe');
            added.onsuccess = () => {
              resolve({ version: database.version, keys: keys.result, next: added.result });
              database.close();
            };
          };
        }),
    );
    expect(outbox).toEqual({ version: 3, keys: [1], next: 3 });
    await page.context().close();
  });

  test('a fresh browser is not logged in, and asking leaves no database behind', async () => {
    const page = await browser.newPage();
    await page.goto(`${site.secondOrigin}/whoami`);
    const status = page.locator('#status[data-places]');
    expect(await status.getAttribute('data-places')).toBe('0');
    expect(await status.textContent()).toBe('not logged in (failed: cookie, localStorage, sessionStorage, IndexedDB)');
    expect(await page.evaluate(() => indexedDB.databases())).toEqual([]);
    await page.context().close();
  });

  test('a Chromium that we launch answers on its debugging port, and nothing of it stays after close', async () => {
    const running = await launchChromium();
    const version = (await (await fetch(`${running.cdpUrl}/json/version`)).json()) as { Browser: string };
    expect(version.Browser).toMatch(/Chrome\/\d+/);
    await running.close();
    await running.close();
    await expect(fetch(`${running.cdpUrl}/json/version`)).rejects.toThrow();
    expect(() => process.kill(running.pid, 0)).toThrow();
  });
});
