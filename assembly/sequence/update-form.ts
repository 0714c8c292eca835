/**
 * Reads an update (ts/merge/sequence-layout.md, "Update"): once whole, to check its form before any of it is applied, and then event by event. What was
 * read is kept here until the next one. Form is all that can be judged from the bytes alone.
 */
import { COUNTER_LIMIT, OFFSET_LIMIT, RIGHT } from './base';
import {
  CONTINUE_LONG,
  DELETE_LIST,
  DELETE_ONE,
  DELETE_RANGE,
  EXTEND_MANY,
  FULL_NAMES,
  HAS_NUMBERS,
  HEAD_MASK,
  NEW_MANY,
  NEW_ONE,
} from './heads';
import { CONTINUE, DELETE, EXTEND, NEW } from './log';
import { breakReader, bytesLeft, isBroken, readByte, readOffset, readShort, readSigned, readVarint, readWord } from './reader';

// Of the update.
let isFull: bool = false;
let authorHigh: u32 = 0;
let authorLow: u32 = 0;
let first: u32 = 0;
let last: u32 = 0;
let furtherEvents: u32 = 0;
let deadRanges: u32 = 0;
let others: u32 = 0;
let othersAt: u32 = 0;
let eventsAt: u32 = 0;
let deadAt: u32 = 0;
let unitsAt: u32 = 0;
let firstHead: u32 = 0;
let inserted: u32 = 0;
let held: u32 = 0;

// Of the event that was read last.
let kind: u32 = 0;
let count: u32 = 0;
let baseCounter: u32 = 0;
let parentCounter: u32 = 0;
let offset: i32 = 0;
let parent: u32 = 0;
let side: u32 = 0;
let digit: u32 = 0;
let ranges: u32 = 0;
let isList: bool = false;
let rangeAuthor: u32 = 0;
let rangeFirst: u32 = 0;
let rangeLength: u32 = 0;

/** Whether the update names replicas by all their 64 bits. */
export function hasFullNames(): bool {
  return isFull;
}

export function nameHigh(): u32 {
  return authorHigh;
}

/** The low half of the author's id, or its short. */
export function nameLow(): u32 {
  return authorLow;
}

export function firstCounter(): u32 {
  return first;
}

export function lastCounter(): u32 {
  return last;
}

/** Number of events. */
export function eventCount(): u32 {
  return furtherEvents + 1;
}

/** Units that are in the bytes. */
export function heldUnits(): u32 {
  return held;
}

/** Offsets, in the bytes, of the names of others, the first event's body, the dead ranges and the units. */
export function othersOffset(): u32 {
  return othersAt;
}

export function eventsOffset(): u32 {
  return eventsAt;
}

export function deadOffset(): u32 {
  return deadAt;
}

export function unitsOffset(): u32 {
  return unitsAt;
}

export function deadRangeCount(): u32 {
  return deadRanges;
}

/** The head of the first event; of further events it is read with them. */
export function headOfFirst(): u32 {
  return firstHead;
}

export function eventKind(): u32 {
  return kind;
}

/** How many counters the event takes; of a delete 1. */
export function eventLength(): u32 {
  return count;
}

/** Counter of the id of the base that is extended, or of the parent of a new one. */
export function eventBaseCounter(): u32 {
  return baseCounter;
}

/** Counter of the unit that a new base hangs on. */
export function eventParentCounter(): u32 {
  return parentCounter;
}

export function eventOffset(): i32 {
  return offset;
}

/** Parent of a new base: 0 the root, 1 a base of the author, 2 + i one of the i-th other. */
export function eventParent(): u32 {
  return parent;
}

/** 0 or RIGHT. */
export function eventSide(): u32 {
  return side;
}

/** The number of the digit, 0 to 9. */
export function eventDigit(): u32 {
  return digit;
}

/** Number of ranges of a delete; each is read by `readRange`. */
export function eventRanges(): u32 {
  return ranges;
}

/** Of the range read last: 0 the author, 1 + i the i-th other. */
export function rangeReplica(): u32 {
  return rangeAuthor;
}

export function rangeCounter(): u32 {
  return rangeFirst;
}

export function rangeCount(): u32 {
  return rangeLength;
}

/** Reads the update that the reader begins at, and checks its form; the reader is broken when there is a fault. */
export function checkUpdate(isText: bool): void {
  const flags = readByte();
  isFull = (flags & FULL_NAMES) !== 0;
  firstHead = flags & HEAD_MASK;
  authorHigh = isFull ? readWord() : 0;
  authorLow = isFull ? readWord() : readShort();
  first = readVarint();
  if ((isFull && (authorHigh | authorLow) === 0) || first === 0 || first >= COUNTER_LIMIT) breakReader();
  furtherEvents = 0;
  deadRanges = 0;
  others = 0;
  if ((flags & HAS_NUMBERS) !== 0) readNumbers();
  eventsAt = readOffset();
  checkEvents();
  deadAt = readOffset();
  held = inserted - checkDead();
  unitsAt = readOffset();
  if (isText) checkUnits(held);
  if (bytesLeft() !== 0) breakReader();
}

