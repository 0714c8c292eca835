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
  /** How the digest over its kind and path goes on (`Digest.resume`). */
  readonly laneA: number;
  readonly laneB: number;
  #key: string | null = null;

  constructor(index: number, kind: EntryKind, path: readonly string[], laneA: number, laneB: number) {
    this.index = index;
    this.kind = kind;
    this.path = path;
    this.laneA = laneA;
    this.laneB = laneB;
  }

  /** `entryKey` of it, made when it is asked for. */
  get key(): string {
    this.#key ??= entryKey(this.kind, this.path);
    return this.#key;
  }

  /** The digest over its kind and path: its lower 32 bits. */
  get digest(): number {
    DIGEST.resume(this.laneA, this.laneB);
    return DIGEST.value() | 0;
  }
}

/** By kind, in the order of {@link KINDS}, then by path. */
export function compareIdentities(a: Pick<Identity, 'kind' | 'path'>, b: Pick<Identity, 'kind' | 'path'>): number {
  return a.kind === b.kind ? comparePaths(a.path, b.path) : KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);
}

/** Where paths begin alike: entries may end one string further, and others go on there. */
export class Place {
  readonly kind: EntryKind;
  readonly laneA: number;
  readonly laneB: number;
  readonly #places: Names<Place> = new Names();
  readonly ends: Names<Identity> = new Names();

  /** Of paths that end where the digest stands. */
  constructor(kind: EntryKind) {
    this.kind = kind;
    this.laneA = DIGEST.laneA;
    this.laneB = DIGEST.laneB;
  }

  /** The place that paths come to when they go on by `name`. */
  after(name: string): Place {
    const found = this.#places.get(name);
    if (found !== undefined) return found;
    DIGEST.resume(this.laneA, this.laneB);
    DIGEST.text(name);
    const added = new Place(this.kind);
    this.#places.set(name, added);
    return added;
  }
}

/** A small map: most places have one name behind them, and then there is no Map. */
class Names<Value> {
  #name: string | null = null;
  #value: Value | undefined;
  #more: Map<string, Value> | null = null;

  get(name: string): Value | undefined {
    return name === this.#name ? this.#value : this.#more?.get(name);
  }

  set(name: string, value: Value): void {
    if (this.#name === null) {
      this.#name = name;
      this.#value = value;
    } else {
      this.#more ??= new Map();
      this.#more.set(name, value);
    }
  }
}

/** The identities of some sessions. */
export class IdentityTable {
  readonly #roots: Map<EntryKind, Place> = new Map();
  /** Of paths without a string, which no valid entry has. */
  readonly #bare: Map<EntryKind, Identity> = new Map();
  #size = 0;

  /** How many there are: every `index` is below. */
  get size(): number {
    return this.#size;
  }

  /** The identity of kind and path. */
  intern(kind: EntryKind, path: readonly string[]): Identity {
    if (path.length === 0) return this.#internBare(kind);
    let place = this.place(kind, NOWHERE);
    const last = path.length - 1;
    for (let i = 0; i < last; i++) place = place.after(path[i] as string);
    const name = path[last] as string;
    return place.ends.get(name) ?? this.#name(place, path, name);
  }

  /** The identity whose path goes on from `place`, which begins with `path`, by one more string. */
  internIn(place: Place, path: readonly string[], name: string): Identity {
    return place.ends.get(name) ?? this.#name(place, path.concat(name), name);
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

  #name(place: Place, path: readonly string[], name: string): Identity {
    DIGEST.resume(place.laneA, place.laneB);
    DIGEST.text(name);
    const identity = new Identity(this.#size++, place.kind, path, DIGEST.laneA, DIGEST.laneB);
    place.ends.set(name, identity);
    return identity;
  }

  #internBare(kind: EntryKind): Identity {
    const { laneA, laneB } = this.place(kind, NOWHERE);
    const identity = this.#bare.get(kind) ?? new Identity(this.#size++, kind, NOWHERE, laneA, laneB);
    this.#bare.set(kind, identity);
    return identity;
  }
}

const NOWHERE: readonly string[] = [];

/** Nobody else runs between its beginning and its value. */
const DIGEST: Digest = /* @__PURE__ */ new Digest();
