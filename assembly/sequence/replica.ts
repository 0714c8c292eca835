/**
 * Replicas: who made units, how far each is covered, and where the units of a counter were put.
 *
 *     replica   0 u32 high | 4 u32 low | 8 u32 covered: the last counter that this sequence has seen | 12 vector of runs
 *               | 24 u32 runs at which to look for dead ones | 28 tail: u32 counter, base, i32 offset | 40 two words for whoever encodes or joins
 *     run       0 u32 counter of its first unit | 4 u32 length, and in bit 31 whether offsets go down as counters go up
 *               | 8 base | 12 i32 offset of its first unit
 *
 * Runs are in the order of their counters. They are places, not units: a unit may be gone while its run is there. Runs without any live unit
 * are dropped now and then (runs.ts), so their number stays in proportion to the live blocks.
 *
 * The tail is the place of the last unit that the replica inserted, as far as that is known: base 0 where it is not.
 */
import { allocate, release } from './arena';
import { SHORT_MASK } from './heads';
import { LAST_AUTHOR, OWN_REPLICA, REPLICAS, REPLICAS_BY_SHORT, SHORT_CLASHES } from './record';
import { addToVector, freeVector, vectorAt, vectorLength } from './vector';

export const REPLICA_SIZE: u32 = 64;
export const HIGH: usize = 0;
export const LOW: usize = 4;
export const COVERED: usize = 8;
export const RUNS: usize = 12;
/** Number of runs at which dead ones are looked for. */
export const RUN_LIMIT: usize = 24;
export const TAIL_COUNTER: usize = 28;
export const TAIL_BASE: usize = 32;
export const TAIL_OFFSET: usize = 36;
/** Two words for a while: who uses them leaves 0 behind. */
export const NOTE: usize = 40;
export const SECOND_NOTE: usize = 44;

export const RUN_SIZE: u32 = 16;
export const RUN_COUNTER: usize = 0;
export const RUN_LENGTH: usize = 4;
export const RUN_BASE: usize = 8;
export const RUN_OFFSET: usize = 12;
const IS_DESCENDING: u32 = 1 << 31;

export const LEAST_RUN_LIMIT: u32 = 1024;

/** Puts the own replica into a new sequence. */
export function startReplicas(sequence: usize, high: u32, low: u32): void {
  const own = addReplica(sequence, high, low);
  store<usize>(sequence, own, OWN_REPLICA);
  store<usize>(sequence, own, LAST_AUTHOR);
}

export function freeReplicas(sequence: usize): void {
  const count = replicaCount(sequence);
  for (let index: u32 = 0; index < count; index++) {
    const replica = replicaAt(sequence, index);
    freeVector(replica + RUNS);
    release(replica, REPLICA_SIZE);
  }
  freeVector(sequence + REPLICAS);
  freeVector(sequence + REPLICAS_BY_SHORT);
}

export function replicaCount(sequence: usize): u32 {
  return vectorLength(sequence + REPLICAS) >> 2;
}

/** The replica at a place in the order of ids. */
export function replicaAt(sequence: usize, index: u32): usize {
  return load<usize>(vectorAt(sequence + REPLICAS) + (usize(index) << 2));
}

/** The replica with an id, or 0. */
export function findReplica(sequence: usize, high: u32, low: u32): usize {
  const last = load<usize>(sequence, LAST_AUTHOR);
  if (load<u32>(last, LOW) === low && load<u32>(last, HIGH) === high) return last;
  const index = placeOfReplica(sequence, high, low);
  if (index === replicaCount(sequence)) return 0;
  const replica = replicaAt(sequence, index);
  return load<u32>(replica, LOW) === low && load<u32>(replica, HIGH) === high ? replica : 0;
}

/** Adds a replica that is not there yet; nothing of it is covered. */
export function addReplica(sequence: usize, high: u32, low: u32): usize {
  const replica = allocate(REPLICA_SIZE);
  memory.fill(replica, 0, REPLICA_SIZE);
  store<u32>(replica, high, HIGH);
  store<u32>(replica, low, LOW);
  store<u32>(replica, LEAST_RUN_LIMIT, RUN_LIMIT);
  insertPointer(sequence + REPLICAS, placeOfReplica(sequence, high, low), replica);
  const index = placeOfShort(sequence, low & SHORT_MASK);
  if (shortAt(sequence, index) === (low & SHORT_MASK)) store<u32>(sequence, 1, SHORT_CLASHES);
  insertPointer(sequence + REPLICAS_BY_SHORT, index, replica);
  return replica;
}

/** The one replica whose id ends in these 24 bits; 0 where there is none, 1 where there are two or more. */
export function findShort(sequence: usize, short: u32): usize {
  const last = load<usize>(sequence, LAST_AUTHOR);
  if ((load<u32>(last, LOW) & SHORT_MASK) === short && load<u32>(sequence, SHORT_CLASHES) === 0) return last;
  const index = placeOfShort(sequence, short);
  if (shortAt(sequence, index) !== short) return 0;
  if (shortAt(sequence, index + 1) === short) return 1;
  return load<usize>(vectorAt(sequence + REPLICAS_BY_SHORT) + (usize(index) << 2));
}

