/**
 * Capture from any browser. Order: pages that are open (their sessionStorage, and the storage of their origins, read in place), then the
 * origins that are known but not open (in intercepted tabs), and cookies last, since a site may rotate them meanwhile.
 */
import { PspError } from '../errors.ts';
import { storageKeyIdentity } from '../session/identity.ts';
import type { Cookie, OriginStorage, Permission, Session, StorageCoverage, StorageKey, Tab, TabStorage } from '../session/session.ts';
import { isFramed } from './answers.ts';
import type { BrowserFrame, BrowserPage, BrowserPort } from './browser-port.ts';
import { cookieKey } from './cookies.ts';
import type { CaptureOptions, CaptureResult } from './driver.ts';
import { captureHistory } from './history.ts';
import { isWeb, type Standing } from './intercept.ts';
import { captureLeftStorage } from './left-storage.ts';
import { Operation } from './operation.ts';
import { type CapturedOrigin, captureOrigin } from './origin.ts';
import { PasskeyReader } from './passkeys.ts';
import type { Counts, StateKind } from './report.ts';
import { captureWorkers, type ListedWorkers, reportHiddenWorkers, reportWorkers, workerScopes } from './service-workers.ts';
import { placeOf, withoutBucket } from './storage-key.ts';
import { eachOrigin } from './tab-pool.ts';

/** Captures what `port` shows. Failures and guarantees: {@link Driver}. */
export async function capture<Handle>(port: BrowserPort<Handle>, options: CaptureOptions): Promise<CaptureResult> {
  const operation = new Operation(port, options);
  const asked = (options.origins ?? []).map(parseKey);
  const sites = asked.map(({ origin, topLevelSite }) => topLevelSite ?? origin);
  const product = await port.product();
  const passkeys = new PasskeyReader(operation, options.authenticators ?? [], port.authenticators?.known ?? []);
  const found = new Capture(operation, passkeys, options.historyStates ?? false);
  await found.openPages();
  const known = [...asked];
  if (options.cookieOrigins ?? true) known.push(...(await found.readCookies(sites)).cookies.map(cookieKey));
  if (options.workerOrigins ?? true) known.push(...(await found.workerOrigins()));
  await found.closedOrigins(known.sort((a, b) => compareText(storageKeyIdentity(a), storageKeyIdentity(b))));
  await found.serviceWorkers();
  const { cookies, complete } = await found.readCookies(sites);
  found.reportLostCookies();

  const credentials = found.passkeys.result();

  const at = operation.now();
  const session: Session = {
    id: options.id ?? crypto.randomUUID(),
    incarnation: crypto.randomUUID(),
    revision: 0,
    ...(options.name === undefined ? {} : { name: options.name }),
    createdAt: at,
    updatedAt: at,
    source: { tool: port.tool, browser: product },
    coverage: {
      cookies: complete ? 'complete' : 'partial',
      tabs: found.tabsComplete ? 'complete' : 'partial',
      // Of origins that are not known, nothing is.
      permissions: found.permissions === null ? 'unvisited' : 'partial',
      credentials: credentials?.extent ?? 'unvisited',
      storage: found.coverage,
    },
    cookies,
    storage: found.storage,
    tabs: found.tabs,
    ...(found.permissions === null ? {} : { permissions: found.permissions }),
    ...(credentials === null ? {} : { credentials: credentials.passkeys }),
  };
  return { session, report: { counts: countSession(session), entries: operation.entries } };
}

/** How much of each kind a session holds. */
export function countSession(session: Session): Counts {
  const sum = <T>(items: readonly T[], size: (item: T) => number): number => items.reduce((total, item) => total + size(item), 0);
  return {
    cookies: session.cookies.length,
    localStorage: sum(session.storage, ({ localStorage }) => localStorage.length),
    sessionStorage: sum(session.tabs, (tab) => sum(tab.sessionStorage, ({ items }) => items.length)),
    databases: sum(session.storage, ({ indexedDB }) => indexedDB.length),
    records: sum(session.storage, ({ indexedDB }) => sum(indexedDB, ({ stores }) => sum(stores, ({ recordCount }) => recordCount))),
    cacheEntries: sum(session.storage, ({ caches }) => sum(caches ?? [], ({ entries }) => entries.length)),
    files: sum(session.storage, ({ files }) => files?.length ?? 0),
    serviceWorkers: sum(session.storage, ({ serviceWorkers }) => serviceWorkers?.length ?? 0),
    permissions: session.permissions?.length ?? 0,
    passkeys: session.credentials?.length ?? 0,
    tabs: session.tabs.length,
    origins: session.storage.length,
  };
}

