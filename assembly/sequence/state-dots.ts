/**
 * The dots that live in a state that was read, by replica and counter:
 *
 *     dots     0 u32 counter | 4 u32 length | 8 u32 part | 12 u32 units of the state before it       for each part, ordered
 */
import { COUNTER, REPLICA } from './base';
import { breakReader } from './reader';
import { RUN_BASE, RUN_COUNTER, RUN_LENGTH, RUN_SIZE } from './replica';
import { sortRecords } from './sort';
import { firstPart, livesAtFirst, partCount, STATE_BASE_SIZE, stateBasesEnd, stateReplicas, stateRoot } from './state-form';
import { addToVector, clearVector, vectorAt } from './vector';

export const DOTS_SIZE: u32 = 16;
export const DOTS_LENGTH: usize = 4;
export const DOTS_PART: usize = 8;
export const DOTS_START: usize = 12;

/** The part of dots that do not live: the ids of bases whose first unit is gone. */
const NO_PART: u32 = u32.MAX_VALUE;

const DOTS: usize = memory.data(12, 4);
/** u32 for each replica and one more: where its dots begin, counted. */
const STARTS: usize = memory.data(12, 4);
/** u32 for each replica: how many of them live. */
const COUNTS: usize = memory.data(12, 4);
const KEPT_BYTES: u32 = 1 << 16;

/** Sorts the dots of the state that was read. The reader is broken when one is there twice. */
export function sortDots(): void {
  forgetDots();
  const replicas = stateReplicas();
  const starts = addToVector(STARTS, (replicas + 1) << 2);
  const counts = addToVector(COUNTS, replicas << 2);
  memory.fill(starts, 0, (replicas + 1) << 2);
  memory.fill(counts, 0, replicas << 2);
  const root = stateRoot();
  const end = stateBasesEnd();
  const parts = partCount();
  const first = firstPart();
  for (let part: u32 = 0; part < parts; part++) countOne(starts, load<usize>(first + part * RUN_SIZE, RUN_BASE));
  for (let base = root + STATE_BASE_SIZE; base < end; base += STATE_BASE_SIZE) {
    if (!livesAtFirst(base)) countOne(starts, base);
  }
  let total: u32 = 0;
  for (let replica: u32 = 0; replica <= replicas; replica++) {
    const at = starts + (usize(replica) << 2);
    const count = load<u32>(at);
    store<u32>(at, total);
    total += count;
  }
  addToVector(DOTS, total * DOTS_SIZE);
  let start: u32 = 0;
  for (let part: u32 = 0; part < parts; part++) {
    const run = first + part * RUN_SIZE;
    const length = load<u32>(run, RUN_LENGTH);
    addDots(starts, counts, load<usize>(run, RUN_BASE), load<u32>(run, RUN_COUNTER), length, part, start);
    start += length;
  }
  for (let base = root + STATE_BASE_SIZE; base < end; base += STATE_BASE_SIZE) {
    if (!livesAtFirst(base)) addDots(starts, counts, base, load<u32>(base, COUNTER), 1, NO_PART, 0);
  }
  for (let replica: u32 = 0; replica < replicas; replica++) checkDots(replica);
}

/** The first dots of a replica that end behind a counter, or 0. */
export function findDots(replica: u32, counter: u32): usize {
  const first = vectorAt(DOTS) + load<u32>(vectorAt(STARTS) + (usize(replica) << 2)) * DOTS_SIZE;
  const count = load<u32>(vectorAt(COUNTS) + (usize(replica) << 2));
  let low: u32 = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    const dots = first + middle * DOTS_SIZE;
    if (load<u32>(dots) + load<u32>(dots, DOTS_LENGTH) > counter) high = middle;
    else low = middle + 1;
  }
  return low === count ? 0 : first + low * DOTS_SIZE;
}

/** Gives back most of the memory. */
export function forgetDots(): void {
  clearVector(DOTS, KEPT_BYTES);
  clearVector(STARTS, KEPT_BYTES);
  clearVector(COUNTS, KEPT_BYTES);
}

function countOne(starts: usize, base: usize): void {
  const at = starts + (usize(load<u32>(base, REPLICA)) << 2);
  store<u32>(at, load<u32>(at) + 1);
}

function addDots(starts: usize, counts: usize, base: usize, counter: u32, length: u32, part: u32, start: u32): void {
  const replica = usize(load<u32>(base, REPLICA)) << 2;
  const used = load<u32>(counts + replica);
  const dots = vectorAt(DOTS) + (load<u32>(starts + replica) + used) * DOTS_SIZE;
  store<u32>(dots, counter);
  store<u32>(dots, length, DOTS_LENGTH);
  store<u32>(dots, part, DOTS_PART);
  store<u32>(dots, start, DOTS_START);
  store<u32>(counts + replica, used + 1);
}

/** Sorts the dots of a replica, sees that none is there twice, and drops those that do not live. */
function checkDots(replica: u32): void {
  const at = usize(replica) << 2;
  const first = vectorAt(DOTS) + load<u32>(vectorAt(STARTS) + at) * DOTS_SIZE;
  const count = load<u32>(vectorAt(COUNTS) + at);
  sortRecords(first, count);
  let end: u32 = 0;
  let to = first;
  for (let index: u32 = 0; index < count; index++) {
    const dots = first + index * DOTS_SIZE;
    const counter = load<u32>(dots);
    if (counter < end) breakReader();
    end = counter + load<u32>(dots, DOTS_LENGTH);
    if (load<u32>(dots, DOTS_PART) === NO_PART) continue;
    if (to !== dots) memory.copy(to, dots, DOTS_SIZE);
    to += DOTS_SIZE;
  }
  store<u32>(vectorAt(COUNTS) + at, u32(to - first) / DOTS_SIZE);
}
