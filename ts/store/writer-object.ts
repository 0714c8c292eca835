/**
 * What stands beside a session's key where nothing can be written on condition. Objects of writers (law M19): each commit writes a record of its own, once, and
 * whoever reads joins them all. Marks (law M18): an incarnation has ended, which is to be known when the record that says so has expired; empty records that
 * never do, and their keys say all, so whoever writes one again changes nothing. Keys, metadata, and which objects count; data in, data out. Reading and
 * writing is in `writers.ts`.
 *
 *     <key of the session>/#w/<writer: 16 hexadecimal digits>/<number of the write>
 *     <key of the session>/#ended/<mark of the incarnation: 8 hexadecimal digits>
 */
import { includesContext } from '../merge/context.ts';
import type { MergeDocument } from '../merge/document.ts';
import type { RecordHead } from '../provider.ts';
import { follow, formatFacts, hasEnded, isCount, malformed, markOf, type RecordFacts, readFacts, shorten } from './record-facts.ts';

/** The metadata of an object, read. {@link RecordFacts.before} are those of the objects that its writer had read, the latest first. */
export interface ObjectFacts extends RecordFacts {
  /** By the clock of the writer, in milliseconds since the epoch. */
  readonly writtenAt: number;
}

/** An object that a listing has met. */
export interface ListedObject {
  readonly head: RecordHead;
  readonly facts: ObjectFacts;
}

/** What stands beside the record of a session. */
export interface Beside {
  readonly objects: readonly ListedObject[];
  /** Marks of incarnations that have ended; see {@link markOf}. */
  readonly ended: ReadonlySet<string>;
}

/** After so many milliseconds every reader of a service sees a write, in its listings too: twice what Cloudflare says of KV. */
export const VISIBLE_MS = 120_000;
/** How far the clocks of a writer and of a reader may be apart: each five minutes off, as law M7 lets them be. */
export const CLOCKS_APART_MS = 600_000;

const OBJECT = /^(.+)\/#w\/[0-9a-f]{16}\/(?:0|[1-9][0-9]{0,15})$/s;
const MARK = /^(.+)\/#ended\/([0-9a-f]{8})$/s;

/** What the keys of a session's objects begin with. */
export function objectsAt(sessionKey: string): string {
  return `${sessionKey}/#w/`;
}

/** The key of an object. `writer` is 16 lower-case hexadecimal digits. */
export function objectKey(sessionKey: string, writer: string, number: number): string {
  return `${objectsAt(sessionKey)}${writer}/${number}`;
}

/** The key of the session whose object stands at `key`; null where that is no object's. No session has such a key: `#` begins no namespace. */
export function sessionKeyOf(key: string): string | null {
  return OBJECT.exec(key)?.[1] ?? null;
}

/** What the keys of all that stands beside a session begin with. */
export function besideOf(sessionKey: string): string {
  return `${sessionKey}/#`;
}

/** The key of the mark that an incarnation of the session has ended. */
export function markKey(sessionKey: string, mark: string): string {
  return `${besideOf(sessionKey)}ended/${mark}`;
}

/** The mark at `key`, and the key of its session; null where that is no mark's. */
export function markAt(key: string): { readonly sessionKey: string; readonly mark: string } | null {
  const [, sessionKey, mark] = MARK.exec(key) ?? [];
  return sessionKey === undefined || mark === undefined ? null : { sessionKey, mark };
}

/** The metadata that {@link readObject} reads. */
export function formatObject({ writtenAt, ...facts }: ObjectFacts): Record<string, string> {
  return { ...formatFacts(facts), at: String(writtenAt) };
}

/** `STORE_MALFORMED` for what no writer has written. */
export function readObject(head: RecordHead): ListedObject {
  const facts = readFacts(head);
  const { at } = head.metadata;
  if (facts.deletedAt !== null || !isCount(at)) throw malformed('it is no object of a writer');
  return { head, facts: { ...facts, writtenAt: Number(at) } };
}

/** Whether `incarnation` was deleted or replaced, as a record (null: none) or a mark says. The session in the record itself was not, whatever marks say. */
export function hasEndedHere(record: RecordFacts | null, ended: ReadonlySet<string>, incarnation: string): boolean {
  if (record?.incarnation === incarnation) return record.deletedAt !== null;
  return ended.has(markOf(incarnation)) || (record !== null && hasEnded(record, incarnation));
}

