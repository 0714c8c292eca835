/**
 * A text that several replicas edit at once, each without waiting for the others: what all have seen is the same everywhere, runs that were typed at one
 * place at the same time stand one behind the other, and deleted text costs nothing. Sending the bytes is the caller's.
 */
import { createSequence } from '../../kernel/current-sequence.ts';
import { Changes } from './changes.ts';
import { EditQueue } from './queue.ts';
import { createReplica, type SequenceOptions } from './replica.ts';
import { holdsSurrogate, isSurrogate, stringOf } from './text-units.ts';

/** One replacement: at `index`, `removed` units go and `inserted` comes. */
export interface TextEdit {
  readonly index: number;
  readonly removed: number;
  readonly inserted: string;
}

/** Called after others' edits were applied, with what they changed, in the order in which it applies. */
export type TextListener = (changes: readonly TextEdit[]) => void;

/**
 * An empty text with a replica of its own. To open one that was stored, apply its state.
 *
 *     const mine = createText();
 *     mine.insert(0, 'Hello');
 *     const yours = createText();
 *     yours.apply(mine.encode());
 *     yours.insert(5, ' world');
 *     mine.apply(yours.takeUpdate()!);
 *     mine.toString(); // 'Hello world'
 */
export function createText(options: SequenceOptions = {}): TextSequence {
  return new TextSequence(options);
}

/**
 * Made by {@link createText}. Indexes and lengths are in UTF-16 units, as those of a string. Every method throws TypeError after {@link free}, and those
 * that hand edits to the kernel `MERGE_LIMIT` where the edits queued would pass a limit of sequence-layout.md; these edits are lost then.
 */
export class TextSequence {
  private readonly queue: EditQueue;
  private readonly changes: Changes<string>;
  /** Whether a surrogate may be in the text. What came from others is looked through when it first matters. */
  private hasSurrogates = false;
  private isUnsearched = false;
  /** Whether an update that waits may hold one. */
  private isOneWaiting = false;

  constructor(options: SequenceOptions) {
    this.queue = new EditQueue(createSequence(createReplica(options), 'text'), 'text');
    this.changes = new Changes(this.queue, (units) => stringOf(units as Uint16Array));
  }

  /** Number of UTF-16 units. */
  get length(): number {
    return this.queue.length;
  }

  /** Inserts `text` before the unit at `index`. Throws RangeError outside the text and inside a surrogate pair. */
  insert(index: number, text: string): void {
    this.replace(index, 0, text);
  }

  /** Deletes `count` units from `index` on. Throws as {@link insert}. */
  delete(index: number, count: number): void {
    this.replace(index, count, '');
  }

  /** Applies edits, each to what the ones before it left. Throws as {@link insert} at the first that is wrong; those before it stay. */
  edit(edits: Iterable<TextEdit>): void {
    for (const { index, removed, inserted } of edits) this.replace(index, removed, inserted);
  }

  /** Puts `text` in the place of `count` units from `index` on. Throws as {@link insert}. */
  replace(index: number, count: number, text: string): void {
    const { queue } = this;
    if (!(Number.isInteger(index) && Number.isInteger(count) && index >= 0 && count >= 0 && index + count <= queue.length)) {
      throw new RangeError(`text: expected a range within 0..${queue.length}, got ${index} and ${count} units`);
    }
    if (this.hasSurrogates || this.isUnsearched) this.checkPairs(index, count);
    if (count === 0 && text.length === 0) return;
    const start = queue.add(index, count, text.length);
    const { units } = queue;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      units[start + at] = unit;
      if (isSurrogate(unit)) this.hasSurrogates = true;
    }
  }

  /** The text from `from` to `to`, not included; by default all of it. Throws RangeError where they lie outside. */
  slice(from: number = 0, to: number = this.length): string {
    return stringOf(this.unitsOf(from, to));
  }

  toString(): string {
    return this.slice();
  }

  /**
   * The local edits since the last update as bytes for the others, or null when there were none. Others may get updates late, twice and in any order.
   * Edits are kept until they are taken here, so call it now and then also where only states are sent.
   */
  takeUpdate(): Uint8Array<ArrayBuffer> | null {
    return this.queue.kernel.takeUpdate()?.bytes ?? null;
  }

  /**
   * Applies an update of another replica or joins a state. Duplicates do nothing. An update that needs another first waits for it.
   *
   * - `MERGE_MALFORMED`: not the bytes of a text; nothing changed.
   * - `MERGE_FORK`: two instances used one replica, or the bytes hold edits of this replica which it never made; what differs is not applied.
   * - `MERGE_NEED_STATE`: the update, or one that waited, names what is gone here, or more than 64 MiB wait: join a state of its sender.
   */
  apply(bytes: Uint8Array): void {
    const { kernel } = this.queue;
    try {
      kernel.apply(bytes, 0, 0);
    } finally {
      this.queue.refresh();
      this.noteSurrogates(bytes);
      if (this.changes.isHeard) this.changes.tell(this.changes.take());
    }
  }

  /** Calls `listener` after each {@link apply} that changed the text; not for local edits. Returns what ends it. */
  onChange(listener: TextListener): () => void {
    return this.changes.listen(listener);
  }

  /** The whole state as bytes. Equal states give equal bytes, whatever happened before. O(length). */
  encode(): Uint8Array<ArrayBuffer> {
    return this.queue.kernel.encode().bytes;
  }

  /** What this replica has seen, as bytes, for {@link collect} of others. */
  version(): Uint8Array<ArrayBuffer> {
    return this.queue.kernel.version();
  }

  /**
   * Frees what was kept for edits that may still come, given the {@link version} of every other replica that may still send. Returns how many bases
   * that were. A version left out is not noticed: who sends without having been asked may later be told `MERGE_NEED_STATE`.
   */
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
    this.changes.clear();
  }

  private unitsOf(from: number, to: number): Uint16Array {
    const units = new Uint16Array(Math.max(0, to - from));
    this.queue.kernel.read(from, to, units);
    return units;
  }

  private noteSurrogates(bytes: Uint8Array): void {
    if (this.hasSurrogates || !(this.isOneWaiting || mayHoldSurrogate(bytes))) return;
    this.isUnsearched = true;
    this.isOneWaiting = this.waiting > 0;
  }

  private checkPairs(index: number, count: number): void {
    if (this.isUnsearched) {
      this.isUnsearched = false;
      this.hasSurrogates = holdsSurrogate(this.unitsOf(0, this.length));
    }
    if (!this.hasSurrogates) return;
    for (const place of count === 0 ? [index] : [index, index + count]) {
      if (this.isInsidePair(place)) throw new RangeError(`text: index ${place} is inside a surrogate pair`);
    }
  }

  private isInsidePair(index: number): boolean {
    if (index === 0 || index === this.length) return false;
    const around = this.unitsOf(index - 1, index + 1);
    return (around[0]! & PAIR_MASK) === HIGH && (around[1]! & PAIR_MASK) === LOW;
  }
}

const HIGH = 0xd800;
const LOW = 0xdc00;
const PAIR_MASK = 0xfc00;

/** Whether bytes of a sequence may hold a surrogate: as a varint it is any byte above 0x7f, one from 0xb0 to 0xbf, and 3. */
function mayHoldSurrogate(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(3, 2); at >= 0; at = bytes.indexOf(3, at + 1)) {
    if ((bytes[at - 1]! & 0xf0) === 0xb0 && bytes[at - 2]! > 127) return true;
  }
  return false;
}
