/** Sorting records of 16 bytes by their first word, in place and stable: a merge sort from the bottom up, which leaves alone what is in order. */
import { allocate, release } from './arena';

const RECORD: u32 = 16;

/** Sorts `count` records at `first` by the u32 that each begins with. */
export function sortRecords(first: usize, count: u32): void {
  if (isSorted(first, count)) return;
  const bytes = count * RECORD;
  const other = allocate(bytes);
  let from = first;
  let to = other;
  for (let width: u32 = 1; width < count; width <<= 1) {
    for (let start: u32 = 0; start < count; start += width << 1) {
      mergeRecords(from, to, start, min(count, start + width), min(count, start + (width << 1)));
    }
    const swapped = from;
    from = to;
    to = swapped;
  }
  if (from !== first) memory.copy(first, from, bytes);
  release(other, bytes);
}

function isSorted(first: usize, count: u32): bool {
  for (let record: u32 = 1; record < count; record++) {
    if (load<u32>(first + record * RECORD) < load<u32>(first + (record - 1) * RECORD)) return false;
  }
  return true;
}

function mergeRecords(from: usize, to: usize, start: u32, middle: u32, end: u32): void {
  let left = from + start * RECORD;
  let right = from + middle * RECORD;
  const leftEnd = right;
  const rightEnd = from + end * RECORD;
  let target = to + start * RECORD;
  while (left < leftEnd && right < rightEnd) {
    const isRight = load<u32>(right) < load<u32>(left);
    const record = isRight ? right : left;
    store<u64>(target, load<u64>(record));
    store<u64>(target, load<u64>(record, 8), 8);
    if (isRight) right += RECORD;
    else left += RECORD;
    target += RECORD;
  }
  if (left < leftEnd) memory.copy(target, left, u32(leftEnd - left));
  else memory.copy(target, right, u32(rightEnd - right));
}
