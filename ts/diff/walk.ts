/**
 * Walks two sessions side by side and gives their differences one by one, in the order of the documents: of each list first what was removed, then its
 * entries as the second session has them. Sections are read only where nothing else tells them apart.
 */
import { align, type Key } from './align.ts';
import type { Difference, MemberChange } from './difference.ts';
import {
  type Entity,
  type Kind,
  type Label,
  listAt,
  ownMembers,
  ROOT_LABEL,
  SESSION,
  shellOf,
  sizeOf,
  step,
  targetIdentity,
} from './kind.ts';
import { diffRecords, type RecordSide } from './record.ts';
import { compareValues, describeValue, editsBetween, type SameSection, sameValue } from './value.ts';

/** Entries of a list, one after the other, that stand on both sides and were found the same without being read. The same object stands on either side. */
export class Elided {
  /** How many entries of the list it stands for. */
  readonly length: number;
  /** How many entries these are with those inside them. */
  readonly count: number;

  constructor(length: number, count: number) {
    this.length = length;
    this.count = count;
  }
}

/** How to walk. */
export interface WalkOptions {
  readonly reveal: boolean;
  readonly sameSection?: SameSection | undefined;
  /** Kinds that are left out, with all that is inside them. */
  readonly skips?: (kind: Kind) => boolean;
  /** Kinds whose own members are not compared, though what is inside them is. */
  readonly skipsMembers?: (kind: Kind) => boolean;
  /** Whether an entry counts as there; the pointer is that of its side. */
  readonly isThere?: (side: 'a' | 'b', pointer: string) => boolean;
  /** Tabs that have no namesake on the other side are paired in their order. */
  readonly pairsTabs?: boolean;
}

type Differences = AsyncGenerator<Difference, void, undefined>;

/** An entity and where it stands. The pointer is made when it is asked for: most entries are the same, and nobody asks. */
class Place {
  readonly entity: Entity;
  readonly #outer: Place | null;
  readonly #names: readonly (string | number)[];

  constructor(entity: Entity, outer: Place | null, ...names: readonly (string | number)[]) {
    this.entity = entity;
    this.#outer = outer;
    this.#names = names;
  }

  get pointer(): string {
    return this.#names.reduce<string>(step, this.#outer?.pointer ?? '');
  }
}

/** Which entry it is. */
interface Identified {
  readonly kind: Kind;
  readonly label: Label;
  readonly identity: string;
  readonly occurrence: number;
}

/** A walk that counts what it finds the same. */
export class Walk {
  readonly #a: Entity;
  readonly #b: Entity;
  readonly #options: WalkOptions;
  /** Entries that are in both as they were, so far. */
  unchangedCount = 0;

  constructor(a: object, b: object, options: WalkOptions) {
    this.#a = a as Entity;
    this.#b = b as Entity;
    this.#options = options;
  }

  /** Every difference. Rejects as the sections' `bytes()` do. */
  async *differences(): Differences {
    const root = { kind: SESSION, label: ROOT_LABEL, identity: '', occurrence: 0 };
    yield* this.#pair(root, new Place(this.#a, null), new Place(this.#b, null), true);
  }

