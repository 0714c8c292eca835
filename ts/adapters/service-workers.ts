/**
 * Service workers (Service Workers, sections 2 and 3) for a session: registrations, and the scripts that a browser keeps for them. It tells a script only while its
 * worker runs, so a running worker is looked at, and one that sleeps is run for a moment without a network. How they are restored: `restored-workers.ts`.
 */
import { PspError } from '../errors.ts';
import type { Extent, ServiceWorkerRegistration, StorageKey } from '../session/session.ts';
import type { BrowserPort } from './browser-port.ts';
import { childSession } from './child-session.ts';
import { isWeb } from './intercept.ts';
import type { Operation } from './operation.ts';
import type { WorkerRead } from './page/workers.ts';
import type { DevToolsSession, ParsedScript, WorkerVersion } from './protocol.ts';
import { placeOf } from './storage-key.ts';
import { findImportGaps, type ImportGaps } from './worker-imports.ts';
import { onWorkerPage, stopWorker, type WorkerPage, workerPlace } from './worker-page.ts';
import { type WorkerScripts, writeScripts } from './worker-script.ts';
import { WorkerVersions } from './worker-versions.ts';

/**
 * The scopes of all service workers in the browser context of a page, one for each registration, of whatever storage key: the one list of origins with storage
 * that Chromium gives. A page that is being closed lists none: `ADAPTER_TIMEOUT`.
 */
export async function workerScopes(page: DevToolsSession): Promise<string[]> {
  return (await (await WorkerVersions.follow(page)).scopes(LISTING_MS)).filter(isWeb);
}

const LISTING_MS = 1_000;

/** The registrations that a document of a storage key lists. */
export interface ListedWorkers {
  readonly key: StorageKey;
  readonly workers: readonly WorkerRead[];
}

/** Those of one storage key that could be had whole. */
export interface CapturedWorkers {
  readonly serviceWorkers: readonly ServiceWorkerRegistration[];
  readonly extent: Extent;
}
/** Reads the scripts of all listed workers, key by key, in their order. What cannot be had is an entry of the report. */
export async function captureWorkers(
  operation: Operation<BrowserPort<unknown>>,
  listed: readonly ListedWorkers[],
): Promise<CapturedWorkers[]> {
  const captured: CapturedWorkers[] = [];
  const none: CapturedWorkers = { serviceWorkers: [], extent: 'unvisited' };
  const entry = { outcome: 'lost', kind: 'serviceWorker', place: listed.map(({ key }) => placeOf(key)).join(', ') } as const;
  await operation.part(entry, () =>
    onWorkerPage(operation, async (page) => {
      for (const { key, workers } of listed) {
        const place = placeOf(key);
        const done = await operation.part({ outcome: 'lost', kind: 'serviceWorker', place }, async () => {
          await page.intercepted.stand(key);
          return captureKey(operation, page, key, workers);
        });
        captured.push(done ?? none);
      }
    }),
  );
  return listed.map((_, index) => captured[index] ?? none);
}

async function captureKey(
  operation: Operation,
  page: WorkerPage,
  key: StorageKey,
  workers: readonly WorkerRead[],
): Promise<CapturedWorkers> {
  const place = placeOf(key);
  const serviceWorkers: ServiceWorkerRegistration[] = [];
  let extent: Extent = 'complete';
  for (const worker of workers) {
    const at = workerPlace(place, worker.scope);
    const { scriptUrl, scope, updateViaCache } = worker;
    if (scriptUrl === null) {
      const reason = 'its first worker is not installed yet: a browser forgets such a registration at its end';
      operation.entries.push({ outcome: 'uncarried', kind: 'serviceWorker', place: at, reason });
      continue;
    }
    const read = await operation.part({ outcome: 'lost', kind: 'serviceWorker', place: at }, () => readWorker(page, key, scope, scriptUrl));
    if (read === null) {
      extent = 'partial';
      continue;
    }
    const { scripts, type, hasRoutes, gaps } = read;
    serviceWorkers.push({ scope, scriptUrl, type, updateViaCache, script: writeScripts(scripts) });
    reportGaps(operation, at, gaps);
    reportRest(operation, at, worker, hasRoutes);
  }
  return { serviceWorkers, extent };
}

function reportGaps(operation: Operation, place: string, { missing, isUncertain }: ImportGaps): void {
  const say = (outcome: 'altered' | 'notice', reason: string): void => {
    operation.entries.push({
      outcome,
      kind: 'serviceWorker',
      place,
      reason: `${reason}; a capture while no page of its site is open tells`,
    });
  };
  if (missing > 0) say('altered', `the browser has let go of ${missing} scripts that it imports`);
  else if (isUncertain) say('notice', 'it may import more scripts than the browser told');
}

