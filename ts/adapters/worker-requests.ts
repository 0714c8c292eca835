/**
 * What service workers ask the network for, answered here. Only a DevTools session on the browser as a whole sees all of it: the worker's own script, what that
 * imports and what it fetches (on a page's session the script goes to the site). Such a session sees every other request of the browser too, and lets them go on.
 */
import { PspError } from '../errors.ts';
import type { AnswerRequest } from './answers.ts';
import { fulfilment } from './intercept.ts';
import type { DevToolsSession, Events } from './protocol.ts';

/** How one worker is answered. */
export interface WorkerAnswers {
  readonly scriptUrl: string;
  /** Null for what is to be refused. */
  answer(url: string): AnswerRequest | null;
  /** Awaited before the first answer: the worker has not begun to run then. */
  start?(targetId: string): Promise<void>;
}

export interface WorkerRequests {
  /** Answers the workers of a script until the returned function is called. */
  hold(answers: WorkerAnswers): () => void;
  /** Lets all requests go to the network again. */
  stop(): Promise<void>;
}

/**
 * Looks at every request of the browser from now on. Workers of other browser contexts than `browserContextId` are not ours.
 *
 * @throws PspError `ADAPTER_UNSUPPORTED` where `browser` is no session on a whole browser.
 */
export async function holdWorkerRequests(browser: DevToolsSession, browserContextId: string | undefined): Promise<WorkerRequests> {
  const { targetInfo } = await browser.send('Target.getTargetInfo', {});
  if (targetInfo.type !== 'browser')
    throw new PspError('ADAPTER_UNSUPPORTED', 'this driver reaches pages only, not the browser as a whole');
  const held = new Map<string, WorkerAnswers>();
  const started = new Map<string, Promise<void>>();

  async function answersFor(targetId: string): Promise<WorkerAnswers | undefined> {
    if (held.size === 0) return undefined;
    // A frame inside a page is no target: the question fails.
    const found = await browser.send('Target.getTargetInfo', { targetId }).catch(() => null);
    const isOurs = found?.targetInfo.type === 'service_worker' && found.targetInfo.browserContextId === browserContextId;
    return isOurs ? held.get(found.targetInfo.url) : undefined;
  }

  async function onPaused({ requestId, frameId, request }: Events['Fetch.requestPaused']): Promise<void> {
    const answers = await answersFor(frameId);
    if (answers === undefined) {
      await browser.send('Fetch.continueRequest', { requestId });
      return;
    }
    const isReady = started.get(frameId) ?? answers.start?.(frameId) ?? Promise.resolve();
    started.set(frameId, isReady);
    await isReady;
    const response = answers.answer(request.url);
    if (response === null) await browser.send('Fetch.failRequest', { requestId, errorReason: 'BlockedByClient' });
    else await browser.send('Fetch.fulfillRequest', fulfilment(requestId, response));
  }

  const stop = browser.on('Fetch.requestPaused', (event) => {
    // A request that is gone by now needs no answer; one that was not answered shows in the worker that waits for it.
    onPaused(event).catch(() => undefined);
  });
  await browser.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] });
  return {
    hold(answers) {
      held.set(answers.scriptUrl, answers);
      return () => held.delete(answers.scriptUrl);
    },
    async stop() {
      await browser.send('Fetch.disable', {});
      stop();
    },
  };
}
