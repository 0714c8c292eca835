/**
 * The live units in document order, found by index and by place: a B+tree with one cursor, at which units are inserted and removed, and from which the
 * next search starts:
 *
 *     leaf.blocks   [ ... | block at `slot`, units `within` before the cursor | ... ]      `before` units of the leaf before that block
 *
 * Blocks need not be maximal: a long run is cut where a leaf is full.
 */

import type { SequenceUnit, SequenceUnits } from '../../kernel.ts';
import { ancestorAt, comparePlaces } from './bases.ts';
import { type Block, FIRST_CAPACITY, firstLeaf, Inner, type Leaf, Nodes, startOf } from './nodes.ts';
import { type Base, RIGHT } from './records.ts';

const LEAF_UNITS = 1024;
const LEAF_BLOCKS = 64;

/** A unit: its block and how far into it. */
export interface Neighbour {
  readonly block: Block;
  readonly at: number;
}

export class Tree extends Nodes {
  leaf: Leaf;
  slot = 0;
  within = 0;
  before = 0;
  /** The index of the leaf's first unit, or -1 where nobody needed it yet. */
  private leafStart = 0;

  constructor(unit: SequenceUnit) {
    super(unit);
    this.leaf = this.first;
  }

  get length(): number {
    return this.root.length;
  }

  /** Moves the cursor behind the first `index` units, to the end of a block where there is a choice. */
  seek(index: number): void {
    const start = this.leafStart;
    // At the start of a leaf the choice would be the end of the leaf before.
    if (start < 0 || index > start + this.leaf.length || (index <= start && (index > 0 || this.leaf !== this.first))) this.descend(index);
    const target = index - this.leafStart;
    const { blocks } = this.leaf;
    if (target <= this.before) {
      this.slot = 0;
      this.before = 0;
    }
    while (this.slot < blocks.length && this.before + blocks[this.slot]!.length < target) this.before += blocks[this.slot++]!.length;
    this.within = target - this.before;
  }

  /**
   * Moves the cursor to a place: before the unit there and true, or to where a unit there would be inserted and false.
   */
  seekPlace(base: Base, offset: number): boolean {
    if (!this.isHere(base, offset)) {
      const leaf = this.leafOf(base, offset);
      if (leaf !== this.leaf) this.enter(leaf, -1);
      this.moveTo(Math.max(0, this.slotOf(leaf, base, offset)));
    }
    const block = this.leaf.blocks[this.slot];
    this.within = 0;
    if (block === undefined || comparePlaces(block.base, block.offset, base, offset) > 0) return false;
    if (block.base === base) {
      this.within = Math.min(offset - block.offset, block.length);
      return this.within < block.length;
    }
    this.within = block.length;
    if (base.depth > block.base.depth) {
      const child = ancestorAt(base, block.base.depth + 1);
      if (child.parent === block.base) this.within = Math.min(child.offset - block.offset + (child.side === RIGHT ? 1 : 0), block.length);
    }
    return false;
  }

  /** The block at the cursor; undefined only in an empty list. */
  get block(): Block | undefined {
    return this.leaf.blocks[this.slot];
  }

  /** How many units are before the cursor. */
  index(): number {
    if (this.leafStart < 0) this.leafStart = startOf(this.leaf);
    return this.leafStart + this.before + this.within;
  }

  /** Inserts `length` units from `source` at the cursor, which moves behind them. The base's own count is the caller's. */
  insert(base: Base, offset: number, counter: number, source: SequenceUnits, from: number, length: number): void {
    let done = 0;
    while (done < length) {
      const { leaf } = this;
      const room = LEAF_UNITS - leaf.length;
      if (room === 0 || leaf.blocks.length + 2 > LEAF_BLOCKS) {
        this.split(length - done);
        continue;
      }
      const part = Math.min(room, length - done);
      this.insertUnits(source, from + done, part);
      this.insertBlock(base, offset + done, counter + done, part);
      for (let node: Leaf | Inner | null = leaf; node !== null; node = node.parent) node.length += part;
      done += part;
    }
  }