class Capture<Handle> {
  readonly storage: OriginStorage[] = [];
  readonly coverage: StorageCoverage[] = [];
  readonly tabs: Tab[] = [];
  readonly passkeys: PasskeyReader;
  /** Null until an origin told them. */
  permissions: readonly Permission[] | null = null;
  tabsComplete = true;
  readonly #operation: Operation<BrowserPort<Handle>>;
  readonly #seen = new Set<string>();
  /** Origins with service workers, and what else is known of them. */
  readonly #workers: (ListedWorkers & Pick<CapturedOrigin, 'storage' | 'coverage'>)[] = [];
  /** Of open pages that did not answer, or cannot be read in: they are read like closed ones. */
  readonly #elsewhere: StorageKey[] = [];
  /** Also of history entries beside the shown ones. */
  readonly #withStates: boolean;
  /** Of all workers that the browser lists, by their scopes. */
  #workerScopes: readonly string[] | null = null;
  #lostCookies = 0;

  constructor(operation: Operation<BrowserPort<Handle>>, passkeys: PasskeyReader, withStates: boolean) {
    this.#operation = operation;
    this.#withStates = withStates;
    this.passkeys = passkeys;
  }

  async openPages(): Promise<void> {
    const { tabIds } = this.#operation.port;
    const pages = await this.#operation.port.pages();
    tabIds.keepOnly(pages.map(({ handle }) => handle));
    try {
      for (const [index, page] of pages.entries()) {
        this.#operation.progress('tabs', index, pages.length);
        await this.#listWorkerOrigins(page);
        if (page.session !== null) await this.passkeys.readPage(page.session, isWeb(page.url) ? new URL(page.url).origin : 'a page');
        if (!isWeb(page.url)) {
          this.#reportForeignPage(page.url);
          continue;
        }
        const { origin } = new URL(page.url);
        const tab = await this.#operation.part({ outcome: 'lost', kind: 'sessionStorage', place: origin }, () => this.#openPage(page));
        if (tab === null) {
          this.tabsComplete = false;
          this.#elsewhere.push({ origin, topLevelSite: null });
        }
        this.tabs.push({ id: tabIds.of(page.handle), url: page.url, ...(tab ?? { sessionStorage: [] }) });
      }
      this.#operation.progress('tabs', pages.length, pages.length);
    } finally {
      // The pages are the user's: only our sessions on them end. When the browser is gone there is nothing left to end.
      await Promise.allSettled(pages.map((page) => page.release()));
    }
  }

