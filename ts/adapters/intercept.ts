/**
 * A page that stands on any origin without the origin being asked: every request of the page is answered here with an empty document, before it
 * reaches the network or a service worker. That is how storage of origins that are not open is read, and how it is written.
 */
import { PspError } from '../errors.ts';
import { encodeBase64 } from '../kernel/current.ts';
import type { OpenPage } from './chromium-port.ts';
import { enterPage, type PageWorld } from './page-world.ts';
import type { FrameTree } from './protocol.ts';

/** The icon link keeps the browser from asking the site for /favicon.ico. */
const EMPTY_DOCUMENT = '<!doctype html><link rel="icon" href="data:,"><title></title>';

const EMPTY_PAGE: AnswerRequest = {
  status: 200,
  statusText: '',
  headers: [['content-type', 'text/html; charset=utf-8']],
  body: /* @__PURE__ */ new TextEncoder().encode(EMPTY_DOCUMENT),
};

/** What a request is answered with in place of the network. */
export interface AnswerRequest {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** A page whose requests are all answered here. */
export interface InterceptedPage {
  /** Answers what the document itself fetches from `url` until the returned function is called. Other requests of documents are refused. */
  answer(url: string, response: AnswerRequest): () => void;
  /** Puts the page on `url` (http or https, else `ADAPTER_UNSUPPORTED`) and enters the document; `storageKey` is the browser's name for its storage. */
  visit(url: string): Promise<{ readonly world: PageWorld; readonly storageKey: string }>;
  /** Goes on to `url`, which may also be about:blank. */
  walk(url: string): Promise<PageWorld>;
  /** Goes back to the entry of the tab's history with this index. */
  walkBack(index: number): Promise<PageWorld>;
  /** Lets requests go to the network again. The document stays. */
  release(): Promise<void>;
}

/** Starts to answer every request of `page`. */
export async function interceptPage({ session }: OpenPage<unknown>): Promise<InterceptedPage> {
  const answers = new Map<string, AnswerRequest>();
  const stop = session.on('Fetch.requestPaused', ({ requestId, resourceType, request }) => {
    const response = resourceType === 'Document' ? EMPTY_PAGE : answers.get(request.url);
    const answered =
      response === undefined
        ? session.send('Fetch.failRequest', { requestId, errorReason: 'BlockedByClient' })
        : session.send('Fetch.fulfillRequest', {
            requestId,
            responseCode: response.status,
            ...(response.statusText === '' ? {} : { responsePhrase: response.statusText }),
            responseHeaders: response.headers.map(([name, value]) => ({ name, value })),
            body: new TextDecoder().decode(encodeBase64(response.body)),
          });
    // A request that is gone by now needs no answer; a browser that is gone shows in the navigation that waits for it.
    answered.catch(() => undefined);
  });
  await session.send('Network.enable', {});
  await session.send('Network.setBypassServiceWorker', { bypass: true });
  await session.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] });
  const navigate = async (url: string): Promise<FrameTree['frame']> => {
    if (!isTabAddress(url)) throw new PspError('ADAPTER_UNSUPPORTED', 'only http and https addresses can be opened');
    const { errorText } = await session.send('Page.navigate', { url });
    if (errorText !== undefined) {
      throw new PspError('ADAPTER_PROTOCOL', `the browser refused to open ${new URL(url).origin}: ${errorText}`);
    }
    const { frame } = (await session.send('Page.getFrameTree', {})).frameTree;
    const { origin } = new URL(url);
    if (isWeb(url) && frame.securityOrigin !== origin) {
      throw new PspError('ADAPTER_PROTOCOL', `the browser opened ${frame.securityOrigin} in place of ${origin}`);
    }
    return frame;
  };
  return {
    answer(url, response) {
      const address = new URL(url);
      address.hash = '';
      answers.set(address.href, response);
      return () => answers.delete(address.href);
    },
    async visit(url) {
      const frame = await navigate(url);
      const { storageKey } = await session.send('Storage.getStorageKey', { frameId: frame.id });
      return { world: await enterPage(session, frame.id, frame.securityOrigin), storageKey };
    },
    async walk(url) {
      const frame = await navigate(url);
      return enterPage(session, frame.id, frame.securityOrigin);
    },
    async walkBack(index) {
      const { entries } = await session.send('Page.getNavigationHistory', {});
      const entry = entries[index];
      if (entry === undefined) throw new PspError('ADAPTER_PROTOCOL', 'the browser did not keep the history of a tab');
      await session.send('Page.navigateToHistoryEntry', { entryId: entry.id });
      await until(async () => (await session.send('Page.getNavigationHistory', {})).currentIndex === index);
      // The document may be one that the browser had kept, which is never loaded: others who watch the tab would wait for that.
      const kept = (await session.send('Page.getFrameTree', {})).frameTree.frame;
      await session.send('Page.reload', {});
      let frame = kept;
      await until(async () => {
        frame = (await session.send('Page.getFrameTree', {})).frameTree.frame;
        return frame.loaderId !== kept.loaderId;
      });
      return enterPage(session, frame.id, frame.securityOrigin);
    },
    async release() {
      await session.send('Fetch.disable', {});
      await session.send('Network.setBypassServiceWorker', { bypass: false });
      stop();
    },
  };
}

/** Whether a tab of a session can stand on `url`: it must be the web's, or blank. */
export function isTabAddress(url: string): boolean {
  return url === 'about:blank' || (isWeb(url) && URL.canParse(url));
}

const STEP_MS = 10;
const STEPS = 500;

/** Asks again and again; `ADAPTER_TIMEOUT` after five seconds. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let step = 0; step < STEPS; step++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  throw new PspError('ADAPTER_TIMEOUT', `the browser did not go back in the history of a tab within ${STEP_MS * STEPS} ms`);
}

/** Whether a page of ours can stand on `url`: only http and https have storage that is carried. */
export function isWeb(url: string): boolean {
  return url.startsWith('http://') || url.startsWith('https://');
}
