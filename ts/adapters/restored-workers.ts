/**
 * Service workers of a session, registered again: what a worker asks for is answered from the session, and its handlers of `install` and `activate` are held back,
 * since what they once did is in the session.
 */
import { PspError } from '../errors.ts';
import type { OriginStorage, ServiceWorkerRegistration } from '../session/session.ts';
import type { AnswerRequest } from './answers.ts';
import type { BrowserPort } from './browser-port.ts';
import { childSession } from './child-session.ts';
import { waysOf } from './choice.ts';
import type { Operation } from './operation.ts';
import type { PageWorld } from './page-world.ts';
import { placeOf } from './storage-key.ts';
import { OFFLINE, onWorkerPage, stopWorker, type WorkerPage, workerPlace } from './worker-page.ts';
import { readScripts, type WorkerScripts } from './worker-script.ts';

/** Replaces the registrations of each storage key that has some, and lists them again; how many are there as captured, with an active worker. */
export async function restoreWorkers(operation: Operation<BrowserPort<unknown>>, captured: readonly OriginStorage[]): Promise<number> {
  const wanted = captured.flatMap((storage) => {
    const { key, serviceWorkers = [] } = storage;
    const way = waysOf(storage).serviceWorkers;
    return serviceWorkers.length === 0 || way === 'leave' ? [] : [{ key, serviceWorkers, isAdded: way === 'add' }];
  });
  if (wanted.length === 0) return 0;
  let right = 0;
  const entry = { outcome: 'lost', kind: 'serviceWorker', place: wanted.map(({ key }) => placeOf(key)).join(', ') } as const;
  await operation.part(entry, () =>
    onWorkerPage(operation, async (page) => {
      for (const { key, serviceWorkers, isAdded } of wanted) {
        const place = placeOf(key);
        const done = await operation.part({ outcome: 'lost', kind: 'serviceWorker', place }, async () => {
          const { world } = await page.intercepted.stand(key);
          return restoreKey(operation, page, world, place, serviceWorkers, isAdded);
        });
        right += done ?? 0;
      }
    }),
  );
  return right;
}

async function restoreKey(
  operation: Operation,
  page: WorkerPage,
  world: PageWorld,
  place: string,
  expected: readonly ServiceWorkerRegistration[],
  isAdded: boolean,
): Promise<number> {
  if (!isAdded) await world.call('unregisterWorkers');
  const written = new Set<ServiceWorkerRegistration>();
  for (const registration of expected) {
    const at = workerPlace(place, registration.scope);
    const done = await operation.part({ outcome: 'lost', kind: 'serviceWorker', place: at }, () =>
      restoreWorker(operation, page, world, at, registration),
    );
    if (done !== null) written.add(registration);
  }
  const found = await world.call('listWorkers');
  let right = 0;
  for (const registration of written) {
    const { scope, scriptUrl, updateViaCache } = registration;
    const isRight = found.some(
      (one) => one.scope === scope && one.scriptUrl === scriptUrl && one.updateViaCache === updateViaCache && one.state === 'activated',
    );
    if (isRight) right++;
    else {
      const reason = 'it reads back differently';
      operation.entries.push({ outcome: 'altered', kind: 'serviceWorker', place: workerPlace(place, scope), reason });
    }
  }
  return right;
}

async function restoreWorker(
  operation: Operation,
  page: WorkerPage,
  world: PageWorld,
  place: string,
  registration: ServiceWorkerRegistration,
): Promise<true> {
  const { scope, scriptUrl, script } = registration;
  if (script === undefined) throw new PspError('ADAPTER_UNSUPPORTED', 'its script is not in the session');
  const scripts = await readScripts(script, scriptUrl);
  let attempt = await register(page, world, registration, scripts);
  for (let again = 1; !attempt.isHeldBack && again < ATTEMPTS; again++) {
    await world.call('unregisterWorkers', scope);
    attempt = await register(page, world, registration, scripts);
  }
  const { state, asked, isHeldBack } = attempt;
  if (state !== 'activated') throw new PspError('ADAPTER_PROTOCOL', `its worker is ${state}, and not active`);
  const missing = [...scripts.keys()].filter((url) => !asked.has(url)).length;
  if (missing > 0) {
    const reason = `${missing} of its scripts were not imported this time, so the browser does not keep them`;
    operation.entries.push({ outcome: 'altered', kind: 'serviceWorker', place, reason });
  }
  if (!isHeldBack) {
    const reason = 'its handlers of install and activate ran, without a network';
    operation.entries.push({ outcome: 'notice', kind: 'serviceWorker', place, reason });
  }
  return true;
}

