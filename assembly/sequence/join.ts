/**
 * Joins a state that was read and checked: units that it has and this sequence has not seen come, units that are here, that it has seen and has not, go.
 * Everything that could be wrong is found before anything changes.
 */
import { addBase, COUNTER, DIGIT_MASK, findBase, HIGHEST, LOWEST, PARENT, PARENT_OFFSET, REPLICA, RIGHT, TRAITS, widenBase } from './base';
import { areChangesOn, noteRemoval } from './changes';
import { FORK, faultAt, OK } from './fault';
import { findIndex } from './finger';
import { BLOCK_BASE, BLOCK_COUNTER, BLOCK_LENGTH, BLOCK_OFFSET, BLOCK_SIZE, BLOCKS, blockAt, COUNT, unitAddress } from './leaf';
import { removeAtFinger } from './live';
import { readFrom, readVarint } from './reader';
import { HAS_NEWS, OWN_REPLICA, ROOT_BASE, UNIT_SHIFT } from './record';
import { insertBehindFinger, insertPlaces } from './remote';
import {
  addReplica,
  COVERED,
  findReplica,
  NOTE,
  RUN_BASE,
  RUN_COUNTER,
  RUN_LENGTH,
  RUN_OFFSET,
  RUN_SIZE,
  TAIL_BASE,
  TAIL_COUNTER,
  TAIL_OFFSET,
} from './replica';
import { rebuildRuns } from './runs';
import { DOTS_LENGTH, DOTS_PART, DOTS_START, findDots, forgetDots } from './state-dots';
import {
  firstPart,
  forgetState,
  partCount,
  REAL_BASE,
  STATE_BASE_SIZE,
  stateBasesEnd,
  stateReplica,
  stateReplicas,
  stateRoot,
  stateUnits,
  stateUnitsOffset,
} from './state-form';
import { firstLeaf, NEXT_LEAF } from './tree';
import { addToVector, clearVector, setVectorLength, vectorAt, vectorLength } from './vector';

/** The replica here for each of the state, 0 where there is none. */
const REPLICAS_HERE: usize = memory.data(12, 4);
/** Units to remove, 2 x u32 each: index before any removal, length. */
const REMOVALS: usize = memory.data(12, 4);
/** All units of the state. */
const UNITS: usize = memory.data(12, 4);
const KEPT_BYTES: u32 = 1 << 16;

/** A base that will be made, until it is: no address of one. */
const WANTED: usize = 1;

/** Joins the state that `checkState` and `sortDots` read. 0 or FORK: then nothing changed. */
export function joinState(sequence: usize, firstHandle: u32): u32 {
  readUnits(sequence, firstHandle);
  const isRight = matchReplicas(sequence) && matchBases(sequence) && matchNew() && matchLive(sequence);
  if (isRight) {
    removeGone(sequence);
    addMissing(sequence);
    insertNew(sequence);
    widenBases();
    cover();
    rebuildRuns(sequence);
    store<u32>(sequence, 1, HAS_NEWS);
  }
  forget();
  return isRight ? OK : faultAt(FORK, 0);
}

function forget(): void {
  forgetState();
  forgetDots();
  clearVector(REPLICAS_HERE, KEPT_BYTES);
  clearVector(REMOVALS, KEPT_BYTES);
  clearVector(UNITS, KEPT_BYTES);
}

function replicaHere(index: u32): usize {
  return load<usize>(vectorAt(REPLICAS_HERE) + (usize(index) << 2));
}

function coveredHere(index: u32): u32 {
  const replica = replicaHere(index);
  return replica === 0 ? 0 : load<u32>(replica, COVERED);
}

/** False when the state knows more of the own replica than this instance. */
function matchReplicas(sequence: usize): bool {
  setVectorLength(REPLICAS_HERE, 0);
  const count = stateReplicas();
  const here = addToVector(REPLICAS_HERE, count << 2);
  let isRight: bool = true;
  for (let index: u32 = 0; index < count; index++) {
    const entry = stateReplica(index);
    const replica = findReplica(sequence, load<u32>(entry), load<u32>(entry, 4));
    store<usize>(here + (usize(index) << 2), replica);
    if (replica === load<usize>(sequence, OWN_REPLICA) && load<u32>(entry, 8) > load<u32>(replica, COVERED)) isRight = false;
  }
  return isRight;
}

/** Finds the state's bases that are here. False when one hangs elsewhere. */
function matchBases(sequence: usize): bool {
  const root = stateRoot();
  const end = stateBasesEnd();
  store<usize>(root, load<usize>(sequence, ROOT_BASE), REAL_BASE);
  for (let base = root + STATE_BASE_SIZE; base < end; base += STATE_BASE_SIZE) {
    const replica = replicaHere(load<u32>(base, REPLICA));
    const real: usize = replica === 0 ? 0 : findBase(replica, load<u32>(base, COUNTER));
    if (real === 0) continue;
    const isSame =
      load<usize>(load<usize>(base, PARENT), REAL_BASE) === load<usize>(real, PARENT) &&
      load<i32>(base, PARENT_OFFSET) === load<i32>(real, PARENT_OFFSET) &&
      load<u32>(base, TRAITS) === (load<u32>(real, TRAITS) & (RIGHT | DIGIT_MASK));
    if (!isSame) return false;
    store<usize>(base, real, REAL_BASE);
  }
  return true;
}

