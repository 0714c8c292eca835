/**
 * The contract of every driver, run against the real demo site in real browsers: `makeBrowser` starts a fresh one, which the suite also drives
 * by hand (through Playwright) to log in and to look.
 */
import type { BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished } from 'vitest';
import { type Site, startSite } from '../../demo/site.ts';
import type { Driver } from '../../ts/adapters/driver.ts';
import type { Session } from '../../ts/session/session.ts';
import { logIn, restoredTab, whoAmI } from '../servers/login.ts';
import { hang, startSilentServer } from '../servers/silent.ts';
import { type Exceptions, testUnless } from './exceptions.ts';

export interface TestBrowser {
  readonly context: BrowserContext;
  /** The driver under test, on this browser. */
  readonly driver: Driver<unknown>;
  /** Ends the browser at once, as a crash would. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export function driverContract(name: string, makeBrowser: () => Promise<TestBrowser>, exceptions: Exceptions = {}): void {
  describe(`${name} driver`, () => {
    const test = testUnless(exceptions);
    let site: Site;
    const browsers: TestBrowser[] = [];
    const freshBrowser = async (): Promise<TestBrowser> => {
      const browser = await makeBrowser();
      browsers.push(browser);
      return browser;
    };
    /** A browser that is logged in, with the site open in one tab. */
    const loggedIn = async (): Promise<TestBrowser> => {
      const browser = await freshBrowser();
      await logIn(await browser.context.newPage(), site);
      return browser;
    };

    beforeAll(async () => {
      site = await startSite();
    });
    afterEach(async () => {
      for (const browser of browsers.splice(0)) await browser.close();
    });
    afterAll(() => site.close());

    test('a login in four places moves to a fresh browser, and the site says so', async () => {
      const first = await loggedIn();
      const { session, report } = await first.driver.capture();
      expect(report.entries.filter(({ outcome }) => outcome === 'lost' || outcome === 'altered')).toEqual([]);
      await first.close();

      const second = await freshBrowser();
      const restored = await second.driver.restore(session);
      expect(restored.report.entries.filter(({ outcome }) => outcome !== 'uncarried')).toEqual([]);
      expect(restored.report.counts).toEqual({ ...report.counts });
      expect(await whoAmI(await restoredTab(second.context, `${site.origin}/home`), site)).toEqual({
        places: 4,
        text: expect.stringMatching(/^logged in as /),
      });
    });

    test('M14: a tab keeps its id from capture to capture, and through a restore', async () => {
      const first = await loggedIn();
      const ids = async ({ driver }: TestBrowser): Promise<string[]> => (await driver.capture()).session.tabs.map(({ id }) => id);
      const { session } = await first.driver.capture();
      expect(await ids(first)).toEqual(session.tabs.map(({ id }) => id));

      const second = await freshBrowser();
      await second.driver.restore(session);
      expect(await ids(second)).toEqual(session.tabs.map(({ id }) => id));
      await second.context.newPage().then((page) => page.goto(`${site.origin}/home`));
      const withAnother = await ids(second);
      expect(withAnother).toContain(session.tabs[0]!.id);
      expect(new Set(withAnother).size).toBe(2);

      // The same session once more: each id stays with one page.
      await second.driver.restore(session);
      const all = await ids(second);
      expect(new Set(all).size).toBe(3);
      expect(all).toContain(session.tabs[0]!.id);
    });

    test('no request reaches the site in a capture of origins that are not open, nor in a restore', async () => {
      const first = await loggedIn();
      for (const page of first.context.pages()) await page.goto('about:blank');
      site.resetCounters();
      const { session } = await first.driver.capture({ origins: [site.secondOrigin] });
      expect(site.requests).toEqual([]);
      expect(session.coverage.storage.map(({ key }) => key.origin).sort()).toEqual([site.origin, site.secondOrigin].sort());
      expect(session.storage.map(({ key }) => key.origin)).toEqual([site.origin]);

      const second = await freshBrowser();
      await second.driver.restore(session);
      expect(site.requests).toEqual([]);
    });

