/**
 * Applies updates of others, and those that waited for them. An update is one author's, and its events apply in the order of their counters: one that
 * is covered already is passed over, one that needs what is not there yet waits with all that follow it.
 */
import type { SequenceUnits } from '../../kernel.ts';
import { MAX_OFFSET, type SequenceFaultCode, sequenceFault } from '../../sequence-fault.ts';
import { comparePlaces, digitOf } from './bases.ts';
import type { Contents } from './contents.ts';
import { Author, type Base } from './records.ts';
import { type Name, readUpdate, type Update, type UpdateEvent } from './update-read.ts';
import type { WaitingUpdate } from './waiting.ts';

/** How far an update got: `done` when nothing of it is left to apply, `applied` when it changed anything. */
interface Outcome {
  isDone: boolean;
  hasApplied: boolean;
}

/** Applies an update, or keeps it until it can be, and then what waited for it. See `KernelSequence.apply`. */
export function applyUpdate(contents: Contents, bytes: Uint8Array, firstHandle: number, handleCount: number): number {
  const update = readUpdate(bytes, contents.unit);
  if (contents.unit === 'elements' && update.held !== handleCount) throw sequenceFault('MERGE_MALFORMED', bytes.length);
  const { isDone, hasApplied } = attempt(contents, update, firstHandle);
  if (!isDone && !contents.waiting.add(update, bytes, firstHandle)) throw fault('MERGE_NEED_STATE');
  if (hasApplied) applyWaiting(contents);
  return update.held;
}

/** Tries again what waits, until nothing of it can be applied. */
export function applyWaiting(contents: Contents): void {
  const { waiting } = contents;
  for (let isMoving = true; isMoving; ) {
    isMoving = false;
    for (const [key, queue] of waiting.queues) {
      for (let { head } = queue; head !== undefined; { head } = queue) {
        const { isDone, hasApplied } = retry(contents, queue.author, head, () => waiting.drop(key, queue));
        isMoving ||= hasApplied || isDone;
        if (!isDone) break;
        waiting.drop(key, queue);
      }
    }
  }
}

function retry(contents: Contents, name: Name, waiting: WaitingUpdate, drop: () => void): Outcome {
  try {
    const author = resolve(contents, name);
    const covered = author?.counter ?? 0;
    if (waiting.first > covered + 1) return { isDone: false, hasApplied: false };
    return attempt(contents, readUpdate(waiting.bytes, contents.unit), waiting.firstHandle);
  } catch (fault) {
    // It would fail again at every try.
    drop();
    throw fault;
  }
}

/** Applies the events of an update up to the first that is early. */
function attempt(contents: Contents, update: Update, firstHandle: number): Outcome {
  const known = resolve(contents, update.author);
  if (known === contents.own) {
    // By its short name it may be another replica, which a state would tell.
    if (update.last > known.counter) throw fault(typeof update.author === 'number' ? 'MERGE_NEED_STATE' : 'MERGE_FORK');
    return { isDone: true, hasApplied: false };
  }
  if (known === null && typeof update.author === 'number') return { isDone: false, hasApplied: false };
  const author = known ?? new Author(update.author as Author);
  if (update.first > author.counter + 1) return { isDone: false, hasApplied: false };
  return new UpdateWork(contents, update, author, firstHandle).run();
}

/** The replica that a name means, or null where none is known by it. */
function resolve({ authors }: Contents, name: Name): Author | null {
  if (typeof name !== 'number') return authors.find(name);
  const sharing = authors.withShort(name);
  if (sharing.length > 1) throw fault('MERGE_NEED_STATE');
  return sharing[0] ?? null;
}

/** Faults of what an update says, not of how: they are not at one byte. */
function fault(code: SequenceFaultCode): Error {
  return sequenceFault(code, 0);
}

/** One update while it is being applied. */
class UpdateWork {
  private readonly contents: Contents;
  private readonly update: Update;
  private readonly author: Author;
  private readonly units: SequenceUnits;
  /** The last dot of the author whose place is known here, and that place. */
  private counter: number;
  private base: Base | null;
  private offset: number;
  /** How far the dead ranges and the units held were used. */
  private deadAt = 0;
  private deadBefore = 0;

  constructor(contents: Contents, update: Update, author: Author, firstHandle: number) {
    this.contents = contents;
    this.update = update;
    this.author = author;
    this.units = contents.unit === 'text' ? update.units : Uint32Array.from({ length: update.held }, (_, at) => firstHandle + at);
    this.counter = author.tailCounter;
    this.base = author.tailBase;
    this.offset = author.tailOffset;
  }

  run(): Outcome {
    const { contents, update, author } = this;
    let hasApplied = false;
    for (const event of update.events) {
      const end = event.counter + event.length;
      const skipped = author.counter + 1 - event.counter;
      if (skipped >= event.length) {
        this.pass(event);
        continue;
      }
      if (!this.apply(event, skipped)) return { isDone: false, hasApplied };
      if (author.counter === 0) contents.authors.add(author);
      author.counter = end - 1;
      contents.isPastMark = true;
      hasApplied = true;
    }
    return { isDone: true, hasApplied };
  }

  /** Takes note of where a covered insertion was, in case the next event goes on behind it. */
  private pass(event: UpdateEvent): void {
    if (event.kind === 'delete') return;
    if (event.kind === 'continue') {
      if (this.base !== null && this.counter === event.counter - 1) this.note(event, this.base, this.offset + 1);
      return;
    }
    const base = this.author.bases.get(event.kind === 'new' ? event.counter : event.baseCounter);
    if (base !== undefined) this.note(event, base, event.kind === 'new' ? 0 : event.offset);
  }

