/**
 * The finger: where the last search or change was. The next one is nearly always beside it, and then costs a few comparisons instead of a way
 * down the tree. FINGER_OFFSET says after how many units of the finger's block a search ended; wherever that can be, it is the end of
 * a block rather than the beginning of the next.
 */
import { DEPTH, PARENT, PARENT_OFFSET, RIGHT, TRAITS } from './base';
import { BLOCK_BASE, BLOCK_LENGTH, BLOCK_OFFSET, BLOCK_SIZE, BLOCKS, blockAt, COUNT, UNITS } from './leaf';
import { ancestorAt, comparePlaces } from './order';
import { FINGER_BEFORE, FINGER_BLOCK, FINGER_LEAF, FINGER_OFFSET, FINGER_START, ROOT_NODE, TYPING_AT } from './record';
import {
  CHILD,
  CHILD_UNITS,
  ENTRIES,
  ENTRY_SIZE,
  entryAt,
  LEVEL,
  NEXT_LEAF,
  PREVIOUS_LEAF,
  SEPARATOR_BASE,
  SEPARATOR_OFFSET,
  settle,
  startOf,
} from './tree';

/** Points the finger behind the first `index` units of the sequence. */
export function findIndex(sequence: usize, index: u32): void {
  store<i32>(sequence, -1, TYPING_AT);
  const leaf = load<usize>(sequence, FINGER_LEAF);
  const start = load<i32>(sequence, FINGER_START);
  const isBehindFirst = i32(index) > start || load<usize>(leaf, PREVIOUS_LEAF) === 0;
  if (start >= 0 && i32(index) >= start && isBehindFirst && index - u32(start) <= load<u32>(leaf, UNITS)) {
    findInLeaf(sequence, leaf, index - u32(start), load<u32>(sequence, FINGER_BLOCK), load<u32>(sequence, FINGER_BEFORE));
    return;
  }
  settle(sequence);
  let node = load<usize>(sequence, ROOT_NODE);
  let left = index;
  while (load<u32>(node, LEVEL) !== 0) {
    let entry = node + ENTRIES;
    const last = entryAt(node, load<u32>(node, COUNT) - 1);
    while (entry < last) {
      const units = load<u32>(entry, CHILD_UNITS);
      if (left <= units) break;
      left -= units;
      entry += ENTRY_SIZE;
    }
    node = load<usize>(entry, CHILD);
  }
  pointAt(sequence, node, i32(index - left));
  findInLeaf(sequence, node, left, 0, 0);
}

/** Points the finger behind the first `units` units of a leaf that begins at the index `start` (-1: not known). */
export function pointInLeaf(sequence: usize, leaf: usize, start: i32, units: u32): void {
  if (leaf !== load<usize>(sequence, FINGER_LEAF)) settle(sequence);
  pointAt(sequence, leaf, start);
  findInLeaf(sequence, leaf, units, 0, 0);
}

/** Points the finger behind the last live unit whose place is not behind (base, offset). */
export function findPlace(sequence: usize, base: usize, offset: i32): void {
  let node = load<usize>(sequence, ROOT_NODE);
  while (load<u32>(node, LEVEL) !== 0) {
    let low: u32 = 0;
    let high = load<u32>(node, COUNT) - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const entry = entryAt(node, middle);
      if (comparePlaces(load<usize>(entry, SEPARATOR_BASE), load<i32>(entry, SEPARATOR_OFFSET), base, offset) <= 0) low = middle;
      else high = middle - 1;
    }
    node = load<usize>(entryAt(node, low), CHILD);
  }
  if (node !== load<usize>(sequence, FINGER_LEAF)) {
    settle(sequence);
    store<usize>(sequence, node, FINGER_LEAF);
    store<i32>(sequence, -1, FINGER_START);
  }
  let low: u32 = 0;
  let high = load<u32>(node, COUNT);
  // The number of blocks that do not begin behind the place.
  while (low < high) {
    const middle = (low + high) >> 1;
    const block = blockAt(node, middle);
    if (comparePlaces(load<usize>(block, BLOCK_BASE), load<i32>(block, BLOCK_OFFSET), base, offset) <= 0) low = middle + 1;
    else high = middle;
  }
  const index = low === 0 ? 0 : low - 1;
  let before: u32 = 0;
  const found = blockAt(node, index);
  for (let block = node + BLOCKS; block < found; block += BLOCK_SIZE) before += load<u32>(block, BLOCK_LENGTH);
  store<u32>(sequence, index, FINGER_BLOCK);
  store<u32>(sequence, before, FINGER_BEFORE);
  store<u32>(sequence, low === 0 ? 0 : unitsUpTo(found, base, offset), FINGER_OFFSET);
}

/** Index of the place that the finger points at. */
export function fingerIndex(sequence: usize): u32 {
  let start = load<i32>(sequence, FINGER_START);
  if (start < 0) {
    start = startOf(load<usize>(sequence, FINGER_LEAF));
    store<i32>(sequence, start, FINGER_START);
  }
  return u32(start) + load<u32>(sequence, FINGER_BEFORE) + load<u32>(sequence, FINGER_OFFSET);
}

/** The block that comes after one of a leaf, or 0. */
export function blockBehind(leaf: usize, block: usize): usize {
  const next = block + BLOCK_SIZE;
  if (next !== blockAt(leaf, load<u32>(leaf, COUNT))) return next;
  const nextLeaf = load<usize>(leaf, NEXT_LEAF);
  return nextLeaf === 0 ? 0 : nextLeaf + BLOCKS;
}

function pointAt(sequence: usize, leaf: usize, start: i32): void {
  store<usize>(sequence, leaf, FINGER_LEAF);
  store<i32>(sequence, start, FINGER_START);
}

/** Points the finger behind the first `units` units of its leaf, beginning to look at a block that `before` units come before. */
function findInLeaf(sequence: usize, leaf: usize, units: u32, index: u32, before: u32): void {
  while (units <= before && index > 0) {
    index--;
    before -= load<u32>(blockAt(leaf, index), BLOCK_LENGTH);
  }
  const count = load<u32>(leaf, COUNT);
  while (index < count) {
    const length = load<u32>(blockAt(leaf, index), BLOCK_LENGTH);
    if (units <= before + length) break;
    before += length;
    index++;
  }
  store<u32>(sequence, index, FINGER_BLOCK);
  store<u32>(sequence, before, FINGER_BEFORE);
  store<u32>(sequence, units - before, FINGER_OFFSET);
}

/** How many units of a block, which does not begin behind the place, are not behind it. */
function unitsUpTo(block: usize, base: usize, offset: i32): u32 {
  const blockBase = load<usize>(block, BLOCK_BASE);
  const length = load<u32>(block, BLOCK_LENGTH);
  let units: i32 = 0;
  if (blockBase === base) {
    units = offset - load<i32>(block, BLOCK_OFFSET) + 1;
  } else {
    const depth = load<u32>(blockBase, DEPTH) + 1;
    if (load<u32>(base, DEPTH) < depth) return length;
    const child = ancestorAt(base, depth);
    if (load<usize>(child, PARENT) !== blockBase) return length;
    units = load<i32>(child, PARENT_OFFSET) - load<i32>(block, BLOCK_OFFSET) + i32((load<u32>(child, TRAITS) & RIGHT) !== 0);
  }
  return u32(max(0, min(units, i32(length))));
}
