/**
 * A page that stands on any origin without the origin being asked: every request of the page is answered here with an empty document, before it
 * reaches the network or a service worker. That is how storage of origins that are not open is read, and how it is written.
 */
import { PspError } from '../errors.ts';
import { encodeBase64Text } from '../kernel/text.ts';
import { storageKeyIdentity } from '../session/identity.ts';
import type { StorageKey } from '../session/session.ts';
import { type AnswerRequest, Answers, isFramed } from './answers.ts';
import { watchChildren } from './child-session.ts';
import type { OpenPage } from './chromium-port.ts';
import { enterPage, type PageWorld } from './page-world.ts';
import type { Commands, DevToolsSession, FrameTree } from './protocol.ts';
import { parseStorageKey } from './storage-key.ts';

/** A document of ours under a storage key. */
export interface Standing {
  /** On the page, or on the frame where that lives in a process of its own. Null for a driver without the DevTools protocol, which has the world alone. */
  readonly session: DevToolsSession | null;
  readonly world: PageWorld;
  /** The browser's name for the storage, for commands of `session`. */
  readonly storageKey: string;
  /** Present for a frame where a page of the origin was not possible: its permissions are not those of a page. */
  readonly isInFrame?: true;
  /** The bucket that the functions of `world` work in; absent for the default one. */
  readonly bucket?: string;
}

/** A page whose requests are all answered here. */
export interface InterceptedPage {
  /**
   * Answers what a document of ours fetches from `url` until the returned function is called. Other requests of documents are refused. Null where nothing can
   * be answered: in the page itself, and by a driver that visits sites.
   */
  readonly answer: ((url: string, response: AnswerRequest) => () => void) | null;
  /**
   * Stands on a storage key: the page itself for a first party, else a frame inside a page of the top-level site, which may have another site between.
   * `ADAPTER_UNSUPPORTED` where this browser keeps the storage of such a frame under another key, or the key names a bucket.
   */
  stand(key: StorageKey): Promise<Standing>;
  /**
   * Present where a service worker may answer a page of ours: throws `ADAPTER_UNSUPPORTED` where one would at `url`. To be asked of every address before the
   * first that is walked to.
   */
  refuseWorkers?(url: string): Promise<void>;
  /** Goes on to `url`, which may also be about:blank. */
  walk(url: string): Promise<PageWorld>;
  /** Goes back to the entry of the tab's history with this index. */
  walkBack(index: number): Promise<PageWorld>;
  /** Lets requests go to the network again. The document stays; frames in it must be gone. */
  release(): Promise<void>;
}

