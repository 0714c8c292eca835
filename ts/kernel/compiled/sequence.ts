/**
 * Sequences in a compiled module: many in one linear memory, each a handle there. Here is what crosses the border: edits, updates and states are
 * copied to one exchange block of the module's arena, results are copied out. The module itself is assembly/sequence.ts. A call that
 * the engine refuses memory for cannot be taken back: that sequence is lost, and every later call of it throws `KERNEL_MEMORY`.
 */

import { PspError } from '../../errors.ts';
import type {
  Dot,
  KernelSequence,
  Replica,
  SequenceBytes,
  SequenceChanges,
  SequenceKernel,
  SequenceUnit,
  SequenceUnits,
} from '../kernel.ts';
import type { LinearModule } from '../linear.ts';
import { editLimitFault, editRangeFault, freedFault, readRangeFault, type SequenceFaultCode, sequenceFault } from '../sequence-fault.ts';

/** What assembly/sequence.ts exports. All numbers are unsigned, but arrive here as signed 32-bit integers. */
export interface SequenceExports {
  allocate(bytes: number): number;
  release(block: number, bytes: number): void;
  isRefused(): number;
  usedBytes(): number;
  createSequence(high: number, low: number, unitShift: number): number;
  freeSequence(sequence: number): void;
  lengthOf(sequence: number): number;
  basesOf(sequence: number): number;
  waitingOf(sequence: number): number;
  edit(sequence: number, edits: number, count: number, units: number, unitCount: number): number;
  takeUpdate(sequence: number): number;
  apply(sequence: number, bytes: number, length: number, firstHandle: number, handles: number): number;
  unitsHeld(): number;
  faultOffset(): number;
  recordChanges(sequence: number, on: number): void;
  clearChanges(sequence: number): void;
  changesAt(sequence: number): number;
  changesLength(sequence: number): number;
  changedUnitsAt(sequence: number): number;
  changedUnitsLength(sequence: number): number;
  readUnits(sequence: number, from: number, to: number, target: number): number;
  dotAt(sequence: number, index: number, target: number): number;
  writeState(sequence: number): void;
  giveVersion(sequence: number): void;
  startCollecting(sequence: number): void;
  considerVersion(sequence: number, bytes: number, length: number): number;
  collectBases(sequence: number): number;
  outputAt(): number;
  outputLength(): number;
  handlesAt(): number;
  handleCount(): number;
}

/** Codes of assembly/sequence/fault.ts, in its order: 1 to 4 come from bytes, 4 and 5 from edits and ranges. */
const FAULTS: readonly SequenceFaultCode[] = ['MERGE_MALFORMED', 'MERGE_FORK', 'MERGE_NEED_STATE', 'MERGE_LIMIT'];
const LIMIT = 4;

/** Below this many bytes a loop copies faster than a call. */
const SHORT_COPY = 32;
/** The exchange block has at least so many bytes, and gives them back at the first small call when it has more than the most. */
const LEAST_EXCHANGE = 1 << 16;
const MOST_EXCHANGE = 1 << 20;

const NO_HANDLES: Uint32Array<ArrayBuffer> = /* @__PURE__ */ new Uint32Array(0);

/** A kernel over one started module, for all sequences of a thread. */
export function createCompiledSequence(module: LinearModule<SequenceExports>): SequenceKernel {
  const exchange = new Exchange(module);
  return {
    kind: module.kind,
    createSequence: (replica, unit) => new CompiledSequence(exchange, replica, unit),
  };
}

/** The module with one block of its arena through which everything goes in. */
class Exchange {
  readonly exports: SequenceExports;
  private readonly module: LinearModule<SequenceExports>;
  private memory: Uint8Array<ArrayBuffer>;
  private at = 0;
  private size = 0;

  constructor(module: LinearModule<SequenceExports>) {
    this.module = module;
    this.exports = module.exports;
    this.memory = module.reserve(0);
  }

