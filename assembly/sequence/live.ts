/**
 * Putting units into the document and taking them out, at the finger: blocks, text, counts and the bases' numbers of live units. What a unit's
 * place should be, and who hears of it, is decided elsewhere.
 */
import { EMPTIED_AT, LIVE } from './base';
import { fingerIndex, pointInLeaf } from './finger';
import {
  BLOCK_BASE,
  BLOCK_COUNTER,
  BLOCK_LENGTH,
  BLOCK_OFFSET,
  BLOCK_SIZE,
  BLOCKS,
  blockAt,
  COUNT,
  closeBlock,
  continues,
  copyText,
  insertText,
  LEAF_BLOCKS,
  LEAF_SIZE,
  openBlocks,
  removeText,
  storeBlock,
  UNITS,
} from './leaf';
import {
  CLOCK,
  FINGER_BEFORE,
  FINGER_BLOCK,
  FINGER_DELTA,
  FINGER_LEAF,
  FINGER_OFFSET,
  FINGER_START,
  LEAF_CAPACITY,
  LENGTH,
  UNIT_SHIFT,
} from './record';
import { addLeaf, countUnits, NEXT_LEAF, NODE_PARENT, PREVIOUS_LEAF, raiseSeparator, removeLeaf, settle, splitLeaf } from './tree';

/** A leaf with so few blocks may be joined with the next. */
const SPARSE_BLOCKS: u32 = 5;
/** Units on their way from one leaf to another. */
const MOVED: usize = memory.data(LEAF_SIZE, 4);

/** Puts `count` units from `source`, of ascending offsets and counters, where the finger points, and the finger behind them. */
export function insertAtFinger(sequence: usize, base: usize, offset: i32, counter: u32, source: usize, count: u32): void {
  store<u32>(base, load<u32>(base, LIVE) + count, LIVE);
  while (true) {
    const leaf = load<usize>(sequence, FINGER_LEAF);
    const room = load<u32>(sequence, LEAF_CAPACITY) - load<u32>(leaf, UNITS);
    const added = min(room, count);
    if (added !== 0 && insertBlock(sequence, leaf, base, offset, counter, added)) {
      const end = load<u32>(sequence, FINGER_BEFORE) + load<u32>(sequence, FINGER_OFFSET);
      insertText(sequence, leaf, end - added, source, added);
      store<u32>(sequence, load<u32>(sequence, LENGTH) + added, LENGTH);
      store<u32>(sequence, load<u32>(sequence, FINGER_DELTA) + added, FINGER_DELTA);
      count -= added;
      if (count === 0) return;
      offset += i32(added);
      counter += added;
      source += usize(added) << load<u32>(sequence, UNIT_SHIFT);
    } else {
      makeRoom(sequence, base, offset, count);
    }
  }
}

/**
 * Takes out up to `count` units from the one that the finger points behind on, not past the end of its block. Gives how many that were; the
 * finger then points before where they were.
 */
export function removeAtFinger(sequence: usize, count: u32): u32 {
  // A hole in a block takes one more of them.
  if (load<u32>(load<usize>(sequence, FINGER_LEAF), COUNT) === LEAF_BLOCKS) splitAtHalf(sequence);
  const leaf = load<usize>(sequence, FINGER_LEAF);
  const index = load<u32>(sequence, FINGER_BLOCK);
  const block = blockAt(leaf, index);
  const from = load<u32>(sequence, FINGER_OFFSET) - 1;
  const base = load<usize>(block, BLOCK_BASE);
  const length = load<u32>(block, BLOCK_LENGTH);
  const removed = min(count, length - from);
  const behind = length - from - removed;
  store<u32>(sequence, from, FINGER_OFFSET);
  removeText(sequence, leaf, load<u32>(sequence, FINGER_BEFORE) + from, removed);
  store<u32>(sequence, load<u32>(sequence, LENGTH) - removed, LENGTH);
  store<i32>(sequence, load<i32>(sequence, FINGER_DELTA) - i32(removed), FINGER_DELTA);
  const live = load<u32>(base, LIVE) - removed;
  store<u32>(base, live, LIVE);
  if (live === 0) store<u32>(base, load<u32>(sequence, CLOCK), EMPTIED_AT);

  if (behind !== 0) {
    const offset = load<i32>(block, BLOCK_OFFSET) + i32(from + removed);
    const counter = load<u32>(block, BLOCK_COUNTER) + from + removed;
    if (from === 0) {
      storeBlock(block, base, offset, counter, behind);
      if (index === 0) raiseSeparator(leaf, base, offset);
    } else {
      openBlocks(leaf, index + 1, 1);
      storeBlock(blockAt(leaf, index + 1), base, offset, counter, behind);
      store<u32>(block, from, BLOCK_LENGTH);
    }
  } else if (from !== 0) {
    store<u32>(block, from, BLOCK_LENGTH);
  } else {
    closeBlock(leaf, index);
    if (!afterBlockLeft(sequence, leaf, index)) return removed;
  }
  if (load<u32>(leaf, COUNT) <= SPARSE_BLOCKS) joinNextLeaf(sequence, leaf);
  return removed;
}

