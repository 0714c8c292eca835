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
import { contextOf, replicasOf, uniteContexts } from './context.ts';
import { raiseMark } from './document.ts';
import { learnSections } from './document-bytes.ts';
import { type DocumentColumns, type MergeDocument, SessionDocument } from './document-columns.ts';
import { type Candidate, compareCandidates, type Dot, type Entry, type EntryValue, type Stamp } from './entry.ts';
import { listEntries } from './entry-list.ts';
import { type FlatSession, flattenSession } from './flatten.ts';
import { compareIdentities, type Identity } from './identity.ts';
import { Rows } from './rows.ts';
import { hasForm } from './shape.ts';
import { encodeState, type HiddenEntry, MERGE_MEDIA_TYPE, type MergeState } from './state.ts';
import { decodeState } from './state-read.ts';
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
 * Reads a valid session and its state. Reads the records of databases, and other sections only where neither `sectionHash` nor their blob tells their hash. O(size of
 * what is read); what it has in common with `like`, an input that was read before, is quicker and shared.
 *
 * @throws PspError `MERGE_MALFORMED` for a state that is none, `MERGE_LIMIT` for one that is too large, `SESSION_INVALID` for an entry that stands twice; and as
 *   {@link flattenSession}.
 */
export async function readMerge(session: Session, sectionHash?: SectionHash, like?: MergeInput): Promise<MergeInput> {
  const flat = await flattenSession(session, { sectionHash, like: like?.flat });
  if (flat.twice !== null) {
    const { kind } = flat.twice;
    throw new PspError('SESSION_INVALID', `session: a ${kind} stands twice; a session to merge is valid`, { details: { kind } });
  }
  const { id, incarnation, createdAt, updatedAt, mergeState } = session;
  const document = mergeState === undefined ? startDocument(flat, updatedAt) : continueDocument(flat, updatedAt, await mergeState.bytes());
  return { id, incarnation, createdAt, document, flat };
}

/** What one write adds to a document that is being made. */
class Author {
  readonly #replica: string;
  readonly #stamp: Stamp;
  /** The counter of the write before the first one. */
  readonly #before: number;
  readonly dots: Dot[] = [];

  constructor(replica: string, stamp: Stamp, before: number) {
    this.#replica = replica;
    this.#stamp = stamp;
    this.#before = before;
  }

