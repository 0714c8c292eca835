/**
 * Merging inside values (law M3): objects by member, lists and texts as sequences. Where a rule asks for it a commit writes, beside the plain value, the structure
 * of what it saw with its edits on it; the structures of concurrent candidates are joined when they are read, a pure function of the set. A candidate without one
 * is lifted: its ids follow from its dot, so every replica lifts it alike (law M17).
 */
import type { Candidate, EntryKind, EntryValue } from './entry.ts';
import { textIn } from './policy/text.ts';
import type { InnerLoss } from './policy.ts';
import { editStructure } from './structure/edit.ts';
import { decodeStructure, encodeStructure } from './structure/encoding.ts';
import { joinStructures } from './structure/join.ts';
import { liftTextValue, liftTree } from './structure/lift.ts';
import type { Author, Structure } from './structure/model.ts';
import { lossesToDeletions } from './structure/orphan.ts';
import { readStructure } from './structure/read.ts';
import { arrangeMembers, formatTree, type TreeForm, treeOf } from './structure/tree.ts';

/** What is merged inside a value: its objects and lists, or its text. */
export type StructureMode = 'json' | 'text';

/**
 * The structure that belongs to a write of `value` by `author`, whose view showed the candidates in `seen`: all concurrent ones where its rule merges inside, else
 * the one that was shown. What they show together and `value` has not, the author took out. Undefined where none is needed: nothing was seen that it could
 * build on, the rule asks for none (`mode` null) and no candidate had one, or a value cannot be taken apart. The same arguments give the same bytes, so a
 * retry repeats them (law M5). Sections must have been learned (`learnBytes`).
 *
 * @throws PspError `MERGE_MALFORMED`, `MERGE_FORK` for structures that no writer makes.
 */
export function structureFor(
  seen: readonly Candidate[],
  value: EntryValue,
  author: Author,
  mode: StructureMode | null,
): Uint8Array<ArrayBuffer> | undefined {
  const writes = seen.filter((one) => one.value !== undefined);
  const asked = mode ?? modeOf(writes);
  if (writes.length === 0 || asked === null) return undefined;
  const structures = structuresOf(writes, asked);
  const part = partOf(value, asked);
  if (structures === null || part === null || part.form !== structures[0]?.form) return undefined;
  return encodeStructure(editStructure(structures.reduce(joinStructures), part.root, author));
}

/** A value made of the structures of several candidates. */
export interface StructuredValue {
  readonly value: EntryValue;
  readonly inner: readonly InnerLoss[];
  readonly orderUnknown: boolean;
}

/**
 * What concurrent writes (none of them a deletion, in canonical order) show together; null where their values cannot be taken apart, or not in the same way.
 *
 * @throws PspError `MERGE_MALFORMED`, `MERGE_FORK` for structures that no writer makes.
 */
export function mergeStructured(writes: readonly Candidate[], mode: StructureMode, kind: EntryKind): StructuredValue | null {
  const structures = structuresOf(writes, mode);
  if (structures === null) return null;
  const joined = structures.reduce(joinStructures);
  const all = writes.map((candidate, i) => ({ candidate, structure: structures[i] as Structure }));
  const sight = readStructure(joined, kind, all);
  if (sight === undefined) return null;
  const { part, orderUnknown } = sight;
  const inner = [...sight.inner, ...lossesToDeletions(joined, all)];
  if (joined.form === 'text') return { value: part as string, inner, orderUnknown };
  const last = writes[writes.length - 1] as Candidate;
  const root = arrangeMembers(part, treeOf(last.value)?.root);
  return { value: formatTree({ form: joined.form, root }), inner, orderUnknown };
}

/** The form of the structures that were written before, whatever the rule says now. */
function modeOf(writes: readonly Candidate[]): StructureMode | null {
  const structured = writes.find(({ structure }) => structure !== undefined);
  if (structured?.structure === undefined) return null;
  return decodeStructure(structured.structure).form === 'text' ? 'text' : 'json';
}

/** The structures of all, lifted where there is none of the form that is asked for; null where one cannot be, or they have different forms. */
function structuresOf(writes: readonly Candidate[], mode: StructureMode): readonly Structure[] | null {
  const structures: Structure[] = [];
  for (const write of writes) {
    const structure = structureOf(write, mode);
    if (structure === null || structure.form !== (structures[0] ?? structure).form) return null;
    structures.push(structure);
  }
  return structures;
}

function structureOf({ structure, value, dot, stamp }: Candidate, mode: StructureMode): Structure | null {
  if (structure !== undefined) {
    const decoded = decodeStructure(structure);
    if ((decoded.form === 'text') === (mode === 'text')) return decoded;
  }
  const part = value === undefined ? null : partOf(value, mode);
  if (part === null) return null;
  return part.form === 'text' ? liftTextValue(part.root as string, { dot, stamp }) : liftTree({ ...part, form: part.form }, { dot, stamp });
}

/** A value as it is taken apart in a mode; null where it cannot be. */
function partOf(value: EntryValue, mode: StructureMode): { readonly form: Structure['form']; readonly root: unknown } | null {
  if (mode === 'text') {
    const text = textIn(value);
    return text === null ? null : { form: 'text', root: text };
  }
  const tree = treeOf(value);
  return tree === null || isPlain(tree.form) ? null : { form: tree.form, root: tree.root };
}

function isPlain(form: TreeForm): form is 'plain' {
  return form === 'plain';
}
