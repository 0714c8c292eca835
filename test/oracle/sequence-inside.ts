/** What must hold inside the portable sequence kernel after every step: counts, links, order, indexes. Returns the first thing that does not. */
import { comparePlaces } from '../../ts/kernel/portable/sequence/bases.ts';
import type { Contents } from '../../ts/kernel/portable/sequence/contents.ts';
import { type Block, Inner, type Leaf } from '../../ts/kernel/portable/sequence/nodes.ts';
import type { Base } from '../../ts/kernel/portable/sequence/records.ts';

/** A sentence about what is wrong, or null. */
export function faultInside(contents: Contents): string | null {
  return faultOfNodes(contents) ?? faultOfBlocks(contents) ?? faultOfBases(contents);
}

function faultOfNodes({ tree }: Contents): string | null {
  const leaves: Leaf[] = [];
  const nodes = [tree.root];
  if (tree.root.parent !== null) return 'the root has a parent';
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    if (!(node instanceof Inner)) {
      leaves.push(node);
      continue;
    }
    if (node.children.length === 0) return 'an inner node is empty';
    if (node.children.some(({ parent }) => parent !== node)) return 'a child has another parent';
    if (node.length !== node.children.reduce((sum, { length }) => sum + length, 0)) return 'an inner node has a wrong length';
    nodes.push(...[...node.children].reverse());
  }
  if (tree.first !== leaves[0]) return 'the first leaf is another';
  for (const [at, leaf] of leaves.entries()) {
    if (leaf.next !== (leaves[at + 1] ?? null) || leaf.previous !== (leaves[at - 1] ?? null)) return 'leaves are linked wrongly';
    if (leaf.length !== leaf.blocks.reduce((sum, { length }) => sum + length, 0)) return 'a leaf has a wrong length';
    if (leaf.length > leaf.units.length) return 'a leaf has too few units';
    if (leaf.length === 0 && leaves.length > 1) return 'a leaf is empty';
  }
  return null;
}

function blocksOf({ tree }: Contents): Block[] {
  const blocks: Block[] = [];
  for (let leaf: Leaf | null = tree.first; leaf !== null; leaf = leaf.next) blocks.push(...leaf.blocks);
  return blocks;
}

function faultOfBlocks(contents: Contents): string | null {
  const blocks = blocksOf(contents);
  if (blocks.length !== contents.tree.blocks) return 'the number of blocks is wrong';
  for (const [at, { base, offset, counter, length }] of blocks.entries()) {
    const next = blocks[at + 1];
    if (length <= 0) return 'a block is empty';
    if (next !== undefined && comparePlaces(base, offset + length - 1, next.base, next.offset) >= 0) return 'blocks are out of order';
    if (offset < base.min || offset + length - 1 > base.max) return 'a block is outside what its base has used';
    const author = base.author!;
    if (author.bases.get(base.counter) !== base) return 'a base with units is not known';
    for (let into = 0; into < length; into++) {
      if (!author.dots.find(counter + into)) return 'a unit is not in the index';
      if (author.dots.base !== base || author.dots.offset !== offset + into) return 'the index has another place';
    }
    if (counter + length - 1 > author.counter) return 'a unit is not covered';
  }
  return null;
}

function faultOfBases(contents: Contents): string | null {
  const units = new Map<Base, number>();
  for (const { base, length } of blocksOf(contents)) units.set(base, (units.get(base) ?? 0) + length);
  const all = contents.authors.all.flatMap((author) => [...author.bases.values()]);
  if (all.length !== contents.bases) return 'the number of bases is wrong';
  const children = new Map<Base, number>();
  for (const { parent } of all) children.set(parent!, (children.get(parent!) ?? 0) + 1);
  for (const base of all) {
    if (base.units !== (units.get(base) ?? 0)) return 'a base counts its units wrongly';
    if (base.children !== (children.get(base) ?? 0)) return 'a base counts its children wrongly';
    if (contents.empty.has(base) !== (base.units === 0)) return 'the empty bases are others';
    if (base.parent!.author !== null && base.parent!.author.bases.get(base.parent!.counter) !== base.parent) return 'a parent is gone';
  }
  return null;
}