  write(value: EntryValue): Candidate {
    const dot = { replica: this.#replica, counter: this.#before + this.dots.length + 1 };
    this.dots.push(dot);
    return { dot, stamp: this.#stamp, value };
  }
}

/** Law M16: the content gives the dots, so two readers of one session agree. The context is those dots: what is not there was never seen. */
function startDocument(flat: FlatSession, updatedAt: number): MergeDocument {
  const replica = hashContent(flat, updatedAt).slice(0, 16);
  const stamp = { time: updatedAt, count: 0 };
  const count = flat.identities.length;
  const writes = new Rows(count, [replica]);
  writes.setDots(0, count, 0, 1);
  writes.setStamps(0, count, stamp);
  const author = new Author(replica, stamp, count);
  const others = new Map<Identity, Entry>();
  for (const [id, place] of placesFor(flat.tabs, new Map(), '')) placeTab(flat, id, author.write(place), others);
  const last = count + author.dots.length;
  const context = new Map(last === 0 ? [] : [[replica, [1, last]] as const]);
  const rows = new Int32Array(count).map((_, i) => i);
  return new SessionDocument({ epoch: '', context, marks: flat.marks }, { flat, writes, rows, others });
}

/** SHA-256 over what a session shows, in hexadecimal: its entries in their order, its tabs, its time. Not its marks, which join whatever they are. */
function hashContent({ identities, values, tabs }: FlatSession, updatedAt: number, before = ''): string {
  const writer = new ByteWriter();
  writeEntryValue([before, updatedAt, tabs], writer, 'hash');
  identities.forEach(({ key }, i) => {
    writeEntryValue(key, writer, 'hash');
    writeEntryValue(values[i] as EntryValue, writer, 'hash');
  });
  return sha256Hex(writer.take());
}

function continueDocument(flat: FlatSession, updatedAt: number, bytes: Uint8Array): MergeDocument {
  const state = decodeState(bytes);
  if (!state.hidden.every(hasForm)) throw new PspError('MERGE_MALFORMED', 'merge state: an entry does not have the form of its kind');
  const marks = new Map(flat.marks);
  for (const [name, value] of state.marks) raiseMark(marks, name, value);
  const rows = alignChunks(state.chunks, chunkEntries(flat, state.bits));
  const { others, changed } = matchEntries(flat, rows, state);
  const columns: DocumentColumns = { flat, writes: state.rows, rows, others };
  const isSameOrder = digestTabs(flat.tabs) === state.tabs;
  if (changed.length === 0 && isSameOrder) return new SessionDocument({ epoch: state.epoch, context: state.context, marks }, columns);
  // Whoever changed the session had seen all that the state covers.
  const author = new Author(hashContent(flat, updatedAt, sha256Hex(bytes)).slice(0, 16), stampAfter(state, updatedAt), 0);
  for (const place of changed) {
    const { kind, path } = flat.identities[place] as Identity;
    const candidates = [author.write(flat.values[place] as EntryValue)];
    others.set(flat.identities[place] as Identity, { kind, path, candidates });
  }
  if (!isSameOrder) placeTabs(flat, others, author);
  const context = uniteContexts(state.context, contextOf(author.dots));
  return new SessionDocument({ epoch: state.epoch, context, marks }, columns);
}

/**
 * The entries of the state that are more than a row, or that the session does not show as the state says; and the places of those that the state does not know.
 * The rows of both become -1.
 */
function matchEntries(
  { table, identities, values, positions }: FlatSession,
  rows: Int32Array,
  state: MergeState,
): { readonly others: Map<Identity, Entry>; readonly changed: readonly number[] } {
  const others = new Map<Identity, Entry>();
  const known = new Set<number>();
  for (const { kind, path, candidates, isShown } of state.hidden) {
    const identity = table.intern(kind, path);
    const place = positions[identity.index] ?? -1;
    if (place === -1) {
      if (!isShown) others.set(identity, { kind, path, candidates });
      continue;
    }
    const row = rows[place] as number;
    const shown = row === -1 ? undefined : state.rows.at(row);
    // What the session shows and the state has no digest of was changed.
    if (shown === undefined) continue;
    const all = shown === null ? candidates : [...candidates, { ...shown, value: values[place] as EntryValue }].sort(compareCandidates);
    others.set(identity, { kind, path: (identities[place] as Identity).path, candidates: all });
    known.add(place);
  }
  const changed: number[] = [];
  for (let place = 0; place < rows.length; place++) {
    const row = rows[place] as number;
    if (!known.has(place) && (row === -1 || state.rows.replicaOf[row] === -1)) changed.push(place);
    else if (!known.has(place)) continue;
    rows[place] = -1;
  }
  return { others, changed };
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

function placeTabs(flat: FlatSession, others: Map<Identity, Entry>, author: Author): void {
  const known = new Map<string, string>();
  for (const id of flat.tabs) {
    const place = others.get(flat.table.intern('tabPlace', [id]))?.candidates.at(-1)?.value;
    if (typeof place === 'string') known.set(id, place);
  }
  for (const [id, place] of placesFor(flat.tabs, known, '')) if (known.get(id) !== place) placeTab(flat, id, author.write(place), others);
}

function placeTab({ table }: FlatSession, id: string, write: Candidate, others: Map<Identity, Entry>): void {
  others.set(table.intern('tabPlace', [id]), { kind: 'tabPlace', path: [id], candidates: [write] });
}

/**
 * `session` with the state of `document`, which it shows. Equal documents and sessions give equal bytes (law M20). Reads the sections of values that are not
 * shown. `like`: a session that is much the same, for speed.
 *
 * @throws PspError `MERGE_LIMIT` for more entries than a state can have.
 */
export async function attachState(session: Session, document: MergeDocument, like?: FlatSession): Promise<Session> {
  const flat = await flattenSession(session, { like });
  const { rows, hidden } = splitCandidates(flat, document);
  for (const value of objectsIn(hidden)) await learnSections(value);
  const marks = new Map([...document.marks].filter(([name, value]) => value > (flat.marks.get(name) ?? Number.NEGATIVE_INFINITY)));
  const bits = chunkBits(flat.identities.length);
  const chunks = chunkEntries(flat, bits);
  const { epoch, context } = document;
  const bytes = encodeState({ epoch, context, bits, chunks, tabs: digestTabs(flat.tabs), rows, hidden, marks });
  return { ...session, mergeState: section(bytes, MERGE_MEDIA_TYPE) };
}

function objectsIn(hidden: readonly HiddenEntry[]): EntryValue[] {
  const values: EntryValue[] = [];
  for (const { candidates } of hidden) {
    for (let i = 0; i < candidates.length; i++) {
      const value = (candidates[i] as Candidate).value;
      if (typeof value === 'object') values.push(value);
    }
  }
  return values;
}

/** The candidates whose values the session shows, in its order; and the others in theirs. */
function splitCandidates(
  { table, identities, values, positions }: FlatSession,
  document: MergeDocument,
): { readonly rows: Rows; readonly hidden: readonly HiddenEntry[] } {
  const replicas = replicasOf(document.context);
  const numbers = new Map(replicas.map((replica, i) => [replica, i]));
  const numbersIn = new Map<Rows, readonly number[]>();
  const rows = new Rows(identities.length, replicas);
  const hidden: HiddenEntry[] = [];
  const list = listEntries(document);
  for (let i = 0; i < list.length; i++) {
    const listed = list.identities[i] as Identity;
    const place = positions[list.table === table ? listed.index : table.intern(listed.kind, listed.path).index] ?? -1;
    if (list.isRow(i) && place !== -1 && sameEntryValue(list.valueOf(i), values[place] as EntryValue)) {
      const { writes, rows: rowOf } = list.columnsOf(i);
      const row = rowOf[list.placeOf(i)] as number;
      let known = numbersIn.get(writes);
      if (known === undefined) {
        known = writes.replicas.map((replica) => numbers.get(replica) as number);
        numbersIn.set(writes, known);
      }
      rows.set(place, known[writes.replicaOf[row] as number] as number, writes.counterOf[row] as number, writes.stampAt(row));
      continue;
    }
    const { kind, path, candidates } = list.entryAt(i);
    const shown = place === -1 ? -1 : findShown(candidates, values[place] as EntryValue);
    if (shown !== -1) {
      const { dot, stamp } = candidates[shown] as Candidate;
      rows.set(place, numbers.get(dot.replica) as number, dot.counter, stamp);
    }
    if (shown !== -1 && candidates.length === 1) continue;
    const others = shown === -1 ? candidates : without(candidates, shown);
    const isShown = place !== -1 && (candidates.length > 1 || candidates[0]?.structure !== undefined);
    hidden.push({ kind, path, candidates: others, isShown });
  }
  return { rows, hidden: hidden.sort(compareIdentities) };
}

function without(candidates: readonly Candidate[], at: number): readonly Candidate[] {
  const others = new Array<Candidate>(candidates.length - 1);
  for (let i = 0; i < others.length; i++) others[i] = candidates[i < at ? i : i + 1] as Candidate;
  return others;
}

/** The last of the candidates with a value, -1 for none. A structure is kept with its value, as one that is hidden. */
function findShown(candidates: readonly Candidate[], value: EntryValue): number {
  for (let i = candidates.length - 1; i >= 0; i--) {
    const candidate = candidates[i] as Candidate;
    if (candidate.value !== undefined && candidate.structure === undefined && sameEntryValue(candidate.value, value)) return i;
  }
  return -1;
}

/** `session` without its state: a reader takes it for one that never had any. */
export function withoutMergeState({ mergeState: _, ...session }: Session): Session {
  return session;
}
