/**
 * Restore into any browser. Order: cookies, then the storage of each origin (in intercepted tabs), then the tabs with their
 * sessionStorage, and a look at the cookies last. Everything that was written is read back; only what reads back right is counted.
 */
import { withoutExpired } from '../session/expiry.ts';
import { cookieIdentity } from '../session/identity.ts';
import { listMembers, type Member, type MemberKind } from '../session/member.ts';
import type { Cookie, Session, Tab } from '../session/session.ts';
import type { BrowserPort } from './browser-port.ts';
import { withCallsAhead } from './calls-ahead.ts';
import { choose } from './choice.ts';
import { misplaced } from './cookie-order.ts';
import type { RestoreOptions } from './driver.ts';
import { restoreHistory } from './history.ts';
import { isWeb } from './intercept.ts';
import { Operation } from './operation.ts';
import { firstRestoreCalls, restoreItems, restoreOrigin } from './origin.ts';
import { parkPages } from './parking.ts';
import { restoreAllPasskeys } from './passkeys.ts';
import { restorePermissions } from './permissions.ts';
import { cookiePlace, type Report, type StateKind } from './report.ts';
import { placesOf, type RestoredPlace, type StoredPlace } from './restored-place.ts';
import { restoreWorkers } from './restored-workers.ts';
import { placeOf } from './storage-key.ts';
import { eachOrigin } from './tab-pool.ts';

/** A tab that was opened for a tab of the session. */
export interface RestoredTab<Handle> {
  readonly tabId: string;
  readonly handle: Handle;
}

/** What a restore opened, and what it says about itself. */
export interface Restored<Handle> {
  readonly pages: readonly RestoredTab<Handle>[];
  readonly report: Report;
}

/** Restores `session` into what `port` shows. Failures and guarantees: {@link Driver}. */
export async function restore<Handle>(port: BrowserPort<Handle>, session: Session, options: RestoreOptions): Promise<Restored<Handle>> {
  const operation = new Operation(port, options);
  return restoreLive(operation, liveSession(operation, session, options), options);
}

/** Restores all of `live`, which {@link liveSession} has given: for a driver that takes something out of that first. */
export async function restoreLive<Handle>(
  operation: Operation<BrowserPort<Handle>>,
  live: Session,
  options: RestoreOptions,
): Promise<Restored<Handle>> {
  const unpark = options.park === false ? null : await parkPages(operation, live.storage);
  try {
    return await restoreAll(operation, live, options);
  } finally {
    await unpark?.();
  }
}

async function restoreAll<Handle>(
  operation: Operation<BrowserPort<Handle>>,
  live: Session,
  options: RestoreOptions,
): Promise<Restored<Handle>> {
  const { cookies, storage: origins, tabs } = live;
  // First, for what their code writes is replaced by what the session holds.
  const serviceWorkers = await restoreWorkers(operation, origins);
  operation.progress('cookies', 0, cookies.length);
  await setCookies(operation, cookies);
  operation.progress('cookies', cookies.length, cookies.length);

  const places = await restorePlaces(operation, placesOf(live, options));
  const pages: RestoredTab<Handle>[] = [];
  let sessionItems = 0;
  for (const [index, tab] of tabs.entries()) {
    operation.progress('tabs', index, tabs.length);
    const restored = await operation.part({ outcome: 'lost', kind: 'tab', place: tabPlace(tab) }, () => restoreTab(operation, tab));
    if (restored === null) continue;
    operation.port.tabIds.assign(restored.handle, tab.id);
    pages.push({ tabId: tab.id, handle: restored.handle });
    sessionItems += restored.items;
  }
  operation.progress('tabs', tabs.length, tabs.length);
  const rightCookies = await verifyCookies(operation, cookies);
  const passkeys = await restoreAllPasskeys(operation, live.credentials ?? [], pages);

  const sum = (count: (place: RestoredPlace) => number): number => places.reduce((total, place) => total + count(place), 0);
  const counts = {
    cookies: rightCookies,
    localStorage: sum(({ localStorage }) => localStorage),
    sessionStorage: sessionItems,
    databases: sum(({ databases }) => databases),
    records: sum(({ records }) => records),
    cacheEntries: sum(({ cacheEntries }) => cacheEntries),
    files: sum(({ files }) => files),
    serviceWorkers,
    permissions: sum(({ permissions }) => permissions),
    passkeys,
    tabs: pages.length,
    origins: sum(({ origins: restored }) => restored),
  };
  return { pages, report: { counts, entries: operation.entries } };
}

/** What of `session` is asked for and has not expired by the clock of the operation. Each member that has expired is an entry of the report. */
export function liveSession(operation: Operation, whole: Session, options: RestoreOptions): Session {
  const session = choose(whole, options);
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
  permission: 'permission',
  passkey: 'passkey',
};

