/**
 * Restore into any Chromium port. Order: cookies, then the storage of each origin (in one intercepted tab), then the tabs with their
 * sessionStorage, and a look at the cookies last. Everything that was written is read back; only what reads back right is counted.
 */
import { withoutExpired } from '../session/expiry.ts';
import { cookieIdentity } from '../session/identity.ts';
import { listMembers, type Member, type MemberKind } from '../session/member.ts';
import type { Cookie, OriginStorage, Session, Tab } from '../session/session.ts';
import type { ChromiumPort, OpenPage } from './chromium-port.ts';
import { fromCdpCookie, toCdpCookie } from './cookies.ts';
import type { RestoreOptions } from './driver.ts';
import { restoreHistory } from './history.ts';
import { interceptPage, isWeb } from './intercept.ts';
import { Operation } from './operation.ts';
import { type RestoredOrigin, restoreItems, restoreOrigin } from './origin.ts';
import { cookiePlace, type Report, type StateKind } from './report.ts';
import { placeOf } from './storage-key.ts';

/** A tab that was opened for a tab of the session. */
export interface RestoredTab<Handle> {
  readonly tabId: string;
  readonly handle: Handle;
}

/** Restores `session` into what `port` shows. Failures and guarantees: {@link Driver}. */
export async function restoreChromium<Handle>(
  port: ChromiumPort<Handle>,
  session: Session,
  options: RestoreOptions,
): Promise<{ pages: readonly RestoredTab<Handle>[]; report: Report }> {
  const operation = new Operation(port, options);
  const { cookies, storage: origins, tabs } = liveSession(operation, session);
  operation.progress('cookies', 0, cookies.length);
  await setCookies(operation, cookies);
  operation.progress('cookies', cookies.length, cookies.length);

  const storage = await restoreStorage(operation, origins);
  const pages: RestoredTab<Handle>[] = [];
  let sessionItems = 0;
  for (const [index, tab] of tabs.entries()) {
    operation.progress('tabs', index, tabs.length);
    const restored = await operation.part({ outcome: 'lost', kind: 'tab', place: tabPlace(tab) }, () => restoreTab(operation, tab));
    if (restored === null) continue;
    port.tabIds.assign(restored.handle, tab.id);
    pages.push({ tabId: tab.id, handle: restored.handle });
    sessionItems += restored.items;
  }
  operation.progress('tabs', tabs.length, tabs.length);
  const rightCookies = await verifyCookies(operation, cookies);

  const sum = (count: (origin: RestoredOrigin) => number): number => storage.reduce((total, origin) => total + count(origin), 0);
  const counts = {
    cookies: rightCookies,
    localStorage: sum(({ localStorage }) => localStorage),
    sessionStorage: sessionItems,
    databases: sum(({ databases }) => databases),
    records: sum(({ records }) => records),
    cacheEntries: sum(({ cacheEntries }) => cacheEntries),
    files: sum(({ files }) => files),
    tabs: pages.length,
    origins: storage.length,
  };
  return { pages, report: { counts, entries: operation.entries } };
}

/** What of `session` has not expired by the clock of the operation. Each member that has is an entry of the report. */
function liveSession(operation: Operation, session: Session): Session {
  const { session: live, expired } = withoutExpired(session, operation.now());
  if (expired.length === 0) return live;
  const members = new Map(listMembers(session).map((member) => [member.pointer, member]));
  for (const { pointer } of expired) {
    const member = members.get(pointer) as Member;
    const kind = STATE_KINDS[member.kind];
    if (kind === null) continue;
    operation.entries.push({ outcome: 'skipped', kind, place: memberPlace(session, member), reason: 'it has expired' });
  }
  return live;
}

/** Null for what a restore does not carry, and for the session, whose members are all named. */
const STATE_KINDS: Readonly<Record<MemberKind, StateKind | null>> = {
  session: null,
  cookie: 'cookie',
  origin: 'origin',
  localStorage: 'localStorage',
  sessionStorage: 'sessionStorage',
  indexedDB: 'indexedDB',
  cache: 'cacheStorage',
  serviceWorker: 'serviceWorker',
  file: 'fileSystem',
  tab: 'tab',
  permission: null,
  passkey: null,
};

function memberPlace(session: Session, { kind, pointer, origin, name }: Member): string {
  const index = Number(pointer.slice(pointer.lastIndexOf('/') + 1));
  if (kind === 'cookie') return cookiePlace(session.cookies[index] as Cookie);
  if (kind === 'tab') return tabPlace(session.tabs[index] as Tab);
  return kind === 'origin' || name === '' ? `${origin}` : `${origin} ${name}`;
}

