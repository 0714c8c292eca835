/**
 * The identities of entries (`path.ts`), each one object, shared by all sessions that are compared with each other: who looks for the same entry in several of
 * them goes by a number and compares no text. They form trees, one for each kind, so that what paths have in common is looked up and digested once. A table only
 * grows; it lives as long as a session that was read with it.
 */
import { Digest } from './digest.ts';
import { type EntryKind, entryKey, KINDS } from './entry.ts';
import { comparePaths } from './path.ts';

/** Which entry: the same one is the same object within a table. */
export class Identity {
  /** Its number in the table. */
  readonly index: number;
  readonly kind: EntryKind;
  readonly path: readonly string[];
  /** The digest over its kind and path, and how it goes on (`Digest.resume`). */
  readonly digest: number;
  readonly laneA: number;
  readonly laneB: number;
  #key: string | null = null;

  constructor(index: number, kind: EntryKind, path: readonly string[], { digest, laneA, laneB }: Place) {
    this.index = index;
    this.kind = kind;
    this.path = path;
    this.digest = digest;
    this.laneA = laneA;
    this.laneB = laneB;
  }

  /** `entryKey` of it, made when it is asked for. */
  get key(): string {
    this.#key ??= entryKey(this.kind, this.path);
    return this.#key;
  }
}

/** By kind, in the order of {@link KINDS}, then by path. */
export function compareIdentities(a: Pick<Identity, 'kind' | 'path'>, b: Pick<Identity, 'kind' | 'path'>): number {
  return a.kind === b.kind ? comparePaths(a.path, b.path) : KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);
}

/** Where paths begin alike: an entry may end here, and others go on. */
export class Place {
  readonly kind: EntryKind;
  readonly digest: number;
  readonly laneA: number;
  readonly laneB: number;
  identity: Identity | null = null;
  // Most places have nothing behind them.
  #next: Map<string, Place> | null = null;

  constructor(kind: EntryKind) {
    this.kind = kind;
    this.digest = DIGEST.value() | 0;
    this.laneA = DIGEST.laneA;
    this.laneB = DIGEST.laneB;
  }

  /** The place that paths come to when they go on by `name`. */
  after(name: string): Place {
    const found = this.#next?.get(name);
    if (found !== undefined) return found;
    DIGEST.resume(this.laneA, this.laneB);
    DIGEST.text(name);
    const added = new Place(this.kind);
    this.#next ??= new Map();
    this.#next.set(name, added);
    return added;
  }
}

/** The identities of some sessions. */
export class IdentityTable {
  readonly #roots: Map<EntryKind, Place> = new Map();
  #size = 0;

  /** How many there are: every `index` is below. */
  get size(): number {
    return this.#size;
  }

  /** The identity of kind and path. */
  intern(kind: EntryKind, path: readonly string[]): Identity {
    const place = this.place(kind, path);
    return place.identity ?? this.#name(place, path);
  }

  /** The identity whose path goes on from `place`, which begins with `path`, by one more string. */
  internIn(place: Place, path: readonly string[], name: string): Identity {
    const next = place.after(name);
    return next.identity ?? this.#name(next, [...path, name]);
  }

  /** Where paths of a kind begin with these strings. */
  place(kind: EntryKind, path: readonly string[]): Place {
    let place = this.#roots.get(kind);
    if (place === undefined) {
      DIGEST.reset();
      DIGEST.number(KINDS.indexOf(kind));
      place = new Place(kind);
      this.#roots.set(kind, place);
    }
    for (const name of path) place = place.after(name);
    return place;
  }

  #name(place: Place, path: readonly string[]): Identity {
    place.identity = new Identity(this.#size++, place.kind, path, place);
    return place.identity;
  }
}

/** Nobody else runs between its beginning and its value. */
const DIGEST: Digest = /* @__PURE__ */ new Digest();