/** How many units of a part are covered here. */
function coveredOf(part: usize): u32 {
  const covered = coveredHere(load<u32>(load<usize>(part, RUN_BASE), REPLICA));
  const counter = load<u32>(part, RUN_COUNTER);
  return covered < counter ? 0 : min(covered + 1 - counter, load<u32>(part, RUN_LENGTH));
}

/** False when a unit is new, but not past all that is known of its base: bases grow outwards only. */
function matchNew(): bool {
  const end = firstPart() + partCount() * RUN_SIZE;
  for (let part = firstPart(); part < end; part += RUN_SIZE) {
    const skipped = coveredOf(part);
    const length = load<u32>(part, RUN_LENGTH);
    const base = load<usize>(load<usize>(part, RUN_BASE), REAL_BASE);
    if (skipped === length || base === 0) continue;
    const offset = load<i32>(part, RUN_OFFSET);
    if (offset + i32(skipped) <= load<i32>(base, HIGHEST) && offset + i32(length) - 1 >= load<i32>(base, LOWEST)) return false;
  }
  return true;
}

function readUnits(sequence: usize, firstHandle: u32): void {
  setVectorLength(UNITS, 0);
  const count = stateUnits();
  const shift = load<u32>(sequence, UNIT_SHIFT);
  const units = addToVector(UNITS, count << shift);
  if (shift === 2) {
    for (let unit: u32 = 0; unit < count; unit++) store<u32>(units + (usize(unit) << 2), firstHandle + unit);
    return;
  }
  readFrom(stateUnitsOffset());
  for (let unit: u32 = 0; unit < count; unit++) store<u16>(units + (usize(unit) << 1), u16(readVarint()));
}

/** Lists what goes. False when a unit that lives in both has two places, or two values. */
function matchLive(sequence: usize): bool {
  setVectorLength(REMOVALS, 0);
  const replicas = stateReplicas();
  for (let index: u32 = 0; index < replicas; index++) {
    if (replicaHere(index) !== 0) store<u32>(replicaHere(index), index + 1, NOTE);
  }
  let index: u32 = 0;
  let isRight: bool = true;
  for (let leaf = firstLeaf(sequence); leaf !== 0 && isRight; leaf = load<usize>(leaf, NEXT_LEAF)) {
    const end = blockAt(leaf, load<u32>(leaf, COUNT));
    let before: u32 = 0;
    for (let block = leaf + BLOCKS; block < end && isRight; block += BLOCK_SIZE) {
      isRight = matchBlock(sequence, leaf, before, block, index);
      before += load<u32>(block, BLOCK_LENGTH);
      index += load<u32>(block, BLOCK_LENGTH);
    }
  }
  for (let index: u32 = 0; index < replicas; index++) {
    if (replicaHere(index) !== 0) store<u32>(replicaHere(index), 0, NOTE);
  }
  return isRight;
}

function matchBlock(sequence: usize, leaf: usize, before: u32, block: usize, index: u32): bool {
  const base = load<usize>(block, BLOCK_BASE);
  const known = load<u32>(load<usize>(base, REPLICA), NOTE);
  if (known === 0) return true;
  const counter = load<u32>(block, BLOCK_COUNTER);
  const covered = load<u32>(stateReplica(known - 1), 8);
  if (covered < counter) return true;
  const end = min(load<u32>(block, BLOCK_LENGTH), covered + 1 - counter);
  let used: u32 = 0;
  while (used < end) {
    const dots = findDots(known - 1, counter + used);
    // From here to the dots, or to the end, the state has seen units and has none.
    const gone: u32 = dots === 0 ? end : min(end, max(counter + used, load<u32>(dots)) - counter);
    if (gone > used) addRemoval(index + used, gone - used);
    if (gone === end) break;
    const into = counter + gone - load<u32>(dots);
    const same = min(end - gone, load<u32>(dots, DOTS_LENGTH) - into);
    const part = firstPart() + load<u32>(dots, DOTS_PART) * RUN_SIZE;
    if (load<usize>(load<usize>(part, RUN_BASE), REAL_BASE) !== base) return false;
    if (load<i32>(part, RUN_OFFSET) + i32(into) !== load<i32>(block, BLOCK_OFFSET) + i32(gone)) return false;
    if (load<u32>(sequence, UNIT_SHIFT) === 1 && !areEqual(sequence, leaf, before + gone, load<u32>(dots, DOTS_START) + into, same))
      return false;
    used = gone + same;
  }
  return true;
}

function addRemoval(index: u32, length: u32): void {
  const removal = addToVector(REMOVALS, 8);
  store<u32>(removal, index);
  store<u32>(removal, length, 4);
}

