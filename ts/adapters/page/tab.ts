/** What a tab keeps besides sessionStorage that its document can see: `window.name`, and the state of the history entry that is shown. */
import { decodeValueAsync } from '../../session/clone/decode.ts';
import { encodeValueAsync } from '../../session/clone/encode.ts';

/** As it was found. `state` is `history.state` as an encoded value; null when it is null. */
export interface TabRead {
  readonly name: string;
  readonly state: Uint8Array<ArrayBuffer> | null;
  /** Class names of what the state holds that could not be carried. */
  readonly unportable: readonly string[];
}

/** Reads both. */
export async function readTab(): Promise<TabRead> {
  const { name, history } = window;
  if (history.state === null) return { name, state: null, unportable: [] };
  const { bytes, unportable } = await encodeValueAsync(history.state);
  return { name, state: bytes, unportable };
}

/** Sets both, and the title that the browser lists the entry by. Returns the class names of what the state holds and this browser cannot make. */
export async function writeTab(name: string | null, title: string | null, state: Uint8Array | null): Promise<string[]> {
  if (name !== null) window.name = name;
  if (title !== null) document.title = title;
  if (state === null) return [];
  const { value, unportable, foreign } = await decodeValueAsync(state);
  const missing = [...unportable, ...foreign];
  if (missing.length === 0) window.history.replaceState(value, '');
  return missing;
}

/** Gives the entry that is shown another address of the same origin, as a page may. */
export function renameEntry(url: string): void {
  window.history.replaceState(null, '', url);
}