  /** Removes `length` units of the block at the cursor, from the cursor on. */
  remove(length: number): void {
    const { leaf, slot, within } = this;
    const block = leaf.blocks[slot]!;
    const at = this.before + within;
    leaf.units.copyWithin(at, at + length, leaf.length);
    if (length === block.length) {
      leaf.blocks.splice(slot, 1);
      this.blocks--;
    } else if (within === 0) {
      block.offset += length;
      block.counter += length;
      block.length -= length;
    } else {
      if (within + length < block.length) {
        const cut = within + length;
        const rest: Block = { base: block.base, offset: block.offset + cut, counter: block.counter + cut, length: block.length - cut };
        leaf.blocks.splice(slot + 1, 0, rest);
        this.blocks++;
      }
      block.length = within;
    }
    for (let node: Leaf | Inner | null = leaf; node !== null; node = node.parent) node.length -= length;
    if (leaf.length < LEAF_UNITS / 4) this.shrink(leaf);
  }

  /** The block of the unit that the cursor stands behind; null at the start of the list. */
  blockBefore(): Block | null {
    if (this.within > 0) return this.leaf.blocks[this.slot]!;
    return (this.slot > 0 ? this.leaf.blocks[this.slot - 1] : this.leaf.previous?.blocks.at(-1)) ?? null;
  }

  /** The block of the unit behind the cursor; null at the end of the list. */
  blockBehind(): Block | null {
    const here = this.leaf.blocks[this.slot];
    return here !== undefined && this.within < here.length ? here : (this.nextBlock() ?? null);
  }

  /** The unit that the cursor stands behind, as block and distance from its start; null at the start of the list. */
  unitBefore(): Neighbour | null {
    const block = this.blockBefore();
    return block === null ? null : { block, at: (this.within > 0 ? this.within : block.length) - 1 };
  }

  /** The unit behind the cursor; null at the end of the list. */
  unitBehind(): Neighbour | null {
    const block = this.blockBehind();
    return block === null ? null : { block, at: block === this.block ? this.within : 0 };
  }

  /** Moves a cursor that stands at the end of a block to the start of the next one. */
  enterNext(): void {
    const here = this.leaf.blocks[this.slot];
    if (here !== undefined && this.within < here.length) return;
    if (here !== undefined && this.slot + 1 < this.leaf.blocks.length) {
      this.before += here.length;
      this.slot++;
      this.within = 0;
    } else if (this.leaf.next !== null) {
      const start = this.leafStart < 0 ? -1 : this.leafStart + this.leaf.length;
      this.enter(this.leaf.next, start);
    }
  }

  /** Copies units to the start of `into`. */
  read(from: number, to: number, into: SequenceUnits): void {
    if (to <= from) return;
    this.seek(from);
    let leaf: Leaf | null = this.leaf;
    let at = this.before + this.within;
    let done = 0;
    while (leaf !== null && done < to - from) {
      const part = Math.min(leaf.length - at, to - from - done);
      into.set(leaf.units.subarray(at, at + part), done);
      done += part;
      at = 0;
      leaf = leaf.next;
    }
  }

  private isHere(base: Base, offset: number): boolean {
    const block = this.leaf.blocks[this.slot];
    if (block === undefined || comparePlaces(block.base, block.offset, base, offset) > 0) return false;
    if (block.base === base && offset < block.offset + block.length) return true;
    const next = this.nextBlock();
    return next === undefined || comparePlaces(next.base, next.offset, base, offset) > 0;
  }

  private nextBlock(): Block | undefined {
    return this.slot + 1 < this.leaf.blocks.length ? this.leaf.blocks[this.slot + 1] : this.leaf.next?.blocks[0];
  }

