/**
 * Reads a state whole (ts/merge/sequence-layout.md, "State") and checks all that it can say wrong, before any of it is joined. What was read lies in lists
 * of the arena until `forgetState`:
 *
 *     replica   0 u32 high | 4 u32 low | 8 u32 counter                                                       as version.ts reads them
 *     base      0 base parent | 4 i32 offset | 8 u32 traits | 12 u32 replica | 16 u32 counter | 20 u32 depth  as in base.ts, but the replica is an index
 *               24 base last child so far | 28 run first | 32 run behind the last | 36 u32 units of the run at 28 that were passed in the walk
 *               40 the base of the sequence | 44 u32 1 when the unit at offset 0 lives
 *     run       0 u32 counter | 4 u32 length | 8 base | 12 i32 offset                                         by base; then, cut into parts, in document order
 */
import { COUNTER, COUNTER_LIMIT, DEPTH, DIGIT_MASK, digitAt, OFFSET_LIMIT, PARENT, PARENT_OFFSET, REPLICA, RIGHT, TRAITS } from './base';
import { ELEMENTS_STATE, TEXT_STATE } from './heads';
import { breakReader, bytesLeft, isBroken, readByte, readFrom, readOffset, readSigned, readVarint } from './reader';
import { RUN_BASE, RUN_COUNTER, RUN_LENGTH, RUN_OFFSET, RUN_SIZE } from './replica';
import { addToVector, clearVector, vectorAt, vectorLength } from './vector';
import { readVector, VECTOR_ENTRY, vectorTableBytes } from './version';

/** How far up a parent is stands in the head up to this. */
export const UPS_IN_HEAD: u32 = 11;
/** Heads are `up` times this. */
export const UP_STEP: u32 = 20;

export const STATE_BASE_SIZE: u32 = 48;
const LAST_CHILD: usize = 24;
export const RUNS_FROM: usize = 28;
export const RUNS_TO: usize = 32;
const PASSED: usize = 36;
export const REAL_BASE: usize = 40;
const HAS_FIRST: usize = 44;

const REPLICAS_READ: usize = memory.data(12, 4);
const BASES_READ: usize = memory.data(12, 4);
const RUNS_READ: usize = memory.data(12, 4);
const PARTS_READ: usize = memory.data(12, 4);
const LAST_IDS: usize = memory.data(12, 4);
const KEPT_BYTES: u32 = 1 << 16;

let replicaTotal: u32 = 0;
let unitTotal: u32 = 0;
let unitsAt: u32 = 0;

/** Number of replicas in the state's table. */
export function stateReplicas(): u32 {
  return replicaTotal;
}

/** An entry of the table: 3 x u32, high, low, counter. */
export function stateReplica(index: u32): usize {
  return vectorAt(REPLICAS_READ) + index * VECTOR_ENTRY;
}

/** The root, and behind it the bases, parents before children. */
export function stateRoot(): usize {
  return vectorAt(BASES_READ);
}

/** Where the bases end. */
export function stateBasesEnd(): usize {
  return vectorAt(BASES_READ) + vectorLength(BASES_READ);
}

/** Parts of runs in document order. */
export function firstPart(): usize {
  return vectorAt(PARTS_READ);
}

export function partCount(): u32 {
  return vectorLength(PARTS_READ) / RUN_SIZE;
}

/** Live units of the state. */
export function stateUnits(): u32 {
  return unitTotal;
}

/** Offset of the units in the bytes. */
export function stateUnitsOffset(): u32 {
  return unitsAt;
}

/** Gives back most of the memory. */
export function forgetState(): void {
  clearVector(REPLICAS_READ, KEPT_BYTES);
  clearVector(BASES_READ, KEPT_BYTES);
  clearVector(RUNS_READ, KEPT_BYTES);
  clearVector(PARTS_READ, KEPT_BYTES);
  clearVector(LAST_IDS, KEPT_BYTES);
}

