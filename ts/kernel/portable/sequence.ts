/**
 * The portable sequence kernel: replicated lists in plain TypeScript. What it does is in the files it puts together, in sequence/: places and their order
 * (bases.ts), live units (tree.ts), local edits (edit.ts), updates (apply.ts), states (join.ts), freeing (collect.ts), bytes (the others).
 */
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
import { freedFault, readRangeFault } from '../sequence-fault.ts';
import { applyUpdate } from './sequence/apply.ts';
import { collectBases, giveVersion } from './sequence/collect.ts';
import { Contents } from './sequence/contents.ts';
import { applyEdits } from './sequence/edit.ts';
import { joinState } from './sequence/join.ts';
import { encodeState } from './sequence/state-write.ts';
import { takeUpdate } from './sequence/update-write.ts';

/** The kernel that runs everywhere. */
export const portableSequence: SequenceKernel = {
  kind: 'portable',
  createSequence: (replica, unit) => new PortableSequence(replica, unit),
};

/** One list of the portable kernel. */
export class PortableSequence implements KernelSequence {
  private live: Contents | null;

  constructor(replica: Replica, unit: SequenceUnit) {
    this.live = new Contents(replica, unit);
  }

  /** What it holds, for tests of its inside. Throws TypeError after `free`. */
  get contents(): Contents {
    if (this.live === null) throw freedFault();
    return this.live;
  }

  get length(): number {
    return this.contents.tree.length;
  }

  edit(edits: Int32Array, count: number, units: SequenceUnits): void {
    applyEdits(this.contents, edits, count, units);
  }

  takeUpdate(): SequenceBytes | null {
    return takeUpdate(this.contents);
  }

  apply(bytes: Uint8Array, firstHandle: number, handleCount: number): number {
    const isState = bytes.length > 0 && bytes[0]! > 127;
    return (isState ? joinState : applyUpdate)(this.contents, bytes, firstHandle, handleCount);
  }

  recordChanges(on: boolean): void {
    this.contents.changes.record(on);
  }

  takeChanges(): SequenceChanges {
    return this.contents.changes.take();
  }

  read(from: number, to: number, into: SequenceUnits): void {
    const { tree } = this.contents;
    if (!(from >= 0 && from <= to && to <= tree.length && to - from <= into.length)) throw readRangeFault();
    tree.read(from, to, into);
  }

  dotAt(index: number): Dot {
    const { tree } = this.contents;
    if (!(index >= 0 && index < tree.length)) throw readRangeFault();
    tree.seek(index + 1);
    const { block, at } = tree.unitBefore()!;
    const { high, low } = block.base.author!;
    return { high, low, counter: block.counter + at };
  }

  encode(): SequenceBytes {
    return encodeState(this.contents);
  }

  version(): Uint8Array<ArrayBuffer> {
    return giveVersion(this.contents);
  }

  collect(versions: readonly Uint8Array[]): number {
    return collectBases(this.contents, versions);
  }

  waiting(): number {
    return this.contents.waiting.count;
  }

  bases(): number {
    return this.contents.bases;
  }

  free(): void {
    this.live = null;
  }
}
