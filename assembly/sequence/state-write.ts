/**
 * Writes the state of a sequence (ts/merge/sequence-layout.md, "State"), from what lives alone. Document order first needs bases in the order of the
 * layout: each before its children, the children in order.
 *
 *     base   0 base | 4 u32 first run, 8 u32 last run, as places in the list, from 1 | 12 i32 offset of its last child so far | 16 u32 1 when it has one
 *     run    0 i32 offset | 4 u32 counter | 8 u32 length | 12 u32 next run of the base
 */
import { BASE_NOTE, COUNTER, DEPTH, digitNumber, PARENT, PARENT_OFFSET, REPLICA, RIGHT, TRAITS } from './base';
import { ELEMENTS_STATE, TEXT_STATE } from './heads';
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
  LEAF_SIZE,
  UNITS,
} from './leaf';
import { ROOT_BASE, UNIT_SHIFT } from './record';
import { COVERED, NOTE, replicaAt, replicaCount, SECOND_NOTE } from './replica';
import { UP_STEP, UPS_IN_HEAD } from './state-form';
import { firstLeaf, NEXT_LEAF } from './tree';
import { addToVector, clearVector, setVectorLength, vectorAt, vectorLength } from './vector';
import { writeVector } from './version';
import { startWriting, writeByte, writeHandles, writeSigned, writeUnits, writeVarint } from './writer';

const ORDER: usize = memory.data(12, 4);
const RUNS: usize = memory.data(12, 4);
const PATH: usize = memory.data(12, 4);
const KEPT_BYTES: u32 = 1 << 16;

const ENTRY_SIZE: u32 = 20;
const FIRST_RUN: usize = 4;
const LAST_RUN: usize = 8;
const LAST_CHILD: usize = 12;
const HAS_CHILD: usize = 16;

const RUN_SIZE: u32 = 16;
const RUN_COUNTER: usize = 4;
const RUN_LENGTH: usize = 8;
const NEXT_RUN: usize = 12;

/** One leaf's units. */
const TEXT: usize = memory.data(LEAF_SIZE, 4);

/** Writes the state, and of elements the handles that go with it. */
export function writeState(sequence: usize): void {
  startWriting();
  collectRuns(sequence);
  const bases = vectorLength(ORDER) / ENTRY_SIZE;
  writeByte(load<u32>(sequence, UNIT_SHIFT) === 1 ? TEXT_STATE : ELEMENTS_STATE);
  writeVector(sequence);
  writeVarint(bases);
  writeHeads(sequence);
  const replicas = numberReplicas(sequence);
  const end = vectorAt(ORDER) + vectorLength(ORDER);
  if (replicas > 1) {
    for (let entry = vectorAt(ORDER); entry < end; entry += ENTRY_SIZE) {
      writeVarint(load<u32>(load<usize>(load<usize>(entry), REPLICA), NOTE) - 1);
    }
  }
  writeOffsets(sequence);
  for (let entry = vectorAt(ORDER); entry < end; entry += ENTRY_SIZE) {
    const base = load<usize>(entry);
    const replica = load<usize>(base, REPLICA);
    const counter = load<i32>(base, COUNTER);
    writeSigned(counter - load<i32>(replica, SECOND_NOTE));
    store<i32>(replica, counter, SECOND_NOTE);
  }
  for (let entry = vectorAt(ORDER); entry < end; entry += ENTRY_SIZE) writeRuns(entry);
  writeLive(sequence);
  forget(sequence);
}

