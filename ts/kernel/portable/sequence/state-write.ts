/** Writes the state of a sequence (sequence-layout.md, "State"): from what lives alone, so equal states give equal bytes. */

import type { SequenceBytes } from '../../kernel.ts';
import { choiceOf } from './bases.ts';
import { ByteWriter } from './bytes.ts';
import type { Contents } from './contents.ts';
import type { Leaf } from './nodes.ts';
import type { Author, Base } from './records.ts';
import { STATE, writeVersion } from './version.ts';

/** From here on, how far up the parent is has a number of its own. */
export const UPS_IN_HEAD = 11;
/** A head is `up` times this, and a side and a choice of the boundary below it. */
export const UP_STEP = 20;

/** A maximal stretch of live units of one base. */
interface Run {
  readonly offset: number;
  readonly counter: number;
  length: number;
}

/** A base with the runs in it, in the order of offsets. */
interface BaseRuns {
  readonly base: Base;
  readonly runs: Run[];
}

const writer: ByteWriter = new ByteWriter();

export function encodeState({ unit, authors, tree, root }: Contents): SequenceBytes {
  const replicas = authors.inOrder();
  const bases = collectRuns(tree.first, root);
  writer.byte(STATE[unit]);
  writeVersion(writer, replicas);
  writer.varint(bases.length);
  writeHeads(bases, root);
  if (replicas.length > 1) {
    const places = new Map<Author, number>(replicas.map((author, at) => [author, at]));
    for (const { base } of bases) writer.varint(places.get(base.author!)!);
  }
  writeOffsets(bases, root);
  writeIds(bases);
  for (const { base, runs } of bases) writeRuns(base, runs);
  const units = writeUnits(tree.first, tree.length);
  return { bytes: writer.take(), units };
}

/** The bases with live units and their ancestors, in the order in which document order first needs them: that of the layout. */
function collectRuns(first: Leaf, root: Base): BaseRuns[] {
  const bases: BaseRuns[] = [];
  const runsOf = new Map<Base, Run[]>([[root, []]]);
  const path: Base[] = [];
  for (let leaf: Leaf | null = first; leaf !== null; leaf = leaf.next) {
    for (const block of leaf.blocks) {
      for (let base = block.base; !runsOf.has(base); base = base.parent!) path.push(base);
      while (path.length > 0) {
        const base = path.pop()!;
        const runs: Run[] = [];
        runsOf.set(base, runs);
        bases.push({ base, runs });
      }
      const runs = runsOf.get(block.base)!;
      const last = runs.at(-1);
      if (last !== undefined && last.offset + last.length === block.offset && last.counter + last.length === block.counter) {
        last.length += block.length;
      } else {
        runs.push({ offset: block.offset, counter: block.counter, length: block.length });
      }
    }
  }
  return bases;
}

function writeHeads(bases: readonly BaseRuns[], root: Base): void {
  const ups: number[] = [];
  let before = root;
  for (const { base } of bases) {
    const up = before.depth - base.parent!.depth;
    writer.byte(Math.min(up, UPS_IN_HEAD) * UP_STEP + 2 * choiceOf(base) + base.side);
    if (up >= UPS_IN_HEAD) ups.push(up - UPS_IN_HEAD);
    before = base;
  }
  for (const up of ups) writer.varint(up);
}

function writeOffsets(bases: readonly BaseRuns[], root: Base): void {
  const lastChild = new Map<Base, number>();
  for (const { base } of bases) {
    const parent = base.parent!;
    if (parent === root) continue;
    const before = lastChild.get(parent);
    if (before === undefined) writer.signed(base.offset);
    else writer.varint(base.offset - before);
    lastChild.set(parent, base.offset);
  }
}

function writeIds(bases: readonly BaseRuns[]): void {
  const lastId = new Map<Author, number>();
  for (const { base } of bases) {
    writer.signed(base.counter - (lastId.get(base.author!) ?? 0));
    lastId.set(base.author!, base.counter);
  }
}

function writeRuns(base: Base, runs: readonly Run[]): void {
  if (runs.length === 0) writer.varint(0);
  let offsetEnd = 0;
  let counterEnd = 0;
  for (let at = 0; at < runs.length; at++) {
    const { offset, counter, length } = runs[at]!;
    const more = at < runs.length - 1 ? 1 : 0;
    if (at === 0) {
      const isAway = offset !== 0;
      writer.varint(4 * length + (isAway ? 2 : 0) + more);
      if (isAway) {
        writer.signed(offset);
        writer.varint(counter - base.counter - offset);
      }
    } else if (isFalling(runs, at)) {
      let last = at;
      while (isFalling(runs, last + 1)) last++;
      writer.varint(0);
      writer.varint(0);
      writer.varint(2 * (last - at + 1) + (last < runs.length - 1 ? 1 : 0));
      at = last;
    } else {
      const gap = offset - offsetEnd;
      writer.varint(gap);
      writer.signed(counter - counterEnd - gap);
      writer.varint(2 * length + more);
    }
    offsetEnd = runs[at]!.offset + runs[at]!.length;
    counterEnd = runs[at]!.counter + runs[at]!.length;
  }
}

/** Whether a run is one unit right behind the run before it, with the counter before that one's last. */
function isFalling(runs: readonly Run[], at: number): boolean {
  const before = runs[at - 1];
  const run = runs[at];
  if (before === undefined || run === undefined || run.length > 1) return false;
  return run.offset === before.offset + before.length && run.counter === before.counter + before.length - 2;
}

function writeUnits(first: Leaf, length: number): Uint32Array<ArrayBuffer> {
  const handles = new Uint32Array(first.units instanceof Uint16Array ? 0 : length);
  let done = 0;
  for (let leaf: Leaf | null = first; leaf !== null; leaf = leaf.next) {
    const { units } = leaf;
    if (units instanceof Uint32Array) handles.set(units.subarray(0, leaf.length), done);
    else for (let at = 0; at < leaf.length; at++) writer.varint(units[at]!);
    done += leaf.length;
  }
  return handles;
}
