/**
 * Replicated sequences in linear memory: many documents in one arena, each a handle (the address of its record). This file is the border: what
 * the host may call, checked here; ts/kernel/compiled/sequence.ts calls it. The rules and bytes are in ts/merge/sequence-layout.md; the portable
 * twin, written to be read, is ts/kernel/portable/sequence.ts. Numbers only: a fault is a code, and its place is kept for `faultOffset()`.
 */
import { allocate, release } from './sequence/arena';
import { COUNTER_LIMIT, freeBases, OFFSET_LIMIT, startBases } from './sequence/base';
import { clearChanges, freeChanges } from './sequence/changes';
import { freeMarks } from './sequence/collect';
import { applyEarly, freeEarly, keepEarly } from './sequence/early';
import { deleteUnits, insertUnits, startEditing } from './sequence/edit';
import { EARLY_UPDATE, faultAt, LIMIT, MALFORMED, OK, RANGE } from './sequence/fault';
import { joinState } from './sequence/join';
import { freeLog } from './sequence/log';
import { copyDot, copyUnits } from './sequence/read';
import { isBroken, readOffset, startReading } from './sequence/reader';
import {
  BASE_COUNT,
  CHANGE_RANGES,
  CHANGE_UNITS,
  CHANGES_ON,
  EARLY_COUNT,
  LENGTH,
  OWN_REPLICA,
  RECORD_SIZE,
  TYPING_AT,
  UNIT_SHIFT,
} from './sequence/record';
import { COVERED, freeReplicas, startReplicas } from './sequence/replica';
import { forgetDots, sortDots } from './sequence/state-dots';
import { checkState, forgetState, stateUnits } from './sequence/state-form';
import { freeTree, startTree } from './sequence/tree';
import { applyUpdate, hasApplied } from './sequence/update-apply';
import { checkUpdate, heldUnits } from './sequence/update-form';
import { vectorAt, vectorLength } from './sequence/vector';

export { ensure, heapBase, simd } from './memory';
export { allocate, isRefused, release, usedBytes } from './sequence/arena';
export { clearChanges } from './sequence/changes';
export { collectBases, considerVersion, giveVersion, startCollecting } from './sequence/collect';
export { faultOffset } from './sequence/fault';
export { writeState } from './sequence/state-write';
export { takeUpdate } from './sequence/update-write';
export { handleCount, handlesAt, outputAt, outputLength } from './sequence/writer';

/** Bytes from here on are no update. */
const NO_UPDATE: u32 = 0x80;

let held: u32 = 0;

/** A new sequence of units of 2 (`unitShift` 1) or 4 bytes (2). */
export function createSequence(high: u32, low: u32, unitShift: u32): usize {
  const sequence = allocate(RECORD_SIZE);
  memory.fill(sequence, 0, RECORD_SIZE);
  startBases(sequence);
  startReplicas(sequence, high, low);
  startEditing(sequence, high, low);
  startTree(sequence, unitShift);
  return sequence;
}

/** Gives all memory of a sequence back. Its handle must not be used again. */
export function freeSequence(sequence: usize): void {
  freeTree(sequence);
  freeBases(sequence);
  freeReplicas(sequence);
  freeLog(sequence);
  freeChanges(sequence);
  freeEarly(sequence);
  freeMarks(sequence);
  release(sequence, RECORD_SIZE);
}

/** Number of live units. */
export function lengthOf(sequence: usize): u32 {
  return load<u32>(sequence, LENGTH);
}

/**
 * Applies `count` edits of 3 x i32 each: index, removed, inserted. The inserted units, `unitCount` of them, lie at `units`. 0, or RANGE or LIMIT: then
 * nothing changed.
 */
export function edit(sequence: usize, edits: usize, count: u32, units: usize, unitCount: u32): u32 {
  const fault = checkEdits(sequence, edits, count, unitCount);
  if (fault !== OK) return fault;
  const shift = load<u32>(sequence, UNIT_SHIFT);
  const end = edits + count * 12;
  for (let at = edits; at < end; at += 12) {
    const index = load<u32>(at);
    const removed = load<u32>(at, 4);
    const inserted = load<u32>(at, 8);
    if (removed !== 0) deleteUnits(sequence, index, removed);
    if (inserted === 0) continue;
    insertUnits(sequence, index, units, inserted);
    units += usize(inserted) << shift;
  }
  return OK;
}

