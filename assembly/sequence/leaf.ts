/**
 * Leaves: blocks of neighbouring units in document order, and the units themselves in one gap buffer, so a run of typing moves nothing.
 *
 *     leaf      0 node header (tree.ts), of it: 16 u32 blocks | 20 u32 units | 24 u32 where the gap is, in units
 *              32 blocks of 16 bytes | 672 units before the gap, gap, units behind it
 *     block     0 base | 4 i32 offset | 8 u32 counter | 12 u32 length
 *
 * A block's offsets and counters both go up by one with each unit. Two neighbouring blocks may be one in principle; encoding joins them.
 */
import { LEAF_CAPACITY, UNIT_SHIFT } from './record';

export const LEAF_SIZE: u32 = 2048;
export const LEAF_BLOCKS: u32 = 40;

/** Number of blocks; in inner nodes of entries. */
export const COUNT: usize = 16;
export const UNITS: usize = 20;
export const GAP: usize = 24;
export const BLOCKS: usize = 32;
export const BLOCK_SIZE: u32 = 16;
export const BLOCK_BASE: usize = 0;
export const BLOCK_OFFSET: usize = 4;
export const BLOCK_COUNTER: usize = 8;
export const BLOCK_LENGTH: usize = 12;
const TEXT: usize = BLOCKS + LEAF_BLOCKS * BLOCK_SIZE;

/** Units that a leaf has room for. */
export function leafCapacity(unitShift: u32): u32 {
  return (LEAF_SIZE - u32(TEXT)) >> unitShift;
}

export function blockAt(leaf: usize, index: u32): usize {
  return leaf + BLOCKS + index * BLOCK_SIZE;
}

export function storeBlock(block: usize, base: usize, offset: i32, counter: u32, length: u32): void {
  store<usize>(block, base, BLOCK_BASE);
  store<i32>(block, offset, BLOCK_OFFSET);
  store<u32>(block, counter, BLOCK_COUNTER);
  store<u32>(block, length, BLOCK_LENGTH);
}

/** Where the text area of a leaf begins. */
export function textOf(leaf: usize): usize {
  return leaf + TEXT;
}

/** Makes place for `added` blocks before the one at `index`. The leaf must have room for them. */
export function openBlocks(leaf: usize, index: u32, added: u32): void {
  const count = load<u32>(leaf, COUNT);
  const from = blockAt(leaf, index);
  if (index < count) memory.copy(from + added * BLOCK_SIZE, from, (count - index) * BLOCK_SIZE);
  store<u32>(leaf, count + added, COUNT);
}

/** Takes out the block at `index`. */
export function closeBlock(leaf: usize, index: u32): void {
  const count = load<u32>(leaf, COUNT) - 1;
  const to = blockAt(leaf, index);
  if (index < count) memory.copy(to, to + BLOCK_SIZE, (count - index) * BLOCK_SIZE);
  store<u32>(leaf, count, COUNT);
}

/** Whether a block at `next` goes on where `block` ends. */
export function continues(block: usize, next: usize): bool {
  const length = load<u32>(block, BLOCK_LENGTH);
  return (
    load<usize>(block, BLOCK_BASE) === load<usize>(next, BLOCK_BASE) &&
    load<i32>(block, BLOCK_OFFSET) + i32(length) === load<i32>(next, BLOCK_OFFSET) &&
    load<u32>(block, BLOCK_COUNTER) + length === load<u32>(next, BLOCK_COUNTER)
  );
}

/** Puts `count` units from `source` before the unit at `at` of the leaf, which must have room for them. */
export function insertText(sequence: usize, leaf: usize, at: u32, source: usize, count: u32): void {
  const shift = load<u32>(sequence, UNIT_SHIFT);
  moveGap(leaf, at, load<u32>(sequence, LEAF_CAPACITY) - load<u32>(leaf, UNITS), shift);
  const target = leaf + TEXT + (usize(at) << shift);
  if (count !== 1) memory.copy(target, source, count << shift);
  else if (shift === 1) store<u16>(target, load<u16>(source));
  else store<u32>(target, load<u32>(source));
  store<u32>(leaf, at + count, GAP);
  store<u32>(leaf, load<u32>(leaf, UNITS) + count, UNITS);
}

/** Takes out `count` units from the one at `at`. */
export function removeText(sequence: usize, leaf: usize, at: u32, count: u32): void {
  const gap = load<u32>(leaf, GAP);
  const units = load<u32>(leaf, UNITS);
  // Where the removed units touch the gap, it only has to become larger.
  if (at > gap || at + count < gap) {
    const shift = load<u32>(sequence, UNIT_SHIFT);
    moveGap(leaf, at, load<u32>(sequence, LEAF_CAPACITY) - units, shift);
  }
  store<u32>(leaf, at, GAP);
  store<u32>(leaf, units - count, UNITS);
}

/** Copies `count` units from the one at `from` to `target`. */
export function copyText(sequence: usize, leaf: usize, from: u32, count: u32, target: usize): void {
  const shift = load<u32>(sequence, UNIT_SHIFT);
  const gap = load<u32>(leaf, GAP);
  const text = leaf + TEXT;
  const before = from < gap ? min(count, gap - from) : 0;
  if (before > 0) memory.copy(target, text + (usize(from) << shift), before << shift);
  if (before === count) return;
  const gapLength = load<u32>(sequence, LEAF_CAPACITY) - load<u32>(leaf, UNITS);
  memory.copy(target + (usize(before) << shift), text + (usize(from + before + gapLength) << shift), (count - before) << shift);
}

/** Address of one unit. */
export function unitAddress(sequence: usize, leaf: usize, at: u32): usize {
  if (at >= load<u32>(leaf, GAP)) at += load<u32>(sequence, LEAF_CAPACITY) - load<u32>(leaf, UNITS);
  return leaf + TEXT + (usize(at) << load<u32>(sequence, UNIT_SHIFT));
}

function moveGap(leaf: usize, to: u32, gapLength: u32, shift: u32): void {
  const gap = load<u32>(leaf, GAP);
  if (to === gap) return;
  const text = leaf + TEXT;
  if (to < gap) memory.copy(text + (usize(to + gapLength) << shift), text + (usize(to) << shift), (gap - to) << shift);
  else memory.copy(text + (usize(gap) << shift), text + (usize(gap + gapLength) << shift), (to - gap) << shift);
  store<u32>(leaf, to, GAP);
}
