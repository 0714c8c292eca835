/**
 * Bulk export: sessions out of a store, as their records hold them or as clear blobs, one result each. A record that cannot be read is a failure of its
 * own and stops nothing, and a run that was killed is gone on with by the next one. What comes out goes into `importMany`. Which sessions come when is
 * in `export-source.ts`, the checkpoint's text in `export-mark.ts`.
 */

import { convertBlob } from '../blob/convert.ts';
import { decodeSession, readFrame } from '../blob/decode.ts';
import { encodeSession } from '../blob/encode.ts';
import { getRecords, settleAll } from './batch.ts';
import type { RotationCheckpoint } from './checkpoint.ts';
import { ExportMark, type ExportOutcome, type SessionItem } from './export-mark.ts';
import { batchesOf, type ExportBatch } from './export-source.ts';
import type { SessionFacts } from './import-check.ts';
import { measureEach, type Operation } from './metrics.ts';
import { keyOf } from './namespace.ts';
import { openProvider, partsOf, type StoreParts } from './parts.ts';
import { checkCount, MAX_CONCURRENCY } from './pool.ts';
import { encodeRecord, openRecord } from './record.ts';
import { malformed, readFacts } from './record-facts.ts';
import type { SessionStore, StoredSession } from './store.ts';
import { gone } from './write.ts';
import { type Found, findShown, hasConditions } from './writers.ts';

/**
 * `stored`: the bytes of the record, sealed where the store has keys. `packed`, `text`: the clear blob in that framing. A session that a record shows together
 * with the commits of workers beside it (in a provider without conditions) is exported merged: `stored` is then a record made of that, as a put would.
 */
export type ExportForm = 'stored' | 'packed' | 'text';

