/**
 * Rotation of what workers have committed to a provider without conditions (law M19). An object is written once: it is not replaced, but written anew, on the
 * new keys, under a key of its own, by somebody who has read the old one; it lives as long. Joined, the two are one, so nobody needs to know. The old one
 * goes in a later run, when every reader has long seen the new one, by the age that it tells: a write that was given up and arrives after ten minutes is trusted
 * too early. An object that has ended meanwhile gets no successor.
 */

import type { SealContext } from '../envelope/context.ts';
import { type Header, parseHeader } from '../envelope/header.ts';
import { systemRandom } from '../envelope/random.ts';
import { PspError } from '../errors.ts';
import type { StorageProvider, StoredRecord } from '../provider.ts';
import { toHex } from './hex.ts';
import { follow, hasEnded, markOf, newWriteId, readFacts, shorten } from './record-facts.ts';
import { isRotated, proveCurrent, rotateBlob } from './rotate-blob.ts';
import type { RotationMode, RotationPlan } from './rotation-keys.ts';
import {
  CLOCKS_APART_MS,
  formatObject,
  type ListedObject,
  markKey,
  objectKey,
  objectsAt,
  readObject,
  VISIBLE_MS,
} from './writer-object.ts';

/** What is needed to rotate one object. */
export interface ObjectRotation {
  readonly provider: StorageProvider;
  readonly plan: RotationPlan;
  readonly mode: RotationMode;
  readonly all: boolean;
  readonly dryRun: boolean;
  readonly now: () => number;
}

/** `waits`: its successor has been written, and is not old enough to stand for it. `ended`: it counts no more. */
export type ObjectOutcome = 'done' | 'skipped' | 'waits' | 'ended';

const WRITER_BYTES = 8;

/** Rotates the object in `record`, of the session at `sessionKey`. */
export async function rotateObject(
  rotation: ObjectRotation,
  sessionKey: string,
  record: StoredRecord,
  header: Header,
  context: SealContext | undefined,
): Promise<ObjectOutcome> {
  const { provider, plan, mode, all, dryRun, now } = rotation;
  const { facts } = readObject(record);
  if (await isOver(provider, sessionKey, facts.incarnation)) return 'ended';
  const successor = await findSuccessor(rotation, sessionKey, record, context);
  if (successor !== null) {
    if (now() - successor.facts.writtenAt < VISIBLE_MS + CLOCKS_APART_MS) return 'waits';
    if (!dryRun) await provider.delete(record.key);
    return 'done';
  }
  if (plan.isCurrent(header) && !all) {
    await proveCurrent(record.value, plan, context);
    return 'skipped';
  }
  const value = await rotateBlob(record.value, header, plan, mode, context);
  if (dryRun) return 'done';
  const key = objectKey(sessionKey, toHex(systemRandom(WRITER_BYTES)), 1);
  // Later than the old one in any case: of two that hold the same, workers let the later one stay.
  const writtenAt = Math.max(now(), facts.writtenAt + 1);
  const { incarnation, revision } = facts;
  const metadata = formatObject({ ...follow(facts, { incarnation, revision, writeId: newWriteId(systemRandom) }), writtenAt });
  await provider.put(key, value, { metadata, ...(record.expiresAt === null ? {} : { expiresAt: record.expiresAt }) });
  // Deleted while it was made anew: then it would come to life again after a purge, at once or later.
  if ((await provider.head(record.key)) !== null && !(await isOver(provider, sessionKey, facts.incarnation))) return 'waits';
  await provider.delete(key);
  return 'ended';
}

/** Whether the incarnation was deleted or replaced. */
async function isOver(provider: StorageProvider, sessionKey: string, incarnation: string): Promise<boolean> {
  const head = await provider.head(sessionKey);
  const facts = head === null ? null : readFacts(head);
  if (facts?.incarnation === incarnation) return facts.deletedAt !== null;
  if (facts !== null && hasEnded(facts, incarnation)) return true;
  return (await provider.head(markKey(sessionKey, markOf(incarnation)))) !== null;
}

/** The same on the wanted keys, written later; null where there is none as yet. */
async function findSuccessor(
  { provider, plan }: ObjectRotation,
  sessionKey: string,
  record: StoredRecord,
  context: SealContext | undefined,
): Promise<ListedObject | null> {
  const { facts } = readObject(record);
  for await (const head of provider.list({ prefix: objectsAt(sessionKey) })) {
    const other = readObject(head);
    // A commit that was made from the old one has a higher revision.
    const isMadeFrom = other.facts.before[0] === shorten(facts.writeId) && other.facts.revision === facts.revision;
    if (!isMadeFrom || other.facts.writtenAt <= facts.writtenAt || head.expiresAt !== record.expiresAt) continue;
    const found = await provider.get(head.key);
    if (found !== null && (await isRotatedTo(record, found, plan, context))) return other;
  }
  return null;
}

async function isRotatedTo(
  record: StoredRecord,
  found: StoredRecord,
  plan: RotationPlan,
  context: SealContext | undefined,
): Promise<boolean> {
  try {
    parseHeader(found.value);
  } catch (error) {
    if (error instanceof PspError) return false; // In the clear, or damaged.
    throw error;
  }
  return isRotated(record.value, found.value, plan, context);
}
