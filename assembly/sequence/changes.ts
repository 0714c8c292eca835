/**
 * What `apply` changed in the visible list, noted when the host asked for it. A change that goes on where the last one ends is part of it, and
 * never in a way that would show how units happen to be cut into blocks.
 *
 *     range   0 u32 index | 4 u32 removed | 8 u32 inserted
 */
import { CHANGE_RANGES, CHANGE_UNITS, CHANGES_ON, UNIT_SHIFT } from './record';
import { addToVector, clearVector, freeVector, vectorAt, vectorLength } from './vector';

export const CHANGE_SIZE: u32 = 12;
const REMOVED: usize = 4;
const INSERTED: usize = 8;
const KEPT_BYTES: u32 = 256;

/** Whether changes are noted. */
export function areChangesOn(sequence: usize): bool {
  return load<u32>(sequence, CHANGES_ON) !== 0;
}

/** Notes that `count` units were inserted at an index; copies them from `source`. */
export function noteInsert(sequence: usize, index: u32, source: usize, count: u32): void {
  const bytes = count << load<u32>(sequence, UNIT_SHIFT);
  memory.copy(addToVector(sequence + CHANGE_UNITS, bytes), source, bytes);
  const last = lastRange(sequence);
  if (last !== 0) {
    const inserted = load<u32>(last, INSERTED);
    if (load<u32>(last) + inserted === index) {
      store<u32>(last, inserted + count, INSERTED);
      return;
    }
  }
  addRange(sequence, index, 0, count);
}

/** Notes that `count` units were removed from an index on. */
export function noteRemoval(sequence: usize, index: u32, count: u32): void {
  const last = lastRange(sequence);
  if (last !== 0 && load<u32>(last, INSERTED) === 0) {
    const first = load<u32>(last);
    if (first === index || first === index + 1) {
      store<u32>(last, index);
      store<u32>(last, load<u32>(last, REMOVED) + count, REMOVED);
      return;
    }
  }
  addRange(sequence, index, count, 0);
}

/** Forgets what was noted. */
export function clearChanges(sequence: usize): void {
  clearVector(sequence + CHANGE_RANGES, KEPT_BYTES);
  clearVector(sequence + CHANGE_UNITS, KEPT_BYTES);
}

export function freeChanges(sequence: usize): void {
  freeVector(sequence + CHANGE_RANGES);
  freeVector(sequence + CHANGE_UNITS);
}

function lastRange(sequence: usize): usize {
  const bytes = vectorLength(sequence + CHANGE_RANGES);
  return bytes === 0 ? 0 : vectorAt(sequence + CHANGE_RANGES) + bytes - CHANGE_SIZE;
}

function addRange(sequence: usize, index: u32, removed: u32, inserted: u32): void {
  const range = addToVector(sequence + CHANGE_RANGES, CHANGE_SIZE);
  store<u32>(range, index);
  store<u32>(range, removed, REMOVED);
  store<u32>(range, inserted, INSERTED);
}
