/**
 * The B+tree above the leaves: how many units lie below each node, and the first place of each, to search by index and by place.
 *
 *     node      0 node parent, 0 for the root | 4 leaf next | 8 leaf previous | 12 u32 level, 0 for a leaf | 16 u32 count | ...
 *     entry     0 node child | 4 u32 units below it | 8 base and 12 i32 offset of its first unit's place (the separator)
 *
 * Separators are exact, except on the way from the root to the first leaf, where none is ever read. What a leaf gained since the finger came to it
 * is counted only in the leaf and in FINGER_DELTA: `settle` before anything that reads or moves the counts of other nodes.
 */
import { allocate, release } from './arena';
import {
  BLOCK_BASE,
  BLOCK_COUNTER,
  BLOCK_LENGTH,
  BLOCK_OFFSET,
  BLOCK_SIZE,
  BLOCKS,
  blockAt,
  COUNT,
  copyText,
  GAP,
  LEAF_SIZE,
  leafCapacity,
  removeText,
  storeBlock,
  textOf,
  UNITS,
} from './leaf';
import { FINGER_DELTA, FINGER_LEAF, LEAF_CAPACITY, LENGTH, ROOT_NODE, UNIT_SHIFT } from './record';

export const NODE_PARENT: usize = 0;
export const NEXT_LEAF: usize = 4;
export const PREVIOUS_LEAF: usize = 8;
export const LEVEL: usize = 12;

const INNER_SIZE: u32 = 512;
const INNER_ENTRIES: u32 = 30;
export const ENTRIES: usize = 32;
export const ENTRY_SIZE: u32 = 16;
export const CHILD: usize = 0;
export const CHILD_UNITS: usize = 4;
export const SEPARATOR_BASE: usize = 8;
export const SEPARATOR_OFFSET: usize = 12;

/** Puts an empty leaf into a new sequence of units of 2 (`unitShift` 1) or 4 bytes (2). */
export function startTree(sequence: usize, unitShift: u32): void {
  store<u32>(sequence, unitShift, UNIT_SHIFT);
  store<u32>(sequence, leafCapacity(unitShift), LEAF_CAPACITY);
  const leaf = allocateLeaf();
  store<usize>(sequence, leaf, ROOT_NODE);
  store<usize>(sequence, leaf, FINGER_LEAF);
}

export function freeTree(sequence: usize): void {
  // Inner nodes are found from the leaf that comes first below them.
  let leaf = firstLeaf(sequence);
  while (leaf !== 0) {
    const next = load<usize>(leaf, NEXT_LEAF);
    let node = leaf;
    let parent = load<usize>(node, NODE_PARENT);
    release(node, LEAF_SIZE);
    while (parent !== 0) {
      const left = load<u32>(parent, COUNT) - 1;
      store<u32>(parent, left, COUNT);
      if (left !== 0) break;
      node = parent;
      parent = load<usize>(node, NODE_PARENT);
      release(node, INNER_SIZE);
    }
    leaf = next;
  }
}

export function firstLeaf(sequence: usize): usize {
  let node = load<usize>(sequence, ROOT_NODE);
  while (load<u32>(node, LEVEL) !== 0) node = load<usize>(node, ENTRIES + CHILD);
  return node;
}

export function entryAt(node: usize, index: u32): usize {
  return node + ENTRIES + index * ENTRY_SIZE;
}

/** Counts in the nodes above the finger's leaf what it gained. */
export function settle(sequence: usize): void {
  const delta = load<i32>(sequence, FINGER_DELTA);
  if (delta === 0) return;
  store<i32>(sequence, 0, FINGER_DELTA);
  countUnits(load<usize>(sequence, FINGER_LEAF), delta);
}

/** Counts in the nodes above a leaf that it gained `delta` units. */
export function countUnits(leaf: usize, delta: i32): void {
  let child = leaf;
  let node = load<usize>(child, NODE_PARENT);
  while (node !== 0) {
    const entry = entryOf(node, child);
    store<i32>(entry, load<i32>(entry, CHILD_UNITS) + delta, CHILD_UNITS);
    child = node;
    node = load<usize>(node, NODE_PARENT);
  }
}

