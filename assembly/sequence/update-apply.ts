/**
 * Applies an update that was checked for its form: events in the order of their counters, those that are covered passed over, up to the first that
 * needs what is not here yet. What an update does to the document is in remote.ts.
 */
import { addBase, DEPTH, digitAt, findBase, HIGHEST, LOWEST, OFFSET_LIMIT, widenBase } from './base';
import { EARLY_UPDATE, FORK, faultAt, LIMIT, NEED_STATE, OK } from './fault';
import { CONTINUE, DELETE, NEW } from './log';
import { readByte, readFrom, readOffset, readShort, readVarint, readWord } from './reader';
import { HAS_NEWS, LAST_AUTHOR, OWN_REPLICA, ROOT_BASE, UNIT_SHIFT } from './record';
import { insertPlaces, removeDots } from './remote';
import { addReplica, COVERED, findReplica, findShort, noteRun, TAIL_BASE, TAIL_COUNTER, TAIL_OFFSET } from './replica';
import { hasManyRuns, rebuildRuns } from './runs';
import {
  deadOffset,
  deadRangeCount,
  eventBaseCounter,
  eventCount,
  eventDigit,
  eventKind,
  eventLength,
  eventOffset,
  eventParent,
  eventParentCounter,
  eventRanges,
  eventSide,
  eventsOffset,
  firstCounter,
  hasFullNames,
  headOfFirst,
  lastCounter,
  nameHigh,
  nameLow,
  othersOffset,
  rangeCount,
  rangeCounter,
  rangeReplica,
  readEvent,
  readRange,
  unitsOffset,
} from './update-form';
import { clearVector, reserveInVector } from './vector';

/** What `resolveName` finds where two replicas share a short. */
const CLASH: usize = 1;

/** What `findParent` gives while the parent is not here yet. */
const EARLY_PARENT: usize = 2;

/** Units of one piece, decoded. */
const PIECE: usize = memory.data(12, 4);
const KEPT_BYTES: u32 = 1 << 16;

let applied: bool = false;

// Where the author's last unit is as far as the events so far tell, base 0 where they do not.
let tailCounter: u32 = 0;
let tailBase: usize = 0;
let tailOffset: i32 = 0;

// The dead range that comes next among the inserted units, how many more follow it, and how many units were passed.
let deadAt: u32 = 0;
let deadLeft: u32 = 0;
let deadStart: u32 = 0;
let deadEnd: u32 = 0;
let passed: u32 = 0;
/** Whether units are handles, which the bytes only count. */
let isHandles: bool = false;
/** Where the next unit is: in a text an offset in the bytes, else a handle. */
let unitAt: u32 = 0;

/** Whether the last update changed anything. */
export function hasApplied(): bool {
  return applied;
}

/** The replica that an update's name means; 0 where none is known, 1 where a short has two. */
export function resolveName(sequence: usize, isFull: bool, high: u32, low: u32): usize {
  if (isFull) return findReplica(sequence, high, low);
  return findShort(sequence, low);
}

/**
 * Applies the update that `checkUpdate` read. 0 when nothing of it is left, EARLY_UPDATE when it must wait; or a fault: what was applied before the
 * event at fault stays.
 */
