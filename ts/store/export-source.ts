/**
 * What an export reads, in batches that are read together: sessions of the listing or given ids, from the place on where a run before has left off, and
 * in front of them what that run has left to look at again.
 */

import { PspError } from '../errors.ts';
import type { DamagedItem, ExportMark, ExportPlace, SessionItem } from './export-mark.ts';
import { listPages } from './list.ts';
import type { Operation } from './metrics.ts';
import type { StoreParts } from './parts.ts';

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
  if (ids === undefined) yield* listBatches(parts, operation, prefix, concurrency, start);
  else yield* cutBatches(ids, concurrency, start);
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
