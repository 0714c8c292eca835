/**
 * The driver for a Playwright `BrowserContext` of Chromium, launched or connected. Playwright's objects are described by the least that is needed,
 * never imported. Everything goes through DevTools sessions of the context's own pages: nothing of Playwright's storageState is used.
 */
import { PspError } from '../errors.ts';
import { captureChromium } from './capture.ts';
import type { ChromiumPort, OpenPage } from './chromium-port.ts';
import { unlessClosing } from './closing.ts';
import { withDeadline } from './deadline.ts';
import type { Driver } from './driver.ts';
import type { Commands, DevToolsSession, Events } from './protocol.ts';
import { restoreChromium } from './restore.ts';
import { TabIds } from './tab-ids.ts';

/** A Playwright `CDPSession`. */
export interface CdpSessionLike {
  send(method: never, params?: never): Promise<unknown>;
  on(event: never, listener: never): unknown;
  off(event: never, listener: never): unknown;
  detach(): Promise<void>;
}

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
  return {
    name: 'playwright',
    capture: (options = {}) => withPort(context, tabIds, (port) => captureChromium(port, options)),
    restore: (session, options = {}) =>
      withPort(context, tabIds, async (port) => {
        const { pages, report } = await restoreChromium(port, session, options);
        return { target: { pages: pages.map(({ handle }) => handle) }, report };
      }),
  };
}

/** Playwright waits for the page's answer when a session ends: one that hangs must not hold us. */
const LETTING_GO_MS = 2_000;

async function withPort<Page extends PageLike, T>(
  context: BrowserContextLike<Page>,
  tabIds: TabIds<Page>,
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
    const newBrowserSession = (own: BrowserLike): Promise<Session> =>
      asked('a DevTools session', isClosed, async () => wrap(await own.newBrowserCDPSession(), isClosed));
    const browserSession = browser === null ? anchorSession : await unlessClosing(isClosed, () => newBrowserSession(browser));
    try {
      return await work({
        tool: 'playwright',
        browser: browserSession,
        browserContextId: browser === null ? undefined : targetInfo.browserContextId,
        isClosed,
        tabIds,
        pages: () => Promise.all(open.map((page) => openPage(context, page, isClosed))),
        newPage: async () => openPage(context, await newPage(), isClosed),
      });
    } finally {
      await Promise.allSettled([anchorSession.detach(), browserSession.detach()]);
    }
  } finally {
    if (open.length === 0) await Promise.allSettled([anchor.close()]);
  }
}

type Session = DevToolsSession & { detach(): Promise<void> };

/** A DevTools session on `page`. */
async function newSession<Page extends PageLike>(context: BrowserContextLike<Page>, page: Page, isClosed: () => boolean): Promise<Session> {
  const session = await asked('a DevTools session', isClosed, () => context.newCDPSession(page as never));
  return wrap(session, isClosed);
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
    close: () => asked('closing a page', isClosed, () => page.close()),
  };
}

/** The first DevTools session fails where there is no such protocol. */
function notChromium(cause: unknown): never {
  if (!(cause instanceof PspError) || cause.code !== 'ADAPTER_PROTOCOL') throw cause;
  throw new PspError('ADAPTER_UNSUPPORTED', 'this Playwright context gives no DevTools session: only Chromium does', { cause });
}

/** What Playwright answers to `what`; its own errors become coded ones. */
async function asked<T>(what: string, isClosed: () => boolean, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PspError) throw cause;
    if (isClosed()) throw new PspError('ADAPTER_DISCONNECTED', `the browser went away during ${what}`, { cause });
    throw new PspError('ADAPTER_PROTOCOL', `${what} was refused by the browser`, { cause });
  }
}

/** Playwright types each method; here they are the names of `protocol.ts`, so the types are put aside in this one place. */
interface UntypedSession {
  send(method: string, params: object): Promise<unknown>;
  on(event: string, listener: (params: never) => void): void;
  off(event: string, listener: (params: never) => void): void;
}

function wrap(session: CdpSessionLike, isClosed: () => boolean): Session {
  const untyped = session as unknown as UntypedSession;
  return {
    send: <M extends keyof Commands>(method: M, params: Commands[M]['params']) =>
      asked(method, isClosed, () => untyped.send(method, params) as Promise<Commands[M]['result']>),
    on<E extends keyof Events>(event: E, listener: (params: Events[E]) => void): () => void {
      untyped.on(event, listener as (params: never) => void);
      return () => untyped.off(event, listener as (params: never) => void);
    },
    detach: () => withDeadline(session.detach(), LETTING_GO_MS, 'ending a DevTools session'),
  };
}
