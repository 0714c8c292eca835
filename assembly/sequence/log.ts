/**
 * What was edited here since the last update was taken: events in the order of their counters, and a unit for each counter (of a delete any).
 *
 *     event     0 u32 kind | 4 u32 first counter | 8 u32 counters, of a delete ranges | 12 base, of a delete index of its first range | 16 i32 offset
 *               | 20 u32 of a new base, counter of the unit that it hangs on
 *     range     0 replica | 4 u32 counter | 8 u32 length           deleted dots, in document order
 *     mark      u8 for each counter: 1 where the unit was deleted again; as far as there are any, 0 behind them
 */

import { LOG_EVENTS, LOG_FIRST, LOG_MARKS, LOG_RANGES, LOG_UNITS, OWN_REPLICA, UNIT_SHIFT } from './record';
import { TAIL_BASE, TAIL_COUNTER, TAIL_OFFSET } from './replica';
import { addToVector, clearVector, freeVector, vectorAt, vectorLength } from './vector';

export const CONTINUE: u32 = 0;
export const EXTEND: u32 = 1;
export const NEW: u32 = 2;
export const DELETE: u32 = 3;

export const EVENT_SIZE: u32 = 24;
export const EVENT_KIND: usize = 0;
export const EVENT_COUNTER: usize = 4;
export const EVENT_COUNT: usize = 8;
export const EVENT_BASE: usize = 12;
export const EVENT_RANGES: usize = 12;
export const EVENT_OFFSET: usize = 16;
export const EVENT_PARENT_COUNTER: usize = 20;

export const RANGE_SIZE: u32 = 12;
export const RANGE_REPLICA: usize = 0;
export const RANGE_COUNTER: usize = 4;
export const RANGE_LENGTH: usize = 8;

/** Memory that an empty log keeps of each of its lists. */
const KEPT_BYTES: u32 = 256;

/** Notes that `count` units from `source` go on behind the last insertion, whose event is the last. */
export function logTyping(sequence: usize, counter: u32, source: usize, count: u32): void {
  logUnits(sequence, counter, source, count);
  const last = vectorAt(sequence + LOG_EVENTS) + vectorLength(sequence + LOG_EVENTS) - EVENT_SIZE;
  store<u32>(last, load<u32>(last, EVENT_COUNT) + count, EVENT_COUNT);
}

/** Notes that `count` units from `source` went to a base that was there; before their replica's tail is moved on. */
export function logExtension(sequence: usize, base: usize, counter: u32, offset: i32, source: usize, count: u32): void {
  logUnits(sequence, counter, source, count);
  const own = load<usize>(sequence, OWN_REPLICA);
  const continues =
    load<u32>(own, TAIL_COUNTER) + 1 === counter && load<usize>(own, TAIL_BASE) === base && load<i32>(own, TAIL_OFFSET) + 1 === offset;
  const bytes = vectorLength(sequence + LOG_EVENTS);
  if (continues && bytes !== 0) {
    // The tail's unit has the counter before this one, so its event is the last.
    const last = vectorAt(sequence + LOG_EVENTS) + bytes - EVENT_SIZE;
    store<u32>(last, load<u32>(last, EVENT_COUNT) + count, EVENT_COUNT);
    return;
  }
  addInsert(sequence, continues ? CONTINUE : EXTEND, base, counter, offset, count);
}

/** Notes that `count` units from `source` made a new base, which hangs on the unit with the counter `parentCounter`. */
export function logNew(sequence: usize, base: usize, parentCounter: u32, counter: u32, source: usize, count: u32): void {
  logUnits(sequence, counter, source, count);
  const event = addInsert(sequence, NEW, base, counter, 0, count);
  store<u32>(event, parentCounter, EVENT_PARENT_COUNTER);
}

function addInsert(sequence: usize, kind: u32, base: usize, counter: u32, offset: i32, count: u32): usize {
  const event = addToVector(sequence + LOG_EVENTS, EVENT_SIZE);
  store<u32>(event, kind, EVENT_KIND);
  store<u32>(event, counter, EVENT_COUNTER);
  store<u32>(event, count, EVENT_COUNT);
  store<usize>(event, base, EVENT_BASE);
  store<i32>(event, offset, EVENT_OFFSET);
  return event;
}

