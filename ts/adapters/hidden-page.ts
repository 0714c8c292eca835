/**
 * A page of our own in Chromium that nobody is shown: no tab, no event in the client library, no frame is ever drawn of it, which saves a third of what standing
 * on an origin costs. It ends with the session that opened it, so a capture that is cut off leaves none behind. It is reached through the browser's own session,
 * since client libraries give none on a page that they are not told of.
 */
import { PspError } from '../errors.ts';
import { attachChild } from './child-session.ts';
import type { HiddenPage } from './chromium-port.ts';
import { withDeadline } from './deadline.ts';
import type { DevToolsSession } from './protocol.ts';

const STEP_MS = 10;
const STEPS = 5;
/** Longest that going to an empty document takes where nobody holds the page. */
const FREE_MS = 2_000;

/**
 * Opens one at about:blank. `browser` must be a session on the browser itself, which alone may open pages; `attach` makes a session on a target, by default one
 * whose messages travel inside those of `browser`. Null where another client of the browser holds the page: one that stops each page at its start and does not
 * know this kind never lets it go anywhere (chromedriver with WebDriver BiDi).
 */
export async function openHidden(
  browser: DevToolsSession,
  browserContextId: string | undefined,
  timeoutMs: number,
  attach = (targetId: string): Promise<DevToolsSession> => attachChild(browser, targetId, timeoutMs),
): Promise<HiddenPage | null> {
  const context = browserContextId === undefined ? {} : { browserContextId };
  const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank', hidden: true, ...context });
  const close = async (): Promise<void> => void (await browser.send('Target.closeTarget', { targetId }));
  const isShared = await staysAttached(browser, targetId);
  const session = await attach(targetId);
  if (!isShared || (await isFree(session))) return { session, close };
  await close();
  return null;
}

/** Whether another client attached to the target, and is not one that lets go of what it has no use for. */
async function staysAttached(browser: DevToolsSession, targetId: string): Promise<boolean> {
  for (let step = 0; step < STEPS; step++) {
    if (!(await browser.send('Target.getTargetInfo', { targetId })).targetInfo.attached) return false;
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  return true;
}

/** Whether a page can go on to another process. */
async function isFree(page: DevToolsSession): Promise<boolean> {
  try {
    await withDeadline(page.send('Page.navigate', { url: 'data:text/html,' }), FREE_MS, 'looking whether a page is held');
    return true;
  } catch (error) {
    if (error instanceof PspError && error.code === 'ADAPTER_TIMEOUT') return false;
    throw error;
  }
}
