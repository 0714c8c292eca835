/**
 * The driver for the document that it runs in, imported by a script of the page: carries what script can see of its own origin and tab. It cannot see
 * HttpOnly cookies, other origins or other tabs, and says so in each report. Nothing is navigated and no request is made.
 */
import { PspError } from '../errors.ts';
import { encodeBase64Text } from '../kernel/text.ts';
import { storageKeyIdentity } from '../session/identity.ts';
import type { Cookie, Session, StorageKey, Tab } from '../session/session.ts';
import type { BrowserPage, BrowserPort } from './browser-port.ts';
import { capture } from './capture.ts';
import { withDeadline } from './deadline.ts';
import type { CaptureOptions, CaptureResult, Driver, RestoreOptions, RestoreResult } from './driver.ts';
import { isWeb } from './intercept.ts';
import { Operation, timeLimit } from './operation.ts';
import { restoreItems } from './origin.ts';
import { answer } from './page/script.ts';
import { readAnswer } from './page-answer.ts';
import { captureCookies, cookieDocument, restoreCookies } from './page-cookies.ts';
import { ownStorageKey } from './page-place.ts';
import type { PageWorld } from './page-world.ts';
import type { ReportEntry } from './report.ts';
import { liveSession, restoreLive, tabPlace } from './restore.ts';
import { placeOf, withoutBucket } from './storage-key.ts';
import { TabIds } from './tab-ids.ts';
import { frameEntries } from './unread-frames.ts';

/** What a restore in the page leaves. */
export interface PageTarget {
  /** The session's tab that this document has become, at whose address it stands now: `location.reload()` loads it. Null where none is of this origin. */
  readonly tabId: string | null;
}

/**
 * A driver for this document. A restore replaces the storage of its origin, sets the cookies that script may set, and gives this tab the address,
 * `window.name`, `history.state` and sessionStorage of the session's tab: the one at this address, else the first of this origin. Do it before the site's own code
 * holds databases open, and reload afterwards.
 *
 * Both reject with `ADAPTER_UNSUPPORTED` outside of a page, in a document without an origin of the web, and in a frame inside another origin.
 */
export function page(): Driver<PageTarget> {
  const tabIds = new TabIds<Handle>();
  return {
    name: TOOL,
    capture: async (options = {}) => capturePage(tabIds, options),
    restore: async (session, options = {}) => restorePage(tabIds, session, options),
  };
}

const TOOL = 'page';

/** The one page there is. */
type Handle = 'here';

async function capturePage(tabIds: TabIds<Handle>, options: CaptureOptions): Promise<CaptureResult> {
  const key = ownStorageKey();
  const entries: ReportEntry[] = [
    {
      outcome: 'notice',
      kind: 'cookie',
      place: key.origin,
      reason: 'script is shown no HttpOnly cookies, none of other hosts and paths, and neither priority nor source of the others',
    },
    { outcome: 'notice', kind: 'origin', place: key.origin, reason: 'script sees its own origin only' },
    { outcome: 'notice', kind: 'tab', place: key.origin, reason: 'script sees its own tab only, and no frames in shadow trees' },
  ];
  const timeoutMs = timeLimit(options);
  const world = ownWorld(key.origin, timeoutMs);
  entries.push(...frameEntries(await world.call('listFrames'), key.origin, 'script of this page'));
  const port = ownPort(key, world, tabIds, () => withDeadline(captureCookies(entries, cookieDocument()), timeoutMs, 'reading cookies'));
  const { session, report } = await capture(port, { ...options, cookieOrigins: false });
  return {
    session: { ...session, coverage: { ...session.coverage, cookies: 'partial', tabs: 'partial' } },
    report: { ...report, entries: [...entries, ...report.entries] },
  };
}

async function restorePage(tabIds: TabIds<Handle>, session: Session, options: RestoreOptions): Promise<RestoreResult<PageTarget>> {
  const key = ownStorageKey();
  const world = ownWorld(key.origin, timeLimit(options));
  const port = ownPort(key, world, tabIds, async () => []);
  const operation = new Operation(port, options);
  const live = liveSession(operation, session, options);
  operation.progress('cookies', 0, live.cookies.length);
  const cookies = await restoreCookies(operation, live.cookies, cookieDocument());
  operation.progress('cookies', live.cookies.length, live.cookies.length);
  const storage = live.storage.filter((one) => isHere(key, one.key));
  for (const other of live.storage) if (!storage.includes(other)) leaveOut(operation, 'origin', placeOf(other.key));
  const own = await restoreLive(operation, { ...live, cookies: [], storage, tabs: [] }, options);

  const tab = ownTab(live.tabs, key.origin);
  for (const other of live.tabs) if (other !== tab) leaveOut(operation, 'tab', tabPlace(other));
  operation.progress('tabs', 0, 1);
  const items = await operation.part({ outcome: 'lost', kind: 'tab', place: key.origin }, async () =>
    tab === null ? null : becomeTab(operation, world, key, tab, options.existing === 'keep' || isPartOf(session, tab)),
  );
  if (tab !== null && items !== null) tabIds.assign('here', tab.id);
  operation.progress('tabs', 1, 1);
  return {
    target: { tabId: items === null ? null : (tab?.id ?? null) },
    report: {
      counts: { ...own.report.counts, cookies, sessionStorage: items ?? 0, tabs: items === null ? 0 : 1 },
      entries: operation.entries,
    },
  };
}

