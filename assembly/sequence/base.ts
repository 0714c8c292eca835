/**
 * Bases: a place of a unit is (base, offset). What places a base never changes; what it holds does.
 *
 *      0  base   parent; 0 for the root            28  i32  lowest offset ever used
 *      4  i32    offset of the parent place        32  i32  highest offset ever used
 *      8  u32    digit, 16 bits; bit 16: side       36  u32  units that are live
 *                RIGHT; bit 17: made here           40  u32  child bases
 *     12         replica record                     44  u32  clock when it became empty
 *     16  u32    counter                            48  base next of all bases of the sequence
 *     20  u32    depth                              52  base previous
 *     24  base   jump pointer                       56  one word for whoever encodes or joins
 *
 * (replica, counter) is the id: the dot of its first unit, which had offset 0. Jump pointers: E. W. Myers, An applicative random-access stack (1983).
 */
import { allocate, release } from './arena';
import { BASE_COUNT, CLOCK, FIRST_BASE, ROOT_BASE } from './record';
import { findRun, RUN_BASE } from './replica';

export const BASE_SIZE: u32 = 64;
export const PARENT: usize = 0;
export const PARENT_OFFSET: usize = 4;
export const TRAITS: usize = 8;
export const REPLICA: usize = 12;
export const COUNTER: usize = 16;
export const DEPTH: usize = 20;
export const JUMP: usize = 24;
export const LOWEST: usize = 28;
export const HIGHEST: usize = 32;
export const LIVE: usize = 36;
export const CHILDREN: usize = 40;
export const EMPTIED_AT: usize = 44;
export const NEXT_BASE: usize = 48;
export const PREVIOUS_BASE: usize = 52;

/** One word for a while: who uses it leaves 0 behind. */
export const BASE_NOTE: usize = 56;

export const DIGIT_MASK: u32 = 0xffff;
export const RIGHT: u32 = 1 << 16;
export const MADE_HERE: u32 = 1 << 17;

/** Offsets are below this on both sides. */
export const OFFSET_LIMIT: i32 = 1 << 29;
/** Counters are below this. */
export const COUNTER_LIMIT: u32 = 1 << 30;

/** Puts the root base into a new sequence. */
export function startBases(sequence: usize): void {
  const root = allocate(BASE_SIZE);
  memory.fill(root, 0, BASE_SIZE);
  store<usize>(root, root, JUMP);
  store<usize>(sequence, root, ROOT_BASE);
}

export function freeBases(sequence: usize): void {
  let base = load<usize>(sequence, FIRST_BASE);
  while (base !== 0) {
    const next = load<usize>(base, NEXT_BASE);
    release(base, BASE_SIZE);
    base = next;
  }
  release(load<usize>(sequence, ROOT_BASE), BASE_SIZE);
}

/** Fills a record with what never changes of a base. The parent's record must be filled. */
export function placeBase(base: usize, parent: usize, offset: i32, traits: u32, replica: usize, counter: u32): void {
  store<usize>(base, parent, PARENT);
  store<i32>(base, offset, PARENT_OFFSET);
  store<u32>(base, traits, TRAITS);
  store<usize>(base, replica, REPLICA);
  store<u32>(base, counter, COUNTER);
  const depth = load<u32>(parent, DEPTH);
  store<u32>(base, depth + 1, DEPTH);
  const jump = load<usize>(parent, JUMP);
  const jumpDepth = load<u32>(jump, DEPTH);
  const far = load<usize>(jump, JUMP);
  store<usize>(base, depth - jumpDepth === jumpDepth - load<u32>(far, DEPTH) ? far : parent, JUMP);
}

/** A new base of the sequence, without live units; offset 0 counts as used. */
export function addBase(sequence: usize, parent: usize, offset: i32, traits: u32, replica: usize, counter: u32): usize {
  const base = allocate(BASE_SIZE);
  placeBase(base, parent, offset, traits, replica, counter);
  store<i32>(base, 0, LOWEST);
  store<i32>(base, 0, HIGHEST);
  store<u32>(base, 0, LIVE);
  store<u32>(base, 0, CHILDREN);
  store<u32>(base, load<u32>(sequence, CLOCK), EMPTIED_AT);
  store<u32>(parent, load<u32>(parent, CHILDREN) + 1, CHILDREN);
  // Units are put on both sides of this place from now on, never across it.
  widenBase(parent, offset, 1);
  const first = load<usize>(sequence, FIRST_BASE);
  store<u32>(base, 0, BASE_NOTE);
  store<usize>(base, first, NEXT_BASE);
  store<usize>(base, 0, PREVIOUS_BASE);
  if (first !== 0) store<usize>(first, base, PREVIOUS_BASE);
  store<usize>(sequence, base, FIRST_BASE);
  store<u32>(sequence, load<u32>(sequence, BASE_COUNT) + 1, BASE_COUNT);
  return base;
}

/** Takes a base without units and children out of the sequence. No run may name it any more. */
export function removeBase(sequence: usize, base: usize): void {
  const parent = load<usize>(base, PARENT);
  store<u32>(parent, load<u32>(parent, CHILDREN) - 1, CHILDREN);
  const next = load<usize>(base, NEXT_BASE);
  const previous = load<usize>(base, PREVIOUS_BASE);
  if (next !== 0) store<usize>(next, previous, PREVIOUS_BASE);
  if (previous !== 0) store<usize>(previous, next, NEXT_BASE);
  else store<usize>(sequence, next, FIRST_BASE);
  store<u32>(sequence, load<u32>(sequence, BASE_COUNT) - 1, BASE_COUNT);
  release(base, BASE_SIZE);
}

/** Extends what a base has ever held by `count` offsets from `first` on. */
export function widenBase(base: usize, first: i32, count: u32): void {
  const last = first + i32(count) - 1;
  if (first < load<i32>(base, LOWEST)) store<i32>(base, first, LOWEST);
  if (last > load<i32>(base, HIGHEST)) store<i32>(base, last, HIGHEST);
}

/** The base with an id, or 0. */
export function findBase(replica: usize, counter: u32): usize {
  const run = findRun(replica, counter);
  if (run === 0) return 0;
  const base = load<usize>(run, RUN_BASE);
  return load<u32>(base, COUNTER) === counter ? base : 0;
}

/** The digit that the number `r` (0 to 9) means at a depth: LSEQ's boundary+ at odd depths, boundary- at even ones. */
export function digitAt(depth: u32, r: u32): u32 {
  const arity: u32 = 1 << min<u32>(4 + depth, 16);
  return (depth & 1) !== 0 ? 1 + r : arity - 1 - r;
}

/** The number that stands for the digit of a base. */
export function digitNumber(base: usize): u32 {
  const depth = load<u32>(base, DEPTH);
  const arity: u32 = 1 << min<u32>(4 + depth, 16);
  const digit = load<u32>(base, TRAITS) & DIGIT_MASK;
  return (depth & 1) !== 0 ? digit - 1 : arity - 1 - digit;
}
