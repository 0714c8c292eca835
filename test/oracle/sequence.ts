/**
 * A sequence as slow and obvious as can be, to check the kernels against: every unit ever made keeps its whole path, the list is what lives, sorted by path,
 * and an operation is applied when what it needs has been. It shares the rules of places with the kernels, but no code and no bytes.
 */
import type { Replica } from '../../ts/kernel/kernel.ts';

interface Base {
  readonly author: string;
  readonly counter: number;
  readonly parent: Base | null;
  /** The unit that it hangs on; null on the root. */
  readonly hangsOn: Unit | null;
  readonly offset: number;
  /** -1 left of the parent's unit, 1 right of it. */
  readonly side: -1 | 1;
  readonly digit: number;
  readonly level: number;
  min: number;
  max: number;
}

export interface Unit {
  readonly author: string;
  readonly counter: number;
  readonly base: Base;
  readonly offset: number;
  readonly value: number;
}

/** One counter of an author: a unit, or the dots of a delete. */
type Operation = { readonly counter: number; readonly unit: Unit } | { readonly counter: number; readonly dots: readonly string[] };

/** What one update holds. */
export interface ModelUpdate {
  readonly author: string;
  readonly operations: readonly Operation[];
  /** Units inserted and deleted by the update itself: they are never shown, even where the delete has to wait. */
  readonly dead: ReadonlySet<string>;
}

const ROOT: Base = { author: '', counter: 0, parent: null, hangsOn: null, offset: 0, side: 1, digit: 0, level: 0, min: 0, max: 0 };

/** A replica's name in the model: ordered as the replicas are. */
export function nameOf({ high, low }: Replica): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

export class Model {
  readonly name: string;
  readonly version: Map<string, number> = new Map();
  readonly live: Map<string, Unit> = new Map();
  /** What came and is not all applied. */
  private received: ModelUpdate[] = [];
  private pending: Operation[] = [];
  /** The live units in order, until one comes or goes. */
  private sorted: readonly Unit[] | null = null;
  private readonly own = new Set<Base>();
  private random: number;

  constructor(replica: Replica) {
    this.name = nameOf(replica);
    this.random = (replica.low ^ Math.imul(replica.high, 0x9e3779b1)) | 1;
  }

  /** The live units in order. */
  list(): Unit[] {
    if (this.sorted === null) {
      const placed = [...this.live.values()].map((unit) => ({ unit, steps: stepsOf(unit) }));
      this.sorted = placed.sort((a, b) => compareSteps(a.steps, b.steps)).map(({ unit }) => unit);
    }
    return [...this.sorted];
  }

  values(): number[] {
    return this.list().map(({ value }) => value);
  }

  edit(index: number, removed: number, inserted: readonly number[]): void {
    const list = this.list();
    if (removed > 0) {
      const gone = list.splice(index, removed);
      this.perform({ counter: this.counterOf(this.name) + 1, dots: gone.map(dotOf) });
    }
    if (inserted.length > 0) this.insert(list[index - 1], list[index], inserted);
  }

  takeUpdate(): ModelUpdate | null {
    if (this.pending.length === 0) return null;
    const dead = new Set(this.pending.flatMap((operation) => ('dots' in operation ? operation.dots : [])));
    const update = { author: this.name, operations: this.pending, dead };
    this.pending = [];
    return update;
  }

  /** Applies what can be of this update and of all before it. */
  apply(update: ModelUpdate): void {
    this.received.push(update);
    this.retry();
  }

  join(other: Model): void {
    this.sorted = null;
    for (const [dot, unit] of this.live) if (other.covers(unit.author, unit.counter) && !other.live.has(dot)) this.live.delete(dot);
    for (const [dot, unit] of other.live) if (!this.covers(unit.author, unit.counter)) this.live.set(dot, unit);
    for (const [author, counter] of other.version) this.version.set(author, Math.max(counter, this.counterOf(author)));
    this.retry();
  }

  /** Whether some of what came still waits. */
  isWaiting(): boolean {
    return this.received.length > 0;
  }

  covers(author: string, counter: number): boolean {
    return this.counterOf(author) >= counter;
  }

  private counterOf(author: string): number {
    return this.version.get(author) ?? 0;
  }

