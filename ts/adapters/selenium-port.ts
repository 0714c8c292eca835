/**
 * A browser that only plain WebDriver reaches, as capture and restore want one. Documents are entered by script in the page's own world. Nothing can be
 * answered in place of the network: storage that is not open is reached by visiting the site, and every visit is counted.
 */
import { PspError } from '../errors.ts';
import { cookieIdentity } from '../session/identity.ts';
import type { Cookie, StorageKey } from '../session/session.ts';
import { isFramed } from './answers.ts';
import type { BrowserFrame, BrowserPage, BrowserPort } from './browser-port.ts';
import { inPageOrder, type SeenCookie } from './cookie-order.ts';
import { cookieKey, fromCdpCookie, toCdpCookie } from './cookies.ts';
import { isWeb } from './intercept.ts';
import type { FrameSeen } from './page/frames.ts';
import { type Evaluate, enterWorld, type PageWorld } from './page-world.ts';
import type { CdpCookie } from './protocol.ts';
import { fromWebDriver, isCookieOf, sayable, toWebDriver } from './selenium-cookies.ts';
import type { WebDriverLike } from './selenium-shape.ts';
import { Windows } from './selenium-windows.ts';
import type { TabIds } from './tab-ids.ts';

/** Where a site is entered: an address that most sites answer without running any of their code. */
const DOOR = '/robots.txt';

/** A port, with what it had to do, and what it could not see, that a report should say. */
export interface WebDriverPort extends BrowserPort<string> {
  /** How often each origin was visited. */
  readonly visits: ReadonlyMap<string, number>;
  /** Cookies that were found in a partition which WebDriver does not tell, by domain, path and name. */
  readonly partitioned: ReadonlySet<string>;
  /** The frames that pages were found to hold, by the origin of the page: none is looked into. */
  readonly frames: ReadonlyMap<string, readonly FrameSeen[]>;
  /** Windows that did not answer in time: those, and their cookies, were not read. */
  readonly silent: ReadonlySet<string>;
  /** Goes back to the window that the user was in. */
  end(): Promise<void>;
}

export interface WebDriverPortOptions {
  readonly driver: WebDriverLike;
  readonly tabIds: TabIds<string>;
  readonly timeoutMs: number;
  /** Cookies by chromedriver's DevTools command: exact. Else by WebDriver: those of the documents that are open. */
  readonly devTools: ((command: string, params: object) => Promise<unknown>) | null;
  /** Origins to set cookies from, where they fit. */
  readonly origins: readonly string[];
}

