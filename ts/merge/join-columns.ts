/**
 * Joins the entries of documents, by identity. What a session shows by one write, and every other one too that has the entry, is joined from the columns: no object
 * is made but where several writes stay. Any other entry is joined by `joinEntry`, which says what both of them do.
 */
import { type Context, isWithin } from './context.ts';
import { candidateAt, columnsOf, type DocumentColumns, entryAt, type MergeDocument, stampAt } from './document-columns.ts';
import { type Candidate, type Entry, isSameStamp } from './entry.ts';
import { EntryList } from './entry-list.ts';
import { type Identity, IdentityTable } from './identity.ts';
import { checkFork, joinEntry, sortCandidates } from './join-entry.ts';

/**
 * The entries that documents of one epoch hold together (law M1).
 *
 * @throws PspError `MERGE_FORK` where one dot stands for two writes.
 */
export function joinColumns(documents: readonly MergeDocument[]): EntryList {
  const table = documents.map((document) => columnsOf(document)?.flat.table).find((one) => one !== undefined) ?? new IdentityTable();
  return new Joining(documents, table).join();
}

/** A document as it is joined. */
interface Side {
  readonly columns: DocumentColumns | null;
  readonly others: ReadonlyMap<Identity, Entry>;
  /** The number that the replica of each write has in all documents. */
  readonly replicas: Int32Array;
}

function toSide(document: MergeDocument, table: IdentityTable, replicas: Map<string, number>): Side {
  const columns = columnsOf(document);
  if (columns?.flat.table === table) {
    const numbers = columns.writes.replicas.map((replica) => numberOf(replica, replicas));
    return { columns, others: columns.others, replicas: Int32Array.from(numbers) };
  }
  const others = new Map<Identity, Entry>();
  for (const entry of document.entries.values()) others.set(table.intern(entry.kind, entry.path), entry);
  return { columns: null, others, replicas: new Int32Array(0) };
}

function numberOf(replica: string, numbers: Map<string, number>): number {
  const number = numbers.get(replica) ?? numbers.size;
  numbers.set(replica, number);
  return number;
}

/** That a document has seen something of a replica: these ranges. */
interface Sight {
  readonly side: number;
  readonly ranges: readonly number[];
}

class Joining {
  readonly #contexts: readonly Context[];
  readonly #table: IdentityTable;
  readonly #sides: readonly Side[];
  /** By number of the replica: who has seen some of it. */
  readonly #sights: readonly (readonly Sight[])[];
  readonly #list: EntryList;
  /** Of the entry at hand, for each document: the place in it, and the write there by replica and counter; -1 for none. */
  readonly #places: Int32Array;
  readonly #replicas: Int32Array;
  readonly #counters: Float64Array;
  /** The documents whose write of the entry stays. */
  readonly #kept: Int32Array;

