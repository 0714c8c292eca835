/**
 * A list of values that several replicas change at once, with elements that can be moved and stay one. It adds values to what the kernel does with handles: a
 * handle stands for a slot (slot.ts). Sending the bytes is the caller's.
 */
import { createSequence } from '../../kernel/current-sequence.ts';
import type { Dot, KernelSequence, SequenceBytes } from '../../kernel/kernel.ts';
import { ByteReader } from '../../kernel/portable/sequence/bytes.ts';
import { Changes } from './changes.ts';
import { EditQueue } from './queue.ts';
import { createReplica, type SequenceOptions } from './replica.ts';
import { compareSlots, encodeSlots, jsonCodec, readSlot, type Slot, type ValueCodec } from './slot.ts';

/** How a list is made. */
export interface ListOptions<Value> extends SequenceOptions {
  /** How values become bytes: JSON unless told otherwise. All replicas of a list need the same. */
  readonly codec?: ValueCodec<Value>;
}

/** At `index`, `removed` elements went and `inserted` came. */
export interface ListChange<Value> {
  readonly index: number;
  readonly removed: number;
  readonly inserted: readonly Value[];
}

/** Called after others' edits were applied, with what they changed, in the order in which it applies. */
export type ListListener<Value> = (changes: readonly ListChange<Value>[]) => void;

/**
 * An empty list with a replica of its own. To open one that was stored, apply its state.
 *
 *     const tabs = createList<string>();
 *     tabs.insert(0, 'inbox', 'calendar', 'notes');
 *     tabs.move(2, 0);
 *     tabs.toArray(); // ['notes', 'inbox', 'calendar']
 */
export function createList<Value>(options: ListOptions<Value> = {}): ListSequence<Value> {
  return new ListSequence(options);
}

/** Slots beyond twice the list's length that are kept before those that nobody can name any more are let go. */
const SPARE_SLOTS = 1024;

/**
 * Made by {@link createList}. Values are the caller's objects, kept as they are: do not change them. Every method throws TypeError after {@link free}, and
 * those that hand edits to the kernel `MERGE_LIMIT` as a text does. Once an element was moved, calls that change or read the list cost O(length).
 */
export class ListSequence<Value> {
  private readonly codec: ValueCodec<Value>;
  private readonly queue: EditQueue;
  private readonly changes: Changes<readonly Value[]>;
  private slots: Map<number, Slot<Value>> = new Map();
  private nextHandle = 0;
  /** Whether local edits may name slots that the list itself no longer has. */
  private hasUntaken = false;
  /** Whether a slot of a moved element ever came in: only then can one element have two. */
  private hasMoved = false;
  private shown: Shown | null = null;

  constructor({ codec = jsonCodec as ValueCodec<Value>, ...options }: ListOptions<Value>) {
    this.codec = codec;
    this.queue = new EditQueue(createSequence(createReplica(options), 'elements'), 'elements');
    this.changes = new Changes<readonly Value[]>(this.queue, (handles) => this.valuesOf(handles));
  }

  /** Number of elements. */
  get length(): number {
    return this.hasMoved ? this.show().indexes.length : this.queue.length;
  }

  /** Inserts values before the element at `index`. Throws RangeError outside the list, and what the codec throws. */
  insert(index: number, ...values: readonly Value[]): void {
    this.replace(index, 0, values);
  }

  /** Deletes `count` elements from `index` on. Throws RangeError outside the list. An element that another replica moves at the same time stays. */
  delete(index: number, count: number): void {
    this.replace(index, count, []);
  }

  /** Puts `values` in the place of `count` elements from `index` on. Throws as {@link insert}. */
  replace(index: number, count: number, values: readonly Value[]): void {
    this.checkRange(index, count);
    const slots = values.map((value): Slot<Value> => ({ value, bytes: this.codec.encode(value), origin: null, rank: 0 }));
    this.removeHidden();
    this.put(index, count, slots);
  }

