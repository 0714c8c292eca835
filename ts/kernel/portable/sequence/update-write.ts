/** Writes the log of local edits as an update (sequence-layout.md, "Update"). */
import type { SequenceBytes } from '../../kernel.ts';
import { choiceOf } from './bases.ts';
import { ByteWriter } from './bytes.ts';
import type { Contents } from './contents.ts';
import { CONTINUE, CONTINUE_LONG, DELETE_LIST, DELETE_ONE, DELETE_RANGE, EXTEND, FULL_NAMES, HAS_NUMBERS, NEW } from './heads.ts';
import type { DeleteEvent, InsertEvent, Log } from './log.ts';
import type { Author } from './records.ts';

const writer: ByteWriter = new ByteWriter();

/** The update of everything in the log, which is empty after it; null when it was. */
export function takeUpdate({ log, own, authors }: Contents): SequenceBytes | null {
  const { events } = log;
  if (events.length === 0) return null;
  const others = findOthers(log, own);
  const dead = findDead(log);
  const isFull = log.first === 1 || authors.haveClash;
  const hasNumbers = events.length > 1 || dead.length > 0 || others.length > 0;
  writer.byte((isFull ? FULL_NAMES : 0) | (hasNumbers ? HAS_NUMBERS : 0) | headOf(events[0]!, own));
  writeName(own, isFull);
  writer.varint(log.first);
  if (hasNumbers) {
    writer.varint(events.length - 1);
    writer.varint(dead.length / 2);
    writer.varint(others.length);
    for (const other of others) writeName(other, isFull);
  }
  for (let at = 0; at < events.length; at++) {
    const event = events[at]!;
    if (at > 0) writer.byte(headOf(event, own));
    if ('ranges' in event) writeDelete(event, own, others);
    else writeInsert(event, own, others);
  }
  for (const number of dead) writer.varint(number);
  const units = writeUnits(log);
  log.clear();
  return { bytes: writer.take(), units };
}

function headOf(event: InsertEvent | DeleteEvent, own: Author): number {
  if ('ranges' in event) {
    if (event.ranges.length !== 1 || event.ranges[0]!.author !== own) return DELETE_LIST;
    return event.ranges[0]!.length === 1 ? DELETE_ONE : DELETE_RANGE;
  }
  if (event.isContinued) return Math.min(CONTINUE + event.length - 1, CONTINUE_LONG);
  return (isNew(event) ? NEW : EXTEND) + (event.length === 1 ? 0 : 1);
}

/** The first event of a base is the one with the counter of its id. */
function isNew(event: InsertEvent): boolean {
  return event.base.counter === event.counter;
}

function writeName(author: Author, isFull: boolean): void {
  if (isFull) writer.full(author);
  else writer.short(author);
}

function writeInsert(event: InsertEvent, own: Author, others: readonly Author[]): void {
  const { base, counter, offset, length } = event;
  if (event.isContinued) {
    if (length > CONTINUE_LONG) writer.varint(length - CONTINUE_LONG - 1);
    return;
  }
  if (length > 1) writer.varint(length - 2);
  if (!isNew(event)) {
    writer.varint(counter - base.counter);
    writer.signed(offset);
    return;
  }
  const parent = base.parent!;
  if (parent.author === null) {
    writer.varint(0);
  } else {
    writer.varint(parent.author === own ? 1 : 2 + others.indexOf(parent.author));
    writer.varint(parent.author === own ? counter - parent.counter : parent.counter);
    writer.signed(base.offset);
    if (base.offset !== 0) writer.varint(event.parentCounter - parent.counter);
  }
  writer.varint(2 * choiceOf(base) + base.side);
}

function writeDelete({ counter, ranges }: DeleteEvent, own: Author, others: readonly Author[]): void {
  if (ranges.length === 1 && ranges[0]!.author === own) {
    writer.varint(counter - ranges[0]!.counter);
    if (ranges[0]!.length > 1) writer.varint(ranges[0]!.length - 2);
    return;
  }
  writer.varint(ranges.length);
  for (const range of ranges) {
    writer.varint(range.author === own ? 0 : 1 + others.indexOf(range.author));
    writer.varint(range.author === own ? counter - range.counter : range.counter);
    writer.varint(range.length - 1);
  }
}

/** The other replicas that events name, in the order in which they first do. */
function findOthers({ events }: Log, own: Author): Author[] {
  const others: Author[] = [];
  const add = (author: Author | null): void => {
    if (author !== null && author !== own && !others.includes(author)) others.push(author);
  };
  for (const event of events) {
    if ('ranges' in event) for (const { author } of event.ranges) add(author);
    else if (isNew(event)) add(event.base.parent!.author);
  }
  return others;
}

/** The dead ranges, as the pairs of numbers that are written. */
function findDead({ dead, deadCount, inserted }: Log): number[] {
  const numbers: number[] = [];
  if (deadCount === 0) return numbers;
  let end = 0;
  for (let at = dead.indexOf(1); at >= 0 && at < inserted; at = dead.indexOf(1, end)) {
    const start = at;
    while (at < inserted && dead[at] === 1) at++;
    numbers.push(start - end, at - start - 1);
    end = at;
  }
  return numbers;
}

/** Making an array costs as much as a small update. */
const NO_HANDLES: Uint32Array<ArrayBuffer> = new Uint32Array(0);

function writeUnits({ units, dead, inserted, deadCount }: Log): Uint32Array<ArrayBuffer> {
  if (units instanceof Uint16Array) {
    for (let at = 0; at < inserted; at++) if (dead[at] === 0) writer.varint(units[at]!);
    return NO_HANDLES;
  }
  if (deadCount === 0) return Uint32Array.from(units.subarray(0, inserted));
  return Uint32Array.from(units.subarray(0, inserted).filter((_, at) => dead[at] === 0));
}
