/**
 * What edits must be, the slow and obvious way: a table of longest common subsequences (Wagner and Fischer 1974), edits applied unit by unit,
 * and random pairs from a seed. It shares nothing with the kernels.
 */
import type { Edits } from '../../ts/kernel/kernel.ts';

/** The least number of units that must be deleted from `a` and inserted to make `b`. O(n m). */
export function minimalDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let above = new Uint32Array(b.length + 1);
  let row = new Uint32Array(b.length + 1);
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < b.length; j++) {
      row[j + 1] = a[i] === b[j] ? above[j]! + 1 : Math.max(above[j + 1]!, row[j]!);
    }
    [above, row] = [row, above];
  }
  return a.length + b.length - 2 * above[b.length]!;
}

/** How many units the hunks delete and insert. */
export function distanceOf({ hunks }: Edits): number {
  let distance = 0;
  for (let at = 0; at < hunks.length; at += 4) distance += hunks[at + 1]! - hunks[at]! + (hunks[at + 3]! - hunks[at + 2]!);
  return distance;
}

/** What the hunks make of `a`, taking what they insert from `b`. */
export function applyEdits({ hunks }: Edits, a: ArrayLike<number>, b: ArrayLike<number>): number[] {
  const result: number[] = [];
  let from = 0;
  for (let at = 0; at < hunks.length; at += 4) {
    while (from < hunks[at]!) result.push(a[from++]!);
    for (let place = hunks[at + 2]!; place < hunks[at + 3]!; place++) result.push(b[place]!);
    from = hunks[at + 1]!;
  }
  while (from < a.length) result.push(a[from++]!);
  return result;
}

/** What is wrong with the edits of a pair; null when nothing is: canonical, inside both sides, and making `b` of `a` exactly. */
export function faultOfEdits(edits: Edits, a: ArrayLike<number>, b: ArrayLike<number>): string | null {
  const { hunks } = edits;
  if (hunks.length % 4 !== 0) return `${hunks.length} words are no whole number of hunks`;
  let endA = 0;
  let endB = 0;
  for (let at = 0; at < hunks.length; at += 4) {
    const [startA, toA, startB, toB] = [hunks[at]!, hunks[at + 1]!, hunks[at + 2]!, hunks[at + 3]!];
    if (startA > toA || startB > toB || toA > a.length || toB > b.length) return `hunk ${at / 4} is outside`;
    if (startA === toA && startB === toB) return `hunk ${at / 4} is empty`;
    if (startA - endA !== startB - endB) return `before hunk ${at / 4}, unequal lengths are kept`;
    if (at > 0 && startA === endA) return `hunk ${at / 4} touches the one before it`;
    endA = toA;
    endB = toB;
  }
  if (a.length - endA !== b.length - endB) return 'after the last hunk, unequal lengths are kept';
  const applied = applyEdits(edits, a, b);
  for (let at = 0; at < b.length; at++) if (applied[at] !== b[at]) return `applied, unit ${at} differs`;
  return null;
}

/** Numbers from 0 below 1, the same for the same seed (mulberry32, T. Ettinger 2017). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Two sequences of up to `maxLength` units below `alphabet`: half of the time `b` is `a` with a few edits. */
export function randomPair(random: () => number, maxLength: number, alphabet: number): [a: number[], b: number[]] {
  const below = (limit: number) => Math.floor(random() * limit);
  const units = (length: number) => Array.from({ length }, () => below(alphabet));
  const a = units(below(maxLength + 1));
  return [a, random() < 0.5 ? units(below(maxLength + 1)) : edited(a, 1 + below(6), random, () => units(1 + below(4)))];
}

/** `units` after so many random deletions, insertions and replacements of what `fresh` gives. */
export function edited(units: readonly number[], edits: number, random: () => number, fresh: () => readonly number[]): number[] {
  const result = [...units];
  for (let edit = 0; edit < edits; edit++) {
    const at = Math.floor(random() * (result.length + 1));
    const inserted = edit % 3 === 0 ? [] : fresh();
    result.splice(at, edit % 3 === 1 ? 0 : fresh().length, ...inserted);
  }
  return result;
}

/** A log of so many lines out of `distinct` ones, and the same log with so many lines deleted, inserted or with some characters replaced. */
export function logPair(random: () => number, lines: number, distinct: number, edits: number): [a: string, b: string] {
  const below = (limit: number) => Math.floor(random() * limit);
  const word = () => below(36 ** 6).toString(36);
  const line = (at: number) =>
    `{"event":"${word()}","level":"${at % 3 === 0 ? 'warn' : 'info'}","source":"worker-${at % 7}","ok":${at % 2 === 0}}\n`;
  const known = Array.from({ length: distinct }, (_, at) => line(at));
  const a = Array.from({ length: lines }, () => known[below(distinct)]!);
  const b = [...a];
  for (let edit = 0; edit < edits; edit++) {
    const at = below(b.length);
    if (edit % 3 === 0) b.splice(at, 1);
    else if (edit % 3 === 1) b.splice(at, 0, known[below(distinct)]!);
    else b[at] = b[at]!.slice(0, 20) + word() + b[at]!.slice(26);
  }
  return [a.join(''), b.join('')];
}
