/**
 * A page that stands on any origin without the origin being asked, by WebDriver BiDi: every request of the page and of the frames in it is stopped before it
 * is sent, and answered here.
 */
import { PspError } from '../../errors.ts';
import { encodeBase64Text } from '../../kernel/text.ts';
import type { StorageKey } from '../../session/session.ts';
import { type AnswerRequest, Answers, isFramed } from '../answers.ts';
import { type InterceptedPage, isTabAddress, isWeb, type Standing, until } from '../intercept.ts';
import type { PageWorld } from '../page-world.ts';
import { flatten, type PlacedContext } from './contexts.ts';
import type { BidiCommands, BidiEvents, BidiSession, BytesValue } from './protocol.ts';
import { enterOwn, evaluateIn } from './world.ts';

/** A page with the means to answer its documents, too. */
export interface InterceptedContext extends InterceptedPage {
  /** Stands on an origin once, with these headers in the answer besides its own. */
  visit(origin: string, headers: readonly (readonly [name: string, value: string])[]): Promise<void>;
}

const FREE_FRAME = "() => document.querySelector('iframe').removeAttribute('sandbox')";
const WHERE_IT_IS = "() => document.readyState === 'complete' && globalThis.origin";
const IS_ANOTHER_LOADED = "() => !globalThis.isLeft && document.readyState === 'complete' && location.href !== 'about:blank'";
const HOLD_FRAME = "(src) => { document.body.append(Object.assign(document.createElement('iframe'), { src })); }";
const LOOK_FOR_WORKERS = `async () => ({
  isAnswered: Boolean(navigator.serviceWorker?.controller),
  workers: (await navigator.serviceWorker?.getRegistrations())?.length ?? 0,
})`;

const NO_COOKIES = [{ name: 'Cookie', value: { type: 'string', value: '' } }] as const;

/** Text beyond ASCII as bytes of UTF-8. Chromium's driver takes none: what it is given as Base64 it answers with as it is. */
function headerValue(value: string): BytesValue {
  if (!/[^\u0000-\u007f]/.test(value)) return { type: 'string', value };
  return { type: 'base64', value: encodeBase64Text(new TextEncoder().encode(value)) };
}

/**
 * Starts to answer every request of a browsing context. `workersStayOut`: the browser was told to ask no service worker for what the page loads. Where it
 * cannot be told, origins are first looked at in frames that no worker answers.
 */