  private note(event: UpdateEvent, base: Base, offset: number): void {
    this.counter = event.counter + event.length - 1;
    this.base = base;
    this.offset = offset + event.length - 1;
  }

  /** Applies an event but for its first `skipped` counters. False when it is early. */
  private apply(event: UpdateEvent, skipped: number): boolean {
    if (event.kind === 'delete') return this.delete(event);
    let base: Base | undefined;
    let offset = event.offset;
    if (event.kind === 'continue') {
      // What is covered of it was the author's last dot.
      if (this.base === null || this.counter !== event.counter + skipped - 1) throw fault('MERGE_NEED_STATE');
      base = this.base;
      offset = this.offset + 1 - skipped;
      if (offset + event.length - 1 > MAX_OFFSET) throw fault('MERGE_LIMIT');
    } else if (event.kind === 'extend') {
      base = this.author.bases.get(event.baseCounter);
    } else if (skipped > 0) {
      base = this.author.bases.get(event.counter);
      offset = 0;
    } else {
      const parent = this.parentOf(event);
      if (parent === null) return false;
      base = this.contents.addBase(this.author, event.counter, parent, offset, event.side, digitOf(parent.depth + 1, event.choice));
      base.max = event.length - 1;
      offset = 0;
    }
    if (base === undefined) throw fault('MERGE_NEED_STATE');
    if (event.kind !== 'new' || skipped > 0) widen(base, offset + skipped, offset + event.length - 1);
    this.insert(event, base, offset, skipped);
    this.note(event, base, offset);
    this.author.setTail(this.counter, base, this.offset);
    return true;
  }

  /** The parent of a new base, or null while it is not there yet. */
  private parentOf({ parent, baseCounter, parentCounter }: UpdateEvent): Base | null {
    if (parent === 0) return this.contents.root;
    const author = parent === 1 ? this.author : this.other(parent - 2);
    if (author === null || (parent > 1 && author.counter < parentCounter)) return null;
    const base = author.bases.get(baseCounter);
    if (base === undefined) throw fault('MERGE_NEED_STATE');
    return base;
  }

  private other(index: number): Author | null {
    const name = this.update.others[index]!;
    return resolve(this.contents, name);
  }

  /** Inserts the units of an event that are neither covered nor dead. */
  private insert(event: UpdateEvent, base: Base, offset: number, skipped: number): void {
    const { dead } = this.update;
    const { tree, changes } = this.contents;
    const end = event.start + event.length;
    for (let at = event.start + skipped; at < end; ) {
      while (this.deadAt < dead.length && dead[this.deadAt + 1]! <= at) {
        this.deadBefore += dead[this.deadAt + 1]! - dead[this.deadAt]!;
        this.deadAt += 2;
      }
      const deadStart = dead[this.deadAt] ?? end;
      if (deadStart <= at) {
        at = dead[this.deadAt + 1]!;
        continue;
      }
      const stop = Math.min(end, deadStart);
      const into = at - event.start;
      tree.seekPlace(base, offset + into);
      if (changes.areRecorded) changes.inserted(tree.index(), this.units, at - this.deadBefore, stop - at);
      this.contents.insert(base, offset + into, event.counter + into, this.units, at - this.deadBefore, stop - at);
      this.contents.index(base, offset + into, event.counter + into, stop - at);
      at = stop;
    }
  }

  private delete({ ranges }: UpdateEvent): boolean {
    for (let at = 0; at < ranges.length; at += 3) {
      if (ranges[at] === 0) continue;
      const author = this.other(ranges[at]! - 1);
      if (author === null || author.counter < ranges[at + 1]! + ranges[at + 2]! - 1) return false;
    }
    for (let at = 0; at < ranges.length; at += 3) {
      const author = ranges[at] === 0 ? this.author : this.other(ranges[at]! - 1)!;
      this.deleteDots(author, ranges[at + 1]!, ranges[at + 1]! + ranges[at + 2]!);
    }
    return true;
  }

  /** Deletes what lives of an author's dots from `start` to `end`, not included. */
  private deleteDots({ dots }: Author, start: number, end: number): void {
    const { tree, changes } = this.contents;
    for (let counter = start; counter < end; ) {
      if (!dots.find(counter)) {
        counter = dots.nextAfter(counter);
        continue;
      }
      const run = Math.min(dots.length, end - counter);
      if (!tree.seekPlace(dots.base, dots.offset)) {
        counter += this.deadUnits(dots.base, dots.offset, run);
        continue;
      }
      const part = Math.min(run, tree.block!.length - tree.within);
      if (changes.areRecorded) changes.removed(tree.index(), part);
      this.contents.remove(part);
      counter += part;
    }
  }

  /** How many of `length` places from one without a unit surely have none. The cursor stands where its unit would be. */
  private deadUnits(base: Base, offset: number, length: number): number {
    const next = this.contents.tree.unitBehind();
    if (next === null) return length;
    const { block } = next;
    if (block.base === base) return Math.min(length, block.offset + next.at - offset);
    return comparePlaces(block.base, block.offset + next.at, base, offset + length - 1) > 0 ? length : 1;
  }
}

/** Takes note that a base has units at these offsets; they must be past those it had. */
function widen(base: Base, first: number, last: number): void {
  if (first > base.max) base.max = last;
  else if (last < base.min) base.min = first;
  else throw fault('MERGE_FORK');
}
