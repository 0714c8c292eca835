/**
 * The form of a session that was taken apart (`flatten.ts`): columns, in which an entry has the same place, and what two sessions that were read beside each other
 * have in common.
 */
import type { Section } from '../session/session.ts';
import type { EntryKind, EntryValue } from './entry.ts';
import type { Identity, IdentityTable } from './identity.ts';
import type { Path } from './path.ts';

/** An entry as the session shows it. */
export interface FlatEntry {
  /** `entryKey` of kind and path. */
  readonly key: string;
  readonly kind: EntryKind;
  readonly path: Path;
  readonly value: EntryValue;
}

/** The columns of a session: the place of an entry is the same in all of them. */
export interface FlatColumns {
  /** In the order of the document, without `tabPlace`. */
  readonly identities: readonly Identity[];
  readonly values: readonly EntryValue[];
  /** Whose the identities are. */
  readonly table: IdentityTable;
  /** Where the identity with this number stands, or -1; undefined for one that is newer. */
  readonly positions: Int32Array;
  /** What stands twice, which nothing does in a valid session. */
  readonly twice: Identity | null;
  /** The session that it was read beside, and for each entry its place there, where the very same entry has the very same value; else -1. */
  readonly like: FlatSession | null;
  readonly same: Int32Array;
  /** By `storeKey`: where the records of a store stand, and the section that they were read from. */
  readonly stores: ReadonlyMap<string, FlatStore>;
  /** Ids of the tabs in their order. */
  readonly tabs: readonly string[];
  /** By `markName` of `mark.ts`. */
  readonly marks: ReadonlyMap<string, number>;
}

/** A session as entries, in columns. */
export class FlatSession implements FlatColumns {
  readonly identities: readonly Identity[];
  readonly values: readonly EntryValue[];
  readonly table: IdentityTable;
  readonly positions: Int32Array;
  readonly twice: Identity | null;
  readonly like: FlatSession | null;
  readonly same: Int32Array;
  readonly stores: ReadonlyMap<string, FlatStore>;
  readonly tabs: readonly string[];
  readonly marks: ReadonlyMap<string, number>;
  /** See `binding.ts`. */
  digests: Int32Array | null = null;
  #entries: readonly FlatEntry[] | null = null;

  constructor(columns: FlatColumns) {
    this.identities = columns.identities;
    this.values = columns.values;
    this.table = columns.table;
    this.positions = columns.positions;
    this.twice = columns.twice;
    this.like = columns.like;
    this.same = columns.same;
    this.stores = columns.stores;
    this.tabs = columns.tabs;
    this.marks = columns.marks;
  }

  /** The same as objects, made when they are asked for. */
  get entries(): readonly FlatEntry[] {
    this.#entries ??= this.identities.map(({ key, kind, path }, i) => ({ key, kind, path, value: this.values[i] as EntryValue }));
    return this.#entries;
  }
}

/** Records of a store: the entries from `from` up to `to`, which is not one of them. */
export interface FlatStore {
  readonly section: Section;
  readonly from: number;
  readonly to: number;
  /** Whether its keys are in the only form that a merged session gives them. */
  readonly isCanonical: boolean;
}