  private retry(): void {
    for (let isMoving = true; isMoving; ) {
      isMoving = false;
      for (const { author, operations, dead } of this.received) {
        for (const operation of operations) {
          if (operation.counter !== this.counterOf(author) + 1 || !this.isReady(operation)) continue;
          this.run(author, operation, dead);
          isMoving = true;
        }
      }
    }
    this.received = this.received.filter(({ author, operations }) => !this.covers(author, operations.at(-1)!.counter));
  }

  private isReady(operation: Operation): boolean {
    if ('dots' in operation) return operation.dots.every((dot) => this.covers(dot.slice(0, 16), Number(dot.slice(17))));
    const { base } = operation.unit;
    // The first unit of a base needs the unit that it hangs on.
    return base.counter < operation.counter || base.hangsOn === null || this.covers(base.hangsOn.author, base.hangsOn.counter);
  }

  private perform(operation: Operation): void {
    this.run(this.name, operation);
    this.pending.push(operation);
  }

  private run(author: string, operation: Operation, dead?: ReadonlySet<string>): void {
    this.sorted = null;
    this.version.set(author, operation.counter);
    if ('dots' in operation) for (const dot of operation.dots) this.live.delete(dot);
    else if (dead?.has(dotOf(operation.unit)) !== true) this.live.set(dotOf(operation.unit), operation.unit);
  }

  private insert(left: Unit | undefined, right: Unit | undefined, values: readonly number[]): void {
    let base: Base;
    let offset = 0;
    if (left !== undefined && this.own.has(left.base) && !isBelow(right, left.base)) {
      base = left.base;
      offset = base.max + 1;
      base.max += values.length;
    } else if (right !== undefined && this.own.has(right.base) && !isBelow(left, right.base)) {
      base = right.base;
      base.min -= values.length;
      offset = base.min;
    } else {
      base = this.createBase(left, right);
      base.max = values.length - 1;
    }
    for (const [at, value] of values.entries()) {
      const counter = this.counterOf(this.name) + 1;
      this.perform({ counter, unit: { author: this.name, counter, base, offset: offset + at, value } });
    }
  }

  private createBase(left: Unit | undefined, right: Unit | undefined): Base {
    let place: Pick<Base, 'parent' | 'hangsOn' | 'offset' | 'side'> = { parent: ROOT, hangsOn: null, offset: 0, side: 1 };
    if (left !== undefined && !hangsRight(right, left)) place = { parent: left.base, hangsOn: left, offset: left.offset, side: 1 };
    else if (right !== undefined) place = { parent: right.base, hangsOn: right, offset: right.offset, side: -1 };
    const level = place.parent!.level + 1;
    const choice = this.choose();
    const digit = level % 2 === 1 ? 1 + choice : 2 ** Math.min(4 + level, 16) - 1 - choice;
    const base = { ...place, author: this.name, counter: this.counterOf(this.name) + 1, digit, level, min: 0, max: 0 };
    this.own.add(base);
    return base;
  }

  private choose(): number {
    this.random ^= this.random << 13;
    this.random ^= this.random >>> 17;
    this.random ^= this.random << 5;
    return (this.random >>> 0) % 10;
  }
}

function dotOf({ author, counter }: Unit): string {
  return `${author}:${counter}`;
}

/** The bases from the root's child down to this one. */
function pathOf(base: Base): Base[] {
  const path: Base[] = [];
  for (let at = base; at !== ROOT; at = at.parent!) path.unshift(at);
  return path;
}

function isBelow(unit: Unit | undefined, base: Base): boolean {
  return unit !== undefined && pathOf(unit.base).includes(base);
}

function hangsRight(unit: Unit | undefined, of: Unit): boolean {
  return (
    unit !== undefined && pathOf(unit.base).some(({ parent, offset, side }) => parent === of.base && offset === of.offset && side === 1)
  );
}

type Steps = readonly { offset: number; side: number; digit: number; author: string; counter: number }[];

function compareSteps(a: Steps, b: Steps): number {
  for (let at = 0; ; at++) {
    const x = a[at];
    const y = b[at];
    if (x === undefined || y === undefined) return 0;
    const order = x.offset - y.offset || x.side - y.side || x.digit - y.digit || compareText(x.author, y.author) || x.counter - y.counter;
    if (order !== 0) return order;
  }
}

function stepsOf({ base, offset }: Unit): Steps {
  return [...pathOf(base), { offset, side: 0, digit: 0, author: '', counter: 0 }];
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