/** Makes the finger's place the block of `added` new units, or part of one; false when the leaf has no room for a block. */
function insertBlock(sequence: usize, leaf: usize, base: usize, offset: i32, counter: u32, added: u32): bool {
  const count = load<u32>(leaf, COUNT);
  const index = load<u32>(sequence, FINGER_BLOCK);
  const at = load<u32>(sequence, FINGER_OFFSET);
  const block = blockAt(leaf, index);
  let opened = index;
  if (index < count && at !== 0) {
    const length = load<u32>(block, BLOCK_LENGTH);
    const first = load<i32>(block, BLOCK_OFFSET);
    const firstCounter = load<u32>(block, BLOCK_COUNTER);
    const owner = load<usize>(block, BLOCK_BASE);
    if (at === length) {
      if (owner === base && first + i32(length) === offset && firstCounter + length === counter) {
        store<u32>(block, length + added, BLOCK_LENGTH);
        store<u32>(sequence, length + added, FINGER_OFFSET);
        return true;
      }
      if (count + 1 > LEAF_BLOCKS) return false;
    } else {
      if (count + 2 > LEAF_BLOCKS) return false;
      openBlocks(leaf, index + 1, 1);
      storeBlock(blockAt(leaf, index + 1), owner, first + i32(at), firstCounter + at, length - at);
      store<u32>(block, at, BLOCK_LENGTH);
    }
    store<u32>(sequence, load<u32>(sequence, FINGER_BEFORE) + at, FINGER_BEFORE);
    opened = index + 1;
  } else if (count + 1 > LEAF_BLOCKS) {
    return false;
  }
  openBlocks(leaf, opened, 1);
  storeBlock(blockAt(leaf, opened), base, offset, counter, added);
  store<u32>(sequence, opened, FINGER_BLOCK);
  store<u32>(sequence, added, FINGER_OFFSET);
  return true;
}

/** Splits the finger's leaf, or adds an empty one behind it and points there, so that something fits. */
function makeRoom(sequence: usize, base: usize, offset: i32, count: u32): void {
  settle(sequence);
  const leaf = load<usize>(sequence, FINGER_LEAF);
  const units = load<u32>(leaf, UNITS);
  const isAtEnd = load<u32>(sequence, FINGER_BEFORE) + load<u32>(sequence, FINGER_OFFSET) === units;
  const isWorthALeaf = load<usize>(leaf, NEXT_LEAF) === 0 || count >= load<u32>(sequence, LEAF_CAPACITY) >> 1;
  if (!isAtEnd || !isWorthALeaf) {
    splitAtHalf(sequence);
    return;
  }
  const added = addLeaf(sequence, leaf, base, offset);
  const start = load<i32>(sequence, FINGER_START);
  pointInLeaf(sequence, added, start < 0 ? -1 : start + i32(units), 0);
}

