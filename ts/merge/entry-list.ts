/**
 * The entries of a document by identity. Most have one write, whose value a session shows: of these only the session and the place there are noted, and an
 * object is made when somebody asks for it.
 */
import { type DocumentColumns, type DocumentHead, entryAt, LazyDocument, type MergeDocument } from './document-columns.ts';
import type { Entry, EntryValue } from './entry.ts';
import { type Identity, IdentityTable } from './identity.ts';

/** A list that only grows, of entries with different identities. */
export class EntryList {
  readonly table: IdentityTable;
  readonly identities: Identity[] = [];
  readonly #sources: readonly (DocumentColumns | null)[];
  /** The number of the source of an entry that has nothing but its row; -1 for one in {@link #entries}. */
  readonly #sourceOf: Int32Array;
  /** The place there, or in {@link #entries}. */
  readonly #placeOf: Int32Array;
  readonly #entries: Entry[] = [];

  /** Of identities of `table`, as many as it has now. */
  constructor(table: IdentityTable, sources: readonly (DocumentColumns | null)[]) {
    this.table = table;
    this.#sources = sources;
    this.#sourceOf = new Int32Array(table.size);
    this.#placeOf = new Int32Array(table.size);
  }

  get length(): number {
    return this.identities.length;
  }

  add(identity: Identity, entry: Entry): void {
    const at = this.identities.push(identity) - 1;
    this.#sourceOf[at] = -1;
    this.#placeOf[at] = this.#entries.push(entry) - 1;
  }

  /** Adds the entry at a place of a source, by the number of the source, which has nothing but its row. */
  addRow(identity: Identity, source: number, place: number): void {
    const at = this.identities.push(identity) - 1;
    this.#sourceOf[at] = source;
    this.#placeOf[at] = place;
  }

  /** Whether an entry has one write, whose value a session shows. */
  isRow(at: number): boolean {
    return this.#sourceOf[at] !== -1;
  }

  /** Of such an entry: what it was read from. */
  columnsOf(at: number): DocumentColumns {
    return this.#sources[this.#sourceOf[at] as number] as DocumentColumns;
  }

  /** Of such an entry: its place there. */
  placeOf(at: number): number {
    return this.#placeOf[at] as number;
  }

  /** Of such an entry: the value of its write. */
  valueOf(at: number): EntryValue {
    return this.columnsOf(at).flat.values[this.placeOf(at)] as EntryValue;
  }

  entryAt(at: number): Entry {
    return this.isRow(at) ? entryAt(this.columnsOf(at), this.placeOf(at)) : (this.#entries[this.#placeOf[at] as number] as Entry);
  }
}

/** The document with the entries of a list. */
export class ListDocument extends LazyDocument {
  readonly #list: EntryList;

  constructor(head: DocumentHead, list: EntryList) {
    super(head);
    this.#list = list;
  }

  get list(): EntryList {
    return this.#list;
  }

  protected override makeEntries(): ReadonlyMap<string, Entry> {
    return new Map(this.#list.identities.map(({ key }, i) => [key, this.#list.entryAt(i)]));
  }
}

/** All entries of a document, in no order that counts. */
export function listEntries(document: MergeDocument): EntryList {
  if (document instanceof ListDocument) return document.list;
  const table = new IdentityTable();
  const entries = [...document.entries.values()];
  const identities = entries.map(({ kind, path }) => table.intern(kind, path));
  const list = new EntryList(table, []);
  identities.forEach((identity, i) => {
    list.add(identity, entries[i] as Entry);
  });
  return list;
}
