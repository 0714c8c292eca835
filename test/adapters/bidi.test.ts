import { chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import { type BidiConnection, bidi, connectBidi, reloadTabs } from '../../ts/adapters/bidi.ts';
import { cdp } from '../../ts/adapters/cdp.ts';
import type { Cookie, Session } from '../../ts/session/session.ts';
import { driverContract, type TestBrowser } from '../contract/driver.ts';
import { kindsContract } from '../contract/driver-kinds.ts';
import { launchChromium, requireChromium } from '../servers/chromium.ts';
import { launchFirefox, type RunningFirefox, requireFirefox } from '../servers/firefox.ts';
import { logIn, restoredTab, whoAmI } from '../servers/login.ts';
import { bidiContext } from './bidi-pages.ts';
import { startCookieSite, startWorkerSite } from './bidi-site.ts';

const GROUP = 'capture and restore over WebDriver BiDi';

describe.skipIf(requireFirefox(GROUP) === null)(GROUP, () => {
  let running: { readonly firefox: RunningFirefox; readonly connection: BidiConnection } | null = null;
  const launched: RunningFirefox[] = [];
  const opened: TestBrowser[] = [];
  afterEach(async () => {
    for (const browser of opened.splice(0)) await browser.close();
  });
  afterAll(async () => {
    await running?.connection.close();
    for (const firefox of launched) await firefox.close();
  });

  /** A user context is as fresh as a browser, and there in no time. Who drives and who looks on share the one session that Firefox has. */
  const makeBrowser = async (): Promise<TestBrowser> => {
    if (running === null || running.connection.isClosed()) {
      const firefox = await launchFirefox();
      launched.push(firefox);
      // It listens some time before it answers, on a machine that is busy.
      running = { firefox, connection: await connectBidi(firefox.bidiUrl, 60_000) };
    }
    const { firefox, connection } = running;
    const { userContext } = (await connection.send('browser.createUserContext', {})) as { userContext: string };
    const context = await bidiContext(connection, userContext);
    let isOpen = true;
    return {
      context,
      driver: bidi(connection, { userContext }),
      kill: async () => firefox.kill(),
      async close() {
        if (connection.isClosed()) await firefox.close();
        else if (isOpen) await context.close();
        isOpen = false;
      },
    };
  };
  const freshBrowser = async (): Promise<TestBrowser> => {
    const browser = await makeBrowser();
    opened.push(browser);
    return browser;
  };

  driverContract('bidi', makeBrowser, {
    'no request reaches the site in a capture of origins that are not open, nor in a restore':
      'a cookie of Firefox names no port, so origins of its own are named below',
    'pages that are opened to read and write storage are shown to nobody': 'WebDriver opens none that are not',
    'cookies keep every attribute: unset SameSite, priority, source, partitions, host-only and domain':
      'it sets and looks by the DevTools protocol; Firefox has cookies of its own below',
    'names and values of any UTF-16, hidden keys and the key generator survive':
      'Firefox itself writes lone surrogates of localStorage otherwise than they were: what else it says is below',
    'a page that hangs loses its sessionStorage only: its origin is read beside it':
      'Firefox runs all pages of a site in one process: a page of ours hangs with it',
  });
  kindsContract('bidi', makeBrowser, true, {
    'caches keep each response with its type, address, headers and bytes': 'no script may read the body of an opaque response',
    'a tab keeps its history, the entry that it shows with its state, and window.name': 'BiDi tells no history entries',
  });

  describe('what is Firefox’s own', () => {
    let site: Site;
    beforeAll(async () => {
      site = await startSite();
    });
    afterAll(() => site.close());

    test('no request reaches the site in a capture of origins that are not open, nor in a restore', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await logIn(page, site);
      await page.goto('about:blank');
      site.resetCounters();
      const { session } = await first.driver.capture({ origins: [site.origin, site.secondOrigin], cookieOrigins: false });
      expect(session.storage.map(({ key }) => key.origin)).toEqual([site.origin]);
      expect(session.storage[0]!.indexedDB.map(({ name }) => name)).toEqual(['app']);
      const second = await freshBrowser();
      await second.driver.restore(session);
      expect(site.requests).toEqual([]);
    });

    test('cookies keep attributes, partitions and every byte, and text beyond Latin-1 lets no request through to the site', async () => {
      const cookies = await startCookieSite();
      try {
        const first = await freshBrowser();
        const page = await first.context.newPage();
        await page.goto(`${cookies.origin}/set`);
        await page.goto(`${cookies.origin}/deep/look`);
        const before = cookies.takeSeen();
        expect(before['beta.localhost/deep/look']).toBe(Buffer.from('chips=6; dynamic=7').toString('hex'));
        await page.goto('about:blank');
        const { session, report } = await first.driver.capture({ origins: [cookies.origin] });
        expect(cookies.takeSeen()).toEqual({});
        expect(report.entries).toEqual([]);
        expect(session.coverage.cookies).toBe('complete');
        const partitionKey = { topLevelSite: 'http://alpha.localhost', hasCrossSiteAncestor: true };
        const partitioned = session.cookies.filter((cookie) => cookie.partitionKey !== null);
        expect(partitioned.map(({ name, partitionKey: key }) => [name, key])).toEqual([
          ['chips', partitionKey],
          ['dynamic', partitionKey],
        ]);
        expect(session.cookies.filter(({ partitionKey: key }) => key === null)).toHaveLength(6);

        const second = await freshBrowser();
        const restored = await second.driver.restore(session);
        expect(restored.report).toMatchObject({ entries: [], counts: { cookies: 8 } });
        expect(cookies.takeSeen()).toEqual({});
        const other = await second.context.newPage();
        await other.goto(`${cookies.origin}/deep/look`);
        expect(sorted(cookies.takeSeen())).toEqual(
          sorted(
            before,
            Object.keys({ ...before }).filter((path) => path.endsWith('/look')),
          ),
        );
        const again = await second.driver.capture();
        expect(again.session.cookies.map((cookie) => JSON.stringify(cookie)).sort()).toEqual(
          session.cookies.map((cookie) => JSON.stringify(cookie)).sort(),
        );
      } finally {
        await cookies.close();
      }
    });

    test('what a cookie of Chromium has more is one notice, and a partition that cannot be named is refused', async () => {
      const plain: Cookie = {
        name: 'more',
        value: '1',
        domain: 'app.example',
        hostOnly: true,
        path: '/',
        secure: true,
        httpOnly: false,
        sameSite: 'none',
        expiresAt: Math.floor(Date.now() / 1000) * 1000 + 86_400_500,
        priority: 'high',
        sourceScheme: 'secure',
        sourcePort: 443,
        partitionKey: null,
      };
      const below = { topLevelSite: 'https://app.example', hasCrossSiteAncestor: true };
      const nameless = { ...plain, name: '', value: 'nameless' };
      const browser = await freshBrowser();
      const session = sessionOf({ cookies: [plain, { ...plain, name: 'below', partitionKey: below }, nameless] });
      const { report } = await browser.driver.restore(session);
      expect(report.counts.cookies).toBe(1);
      expect(report.entries).toEqual([
        { outcome: 'lost', kind: 'cookie', place: 'app.example/ below', reason: 'the browser refused it', code: 'ADAPTER_PROTOCOL' },
        { outcome: 'lost', kind: 'cookie', place: 'app.example/ ', reason: 'the browser refused it', code: 'ADAPTER_PROTOCOL' },
        {
          outcome: 'notice',
          kind: 'cookie',
          place: 'all',
          reason: 'this browser is not given the exact expiresAt, priority, sourceScheme, sourcePort of cookies',
        },
      ]);
    });

    test('a tab is given its whole history and window.name; the entry that is shown is captured with its state', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(`${site.origin}/login`);
      await page.evaluate(() => {
        history.pushState({ step: new Map([['a', 1n]]), bytes: new Uint8Array([1, 2]) }, '', '/login?step=1');
        window.name = 'kept ☃';
      });
      const { session, report } = await first.driver.capture();
      expect(report.entries.map(({ outcome, kind, reason }) => [outcome, kind, reason])).toEqual([
        ['uncarried', 'history', '1 other history entries are not told by the browser'],
      ]);
      const [tab] = session.tabs;
      const [shown] = tab!.history!.entries;
      const entries = [{ url: `${site.origin}/login` }, shown!, { url: `${site.secondOrigin}/login` }];
      const second = await freshBrowser();
      site.resetCounters();
      const restored = await second.driver.restore({ ...session, tabs: [{ ...tab!, history: { index: 1, entries } }] });
      expect(restored.report.entries).toEqual([]);
      expect(site.requests).toEqual([]);
      const there = await restoredTab(second.context, `${site.origin}/login?step=1`);
      expect(await there.evaluate(lookAtTab)).toEqual({ length: 3, step: 'a,1', bytes: '1,2', name: 'kept ☃' });
      await reloadTabs(running!.connection, restored.target as never);
      await expect.poll(() => site.requests.map(({ path }) => path)).toContain('/login');
      await there.goBack();
      expect(there.url()).toBe(`${site.origin}/login`);
    });

    test('a service worker is not woken by a capture of its origin nor by a restore, and its tabs are lost by name', async () => {
      const worker = await startWorkerSite();
      try {
        const first = await freshBrowser();
        const page = await first.context.newPage();
        await page.goto(worker.origin);
        await page.evaluate(() => navigator.serviceWorker.ready.then(() => localStorage.setItem('kept', 'yes')));
        await page.goto('about:blank');
        worker.requests.length = 0;
        const { session, report } = await first.driver.capture({ origins: [worker.origin] });
        expect(session.storage[0]!.localStorage).toEqual([['kept', 'yes']]);
        expect(report.entries.map(({ outcome, kind, place }) => [outcome, kind, place])).toEqual([
          ['uncarried', 'permission', worker.origin],
          ['uncarried', 'serviceWorker', worker.origin],
        ]);
        const tab = { id: 't', url: `${worker.origin}/page`, sessionStorage: [] };
        // One that only was there before: the rest of its history is opened without it.
        const [home, behind, next] = [{ url: `${site.origin}/login` }, { url: tab.url }, { url: `${site.origin}/login?next` }];
        const other = { id: 'o', url: next.url, sessionStorage: [], history: { index: 2, entries: [home, behind, next] } };
        site.resetCounters();
        const restored = await first.driver.restore({ ...session, tabs: [tab, other] });
        expect(restored.report.entries.map(({ outcome, kind, place, code }) => [outcome, kind, place, code])).toEqual([
          ['lost', 'tab', worker.origin, 'ADAPTER_UNSUPPORTED'],
          ['lost', 'history', site.origin, 'ADAPTER_UNSUPPORTED'],
        ]);
        expect(site.requests).toEqual([]);
        const there = await restoredTab(first.context, next.url);
        expect(await there.evaluate('() => history.length')).toBe(2);
        expect(restored.report.counts.localStorage).toBe(1);
        // The browser itself looks for a newer worker, a moment after the page was loaded.
        expect(worker.requests.filter((path) => path !== '/worker.js')).toEqual([]);
      } finally {
        await worker.close();
      }
    });

    test('odd names, structured values and the key generator survive', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(`${site.origin}/login`);
      const odd: [string, string][] = [
        ['length', 'hidden by the prototype'],
        ['key', '\u0000 NUL'],
        ['', 'empty name'],
        ['🦊', '日本語 \u2028'],
      ];
      await page.evaluate((items) => {
        for (const [name, value] of items) Storage.prototype.setItem.call(localStorage, name, value);
      }, odd);
      await page.evaluate(seedDatabase);
      const before = await page.evaluate(lookAtDatabase);
      const { session, report } = await first.driver.capture();
      expect(report.entries).toEqual([]);
      const second = await freshBrowser();
      const restored = await second.driver.restore(session);
      expect(restored.report).toMatchObject({ entries: [], counts: { records: 5, localStorage: 4 } });
      const there = await restoredTab(second.context, `${site.origin}/login`);
      expect(await there.evaluate(lookAtDatabase)).toEqual(before);
      const again = await second.driver.capture();
      expect([...again.session.storage[0]!.localStorage].sort()).toEqual([...odd].sort());
      expect(again.session.storage[0]!.indexedDB[0]!.stores[0]!.keyGenerator).toBe(7);
    });

    test('a cache loses opaque responses only, whose bodies no script may read', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(`${site.origin}/login`);
      await page.evaluate(async (other: string) => {
        const cache = await caches.open('mixed');
        await cache.add('/login?cached');
        await cache.put('/made', new Response(new Uint8Array([0, 255, 1]), { status: 201, headers: { 'x-own': 'yes' } }));
        await cache.put(other, await fetch(other, { mode: 'no-cors' }));
      }, `${site.secondOrigin}/login`);
      const { session, report } = await first.driver.capture();
      expect(report.entries.filter(({ outcome }) => outcome === 'lost')).toMatchObject([
        { kind: 'cacheStorage', place: `${site.origin} mixed entry 2`, code: 'ADAPTER_UNSUPPORTED' },
      ]);
      expect(session.coverage.storage[0]).toMatchObject({ caches: 'partial' });
      const second = await freshBrowser();
      const restored = await second.driver.restore(session);
      expect(restored.report).toMatchObject({ entries: [], counts: { cacheEntries: 2 } });
    });

    test.skipIf(requireChromium(GROUP) === null)('a login moves from Chromium to Firefox and back', async () => {
      const browser = await launchChromium();
      try {
        const looking = await chromium.connectOverCDP(browser.cdpUrl);
        await logIn(await looking.contexts()[0]!.newPage(), site);
        const { session } = await cdp(browser.cdpUrl).capture();
        const middle = await freshBrowser();
        await middle.driver.restore(session);
        const there = await whoAmI(await restoredTab(middle.context, `${site.origin}/home`), site);
        expect(there.places).toBe(4);
        const { session: moved } = await middle.driver.capture({ origins: [site.origin] });

        const fresh = await looking.newContext();
        const { targetInfo } = await (await fresh.newCDPSession(await fresh.newPage())).send('Target.getTargetInfo');
        const { report } = await cdp(browser.cdpUrl, { browserContextId: targetInfo.browserContextId! }).restore(moved);
        expect(report.entries.filter(({ outcome }) => outcome === 'lost' || outcome === 'altered')).toEqual([]);
        const last = await whoAmI(await restoredTab(fresh, `${site.origin}/whoami`), site);
        expect(last.places).toBe(4);
        await looking.close();
      } finally {
        await browser.close();
      }
    });

    test('Firefox begins no second session beside one that is there', async () => {
      await freshBrowser();
      await expect(bidi(running!.firefox.bidiUrl).capture()).rejects.toMatchObject({ code: 'ADAPTER_CONNECT' });
    });
  });
});

