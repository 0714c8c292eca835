/** Chromium by the DevTools protocol, whoever holds the connection (`cdp.ts`, `playwright.ts`, `puppeteer.ts`), as capture and restore want a browser. */
import { PspError } from '../errors.ts';
import type { Session } from '../session/session.ts';
import { boundPort } from './bounded-port.ts';
import type { BrowserFrame, BrowserPage, BrowserPort } from './browser-port.ts';
import { capture } from './capture.ts';
import { type Child, watchChildren } from './child-session.ts';
import { chromiumCookies } from './chromium-cookies.ts';
import type { ChromiumPort, OpenPage } from './chromium-port.ts';
import type { CaptureOptions, CaptureResult, RestoreOptions } from './driver.ts';
import { framesOf, interceptPage, isWeb } from './intercept.ts';
import { timeLimit } from './operation.ts';
import { copyPage } from './page-copy.ts';
import { enterPage } from './page-world.ts';
import type { DevToolsSession, FrameTree } from './protocol.ts';
import { type Restored, restore } from './restore.ts';
import { parseStorageKey } from './storage-key.ts';

/** Captures what `port` shows. Failures and guarantees: {@link Driver}. */
export function captureChromium<Handle>(port: ChromiumPort<Handle>, options: CaptureOptions): Promise<CaptureResult> {
  return capture(browserOf(port, timeLimit(options)), options);
}

/** Restores `session` into what `port` shows. Failures and guarantees: {@link Driver}. */
export function restoreChromium<Handle>(port: ChromiumPort<Handle>, session: Session, options: RestoreOptions): Promise<Restored<Handle>> {
  return restore(browserOf(port, timeLimit(options)), session, options);
}

function browserOf<Handle>(unbound: ChromiumPort<Handle>, timeoutMs: number): BrowserPort<Handle> {
  const port = boundPort(unbound, timeoutMs);
  const { tool, browser, browserContextId, tabIds, lasting, isClosed } = port;
  return {
    tool,
    browser,
    browserContextId,
    tabIds,
    product: async () => (await browser.send('Browser.getVersion', {})).product,
    ...chromiumCookies(port),
    setPermission:
      lasting === null
        ? null
        : async (origin, permission, setting) => {
            const context = browserContextId === undefined ? {} : { browserContextId };
            await (await lasting.browser()).send('Browser.setPermission', { permission, setting, origin, ...context });
          },
    authenticators: lasting === null ? null : { known: lasting.authenticators, hold: lasting.page },
    pages: async () => (await port.pages()).map((page) => browserPage(page, browser, timeoutMs)),
    newPage: async () => browserPage(await port.newPage(), browser, timeoutMs),
    workPage: async () => {
      const page = (await port.hiddenPage(timeoutMs)) ?? (await port.newPage());
      return { session: page.session, close: page.close, intercept: () => interceptPage(page, timeoutMs) };
    },
    isClosed,
  };
}

function browserPage<Handle>(page: OpenPage<Handle>, browser: DevToolsSession, timeoutMs: number): BrowserPage<Handle> {
  return {
    ...page,
    frames: () => openFrames(page.session, timeoutMs),
    intercept: () => interceptPage(page, timeoutMs),
    async copy() {
      const { session, close } = await copyPage(browser, page.session, timeoutMs);
      return { intercepted: await interceptPage({ session }, timeoutMs), close };
    },
  };
}

/** The frames of a page, in whatever process they live. */
async function openFrames(top: DevToolsSession, timeoutMs: number): Promise<{ frames: BrowserFrame[]; stop(): Promise<void> }> {
  // Answered by the browser itself: of a tab that waits for its first document there is nobody else who would.
  const { currentIndex, entries } = await top.send('Page.getNavigationHistory', {});
  if (!isWeb(entries[currentIndex]?.url ?? '')) return { frames: [], stop: async () => undefined };
  return framesOfProcess(top, true, timeoutMs);
}

/** The frames that share a process with a page or frame, and those below them in other processes. */
async function framesOfProcess(
  session: DevToolsSession,
  isTop: boolean,
  timeoutMs: number,
): Promise<{ frames: BrowserFrame[]; stop(): Promise<void> }> {
  const children: Child[] = [];
  const stop = await watchChildren(session, timeoutMs, false, (child) => {
    if (child.type === 'iframe') children.push(child);
  });
  try {
    const { frameTree } = await session.send('Page.getFrameTree', {});
    const frames = framesOf(frameTree).map((frame) => browserFrame(session, frame, isTop && frame === frameTree.frame));
    for (const child of children) frames.push(...(await framesOfChild(child, timeoutMs)));
    return { frames, stop };
  } catch (error) {
    // Where the page does not answer any more, it went with its sessions.
    await Promise.allSettled([stop()]);
    throw error;
  }
}

/** A process that does not answer is one frame that does not: it costs nothing beside it. */
async function framesOfChild({ session, url }: Child, timeoutMs: number): Promise<BrowserFrame[]> {
  try {
    // Its own watching ends with it.
    return (await framesOfProcess(session, false, timeoutMs)).frames;
  } catch (error) {
    if (!(error instanceof PspError) || error.code === 'ADAPTER_DISCONNECTED') throw error;
    return [silentFrame(session, url, error)];
  }
}

/** A frame that does not answer, which fails whoever asks for its storage. */
function silentFrame(session: DevToolsSession, url: string, error: PspError): BrowserFrame {
  const refuse = (): Promise<never> => Promise.reject(error);
  return { isTop: false, origin: URL.canParse(url) ? new URL(url).origin : url, session, storageKey: refuse, enter: refuse };
}

function browserFrame(session: DevToolsSession, { id, securityOrigin }: FrameTree['frame'], isTop: boolean): BrowserFrame {
  return {
    isTop,
    origin: securityOrigin,
    session,
    async storageKey() {
      const { storageKey } = await session.send('Storage.getStorageKey', { frameId: id });
      return { key: parseStorageKey(storageKey), name: storageKey };
    },
    enter: (place) => enterPage(session, id, place),
  };
}
