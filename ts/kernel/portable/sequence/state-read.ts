/** Reads a state whole and checks all that it can say wrong (sequence-layout.md, "State"), before any of it is joined. */

import type { SequenceUnit } from '../../kernel.ts';
import { MAX_COUNTER, MAX_LENGTH, MAX_OFFSET } from '../../sequence-fault.ts';
import { digitOf } from './bases.ts';
import { ByteReader } from './bytes.ts';
import { LEFT, RIGHT, type Side } from './records.ts';
import { UP_STEP, UPS_IN_HEAD } from './state-write.ts';
import { readUnits } from './update-read.ts';
import { type Covered, readVersion, STATE } from './version.ts';

/** A base as a state has it: its replica by the place in the state's table, its parent as another of these. */
export interface StateBase {
  readonly parent: StateBase | null;
  readonly depth: number;
  readonly side: Side;
  readonly digit: number;
  author: number;
  offset: number;
  counter: number;
  readonly children: StateBase[];
  readonly runs: StateRun[];
}

/** A maximal stretch of live units, or a part of one that stands alone in document order. */
export interface StateRun {
  readonly base: StateBase;
  readonly offset: number;
  readonly counter: number;
  readonly length: number;
}

export interface State {
  readonly replicas: readonly Covered[];
  /** Parents before children. */
  readonly bases: readonly StateBase[];
  /** The dots of each replica that live, by counter: runs as the bases have them. */
  readonly dots: readonly StateRun[][];
  /** The live units in document order, as parts of runs. */
  readonly parts: readonly StateRun[];
  readonly length: number;
  /** Of a text, its units. */
  readonly units: Uint16Array;
}

/** Throws `MERGE_MALFORMED`, also where the state holds other than `handleCount` elements. */
export function readState(bytes: Uint8Array, unit: SequenceUnit, handleCount: number): State {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== STATE[unit]) throw reader.malformed();
  const replicas = readVersion(reader);
  const root = createBase(null, RIGHT, 0);
  const bases = readTree(reader, root);
  if (replicas.length > 1) for (const base of bases) base.author = reader.upTo(replicas.length - 1);
  readOffsets(reader, bases, root);
  readIds(reader, bases, replicas);
  checkSiblings(reader, root, bases);
  let length = 0;
  // A unit of a text is at least a byte.
  const most = () => Math.min(MAX_LENGTH, unit === 'text' ? reader.left : handleCount) - length;
  for (const base of bases) length += readRuns(reader, base, replicas[base.author]!.counter, most());
  if (unit === 'elements' && length !== handleCount) throw reader.malformed();
  const dots = sortDots(reader, bases, replicas.length);
  const units = readUnits(reader, unit === 'text' ? length : 0);
  if (reader.left > 0) throw reader.malformed();
  return { replicas, bases, dots, parts: inDocumentOrder(root), length, units };
}

function readTree(reader: ByteReader, root: StateBase): StateBase[] {
  const count = reader.upTo(reader.left);
  const heads: number[] = [];
  for (let at = 0; at < count; at++) heads.push(reader.byte());
  const bases: StateBase[] = [];
  let before = root;
  for (const head of heads) {
    let up = Math.trunc(head / UP_STEP);
    if (up === UPS_IN_HEAD) up += reader.varint();
    if (up > before.depth) throw reader.malformed();
    let parent = before;
    for (; up > 0; up--) parent = parent.parent!;
    const side: Side = head & 1 ? RIGHT : LEFT;
    if (head >= (UPS_IN_HEAD + 1) * UP_STEP || (parent === root && side !== RIGHT)) throw reader.malformed();
    const base = createBase(parent, side, digitOf(parent.depth + 1, (head % UP_STEP) >> 1));
    parent.children.push(base);
    bases.push(base);
    before = base;
  }
  return bases;
}

function createBase(parent: StateBase | null, side: Side, digit: number): StateBase {
  const depth = parent === null ? 0 : parent.depth + 1;
  return { parent, depth, side, digit, author: 0, offset: 0, counter: 0, children: [], runs: [] };
}

function readOffsets(reader: ByteReader, bases: readonly StateBase[], root: StateBase): void {
  const lastChild = new Map<StateBase, number>();
  for (const base of bases) {
    const parent = base.parent!;
    if (parent === root) continue;
    const before = lastChild.get(parent);
    base.offset = before === undefined ? reader.signed() : before + reader.varint();
    if (base.offset > MAX_OFFSET || base.offset < -MAX_OFFSET) throw reader.malformed();
    lastChild.set(parent, base.offset);
  }
}

function readIds(reader: ByteReader, bases: readonly StateBase[], replicas: readonly Covered[]): void {
  const lastId = replicas.map(() => 0);
  for (const base of bases) {
    const replica = replicas[base.author];
    if (replica === undefined) throw reader.malformed();
    base.counter = lastId[base.author]! + reader.signed();
    if (base.counter < 1 || base.counter > replica.counter) throw reader.malformed();
    lastId[base.author] = base.counter;
  }
}