  /**
   * Moves the element at `from` so that it is then at `to`. It stays one element: where replicas move it at once, one of the places wins everywhere, and
   * where one deletes it, it stays. Throws RangeError outside the list.
   */
  move(from: number, to: number): void {
    this.checkRange(from, 1);
    this.checkRange(to, 1);
    if (from === to) return;
    this.removeHidden();
    const { kernel } = this.queue;
    const slot = this.slotAt(from);
    const origin = slot.origin ?? kernel.dotAt(from);
    this.hasMoved = true;
    this.put(from, 1, []);
    this.put(to, 0, [{ ...slot, origin, rank: slot.rank + 1 }]);
  }

  /** The element at `index`. Throws RangeError outside the list. */
  get(index: number): Value {
    this.checkRange(index, 1);
    return this.slotAt(this.hasMoved ? this.show().indexes[index]! : index).value;
  }

  /** The elements from `from` to `to`, not included. Throws RangeError where they lie outside. */
  slice(from: number, to: number): Value[] {
    this.checkRange(from, to - from);
    const handles = this.hasMoved ? this.show().handles.slice(from, to) : readHandles(this.queue.kernel, from, to);
    return this.valuesOf(handles);
  }

  toArray(): Value[] {
    return this.slice(0, this.length);
  }

  /** As `TextSequence.takeUpdate`, with the values in it. */
  takeUpdate(): Uint8Array<ArrayBuffer> | null {
    const update = this.queue.kernel.takeUpdate();
    this.hasUntaken = false;
    const bytes = update === null ? null : this.withSlots(update);
    this.forgetSlots();
    return bytes;
  }

  /** As `TextSequence.apply`; `MERGE_MALFORMED` also for what the codec refuses, with its error as cause. */
  apply(bytes: Uint8Array): void {
    const { kernel } = this.queue;
    const reader = new ByteReader(bytes);
    const kernelBytes = reader.view(reader.varint());
    const slots: Slot<Value>[] = [];
    while (reader.left > 0) slots.push(readSlot(reader, this.codec));
    const hasMoved = this.hasMoved || slots.some(({ origin }) => origin !== null);
    const before = this.changes.isHeard && hasMoved ? this.handlesShown() : null;
    const first = this.nextHandle;
    for (const slot of slots) this.slots.set(this.nextHandle++, slot);
    this.hasMoved = hasMoved;
    try {
      kernel.apply(kernelBytes, first, slots.length);
    } finally {
      this.queue.refresh();
      this.shown = null;
      if (this.changes.isHeard) this.changes.tell(before === null ? this.changes.take() : this.changesSince(before));
      this.forgetSlots();
    }
  }

  /** As `TextSequence.onChange`. Once elements were moved, one change covers all that differs. */
  onChange(listener: ListListener<Value>): () => void {
    return this.changes.listen(listener);
  }

  /** As `TextSequence.encode`, with the values in it. */
  encode(): Uint8Array<ArrayBuffer> {
    return this.withSlots(this.queue.kernel.encode());
  }

  /** As `TextSequence.version`. */
  version(): Uint8Array<ArrayBuffer> {
    return this.queue.kernel.version();
  }

  /** As `TextSequence.collect`. */
  collect(versions: readonly Uint8Array[]): number {
    return this.queue.kernel.collect(versions);
  }

  /** Updates that wait for others. */
  get waiting(): number {
    return this.queue.kernel.waiting();
  }

  /** Gives the memory back. Calling it again does nothing. */
  free(): void {
    this.queue.free();
    this.slots.clear();
    this.changes.clear();
  }

  private checkRange(index: number, count: number): void {
    const { length } = this;
    if (Number.isInteger(index) && Number.isInteger(count) && index >= 0 && count >= 0 && index + count <= length) return;
    throw new RangeError(`list: expected a range within 0..${length}, got ${index} and ${count} elements`);
  }

  /** Queues an edit of slots. */
  private put(index: number, removed: number, slots: readonly Slot<Value>[]): void {
    if (removed === 0 && slots.length === 0) return;
    const start = this.queue.add(index, removed, slots.length);
    for (const [at, slot] of slots.entries()) {
      this.queue.units[start + at] = this.nextHandle;
      this.slots.set(this.nextHandle++, slot);
    }
    this.hasUntaken = true;
    this.shown = null;
  }

