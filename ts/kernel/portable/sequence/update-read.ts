/** Reads an update whole and checks its form (sequence-layout.md, "Update"), before any of it is applied. */
import type { Replica, SequenceUnit } from '../../kernel.ts';
import { MAX_COUNTER, MAX_OFFSET } from '../../sequence-fault.ts';
import { BOUNDARY } from './bases.ts';
import { ByteReader } from './bytes.ts';
import { CONTINUE_LONG, DELETE_LIST, DELETE_ONE, DELETE_RANGE, FULL_NAMES, HAS_NUMBERS, NEW } from './heads.ts';
import { RIGHT, type Side } from './records.ts';

/** A replica as an update names it: whole, or by its short name. */
export type Name = Replica | number;

export interface UpdateEvent {
  readonly kind: 'continue' | 'extend' | 'new' | 'delete';
  readonly counter: number;
  /** How many counters it takes. */
  readonly length: number;
  /** Where the units of an insertion begin among all of the update, the dead ones included. */
  readonly start: number;
  /** extend: the counter of the base's id. new: that of the parent's id. */
  baseCounter: number;
  offset: number;
  /** new: the counter of the parent's unit on which it hangs. */
  parentCounter: number;
  /** new: 0 the root, 1 a base of the author, 2 + i one of the i-th other. */
  parent: number;
  side: Side;
  choice: number;
  /** delete: 0 the author or 1 + i the i-th other, first counter, length; of each range. */
  readonly ranges: number[];
}

export interface Update {
  readonly author: Name;
  readonly others: readonly Name[];
  readonly first: number;
  readonly last: number;
  readonly events: readonly UpdateEvent[];
  /** Start and end of each dead range among the inserted units. */
  readonly dead: readonly number[];
  /** How many units it holds: those inserted that are not dead. */
  readonly held: number;
  /** Of a text, the units held. */
  readonly units: Uint16Array;
}

/** The first counter, the last and the author of an update, and how many units it holds, by reading it whole. Throws `MERGE_MALFORMED`. */
export function readUpdate(bytes: Uint8Array, unit: SequenceUnit): Update {
  const reader = new ByteReader(bytes);
  const flags = reader.byte();
  if (flags > 127) throw reader.malformed();
  const isFull = (flags & FULL_NAMES) !== 0;
  const author = readName(reader, isFull);
  const first = reader.upTo(MAX_COUNTER);
  if (first === 0) throw reader.malformed();
  let eventCount = 1;
  let deadCount = 0;
  const others: Name[] = [];
  if (flags & HAS_NUMBERS) {
    // Each is at least a byte, so no number can ask for more than there is.
    eventCount += reader.upTo(reader.left);
    deadCount = reader.upTo(reader.left);
    for (let left = reader.upTo(reader.left); left > 0; left--) others.push(readName(reader, isFull));
  }
  const events: UpdateEvent[] = [];
  let counter = first;
  let inserted = 0;
  for (let at = 0; at < eventCount; at++) {
    const event = readEvent(reader, at === 0 ? flags & 31 : reader.byte(), counter, inserted, others.length);
    events.push(event);
    counter += event.length;
    if (event.kind !== 'delete') inserted += event.length;
    if (counter - 1 > MAX_COUNTER) throw reader.malformed();
  }
  const dead: number[] = [];
  let held = inserted;
  for (let at = 0, end = 0; at < deadCount; at++) {
    const start = end + reader.varint();
    if (at > 0 && start === end) throw reader.malformed();
    end = start + reader.varint() + 1;
    if (end > inserted) throw reader.malformed();
    dead.push(start, end);
    held -= end - start;
  }
  const units = unit === 'text' ? readUnits(reader, held) : NO_UNITS;
  if (reader.left > 0) throw reader.malformed();
  return { author, others, first, last: counter - 1, events, dead, held, units };
}

/** Reads `count` units of a text. */
export function readUnits(reader: ByteReader, count: number): Uint16Array<ArrayBuffer> {
  if (count > reader.left) throw reader.malformed();
  if (count === 0) return NO_UNITS;
  const units = new Uint16Array(count);
  for (let at = 0; at < count; at++) units[at] = reader.upTo(0xffff);
  return units;
}