/** Replicas are in order, so their places compare as they do. */
function checkSiblings(reader: ByteReader, root: StateBase, bases: readonly StateBase[]): void {
  for (const { children } of [root, ...bases]) {
    for (let at = 1; at < children.length; at++) {
      const a = children[at - 1]!;
      const b = children[at]!;
      const order = a.offset - b.offset || a.side - b.side || a.digit - b.digit || a.author - b.author || a.counter - b.counter;
      if (order >= 0) throw reader.malformed();
    }
  }
}

/** Reads the runs of a base and gives how many units they have: `most` or fewer, or they are refused before they take memory. */
function readRuns(reader: ByteReader, base: StateBase, covered: number, most: number): number {
  const first = reader.varint();
  if (first === 0) {
    if (base.children.length === 0) throw reader.malformed();
    return 0;
  }
  let offset = 0;
  let counter = base.counter;
  if (first & 2) {
    offset = reader.signed();
    counter += offset + reader.varint();
    if (offset === 0) throw reader.malformed();
  }
  let total = addRun(reader, base, offset, counter, first >>> 2, covered);
  let isFalling = false;
  for (let hasMore = first & 1; hasMore; ) {
    const before = base.runs.at(-1)!;
    offset = before.offset + before.length;
    counter = before.counter + before.length;
    const gap = reader.varint();
    const step = reader.signed();
    const last = reader.varint();
    hasMore = last & 1;
    const length = last >>> 1;
    if (total + length > most) throw reader.malformed();
    if (gap === 0 && step === 0) {
      if (isFalling || length === 0) throw reader.malformed();
      for (let at = 0; at < length; at++) addRun(reader, base, offset + at, counter - 2 - at, 1, covered);
    } else {
      if (gap === 0 && step === -2 && length === 1) throw reader.malformed();
      addRun(reader, base, offset + gap, counter + gap + step, length, covered);
    }
    isFalling = gap === 0 && step === 0;
    total += length;
  }
  if (total > most) throw reader.malformed();
  return total;
}

/** Adds a run, and gives how many units it has. */
function addRun(reader: ByteReader, base: StateBase, offset: number, counter: number, length: number, covered: number): number {
  const end = offset + length;
  // The unit at offset 0 has the base's own counter, which is the lowest of the base; so no run goes on across it from below.
  const isRight = offset === 0 ? counter === base.counter : counter > base.counter && (offset > 0 || end <= 0);
  if (length === 0 || !isRight || offset < -MAX_OFFSET || end - 1 > MAX_OFFSET) throw reader.malformed();
  if (counter + length - 1 > Math.min(covered, MAX_COUNTER)) throw reader.malformed();
  base.runs.push({ base, offset, counter, length });
  return length;
}

/** The runs of each replica by counter; no dot may be there twice. */
function sortDots(reader: ByteReader, bases: readonly StateBase[], replicas: number): StateRun[][] {
  const dots: StateRun[][] = Array.from({ length: replicas }, () => []);
  const ids: number[][] = Array.from({ length: replicas }, () => []);
  for (const { runs, author, counter } of bases) {
    for (const run of runs) dots[author]!.push(run);
    if (!runs.some((run) => run.offset === 0)) ids[author]!.push(counter);
  }
  for (let author = 0; author < replicas; author++) {
    const runs = dots[author]!.sort((a, b) => a.counter - b.counter);
    const deadIds = ids[author]!.sort((a, b) => a - b);
    let end = 0;
    let at = 0;
    let idBefore = 0;
    for (const run of runs) {
      if (run.counter < end) throw reader.malformed();
      end = run.counter + run.length;
    }
    for (const id of deadIds) {
      while (at < runs.length && runs[at]!.counter + runs[at]!.length <= id) at++;
      if (id === idBefore || (at < runs.length && runs[at]!.counter <= id)) throw reader.malformed();
      idBefore = id;
    }
  }
  return dots;
}

/** Walks the tree: of each base its units and, before or behind the one they hang on, its children. */
function inDocumentOrder(root: StateBase): StateRun[] {
  const parts: StateRun[] = [];
  const path = [{ base: root, child: 0, run: 0, used: 0 }];
  while (path.length > 0) {
    const at = path[path.length - 1]!;
    const { base } = at;
    const child = base.children[at.child];
    const stop = child === undefined ? Number.POSITIVE_INFINITY : child.offset + (child.side === RIGHT ? 1 : 0);
    for (let run = base.runs[at.run]; run !== undefined && run.offset + at.used < stop; run = base.runs[at.run]) {
      const end = Math.min(run.length, stop - run.offset);
      parts.push({ base, offset: run.offset + at.used, counter: run.counter + at.used, length: end - at.used });
      at.used = end;
      if (end < run.length) break;
      at.run++;
      at.used = 0;
    }
    if (child === undefined) {
      path.pop();
    } else {
      at.child++;
      path.push({ base: child, child: 0, run: 0, used: 0 });
    }
  }
  return parts;
}
