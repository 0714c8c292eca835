/**
 * The session history of a tab, with `window.name` and `history.state`. The browser tells the address of every entry, and the state of the one that is
 * shown: a tab of the user's is not navigated to see the others, unless that is asked for. A restore walks an intercepted tab along the addresses, and gives each
 * entry its state. Without the DevTools protocol there is what the document says of itself: the entry that is shown, and how many there are.
 */
import { PspError } from '../errors.ts';
import { decodeBase64Text, encodeBase64Text } from '../kernel/text.ts';
import { VALUE_MEDIA_TYPE } from '../session/clone/records.ts';
import { type HistoryEntry, section, type Tab, type TabHistory } from '../session/session.ts';
import { type InterceptedPage, isTabAddress, isWeb } from './intercept.ts';
import type { Operation } from './operation.ts';
import type { ShownEntry } from './page/tab.ts';
import type { PageWorld } from './page-world.ts';
import type { DevToolsSession } from './protocol.ts';

/** Reads what {@link restoreHistory} writes. What of it cannot be had is an entry of the report at `place`. Without DevTools only the entry that is shown can. */
export async function captureHistory(
  operation: Operation,
  session: DevToolsSession | null,
  world: PageWorld,
  withStates: boolean,
  place: string,
): Promise<Pick<Tab, 'history' | 'windowName'>> {
  const { name, state, unportable, shown, navigationStates, hasOpener } = await world.call('readTab');
  const say = (outcome: 'lost' | 'uncarried' | 'notice', reason: string): void => {
    operation.entries.push({ outcome, kind: 'history', place, reason });
  };
  if (hasOpener) {
    const reason = 'the tab that opened it, which it can reach by window.opener: this version does not carry that';
    operation.entries.push({ outcome: 'uncarried', kind: 'tab', place, reason });
  }
  if (navigationStates > 0)
    say('uncarried', `${navigationStates} entries have a state of the Navigation API, which this version does not carry`);
  const { currentIndex, entries, untold } = await listEntries(session, shown);
  if (untold > 0) say('uncarried', `${untold} other history entries are not told by the browser`);
  const carried = entries.map(({ url }) => isTabAddress(url));
  const left = carried.filter((isOne) => !isOne).length;
  if (left > 0) say('notice', `${left} history entries are neither http nor https`);
  const states = new Map<number, FoundState>([[currentIndex, { state, unportable }]]);
  if (withStates && session !== null) await readOtherStates(operation, session, world, place, { currentIndex, entries }, states);
  for (const { unportable: classes } of states.values()) {
    if (classes.length > 0) say('lost', `history.state holds a ${classes.join(', ')}, which is not carried`);
  }
  const others = carried.filter((isOne, index) => isOne && !states.has(index)).length;
  if (others > 0) say('uncarried', `a state of ${others} other history entries, if they have one, is not told by the browser`);
  const kept = entries.flatMap(({ url, title }, index): HistoryEntry[] => {
    if (!carried[index]) return [];
    const found = states.get(index);
    const text = found?.unportable.length === 0 ? found.state : null;
    return [
      { url, ...(title === '' ? {} : { title }), ...(text === null ? {} : { state: section(decodeBase64Text(text), VALUE_MEDIA_TYPE) }) },
    ];
  });
  const index = carried.slice(0, currentIndex).filter((isOne) => isOne).length;
  return { ...(kept.length === 0 ? {} : { history: { index, entries: kept } }), ...(name === '' ? {} : { windowName: name }) };
}

/** `history.state` of an entry, in Base64 as it crosses; null for null. */
interface FoundState {
  readonly state: string | null;
  readonly unportable: readonly string[];
}

/** Adds to `states` those that the document can go to and see, while the page's scripts stand still. */
async function readOtherStates(
  operation: Operation,
  session: DevToolsSession,
  world: PageWorld,
  place: string,
  { currentIndex, entries }: Pick<ListedEntries, 'currentIndex' | 'entries'>,
  states: Map<number, FoundState>,
): Promise<void> {
  await operation.part({ outcome: 'lost', kind: 'history', place }, async () => {
    await session.send('Emulation.setScriptExecutionDisabled', { value: true });
    try {
      for (const { offset, url, ...found } of await world.call('readNearStates')) {
        // What the browser lists and what the document sees differ where frames had entries.
        if (entries[currentIndex + offset]?.url === url) states.set(currentIndex + offset, found);
      }
    } finally {
      await session.send('Emulation.setScriptExecutionDisabled', { value: false });
    }
  });
}