/** Index of a leaf's first unit. The counts of all other leaves must be settled. */
export function startOf(leaf: usize): i32 {
  let start: u32 = 0;
  let child = leaf;
  let node = load<usize>(child, NODE_PARENT);
  while (node !== 0) {
    let entry = node + ENTRIES;
    while (load<usize>(entry, CHILD) !== child) {
      start += load<u32>(entry, CHILD_UNITS);
      entry += ENTRY_SIZE;
    }
    child = node;
    node = load<usize>(node, NODE_PARENT);
  }
  return i32(start);
}

/**
 * Moves what lies behind the first `length` units of the block at `index` of a leaf to a new leaf, and gives that one. Both must be left with
 * something. Counts must be settled.
 */
export function splitLeaf(sequence: usize, leaf: usize, index: u32, length: u32): usize {
  const right = allocateLeaf();
  const count = load<u32>(leaf, COUNT);
  const block = blockAt(leaf, index);
  const moved = count - index;
  memory.copy(right + BLOCKS, block, moved * BLOCK_SIZE);
  let before: u32 = length;
  for (let other = leaf + BLOCKS; other < block; other += BLOCK_SIZE) before += load<u32>(other, BLOCK_LENGTH);
  if (length !== 0) {
    const first = right + BLOCKS;
    const base = load<usize>(first, BLOCK_BASE);
    storeBlock(
      first,
      base,
      load<i32>(first, BLOCK_OFFSET) + i32(length),
      load<u32>(first, BLOCK_COUNTER) + length,
      load<u32>(first, BLOCK_LENGTH) - length,
    );
    store<u32>(block, length, BLOCK_LENGTH);
  }
  store<u32>(leaf, length === 0 ? index : index + 1, COUNT);
  store<u32>(right, moved, COUNT);

  const units = load<u32>(leaf, UNITS) - before;
  copyText(sequence, leaf, before, units, textOf(right));
  store<u32>(right, units, UNITS);
  store<u32>(right, units, GAP);
  removeText(sequence, leaf, before, units);
  linkAfter(sequence, leaf, right, units);
  return right;
}

/** Adds an empty leaf behind one, for units from a place on that the caller puts there next. Counts must be settled. */
export function addLeaf(sequence: usize, leaf: usize, base: usize, offset: i32): usize {
  const right = allocateLeaf();
  // The separator is read from the first block.
  storeBlock(right + BLOCKS, base, offset, 0, 0);
  linkAfter(sequence, leaf, right, 0);
  return right;
}

/** Takes an empty leaf out, unless it is the only one. The finger must not be on it; counts must be settled. */
export function removeLeaf(sequence: usize, leaf: usize): void {
  const next = load<usize>(leaf, NEXT_LEAF);
  const previous = load<usize>(leaf, PREVIOUS_LEAF);
  if (next !== 0) store<usize>(next, previous, PREVIOUS_LEAF);
  if (previous !== 0) store<usize>(previous, next, NEXT_LEAF);
  let child = leaf;
  let node = load<usize>(child, NODE_PARENT);
  release(leaf, LEAF_SIZE);
  while (true) {
    const entry = entryOf(node, child);
    const count = load<u32>(node, COUNT) - 1;
    const end = entryAt(node, count);
    memory.copy(entry, entry + ENTRY_SIZE, u32(end - entry));
    store<u32>(node, count, COUNT);
    if (count !== 0) {
      if (entry === node + ENTRIES) raiseSeparator(node, load<usize>(entry, SEPARATOR_BASE), load<i32>(entry, SEPARATOR_OFFSET));
      break;
    }
    child = node;
    node = load<usize>(child, NODE_PARENT);
    release(child, INNER_SIZE);
  }
  let root = load<usize>(sequence, ROOT_NODE);
  while (load<u32>(root, LEVEL) !== 0 && load<u32>(root, COUNT) === 1) {
    const only = load<usize>(root, ENTRIES + CHILD);
    release(root, INNER_SIZE);
    store<usize>(only, 0, NODE_PARENT);
    root = only;
  }
  store<usize>(sequence, root, ROOT_NODE);
}

/** Sets the separator of a node whose first place changed, where one is kept. */
export function raiseSeparator(node: usize, base: usize, offset: i32): void {
  let parent = load<usize>(node, NODE_PARENT);
  while (parent !== 0) {
    const entry = entryOf(parent, node);
    store<usize>(entry, base, SEPARATOR_BASE);
    store<i32>(entry, offset, SEPARATOR_OFFSET);
    if (entry !== parent + ENTRIES) return;
    node = parent;
    parent = load<usize>(node, NODE_PARENT);
  }
}