/** A client library that lets workers go by itself may be faster than we are: then the worker is registered anew. */
const ATTEMPTS = 5;

interface Attempt {
  readonly state: ServiceWorkerState;
  /** Addresses of the scripts that were answered. */
  readonly asked: ReadonlySet<string>;
  readonly isHeldBack: boolean;
}

/** Registers a worker, which is asleep when this resolves. */
async function register(
  page: WorkerPage,
  world: PageWorld,
  { scope, scriptUrl, type, updateViaCache }: ServiceWorkerRegistration,
  scripts: WorkerScripts,
): Promise<Attempt> {
  const asked = new Set<string>();
  let heldBack: Promise<boolean> = Promise.resolve(false);
  const release = page.requests.hold({
    scriptUrl,
    answer(url) {
      const text = scripts.get(url);
      if (text === undefined) return null;
      asked.add(url);
      return scriptAnswer(text);
    },
    async start(targetId) {
      heldBack = (await holdBack(page, targetId)).done;
    },
  });
  try {
    const state = await world.call('registerWorker', scriptUrl, { scope, type, updateViaCache }, page.limitMs);
    const isHeldBack = await Promise.race([heldBack, after(HELD_MS).then(() => false)]);
    const version = page.versions.find(scope, scriptUrl);
    if (version !== null) await stopWorker(page, version.versionId);
    return { state, asked, isHeldBack };
  } finally {
    release();
  }
}

/** How long the news that a worker was held back may take, once it is active: they come by another way. */
const HELD_MS = 250;

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A worker may have a wider scope than the folder of its script only where the server says so. */
function scriptAnswer(text: string): AnswerRequest {
  const headers = [
    ['content-type', 'text/javascript; charset=utf-8'],
    ['service-worker-allowed', '/'],
    ['access-control-allow-origin', '*'],
  ] as const;
  return { status: 200, statusText: '', headers, body: new TextEncoder().encode(text) };
}

const HOLD_BACK = `for (const type of ['install', 'activate']) addEventListener(type, (event) => event.stopImmediatePropagation());`;

/**
 * Puts a worker that has not begun offline, and stops it before its first script, to be there before its own handlers. When this resolves the worker may
 * begin; the promise in the result tells whether it was held back, and never resolves where the worker was not stopped.
 */
async function holdBack({ browser, limitMs }: WorkerPage, targetId: string): Promise<{ readonly done: Promise<boolean> }> {
  const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: false });
  const worker = childSession(browser, sessionId, limitMs);
  const done = new Promise<boolean>((resolve) => {
    worker.on('Debugger.paused', () => {
      worker
        .send('Runtime.evaluate', { expression: HOLD_BACK })
        .finally(() => worker.send('Debugger.disable', {}))
        .then(
          () => resolve(true),
          () => resolve(false),
        );
    });
  });
  // None is answered before the worker has its script, which waits for this: so they are not waited for.
  const asked = [
    worker.send('Network.enable', {}),
    worker.send('Network.emulateNetworkConditions', OFFLINE),
    worker.send('Debugger.enable', {}),
    worker.send('Debugger.setInstrumentationBreakpoint', { instrumentation: 'beforeScriptExecution' }),
    worker.send('Runtime.runIfWaitingForDebugger', {}),
  ];
  // What is refused shows in the handlers that ran.
  for (const answer of asked) answer.catch(() => undefined);
  return { done };
}
