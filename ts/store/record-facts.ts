/**
 * What the metadata of a session's record says: which life of which session stands there, which writes made it, and which lives have ended. It
 * can be read without the value and without a key, it holds nothing secret, and it is not authentic.
 */

import type { RandomBytes } from '../envelope/random.ts';
import { PspError } from '../errors.ts';
import type { RecordHead } from '../provider.ts';
import { toHex } from './hex.ts';

/** The metadata of a record, read. */
export interface RecordFacts {
  /** Of the session, or of the one that was deleted. */
  readonly incarnation: string;
  readonly revision: number;
  /** Names the write that made the record: 32 random hex digits, the same in every attempt. */
  readonly writeId: string;
  /** The first 12 digits of each of the write ids before, newest first, at most 15. */
  readonly before: readonly string[];
  /** Marks of incarnations that were deleted or replaced here, newest first; see {@link markOf}. A record has room for 16. */
  readonly ended: readonly string[];
  /** When the session was deleted, for a tombstone: then there is no value. Null for a session. */
  readonly deletedAt: number | null;
}

const WRITE_ID_BYTES = 16;
const SHORT_ID_DIGITS = 12;
const MAX_BEFORE = 15;
const MARK_DIGITS = 8;
const MAX_ENDED = 16;

const COUNT = /^(0|[1-9][0-9]{0,15})$/;
const WRITE_ID = /^[0-9a-f]{32}$/;
const SHORT_IDS = /^([0-9a-f]{12}){0,15}$/;
const MARK = /^[0-9a-f]{8}$/;
const MARKS = /^([0-9a-f]{8}){0,16}$/;

/** A new write id. */
export function newWriteId(random: RandomBytes): string {
  return toHex(random(WRITE_ID_BYTES));
}

/** `STORE_MALFORMED` for a record that no session store has written. */
export function readFacts({ metadata, size }: Pick<RecordHead, 'metadata' | 'size'>): RecordFacts {
  const { incarnation, revision, write, before = '', ended = '', deleted } = metadata;
  const isOurs =
    incarnation !== undefined &&
    incarnation !== '' &&
    isCount(revision) &&
    write !== undefined &&
    WRITE_ID.test(write) &&
    SHORT_IDS.test(before) &&
    MARKS.test(ended) &&
    (deleted === undefined ? size > 0 : isCount(deleted) && size === 0);
  if (!isOurs) throw malformed('its metadata is not what a session store writes');
  return {
    incarnation,
    revision: Number(revision),
    writeId: write,
    before: cut(before, SHORT_ID_DIGITS),
    ended: cut(ended, MARK_DIGITS),
    deletedAt: deleted === undefined ? null : Number(deleted),
  };
}

/** What {@link readFacts} reads: at most 720 bytes, for an incarnation as long as the schema allows. */
export function formatFacts({ incarnation, revision, writeId, before, ended, deletedAt }: RecordFacts): Record<string, string> {
  return {
    incarnation,
    revision: String(revision),
    write: writeId,
    ...(before.length === 0 ? {} : { before: before.join('') }),
    ...(ended.length === 0 ? {} : { ended: ended.slice(0, MAX_ENDED).join('') }),
    ...(deletedAt === null ? {} : { deleted: String(deletedAt) }),
  };
}

/** Marks that a record of these facts does not keep for ever: all of them where it expires, else those that it has no room for. Not that of its own session. */
export function passingMarks({ incarnation, deletedAt, ended }: RecordFacts, expiresAt: number | null): readonly string[] {
  const passing = expiresAt === null ? ended.slice(MAX_ENDED) : ended;
  return deletedAt === null ? passing.filter((mark) => mark !== markOf(incarnation)) : passing;
}

/** The metadata of a record that is nothing but a mark (`writer-object.ts`). */
export function formatMark(mark: string): Record<string, string> {
  return { ended: mark };
}

