/** The Selenium driver in real Chromium under a real chromedriver, by each of its ways: what it carries, and what it says that it does not. */
import type { Driver as ChromeDriver } from 'selenium-webdriver/chrome.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openConnection } from '../../ts/adapters/connection.ts';
import type { Report } from '../../ts/adapters/report.ts';
import { type SeleniumWay, selenium } from '../../ts/adapters/selenium.ts';
import { type RunningChromedriver, requireChromedriver, startChromedriver } from '../servers/chromedriver.ts';
import { hang, startSilentServer } from '../servers/silent.ts';
import { lookAtPage, type PageSite, seedPage, startPageSite } from './page-site.ts';

const GROUP = 'capture and restore through Selenium';
const chromedriver = requireChromedriver(GROUP);

describe.skipIf(chromedriver === null)(GROUP, () => {
  let server: RunningChromedriver;
  let site: PageSite;
  /** Logged in, and left as it is by every test. */
  let first: ChromeDriver;
  let before: Awaited<ReturnType<typeof lookAtPage>>;
  let ownHandle: string;

  beforeAll(async () => {
    site = await startPageSite();
    server = await startChromedriver(chromedriver!);
    first = await server.open(true);
    await first.get(`${site.namedOrigin}/deep/page?seed`);
    await first.get(`${site.namedOrigin}/deep/page`);
    await inPage(first, seedPage);
    before = await inPage(first, lookAtPage);
    ownHandle = await first.getWindowHandle();
  });
  afterAll(async () => {
    await server?.close();
    await site?.close();
  });

  /** What each way says of a capture, and then of a restore, with `SITE` for the origin; the requests that it makes, and the cookies that it carries. */
  const WAYS: readonly [SeleniumWay, captured: readonly string[], restored: readonly string[], requests: number, cookies: number][] = [
    ['devtools', ['uncarried history SITE: a state of N other history entries, if they have one, is not told by the browser'], [], 0, 7],
    ['bidi', ['uncarried history SITE: N other history entries are not told by the browser'], [], 0, 7],
    [
      'devtools-cookies',
      [
        'uncarried history SITE: N other history entries are not told by the browser',
        'notice partitionedStorage all: frames in shadow trees are not seen by script, which is what WebDriver looks with',
      ],
      [
        'altered history SITE: its entries read back differently',
        'notice origin SITE: the site was visited 3 times: WebDriver has no other way to what is not open',
      ],
      3,
      7,
    ],
    [
      'webdriver',
      [
        'uncarried history SITE: N other history entries are not told by the browser',
        'notice partitionedStorage all: frames in shadow trees are not seen by script, which is what WebDriver looks with',
        'lost cookie app.site.localhost/ chip: it is in a partition, which WebDriver does not tell',
        'notice cookie all: WebDriver lists the cookies of the documents that are open, and neither priority, source nor partition',
        'notice cookie all: 1 cookies may expire up to a second later than is told: WebDriver has whole seconds',
        'notice cookie all: 4 cookies are taken for SameSite=Lax: WebDriver does not tell that from one that is not set',
        'notice cookie app.site.localhost/ __Host-own: it is taken for one that is in no partition: WebDriver does not tell, and it is HttpOnly',
      ],
      [
        'lost permission SITE camera: this driver cannot set permissions',
        'altered history SITE: its entries read back differently',
        'notice origin SITE: the site was visited 4 times: WebDriver has no other way to what is not open',
      ],
      4,
      6,
    ],
  ];

  test.each(WAYS)(
    'by %s, what is carried goes to another browser, and the report names the rest',
    async (way, said, saidAfter, requests, cookies) => {
      const permission = { permission: { name: 'camera' }, setting: 'granted', origin: site.namedOrigin };
      await first.sendAndGetDevToolsCommand('Browser.setPermission', permission);
      const { session, report } = await selenium(first, { way }).capture();
      expect(await inPage(first, camera)).toBe('granted');
      expect(session.source).toMatchObject({ tool: 'selenium' });
      expect(session.coverage.cookies).toBe(way === 'webdriver' ? 'partial' : 'complete');
      expect(linesOf(report)).toEqual(said);
      expect(await first.getWindowHandle()).toBe(ownHandle);
      expect(await inPage(first, () => '__persistentSessions' in globalThis)).toBe(false);

      const second = await server.open(true);
      const handles = await second.getAllWindowHandles();
      site.requests.length = 0;
      await using driver = selenium(second, { way });
      const restored = await driver.restore(session);
      expect(site.requests.filter((path) => path !== '/adapter.js')).toHaveLength(requests);
      const files = 'notice fileSystem SITE: files keep no time of modification: it is that of the restore';
      expect(linesOf(restored.report).filter((line) => line !== files)).toEqual(saidAfter);
      expect(restored.report.counts).toMatchObject({
        cookies,
        localStorage: 2,
        sessionStorage: 1,
        databases: 1,
        records: 4,
        cacheEntries: 1,
        files: 2,
        tabs: 1,
      });
      expect(new Set(await second.getAllWindowHandles())).toEqual(new Set([...handles, ...restored.target.handles]));
      const [handle] = restored.target.handles;
      await second.switchTo().window(handle!);
      await second.navigate().refresh();
      const isCarried = (pair: string): boolean => way !== 'webdriver' || !pair.startsWith('chip=');
      expect(await inPage(second, lookAtPage)).toEqual({ ...before, cookies: before.cookies.filter(isCarried) });
      expect(await inPage(second, camera)).toBe(way === 'webdriver' ? 'prompt' : 'granted');
      // Each for whom the site meant it: one for a single host stays with that host.
      const scopes = ({ cookies: all }: Raw): string[] =>
        all.map(({ name, domain, path, httpOnly }) => `${name} ${domain}${path} ${httpOnly}`).sort();
      const expected = scopes(await rawCookies(first)).filter((scope) => way !== 'webdriver' || !scope.startsWith('chip '));
      expect(scopes(await rawCookies(second))).toEqual(expected);
      await second.quit();
    },
  );

  test('origins that are asked for are visited by plain WebDriver, and each visit is named', async () => {
    const handles = await first.getAllWindowHandles();
    site.requests.length = 0;
    const { session, report } = await selenium(first, { way: 'webdriver' }).capture({ origins: [site.origin] });
    expect(site.requests).toContain('/robots.txt');
    expect(report.entries.filter(({ kind }) => kind === 'origin').map(({ outcome, place }) => [outcome, place])).toEqual([
      ['notice', site.origin],
    ]);
    expect(session.coverage.storage.find(({ key }) => key.origin === site.origin)).toMatchObject({ localStorage: 'complete' });
    expect(await first.getAllWindowHandles()).toEqual(handles);
    expect(await first.getWindowHandle()).toBe(ownHandle);
  });

  test('frames of other sites, and those inside them, are named as not looked into by plain WebDriver', async () => {
    const below = `${site.secondOrigin}/?frame=${encodeURIComponent(`${site.namedOrigin}/`)}`;
    await inPage(
      first,
      async (src) => {
        const frame = Object.assign(document.createElement('iframe'), { src });
        await new Promise((resolve) => {
          frame.onload = resolve;
          document.body.append(frame);
        });
      },
      below,
    );
    try {
      const { session, report } = await selenium(first, { way: 'webdriver' }).capture();
      const framed = report.entries.filter(({ kind }) => kind === 'partitionedStorage');
      expect(framed.map(({ outcome, place }) => [outcome, place])).toEqual([
        ['notice', 'all'],
        ['uncarried', `${site.secondOrigin} inside ${site.namedOrigin}`],
        ['uncarried', `${site.namedOrigin} below another site`],
      ]);
      expect(session.coverage.tabs).toBe('partial');
    } finally {
      await inPage(first, () => document.querySelector('iframe')!.remove());
    }
  });

  test('by BiDi no request of a frame below another site is sent, however late chromedriver begins to stop them', async () => {
    const { session } = await selenium(first, { way: 'bidi' }).capture();
    const key = { origin: site.namedOrigin, topLevelSite: null, hasCrossSiteAncestor: true } as const;
    const below = { ...session, cookies: [], tabs: [], storage: [{ key, localStorage: [['place', 'below'] as const], indexedDB: [] }] };
    const second = await server.open(true);
    await hearFramesLate(second, 300);
    await using driver = selenium(second, { way: 'bidi' });
    site.requests.length = 0;
    const { report } = await driver.restore(below);
    expect(linesOf(report)).toEqual([]);
    expect(report.counts).toMatchObject({ localStorage: 1 });
    expect(site.requests).toEqual([]);
    await second.quit();
  });

  test('cookies of one name are captured in their order by plain WebDriver, which lists them in none', async () => {
    const names = ['p', 'q', 'r', 's', 't', 'u'];
    const lines = names.flatMap((name, index) => {
      const pair = [`${name}=host; Path=/`, `${name}=domain; Path=/; Domain=site.localhost`];
      return index % 2 === 0 ? pair : pair.reverse();
    });
    const setAll = (fields: readonly string[]): void => {
      // biome-ignore lint/suspicious/noDocumentCookie: as a site sets them.
      for (const field of fields) document.cookie = field;
    };
    await inPage(first, setAll, lines);
    try {
      const { session } = await selenium(first, { way: 'webdriver' }).capture();
      const order = names.map((name) => session.cookies.filter((cookie) => cookie.name === name).map(({ value }) => value));
      expect(order).toEqual(names.map((_, index) => (index % 2 === 0 ? ['host', 'domain'] : ['domain', 'host'])));
    } finally {
      await inPage(
        first,
        setAll,
        lines.map((line) => `${line}; Max-Age=0`),
      );
    }
  });

  test('a window that hangs is named by plain WebDriver, which ends all the same', async () => {
    // Chromedriver does not switch away from a window that hangs: this one does so once the gate closes.
    const [gate, silent] = [await startSilentServer(), await startSilentServer()];
    try {
      await first.switchTo().newWindow('tab');
      await first.get(`${site.origin}/deep/page`);
      const handle = await first.getWindowHandle();
      await first.executeScript(`fetch(arguments[0]).catch(() => (${hang})(arguments[1]))`, gate.url, silent.url);
      await first.switchTo().window(ownHandle);
      await gate.close();
      await silent.asked;
      const { session, report } = await selenium(first, { way: 'webdriver' }).capture({ timeoutMs: 2000 });
      expect(session.tabs.map(({ url }) => url)).toEqual([`${site.namedOrigin}/deep/page`]);
      expect(session.coverage).toMatchObject({ cookies: 'partial', tabs: 'partial' });
      expect(report.entries.map(({ outcome, kind, code }) => [outcome, kind, code])).toContainEqual(['lost', 'tab', 'ADAPTER_TIMEOUT']);
      await silent.close();
      await first.switchTo().window(handle);
      await first.close();
    } finally {
      await gate.close();
      await silent.close();
      await first.switchTo().window(ownHandle);
    }
  });

  test('the best way is taken, but not to a browser that has not the window', async () => {
    expect(await selenium(first).way()).toBe('devtools');
    const capabilities = await first.getCapabilities();
    const told = (name: string): unknown => capabilities.get(name);
    const { debuggerAddress } = told('goog:chromeOptions') as { debuggerAddress: string };
    // As with a browser on another machine, whose address names something else here.
    const elsewhere = (address: string, webSocketUrl: unknown): ChromeDriver =>
      Object.create(first, {
        getCapabilities: {
          value: async () => ({
            get: (name: string) =>
              name === 'goog:chromeOptions' ? { debuggerAddress: address } : name === 'webSocketUrl' ? webSocketUrl : told(name),
          }),
        },
        getAllWindowHandles: { value: async () => ['a window of another browser'] },
      }) as ChromeDriver;
    expect(await selenium(elsewhere('127.0.0.1:9', told('webSocketUrl'))).way()).toBe('bidi');
    expect(await selenium(elsewhere(debuggerAddress, told('webSocketUrl'))).way()).toBe('bidi');
    const plain = elsewhere('127.0.0.1:9', undefined);
    expect(await selenium(plain).way()).toBe('devtools-cookies');
    expect(await selenium(Object.create(plain, { sendAndGetDevToolsCommand: { value: undefined } }) as ChromeDriver).way()).toBe(
      'webdriver',
    );
    await expect(selenium(plain, { way: 'bidi' }).capture()).rejects.toMatchObject({ code: 'ADAPTER_UNSUPPORTED' });
  });

  test('a session that is over is ADAPTER_DISCONNECTED', async () => {
    const second = await server.open(false);
    const driver = selenium(second, { way: 'webdriver' });
    expect(await driver.way()).toBe('webdriver');
    // The browser goes, as in a crash; then Selenium's session, too.
    await second.sendAndGetDevToolsCommand('Browser.close', {}).catch(() => undefined);
    await expect(driver.capture()).rejects.toMatchObject({ code: 'ADAPTER_DISCONNECTED' });
    await expect(selenium(second).capture()).rejects.toMatchObject({ code: 'ADAPTER_DISCONNECTED' });
    await second.quit();
    await expect(driver.capture()).rejects.toMatchObject({ code: 'ADAPTER_DISCONNECTED' });
  });

  test('a window that is closed is not gone back to', async () => {
    await first.switchTo().newWindow('tab');
    await first.close();
    const { session } = await selenium(first, { way: 'webdriver' }).capture();
    expect(session.tabs.map(({ url }) => url)).toEqual([`${site.namedOrigin}/deep/page`]);
    expect(await first.getWindowHandle()).toBe(ownHandle);
  });

  /** Without the entries of the history before the site: chromedriver may begin with one more. */
  function linesOf(report: Report): string[] {
    const told = report.entries.filter(({ reason }) => !reason.endsWith('history entries are neither http nor https'));
    const lines = told.map(
      ({ outcome, kind, place, reason }) => `${outcome} ${kind} ${place.replace(site.namedOrigin, 'SITE')}: ${reason}`,
    );
    return lines.map((line) => line.replace(/\d+ other history/, 'N other history'));
  }
});

