/**
 * Differences of ids, text and bytes, and the elements of JSON texts, over linear memory. This file is the plan: exact first, anchors where
 * that costs too much. The portable twin, written to be read, is ts/kernel/portable/edits.ts; explanations are there. The contract of both
 * is `DiffKernel` in ts/kernel/kernel.ts. Numbers only.
 *
 *     | a | b | scratch: frontiers, hunks, and past the first attempt also windows, tables, anchors and gaps |
 */
import { anchorsAt, commonAnchors, findWindows, uniqueAnchors } from './diff/anchors';
import { commonPrefix, commonSuffix } from './diff/equal';
import { finishHunks, hunkCount, hunkDistance, startHunks } from './diff/hunks';
import { isComplete, prepareSearch, solve, startSearch, stepsLeft } from './diff/myers';
import { isRefused, reserve, startScratch } from './diff/scratch';
import { fits } from './memory';

export { faultOffset, findElements, internElements } from './diff/elements';
export { ensure, heapBase, simd } from './memory';

/** No result: the engine refused memory, or the caller named what is not in it. */
const NO_MEMORY: i32 = -1;

/** Units that a side may have at most, so that sums and doubles of places stay in i32. */
const MAX_UNITS: u32 = 1 << 29;

const ANCHOR: i32 = 32;

let resultAt: usize = 0;
let resultCount: i32 = 0;
let resultIsMinimal: bool = false;
let gaps: usize = 0;
let gapsEnd: usize = 0;

/** Address of the hunks of the last diff: 4 x u32 each. */
export function hunksAt(): usize {
  return resultAt;
}

/** Whether the last diff was exact: 1 or 0. */
export function isMinimal(): u32 {
  return u32(resultIsMinimal);
}

/**
 * The edits from `lengthA` bytes at `a` to `lengthB` bytes at `b`. Memory from `scratch` on is used, and grows. `budget` is whole and from 0 to
 * 2^53 - 1. Gives the number of hunks, at `hunksAt()`; or -1 when memory is refused or a range lies outside it.
 */
export function diff8(a: usize, lengthA: u32, b: usize, lengthB: u32, scratch: usize, budget: f64): i32 {
  return diff<u8>(a, lengthA, b, lengthB, scratch, budget);
}

/** As `diff8`, of UTF-16 units; `a` and `b` are divisible by 2. */
export function diff16(a: usize, lengthA: u32, b: usize, lengthB: u32, scratch: usize, budget: f64): i32 {
  return diff<u16>(a, lengthA, b, lengthB, scratch, budget);
}

/** As `diff8`, of ids; `a` and `b` are divisible by 4. Anchors are single ids. */
export function diff32(a: usize, lengthA: u32, b: usize, lengthB: u32, scratch: usize, budget: f64): i32 {
  return diff<u32>(a, lengthA, b, lengthB, scratch, budget);
}

function diff<T>(a: usize, lengthA: u32, b: usize, lengthB: u32, scratch: usize, budget: f64): i32 {
  if (lengthA > MAX_UNITS || lengthB > MAX_UNITS) return NO_MEMORY;
  if (!fits(a, lengthA * sizeof<T>()) || !fits(b, lengthB * sizeof<T>()) || !fits(scratch, 0)) return NO_MEMORY;
  startScratch(scratch);
  const shorter = i32(min(lengthA, lengthB));
  const prefix = commonPrefix<T>(a, b, shorter);
  const suffix = commonSuffix<T>(addressOf<T>(a, lengthA), addressOf<T>(b, lengthB), shorter - prefix);
  plan<T>(a, prefix, i32(lengthA) - suffix, b, prefix, i32(lengthB) - suffix, budget);
  return isRefused() ? NO_MEMORY : resultCount;
}

