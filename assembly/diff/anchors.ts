/**
 * Windows that both sequences have, as anchors: those that occur once in each, or a longest common subsequence of all. The portable twin,
 * written to be read, is ts/kernel/portable/anchors.ts: the same windows in the same order. Explanations are there.
 *
 *     places     u32 each       where chosen windows begin, ascending
 *     table      16 bytes each  u32 first place in a + 1 (0: free), u32 hash, u32 only place in b + 1 (0: none), u32 whether a has it again
 *     contents   u32 each       address of the table's entry for each place
 *     anchors    2 x u32 each   place in a, place in b
 */
import { commonPrefix } from './equal';
import { finishHunks, hunkCount, startHunks } from './hunks';
import { isComplete, solve, startSearch } from './myers';
import { releaseTo, reserve } from './scratch';

const WINDOW: i32 = 32;
const DECIDING: i32 = 8;
const DECIDING_SUM: u32 = 0x6d;
const MORE_THAN_ONCE: u32 = 0xffffffff;
const NOT_IN_A: u32 = 0xffffffff;

const MULTIPLIER: u64 = (0x9e3779b9 << 32) | 0x7f4a7c15;

let placesA: usize = 0;
let placesB: usize = 0;
let contentsA: usize = 0;
let contentsB: usize = 0;
let countA: i32 = 0;
let countB: i32 = 0;
let anchorsStart: usize = 0;

/** Address of the pairs that were found last. */
export function anchorsAt(): usize {
  return anchorsStart;
}

/** Finds the windows of a[startA, endA) and b[startB, endB); `a` and `b` are addresses. False when memory is refused. */
export function findWindows<T>(a: usize, startA: i32, endA: i32, b: usize, startB: i32, endB: i32): bool {
  const mask = maskFor(u32(endA - startA) + u32(endB - startB));
  placesA = reserve(u64(endA - startA) << 2);
  if (placesA === 0) return false;
  const placesAEnd = chooseWindows<T>(a, startA, endA, mask, placesA);
  releaseTo(placesAEnd);
  placesB = reserve(u64(endB - startB) << 2);
  if (placesB === 0) return false;
  const placesBEnd = chooseWindows<T>(b, startB, endB, mask, placesB);
  releaseTo(placesBEnd);

  countA = i32((placesAEnd - placesA) >>> 2);
  countB = i32((placesBEnd - placesB) >>> 2);
  const size = u32(1) << (32 - clz(2 * countA + 1));
  const table = reserve(u64(size) << 4);
  contentsA = reserve(u64(countA) << 2);
  contentsB = reserve(u64(countB) << 2);
  if (contentsB === 0) return false;
  memory.fill(table, 0, usize(size) << 4);
  for (let at: usize = 0; at < usize(countA) << 2; at += 4) {
    const place = load<u32>(placesA + at);
    const slot = findSlot<T>(table, size - 1, a, addressOf<T>(a, place));
    if (load<u32>(slot) === 0) {
      store<u32>(slot, place + 1);
      store<u32>(slot, lastHash, 4);
    } else {
      store<u32>(slot, 1, 12);
    }
    store<u32>(contentsA + at, u32(slot));
  }
  for (let at: usize = 0; at < usize(countB) << 2; at += 4) {
    const place = load<u32>(placesB + at);
    const slot = findSlot<T>(table, size - 1, a, addressOf<T>(b, place));
    if (load<u32>(slot) === 0) {
      store<u32>(contentsB + at, NOT_IN_A);
    } else {
      store<u32>(slot, load<u32>(slot, 8) === 0 ? place + 1 : MORE_THAN_ONCE, 8);
      store<u32>(contentsB + at, u32(slot));
    }
  }
  return true;
}

/** Finds anchors of windows that need not be unique, for at most twice `budget` steps, and gives their number; -1 when memory is refused. */
export function commonAnchors(budget: f64): i32 {
  let hunks = solveContents(budget, true);
  if (!isComplete()) hunks = solveContents(budget, false);
  anchorsStart = reserve(u64(countA) << 3);
  if (anchorsStart === 0) return -1;
  const hunksEnd = hunks + (usize(hunkCount()) << 4);
  let to = anchorsStart;
  let indexA: i32 = 0;
  let indexB: i32 = 0;
  for (let hunk = hunks; hunk <= hunksEnd; hunk += 16) {
    const endA = hunk === hunksEnd ? countA : load<i32>(hunk);
    for (; indexA < endA; indexA++, indexB++) {
      store<u32>(to, load<u32>(placesA + (usize(indexA) << 2)));
      store<u32>(to, load<u32>(placesB + (usize(indexB) << 2)), 4);
      to += 8;
    }
    if (hunk === hunksEnd) break;
    indexA = load<i32>(hunk, 4);
    indexB = load<i32>(hunk, 12);
  }
  return i32((to - anchorsStart) >>> 3);
}

/** Which bits of a sum are compared in sequences of so many units together. */
function maskFor(units: u32): u32 {
  return units > 1 << 22 ? 0xff : units > 1 << 20 ? 0x1f : 0x0f;
}

