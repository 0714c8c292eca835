/**
 * Where the units of one replica are, by counter: runs of units whose offsets in a base step with their counters. Deleted units stay in it until it
 * is made anew from the live ones, which the sequence does when most runs are dead; so a hit says where a unit was put, not that it still lives.
 */
export class DotIndex<Base> {
  private counters: number[] = [];
  private offsets: number[] = [];
  private lengths: number[] = [];
  private bases: Base[] = [];
  private hit = 0;
  private into = 0;

  /** How many runs it holds. */
  get size(): number {
    return this.counters.length;
  }

  /** Adds units whose counters are all above those added before. */
  add(counter: number, length: number, base: Base, offset: number): void {
    const last = this.counters.length - 1;
    if (last >= 0 && this.bases[last] === base) {
      const runLength = this.lengths[last]!;
      if (this.counters[last]! + runLength === counter && this.offsets[last]! + runLength === offset) {
        this.lengths[last] = runLength + length;
        return;
      }
    }
    this.counters.push(counter);
    this.offsets.push(offset);
    this.lengths.push(length);
    this.bases.push(base);
  }

  /** Points {@link base}, {@link offset} and {@link length} to the unit of that counter and those behind it in its run; false when it was never added. */
  find(counter: number): boolean {
    let low = 0;
    let high = this.counters.length - 1;
    // Deletes come in runs, so the run of the one before is the best guess.
    if (this.hit <= high && this.counters[this.hit]! <= counter) low = this.hit;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.counters[middle]! <= counter) low = middle;
      else high = middle - 1;
    }
    if (low > high || this.counters[low]! > counter) return false;
    this.hit = low;
    this.into = counter - this.counters[low]!;
    return this.into < this.lengths[low]!;
  }

  /** The base of the unit found. */
  get base(): Base {
    return this.bases[this.hit]!;
  }

  /** The offset of the unit found. */
  get offset(): number {
    return this.offsets[this.hit]! + this.into;
  }

  /** How many units of the run found there are from the unit found on. */
  get length(): number {
    return this.lengths[this.hit]! - this.into;
  }

  /** The counter of the first run behind `counter`, or Infinity. */
  nextAfter(counter: number): number {
    let low = 0;
    let high = this.counters.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.counters[middle]! > counter) high = middle;
      else low = middle + 1;
    }
    return this.counters[low] ?? Number.POSITIVE_INFINITY;
  }

  clear(): void {
    this.counters = [];
    this.offsets = [];
    this.lengths = [];
    this.bases = [];
    this.hit = 0;
  }
}