/** Notes that a delete used a counter; its ranges follow. */
export function logDelete(sequence: usize, counter: u32): void {
  // The unit of a delete is never read.
  logUnits(sequence, counter, 0, 1);
  const event = addToVector(sequence + LOG_EVENTS, EVENT_SIZE);
  store<u32>(event, DELETE, EVENT_KIND);
  store<u32>(event, counter, EVENT_COUNTER);
  store<u32>(event, 0, EVENT_COUNT);
  store<u32>(event, vectorLength(sequence + LOG_RANGES) / RANGE_SIZE, EVENT_RANGES);
}

/** Notes that the last delete took `length` units of a replica from a counter on. Those of the log itself are named too: who has them by a state needs it. */
export function logRange(sequence: usize, replica: usize, counter: u32, length: u32): void {
  const first = load<u32>(sequence, LOG_FIRST);
  if (replica === load<usize>(sequence, OWN_REPLICA) && counter + length > first) {
    const before = counter < first ? first - counter : 0;
    markDead(sequence, counter + before - first, length - before);
  }
  const event = vectorAt(sequence + LOG_EVENTS) + vectorLength(sequence + LOG_EVENTS) - EVENT_SIZE;
  const ranges = load<u32>(event, EVENT_COUNT);
  if (ranges !== 0) {
    const last = vectorAt(sequence + LOG_RANGES) + vectorLength(sequence + LOG_RANGES) - RANGE_SIZE;
    const lastLength = load<u32>(last, RANGE_LENGTH);
    if (load<usize>(last, RANGE_REPLICA) === replica && load<u32>(last, RANGE_COUNTER) + lastLength === counter) {
      store<u32>(last, lastLength + length, RANGE_LENGTH);
      return;
    }
  }
  const range = addToVector(sequence + LOG_RANGES, RANGE_SIZE);
  store<usize>(range, replica, RANGE_REPLICA);
  store<u32>(range, counter, RANGE_COUNTER);
  store<u32>(range, length, RANGE_LENGTH);
  store<u32>(event, ranges + 1, EVENT_COUNT);
}

export function isLogEmpty(sequence: usize): bool {
  return vectorLength(sequence + LOG_EVENTS) === 0;
}

/** The first counter from `from` to `to` (not included) whose unit was deleted again, or `to`. Counters count from the first of the log. */
export function findDead(sequence: usize, from: u32, to: u32): u32 {
  const marks = vectorAt(sequence + LOG_MARKS);
  const end = min(to, vectorLength(sequence + LOG_MARKS));
  while (from < end) {
    if (end - from >= 8 && load<u64>(marks + from) === 0) from += 8;
    else if (load<u8>(marks + from) !== 0) return from;
    else from++;
  }
  return to;
}

/** The first counter from `from` to `to` (not included) whose unit was not deleted again, or `to`. */
export function findLive(sequence: usize, from: u32, to: u32): u32 {
  const marks = vectorAt(sequence + LOG_MARKS);
  const end = min(to, vectorLength(sequence + LOG_MARKS));
  while (from < end && load<u8>(marks + from) !== 0) from++;
  return from;
}

export function clearLog(sequence: usize): void {
  clearVector(sequence + LOG_EVENTS, KEPT_BYTES);
  clearVector(sequence + LOG_RANGES, KEPT_BYTES);
  clearVector(sequence + LOG_UNITS, KEPT_BYTES);
  clearVector(sequence + LOG_MARKS, KEPT_BYTES);
}

export function freeLog(sequence: usize): void {
  freeVector(sequence + LOG_EVENTS);
  freeVector(sequence + LOG_RANGES);
  freeVector(sequence + LOG_UNITS);
  freeVector(sequence + LOG_MARKS);
}

function markDead(sequence: usize, from: u32, count: u32): void {
  const marks = vectorLength(sequence + LOG_MARKS);
  if (marks < from + count) memory.fill(addToVector(sequence + LOG_MARKS, from + count - marks), 0, from + count - marks);
  memory.fill(vectorAt(sequence + LOG_MARKS) + from, 1, count);
}

function logUnits(sequence: usize, counter: u32, source: usize, count: u32): void {
  if (isLogEmpty(sequence)) store<u32>(sequence, counter, LOG_FIRST);
  const shift = load<u32>(sequence, UNIT_SHIFT);
  const target = addToVector(sequence + LOG_UNITS, count << shift);
  if (source === 0) {
    // A place that nobody reads.
  } else if (count !== 1) memory.copy(target, source, count << shift);
  else if (shift === 1) store<u16>(target, load<u16>(source));
  else store<u32>(target, load<u32>(source));
}
