/**
 * A document as what it was made of. One that was read from a session is columns of values and of writes, one that was joined a list of entries (`entry-list.ts`);
 * its map is made when somebody asks for it. Whoever joins or shows documents uses what they were made of; everybody else sees a {@link MergeDocument}.
 */
import type { Context } from './context.ts';
import type { Candidate, Entry, EntryValue, Stamp } from './entry.ts';
import type { FlatSession } from './flat-session.ts';
import type { Identity } from './identity.ts';
import type { Rows } from './rows.ts';

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

/** What a session and its state say together. */
export interface DocumentColumns {
  readonly flat: FlatSession;
  readonly writes: Rows;
  /** For each entry of the session the only write of it, whose value it shows; -1 for an entry in {@link others}. */
  readonly rows: Int32Array;
  /** Entries that have other candidates, or are not shown. */
  readonly others: ReadonlyMap<Identity, Entry>;
}

/**
 * A document whose entries are made when they are asked for; a copy has them too. A class with one getter for all, and what it was made of is its own member: V8's
 * scavenger lets go neither of what an accessor in an object literal closes over, nor of the values of a WeakMap, so each document would stay until a full collection.
 */
export abstract class LazyDocument implements MergeDocument {
  readonly epoch: string;
  readonly context: Context;
  declare readonly entries: ReadonlyMap<string, Entry>;
  readonly marks: ReadonlyMap<string, number>;
  #entries: ReadonlyMap<string, Entry> | null = null;

  static readonly #ENTRIES: PropertyDescriptor = {
    enumerable: true,
    get(this: LazyDocument) {
      this.#entries ??= this.makeEntries();
      return this.#entries;
    },
  };

  constructor({ epoch, context, marks }: DocumentHead) {
    this.epoch = epoch;
    this.context = context;
    this.marks = marks;
    Object.defineProperty(this, 'entries', LazyDocument.#ENTRIES);
  }

  protected abstract makeEntries(): ReadonlyMap<string, Entry>;
}

/** The document that was read from a session. */
export class SessionDocument extends LazyDocument {
  readonly #columns: DocumentColumns;

  constructor(head: DocumentHead, columns: DocumentColumns) {
    super(head);
    this.#columns = columns;
  }

  get columns(): DocumentColumns {
    return this.#columns;
  }

  protected override makeEntries(): ReadonlyMap<string, Entry> {
    const { flat, others } = this.#columns;
    const entries = new Map<string, Entry>();
    flat.identities.forEach((identity, i) => {
      entries.set(identity.key, others.get(identity) ?? entryAt(this.#columns, i));
    });
    for (const [{ key }, entry] of others) entries.set(key, entry);
    return entries;
  }
}

/** What a document was read from; undefined for one that was not. */
export function columnsOf(document: MergeDocument): DocumentColumns | undefined {
  return document instanceof SessionDocument ? document.columns : undefined;
}

/** The entry that has nothing but its row. */
export function entryAt(own: DocumentColumns, place: number): Entry {
  const { kind, path } = own.flat.identities[place] as Identity;
  return { kind, path, candidates: [candidateAt(own, place)] };
}

/** The write of an entry that has nothing but its row. */
export function candidateAt({ flat, writes, rows }: DocumentColumns, place: number): Candidate {
  const row = rows[place] as number;
  return { dot: writes.dotAt(row), stamp: writes.stampAt(row), value: flat.values[place] as EntryValue };
}

/** The stamp of the write of an entry that has nothing but its row. */
export function stampAt({ writes, rows }: DocumentColumns, place: number): Stamp {
  return writes.stampAt(rows[place] as number);
}