  private leafOf(base: Base, offset: number): Leaf {
    let node = this.root;
    while (node instanceof Inner) {
      let low = 0;
      let high = node.children.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        const block: Block = firstLeaf(node.children[middle]!).blocks[0]!;
        if (comparePlaces(block.base, block.offset, base, offset) <= 0) low = middle;
        else high = middle - 1;
      }
      node = node.children[low]!;
    }
    return node;
  }

  /** The last block of a leaf that does not begin behind the place, or -1. */
  private slotOf(leaf: Leaf, base: Base, offset: number): number {
    let low = -1;
    let high = leaf.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const block = leaf.blocks[middle]!;
      if (comparePlaces(block.base, block.offset, base, offset) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private moveTo(slot: number): void {
    const { blocks } = this.leaf;
    while (this.slot < slot) this.before += blocks[this.slot++]!.length;
    while (this.slot > slot) this.before -= blocks[--this.slot]!.length;
  }

  private enter(leaf: Leaf, start: number): void {
    this.leaf = leaf;
    this.leafStart = start;
    this.slot = 0;
    this.before = 0;
    this.within = 0;
  }

  private descend(index: number): void {
    let node = this.root;
    let start = 0;
    while (node instanceof Inner) {
      let child = 0;
      while (child < node.children.length - 1 && start + node.children[child]!.length < index) start += node.children[child++]!.length;
      node = node.children[child]!;
    }
    this.enter(node, start);
  }

  private insertUnits(source: SequenceUnits, from: number, length: number): void {
    const { leaf } = this;
    if (leaf.length + length > leaf.units.length) {
      const larger = this.makeUnits(Math.min(LEAF_UNITS, Math.max(2 * leaf.units.length, leaf.length + length)));
      larger.set(leaf.units.subarray(0, leaf.length));
      leaf.units = larger;
    }
    const at = this.before + this.within;
    leaf.units.copyWithin(at + length, at, leaf.length);
    if (length < 16) for (let done = 0; done < length; done++) leaf.units[at + done] = source[from + done]!;
    else leaf.units.set(source.subarray(from, from + length), at);
  }

  private insertBlock(base: Base, offset: number, counter: number, length: number): void {
    const { blocks } = this.leaf;
    const here = blocks[this.slot];
    if (here === undefined || this.within === 0) {
      blocks.splice(this.slot, 0, { base, offset, counter, length });
    } else if (this.within < here.length) {
      const cut = this.within;
      const rest: Block = { base: here.base, offset: here.offset + cut, counter: here.counter + cut, length: here.length - cut };
      here.length = cut;
      blocks.splice(this.slot + 1, 0, { base, offset, counter, length }, rest);
      this.blocks++;
      this.before += cut;
      this.slot++;
    } else if (here.base === base && here.offset + here.length === offset && here.counter + here.length === counter) {
      here.length += length;
      this.within += length;
      return;
    } else {
      blocks.splice(this.slot + 1, 0, { base, offset, counter, length });
      this.before += here.length;
      this.slot++;
    }
    this.blocks++;
    this.within = length;
  }

  /** Makes room at the cursor in a leaf that is full: cuts it at the cursor where much more comes or nothing follows, else in its middle. */
  private split(coming: number): void {
    const { leaf, leafStart } = this;
    const at = this.before + this.within;
    const isCutHere = at > 0 && (at === leaf.length || coming >= LEAF_UNITS / 2);
    const cut = isCutHere ? at : middleOf(leaf);
    const right = this.cutLeaf(leaf, cut);
    // A cursor at the cut stays left, where there is room now, unless nothing moved.
    const isRight = at > cut || right.length === 0;
    this.enter(isRight ? right : leaf, isRight && leafStart >= 0 ? leafStart + cut : leafStart);
    const target = isRight ? at - cut : at;
    while (this.slot < this.leaf.blocks.length && this.before + this.leaf.blocks[this.slot]!.length < target) this.moveTo(this.slot + 1);
    this.within = target - this.before;
  }

  /** Gives back what a leaf with few units does not need: itself when it is empty, its neighbour when both fit in one, most of its array. */
  private shrink(leaf: Leaf): void {
    const { next } = leaf;
    if (leaf.length === 0) {
      const neighbour = next ?? leaf.previous;
      if (neighbour === null) return;
      this.removeLeaf(leaf);
      this.enter(neighbour, -1);
      return;
    }
    if (leaf.units.length > FIRST_CAPACITY && leaf.length < leaf.units.length / 4) leaf.units = leaf.units.slice(0, leaf.units.length / 2);
    if (next === null || next.parent !== leaf.parent) return;
    const together = leaf.length + next.length;
    if (together > LEAF_UNITS / 2 || leaf.blocks.length + next.blocks.length > LEAF_BLOCKS / 2) return;
    if (leaf.units.length < together) {
      const larger = this.makeUnits(together);
      larger.set(leaf.units.subarray(0, leaf.length));
      leaf.units = larger;
    }
    leaf.units.set(next.units.subarray(0, next.length), leaf.length);
    leaf.blocks.push(...next.blocks);
    leaf.length = together;
    this.removeLeaf(next);
  }
}

/** Where to cut a full leaf so that both halves have room for units and blocks. */
function middleOf(leaf: Leaf): number {
  if (leaf.blocks.length + 2 <= LEAF_BLOCKS) return leaf.length >> 1;
  let cut = 0;
  for (let slot = 0; slot < leaf.blocks.length / 2; slot++) cut += leaf.blocks[slot]!.length;
  return cut;
}