/** Which sessions are exported, and how. */
export interface ExportOptions {
  readonly form: ExportForm;
  /** These, in this order; one that is not there is `STORE_GONE`. Excludes `prefix` (TypeError). */
  readonly ids?: Iterable<string> | AsyncIterable<string>;
  /** All whose ids start with this; without it, all. */
  readonly prefix?: string;
  /** Sessions that are read at once, 1 to 256; 16 when not given. Fewer where they are large; up to twice as many are in memory. */
  readonly concurrency?: number;
  /**
   * Remembers how far the results were taken, every `checkpointEvery` of them (1,000 when not given) and when the export ends early: the next one with the
   * same store and options begins with what failed, and goes on from there. A result counts as taken when the next one is asked for, so what was made of it must
   * be kept by then. Null is saved when all were taken. `ids` must come in the same order; of a listing, what is put meanwhile at places that are
   * finished is left out.
   */
  readonly checkpoint?: RotationCheckpoint;
  readonly checkpointEvery?: number;
  /** Ends the export with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ExportProgress) => void;
}

/** Counts of sessions, so far. */
export interface ExportProgress {
  readonly exported: number;
  readonly failed: number;
  /** Of all that were exported. */
  readonly bytes: number;
  /** Those that earlier runs have exported, by the checkpoint. */
  readonly finishedBefore: number;
}

/** A session that was exported. With a name beside it, it is an item for `importMany`. */
export interface ExportedSession {
  readonly id: string;
  readonly bytes: Uint8Array;
  /** What the record says; that it is true is known where the session was opened. */
  readonly facts: SessionFacts;
}

/** What became of one session. `id` is null where a record does not tell even that. */
export type ExportResult = { readonly id: string | null } & PromiseSettledResult<ExportedSession>;

const FORMS: readonly ExportForm[] = ['stored', 'packed', 'text'];

type Plan = ExportOptions & Required<Pick<ExportOptions, 'concurrency' | 'checkpointEvery'>>;

/** What became of one item. Null: it was listed, and is gone since. */
interface Turn {
  readonly item: Parameters<ExportMark['finish']>[0];
  readonly result: ExportResult | null;
}

/**
 * Reads sessions and gives them as they come, in the order of `ids` or of the provider's listing (of a provider without conditions in that of their ids, with all
 * heads in memory); what is deleted before its turn is left out of a listing.
 * Failures of single sessions are in the results, with the codes of the provider, of `open`, and `STORE_GONE`, `STORE_MALFORMED`; `stored` proves nothing,
 * the other forms hold the seal, or else nothing but the header, against what the record says.
 *
 * The iteration fails with the reason of the signal, with what the listing, `ids` or the checkpoint fail with (`PROVIDER_CURSOR`: the service knows the
 * place of the checkpoint no more), with `STORE_MALFORMED` for ids that are not those of the checkpoint, and at once with TypeError and RangeError.
 *
 * @example
 * for await (const result of exportMany(store, { form: 'text' })) {
 *   if (result.status === 'fulfilled') console.log(result.value.id, result.value.bytes.length);
 * }
 */
export function exportMany(store: SessionStore, options: ExportOptions): AsyncIterable<ExportResult> {
  const { form, ids, prefix, concurrency = 16, checkpointEvery = 1000, signal } = options;
  const parts = partsOf(store);
  if (!FORMS.includes(form)) throw new TypeError(`form: expected ${FORMS.join(', ')}`);
  if (ids !== undefined && prefix !== undefined) throw new TypeError('ids, prefix: expected one of them at most');
  checkCount('concurrency', concurrency, MAX_CONCURRENCY);
  checkCount('checkpointEvery', checkpointEvery, Number.MAX_SAFE_INTEGER);
  return measureEach(parts.onMetric, 'export', signal === undefined ? {} : { signal }, (operation) =>
    exportEach(parts, operation, { ...options, concurrency, checkpointEvery }),
  );
}

async function* exportEach(parts: StoreParts, operation: Operation, plan: Plan): AsyncGenerator<ExportResult> {
  const { checkpoint, checkpointEvery, signal, onProgress } = plan;
  signal?.throwIfAborted();
  await openProvider(parts, operation);
  const goal = JSON.stringify([plan.form, parts.prefix, plan.ids === undefined ? 'listing' : 'ids', plan.prefix ?? '']);
  const mark = new ExportMark(goal, (await checkpoint?.load()) ?? null);
  const counts = { exported: 0, failed: 0, bytes: 0, finishedBefore: mark.exported };
  let canSave = checkpoint !== undefined;
  async function save(text: string | null): Promise<void> {
    if (!canSave) return;
    // After a checkpoint has failed, what it holds is what it can be trusted with.
    canSave = false;
    await checkpoint?.save(text);
    canSave = true;
  }

  if (mark.resumed) onProgress?.({ ...counts });
  let taken = 0;
  let isOver = false;
  try {
    for await (const turns of turnsOf(parts, operation, mark, plan)) {
      // Also while they were read: then what failed among them did so for that.
      signal?.throwIfAborted();
      for (const { item, result } of turns) {
        const outcome: ExportOutcome = result === null ? 'gone' : result.status === 'fulfilled' ? 'exported' : 'failed';
        if (result !== null) {
          if (result.status === 'fulfilled') counts.bytes += result.value.bytes.length;
          counts[result.status === 'fulfilled' ? 'exported' : 'failed']++;
          yield result;
        }
        mark.finish(item, outcome);
        if (++taken % checkpointEvery === 0) await save(mark.format());
      }
      if (turns.some(({ result }) => result !== null)) onProgress?.({ ...counts });
    }
    isOver = true;
  } finally {
    await save(isOver ? null : mark.format());
  }
}

/** What came of each batch, in order. While one is being taken the next one is read. */
async function* turnsOf(parts: StoreParts, operation: Operation, mark: ExportMark, plan: Plan): AsyncGenerator<readonly Turn[]> {
  let ahead: Promise<readonly Turn[]> | null = null;
  for await (const batch of batchesOf(parts, operation, mark, plan)) {
    const turns: readonly Turn[] = ahead === null ? [] : await ahead;
    ahead = readBatch(parts, operation, batch, plan);
    // It is looked at when its turn has come; until then its failure is nobody's.
    ahead.catch(() => undefined);
    yield turns;
  }
  if (ahead !== null) yield await ahead;
}

async function readBatch(
  parts: StoreParts,
  operation: Operation,
  batch: ExportBatch,
  { form, ids }: ExportOptions,
): Promise<readonly Turn[]> {
  if ('error' in batch) return [{ item: batch, result: { id: null, status: 'rejected', reason: batch.error } }];
  const found = await findAll(
    parts,
    operation,
    batch.map(({ id }) => id),
  );
  const exported = await Promise.allSettled(batch.map(({ id }, at) => exportFound(parts, operation, id, found[at]!, form)));
  return batch.map((item, at) => ({ item, result: resultOf(item, exported[at]!, ids === undefined) }));
}

function resultOf({ id }: SessionItem, found: PromiseSettledResult<ExportedSession | null>, isListed: boolean): ExportResult | null {
  if (found.status === 'rejected') return { id, ...found };
  if (found.value !== null) return { id, status: 'fulfilled', value: found.value };
  return isListed ? null : { id, status: 'rejected', reason: gone('there is none under this id') };
}

/** What is under each id, in order; of a provider with conditions read together. */
async function findAll(parts: StoreParts, operation: Operation, ids: readonly string[]): Promise<PromiseSettledResult<Found | null>[]> {
  const findEach = () => settleAll(operation, ids, (id) => findShown(parts, operation, id));
  if (!(await hasConditions(parts, operation))) return findEach();
  try {
    const records = await getRecords(
      parts,
      operation,
      ids.map((id) => keyOf(parts.prefix, id)),
    );
    return Promise.allSettled(
      records.map(async (one) => {
        if (one.status === 'rejected') throw one.reason;
        return one.value === null ? null : { record: one.value, facts: readFacts(one.value) };
      }),
    );
  } catch {
    // One id that is no key refuses the whole batch: each finds out for itself.
    return findEach();
  }
}

/** Null where there is nothing, or a tombstone. */
async function exportFound(
  parts: StoreParts,
  operation: Operation,
  id: string,
  settled: PromiseSettledResult<Found | null>,
  form: ExportForm,
): Promise<ExportedSession | null> {
  if (settled.status === 'rejected') throw settled.reason;
  const found = settled.value;
  if (found === null || found.facts.deletedAt !== null) return null;
  if ('merged' in found) return exportMerged(parts, id, found.merged, form);
  const { incarnation, revision } = found.facts;
  const { value, expiresAt } = found.record;
  operation.bytes += value.length;
  const facts = { incarnation, revision, expiresAt };
  return { id, bytes: form === 'stored' ? value : await openAs(parts, id, value, facts, form), facts };
}

async function exportMerged(
  parts: StoreParts,
  id: string,
  { session, expiresAt }: StoredSession,
  form: ExportForm,
): Promise<ExportedSession> {
  const { incarnation, revision } = session;
  const bytes = form === 'stored' ? (await encodeRecord(parts, session)).value : await encodeSession(session, { framing: form });
  return { id, bytes, facts: { incarnation, revision, expiresAt } };
}

async function openAs(parts: StoreParts, id: string, value: Uint8Array, facts: SessionFacts, form: 'packed' | 'text'): Promise<Uint8Array> {
  const { plaintext } = await openRecord(parts, id, value);
  const { header, rules } = readFrame(plaintext);
  if (header.id !== id) throw malformed('its session has another id than its key says');
  if (header.incarnation !== facts.incarnation || header.revision !== facts.revision) {
    throw malformed('its metadata names another incarnation or revision than its session');
  }
  if (rules.name === form) return plaintext;
  // An older version has the text framing only.
  if (form === 'packed' && header.psp.startsWith('1.')) return encodeSession(await decodeSession(plaintext), { framing: 'packed' });
  return convertBlob(plaintext, form);
}