  /** An entry that is on both sides; `inPlace` unless it had to move. */
  async *#pair(what: Identified, a: Place, b: Place, inPlace: boolean): Differences {
    const { kind, label } = what;
    const members = this.#options.skipsMembers?.(kind) === true ? [] : await this.#changes(kind, a.entity, b.entity);
    if (members.length > 0) yield { change: 'changed', ...this.#entry(what), from: a.pointer, to: b.pointer, members };
    // The session itself is no entry of a session.
    else if (inPlace && kind !== SESSION) this.unchangedCount++;
    if (members.some(({ member }) => member === 'records')) yield* this.#records(what, a, b);
    for (const [name, slot] of this.#visited(kind.slots)) {
      const [inA, inB] = [innerPlace(a, name), innerPlace(b, name)];
      if (inA !== null && inB !== null) yield* this.#pair(alone(slot, inB, label), inA, inB, true);
      else if (inA !== null) yield* this.#removed(alone(slot, inA, label), inA);
      else if (inB !== null) yield* this.#added(alone(slot, inB, label), inB);
    }
    for (const [name, inner] of this.#visited(kind.lists))
      yield* this.#lists(inner, this.#list('a', a, name), this.#list('b', b, name), label);
  }

  async *#lists(kind: Kind, a: readonly Place[], b: readonly Place[], parent: Label): Differences {
    if (a.length === 0 && b.length === 0) return;
    const [keysA, keysB] = this.#keys(kind, a, b);
    const { inB, inA, moved, occurrenceA, occurrenceB } = align(keysA, keysB, kind.sequence);
    for (const [at, place] of a.entries()) {
      if (inB[at] !== -1) continue;
      const label = kind.label(place.entity, parent);
      yield* this.#removed({ kind, label, identity: keysA[at] as string, occurrence: occurrenceA[at] as number }, place);
    }
    for (const [at, place] of b.entries()) {
      if (place.entity instanceof Elided) {
        this.unchangedCount += place.entity.count;
        continue;
      }
      const before = a[inA[at] as number];
      const isMoved = moved[at] === 1;
      if (before !== undefined && !isMoved && this.#isSameLeaf(kind, before, place)) {
        this.unchangedCount++;
        continue;
      }
      const label = kind.label(place.entity, parent);
      const what = { kind, label, identity: keysB[at] as string, occurrence: occurrenceB[at] as number };
      if (before === undefined) {
        yield* this.#added(what, place);
        continue;
      }
      if (isMoved) yield { change: 'moved', ...this.#entry(what), from: before.pointer, to: place.pointer };
      yield* this.#pair(what, before, place, !isMoved);
    }
  }

  async *#removed(what: Identified, place: Place): Differences {
    const { kind } = what;
    const before = describeValue(shellOf(kind, place.entity), this.#options.reveal);
    yield { change: 'removed', ...this.#entry(what), from: place.pointer, before, size: sizeOf(kind, place.entity) };
    yield* this.#records(what, place, null);
    for (const [inner, at] of this.#inside(what, place, 'a')) yield* this.#removed(inner, at);
  }

  async *#added(what: Identified, place: Place): Differences {
    const { kind } = what;
    const after = describeValue(shellOf(kind, place.entity), this.#options.reveal);
    yield { change: 'added', ...this.#entry(what), to: place.pointer, after, size: sizeOf(kind, place.entity) };
    yield* this.#records(what, null, place);
    for (const [inner, at] of this.#inside(what, place, 'b')) yield* this.#added(inner, at);
  }

  /** What is inside an entry that is on one side only. */
  *#inside({ kind, label }: Identified, place: Place, side: 'a' | 'b'): Generator<readonly [Identified, Place], void, undefined> {
    for (const [name, slot] of this.#visited(kind.slots)) {
      const inner = innerPlace(place, name);
      if (inner !== null) yield [alone(slot, inner, label), inner];
    }
    for (const [name, inner] of this.#visited(kind.lists)) {
      const places = this.#list(side, place, name);
      const keys = places.map(({ entity }) => inner.identity(entity));
      const { occurrenceA } = align(keys, [], true);
      for (const [at, one] of places.entries()) {
        const identity = keys[at] as string;
        yield [{ kind: inner, label: inner.label(one.entity, label), identity, occurrence: occurrenceA[at] as number }, one];
      }
    }
  }

  async *#records({ kind, label }: Identified, a: Place | null, b: Place | null): Differences {
    if (kind.content !== 'records') return;
    const [before, after] = [a, b].map((place) => ({
      records: place?.entity['records'],
      pointer: step(place?.pointer ?? '', 'records'),
    })) as [RecordSide, RecordSide];
    yield* await diffRecords(before, after, label, this.#options.reveal);
  }

  /** Whether an entry with nothing inside it is the same, as far as that can be told without reading. */
  #isSameLeaf({ lists, slots }: Kind, a: Place, b: Place): boolean {
    if (Object.keys(lists).length > 0 || Object.keys(slots).length > 0) return false;
    return compareValues(a.entity, b.entity, this.#options.sameSection) === true;
  }

  /** Members that differ as wholes. A list that is there on one side only differs even when it is empty. */
  async #changes(kind: Kind, a: Entity, b: Entity): Promise<MemberChange[]> {
    if (a === b) return [];
    const { reveal, sameSection } = this.#options;
    const changes: MemberChange[] = [];
    for (const member of new Set([...ownMembers(kind, a), ...ownMembers(kind, b)])) {
      const [before, after] = [ownValue(a, member), ownValue(b, member)];
      if (await sameValue(before, after, sameSection)) continue;
      const edits = await editsBetween(before, after);
      changes.push({
        member,
        before: before === undefined ? null : describeValue(before, reveal),
        after: after === undefined ? null : describeValue(after, reveal),
        ...(edits === null ? {} : { edits }),
      });
    }
    for (const member of Object.keys(kind.lists)) {
      const [before, after] = [a[member], b[member]];
      if ((before === undefined) === (after === undefined)) continue;
      const empty = describeValue([], reveal);
      changes.push({ member, before: before === undefined ? null : empty, after: after === undefined ? null : empty });
    }
    return changes;
  }

  #entry({ kind, label, identity, occurrence }: Identified): Pick<Difference, 'kind' | 'place' | 'name'> {
    return {
      kind: kind.kind,
      ...label,
      ...(this.#options.reveal && identity !== '' ? { identity } : {}),
      ...(occurrence === 0 ? {} : { occurrence }),
    };
  }

  #visited(kinds: Readonly<Record<string, Kind>>): (readonly [string, Kind])[] {
    const { skips } = this.#options;
    return Object.entries(kinds).filter(([, kind]) => skips?.(kind) !== true);
  }

  /** The entries of a list that count as there. */
  #list(side: 'a' | 'b', place: Place, name: string): readonly Place[] {
    const { isThere } = this.#options;
    let index = 0;
    const places = listAt(place.entity, name).map((one) => {
      const at = index;
      index += one instanceof Elided ? one.length : 1;
      return new Place(one, place, name, at);
    });
    return isThere === undefined ? places : places.filter((one) => isThere(side, one.pointer));
  }

  #keys(kind: Kind, a: readonly Place[], b: readonly Place[]): readonly [readonly Key[], readonly Key[]] {
    const [keysA, keysB] = [keysOf(kind, a, this.#a), keysOf(kind, b, this.#b)];
    return kind.kind === 'tab' && this.#options.pairsTabs === true ? pairStrangers(keysA, keysB) : [keysA, keysB];
  }
}

function keysOf(kind: Kind, places: readonly Place[], session: Entity): readonly Key[] {
  return places.map(({ entity }) => {
    if (entity instanceof Elided) return entity;
    const target = kind.kind === 'ttl' ? (entity['target'] as { readonly pointer?: string }) : undefined;
    return target?.pointer === undefined ? kind.identity(entity) : targetIdentity(session, target.pointer);
  });
}

function innerPlace(place: Place, name: string): Place | null {
  const inner = place.entity[name] as Entity | undefined;
  return inner === undefined ? null : new Place(inner, place, name);
}

/** What a slot holds: it needs no identity. */
function alone(kind: Kind, { entity }: Place, parent: Label): Identified {
  return { kind, label: kind.label(entity, parent), identity: '', occurrence: 0 };
}

/** Keys that are on one side only become their number among those. */
function pairStrangers(a: readonly Key[], b: readonly Key[]): [Key[], Key[]] {
  const number = (keys: readonly Key[], others: ReadonlySet<Key>): Key[] => {
    let strangers = 0;
    return keys.map((key) => (others.has(key) ? JSON.stringify(['id', key]) : JSON.stringify(strangers++)));
  };
  return [number(a, new Set(b)), number(b, new Set(a))];
}

/** `__proto__` as a member that is not there would be the prototype. */
function ownValue(entity: Entity, member: string): unknown {
  return Object.hasOwn(entity, member) ? entity[member] : undefined;
}
