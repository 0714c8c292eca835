/**
 * How far an import has come, as text that somebody keeps: the number of items, from the start of the source, that are finished for good, and those of
 * them that failed and are looked at again. The text also holds the secret that write ids are made from, so that the next run knows its own records
 * again. A source must give the same items in the same order; one that does not is found by the name of the last finished item.
 */

import type { RandomBytes } from '../envelope/random.ts';
import { PspError } from '../errors.ts';
import { toHex } from './hex.ts';
import { formatMark, isPlace, MAX_AGAIN, readMark } from './mark-text.ts';

const NONCE_BYTES = 32;

interface Saved {
  readonly nonce: string;
  /** Items that are finished, from the first on. */
  readonly done: number;
  /** The name of the last of them; null where there is none. */
  readonly last: string | null;
  /** Places of those that failed, counted from 0. */
  readonly again: readonly number[];
}

/** The items that need no more work, and the text for that. */
export class ImportMark {
  /** Whether a text of the same import was found. */
  readonly resumed: boolean;
  /** 32 bytes that nobody else knows; the same in all runs of one import. */
  readonly nonce: Uint8Array;
  readonly #plan: string;
  readonly #saved: Saved;
  readonly #again: Set<number>;
  readonly #failed: number[] = [];
  /** Finished beyond the mark. */
  readonly #finished = new Map<number, { readonly name: string; readonly isWell: boolean }>();
  #done = 0;
  #last: string | null = null;

  /** `plan` tells this import from others, `text` is what was saved, or null. */
  constructor(plan: string, text: string | null, random: RandomBytes) {
    const saved = readSaved(text, plan);
    this.resumed = saved !== null;
    this.#plan = plan;
    this.#saved = saved ?? { nonce: toHex(random(NONCE_BYTES)), done: 0, last: null, again: [] };
    this.#again = new Set(this.#saved.again);
    this.nonce = Uint8Array.from(this.#saved.nonce.match(/../g)!, (digits) => Number.parseInt(digits, 16));
  }

  /** Whether an earlier run has finished the item at `index`. `STORE_MALFORMED` where it finished another one. */
  isFinished(index: number, name: string): boolean {
    const { done, last } = this.#saved;
    if (index === done - 1 && name !== last) throw otherSource();
    return index < done && !this.#again.has(index);
  }

  /** `STORE_MALFORMED` where the source ended after `count` items, before the last one that is finished. */
  expectWhole(count: number): void {
    if (count < this.#saved.done) throw otherSource();
  }

  /** The item at `index` is finished, well or not, in this run or in an earlier one. */
  finish(index: number, name: string, isWell: boolean): void {
    this.#finished.set(index, { name, isWell });
    for (let next = this.#finished.get(this.#done); next !== undefined; next = this.#finished.get(this.#done)) {
      if (!next.isWell) {
        if (this.#failed.length >= MAX_AGAIN) return;
        this.#failed.push(this.#done);
      }
      this.#finished.delete(this.#done);
      this.#last = next.name;
      this.#done++;
    }
  }

  /** The text for what is finished by now. */
  format(): string {
    // A run that was stopped on its way to where the one before had come loses nothing of that.
    const { nonce, done, last, again } = this.#saved;
    const left = again.filter((index) => index >= this.#done);
    const isBehind = this.#done < done;
    return formatMark('import', this.#plan, {
      nonce,
      done: isBehind ? done : this.#done,
      last: isBehind ? last : this.#last,
      again: [...this.#failed, ...left],
    });
  }
}

function otherSource(): PspError {
  const message = 'checkpoint: the source gives other items than the run before had; without the checkpoint the import begins anew';
  return new PspError('STORE_MALFORMED', message);
}

/** Null for anything but a text of this import: beginning anew is always right. */
function readSaved(text: string | null, plan: string): Saved | null {
  const saved: Partial<Record<keyof Saved, unknown>> | null = readMark(text, 'import', plan);
  if (saved === null) return null;
  const { nonce, done, last, again } = saved;
  if (typeof nonce !== 'string' || !/^[0-9a-f]{64}$/.test(nonce) || !isPlace(done)) return null;
  if (done === 0 ? last !== null : typeof last !== 'string') return null;
  if (!Array.isArray(again) || !again.every((index) => isPlace(index) && index < done)) return null;
  return { nonce, done, last: last as string | null, again };
}
