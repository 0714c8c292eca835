/** Writes the log of local edits as one update, in the layout of ts/merge/sequence-layout.md, and empties it. */
import { COUNTER, digitNumber, PARENT, PARENT_OFFSET, REPLICA, RIGHT, TRAITS } from './base';
import { CONTINUE_LONG, DELETE_LIST, DELETE_ONE, DELETE_RANGE, EXTEND_ONE, FULL_NAMES, HAS_NUMBERS, NEW_ONE, SHORT_MASK } from './heads';
import {
  CONTINUE,
  clearLog,
  DELETE,
  EVENT_BASE,
  EVENT_COUNT,
  EVENT_COUNTER,
  EVENT_KIND,
  EVENT_OFFSET,
  EVENT_PARENT_COUNTER,
  EVENT_RANGES,
  EVENT_SIZE,
  findDead,
  findLive,
  isLogEmpty,
  NEW,
  RANGE_COUNTER,
  RANGE_LENGTH,
  RANGE_REPLICA,
  RANGE_SIZE,
} from './log';
import { LOG_EVENTS, LOG_FIRST, LOG_RANGES, LOG_UNITS, OWN_REPLICA, SHORT_CLASHES, UNIT_SHIFT } from './record';
import { HIGH, LOW, NOTE } from './replica';
import { addToVector, setVectorLength, vectorAt, vectorLength } from './vector';
import { startWriting, writeByte, writeHandles, writeShort, writeSigned, writeUnits, writeVarint, writeWord } from './writer';

/** Replicas other than the own one that events name, 4 bytes each, in the order in which they first do. NOTE of each is its place, from 1. */
const OTHERS: usize = memory.data(12, 4);
/** Dead ranges among the inserted units, 2 x u32 each: start, end. */
const DEAD: usize = memory.data(12, 4);

/** Writes an update of everything in the log; 0 when there was nothing. */
export function takeUpdate(sequence: usize): u32 {
  if (isLogEmpty(sequence)) return 0;
  startWriting();
  collectNumbers(sequence);
  const own = load<usize>(sequence, OWN_REPLICA);
  const first = load<u32>(sequence, LOG_FIRST);
  const events = vectorAt(sequence + LOG_EVENTS);
  const end = events + vectorLength(sequence + LOG_EVENTS);
  const further = u32(end - events) / EVENT_SIZE - 1;
  const others = vectorLength(OTHERS) >> 2;
  const dead = vectorLength(DEAD) >> 3;
  const isFull = first === 1 || load<u32>(sequence, SHORT_CLASHES) !== 0;
  const hasNumbers = further !== 0 || others !== 0 || dead !== 0;
  writeByte((isFull ? FULL_NAMES : 0) | (hasNumbers ? HAS_NUMBERS : 0) | headOf(sequence, events));
  writeName(own, isFull);
  writeVarint(first);
  if (hasNumbers) {
    writeVarint(further);
    writeVarint(dead);
    writeVarint(others);
    for (let other: u32 = 0; other < others; other++) writeName(load<usize>(vectorAt(OTHERS) + (other << 2)), isFull);
  }
  for (let event = events; event < end; event += EVENT_SIZE) {
    if (event !== events) writeByte(headOf(sequence, event));
    if (load<u32>(event, EVENT_KIND) === DELETE) writeDelete(sequence, event, own);
    else writeInsert(event, own);
  }
  writeDead();
  for (let event = events; event < end; event += EVENT_SIZE) {
    if (load<u32>(event, EVENT_KIND) !== DELETE)
      writeLive(sequence, load<u32>(event, EVENT_COUNTER) - first, load<u32>(event, EVENT_COUNT));
  }
  for (let other: u32 = 0; other < others; other++) store<u32>(load<usize>(vectorAt(OTHERS) + (other << 2)), 0, NOTE);
  clearLog(sequence);
  return 1;
}

/** Lists the other replicas and the dead ranges. */
function collectNumbers(sequence: usize): void {
  setVectorLength(OTHERS, 0);
  setVectorLength(DEAD, 0);
  const own = load<usize>(sequence, OWN_REPLICA);
  const first = load<u32>(sequence, LOG_FIRST);
  const events = vectorAt(sequence + LOG_EVENTS);
  const end = events + vectorLength(sequence + LOG_EVENTS);
  let inserted: u32 = 0;
  for (let event = events; event < end; event += EVENT_SIZE) {
    const kind = load<u32>(event, EVENT_KIND);
    const count = load<u32>(event, EVENT_COUNT);
    if (kind === DELETE) {
      const ranges = vectorAt(sequence + LOG_RANGES) + load<u32>(event, EVENT_RANGES) * RANGE_SIZE;
      for (let range: u32 = 0; range < count; range++) addOther(load<usize>(ranges + range * RANGE_SIZE, RANGE_REPLICA), own);
      continue;
    }
    if (kind === NEW) addOther(load<usize>(load<usize>(load<usize>(event, EVENT_BASE), PARENT), REPLICA), own);
    const start = load<u32>(event, EVENT_COUNTER) - first;
    const stop = start + count;
    for (let from = findDead(sequence, start, stop); from < stop; ) {
      const to = findLive(sequence, from, stop);
      addDead(inserted + from - start, inserted + to - start);
      from = findDead(sequence, to, stop);
    }
    inserted += count;
  }
}

