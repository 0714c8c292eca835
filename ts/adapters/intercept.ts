/**
 * A page that stands on any origin without the origin being asked: every request of the page is answered here with an empty document, before it
 * reaches the network or a service worker. That is how storage of origins that are not open is read, and how it is written.
 */
import { PspError } from '../errors.ts';
import { encodeBase64 } from '../kernel/current.ts';
import type { OpenPage } from './chromium-port.ts';
import { enterPage, type PageWorld } from './page-world.ts';

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
  return {
    answer(url, response) {
      const address = new URL(url);
      address.hash = '';
      answers.set(address.href, response);
      return () => answers.delete(address.href);
    },
    async visit(url) {
      if (!isWeb(url) || !URL.canParse(url)) throw new PspError('ADAPTER_UNSUPPORTED', 'only http and https addresses can be opened');
      const { errorText } = await session.send('Page.navigate', { url });
      if (errorText !== undefined) {
        throw new PspError('ADAPTER_PROTOCOL', `the browser refused to open ${new URL(url).origin}: ${errorText}`);
      }
      const { frameTree } = await session.send('Page.getFrameTree', {});
      const { origin } = new URL(url);
      if (frameTree.frame.securityOrigin !== origin) {
        throw new PspError('ADAPTER_PROTOCOL', `the browser opened ${frameTree.frame.securityOrigin} in place of ${origin}`);
      }
      const { storageKey } = await session.send('Storage.getStorageKey', { frameId: frameTree.frame.id });
      return { world: await enterPage(session, frameTree.frame.id, origin), storageKey };
    },
    async release() {
      await session.send('Fetch.disable', {});
      await session.send('Network.setBypassServiceWorker', { bypass: false });
      stop();
    },
  };
}

/** Whether a page of ours can stand on `url`: only http and https have storage that is carried. */
export function isWeb(url: string): boolean {
  return url.startsWith('http://') || url.startsWith('https://');
}