  /** The origins that have service workers, as far as the browser lists them. */
  async workerOrigins(): Promise<StorageKey[]> {
    const { port } = this.#operation;
    if (this.#workerScopes === null && port.browser !== null) {
      const entry = { outcome: 'lost', kind: 'serviceWorker', place: 'the list of their origins' } as const;
      await this.#operation.part(entry, async () => {
        const { session, close } = await port.workPage();
        try {
          if (session !== null) this.#workerScopes = await workerScopes(session);
        } finally {
          await Promise.allSettled([close()]);
        }
      });
    }
    const origins = new Set((this.#workerScopes ?? []).map((scope) => new URL(scope).origin));
    return [...origins].map((origin) => ({ origin, topLevelSite: null }));
  }

  /** Any page of the context tells those of all. Where one does not, another may. */
  async #listWorkerOrigins({ session }: BrowserPage<Handle>): Promise<void> {
    if (session === null || this.#workerScopes !== null) return;
    try {
      this.#workerScopes = await workerScopes(session);
    } catch (error) {
      this.#operation.rethrowIfOver(error);
    }
  }

  /** Reads one page's frames, in whatever process they live; returns its sessionStorage by storage key, and its history. */
  async #openPage(page: BrowserPage<Handle>): Promise<Omit<Tab, 'id' | 'url'>> {
    const { origin } = new URL(page.url);
    const found = new Map<string, TabStorage>();
    let history: Pick<Tab, 'history' | 'windowName'> = {};
    const { frames, stop } = await page.frames();
    if (frames.length === 0) {
      const reason = 'it was waiting for its first document: it is carried by its address alone';
      this.#operation.entries.push({ outcome: 'notice', kind: 'tab', place: origin, reason });
    }
    try {
      for (const frame of frames) {
        const { isTop } = frame;
        const place = isTop ? origin : `${frame.origin} inside ${origin}`;
        if (!isWeb(frame.origin)) continue;
        // A frame that fails is one entry; the page itself is the caller's part.
        const read = (): Promise<void> => this.#frame(frame, found, frames[0]!.origin, place);
        if (isTop) await read();
        else if ((await this.#operation.part({ outcome: 'lost', kind: 'partitionedStorage', place }, read)) === null)
          this.tabsComplete = false;
        if (!isTop) continue;
        const entry = { outcome: 'lost', kind: 'history', place: origin } as const;
        const own = async (): Promise<typeof history> =>
          captureHistory(this.#operation, page.session, await frame.enter(origin), this.#withStates, origin);
        history = (await this.#operation.part(entry, own)) ?? {};
      }
      await this.#leftStorage(page, history, found);
    } finally {
      // Where the page does not answer any more, it went with its sessions.
      await Promise.allSettled([stop()]);
    }
    return { ...history, sessionStorage: [...found.values()].filter(({ items }) => items.length > 0) };
  }

  /** Adds what the tab keeps of origins in its history that have no document in it. */
  async #leftStorage(page: BrowserPage<Handle>, { history }: Pick<Tab, 'history'>, found: Map<string, TabStorage>): Promise<void> {
    const origins = (history?.entries ?? []).filter(({ url }) => isWeb(url)).map(({ url }) => new URL(url).origin);
    const keys = [...new Set(origins)].map((origin): StorageKey => ({ origin, topLevelSite: null }));
    const left = keys.filter((key) => !found.has(storageKeyIdentity(key)));
    const read = await captureLeftStorage(this.#operation, page, left);
    for (const storage of read.found) found.set(storageKeyIdentity(storage.key), storage);
    if (!read.isComplete) this.tabsComplete = false;
  }

  async #frame(frame: BrowserFrame, found: Map<string, TabStorage>, topOrigin: string, place: string): Promise<void> {
    const { key, name } = await frame.storageKey();
    if (key === null) {
      this.#uncarried('partitionedStorage', frame.origin, 'storage of a frame without a site, or of one with a nonce');
      return;
    }
    const identity = storageKeyIdentity(key);
    if (found.has(identity)) return;
    const world = await frame.enter(placeOf(key));
    try {
      found.set(identity, { key, items: await world.call('readStorage', 'sessionStorage') });
    } catch (error) {
      if (frame.isTop || !isRefusal(error)) throw error;
      const reason = 'this browser gives the frame no storage: Playwright starts its Chromium so for frames of another site';
      this.#operation.entries.push({ outcome: 'notice', kind: 'partitionedStorage', place, reason });
      return;
    }
    // What a frame may do is not what its origin may: that is only told by a page of its own.
    const isForeign = !isFramed(key) && frame.origin !== topOrigin;
    if (frame.isReadElsewhere === true || isForeign) this.#elsewhere.push(key);
    else await this.#origin({ session: frame.session, world, storageKey: name }, key);
  }

  /** Reads the origins that are not read yet, in tabs of our own. */
  async closedOrigins(keys: readonly StorageKey[]): Promise<void> {
    const asked = [...this.#elsewhere, ...keys];
    const rest = [...new Map(asked.map((key) => [storageKeyIdentity(key), key]))]
      .filter(([identity]) => !this.#seen.has(identity))
      .map(([, key]) => key);
    if (rest.length === 0) return;
    const { tabs } = this.#operation;
    const captured = await eachOrigin(this.#operation, tabs, rest, (operation, at, index) => captureOrigin(operation, at, rest[index]!));
    for (const [index, key] of rest.entries()) {
      const origin = captured[index]!;
      if (origin !== null) this.#keep(origin);
      else this.coverage.push({ key, ...UNVISITED });
    }
  }

  async #origin(at: Standing, key: StorageKey): Promise<void> {
    if (!this.#seen.has(storageKeyIdentity(key))) this.#keep(await captureOrigin(this.#operation, at, key));
  }

  #keep({ storage, coverage, buckets, workers, permissions }: CapturedOrigin): void {
    const { key } = storage;
    this.#seen.add(storageKeyIdentity(key));
    this.coverage.push(coverage, ...buckets.map((bucket) => bucket.coverage));
    const { localStorage, indexedDB, caches = [], files = [] } = storage;
    if ([localStorage, indexedDB, caches, files].some(({ length }) => length > 0)) this.storage.push(storage);
    // A bucket is there also where nothing is in it.
    this.storage.push(...buckets.flatMap((bucket) => bucket.storage ?? []));
    if (permissions !== null) this.permissions = [...(this.permissions ?? []), ...permissions];
    if (workers.length > 0) this.#workers.push({ key, workers, storage, coverage });
  }

  /** Reads the workers of all origins that were read. */
  async serviceWorkers(): Promise<void> {
    const listed = this.#workers;
    const isSeen = (scope: string): boolean => this.#seen.has(storageKeyIdentity({ origin: new URL(scope).origin, topLevelSite: null }));
    reportHiddenWorkers(this.#operation, (this.#workerScopes ?? []).filter(isSeen), listed);
    if (listed.length === 0) return;
    if (this.#operation.port.browser === null) {
      for (const one of listed) reportWorkers(this.#operation, one);
      return;
    }
    const captured = await captureWorkers(this.#operation, listed);
    for (const [index, { storage, coverage }] of listed.entries()) {
      const { serviceWorkers, extent } = captured[index]!;
      replace(this.coverage, coverage, { ...coverage, serviceWorkers: extent });
      if (extent === 'unvisited') continue;
      const whole = { ...storage, serviceWorkers };
      // An origin may hold nothing else.
      if (!replace(this.storage, storage, whole) && serviceWorkers.length > 0) this.storage.push(whole);
    }
  }

  /** The browser's cookies as they are now, in its order; partitions of `origins` are looked for where it does not list them by itself. */
  async readCookies(origins: readonly string[]): Promise<{ cookies: Cookie[]; complete: boolean }> {
    this.#operation.progress('cookies', 0, 1);
    const found = await this.#operation.port.readCookies(origins);
    const cookies = found.filter((cookie) => cookie !== null);
    this.#lostCookies = found.length - cookies.length;
    this.#operation.progress('cookies', 1, 1);
    return { cookies, complete: this.#lostCookies === 0 };
  }

  reportLostCookies(): void {
    if (this.#lostCookies === 0) return;
    const reason = `${this.#lostCookies} cookies in partitions of extensions or of opaque origins: a session cannot say which`;
    this.#operation.entries.push({ outcome: 'lost', kind: 'cookie', place: 'partitions', reason });
  }

  #reportForeignPage(url: string): void {
    if (url === 'about:blank' || url === '') return;
    const { protocol } = new URL(url);
    this.#operation.entries.push({ outcome: 'notice', kind: 'tab', place: protocol, reason: 'only http and https pages are carried' });
  }

  #uncarried(kind: StateKind, place: string, reason: string): void {
    this.#operation.entries.push({ outcome: 'uncarried', kind, place, reason: `${reason}; this version does not carry it` });
  }
}

const UNVISITED = {
  localStorage: 'unvisited',
  indexedDB: 'unvisited',
  caches: 'unvisited',
  files: 'unvisited',
  serviceWorkers: 'unvisited',
} as const;

/** Puts `by` in the place of `item`; false where it is not in the list. */
function replace<T>(list: T[], item: T, by: T): boolean {
  const index = list.indexOf(item);
  if (index !== -1) list[index] = by;
  return index !== -1;
}

/** What a document is told that may have no storage. */
function isRefusal(error: unknown): boolean {
  return error instanceof PspError && error.details['error'] === 'SecurityError';
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A bucket is read with what it stands beside. */
function parseKey(asked: string | StorageKey): StorageKey {
  if (typeof asked === 'string') return { origin: parseOrigin(asked), topLevelSite: null };
  const { origin, topLevelSite } = asked;
  return { ...withoutBucket(asked), origin: parseOrigin(origin), topLevelSite: topLevelSite === null ? null : parseOrigin(topLevelSite) };
}

function parseOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !isWeb(text) || (text !== url.origin && text !== `${url.origin}/`)) {
    throw new TypeError('origins: expected serialized http or https origins such as https://app.example');
  }
  return url.origin;
}
