/**
 * The driver for a selenium-webdriver `WebDriver`. Takes the best way that there is to the browser behind it: a DevTools connection of its own to the Chromium
 * that chromedriver started, WebDriver BiDi where the session was made with `webSocketUrl`, else plain WebDriver with its losses (`selenium-port.ts`).
 * Selenium's objects are described by the least that is needed, never imported.
 */
import { PspError } from '../errors.ts';
import { bidi } from './bidi.ts';
import { type CdpDriver, cdp } from './cdp.ts';
import { withDeadline } from './deadline.ts';
import type { Driver } from './driver.ts';
import { captureByWebDriver, restoreByWebDriver } from './selenium-plain.ts';
import type { WebDriverLike } from './selenium-shape.ts';
import { TabIds } from './tab-ids.ts';

export { extractableKeysScript } from './extractable-keys.ts';
export type { CookieSpec, WebDriverCookie } from './selenium-cookies.ts';
export type { WebDriverLike } from './selenium-shape.ts';

/**
 * A way to the browser, the best first.
 *
 * - `devtools`: a connection of our own to the debugging port that chromedriver opened. As good as `cdp`.
 * - `bidi`: WebDriver BiDi in the same session. As good as `bidi`.
 * - `devtools-cookies`: plain WebDriver, with cookies by chromedriver's DevTools command, which are exact.
 * - `webdriver`: plain WebDriver.
 *
 * The last two enter pages by scripts in the page's own world, and reach storage that is not open, and set cookies, by visiting the site: each visit is named in the report.
 */
export type SeleniumWay = 'devtools' | 'bidi' | 'devtools-cookies' | 'webdriver';

export interface SeleniumOptions {
  /** Go this way, and no other. Default: the best that there is. */
  readonly way?: SeleniumWay;
  /** Time limit for finding the browser, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number;
}

/** What a restore through this driver gives: the window handles of the tabs that were opened, in the session's tab order. */
export interface SeleniumTarget {
  readonly handles: readonly string[];
}

/** A driver that says which way it goes. */
export interface SeleniumDriver extends Driver<SeleniumTarget>, AsyncDisposable {
  /** Rejects with `ADAPTER_UNSUPPORTED` when the way that was asked for is not there. */
  way(): Promise<SeleniumWay>;
  /** Ends the connection, and with it the permissions, that a restore by `devtools` may have left open: {@link CdpDriver.close}. Selenium's session stays. */
  close(): Promise<void>;
}

/**
 * A driver for the browser of `driver`, which must not be used by others during a capture or restore. Its window is the same afterwards; it is never quit.
 *
 * Captures and restores reject with `ADAPTER_UNSUPPORTED` when the way that was asked for is not there, and `ADAPTER_DISCONNECTED` when the session is over.
 */
export function selenium(driver: WebDriverLike, options: SeleniumOptions = {}): SeleniumDriver {
  let chosen: Promise<Chosen> | null = null;
  const choice = (): Promise<Chosen> => {
    chosen ??= choose(driver, options).catch((error: unknown) => {
      // It may be there the next time.
      chosen = null;
      throw error;
    });
    return chosen;
  };
  const close = async (): Promise<void> => (await chosen)?.close();
  return {
    name: 'selenium',
    way: async () => (await choice()).way,
    capture: async (captureOptions = {}) => (await choice()).driver.capture(captureOptions),
    restore: async (session, restoreOptions = {}) => (await choice()).driver.restore(session, restoreOptions),
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface Chosen {
  readonly way: SeleniumWay;
  readonly driver: Driver<SeleniumTarget>;
  /** Lets go of what the driver holds. */
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;

async function choose(driver: WebDriverLike, { way, connectTimeoutMs = CONNECT_TIMEOUT_MS }: SeleniumOptions): Promise<Chosen> {
  const found = await withDeadline(findWays(driver), connectTimeoutMs, 'finding the browser of the WebDriver');
  const chosen = way === undefined ? found[0] : found.find((one) => one.way === way);
  if (chosen === undefined) throw new PspError('ADAPTER_UNSUPPORTED', `this WebDriver has no way by ${way}`);
  return chosen;
}

/** The ways that there are, the best first. */
async function findWays(driver: WebDriverLike): Promise<Chosen[]> {
  const [capabilities, handles] = await askSession(driver);
  const ways: Chosen[] = [];
  const nothing = async (): Promise<void> => undefined;
  const address = await debuggerAddress(capabilities, handles);
  if (address !== null) {
    const own = cdp(address);
    ways.push({ way: 'devtools', driver: inSelenium(own, ({ tabs }) => tabs.map(({ targetId }) => targetId)), close: own.close });
  }
  const webSocketUrl = capabilities.get('webSocketUrl');
  if (typeof webSocketUrl === 'string') {
    const own = inSelenium(bidi(webSocketUrl), ({ tabs }) => tabs.map(({ context }) => context));
    ways.push({ way: 'bidi', driver: own, close: nothing });
  }
  const tabIds = new TabIds<string>();
  const command = driver.sendAndGetDevToolsCommand?.bind(driver);
  if (command !== undefined) ways.push({ way: 'devtools-cookies', driver: byWebDriver(driver, tabIds, command), close: nothing });
  ways.push({ way: 'webdriver', driver: byWebDriver(driver, tabIds, null), close: nothing });
  return ways;
}

type Capabilities = Awaited<ReturnType<WebDriverLike['getCapabilities']>>;

async function askSession(driver: WebDriverLike): Promise<[Capabilities, handles: readonly string[]]> {
  try {
    return [await driver.getCapabilities(), await driver.getAllWindowHandles()];
  } catch (cause) {
    throw new PspError('ADAPTER_DISCONNECTED', 'the WebDriver session is over', { cause });
  }
}

/** Where this driver's browser listens for DevTools; null when that is not told, or is not reached from here, as with a browser on another machine. */
async function debuggerAddress(capabilities: Capabilities, handles: readonly unknown[]): Promise<string | null> {
  const told = capabilities.get('goog:chromeOptions') ?? capabilities.get('ms:edgeOptions');
  const { debuggerAddress: address } = Object(told) as { debuggerAddress?: unknown };
  if (typeof address !== 'string' || !URL.canParse(`http://${address}`)) return null;
  const url = `http://${address}`;
  try {
    const targets = (await (await fetch(new URL('/json/list', url))).json()) as readonly { readonly id?: unknown }[];
    // Another browser may listen there: the address may be meant for another machine. The right one has a window of ours.
    return targets.some(({ id }) => handles.includes(id)) ? url : null;
  } catch {
    return null;
  }
}

function byWebDriver(
  driver: WebDriverLike,
  tabIds: TabIds<string>,
  devTools: ((command: string, params: object) => Promise<unknown>) | null,
): Driver<SeleniumTarget> {
  const browser = { driver, tabIds, devTools };
  return {
    name: 'selenium',
    capture: (options = {}) => captureByWebDriver(browser, options),
    restore: (session, options = {}) => restoreByWebDriver(browser, session, options),
  };
}

/** Another driver's work under this one's name. */
function inSelenium<Target>(
  { capture, restore }: Driver<Target>,
  handlesOf: (target: Target) => readonly string[],
): Driver<SeleniumTarget> {
  return {
    name: 'selenium',
    async capture(options) {
      const { session, report } = await capture(options);
      return { session: { ...session, source: { ...session.source, tool: 'selenium' } }, report };
    },
    async restore(session, options) {
      const { target, report } = await restore(session, options);
      return { target: { handles: handlesOf(target) }, report };
    },
  };
}