    test('pages that are opened to read and write storage are shown to nobody', async () => {
      const first = await loggedIn();
      for (const page of first.context.pages()) await page.goto('about:blank');
      const opened: unknown[] = [];
      first.context.on('page', (page) => opened.push(page));
      const { session } = await first.driver.capture();
      expect(session.storage.map(({ key }) => key.origin)).toEqual([site.origin]);
      await first.driver.restore({ ...session, tabs: [] });
      expect(opened).toEqual([]);
    });

    test('cookies keep every attribute: unset SameSite, priority, source, partitions, host-only and domain', async () => {
      const cookies = [
        { name: 'host', value: '1', domain: 'app.example', path: '/', secure: false, httpOnly: true },
        {
          name: 'host',
          value: '2',
          domain: '.app.example',
          path: '/deep',
          secure: true,
          sameSite: 'None' as const,
          priority: 'High' as const,
        },
        { name: '__Host-x', value: '3', domain: 'app.example', path: '/', secure: true, sourceScheme: 'Secure' as const, sourcePort: 8443 },
        {
          name: 'chips',
          value: '4',
          domain: 'widget.example',
          path: '/',
          secure: true,
          sameSite: 'None' as const,
          partitionKey: { topLevelSite: 'https://top.example', hasCrossSiteAncestor: true },
        },
        {
          name: 'kept',
          value: '5',
          domain: 'app.example',
          path: '/',
          expires: Math.floor(Date.now() / 1000) + 86_400,
          sameSite: 'Strict' as const,
        },
        { name: '', value: 'nameless', domain: 'app.example', path: '/' },
      ];
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await (await first.context.newCDPSession(page)).send('Network.setCookies', { cookies });
      const { session } = await first.driver.capture({ cookieOrigins: false });
      const second = await freshBrowser();
      const { report } = await second.driver.restore(session);
      expect(report).toMatchObject({ entries: [], counts: { cookies: cookies.length } });
      expect(await rawCookies(second.context)).toEqual(await rawCookies(first.context));
    });

    test('restoring and capturing again gives the same cookies, storage and records', async () => {
      const first = await loggedIn();
      const { session } = await first.driver.capture();
      const second = await freshBrowser();
      await second.driver.restore(session);
      const again = await second.driver.capture();
      expect(await facts(again.session)).toEqual(await facts(session));
    });