export function applyUpdate(sequence: usize, firstHandle: u32): u32 {
  applied = false;
  let author = resolveName(sequence, hasFullNames(), nameHigh(), nameLow());
  if (author === CLASH) return faultAt(NEED_STATE, 1);
  if (author === load<usize>(sequence, OWN_REPLICA)) {
    if (lastCounter() <= load<u32>(author, COVERED)) return OK;
    // By its short name it may be another replica, which a state would tell.
    return faultAt(hasFullNames() ? FORK : NEED_STATE, 1);
  }
  if (author === 0 && !hasFullNames()) return EARLY_UPDATE;
  let covered: u32 = author === 0 ? 0 : load<u32>(author, COVERED);
  if (firstCounter() > covered + 1) return EARLY_UPDATE;
  if (lastCounter() <= covered) return OK;

  tailCounter = author === 0 ? 0 : load<u32>(author, TAIL_COUNTER);
  tailBase = author === 0 ? 0 : load<usize>(author, TAIL_BASE);
  tailOffset = author === 0 ? 0 : load<i32>(author, TAIL_OFFSET);
  startUnits(sequence, firstHandle);
  const events = eventCount();
  let counter = firstCounter();
  let eventsAt = eventsOffset();
  for (let event: u32 = 0; event < events; event++) {
    readFrom(eventsAt);
    readEvent(event === 0 ? headOfFirst() : readByte(), counter);
    const rangesAt = readOffset();
    if (eventKind() === DELETE) {
      for (let range: u32 = 0; range < eventRanges(); range++) readRange(counter);
    }
    eventsAt = readOffset();
    const end = counter + eventLength();
    if (end - 1 <= covered) {
      passEvent(sequence, author, counter);
    } else {
      const skipped = covered + 1 - counter;
      if (eventKind() === DELETE) {
        const fault = checkDelete(sequence, rangesAt, counter);
        if (fault !== OK) return fault;
        if (author === 0) author = addReplica(sequence, nameHigh(), nameLow());
        applyDelete(sequence, author, rangesAt, counter);
      } else {
        const fault = applyInsert(sequence, author, counter, skipped);
        if (fault !== OK) return fault;
        author = load<usize>(sequence, LAST_AUTHOR);
      }
      covered = end - 1;
      store<u32>(author, covered, COVERED);
      store<u32>(sequence, 1, HAS_NEWS);
      store<usize>(sequence, author, LAST_AUTHOR);
      applied = true;
      if (hasManyRuns(author)) rebuildRuns(sequence);
    }
    counter = end;
  }
  clearVector(PIECE, KEPT_BYTES);
  return OK;
}

/** Takes note of where a covered insertion was put, in case the next event goes on behind it. */
function passEvent(_sequence: usize, author: usize, counter: u32): void {
  if (eventKind() === DELETE) return;
  skipUnits(eventLength());
  let base: usize = 0;
  let offset = eventOffset();
  if (eventKind() === CONTINUE) {
    if (tailCounter !== counter - 1) return;
    base = tailBase;
    offset = tailOffset + 1;
  } else {
    const isNew = eventKind() === NEW;
    base = findBase(author, isNew ? counter : eventBaseCounter());
    if (isNew) offset = 0;
  }
  if (base !== 0) setTail(base, counter, offset);
}

/** Applies an insertion but for its first `skipped` counters. The author is LAST_AUTHOR afterwards. */
function applyInsert(sequence: usize, author: usize, counter: u32, skipped: u32): u32 {
  const kind = eventKind();
  const length = eventLength();
  let base: usize = 0;
  let offset = eventOffset();
  const isNewHere = kind === NEW && skipped === 0;
  if (kind === CONTINUE) {
    if (tailBase === 0 || tailCounter !== counter + skipped - 1) return faultAt(NEED_STATE, 1);
    base = tailBase;
    offset = tailOffset + 1 - i32(skipped);
    if (offset + i32(length) > OFFSET_LIMIT) return faultAt(LIMIT, 1);
  } else if (!isNewHere) {
    base = findBase(author, kind === NEW ? counter : eventBaseCounter());
    if (kind === NEW) offset = 0;
  } else {
    const parent = findParent(sequence, author);
    if (parent === EARLY_PARENT) return EARLY_UPDATE;
    if (parent === CLASH) return faultAt(NEED_STATE, 1);
    if (parent !== 0) {
      if (author === 0) author = addReplica(sequence, nameHigh(), nameLow());
      const digit = digitAt(load<u32>(parent, DEPTH) + 1, eventDigit());
      base = addBase(sequence, parent, offset, digit | eventSide(), author, counter);
      offset = 0;
    }
  }
  if (base === 0) return faultAt(NEED_STATE, 1);
  const first = offset + i32(skipped);
  if (!isNewHere && first <= load<i32>(base, HIGHEST) && offset + i32(length) - 1 >= load<i32>(base, LOWEST)) return faultAt(FORK, 1);
  widenBase(base, first, length - skipped);
  noteRun(author, counter + skipped, base, first, length - skipped);
  skipUnits(skipped);
  insertLive(sequence, base, first, counter + skipped, length - skipped);
  setTail(base, counter, offset);
  store<u32>(author, tailCounter, TAIL_COUNTER);
  store<usize>(author, base, TAIL_BASE);
  store<i32>(author, tailOffset, TAIL_OFFSET);
  store<usize>(sequence, author, LAST_AUTHOR);
  return OK;
}

/** The parent of the new base; 0 where it was here and is gone. */
function findParent(sequence: usize, author: usize): usize {
  if (eventParent() === 0) return load<usize>(sequence, ROOT_BASE);
  if (eventParent() === 1) return findBase(author, eventBaseCounter());
  const other = findOther(sequence, eventParent() - 2);
  if (other === CLASH) return CLASH;
  if (other === 0 || load<u32>(other, COVERED) < eventParentCounter()) return EARLY_PARENT;
  return findBase(other, eventBaseCounter());
}

