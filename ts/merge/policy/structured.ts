/** Policies that merge inside values: `json` and `text`. What they do is in `structure.ts`. */
import { type Candidate, compareCandidates } from '../entry.ts';
import { type Choice, chooseLast, type EntryFacts, type Policy, sameWrite, withoutDeletions } from '../policy.ts';
import { mergeStructured, type StructureMode } from '../structure.ts';

/**
 * Objects merge by member, lists keep what each writer put in and lose what one took out; of one member or element that several wrote the last write wins. For JSON
 * in storage and plain data in records. A write survives a concurrent deletion of the entry. Other values: the last writer's, surfaced.
 */
export const mergeJson: Policy = structured('json');

/** Texts keep what each writer typed and lose what one deleted, as in an editor. A write survives a concurrent deletion. Other values: the last writer's, surfaced. */
export const mergeText: Policy = structured('text');

function structured(structure: StructureMode): Policy {
  return { name: structure, structure, looksInside: true, choose: (candidates, facts) => choose(candidates, facts, structure) };
}

function choose(candidates: readonly Candidate[], facts: EntryFacts, mode: StructureMode): Choice {
  const writes = [...withoutDeletions(candidates)].sort(compareCandidates);
  const last = writes[writes.length - 1] as Candidate;
  if (writes.every((one) => sameWrite(one, last))) return { winner: last, by: 'last', alone: true };
  const merged = mergeStructured(writes, mode, facts.kind);
  if (merged === null) return { ...chooseLast(writes, facts), alone: true, surface: 'not-mergeable' };
  const { value, inner, orderUnknown } = merged;
  return { made: value, inner, ...(orderUnknown ? { surface: 'order-unknown' } : {}) };
}
