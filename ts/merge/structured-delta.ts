/**
 * What a commit adds to its writes where a rule merges inside of values (law M3): the structure of each, made from those of the writes that the worker had in
 * view. `document.ts` knows nothing of it.
 */

import { isSection, learnBytes } from './content.ts';
import type { MergeDocument } from './document.ts';
import type { Candidate, Entry, EntryKind } from './entry.ts';
import { type StructureMode, structureFor } from './structure.ts';

/**
 * `delta` with the structures that its writes need. `inView` gives the candidates that the worker's view of an entry was made of. Reads sections of values
 * that are merged inside. Throws as {@link structureFor}, and as the sections' `bytes()` do.
 */
export async function addStructures(
  delta: MergeDocument,
  modeOf: (kind: EntryKind, path: readonly string[]) => StructureMode | null,
  inView: (key: string) => readonly Candidate[],
): Promise<MergeDocument> {
  const entries = new Map<string, Entry>();
  for (const [key, entry] of delta.entries) entries.set(key, await structured(entry, modeOf(entry.kind, entry.path), inView(key)));
  return { ...delta, entries };
}

async function structured(entry: Entry, mode: StructureMode | null, seen: readonly Candidate[]): Promise<Entry> {
  const [candidate] = entry.candidates;
  const value = candidate?.value;
  if (candidate === undefined || value === undefined) return entry;
  if (mode === null && seen.every(({ structure }) => structure === undefined)) return entry;
  for (const one of [value, ...seen.map((other) => other.value)]) if (isSection(one)) await learnBytes(one);
  const structure = structureFor(seen, value, candidate, mode);
  return structure === undefined ? entry : { ...entry, candidates: [{ ...candidate, structure }] };
}