/** Names what is not carried of a worker that is. */
function reportRest(operation: Operation, place: string, { hasUpdate, extras }: WorkerRead, hasRoutes: boolean): void {
  const rest = [...(hasUpdate ? ['a newer worker that is not active yet'] : []), ...extras, ...(hasRoutes ? ['static routes'] : [])];
  for (const what of rest) {
    operation.entries.push({ outcome: 'uncarried', kind: 'serviceWorker', place, reason: `${what}: this version does not carry it` });
  }
  const reason = 'the headers that its scripts came with are not told by the browser';
  operation.entries.push({ outcome: 'notice', kind: 'serviceWorker', place, reason });
}

/** Names the workers of `scopes`, all of origins that were looked at, that were not found there: their storage keys are not told. */
export function reportHiddenWorkers(operation: Operation, scopes: readonly string[], listed: readonly ListedWorkers[]): void {
  const hidden = [...scopes];
  for (const { scope } of listed.flatMap(({ workers }) => workers)) {
    const index = hidden.indexOf(scope);
    if (index >= 0) hidden.splice(index, 1);
  }
  for (const scope of hidden) {
    const place = workerPlace(new URL(scope).origin, scope);
    const reason = 'a page of its origin does not have it: it belongs to a frame in another site, and the browser does not tell which';
    operation.entries.push({ outcome: 'lost', kind: 'serviceWorker', place, reason });
  }
}

/** Says that workers are there, by a driver that cannot read their scripts. */
export function reportWorkers(operation: Operation, { key, workers }: ListedWorkers): void {
  const reason = `${workers.length} found; this driver is not told their scripts`;
  operation.entries.push({ outcome: 'uncarried', kind: 'serviceWorker', place: placeOf(key), reason });
}

interface ReadWorker {
  readonly scripts: WorkerScripts;
  readonly type: 'classic' | 'module';
  readonly hasRoutes: boolean;
}

async function readWorker(
  page: WorkerPage,
  key: StorageKey,
  scope: string,
  scriptUrl: string,
): Promise<ReadWorker & { readonly gaps: ImportGaps }> {
  const { versions, limitMs } = page;
  const isPartitioned = key.topLevelSite !== null || key.hasCrossSiteAncestor === true;
  const found = await versions.until('the browser to list a worker', limitMs, () => versions.find(scope, scriptUrl));
  if (found.targetId !== undefined) {
    const read = await readRunning(page, found);
    const gaps = read.type === 'module' ? NO_GAPS : findImportGaps(read.scripts, scriptUrl);
    const isWhole = gaps.missing === 0 && !gaps.isUncertain;
    // A browser may stop a worker whenever it likes; we do so only where no page can be waiting for it.
    if (isWhole || isPartitioned || (found.controlledClients ?? []).length > 0) return { ...read, gaps };
    await stopWorker(page, found.versionId);
  }
  if (isPartitioned)
    throw new PspError('ADAPTER_UNSUPPORTED', 'it sleeps, and the browser starts no worker of a frame in another site for us');
  // It runs what it always runs at its start. Whatever it asks for then is refused, so it does not reach the site.
  const release = page.requests.hold({ scriptUrl, answer: () => null });
  try {
    await page.session.send('ServiceWorker.startWorker', { scopeURL: scope });
    const running = await versions.until('a worker to start', limitMs, () => {
      const version = versions.get(found.versionId);
      return version?.targetId !== undefined && version.runningStatus === 'running' ? version : null;
    });
    return { ...(await readRunning(page, running)), gaps: NO_GAPS };
  } finally {
    await stopWorker(page, found.versionId);
    release();
  }
}

const NO_GAPS: ImportGaps = { missing: 0, isUncertain: false };

/** The scripts of a worker that runs. Its own, and what it has imported until now. */
async function readRunning({ browser, limitMs }: WorkerPage, version: WorkerVersion): Promise<ReadWorker> {
  const { scriptURL, targetId = '', routerRules = '' } = version;
  const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: false });
  try {
    const worker = childSession(browser, sessionId, limitMs);
    const parsed: ParsedScript[] = [];
    worker.on('Debugger.scriptParsed', (script) => parsed.push(script));
    await worker.send('Debugger.enable', {});
    const own = parsed.find((script) => addressOf(script) === scriptURL);
    if (own === undefined) throw new PspError('ADAPTER_PROTOCOL', 'the browser has let go of its script');
    const scripts = new Map<string, string>();
    for (const script of [own, ...parsed]) {
      const address = addressOf(script);
      if (address === '' || scripts.has(address)) continue;
      scripts.set(address, (await worker.send('Debugger.getScriptSource', { scriptId: script.scriptId })).scriptSource);
    }
    return { scripts, type: own.isModule === true ? 'module' : 'classic', hasRoutes: !['', '[]'].includes(routerRules) };
  } finally {
    await Promise.allSettled([browser.send('Target.detachFromTarget', { sessionId })]);
  }
}

/** Where a script came from; empty for one that `eval` made. A script may call itself by another address. */
function addressOf({ url, embedderName = url }: ParsedScript): string {
  return /^https?:/.test(embedderName) ? embedderName : '';
}
