/**
 * Local edits: where the places of new units are (the rules of Fugue, Weidner and Kleppmann, arXiv 2305.00583, with runs that grow at both ends)
 * and what the log notes. A run only nests into what was there, so runs of two replicas never mix, whichever way they were typed.
 */

import type { SequenceUnits } from '../../kernel.ts';
import { editLimitFault, editRangeFault, MAX_COUNTER, MAX_LENGTH, MAX_OFFSET } from '../../sequence-fault.ts';
import { BOUNDARY, digitOf, hangsRightOf, isWithin } from './bases.ts';
import type { Contents } from './contents.ts';
import type { Placed } from './log.ts';
import type { Block } from './nodes.ts';
import { type Base, LEFT, RIGHT } from './records.ts';

/** Applies `count` edits of 3 x i32; see `KernelSequence.edit` for what is checked before. */
export function applyEdits(contents: Contents, edits: Int32Array, count: number, units: SequenceUnits): void {
  checkEdits(contents, edits, count, units);
  let from = 0;
  for (let at = 0; at < 3 * count; at += 3) {
    const index = edits[at]!;
    const inserted = edits[at + 2]!;
    if (edits[at + 1]! > 0) deleteUnits(contents, index, edits[at + 1]!);
    if (inserted > 0) insertUnits(contents, index, units, from, inserted);
    from += inserted;
  }
}

function checkEdits({ tree, own }: Contents, edits: Int32Array, count: number, units: SequenceUnits): void {
  if (!(count >= 0 && 3 * count <= edits.length)) throw editRangeFault();
  let { length } = tree;
  let counter = own.counter;
  let used = 0;
  for (let at = 0; at < 3 * count; at += 3) {
    const index = edits[at]!;
    const removed = edits[at + 1]!;
    const inserted = edits[at + 2]!;
    if (index < 0 || removed < 0 || inserted < 0 || index + removed > length) throw editRangeFault();
    used += inserted;
    length += inserted - removed;
    counter += inserted + (removed > 0 ? 1 : 0);
    if (used > units.length) throw editRangeFault();
    if (counter > MAX_COUNTER || length > MAX_LENGTH || inserted > MAX_OFFSET) throw editLimitFault();
  }
}

function deleteUnits(contents: Contents, index: number, length: number): void {
  const { tree, own, log } = contents;
  const event = log.startDelete(++own.counter);
  contents.isPastMark = true;
  tree.seek(index);
  for (let left = length; left > 0; ) {
    tree.enterNext();
    const block = tree.block!;
    const part = Math.min(left, block.length - tree.within);
    log.delete(event, own, block.base.author!, block.counter + tree.within, part);
    contents.remove(part);
    left -= part;
  }
}

function insertUnits(contents: Contents, index: number, units: SequenceUnits, from: number, length: number): void {
  const { tree, own, log } = contents;
  tree.seek(index);
  const place = extend(tree.blockBefore(), tree.blockBehind(), own.counter + 1, length) ?? createBase(contents, length);
  const { base, offset, counter } = place;
  own.counter += length;
  contents.isPastMark = true;
  log.insert(own, place, units, from, length);
  own.setTail(own.counter, base, offset + length - 1);
  contents.insert(base, offset, counter, units, from, length);
  contents.index(base, offset, counter, length);
}

/** A place at an end of the base of a neighbour, where this instance made it and it is free there; else null. */
function extend(left: Block | null, right: Block | null, counter: number, length: number): Placed | null {
  const before = left?.base;
  if (before?.isOwn && isFree(before, right) && before.max + length <= MAX_OFFSET) {
    const offset = before.max + 1;
    before.max += length;
    return { base: before, offset, counter, parentCounter: 0 };
  }
  const behind = right?.base;
  if (behind?.isOwn && isFree(behind, left) && behind.min - length >= -MAX_OFFSET) {
    behind.min -= length;
    return { base: behind, offset: behind.min, counter, parentCounter: 0 };
  }
  return null;
}

/** Whether the neighbour on the other side is outside the base and all that hangs on it, so that the base may grow there. */
function isFree(base: Base, neighbour: Block | null): boolean {
  return neighbour === null || !isWithin(neighbour.base, base);
}

function createBase(contents: Contents, length: number): Placed {
  const { own, root, tree } = contents;
  const left = tree.unitBefore();
  const right = tree.unitBehind();
  const isRight = left !== null && (right === null || !hangsRightOf(right.block.base, left.block.base, left.block.offset + left.at));
  const neighbour = isRight ? left : right;
  const parent = neighbour?.block.base ?? root;
  const side = isRight || neighbour === null ? RIGHT : LEFT;
  const offset = neighbour === null ? 0 : neighbour.block.offset + neighbour.at;
  const parentCounter = neighbour === null ? 0 : neighbour.block.counter + neighbour.at;
  const counter = own.counter + 1;
  const base = contents.addBase(own, counter, parent, offset, side, digitOf(parent.depth + 1, contents.randomBelow(BOUNDARY)));
  base.isOwn = true;
  base.max = length - 1;
  return { base, offset: 0, counter, parentCounter };
}