/** Replica 0, that of the root base, is never named. */
function addOther(replica: usize, own: usize): void {
  if (replica === 0 || replica === own || load<u32>(replica, NOTE) !== 0) return;
  store<usize>(addToVector(OTHERS, 4), replica);
  store<u32>(replica, vectorLength(OTHERS) >> 2, NOTE);
}

function addDead(from: u32, to: u32): void {
  const bytes = vectorLength(DEAD);
  if (bytes !== 0) {
    const last = vectorAt(DEAD) + bytes - 8;
    if (load<u32>(last, 4) === from) {
      store<u32>(last, to, 4);
      return;
    }
  }
  const range = addToVector(DEAD, 8);
  store<u32>(range, from);
  store<u32>(range, to, 4);
}

function writeDead(): void {
  const end = vectorAt(DEAD) + vectorLength(DEAD);
  let last: u32 = 0;
  for (let range = vectorAt(DEAD); range < end; range += 8) {
    const rangeEnd = load<u32>(range, 4);
    writeVarint(load<u32>(range) - last);
    writeVarint(rangeEnd - load<u32>(range) - 1);
    last = rangeEnd;
  }
}

function writeName(replica: usize, isFull: bool): void {
  if (isFull) {
    writeWord(load<u32>(replica, HIGH));
    writeWord(load<u32>(replica, LOW));
  } else {
    writeShort(load<u32>(replica, LOW) & SHORT_MASK);
  }
}

function headOf(sequence: usize, event: usize): u32 {
  const kind = load<u32>(event, EVENT_KIND);
  const count = load<u32>(event, EVENT_COUNT);
  if (kind === CONTINUE) return min(count - 1, CONTINUE_LONG);
  if (kind !== DELETE) return (kind === NEW ? NEW_ONE : EXTEND_ONE) + u32(count !== 1);
  if (count !== 1) return DELETE_LIST;
  const range = vectorAt(sequence + LOG_RANGES) + load<u32>(event, EVENT_RANGES) * RANGE_SIZE;
  if (load<usize>(range, RANGE_REPLICA) !== load<usize>(sequence, OWN_REPLICA)) return DELETE_LIST;
  return load<u32>(range, RANGE_LENGTH) === 1 ? DELETE_ONE : DELETE_RANGE;
}

function writeInsert(event: usize, own: usize): void {
  const kind = load<u32>(event, EVENT_KIND);
  const count = load<u32>(event, EVENT_COUNT);
  if (kind === CONTINUE) {
    if (count > CONTINUE_LONG) writeVarint(count - CONTINUE_LONG - 1);
    return;
  }
  if (count !== 1) writeVarint(count - 2);
  const base = load<usize>(event, EVENT_BASE);
  const counter = load<u32>(event, EVENT_COUNTER);
  if (kind !== NEW) {
    writeVarint(counter - load<u32>(base, COUNTER));
    writeSigned(load<i32>(event, EVENT_OFFSET));
    return;
  }
  const parent = load<usize>(base, PARENT);
  const replica = load<usize>(parent, REPLICA);
  if (replica === 0) {
    writeVarint(0);
  } else {
    const isOwn = replica === own;
    writeVarint(isOwn ? 1 : 1 + load<u32>(replica, NOTE));
    writeVarint(isOwn ? counter - load<u32>(parent, COUNTER) : load<u32>(parent, COUNTER));
    writeSigned(load<i32>(base, PARENT_OFFSET));
    if (load<i32>(base, PARENT_OFFSET) !== 0) writeVarint(load<u32>(event, EVENT_PARENT_COUNTER) - load<u32>(parent, COUNTER));
  }
  writeVarint((digitNumber(base) << 1) | u32((load<u32>(base, TRAITS) & RIGHT) !== 0));
}

function writeDelete(sequence: usize, event: usize, own: usize): void {
  const counter = load<u32>(event, EVENT_COUNTER);
  const count = load<u32>(event, EVENT_COUNT);
  let range = vectorAt(sequence + LOG_RANGES) + load<u32>(event, EVENT_RANGES) * RANGE_SIZE;
  if (count === 1 && load<usize>(range, RANGE_REPLICA) === own) {
    writeVarint(counter - load<u32>(range, RANGE_COUNTER));
    const length = load<u32>(range, RANGE_LENGTH);
    if (length !== 1) writeVarint(length - 2);
    return;
  }
  writeVarint(count);
  const end = range + count * RANGE_SIZE;
  for (; range < end; range += RANGE_SIZE) {
    const replica = load<usize>(range, RANGE_REPLICA);
    const first = load<u32>(range, RANGE_COUNTER);
    writeVarint(replica === own ? 0 : load<u32>(replica, NOTE));
    writeVarint(replica === own ? counter - first : first);
    writeVarint(load<u32>(range, RANGE_LENGTH) - 1);
  }
}

/** Writes the units of `count` counters that are not dead, from the `first` of the log on. */
function writeLive(sequence: usize, first: u32, count: u32): void {
  const shift = load<u32>(sequence, UNIT_SHIFT);
  const units = vectorAt(sequence + LOG_UNITS);
  const end = first + count;
  for (let from = findLive(sequence, first, end); from < end; ) {
    const to = findDead(sequence, from, end);
    if (shift === 1) writeUnits(units + (usize(from) << 1), to - from);
    else writeHandles(units + (usize(from) << 2), to - from);
    from = findLive(sequence, to, end);
  }
}
