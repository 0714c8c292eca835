/**
 * The two records that point to each other: a replica as the author of bases, and a base with its author. Each base has a jump pointer to an ancestor
 * (Myers, An applicative random-access stack, 1983), which makes ways up short.
 */
import type { Replica } from '../../kernel.ts';
import { DotIndex } from './dots.ts';

/** The side of a parent's unit on which a base hangs. */
export type Side = typeof LEFT | typeof RIGHT;
export const LEFT = 0;
export const RIGHT = 1;

/** One replica, as author of units, bases and deletes. */
export class Author implements Replica {
  readonly high: number;
  readonly low: number;
  /** All its counters up to this one have been seen. */
  counter = 0;
  readonly bases: Map<number, Base> = new Map();
  readonly dots: DotIndex<Base> = new DotIndex();
  /** The dot of the last unit that it inserted, as far as known, and the place of that unit; `tailBase` is null where it is not known. */
  tailCounter = 0;
  tailBase: Base | null = null;
  tailOffset = 0;

  constructor(replica: Replica) {
    this.high = replica.high >>> 0;
    this.low = replica.low >>> 0;
  }

  setTail(counter: number, base: Base | null, offset: number): void {
    this.tailCounter = counter;
    this.tailBase = base;
    this.tailOffset = offset;
  }
}

/** A line of places, one for each offset; immutable but for what this instance knows of it. */
export class Base {
  /** Null in the root alone, which has no id. */
  readonly author: Author | null;
  readonly counter: number;
  readonly parent: Base | null;
  /** The place in the parent. */
  readonly offset: number;
  readonly side: Side;
  readonly digit: number;
  readonly depth: number;
  readonly jump: Base;
  /** True when this instance made it: nobody else may extend it. */
  isOwn = false;
  /** The offsets ever used, as far as this instance knows: deleted units count. Offset 0 always was. */
  min = 0;
  max = 0;
  /** Live units in it. */
  units = 0;
  /** Bases that hang on it. */
  children = 0;
  /** The clock of the sequence when it lost its last unit. */
  emptiedAt = 0;

  constructor(author: Author | null, counter: number, parent: Base | null, offset: number, side: Side, digit: number) {
    this.author = author;
    this.counter = counter;
    this.parent = parent;
    this.offset = offset;
    this.side = side;
    this.digit = digit;
    this.depth = parent === null ? 0 : parent.depth + 1;
    this.jump = parent === null ? this : jumpFrom(parent);
  }
}

/** By `high`, then `low`. */
export function compareReplicas(a: Replica, b: Replica): number {
  return a.high - b.high || a.low - b.low;
}

function jumpFrom(parent: Base): Base {
  const { jump } = parent;
  return parent.depth - jump.depth === jump.depth - jump.jump.depth ? jump.jump : parent;
}
