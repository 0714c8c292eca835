/**
 * sessionStorage of origins that a tab has been on and has left. No protocol reads it where no document of the origin stands, and a tab of the user's is not
 * navigated. But a page that is opened by another one begins with a copy of its sessionStorage, of every origin (HTML, section 7.3.1.7, "clone a traversable's
 * storage shed"): so one is opened from the tab, read with every request answered here, and closed again.
 */
import type { StorageKey, TabStorage } from '../session/session.ts';
import type { BrowserPage } from './browser-port.ts';
import type { Operation } from './operation.ts';
import { placeOf } from './storage-key.ts';

/** What the tab keeps under `keys`, none of which has a document in it. What cannot be read is an entry of the report. */
export async function captureLeftStorage(
  operation: Operation,
  page: BrowserPage<unknown>,
  keys: readonly StorageKey[],
): Promise<{ readonly found: TabStorage[]; readonly isComplete: boolean }> {
  const found: TabStorage[] = [];
  if (keys.length === 0) return { found, isComplete: true };
  const open = page.copy;
  const failure = { outcome: 'lost', kind: 'sessionStorage', place: placeOf(keys[0]!) } as const;
  const copy = open === undefined ? null : await operation.part(failure, open);
  try {
    for (const key of keys) {
      const entry = { kind: 'sessionStorage', place: placeOf(key) } as const;
      const reason = 'a tab has left this origin, and this driver cannot look at what it keeps of it';
      if (copy === null) {
        operation.entries.push({ ...entry, outcome: 'uncarried', reason });
        continue;
      }
      const items = await operation.part({ ...entry, outcome: 'lost' }, async () => {
        const { world } = await copy.intercepted.stand(key);
        return world.call('readStorage', 'sessionStorage');
      });
      if (items !== null) found.push({ key, items });
    }
  } finally {
    // A copy that is gone already needs no closing.
    if (copy !== null) await Promise.allSettled([copy.close()]);
  }
  return { found, isComplete: found.length === keys.length };
}
