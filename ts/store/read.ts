/** A record of a store as the session that it holds. */

import type { StoredRecord } from '../provider.ts';
import type { Operation } from './metrics.ts';
import { keyOf } from './namespace.ts';
import type { StoreParts } from './parts.ts';
import { decodeRecord } from './record.ts';
import { type RecordFacts, readFacts } from './record-facts.ts';
import type { StoredSession } from './store.ts';

/** A session that was read, and what its record says. */
export interface ReadSession {
  readonly stored: StoredSession;
  readonly facts: RecordFacts;
}

/** The session under `id`, or null where there is none or a tombstone. */
export async function readSession(parts: StoreParts, operation: Operation, id: string, minRevision?: number): Promise<ReadSession | null> {
  const key = keyOf(parts.prefix, id);
  const record = await parts.retry.read(operation, () => parts.provider.get(key, operation.call));
  return record === null ? null : decodeStored(parts, operation, id, record, minRevision);
}

/** The session in `record`, or null for a tombstone. Errors of {@link decodeRecord}. */
export async function decodeStored(
  parts: StoreParts,
  operation: Operation,
  id: string,
  record: StoredRecord,
  minRevision?: number,
): Promise<ReadSession | null> {
  const facts = readFacts(record);
  if (facts.deletedAt !== null) return null;
  operation.bytes += record.value.length;
  const { session } = await decodeRecord(parts, id, record.value, facts, minRevision);
  const { version, expiresAt } = record;
  return { stored: { session, version, revision: session.revision, expiresAt }, facts };
}