function allocateLeaf(): usize {
  const leaf = allocate(LEAF_SIZE);
  memory.fill(leaf, 0, BLOCKS);
  return leaf;
}

function entryOf(node: usize, child: usize): usize {
  let entry = node + ENTRIES;
  while (load<usize>(entry, CHILD) !== child) entry += ENTRY_SIZE;
  return entry;
}

/** Links a new leaf behind another one; `units` of what that one had are now in the new one. */
function linkAfter(sequence: usize, leaf: usize, right: usize, units: u32): void {
  const next = load<usize>(leaf, NEXT_LEAF);
  store<usize>(right, next, NEXT_LEAF);
  store<usize>(right, leaf, PREVIOUS_LEAF);
  store<usize>(leaf, right, NEXT_LEAF);
  if (next !== 0) store<usize>(next, right, PREVIOUS_LEAF);
  const block = right + BLOCKS;
  addSibling(sequence, leaf, right, units, load<usize>(block, BLOCK_BASE), load<i32>(block, BLOCK_OFFSET));
}

/** Gives a new node its entry behind the one of its left neighbour, which had `units` of it until now; splits nodes that are full. */
function addSibling(sequence: usize, left: usize, right: usize, units: u32, base: usize, offset: i32): void {
  while (true) {
    let node = load<usize>(left, NODE_PARENT);
    if (node === 0) {
      const root = allocateInner(load<u32>(left, LEVEL) + 1);
      store<u32>(root, 2, COUNT);
      storeEntry(root + ENTRIES, left, load<u32>(sequence, LENGTH) - units, 0, 0);
      storeEntry(root + ENTRIES + ENTRY_SIZE, right, units, base, offset);
      store<usize>(left, root, NODE_PARENT);
      store<usize>(right, root, NODE_PARENT);
      store<usize>(sequence, root, ROOT_NODE);
      return;
    }
    let half: usize = 0;
    if (load<u32>(node, COUNT) === INNER_ENTRIES) {
      half = splitInner(node);
      node = load<usize>(left, NODE_PARENT);
    }
    const count = load<u32>(node, COUNT);
    const entry = entryOf(node, left);
    const after = entry + ENTRY_SIZE;
    memory.copy(after + ENTRY_SIZE, after, u32(entryAt(node, count) - after));
    store<u32>(entry, load<u32>(entry, CHILD_UNITS) - units, CHILD_UNITS);
    storeEntry(after, right, units, base, offset);
    store<u32>(node, count + 1, COUNT);
    store<usize>(right, node, NODE_PARENT);
    if (half === 0) return;

    left = load<usize>(half, PREVIOUS_LEAF);
    right = half;
    units = unitsBelow(half);
    base = load<usize>(half, ENTRIES + SEPARATOR_BASE);
    offset = load<i32>(half, ENTRIES + SEPARATOR_OFFSET);
  }
}

/** Moves the second half of a full node's entries to a new one, which keeps, until it is linked, its left neighbour as PREVIOUS_LEAF. */
function splitInner(node: usize): usize {
  const half = allocateInner(load<u32>(node, LEVEL));
  const kept = INNER_ENTRIES >> 1;
  const moved = INNER_ENTRIES - kept;
  memory.copy(half + ENTRIES, entryAt(node, kept), moved * ENTRY_SIZE);
  store<u32>(node, kept, COUNT);
  store<u32>(half, moved, COUNT);
  store<usize>(half, node, PREVIOUS_LEAF);
  const end = entryAt(half, moved);
  for (let entry = half + ENTRIES; entry < end; entry += ENTRY_SIZE) store<usize>(load<usize>(entry, CHILD), half, NODE_PARENT);
  return half;
}

function unitsBelow(node: usize): u32 {
  let units: u32 = 0;
  const end = entryAt(node, load<u32>(node, COUNT));
  for (let entry = node + ENTRIES; entry < end; entry += ENTRY_SIZE) units += load<u32>(entry, CHILD_UNITS);
  return units;
}

function allocateInner(level: u32): usize {
  const node = allocate(INNER_SIZE);
  memory.fill(node, 0, ENTRIES);
  store<u32>(node, level, LEVEL);
  return node;
}

function storeEntry(entry: usize, child: usize, units: u32, base: usize, offset: i32): void {
  store<usize>(entry, child, CHILD);
  store<u32>(entry, units, CHILD_UNITS);
  store<usize>(entry, base, SEPARATOR_BASE);
  store<i32>(entry, offset, SEPARATOR_OFFSET);
}
