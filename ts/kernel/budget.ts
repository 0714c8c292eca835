/**
 * How much a diff may cost, in steps of its search, the same in every kernel: one step for each diagonal looked at in one round, and one for
 * each 32 units that were equal there. The figures come from bench/diff.bench.ts.
 */

/**
 * Steps that `diffText` and `diffIds` may take for an exact answer. Exact edits of distance D take about D * D / 2, so sides stay exact up to about
 * 8,000 inserted and deleted units, however long they are. Compiled, a million steps are about 4 ms. The whole of a diff takes at most
 * about two and a half times the budget, once both sides are read.
 */
export const DIFF_BUDGET: number = 2 ** 25;

/** The same for `diffBytes`, exact up to about 1,400 bytes: nobody reads its edits, they only have to be small, and most sections are random. */
export const DIFF_BYTES_BUDGET: number = 2 ** 20;

/**
 * A budget as the kernels take it: whole, at least 0, at most 2^53 - 1 (so that `Infinity` means: exact, whatever it costs).
 *
 * @throws RangeError when it is negative or not a number.
 */
export function checkBudget(budget: number): number {
  if (!(budget >= 0)) throw new RangeError(`budget: expected a number of steps from 0, got ${budget}`);
  return Math.min(Math.floor(budget), Number.MAX_SAFE_INTEGER);
}
