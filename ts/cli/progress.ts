/**
 * Progress of many items on standard error: a line that is drawn over at a terminal, with a bar, rate and time left; elsewhere a plain line now and
 * then, so that a log stays readable. Numbers only, no names.
 */
import { showBytes } from './text.ts';

/** Counts so far. */
export interface Counts {
  /** Items that have ended, failures among them. */
  readonly items: number;
  readonly failed: number;
  readonly bytes: number;
}

/** Where progress is shown, and by which clock. */
export interface ProgressOptions {
  /** What is done, such as `imported`. */
  readonly verb: string;
  /** Items there will be, where that is known. */
  readonly total: number | null;
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly write: (text: string) => void;
  /** Milliseconds, of any start. */
  readonly now: () => number;
}

/** A terminal is drawn anew so often, at most; a log gets a line so often. */
const TERMINAL_MS = 100;
const LOG_MS = 10_000;
const BAR_CELLS = 24;

/** Shows how far something is. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #start: number;
  #shownAt: number;
  #isDrawn = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#start = options.now();
    this.#shownAt = this.#start;
  }

  /** Shows the counts, when it is time. */
  update(counts: Counts): void {
    const { isTerminal, now, write, columns } = this.#options;
    const time = now();
    if (time - this.#shownAt < (isTerminal ? TERMINAL_MS : LOG_MS)) return;
    this.#shownAt = time;
    const line = showProgress(counts, { ...this.#options, elapsedMs: time - this.#start });
    this.#isDrawn = isTerminal;
    // A line that is longer than the terminal is wide cannot be drawn over.
    write(isTerminal ? `\r\u001b[2K${line.slice(0, Math.max(1, columns - 1))}` : `${line}\n`);
  }

  /** Takes away what is drawn at a terminal: what comes next stands in its place. */
  end(): void {
    if (this.#isDrawn) this.#options.write('\r\u001b[2K');
    this.#isDrawn = false;
  }
}

/** Progress on standard error of this process. */
export function progressOf(verb: string, total: number | null): Progress {
  const { stderr } = process;
  return new Progress({
    verb,
    total,
    isTerminal: stderr.isTTY === true,
    columns: stderr.columns ?? 80,
    write: (text) => void stderr.write(text),
    now: () => performance.now(),
  });
}

/** One line: `[######------] imported 1200 of 5000, 340/s, 1.3 MiB/s, 11 s left, 2 failed`. */
export function showProgress(
  { items, failed, bytes }: Counts,
  { verb, total, isTerminal, elapsedMs }: Pick<ProgressOptions, 'verb' | 'total' | 'isTerminal'> & { readonly elapsedMs: number },
): string {
  const seconds = Math.max(elapsedMs, 1) / 1000;
  const rate = items / seconds;
  const share = total === null || total === 0 ? null : Math.min(1, items / total);
  const filled = Math.round((share ?? 0) * BAR_CELLS);
  const bar = isTerminal && share !== null ? `[${'#'.repeat(filled)}${'-'.repeat(BAR_CELLS - filled)}] ` : '';
  const left = total === null || rate === 0 ? '' : `, ${showSeconds((total - Math.min(items, total)) / rate)} left`;
  const failures = failed === 0 ? '' : `, ${failed} failed`;
  return `${bar}${verb} ${items}${total === null ? '' : ` of ${total}`}, ${showRate(rate)}/s, ${showBytes(Math.round(bytes / seconds))}/s${left}${failures}`;
}

function showRate(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
}

/** 3 s, 4 min, 2.5 h. */
function showSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
