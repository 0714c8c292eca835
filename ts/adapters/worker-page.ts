/** A tab of our own from which service workers are started, stopped, read and registered, with their requests answered here. */
import { PspError } from '../errors.ts';
import type { BrowserPort } from './browser-port.ts';
import { childSession } from './child-session.ts';
import type { InterceptedPage } from './intercept.ts';
import type { Operation } from './operation.ts';
import type { DevToolsSession, WorkerVersion } from './protocol.ts';
import { holdWorkerRequests, type WorkerRequests } from './worker-requests.ts';
import { WorkerVersions } from './worker-versions.ts';

/** Longest that a worker may take to start, and to become active, in milliseconds. */
const START_MS = 5_000;

/** What a worker of an own page is read and written with. */
export interface WorkerPage {
  readonly browser: DevToolsSession;
  readonly session: DevToolsSession;
  readonly intercepted: InterceptedPage;
  readonly requests: WorkerRequests;
  readonly versions: WorkerVersions;
  readonly limitMs: number;
}

/** Works with workers in a tab of our own. */
export async function onWorkerPage(operation: Operation<BrowserPort<unknown>>, work: (page: WorkerPage) => Promise<void>): Promise<true> {
  const { port } = operation;
  const { browser } = port;
  if (browser === null) throw new PspError('ADAPTER_UNSUPPORTED', 'this driver cannot answer what a worker asks for');
  const tab = await port.workPage();
  try {
    const { session } = tab;
    if (session === null) throw new PspError('ADAPTER_UNSUPPORTED', 'this driver gives no session on its pages');
    const { browserContextId } = (await session.send('Target.getTargetInfo', {})).targetInfo;
    const limitMs = Math.min(START_MS, operation.timeoutMs);
    startOffline(session, limitMs);
    const intercepted = await tab.intercept();
    const requests = await holdWorkerRequests(browser, browserContextId);
    try {
      await work({ browser, session, intercepted, requests, versions: await WorkerVersions.follow(session), limitMs });
    } finally {
      // Where it fails, the browser is gone, and the requests with it.
      await Promise.allSettled([requests.stop()]);
    }
    return true;
  } finally {
    await Promise.allSettled([tab.close()]);
  }
}

/**
 * Puts each worker that starts under the page offline: a socket, which no request announces, would reach the site. The page lets the worker go in answer to the
 * same event, later than this, as this listens first. A client library that lets workers go by itself may be faster.
 */
function startOffline(page: DevToolsSession, timeoutMs: number): void {
  page.on('Target.attachedToTarget', ({ sessionId, targetInfo, waitingForDebugger }) => {
    if (targetInfo.type !== 'service_worker' || !waitingForDebugger) return;
    const worker = childSession(page, sessionId, timeoutMs);
    const asked = [worker.send('Network.enable', {}), worker.send('Network.emulateNetworkConditions', OFFLINE)];
    // A worker that is gone again needs no limits.
    for (const answer of asked) answer.catch(() => undefined);
  });
}

/** Stops a worker that may be running, and waits until it is. */
export async function stopWorker({ session, versions, limitMs }: WorkerPage, versionId: string): Promise<void> {
  await session.send('ServiceWorker.stopWorker', { versionId });
  const isGone = (version: WorkerVersion | undefined): true | null =>
    version === undefined || version.runningStatus === 'stopped' ? true : null;
  await versions.until('a worker to stop', limitMs, () => isGone(versions.get(versionId)));
}

/** Also for sockets, which are no requests. */
export const OFFLINE = { offline: true, latency: 0, downloadThroughput: 0, uploadThroughput: 0 } as const;

/** Where a report says that a worker is. */
export function workerPlace(place: string, scope: string): string {
  return `${place} ${URL.canParse(scope) ? new URL(scope).pathname : 'a scope that is none'}`;
}
