/**
 * Edits made here: where new units go, as the sequence's rules say (extend a base made here if nothing can come between, else a new base
 * beside the neighbour that keeps runs whole: M. Weidner and M. Kleppmann, The Art of the Fugue, arXiv 2305.00583), and what is deleted.
 */
import { addBase, DEPTH, digitAt, HIGHEST, LIVE, LOWEST, MADE_HERE, OFFSET_LIMIT, REPLICA, RIGHT, TRAITS, widenBase } from './base';
import { blockBehind, findIndex } from './finger';
import { BLOCK_BASE, BLOCK_COUNTER, BLOCK_LENGTH, BLOCK_OFFSET, blockAt, COUNT, insertText, UNITS } from './leaf';
import { insertAtFinger, removeAtFinger } from './live';
import { isLogEmpty, logDelete, logExtension, logNew, logRange, logTyping } from './log';
import { isRightOf, isWithin } from './order';
import {
  FINGER_BEFORE,
  FINGER_BLOCK,
  FINGER_DELTA,
  FINGER_LEAF,
  FINGER_OFFSET,
  HAS_NEWS,
  LEAF_CAPACITY,
  LENGTH,
  OWN_REPLICA,
  RANDOM,
  ROOT_BASE,
  TYPING_AT,
} from './record';
import { COVERED, noteRun, TAIL_BASE, TAIL_COUNTER, TAIL_OFFSET } from './replica';
import { hasManyRuns, rebuildRuns } from './runs';

/** Seeds the digits of a new sequence, in which nothing was inserted. */
export function startEditing(sequence: usize, high: u32, low: u32): void {
  store<i32>(sequence, -1, TYPING_AT);
  store<u32>(sequence, (low ^ (high * 0x9e37_79b1)) | 1, RANDOM);
}

// The live neighbours of the place that is edited; base 0 where there is none.
let left: usize = 0;
let leftOffset: i32 = 0;
let leftCounter: u32 = 0;
let right: usize = 0;
let rightOffset: i32 = 0;
let rightCounter: u32 = 0;

/** Inserts `count` units from `source` before the one at `index`. The index and all limits are checked. */
export function insertUnits(sequence: usize, index: u32, source: usize, count: u32): void {
  if (load<i32>(sequence, TYPING_AT) === i32(index) && typeOn(sequence, source, count)) {
    store<i32>(sequence, i32(index + count), TYPING_AT);
    return;
  }
  findIndex(sequence, index);
  findNeighbours(sequence);
  const own = load<usize>(sequence, OWN_REPLICA);
  const counter = load<u32>(own, COVERED) + 1;
  let base: usize = 0;
  let offset: i32 = 0;
  let isBackward = false;
  if (canExtend(left, right) && load<i32>(left, HIGHEST) < OFFSET_LIMIT - i32(count)) {
    base = left;
    offset = load<i32>(left, HIGHEST) + 1;
  } else if (canExtend(right, left) && load<i32>(right, LOWEST) > i32(count) - OFFSET_LIMIT) {
    base = right;
    offset = load<i32>(right, LOWEST) - i32(count);
    isBackward = true;
  }
  if (base !== 0) {
    logExtension(sequence, base, counter, offset, source, count);
  } else {
    const hangsLeft = left === 0 || (right !== 0 && isRightOf(right, left, leftOffset));
    base = makeBase(sequence, hangsLeft, own, counter);
    logNew(sequence, base, hangsLeft ? rightCounter : leftCounter, counter, source, count);
  }
  widenBase(base, offset, count);
  const last = counter + count - 1;
  store<u32>(own, last, COVERED);
  store<u32>(own, last, TAIL_COUNTER);
  store<usize>(own, base, TAIL_BASE);
  store<i32>(own, offset + i32(count) - 1, TAIL_OFFSET);
  store<u32>(sequence, 1, HAS_NEWS);
  insertAtFinger(sequence, base, offset, counter, source, count);
  noteRun(own, counter, base, offset, count);
  if (hasManyRuns(own)) rebuildRuns(sequence);
  if (!isBackward) store<i32>(sequence, i32(index + count), TYPING_AT);
}

/**
 * Inserts behind the unit that was inserted last, to which the finger points. Whatever is on the right was there before, and not in its base; so that is
 * extended forward. False where there is no room, or the last update has that unit: nothing was done then.
 */