/** Sets all cookies in one call; a refusal says nothing of which one, so the halves are tried until the refused ones stand alone. */
async function setCookies(operation: Operation<unknown>, cookies: readonly Cookie[]): Promise<void> {
  if (cookies.length === 0) return;
  const { port } = operation;
  const { browserContextId } = port;
  const context = browserContextId === undefined ? {} : { browserContextId };
  try {
    await port.browser.send('Storage.setCookies', { cookies: cookies.map(toCdpCookie), ...context });
  } catch (error) {
    operation.rethrowIfOver(error);
    const [first] = cookies;
    if (cookies.length === 1 && first !== undefined) {
      operation.entries.push({
        outcome: 'lost',
        kind: 'cookie',
        place: cookiePlace(first),
        reason: 'the browser refused it',
        code: 'ADAPTER_PROTOCOL',
      });
      return;
    }
    const half = Math.ceil(cookies.length / 2);
    await setCookies(operation, cookies.slice(0, half));
    await setCookies(operation, cookies.slice(half));
  }
}

async function restoreStorage(operation: Operation, origins: readonly OriginStorage[]): Promise<RestoredOrigin[]> {
  const restored: RestoredOrigin[] = [];
  for (const [index, storage] of origins.entries()) {
    operation.progress('storage', index, origins.length);
    const done = await operation.part({ outcome: 'lost', kind: 'origin', place: placeOf(storage.key) }, () =>
      onOwnPage(operation.port, async (page) => {
        const intercepted = await interceptPage(page, operation.timeoutMs);
        const standing = await intercepted.stand(storage.key);
        await page.session.send('Storage.clearDataForStorageKey', {
          storageKey: standing.storageKey,
          storageTypes: 'local_storage,indexeddb',
        });
        return restoreOrigin(operation, standing, storage, intercepted.answer);
      }),
    );
    if (done !== null) restored.push(done);
  }
  operation.progress('storage', origins.length, origins.length);
  return restored;
}

async function onOwnPage<T>(port: ChromiumPort<unknown>, work: (page: OpenPage<unknown>) => Promise<T>): Promise<T> {
  const page = await port.newPage();
  try {
    return await work(page);
  } finally {
    // A page that is gone already needs no closing; why it went shows in `work`.
    await Promise.allSettled([page.close()]);
  }
}

/** Opens a tab, fills its sessionStorage and leaves it on an empty page at its URL, ready to be reloaded. */
async function restoreTab<Handle>(operation: Operation<Handle>, tab: Tab): Promise<{ handle: Handle; items: number }> {
  const page = await operation.port.newPage();
  let kept = false;
  try {
    const intercepted = await interceptPage(page, operation.timeoutMs);
    let items = 0;
    for (const { key, items: captured } of tab.sessionStorage) {
      const place = placeOf(key);
      const right = await operation.part({ outcome: 'lost', kind: 'sessionStorage', place }, async () => {
        const { world } = await intercepted.stand(key);
        return restoreItems(operation, world, 'sessionStorage', place, captured);
      });
      items += right ?? 0;
    }
    await restoreHistory(operation, page.session, intercepted, tab, tabPlace(tab));
    await intercepted.release();
    await page.release();
    kept = true;
    return { handle: page.handle, items };
  } finally {
    if (!kept) await Promise.allSettled([page.close()]);
  }
}

/** A tab's path and query may be as secret as a token: its origin is all that a report names. */
function tabPlace({ url }: Tab): string {
  if (!URL.canParse(url)) return 'an address that is none';
  return isWeb(url) ? new URL(url).origin : new URL(url).protocol;
}

async function verifyCookies(operation: Operation, cookies: readonly Cookie[]): Promise<number> {
  operation.progress('verify', 0, 1);
  const { port } = operation;
  const { browserContextId } = port;
  const read = await port.browser.send('Storage.getCookies', browserContextId === undefined ? {} : { browserContextId });
  const found = new Map(
    read.cookies
      .map(fromCdpCookie)
      .filter((cookie) => cookie !== null)
      .map((cookie) => [cookieIdentity(cookie), cookie]),
  );
  const refused = new Set(
    operation.entries.filter(({ kind, outcome }) => kind === 'cookie' && outcome === 'lost').map(({ place }) => place),
  );
  let right = 0;
  for (const cookie of cookies) {
    const place = cookiePlace(cookie);
    const there = found.get(cookieIdentity(cookie));
    const difference = there === undefined ? null : differingMember(cookie, there);
    if (there !== undefined && difference === null) right++;
    else if (there !== undefined) {
      operation.entries.push({ outcome: 'altered', kind: 'cookie', place, reason: `its ${difference} reads back differently` });
    } else if (!refused.has(place)) {
      operation.entries.push({ outcome: 'lost', kind: 'cookie', place, reason: 'the browser did not keep it' });
    }
  }
  operation.progress('verify', 1, 1);
  return right;
}

const COMPARED = ['value', 'secure', 'httpOnly', 'sameSite', 'expiresAt', 'priority', 'sourceScheme', 'sourcePort'] as const;

/** The first member of `expected` that `found` does not have. A member that was never captured is not compared. */
function differingMember(expected: Cookie, found: Cookie): string | null {
  return COMPARED.find((member) => expected[member] !== undefined && expected[member] !== found[member]) ?? null;
}
