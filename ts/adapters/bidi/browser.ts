/** A browser by WebDriver BiDi, or one user context of it, as capture and restore want a browser. There is no DevTools protocol behind it. */
import type { BrowserPage, BrowserPort, CookieJar } from '../browser-port.ts';
import { chromiumCookies } from '../chromium-cookies.ts';
import { unlessClosing } from '../closing.ts';
import type { InterceptedPage } from '../intercept.ts';
import type { TabIds } from '../tab-ids.ts';
import { bidiCookies } from './cookies.ts';
import { askChromium, devToolsBehind, letWorkersAnswer } from './devtools.ts';
import { framesOf } from './frames.ts';
import { interceptContext } from './intercept.ts';
import type { BidiSession } from './protocol.ts';
import { boundSession, type OpenSession } from './session.ts';
import { Sites } from './sites.ts';
import { evaluateIn } from './world.ts';

/** What a driver remembers of its browser from one operation to the next. */
export interface Remembered {
  readonly tabIds: TabIds<string>;
  /** Null until it is known. */
  product: string | null;
  /** Whether the browser is a Chromium; null until that is known. */
  isChromium: boolean | null;
}

/** `open` as a port, with `ADAPTER_TIMEOUT` after `timeoutMs` for each command. A page is called by its browsing context. */
export function bidiPort(open: OpenSession, userContext: string, remembered: Remembered, timeoutMs: number): BrowserPort<string> {
  const { isClosed } = open;
  const session = boundSession(open.session, timeoutMs);
  const sites = new Sites(session);
  const essential = <T>(work: () => Promise<T>): Promise<T> => unlessClosing(isClosed, work);

  const page = (context: string, url: string): BrowserPage<string> => ({
    session: null,
    handle: context,
    url,
    frames: async () => ({ frames: await framesOf(session, context, sites), stop: async () => undefined }),
    intercept: () => intercept(context),
    release: async () => undefined,
    close: async () => void (await session.send('browsingContext.close', { context })),
  });
  async function intercept(context: string): Promise<InterceptedPage> {
    if (remembered.isChromium !== true) return interceptContext(session, context);
    await letWorkersAnswer(session, context, false);
    const page = await interceptContext(session, context, true);
    return {
      ...page,
      async release() {
        await page.release();
        await letWorkersAnswer(session, context, true);
      },
    };
  }
  const newPage = (): Promise<BrowserPage<string>> =>
    essential(async () => {
      const { context } = await session.send('browsingContext.create', { type: 'tab', background: true, userContext });
      return page(context, 'about:blank');
    });

  const ofChromium = chromiumCookies({
    browser: devToolsBehind(session),
    browserContextId: userContext === 'default' ? undefined : userContext,
    isClosed,
  });
  const ofOther = bidiCookies({ session, userContext, sites, newPage, isClosed });
  async function product(): Promise<string> {
    if (remembered.product !== null) return remembered.product;
    const chromium = await askChromium(session);
    remembered.isChromium = chromium !== null;
    remembered.product = chromium ?? open.product ?? (await productOf(session, await newPage()));
    return remembered.product;
  }
  async function jar(): Promise<CookieJar> {
    await product();
    return remembered.isChromium === true ? ofChromium : ofOther;
  }

  return {
    tool: 'bidi',
    browser: null,
    browserContextId: undefined,
    tabIds: remembered.tabIds,
    product: () => essential(product),
    readCookies: (origins) => essential(async () => (await jar()).readCookies(origins)),
    writeCookies: async (cookies) => (await jar()).writeCookies(cookies),
    // They were written before, so it is known whose they are.
    keepable: (cookie) => (remembered.isChromium === true ? ofChromium : ofOther).keepable(cookie),
    authenticators: null,
    async setPermission(origin, descriptor, state) {
      await session.send('permissions.setPermission', { descriptor, state, origin, userContext });
    },
    async pages() {
      const { contexts } = await essential(() => session.send('browsingContext.getTree', { maxDepth: 0 }));
      return contexts.filter((info) => info.userContext === userContext).map(({ context, url }) => page(context, url));
    },
    newPage,
    workPage: newPage,
    isClosed,
  };
}

/** Name and version by the word that a browser says of itself to every site. */
async function productOf(session: BidiSession, page: BrowserPage<string>): Promise<string> {
  try {
    const agent = await evaluateIn(session, { context: page.handle })('() => navigator.userAgent', []);
    return /(?:Firefox|Chrome|Version)\/[\d.]+/.exec(String(agent))?.[0] ?? 'unknown';
  } finally {
    await page.close();
  }
}
