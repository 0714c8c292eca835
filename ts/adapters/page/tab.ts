/**
 * What a tab keeps besides sessionStorage that its document can see: `window.name`, the state of the history entry that is shown, and whether it has an opener.
 */
import { decodeValueAsync } from '../../session/clone/decode.ts';
import { encodeValueAsync } from '../../session/clone/encode.ts';

/** The history entry that is shown, and how many entries there are. */
export interface ShownEntry {
  readonly url: string;
  readonly title: string;
  readonly entries: number;
}

/** As it was found. */
export interface TabRead {
  readonly name: string;
  /** `history.state` as an encoded value; null when it is null. */
  readonly state: Uint8Array<ArrayBuffer> | null;
  /** Class names of what the state holds that could not be carried. */
  readonly unportable: readonly string[];
  readonly shown: ShownEntry;
  /** How many entries, as far as the document may look (those of its own origin around it), have a state of the Navigation API. */
  readonly navigationStates: number;
  /** Another tab opened this one, and can be reached from it. */
  readonly hasOpener: boolean;
}

/** Taken when this is loaded: routers put their own in its place. */
const ownHistory = globalThis.history;
const replaceOwnState = ownHistory?.replaceState;

/** Reads all of it. */
export async function readTab(): Promise<TabRead> {
  const { name, location } = window;
  const { length: entries, state } = ownHistory;
  const shown = { url: location.href, title: document.title, entries };
  const facts = { name, shown, navigationStates: countNavigationStates(), hasOpener: window.opener !== null };
  if (state === null) return { ...facts, state: null, unportable: [] };
  const { bytes, unportable } = await encodeValueAsync(withoutWall(state));
  return { ...facts, state: bytes, unportable };
}

interface Walled {
  readonly wrappedJSObject?: unknown;
}

/** A sandbox of Firefox sees objects of the page through a wall that hides what is deep in them, such as the entries of a Map; they have a way around it. */
function withoutWall(value: unknown): unknown {
  const isSandbox = (ownHistory as Walled).wrappedJSObject !== undefined;
  return isSandbox && typeof value === 'object' ? (value as Walled).wrappedJSObject : value;
}

interface NavigationWindow {
  readonly navigation?: { entries(): { getState(): unknown }[] };
}

/** It is another state than `history.state`: the Navigation API keeps one for those who navigate by it. */
function countNavigationStates(): number {
  return ((globalThis as NavigationWindow).navigation?.entries() ?? []).filter((entry) => entry.getState() !== undefined).length;
}

/** Sets both, and the title that the browser lists the entry by. Returns the class names of what the state holds and this browser cannot make. */
export async function writeTab(name: string | null, title: string | null, state: Uint8Array | null): Promise<string[]> {
  if (name !== null) window.name = name;
  if (title !== null) document.title = title;
  if (state === null) return [];
  const { value, unportable, foreign } = await decodeValueAsync(state);
  const missing = [...unportable, ...foreign];
  if (missing.length === 0) replaceState(value, '');
  return missing;
}

function replaceState(state: unknown, title: string, url?: string): void {
  replaceOwnState.call(ownHistory, state, title, url);
}

/** Gives the entry that is shown another address of the same origin, as a page may. */
export function renameEntry(url: string): void {
  replaceState(null, '', url);
}