/** Reads the state that the reader begins at, of elements with exactly `handleCount` of them; the reader is broken where there is a fault. */
export function checkState(isText: bool, handleCount: u32): void {
  forgetState();
  if (readByte() !== (isText ? TEXT_STATE : ELEMENTS_STATE)) breakReader();
  replicaTotal = readVector(addToVector(REPLICAS_READ, vectorTableBytes()));
  const bases = readVarint();
  // A base takes three bytes at least: head, id, runs.
  if (bases > bytesLeft() / 3) breakReader();
  if (isBroken()) return;
  const root = addToVector(BASES_READ, (bases + 1) * STATE_BASE_SIZE);
  memory.fill(root, 0, (bases + 1) * STATE_BASE_SIZE);
  readTree(root, bases);
  if (!isBroken()) readAuthors(root);
  if (!isBroken()) readOffsets(root);
  if (!isBroken()) readIds(root);
  if (!isBroken()) checkSiblings(root);
  if (!isBroken()) readRuns(root, min(u64(COUNTER_LIMIT - 1), u64(isText ? bytesLeft() : handleCount)));
  if (!isText && unitTotal !== handleCount) breakReader();
  unitsAt = readOffset();
  if (isText) checkUnits();
  if (bytesLeft() !== 0) breakReader();
  if (!isBroken()) walk(root);
}

function readTree(root: usize, bases: u32): void {
  const headsAt = readOffset();
  readFrom(headsAt + bases);
  let upsAt = readOffset();
  let before = root;
  const end = root + (bases + 1) * STATE_BASE_SIZE;
  for (let base = root + STATE_BASE_SIZE; base < end && !isBroken(); base += STATE_BASE_SIZE) {
    readFrom(headsAt + u32(base - root) / STATE_BASE_SIZE - 1);
    const head = readByte();
    let up = head / UP_STEP;
    if (up > UPS_IN_HEAD) breakReader();
    if (up === UPS_IN_HEAD) {
      readFrom(upsAt);
      const further = readVarint();
      upsAt = readOffset();
      up = further > COUNTER_LIMIT ? u32.MAX_VALUE : up + further;
    }
    if (up > load<u32>(before, DEPTH)) {
      breakReader();
      return;
    }
    let parent = before;
    // Each step up is one that a base before went down.
    for (; up > 0; up--) parent = load<usize>(parent, PARENT);
    const side: u32 = (head & 1) !== 0 ? RIGHT : 0;
    if (parent === root && side === 0) breakReader();
    const depth = load<u32>(parent, DEPTH) + 1;
    store<usize>(base, parent, PARENT);
    store<u32>(base, depth, DEPTH);
    store<u32>(base, side | digitAt(depth, (head % UP_STEP) >> 1), TRAITS);
    before = base;
  }
  readFrom(upsAt);
}

function readAuthors(root: usize): void {
  const end = stateBasesEnd();
  if (replicaTotal === 0 && root + STATE_BASE_SIZE !== end) breakReader();
  if (replicaTotal < 2) return;
  for (let base = root + STATE_BASE_SIZE; base < end && !isBroken(); base += STATE_BASE_SIZE) {
    const author = readVarint();
    if (author >= replicaTotal) breakReader();
    store<u32>(base, author, REPLICA);
  }
}

function readOffsets(root: usize): void {
  const end = stateBasesEnd();
  for (let base = root + STATE_BASE_SIZE; base < end && !isBroken(); base += STATE_BASE_SIZE) {
    const parent = load<usize>(base, PARENT);
    if (parent === root) continue;
    const before = load<usize>(parent, LAST_CHILD);
    const offset = before === 0 ? i64(readSigned()) : i64(load<i32>(before, PARENT_OFFSET)) + i64(readVarint());
    if (offset >= i64(OFFSET_LIMIT) || offset <= -i64(OFFSET_LIMIT)) breakReader();
    store<i32>(base, i32(offset), PARENT_OFFSET);
    store<usize>(parent, base, LAST_CHILD);
  }
}

