/** What the tests of import and export share: items, and runs read to their end. */

import { encodeSession } from '../../ts/blob/encode.ts';
import type { Framing } from '../../ts/blob/framing.ts';
import type { SealContext } from '../../ts/envelope/context.ts';
import { sealSync } from '../../ts/envelope/seal.ts';
import type { KeySource } from '../../ts/envelope/wrap.ts';
import { PspError } from '../../ts/errors.ts';
import type { Session } from '../../ts/session/session.ts';
import type { RotationCheckpoint } from '../../ts/store/checkpoint.ts';
import type { ImportItem, ImportResult, ImportRun } from '../../ts/store/import.ts';
import type { SessionStore } from '../../ts/store/store.ts';
import { KEY, sessionOf } from './store-fixture.ts';

/** Ids `session-0000` and on. */
export function idsOf(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `session-${String(at).padStart(4, '0')}`);
}

/** A session that breaks no rule, as the store's fixture does with a file whose directory is missing. */
export function validSession(id: string, changes: Partial<Session> = {}): Session {
  const session = sessionOf(id, changes);
  return { ...session, storage: session.storage.map(({ files: _, ...rest }) => rest) };
}

/** The clear blob of the session `id`. */
export function blobOf(id: string, framing: Framing = 'packed', changes: Partial<Session> = {}): Promise<Uint8Array> {
  return encodeSession(validSession(id, changes), { framing });
}

/** A clear item for each id. */
export function clearItems(ids: readonly string[]): Promise<ImportItem[]> {
  return Promise.all(ids.map(async (id) => ({ name: `${id}.pspb`, bytes: await blobOf(id) })));
}

/** A blob as a store seals it, and what a store says of it. */
export function sealedItem(id: string, blob: Uint8Array, keys: KeySource = KEY, context: SealContext = { sessionId: id }): ImportItem {
  const facts = { incarnation: 'first-life', revision: 0, expiresAt: null };
  const bytes = sealSync(blob, keys, context, { attributes: { incarnation: 'first-life', revision: 0, schemaVersion: '2.0' } });
  return { name: `${id}.pspe`, id, bytes, facts };
}

/** All results of a run. */
export async function resultsOf(run: ImportRun): Promise<ImportResult[]> {
  const results: ImportResult[] = [];
  for await (const result of run) results.push(result);
  return results;
}

/** The one result of a run over one item, in one word: its outcome, or the code of its failure. */
export async function wordOf(run: ImportRun): Promise<string> {
  const [result, ...more] = await resultsOf(run);
  if (result === undefined || more.length > 0) throw new Error('expected one result');
  if (result.status === 'fulfilled') return result.value.outcome;
  if (result.reason instanceof PspError) return result.reason.code;
  throw result.reason;
}

/** Ids in a store. */
export async function storedIds(store: SessionStore): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of store.list()) ids.push(id);
  return ids.sort();
}

/** A checkpoint in memory, and all that was saved. */
export function keptCheckpoint(
  text: string | null = null,
): RotationCheckpoint & { text: string | null; readonly saved: (string | null)[] } {
  const kept = {
    text,
    saved: [] as (string | null)[],
    load: () => kept.text,
    save(next: string | null) {
      kept.text = next;
      kept.saved.push(next);
    },
  };
  return kept;
}
