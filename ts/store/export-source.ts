/**
 * What an export reads, in batches that are read together: sessions of the listing or given ids, from the place on where a run before has left off, and
 * in front of them what that run has left to look at again.
 */

import { PspError } from '../errors.ts';
import type { DamagedItem, ExportMark, ExportPlace, SessionItem } from './export-mark.ts';
import { listPages } from './list.ts';
import type { Operation } from './metrics.ts';
import type { StoreParts } from './parts.ts';
import type { SessionHead } from './store.ts';
import { listShown } from './writer-list.ts';
import { hasConditions } from './writers.ts';

/** Sessions to read next, or a damaged record. */
export type ExportBatch = readonly SessionItem[] | DamagedItem;

/** Which sessions are wanted, and how many of them together. */
export interface ExportChoice {
  readonly ids?: Iterable<string> | AsyncIterable<string>;
  readonly prefix?: string;
  readonly concurrency: number;
}

/** Records that are listed are read together up to so many bytes. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** All that is left of an export. Fails with what the listing or `ids` fail with, and with `STORE_MALFORMED` for ids that are not those of the mark. */
export async function* batchesOf(
  parts: StoreParts,
  operation: Operation,
  mark: ExportMark,
  { ids, prefix = '', concurrency }: ExportChoice,
): AsyncGenerator<ExportBatch> {
  const { start, left } = mark;
  for (const item of left) if ('error' in item) yield item;
  const again = left.filter((item) => 'id' in item);
  for (let at = 0; at < again.length; at += concurrency) yield again.slice(at, at + concurrency);
  if (ids !== undefined) yield* cutBatches(ids, concurrency, start);
  else if (await hasConditions(parts, operation)) yield* listBatches(parts, operation, prefix, concurrency, start);
  else yield* shownBatches(parts, operation, prefix, concurrency, start);
}

async function* listBatches(
  parts: StoreParts,
  operation: Operation,
  prefix: string,
  concurrency: number,
  start: ExportMark['start'],
): AsyncGenerator<ExportBatch> {
  const finished = new Set(start.taken);
  let batch: SessionItem[] = [];
  let bytes = 0;
  for await (const { cursor, found } of listPages(parts, operation, prefix, start.place)) {
    for (const record of found) {
      if ('error' in record) {
        if (batch.length > 0) yield batch;
        batch = [];
        bytes = 0;
        yield { ...record, place: cursor };
        continue;
      }
      const { id, head, facts } = record;
      if (facts.deletedAt !== null || (cursor === start.place && finished.has(id))) continue;
      if (batch.length >= concurrency || (batch.length > 0 && bytes + head.size > BATCH_BYTES)) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push({ id, place: cursor });
      bytes += head.size;
    }
  }
  if (batch.length > 0) yield batch;
}

/**
 * Without conditions a session's records need not stand on one page: all heads are in memory, and a place is the id that its batch begins with. What a
 * run before has told of damaged records is among what it has left.
 */
async function* shownBatches(
  parts: StoreParts,
  operation: Operation,
  prefix: string,
  concurrency: number,
  { place: from, taken }: ExportMark['start'],
): AsyncGenerator<ExportBatch> {
  const damaged: DamagedItem[] = [];
  const heads = await listShown(parts, operation, prefix, (record) => void damaged.push({ ...record, place: null }));
  if (from === null) yield* damaged;
  const left = heads.filter(({ id }) => from === null || (id >= from && !taken.includes(id)));
  left.sort((a, b) => (a.id < b.id ? -1 : 1));
  let batch: SessionHead[] = [];
  let bytes = 0;
  const itemsOf = (heads: readonly SessionHead[]): SessionItem[] => heads.map(({ id }) => ({ id, place: heads[0]!.id }));
  for (const head of left) {
    if (batch.length >= concurrency || (batch.length > 0 && bytes + head.size > BATCH_BYTES)) {
      yield itemsOf(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(head);
    bytes += head.size;
  }
  if (batch.length > 0) yield itemsOf(batch);
}

async function* cutBatches(
  source: Iterable<string> | AsyncIterable<string>,
  size: number,
  start: ExportMark['start'],
): AsyncGenerator<ExportBatch> {
  const before = Number(start.place);
  const { taken } = start;
  let count = 0;
  let place: ExportPlace = null;
  let batch: SessionItem[] = [];
  for await (const id of source) {
    const at = count++;
    if (at < before) continue;
    if (at < before + taken.length) {
      if (id !== taken[at - before]) throw otherIds();
      continue;
    }
    if (batch.length === 0) place = String(at);
    batch.push({ id, place });
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (count < before + taken.length) throw otherIds();
  if (batch.length > 0) yield batch;
}

function otherIds(): PspError {
  return new PspError(
    'STORE_MALFORMED',
    'checkpoint: the ids are not those of the run before; without the checkpoint the export begins anew',
  );
}
