/**
 * `history.state` of the entries beside the shown one that belong to the same document. No page is told it without going there, so this leads the tab along
 * them and back. To be called while no script of the page runs: then the page does not see it, and changes nothing on the way.
 */
import { encodeValueAsync } from '../../session/clone/encode.ts';

/** An entry as it was found. */
export interface StateRead {
  /** Where it stands in the history, from the entry that is shown. */
  readonly offset: number;
  readonly url: string;
  /** As an encoded value; null when it is null. */
  readonly state: Uint8Array<ArrayBuffer> | null;
  /** Class names of what the state holds that could not be carried. */
  readonly unportable: readonly string[];
}

interface Entry {
  readonly key: string;
  readonly index: number;
  readonly url: string | null;
  readonly sameDocument: boolean;
}

interface Navigation {
  readonly currentEntry: Entry | null;
  entries(): Entry[];
  traverseTo(key: string): { readonly committed: Promise<unknown>; readonly finished: Promise<unknown> };
}

/** Reads them. Nothing where a page is still loading, and where it has frames: those have entries of their own among these, and would be loaded anew. */
export async function readNearStates(): Promise<StateRead[]> {
  const { navigation } = globalThis as { navigation?: Navigation };
  const start = navigation?.currentEntry ?? null;
  if (navigation === undefined || start === null || window.length > 0 || document.readyState !== 'complete') return [];
  const found: StateRead[] = [];
  try {
    for (const { key, index, url, sameDocument } of navigation.entries()) {
      if (!sameDocument || key === start.key || url === null) continue;
      await goTo(navigation, key);
      const { state } = window.history;
      const { bytes, unportable } = state === null ? { bytes: null, unportable: [] } : await encodeValueAsync(state);
      found.push({ offset: index - start.index, url, state: bytes, unportable });
    }
  } finally {
    if (navigation.currentEntry?.key !== start.key) await goTo(navigation, start.key);
  }
  return found;
}

async function goTo(navigation: Navigation, key: string): Promise<void> {
  const { committed, finished } = navigation.traverseTo(key);
  // One of the two that fail together.
  committed.catch(() => undefined);
  await finished;
}
