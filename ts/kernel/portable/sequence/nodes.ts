/**
 * The nodes of the tree of live units (tree.ts), and how leaves are cut, linked and taken out. Leaves hold blocks and units and are a chain; inner nodes hold
 * lengths alone: what a child begins with is looked up in its first leaf, so no separator can be stale.
 */
import type { SequenceUnit, SequenceUnits } from '../../kernel.ts';
import type { Base } from './records.ts';

const INNER_CHILDREN = 32;
/** Units that a leaf has room for at first. */
export const FIRST_CAPACITY = 32;

/** Units of one base whose offset and counter both step by one. */
export interface Block {
  readonly base: Base;
  offset: number;
  counter: number;
  length: number;
}

export class Leaf {
  parent: Inner | null = null;
  previous: Leaf | null = null;
  next: Leaf | null = null;
  length = 0;
  blocks: Block[] = [];
  units: SequenceUnits;

  constructor(units: SequenceUnits) {
    this.units = units;
  }
}

export class Inner {
  parent: Inner | null = null;
  length = 0;
  children: (Leaf | Inner)[] = [];
}

/** A tree with at least one leaf, which is empty only where there is no other. */
export class Nodes {
  root: Leaf | Inner;
  first: Leaf;
  /** Blocks in all leaves. */
  blocks = 0;
  private readonly unit: SequenceUnit;

  constructor(unit: SequenceUnit) {
    this.unit = unit;
    this.first = new Leaf(this.makeUnits(FIRST_CAPACITY));
    this.root = this.first;
  }

  makeUnits(length: number): SequenceUnits {
    return this.unit === 'text' ? new Uint16Array(length) : new Uint32Array(length);
  }

  /** Moves what a leaf holds behind its first `cut` units to a new leaf behind it. */
  protected cutLeaf(leaf: Leaf, cut: number): Leaf {
    let slot = 0;
    let before = 0;
    while (slot < leaf.blocks.length && before + leaf.blocks[slot]!.length <= cut) before += leaf.blocks[slot++]!.length;
    if (before < cut) {
      const block = leaf.blocks[slot]!;
      const kept = cut - before;
      const rest: Block = { base: block.base, offset: block.offset + kept, counter: block.counter + kept, length: block.length - kept };
      block.length = kept;
      leaf.blocks.splice(++slot, 0, rest);
      this.blocks++;
    }
    const right = new Leaf(this.makeUnits(Math.max(FIRST_CAPACITY, leaf.length - cut)));
    right.blocks = leaf.blocks.splice(slot);
    right.units.set(leaf.units.subarray(cut, leaf.length));
    right.length = leaf.length - cut;
    leaf.length = cut;
    right.previous = leaf;
    right.next = leaf.next;
    if (leaf.next !== null) leaf.next.previous = right;
    leaf.next = right;
    this.addSibling(leaf, right);
    return right;
  }

  /** Puts `right`, which came out of `left`, behind it: the lengths above stay as they are. */
  private addSibling(left: Leaf | Inner, right: Leaf | Inner): void {
    let { parent } = left;
    if (parent === null) {
      parent = new Inner();
      parent.children = [left, right];
      parent.length = left.length + right.length;
      left.parent = parent;
      right.parent = parent;
      this.root = parent;
      return;
    }
    parent.children.splice(parent.children.indexOf(left) + 1, 0, right);
    right.parent = parent;
    if (parent.children.length <= INNER_CHILDREN) return;
    const half = new Inner();
    half.children = parent.children.splice(INNER_CHILDREN / 2);
    for (const child of half.children) {
      child.parent = half;
      half.length += child.length;
    }
    parent.length -= half.length;
    this.addSibling(parent, half);
  }

  /** Takes a leaf out whose units are gone or counted elsewhere under the same parent. */
  protected removeLeaf(leaf: Leaf): void {
    if (leaf.previous === null) this.first = leaf.next!;
    else leaf.previous.next = leaf.next;
    if (leaf.next !== null) leaf.next.previous = leaf.previous;
    let node: Leaf | Inner = leaf;
    let parent = node.parent!;
    parent.children.splice(parent.children.indexOf(node), 1);
    while (parent.children.length === 0) {
      node = parent;
      parent = node.parent!;
      parent.children.splice(parent.children.indexOf(node), 1);
    }
    while (this.root instanceof Inner && this.root.children.length === 1) {
      this.root = this.root.children[0]!;
      this.root.parent = null;
    }
  }
}

/** The leaf with the first unit of a node. */
export function firstLeaf(node: Leaf | Inner): Leaf {
  let at = node;
  while (at instanceof Inner) at = at.children[0]!;
  return at;
}

/** How many units stand before a leaf. */
export function startOf(leaf: Leaf): number {
  let start = 0;
  let node: Leaf | Inner = leaf;
  for (let { parent }: Leaf | Inner = node; parent !== null; { parent } = node) {
    for (const child of parent.children) {
      if (child === node) break;
      start += child.length;
    }
    node = parent;
  }
  return start;
}