describe('connecting over BiDi', () => {
  test('an address that is none is the caller’s mistake, and is not repeated', () => {
    const call = (): unknown => bidi('secret address');
    expect(call).toThrow(TypeError);
    expect(call).toThrow(/^browser: expected an address such as/);
  });

  test('an address where no browser answers is ADAPTER_CONNECT', async () => {
    await expect(bidi('http://127.0.0.1:9').capture()).rejects.toMatchObject({ code: 'ADAPTER_CONNECT' });
    await expect(connectBidi('ws://127.0.0.1:9/session/secret')).rejects.toMatchObject({
      code: 'ADAPTER_CONNECT',
      message: expect.not.stringContaining('secret'),
    });
  });

  test('what a library’s connection refuses is ADAPTER_PROTOCOL, without its words', async () => {
    const refusing = { send: () => Promise.reject(new Error('secret')), on: () => undefined, off: () => undefined, isClosed: () => false };
    await expect(bidi(refusing).capture()).rejects.toMatchObject({
      code: 'ADAPTER_PROTOCOL',
      message: expect.not.stringContaining('secret'),
    });
    await expect(bidi({ ...refusing, isClosed: () => true }).capture()).rejects.toMatchObject({ code: 'ADAPTER_DISCONNECTED' });
  });
});

