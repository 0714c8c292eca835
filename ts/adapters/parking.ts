/**
 * Open pages whose storage is about to be replaced stand still meanwhile: no script of theirs writes between what is restored, or after it was read back. Timers
 * that run out in that time are lost, so such a page is best reloaded; it would show what was there before anyway.
 */
import type { OriginStorage } from '../session/session.ts';
import type { BrowserPage, BrowserPort } from './browser-port.ts';
import { withDeadline } from './deadline.ts';
import type { Operation } from './operation.ts';
import type { DevToolsSession } from './protocol.ts';

/** A page that hangs has not answered after so long, and one that does not hang has. */
const MAX_WAIT_MS = 2_000;

/** Stops the scripts of open pages in which a document has one of the origins; returns what lets them go on. Where there is no DevTools protocol, nothing is stopped. */
export async function parkPages(
  operation: Operation<BrowserPort<unknown>>,
  storages: readonly OriginStorage[],
): Promise<() => Promise<void>> {
  const { browser } = operation.port;
  if (browser === null || storages.length === 0) return async () => undefined;
  const origins = new Set(storages.map(({ key }) => key.origin));
  const pages = await operation.port.pages();
  const ends = await Promise.all(pages.map((page) => parkPage(operation, page, origins)));
  return async () => {
    // A page that is gone meanwhile has nothing to go on with.
    await Promise.allSettled(ends.map((end) => end()));
    await Promise.allSettled(pages.map((page) => page.release()));
  };
}

async function parkPage(
  operation: Operation<BrowserPort<unknown>>,
  page: BrowserPage<unknown>,
  origins: ReadonlySet<string>,
): Promise<() => Promise<void>> {
  const parked: DevToolsSession[] = [];
  let stop = async (): Promise<void> => undefined;
  const park = async (): Promise<void> => {
    const found = await page.frames();
    stop = found.stop;
    if (!found.frames.some(({ origin }) => origins.has(origin))) return;
    for (const session of new Set(found.frames.flatMap((frame) => frame.session ?? []))) {
      parked.push(session);
      await session.send('Emulation.setScriptExecutionDisabled', { value: true });
    }
  };
  try {
    await withDeadline(park(), Math.min(operation.timeoutMs, MAX_WAIT_MS), 'stopping the scripts of an open page');
  } catch (error) {
    // What hangs writes nothing either; what has gone needs no stop.
    operation.rethrowIfOver(error);
  }
  return async () => {
    await Promise.allSettled(parked.map((session) => session.send('Emulation.setScriptExecutionDisabled', { value: false })));
    await stop();
  };
}
