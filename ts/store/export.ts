/**
 * Bulk export: sessions out of a store, as their records hold them or as clear blobs, one result each. A record that cannot be read is a failure of its
 * own and stops nothing. What comes out goes into `importMany`.
 */

import { convertBlob } from '../blob/convert.ts';
import { decodeSession, readFrame } from '../blob/decode.ts';
import { encodeSession } from '../blob/encode.ts';
import type { StoredRecord } from '../provider.ts';
import { getRecords, settleAll } from './batch.ts';
import type { SessionFacts } from './import-check.ts';
import { listRecords } from './list.ts';
import { measureEach, type Operation } from './metrics.ts';
import { keyOf } from './namespace.ts';
import { openProvider, partsOf, type StoreParts } from './parts.ts';
import { checkCount, MAX_CONCURRENCY } from './pool.ts';
import { openRecord } from './record.ts';
import { malformed, readFacts } from './record-facts.ts';
import type { DamagedSession, SessionStore } from './store.ts';
import { gone } from './write.ts';

/** `stored`: the bytes of the record, sealed where the store has keys. `packed`, `text`: the clear blob in that framing. */
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
/** Records that are listed are read together up to so many bytes. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** Ids to read next, or a record that the listing found damaged. */
type Batch = readonly string[] | DamagedSession;

/**
 * Reads sessions and gives them as they come, in the order of `ids` or of the provider's listing; what is deleted before its turn is left out of a listing.
 * Failures of single sessions are in the results, with the codes of the provider, of `open`, and `STORE_GONE`, `STORE_MALFORMED`; `stored` proves nothing,
 * the other forms hold the seal, or else nothing but the header, against what the record says.
 *
 * The iteration fails with the reason of the signal, with what the listing or `ids` fail with, and at once with TypeError and RangeError.
 *
 * @example
 * for await (const result of exportMany(store, { form: 'text' })) {
 *   if (result.status === 'fulfilled') console.log(result.value.id, result.value.bytes.length);
 * }
 */
export function exportMany(store: SessionStore, options: ExportOptions): AsyncIterable<ExportResult> {
  const { form, ids, prefix, concurrency = 16, signal } = options;
  const parts = partsOf(store);
  if (!FORMS.includes(form)) throw new TypeError(`form: expected ${FORMS.join(', ')}`);
  if (ids !== undefined && prefix !== undefined) throw new TypeError('ids, prefix: expected one of them at most');
  checkCount('concurrency', concurrency, MAX_CONCURRENCY);
  return measureEach(parts.onMetric, 'getMany', signal === undefined ? {} : { signal }, (operation) =>
    exportEach(parts, operation, { ...options, concurrency }),
  );
}

async function* exportEach(
  parts: StoreParts,
  operation: Operation,
  options: ExportOptions & { readonly concurrency: number },
): AsyncGenerator<ExportResult> {
  const { signal, onProgress } = options;
  const counts = { exported: 0, failed: 0, bytes: 0 };
  signal?.throwIfAborted();
  await openProvider(parts, operation);
  const batches = options.ids === undefined ? listBatches(parts, operation, options) : cutBatches(options.ids, options.concurrency);
  // While one batch is being taken the next one is read.
  let ahead: Promise<readonly ExportResult[]> | null = null;
  for (;;) {
    signal?.throwIfAborted();
    const { done, value: batch } = await batches.next();
    const results: readonly ExportResult[] = ahead === null ? [] : await ahead;
    ahead = done === true ? null : readBatch(parts, operation, batch, options);
    // It is looked at when its turn has come; until then its failure is nobody's.
    ahead?.catch(() => undefined);
    for (const result of results) {
      if (result.status === 'fulfilled') {
        counts.exported++;
        counts.bytes += result.value.bytes.length;
      } else counts.failed++;
      yield result;
    }
    if (results.length > 0) onProgress?.({ ...counts });
    if (done === true) return;
  }
}

async function* listBatches(
  parts: StoreParts,
  operation: Operation,
  { prefix = '', concurrency }: ExportOptions & { readonly concurrency: number },
): AsyncGenerator<Batch> {
  const damaged: DamagedSession[] = [];
  let ids: string[] = [];
  let bytes = 0;
  for await (const { id, head, facts } of listRecords(parts, operation, prefix, (record) => damaged.push(record))) {
    yield* damaged.splice(0);
    if (facts.deletedAt !== null) continue;
    if (ids.length >= concurrency || (ids.length > 0 && bytes + head.size > BATCH_BYTES)) {
      yield ids;
      ids = [];
      bytes = 0;
    }
    ids.push(id);
    bytes += head.size;
  }
  if (ids.length > 0) yield ids;
  yield* damaged;
}

async function* cutBatches(source: Iterable<string> | AsyncIterable<string>, size: number): AsyncGenerator<Batch> {
  let ids: string[] = [];
  for await (const id of source) {
    ids.push(id);
    if (ids.length < size) continue;
    yield ids;
    ids = [];
  }
  if (ids.length > 0) yield ids;
}

async function readBatch(
  parts: StoreParts,
  operation: Operation,
  batch: Batch,
  { form, ids }: ExportOptions,
): Promise<readonly ExportResult[]> {
  if ('error' in batch) return [{ id: null, status: 'rejected', reason: batch.error }];
  const records = await readRecords(parts, operation, batch);
  const exported = await Promise.allSettled(batch.map((id, at) => exportRecord(parts, operation, id, records[at]!, form)));
  const results: ExportResult[] = [];
  exported.forEach((result, at) => {
    const id = batch[at]!;
    if (result.status === 'rejected') results.push({ id, ...result });
    else if (result.value !== null) results.push({ id, status: 'fulfilled', value: result.value });
    else if (ids !== undefined) results.push({ id, status: 'rejected', reason: gone('there is none under this id') });
  });
  return results;
}

async function readRecords(
  parts: StoreParts,
  operation: Operation,
  ids: readonly string[],
): Promise<PromiseSettledResult<StoredRecord | null>[]> {
  try {
    return await getRecords(
      parts,
      operation,
      ids.map((id) => keyOf(parts.prefix, id)),
    );
  } catch {
    // One id that is no key refuses the whole batch: each finds out for itself.
    return settleAll(operation, ids, async (id) => {
      const key = keyOf(parts.prefix, id);
      return parts.retry.read(operation, () => parts.provider.get(key, operation.call));
    });
  }
}

/** Null where there is nothing, or a tombstone. */
async function exportRecord(
  parts: StoreParts,
  operation: Operation,
  id: string,
  found: PromiseSettledResult<StoredRecord | null>,
  form: ExportForm,
): Promise<ExportedSession | null> {
  if (found.status === 'rejected') throw found.reason;
  const record = found.value;
  if (record === null) return null;
  const { incarnation, revision, deletedAt } = readFacts(record);
  if (deletedAt !== null) return null;
  operation.bytes += record.value.length;
  const facts = { incarnation, revision, expiresAt: record.expiresAt };
  return { id, bytes: form === 'stored' ? record.value : await openAs(parts, id, record.value, facts, form), facts };
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
