/**
 * Capture from any Chromium port. Order: pages that are open (their sessionStorage, and the storage of their origins, read in place), then the
 * origins that are known but not open (in one intercepted tab), and cookies last, since a site may rotate them meanwhile.
 */
import type { Cookie, OriginStorage, Session, StorageCoverage, Tab, TabStorage } from '../session/session.ts';
import type { ChromiumPort, OpenPage } from './chromium-port.ts';
import { cookieOrigin, fromCdpCookie } from './cookies.ts';
import type { CaptureOptions, CaptureResult } from './driver.ts';
import { captureHistory } from './history.ts';
import { type InterceptedPage, interceptPage, isWeb } from './intercept.ts';
import { Operation } from './operation.ts';
import { captureOrigin } from './origin.ts';
import { enterPage, type PageWorld } from './page-world.ts';
import type { DevToolsSession, FrameTree } from './protocol.ts';
import type { Counts, StateKind } from './report.ts';

/** Captures what `port` shows. Failures and guarantees: {@link Driver}. */
export async function captureChromium<Handle>(port: ChromiumPort<Handle>, options: CaptureOptions): Promise<CaptureResult> {
  const operation = new Operation(port, options);
  const asked = (options.origins ?? []).map(parseOrigin);
  const { product } = await operation.port.browser.send('Browser.getVersion', {});
  const capture = new Capture(operation);
  await capture.openPages();
  const known = new Set(asked);
  if (options.cookieOrigins ?? true) for (const cookie of (await capture.readCookies()).cookies) known.add(cookieOrigin(cookie));
  await capture.closedOrigins([...known].sort());
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

  /** Reads one page's frames; returns its sessionStorage by storage key, and its history. */
  async #openPage(page: OpenPage<Handle>): Promise<Omit<Tab, 'id' | 'url'>> {
    const { origin } = new URL(page.url);
    const { frameTree } = await page.session.send('Page.getFrameTree', {});
    const found = new Map<string, TabStorage>();
    let history: Pick<Tab, 'history' | 'windowName'> = {};
    for (const frame of framesOf(frameTree)) {
      if (!isWeb(frame.securityOrigin)) continue;
      const { storageKey } = await page.session.send('Storage.getStorageKey', { frameId: frame.id });
      if (isPartitioned(storageKey)) {
        this.#uncarried('partitionedStorage', `${frame.securityOrigin} inside ${origin}`, 'storage of a third-party frame');
        continue;
      }
      if (found.has(frame.securityOrigin)) continue;
      const world = await enterPage(page.session, frame.id, frame.securityOrigin);
      if (frame === frameTree.frame) {
        const hidden = (await world.call('countFrames')) - (frameTree.childFrames?.length ?? 0);
        const entry = { outcome: 'lost', kind: 'history', place: origin } as const;
        history = (await this.#operation.part(entry, () => captureHistory(this.#operation, page.session, world, origin))) ?? {};
        if (hidden > 0)
          this.#uncarried('partitionedStorage', `inside ${origin}`, `storage of ${hidden} frames of other sites was not looked into`);
      }
      const items = await world.call('readStorage', 'sessionStorage');
      found.set(frame.securityOrigin, { key: { origin: frame.securityOrigin, topLevelSite: null }, items });
      await this.#origin(page.session, world, storageKey, frame.securityOrigin);
    }
    return { ...history, sessionStorage: [...found.values()].filter(({ items }) => items.length > 0) };
  }

  /** Reads the origins that are not read yet, in a tab of our own. */
  async closedOrigins(origins: readonly string[]): Promise<void> {
    const rest = [...new Set([...this.#unanswered, ...origins])].filter((origin) => !this.#seen.has(origin));
    if (rest.length === 0) return;
    let tab: { page: OpenPage<Handle>; intercepted: InterceptedPage } | null = null;
    try {
      for (const [index, origin] of rest.entries()) {
        this.#operation.progress('storage', index, rest.length);
        const done = await this.#operation.part({ outcome: 'lost', kind: 'origin', place: origin }, async () => {
          tab ??= await this.#interceptedTab();
          const { world, storageKey } = await tab.intercepted.visit(`${origin}/`);
          await this.#origin(tab.page.session, world, storageKey, origin);
          return true;
        });
        if (done === true) continue;
        this.coverage.push({
          key: { origin, topLevelSite: null },
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
    return { page, intercepted: await interceptPage(page) };
  }

  async #origin(session: DevToolsSession, world: PageWorld, storageKey: string, origin: string): Promise<void> {
    if (this.#seen.has(origin)) return;
    const { storage, coverage, uncarried } = await captureOrigin(this.#operation, session, world, storageKey, origin);
    this.#seen.add(origin);
    this.coverage.push(coverage);
    const { localStorage, indexedDB, caches = [], files = [] } = storage;
    if ([localStorage, indexedDB, caches, files].some(({ length }) => length > 0)) this.storage.push(storage);
    for (const [kind, count] of Object.entries(uncarried) as [StateKind, number][]) {
      if (count > 0) this.#uncarried(kind, origin, `${count} found`);
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

function framesOf(tree: FrameTree): FrameTree['frame'][] {
  return [tree.frame, ...(tree.childFrames ?? []).flatMap(framesOf)];
}

/** Chromium writes third-party storage keys as `https://widget.example/^0https://site.example`. */
function isPartitioned(storageKey: string): boolean {
  return storageKey.includes('^');
}

function parseOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !isWeb(text) || (text !== url.origin && text !== `${url.origin}/`)) {
    throw new TypeError('origins: expected serialized http or https origins such as https://app.example');
  }
  return url.origin;
}
