/**
 * How far a rotation, a copy or a transfer has come, as text that somebody keeps. Records are taken in the order of their keys, and the text says up to which key
 * all are finished, and which of those have to be looked at again. It saves reading; a run that has lost it only looks at everything.
 * It is trusted: who can write it can make a run pass records over, so the last look at a store is one without it.
 */

import { formatMark, isTexts, MAX_AGAIN, type MarkedWork, readMark } from './mark-text.ts';

/** Where the text is kept. What `save` was given must be what `load` finds, the old or the new one whole, also after a crash in between. */
export interface RotationCheckpoint {
  load(): string | null | Promise<string | null>;
  /** Null when the run has looked at everything: the next one begins anew. Called again only after it has resolved. */
  save(text: string | null): void | Promise<void>;
}

/** The text, parsed. */
interface Saved {
  /** The last key up to which all are finished, or null. */
  readonly after: string | null;
  readonly again: readonly string[];
}

/** The work that is left of a run, and the text for what is done. */
export class RunMark {
  /** Keys of the records to look at, in this order. */
  readonly keys: readonly string[];
  /** Whether a text of the same run was found. */
  readonly resumed: boolean;
  readonly #work: MarkedWork;
  readonly #plan: string;
  readonly #after: string | null;
  /** How many of `keys` are records that are looked at again. */
  readonly #againCount: number;
  readonly #again: string[] = [];
  /** Finished beyond the mark: whether well. */
  readonly #finished = new Map<number, boolean>();
  #mark = 0;

  /** `listed` are all keys of the store, `plan` what tells this run from others of its kind, `text` what was saved, or null. */
  constructor(listed: readonly string[], plan: string, text: string | null, work: MarkedWork) {
    const saved = readSaved(text, work, plan);
    const after = saved?.after ?? null;
    const again = saved?.again ?? [];
    this.keys = [...again, ...listed.filter((key) => after === null || key > after).sort(compareKeys)];
    this.resumed = saved !== null;
    this.#work = work;
    this.#plan = plan;
    this.#after = after;
    this.#againCount = again.length;
  }

  /** The record at `index` is finished, well or not. */
  finish(index: number, isWell: boolean): void {
    this.#finished.set(index, isWell);
    for (;;) {
      const well = this.#finished.get(this.#mark);
      if (well === undefined) return;
      if (!well) {
        if (this.#again.length >= MAX_AGAIN) return;
        this.#again.push(this.keys[this.#mark]!);
      }
      this.#finished.delete(this.#mark);
      this.#mark++;
    }
  }

  /** The text for what is finished by now. */
  format(): string {
    const left = this.keys.slice(this.#mark, Math.max(this.#mark, this.#againCount));
    const after = this.#mark > this.#againCount ? this.keys[this.#mark - 1]! : this.#after;
    return formatMark(this.#work, this.#plan, { after, again: [...left, ...this.#again] });
  }
}

function readSaved(text: string | null, work: MarkedWork, plan: string): Saved | null {
  const { after, again } = readMark(text, work, plan) ?? {};
  return (after === null || typeof after === 'string') && isTexts(again) ? { after, again } : null;
}

/** By UTF-16 code units, as `>` does. */
function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
