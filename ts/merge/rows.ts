/**
 * Writes in columns: which write each entry of a session shows. A session has thousands of them, and of most no object is ever made: not when a state is read,
 * nor when it is joined or written.
 */
import type { Dot, Stamp } from './entry.ts';

/** One write: its name and when it happened. */
export interface Row {
  readonly dot: Dot;
  readonly stamp: Stamp;
}

/** Writes by number, each of which may be none. */
export class Rows {
  readonly length: number;
  readonly replicas: readonly string[];
  /** By number in {@link replicas}; -1 for no write. */
  readonly replicaOf: Int32Array;
  readonly counterOf: Float64Array;
  /** By number in {@link stamps}; of no meaning for no write. */
  readonly stampOf: Int32Array;
  readonly stamps: Stamp[] = [];

  /** None of `length` rows is a write at first. */
  constructor(length: number, replicas: readonly string[]) {
    this.length = length;
    this.replicas = replicas;
    this.replicaOf = new Int32Array(length).fill(-1);
    this.counterOf = new Float64Array(length);
    this.stampOf = new Int32Array(length);
  }

  /** The write of a row; null for none. */
  at(row: number): Row | null {
    return this.replicaOf[row] === -1 ? null : { dot: this.dotAt(row), stamp: this.stampAt(row) };
  }

  /** The dot of a row that is a write. */
  dotAt(row: number): Dot {
    return { replica: this.replicas[this.replicaOf[row] as number] as string, counter: unboxed(this.counterOf[row] as number) };
  }

  /** The stamp of a row that is a write. */
  stampAt(row: number): Stamp {
    return this.stamps[this.stampOf[row] as number] as Stamp;
  }

  /** Makes a row the write of the replica with this number. */
  set(row: number, replica: number, counter: number, stamp: Stamp): void {
    this.replicaOf[row] = replica;
    this.counterOf[row] = counter;
    // Neighbours often were written at once.
    const last = this.stamps.length - 1;
    this.stampOf[row] = last >= 0 && this.stamps[last] === stamp ? last : this.stamps.push(stamp) - 1;
  }

  /** Counters from `counter` on, of the replica with this number. */
  setDots(from: number, length: number, replica: number, counter: number): void {
    this.replicaOf.fill(replica, from, from + length);
    for (let i = 0; i < length; i++) this.counterOf[from + i] = counter + i;
  }

  /** Of the next `length` rows that have a dot; returns the row behind them. */
  setStamps(from: number, length: number, stamp: Stamp): number {
    const number = this.stamps.push(stamp) - 1;
    let row = from;
    for (let left = length; left > 0; row++) {
      if (this.replicaOf[row] === -1) continue;
      this.stampOf[row] = number;
      left--;
    }
    return row;
  }
}

/** The same integer. One that was read from an array of doubles is a double, which V8 keeps in an object of its own: one for each dot. */
function unboxed(integer: number): number {
  return integer <= 0x7fffffff ? integer | 0 : integer;
}