function memberPlace(session: Session, { kind, pointer, origin, name }: Member): string {
  const index = Number(pointer.slice(pointer.lastIndexOf('/') + 1));
  if (kind === 'cookie') return cookiePlace(session.cookies[index] as Cookie);
  if (kind === 'tab') return tabPlace(session.tabs[index] as Tab);
  return kind === 'origin' || name === '' ? `${origin}` : `${origin} ${name}`;
}

async function setCookies(operation: Operation<BrowserPort<unknown>>, cookies: readonly Cookie[]): Promise<void> {
  const refused = await operation.port.writeCookies(cookies);
  for (const cookie of refused) {
    const place = cookiePlace(cookie);
    operation.entries.push({ outcome: 'lost', kind: 'cookie', place, reason: 'the browser refused it', code: 'ADAPTER_PROTOCOL' });
  }
}

async function restorePlaces(operation: Operation<BrowserPort<unknown>>, places: readonly StoredPlace[]): Promise<RestoredPlace[]> {
  const { setPermission } = operation.port;
  const keys = places.map(({ stored }) => stored.key);
  const restored = await eachOrigin(operation, operation.tabs, keys, async (own, standing, index, { answer }) => {
    const { stored, permissions, isWhole } = places[index]!;
    const isAsked = standing.isInFrame !== true && (isWhole || permissions.length > 0);
    const calls = firstRestoreCalls(stored, isAsked);
    const at = { ...standing, world: await withCallsAhead(standing.world, calls, placeOf(stored.key), own.timeoutMs) };
    if (at.isInFrame === true && permissions.length > 0) {
      const reason = 'no page of the origin could be opened beside its service worker';
      own.entries.push({ outcome: 'lost', kind: 'permission', place: stored.key.origin, reason });
    }
    // First: a bucket can only be kept for good where the page may have that.
    const right = isAsked ? await restorePermissions(own, setPermission, at.world, stored.key.origin, permissions, isWhole) : 0;
    return { ...(await restoreOrigin(own, at, stored, answer)), permissions: right };
  });
  return restored.filter((place) => place !== null);
}

/** Opens a tab, fills its sessionStorage and leaves it on an empty page at its URL, ready to be reloaded. */
async function restoreTab<Handle>(operation: Operation<BrowserPort<Handle>>, tab: Tab): Promise<{ handle: Handle; items: number }> {
  const page = await operation.port.newPage();
  let kept = false;
  try {
    const intercepted = await page.intercept();
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
export function tabPlace({ url }: Tab): string {
  if (!URL.canParse(url)) return 'an address that is none';
  return isWeb(url) ? new URL(url).origin : new URL(url).protocol;
}

async function verifyCookies(operation: Operation<BrowserPort<unknown>>, cookies: readonly Cookie[]): Promise<number> {
  operation.progress('verify', 0, 1);
  const partitions = cookies.flatMap(({ partitionKey }) => (partitionKey === null ? [] : [partitionKey.topLevelSite]));
  const read = await operation.port.readCookies([...new Set(partitions)]);
  const found = new Map(read.filter((cookie) => cookie !== null).map((cookie) => [cookieIdentity(cookie), cookie]));
  const refused = new Set(
    operation.entries.filter(({ kind, outcome }) => kind === 'cookie' && outcome === 'lost').map(({ place }) => place),
  );
  let right = 0;
  for (const cookie of cookies) {
    const place = cookiePlace(cookie);
    const there = found.get(cookieIdentity(cookie));
    const difference = there === undefined ? undefined : differingMembers(operation.port.keepable(cookie), there)[0];
    if (there !== undefined && difference === undefined) right++;
    else if (there !== undefined) {
      operation.entries.push({ outcome: 'altered', kind: 'cookie', place, reason: `its ${difference} reads back differently` });
    } else if (!refused.has(place)) {
      operation.entries.push({ outcome: 'lost', kind: 'cookie', place, reason: 'the browser did not keep it' });
    }
  }
  for (const cookie of misplaced(
    cookies,
    read.filter((one) => one !== null),
  )) {
    const reason = 'a cookie of its name that was set after it is sent before it';
    operation.entries.push({ outcome: 'altered', kind: 'cookie', place: cookiePlace(cookie), reason });
  }
  const dropped = new Set(cookies.flatMap((cookie) => differingMembers(cookie, operation.port.keepable(cookie))));
  if (dropped.size > 0) {
    const reason = `this browser is not given the exact ${[...dropped].join(', ')} of cookies`;
    operation.entries.push({ outcome: 'notice', kind: 'cookie', place: 'all', reason });
  }
  operation.progress('verify', 1, 1);
  return right;
}

const COMPARED = ['value', 'secure', 'httpOnly', 'sameSite', 'expiresAt', 'priority', 'sourceScheme', 'sourcePort'] as const;

/** The members of `expected` that `found` does not have. A member that was never captured is not compared. */
function differingMembers(expected: Cookie, found: Cookie): (typeof COMPARED)[number][] {
  return COMPARED.filter((member) => expected[member] !== undefined && expected[member] !== found[member]);
}
