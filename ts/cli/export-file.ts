/**
 * Sessions as files of a folder and as lines of a stream: how `psp export` writes them and `psp import` finds them again.
 *
 *     <id>.psp    a clear blob as text        <id>.pspb   a clear blob, packed        <id>.pspe   as the store has sealed it
 *     <file>.tag  an integrity tag of a file, which import reads
 *     sessions.jsonl   of an export of sealed files: a line { file, id, incarnation, revision, expiresAt } for each
 *
 * A line of a stream is the same without `file` and with `bytes`, in Base64, and perhaps `tag`. Names are spelled so that every file system keeps them.
 */
import { nameKey, readKey } from '../../providers/filesystem/name.ts';
import { decodeBase64Text, encodeBase64Text } from '../kernel/text.ts';
import type { ExportedSession, ExportForm } from '../store/export.ts';
import type { ImportItem } from '../store/import.ts';
import { CliFailure } from './failure.ts';

/** The file in a folder that says what cannot be read off sealed files. */
export const LIST_NAME = 'sessions.jsonl';

/** Endings of files that hold a session. */
export const SESSION_ENDINGS = { text: '.psp', packed: '.pspb', stored: '.pspe' } as const;

/** What a line says beside the bytes. */
export type ListedFacts = Pick<ImportItem, 'id' | 'facts'>;

/** The name of the file of a session. One that would be long is a hash, and only the list and the session tell the id. */
export function fileNameOf(id: string, ending: string): string {
  return nameKey(id)
    .record.replace(/^k-/, '')
    .replace(/\.rec$/, ending);
}

/** The id that a file's name spells, or the name without its ending where it is none of {@link fileNameOf}. */
export function idOfFile(fileName: string): string {
  const stem = fileName.replace(/\.[a-z]+$/, '');
  const id = readKey(`k-${stem}.rec`) ?? stem;
  return id !== '' && nameKey(id).record === `k-${stem}.rec` ? id : stem;
}

/** The ending of what is exported: stored records are sealed, or packed blobs. */
export function endingOf(form: ExportForm, isSealed: boolean): string {
  return form === 'stored' && !isSealed ? SESSION_ENDINGS.packed : SESSION_ENDINGS[form];
}

/** A line of the list of a folder. */
export function listLine(file: string, { id, facts }: ExportedSession): string {
  return `${JSON.stringify({ file, id, ...facts })}\n`;
}

/** What the list of a folder says of its files. `EXPORT_LIST` for one that is none. */
export function readList(text: string): ReadonlyMap<string, ListedFacts> {
  const files = new Map<string, ListedFacts>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const record = readRecord(line);
    const file = record?.['file'];
    const listed = record === null ? null : factsIn(record);
    if (typeof file !== 'string' || listed === null) throw new CliFailure('EXPORT_LIST', `${LIST_NAME} is not what psp export writes`);
    files.set(file, listed);
  }
  return files;
}

/** A line of a stream. */
export function streamLine({ id, facts, bytes }: ExportedSession): string {
  return `${JSON.stringify({ id, ...facts, bytes: encodeBase64Text(bytes) })}\n`;
}

/** The item in a line of a stream; one that is none fails when its bytes are read. */
export function readStreamLine(line: string, number: number): ImportItem {
  const name = `line ${number}`;
  const record = readRecord(line);
  const listed = record === null ? null : factsIn(record);
  const { bytes, tag } = record ?? {};
  const tagBytes = tag === undefined ? undefined : attempt(tag);
  if (listed === null || typeof bytes !== 'string' || tagBytes === null) {
    return { name, bytes: () => Promise.reject(new CliFailure('STREAM_LINE', `${name} is not what psp export writes`)) };
  }
  return { name, ...listed, bytes: () => decodeBase64Text(bytes), ...(tagBytes === undefined ? {} : { tag: tagBytes }) };
}

/** The bytes of a Base64 text; null for what is none. */
function attempt(text: unknown): Uint8Array | null {
  try {
    return decodeBase64Text(text as string);
  } catch {
    return null;
  }
}

function readRecord(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Id and facts, as far as they are said. Null for what says them wrongly. */
function factsIn({ id, incarnation, revision, expiresAt = null }: Record<string, unknown>): ListedFacts | null {
  if (id !== undefined && (typeof id !== 'string' || id === '')) return null;
  const said = id === undefined ? {} : { id };
  if (incarnation === undefined && revision === undefined) return said;
  if (typeof incarnation !== 'string' || !isCount(revision) || (expiresAt !== null && !isCount(expiresAt))) return null;
  return { ...said, facts: { incarnation, revision, expiresAt } };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
