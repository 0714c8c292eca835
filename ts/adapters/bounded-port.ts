/**
 * A port on which nothing takes for ever: every command, and the opening, letting go and closing of pages, has the operation's time limit. A page that
 * hangs, shows a dialog or is stopped in a debugger answers no command, and Playwright waits for such a page even when a session ends.
 */
import type { ChromiumPort, LastingSessions, OpenPage } from './chromium-port.ts';
import { unlessClosing } from './closing.ts';
import { withDeadline } from './deadline.ts';
import type { Commands, DevToolsSession } from './protocol.ts';
import { hasAuthenticators } from './virtual-authenticators.ts';

/**
 * `port`, with `ADAPTER_TIMEOUT` after `timeoutMs` for each step. A step that only a browser on its way out refuses (listing or opening pages, reading all
 * cookies) is `ADAPTER_DISCONNECTED` then.
 */
export function boundPort<Handle>(port: ChromiumPort<Handle>, timeoutMs: number): ChromiumPort<Handle> {
  const boundSession = (session: DevToolsSession): DevToolsSession => ({
    send: <M extends keyof Commands>(method: M, params: Commands[M]['params']) =>
      withDeadline(session.send(method, params), timeoutMs, method),
    on: (event, listener) => session.on(event, listener),
  });
  const boundPage = (page: OpenPage<Handle>): OpenPage<Handle> => ({
    ...page,
    session: boundSession(page.session),
    async release() {
      if (await hasAuthenticators(boundSession(page.session))) page.keep();
      else await withDeadline(page.release(), timeoutMs, 'letting go of a page');
    },
    close: () => withDeadline(page.close(), timeoutMs, 'closing a page'),
  });
  const essential = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    unlessClosing(port.isClosed, () => withDeadline(work(), timeoutMs, what));
  const boundLasting = ({ browser, page, authenticators }: LastingSessions<Handle>): LastingSessions<Handle> => ({
    browser: async () => boundSession(await withDeadline(browser(), timeoutMs, 'a DevTools session')),
    page: async (handle) => boundSession(await withDeadline(page(handle), timeoutMs, 'a DevTools session')),
    authenticators,
  });
  const browser = boundSession(port.browser);
  return {
    ...port,
    browser: {
      ...browser,
      send: (method, params) =>
        method === 'Storage.getCookies' ? unlessClosing(port.isClosed, () => browser.send(method, params)) : browser.send(method, params),
    },
    lasting: port.lasting === null ? null : boundLasting(port.lasting),
    pages: async () => (await essential('listing the pages', port.pages)).map(boundPage),
    newPage: async () => boundPage(await essential('opening a page', port.newPage)),
    async hiddenPage() {
      const page = await essential('opening a page', () => port.hiddenPage(timeoutMs));
      if (page === null) return null;
      return { session: boundSession(page.session), close: () => withDeadline(page.close(), timeoutMs, 'closing a page') };
    },
  };
}
