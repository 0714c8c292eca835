/**
 * Two state documents as bytes, without what stands on both sides: lists are taken apart by their bytes, entries with equal bytes are left out before
 * anything is parsed, and put back as placeholders, so that a walk finds what it would have found in the whole sessions, at the same places.
 */
import { PspError } from '../errors.ts';
import { internElements } from '../kernel/current.ts';
import { align } from './align.ts';
import { type Entity, type Kind, SESSION, step } from './kind.ts';
import { own } from './patch-tree.ts';
import { Elided } from './walk.ts';

/** What is left of two documents, and what was left out of each. */
export interface ElidedStates {
  readonly a: ElidedState;
  readonly b: ElidedState;
}

/** A document without the entries that both sides have. */
export interface ElidedState {
  /** A state document, as text in UTF-8. */
  readonly text: Uint8Array<ArrayBuffer>;
  /** For each list that lacks entries, by its pointer in that text: a placeholder for what is left out, null where the next entry of the text stands. */
  readonly layouts: ReadonlyMap<string, readonly (Elided | null)[]>;
}

/** Whether a reference means the same section on both sides; null stands for documents without any section. */
export type SameReference = (id: string) => boolean;

/**
 * Leaves out of two state documents the entries that have equal bytes and mean the same sections. Null where that cannot be done: a document is not what
 * it should be, or a rule points at an entry by its index. Then the documents have to be read as they are.
 *
 * What is left out is not validated. Of entries with one identity in one list, which no valid session has but for requests, others may come out as equal
 * than in the whole documents.
 */
export function elideEqual(a: Uint8Array, b: Uint8Array, sameReference: SameReference | null): ElidedStates | null {
  const elider = new Elider(a, sameReference);
  try {
    const [membersA, membersB] = [membersOf(a), membersOf(b)];
    if ([...membersA, ...membersB].some(({ name, value }) => name === 'ttl' && pointsAtEntries(parse(value)))) return null;
    const [textA, textB] = elider.objects(SESSION, membersA, membersB, '', '');
    return { a: { text: encode(textA), layouts: elider.layoutsA }, b: { text: encode(textB), layouts: elider.layoutsB } };
  } catch (error) {
    // Whoever reads the documents whole says what is wrong with them.
    if (error instanceof Unelidable || (error instanceof PspError && error.code === 'KERNEL_ELEMENTS_MALFORMED')) return null;
    throw error;
  }
}

/** Puts the placeholders of an elided document into the session that was read from it. Changes the lists of that session. */
export function restoreElided(session: object, { layouts }: ElidedState): void {
  // The inner lists first: their pointers count the entries of the outer ones before placeholders stand there.
  const byDepth = [...layouts].sort(([one], [other]) => other.split('/').length - one.split('/').length);
  for (const [pointer, layout] of byDepth) {
    const names = pointer.split('/').slice(1);
    const last = names.pop() as string;
    let outer = session as Record<string, unknown>;
    for (const name of names) outer = outer[name] as Record<string, unknown>;
    const rest = (outer[last] as readonly unknown[]).values();
    outer[last] = layout.map((placeholder) => placeholder ?? rest.next().value);
  }
}

class Unelidable extends Error {}

type Layouts = Map<string, readonly (Elided | null)[]>;

class Elider {
  readonly layoutsA: Layouts = new Map();
  readonly layoutsB: Layouts = new Map();
  readonly #sameReference: SameReference;
  /** Where a reference may stand in the first document, ascending. */
  readonly #suspects: readonly number[];
  /** Where that document begins in its buffer. */
  readonly #base: number;

  constructor(a: Uint8Array, sameReference: SameReference | null) {
    this.#sameReference = sameReference ?? (() => true);
    this.#suspects = sameReference === null ? [] : referencePlaces(a);
    this.#base = a.byteOffset;
  }

