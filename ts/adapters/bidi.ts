/**
 * The driver for a browser by WebDriver BiDi: Firefox, and any other that speaks it. Its pages are entered in a sandbox realm, its requests answered by
 * `network.provideResponse`. What only the DevTools protocol reaches is in the report of each operation.
 */
import { bidiPort } from './bidi/browser.ts';
import { type BidiConnectionLike, CONNECT_TIMEOUT_MS, clientBidiSession, type OpenSession, openSession } from './bidi/session.ts';
import type { BrowserPort } from './browser-port.ts';
import { capture } from './capture.ts';
import { withDeadline } from './deadline.ts';
import type { Driver, OperationOptions } from './driver.ts';
import { timeLimit } from './operation.ts';
import { restore } from './restore.ts';
import { TabIds } from './tab-ids.ts';

export { type BidiConnection, type BidiConnectionLike, connectBidi } from './bidi/session.ts';
export { extractableKeysScript } from './extractable-keys.ts';

/** What a restore through this driver gives: the tabs that were opened, in the session's order, by what their browsing contexts are called in this BiDi session. */
export interface BidiTarget {
  readonly tabs: readonly { readonly tabId: string; readonly context: string }[];
}

export interface BidiOptions {
  /** The user context to work in. Default: the browser's default one. */
  readonly userContext?: string;
  /** Time limit for the connection, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number;
}

/**
 * A driver for the browser at an address, or at the end of a connection that is open and stays so.
 *
 * - `http://127.0.0.1:9222` or `ws://127.0.0.1:9222` of `--remote-debugging-port`: each capture or restore begins a session of its own and ends it. Firefox
 *   has one session at a time, so it must have none; and it names its tabs anew in each, so tabs keep their ids only within one: see {@link connectBidi}.
 * - `ws://.../session/ID`, the `webSocketUrl` of a WebDriver session: works in that session and leaves it.
 *
 * Both reject with `ADAPTER_CONNECT` when no browser answers there, or begins no session.
 */
export function bidi(browser: string | BidiConnectionLike, options: BidiOptions = {}): Driver<BidiTarget> {
  // Checked here: the platform's own error would carry the whole address along, and the session's id that is in it.
  if (typeof browser === 'string' && !URL.canParse(browser))
    throw new TypeError('browser: expected an address such as http://127.0.0.1:9222');
  const { userContext = 'default', connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  const remembered = { tabIds: new TabIds<string>(), product: null, isChromium: null };
  const connected = async <T>(limits: OperationOptions, work: (port: BrowserPort<string>) => Promise<T>): Promise<T> => {
    const open = await openBrowser(browser, connectTimeoutMs);
    try {
      return await work(bidiPort(open, userContext, remembered, timeLimit(limits)));
    } finally {
      await open.close();
    }
  };
  return {
    name: 'bidi',
    capture: (captureOptions = {}) => connected(captureOptions, (port) => capture(port, captureOptions)),
    restore: (session, restoreOptions = {}) =>
      connected(restoreOptions, async (port) => {
        const { pages, report } = await restore(port, session, restoreOptions);
        return { target: { tabs: pages.map(({ tabId, handle }) => ({ tabId, context: handle })) }, report };
      }),
  };
}

/**
 * Loads each tab that a restore on this connection opened from its site: this is where the first request reaches the network. Returns when the browser has
 * begun to load them; `ADAPTER_TIMEOUT` when it does not within `timeoutMs` for one of them.
 */
export async function reloadTabs(
  connection: BidiConnectionLike,
  target: BidiTarget,
  timeoutMs: number = CONNECT_TIMEOUT_MS,
): Promise<void> {
  const { session } = clientBidiSession(connection);
  for (const { context } of target.tabs) {
    await withDeadline(session.send('browsingContext.reload', { context, wait: 'none' }), timeoutMs, 'reloading a tab');
  }
}

async function openBrowser(browser: string | BidiConnectionLike, timeoutMs: number): Promise<OpenSession> {
  return typeof browser === 'string' ? openSession(browser, timeoutMs) : clientBidiSession(browser);
}