/** Splits the finger's leaf between two blocks, or where it has only few of them, at half its units. The finger points at the same place. */
function splitAtHalf(sequence: usize): void {
  settle(sequence);
  const leaf = load<usize>(sequence, FINGER_LEAF);
  const at = load<u32>(sequence, FINGER_BEFORE) + load<u32>(sequence, FINGER_OFFSET);
  const start = load<i32>(sequence, FINGER_START);
  const count = load<u32>(leaf, COUNT);
  let right: usize = 0;
  if (count + 2 > LEAF_BLOCKS) {
    right = splitLeaf(sequence, leaf, count >> 1, 0);
  } else {
    let index: u32 = 0;
    let left = load<u32>(leaf, UNITS) >> 1;
    while (left > load<u32>(blockAt(leaf, index), BLOCK_LENGTH)) {
      left -= load<u32>(blockAt(leaf, index), BLOCK_LENGTH);
      index++;
    }
    const isWhole = left === load<u32>(blockAt(leaf, index), BLOCK_LENGTH);
    right = isWhole ? splitLeaf(sequence, leaf, index + 1, 0) : splitLeaf(sequence, leaf, index, left);
  }
  const kept = load<u32>(leaf, UNITS);
  if (at <= kept) pointInLeaf(sequence, leaf, start, at);
  else pointInLeaf(sequence, right, start < 0 ? -1 : start + i32(kept), at - kept);
}

/** Puts things right after a whole block left at `index`. False when the leaf went with it. */
function afterBlockLeft(sequence: usize, leaf: usize, index: u32): bool {
  const count = load<u32>(leaf, COUNT);
  if (count === 0) {
    store<u32>(sequence, 0, FINGER_BLOCK);
    if (load<usize>(leaf, NODE_PARENT) === 0) return true;
    settle(sequence);
    const index = fingerIndex(sequence);
    const previous = load<usize>(leaf, PREVIOUS_LEAF);
    if (previous !== 0) pointInLeaf(sequence, previous, i32(index - load<u32>(previous, UNITS)), load<u32>(previous, UNITS));
    else pointInLeaf(sequence, load<usize>(leaf, NEXT_LEAF), i32(index), 0);
    removeLeaf(sequence, leaf);
    return false;
  }
  if (index === 0) {
    const first = blockAt(leaf, 0);
    raiseSeparator(leaf, load<usize>(first, BLOCK_BASE), load<i32>(first, BLOCK_OFFSET));
    return true;
  }
  const previous = blockAt(leaf, index - 1);
  const length = load<u32>(previous, BLOCK_LENGTH);
  store<u32>(sequence, index - 1, FINGER_BLOCK);
  store<u32>(sequence, load<u32>(sequence, FINGER_BEFORE) - length, FINGER_BEFORE);
  store<u32>(sequence, length, FINGER_OFFSET);
  if (index === count || !continues(previous, blockAt(leaf, index))) return true;
  store<u32>(previous, length + load<u32>(blockAt(leaf, index), BLOCK_LENGTH), BLOCK_LENGTH);
  closeBlock(leaf, index);
  return true;
}

/** Takes the next leaf's blocks into the finger's leaf, when that is nearly empty and both together fill half a leaf at most. */
function joinNextLeaf(sequence: usize, leaf: usize): void {
  const next = load<usize>(leaf, NEXT_LEAF);
  const units = load<u32>(leaf, UNITS);
  const capacity = load<u32>(sequence, LEAF_CAPACITY);
  if (next === 0 || units > capacity >> 3) return;
  const count = load<u32>(leaf, COUNT);
  const nextUnits = load<u32>(next, UNITS);
  const nextCount = load<u32>(next, COUNT);
  if (units + nextUnits > capacity >> 1 || count + nextCount > LEAF_BLOCKS >> 1) return;
  memory.copy(blockAt(leaf, count), next + BLOCKS, nextCount * BLOCK_SIZE);
  store<u32>(leaf, count + nextCount, COUNT);
  copyText(sequence, next, 0, nextUnits, MOVED);
  insertText(sequence, leaf, units, MOVED, nextUnits);
  store<i32>(sequence, load<i32>(sequence, FINGER_DELTA) + i32(nextUnits), FINGER_DELTA);
  settle(sequence);
  countUnits(next, -i32(nextUnits));
  removeLeaf(sequence, next);
}