const NO_UNITS: Uint16Array<ArrayBuffer> = new Uint16Array(0);

function readName(reader: ByteReader, isFull: boolean): Name {
  return isFull ? reader.full() : reader.short();
}

function readEvent(reader: ByteReader, head: number, counter: number, start: number, others: number): UpdateEvent {
  if (head > DELETE_LIST) throw reader.malformed();
  if (head >= DELETE_ONE) return readDelete(reader, head, counter, start, others);
  if (head <= CONTINUE_LONG) {
    const length = head < CONTINUE_LONG ? head + 1 : CONTINUE_LONG + 1 + reader.upTo(MAX_COUNTER);
    return createEvent('continue', counter, length, start);
  }
  const isLong = (head & 1) === 1;
  const length = isLong ? 2 + reader.upTo(MAX_COUNTER) : 1;
  const isNew = head >= NEW;
  const event = createEvent(isNew ? 'new' : 'extend', counter, length, start);
  if (isNew) readParent(reader, event, others);
  else readExtension(reader, event);
  return event;
}

function readExtension(reader: ByteReader, event: UpdateEvent): void {
  event.baseCounter = readOwnCounter(reader, event.counter);
  event.offset = readOffset(reader);
  const last = event.offset + event.length - 1;
  if (last > MAX_OFFSET || (event.offset <= 0 && last >= 0)) throw reader.malformed();
}

function readParent(reader: ByteReader, event: UpdateEvent, others: number): void {
  event.parent = reader.upTo(1 + others);
  if (event.parent > 0) {
    event.baseCounter = event.parent === 1 ? readOwnCounter(reader, event.counter) : readCounter(reader);
    event.offset = readOffset(reader);
    event.parentCounter = event.baseCounter;
    if (event.offset !== 0) {
      const last = event.parent === 1 ? event.counter - 1 : MAX_COUNTER;
      event.parentCounter += reader.upTo(last - event.baseCounter);
      if (event.parentCounter === event.baseCounter) throw reader.malformed();
    }
  }
  const placed = reader.upTo(2 * BOUNDARY - 1);
  event.side = (placed & 1) as Side;
  event.choice = placed >> 1;
  if ((event.parent === 0 && event.side !== RIGHT) || event.length - 1 > MAX_OFFSET) throw reader.malformed();
}

function readDelete(reader: ByteReader, head: number, counter: number, start: number, others: number): UpdateEvent {
  const event = createEvent('delete', counter, 1, start);
  if (head !== DELETE_LIST) {
    const first = readOwnCounter(reader, counter);
    const length = head === DELETE_RANGE ? 2 + reader.upTo(MAX_COUNTER) : 1;
    if (first + length > counter) throw reader.malformed();
    event.ranges.push(0, first, length);
    return event;
  }
  const count = reader.upTo(reader.left);
  if (count === 0) throw reader.malformed();
  for (let left = count; left > 0; left--) {
    const author = reader.upTo(others);
    const first = author === 0 ? readOwnCounter(reader, counter) : readCounter(reader);
    const length = 1 + reader.upTo(MAX_COUNTER);
    if (first + length > (author === 0 ? counter : MAX_COUNTER + 1)) throw reader.malformed();
    event.ranges.push(author, first, length);
  }
  return event;
}

/** A counter of the author, written as the distance back from an event. */
function readOwnCounter(reader: ByteReader, counter: number): number {
  const back = reader.upTo(counter - 1);
  if (back === 0) throw reader.malformed();
  return counter - back;
}

function readCounter(reader: ByteReader): number {
  const counter = reader.upTo(MAX_COUNTER);
  if (counter === 0) throw reader.malformed();
  return counter;
}

function readOffset(reader: ByteReader): number {
  const offset = reader.signed();
  if (offset > MAX_OFFSET || offset < -MAX_OFFSET) throw reader.malformed();
  return offset;
}

function createEvent(kind: UpdateEvent['kind'], counter: number, length: number, start: number): UpdateEvent {
  return { kind, counter, length, start, baseCounter: 0, offset: 0, parentCounter: 0, parent: 0, side: RIGHT, choice: 0, ranges: [] };
}
