/**
 * The session history of a tab, with `window.name` and `history.state`. The browser tells the address of every entry, and the state of the one that is
 * shown: a tab of the user's is not navigated to see the others. A restore walks an intercepted tab along the addresses.
 */
import { PspError } from '../errors.ts';
import { decodeBase64Text, encodeBase64Text } from '../kernel/text.ts';
import { VALUE_MEDIA_TYPE } from '../session/clone/records.ts';
import { type HistoryEntry, section, type Tab, type TabHistory } from '../session/session.ts';
import { type InterceptedPage, isTabAddress, isWeb } from './intercept.ts';
import type { Operation } from './operation.ts';
import type { PageWorld } from './page-world.ts';
import type { DevToolsSession } from './protocol.ts';

/** Reads what {@link restoreHistory} writes. What of it cannot be had is an entry of the report at `place`. */
export async function captureHistory(
  operation: Operation,
  session: DevToolsSession,
  world: PageWorld,
  place: string,
): Promise<Pick<Tab, 'history' | 'windowName'>> {
  const { name, state, unportable } = await world.call('readTab');
  if (unportable.length > 0) {
    const reason = `history.state holds a ${unportable.join(', ')}, which is not carried`;
    operation.entries.push({ outcome: 'lost', kind: 'history', place, reason });
  }
  const { currentIndex, entries } = await session.send('Page.getNavigationHistory', {});
  const carried = entries.map(({ url }) => isTabAddress(url));
  const left = carried.filter((isOne) => !isOne).length;
  if (left > 0) {
    const reason = `${left} history entries are neither http nor https`;
    operation.entries.push({ outcome: 'notice', kind: 'history', place, reason });
  }
  const others = carried.filter((isOne, index) => isOne && index !== currentIndex).length;
  if (others > 0) {
    const reason = `a state of ${others} other history entries, if they have one, is not told by the browser`;
    operation.entries.push({ outcome: 'uncarried', kind: 'history', place, reason });
  }
  const kept = entries.flatMap(({ url, title }, index): HistoryEntry[] => {
    if (!carried[index]) return [];
    const current = index === currentIndex && state !== null && unportable.length === 0;
    return [{ url, ...(title === '' ? {} : { title }), ...(current ? { state: section(decodeBase64Text(state), VALUE_MEDIA_TYPE) } : {}) }];
  });
  const index = carried.slice(0, currentIndex).filter((isOne) => isOne).length;
  return { ...(kept.length === 0 ? {} : { history: { index, entries: kept } }), ...(name === '' ? {} : { windowName: name }) };
}

/** Walks `page`, whose requests are answered here, along the history of `tab`, and leaves it at its current entry. What is not as captured then is reported. */
export async function restoreHistory(
  operation: Operation,
  session: DevToolsSession,
  page: InterceptedPage,
  tab: Tab,
  place: string,
): Promise<void> {
  const { index, entries } = historyOf(operation, tab, place);
  let world: PageWorld | null = null;
  for (const [at, { url, title }] of entries.entries()) {
    world = await walkOn(page, entries[at - 1]?.url, url);
    // What stood in this tab before belongs to the restore, not to the tab.
    if (at === 0) await session.send('Page.resetNavigationHistory', {});
    if (title !== undefined) await world.call('writeTab', null, title, null);
  }
  if (index < entries.length - 1) world = await page.walkBack(index);
  const { url, state } = entries[index]!;
  if (world === null || !isWeb(url)) throw new PspError('SESSION_INVALID', 'a tab stands on an address that is neither http nor https');
  const missing = await world.call(
    'writeTab',
    tab.windowName ?? null,
    null,
    state === undefined ? null : encodeBase64Text(await state.bytes()),
  );
  if (missing.length > 0) {
    operation.entries.push({ outcome: 'lost', kind: 'history', place, reason: `this browser cannot make its ${missing.join(', ')}` });
  }
  await verifyHistory(operation, session, world, { index, entries }, tab.windowName ?? '', missing.length > 0, place);
}

/** One entry further. To go where a tab stands already would replace its entry, so it goes elsewhere and changes the address there. */
async function walkOn(page: InterceptedPage, from: string | undefined, url: string): Promise<PageWorld> {
  if (from !== url || !isWeb(url)) return page.walk(url);
  const world = await page.walk(`${new URL(url).origin}/?${crypto.randomUUID()}`);
  await world.call('renameEntry', url);
  return world;
}

/** What can be opened of the history. A tab that has none of it has the entry that it shows. */
function historyOf(operation: Operation, { history, url }: Tab, place: string): TabHistory {
  const shown = history?.entries[history.index];
  if (history === undefined || shown === undefined || !isWeb(shown.url)) return { index: 0, entries: [{ url }] };
  const entries = history.entries.filter((entry) => isTabAddress(entry.url));
  if (entries.length < history.entries.length) {
    const reason = `${history.entries.length - entries.length} entries have addresses that cannot be opened`;
    operation.entries.push({ outcome: 'lost', kind: 'history', place, reason });
  }
  return { index: entries.indexOf(shown), entries };
}

async function verifyHistory(
  operation: Operation,
  session: DevToolsSession,
  world: PageWorld,
  { index, entries }: TabHistory,
  windowName: string,
  stateIsLost: boolean,
  place: string,
): Promise<void> {
  const found = await session.send('Page.getNavigationHistory', {});
  const { name, state } = await world.call('readTab');
  const expectedState = stateIsLost ? undefined : await entries[index]?.state?.bytes();
  if (found.currentIndex !== index || found.entries.map(({ url }) => url).join('\n') !== entries.map(({ url }) => url).join('\n')) {
    operation.entries.push({ outcome: 'altered', kind: 'history', place, reason: 'its entries read back differently' });
  }
  if (state !== (expectedState === undefined ? null : encodeBase64Text(expectedState))) {
    operation.entries.push({ outcome: 'altered', kind: 'history', place, reason: 'history.state reads back differently' });
  }
  if (name !== windowName) operation.entries.push({ outcome: 'altered', kind: 'windowName', place, reason: 'it reads back differently' });
}
