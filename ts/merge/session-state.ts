/**
 * Between a session with its `mergeState` and the document that is joined. The session holds what is shown, the state holds which writes that is, and what is
 * not shown. A session that was changed by somebody who did not merge, or that never had a state, becomes writes of its own (law M16).
 */
import { sha256Hex } from '../digest.ts';
import { PspError } from '../errors.ts';
import { ByteWriter } from '../session/clone/bytes.ts';
import { type Session, section } from '../session/session.ts';
import { alignChunks, chunkBits, chunkEntries, digestTabs } from './binding.ts';
import { compareStamps } from './clock.ts';
import type { SectionHash } from './content.ts';
import { contextOf, uniteContexts } from './context.ts';
import { type MergeDocument, raiseMark } from './document.ts';
import { learnSections } from './document-bytes.ts';
import { type Candidate, compareCandidates, type Dot, type Entry, type EntryValue, entryKey, type Stamp } from './entry.ts';
import { type FlatEntry, type FlatSession, flattenSession } from './flatten.ts';
import { hasForm } from './shape.ts';
import { encodeState, type HiddenEntry, MERGE_MEDIA_TYPE, type MergeState, type Row } from './state.ts';
import { decodeState, type ReadRows } from './state-read.ts';
import { placesFor } from './tab-place.ts';
import { sameEntryValue, writeEntryValue } from './value.ts';

/** A session as it takes part in a merge. */
export interface MergeInput {
  readonly id: string;
  readonly incarnation: string;
  readonly createdAt: number;
  readonly document: MergeDocument;
  /** What it shows. */
  readonly flat: FlatSession;
}

/**
 * Reads a valid session and its state. Reads the records of databases, and other sections only where `sectionHash` does not tell their hash. O(size of what is
 * read); what it has in common with `like`, an input that was read before, is quicker and shared.
 *
 * @throws PspError `MERGE_MALFORMED` for a state that is none, `MERGE_LIMIT` for one that is too large; and as {@link flattenSession}.
 */
export async function readMerge(session: Session, sectionHash?: SectionHash, like?: MergeInput): Promise<MergeInput> {
  const flat = await flattenSession(session, { sectionHash, like: like?.flat });
  const { id, incarnation, createdAt, updatedAt, mergeState } = session;
  const document =
    mergeState === undefined ? startDocument(flat, updatedAt) : continueDocument(flat, updatedAt, await mergeState.bytes(), like?.document);
  return { id, incarnation, createdAt, document, flat };
}

/** Adds the entry of what a session shows. */
function addEntry(entries: Map<string, Entry>, { key, kind, path }: FlatEntry, candidates: readonly Candidate[]): void {
  addShared(entries, key, { kind, path, candidates });
}

function addShared(entries: Map<string, Entry>, key: string, entry: Entry): void {
  const size = entries.size;
  const { kind } = entry;
  entries.set(key, entry);
  if (entries.size === size)
    throw new PspError('SESSION_INVALID', `session: a ${kind} stands twice; a session to merge is valid`, { details: { kind } });
}

/** What one write adds to a document that is being made. */
class Author {
  readonly #replica: string;
  readonly #stamp: Stamp;
  readonly dots: Dot[] = [];

  constructor(replica: string, stamp: Stamp) {
    this.#replica = replica;
    this.#stamp = stamp;
  }

