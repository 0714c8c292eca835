/**
 * A document as what it was made of. One that was read from a session is columns of values and of writes, one that was joined a list of entries by identity; its map
 * is made when somebody asks for it. Whoever joins or shows documents uses what they were made of; everybody else sees a {@link MergeDocument}.
 */
import type { Context } from './context.ts';
import type { Candidate, Entry, EntryValue, Stamp } from './entry.ts';
import type { FlatSession } from './flat-session.ts';
import type { Identity, IdentityTable } from './identity.ts';
import type { Row } from './state.ts';

/** A state of merging, or a change of one. */
export interface MergeDocument {
  /** Dots of different epochs have nothing to do with each other; `''` is the first one (law M6). */
  readonly epoch: string;
  /** Covers the dots of all candidates. */
  readonly context: Context;
  /** By `entryKey`. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** Facts that only grow, by name: the greatest counts (`mark.ts`). They need no dots. */
  readonly marks: ReadonlyMap<string, number>;
}

/** A document without its entries. */
export type DocumentHead = Omit<MergeDocument, 'entries'>;

/** Writes by number. Each has a replica, by its number in {@link replicas}, a counter and a stamp. */
export interface Writes {
  readonly replicas: readonly string[];
  /** -1 for no write. */
  readonly replicaOf: Int32Array;
  readonly counterOf: Float64Array;
  /** By number in {@link stamps}; of no meaning for no write. */
  readonly stampOf: Int32Array;
  readonly stamps: readonly Stamp[];
}

/** What a session and its state say together. */
export interface DocumentColumns {
  readonly flat: FlatSession;
  readonly writes: Writes;
  /** For each entry of the session the only write of it, whose value it shows; -1 for an entry in {@link others}. */
  readonly rows: Int32Array;
  /** Entries that have other candidates, or are not shown. */
  readonly others: ReadonlyMap<Identity, Entry>;
}

/** Entries by identity: the same place in both lists. */
export interface EntryList {
  readonly table: IdentityTable;
  readonly identities: readonly Identity[];
  readonly entries: readonly Entry[];
}

const columns = new WeakMap<MergeDocument, DocumentColumns>();
const lists = new WeakMap<MergeDocument, EntryList>();

/** The document that was read from a session. */
export function documentOfColumns(head: DocumentHead, own: DocumentColumns): MergeDocument {
  const document = lazyDocument(head, () => {
    const entries = new Map<string, Entry>();
    own.flat.identities.forEach((identity, i) => {
      entries.set(identity.key, own.others.get(identity) ?? entryAt(own, i));
    });
    for (const [{ key }, entry] of own.others) entries.set(key, entry);
    return entries;
  });
  columns.set(document, own);
  return document;
}

/** The document with these entries. */
export function documentOfList(head: DocumentHead, list: EntryList): MergeDocument {
  const document = lazyDocument(head, () => new Map(list.identities.map(({ key }, i) => [key, list.entries[i] as Entry])));
  lists.set(document, list);
  return document;
}

/** A plain object, so that it can be spread. */
function lazyDocument({ epoch, context, marks }: DocumentHead, make: () => ReadonlyMap<string, Entry>): MergeDocument {
  let entries: ReadonlyMap<string, Entry> | null = null;
  return {
    epoch,
    context,
    get entries() {
      entries ??= make();
      return entries;
    },
    marks,
  };
}

/** What a document was read from; undefined for one that was not. */
export function columnsOf(document: MergeDocument): DocumentColumns | undefined {
  return columns.get(document);
}

/** The entry that has nothing but its row. */
export function entryAt(own: DocumentColumns, place: number): Entry {
  const { kind, path } = own.flat.identities[place] as Identity;
  return { kind, path, candidates: [candidateAt(own, place)] };
}

/** The write of an entry that has nothing but its row. */
export function candidateAt({ flat, writes, rows }: DocumentColumns, place: number): Candidate {
  const { dot, stamp } = writeAt(writes, rows[place] as number);
  return { dot, stamp, value: flat.values[place] as EntryValue };
}

/** The stamp of the write of an entry that has nothing but its row. */
export function stampAt({ writes: { stampOf, stamps }, rows }: DocumentColumns, place: number): Stamp {
  return stamps[stampOf[rows[place] as number] as number] as Stamp;
}

/** Dot and stamp of a write that is one. */
export function writeAt({ replicas, replicaOf, counterOf, stampOf, stamps }: Writes, row: number): Row {
  const replica = replicas[replicaOf[row] as number] as string;
  return { dot: { replica, counter: unboxed(counterOf[row] as number) }, stamp: stamps[stampOf[row] as number] as Stamp };
}

/** The same integer. One that was read from an array of doubles is a double, which V8 keeps in an object of its own: one for each dot. */
function unboxed(integer: number): number {
  return integer <= 0x7fffffff ? integer | 0 : integer;
}

/** All entries of a document, in no order that counts. */
export function entriesOf(document: MergeDocument): readonly Entry[] {
  return lists.get(document)?.entries ?? [...document.entries.values()];
}

/** All entries of a document with their identities in a table. */
export function listEntries(document: MergeDocument, table: IdentityTable): EntryList {
  const list = lists.get(document);
  if (list?.table === table) return list;
  const entries = [...document.entries.values()];
  return { table, identities: entries.map(({ kind, path }) => table.intern(kind, path)), entries };
}
