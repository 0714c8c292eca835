/** The service workers of a browser context as the DevTools protocol tells of them, followed by its events. Storage keys are not told: only scopes. */
import { PspError } from '../errors.ts';
import { withDeadline } from './deadline.ts';
import type { DevToolsSession, WorkerRegistration, WorkerVersion } from './protocol.ts';

export class WorkerVersions {
  readonly #registrations = new Map<string, WorkerRegistration>();
  readonly #versions = new Map<string, WorkerVersion>();
  readonly #looking = new Set<() => void>();
  #isTold = false;

  /** Begins to follow, on the session of any page of the context. What there is already is told soon after. */
  static async follow(page: DevToolsSession): Promise<WorkerVersions> {
    const versions = new WorkerVersions();
    page.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      versions.#isTold = true;
      for (const registration of registrations) versions.#registrations.set(registration.registrationId, registration);
      for (const look of versions.#looking) look();
    });
    page.on('ServiceWorker.workerVersionUpdated', (event) => {
      for (const version of event.versions) versions.#versions.set(version.versionId, version);
      for (const look of versions.#looking) look();
    });
    await page.send('ServiceWorker.enable', {});
    return versions;
  }

  /** Scopes of all registrations, of whatever storage key, when the browser has told them. `ADAPTER_TIMEOUT` where it does not within `timeoutMs`. */
  async scopes(timeoutMs: number): Promise<string[]> {
    await this.until('the browser to list its service workers', timeoutMs, () => (this.#isTold ? true : null));
    return [...this.#registrations.values()].flatMap(({ scopeURL, isDeleted }) => (isDeleted ? [] : [scopeURL]));
  }

  /**
   * The version of a registration that has this script and is not gone; null while there is none.
   *
   * @throws PspError `ADAPTER_UNSUPPORTED` where several storage keys have a registration of this scope: which is which is not told.
   */
  find(scope: string, scriptUrl: string): WorkerVersion | null {
    const registrations = [...this.#registrations.values()].filter(({ scopeURL, isDeleted }) => scopeURL === scope && !isDeleted);
    if (registrations.length > 1) {
      throw new PspError('ADAPTER_UNSUPPORTED', 'the browser does not tell workers of one scope apart that live in several partitions');
    }
    const [registration] = registrations;
    const own = [...this.#versions.values()].filter(
      ({ registrationId, scriptURL, status }) =>
        registrationId === registration?.registrationId && scriptURL === scriptUrl && status !== 'redundant' && status !== 'new',
    );
    return own.find(({ status }) => status === 'activated') ?? own[0] ?? null;
  }

  /** The version with this id as it is now. */
  get(versionId: string): WorkerVersion | undefined {
    return this.#versions.get(versionId);
  }

  /** What `look` finds, as soon as it is not null; it is asked again at every event. `ADAPTER_TIMEOUT` after `timeoutMs`; rejects with what `look` throws. */
  async until<T>(what: string, timeoutMs: number, look: () => T | null): Promise<T> {
    let again: (() => void) | undefined;
    const found = new Promise<T>((resolve, reject) => {
      again = () => {
        try {
          const result = look();
          if (result !== null) resolve(result);
        } catch (error) {
          reject(error);
        }
      };
      this.#looking.add(again);
      again();
    });
    try {
      return await withDeadline(found, timeoutMs, what);
    } finally {
      if (again !== undefined) this.#looking.delete(again);
    }
  }
}