/** Runs in the page. */
function lookAtTab() {
  const { step, bytes } = (history.state ?? {}) as { step?: Map<string, bigint>; bytes?: Uint8Array };
  const [pair] = [...(step ?? [])];
  return { length: history.length, step: pair?.map(String).join(), bytes: bytes?.join(), name: window.name };
}

/** Runs in the page. */
function seedDatabase(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('odd', 7);
    request.onupgradeneeded = () => {
      const list = request.result.createObjectStore('list', { autoIncrement: true });
      const map = new Map([[{ a: 1n }, new Set(['x'])]]);
      for (const value of [new Date(5), new Uint16Array([1, 2]), map, new Blob(['bytes'], { type: 'text/x' }), -0, 'last']) list.add(value);
      list.delete(6);
    };
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  });
}

/** Runs in the page: what the database holds, in words. */
async function lookAtDatabase(): Promise<unknown> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('odd');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const [date, numbers, map, blob, zero] = await new Promise<[Date, Uint16Array, Map<{ a: bigint }, Set<string>>, Blob, number]>(
    (resolve) => {
      const request = database.transaction('list').objectStore('list').getAll();
      request.onsuccess = () => resolve(request.result as never);
    },
  );
  database.close();
  const [[key, set]] = [...map] as [[{ a: bigint }, Set<string>]];
  return [
    date.getTime(),
    numbers.constructor.name,
    [...numbers],
    String(key.a),
    [...set],
    blob.type,
    await blob.text(),
    Object.is(zero, -0),
  ];
}

/** Cookies of one header, in an order of ours: that of their creation is not ours to keep. */
function sorted(headers: Record<string, string>, paths: readonly string[] = Object.keys(headers)): [string, string[]][] {
  return [...paths].sort().map((path) => [path, Buffer.from(headers[path]!, 'hex').toString('latin1').split('; ').sort()]);
}

function sessionOf(more: Partial<Session>): Session {
  const at = Date.now();
  return {
    id: 's',
    incarnation: 'i',
    revision: 0,
    createdAt: at,
    updatedAt: at,
    source: { tool: 'test' },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
    cookies: [],
    storage: [],
    tabs: [],
    ...more,
  };
}
