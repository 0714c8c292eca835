/**
 * Capture from any Chromium port. Order: pages that are open (their sessionStorage, and the storage of their origins, read in place), then the
 * origins that are known but not open (in one intercepted tab), and cookies last, since a site may rotate them meanwhile.
 */
import { storageKeyIdentity } from '../session/identity.ts';
import type { Cookie, OriginStorage, Session, StorageCoverage, StorageKey, Tab, TabStorage } from '../session/session.ts';
import { watchChildren } from './child-session.ts';
import type { ChromiumPort, OpenPage } from './chromium-port.ts';
import { cookieKey, fromCdpCookie } from './cookies.ts';
import type { CaptureOptions, CaptureResult } from './driver.ts';
import { captureHistory } from './history.ts';
import { framesOf, type InterceptedPage, interceptPage, isWeb, type Standing } from './intercept.ts';
import { Operation } from './operation.ts';
import { captureOrigin } from './origin.ts';
import { enterPage } from './page-world.ts';
import type { DevToolsSession, FrameTree } from './protocol.ts';
import type { Counts, StateKind } from './report.ts';
import { parseStorageKey, placeOf } from './storage-key.ts';

/** Captures what `port` shows. Failures and guarantees: {@link Driver}. */
export async function captureChromium<Handle>(port: ChromiumPort<Handle>, options: CaptureOptions): Promise<CaptureResult> {
  const operation = new Operation(port, options);
  const asked = (options.origins ?? []).map(parseOrigin);
  const { product } = await operation.port.browser.send('Browser.getVersion', {});
  const capture = new Capture(operation);
  await capture.openPages();
  const known = asked.map((origin): StorageKey => ({ origin, topLevelSite: null }));
  if (options.cookieOrigins ?? true) known.push(...(await capture.readCookies()).cookies.map(cookieKey));
  await capture.closedOrigins(known.sort((a, b) => compareText(storageKeyIdentity(a), storageKeyIdentity(b))));
  const { cookies, complete } = await capture.readCookies();
  capture.reportLostCookies();

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
      tabs: capture.tabsComplete ? 'complete' : 'partial',
      storage: capture.coverage,
    },
    cookies,
    storage: capture.storage,
    tabs: capture.tabs,
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
    tabs: session.tabs.length,
    origins: session.storage.length,
  };
}

class Capture<Handle> {
  readonly storage: OriginStorage[] = [];
  readonly coverage: StorageCoverage[] = [];
  readonly tabs: Tab[] = [];
  tabsComplete = true;
  readonly #operation: Operation<Handle>;
  readonly #seen = new Set<string>();
  /** Origins of open pages that did not answer: they are read like closed ones. */
  readonly #unanswered = new Set<string>();
  #lostCookies = 0;

  constructor(operation: Operation<Handle>) {
    this.#operation = operation;
  }

  async openPages(): Promise<void> {
    const { tabIds } = this.#operation.port;
    const pages = await this.#operation.port.pages();
    tabIds.keepOnly(pages.map(({ handle }) => handle));
    try {
      for (const [index, page] of pages.entries()) {
        this.#operation.progress('tabs', index, pages.length);
        if (!isWeb(page.url)) {
          this.#reportForeignPage(page.url);
          continue;
        }
        const { origin } = new URL(page.url);
        const tab = await this.#operation.part({ outcome: 'lost', kind: 'sessionStorage', place: origin }, () => this.#openPage(page));
        if (tab === null) {
          this.tabsComplete = false;
          this.#unanswered.add(origin);
        }
        this.tabs.push({ id: tabIds.of(page.handle), url: page.url, ...(tab ?? { sessionStorage: [] }) });
      }
      this.#operation.progress('tabs', pages.length, pages.length);
    } finally {
      // The pages are the user's: only our sessions on them end. When the browser is gone there is nothing left to end.
      await Promise.allSettled(pages.map((page) => page.release()));
    }
  }