  /** Both texts of one entry, given by its members, with the lists in it elided. The pointers are those in the elided texts. */
  objects(kind: Kind, membersA: readonly Member[], membersB: readonly Member[], from: string, to: string): [string, string] {
    const elided = new Map<string, [string, string]>();
    for (const { name, value } of membersA) {
      const list = own(kind.lists, name);
      const other = membersB.filter((one) => one.name === name);
      if (list !== undefined && other.length === 1 && !elided.has(name))
        elided.set(name, this.#lists(list, value, other[0]?.value as Uint8Array, step(from, name), step(to, name)));
    }
    const join = (members: readonly Member[], side: 0 | 1): string =>
      `{${members.map(({ name, whole }) => (elided.has(name) ? `${JSON.stringify(name)}:${elided.get(name)?.[side]}` : decode(whole))).join(',')}}`;
    return [join(membersA, 0), join(membersB, 1)];
  }

  #lists(kind: Kind, a: Uint8Array, b: Uint8Array, from: string, to: string): [string, string] {
    if (!isArray(a) || !isArray(b)) return [decode(a), decode(b)];
    const { spansA, spansB, idsA, idsB } = internElements(a, b);
    const equal = kind.repeats ? new Uint8Array(idsA.length + idsB.length) : this.#equalIds(a, spansA, idsA, idsB);
    const restA = readRest(kind, a, spansA, idsA, equal);
    const restB = readRest(kind, b, spansB, idsB, equal);
    const inOrder = pairInOrder(equal, idsA, idsB, restA, restB);
    let inB = inOrder;
    if (inB === null) {
      const found = align(keysOf(idsA, restA), keysOf(idsB, restB), kind.sequence);
      inB = found.inB;
      // What has to move is reported by name: it is read after all.
      found.moved.forEach((moved, i) => {
        if (moved === 1) equal[idsB[i] as number] = 0;
      });
    }
    const runs = runsOf(equal, idsA, inB, inOrder !== null);
    const isOuter = Object.keys(kind.lists).length + Object.keys(kind.slots).length > 0;
    const countOf = (i: number): number => (isOuter ? countEntries(kind, elementAt(a, spansA, i)) : 1);
    const [layoutA, layoutB] = layOut(runs, idsA, idsB, countOf);
    if (layoutA.some((placeholder) => placeholder !== null)) {
      this.layoutsA.set(from, layoutA);
      this.layoutsB.set(to, layoutB);
    }
    const [leftA, leftB] = [indexesOutside(equal, idsA), indexesOutside(equal, idsB)];
    const textsB = new Map<number, string>();
    const placeInB = new Map(leftB.map((i, place) => [i, place]));
    const textsA = leftA.map((i, place) => {
      const other = inB[i] as number;
      const [membersA, membersB] = [restA.get(i)?.members, restB.get(other)?.members];
      if (membersA === undefined || membersB === undefined) return decode(elementAt(a, spansA, i));
      const [one, two] = this.objects(kind, membersA, membersB, step(from, place), step(to, placeInB.get(other) as number));
      textsB.set(other, two);
      return one;
    });
    return [`[${textsA.join(',')}]`, `[${leftB.map((i) => textsB.get(i) ?? decode(elementAt(b, spansB, i))).join(',')}]`];
  }

  /** By number, 1 for the elements that stand once on either side and mean the same. */
  #equalIds(a: Uint8Array, spansA: Uint32Array, idsA: Uint32Array, idsB: Uint32Array): Uint8Array {
    const distinct = idsA.length + idsB.length;
    const [countsA, countsB] = [countIds(idsA, distinct), countIds(idsB, distinct)];
    const suspects = this.#suspects;
    const offset = a.byteOffset - this.#base;
    const equal = new Uint8Array(distinct);
    let next = suspects.findIndex((place) => place >= offset);
    idsA.forEach((id, i) => {
      const end = offset + (spansA[2 * i + 1] as number);
      let isSuspect = false;
      for (; next !== -1 && next < suspects.length && (suspects[next] as number) < end; next++) isSuspect = true;
      if (countsA[id] !== 1 || countsB[id] !== 1) return;
      if (!isSuspect || referencesIn(parse(elementAt(a, spansA, i))).every((one) => this.#sameReference(one))) equal[id] = 1;
    });
    return equal;
  }
}

/** Where `$section` may stand in a text, as it is or with a letter of it escaped; ascending. */
function referencePlaces(text: Uint8Array): number[] {
  const escapes = placesOf(text, ESCAPE).filter((at) => ESCAPED.has(text[at + ESCAPE.length] as number));
  return [...placesOf(text, REFERENCE), ...escapes].sort((one, other) => one - other);
}

function referencesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === '$section' && typeof inner === 'string' ? [inner] : referencesIn(inner),
  );
}