  /** All of memory as it is now: any call may have made it grow, which detaches every view. */
  bytes(): Uint8Array<ArrayBuffer> {
    if (this.memory.length === 0) this.memory = this.module.reserve(0);
    return this.memory;
  }

  /** Address of the block, with room for `bytes`. */
  room(bytes: number): number {
    if (bytes > this.size || (this.size > MOST_EXCHANGE && bytes <= LEAST_EXCHANGE)) {
      if (this.size > 0) this.exports.release(this.at, this.size);
      this.size = 0;
      const size = Math.max(LEAST_EXCHANGE, bytes);
      this.at = this.exports.allocate(size) >>> 0;
      this.size = size;
    }
    return this.at;
  }

  /** Copies bytes into the block. */
  put(bytes: Uint8Array): number {
    const at = this.room(bytes.length);
    const memory = this.bytes();
    if (bytes.length < SHORT_COPY) for (let byte = 0; byte < bytes.length; byte++) memory[at + byte] = bytes[byte]!;
    else memory.set(bytes, at);
    return at;
  }

  /** A copy of what the module wrote last. */
  takeOutput(): SequenceBytes {
    const memory = this.bytes();
    const at = this.exports.outputAt() >>> 0;
    const bytes = memory.slice(at, at + (this.exports.outputLength() >>> 0));
    const count = this.exports.handleCount() >>> 0;
    return { bytes, units: count === 0 ? NO_HANDLES : new Uint32Array(memory.buffer, this.exports.handlesAt() >>> 0, count).slice() };
  }
}

class CompiledSequence implements KernelSequence {
  private readonly exchange: Exchange;
  private readonly unit: SequenceUnit;
  /** 0 once it is freed. */
  private handle: number;
  private isLost = false;

  constructor(exchange: Exchange, { high, low }: Replica, unit: SequenceUnit) {
    this.exchange = exchange;
    this.unit = unit;
    this.handle = 0;
    this.handle = this.call((exports) => exports.createSequence(high, low, unit === 'text' ? 1 : 2));
  }

  get length(): number {
    return this.exchange.exports.lengthOf(this.open()) >>> 0;
  }

  edit(edits: Int32Array, count: number, units: SequenceUnits): void {
    const sequence = this.open();
    if (!(count >= 0 && 3 * count <= edits.length)) throw editRangeFault();
    const code = this.call((exports) => {
      const editBytes = 12 * count;
      const at = this.exchange.room(editBytes + units.byteLength);
      const { buffer } = this.exchange.bytes();
      new Int32Array(buffer, at, 3 * count).set(3 * count === edits.length ? edits : edits.subarray(0, 3 * count));
      this.unitsIn(buffer, at + editBytes, units.length).set(units);
      return exports.edit(sequence, at, count, at + editBytes, units.length);
    });
    if (code === 0) return;
    throw code === LIMIT ? editLimitFault() : editRangeFault();
  }

  takeUpdate(): SequenceBytes | null {
    const sequence = this.open();
    return this.call((exports) => exports.takeUpdate(sequence)) === 0 ? null : this.exchange.takeOutput();
  }

  apply(bytes: Uint8Array, firstHandle: number, handleCount: number): number {
    const sequence = this.open();
    const { exchange } = this;
    let code: number;
    // Not by `call`: updates come one by one, and a closure for each is a tenth of all that applying one costs.
    try {
      code = exchange.exports.apply(sequence, exchange.put(bytes), bytes.length, firstHandle, handleCount);
    } catch (error) {
      throw this.lost(error);
    }
    if (code !== 0) throw this.fault(code);
    return exchange.exports.unitsHeld() >>> 0;
  }

  recordChanges(on: boolean): void {
    this.exchange.exports.recordChanges(this.open(), on ? 1 : 0);
  }

