/**
 * The list of hunks that a diff writes from left to right, at the end of scratch memory, so that it can grow. Twin of
 * ts/kernel/portable/hunks.ts.
 *
 *     hunks   4 x u32 each:  startA, endA, startB, endB
 */
import { isRefused, releaseTo, reserve, scratchTop } from './scratch';

const HUNK_SIZE: usize = 16;
const GROWTH: u32 = 4096;

let start: usize = 0;
let end: usize = 0;
let capacityEnd: usize = 0;
let total: u64 = 0;

/** Begins a list at the top of scratch memory. Until `finishHunks`, nothing else may be reserved. */
export function startHunks(): void {
  start = scratchTop();
  end = start;
  capacityEnd = start;
  total = 0;
}

/** Says that a[startA, endA) becomes b[startB, endB). Both empty says nothing. */
export function addHunk(startA: i32, endA: i32, startB: i32, endB: i32): void {
  if (startA === endA && startB === endB) return;
  assert(startA <= endA && startB <= endB);
  total += u64(endA - startA) + u64(endB - startB);
  if (end > start && load<i32>(end - 12) === startA && load<i32>(end - 4) === startB) {
    store<i32>(end - 12, endA);
    store<i32>(end - 4, endB);
    return;
  }
  if (end === capacityEnd) {
    // Reservations are adjacent, because nothing else reserves meanwhile.
    if (reserve(GROWTH) === 0) return;
    capacityEnd += GROWTH;
  }
  store<i32>(end, startA);
  store<i32>(end, endA, 4);
  store<i32>(end, startB, 8);
  store<i32>(end, endB, 12);
  end += HUNK_SIZE;
}

/** Ends the list and gives its address; what follows it in scratch memory is free. */
export function finishHunks(): usize {
  if (!isRefused()) releaseTo(end);
  return start;
}

/** How many hunks the list has. */
export function hunkCount(): i32 {
  return i32((end - start) / HUNK_SIZE);
}

/** How many units the hunks insert and delete. */
export function hunkDistance(): u64 {
  return total;
}