/**
 * The incarnation that is shown: that of the session at the key; where there is none, or a tombstone, that of the latest object that did not end. Null: none.
 */
export function shownIncarnation(record: RecordFacts | null, { objects, ended }: Beside): string | null {
  if (record !== null && record.deletedAt === null) return record.incarnation;
  let latest: ObjectFacts | null = null;
  for (const { facts } of objects) {
    if (hasEndedHere(record, ended, facts.incarnation)) continue;
    if (latest === null || isLater(facts, latest)) latest = facts;
  }
  return latest?.incarnation ?? null;
}

/**
 * What a record (null: none) and what stands beside it say together, for who decides what may stand in their place: the incarnation that is shown, its highest
 * revision, and what has ended. Null: nothing is there, but perhaps marks; a tombstone where only that is.
 */
export function shownFacts(record: RecordFacts | null, beside: Beside): RecordFacts | null {
  const facts = newestFacts(record, beside);
  return facts === null ? null : { ...facts, ended: [...new Set([...facts.ended, ...beside.ended])] };
}

function newestFacts(record: RecordFacts | null, beside: Beside): RecordFacts | null {
  const incarnation = shownIncarnation(record, beside);
  const shown = beside.objects.filter(({ facts }) => facts.incarnation === incarnation).map(({ facts }) => facts);
  if (incarnation === null || shown.length === 0) return record;
  const newest = shown.reduce((a, b) => (b.revision > a.revision ? b : a));
  if (record !== null && record.deletedAt === null) return { ...record, revision: Math.max(record.revision, newest.revision) };
  const { revision, writeId, ended } = newest;
  return follow(record, { incarnation, revision, writeId, ended });
}

function isLater(a: ObjectFacts, b: ObjectFacts): boolean {
  return a.writtenAt !== b.writtenAt ? a.writtenAt > b.writtenAt : a.incarnation > b.incarnation;
}

/** The latest of times at which something expires; null: never. */
export function latestExpiry(expiries: readonly (number | null)[]): number | null {
  return expiries.reduce((latest, one) => (latest === null || one === null ? null : Math.max(latest, one)));
}

/** What is known of an object that was read. */
export interface ReadObject {
  readonly key: string;
  readonly document: MergeDocument;
  readonly expiresAt: number | null;
  readonly facts: ObjectFacts;
}

/**
 * The short ids of writes that every reader sees by now: their objects were read by who wrote one of `objects` long ago. What an object says of its own age proves
 * nothing, since a process that stood still, or a call that was given up, may bring it late.
 */
export function longReadable(objects: readonly ReadObject[], now: number): ReadonlySet<string> {
  const old = objects.filter(({ facts }) => now - facts.writtenAt >= VISIBLE_MS + CLOCKS_APART_MS);
  return new Set(old.flatMap(({ facts }) => facts.before));
}

/** The short ids of the writes of `objects`, the latest first. */
export function idsOf(objects: readonly ReadObject[]): string[] {
  return [...objects].sort((a, b) => b.facts.writtenAt - a.facts.writtenAt).map(({ facts }) => shorten(facts.writeId));
}

/**
 * Whether nothing is missing where `b` is deleted and `a` stays: `a` has seen all that `b` has, has its marks, and lives as long. Of two that are the same in
 * all this the one that was written later stays (it may be the other one on new keys), or else the one with the greater key: a partial order, so that two who
 * delete at the same time never delete each other's reason.
 */
export function supersedes(a: ReadObject, b: ReadObject): boolean {
  if (a.key === b.key || a.document.epoch !== b.document.epoch || !holds(a, b)) return false;
  if (!holds(b, a)) return true;
  return a.facts.writtenAt !== b.facts.writtenAt ? a.facts.writtenAt > b.facts.writtenAt : a.key > b.key;
}

function holds(a: ReadObject, b: ReadObject): boolean {
  if (a.expiresAt !== null && (b.expiresAt === null || b.expiresAt > a.expiresAt)) return false;
  if (!includesContext(a.document.context, b.document.context)) return false;
  for (const [name, value] of b.document.marks) if ((a.document.marks.get(name) ?? Number.NEGATIVE_INFINITY) < value) return false;
  return true;
}