/**
 * Whether a record holds no session by intention: a tombstone, of which nothing but {@link RecordFacts} is left, a mark ({@link formatMark}), or a lease
 * (`lease.ts`).
 */
export function holdsNoSession({ metadata, size }: Pick<RecordHead, 'metadata' | 'size'>): boolean {
  return size === 0 && (isCount(metadata['deleted']) || isCount(metadata['fence']) || MARK.test(metadata['ended'] ?? ''));
}

/** What a write leaves behind. */
export interface NextFacts extends Pick<RecordFacts, 'incarnation' | 'revision' | 'writeId'> {
  /** Default: null. */
  readonly deletedAt?: number;
  /** Short ids of writes that were read, where nothing stood here. */
  readonly before?: readonly string[];
  /** Marks that come along from another store. */
  readonly ended?: readonly string[];
}

/** The facts of a record that stands in the place of `found` (null: of nothing). A tombstone ends its incarnation; so does another one in its place. */
export function follow(found: RecordFacts | null, next: NextFacts): RecordFacts {
  const { incarnation, revision, writeId, deletedAt = null } = next;
  const before = found === null ? (next.before ?? []) : [shorten(found.writeId), ...found.before];
  const replaced = found === null || (found.incarnation === incarnation && deletedAt === null) ? [] : [markOf(found.incarnation)];
  const ended = [...new Set([...replaced, ...(found?.ended ?? []), ...(next.ended ?? [])])];
  return { incarnation, revision, writeId, deletedAt, before: before.slice(0, MAX_BEFORE), ended };
}

/** Whether `incarnation` was deleted or replaced here. */
export function hasEnded({ incarnation: present, deletedAt, ended }: RecordFacts, incarnation: string): boolean {
  if (incarnation === present) return deletedAt !== null;
  return ended.includes(markOf(incarnation));
}

/** Whether the write made what is there (`last`), or something that others have written on since (`earlier`); null: neither. */
export function findWrite({ writeId: last, before }: RecordFacts, writeId: string): 'last' | 'earlier' | null {
  if (last === writeId) return 'last';
  return before.includes(shorten(writeId)) ? 'earlier' : null;
}

/** Whether a write that would have made `revision` may be one of those that {@link RecordFacts.before} has no room for. */
export function mayBeForgotten({ before, revision: present }: RecordFacts, revision: number): boolean {
  return before.length === MAX_BEFORE && present - revision >= MAX_BEFORE;
}

/** Whether `head` may stand in the place of `first` by writes alone: nobody removed that and created another one. */
export function isWrittenOn({ metadata: { write } }: Pick<RecordHead, 'metadata'>, { metadata }: Pick<RecordHead, 'metadata'>): boolean {
  if (write === undefined || metadata['write'] === undefined) return true; // none of ours: nothing tells
  const before = cut(metadata['before'] ?? '', SHORT_ID_DIGITS);
  return metadata['write'] === write || before.includes(shorten(write)) || before.length === MAX_BEFORE;
}

/** `STORE_MALFORMED`. */
export function malformed(why: string, cause?: unknown): PspError {
  return new PspError('STORE_MALFORMED', `record: ${why}`, cause === undefined ? {} : { cause });
}

/** 32 bits of an incarnation (FNV-1a over its UTF-16 units): an incarnation may be long, and only accidents are to be told apart. */
export function markOf(incarnation: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < incarnation.length; at++) hash = Math.imul(hash ^ incarnation.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(MARK_DIGITS, '0');
}

export function shorten(writeId: string): string {
  return writeId.slice(0, SHORT_ID_DIGITS);
}

/** Whether it is a safe integer from 0 as metadata write it. */
export function isCount(text: string | undefined): text is string {
  return text !== undefined && COUNT.test(text) && Number.isSafeInteger(Number(text));
}

function cut(text: string, digits: number): string[] {
  return Array.from({ length: text.length / digits }, (_, at) => text.slice(at * digits, (at + 1) * digits));
}
