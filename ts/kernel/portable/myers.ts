/**
 * Exact differences in linear space: E. W. Myers, An O(ND) Difference Algorithm and Its Variations, Algorithmica 1 (1986), section 4b.
 * A search from both corners finds a point in the middle of a shortest path; both halves are then solved the same way. The cost is counted
 * (see ../budget.ts), and a box that would cost more than is left becomes one hunk. A search that need not be exact gives up on a box when that
 * has taken a good part of the budget, and cuts it where the search from the start has come furthest, as GNU diff does; the cost then grows with D,
 * no longer with D * D.
 *
 * Written to be read. Its fast twin is assembly/diff/myers.ts: the same steps, so the same edits for the same budget.
 */
import type { Hunks } from './hunks.ts';

/** What is compared: bytes, UTF-16 units, or ids. Both sides are of one kind. */
export type Units = Uint8Array | Uint16Array | Uint32Array;

/** A box is cut after so many rounds at least: about 10,000 steps. At most, after one 64th of the steps that are left. */
const LEAST_REACH = 64;

/**
 * One search over a pair of sequences, with what it may still spend. The two frontiers hold, for each diagonal k = x - y of the current box, the
 * furthest x that the search has reached: `forward` from the start of the box, `backward` from its end, counted from the end.
 *
 * In round d only diagonals from d - 2 * height to 2 * width - d can lie inside the box, at most 2 * min(d, width, height) + 1 of them. So
 * a ring is enough, and the budget bounds it too: frontiers of r diagonals have cost r * r / 4 steps by then.
 */
export class Search {
  readonly a: Units;
  readonly b: Units;
  /** Steps that are left; below 0 when the last round found more equal units than it could know of. */
  left: number;
  /** Whether boxes are never cut. */
  isExact = true;
  /** Whether every box was solved exactly. */
  complete = true;
  #forward: Int32Array;
  #backward: Int32Array;
  #mask: number;
  #middleX = 0;
  #middleY = 0;

  /** Prepares for boxes of at most `width` units of `a` by `height` units of `b`. */
  constructor(a: Units, b: Units, width: number, height: number, budget: number) {
    this.a = a;
    this.b = b;
    this.left = budget;
    const diagonals = 2 * Math.min(width, height, Math.ceil(Math.sqrt(budget))) + 8;
    const size = 2 ** Math.ceil(Math.log2(diagonals));
    this.#forward = new Int32Array(size);
    this.#backward = new Int32Array(size);
    this.#mask = size - 1;
  }

  /**
   * Adds the hunks between a[startA, endA) and b[startB, endB). Recursion is as deep as the logarithm of their distance: what is before a middle
   * point has half of it, and what is before a cut has a bounded one.
   */
  solve(startA: number, endA: number, startB: number, endB: number, hunks: Hunks): void {
    const { a, b } = this;
    let fromA = startA;
    let toA = endA;
    let fromB = startB;
    let toB = endB;
    while (true) {
      const prefix = commonPrefix(a, fromA, b, fromB, Math.min(toA - fromA, toB - fromB));
      fromA += prefix;
      fromB += prefix;
      const suffix = commonSuffix(a, toA, b, toB, Math.min(toA - fromA, toB - fromB));
      toA -= suffix;
      toB -= suffix;
      if (fromA === toA || fromB === toB || !this.#findMiddle(fromA, toA, fromB, toB)) {
        hunks.add(fromA, toA, fromB, toB);
        return;
      }
      const middleA = fromA + this.#middleX;
      const middleB = fromB + this.#middleY;
      this.solve(fromA, middleA, fromB, middleB, hunks);
      fromA = middleA;
      fromB = middleB;
    }
  }

