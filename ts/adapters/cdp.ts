/**
 * The driver for a running Chromium by its DevTools address: speaks the protocol over one WebSocket, with one flat session per page.
 * Uses the runtime's own WebSocket where there is one, else the package `ws` (Node 20).
 */
import { PspError } from '../errors.ts';
import { captureChromium } from './capture.ts';
import type { ChromiumPort, OpenPage } from './chromium-port.ts';
import { withDeadline } from './deadline.ts';
import type { Driver } from './driver.ts';
import type { Commands, DevToolsSession, Events, TargetInfo } from './protocol.ts';
import { restoreChromium } from './restore.ts';
import { TabIds } from './tab-ids.ts';

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

/**
 * A driver for the Chromium at `url`: the `http://127.0.0.1:9222` of `--remote-debugging-port`, or its `ws://` browser address. Each capture or
 * restore makes a connection of its own and closes it; the browser is never closed.
 *
 * Both reject with `ADAPTER_CONNECT` when no browser answers there.
 */
export function cdp(url: string, options: CdpOptions = {}): Driver<CdpTarget> {
  // Checked here: the platform's own error would carry the whole address along, and a token that is in it.
  if (!URL.canParse(url)) throw new TypeError('url: expected an address such as http://127.0.0.1:9222');
  const connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const tabIds = new TabIds<string>();
  const connected = async <T>(work: (port: ChromiumPort<string>) => Promise<T>): Promise<T> => {
    const connection = await connect(url, connectTimeoutMs);
    try {
      return await work({ ...(await openPort(connection, options.browserContextId, connectTimeoutMs)), tabIds });
    } finally {
      connection.close();
    }
  };
  return {
    name: 'cdp',
    capture: (captureOptions = {}) => connected((port) => captureChromium(port, captureOptions)),
    restore: (session, restoreOptions = {}) =>
      connected(async (port) => {
        const { pages, report } = await restoreChromium(port, session, restoreOptions);
        return { target: { tabs: pages.map(({ tabId, handle }) => ({ tabId, targetId: handle })) }, report };
      }),
  };
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Loads each tab that a restore opened from its site: this is where the first request reaches the network. Returns when the browser has begun to
 * load them; `ADAPTER_TIMEOUT` when it does not within `timeoutMs` for one of them.
 */
export async function reloadTabs(url: string, target: CdpTarget, timeoutMs: number = CONNECT_TIMEOUT_MS): Promise<void> {
  const connection = await connect(url, timeoutMs);
  try {
    const browser = sessionOf(connection, undefined);
    for (const { targetId } of target.tabs) {
      const { session } = await withDeadline(attach(connection, browser, targetId, ''), timeoutMs, 'attaching to a tab');
      await withDeadline(session.send('Page.reload', {}), timeoutMs, 'reloading a tab');
    }
  } finally {
    connection.close();
  }
}

/** One WebSocket to a browser. Commands are matched to answers by id, events go to the listeners of their session. */
interface Connection {
  send(method: string, params: object, sessionId?: string): Promise<unknown>;
  on(event: string, sessionId: string | undefined, listener: (params: never) => void): () => void;
  isClosed(): boolean;
  close(): void;
}

/** The part of a WebSocket that is used: the browser's, Deno's, Node 22's and `ws` all have it. */
interface WebSocketLike {
  send(data: string): void;
  close(): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void;
}

type WebSocketConstructor = new (url: string) => WebSocketLike;

async function connect(url: string, timeoutMs: number): Promise<Connection> {
  const address = new URL(url);
  const place = address.host;
  try {
    const browserUrl = address.protocol.startsWith('ws')
      ? url
      : await withDeadline(discover(address), timeoutMs, `finding the browser at ${place}`);
    const socket = await webSocket(browserUrl);
    const opened = new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve());
      socket.addEventListener('error', () => reject(new Error('the WebSocket was refused')));
      socket.addEventListener('close', () => reject(new Error('the WebSocket was closed')));
    });
    const connection = speak(socket, place);
    await withDeadline(opened, timeoutMs, `connecting to ${place}`);
    return connection;
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

async function webSocket(url: string): Promise<WebSocketLike> {
  const Native = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  if (Native !== undefined) return new Native(url);
  const { WebSocket: FromPackage } = await import('ws');
  return new FromPackage(url, { perMessageDeflate: false, maxPayload: 1 << 30 }) as unknown as WebSocketLike;
}

interface Waiting {
  readonly method: string;
  resolve(result: unknown): void;
  reject(error: PspError): void;
}

function speak(socket: WebSocketLike, place: string): Connection {
  const waiting = new Map<number, Waiting>();
  const listeners = new Map<string, Set<(params: never) => void>>();
  let nextId = 1;
  let closed = false;
  const gone = (method: string): PspError => new PspError('ADAPTER_DISCONNECTED', `the browser at ${place} went away during ${method}`);

  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id === undefined) {
      for (const listener of listeners.get(topic(message.method ?? '', message.sessionId)) ?? []) listener(message.params as never);
      return;
    }
    const call = waiting.get(message.id);
    if (call === undefined) return;
    waiting.delete(message.id);
    if (message.error === undefined) call.resolve(message.result);
    else call.reject(new PspError('ADAPTER_PROTOCOL', `${call.method} was refused by the browser: ${message.error.message}`));
  });
  socket.addEventListener('close', () => {
    closed = true;
    for (const call of waiting.values()) call.reject(gone(call.method));
    waiting.clear();
  });

  return {
    send: (method, params, sessionId) =>
      new Promise((resolve, reject) => {
        if (closed) {
          reject(gone(method));
          return;
        }
        const id = nextId++;
        waiting.set(id, { method, resolve, reject });
        socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
      }),
    on(event, sessionId, listener) {
      const name = topic(event, sessionId);
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
      return () => set.delete(listener);
    },
    isClosed: () => closed,
    close: () => socket.close(),
  };
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly sessionId?: string;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

const topic = (event: string, sessionId: string | undefined): string => `${sessionId ?? ''} ${event}`;

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
): Promise<Omit<ChromiumPort<string>, 'tabIds'>> {
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
      for (const { targetId, url } of targetInfos.filter(inContext)) pages.push(await attach(connection, browser, targetId, url));
      return pages;
    },
    async newPage() {
      const context = browserContextId === undefined ? {} : { browserContextId };
      const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank', background: true, ...context });
      return attach(connection, browser, targetId, 'about:blank');
    },
  };
}

async function attach(connection: Connection, browser: DevToolsSession, targetId: string, url: string): Promise<OpenPage<string>> {
  const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
  return {
    session: sessionOf(connection, sessionId),
    handle: targetId,
    url,
    async release() {
      await browser.send('Target.detachFromTarget', { sessionId });
    },
    async close() {
      await browser.send('Target.closeTarget', { targetId });
    },
  };
}
