/**
 * The plan of a diff: exact first, anchors where that costs too much.
 *
 *     1  cut off what both sides begin and end with; that loses nothing
 *     2  exact, for a sixteenth of the budget. Most diffs end here
 *     3  anchors: windows that are unique in both sides. If these leave more than an eighth of the shorter side between them (a log of few
 *        distinct lines), windows that need not be unique, found for a quarter of the budget, if they leave less
 *     4  Myers in the gaps between anchors, sharing the budget by size; not exact where a gap is long and differs much, and what costs too much
 *        even so is replaced
 *     5  exact for the whole budget after all, if the distance of 4 says that this is enough; or if it is large and the anchors were not unique,
 *        for then they may have been wrong
 *
 * So two sides that differ much cost little where they have landmarks. The fast twin of this file is assembly/diff.ts.
 */
import type { Edits } from '../kernel.ts';
import { type Box, commonAnchors, findWindows, uniqueAnchors } from './anchors.ts';
import { Hunks } from './hunks.ts';
import { commonPrefix, commonSuffix, Search, type Units } from './myers.ts';

/** The edits from `a` to `b`. `windowLength`: how long an anchor is at least, 1 for ids. `budget`: whole, from 0. */
export function diffUnits(a: Units, b: Units, windowLength: 1 | 32, budget: number): Edits {
  const shorter = Math.min(a.length, b.length);
  const prefix = commonPrefix(a, 0, b, 0, shorter);
  const suffix = commonSuffix(a, a.length, b, b.length, shorter - prefix);
  const box = { startA: prefix, endA: a.length - suffix, startB: prefix, endB: b.length - suffix };

  const portion = Math.floor(budget / 16);
  const first = solveExactly(a, b, box, portion);
  if (first.isMinimal) return first;

  const windows = findWindows(a, b, box, windowLength);
  const shorterSide = Math.min(box.endA - box.startA, box.endB - box.startB);
  let gaps = findGaps(a, b, box, uniqueAnchors(windows), windowLength);
  const isHeld = matchedBetween(box, gaps) >= shorterSide - Math.floor(shorterSide / 8);
  // Ids are windows themselves: what they have in common was step 2.
  if (!isHeld && windowLength > 1) {
    const others = findGaps(a, b, box, commonAnchors(windows, Math.floor(budget / 4)), windowLength);
    if (matchedBetween(box, others) > matchedBetween(box, gaps)) gaps = others;
  }
  const anchored = fillGaps(a, b, box, gaps, budget);
  const isCostly = (anchored.distance * anchored.distance) / 2 > budget;
  if (isCostly && (isHeld || 4 * anchored.distance <= shorterSide)) return anchored.edits;
  const exact = solveExactly(a, b, box, budget);
  return exact.isMinimal ? exact : anchored.edits;
}

function solveExactly(a: Units, b: Units, box: Box, budget: number): Edits {
  const hunks = new Hunks();
  const search = new Search(a, b, box.endA - box.startA, box.endB - box.startB, budget);
  search.solve(box.startA, box.endA, box.startB, box.endB, hunks);
  return { hunks: hunks.toArray(), isMinimal: search.complete };
}

/** What is left between anchors once each is extended as far as both sides are equal: four places for each gap, as in a hunk. The last may be empty. */
function findGaps(a: Units, b: Units, box: Box, anchors: Uint32Array, windowLength: number): number[] {
  const gaps: number[] = [];
  let fromA = box.startA;
  let fromB = box.startB;
  for (let at = 0; at < anchors.length; at += 2) {
    const placeA = anchors[at]!;
    const placeB = anchors[at + 1]!;
    if (placeA < fromA || placeB < fromB) continue;
    const back = commonSuffix(a, placeA, b, placeB, Math.min(placeA - fromA, placeB - fromB));
    gaps.push(fromA, placeA - back, fromB, placeB - back);
    fromA = placeA + windowLength;
    fromB = placeB + windowLength;
    const ahead = commonPrefix(a, fromA, b, fromB, Math.min(box.endA - fromA, box.endB - fromB));
    fromA += ahead;
    fromB += ahead;
  }
  gaps.push(fromA, box.endA, fromB, box.endB);
  return gaps;
}

/** Solves each gap for its share of the budget; what one gap does not need, the gaps after it share. */
function fillGaps(a: Units, b: Units, box: Box, gaps: readonly number[], budget: number): { edits: Edits; distance: number } {
  const hunks = new Hunks();
  const search = new Search(a, b, box.endA - box.startA, box.endB - box.startB, budget);
  search.isExact = false;
  let pool = budget;
  let length = lengthOfGaps(gaps);
  for (let at = 0; at < gaps.length; at += 4) {
    const [startA, endA, startB, endB] = [gaps[at]!, gaps[at + 1]!, gaps[at + 2]!, gaps[at + 3]!];
    const size = endA - startA + (endB - startB);
    if (size === 0) continue;
    const share = Math.floor((pool * size) / length);
    search.left = share;
    search.solve(startA, endA, startB, endB, hunks);
    pool -= share - search.left;
    length -= size;
  }
  return { edits: { hunks: hunks.toArray(), isMinimal: false }, distance: hunks.distance };
}

/** How many units of each side are outside the gaps. */
function matchedBetween(box: Box, gaps: readonly number[]): number {
  return (box.endA - box.startA + (box.endB - box.startB) - lengthOfGaps(gaps)) / 2;
}

function lengthOfGaps(gaps: readonly number[]): number {
  let length = 0;
  for (let at = 0; at < gaps.length; at += 4) length += gaps[at + 1]! - gaps[at]! + (gaps[at + 3]! - gaps[at + 2]!);
  return length;
}