  constructor(documents: readonly MergeDocument[], table: IdentityTable) {
    const replicas = new Map<string, number>();
    this.#table = table;
    this.#contexts = documents.map(({ context }) => context);
    this.#sides = documents.map((document) => toSide(document, table, replicas));
    this.#list = new EntryList(
      table,
      this.#sides.map(({ columns }) => columns),
    );
    const sights: Sight[][] = Array.from(replicas, () => []);
    this.#contexts.forEach((context, side) => {
      for (const [replica, ranges] of context) {
        const number = replicas.get(replica);
        if (number !== undefined) sights[number]?.push({ side, ranges });
      }
    });
    this.#sights = sights;
    this.#places = new Int32Array(documents.length);
    this.#replicas = new Int32Array(documents.length);
    this.#counters = new Float64Array(documents.length);
    this.#kept = new Int32Array(documents.length);
  }

  join(): EntryList {
    const isDone = new Uint8Array(this.#table.size);
    for (const { others } of this.#sides) {
      for (const identity of others.keys()) {
        if (isDone[identity.index] === 1) continue;
        isDone[identity.index] = 1;
        const held = this.#sides.map((side) => side.others.get(identity) ?? entryOf(side, identity));
        const joined = joinEntry(this.#contexts, held);
        if (joined !== null) this.#list.add(identity, joined);
      }
    }
    for (let side = 0; side < this.#sides.length; side++) {
      const identities = this.#sides[side]?.columns?.flat.identities ?? [];
      for (let place = 0; place < identities.length; place++) {
        const identity = identities[place] as Identity;
        if (isDone[identity.index] === 1) continue;
        isDone[identity.index] = 1;
        this.#joinRows(identity, side);
      }
    }
    return this.#list;
  }

  /** An entry of which every document has one write or none; the first that has it is `first`. */
  #joinRows(identity: Identity, first: number): void {
    const count = this.#sides.length;
    for (let side = 0; side < count; side++) this.#lookUp(side, identity);
    let kept = 0;
    for (let side = first; side < count; side++) {
      if (this.#replicas[side] === -1) continue;
      const same = this.#findSame(kept, side);
      if (same !== -1) this.#checkFork(identity, same, side);
      else if (this.#isKept(side)) this.#kept[kept++] = side;
    }
    if (kept === 0) return;
    const side = this.#kept[0] as number;
    if (kept === 1) this.#list.addRow(identity, side, this.#places[side] as number);
    else this.#list.add(identity, this.#entryOf(identity, kept));
  }

  #entryOf({ kind, path }: Identity, kept: number): Entry {
    const candidates = new Array<Candidate>(kept);
    for (let i = 0; i < kept; i++) candidates[i] = this.#candidate(this.#kept[i] as number);
    return { kind, path, candidates: sortCandidates(candidates) };
  }

  #lookUp(side: number, { index }: Identity): void {
    const { columns, replicas } = this.#sides[side] as Side;
    const place = columns?.flat.positions[index] ?? -1;
    this.#places[side] = place;
    if (place === -1) {
      this.#replicas[side] = -1;
      return;
    }
    const { rows, writes } = columns as DocumentColumns;
    const row = rows[place] as number;
    this.#replicas[side] = replicas[writes.replicaOf[row] as number] as number;
    this.#counters[side] = writes.counterOf[row] as number;
  }

  /** Which of the first `count` sides that are kept has the write of `side`; -1 for none. */
  #findSame(count: number, side: number): number {
    for (let i = 0; i < count; i++) if (this.#isSame(this.#kept[i] as number, side)) return this.#kept[i] as number;
    return -1;
  }

  #isSame(a: number, b: number): boolean {
    return this.#counters[a] === this.#counters[b] && this.#replicas[a] === this.#replicas[b];
  }

  /** Whether everybody who has seen the write of `side` still holds it. */
  #isKept(side: number): boolean {
    const counter = this.#counters[side] as number;
    const sights = this.#sights[this.#replicas[side] as number] as readonly Sight[];
    for (let i = 0; i < sights.length; i++) {
      const { side: other, ranges } = sights[i] as Sight;
      if (!this.#isSame(side, other) && isWithin(ranges, counter)) return false;
    }
    return true;
  }

  /** Nearly always both have the very same value, and stamps that say the same. */
  #checkFork({ kind }: Identity, kept: number, side: number): void {
    const [one, other] = [this.#columns(kept), this.#columns(side)];
    const [placeOne, placeOther] = [this.#places[kept] as number, this.#places[side] as number];
    if (one.flat.values[placeOne] === other.flat.values[placeOther] && isSameStamp(stampAt(one, placeOne), stampAt(other, placeOther)))
      return;
    checkFork(kind, this.#candidate(kept), this.#candidate(side));
  }

  #candidate(side: number): Candidate {
    return candidateAt(this.#columns(side), this.#places[side] as number);
  }

  #columns(side: number): DocumentColumns {
    return (this.#sides[side] as Side).columns as DocumentColumns;
  }
}

function entryOf({ columns }: Side, { index }: Identity): Entry | undefined {
  const place = columns?.flat.positions[index] ?? -1;
  return place === -1 ? undefined : entryAt(columns as DocumentColumns, place);
}