/** Starts to answer every request of `page`, and of the frames in it. Commands on frames have the time limit. */
export async function interceptPage({ session }: Pick<OpenPage<unknown>, 'session'>, timeoutMs: number): Promise<InterceptedPage> {
  const answers = new Answers();
  const children: { readonly session: DevToolsSession; readonly ready: Promise<unknown> }[] = [];

  /** Returns what ends it. */
  async function intercept(own: DevToolsSession): Promise<() => Promise<void>> {
    const stop = own.on('Fetch.requestPaused', ({ requestId, resourceType, request }) => {
      const response = answers.to(request.url, resourceType === 'Document');
      const answered =
        response === null
          ? own.send('Fetch.failRequest', { requestId, errorReason: 'BlockedByClient' })
          : own.send('Fetch.fulfillRequest', fulfilment(requestId, response));
      // A request that is gone by now needs no answer; a browser that is gone shows in the navigation that waits for it.
      answered.catch(() => undefined);
    });
    await own.send('Network.enable', {});
    await own.send('Network.setBypassServiceWorker', { bypass: true });
    await own.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] });
    const unwatch = await watchChildren(own, timeoutMs, true, (child) => {
      // Held until its requests are answered here: the first of them is the document.
      const ready = (child.type === 'iframe' ? intercept(child.session) : Promise.resolve(null)).finally(() =>
        child.session.send('Runtime.runIfWaitingForDebugger', {}),
      );
      if (child.type === 'iframe') children.push({ session: child.session, ready });
      // A frame that is gone again shows in who looks for it.
      ready.catch(() => undefined);
    });
    return async () => {
      await unwatch();
      await own.send('Fetch.disable', {});
      await own.send('Network.setBypassServiceWorker', { bypass: false });
      stop();
    };
  }

  async function navigate(url: string): Promise<FrameTree['frame']> {
    if (!isTabAddress(url)) throw new PspError('ADAPTER_UNSUPPORTED', 'only http and https addresses can be opened');
    children.length = 0;
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
  }

  async function standInFrame(key: StorageKey): Promise<Standing> {
    const { origin } = key;
    const address = `${origin}/`;
    const top = answers.holdFrame(key);
    try {
      await navigate(top);
      let found: { readonly session: DevToolsSession; readonly frameId: string } | null = null;
      await until(`a frame of ${origin} to load`, async () => {
        for (const one of [{ session, ready: null }, ...children]) {
          await one.ready;
          const { frameTree } = await one.session.send('Page.getFrameTree', {});
          const frame = framesOf(frameTree).find(({ url }) => url === address);
          if (frame !== undefined) found = { session: one.session, frameId: frame.id };
        }
        return found !== null;
      });
      return enterFrame(found!, origin);
    } finally {
      answers.letGo();
    }
  }

  async function enterFrame(at: { readonly session: DevToolsSession; readonly frameId: string }, origin: string): Promise<Standing> {
    const { session: own, frameId } = at;
    const [{ storageKey }, world] = await Promise.all([own.send('Storage.getStorageKey', { frameId }), enterPage(own, frameId, origin)]);
    return { session: own, world, storageKey };
  }

  const stop = await intercept(session);
  return {
    answer: (url, response) => answers.agree(url, response),
    async stand(key) {
      const { origin } = key;
      if (!isWeb(origin)) throw new PspError('ADAPTER_UNSUPPORTED', 'only http and https addresses can be opened');
      const standing = isFramed(key)
        ? await standInFrame(key)
        : await enterFrame({ session, frameId: (await navigate(`${origin}/`)).id }, origin);
      const own = parseStorageKey(standing.storageKey);
      if (own === null || storageKeyIdentity(own) !== storageKeyIdentity(key)) {
        throw new PspError('ADAPTER_UNSUPPORTED', 'this browser has no storage under such a key, or this version does not reach it');
      }
      return standing;
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
      const back = 'a tab to go back in its history';
      await until(back, async () => (await currentIndex(session)) === index);
      // The document may be one that the browser had kept, which is never loaded: others who watch the tab would wait for that.
      const kept = (await session.send('Page.getFrameTree', {})).frameTree.frame;
      await session.send('Page.reload', {});
      let frame = kept;
      await until(back, async () => {
        frame = (await session.send('Page.getFrameTree', {})).frameTree.frame;
        return frame.loaderId !== kept.loaderId;
      });
      return enterPage(session, frame.id, frame.securityOrigin);
    },
    release: stop,
  };
}

/** Null while the browser puts one document in the place of another: it refuses to say then. */
async function currentIndex(session: DevToolsSession): Promise<number | null> {
  try {
    return (await session.send('Page.getNavigationHistory', {})).currentIndex;
  } catch (error) {
    if (error instanceof PspError && error.code === 'ADAPTER_PROTOCOL') return null;
    throw error;
  }
}

/** The parameters of `Fetch.fulfillRequest` for an answer. */
export function fulfilment(
  requestId: string,
  { status, statusText, headers, body }: AnswerRequest,
): Commands['Fetch.fulfillRequest']['params'] {
  return {
    requestId,
    responseCode: status,
    ...(statusText === '' ? {} : { responsePhrase: statusText }),
    responseHeaders: headers.map(([name, value]) => ({ name, value })),
    body: encodeBase64Text(body),
  };
}

/** The frames of a tree, the top one first. */
export function framesOf(tree: FrameTree): FrameTree['frame'][] {
  return [tree.frame, ...(tree.childFrames ?? []).flatMap(framesOf)];
}

/** Whether a tab of a session can stand on `url`: it must be the web's, or blank. */
export function isTabAddress(url: string): boolean {
  return url === 'about:blank' || (isWeb(url) && URL.canParse(url));
}

const STEP_MS = 10;
const STEPS = 500;

/** Asks again and again; `ADAPTER_TIMEOUT` after five seconds at least. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let step = 0; step < STEPS; step++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  throw new PspError('ADAPTER_TIMEOUT', `waiting for ${what} took longer than ${STEP_MS * STEPS} ms`);
}

/** Whether a page of ours can stand on `url`: only http and https have storage that is carried. */
export function isWeb(url: string): boolean {
  return url.startsWith('http://') || url.startsWith('https://');
}
