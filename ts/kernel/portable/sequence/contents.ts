/**
 * Everything that one sequence holds, and the four steps of which all its changes are made: a base comes, a base goes, units come and units go at
 * the tree's cursor. Which steps when is decided elsewhere: edit.ts (local edits), apply.ts (updates), join.ts (states), collect.ts.
 */
import type { Replica, SequenceUnit, SequenceUnits } from '../../kernel.ts';
import { Authors } from './authors.ts';
import { createRoot } from './bases.ts';
import { Changes } from './changes.ts';
import { Log } from './log.ts';
import type { Block, Leaf } from './nodes.ts';
import { Author, Base, type Side } from './records.ts';
import { Tree } from './tree.ts';
import type { Mark } from './version.ts';
import { Waiting } from './waiting.ts';

/** Dead runs of an author that are kept for nothing before its index is made anew. */
const SPARE_RUNS = 256;

export class Contents {
  readonly unit: SequenceUnit;
  readonly own: Author;
  readonly authors: Authors = new Authors();
  readonly root: Base = createRoot();
  readonly tree: Tree;
  readonly log: Log;
  readonly changes: Changes;
  readonly waiting: Waiting = new Waiting();
  /** Bases without live units. */
  readonly empty: Set<Base> = new Set();
  /** All bases but the root. */
  bases = 0;
  /** Counts the marks: what happened before a mark has at most its clock. */
  clock = 0;
  marks: Mark[] = [];
  /** Whether anything was covered since the last mark. */
  isPastMark = false;
  private random: number;

  constructor(replica: Replica, unit: SequenceUnit) {
    this.unit = unit;
    this.own = new Author(replica);
    this.authors.add(this.own);
    this.tree = new Tree(unit);
    this.log = new Log(this.tree.makeUnits(0));
    this.changes = new Changes(unit);
    this.random = (this.own.low ^ Math.imul(this.own.high, 0x9e3779b1)) | 1;
  }

  /** One step of xorshift32, as a number below `limit`. */
  randomBelow(limit: number): number {
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    return (x >>> 0) % limit;
  }

  addBase(author: Author, counter: number, parent: Base, offset: number, side: Side, digit: number): Base {
    const base = new Base(author, counter, parent, offset, side, digit);
    author.bases.set(counter, base);
    parent.children++;
    // Units are put on both sides of this place from now on, never across it.
    parent.min = Math.min(parent.min, offset);
    parent.max = Math.max(parent.max, offset);
    base.emptiedAt = this.clock;
    this.empty.add(base);
    this.bases++;
    return base;
  }

  /** Takes a base out that has neither units nor children. */
  removeBase(base: Base): void {
    const author = base.author!;
    author.bases.delete(base.counter);
    if (author.tailBase === base) author.setTail(0, null, 0);
    base.parent!.children--;
    this.empty.delete(base);
    this.bases--;
  }

  /** Inserts live units at the cursor, which moves behind them. They are to be found by their dots only after {@link index}. */
  insert(base: Base, offset: number, counter: number, source: SequenceUnits, from: number, length: number): void {
    this.tree.insert(base, offset, counter, source, from, length);
    if (base.units === 0) this.empty.delete(base);
    base.units += length;
  }

  /** Notes where units are, by their dots: of each author in the order of the counters. */
  index(base: Base, offset: number, counter: number, length: number): void {
    const author = base.author!;
    author.dots.add(counter, length, base, offset);
    if (author.dots.size > 2 * this.tree.blocks + SPARE_RUNS) this.indexAnew(author);
  }

  /** Removes live units of the block at the cursor, from the cursor on. */
  remove(length: number): void {
    const { base } = this.tree.block!;
    this.tree.remove(length);
    base.units -= length;
    if (base.units === 0) {
      base.emptiedAt = this.clock;
      this.empty.add(base);
    }
  }

  private indexAnew(author: Author): void {
    const blocks: Block[] = [];
    for (let leaf: Leaf | null = this.tree.first; leaf !== null; leaf = leaf.next) {
      for (const block of leaf.blocks) if (block.base.author === author) blocks.push(block);
    }
    blocks.sort((a, b) => a.counter - b.counter);
    author.dots.clear();
    for (const block of blocks) author.dots.add(block.counter, block.length, block.base, block.offset);
  }
}
