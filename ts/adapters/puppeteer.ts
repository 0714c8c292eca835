/**
 * The driver for a Puppeteer `BrowserContext` of Chromium over the DevTools protocol, launched or connected. Puppeteer's objects are described by the least that
 * is needed, never imported. Everything goes through DevTools sessions of its own pages.
 */
import { PspError } from '../errors.ts';
import { captureChromium, restoreChromium } from './chromium.ts';
import type { ChromiumPort, LastingSessions, OpenPage } from './chromium-port.ts';
import { asked, type CdpSessionLike, type ClientSession, clientSession } from './client-session.ts';
import { unlessClosing } from './closing.ts';
import type { Driver } from './driver.ts';
import { openHidden } from './hidden-page.ts';
import { TabIds } from './tab-ids.ts';

export type { CdpSessionLike } from './client-session.ts';
export { extractableKeysScript } from './extractable-keys.ts';

/** A Puppeteer `Target`. */
export interface PuppeteerTargetLike {
  type(): string;
  url(): string;
  createCDPSession(): Promise<CdpSessionLike>;
}

/** A Puppeteer `Page`. */
export interface PuppeteerPageLike {
  close(): Promise<void>;
  target(): PuppeteerTargetLike;
}

/** A Puppeteer `Browser`. */
export interface PuppeteerBrowserLike {
  readonly connected: boolean;
  target(): PuppeteerTargetLike;
}

/** A Puppeteer `BrowserContext`: `page.browserContext()`, or `browser.defaultBrowserContext()`. */
export interface PuppeteerContextLike<Page extends PuppeteerPageLike> {
  /** Undefined for the default context. */
  readonly id?: string | undefined;
  targets(): PuppeteerTargetLike[];
  newPage(): Promise<Page>;
  browser(): PuppeteerBrowserLike;
}

/** What a restore through this driver gives: the pages that were opened, in the session's tab order, each ready for `page.reload()`. */
export interface PuppeteerTarget<Page> {
  readonly pages: readonly Page[];
}

/**
 * A driver for `context`. Pages that a capture or restore opens for itself are closed again; neither the context nor the browser is ever closed.
 *
 * Both reject with `ADAPTER_UNSUPPORTED` when the browser is driven over WebDriver BiDi, which has no DevTools sessions.
 */
export function puppeteer<Page extends PuppeteerPageLike>(context: PuppeteerContextLike<Page>): Driver<PuppeteerTarget<Page>> {
  const tabIds = new TabIds<PuppeteerTargetLike>();
  const lasting = lastingSessions(context.browser());
  return {
    name: 'puppeteer',
    capture: (options = {}) => withPort(context, tabIds, lasting, new Map(), (port) => captureChromium(port, options)),
    restore(session, options = {}) {
      const opened = new Map<PuppeteerTargetLike, Page>();
      return withPort(context, tabIds, lasting, opened, async (port) => {
        const { pages, report } = await restoreChromium(port, session, options);
        return { target: { pages: pages.map(({ handle }) => opened.get(handle)!) }, report };
      });
    },
  };
}

async function withPort<Page extends PuppeteerPageLike, T>(
  context: PuppeteerContextLike<Page>,
  tabIds: TabIds<PuppeteerTargetLike>,
  lasting: ChromiumPort<PuppeteerTargetLike>['lasting'],
  opened: Map<PuppeteerTargetLike, Page>,
  work: (port: ChromiumPort<PuppeteerTargetLike>) => Promise<T>,
): Promise<T> {
  const own = context.browser();
  const isClosed = (): boolean => !own.connected;
  const opening = (): Promise<CdpSessionLike> => own.target().createCDPSession();
  const session = await unlessClosing(isClosed, () => asked('a DevTools session', isClosed, opening)).catch(notDevTools);
  const browser = clientSession(session, isClosed);
  try {
    return await work({
      tool: 'puppeteer',
      browser,
      browserContextId: context.id,
      isClosed,
      tabIds,
      lasting,
      // By targets: Puppeteer gives a page only when that has answered, and one that hangs never does.
      pages: () => Promise.all(pagesOf(context).map((target) => openPage(target, null, isClosed))),
      async newPage() {
        const page = await asked('opening a page', isClosed, () => context.newPage());
        const target = page.target();
        opened.set(target, page);
        return openPage(target, page, isClosed);
      },
      hiddenPage: (timeoutMs) => openHidden(browser, context.id, timeoutMs),
    });
  } finally {
    await Promise.allSettled([browser.detach()]);
  }
}

/** Sessions that are never ended: they go with Puppeteer's connection, and with their pages. */
function lastingSessions(browser: PuppeteerBrowserLike): LastingSessions<PuppeteerTargetLike> {
  const isClosed = (): boolean => !browser.connected;
  const sessionOn = async (target: PuppeteerTargetLike): Promise<ClientSession> =>
    clientSession(await asked('a DevTools session', isClosed, () => target.createCDPSession()), isClosed);
  let session: ClientSession | null = null;
  return {
    async browser() {
      session ??= await sessionOn(browser.target());
      return session;
    },
    page: sessionOn,
    authenticators: new Set(),
  };
}

function pagesOf(context: PuppeteerContextLike<PuppeteerPageLike>): PuppeteerTargetLike[] {
  return context.targets().filter((target) => target.type() === 'page');
}

/** `page` is given where it is one of ours, which alone are closed. */
async function openPage(
  target: PuppeteerTargetLike,
  page: PuppeteerPageLike | null,
  isClosed: () => boolean,
): Promise<OpenPage<PuppeteerTargetLike>> {
  const session = clientSession(await asked('a DevTools session', isClosed, () => target.createCDPSession()), isClosed);
  return {
    session,
    handle: target,
    url: target.url(),
    release: () => asked('ending a DevTools session', isClosed, () => session.detach()),
    keep: () => undefined,
    close: async () => {
      if (page !== null) await asked('closing a page', isClosed, () => page.close());
    },
  };
}

/** The first DevTools session fails where there is no such protocol. */
function notDevTools(cause: unknown): never {
  if (!(cause instanceof PspError) || cause.code !== 'ADAPTER_PROTOCOL') throw cause;
  throw new PspError('ADAPTER_UNSUPPORTED', 'this Puppeteer browser gives no DevTools session: only Chromium over CDP does', { cause });
}
