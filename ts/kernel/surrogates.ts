/**
 * Edits of a text may not cut a surrogate pair: half a pair alone cannot be written as UTF-8. The kernels compare UTF-16 units; here, once for
 * all of them, their hunks are moved or widened to whole pairs.
 */

/** The hunks of two texts, widened (in place) so that none begins or ends inside a surrogate pair of either text, and merged where they then touch. */
export function widenToPairs(hunks: Uint32Array<ArrayBuffer>, a: string, b: string): Uint32Array<ArrayBuffer> {
  let to = 0;
  for (let from = 0; from < hunks.length; from += 4) {
    let startA = hunks[from]!;
    let endA = hunks[from + 1]!;
    let startB = hunks[from + 2]!;
    let endB = hunks[from + 3]!;
    // The unit before a hunk is equal in both texts, and so is the unit after it: each step outward is the same on both sides.
    const cutsStart = isInPair(a, startA) || isInPair(b, startB);
    if (cutsStart && startA === endA && b[endB - 1] === b[startB - 1]) {
      // Of two characters with one first half, the second half and the next first half were inserted: the same as the character before.
      endA = --startA;
      startB--;
      endB--;
    } else if (cutsStart && startB === endB && a[endA - 1] === a[startA - 1]) {
      endB = --startB;
      startA--;
      endA--;
    } else if (cutsStart) {
      startA--;
      startB--;
    }
    if (isInPair(a, endA) || isInPair(b, endB)) {
      endA++;
      endB++;
    }
    if (to > 0 && hunks[to - 3] === startA) {
      hunks[to - 3] = endA;
      hunks[to - 1] = endB;
    } else {
      hunks[to] = startA;
      hunks[to + 1] = endA;
      hunks[to + 2] = startB;
      hunks[to + 3] = endB;
      to += 4;
    }
  }
  return to === hunks.length ? hunks : hunks.slice(0, to);
}

/** Whether the units on both sides of `at` are one character. */
function isInPair(text: string, at: number): boolean {
  // Outside the text charCodeAt gives NaN, which & turns to 0.
  return (text.charCodeAt(at - 1) & 0xfc00) === 0xd800 && (text.charCodeAt(at) & 0xfc00) === 0xdc00;
}