/** The replica of a name in the update's table. Moves the reader. */
function findOther(sequence: usize, index: u32): usize {
  const isFull = hasFullNames();
  readFrom(othersOffset() + index * (isFull ? 8 : 3));
  const high = isFull ? readWord() : 0;
  const low = isFull ? readWord() : readShort();
  return resolveName(sequence, isFull, high, low);
}

/** 0 when all dots that a delete names are covered, or why it cannot be applied. */
function checkDelete(sequence: usize, rangesAt: u32, counter: u32): u32 {
  let at = rangesAt;
  const count = eventRanges();
  for (let range: u32 = 0; range < count; range++) {
    readFrom(at);
    readRange(counter);
    at = readOffset();
    if (rangeReplica() === 0) continue;
    const other = findOther(sequence, rangeReplica() - 1);
    if (other === CLASH) return faultAt(NEED_STATE, 1);
    if (other === 0 || load<u32>(other, COVERED) < rangeCounter() + rangeCount() - 1) return EARLY_UPDATE;
  }
  return OK;
}

function applyDelete(sequence: usize, author: usize, rangesAt: u32, counter: u32): void {
  let at = rangesAt;
  const count = eventRanges();
  for (let range: u32 = 0; range < count; range++) {
    readFrom(at);
    readRange(counter);
    at = readOffset();
    const replica = rangeReplica() === 0 ? author : findOther(sequence, rangeReplica() - 1);
    removeDots(sequence, replica, rangeCounter(), rangeCount());
  }
}

function setTail(base: usize, counter: u32, offset: i32): void {
  tailBase = base;
  tailCounter = counter + eventLength() - 1;
  tailOffset = offset + i32(eventLength()) - 1;
}

/** Inserts those of the next `count` units that are not dead. */
function insertLive(sequence: usize, base: usize, offset: i32, counter: u32, count: u32): void {
  const end = passed + count;
  const start = passed;
  while (passed < end) {
    if (deadEnd <= passed) nextDead();
    if (deadStart <= passed) {
      passed = min(end, deadEnd);
      continue;
    }
    const live = min(end, deadStart) - passed;
    const into = passed - start;
    const source = readPiece(sequence, live);
    passed += live;
    insertPlaces(sequence, base, offset + i32(into), counter + into, source, live);
  }
}

/** Passes over `count` inserted units. */
function skipUnits(count: u32): void {
  const end = passed + count;
  while (passed < end) {
    if (deadEnd <= passed) nextDead();
    if (deadStart <= passed) {
      passed = min(end, deadEnd);
      continue;
    }
    const live = min(end, deadStart) - passed;
    passed += live;
    if (isHandles) {
      unitAt += live;
      continue;
    }
    readFrom(unitAt);
    for (let unit: u32 = 0; unit < live; unit++) readVarint();
    unitAt = readOffset();
  }
}

function startUnits(sequence: usize, firstHandle: u32): void {
  deadAt = deadOffset();
  deadLeft = deadRangeCount();
  deadEnd = 0;
  passed = 0;
  isHandles = load<u32>(sequence, UNIT_SHIFT) === 2;
  unitAt = isHandles ? firstHandle : unitsOffset();
}

/** Moves on to the next dead range, or past the end. */
function nextDead(): void {
  if (deadLeft === 0) {
    deadStart = u32.MAX_VALUE;
    deadEnd = u32.MAX_VALUE;
    return;
  }
  deadLeft--;
  readFrom(deadAt);
  deadStart = deadEnd + readVarint();
  deadEnd = deadStart + readVarint() + 1;
  deadAt = readOffset();
}

/** Decodes the next `count` units. */
function readPiece(sequence: usize, count: u32): usize {
  const piece = reserveInVector(PIECE, count << load<u32>(sequence, UNIT_SHIFT));
  if (isHandles) {
    for (let unit: u32 = 0; unit < count; unit++) store<u32>(piece + (usize(unit) << 2), unitAt + unit);
    unitAt += count;
    return piece;
  }
  readFrom(unitAt);
  for (let unit: u32 = 0; unit < count; unit++) store<u16>(piece + (usize(unit) << 1), u16(readVarint()));
  unitAt = readOffset();
  return piece;
}