/** Below 0, 0 or above 0: order of two replicas by their ids, unsigned. */
export function compareReplicas(a: usize, b: usize): i32 {
  return compareIds(load<u32>(a, HIGH), load<u32>(a, LOW), load<u32>(b, HIGH), load<u32>(b, LOW));
}

export function compareIds(highA: u32, lowA: u32, highB: u32, lowB: u32): i32 {
  if (highA !== highB) return highA < highB ? -1 : 1;
  if (lowA !== lowB) return lowA < lowB ? -1 : 1;
  return 0;
}

export function covered(replica: usize): u32 {
  return load<u32>(replica, COVERED);
}

/** Notes where `count` new units were put, offsets ascending. Their counters come after all that were noted before. */
export function noteRun(replica: usize, counter: u32, base: usize, offset: i32, count: u32): void {
  const runs = vectorLength(replica + RUNS);
  if (runs !== 0) {
    const last = vectorAt(replica + RUNS) + runs - RUN_SIZE;
    const length = load<u32>(last, RUN_LENGTH);
    const units = length & ~IS_DESCENDING;
    if (load<usize>(last, RUN_BASE) === base && load<u32>(last, RUN_COUNTER) + units === counter) {
      const first = load<i32>(last, RUN_OFFSET);
      if ((length === 1 || length === units) && first + i32(units) === offset) {
        store<u32>(last, units + count, RUN_LENGTH);
        return;
      }
      if (count === 1 && (length === 1 || length !== units) && first - i32(units) === offset) {
        store<u32>(last, (units + 1) | IS_DESCENDING, RUN_LENGTH);
        return;
      }
    }
  }
  const run = addToVector(replica + RUNS, RUN_SIZE);
  store<u32>(run, counter, RUN_COUNTER);
  store<u32>(run, count, RUN_LENGTH);
  store<usize>(run, base, RUN_BASE);
  store<i32>(run, offset, RUN_OFFSET);
}

/** The run that a counter lies in, or 0: the counter deleted something, or all units of its run are gone. */
export function findRun(replica: usize, counter: u32): usize {
  const run = findRunFrom(replica, counter);
  return run !== 0 && load<u32>(run, RUN_COUNTER) <= counter ? run : 0;
}

/** The first run that ends behind a counter, or 0. */
export function findRunFrom(replica: usize, counter: u32): usize {
  const bytes = vectorLength(replica + RUNS);
  if (bytes === 0) return 0;
  const first = vectorAt(replica + RUNS);
  const last = first + bytes - RUN_SIZE;
  // Most that is asked for was made last.
  if (load<u32>(last, RUN_COUNTER) <= counter) return counter - load<u32>(last, RUN_COUNTER) < runLength(last) ? last : 0;
  let low: u32 = 0;
  let high = bytes / RUN_SIZE - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const run = first + middle * RUN_SIZE;
    if (load<u32>(run, RUN_COUNTER) + runLength(run) <= counter) low = middle + 1;
    else high = middle;
  }
  return first + low * RUN_SIZE;
}

export function runLength(run: usize): u32 {
  return load<u32>(run, RUN_LENGTH) & ~IS_DESCENDING;
}

/** 1 where offsets go up with counters, -1 where they go down. */
export function runStep(run: usize): i32 {
  return (load<u32>(run, RUN_LENGTH) & IS_DESCENDING) !== 0 ? -1 : 1;
}

/** Offset of the unit with a counter that lies in the run. */
export function offsetInRun(run: usize, counter: u32): i32 {
  return load<i32>(run, RUN_OFFSET) + i32(counter - load<u32>(run, RUN_COUNTER)) * runStep(run);
}

/** Index of the first replica whose id is not below the given one. */
function placeOfReplica(sequence: usize, high: u32, low: u32): u32 {
  let from: u32 = 0;
  let to = replicaCount(sequence);
  while (from < to) {
    const middle = (from + to) >> 1;
    const replica = replicaAt(sequence, middle);
    if (compareIds(load<u32>(replica, HIGH), load<u32>(replica, LOW), high, low) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

function placeOfShort(sequence: usize, short: u32): u32 {
  const first = vectorAt(sequence + REPLICAS_BY_SHORT);
  let from: u32 = 0;
  let to = vectorLength(sequence + REPLICAS_BY_SHORT) >> 2;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((load<u32>(load<usize>(first + (usize(middle) << 2)), LOW) & SHORT_MASK) < short) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The short at a place in the order of shorts, or what is none. */
function shortAt(sequence: usize, index: u32): u32 {
  if (index >= vectorLength(sequence + REPLICAS_BY_SHORT) >> 2) return u32.MAX_VALUE;
  return load<u32>(load<usize>(vectorAt(sequence + REPLICAS_BY_SHORT) + (usize(index) << 2)), LOW) & SHORT_MASK;
}

function insertPointer(vector: usize, index: u32, pointer: usize): void {
  const after = vectorLength(vector) - (index << 2);
  addToVector(vector, 4);
  const place = vectorAt(vector) + (usize(index) << 2);
  memory.copy(place + 4, place, after);
  store<usize>(place, pointer);
}
