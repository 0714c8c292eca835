/**
 * What must hold between two calls, for tests: `checkSequence` gives 0, or the number of the first rule that is broken. Only the module
 * sequence-checked.ts has it, which no user ever loads.
 */
import { BASE_NOTE, CHILDREN, COUNTER, DEPTH, HIGHEST, JUMP, LIVE, LOWEST, NEXT_BASE, PARENT, PREVIOUS_BASE, REPLICA } from './base';
import { BLOCK_BASE, BLOCK_COUNTER, BLOCK_LENGTH, BLOCK_OFFSET, BLOCK_SIZE, BLOCKS, blockAt, COUNT, GAP, LEAF_BLOCKS, UNITS } from './leaf';
import { comparePlaces } from './order';
import {
  BASE_COUNT,
  FINGER_BEFORE,
  FINGER_BLOCK,
  FINGER_LEAF,
  FINGER_START,
  FIRST_BASE,
  LEAF_CAPACITY,
  LENGTH,
  ROOT_BASE,
  ROOT_NODE,
} from './record';
import { COVERED, findRun, offsetInRun, RUN_BASE } from './replica';
import {
  CHILD,
  CHILD_UNITS,
  ENTRIES,
  ENTRY_SIZE,
  entryAt,
  firstLeaf,
  LEVEL,
  NEXT_LEAF,
  NODE_PARENT,
  PREVIOUS_LEAF,
  SEPARATOR_BASE,
  SEPARATOR_OFFSET,
  settle,
} from './tree';

/** 0, or the number of the first rule that does not hold. */
export function checkSequence(sequence: usize): u32 {
  settle(sequence);
  return checkLeaves(sequence) || checkNodes(sequence) || checkBases(sequence) || checkFinger(sequence);
}

function checkLeaves(sequence: usize): u32 {
  let previous: usize = 0;
  let lastBase: usize = 0;
  let lastOffset: i32 = 0;
  let total: u32 = 0;
  for (let leaf = firstLeaf(sequence); leaf !== 0; leaf = load<usize>(leaf, NEXT_LEAF)) {
    const count = load<u32>(leaf, COUNT);
    // 1: leaves are linked both ways. 2: only the root is empty. 3: nothing is overfull.
    if (load<usize>(leaf, PREVIOUS_LEAF) !== previous) return 1;
    if (count === 0 && load<usize>(leaf, NODE_PARENT) !== 0) return 2;
    if (count > LEAF_BLOCKS || load<u32>(leaf, UNITS) > load<u32>(sequence, LEAF_CAPACITY) || load<u32>(leaf, GAP) > load<u32>(leaf, UNITS))
      return 3;
    let units: u32 = 0;
    const end = blockAt(leaf, count);
    for (let block = leaf + BLOCKS; block < end; block += BLOCK_SIZE) {
      const base = load<usize>(block, BLOCK_BASE);
      const offset = load<i32>(block, BLOCK_OFFSET);
      const length = load<u32>(block, BLOCK_LENGTH);
      const last = offset + i32(length) - 1;
      // 4: blocks have units. 5: places ascend. 6: they are within what their base has held. 7: dots lead to places.
      if (length === 0) return 4;
      if (lastBase !== 0 && comparePlaces(lastBase, lastOffset, base, offset) >= 0) return 5;
      if (offset < load<i32>(base, LOWEST) || last > load<i32>(base, HIGHEST)) return 6;
      if (!leadsTo(block, 0) || !leadsTo(block, length - 1)) return 7;
      store<u32>(base, load<u32>(base, BASE_NOTE) + length, BASE_NOTE);
      lastBase = base;
      lastOffset = last;
      units += length;
    }
    // 8: a leaf's units are those of its blocks.
    if (units !== load<u32>(leaf, UNITS)) return 8;
    total += units;
    previous = leaf;
  }
  // 9: so are the sequence's.
  return total === load<u32>(sequence, LENGTH) ? 0 : 9;
}

function leadsTo(block: usize, at: u32): bool {
  const base = load<usize>(block, BLOCK_BASE);
  const replica = load<usize>(base, REPLICA);
  const counter = load<u32>(block, BLOCK_COUNTER) + at;
  if (counter > load<u32>(replica, COVERED)) return false;
  const run = findRun(replica, counter);
  return run !== 0 && load<usize>(run, RUN_BASE) === base && offsetInRun(run, counter) === load<i32>(block, BLOCK_OFFSET) + i32(at);
}

/** Climbs from each leaf as long as it is the first below a node. */
function checkNodes(sequence: usize): u32 {
  for (let leaf = firstLeaf(sequence); leaf !== 0; leaf = load<usize>(leaf, NEXT_LEAF)) {
    let node = load<usize>(leaf, NODE_PARENT);
    let child = leaf;
    let level: u32 = 0;
    while (node !== 0) {
      level++;
      if (load<u32>(node, LEVEL) !== level || load<u32>(node, COUNT) === 0) return 10;
      if (load<usize>(node, ENTRIES + CHILD) !== child) {
        const fault = checkEntry(node, child, leaf);
        if (fault !== 0) return fault;
        break;
      }
      if (checkUnits(node) !== 0) return 11;
      child = node;
      node = load<usize>(node, NODE_PARENT);
    }
    if (node === 0 && child !== load<usize>(sequence, ROOT_NODE)) return 12;
  }
  return 0;
}

