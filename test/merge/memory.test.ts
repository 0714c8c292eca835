/** What a merge leaves behind in memory. V8's scavenger holds what accessors of object literals close over, and the values of WeakMaps, until a full collection. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { mergeSessions } from '../../ts/merge/merge.ts';
import type { Session } from '../../ts/session/session.ts';
import { merged, storageOf } from './worker.ts';

const ITEMS = 4000;
const MERGES = 10;

/** About half of what a merge of so many items holds while it runs. */
const MERGE_BYTES = 250 * ITEMS;

/** The caller holds nothing of it, not even until its next statement. */
async function mergeAndForget(session: Session): Promise<void> {
  await mergeSessions([session, session]);
}

test('a merged session that nobody holds goes with the next small collection', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void;
  const items = Array.from({ length: ITEMS }, (_, i): [string, string] => [`item ${i}`, `value ${i}`]);
  const session = await merged(storageOf({ localStorage: items }));
  async function heldAfter(merges: number): Promise<number> {
    for (let i = 0; i < merges; i++) {
      await mergeAndForget(session);
      // Twice: what survives both is taken for old.
      collect({ type: 'minor' });
      collect({ type: 'minor' });
    }
    return process.memoryUsage().heapUsed;
  }
  const before = await heldAfter(3);
  expect((await heldAfter(MERGES)) - before).toBeLessThan(MERGES * MERGE_BYTES);
});