/** Lists bases and, of each, its runs. BASE_NOTE of a listed base is its place, from 1. */
function collectRuns(sequence: usize): void {
  setVectorLength(ORDER, 0);
  setVectorLength(RUNS, 0);
  setVectorLength(PATH, 0);
  const root = load<usize>(sequence, ROOT_BASE);
  for (let leaf = firstLeaf(sequence); leaf !== 0; leaf = load<usize>(leaf, NEXT_LEAF)) {
    const end = blockAt(leaf, load<u32>(leaf, COUNT));
    for (let block = leaf + BLOCKS; block < end; block += BLOCK_SIZE) {
      const base = load<usize>(block, BLOCK_BASE);
      for (let above = base; above !== root && load<u32>(above, BASE_NOTE) === 0; above = load<usize>(above, PARENT)) {
        store<usize>(addToVector(PATH, 4), above);
      }
      while (vectorLength(PATH) !== 0) {
        const left = vectorLength(PATH) - 4;
        addEntry(load<usize>(vectorAt(PATH) + left));
        setVectorLength(PATH, left);
      }
      addRun(base, load<i32>(block, BLOCK_OFFSET), load<u32>(block, BLOCK_COUNTER), load<u32>(block, BLOCK_LENGTH));
    }
  }
}

function addEntry(base: usize): void {
  const entry = addToVector(ORDER, ENTRY_SIZE);
  memory.fill(entry, 0, ENTRY_SIZE);
  store<usize>(entry, base);
  store<u32>(base, vectorLength(ORDER) / ENTRY_SIZE, BASE_NOTE);
}

function entryOf(base: usize): usize {
  return vectorAt(ORDER) + (load<u32>(base, BASE_NOTE) - 1) * ENTRY_SIZE;
}

function runAt(place: u32): usize {
  return vectorAt(RUNS) + (place - 1) * RUN_SIZE;
}

function addRun(base: usize, offset: i32, counter: u32, length: u32): void {
  const entry = entryOf(base);
  const lastPlace = load<u32>(entry, LAST_RUN);
  if (lastPlace !== 0) {
    const last = runAt(lastPlace);
    const lastLength = load<u32>(last, RUN_LENGTH);
    if (load<i32>(last) + i32(lastLength) === offset && load<u32>(last, RUN_COUNTER) + lastLength === counter) {
      store<u32>(last, lastLength + length, RUN_LENGTH);
      return;
    }
  }
  const run = addToVector(RUNS, RUN_SIZE);
  const place = vectorLength(RUNS) / RUN_SIZE;
  store<i32>(run, offset);
  store<u32>(run, counter, RUN_COUNTER);
  store<u32>(run, length, RUN_LENGTH);
  store<u32>(run, 0, NEXT_RUN);
  if (lastPlace === 0) store<u32>(entry, place, FIRST_RUN);
  else store<u32>(runAt(lastPlace), place, NEXT_RUN);
  store<u32>(entry, place, LAST_RUN);
}

function writeHeads(sequence: usize): void {
  const end = vectorAt(ORDER) + vectorLength(ORDER);
  let before = load<usize>(sequence, ROOT_BASE);
  for (let entry = vectorAt(ORDER); entry < end; entry += ENTRY_SIZE) {
    const base = load<usize>(entry);
    const side = u32((load<u32>(base, TRAITS) & RIGHT) !== 0);
    writeByte(min(stepsUp(before, base), UPS_IN_HEAD) * UP_STEP + (digitNumber(base) << 1) + side);
    before = base;
  }
  before = load<usize>(sequence, ROOT_BASE);
  for (let entry = vectorAt(ORDER); entry < end; entry += ENTRY_SIZE) {
    const up = stepsUp(before, load<usize>(entry));
    if (up >= UPS_IN_HEAD) writeVarint(up - UPS_IN_HEAD);
    before = load<usize>(entry);
  }
}

/** How far above a base the parent of the next one is. */
function stepsUp(before: usize, base: usize): u32 {
  return load<u32>(before, DEPTH) + 1 - load<u32>(base, DEPTH);
}

/** Gives every replica with a counter its place in the table, from 1, as NOTE, and says how many there are. */
function numberReplicas(sequence: usize): u32 {
  const count = replicaCount(sequence);
  let named: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    const replica = replicaAt(sequence, index);
    if (load<u32>(replica, COVERED) === 0) continue;
    named++;
    store<u32>(replica, named, NOTE);
  }
  return named;
}