  write(value: EntryValue): Candidate {
    const dot = { replica: this.#replica, counter: this.dots.length + 1 };
    this.dots.push(dot);
    return { dot, stamp: this.#stamp, value };
  }
}

/** Law M16: the content gives the dots, so two readers of one session agree. The context is those dots: what is not there was never seen. */
function startDocument(flat: FlatSession, updatedAt: number): MergeDocument {
  const author = new Author(hashContent(flat, updatedAt).slice(0, 16), { time: updatedAt, count: 0 });
  const entries = new Map<string, Entry>();
  for (const one of flat.entries) addEntry(entries, one, [author.write(one.value)]);
  for (const [id, place] of placesFor(flat.tabs, new Map(), '')) {
    entries.set(entryKey('tabPlace', [id]), { kind: 'tabPlace', path: [id], candidates: [author.write(place)] });
  }
  return { epoch: '', context: contextOf(author.dots), entries, marks: flat.marks };
}

/** SHA-256 over what a session shows, in hexadecimal: its entries in their order, its tabs, its time. Not its marks, which join whatever they are. */
function hashContent({ entries, tabs }: FlatSession, updatedAt: number, before = ''): string {
  const writer = new ByteWriter();
  writeEntryValue([before, updatedAt, tabs], writer, 'hash');
  for (const { key, value } of entries) {
    writeEntryValue(key, writer, 'hash');
    writeEntryValue(value, writer, 'hash');
  }
  return sha256Hex(writer.take());
}

function continueDocument(flat: FlatSession, updatedAt: number, bytes: Uint8Array, like?: MergeDocument): MergeDocument {
  const state = decodeState(bytes);
  if (!state.hidden.every(hasForm)) throw new PspError('MERGE_MALFORMED', 'merge state: an entry does not have the form of its kind');
  const marks = new Map(flat.marks);
  for (const [name, value] of state.marks) raiseMark(marks, name, value);
  const rows = alignChunks(state.chunks, chunkEntries(flat.entries, state.bits));
  const { entries, changed } = matchEntries(flat.entries, rows, state, like?.entries);
  const isSameOrder = digestTabs(flat.tabs) === state.tabs;
  if (changed.length === 0 && isSameOrder) return { epoch: state.epoch, context: state.context, entries, marks };
  // Whoever changed the session had seen all that the state covers.
  const author = new Author(hashContent(flat, updatedAt, sha256Hex(bytes)).slice(0, 16), stampAfter(state, updatedAt));
  for (const one of changed) addEntry(entries, one, [author.write(one.value)]);
  if (!isSameOrder) placeTabs(flat.tabs, entries, author);
  return { epoch: state.epoch, context: uniteContexts(state.context, contextOf(author.dots)), entries, marks };
}

/** The entries of the state, with the values of those that are shown; and those that are not shown as the state says. */
function matchEntries(
  flat: readonly FlatEntry[],
  rows: Int32Array,
  state: ReturnType<typeof decodeState>,
  like: ReadonlyMap<string, Entry> | undefined,
): { readonly entries: Map<string, Entry>; readonly changed: readonly FlatEntry[] } {
  const hidden = new Map(state.hidden.map((entry) => [entryKey(entry.kind, entry.path), entry]));
  const entries = new Map<string, Entry>();
  const changed: FlatEntry[] = [];
  flat.forEach((one, i) => {
    const { key, value } = one;
    const others = hidden.size === 0 ? undefined : hidden.get(key);
    if (others !== undefined) hidden.delete(key);
    const known = others === undefined && rows[i] !== -1 ? like?.get(key) : undefined;
    if (known !== undefined && isRow(known, value, state.rows, rows[i] as number)) {
      addShared(entries, key, known);
      return;
    }
    const row = rows[i] === -1 ? undefined : state.rows.at(rows[i] as number);
    if (row === undefined || (row === null && others === undefined)) {
      changed.push(one);
      return;
    }
    if (row === null) addEntry(entries, one, (others as HiddenEntry).candidates);
    else {
      const candidate = { dot: row.dot, stamp: row.stamp, value };
      const candidates = others === undefined ? [candidate] : [...others.candidates, candidate].sort(compareCandidates);
      addEntry(entries, one, candidates);
    }
  });
  for (const [key, { kind, path, candidates, isShown }] of hidden) if (!isShown) entries.set(key, { kind, path, candidates });
  return { entries, changed };
}

/** Whether an entry that was read from another session is this one: the same write, and the very same value. */
function isRow({ candidates }: Entry, value: EntryValue, rows: ReadRows, row: number): boolean {
  const [candidate] = candidates as [Candidate];
  return candidates.length === 1 && candidate.value === value && candidate.structure === undefined && rows.is(row, candidate);
}

/** Later than all that the state holds. */
function stampAfter({ rows, hidden }: MergeState, updatedAt: number): Stamp {
  let latest: Stamp = { time: 0, count: 0 };
  for (let i = 0; i < rows.length; i++) {
    const stamp = rows.at(i)?.stamp;
    if (stamp !== undefined && compareStamps(stamp, latest) > 0) latest = stamp;
  }
  for (const { candidates } of hidden) for (const { stamp } of candidates) if (compareStamps(stamp, latest) > 0) latest = stamp;
  return updatedAt > latest.time ? { time: updatedAt, count: 0 } : { time: latest.time, count: latest.count + 1 };
}

function placeTabs(tabs: readonly string[], entries: Map<string, Entry>, author: Author): void {
  const known = new Map<string, string>();
  for (const id of tabs) {
    const place = entries.get(entryKey('tabPlace', [id]))?.candidates.at(-1)?.value;
    if (typeof place === 'string') known.set(id, place);
  }
  for (const [id, place] of placesFor(tabs, known, '')) {
    if (known.get(id) === place) continue;
    entries.set(entryKey('tabPlace', [id]), { kind: 'tabPlace', path: [id], candidates: [author.write(place)] });
  }
}

/**
 * `session` with the state of `document`, which it shows. Equal documents and sessions give equal bytes (law M20). Reads the sections of values that are not
 * shown. `like`: a session that is much the same, for speed.
 *
 * @throws PspError `MERGE_LIMIT` for more entries than a state can have.
 */
export async function attachState(session: Session, document: MergeDocument, like?: FlatSession): Promise<Session> {
  const flat = await flattenSession(session, { like });
  const { rows, hidden } = splitCandidates(flat.entries, document.entries);
  for (const { candidates } of hidden) for (const { value } of candidates) if (typeof value === 'object') await learnSections(value);
  const marks = new Map([...document.marks].filter(([name, value]) => value > (flat.marks.get(name) ?? Number.NEGATIVE_INFINITY)));
  const bits = chunkBits(flat.entries.length);
  const chunks = chunkEntries(flat.entries, bits);
  const { epoch, context } = document;
  const bytes = encodeState({ epoch, context, bits, chunks, tabs: digestTabs(flat.tabs), rows, hidden, marks });
  return { ...session, mergeState: section(bytes, MERGE_MEDIA_TYPE) };
}

/** The candidates whose values the session shows, in its order; and the others by key. */
function splitCandidates(
  flat: readonly FlatEntry[],
  entries: ReadonlyMap<string, Entry>,
): { readonly rows: (Row | null)[]; readonly hidden: HiddenEntry[] } {
  const shown = new Set<Candidate>();
  const partly = new Set<string>();
  const rows = flat.map(({ key, value }) => {
    const candidates = entries.get(key)?.candidates ?? [];
    if (candidates.length > 1 || candidates[0]?.structure !== undefined) partly.add(key);
    for (let i = candidates.length - 1; i >= 0; i--) {
      const candidate = candidates[i] as Candidate;
      // A structure is kept with its value.
      if (candidate.value === undefined || candidate.structure !== undefined || !sameEntryValue(candidate.value, value)) continue;
      shown.add(candidate);
      return candidate;
    }
    return null;
  });
  const hidden: [string, HiddenEntry][] = [];
  for (const [key, entry] of entries) {
    const { candidates } = entry;
    if (candidates.length === 1 && shown.has(candidates[0] as Candidate)) continue;
    const others = candidates.filter((candidate) => !shown.has(candidate));
    if (others.length > 0) hidden.push([key, { ...entry, candidates: others, isShown: partly.has(key) }]);
  }
  hidden.sort(([a], [b]) => (a < b ? -1 : 1));
  return { rows, hidden: hidden.map(([, entry]) => entry) };
}

/** `session` without its state: a reader takes it for one that never had any. */
export function withoutMergeState({ mergeState: _, ...session }: Session): Session {
  return session;
}