    test('names and values of any UTF-16, hidden keys and the key generator survive', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(`${site.origin}/login`);
      const odd: [string, string][] = [
        ['length', 'hidden by the prototype'],
        ['key', '\u0000 NUL'],
        ['__proto__', 'own'],
        ['lone \ud800 surrogate', '\udfff'],
        ['', 'empty name'],
        ['empty value', ''],
        ['emoji 🦊', '日本語 \u2028'],
      ];
      await page.evaluate((items) => {
        for (const [key, value] of items) Storage.prototype.setItem.call(localStorage, key, value);
      }, odd);
      await page.evaluate(
        () =>
          new Promise<void>((resolve, reject) => {
            const request = indexedDB.open('odd', 7);
            request.onupgradeneeded = () => {
              const list = request.result.createObjectStore('list', { autoIncrement: true });
              const sparse = [1, 2, 3];
              delete sparse[1];
              for (const value of [new Date(5), sparse, new Map([[{ a: 1n }, new Set(['x'])]]), undefined, -0, 'last']) list.add(value);
              list.delete(6);
              request.result.createObjectStore('by path', { keyPath: ['a.b', 'c'] }).add({ a: { b: 1 }, c: 'two', shared: [{}] });
              request.result.createObjectStore('empty');
            };
            request.onsuccess = () => {
              request.result.close();
              resolve();
            };
            request.onerror = () => reject(request.error);
          }),
      );
      const { session, report } = await first.driver.capture();
      expect(report.entries.filter(({ outcome }) => outcome === 'lost' || outcome === 'altered')).toEqual([]);

      const second = await freshBrowser();
      const restored = await second.driver.restore(session);
      expect(restored.report.entries).toEqual([]);
      const { session: again } = await second.driver.capture();
      const storage = again.storage[0]!;
      expect([...storage.localStorage].sort()).toEqual([...odd].sort());
      const database = storage.indexedDB.find((candidate) => candidate.name === 'odd')!;
      expect(database.version).toBe(7);
      expect(database.stores.find((store) => store.name === 'list')!.keyGenerator).toBe(7);
      expect(await facts(again)).toEqual(await facts(session));
    });

    test('a record that cannot be carried is named, and costs no other record', async () => {
      const first = await freshBrowser();
      const page = await first.context.newPage();
      await page.goto(`${site.origin}/login`);
      await page.evaluate(async () => {
        const algorithm = { name: 'AES-GCM', length: 256 };
        const key = await crypto.subtle.generateKey(algorithm, false, ['encrypt', 'decrypt']);
        await new Promise<void>((resolve, reject) => {
          const request = indexedDB.open('keys', 1);
          request.onupgradeneeded = () => {
            const store = request.result.createObjectStore('store');
            store.put('before', 1);
            store.put({ key, token: 'secret-beside-a-key' }, 2);
            store.put('after', 3);
          };
          request.onsuccess = () => {
            request.result.close();
            resolve();
          };
          request.onerror = () => reject(request.error);
        });
      });
      const { session, report } = await first.driver.capture();
      const lost = report.entries.filter(({ outcome }) => outcome === 'lost');
      expect(lost).toEqual([
        {
          outcome: 'lost',
          kind: 'indexedDB',
          place: `${site.origin} keys/store`,
          reason: 'record 1 holds a non-extractable CryptoKey, which this version does not carry',
        },
      ]);
      const second = await freshBrowser();
      const restored = await second.driver.restore(session);
      expect(restored.report.entries.map(({ reason }) => reason)).toEqual(['record 1: it holds a non-extractable CryptoKey']);
      const again = await second.driver.capture();
      expect(again.session.storage[0]!.indexedDB[0]!.stores[0]!.recordCount).toBe(2);
    });

    test('a database held by a pending upgrade runs into its time limit, is reported, and the rest is carried', async () => {
      const first = await loggedIn();
      const page = first.context.pages().find((candidate) => candidate.url().startsWith(site.origin))!;
      await page.evaluate(
        () =>
          new Promise<void>((resolve) => {
            const request = indexedDB.open('held', 1);
            request.onsuccess = () => {
              // This connection never closes, so the upgrade waits, and every later open waits behind it.
              Object.assign(window, { held: request.result });
              indexedDB.open('held', 2);
              resolve();
            };
          }),
      );
      const { session, report } = await first.driver.capture({ timeoutMs: 3000 });
      expect(report.entries.filter(({ outcome }) => outcome === 'lost').map(({ place }) => place)).toEqual([`${site.origin} held`]);
      const coverage = session.coverage.storage.find(({ key }) => key.origin === site.origin)!;
      expect(coverage.indexedDB).toBe('partial');
      expect(session.storage[0]!.indexedDB.map((database) => database.name)).toEqual(['app']);
    });

    test('a page that hangs loses its sessionStorage only: its origin is read beside it', async () => {
      const first = await loggedIn();
      const page = first.context.pages().find((candidate) => candidate.url().startsWith(site.origin))!;
      const silent = await startSilentServer();
      onTestFinished(() => silent.close());
      page.evaluate(hang, silent.url).catch(() => undefined);
      await silent.asked;
      const { session, report } = await first.driver.capture({ timeoutMs: 3000 });
      const lost = report.entries.filter(({ outcome }) => outcome === 'lost');
      expect(lost.map(({ kind, place, code }) => ({ kind, place, code }))).toEqual([
        { kind: 'sessionStorage', place: site.origin, code: 'ADAPTER_TIMEOUT' },
      ]);
      expect(session.coverage.tabs).toBe('partial');
      expect(session.storage.map(({ key }) => key.origin)).toEqual([site.origin]);
    });

    test('a tab whose address cannot be opened is reported by its scheme only, and costs nothing else', async () => {
      const first = await loggedIn();
      const { session } = await first.driver.capture();
      const tabs = ['data:text/html,secret-in-a-tab', 'http://[secret', ...session.tabs.map(({ url }) => url)].map((url, i) => ({
        id: `t${i}`,
        url,
        sessionStorage: [],
      }));
      const second = await freshBrowser();
      const { report } = await second.driver.restore({ ...session, tabs });
      expect(report.entries.map(({ outcome, kind, place, code }) => [outcome, kind, place, code])).toEqual([
        ['lost', 'tab', 'data:', 'ADAPTER_UNSUPPORTED'],
        ['lost', 'tab', 'an address that is none', 'ADAPTER_UNSUPPORTED'],
      ]);
      expect(report.counts.tabs).toBe(1);
      expect(JSON.stringify(report)).not.toContain('secret');
    });

    test('an expired cookie is skipped and said so, and a refused one costs no other', async () => {
      const first = await loggedIn();
      const { session } = await first.driver.capture();
      const sid = session.cookies[0]!;
      const altered: Session = {
        ...session,
        cookies: [
          { ...sid, name: 'old', expiresAt: Date.now() - 1 },
          { ...sid, name: 'good' },
          { ...sid, name: '__Host-bad', path: '/deep', secure: false },
        ],
      };
      const second = await freshBrowser();
      const { report } = await second.driver.restore(altered);
      expect(report.entries.filter(({ kind }) => kind === 'cookie').map(({ outcome, place }) => [outcome, place])).toEqual([
        ['skipped', `${sid.domain}/ old`],
        ['lost', `${sid.domain}/deep __Host-bad`],
      ]);
      expect(report.counts.cookies).toBe(1);
    });

    test('a browser that goes away in the middle is ADAPTER_DISCONNECTED', async () => {
      const first = await loggedIn();
      const capture = first.driver.capture({ onProgress: ({ stage, done }) => void (stage === 'tabs' && done === 0 && first.kill()) });
      await expect(capture).rejects.toMatchObject({ code: 'ADAPTER_DISCONNECTED' });
    });

    test('an aborted capture ends with the reason of its signal', async () => {
      const first = await loggedIn();
      const reason = new Error('enough');
      await expect(first.driver.capture({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });

    test('an origin that is none is the caller\u2019s mistake', async () => {
      const first = await freshBrowser();
      await expect(first.driver.capture({ origins: ['not an origin'] })).rejects.toThrow(TypeError);
      await expect(first.driver.capture({ origins: ['https://a.example/path'] })).rejects.toThrow(TypeError);
    });
  });
}

/** The browser's own words for all cookies of a context, in an order of ours: creation order is not ours to keep. */
async function rawCookies(context: BrowserContext): Promise<unknown[]> {
  const page = await context.newPage();
  const { cookies } = await (await context.newCDPSession(page)).send('Network.getAllCookies');
  await page.close();
  return cookies.map((cookie) => JSON.stringify(cookie)).sort();
}

/** What two captures of one state have in common: everything but ids and times, with section bytes in place of handles. */
async function facts(session: Session): Promise<unknown> {
  return {
    cookies: session.cookies,
    storage: await Promise.all(
      session.storage.map(async ({ indexedDB, ...rest }) => ({
        ...rest,
        indexedDB: await Promise.all(
          indexedDB.map(async ({ stores, ...database }) => ({
            ...database,
            stores: await Promise.all(
              stores.map(async ({ records, ...store }) => ({ ...store, records: [...((await records?.bytes()) ?? [])] })),
            ),
          })),
        ),
      })),
    ),
    tabs: session.tabs.map(({ url, sessionStorage }) => ({ url, sessionStorage })),
  };
}
