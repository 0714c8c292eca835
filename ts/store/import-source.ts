/** The source of an import, read by several workers: one at a time, each item numbered, and left behind when no more is wanted. */

import type { ImportItem } from './import-check.ts';

/** An item and its place in the source, counted from 0. */
export interface NumberedItem {
  readonly index: number;
  readonly item: ImportItem;
}

/** Takes items from any iterable. */
export class ItemSource {
  readonly #iterator: AsyncIterator<ImportItem> | Iterator<ImportItem>;
  /** Items that were given. */
  #count = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #isReading = false;
  #hasEnded = false;

  /** TypeError for what cannot be iterated. */
  constructor(source: AsyncIterable<ImportItem> | Iterable<ImportItem>) {
    const { [Symbol.asyncIterator]: inTime, [Symbol.iterator]: atOnce } = (source ?? {}) as Partial<
      AsyncIterable<ImportItem> & Iterable<ImportItem>
    >;
    const iterator = inTime?.call(source) ?? atOnce?.call(source as Iterable<ImportItem>);
    if (iterator === undefined) throw new TypeError('source: expected an iterable of items');
    this.#iterator = iterator;
  }

  get count(): number {
    return this.#count;
  }

  /** The next item, when it is this caller's turn and `mayRead` has said so; null at the end, or when it says no. Rejects with what the source throws. */
  next(mayRead: () => Promise<boolean>): Promise<NumberedItem | null> {
    const next = this.#turn.then(() => this.#read(mayRead));
    this.#turn = next.catch(() => undefined);
    return next;
  }

  /** Tells the source that no more is wanted, unless it has ended; one that hangs is not waited for. */
  async leave(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const left = Promise.resolve(this.#iterator.return?.());
    if (this.#isReading) left.catch(() => undefined);
    else await left;
  }

  async #read(mayRead: () => Promise<boolean>): Promise<NumberedItem | null> {
    if (!(await mayRead()) || this.#hasEnded) return null;
    this.#isReading = true;
    try {
      const { done, value } = await this.#iterator.next();
      if (done !== true) return { index: this.#count++, item: value };
      this.#hasEnded = true;
      return null;
    } catch (error) {
      this.#hasEnded = true;
      throw error;
    } finally {
      this.#isReading = false;
    }
  }
}