  private slotAt(index: number): Slot<Value> {
    const [handle] = readHandles(this.queue.kernel, index, index + 1);
    return this.slots.get(handle!)!;
  }

  private handlesShown(): readonly number[] {
    return this.hasMoved ? this.show().handles : Array.from(readHandles(this.queue.kernel, 0, this.queue.length));
  }

  /** Which slots are shown, and which are those of elements that another slot shows. */
  private show(): Shown {
    this.shown ??= showSlots(this.queue.kernel, this.slots);
    return this.shown;
  }

  /** Deletes the slots that lost, so that slots and elements are the same until others send more. */
  private removeHidden(): void {
    if (!this.hasMoved) return;
    for (const index of this.show().hidden.reverse()) this.put(index, 1, []);
  }

  private withSlots({ bytes, units }: SequenceBytes): Uint8Array<ArrayBuffer> {
    return encodeSlots(
      bytes,
      Array.from(units, (handle) => this.slots.get(handle)!),
    );
  }

  /** What is shown now and was not in `before`, as one change at most. What the kernel noted, which knows nothing of elements, is dropped. */
  private changesSince(before: readonly number[]): ListChange<Value>[] {
    this.queue.kernel.takeChanges();
    const after = this.handlesShown();
    const [start, fromEnd] = commonEnds(before, after);
    const removed = before.length - start - fromEnd;
    const inserted = after.slice(start, after.length - fromEnd);
    return removed > 0 || inserted.length > 0 ? [{ index: start, removed, inserted: this.valuesOf(inserted) }] : [];
  }

  private valuesOf(handles: ArrayLike<number>): Value[] {
    return Array.from(handles, (handle) => this.slots.get(handle)!.value);
  }

  /** Lets go of slots whose units are gone, once there are many and none can be named any more. */
  private forgetSlots(): void {
    const { queue } = this;
    if (this.hasUntaken || this.slots.size <= 2 * queue.length + SPARE_SLOTS || queue.kernel.waiting() > 0) return;
    const live = readHandles(queue.kernel, 0, queue.length);
    this.slots = new Map(Array.from(live, (handle) => [handle, this.slots.get(handle)!]));
  }
}

interface Shown {
  /** Of each element the kernel's index and handle. */
  readonly indexes: number[];
  readonly handles: number[];
  /** The kernel's indexes of slots that lost. */
  readonly hidden: number[];
}

function readHandles(kernel: KernelSequence, from: number, to: number): Uint32Array {
  const handles = new Uint32Array(to - from);
  kernel.read(from, to, handles);
  return handles;
}

function showSlots<Value>(kernel: KernelSequence, slots: ReadonlyMap<number, Slot<Value>>): Shown {
  const handles = readHandles(kernel, 0, kernel.length);
  const dots = Array.from(handles, (_, index) => kernel.dotAt(index));
  const last = new Map<string, number>();
  const elements = Array.from(handles, (handle, index) => nameOf(slots.get(handle)!.origin ?? dots[index]!));
  for (const [index, element] of elements.entries()) {
    const best = last.get(element);
    const isBetter =
      best === undefined || compareSlots(slots.get(handles[index]!)!, dots[index]!, slots.get(handles[best]!)!, dots[best]!) > 0;
    if (isBetter) last.set(element, index);
  }
  const shown: Shown = { indexes: [], handles: [], hidden: [] };
  for (const [index, element] of elements.entries()) {
    if (last.get(element) !== index) {
      shown.hidden.push(index);
    } else {
      shown.indexes.push(index);
      shown.handles.push(handles[index]!);
    }
  }
  return shown;
}

function nameOf({ high, low, counter }: Dot): string {
  return `${high},${low},${counter}`;
}

/** How many elements two lists have in common from the start, and from the end behind those. */
function commonEnds(a: readonly number[], b: readonly number[]): [start: number, end: number] {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start++;
  let end = 0;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return [start, end];
}
