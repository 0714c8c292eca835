/**
 * The order of places. Around each unit (base, offset) lie its left children, the unit, its right children; siblings go by digit, replica,
 * counter. Jump pointers find where two paths part in logarithmic time, however deep a hostile state nests its bases.
 */
import { COUNTER, DEPTH, DIGIT_MASK, JUMP, PARENT, PARENT_OFFSET, REPLICA, RIGHT, TRAITS } from './base';
import { compareReplicas } from './replica';

/** The base at `depth` on the path from the root to `base`, which is not less deep. */
export function ancestorAt(base: usize, depth: u32): usize {
  while (load<u32>(base, DEPTH) > depth) {
    const jump = load<usize>(base, JUMP);
    base = load<u32>(jump, DEPTH) >= depth ? jump : load<usize>(base, PARENT);
  }
  return base;
}

/** Whether `base` is `top`, or lies below it. */
export function isWithin(base: usize, top: usize): bool {
  const depth = load<u32>(top, DEPTH);
  return load<u32>(base, DEPTH) >= depth && ancestorAt(base, depth) === top;
}

/** Whether a path leads to `base` through a right child of the unit (parent, offset). */
export function isRightOf(base: usize, parent: usize, offset: i32): bool {
  const depth = load<u32>(parent, DEPTH) + 1;
  if (load<u32>(base, DEPTH) < depth) return false;
  const child = ancestorAt(base, depth);
  return load<usize>(child, PARENT) === parent && load<i32>(child, PARENT_OFFSET) === offset && (load<u32>(child, TRAITS) & RIGHT) !== 0;
}

/** Below 0, 0 or above 0, as the first place comes before the second, is it, or comes after it. */
export function comparePlaces(baseA: usize, offsetA: i32, baseB: usize, offsetB: i32): i32 {
  if (baseA === baseB) return offsetA < offsetB ? -1 : i32(offsetA > offsetB);
  const depthA = load<u32>(baseA, DEPTH);
  const depthB = load<u32>(baseB, DEPTH);
  if (depthA > depthB) {
    const child = ancestorAt(baseA, depthB + 1);
    baseA = load<usize>(child, PARENT);
    if (baseA === baseB) return compareChild(child, offsetB);
  } else if (depthB > depthA) {
    const child = ancestorAt(baseB, depthA + 1);
    baseB = load<usize>(child, PARENT);
    if (baseA === baseB) return -compareChild(child, offsetA);
  }
  // Both are equally deep now, and so are their jump pointers.
  let parentA = load<usize>(baseA, PARENT);
  let parentB = load<usize>(baseB, PARENT);
  while (parentA !== parentB) {
    const jumpA = load<usize>(baseA, JUMP);
    const jumpB = load<usize>(baseB, JUMP);
    const areApart = jumpA !== jumpB;
    baseA = areApart ? jumpA : parentA;
    baseB = areApart ? jumpB : parentB;
    parentA = load<usize>(baseA, PARENT);
    parentB = load<usize>(baseB, PARENT);
  }
  return compareSiblings(baseA, baseB);
}

/** Order of two different bases that have the same parent base. */
export function compareSiblings(a: usize, b: usize): i32 {
  const placeA = load<i32>(a, PARENT_OFFSET);
  const placeB = load<i32>(b, PARENT_OFFSET);
  if (placeA !== placeB) return placeA < placeB ? -1 : 1;
  // The side is the bit above the digit.
  const sideAndDigitA = load<u32>(a, TRAITS) & (RIGHT | DIGIT_MASK);
  const sideAndDigitB = load<u32>(b, TRAITS) & (RIGHT | DIGIT_MASK);
  if (sideAndDigitA !== sideAndDigitB) return sideAndDigitA < sideAndDigitB ? -1 : 1;
  const order = compareReplicas(load<usize>(a, REPLICA), load<usize>(b, REPLICA));
  if (order !== 0) return order;
  const counterA = load<u32>(a, COUNTER);
  const counterB = load<u32>(b, COUNTER);
  return counterA < counterB ? -1 : i32(counterA > counterB);
}

/** Order of whatever lies below a child and the unit at `offset` of the child's parent. */
function compareChild(child: usize, offset: i32): i32 {
  const place = load<i32>(child, PARENT_OFFSET);
  if (place !== offset) return place < offset ? -1 : 1;
  return (load<u32>(child, TRAITS) & RIGHT) !== 0 ? 1 : -1;
}