function writeOffsets(sequence: usize): void {
  const root = load<usize>(sequence, ROOT_BASE);
  const end = vectorAt(ORDER) + vectorLength(ORDER);
  for (let entry = vectorAt(ORDER); entry < end; entry += ENTRY_SIZE) {
    const base = load<usize>(entry);
    const parent = load<usize>(base, PARENT);
    if (parent === root) continue;
    const offset = load<i32>(base, PARENT_OFFSET);
    const parentEntry = entryOf(parent);
    if (load<u32>(parentEntry, HAS_CHILD) === 0) writeSigned(offset);
    else writeVarint(offset - load<i32>(parentEntry, LAST_CHILD));
    store<i32>(parentEntry, offset, LAST_CHILD);
    store<u32>(parentEntry, 1, HAS_CHILD);
  }
}

function writeRuns(entry: usize): void {
  let place = load<u32>(entry, FIRST_RUN);
  if (place === 0) {
    writeVarint(0);
    return;
  }
  const first = runAt(place);
  const offset = load<i32>(first);
  const counter = load<u32>(first, RUN_COUNTER);
  let end = offset + load<i32>(first, RUN_LENGTH);
  let counterEnd = counter + load<u32>(first, RUN_LENGTH);
  place = load<u32>(first, NEXT_RUN);
  writeVarint((load<u32>(first, RUN_LENGTH) << 2) | (offset !== 0 ? 2 : 0) | u32(place !== 0));
  if (offset !== 0) {
    writeSigned(offset);
    writeVarint(counter - load<u32>(load<usize>(entry), COUNTER) - offset);
  }
  while (place !== 0) {
    const falling = countFalling(place, end, counterEnd);
    if (falling !== 0) {
      writeVarint(0);
      writeVarint(0);
      for (let left = falling - 1; left !== 0; left--) place = load<u32>(runAt(place), NEXT_RUN);
    }
    const run = runAt(place);
    const length = load<u32>(run, RUN_LENGTH);
    place = load<u32>(run, NEXT_RUN);
    if (falling === 0) {
      const gap = load<i32>(run) - end;
      writeVarint(gap);
      writeSigned(i32(load<u32>(run, RUN_COUNTER) - counterEnd) - gap);
    }
    writeVarint(((falling === 0 ? length : falling) << 1) | u32(place !== 0));
    end = load<i32>(run) + i32(length);
    counterEnd = load<u32>(run, RUN_COUNTER) + length;
  }
}

/** How many runs from one on are falling: of one unit, at the next offset, with the counter before that of the unit before. */
function countFalling(place: u32, end: i32, counterEnd: u32): u32 {
  let count: u32 = 0;
  while (place !== 0) {
    const run = runAt(place);
    if (load<u32>(run, RUN_LENGTH) !== 1 || load<i32>(run) !== end || load<u32>(run, RUN_COUNTER) + 2 !== counterEnd) break;
    count++;
    end++;
    counterEnd--;
    place = load<u32>(run, NEXT_RUN);
  }
  return count;
}

function writeLive(sequence: usize): void {
  const isText = load<u32>(sequence, UNIT_SHIFT) === 1;
  for (let leaf = firstLeaf(sequence); leaf !== 0; leaf = load<usize>(leaf, NEXT_LEAF)) {
    const units = load<u32>(leaf, UNITS);
    copyText(sequence, leaf, 0, units, TEXT);
    if (isText) writeUnits(TEXT, units);
    else writeHandles(TEXT, units);
  }
}

/** Takes all notes back. */
function forget(sequence: usize): void {
  const end = vectorAt(ORDER) + vectorLength(ORDER);
  for (let entry = vectorAt(ORDER); entry < end; entry += ENTRY_SIZE) store<u32>(load<usize>(entry), 0, BASE_NOTE);
  const count = replicaCount(sequence);
  for (let index: u32 = 0; index < count; index++) {
    store<u32>(replicaAt(sequence, index), 0, NOTE);
    store<u32>(replicaAt(sequence, index), 0, SECOND_NOTE);
  }
  clearVector(ORDER, KEPT_BYTES);
  clearVector(RUNS, KEPT_BYTES);
  clearVector(PATH, KEPT_BYTES);
}
