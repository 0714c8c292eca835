/**
 * How far an export has come, as text that somebody keeps: the place in the listing, or in the given ids, where the next run goes on; what is finished
 * beyond that place; and what failed, which is looked at again. Whoever takes the results finishes them one after the other, so the text stays small.
 */

import { PspError, type PspErrorCode } from '../errors.ts';
import { formatMark, isPlace, isTexts, MAX_AGAIN, readMark } from './mark-text.ts';
import type { DamagedSession } from './store.ts';

/** Where an item of an export stands: the cursor of its page, or how many ids stand before its batch. Null is the start. */
export type ExportPlace = string | null;

/** A session to export. */
export interface SessionItem {
  readonly id: string;
  /** Not given for what a run before has left to look at again. */
  readonly place?: ExportPlace;
}

/** A record that the listing found damaged. */
export interface DamagedItem extends DamagedSession {
  /** Not given for what a run before has met: it is told again, and stays told. */
  readonly place?: ExportPlace;
}

/** `gone`: it was listed, and there is nothing to export any more. */
export type ExportOutcome = 'exported' | 'failed' | 'gone';

interface Saved {
  /** Sessions that were exported. */
  readonly exported: number;
  readonly place: ExportPlace;
  /** Ids at that place that are finished, well or not. */
  readonly taken: readonly string[];
  /** Ids that failed. */
  readonly again: readonly string[];
  /** Codes of damaged records before that place. */
  readonly damaged: readonly string[];
}

const NOTHING: Saved = { exported: 0, place: null, taken: [], again: [], damaged: [] };

/** What is finished of an export, and the text for that. */
export class ExportMark {
  /** Whether a text of the same export was found. */
  readonly resumed: boolean;
  /** Where the run before has left off; its ids `taken` from there on are finished. */
  readonly start: Pick<Saved, 'place' | 'taken'>;
  readonly #plan: string;
  readonly #again: Set<string>;
  readonly #damaged: string[];
  /** Met at the place of the mark, and so met again by the next run. */
  #damagedHere: string[] = [];
  #exported: number;
  #place: ExportPlace;
  #taken: string[];
  #isFull = false;

  /** `plan` tells this export from others, `text` is what was saved, or null. */
  constructor(plan: string, text: string | null) {
    const saved = readSaved(text, plan);
    const { exported, place, taken, again, damaged } = saved ?? NOTHING;
    this.resumed = saved !== null;
    this.start = { place, taken };
    this.#plan = plan;
    this.#exported = exported;
    this.#place = place;
    this.#taken = [...taken];
    this.#again = new Set(again);
    this.#damaged = [...damaged];
  }

  /** Sessions that were exported, by this run and those before. */
  get exported(): number {
    return this.#exported;
  }

  /** What is looked at before all else: failures of the runs before. */
  get left(): readonly (SessionItem | DamagedItem)[] {
    const message = 'a record that a run before has met cannot be read';
    const damaged = this.#damaged.map((code) => ({ key: null, error: new PspError(code as PspErrorCode, message) }));
    return [...damaged, ...[...this.#again].map((id) => ({ id }))];
  }

  /** The item has been taken by who asked for it. Items are finished in the order in which they were given. */
  finish(item: SessionItem | DamagedItem, outcome: ExportOutcome): void {
    if (this.#isFull) return;
    if (item.place === undefined) {
      if ('id' in item && outcome !== 'failed') this.#again.delete(item.id);
    } else {
      if (outcome === 'failed' && this.#failures() >= MAX_AGAIN) {
        this.#isFull = true;
        return;
      }
      this.#move(item.place);
      if ('error' in item) this.#damagedHere.push(item.error.code);
      else this.#taken.push(item.id);
      if ('id' in item && outcome === 'failed') this.#again.add(item.id);
    }
    if (outcome === 'exported') this.#exported++;
  }

  /** The text for what is finished by now. */
  format(): string {
    return formatMark('export', this.#plan, {
      exported: this.#exported,
      place: this.#place,
      taken: this.#taken,
      again: [...this.#again],
      damaged: this.#damaged,
    });
  }

  #failures(): number {
    return this.#again.size + this.#damaged.length + this.#damagedHere.length;
  }

  #move(place: ExportPlace): void {
    if (place === this.#place) return;
    this.#place = place;
    this.#taken = [];
    this.#damaged.push(...this.#damagedHere);
    this.#damagedHere = [];
  }
}

function readSaved(text: string | null, plan: string): Saved | null {
  const { exported, place, taken, again, damaged } = readMark(text, 'export', plan) ?? {};
  if (!isPlace(exported) || (place !== null && typeof place !== 'string')) return null;
  return isTexts(taken) && isTexts(again) && isTexts(damaged) ? { exported, place, taken, again, damaged } : null;
}
