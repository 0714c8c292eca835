/**
 * What differs between two sessions, as data: plain JSON but for the {@link Section} handles in a revealed value. Pointers are RFC 6901, in the state
 * document where the member stands there (`/cookies/3`), else in the Session object (`/updatedAt`); they count list entries as they stand in the whole
 * list. A record is counted below the section that holds it: `/storage/0/indexedDB/0/stores/0/records/3`.
 */
import type { Section } from '../session/session.ts';

/**
 * What kind of entry differs. `header` is the session itself: its members outside of every list (`id`, `name`, `updatedAt`, ..., also `mergeState` and
 * members that this version does not know). `origin` is a storage key, of the browser or of a tab's sessionStorage; `store` an object store, `record` an
 * IndexedDB record, `request` an entry of a cache.
 */
export type DifferenceKind =
  | 'header'
  | 'coverage'
  | 'cookie'
  | 'origin'
  | 'localStorage'
  | 'sessionStorage'
  | 'database'
  | 'store'
  | 'record'
  | 'cache'
  | 'request'
  | 'serviceWorker'
  | 'file'
  | 'tab'
  | 'history'
  | 'historyEntry'
  | 'permission'
  | 'passkey'
  | 'ttl';

/** What can be said of a value without showing it. */
export interface ValueFacts {
  readonly type: 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object' | 'section';
  /** UTF-16 units of a string (also of one that is kept in a section), bytes of a section, items of an array. */
  readonly length?: number;
  readonly mediaType?: string;
  /** The value itself; only where values are revealed. */
  readonly value?: unknown;
}

/** A member that differs. Null stands for a member that is absent. */
export interface MemberChange {
  /** Its name in the entry; `1` is the value of an item of web storage. */
  readonly member: string;
  readonly before: ValueFacts | null;
  readonly after: ValueFacts | null;
  /**
   * Which parts of a long string (in UTF-16 units) or of an array (in items) differ: four numbers for each, startA, endA, startB, endB, ascending.
   * `after` is `before` with each [startA, endA) replaced by [startB, endB) of `after`.
   */
  readonly edits?: readonly number[];
}

interface Entry {
  readonly kind: DifferenceKind;
  /** Where the entry belongs, for people: an origin, a cookie's domain and path. Never a value, nor path or query of an address. */
  readonly place: string;
  /** What it is called there; empty for what has no name that may be shown. */
  readonly name: string;
  /** What makes it the same entry on both sides, unique in its list but for `occurrence`; only where values are revealed. */
  readonly identity?: string;
  /** How many entries of the same identity stand before it in its list; absent for none, as in every valid session. */
  readonly occurrence?: number;
}

/** An entry that is only in the second session. What is inside it has entries of its own. */
export interface Added extends Entry {
  readonly change: 'added';
  readonly to: string;
  /** The entry without what is inside it: its lists are empty. */
  readonly after: ValueFacts;
  /** Of its content: units of a text, bytes of anything else; null where it has none. */
  readonly size: number | null;
}

/** An entry that is only in the first session. What is inside it has entries of its own. */
export interface Removed extends Entry {
  readonly change: 'removed';
  readonly from: string;
  readonly before: ValueFacts;
  readonly size: number | null;
}

/** An entry that is in both, with other members. */
export interface Changed extends Entry {
  readonly change: 'changed';
  readonly from: string;
  readonly to: string;
  readonly members: readonly MemberChange[];
}

/** An entry that stands elsewhere among its neighbours. What is listed is the least that must move. */
export interface Moved extends Entry {
  readonly change: 'moved';
  readonly from: string;
  readonly to: string;
}

/** One difference. `from` is a pointer into the first session, `to` into the second. */
export type Difference = Added | Removed | Changed | Moved;

/** All differences between two sessions. Revealed, it is also the patch that makes the second of the first. */
export interface SessionDiff {
  /** Whether values are in it. */
  readonly revealed: boolean;
  readonly added: readonly Added[];
  readonly removed: readonly Removed[];
  readonly changed: readonly Changed[];
  readonly moved: readonly Moved[];
  /** Entries that are in both as they were, in their order. Records are not counted: an equal section is not opened. */
  readonly unchangedCount: number;
}

/** A record's key and value, still encoded; what `after.value` of a revealed `record` holds. */
export interface RecordContent {
  readonly key: Section;
  readonly value: Section;
}