/** Writes the places of the windows that content chooses, all places for ids, and gives the address after the last. */
function chooseWindows<T>(units: usize, start: i32, end: i32, mask: u32, places: usize): usize {
  let to = places;
  if (sizeof<T>() === 4) {
    for (let place = start; place < end; place++) {
      store<i32>(to, place);
      to += 4;
    }
    return to;
  }
  let place = start;
  if (ASC_FEATURE_SIMD) {
    const lanes = i32(16 / sizeof<T>());
    const wanted = v128.splat<T>(<T>(DECIDING_SUM & mask));
    const compared = v128.splat<T>(<T>mask);
    while (place + lanes - 1 + WINDOW <= end) {
      const from = addressOf<T>(units, place);
      let sums = v128.load(from);
      sums = v128.add<T>(v128.add<T>(sums, sums), v128.load(from + sizeof<T>()));
      sums = v128.add<T>(v128.add<T>(sums, sums), v128.load(from + 2 * sizeof<T>()));
      sums = v128.add<T>(v128.add<T>(sums, sums), v128.load(from + 3 * sizeof<T>()));
      sums = v128.add<T>(v128.add<T>(sums, sums), v128.load(from + 4 * sizeof<T>()));
      sums = v128.add<T>(v128.add<T>(sums, sums), v128.load(from + 5 * sizeof<T>()));
      sums = v128.add<T>(v128.add<T>(sums, sums), v128.load(from + 6 * sizeof<T>()));
      sums = v128.add<T>(v128.add<T>(sums, sums), v128.load(from + 7 * sizeof<T>()));
      let chosen = v128.bitmask<T>(v128.eq<T>(v128.and(sums, compared), wanted));
      while (chosen !== 0) {
        store<i32>(to, place + ctz(chosen));
        to += 4;
        chosen &= chosen - 1;
      }
      place += lanes;
    }
  }
  if (place + WINDOW > end) return to;
  let sum: u32 = 0;
  for (let at = place; at < place + DECIDING - 1; at++) sum = (sum << 1) + u32(load<T>(addressOf<T>(units, at)));
  for (; place + WINDOW <= end; place++) {
    sum = (sum << 1) + u32(load<T>(addressOf<T>(units, place + DECIDING - 1)));
    if ((sum & mask) === (DECIDING_SUM & mask)) {
      store<i32>(to, place);
      to += 4;
    }
  }
  return to;
}

let lastHash: u32 = 0;

/** The entry for the window at an address, or the free one where it belongs. Its hash stays in `lastHash`. */
function findSlot<T>(table: usize, tableMask: u32, a: usize, window: usize): usize {
  const hash = hashWindow<T>(window);
  lastHash = hash;
  let index = hash & tableMask;
  while (true) {
    const slot = table + (usize(index) << 4);
    const first = load<u32>(slot);
    if (first === 0) return slot;
    if (load<u32>(slot, 4) === hash && isSameWindow<T>(addressOf<T>(a, first - 1), window)) return slot;
    index = (index + 1) & tableMask;
  }
}

function isSameWindow<T>(first: usize, second: usize): bool {
  if (sizeof<T>() === 4) return load<u32>(first) === load<u32>(second);
  return commonPrefix<T>(first, second, WINDOW) === WINDOW;
}

function hashWindow<T>(window: usize): u32 {
  let hash: u64 = 0;
  if (sizeof<T>() === 4) {
    hash = u64(load<u32>(window)) * MULTIPLIER;
  } else {
    for (let at: usize = 0; at < usize(WINDOW) * sizeof<T>(); at += 8) hash = rotl(hash ^ load<u64>(window + at), 29) * MULTIPLIER;
  }
  return u32(hash >>> 32);
}

function solveContents(budget: f64, isExact: bool): usize {
  startHunks();
  startSearch(budget, isExact);
  solve<u32>(contentsA, 0, countA, contentsB, 0, countB);
  return finishHunks();
}

/** Finds anchors of windows that occur once in each side, and gives their number; -1 when memory is refused. */
export function uniqueAnchors(): i32 {
  const bytes = u64(countA) << 2;
  const pairs = reserve(bytes);
  const ends = reserve(bytes);
  const before = reserve(bytes);
  anchorsStart = reserve(2 * bytes);
  if (anchorsStart === 0) return -1;
  let pairCount: usize = 0;
  let length: i32 = 0;
  for (let at: usize = 0; at < usize(countA) << 2; at += 4) {
    const slot = usize(load<u32>(contentsA + at));
    const placeB = load<u32>(slot, 8);
    if (load<u32>(slot, 12) !== 0 || placeB === 0 || placeB === MORE_THAN_ONCE) continue;
    let low: i32 = 0;
    let high = length;
    if (length > 0 && endPlace(pairs, ends, length - 1) < placeB) low = length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (endPlace(pairs, ends, middle) < placeB) low = middle + 1;
      else high = middle;
    }
    store<u32>(pairs + (pairCount << 2), u32(slot));
    store<u32>(before + (pairCount << 2), low === 0 ? 0 : load<u32>(ends + (usize(low - 1) << 2)));
    store<u32>(ends + (usize(low) << 2), u32(pairCount));
    if (low === length) length++;
    pairCount++;
  }
  if (length === 0) return 0;
  let pair = load<u32>(ends + (usize(length - 1) << 2));
  for (let at = length - 1; at >= 0; at--) {
    const slot = usize(load<u32>(pairs + (usize(pair) << 2)));
    store<u32>(anchorsStart + (usize(at) << 3), load<u32>(slot) - 1);
    store<u32>(anchorsStart + (usize(at) << 3), load<u32>(slot, 8) - 1, 4);
    pair = load<u32>(before + (usize(pair) << 2));
  }
  return length;
}

/** Place in b, plus 1, of the pair that ends the best choice of `index + 1` pairs. */
function endPlace(pairs: usize, ends: usize, index: i32): u32 {
  const pair = load<u32>(ends + (usize(index) << 2));
  return load<u32>(usize(load<u32>(pairs + (usize(pair) << 2))), 8);
}

function addressOf<T>(start: usize, index: i32): usize {
  return start + usize(index) * sizeof<T>();
}
