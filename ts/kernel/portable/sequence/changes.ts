/**
 * What others changed, as ranges of the visible list (kernel.ts, SequenceChanges). Neighbours are joined by rules that do not depend on how units are
 * cut into blocks: a removal joins a pure removal at its index or right behind it; an insertion joins one that ends at it, or a pure removal there.
 */
import type { SequenceChanges, SequenceUnit, SequenceUnits } from '../../kernel.ts';

export class Changes {
  private isOn = false;
  private ranges: number[] = [];
  private units: number[] = [];
  private readonly unit: SequenceUnit;

  constructor(unit: SequenceUnit) {
    this.unit = unit;
  }

  get areRecorded(): boolean {
    return this.isOn;
  }

  record(on: boolean): void {
    this.isOn = on;
    if (!on) this.take();
  }

  take(): SequenceChanges {
    const ranges = Int32Array.from(this.ranges);
    const units = this.unit === 'text' ? Uint16Array.from(this.units) : Uint32Array.from(this.units);
    this.ranges = [];
    this.units = [];
    return { ranges, units };
  }

  removed(index: number, length: number): void {
    const { ranges } = this;
    const last = ranges.length - 3;
    if (last >= 0 && ranges[last + 2] === 0 && (ranges[last] === index || ranges[last] === index + 1)) {
      ranges[last] = index;
      ranges[last + 1]! += length;
    } else {
      ranges.push(index, length, 0);
    }
  }

  inserted(index: number, source: SequenceUnits, from: number, length: number): void {
    const { ranges } = this;
    const last = ranges.length - 3;
    // A pure removal ends where it begins.
    if (last >= 0 && ranges[last]! + ranges[last + 2]! === index) ranges[last + 2]! += length;
    else ranges.push(index, 0, length);
    for (let at = from; at < from + length; at++) this.units.push(source[at]!);
  }
}