function typeOn(sequence: usize, source: usize, count: u32): bool {
  const own = load<usize>(sequence, OWN_REPLICA);
  const base = load<usize>(own, TAIL_BASE);
  const leaf = load<usize>(sequence, FINGER_LEAF);
  const highest = load<i32>(base, HIGHEST);
  const isFull = load<u32>(sequence, LEAF_CAPACITY) - load<u32>(leaf, UNITS) < count || highest >= OFFSET_LIMIT - i32(count);
  if (isFull || isLogEmpty(sequence)) return false;
  const covered = load<u32>(own, COVERED);
  logTyping(sequence, covered + 1, source, count);
  noteRun(own, covered + 1, base, highest + 1, count);
  const at = load<u32>(sequence, FINGER_OFFSET);
  const block = blockAt(leaf, load<u32>(sequence, FINGER_BLOCK));
  store<u32>(block, at + count, BLOCK_LENGTH);
  insertText(sequence, leaf, load<u32>(sequence, FINGER_BEFORE) + at, source, count);
  store<u32>(sequence, at + count, FINGER_OFFSET);
  store<u32>(sequence, load<u32>(sequence, FINGER_DELTA) + count, FINGER_DELTA);
  store<u32>(sequence, load<u32>(sequence, LENGTH) + count, LENGTH);
  store<u32>(base, load<u32>(base, LIVE) + count, LIVE);
  store<i32>(base, highest + i32(count), HIGHEST);
  store<u32>(own, covered + count, COVERED);
  store<u32>(own, covered + count, TAIL_COUNTER);
  store<i32>(own, highest + i32(count), TAIL_OFFSET);
  store<u32>(sequence, 1, HAS_NEWS);
  return true;
}

/** Deletes `count` units, at least one, from the one at `index` on. The range and all limits are checked. */
export function deleteUnits(sequence: usize, index: u32, count: u32): void {
  const own = load<usize>(sequence, OWN_REPLICA);
  const counter = load<u32>(own, COVERED) + 1;
  logDelete(sequence, counter);
  store<u32>(own, counter, COVERED);
  store<u32>(sequence, 1, HAS_NEWS);
  while (count !== 0) {
    findIndex(sequence, index + 1);
    const block = blockAt(load<usize>(sequence, FINGER_LEAF), load<u32>(sequence, FINGER_BLOCK));
    const first = load<u32>(block, BLOCK_COUNTER) + load<u32>(sequence, FINGER_OFFSET) - 1;
    const replica = load<usize>(load<usize>(block, BLOCK_BASE), REPLICA);
    const removed = removeAtFinger(sequence, count);
    logRange(sequence, replica, first, removed);
    count -= removed;
  }
}

/** Whether a neighbour's base was made here, and the other neighbour is no part of what lies below it. */
function canExtend(base: usize, other: usize): bool {
  return base !== 0 && (load<u32>(base, TRAITS) & MADE_HERE) !== 0 && (other === 0 || !isWithin(other, base));
}

/** A new base that hangs on the left side of the right neighbour, or on the right side of the left one; in an empty document on the root. */
function makeBase(sequence: usize, hangsLeft: bool, own: usize, counter: u32): usize {
  const isAlone = left === 0 && right === 0;
  const parent = isAlone ? load<usize>(sequence, ROOT_BASE) : hangsLeft ? right : left;
  const offset = isAlone ? 0 : hangsLeft ? rightOffset : leftOffset;
  const side: u32 = hangsLeft && !isAlone ? 0 : RIGHT;
  const digit = digitAt(load<u32>(parent, DEPTH) + 1, nextRandom(sequence) % 10);
  return addBase(sequence, parent, offset, digit | side | MADE_HERE, own, counter);
}

/** Looks at what is on both sides of the finger. */
function findNeighbours(sequence: usize): void {
  left = 0;
  right = 0;
  const leaf = load<usize>(sequence, FINGER_LEAF);
  if (load<u32>(leaf, COUNT) === 0) return;
  const at = load<u32>(sequence, FINGER_OFFSET);
  let block = blockAt(leaf, load<u32>(sequence, FINGER_BLOCK));
  if (at !== 0) {
    left = load<usize>(block, BLOCK_BASE);
    leftOffset = load<i32>(block, BLOCK_OFFSET) + i32(at) - 1;
    leftCounter = load<u32>(block, BLOCK_COUNTER) + at - 1;
  }
  let behind = at;
  if (at === load<u32>(block, BLOCK_LENGTH)) {
    block = blockBehind(leaf, block);
    if (block === 0) return;
    behind = 0;
  }
  right = load<usize>(block, BLOCK_BASE);
  rightOffset = load<i32>(block, BLOCK_OFFSET) + i32(behind);
  rightCounter = load<u32>(block, BLOCK_COUNTER) + behind;
}

function nextRandom(sequence: usize): u32 {
  let state = load<u32>(sequence, RANDOM);
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  store<u32>(sequence, state, RANDOM);
  return state;
}