const REFERENCE = encode('$section');
/** How an escape of a letter of that name begins, and how it goes on: unlike those of control characters and of surrogates. */
const ESCAPE = encode('\\u00');
const ESCAPED: ReadonlySet<number> = new Set(encode('267'));
const NO_MEMBERS = encode('{}');
const NO_ELEMENTS = encode('[]');
const COLON = 0x3a;

/** Whether a rule has a pointer: what makes it the same rule is then told by an entry that may be left out. */
function pointsAtEntries(rules: unknown): boolean {
  return Array.isArray(rules) && rules.some((rule: { target?: { pointer?: unknown } } | null) => rule?.target?.pointer !== undefined);
}

interface Member {
  readonly name: string;
  readonly value: Uint8Array;
  /** The member as it stands, name included. */
  readonly whole: Uint8Array;
}

function membersOf(object: Uint8Array): Member[] {
  if (object[0] !== 0x7b) throw new Unelidable();
  const { spansA } = internElements(object, NO_MEMBERS);
  return elementsOf(object, spansA).map((member) => {
    const nameEnd = stringEnd(member);
    const colon = member.indexOf(COLON, nameEnd);
    return { name: parse(member.subarray(0, nameEnd)) as string, value: trimStart(member.subarray(colon + 1)), whole: member };
  });
}

/** The place after the string that an element begins with; its end was found before. */
function stringEnd(member: Uint8Array): number {
  let at = 1;
  while (member[at] !== 0x22) at += member[at] === 0x5c ? 2 : 1;
  return at + 1;
}

function trimStart(text: Uint8Array): Uint8Array {
  let at = 0;
  while ((text[at] as number) <= 0x20) at++;
  return text.subarray(at);
}

function isArray(text: Uint8Array): boolean {
  return text[0] === 0x5b;
}

function elementsOf(text: Uint8Array, spans: Uint32Array): Uint8Array[] {
  return Array.from({ length: spans.length / 2 }, (_, i) => elementAt(text, spans, i));
}

function elementAt(text: Uint8Array, spans: Uint32Array, i: number): Uint8Array {
  return text.subarray(spans[2 * i], spans[2 * i + 1]);
}

/** How many entries an element stands for, with those inside it. */
function countEntries(kind: Kind, entry: Uint8Array): number {
  let count = 1;
  if (Object.keys(kind.lists).length + Object.keys(kind.slots).length === 0) return count;
  for (const { name, value } of membersOf(entry)) {
    const [slot, list] = [own(kind.slots, name), own(kind.lists, name)];
    if (slot !== undefined) count += countEntries(slot, value);
    if (list === undefined || !isArray(value)) continue;
    const elements = elementsOf(value, internElements(value, NO_ELEMENTS).spansA);
    count += elements.reduce((sum, element) => sum + countEntries(list, element), 0);
  }
  return count;
}

/** An element that is not left out; with its members where it has lists of its own. */
interface Rest {
  readonly identity: string;
  readonly members?: readonly Member[];
}

function readRest(kind: Kind, text: Uint8Array, spans: Uint32Array, ids: Uint32Array, equal: Uint8Array): Map<number, Rest> {
  const isOuter = Object.keys(kind.lists).length > 0;
  const entries = indexesOutside(equal, ids).map((i): [number, Rest] => {
    const entry = elementAt(text, spans, i);
    if (!isOuter) return [i, { identity: identityOf(kind, entry) }];
    // It may be most of the document; its identity is in none of its lists.
    const members = membersOf(entry);
    const names = members.filter(({ name }) => own(kind.lists, name) === undefined).map(({ whole }) => decode(whole));
    return [i, { identity: identityOf(kind, encode(`{${names.join(',')}}`)), members }];
  });
  return new Map(entries);
}

function identityOf(kind: Kind, entry: Uint8Array): string {
  try {
    return kind.identity(parse(entry) as Entity);
  } catch (error) {
    // Not the shape of such an entry: the schema says what is wrong with it.
    if (error instanceof TypeError) throw new Unelidable();
    throw error;
  }
}

