/**
 * What is in a store: its records page by page, so that a page that failed is asked for again, with what is wrong with a record told apart from the
 * others. Records of namespaces inside the store's own are passed over.
 */

import { PspError } from '../errors.ts';
import type { RecordHead } from '../provider.ts';
import type { Operation } from './metrics.ts';
import { escapeId, idOf } from './namespace.ts';
import type { StoreParts } from './parts.ts';
import { checkCount } from './pool.ts';
import { malformed, type RecordFacts, readFacts } from './record-facts.ts';
import type { DamagedSession, ListSessionsOptions, SessionHead } from './store.ts';

/** A record of a store: a session or a tombstone. */
export interface ListedRecord {
  readonly id: string;
  readonly head: RecordHead;
  readonly facts: RecordFacts;
}

/** A page of a store's listing: records, and what is wrong with others, as they come. */
export interface ListedPage {
  /** What it was asked for with: the place to go on from, in this process or another. Null for the first page. */
  readonly cursor: string | null;
  readonly found: readonly (ListedRecord | DamagedSession)[];
}

/** All records of a store whose ids start with `prefix`, tombstones too. */
export async function* listRecords(
  parts: StoreParts,
  operation: Operation,
  prefix: string,
  onDamaged: (record: DamagedSession) => void,
): AsyncGenerator<ListedRecord> {
  for await (const { found } of listPages(parts, operation, prefix, null)) {
    for (const record of found) {
      if ('error' in record) onDamaged(record);
      else yield record;
    }
  }
}

/** The pages of {@link listRecords}, from that of the cursor `from` on. */
export async function* listPages(parts: StoreParts, operation: Operation, prefix: string, from: string | null): AsyncGenerator<ListedPage> {
  const start = parts.prefix + escapeId(prefix);
  let cursor = from;
  do {
    const at = cursor === null ? {} : { cursor };
    const page = await parts.retry.read(operation, () => parts.provider.listPage({ ...operation.call, ...at, prefix: start }));
    const found: (ListedRecord | DamagedSession)[] = [];
    for (const head of page.items) {
      // Others are of a namespace inside this one.
      if (!head.key.includes('/', parts.prefix.length)) found.push(readListed(parts.prefix, head));
    }
    for (const { key, error } of page.damaged) found.push({ key, error });
    yield { cursor, found };
    cursor = page.cursor;
  } while (cursor !== null);
}

/** {@link SessionStore.list}. */
export async function* listHeads(parts: StoreParts, operation: Operation, options: ListSessionsOptions): AsyncGenerator<SessionHead> {
  const { prefix = '', limit = Number.MAX_SAFE_INTEGER, onDamaged } = options;
  if (typeof prefix !== 'string') throw new TypeError(`prefix: expected a string, got ${typeof prefix}`);
  checkCount('limit', limit, Number.MAX_SAFE_INTEGER);
  const errors: PspError[] = [];
  const report = (record: DamagedSession): void => {
    if (onDamaged === undefined && errors.length === 0) errors.push(record.error);
    onDamaged?.(record);
  };
  let left = limit;
  for await (const { id, head, facts } of listRecords(parts, operation, prefix, report)) {
    const listed = headOf(id, head, facts);
    if (listed === null) continue;
    yield listed;
    if (--left === 0) return;
  }
  if (errors[0] !== undefined) throw errors[0];
}

/** The head of a session, or null for a tombstone. */
export function headOf(id: string, { version, size, expiresAt }: RecordHead, facts: RecordFacts): SessionHead | null {
  const { incarnation, revision, deletedAt } = facts;
  return deletedAt === null ? { id, incarnation, revision, version, size, expiresAt } : null;
}

function readListed(prefix: string, head: RecordHead): ListedRecord | DamagedSession {
  const id = idOf(prefix, head.key);
  if (id === null) return { key: head.key, error: malformed('its key is none of this store') };
  try {
    return { id, head, facts: readFacts(head) };
  } catch (error) {
    if (error instanceof PspError) return { key: head.key, error };
    throw error;
  }
}
