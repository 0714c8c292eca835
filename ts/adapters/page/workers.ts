/**
 * Service worker registrations of the document this runs in (Service Workers, section 3). What script can see of them: a worker's source and whether it is a
 * module are not told. What cannot be asked (an insecure page has no service workers) is not there.
 */

/** A registration as it was found. */
export interface WorkerRead {
  readonly scope: string;
  readonly updateViaCache: 'imports' | 'all' | 'none';
  /** The script of the worker that is in charge, or else of the next; null while the first is being installed, which a browser forgets at its end. */
  readonly scriptUrl: string | null;
  readonly state: ServiceWorkerState;
  /** Another worker is being installed, or waits to take over. */
  readonly hasUpdate: boolean;
  /** What else hangs on the registration, that a session has no place for. */
  readonly extras: readonly ('navigation preload' | 'push subscription')[];
}

const container = ownContainer();

function ownContainer(): ServiceWorkerContainer | undefined {
  try {
    return globalThis.navigator?.serviceWorker;
  } catch {
    // A sandboxed frame may not even look.
    return undefined;
  }
}

/** All registrations, in order of scope. */
export async function listWorkers(): Promise<WorkerRead[]> {
  const found: WorkerRead[] = [];
  for (const registration of await registrations()) {
    const { scope, updateViaCache, active, waiting, installing } = registration;
    const worker = active ?? waiting;
    found.push({
      scope,
      updateViaCache,
      scriptUrl: worker?.scriptURL ?? null,
      state: worker?.state ?? 'installing',
      hasUpdate: worker !== null && (installing !== null || (active !== null && waiting !== null)),
      extras: await extrasOf(registration),
    });
  }
  return found.sort((a, b) => (a.scope < b.scope ? -1 : a.scope > b.scope ? 1 : 0));
}

async function registrations(): Promise<readonly ServiceWorkerRegistration[]> {
  try {
    return (await container?.getRegistrations()) ?? [];
  } catch (error) {
    // A refusal (a sandbox, storage that is switched off) means that there is nothing a page could have kept there.
    if (error instanceof DOMException) return [];
    throw error;
  }
}

async function extrasOf(registration: ServiceWorkerRegistration): Promise<WorkerRead['extras']> {
  const extras: WorkerRead['extras'][number][] = [];
  if (registration.active === null) return extras;
  const preload = await registration.navigationPreload?.getState();
  if (preload?.enabled === true) extras.push('navigation preload');
  // A browser without a push service refuses to say.
  const subscription = await registration.pushManager?.getSubscription().catch(() => null);
  if (subscription !== null && subscription !== undefined) extras.push('push subscription');
  return extras;
}

/** Removes every registration, or that of one scope. */
export async function unregisterWorkers(scope?: string): Promise<void> {
  for (const registration of await registrations()) {
    if (scope === undefined || registration.scope === scope) await registration.unregister();
  }
}

/** Registers a worker, and waits until it is active, which it may never be; returns the state that it is in after `limitMs` at most. */
export async function registerWorker(
  scriptUrl: string,
  options: { readonly scope: string; readonly type: 'classic' | 'module'; readonly updateViaCache: 'imports' | 'all' | 'none' },
  limitMs: number,
): Promise<ServiceWorkerState> {
  if (container === undefined) throw new DOMException('there are no service workers here', 'NotSupportedError');
  const { installing, waiting, active } = await container.register(scriptUrl, options);
  const worker = installing ?? waiting ?? active;
  if (worker === null) throw new DOMException('the registration is gone', 'InvalidStateError');
  return new Promise((resolve) => {
    const look = (): void => {
      if (worker.state === 'activated' || worker.state === 'redundant') resolve(worker.state);
    };
    worker.addEventListener('statechange', look);
    setTimeout(() => resolve(worker.state), limitMs);
    look();
  });
}