function plan<T>(a: usize, startA: i32, endA: i32, b: usize, startB: i32, endB: i32, budget: f64): void {
  if (!prepareSearch(endA - startA, endB - startB, budget)) return;
  const portion = Math.floor(budget / 16);
  solveExactly<T>(a, startA, endA, b, startB, endB, portion);
  if (isRefused() || resultIsMinimal) return;

  if (!findWindows<T>(a, startA, endA, b, startB, endB)) return;
  const shorterSide = f64(min(endA - startA, endB - startB));
  const units = u64(endA - startA) + u64(endB - startB);
  if (!findGaps<T>(a, startA, endA, b, startB, endB, uniqueAnchors())) return;
  const matched = units - lengthOfGaps();
  const isHeld = f64(matched) / 2 >= shorterSide - Math.floor(shorterSide / 8);
  if (!isHeld && sizeof<T>() < 4) {
    const uniqueGaps = gaps;
    const uniqueGapsEnd = gapsEnd;
    if (!findGaps<T>(a, startA, endA, b, startB, endB, commonAnchors(Math.floor(budget / 4)))) return;
    if (units - lengthOfGaps() <= matched) {
      gaps = uniqueGaps;
      gapsEnd = uniqueGapsEnd;
    }
  }
  fillGaps<T>(a, b, budget);
  if (isRefused()) return;
  const distance = f64(hunkDistance());
  if ((distance * distance) / 2 > budget && (isHeld || 4 * distance <= shorterSide)) return;

  const anchoredAt = resultAt;
  const anchoredCount = resultCount;
  solveExactly<T>(a, startA, endA, b, startB, endB, budget);
  if (resultIsMinimal) return;
  resultAt = anchoredAt;
  resultCount = anchoredCount;
}

function solveExactly<T>(a: usize, startA: i32, endA: i32, b: usize, startB: i32, endB: i32, budget: f64): void {
  startHunks();
  startSearch(budget, true);
  solve<T>(a, startA, endA, b, startB, endB);
  takeResult(isComplete());
}

function takeResult(isMinimal: bool): void {
  resultAt = finishHunks();
  resultCount = hunkCount();
  resultIsMinimal = isMinimal;
}

/** Writes what is left between so many anchors to `gaps`, 4 x u32 for each. False when there are -1, or memory is refused. */
function findGaps<T>(a: usize, startA: i32, endA: i32, b: usize, startB: i32, endB: i32, anchors: i32): bool {
  if (anchors < 0) return false;
  gaps = reserve((u64(anchors) + 1) << 4);
  if (gaps === 0) return false;
  const anchorLength = sizeof<T>() === 4 ? 1 : ANCHOR;
  const last = anchorsAt() + (usize(anchors) << 3);
  let to = gaps;
  for (let anchor = anchorsAt(); anchor < last; anchor += 8) {
    const placeA = load<i32>(anchor);
    const placeB = load<i32>(anchor, 4);
    if (placeA < startA || placeB < startB) continue;
    const back = commonSuffix<T>(addressOf<T>(a, placeA), addressOf<T>(b, placeB), min(placeA - startA, placeB - startB));
    storeGap(to, startA, placeA - back, startB, placeB - back);
    to += 16;
    startA = placeA + anchorLength;
    startB = placeB + anchorLength;
    const ahead = commonPrefix<T>(addressOf<T>(a, startA), addressOf<T>(b, startB), min(endA - startA, endB - startB));
    startA += ahead;
    startB += ahead;
  }
  storeGap(to, startA, endA, startB, endB);
  gapsEnd = to + 16;
  return true;
}

function fillGaps<T>(a: usize, b: usize, budget: f64): void {
  startHunks();
  let pool = budget;
  let length = f64(lengthOfGaps());
  for (let gap = gaps; gap < gapsEnd; gap += 16) {
    const size = f64(sizeOfGap(gap));
    if (size === 0) continue;
    const share = Math.floor((pool * size) / length);
    startSearch(share, false);
    solve<T>(a, load<i32>(gap), load<i32>(gap, 4), b, load<i32>(gap, 8), load<i32>(gap, 12));
    pool -= share - stepsLeft();
    length -= size;
  }
  takeResult(false);
}

function storeGap(gap: usize, startA: i32, endA: i32, startB: i32, endB: i32): void {
  store<i32>(gap, startA);
  store<i32>(gap, endA, 4);
  store<i32>(gap, startB, 8);
  store<i32>(gap, endB, 12);
}

function sizeOfGap(gap: usize): u32 {
  return load<u32>(gap, 4) - load<u32>(gap) + load<u32>(gap, 12) - load<u32>(gap, 8);
}

function lengthOfGaps(): u64 {
  let length: u64 = 0;
  for (let gap = gaps; gap < gapsEnd; gap += 16) length += u64(sizeOfGap(gap));
  return length;
}

function addressOf<T>(start: usize, index: i32): usize {
  return start + usize(index) * sizeof<T>();
}
