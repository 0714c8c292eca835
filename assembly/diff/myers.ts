/**
 * Exact differences in linear space: E. W. Myers, An O(ND) Difference Algorithm and Its Variations, Algorithmica 1 (1986), section 4b.
 * The portable twin, written to be read, is ts/kernel/portable/myers.ts: the same steps, so the same edits for the same budget. Explanations
 * are there.
 *
 *     forward    i32 for each diagonal k = x - y, at k & mask: the furthest x from the start of the box
 *     backward   the same from its end
 */
import { commonPrefix, commonSuffix } from './equal';
import { addHunk } from './hunks';
import { reserve } from './scratch';

const LEAST_REACH: i32 = 64;

let forward: usize = 0;
let backward: usize = 0;
let mask: i32 = 0;
let left: i64 = 0;
let exact: bool = true;
let complete: bool = true;
let middleX: i32 = 0;
let middleY: i32 = 0;

/** Reserves both frontiers for boxes of at most `width` by `height` units and searches of at most `budget` steps. False when memory is refused. */
export function prepareSearch(width: i32, height: i32, budget: f64): bool {
  const shorter = f64(min(width, height));
  const diagonals = u32(2 * min(shorter, Math.ceil(Math.sqrt(budget))) + 8);
  const size = u32(1) << (32 - clz(diagonals - 1));
  mask = i32(size - 1);
  forward = reserve(u64(size) << 2);
  backward = reserve(u64(size) << 2);
  return backward !== 0;
}

/** Begins a search that may take `budget` steps, and cuts boxes that take a good part of it unless `isExact`. */
export function startSearch(budget: f64, isExact: bool): void {
  left = i64(budget);
  exact = isExact;
  complete = true;
}

/** Steps that are left; below 0 when the last round found more equal units than it could know of. */
export function stepsLeft(): f64 {
  return f64(left);
}

/** Whether every box was solved exactly since `startSearch`. */
export function isComplete(): bool {
  return complete;
}

/** Adds the hunks between a[fromA, toA) and b[fromB, toB); `a` and `b` are addresses. Recursion is as deep as the logarithm of their distance. */
export function solve<T>(a: usize, fromA: i32, toA: i32, b: usize, fromB: i32, toB: i32): void {
  while (true) {
    const prefix = commonPrefix<T>(addressOf<T>(a, fromA), addressOf<T>(b, fromB), min(toA - fromA, toB - fromB));
    fromA += prefix;
    fromB += prefix;
    const suffix = commonSuffix<T>(addressOf<T>(a, toA), addressOf<T>(b, toB), min(toA - fromA, toB - fromB));
    toA -= suffix;
    toB -= suffix;
    if (fromA === toA || fromB === toB || !findMiddle<T>(addressOf<T>(a, fromA), toA - fromA, addressOf<T>(b, fromB), toB - fromB)) {
      addHunk(fromA, toA, fromB, toB);
      return;
    }
    const middleA = fromA + middleX;
    const middleB = fromB + middleY;
    solve<T>(a, fromA, middleA, b, fromB, middleB);
    fromA = middleA;
    fromB = middleB;
  }
}

function findMiddle<T>(a: usize, width: i32, b: usize, height: i32): bool {
  const delta = width - height;
  const isOdd = (delta & 1) !== 0;
  const endA = addressOf<T>(a, width);
  const endB = addressOf<T>(b, height);
  const ring = mask;
  const ahead = forward;
  const behind = backward;
  const reach = exact ? i32.MAX_VALUE : max(LEAST_REACH, i32(Math.floor(Math.sqrt(f64(max<i64>(left, 0))) / 8)));
  // Diagonals that the other frontier looked at in its last round; none before its first.
  let otherLow = 1;
  let otherHigh = -1;
  store<i32>(slotOf(ahead, 1, ring), 0);
  store<i32>(slotOf(behind, 1, ring), 0);
  let d: i32 = -1;
  while (true) {
    d++;
    const low = d > height ? d - 2 * height : -d;
    const high = d > width ? 2 * width - d : d;
    if (d > reach) {
      cut(otherLow, otherHigh, width, height);
      return true;
    }
    const round = i64(high) - low + 2;
    if (round > left) {
      complete = false;
      return false;
    }
    let matched: u64 = 0;
    let below = load<i32>(slotOf(ahead, low - 1, ring));
    for (let k = low; k <= high; k += 2) {
      const above = load<i32>(slotOf(ahead, k + 1, ring));
      let x = k === -d || (k !== d && below < above) ? above : below + 1;
      below = above;
      const y = x - k;
      const limit = min(width - x, height - y);
      const placeA = addressOf<T>(a, x);
      const placeB = addressOf<T>(b, y);
      // Nearly always the first two units differ, and a call that says so would cost more than all the rest.
      if (limit > 0 && load<T>(placeA) === load<T>(placeB)) {
        const run = commonPrefix<T>(placeA, placeB, limit);
        x += run;
        matched += u64(run >>> 5);
      }
      store<i32>(slotOf(ahead, k, ring), x);
      if (isOdd) {
        const other = delta - k;
        if (other >= otherLow && other <= otherHigh && x + load<i32>(slotOf(behind, other, ring)) >= width) {
          left -= round + matched;
          middleX = x;
          middleY = x - k;
          return true;
        }
      }
    }
    below = load<i32>(slotOf(behind, low - 1, ring));
    for (let k = low; k <= high; k += 2) {
      const above = load<i32>(slotOf(behind, k + 1, ring));
      let x = k === -d || (k !== d && below < above) ? above : below + 1;
      below = above;
      const y = x - k;
      const limit = min(width - x, height - y);
      const placeA = addressOf<T>(endA, -x);
      const placeB = addressOf<T>(endB, -y);
      if (limit > 0 && load<T>(placeA - sizeof<T>()) === load<T>(placeB - sizeof<T>())) {
        const run = commonSuffix<T>(placeA, placeB, limit);
        x += run;
        matched += u64(run >>> 5);
      }
      store<i32>(slotOf(behind, k, ring), x);
      if (!isOdd) {
        const other = delta - k;
        if (other >= low && other <= high && x + load<i32>(slotOf(ahead, other, ring)) >= width) {
          left -= round + matched;
          middleX = width - x;
          middleY = height - (x - k);
          return true;
        }
      }
    }
    left -= round + matched;
    otherLow = low;
    otherHigh = high;
  }
}

/** Makes the furthest point of the forward frontier, between two diagonals, the middle. */
function cut(low: i32, high: i32, width: i32, height: i32): void {
  complete = false;
  middleX = 0;
  middleY = 0;
  for (let k = low; k <= high; k += 2) {
    const x = load<i32>(slotOf(forward, k, mask));
    const y = x - k;
    if (x > width || y > height || x + y <= middleX + middleY) continue;
    middleX = x;
    middleY = y;
  }
}

function slotOf(frontier: usize, k: i32, ring: i32): usize {
  return frontier + (usize(k & ring) << 2);
}

function addressOf<T>(start: usize, index: i32): usize {
  return start + usize(index) * sizeof<T>();
}
