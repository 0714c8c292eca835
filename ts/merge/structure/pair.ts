/** Which element of a list became which element of its next version: the same one, or a container that was changed inside. */
import { diffIds } from '../../kernel/current.ts';
import { isList, isObject, keyOfPart } from './tree.ts';

/** Members by which sites tell the elements of a list apart; the first one that is there counts. */
const ID_MEMBERS = ['id', '_id', 'key', 'uuid', 'sku', 'productId'];

/**
 * For each element of `before` the index in `after` of what it became, or -1. Indexes ascend. Equal elements are the same one; of those between two equal ones,
 * objects with the same id are; where as many stand between as did before, containers without an id are taken in their order.
 */
export function pairElements(before: readonly unknown[], after: readonly unknown[]): Int32Array {
  const pairs = new Int32Array(before.length).fill(-1);
  const { hunks } = diffIds(...numberParts(before, after));
  let a = 0;
  let b = 0;
  for (let i = 0; i <= hunks.length; i += 4) {
    const [startA, endA, startB, endB] =
      i < hunks.length ? [...hunks.subarray(i, i + 4)] : [before.length, before.length, after.length, after.length];
    while (a < startA!) pairs[a++] = b++;
    pairHunk(before, after, { startA: startA!, endA: endA!, startB: startB!, endB: endB! }, pairs);
    a = endA!;
    b = endB!;
  }
  return pairs;
}

interface Hunk {
  readonly startA: number;
  readonly endA: number;
  readonly startB: number;
  readonly endB: number;
}

function pairHunk(before: readonly unknown[], after: readonly unknown[], { startA, endA, startB, endB }: Hunk, pairs: Int32Array): void {
  const sameCount = endA - startA === endB - startB;
  const byId = new Map<string, number>();
  for (let b = endB - 1; b >= startB; b--) {
    const id = idOf(after[b]);
    if (id !== null) byId.set(id, b);
  }
  let from = startB;
  for (let a = startA; a < endA; a++) {
    const id = idOf(before[a]);
    const place = startB + a - startA;
    const b = id === null ? (sameCount && isSameContainer(before[a], after[place]) ? place : -1) : (byId.get(id) ?? -1);
    if (b < from) continue;
    pairs[a] = b;
    from = b + 1;
  }
}

/** Two lists, or two objects without an id. */
function isSameContainer(a: unknown, b: unknown): boolean {
  if (isList(a)) return isList(b);
  return isObject(a) && isObject(b) && idOf(b) === null;
}

/** The member by which an object is known, with its name; null where it has none. */
function idOf(part: unknown): string | null {
  if (!isObject(part)) return null;
  const name = ID_MEMBERS.find((one) => Object.hasOwn(part, one));
  return name === undefined ? null : `${name} ${keyOfPart(part[name])}`;
}

function numberParts(before: readonly unknown[], after: readonly unknown[]): [Uint32Array, Uint32Array] {
  const numbers = new Map<string, number>();
  const number = (part: unknown): number => {
    const key = keyOfPart(part);
    const found = numbers.get(key) ?? numbers.size;
    numbers.set(key, found);
    return found;
  };
  return [Uint32Array.from(before, number), Uint32Array.from(after, number)];
}