function leaveOut(operation: Operation, kind: 'origin' | 'tab', place: string): void {
  const reason = kind === 'tab' ? 'script restores its own tab only' : 'script restores its own origin only';
  operation.entries.push({ outcome: 'lost', kind, place, reason, code: 'ADAPTER_UNSUPPORTED' });
}

/** Whether a key is this document's, or that of a bucket beside it. */
function isHere(key: StorageKey, other: StorageKey): boolean {
  return storageKeyIdentity(withoutBucket(other)) === storageKeyIdentity(key);
}

function ownTab(tabs: readonly Tab[], origin: string): Tab | null {
  const own = tabs.filter(({ url }) => isWeb(url) && URL.canParse(url) && new URL(url).origin === origin);
  return own.find(({ url }) => url === location.href) ?? own[0] ?? null;
}

/** Whether only some of the sessionStorage of a tab was chosen. */
function isPartOf({ tabs }: Session, { id, sessionStorage }: Tab): boolean {
  const count = (stored: Tab['sessionStorage'] = []): number => stored.reduce((sum, { items }) => sum + items.length, 0);
  return count(sessionStorage) < count(tabs.find((tab) => tab.id === id)?.sessionStorage);
}

/** Gives this tab what a tab of the session keeps; how many items of sessionStorage are there as captured. */
async function becomeTab(operation: Operation, world: PageWorld, key: StorageKey, tab: Tab, isAdded: boolean): Promise<number> {
  const { origin } = key;
  const stored = tab.sessionStorage.find((one) => isHere(key, one.key));
  for (const other of tab.sessionStorage) {
    if (other === stored) continue;
    const reason = 'script restores its own storage only';
    operation.entries.push({ outcome: 'lost', kind: 'sessionStorage', place: placeOf(other.key), reason, code: 'ADAPTER_UNSUPPORTED' });
  }
  const items = await restoreItems(operation, world, 'sessionStorage', origin, stored?.items ?? [], isAdded);
  await writeEntry(operation, world, tab, origin);
  return items;
}

/** Makes the history entry that is shown the tab's current one. Others cannot be made without leaving the document. */
async function writeEntry(operation: Operation, world: PageWorld, { url, history, windowName = '' }: Tab, place: string): Promise<void> {
  const say = (outcome: 'lost' | 'altered', kind: 'history' | 'windowName', reason: string): void => {
    operation.entries.push({ outcome, kind, place, reason });
  };
  const others = (history?.entries.length ?? 1) - 1;
  if (others > 0) say('lost', 'history', `${others} other entries: script cannot make them without leaving the page`);
  const state = await history?.entries[history.index]?.state?.bytes();
  const written = state === undefined ? null : encodeBase64Text(state);
  await world.call('renameEntry', url);
  const missing = await world.call('writeTab', windowName, null, written);
  if (missing.length > 0) say('lost', 'history', `this browser cannot make its ${missing.join(', ')}`);
  const read = await world.call('readTab');
  if (missing.length === 0 && read.state !== written) say('altered', 'history', 'history.state reads back differently');
  if (read.shown.url !== url) say('altered', 'history', 'its address reads back differently');
  if (read.name !== windowName) say('altered', 'windowName', 'it reads back differently');
}

/** Our functions, called as they are: this is the document that they are for. */
function ownWorld(place: string, timeoutMs: number): PageWorld {
  return {
    call: async (name, ...args) => readAnswer(await withDeadline(answer(name, args), timeoutMs, name), name, place) as never,
  };
}

/** This document as a browser that has one page and can open none. Cookies are set by script, and are none of its. */
function ownPort(
  key: StorageKey,
  world: PageWorld,
  tabIds: TabIds<Handle>,
  readCookies: () => Promise<readonly Cookie[]>,
): BrowserPort<Handle> {
  const standing = { session: null, world, storageKey: '' };
  const refuse = (reason: string): never => {
    throw new PspError('ADAPTER_UNSUPPORTED', reason);
  };
  const here: BrowserPage<Handle> = {
    session: null,
    handle: 'here',
    url: location.href,
    frames: async () => ({
      frames: [{ isTop: true, origin: key.origin, session: null, storageKey: async () => ({ key, name: '' }), enter: async () => world }],
      stop: async () => undefined,
    }),
    intercept: async () => ({
      answer: null,
      stand: async (other) => (isHere(key, other) ? standing : refuse('script sees its own origin only')),
      walk: async () => refuse('script does not leave its page'),
      walkBack: async () => refuse('script does not leave its page'),
      release: async () => undefined,
    }),
    release: async () => undefined,
    close: async () => undefined,
  };
  return {
    tool: TOOL,
    browser: null,
    browserContextId: undefined,
    tabIds,
    product: async () => productOf(navigator.userAgent),
    readCookies,
    writeCookies: async () => [],
    keepable: (cookie) => cookie,
    authenticators: null,
    setPermission: null,
    pages: async () => [here],
    newPage: async () => here,
    workPage: async () => here,
    isClosed: () => false,
  };
}

/** Product and version of the browser, as its user agent string says: `Chrome/156.0.0.0`. */
function productOf(userAgent: string): string {
  return /(?:Firefox|Edg|OPR|Chrome)\/[\d.]+/.exec(userAgent)?.[0] ?? userAgent;
}