function readIds(root: usize): void {
  const lastIds = addToVector(LAST_IDS, replicaTotal << 2);
  memory.fill(lastIds, 0, replicaTotal << 2);
  const end = stateBasesEnd();
  for (let base = root + STATE_BASE_SIZE; base < end && !isBroken(); base += STATE_BASE_SIZE) {
    const author = load<u32>(base, REPLICA);
    const last = lastIds + (usize(author) << 2);
    const counter = i64(load<u32>(last)) + i64(readSigned());
    if (counter < 1 || counter > i64(load<u32>(stateReplica(author), 8))) breakReader();
    store<u32>(base, u32(counter), COUNTER);
    store<u32>(last, u32(counter));
  }
}

/** Siblings stand in strict order. Replicas are in order, so their indexes compare as they do. */
function checkSiblings(root: usize): void {
  const end = stateBasesEnd();
  for (let base = root; base < end; base += STATE_BASE_SIZE) store<usize>(base, 0, LAST_CHILD);
  for (let base = root + STATE_BASE_SIZE; base < end && !isBroken(); base += STATE_BASE_SIZE) {
    const parent = load<usize>(base, PARENT);
    const before = load<usize>(parent, LAST_CHILD);
    if (before !== 0 && !isBefore(before, base)) breakReader();
    store<usize>(parent, base, LAST_CHILD);
  }
}

function isBefore(a: usize, b: usize): bool {
  const offsetA = load<i32>(a, PARENT_OFFSET);
  const offsetB = load<i32>(b, PARENT_OFFSET);
  if (offsetA !== offsetB) return offsetA < offsetB;
  const traitsA = load<u32>(a, TRAITS) & (RIGHT | DIGIT_MASK);
  const traitsB = load<u32>(b, TRAITS) & (RIGHT | DIGIT_MASK);
  if (traitsA !== traitsB) return traitsA < traitsB;
  if (load<u32>(a, REPLICA) !== load<u32>(b, REPLICA)) return load<u32>(a, REPLICA) < load<u32>(b, REPLICA);
  return load<u32>(a, COUNTER) < load<u32>(b, COUNTER);
}

function readRuns(root: usize, mostUnits: u64): void {
  const end = stateBasesEnd();
  let total: u64 = 0;
  for (let base = root + STATE_BASE_SIZE; base < end && !isBroken(); base += STATE_BASE_SIZE) {
    const from = vectorLength(RUNS_READ);
    total += readRunsOf(base, mostUnits - total);
    // The list may move while it grows: places in it until it is whole.
    store<u32>(base, from, RUNS_FROM);
    store<u32>(base, vectorLength(RUNS_READ), RUNS_TO);
  }
  unitTotal = isBroken() ? 0 : u32(total);
}

/** Reads the runs of a base, with no more units than that, and gives how many they have. */
function readRunsOf(base: usize, mostUnits: u64): u64 {
  const first = readVarint();
  if (first === 0) {
    if (load<usize>(base, LAST_CHILD) === 0) breakReader();
    return 0;
  }
  let offset: i64 = 0;
  let counter = i64(load<u32>(base, COUNTER));
  if ((first & 2) !== 0) {
    offset = i64(readSigned());
    counter += offset + i64(readVarint());
    if (offset === 0) breakReader();
  }
  let total = u64(first >> 2);
  if (total > mostUnits) breakReader();
  addRun(base, offset, counter, total);
  offset += i64(total);
  counter += i64(total);
  let hasMore = (first & 1) !== 0;
  let wasFalling = false;
  while (hasMore && !isBroken()) {
    const gap = readVarint();
    const step = readSigned();
    const last = readVarint();
    const length = u64(last >> 1);
    const isFalling = gap === 0 && step === 0;
    hasMore = (last & 1) !== 0;
    total += length;
    if (total > mostUnits || length === 0 || (isFalling && wasFalling) || (gap === 0 && step === -2 && length === 1)) breakReader();
    if (isFalling) {
      // `counter` is that behind the unit before.
      for (let unit: u64 = 0; unit < length && !isBroken(); unit++) addRun(base, offset + i64(unit), counter - 2 - i64(unit), 1);
      offset += i64(length);
      counter -= i64(length);
    } else {
      offset += i64(gap);
      counter += i64(gap) + i64(step);
      addRun(base, offset, counter, length);
      offset += i64(length);
      counter += i64(length);
    }
    wasFalling = isFalling;
  }
  return total;
}

