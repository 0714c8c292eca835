/** What a tab of the hard site keeps besides sessionStorage: its history with states, its name, where it was scrolled to. */
import type { PageCell } from '../cell.ts';
import { shortText } from './short.ts';

interface NavigationEntry {
  readonly url: string;
  getState(): unknown;
}

interface NavigationLike {
  readonly currentEntry: NavigationEntry | null;
  entries(): NavigationEntry[];
  updateCurrentEntry(options: { state: unknown }): void;
}

const navigation = (): NavigationLike | undefined => (globalThis as unknown as { navigation?: NavigationLike }).navigation;
const GROUP = 'history and window.name';

/** Gives the entry that is shown a state, and adds one with another, which is shown from then on. `reportStep` is called between. */
export async function seedHistory(role: string, reportStep: () => Promise<void>): Promise<void> {
  window.name = `${role} \u2603`;
  history.replaceState(new Map<unknown, unknown>([['step', 1n]]), '', `${location.pathname}?step=1`);
  await reportStep();
  history.pushState({ step: 2, at: new Date(Number.NaN), bytes: new Uint8Array([1, 2]) }, '', `${location.pathname}?step=2`);
}

/** As a page sees it. */
export function lookAtTab(): PageCell[] {
  const { state, length } = history;
  return [
    { name: 'window.name', kind: 'windowName', seen: shortText(window.name) },
    { name: 'history.length', seen: String(length) },
    { name: `history.state of ${location.pathname + location.search}`, seen: describeState(state) },
    { name: 'navigation.entries', seen: (navigation()?.entries() ?? []).map(({ url }) => url).join(' ') },
  ].map((cell) => ({ group: GROUP, kind: 'history', ...cell }));
}

/** The state of an entry that is not the tab's last. */
export function lookAtStep(): PageCell[] {
  return [
    { group: GROUP, kind: 'history', name: `history.state of ${location.pathname + location.search}`, seen: describeState(history.state) },
  ];
}

function describeState(state: unknown): string {
  if (state instanceof Map) return `Map ${[...state].map(([key, value]) => `${key} ${typeof value} ${value}`).join()}`;
  if (typeof state !== 'object' || state === null) return String(state);
  return Object.entries(state)
    .map(([name, value]) => `${name} ${Object.prototype.toString.call(value)} ${value instanceof Date ? value.getTime() : String(value)}`)
    .join();
}
