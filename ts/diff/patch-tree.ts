/**
 * The entries of a patch by where they stand: one tree of the pointers into the first session, one of those into the second. A list's entries tell how
 * every index of the one list becomes one of the other.
 */
import { PspError } from '../errors.ts';
import type { Added, Changed, Moved, Removed, SessionDiff } from './difference.ts';
import { type Entity, type Kind, listAt } from './kind.ts';

/** What a patch says of one place, and of the places inside it. */
export interface PatchNode {
  readonly inside: Map<string, PatchNode>;
  added?: Added;
  removed?: Removed;
  changed?: Changed;
  moved?: Moved;
}

/** A patch by its places. */
export interface PatchTree {
  readonly from: PatchNode;
  readonly to: PatchNode;
}

/** The refusal of a patch that does not fit: `details.pointer` is where. */
export function conflict(pointer: string, reason: string): PspError {
  return new PspError('DIFF_CONFLICT', `the patch does not fit at ${pointer === '' ? 'the session' : pointer}: ${reason}`, {
    details: { pointer },
  });
}

/**
 * The tree of a patch. Records are not in it: they belong to their section, which their store's entry replaces as a whole.
 *
 * @throws PspError `DIFF_REDACTED` when values are not in the patch.
 */
export function treeOf({ revealed, added, removed, changed, moved }: SessionDiff): PatchTree {
  if (!revealed) throw new PspError('DIFF_REDACTED', 'this difference holds no values: only one made with `reveal` is a patch');
  const tree: PatchTree = { from: { inside: new Map() }, to: { inside: new Map() } };
  for (const one of added) if (one.kind !== 'record') nodeAt(tree.to, one.to).added = one;
  for (const one of removed) if (one.kind !== 'record') nodeAt(tree.from, one.from).removed = one;
  for (const one of changed) {
    if (one.kind === 'record') continue;
    nodeAt(tree.from, one.from).changed = one;
    // So that the place is found from either side.
    nodeAt(tree.to, one.to);
  }
  for (const one of moved) {
    if (one.kind === 'record') continue;
    nodeAt(tree.from, one.from).moved = one;
    nodeAt(tree.to, one.to).moved = one;
  }
  return tree;
}

function nodeAt(root: PatchNode, pointer: string): PatchNode {
  let node = root;
  for (const name of pointer.split('/').slice(1)) {
    const key = name.replaceAll('~1', '/').replaceAll('~0', '~');
    let inner = node.inside.get(key);
    if (inner === undefined) {
      inner = { inside: new Map() };
      node.inside.set(key, inner);
    }
    node = inner;
  }
  return node;
}

/** The entries of a list of the second session in order: each with the index that it has in the first, or with the node that adds it. */
export type ListPlan = readonly (number | PatchNode)[];

/**
 * How a list with `length` entries becomes the other one.
 *
 * @throws PspError `DIFF_CONFLICT` where an index has no place.
 */
export function planList(length: number, from: PatchNode | undefined, to: PatchNode | undefined, pointer: string): ListPlan {
  const stays = new Uint8Array(length).fill(1);
  const placed = new Map<number, number | PatchNode>();
  for (const [name, { removed, moved }] of from?.inside ?? []) {
    const index = indexOf(name, length, `${pointer}/${name}`);
    if (removed !== undefined || moved !== undefined) stays[index] = 0;
    if (moved !== undefined) placed.set(lastIndex(moved.to), index);
  }
  for (const [name, node] of to?.inside ?? []) {
    if (node.added !== undefined) placed.set(indexOf(name, Number.MAX_SAFE_INTEGER, `${pointer}/${name}`), node);
  }
  const staying = [...stays.keys()].filter((index) => stays[index] === 1);
  const plan: (number | PatchNode)[] = [];
  let next = 0;
  for (let at = 0; at < staying.length + placed.size; at++) {
    const here = placed.get(at) ?? staying[next++];
    if (here === undefined) throw conflict(pointer, 'the list is too short');
    plan.push(here);
  }
  for (const name of to?.inside.keys() ?? []) indexOf(name, plan.length, `${pointer}/${name}`);
  return plan;
}

function indexOf(name: string, length: number, pointer: string): number {
  const index = /^(?:0|[1-9][0-9]{0,15})$/.test(name) ? Number(name) : length;
  if (index >= length) throw conflict(pointer, 'no entry is there');
  return index;
}

function lastIndex(pointer: string): number {
  return Number(pointer.slice(pointer.lastIndexOf('/') + 1));
}

/**
 * The whole entry that a node adds or removes, with everything inside it.
 *
 * @throws PspError `DIFF_CONFLICT` where a part of it is missing.
 */
export function assemble(kind: Kind, node: PatchNode, side: 'added' | 'removed', pointer: string): Entity {
  const shell = side === 'added' ? node.added?.after : node.removed?.before;
  if (shell === undefined) throw conflict(pointer, `the patch does not say what is ${side}`);
  const outer = shell.value as Entity;
  if (node.inside.size === 0) return outer;
  const whole: Record<string, unknown> = { ...outer };
  for (const [name, inner] of node.inside) {
    const [slot, list] = [own(kind.slots, name), own(kind.lists, name)];
    const at = `${pointer}/${name}`;
    if (slot !== undefined) whole[name] = assemble(slot, inner, side, at);
    else if (list === undefined) throw conflict(at, 'no entry can be there');
    else {
      const entries = [...inner.inside].sort(([one], [other]) => Number(one) - Number(other));
      whole[name] = [...listAt(outer, name), ...entries.map(([index, entry]) => assemble(list, entry, side, `${at}/${index}`))];
    }
  }
  return whole;
}

/** A kind by the name of its member. */
export function own(kinds: Readonly<Record<string, Kind>>, name: string): Kind | undefined {
  return Object.hasOwn(kinds, name) ? kinds[name] : undefined;
}