export async function interceptContext(session: BidiSession, context: string, workersStayOut = false): Promise<InterceptedContext> {
  const answers = new Answers();
  /** Where in the history that we walk along the tab stands. */
  let shown = -1;
  /** How many service workers origins have that we stood on. */
  const workersOf = new Map<string, number>();
  let extraHeaders: readonly (readonly [name: string, value: string])[] = [];

  const refuse = ({ request: { request } }: BidiEvents['network.beforeRequestSent']): Promise<unknown> =>
    session.send('network.failRequest', { request });
  const answerTo = (
    { request: { request }, navigation }: BidiEvents['network.beforeRequestSent'],
    { status, statusText, headers, body }: AnswerRequest,
  ): BidiCommands['network.provideResponse']['params'] => ({
    request,
    statusCode: status,
    // Chromium takes no empty one.
    ...(statusText === '' ? {} : { reasonPhrase: statusText }),
    headers: [...headers, ...(navigation === null ? [] : extraHeaders)].map(([name, value]) => ({
      name,
      value: headerValue(value),
    })),
    body: { type: 'base64', value: encodeBase64Text(body) },
  });
  // No request of ours needs the user's cookies. And where one of them goes beyond Latin-1, Firefox 153 fails to stop the request that carries it.
  await session.send('network.setExtraHeaders', { headers: NO_COOKIES, contexts: [context] });
  const addIntercept = () => session.send('network.addIntercept', { phases: ['beforeRequestSent'], contexts: [context] });
  const { intercept } = await addIntercept();
  const stopListening = session.on('network.beforeRequestSent', (event) => {
    if (!event.isBlocked || event.intercepts?.includes(intercept) !== true) return;
    const response = answers.to(event.request.url, event.navigation !== null);
    const answered = response === null ? refuse(event) : session.send('network.provideResponse', answerTo(event, response));
    // A request that is gone by now needs no answer; a browser that is gone shows in the navigation that waits for it.
    answered.catch(() => undefined);
  });
  const { subscription } = await session.send('session.subscribe', { events: ['network.beforeRequestSent'], contexts: [context] });

  const evaluate = evaluateIn(session, { context });

  /** A new entry of the tab's history, or what takes the place of the one that is shown. */
  async function open(url: string, asNewEntry: boolean): Promise<void> {
    if (!isTabAddress(url)) throw new PspError('ADAPTER_UNSUPPORTED', 'only http and https addresses can be opened');
    const { href } = new URL(url);
    // To go where a page stands already replaces its entry anyway.
    if (asNewEntry || (await evaluate('() => location.href', [])) === href) {
      await session.send('browsingContext.navigate', { context, url, wait: 'complete' });
    } else {
      await evaluate('(href) => location.replace(href)', [href]);
      await settled(`opening ${isWeb(url) ? new URL(url).origin : url}`, async () => {
        return (await evaluate('() => document.readyState === "complete" && location.href', [])) === href;
      });
    }
    if (isWeb(url) && (await evaluate('() => globalThis.origin', [])) !== new URL(url).origin) {
      throw new PspError('ADAPTER_PROTOCOL', `the browser did not open ${new URL(url).origin}`);
    }
  }

  /** Asks again and again. What a document that goes away refuses says nothing of the next one. */
  function settled(what: string, isSo: () => Promise<boolean>): Promise<void> {
    return until(what, async () => {
      try {
        return await isSo();
      } catch (error) {
        if (error instanceof PspError && error.code === 'ADAPTER_PROTOCOL') return false;
        throw error;
      }
    });
  }

  /** Waits for a frame at `address`; the frame and those around it. */
  async function findFrame(address: string): Promise<PlacedContext> {
    let found: PlacedContext | undefined;
    await until(`a frame of ${new URL(address).origin} to load`, async () => {
      const { contexts } = await session.send('browsingContext.getTree', { root: context });
      found = contexts.flatMap(flatten).find(({ info, around }) => around.length > 0 && info.url === address);
      return found !== undefined;
    });
    return found as PlacedContext;
  }

  /** Opens a frame at `address` in a page at `top`, whose documents are ready. */
  async function openFrame(top: string, address: string): Promise<PlacedContext> {
    try {
      await open(top, false);
      return await findFrame(address);
    } finally {
      answers.letGo();
    }
  }

  /** Opens a frame at the root of `origin` below one of another site, in a page of its own site; its context. */
  async function openFrameBelow(origin: string): Promise<string> {
    const { top, between } = answers.holdBetween(origin);
    const { info } = await openFrame(top, between);
    const inBetween = evaluateIn(session, { context: info.context });
    await settled('a frame of another site to load', async () => (await inBetween(WHERE_IT_IS, [])) === new URL(between).origin);
    // Chromium's driver lets a frame of another site run while it still asks for the frame's requests to be stopped. It is done with that once it has added an
    // intercept that it was told of afterwards.
    const later = await addIntercept();
    await session.send('network.removeIntercept', later);
    await inBetween(HOLD_FRAME, [`${origin}/`]);
    return (await findFrame(`${origin}/`)).info.context;
  }

  /** Opens the frame of a storage key, in a browser whose service workers stay out; its context. */
  async function openFramed(key: StorageKey): Promise<string> {
    if (key.topLevelSite === null) return openFrameBelow(key.origin);
    return (await openFrame(answers.holdFrame(key), `${key.origin}/`)).info.context;
  }

  /**
   * Opens a frame under a storage key that no service worker answers; its context. It begins in a sandbox, where its origin has no worker, and is loaded once
   * more without it by force: by that, too, none is asked (Firefox 153; Service Workers, "Handle Fetch").
   */
  async function openFrameApart(key: StorageKey): Promise<string> {
    const { origin } = key;
    const { info, around } = await openFrame(answers.holdFrameApart(key), `${origin}/`);
    const inFrame = evaluateIn(session, { context: info.context });
    await evaluateIn(session, { context: around.at(-1)!.context })(FREE_FRAME, []);
    await inFrame('() => location.reload(true)', []);
    await settled(`a frame of ${origin} to load`, async () => (await inFrame(WHERE_IT_IS, [])) === origin);
    const { isAnswered, workers } = (await inFrame(LOOK_FOR_WORKERS, [])) as { isAnswered: boolean; workers: number };
    if (isAnswered) throw new PspError('ADAPTER_UNSUPPORTED', 'a service worker of the origin answered in place of the driver');
    workersOf.set(origin, workers);
    return info.context;
  }

  /** The context to stand in under a storage key: that of a frame, or of the page. */
  async function openKey(key: StorageKey): Promise<string> {
    const frame = workersStayOut ? null : await openFrameApart(key);
    if (isFramed(key)) return frame ?? openFramed(key);
    if (frame !== null && workersOf.get(key.origin) !== 0) return frame;
    await open(`${key.origin}/`, false);
    return context;
  }

  /** Throws where a service worker would answer a page at `url`; nothing keeps it from that. */
  async function refuseWorkers(url: string): Promise<void> {
    if (workersStayOut || !isWeb(url) || !URL.canParse(url)) return;
    const { origin } = new URL(url);
    // Only before the first entry is a frame possible: it takes the place of the entry that is shown.
    if (!workersOf.has(origin) && shown < 0) await openFrameApart({ origin, topLevelSite: null });
    if (workersOf.get(origin) === 0) return;
    throw new PspError('ADAPTER_UNSUPPORTED', `a service worker of ${origin} would answer in place of the driver`);
  }

  return {
    answer: (url, response) => answers.agree(url, response),
    async stand(key): Promise<Standing> {
      if (!isWeb(key.origin)) throw new PspError('ADAPTER_UNSUPPORTED', 'only http and https addresses can be opened');
      if (key.bucket !== undefined) throw new PspError('ADAPTER_UNSUPPORTED', 'this browser has no storage buckets');
      const at = await openKey(key);
      const isInFrame = at !== context && !isFramed(key);
      const world = await enterOwn(session, at, key.origin);
      return { session: null, world, storageKey: '', ...(isInFrame ? { isInFrame: true as const } : {}) };
    },
    refuseWorkers,
    async walk(url): Promise<PageWorld> {
      await refuseWorkers(url);
      await open(url, shown >= 0);
      shown++;
      return enterOwn(session, context, new URL(url).origin);
    },
    async walkBack(index): Promise<PageWorld> {
      await evaluate('() => { globalThis.isLeft = true; }', []);
      await session.send('browsingContext.traverseHistory', { context, delta: index - shown });
      shown = index;
      // Loaded, and not the empty document that may come before it: the reload must come in the middle of nothing.
      await settled('a tab to go back in its history', async () => {
        return (await evaluate(IS_ANOTHER_LOADED, [])) === true;
      });
      // The document may be one that the browser had kept: from here on it is as new as any other.
      await session.send('browsingContext.reload', { context, wait: 'complete' });
      return enterOwn(session, context, 'a tab');
    },
    async visit(origin, headers) {
      extraHeaders = headers;
      try {
        await openKey({ origin, topLevelSite: null });
      } finally {
        extraHeaders = [];
      }
    },
    async release() {
      await session.send('network.removeIntercept', { intercept });
      if (subscription !== undefined) await session.send('session.unsubscribe', { subscriptions: [subscription] });
      stopListening();
      await session.send('network.setExtraHeaders', { headers: [], contexts: [context] });
    },
  };
}
