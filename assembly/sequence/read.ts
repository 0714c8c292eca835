/** Reading the document: its units, and the dot of one. */

import { REPLICA } from './base';
import { findIndex } from './finger';
import { BLOCK_BASE, BLOCK_COUNTER, blockAt, copyText, UNITS } from './leaf';
import { FINGER_BEFORE, FINGER_BLOCK, FINGER_LEAF, FINGER_OFFSET, UNIT_SHIFT } from './record';
import { HIGH, LOW } from './replica';
import { NEXT_LEAF } from './tree';

/** Copies `count` units, from the one at `from` on, to `target`. */
export function copyUnits(sequence: usize, from: u32, count: u32, target: usize): void {
  if (count === 0) return;
  const shift = load<u32>(sequence, UNIT_SHIFT);
  findIndex(sequence, from);
  let leaf = load<usize>(sequence, FINGER_LEAF);
  let at = load<u32>(sequence, FINGER_BEFORE) + load<u32>(sequence, FINGER_OFFSET);
  while (true) {
    const copied = min(count, load<u32>(leaf, UNITS) - at);
    copyText(sequence, leaf, at, copied, target);
    count -= copied;
    if (count === 0) return;
    target += usize(copied) << shift;
    leaf = load<usize>(leaf, NEXT_LEAF);
    at = 0;
  }
}

/** Writes the dot of the unit at `index` to `target`: 3 x u32, high, low, counter. */
export function copyDot(sequence: usize, index: u32, target: usize): void {
  findIndex(sequence, index + 1);
  const block = blockAt(load<usize>(sequence, FINGER_LEAF), load<u32>(sequence, FINGER_BLOCK));
  const replica = load<usize>(load<usize>(block, BLOCK_BASE), REPLICA);
  store<u32>(target, load<u32>(replica, HIGH));
  store<u32>(target, load<u32>(replica, LOW), 4);
  store<u32>(target, load<u32>(block, BLOCK_COUNTER) + load<u32>(sequence, FINGER_OFFSET) - 1, 8);
}