/**
 * A fault: what speaks BiDi in a Chromium under chromedriver is a hidden page. It lets a new frame of another site run and asks for the frame's requests to be
 * stopped when it has heard that; here it hears nothing for so many milliseconds.
 */
async function hearFramesLate(driver: ChromeDriver, delayMs: number): Promise<void> {
  const { debuggerAddress } = (await driver.getCapabilities()).get('goog:chromeOptions') as { debuggerAddress: string };
  const targets = (await (await fetch(`http://${debuggerAddress}/json/list`)).json()) as { title: string; webSocketDebuggerUrl: string }[];
  const { webSocketDebuggerUrl } = targets.find(({ title }) => title === 'BiDi-CDP Mapper')!;
  const connection = await openConnection(webSocketDebuggerUrl, 5000);
  const { result } = (await connection.send('Runtime.evaluate', { expression: `(${delay})(${delayMs})`, returnByValue: true })) as {
    result: { value: unknown };
  };
  connection.close();
  if (result.value !== true) throw new Error('the page that speaks BiDi is another than this test knows');

  function delay(ms: number): boolean {
    const { cdp } = globalThis as unknown as { cdp?: { onmessage: ((text: string) => void) | null } };
    const hear = cdp?.onmessage;
    if (cdp === undefined || typeof hear !== 'function') return false;
    let held: string[] | null = null;
    cdp.onmessage = (text) => {
      if (held !== null) {
        held.push(text);
        return;
      }
      hear.call(cdp, text);
      const { method, params } = JSON.parse(text) as { method?: string; params?: { targetInfo?: { type: string } } };
      if (method !== 'Target.attachedToTarget' || params?.targetInfo?.type !== 'iframe') return;
      held = [];
      setTimeout(() => {
        const late = held ?? [];
        held = null;
        for (const one of late) cdp.onmessage?.(one);
      }, ms);
    };
    return true;
  }
}

/** Runs in the page. */
async function camera(): Promise<PermissionState> {
  return (await navigator.permissions.query({ name: 'camera' })).state;
}

interface Raw {
  readonly cookies: readonly { name: string; domain: string; path: string; httpOnly: boolean }[];
}

/** The browser's own words for its cookies. */
async function rawCookies(driver: ChromeDriver): Promise<Raw> {
  return (await driver.sendAndGetDevToolsCommand('Network.getAllCookies', {})) as unknown as Raw;
}

/** Runs a function of ours in the page. Its answer comes as a text: chromedriver takes no lone surrogate. */
async function inPage<T, A extends readonly unknown[]>(driver: ChromeDriver, code: (...args: A) => T, ...args: A): Promise<Awaited<T>> {
  const call = `(${code}).apply(null, ${JSON.stringify(args)})`;
  const text = await driver.executeScript<string>(`return Promise.resolve(${call}).then((value) => JSON.stringify([value]));`);
  return (JSON.parse(text) as [Awaited<T>])[0];
}