function addRun(base: usize, offset: i64, counter: i64, length: u64): void {
  const first = i64(load<u32>(base, COUNTER));
  const covered = i64(load<u32>(stateReplica(load<u32>(base, REPLICA)), 8));
  const end = offset + i64(length);
  // The unit at offset 0 has the base's own counter, which is the lowest of the base; so no run goes on across it from below.
  const isRight = offset === 0 ? counter === first : counter > first && (offset > 0 || end <= 0);
  if (length === 0 || !isRight || offset <= -i64(OFFSET_LIMIT) || end > i64(OFFSET_LIMIT) || counter + i64(length) - 1 > covered) {
    breakReader();
    return;
  }
  if (offset === 0) store<u32>(base, 1, HAS_FIRST);
  const run = addToVector(RUNS_READ, RUN_SIZE);
  store<u32>(run, u32(counter), RUN_COUNTER);
  store<u32>(run, u32(length), RUN_LENGTH);
  store<usize>(run, base, RUN_BASE);
  store<i32>(run, i32(offset), RUN_OFFSET);
}

function checkUnits(): void {
  if (unitTotal > bytesLeft()) breakReader();
  for (let unit: u32 = 0; unit < unitTotal && !isBroken(); unit++) {
    if (readVarint() > 0xffff) breakReader();
  }
}

/** Whether the unit at offset 0 of a base lives in the state. */
export function livesAtFirst(base: usize): bool {
  return load<u32>(base, HAS_FIRST) !== 0;
}

/** Lists the parts of runs in document order: of each base its units and, before or behind the one they hang on, its children. */
function walk(root: usize): void {
  const end = stateBasesEnd();
  let at = root;
  for (let base = root + STATE_BASE_SIZE; base < end; base += STATE_BASE_SIZE) {
    const parent = load<usize>(base, PARENT);
    for (; at !== parent; at = load<usize>(at, PARENT)) passUnits(at, i32.MAX_VALUE);
    passUnits(parent, load<i32>(base, PARENT_OFFSET) + i32((load<u32>(base, TRAITS) & RIGHT) !== 0));
    at = base;
  }
  for (; at !== root; at = load<usize>(at, PARENT)) passUnits(at, i32.MAX_VALUE);
}

/** Lists the units of a base below an offset that are not listed yet. */
function passUnits(base: usize, stop: i32): void {
  const runs = vectorAt(RUNS_READ);
  const end = load<u32>(base, RUNS_TO);
  let at = load<u32>(base, RUNS_FROM);
  let used = load<u32>(base, PASSED);
  while (at < end) {
    const run = runs + at;
    const offset = load<i32>(run, RUN_OFFSET);
    const length = load<u32>(run, RUN_LENGTH);
    if (offset + i32(used) >= stop) break;
    const to = min(length, u32(stop - offset));
    const part = addToVector(PARTS_READ, RUN_SIZE);
    store<u32>(part, load<u32>(run, RUN_COUNTER) + used, RUN_COUNTER);
    store<u32>(part, to - used, RUN_LENGTH);
    store<usize>(part, base, RUN_BASE);
    store<i32>(part, offset + i32(used), RUN_OFFSET);
    used = to;
    if (to < length) break;
    at += RUN_SIZE;
    used = 0;
  }
  store<u32>(base, at, RUNS_FROM);
  store<u32>(base, used, PASSED);
}