  takeChanges(): SequenceChanges {
    const sequence = this.open();
    const { exports } = this.exchange;
    const { buffer } = this.exchange.bytes();
    const ranges = new Int32Array(buffer, exports.changesAt(sequence) >>> 0, (exports.changesLength(sequence) >>> 0) / 4).slice();
    const shift = this.unit === 'text' ? 1 : 2;
    const count = (exports.changedUnitsLength(sequence) >>> 0) >>> shift;
    const units = this.unitsIn(buffer, exports.changedUnitsAt(sequence) >>> 0, count).slice();
    exports.clearChanges(sequence);
    return { ranges, units };
  }

  read(from: number, to: number, into: SequenceUnits): void {
    const sequence = this.open();
    if (!(from >= 0 && from <= to && to - from <= into.length)) throw readRangeFault();
    const count = to - from;
    const at = this.call(() => this.exchange.room(count * into.BYTES_PER_ELEMENT));
    if (this.exchange.exports.readUnits(sequence, from, to, at) !== 0) throw readRangeFault();
    into.set(this.unitsIn(this.exchange.bytes().buffer, at, count));
  }

  dotAt(index: number): Dot {
    const sequence = this.open();
    const at = this.call(() => this.exchange.room(12));
    if (!(index >= 0) || this.exchange.exports.dotAt(sequence, index, at) !== 0) throw readRangeFault();
    const [high, low, counter] = new Uint32Array(this.exchange.bytes().buffer, at, 3);
    return { high: high!, low: low!, counter: counter! };
  }

  encode(): SequenceBytes {
    const sequence = this.open();
    this.call((exports) => exports.writeState(sequence));
    return this.exchange.takeOutput();
  }

  version(): Uint8Array<ArrayBuffer> {
    const sequence = this.open();
    this.call((exports) => exports.giveVersion(sequence));
    return this.exchange.takeOutput().bytes;
  }

  collect(versions: readonly Uint8Array[]): number {
    const sequence = this.open();
    return this.call((exports) => {
      exports.startCollecting(sequence);
      for (const version of versions) {
        const code = exports.considerVersion(sequence, this.exchange.put(version), version.length);
        if (code !== 0) throw this.fault(code);
      }
      return exports.collectBases(sequence) >>> 0;
    });
  }

  waiting(): number {
    return this.exchange.exports.waitingOf(this.open()) >>> 0;
  }

  bases(): number {
    return this.exchange.exports.basesOf(this.open()) >>> 0;
  }

  free(): void {
    // What a lost sequence holds may be linked anywhere, so it stays.
    if (this.handle !== 0 && !this.isLost) this.exchange.exports.freeSequence(this.handle);
    this.handle = 0;
  }

  /** The handle, for the next call. */
  private open(): number {
    if (this.handle === 0) throw freedFault();
    if (this.isLost) throw memoryFault();
    return this.handle;
  }

  /** Calls the module. A trap for want of memory becomes an error with a code, and the sequence is lost; any other trap is a bug of ours. */
  private call<Result>(run: (exports: SequenceExports) => Result): Result {
    try {
      return run(this.exchange.exports);
    } catch (error) {
      throw this.lost(error);
    }
  }

  /** What to throw for an error that a call of the module ended with. */
  private lost(error: unknown): unknown {
    if (!(error instanceof Error && error.name === 'RuntimeError')) return error;
    this.isLost = true;
    return this.exchange.exports.isRefused() === 0 ? error : memoryFault(error);
  }

  private unitsIn(buffer: ArrayBuffer, at: number, count: number): Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
    return this.unit === 'text' ? new Uint16Array(buffer, at, count) : new Uint32Array(buffer, at, count);
  }

  private fault(code: number): PspError {
    return sequenceFault(FAULTS[code - 1]!, this.exchange.exports.faultOffset() >>> 0);
  }
}

function memoryFault(cause?: unknown): PspError {
  return new PspError(
    'KERNEL_MEMORY',
    'sequence: the engine refused the linear memory that it needs',
    cause === undefined ? {} : { cause },
  );
}
