/**
 * Units that others inserted, put where their place says, and units that others deleted, taken out by their dots. Tells the changes, where they are
 * noted.
 */
import { DEPTH, LIVE, PARENT_OFFSET, RIGHT, TRAITS } from './base';
import { areChangesOn, noteInsert, noteRemoval } from './changes';
import { blockBehind, findPlace, fingerIndex } from './finger';
import { BLOCK_BASE, BLOCK_LENGTH, BLOCK_OFFSET, blockAt, COUNT } from './leaf';
import { insertAtFinger, removeAtFinger } from './live';
import { ancestorAt, comparePlaces, isWithin } from './order';
import { FINGER_BLOCK, FINGER_LEAF, FINGER_OFFSET } from './record';
import { findRunFrom, offsetInRun, RUN_BASE, RUN_COUNTER, runLength, runStep } from './replica';

/** Puts `count` units, whose places follow one another in a base and were never used, into the document. */
export function insertPlaces(sequence: usize, base: usize, offset: i32, counter: u32, source: usize, count: u32): void {
  if (!isFingerBefore(sequence, base, offset)) findPlace(sequence, base, offset);
  insertAtFinger(sequence, base, offset, counter, source, count);
  if (areChangesOn(sequence)) noteInsert(sequence, fingerIndex(sequence) - count, source, count);
}

/** As `insertPlaces`, where the finger is known to point behind the end of a block that comes before the place. */
export function insertBehindFinger(sequence: usize, base: usize, offset: i32, counter: u32, source: usize, count: u32): void {
  const leaf = load<usize>(sequence, FINGER_LEAF);
  const next = blockBehind(leaf, blockAt(leaf, load<u32>(sequence, FINGER_BLOCK)));
  if (next !== 0 && comparePlaces(load<usize>(next, BLOCK_BASE), load<i32>(next, BLOCK_OFFSET), base, offset) < 0) {
    findPlace(sequence, base, offset);
  }
  insertAtFinger(sequence, base, offset, counter, source, count);
  if (areChangesOn(sequence)) noteInsert(sequence, fingerIndex(sequence) - count, source, count);
}

/** Takes out what is live of `count` dots of a replica, from the counter `first` on. */
export function removeDots(sequence: usize, replica: usize, first: u32, count: u32): void {
  const end = first + count;
  while (true) {
    const run = findRunFrom(replica, first);
    if (run === 0) return;
    const start = max(first, load<u32>(run, RUN_COUNTER));
    if (start >= end) return;
    const runEnd = load<u32>(run, RUN_COUNTER) + runLength(run);
    const pieceEnd = min(end, runEnd);
    const base = load<usize>(run, RUN_BASE);
    if (runStep(run) > 0) {
      removePlaces(sequence, base, offsetInRun(run, start), pieceEnd - start);
    } else {
      for (let counter = start; counter < pieceEnd; counter++) removePlaces(sequence, base, offsetInRun(run, counter), 1);
    }
    first = pieceEnd;
  }
}

/** Whether units of a place may go exactly where the finger points, which is after the end of its block. */
function isFingerBefore(sequence: usize, base: usize, offset: i32): bool {
  const leaf = load<usize>(sequence, FINGER_LEAF);
  const count = load<u32>(leaf, COUNT);
  const index = load<u32>(sequence, FINGER_BLOCK);
  if (index >= count) return false;
  const block = blockAt(leaf, index);
  const length = load<u32>(block, BLOCK_LENGTH);
  if (load<usize>(block, BLOCK_BASE) !== base || load<i32>(block, BLOCK_OFFSET) + i32(length) > offset) return false;
  store<u32>(sequence, length, FINGER_OFFSET);
  const next = blockBehind(leaf, block);
  if (next === 0) return true;
  const nextBase = load<usize>(next, BLOCK_BASE);
  return !isWithin(nextBase, base) || comparePlaces(nextBase, load<i32>(next, BLOCK_OFFSET), base, offset) > 0;
}

/** Takes out what is live of the units offset .. offset + count - 1 of a base. */
function removePlaces(sequence: usize, base: usize, offset: i32, count: u32): void {
  const end = offset + i32(count);
  while (offset < end && load<u32>(base, LIVE) !== 0) {
    if (!isFingerAt(sequence, base, offset)) findPlace(sequence, base, offset);
    const leaf = load<usize>(sequence, FINGER_LEAF);
    if (load<u32>(leaf, COUNT) === 0) return;
    const block = blockAt(leaf, load<u32>(sequence, FINGER_BLOCK));
    const at = load<u32>(sequence, FINGER_OFFSET);
    if (at !== 0 && load<usize>(block, BLOCK_BASE) === base && load<i32>(block, BLOCK_OFFSET) + i32(at) - 1 === offset) {
      const removed = removeAtFinger(sequence, u32(end - offset));
      if (areChangesOn(sequence)) noteRemoval(sequence, fingerIndex(sequence), removed);
      offset += i32(removed);
      continue;
    }
    // That unit is gone. What comes next in the document tells how many more of them are.
    let next = block;
    let nextAt = at;
    if (at === load<u32>(block, BLOCK_LENGTH)) {
      next = blockBehind(leaf, block);
      nextAt = 0;
      if (next === 0) return;
    }
    const nextBase = load<usize>(next, BLOCK_BASE);
    if (nextBase === base) {
      offset = load<i32>(next, BLOCK_OFFSET) + i32(nextAt);
    } else {
      if (!isWithin(nextBase, base)) return;
      const child = ancestorAt(nextBase, load<u32>(base, DEPTH) + 1);
      offset = load<i32>(child, PARENT_OFFSET) + i32((load<u32>(child, TRAITS) & RIGHT) !== 0);
    }
  }
}

/** Points the finger behind a unit, if that lies in the finger's block. */
function isFingerAt(sequence: usize, base: usize, offset: i32): bool {
  const leaf = load<usize>(sequence, FINGER_LEAF);
  const index = load<u32>(sequence, FINGER_BLOCK);
  if (index >= load<u32>(leaf, COUNT)) return false;
  const block = blockAt(leaf, index);
  if (load<usize>(block, BLOCK_BASE) !== base) return false;
  const at = offset - load<i32>(block, BLOCK_OFFSET);
  if (at < 0 || at >= load<i32>(block, BLOCK_LENGTH)) return false;
  store<u32>(sequence, u32(at) + 1, FINGER_OFFSET);
  return true;
}