  /** Reads one page's frames, in whatever process they live; returns its sessionStorage by storage key, and its history. */
  async #openPage(page: OpenPage<Handle>): Promise<Omit<Tab, 'id' | 'url'>> {
    const { origin } = new URL(page.url);
    const found = new Map<string, TabStorage>();
    let history: Pick<Tab, 'history' | 'windowName'> = {};
    const watched = await this.#frameSessions(page.session);
    try {
      for (const session of watched.sessions) {
        const { frameTree } = await session.send('Page.getFrameTree', {});
        for (const frame of framesOf(frameTree)) {
          const isTop = session === page.session && frame === frameTree.frame;
          const place = isTop ? origin : `${frame.securityOrigin} inside ${origin}`;
          if (!isWeb(frame.securityOrigin)) continue;
          // A frame that fails is one entry; the page itself is the caller's part.
          const read = (): Promise<void> => this.#frame(session, frame, found);
          if (isTop) await read();
          else await this.#operation.part({ outcome: 'lost', kind: 'partitionedStorage', place }, read);
          if (!isTop) continue;
          const entry = { outcome: 'lost', kind: 'history', place: origin } as const;
          const own = async (): Promise<typeof history> =>
            captureHistory(this.#operation, session, await enterPage(session, frame.id, origin), origin);
          history = (await this.#operation.part(entry, own)) ?? {};
        }
      }
    } finally {
      // Where the page does not answer any more, it went with its sessions.
      await Promise.allSettled([watched.stop()]);
    }
    return { ...history, sessionStorage: [...found.values()].filter(({ items }) => items.length > 0) };
  }

  /** The session of a page or frame, and those of the frames below it that live in other processes. */
  async #frameSessions(session: DevToolsSession): Promise<{ sessions: DevToolsSession[]; stop(): Promise<void> }> {
    const children: DevToolsSession[] = [];
    const stop = await watchChildren(session, this.#operation.timeoutMs, false, (child) => {
      if (child.type === 'iframe') children.push(child.session);
    });
    const below: DevToolsSession[] = [];
    // Their own watching ends with them.
    for (const child of children) below.push(...(await this.#frameSessions(child)).sessions);
    return { sessions: [session, ...below], stop };
  }

  async #frame(session: DevToolsSession, frame: FrameTree['frame'], found: Map<string, TabStorage>): Promise<void> {
    const { storageKey } = await session.send('Storage.getStorageKey', { frameId: frame.id });
    const key = parseStorageKey(storageKey);
    if (key === null) {
      this.#uncarried('partitionedStorage', frame.securityOrigin, 'storage of a frame without a site, or of one inside another site');
      return;
    }
    const identity = storageKeyIdentity(key);
    if (found.has(identity)) return;
    const world = await enterPage(session, frame.id, placeOf(key));
    found.set(identity, { key, items: await world.call('readStorage', 'sessionStorage') });
    await this.#origin({ session, world, storageKey }, key);
  }

  /** Reads the origins that are not read yet, in a tab of our own. */
  async closedOrigins(keys: readonly StorageKey[]): Promise<void> {
    const asked = [...[...this.#unanswered].map((origin) => ({ origin, topLevelSite: null })), ...keys];
    const rest = [...new Map(asked.map((key) => [storageKeyIdentity(key), key]))]
      .filter(([identity]) => !this.#seen.has(identity))
      .map(([, key]) => key);
    if (rest.length === 0) return;
    let tab: { page: OpenPage<Handle>; intercepted: InterceptedPage } | null = null;
    try {
      for (const [index, key] of rest.entries()) {
        this.#operation.progress('storage', index, rest.length);
        const done = await this.#operation.part({ outcome: 'lost', kind: 'origin', place: placeOf(key) }, async () => {
          tab ??= await this.#interceptedTab();
          await this.#origin(await tab.intercepted.stand(key), key);
          return true;
        });
        if (done === true) continue;
        this.coverage.push({
          key,
          localStorage: 'unvisited',
          indexedDB: 'unvisited',
          caches: 'unvisited',
          files: 'unvisited',
        });
        // A tab that hung once may hang again: the next origin gets a fresh one.
        await closeQuietly(tab);
        tab = null;
      }
      this.#operation.progress('storage', rest.length, rest.length);
    } finally {
      await closeQuietly(tab);
    }
  }

  async #interceptedTab(): Promise<{ page: OpenPage<Handle>; intercepted: InterceptedPage }> {
    const page = await this.#operation.port.newPage();
    return { page, intercepted: await interceptPage(page, this.#operation.timeoutMs) };
  }

  async #origin(at: Standing, key: StorageKey): Promise<void> {
    const identity = storageKeyIdentity(key);
    if (this.#seen.has(identity)) return;
    const { storage, coverage, uncarried } = await captureOrigin(this.#operation, at, key);
    this.#seen.add(identity);
    this.coverage.push(coverage);
    const { localStorage, indexedDB, caches = [], files = [] } = storage;
    if ([localStorage, indexedDB, caches, files].some(({ length }) => length > 0)) this.storage.push(storage);
    for (const [kind, count] of Object.entries(uncarried) as [StateKind, number][]) {
      if (count > 0) this.#uncarried(kind, placeOf(key), `${count} found`);
    }
  }

  /** The browser's cookies as they are now, in its order. */
  async readCookies(): Promise<{ cookies: Cookie[]; complete: boolean }> {
    this.#operation.progress('cookies', 0, 1);
    const { browserContextId } = this.#operation.port;
    const { cookies: found } = await this.#operation.port.browser.send(
      'Storage.getCookies',
      browserContextId === undefined ? {} : { browserContextId },
    );
    const cookies = found.map(fromCdpCookie).filter((cookie) => cookie !== null);
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

async function closeQuietly(tab: { page: OpenPage<unknown> } | null): Promise<void> {
  // A tab that is gone already, or a browser that is, needs no closing; the failure that led here is reported by its own part.
  if (tab !== null) await Promise.allSettled([tab.page.close()]);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function parseOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !isWeb(text) || (text !== url.origin && text !== `${url.origin}/`)) {
    throw new TypeError('origins: expected serialized http or https origins such as https://app.example');
  }
  return url.origin;
}