interface ListedEntries {
  readonly currentIndex: number;
  readonly entries: readonly { readonly url: string; readonly title: string }[];
  /** How many more there are. */
  readonly untold: number;
}

async function listEntries(session: DevToolsSession | null, { url, title, entries }: ShownEntry): Promise<ListedEntries> {
  if (session === null) return { currentIndex: 0, entries: [{ url, title }], untold: entries - 1 };
  return { ...(await session.send('Page.getNavigationHistory', {})), untold: 0 };
}

/**
 * Walks `page`, whose requests are answered here, along the history of `tab`, and leaves it at its current entry. What is not as captured then is reported.
 * Without DevTools an entry that stood in the tab before stays where the browser keeps one.
 */
export async function restoreHistory(
  operation: Operation,
  session: DevToolsSession | null,
  page: InterceptedPage,
  tab: Tab,
  place: string,
): Promise<void> {
  const { index, entries } = await withoutWorkers(operation, page, historyOf(operation, tab, place), place);
  let world: PageWorld | null = null;
  for (const [at, { url, title, state }] of entries.entries()) {
    world = await walkOn(page, entries[at - 1]?.url, url);
    // What stood in this tab before belongs to the restore, not to the tab.
    if (at === 0) await session?.send('Page.resetNavigationHistory', {});
    // The entry that stays in sight is written last, in the document that stays.
    if (at === index) await world.call('writeTab', null, title ?? null, null);
    else await writeState(operation, world, title ?? null, state, place);
  }
  if (index < entries.length - 1) world = await page.walkBack(index);
  const { url, state } = entries[index]!;
  if (world === null || !isWeb(url)) throw new PspError('SESSION_INVALID', 'a tab stands on an address that is neither http nor https');
  await world.call('writeTab', tab.windowName ?? null, null, null);
  await writeState(operation, world, null, state, place);
  await verifyHistory(operation, session, world, { index, entries }, tab.windowName ?? '', place);
}

/** Gives the entry that is shown its state and its title, and reads the state back. */
async function writeState(
  operation: Operation,
  world: PageWorld,
  title: string | null,
  state: HistoryEntry['state'],
  place: string,
): Promise<void> {
  const written = state === undefined ? null : encodeBase64Text(await state.bytes());
  const missing = await world.call('writeTab', null, title, written);
  if (missing.length > 0) {
    operation.entries.push({ outcome: 'lost', kind: 'history', place, reason: `this browser cannot make its ${missing.join(', ')}` });
  } else if ((await world.call('readTab')).state !== written) {
    operation.entries.push({ outcome: 'altered', kind: 'history', place, reason: 'history.state reads back differently' });
  }
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

/** Without the entries that a service worker would answer in our place. Where that is the one that is shown, the tab cannot be opened. */
async function withoutWorkers(operation: Operation, page: InterceptedPage, history: TabHistory, place: string): Promise<TabHistory> {
  if (page.refuseWorkers === undefined) return history;
  const shown = history.entries[history.index]!;
  const entries: HistoryEntry[] = [];
  for (const entry of history.entries) {
    const asking = async (): Promise<true> => {
      await page.refuseWorkers?.(entry.url);
      return true;
    };
    const isFree = entry === shown ? await asking() : await operation.part({ outcome: 'lost', kind: 'history', place }, asking);
    if (isFree === true) entries.push(entry);
  }
  return { index: entries.indexOf(shown), entries };
}

async function verifyHistory(
  operation: Operation,
  session: DevToolsSession | null,
  world: PageWorld,
  { index, entries }: TabHistory,
  windowName: string,
  place: string,
): Promise<void> {
  const { name, shown } = await world.call('readTab');
  const found = await listEntries(session, shown);
  const isSame =
    session === null
      ? shown.url === entries[index]?.url && shown.entries === entries.length
      : found.currentIndex === index && found.entries.map(({ url }) => url).join('\n') === entries.map(({ url }) => url).join('\n');
  if (!isSame) operation.entries.push({ outcome: 'altered', kind: 'history', place, reason: 'its entries read back differently' });
  if (name !== windowName) operation.entries.push({ outcome: 'altered', kind: 'windowName', place, reason: 'it reads back differently' });
}
