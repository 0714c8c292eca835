/**
 * Places that two sequences surely share: windows that occur exactly once in each, kept where they come in the same order in both (the longest
 * increasing subsequence, as in patience diff). Never a window that is merely the next that fits: on repetitive text that goes far astray.
 *
 * Not every offset is looked at. Content decides: a window counts when its first eight units, weighted by powers of two, add up to one value.
 * Equal windows are then taken or left together, wherever they stand in either sequence, so that "once" means once at any offset at all.
 *
 * Written to be read. Its fast twin is assembly/diff/anchors.ts, with the same windows in the same order.
 */
import { Hunks } from './hunks.ts';
import { Search, type Units } from './myers.ts';

/** Length of a window of text or bytes. Ids are windows of one. */
const WINDOW = 32;

/** How many of a window's units decide whether it counts. */
const DECIDING = 8;

/**
 * The sum at which it counts. Of it, the bits of a mask are compared: 1 window of 16 counts, fewer in long sequences, so that their number stays
 * below some hundred thousand. A run of one unit u sums up to -u, so no filler that is likely (zero, space, 0xff, `=`, `A`) counts at every offset.
 */
const DECIDING_SUM = 0x6d;

const MORE_THAN_ONCE = 0xffffffff;

/** A part of each sequence. */
export interface Box {
  readonly startA: number;
  readonly endA: number;
  readonly startB: number;
  readonly endB: number;
}

/** The windows of both sides that content chooses, and which of them are equal. */
export interface Windows {
  /** Where they begin, ascending. */
  readonly placesA: Uint32Array;
  readonly placesB: Uint32Array;
  /** A number for the content of each; `NOT_IN_A` for a window of `b` that `a` does not have. */
  readonly contentsA: Uint32Array;
  readonly contentsB: Uint32Array;
  /** By content: whether it is in `a` more than once, and its only place in `b` plus 1, 0, or `MORE_THAN_ONCE`. */
  readonly isRepeated: Uint8Array;
  readonly onlyB: Uint32Array;
}

const NOT_IN_A = 0xffffffff;

/** Finds the windows of a box. O(n). */
export function findWindows(a: Units, b: Units, box: Box, windowLength: 1 | 32): Windows {
  const placesA = chooseWindows(a, box.startA, box.endA, box, windowLength);
  const placesB = chooseWindows(b, box.startB, box.endB, box, windowLength);
  const size = 2 ** Math.ceil(Math.log2(2 * placesA.length + 1));
  // A hash table with linear probing; a slot's index is the number of its content. Slots hold the first place in `a` plus 1, or 0: free.
  const firstA = new Uint32Array(size);
  const isRepeated = new Uint8Array(size);
  const onlyB = new Uint32Array(size);
  const slotOf = (units: Units, place: number): number => {
    let slot = hashWindow(units, place, windowLength) & (size - 1);
    while (firstA[slot] !== 0 && !isSameWindow(a, firstA[slot]! - 1, units, place, windowLength)) slot = (slot + 1) & (size - 1);
    return slot;
  };
  const contentsA = placesA.map((place) => {
    const slot = slotOf(a, place);
    if (firstA[slot] === 0) firstA[slot] = place + 1;
    else isRepeated[slot] = 1;
    return slot;
  });
  const contentsB = placesB.map((place) => {
    const slot = slotOf(b, place);
    if (firstA[slot] === 0) return NOT_IN_A;
    onlyB[slot] = onlyB[slot] === 0 ? place + 1 : MORE_THAN_ONCE;
    return slot;
  });
  return { placesA, placesB, contentsA, contentsB, isRepeated, onlyB };
}

/**
 * Anchors: pairs of places, one in `a` and one in `b`, where equal windows begin; both ascend from pair to pair, and windows may overlap.
 * These are of windows that occur exactly once in each side. O(n log n).
 */
export function uniqueAnchors({ placesA, contentsA, isRepeated, onlyB }: Windows): Uint32Array {
  const isUnique = (content: number) => isRepeated[content] === 0 && onlyB[content] !== 0 && onlyB[content] !== MORE_THAN_ONCE;
  const uniqueA = placesA.filter((_, index) => isUnique(contentsA[index]!));
  const uniqueB = contentsA.filter(isUnique).map((content) => onlyB[content]! - 1);
  return longestIncreasing(uniqueA, uniqueB);
}

