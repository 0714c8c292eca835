/**
 * A document as bytes without a session: a delta on its way, or a state that is kept apart. The same layout as the state that a session carries, with nothing
 * left out (`layout.md`).
 */
import { PspError } from '../errors.ts';
import { isSection, learnBytes } from './content.ts';
import type { MergeDocument } from './document.ts';
import { type EntryValue, entryKey } from './entry.ts';
import { compareIdentities } from './identity.ts';
import { Rows } from './rows.ts';
import { hasForm } from './shape.ts';
import { encodeState } from './state.ts';
import { decodeState } from './state-read.ts';

/**
 * The canonical bytes of a document: equal documents, equal bytes. Reads the sections in it; rejects as their `bytes()` do.
 *
 * @throws PspError `MERGE_LIMIT` for a value that is nested too deeply.
 */
export async function encodeDocument(document: MergeDocument): Promise<Uint8Array<ArrayBuffer>> {
  const { epoch, context, entries, marks } = document;
  const hidden = [...entries.values()].sort(compareIdentities).map((entry) => ({ ...entry, isShown: false }));
  for (const { candidates } of hidden) for (const { value } of candidates) if (typeof value === 'object') await learnSections(value);
  return encodeState({ epoch, context, bits: 0, chunks: [], tabs: 0, rows: new Rows(0, []), hidden, marks });
}

/**
 * The document of these bytes.
 *
 * @throws PspError `MERGE_MALFORMED` for other bytes, also for those of a state that a session carries.
 */
export function decodeDocument(bytes: Uint8Array): MergeDocument {
  const { epoch, context, rows, hidden, marks } = decodeState(bytes);
  if (rows.length > 0 || hidden.some(({ isShown }) => isShown))
    throw new PspError('MERGE_MALFORMED', 'merge state: it is that of a session, and the values are there');
  if (!hidden.every(hasForm)) throw new PspError('MERGE_MALFORMED', 'merge state: an entry does not have the form of its kind');
  return {
    epoch,
    context,
    entries: new Map(hidden.map(({ kind, path, candidates }) => [entryKey(kind, path), { kind, path, candidates }])),
    marks,
  };
}

/** Learns the bytes of every section in a value. Rejects as their `bytes()` do. */
export async function learnSections(value: EntryValue | undefined): Promise<void> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if (isSection(value)) await learnBytes(value);
  else for (const member of Object.values(value)) await learnSections(member as EntryValue);
}