function checkEdits(sequence: usize, edits: usize, count: u32, unitCount: u32): u32 {
  let length = load<u32>(sequence, LENGTH);
  let counter = load<u32>(load<usize>(sequence, OWN_REPLICA), COVERED);
  const end = edits + count * 12;
  for (let at = edits; at < end; at += 12) {
    const index = load<u32>(at);
    const removed = load<u32>(at, 4);
    const inserted = load<u32>(at, 8);
    if (index > length || removed > length - index || inserted > unitCount) return RANGE;
    unitCount -= inserted;
    length += inserted - removed;
    counter += inserted + u32(removed !== 0);
    if (inserted >= u32(OFFSET_LIMIT) || length >= COUNTER_LIMIT || counter >= COUNTER_LIMIT) return LIMIT;
  }
  return OK;
}

/**
 * Applies an update or joins a state. 0, or MALFORMED (nothing changed), FORK, NEED_STATE or LIMIT; how many units the bytes hold is in `unitsHeld()`. Of
 * elements they are numbered from `firstHandle` on, and must be `handles`.
 */
export function apply(sequence: usize, bytes: usize, length: u32, firstHandle: u32, handles: u32): u32 {
  if (length === 0) return faultAt(MALFORMED, 0);
  startReading(bytes, length);
  store<i32>(sequence, -1, TYPING_AT);
  if (load<u8>(bytes) >= NO_UPDATE) return join(sequence, firstHandle, handles);
  const isText = load<u32>(sequence, UNIT_SHIFT) === 1;
  checkUpdate(isText);
  held = heldUnits();
  if (isBroken() || (!isText && held !== handles)) return faultAt(MALFORMED, readOffset());
  const result = applyUpdate(sequence, firstHandle);
  const isMoving = hasApplied();
  if (result === EARLY_UPDATE) {
    const fault = keepEarly(sequence, bytes, length, firstHandle);
    if (fault !== OK) return fault;
  } else if (result !== OK) {
    return result;
  }
  return isMoving ? applyEarly(sequence) : OK;
}

/** How many units the bytes held that were applied last. */
export function unitsHeld(): u32 {
  return held;
}

/** Turns noting changes on (1) or off (0); what was noted is dropped when it is off. */
export function recordChanges(sequence: usize, on: u32): void {
  store<u32>(sequence, on, CHANGES_ON);
  if (on === 0) clearChanges(sequence);
}

/** Address of the changes, 3 x u32 each. */
export function changesAt(sequence: usize): usize {
  return vectorAt(sequence + CHANGE_RANGES);
}

/** Bytes of the changes. */
export function changesLength(sequence: usize): u32 {
  return vectorLength(sequence + CHANGE_RANGES);
}

/** Address of the units that they insert. */
export function changedUnitsAt(sequence: usize): usize {
  return vectorAt(sequence + CHANGE_UNITS);
}

/** Bytes of those units. */
export function changedUnitsLength(sequence: usize): u32 {
  return vectorLength(sequence + CHANGE_UNITS);
}

/** Updates that wait for others. */
export function waitingOf(sequence: usize): u32 {
  return load<u32>(sequence, EARLY_COUNT);
}

/** Bases, without the root. */
export function basesOf(sequence: usize): u32 {
  return load<u32>(sequence, BASE_COUNT);
}

/** Copies units `from` to `to` (not included) to `target`. 0 or RANGE. */
export function readUnits(sequence: usize, from: u32, to: u32, target: usize): u32 {
  if (from > to || to > load<u32>(sequence, LENGTH)) return RANGE;
  copyUnits(sequence, from, to - from, target);
  return OK;
}

/** Writes the dot of the unit at `index` to `target`: 3 x u32, high, low, counter. 0 or RANGE. */
export function dotAt(sequence: usize, index: u32, target: usize): u32 {
  if (index >= load<u32>(sequence, LENGTH)) return RANGE;
  copyDot(sequence, index, target);
  return OK;
}

function join(sequence: usize, firstHandle: u32, handles: u32): u32 {
  checkState(load<u32>(sequence, UNIT_SHIFT) === 1, handles);
  if (!isBroken()) sortDots();
  held = stateUnits();
  if (isBroken()) {
    forgetState();
    forgetDots();
    return faultAt(MALFORMED, readOffset());
  }
  const fault = joinState(sequence, firstHandle);
  return fault === OK ? applyEarly(sequence) : fault;
}