/**
 * Anchors of windows that may occur often: a longest common subsequence of all windows, by Myers over their contents, exact for at most
 * `budget` steps, or else not exact for as many.
 * Where two sides consist of the same few lines, whole lines have the majority that single units do not have.
 */
export function commonAnchors({ placesA, placesB, contentsA, contentsB }: Windows, budget: number): Uint32Array {
  const solveContents = (isExact: boolean) => {
    const hunks = new Hunks();
    const search = new Search(contentsA, contentsB, contentsA.length, contentsB.length, budget);
    search.isExact = isExact;
    search.solve(0, contentsA.length, 0, contentsB.length, hunks);
    return { hunks, complete: search.complete };
  };
  const exact = solveContents(true);
  const { hunks } = exact.complete ? exact : solveContents(false);
  const anchors: number[] = [];
  let indexA = 0;
  let indexB = 0;
  const take = (endA: number) => {
    while (indexA < endA) anchors.push(placesA[indexA++]!, placesB[indexB++]!);
  };
  const between = hunks.toArray();
  for (let at = 0; at < between.length; at += 4) {
    take(between[at]!);
    indexA = between[at + 1]!;
    indexB = between[at + 3]!;
  }
  take(contentsA.length);
  return Uint32Array.from(anchors);
}

/** Where the windows begin that content chooses; every place for ids. */
function chooseWindows(units: Units, start: number, end: number, box: Box, windowLength: 1 | 32): Uint32Array {
  if (windowLength === 1) return Uint32Array.from({ length: end - start }, (_, index) => start + index);
  const length = box.endA - box.startA + (box.endB - box.startB);
  const mask = length > 2 ** 22 ? 0xff : length > 2 ** 20 ? 0x1f : 0x0f;
  const places: number[] = [];
  let sum = 0;
  // Of the sum's low eight bits, a unit leaves after eight doublings.
  for (let at = start; at - DECIDING + WINDOW < end; at++) {
    sum = ((sum << 1) + units[at]!) & 0xff;
    if ((sum & mask) === (DECIDING_SUM & mask) && at - start >= DECIDING - 1) places.push(at - DECIDING + 1);
  }
  return Uint32Array.from(places);
}

/** Only equal windows need equal hashes, and no result depends on which: contents are compared. */
function hashWindow(units: Units, place: number, windowLength: number): number {
  let hash = 0;
  for (let at = place; at < place + windowLength; at++) hash = Math.imul(hash ^ units[at]!, 0x9e3779b1);
  return Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> 7;
}

function isSameWindow(a: Units, placeA: number, b: Units, placeB: number, windowLength: number): boolean {
  for (let at = 0; at < windowLength; at++) if (a[placeA + at] !== b[placeB + at]) return false;
  return true;
}

/** Of pairs that ascend in `placesA`, a longest choice that ascends in `placesB` too, as pairs. No two places are equal. */
function longestIncreasing(placesA: Uint32Array, placesB: Uint32Array): Uint32Array {
  // ends[n] is the pair with the smallest place in `b` that ends a choice of n + 1 pairs; before[] leads back through it.
  const ends = new Uint32Array(placesB.length);
  const before = new Int32Array(placesB.length);
  let length = 0;
  for (let pair = 0; pair < placesB.length; pair++) {
    let low = 0;
    let high = length;
    if (length > 0 && placesB[ends[length - 1]!]! < placesB[pair]!) low = length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (placesB[ends[middle]!]! < placesB[pair]!) low = middle + 1;
      else high = middle;
    }
    before[pair] = low === 0 ? -1 : ends[low - 1]!;
    ends[low] = pair;
    if (low === length) length++;
  }
  const chosen = new Uint32Array(2 * length);
  let pair = length === 0 ? -1 : ends[length - 1]!;
  for (let at = length - 1; at >= 0; at--) {
    chosen[2 * at] = placesA[pair]!;
    chosen[2 * at + 1] = placesB[pair]!;
    pair = before[pair]!;
  }
  return chosen;
}
