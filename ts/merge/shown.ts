/** What is shown of the entries of a document, as `rebuild.ts` puts it together: of an entry that nobody contests the value of its row, else what policies choose. */
import { candidateAt, type DocumentColumns } from './document-columns.ts';
import type { Candidate, Entry, EntryKind, EntryValue } from './entry.ts';
import type { EntryList } from './entry-list.ts';
import type { Identity } from './identity.ts';
import type { Shown } from './resolve.ts';
import { sameEntryValue } from './value.ts';

/** An entry and what is shown of it. */
export interface ShownEntry {
  readonly kind: EntryKind;
  readonly path: readonly string[];
  readonly value: EntryValue;
  /** The write that it is, or the latest of those that it was made of. */
  readonly candidate: Candidate;
  /** Whether a write of another value is not shown. One that deleted is none, nor is one of the same value. */
  readonly hasRivals: boolean;
}

/** An entry of a list that has nothing but its row. */
export function showRow(list: EntryList, at: number): ShownEntry {
  return new ShownRow(list.identities[at] as Identity, list.columnsOf(at), list.placeOf(at));
}

/** An entry of which policies chose what is shown. */
export function showChosen({ kind, path, candidates }: Entry, { value, dot }: Shown): ShownEntry {
  const last = candidates[candidates.length - 1] as Candidate;
  const isLast = dot === undefined || last.dot === dot;
  const candidate = isLast ? last : (candidates.find((one) => isSameDot(one, dot)) ?? last);
  const hasRivals = kind === 'record' && candidates.some((one) => one.value !== undefined && !sameEntryValue(one.value, value));
  return { kind, path, value, candidate, hasRivals };
}

function isSameDot({ dot }: Candidate, { replica, counter }: Candidate['dot']): boolean {
  return dot.counter === counter && dot.replica === replica;
}

/** Its write is made when somebody asks for it: of items and cookies nobody does. */
class ShownRow implements ShownEntry {
  readonly kind: EntryKind;
  readonly path: readonly string[];
  readonly value: EntryValue;
  readonly hasRivals = false;
  readonly #columns: DocumentColumns;
  readonly #place: number;

  constructor({ kind, path }: Identity, columns: DocumentColumns, place: number) {
    this.kind = kind;
    this.path = path;
    this.value = columns.flat.values[place] as EntryValue;
    this.#columns = columns;
    this.#place = place;
  }

  get candidate(): Candidate {
    return candidateAt(this.#columns, this.#place);
  }
}