/** The separator of a child that is not the first is the first place below it. */
function checkEntry(node: usize, child: usize, leaf: usize): u32 {
  const end = entryAt(node, load<u32>(node, COUNT));
  for (let entry = node + ENTRIES; entry < end; entry += ENTRY_SIZE) {
    if (load<usize>(entry, CHILD) !== child) continue;
    const first = leaf + BLOCKS;
    const isExact =
      load<usize>(entry, SEPARATOR_BASE) === load<usize>(first, BLOCK_BASE) &&
      load<i32>(entry, SEPARATOR_OFFSET) === load<i32>(first, BLOCK_OFFSET);
    return isExact ? 0 : 13;
  }
  return 14;
}

function checkUnits(node: usize): u32 {
  const end = entryAt(node, load<u32>(node, COUNT));
  for (let entry = node + ENTRIES; entry < end; entry += ENTRY_SIZE) {
    const child = load<usize>(entry, CHILD);
    if (load<usize>(child, NODE_PARENT) !== node) return 1;
    let units: u32 = 0;
    if (load<u32>(child, LEVEL) === 0) {
      units = load<u32>(child, UNITS);
    } else {
      const childEnd = entryAt(child, load<u32>(child, COUNT));
      for (let below = child + ENTRIES; below < childEnd; below += ENTRY_SIZE) units += load<u32>(below, CHILD_UNITS);
    }
    if (units !== load<u32>(entry, CHILD_UNITS)) return 1;
  }
  return 0;
}

function checkBases(sequence: usize): u32 {
  let fault: u32 = 0;
  let count: u32 = 0;
  let previous: usize = 0;
  for (let base = load<usize>(sequence, FIRST_BASE); base !== 0; base = load<usize>(base, NEXT_BASE)) {
    const parent = load<usize>(base, PARENT);
    const replica = load<usize>(base, REPLICA);
    const run = findRun(replica, load<u32>(base, COUNTER));
    const jump = load<usize>(base, JUMP);
    // 15: live units are counted. 16: linked both ways. 17: depth. 18: the id leads to it. 19: the jump pointer goes up.
    if (load<u32>(base, BASE_NOTE) !== load<u32>(base, LIVE)) fault = 15;
    if (load<usize>(base, PREVIOUS_BASE) !== previous) fault = 16;
    if (load<u32>(base, DEPTH) !== load<u32>(parent, DEPTH) + 1) fault = 17;
    if (run === 0 || load<usize>(run, RUN_BASE) !== base || offsetInRun(run, load<u32>(base, COUNTER)) !== 0) fault = 18;
    if (load<u32>(jump, DEPTH) >= load<u32>(base, DEPTH)) fault = 19;
    store<u32>(base, 0, BASE_NOTE);
    previous = base;
    count++;
  }
  if (fault !== 0) return fault;
  if (count !== load<u32>(sequence, BASE_COUNT)) return 20;
  // 21: children are counted.
  for (let base = load<usize>(sequence, FIRST_BASE); base !== 0; base = load<usize>(base, NEXT_BASE)) {
    const parent = load<usize>(base, PARENT);
    store<u32>(parent, load<u32>(parent, BASE_NOTE) + 1, BASE_NOTE);
  }
  const root = load<usize>(sequence, ROOT_BASE);
  if (load<u32>(root, BASE_NOTE) !== load<u32>(root, CHILDREN)) fault = 21;
  store<u32>(root, 0, BASE_NOTE);
  for (let base = load<usize>(sequence, FIRST_BASE); base !== 0; base = load<usize>(base, NEXT_BASE)) {
    if (load<u32>(base, BASE_NOTE) !== load<u32>(base, CHILDREN)) fault = 21;
    store<u32>(base, 0, BASE_NOTE);
  }
  return fault;
}

/** 22: the finger's leaf is there. 23: what it says of its block and, where it says it, of the leaf's index is true. */
function checkFinger(sequence: usize): u32 {
  const finger = load<usize>(sequence, FINGER_LEAF);
  let start: i32 = 0;
  let leaf = firstLeaf(sequence);
  while (leaf !== 0 && leaf !== finger) {
    start += load<i32>(leaf, UNITS);
    leaf = load<usize>(leaf, NEXT_LEAF);
  }
  if (leaf === 0) return 22;
  const said = load<i32>(sequence, FINGER_START);
  const index = load<u32>(sequence, FINGER_BLOCK);
  if ((said !== -1 && said !== start) || index > load<u32>(leaf, COUNT)) return 23;
  let before: u32 = 0;
  for (let block: u32 = 0; block < index; block++) before += load<u32>(blockAt(leaf, block), BLOCK_LENGTH);
  return before === load<u32>(sequence, FINGER_BEFORE) ? 0 : 23;
}