function countIds(ids: Uint32Array, distinct: number): Uint32Array {
  const counts = new Uint32Array(distinct);
  for (const id of ids) counts[id] = (counts[id] as number) + 1;
  return counts;
}

function indexesOutside(equal: Uint8Array, ids: Uint32Array): number[] {
  const indexes: number[] = [];
  for (let i = 0; i < ids.length; i++) if (equal[ids[i] as number] === 0) indexes.push(i);
  return indexes;
}

/** For each element of `a` its index in `b` or -1, where those that are in both stand in the same order and no identity stands twice; else null. */
function pairInOrder(
  equal: Uint8Array,
  idsA: Uint32Array,
  idsB: Uint32Array,
  restA: ReadonlyMap<number, Rest>,
  restB: ReadonlyMap<number, Rest>,
): Int32Array | null {
  const identities = new Map([...restB].map(([i, { identity }]) => [identity, i]));
  if (identities.size < restB.size || new Set([...restA.values()].map(({ identity }) => identity)).size < restA.size) return null;
  const byId = new Int32Array(equal.length);
  for (let i = 0; i < idsB.length; i++) byId[idsB[i] as number] = i;
  const inB = new Int32Array(idsA.length);
  let last = -1;
  for (let i = 0; i < idsA.length; i++) {
    const id = idsA[i] as number;
    const other = equal[id] === 1 ? (byId[id] as number) : (identities.get(restA.get(i)?.identity as string) ?? -1);
    inB[i] = other;
    if (other === -1) continue;
    if (other < last) return null;
    last = other;
  }
  return inB;
}

function keysOf(ids: Uint32Array, rest: ReadonlyMap<number, Rest>): (string | number)[] {
  return Array.from(ids, (id, i) => rest.get(i)?.identity ?? id);
}

/**
 * By number, the first element of the run that an equal element is in, or -1. Elements of a run follow one another without a gap on both sides; where
 * something moves each is a run of its own, since what moves least is counted by elements.
 */
function runsOf(equal: Uint8Array, idsA: Uint32Array, inB: Int32Array, joins: boolean): Int32Array {
  const runs = new Int32Array(equal.length).fill(-1);
  let first = -1;
  for (let i = 0; i < idsA.length; i++) {
    const id = idsA[i] as number;
    if (equal[id] === 0) {
      first = -1;
      continue;
    }
    if (!joins || first === -1 || inB[i] !== (inB[i - 1] as number) + 1) first = id;
    runs[id] = first;
  }
  return runs;
}

/** The layouts of both sides; `countOf` says how many entries an element of `a` stands for. */
function layOut(
  runs: Int32Array,
  idsA: Uint32Array,
  idsB: Uint32Array,
  countOf: (i: number) => number,
): [(Elided | null)[], (Elided | null)[]] {
  const sizes = new Map<number, { length: number; count: number }>();
  let size = { length: 0, count: 0 };
  for (let i = 0; i < idsA.length; i++) {
    const id = idsA[i] as number;
    const first = runs[id] as number;
    if (first === -1) continue;
    if (first === id) {
      size = { length: 0, count: 0 };
      sizes.set(first, size);
    }
    size.length++;
    size.count += countOf(i);
  }
  const placeholders = new Map([...sizes].map(([first, { length, count }]) => [first, new Elided(length, count)]));
  const layout = (ids: Uint32Array): (Elided | null)[] => {
    const places: (Elided | null)[] = [];
    for (const id of ids) {
      const first = runs[id] as number;
      if (first === -1) places.push(null);
      else if (first === id) places.push(placeholders.get(first) as Elided);
    }
    return places;
  };
  return [layout(idsA), layout(idsB)];
}

function placesOf(bytes: Uint8Array, text: Uint8Array): number[] {
  const places: number[] = [];
  const first = text[0] as number;
  for (let at = bytes.indexOf(first); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (startsWith(bytes, at, text)) places.push(at);
  }
  return places;
}

function startsWith(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

function parse(text: Uint8Array): unknown {
  try {
    return JSON.parse(decode(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Unelidable();
    throw error;
  }
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(text: Uint8Array): string {
  try {
    return decoder.decode(text);
  } catch (error) {
    if (error instanceof TypeError) throw new Unelidable();
    throw error;
  }
}
