/**
 * A page opened by another one in Chromium, as a script there would: it begins with a copy of that page's sessionStorage. It is reached through the browser's
 * own session, since client libraries give no session on a page that they did not open.
 */
import { PspError } from '../errors.ts';
import { attachChild } from './child-session.ts';
import type { DevToolsSession, TargetInfo } from './protocol.ts';

/** The page that was opened. */
export interface PageCopy {
  readonly session: DevToolsSession;
  close(): Promise<void>;
}

const STEP_MS = 10;

/**
 * Opens an empty page from the one of `opener`, in a world of our own there: its scripts see nothing of it.
 *
 * @throws PspError `ADAPTER_UNSUPPORTED` where the page may open none (a sandbox), `ADAPTER_TIMEOUT`.
 */
export async function copyPage(browser: DevToolsSession, opener: DevToolsSession, timeoutMs: number): Promise<PageCopy> {
  const { targetId } = (await opener.send('Target.getTargetInfo', {})).targetInfo;
  const opened = async (): Promise<TargetInfo[]> =>
    (await browser.send('Target.getTargets', {})).targetInfos.filter(({ openerId, type }) => openerId === targetId && type === 'page');
  const before = new Set((await opened()).map((target) => target.targetId));
  const { frameTree } = await opener.send('Page.getFrameTree', {});
  const { executionContextId } = await opener.send('Page.createIsolatedWorld', {
    frameId: frameTree.frame.id,
    worldName: 'persistent-sessions',
  });
  const { result } = await opener.send('Runtime.callFunctionOn', {
    functionDeclaration: `function () { return open('about:blank') !== null; }`,
    executionContextId,
    arguments: [],
    awaitPromise: true,
    returnByValue: true,
    userGesture: true,
  });
  if (result.value !== true)
    throw new PspError('ADAPTER_UNSUPPORTED', 'the page may not open another one, which its sessionStorage would be read in');
  for (const end = performance.now() + timeoutMs; performance.now() < end; ) {
    const target = (await opened()).find((one) => !before.has(one.targetId));
    if (target !== undefined) {
      return {
        session: await attachChild(browser, target.targetId, timeoutMs),
        close: async () => void (await browser.send('Target.closeTarget', { targetId: target.targetId })),
      };
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  throw new PspError('ADAPTER_TIMEOUT', `waiting for a page to open took longer than ${timeoutMs} ms`);
}