export async function openWebDriver({ driver, tabIds, timeoutMs, devTools, origins }: WebDriverPortOptions): Promise<WebDriverPort> {
  const windows = new Windows(driver, timeoutMs);
  const visits = new Map<string, number>();
  const partitioned = new Set<string>();
  const frames = new Map<string, FrameSeen[]>();
  const silent = new Set<string>();
  let jar = new Map<string, Cookie>();
  /** Cookies that were set without SameSite, which WebDriver lists as `Lax`. */
  const unset = new Set<string>();
  /** The order in which cookies are set, by identity. */
  const wanted = new Map<string, number>();
  const [open] = await windows.run('listing the windows', null, () => driver.getAllWindowHandles());
  // With its last window a WebDriver session is over, though a browser that is going away may list none before the driver has noticed.
  if (open === undefined) throw new PspError('ADAPTER_DISCONNECTED', 'the last window of the WebDriver session is closed');
  // The one that it was switched to may be closed.
  const first = (await windows.run('finding the window', null, () => driver.getWindowHandle().catch(() => null))) ?? open;

  /** Runs a function in the document of a window. As JSON texts: the drivers do not agree on lone surrogates and missing members. */
  const evaluateIn =
    (handle: string): Evaluate =>
    async (code, args) => {
      const script = `return Promise.resolve((${code}).apply(null, JSON.parse(arguments[0]))).then((value) => JSON.stringify([value]));`;
      const text = await windows.run('a script', handle, () => driver.executeScript(script, JSON.stringify(args)));
      return (JSON.parse(String(text)) as [unknown])[0];
    };

  async function visit(handle: string, url: string): Promise<void> {
    const { origin } = new URL(url);
    visits.set(origin, (visits.get(origin) ?? 0) + 1);
    await windows.run('opening an address', handle, () => driver.get(url));
    const found = await evaluateIn(handle)('function () { return location.origin; }', []);
    if (found !== origin) throw new PspError('ADAPTER_PROTOCOL', `the site sent the browser elsewhere from ${origin}`);
    if (devTools === null) await listCookies(handle);
  }

  /** Adds what WebDriver lists for the document of a window. */
  async function listCookies(handle: string): Promise<void> {
    const listed = await windows.run('listing cookies', handle, () => driver.manage().getCookies());
    const [hostname, seen] = (await evaluateIn(handle)(SEE_COOKIES, [])) as [string, (SeenCookie & { partitioned?: boolean })[]];
    const inPartitions = seen.filter(({ partitioned }) => partitioned === true);
    const place = (cookie: Cookie): number => wanted.get(cookieIdentity(cookie)) ?? wanted.size;
    // WebDriver lists them in no order. That of HttpOnly ones nobody tells: it is taken for the one in which they were set.
    for (const cookie of listed.map((one) => fromWebDriver(one, hostname)).sort((a, b) => place(a) - place(b))) {
      // To take one for an unpartitioned cookie would show it to other sites.
      if (inPartitions.some(({ name, value, path }) => name === cookie.name && value === cookie.value && path === cookie.path)) {
        partitioned.add(`${cookie.hostOnly ? '' : '.'}${cookie.domain}${cookie.path} ${cookie.name}`);
        continue;
      }
      const identity = cookieIdentity(cookie);
      jar.set(identity, unset.has(identity) && cookie.sameSite === 'lax' ? { ...cookie, sameSite: 'unset' } : cookie);
    }
    jar = new Map(inPageOrder([...jar.values()], seen).map((cookie) => [cookieIdentity(cookie), cookie]));
  }

  /** What is found in a window, or null where that does not answer. */
  async function answering<T>(handle: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PspError) || error.code === 'ADAPTER_DISCONNECTED') throw error;
      silent.add(handle);
      return null;
    }
  }

  async function openHandles(): Promise<string[]> {
    return windows.run('listing the windows', null, () => driver.getAllWindowHandles());
  }

  async function pageOf(handle: string): Promise<BrowserPage<string>> {
    const url = await windows.run('asking for an address', handle, () => driver.getCurrentUrl());
    return {
      session: null,
      handle,
      url,
      async frames() {
        const own = isWeb(url) ? new URL(url).origin : '';
        const world = enterWorld(evaluateIn(handle), own);
        frames.set(own, [...(frames.get(own) ?? []), ...(await world.call('listFrames'))]);
        return {
          frames: [ownFrame(world, own)],
          stop: async () => {
            await evaluateIn(handle)(LEAVE, []);
          },
        };
      },
      intercept: async () => ({
        answer: null,
        async stand(key) {
          if (isFramed(key))
            throw new PspError('ADAPTER_UNSUPPORTED', 'storage of a frame inside another site is not reached by WebDriver');
          await visit(handle, `${key.origin}${DOOR}`);
          return { session: null, world: enterWorld(evaluateIn(handle), key.origin), storageKey: '' };
        },
        async walk(url) {
          if (!isWeb(url)) throw new PspError('ADAPTER_UNSUPPORTED', 'only http and https addresses can be opened');
          await visit(handle, url);
          return enterWorld(evaluateIn(handle), new URL(url).origin);
        },
        walkBack: async () => {
          throw new PspError('ADAPTER_UNSUPPORTED', 'a history is not walked by WebDriver: each step would ask the site');
        },
        release: async () => {
          await evaluateIn(handle)(LEAVE, []);
        },
      }),
      release: async () => undefined,
      close: () => windows.run('closing a window', handle, () => driver.close()),
    };
  }

  async function newPage(): Promise<BrowserPage<string>> {
    // A new window is asked of one that is open.
    const [some = first] = await openHandles();
    const handle = await windows.run('opening a window', some, async () => {
      await driver.switchTo().newWindow('tab');
      return driver.getWindowHandle();
    });
    return pageOf(handle);
  }

  async function setByVisits(cookies: readonly Cookie[]): Promise<Cookie[]> {
    const refused: Cookie[] = [];
    const places = new Map<string, Cookie[]>();
    for (const [index, cookie] of cookies.entries()) {
      wanted.set(cookieIdentity(cookie), index);
      // Of its own host first: there it keeps its place among others of its name.
      const own = origins.find((origin) => new URL(origin).hostname === cookie.domain);
      const known = own ?? origins.find((origin) => isCookieOf(cookie, new URL(origin).hostname));
      const origin = known ?? cookieKey(cookie).origin;
      places.set(origin, [...(places.get(origin) ?? []), cookie]);
    }
    if (places.size === 0) return [];
    const page = await newPage();
    try {
      for (const [origin, own] of places) refused.push(...(await setAt(page.handle, origin, own)));
    } finally {
      await Promise.allSettled([page.close()]);
    }
    return refused;
  }

  async function setAt(handle: string, origin: string, cookies: readonly Cookie[]): Promise<readonly Cookie[]> {
    const refused: Cookie[] = [];
    try {
      await visit(handle, `${origin}${DOOR}`);
      for (const cookie of cookies) {
        const adding = windows.run('setting a cookie', handle, () => driver.manage().addCookie(toWebDriver(cookie)));
        if (!(await isDone(adding))) refused.push(cookie);
        else if (cookie.sameSite === 'unset') unset.add(cookieIdentity(cookie));
      }
      await listCookies(handle);
      return refused;
    } catch (error) {
      if (!(error instanceof PspError) || error.code === 'ADAPTER_DISCONNECTED') throw error;
      // Nobody answers there: none of them can be set.
      return cookies;
    }
  }

  return {
    tool: 'selenium',
    browser: null,
    browserContextId: undefined,
    tabIds,
    visits,
    partitioned,
    frames,
    silent,
    async product() {
      const capabilities = await windows.run('asking for the capabilities', null, () => driver.getCapabilities());
      return `${capabilities.get('browserName')}/${capabilities.get('browserVersion')}`;
    },
    async readCookies() {
      if (devTools !== null) {
        const asking = (): Promise<unknown> => windows.run('Network.getAllCookies', first, () => devTools('Network.getAllCookies', {}));
        const answer = (await answering(first, asking)) as { cookies: readonly CdpCookie[] } | null;
        return (answer?.cookies ?? []).map(fromCdpCookie);
      }
      for (const handle of (await answering(first, openHandles)) ?? []) {
        await answering(handle, async () => {
          const url = await windows.run('asking for an address', handle, () => driver.getCurrentUrl());
          if (isWeb(url)) await listCookies(handle);
        });
      }
      return [...jar.values()];
    },
    async writeCookies(cookies) {
      if (devTools === null) return setByVisits(cookies);
      const refused: Cookie[] = [];
      for (const cookie of cookies) {
        const setting = windows.run('Network.setCookie', null, () => devTools('Network.setCookie', toCdpCookie(cookie)));
        if (!(await isDone(setting))) refused.push(cookie);
      }
      return refused;
    },
    keepable: (cookie) => (devTools === null ? sayable(cookie) : cookie),
    authenticators: null,
    setPermission:
      devTools === null
        ? null
        : async (origin, permission, setting) => {
            // It lasts as long as the window that it is set in.
            await windows.run('Browser.setPermission', first, () => devTools('Browser.setPermission', { permission, setting, origin }));
          },
    async pages() {
      const pages: BrowserPage<string>[] = [];
      for (const handle of await openHandles()) {
        const page = await answering(handle, () => pageOf(handle));
        if (page !== null) pages.push(page);
      }
      return pages;
    },
    newPage,
    workPage: newPage,
    isClosed: () => windows.isGone(),
    async end() {
      await Promise.allSettled([windows.run('going back to the window', first, async () => undefined)]);
    },
  };
}

/** Whether a step was not refused. */
async function isDone(step: Promise<unknown>): Promise<boolean> {
  try {
    await step;
    return true;
  } catch (error) {
    if (error instanceof PspError && error.code === 'ADAPTER_PROTOCOL') return false;
    throw error;
  }
}

/** The document of a window. Which storage a frame in it has is not told: that depends on the sites of both. */
function ownFrame(world: PageWorld, origin: string): BrowserFrame {
  const key: StorageKey = { origin, topLevelSite: null };
  return { isTop: true, origin, session: null, storageKey: async () => ({ key, name: '' }), enter: async () => world };
}

/** Takes our functions out of the page's own world again. */
const LEAVE = 'function () { delete globalThis.__persistentSessions; }';

/** The host, and the cookies as the page itself sees them, in the order in which they are sent: with what tells them apart where the page is secure. */
const SEE_COOKIES = `async function () {
  const told = await globalThis.cookieStore?.getAll();
  const pairs = document.cookie === '' ? [] : document.cookie.split('; ').map((pair) => {
    const at = pair.indexOf('=');
    return { name: pair.slice(0, Math.max(at, 0)), value: pair.slice(at + 1) };
  });
  return [location.hostname, told ?? pairs];
}`;
