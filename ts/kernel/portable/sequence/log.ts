/**
 * The local edits since the last update was taken, as its events: runs of inserted units and deletes. What was inserted and deleted in between stays
 * as places without units, so that later units find theirs.
 */

import type { SequenceUnits } from '../../kernel.ts';
import type { Author, Base } from './records.ts';

/** A run of inserted units, counter and offset both stepping by one. */
export interface InsertEvent extends Placed {
  length: number;
  /** Where its units begin among all inserted ones. */
  readonly start: number;
  /** Whether it goes on behind the author's dot before it, which an earlier update holds. */
  readonly isContinued: boolean;
}

/** Where the first unit of a run is, and its counter. */
export interface Placed {
  readonly base: Base;
  readonly offset: number;
  readonly counter: number;
  /** Of a new base that does not hang on the root, the counter of the unit that it hangs on. */
  readonly parentCounter: number;
}

/** Dots of one author that a delete names. */
export interface DotRange {
  readonly author: Author;
  readonly counter: number;
  length: number;
}

export interface DeleteEvent {
  readonly counter: number;
  readonly ranges: DotRange[];
}

export type LogEvent = InsertEvent | DeleteEvent;

export class Log {
  /** The counter of the first event; 0 where there is none. */
  first = 0;
  events: LogEvent[] = [];
  /** All inserted units, and which of them are dead. */
  units: SequenceUnits;
  dead: Uint8Array;
  inserted = 0;
  deadCount = 0;

  constructor(units: SequenceUnits) {
    this.units = units;
    this.dead = new Uint8Array(units.length);
  }

  clear(): void {
    this.first = 0;
    this.events = [];
    this.dead.fill(0, 0, this.inserted);
    this.inserted = 0;
    this.deadCount = 0;
  }

  insert(author: Author, { base, offset, counter, parentCounter }: Placed, source: SequenceUnits, from: number, length: number): void {
    const { events, inserted: start } = this;
    if (start + length > this.units.length) this.grow(start + length);
    if (length < 16) for (let at = 0; at < length; at++) this.units[start + at] = source[from + at]!;
    else this.units.set(source.subarray(from, from + length), start);
    this.inserted += length;
    const isContinued = author.tailCounter === counter - 1 && author.tailBase === base && author.tailOffset === offset - 1;
    if (events.length === 0) {
      this.first = counter;
    } else if (isContinued) {
      // The dot before is the last of this log, so its run is the last event.
      (events[events.length - 1] as InsertEvent).length += length;
      return;
    }
    events.push({ base, offset, counter, parentCounter, length, start, isContinued });
  }

  startDelete(counter: number): DeleteEvent {
    const event: DeleteEvent = { counter, ranges: [] };
    if (this.events.length === 0) this.first = counter;
    this.events.push(event);
    return event;
  }

  /** Adds units of one block to a delete. Those inserted by this log become dead besides. */
  delete(event: DeleteEvent, own: Author, author: Author, counter: number, length: number): void {
    const last = event.ranges.at(-1);
    if (last !== undefined && last.author === author && last.counter + last.length === counter) last.length += length;
    else event.ranges.push({ author, counter, length });
    if (author === own && counter + length > this.first) {
      const first = Math.max(counter, this.first);
      this.kill(first, counter + length - first);
    }
  }

  private kill(counter: number, length: number): void {
    let low = 0;
    let high = this.events.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.events[middle]!.counter <= counter) low = middle;
      else high = middle - 1;
    }
    // Units of one block step by one, and so does an event: one event has them all.
    const event = this.events[low] as InsertEvent;
    const start = event.start + counter - event.counter;
    this.dead.fill(1, start, start + length);
    this.deadCount += length;
  }

  private grow(needed: number): void {
    const capacity = Math.max(needed, 2 * this.units.length, 64);
    const units = this.units instanceof Uint16Array ? new Uint16Array(capacity) : new Uint32Array(capacity);
    units.set(this.units.subarray(0, this.inserted));
    this.units = units;
    const dead = new Uint8Array(capacity);
    dead.set(this.dead.subarray(0, this.inserted));
    this.dead = dead;
  }
}
