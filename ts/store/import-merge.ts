/**
 * An item of an import that is joined with the session that is stored under its id (`ts/merge`), as a commit is: read, join, put in the place of exactly what
 * was read, and once more where somebody was faster. Whatever lost is in the state of the merged session, so nothing is decided for good.
 */

import { encodeSession } from '../blob/encode.ts';
import { PspError } from '../errors.ts';
import { mergeSessions } from '../merge/merge.ts';
import { receiveSessions } from '../merge/receive.ts';
import type { Session } from '../session/session.ts';
import { type GroupItem, type Stored, storeItem } from './import-item.ts';
import type { Operation } from './metrics.ts';
import type { StoreParts } from './parts.ts';
import { decidePut } from './put.ts';
import { readSession } from './read.ts';
import type { StoredSession } from './store.ts';
import { conflict, gone, writeRecord } from './write.ts';
import { hasConditions, readShown, writersOf } from './writers.ts';

/** Lost races after which it gives up. */
const MAX_ATTEMPTS = 100;

/**
 * Creates the session, or joins it with the one that stands there. `kept` where that one has all of the item already. `isRefused` as `storeItem`.
 *
 * `STORE_GONE`: the item is of an incarnation that was deleted or replaced, or another one stands there; `MERGE_DRIFT`, `MERGE_EPOCH`, `MERGE_FORK`,
 * `MERGE_MALFORMED`, `MERGE_LIMIT` as `receiveSessions` and `mergeSessions`; `STORE_CONFLICT` after a hundred lost races; and the errors of `storeItem`.
 */
export async function mergeItem(parts: StoreParts, operation: Operation, item: GroupItem, isRefused: boolean): Promise<Stored> {
  let session: Session | null = null;
  let hasTried = false;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const stored = await storeItem(parts, operation, item, 'skip', isRefused);
    if (stored.outcome !== 'kept') return hasTried && stored.outcome === 'present' ? { ...stored, outcome: 'merged' } : stored;
    session ??= await item.session!();
    const merged = (await hasConditions(parts, operation))
      ? await mergeRecord(parts, operation, item, session)
      : await mergeObjects(parts, operation, item, session);
    if (merged !== 'lost') return merged;
    hasTried = true;
    await parts.retry.waitAfterRace(operation, attempt);
  }
  throw conflict('attempts', `merge: lost ${MAX_ATTEMPTS} races against other writers`);
}

/** By compare-and-set. `lost`: something else stands there by now. */
async function mergeRecord(parts: StoreParts, operation: Operation, item: GroupItem, own: Session): Promise<Stored | 'lost'> {
  const read = await readSession(parts, operation, own.id);
  if (read === null) return 'lost';
  const { stored, facts } = read;
  if (await isSame(own, stored)) return { outcome: 'kept', revision: stored.revision };
  const merged = await join(parts, stored.session, item, own);
  if (await isSame(merged, stored)) return { outcome: 'kept', revision: stored.revision };
  const { version } = stored;
  const { key, writeId, value } = item;
  // The write id of the item, so that the next run of this import finds the item in what is stored, whoever has written on it since.
  const tried = { writeId, revision: -1, content: { value, expiresAt: null }, isRefused: true } as const;
  try {
    const decide = decidePut(parts, merged, { ifMatch: version });
    const made = await writeRecord(parts, operation, { key, ifMatch: version, seen: { version, facts }, decide, tried });
    return { outcome: 'merged', revision: made!.revision };
  } catch (error) {
    if (error instanceof PspError && error.code === 'STORE_CONFLICT' && error.details['found'] === 'version') return 'lost';
    throw error;
  }
}

/** Without conditions: a new object, which is joined with whatever else there is when it is read. */
async function mergeObjects(parts: StoreParts, operation: Operation, item: GroupItem, own: Session): Promise<Stored | 'lost'> {
  const shown = await readShown(parts, operation, own.id);
  if (shown === null) return 'lost';
  if ((await isSame(own, shown)) || (await isSame(await join(parts, shown.session, item, own), shown))) {
    return { outcome: 'kept', revision: shown.revision };
  }
  const { revision } = await writersOf(parts).replace(operation, own.id, (stored) => join(parts, stored, item, own));
  return { outcome: 'merged', revision };
}

async function join(parts: StoreParts, stored: Session, item: GroupItem, own: Session): Promise<Session> {
  // As a commit does: who took out the session that stood here before adds nothing to another one (law M18).
  if (stored.incarnation !== own.incarnation) throw gone('another session stands under this id');
  const drift = { ...item.drift, now: parts.now() };
  // What is stored was received before. Written anew it has to be together with the item, so that writes of both stay the same.
  const received =
    drift.restamp === true ? await receiveSessions([stored, own], drift) : [stored, ...(await receiveSessions([own], drift))];
  return (await mergeSessions(received)).session;
}

/** Whether one says what the other does, revisions apart: then nothing is written, so that two runs over one item store it once. */
async function isSame(one: Session, { session, revision }: StoredSession): Promise<boolean> {
  const [bytes, stored] = [await encodeSession({ ...one, revision }), await encodeSession(session)];
  return bytes.length === stored.length && bytes.every((byte, at) => byte === stored[at]);
}
