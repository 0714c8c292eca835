/** The list of hunks that a diff writes from left to right, in the layout of `Edits.hunks`. */

/** Grows as needed; merges a hunk with the one before it when nothing equal is between them. */
export class Hunks {
  #words: Uint32Array<ArrayBuffer> = new Uint32Array(64);
  #length = 0;
  #distance = 0;

  /** How many units the hunks insert and delete. */
  get distance(): number {
    return this.#distance;
  }

  /** Says that a[startA, endA) becomes b[startB, endB). Both empty says nothing. Each hunk begins at or after the end of the last. */
  add(startA: number, endA: number, startB: number, endB: number): void {
    if (startA === endA && startB === endB) return;
    this.#distance += endA - startA + (endB - startB);
    const at = this.#length;
    if (at > 0 && this.#words[at - 3] === startA && this.#words[at - 1] === startB) {
      this.#words[at - 3] = endA;
      this.#words[at - 1] = endB;
      return;
    }
    if (at === this.#words.length) {
      const larger = new Uint32Array(2 * at);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[at] = startA;
    this.#words[at + 1] = endA;
    this.#words[at + 2] = startB;
    this.#words[at + 3] = endB;
    this.#length += 4;
  }

  /** The hunks so far, in an array of their own. */
  toArray(): Uint32Array<ArrayBuffer> {
    return this.#words.slice(0, this.#length);
  }
}
