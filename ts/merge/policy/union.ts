/** The union of concurrent values: lists as sets, objects by member. What one writer took out comes back if another one had it: who minds wants `json`. */
import { encodeValue } from '../../session/clone/encode.ts';
import { type Candidate, compareCandidates } from '../entry.ts';
import { type Choice, chooseLast, type EntryFacts, type InnerLoss, type Policy, sameWrite, withoutDeletions } from '../policy.ts';
import { formatTree, isList, isObject, keyOfPart, type Tree, treeOf } from '../structure/tree.ts';

/**
 * Elements and members of all values: of a list each element once, in the order of the writes; of an object each member, the last writer's where several have it.
 * A write survives a concurrent deletion. Other values are no sets: the last writer's is shown, and surfaced. Decided for each entry alone.
 */
export const union: Policy = { name: 'union', looksInside: true, choose: unite };

function unite(candidates: readonly Candidate[], facts: EntryFacts): Choice {
  const writes = [...withoutDeletions(candidates)].sort(compareCandidates);
  const last = writes[writes.length - 1] as Candidate;
  if (writes.every((one) => sameWrite(one, last))) return { winner: last, by: 'last', alone: true };
  const trees = writes.map(({ value }) => treeOf(value));
  const made = uniteLists(trees) ?? uniteObjects(trees, writes);
  return made ?? { ...chooseLast(writes, facts), alone: true, surface: 'not-mergeable' };
}

function uniteLists(trees: readonly (Tree | null)[]): Choice | null {
  const elements = new Map<string, unknown>();
  for (const tree of trees) {
    if (tree === null || !isList(tree.root) || tree.form !== trees[0]?.form) return null;
    for (const element of tree.root) {
      const key = keyOfPart(element);
      if (!elements.has(key)) elements.set(key, element);
    }
  }
  return { made: formatTree({ form: (trees[0] as Tree).form, root: [...elements.values()] }) };
}

interface Part {
  readonly part: unknown;
  readonly write: Candidate;
}

function uniteObjects(trees: readonly (Tree | null)[], writes: readonly Candidate[]): Choice | null {
  const members = new Map<string, Part[]>();
  for (const [i, tree] of trees.entries()) {
    if (tree === null || !isObject(tree.root) || tree.form !== trees[0]?.form) return null;
    for (const [name, part] of Object.entries(tree.root)) {
      const parts = members.get(name) ?? [];
      members.set(name, [...parts, { part, write: writes[i] as Candidate }]);
    }
  }
  const last = [...members].map(([name, parts]): [string, Part] => [name, parts[parts.length - 1] as Part]);
  const root = Object.fromEntries(last.map(([name, { part }]) => [name, part]));
  const inner = last.flatMap(([name, winning]) => lossesOf(name, members.get(name) as Part[], winning));
  return { made: formatTree({ form: (trees[0] as Tree).form, root }), inner };
}

function lossesOf(name: string, parts: readonly Part[], winning: Part): InnerLoss[] {
  const kept = keyOfPart(winning.part);
  const losing = parts.filter(({ part }) => keyOfPart(part) !== kept).map(asWrite);
  return losing.length === 0 ? [] : [{ within: [name], losing, winning: asWrite(winning) }];
}

/** What a write says of the part in question, by its canonical bytes. */
function asWrite({ part, write: { dot, stamp } }: Part): Candidate {
  return { dot, stamp, value: encodeValue(part).bytes };
}
