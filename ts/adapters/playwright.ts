/**
 * The driver for a Playwright `BrowserContext` of Chromium, launched or connected. Playwright's objects are described by the least that is needed,
 * never imported. Everything goes through DevTools sessions of the context's own pages: nothing of Playwright's storageState is used.
 */
import { PspError } from '../errors.ts';
import { captureChromium, restoreChromium } from './chromium.ts';
import type { ChromiumPort, OpenPage } from './chromium-port.ts';
import { asked, type CdpSessionLike, type ClientSession, clientSession } from './client-session.ts';
import { unlessClosing } from './closing.ts';
import { withDeadline } from './deadline.ts';
import type { Driver } from './driver.ts';
import { openHidden } from './hidden-page.ts';
import { TabIds } from './tab-ids.ts';
import { hasAuthenticators } from './virtual-authenticators.ts';

export type { CdpSessionLike } from './client-session.ts';
export { extractableKeysScript } from './extractable-keys.ts';

/** A Playwright `Page`. */
export interface PageLike {
  url(): string;
  close(): Promise<void>;
}

/** A Playwright `Browser`. */
export interface BrowserLike {
  isConnected(): boolean;
  newBrowserCDPSession(): Promise<CdpSessionLike>;
}

/** A Playwright `BrowserContext`. */
export interface BrowserContextLike<Page extends PageLike> {
  pages(): Page[];
  newPage(): Promise<Page>;
  /** Takes the context's own pages. `never` in the type, because Playwright's takes more and inference would settle on that. */
  newCDPSession(page: never): Promise<CdpSessionLike>;
  browser(): BrowserLike | null;
}

/** What a restore through this driver gives: the pages that were opened, in the session's tab order, each ready for `page.reload()`. */
export interface PlaywrightTarget<Page> {
  readonly pages: readonly Page[];
}

/**
 * A driver for `context`, which must be one of Chromium. Pages that a capture or restore opens for itself are closed again; the context is
 * never closed.
 *
 * Both reject with `ADAPTER_UNSUPPORTED` when the browser has no DevTools protocol (Firefox, WebKit).
 */
export function playwright<Page extends PageLike>(context: BrowserContextLike<Page>): Driver<PlaywrightTarget<Page>> {
  const tabIds = new TabIds<Page>();
  const lasting = lastingSessions(context);
  return {
    name: 'playwright',
    capture: (options = {}) => withPort(context, tabIds, lasting, (port) => captureChromium(port, options)),
    restore: (session, options = {}) =>
      withPort(context, tabIds, lasting, async (port) => {
        const { pages, report } = await restoreChromium(port, session, options);
        return { target: { pages: pages.map(({ handle }) => handle) }, report };
      }),
  };
}

async function withPort<Page extends PageLike, T>(
  context: BrowserContextLike<Page>,
  tabIds: TabIds<Page>,
  lasting: ChromiumPort<Page>['lasting'],
  work: (port: ChromiumPort<Page>) => Promise<T>,
): Promise<T> {
  const browser = context.browser();
  const isClosed = (): boolean => browser !== null && !browser.isConnected();
  const newPage = (): Promise<Page> => asked('opening a page', isClosed, () => context.newPage());
  const open = context.pages();
  const anchor = open[0] ?? (await unlessClosing(isClosed, newPage));
  try {
    const anchorSession = await unlessClosing(isClosed, () => newSession(context, anchor, isClosed)).catch(notChromium);
    const { targetInfo } = await anchorSession.send('Target.getTargetInfo', {});
    // A persistent context may have no browser object; its pages are in the default context, where a page session takes cookie commands too.
    const newBrowserSession = (own: BrowserLike): Promise<ClientSession> =>
      asked('a DevTools session', isClosed, async () => clientSession(await own.newBrowserCDPSession(), isClosed));
    const browserSession = browser === null ? anchorSession : await unlessClosing(isClosed, () => newBrowserSession(browser));
    try {
      return await work({
        tool: 'playwright',
        browser: browserSession,
        browserContextId: browser === null ? undefined : targetInfo.browserContextId,
        isClosed,
        tabIds,
        lasting,
        pages: () => Promise.all(open.map((page) => openPage(context, page, isClosed))),
        newPage: async () => openPage(context, await newPage(), isClosed),
        // A session on a page opens no other.
        hiddenPage: async (timeoutMs) => (browser === null ? null : openHidden(browserSession, targetInfo.browserContextId, timeoutMs)),
      });
    } finally {
      await Promise.allSettled([letGo(anchorSession), browserSession.detach()]);
    }
  } finally {
    if (open.length === 0) await Promise.allSettled([anchor.close()]);
  }
}

/** Sessions that are never ended: they go with Playwright's connection, and with their pages. */
function lastingSessions<Page extends PageLike>(context: BrowserContextLike<Page>): ChromiumPort<Page>['lasting'] {
  const browser = context.browser();
  if (browser === null) return null;
  const isClosed = (): boolean => !browser.isConnected();
  let session: ClientSession | null = null;
  return {
    async browser() {
      session ??= await asked('a DevTools session', isClosed, async () => clientSession(await browser.newBrowserCDPSession(), isClosed));
      return session;
    },
    page: (page) => newSession(context, page, isClosed),
    authenticators: new Set(),
  };
}

async function letGo(session: ClientSession): Promise<void> {
  if (!(await withDeadline(hasAuthenticators(session), LETTING_GO_MS, 'looking for virtual authenticators'))) await session.detach();
}

/** A page that does not answer is let go of at once. */
const LETTING_GO_MS = 2_000;

/** A DevTools session on `page`. */
async function newSession<Page extends PageLike>(
  context: BrowserContextLike<Page>,
  page: Page,
  isClosed: () => boolean,
): Promise<ClientSession> {
  const session = await asked('a DevTools session', isClosed, () => context.newCDPSession(page as never));
  return clientSession(session, isClosed);
}

async function openPage<Page extends PageLike>(
  context: BrowserContextLike<Page>,
  page: Page,
  isClosed: () => boolean,
): Promise<OpenPage<Page>> {
  const session = await newSession(context, page, isClosed);
  return {
    session,
    handle: page,
    url: page.url(),
    release: () => asked('ending a DevTools session', isClosed, () => session.detach()),
    keep: () => undefined,
    close: () => asked('closing a page', isClosed, () => page.close()),
  };
}

/** The first DevTools session fails where there is no such protocol. */
function notChromium(cause: unknown): never {
  if (!(cause instanceof PspError) || cause.code !== 'ADAPTER_PROTOCOL') throw cause;
  throw new PspError('ADAPTER_UNSUPPORTED', 'this Playwright context gives no DevTools session: only Chromium does', { cause });
}
