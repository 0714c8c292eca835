/**
 * Which entries of two lists are the same ones, and which of those stand elsewhere. An identity that stands more than once is told apart by how often it
 * stood before: the first is paired with the first. What stays in place is a longest common subsequence, so that as few entries as possible move.
 */
import { diffIds } from '../kernel/current.ts';

/** What stands for an entry: equal, or the same object, exactly where two entries have one identity. */
export type Key = string | number | object;

/** Entries of a list by numbers that are equal exactly where two entries are the same one. */
export interface Alignment {
  /** For each entry of `a` its index in `b`, or -1. */
  readonly inB: Int32Array;
  /** For each entry of `b` its index in `a`, or -1. */
  readonly inA: Int32Array;
  /** For each entry of `b`, 1 where it is in `a` and has to move. */
  readonly moved: Uint8Array;
  /** For each entry, how many of its identity stand before it. */
  readonly occurrenceA: Uint32Array;
  readonly occurrenceB: Uint32Array;
}

/**
 * Aligns two lists by their keys: of the same identity, the same string, or the same object. With `sequence` an entry is the same one only in order, and
 * none moves. O(n) beside the search for what moved.
 */
export function align(a: readonly Key[], b: readonly Key[], sequence: boolean): Alignment {
  const numbers = new Map<Key, number>();
  const [namesA, occurrenceA] = numberKeys(a, numbers);
  const [namesB, occurrenceB] = numberKeys(b, numbers);
  const [idsA, idsB] = sequence ? [namesA, namesB] : tellApart([namesA, occurrenceA], [namesB, occurrenceB]);
  const inB = new Int32Array(a.length).fill(-1);
  const inA = new Int32Array(b.length).fill(-1);
  const moved = new Uint8Array(b.length);
  pairKept(idsA, idsB, inB, inA);
  if (!sequence) pairMoved(idsA, idsB, inB, inA, moved);
  return { inB, inA, moved, occurrenceA, occurrenceB };
}

function numberKeys(keys: readonly Key[], numbers: Map<Key, number>): [Uint32Array, Uint32Array] {
  const ids = new Uint32Array(keys.length);
  const occurrences = new Uint32Array(keys.length);
  // As many as there are numbers so far and may be more.
  const seen = new Uint32Array(numbers.size + keys.length);
  keys.forEach((key, i) => {
    let id = numbers.get(key);
    if (id === undefined) {
      id = numbers.size;
      numbers.set(key, id);
    }
    ids[i] = id;
    const before = seen[id] as number;
    occurrences[i] = before;
    seen[id] = before + 1;
  });
  return [ids, occurrences];
}

/** Numbers in which the second entry of an identity has one of its own. */
function tellApart(
  ...sides: readonly [readonly [Uint32Array, Uint32Array], readonly [Uint32Array, Uint32Array]]
): [Uint32Array, Uint32Array] {
  if (sides.every(([, occurrences]) => occurrences.every((before) => before === 0))) return [sides[0][0], sides[1][0]];
  const numbers = new Map<string, number>();
  const [a, b] = sides.map(([ids, occurrences]) =>
    ids.map((id, i) => {
      const name = `${id} ${occurrences[i]}`;
      const found = numbers.get(name) ?? numbers.size;
      numbers.set(name, found);
      return found;
    }),
  );
  return [a as Uint32Array, b as Uint32Array];
}

/** What lies between the hunks is the same on both sides. */
function pairKept(idsA: Uint32Array, idsB: Uint32Array, inB: Int32Array, inA: Int32Array): void {
  const { hunks } = diffIds(idsA, idsB);
  let a = 0;
  let b = 0;
  for (let at = 0; at <= hunks.length; at += 4) {
    const endA = at === hunks.length ? idsA.length : (hunks[at] as number);
    for (; a < endA; a++, b++) {
      inB[a] = b;
      inA[b] = a;
    }
    a = hunks[at + 1] as number;
    b = hunks[at + 3] as number;
  }
}

function pairMoved(idsA: Uint32Array, idsB: Uint32Array, inB: Int32Array, inA: Int32Array, moved: Uint8Array): void {
  const left = new Map<number, number>();
  idsA.forEach((id, a) => {
    if (inB[a] === -1) left.set(id, a);
  });
  if (left.size === 0) return;
  idsB.forEach((id, b) => {
    const a = inA[b] === -1 ? left.get(id) : undefined;
    if (a === undefined) return;
    inB[a] = b;
    inA[b] = a;
    moved[b] = 1;
  });
}
