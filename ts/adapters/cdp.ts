/**
 * The driver for a running Chromium by its DevTools address: speaks the protocol over one WebSocket, with one flat session per page.
 */
import { PspError } from '../errors.ts';
import { captureChromium, restoreChromium } from './chromium.ts';
import type { ChromiumPort, LastingSessions, OpenPage } from './chromium-port.ts';
import { type Connection, openConnection } from './connection.ts';
import { withDeadline } from './deadline.ts';
import type { Driver } from './driver.ts';
import { openHidden } from './hidden-page.ts';
import type { Commands, DevToolsSession, Events, TargetInfo } from './protocol.ts';
import { TabIds } from './tab-ids.ts';
import { hasAuthenticators } from './virtual-authenticators.ts';

export { extractableKeysScript } from './extractable-keys.ts';

/** What a restore through this driver gives: the tabs that were opened, in the session's order. */
export interface CdpTarget {
  readonly tabs: readonly { readonly tabId: string; readonly targetId: string }[];
}

export interface CdpOptions {
  /** The browser context to work in. Default: the browser's default context. */
  readonly browserContextId?: string;
  /** Time limit for the connection, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number;
}

/** A driver that may have connections open. */
export interface CdpDriver extends Driver<CdpTarget>, AsyncDisposable {
  /** As {@link reloadTabs}; the tabs keep their virtual authenticators. */
  reload(target: CdpTarget, timeoutMs?: number): Promise<void>;
  /**
   * Ends the connections that are open: that of a restore of permissions or passkeys, and these with it, since Chromium holds them for as long as who set them is
   * connected; and those of captures that met pages with virtual authenticators, which go with any session on their page. Chromium also resets all permissions
   * then that were set in the browser context, by whomever. Mostly there is nothing to end. The driver can go on being used.
   */
  close(): Promise<void>;
}

/**
 * A driver for the Chromium at `url`: the `http://127.0.0.1:9222` of `--remote-debugging-port`, or its `ws://` browser address. Each capture or
 * restore makes a connection of its own and closes it; the browser is never closed. With permissions or passkeys one stays open, and keeps a Node.js process
 * alive, until {@link CdpDriver.close}.
 *
 * Both reject with `ADAPTER_CONNECT` when no browser answers there.
 */
export function cdp(url: string, options: CdpOptions = {}): CdpDriver {
  // Checked here: the platform's own error would carry the whole address along, and a token that is in it.
  if (!URL.canParse(url)) throw new TypeError('url: expected an address such as http://127.0.0.1:9222');
  const connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const tabIds = new TabIds<string>();
  const connections = new Connections(() => connect(url, connectTimeoutMs));
  const lasting: LastingSessions<string> = {
    browser: async () => sessionOf(await connections.lasting(), undefined),
    async page(targetId) {
      const connection = await connections.lasting();
      return (await attach(connection, sessionOf(connection, undefined), targetId, '', () => undefined)).session;
    },
    authenticators: new Set(),
  };
  const connected = async <T>(work: (port: ChromiumPort<string>) => Promise<T>): Promise<T> => {
    const connection = await connect(url, connectTimeoutMs);
    try {
      const keep = (): void => connections.keep(connection);
      return await work({ ...(await openPort(connection, options.browserContextId, connectTimeoutMs, keep)), tabIds, lasting });
    } finally {
      connections.letGo(connection);
    }
  };
  const close = async (): Promise<void> => connections.close();
  return {
    name: 'cdp',
    capture: (captureOptions = {}) => connected((port) => captureChromium(port, captureOptions)),
    restore: (session, restoreOptions = {}) =>
      connected(async (port) => {
        const { pages, report } = await restoreChromium(port, session, restoreOptions);
        return { target: { tabs: pages.map(({ tabId, handle }) => ({ tabId, targetId: handle })) }, report };
      }),
    async reload({ tabs }, timeoutMs = CONNECT_TIMEOUT_MS) {
      const connection = await connect(url, timeoutMs);
      try {
        await reload(connection, tabs, timeoutMs, () => connections.keep(connection));
      } finally {
        connections.letGo(connection);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Loads each tab that a restore opened from its site: this is where the first request reaches the network. Returns when the browser has begun to
 * load them; `ADAPTER_TIMEOUT` when it does not within `timeoutMs` for one of them. Where passkeys were restored, {@link CdpDriver.reload} is the way: here the
 * authenticators of the tabs end.
 */
export async function reloadTabs(url: string, target: CdpTarget, timeoutMs: number = CONNECT_TIMEOUT_MS): Promise<void> {
  const connection = await connect(url, timeoutMs);
  try {
    await reload(connection, target.tabs, timeoutMs, () => undefined);
  } finally {
    connection.close();
  }
}

/** `keep` is called where the end of the connection would end what a tab has. */
async function reload(connection: Connection, tabs: CdpTarget['tabs'], timeoutMs: number, keep: () => void): Promise<void> {
  const browser = sessionOf(connection, undefined);
  for (const { targetId } of tabs) {
    const { session } = await withDeadline(attach(connection, browser, targetId, '', keep), timeoutMs, 'attaching to a tab');
    if (await withDeadline(hasAuthenticators(session), timeoutMs, 'looking for virtual authenticators')) keep();
    await withDeadline(session.send('Page.reload', {}), timeoutMs, 'reloading a tab');
  }
}

/** The connections of a driver that outlive what they were made for. */
class Connections {
  readonly #make: () => Promise<Connection>;
  #lasting: Connection | null = null;
  readonly #kept = new Set<Connection>();

  constructor(make: () => Promise<Connection>) {
    this.#make = make;
  }

  /** The one that is only for what must last. */
  async lasting(): Promise<Connection> {
    if (this.#lasting === null || this.#lasting.isClosed()) this.#lasting = await this.#make();
    return this.#lasting;
  }

  keep(connection: Connection): void {
    this.#kept.add(connection);
  }

  /** Closes it, unless it is kept. */
  letGo(connection: Connection): void {
    if (!this.#kept.has(connection)) connection.close();
  }

  close(): void {
    this.#lasting?.close();
    this.#lasting = null;
    for (const connection of this.#kept) connection.close();
    this.#kept.clear();
  }
}

async function connect(url: string, timeoutMs: number): Promise<Connection> {
  const address = new URL(url);
  const place = address.host;
  try {
    const browserUrl = address.protocol.startsWith('ws')
      ? url
      : await withDeadline(discover(address), timeoutMs, `finding the browser at ${place}`);
    return await openConnection(browserUrl, timeoutMs);
  } catch (cause) {
    throw new PspError('ADAPTER_CONNECT', `no Chromium answers at ${place}: start one with --remote-debugging-port`, { cause });
  }
}

async function discover(address: URL): Promise<string> {
  const response = await fetch(new URL('/json/version', address));
  const version = (await response.json()) as { webSocketDebuggerUrl?: unknown };
  if (typeof version.webSocketDebuggerUrl !== 'string') throw new Error('the answer names no WebSocket');
  return version.webSocketDebuggerUrl;
}

function sessionOf(connection: Connection, sessionId: string | undefined): DevToolsSession {
  return {
    send: <M extends keyof Commands>(method: M, params: Commands[M]['params']) =>
      connection.send(method, params, sessionId) as Promise<Commands[M]['result']>,
    on: <E extends keyof Events>(event: E, listener: (params: Events[E]) => void) => connection.on(event, sessionId, listener),
  };
}

async function openPort(
  connection: Connection,
  browserContextId: string | undefined,
  timeoutMs: number,
  keep: () => void,
): Promise<Omit<ChromiumPort<string>, 'tabIds' | 'lasting'>> {
  const browser = sessionOf(connection, undefined);
  const listing = browser.send('Target.getBrowserContexts', {});
  const { browserContextIds } = await withDeadline(listing, timeoutMs, 'Target.getBrowserContexts');
  const inContext = ({ type, browserContextId: id }: TargetInfo): boolean =>
    type === 'page' && (browserContextId === undefined ? id === undefined || !browserContextIds.includes(id) : id === browserContextId);
  return {
    tool: 'cdp',
    browser,
    browserContextId,
    isClosed: connection.isClosed,
    async pages() {
      const { targetInfos } = await browser.send('Target.getTargets', {});
      const pages: OpenPage<string>[] = [];
      for (const { targetId, url } of targetInfos.filter(inContext)) pages.push(await attach(connection, browser, targetId, url, keep));
      return pages;
    },
    async newPage() {
      const context = browserContextId === undefined ? {} : { browserContextId };
      const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank', background: true, ...context });
      return attach(connection, browser, targetId, 'about:blank', keep);
    },
    // A connection of our own has no need of messages inside of messages.
    hiddenPage: (limitMs) =>
      openHidden(browser, browserContextId, limitMs, async (targetId) => {
        const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
        return sessionOf(connection, sessionId);
      }),
  };
}

async function attach(
  connection: Connection,
  browser: DevToolsSession,
  targetId: string,
  url: string,
  keep: () => void,
): Promise<OpenPage<string>> {
  const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
  return {
    session: sessionOf(connection, sessionId),
    handle: targetId,
    url,
    keep,
    async release() {
      await browser.send('Target.detachFromTarget', { sessionId });
    },
    async close() {
      await browser.send('Target.closeTarget', { targetId });
    },
  };
}