  /**
   * Finds a point of a shortest path, with about half of its cost before it, and keeps it in `#middleX` and `#middleY`, counted from the start
   * of the box. Neither side of the box is empty, and its first and last units differ. False when the budget does not reach that far.
   */
  #findMiddle(startA: number, endA: number, startB: number, endB: number): boolean {
    const { a, b } = this;
    const forward = this.#forward;
    const backward = this.#backward;
    const mask = this.#mask;
    const width = endA - startA;
    const height = endB - startB;
    const delta = width - height;
    const isOdd = (delta & 1) !== 0;
    const reach = this.isExact ? Number.POSITIVE_INFINITY : Math.max(LEAST_REACH, Math.floor(Math.sqrt(Math.max(this.left, 0)) / 8));
    forward[1] = 0;
    backward[1] = 0;
    for (let d = 0; ; d++) {
      const low = d > height ? d - 2 * height : -d;
      const high = d > width ? 2 * width - d : d;
      if (d > reach) {
        this.#cut(d - 1, width, height);
        return true;
      }
      const round = high - low + 2;
      if (round > this.left) {
        this.complete = false;
        return false;
      }
      this.left -= round;
      let below = forward[(low - 1) & mask]!;
      for (let k = low; k <= high; k += 2) {
        const above = forward[(k + 1) & mask]!;
        let x = k === -d || (k !== d && below < above) ? above : below + 1;
        below = above;
        const y = x - k;
        const run = commonPrefix(a, startA + x, b, startB + y, Math.min(width - x, height - y));
        x += run;
        this.left -= run >>> 5;
        forward[k & mask] = x;
        // The other frontier is that of round d - 1, on the diagonals of its own parity.
        if (isOdd && x + reached(backward, mask, delta - k, d - 1, width, height) >= width) {
          this.#middleX = x;
          this.#middleY = x - k;
          return true;
        }
      }
      below = backward[(low - 1) & mask]!;
      for (let k = low; k <= high; k += 2) {
        const above = backward[(k + 1) & mask]!;
        let x = k === -d || (k !== d && below < above) ? above : below + 1;
        below = above;
        const y = x - k;
        const run = commonSuffix(a, endA - x, b, endB - y, Math.min(width - x, height - y));
        x += run;
        this.left -= run >>> 5;
        backward[k & mask] = x;
        if (!isOdd && x + reached(forward, mask, delta - k, d, width, height) >= width) {
          this.#middleX = width - x;
          this.#middleY = height - (x - k);
          return true;
        }
      }
    }
  }

  /** Makes the furthest point of the forward frontier of round d the middle: the one with the largest x + y, and of several the first. */
  #cut(d: number, width: number, height: number): void {
    this.complete = false;
    this.#middleX = 0;
    this.#middleY = 0;
    const low = d > height ? d - 2 * height : -d;
    const high = d > width ? 2 * width - d : d;
    for (let k = low; k <= high; k += 2) {
      const x = this.#forward[k & this.#mask]!;
      const y = x - k;
      // A path that left the box is on no way to its end.
      if (x > width || y > height || x + y <= this.#middleX + this.#middleY) continue;
      this.#middleX = x;
      this.#middleY = y;
    }
  }
}

/** How far a frontier of round d has come on diagonal k; far below 0 for a diagonal that the round did not look at. */
function reached(frontier: Int32Array, mask: number, k: number, d: number, width: number, height: number): number {
  const low = d > height ? d - 2 * height : -d;
  const high = d > width ? 2 * width - d : d;
  return k >= low && k <= high ? frontier[k & mask]! : -(2 ** 32);
}

/** How many units are equal from a[fromA] and b[fromB] on, at most `limit`; 0 when that is negative. */
export function commonPrefix(a: Units, fromA: number, b: Units, fromB: number, limit: number): number {
  let length = 0;
  while (length < limit && a[fromA + length] === b[fromB + length]) length++;
  return length;
}

/** How many units are equal before a[toA] and b[toB], at most `limit`; 0 when that is negative. */
export function commonSuffix(a: Units, toA: number, b: Units, toB: number, limit: number): number {
  let length = 0;
  while (length < limit && a[toA - 1 - length] === b[toB - 1 - length]) length++;
  return length;
}