function areEqual(sequence: usize, leaf: usize, at: u32, start: u32, count: u32): bool {
  const units = vectorAt(UNITS) + (usize(start) << 1);
  for (let unit: u32 = 0; unit < count; unit++) {
    if (load<u16>(unitAddress(sequence, leaf, at + unit)) !== load<u16>(units + (usize(unit) << 1))) return false;
  }
  return true;
}

function removeGone(sequence: usize): void {
  const removals = vectorAt(REMOVALS);
  const end = removals + vectorLength(REMOVALS);
  let removed: u32 = 0;
  for (let removal = removals; removal < end; removal += 8) {
    const index = load<u32>(removal) - removed;
    const length = load<u32>(removal, 4);
    if (areChangesOn(sequence)) noteRemoval(sequence, index, length);
    let left = length;
    while (left !== 0) {
      findIndex(sequence, index + 1);
      left -= removeAtFinger(sequence, left);
    }
    removed += length;
  }
}

/** Adds the replicas that are missing, and the bases that are missing for new units. */
function addMissing(sequence: usize): void {
  const replicas = stateReplicas();
  for (let index: u32 = 0; index < replicas; index++) {
    if (replicaHere(index) !== 0) continue;
    const entry = stateReplica(index);
    store<usize>(vectorAt(REPLICAS_HERE) + (usize(index) << 2), addReplica(sequence, load<u32>(entry), load<u32>(entry, 4)));
  }
  const partsEnd = firstPart() + partCount() * RUN_SIZE;
  for (let part = firstPart(); part < partsEnd; part += RUN_SIZE) {
    if (coveredOf(part) === load<u32>(part, RUN_LENGTH)) continue;
    for (let base = load<usize>(part, RUN_BASE); load<usize>(base, REAL_BASE) === 0; base = load<usize>(base, PARENT)) {
      store<usize>(base, WANTED, REAL_BASE);
    }
  }
  const end = stateBasesEnd();
  for (let base = stateRoot() + STATE_BASE_SIZE; base < end; base += STATE_BASE_SIZE) {
    if (load<usize>(base, REAL_BASE) !== WANTED) continue;
    const parent = load<usize>(load<usize>(base, PARENT), REAL_BASE);
    const replica = replicaHere(load<u32>(base, REPLICA));
    const real = addBase(sequence, parent, load<i32>(base, PARENT_OFFSET), load<u32>(base, TRAITS), replica, load<u32>(base, COUNTER));
    store<usize>(base, real, REAL_BASE);
  }
}

function insertNew(sequence: usize): void {
  const shift = load<u32>(sequence, UNIT_SHIFT);
  let units = vectorAt(UNITS);
  let isBehind = false;
  const end = firstPart() + partCount() * RUN_SIZE;
  for (let part = firstPart(); part < end; part += RUN_SIZE) {
    const length = load<u32>(part, RUN_LENGTH);
    const skipped = coveredOf(part);
    if (skipped < length) {
      const base = load<usize>(load<usize>(part, RUN_BASE), REAL_BASE);
      const offset = load<i32>(part, RUN_OFFSET) + i32(skipped);
      const counter = load<u32>(part, RUN_COUNTER) + skipped;
      const source = units + (usize(skipped) << shift);
      if (isBehind) insertBehindFinger(sequence, base, offset, counter, source, length - skipped);
      else insertPlaces(sequence, base, offset, counter, source, length - skipped);
      isBehind = true;
    }
    units += usize(length) << shift;
  }
}

/** Offsets that the state uses are used, whether their units are new or not. */
function widenBases(): void {
  const end = firstPart() + partCount() * RUN_SIZE;
  for (let part = firstPart(); part < end; part += RUN_SIZE) {
    const base = load<usize>(load<usize>(part, RUN_BASE), REAL_BASE);
    if (base !== 0) widenBase(base, load<i32>(part, RUN_OFFSET), load<u32>(part, RUN_LENGTH));
  }
}

/** Takes over how far the state covers each replica, and where its last unit is. */
function cover(): void {
  const replicas = stateReplicas();
  for (let index: u32 = 0; index < replicas; index++) {
    const replica = replicaHere(index);
    const counter = load<u32>(stateReplica(index), 8);
    if (counter <= load<u32>(replica, COVERED)) continue;
    store<u32>(replica, counter, COVERED);
    const dots = findDots(index, counter);
    let base: usize = 0;
    let offset: i32 = 0;
    if (dots !== 0 && load<u32>(dots) <= counter) {
      const part = firstPart() + load<u32>(dots, DOTS_PART) * RUN_SIZE;
      base = load<usize>(load<usize>(part, RUN_BASE), REAL_BASE);
      offset = load<i32>(part, RUN_OFFSET) + i32(counter - load<u32>(dots));
    }
    store<u32>(replica, base === 0 ? 0 : counter, TAIL_COUNTER);
    store<usize>(replica, base, TAIL_BASE);
    store<i32>(replica, offset, TAIL_OFFSET);
  }
}
