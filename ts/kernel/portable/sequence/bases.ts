/**
 * Bases and the order of places. A base is a line of places, one for each offset, that hangs on a place of its parent, left or right of the unit
 * there. The tree of bases is walked offset by offset: left children, the unit, right children. Siblings are ordered by LSEQ digit (Nédelec et al.,
 * LSEQ: an Adaptive Structure for Sequences in Distributed Collaborative Editing, 2013), then by the dot that names the base.
 *
 * By the jump pointers, an ancestor at a depth, and where two paths part, are found in O(log depth) steps, however deep a hostile tree is.
 */
import { Base, compareReplicas, LEFT, RIGHT } from './records.ts';

/** How many digits the boundary of LSEQ leaves to choose from. */
export const BOUNDARY = 10;

/** The base at depth 0, whose only place is (root, 0, RIGHT). */
export function createRoot(): Base {
  return new Base(null, 0, null, 0, RIGHT, 0);
}

/** The digit that the `choice`-th (0..9) of the boundary is at a level: from the left at odd levels, from the right at even ones (LSEQ, boundary+ and -). */
export function digitOf(level: number, choice: number): number {
  return level & 1 ? 1 + choice : 2 ** Math.min(4 + level, 16) - 1 - choice;
}

/** The choice that gave a base its digit; see {@link digitOf}. */
export function choiceOf(base: Base): number {
  return base.depth & 1 ? base.digit - 1 : 2 ** Math.min(4 + base.depth, 16) - 1 - base.digit;
}

/** The ancestor at `depth`, or the base itself. */
export function ancestorAt(base: Base, depth: number): Base {
  let at = base;
  while (at.depth > depth) at = at.jump.depth >= depth ? at.jump : at.parent!;
  return at;
}

/** Whether `base` is `of` or one of its descendants. */
export function isWithin(base: Base, of: Base): boolean {
  return base.depth >= of.depth && ancestorAt(base, of.depth) === of;
}

/** Whether a base on the path of `base`, its own included, hangs on the right of the unit at that place. */
export function hangsRightOf(base: Base, parent: Base, offset: number): boolean {
  if (base.depth <= parent.depth) return false;
  const child = ancestorAt(base, parent.depth + 1);
  return child.parent === parent && child.offset === offset && child.side === RIGHT;
}

/** Below 0 when the place (a, offsetA) comes before (b, offsetB), 0 when they are the same place. */
export function comparePlaces(a: Base, offsetA: number, b: Base, offsetB: number): number {
  if (a === b) return offsetA - offsetB;
  let childA = a;
  let childB = b;
  if (a.depth > b.depth) {
    childA = ancestorAt(a, b.depth + 1);
    if (childA.parent === b) return placeOfChild(childA, offsetB);
    childA = childA.parent!;
  } else if (b.depth > a.depth) {
    childB = ancestorAt(b, a.depth + 1);
    if (childB.parent === a) return -placeOfChild(childB, offsetA);
    childB = childB.parent!;
  }
  while (childA.parent !== childB.parent) {
    if (childA.jump !== childB.jump) {
      childA = childA.jump;
      childB = childB.jump;
    } else {
      childA = childA.parent!;
      childB = childB.parent!;
    }
  }
  return compareSiblings(childA, childB);
}

/** The order of two bases with one parent. */
export function compareSiblings(a: Base, b: Base): number {
  return a.offset - b.offset || a.side - b.side || a.digit - b.digit || compareReplicas(a.author!, b.author!) || a.counter - b.counter;
}

/** Where a child is, seen from a unit of its parent: before it or behind it. */
function placeOfChild(child: Base, offset: number): number {
  return child.offset - offset || (child.side === LEFT ? -1 : 1);
}
