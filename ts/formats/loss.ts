/**
 * What a format could not carry. Every reader and writer of `ts/formats/` returns these beside its result, so that nothing is lost silently.
 */

/** One thing of the source that is not, or not exactly, in the result. */
export interface Loss {
  /**
   * JSON Pointer (RFC 6901) into the source: the file when reading, the Session when writing. In a text file `/line/12` is its twelfth line. A
   * pointer to a whole list is something that no entry of it keeps.
   */
  readonly pointer: string;
  /** Why, for a person. Never a value of the source. */
  readonly reason: string;
  /** `lossy`: it is there but less exact. `dropped`: it is not there at all. */
  readonly severity: 'lossy' | 'dropped';
}

/** Adds a loss. */
export function lose(losses: Loss[], pointer: string, severity: Loss['severity'], reason: string): void {
  losses.push({ pointer, reason, severity });
}

/** Adds a loss for each entry of a list that is left out as a whole. */
export function loseAll(losses: Loss[], values: readonly unknown[] | undefined, pointer: string, reason: string): void {
  for (const index of values?.keys() ?? []) lose(losses, `${pointer}/${index}`, 'dropped', reason);
}

/** Values by identity: the last one set stays, where the first one stood, and each one that it replaces is a loss. */
export class LastOf<T> {
  readonly #what: string;
  readonly #losses: Loss[];
  readonly #kept = new Map<string, { value: T; pointer: string }>();

  /** `what` names the values in a reason: `cookie`. */
  constructor(what: string, losses: Loss[]) {
    this.#what = what;
    this.#losses = losses;
  }

  set(identity: string, value: T, pointer: string): void {
    const earlier = this.#kept.get(identity);
    if (earlier !== undefined) lose(this.#losses, earlier.pointer, 'dropped', `the same ${this.#what} comes again later in the file`);
    this.#kept.set(identity, { value, pointer });
  }

  values(): T[] {
    return [...this.#kept.values()].map(({ value }) => value);
  }
}