/** Reads an event, without the ranges of a delete. `counter` is its first; the head was read. */
export function readEvent(head: u32, counter: u32): void {
  count = 1;
  offset = 0;
  baseCounter = 0;
  if (head <= CONTINUE_LONG) {
    kind = CONTINUE;
    count = head < CONTINUE_LONG ? head + 1 : CONTINUE_LONG + 1 + readCount();
  } else if (head < DELETE_ONE) {
    if (head === EXTEND_MANY || head === NEW_MANY) count = 2 + readCount();
    if (head < NEW_ONE) readExtension(counter);
    else readParent(counter);
  } else if (head <= DELETE_LIST) {
    kind = DELETE;
    isList = head === DELETE_LIST;
    ranges = 1;
    if (isList) ranges = readVarint();
    else readOwnRange(head, counter);
  } else {
    breakReader();
  }
}

/** Reads one range of the delete with that counter. */
export function readRange(counter: u32): void {
  if (!isList) return;
  rangeAuthor = readVarint();
  if (rangeAuthor > others) breakReader();
  rangeFirst = rangeAuthor === 0 ? readOwnCounter(counter) : readVarint();
  rangeLength = 1 + readCount();
  const limit = rangeAuthor === 0 ? counter : COUNTER_LIMIT;
  if (rangeFirst === 0 || rangeFirst >= COUNTER_LIMIT || rangeFirst + rangeLength > limit) breakReader();
}

function readNumbers(): void {
  // Each is at least a byte, so no number can ask for more than there is.
  furtherEvents = readVarint();
  if (furtherEvents > bytesLeft()) breakReader();
  deadRanges = readVarint();
  if (deadRanges > bytesLeft()) breakReader();
  others = readVarint();
  if (others > bytesLeft()) breakReader();
  othersAt = readOffset();
  for (let other: u32 = 0; other < others && !isBroken(); other++) {
    if (!isFull) readShort();
    else if ((readWord() | readWord()) === 0) breakReader();
  }
}

function checkEvents(): void {
  inserted = 0;
  let counter = first;
  for (let event: u32 = 0; event <= furtherEvents && !isBroken(); event++) {
    readEvent(event === 0 ? firstHead : readByte(), counter);
    if (kind === DELETE) {
      if (ranges === 0 || (isList && ranges > bytesLeft())) breakReader();
      for (let range: u32 = 0; range < ranges && !isBroken(); range++) readRange(counter);
    } else {
      inserted += count;
    }
    counter += count;
    if (counter > COUNTER_LIMIT) breakReader();
  }
  last = counter - 1;
}

/** Gives how many units are dead. */
function checkDead(): u32 {
  let dead: u32 = 0;
  let end: u32 = 0;
  for (let range: u32 = 0; range < deadRanges && !isBroken(); range++) {
    const gap = readVarint();
    const further = readVarint();
    if ((gap === 0 && range !== 0) || u64(end) + u64(gap) + u64(further) >= u64(inserted)) breakReader();
    end += gap + further + 1;
    dead += further + 1;
  }
  return dead;
}

function checkUnits(units: u32): void {
  if (units > bytesLeft()) breakReader();
  for (let unit: u32 = 0; unit < units && !isBroken(); unit++) {
    if (readVarint() > 0xffff) breakReader();
  }
}

function readExtension(counter: u32): void {
  kind = EXTEND;
  baseCounter = readOwnCounter(counter);
  offset = readPlace();
  const end = offset + i32(count) - 1;
  if (end >= OFFSET_LIMIT || (offset <= 0 && end >= 0)) breakReader();
}

function readParent(counter: u32): void {
  kind = NEW;
  parent = readVarint();
  if (parent > 1 + others) breakReader();
  if (parent !== 0) {
    baseCounter = parent === 1 ? readOwnCounter(counter) : readVarint();
    if (baseCounter === 0 || baseCounter >= COUNTER_LIMIT) breakReader();
    offset = readPlace();
    parentCounter = baseCounter;
    if (offset !== 0) {
      const last = parent === 1 ? counter - 1 : COUNTER_LIMIT - 1;
      const further = readVarint();
      if (further === 0 || further > last - baseCounter) breakReader();
      parentCounter += further;
    }
  }
  const placed = readVarint();
  side = (placed & 1) !== 0 ? RIGHT : 0;
  digit = placed >> 1;
  if (placed >= 20 || (parent === 0 && side === 0) || count > u32(OFFSET_LIMIT)) breakReader();
}

function readOwnRange(head: u32, counter: u32): void {
  rangeAuthor = 0;
  rangeFirst = readOwnCounter(counter);
  rangeLength = head === DELETE_RANGE ? 2 + readCount() : 1;
  if (rangeFirst + rangeLength > counter) breakReader();
}

/** A number of counters, less what the head says already. */
function readCount(): u32 {
  const further = readVarint();
  if (further < COUNTER_LIMIT) return further;
  breakReader();
  return 0;
}

/** A counter of the author, written as the distance back from an event. */
function readOwnCounter(counter: u32): u32 {
  const back = readVarint();
  if (back !== 0 && back < counter) return counter - back;
  breakReader();
  return 0;
}

function readPlace(): i32 {
  const place = readSigned();
  if (place < OFFSET_LIMIT && place > -OFFSET_LIMIT) return place;
  breakReader();
  return 0;
}
