/**
 * Local edits on their way to the kernel. A call across its border costs about as much as an edit, so edits are kept and handed over together: when somebody
 * reads, or when there are many. Whoever adds has checked the index against {@link EditQueue.length}, which counts what is queued.
 */
import type { KernelSequence, SequenceUnit, SequenceUnits } from '../../kernel/kernel.ts';
import { freedFault } from '../../kernel/sequence-fault.ts';

const MOST_EDITS = 4096;
const FIRST_EDITS = 16;
/** Room for units that is kept between flushes. */
const KEPT_UNITS = 65_536;

export class EditQueue {
  /** Units of the list with all edits applied. */
  length = 0;
  /** Where the caller of {@link add} puts its units. */
  units: SequenceUnits;
  private edits: Int32Array = new Int32Array(3 * FIRST_EDITS);
  private count = 0;
  private used = 0;
  private isFree = false;
  private readonly live: KernelSequence;
  private readonly unit: SequenceUnit;

  constructor(kernel: KernelSequence, unit: SequenceUnit) {
    this.live = kernel;
    this.unit = unit;
    this.units = makeUnits(unit, FIRST_EDITS);
  }

  /** The kernel's list with every edit applied. Throws TypeError after `free`, and what {@link flush} throws. */
  get kernel(): KernelSequence {
    this.flush();
    return this.live;
  }

  /** Queues an edit, and gives the place in {@link units} where its `inserted` units belong. */
  add(index: number, removed: number, inserted: number): number {
    if (this.count === MOST_EDITS) this.flush();
    if (this.isFree) throw freedFault();
    if (3 * this.count === this.edits.length) this.edits = enlarged(this.edits, new Int32Array(2 * this.edits.length));
    const start = this.used;
    if (start + inserted > this.units.length) {
      this.units = enlarged(this.units, makeUnits(this.unit, Math.max(2 * this.units.length, start + inserted)));
    }
    const at = 3 * this.count++;
    this.edits[at] = index;
    this.edits[at + 1] = removed;
    this.edits[at + 2] = inserted;
    this.used += inserted;
    this.length += inserted - removed;
    return start;
  }

  /** Hands over what is queued. Throws `MERGE_LIMIT`, and drops all that was queued, where it would pass a limit of the kernel. */
  flush(): void {
    if (this.isFree) throw freedFault();
    if (this.count === 0) return;
    const { count } = this;
    this.count = 0;
    this.used = 0;
    try {
      this.live.edit(this.edits, count, this.units);
    } finally {
      this.length = this.live.length;
      if (this.units.length > KEPT_UNITS) this.units = makeUnits(this.unit, KEPT_UNITS);
    }
  }

  /** Takes note of what others changed. */
  refresh(): void {
    this.length = this.live.length;
  }

  free(): void {
    this.isFree = true;
    this.live.free();
  }
}

function makeUnits(unit: SequenceUnit, length: number): SequenceUnits {
  return unit === 'text' ? new Uint16Array(length) : new Uint32Array(length);
}

function enlarged<Numbers extends Int32Array | SequenceUnits>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}
