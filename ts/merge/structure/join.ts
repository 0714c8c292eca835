/** Joining structures: a write stays that both hold, or that one holds and the other has not seen (law M1), at every spot. Pure set logic, whatever is read of it. */
import { PspError } from '../../errors.ts';
import { sameBytes } from '../../session/bytes.ts';
import { type Content, hasSeen, NO_SPOT, type Spot, type Structure, type Write } from './model.ts';
import { joinLists, joinTexts } from './run.ts';

type Context = ReadonlyMap<string, number>;

/**
 * Both structures in one: commutative, associative and idempotent on the canonical bytes. The caller guarantees equal forms.
 *
 * @throws PspError `MERGE_FORK` when one candidate has two contents at a spot.
 */
export function joinStructures(a: Structure, b: Structure): Structure {
  const context = new Map(a.context);
  for (const [replica, counter] of b.context) context.set(replica, Math.max(counter, context.get(replica) ?? 0));
  return { form: a.form, context, root: joinSpots(a.root, b.root, a.context, b.context) };
}

function joinSpots(a: Spot, b: Spot, seenByA: Context, seenByB: Context): Spot {
  if (a === b) return a;
  const writes = new Map<string, Write>();
  for (const [key, write] of a.writes) {
    const other = b.writes.get(key);
    if (other !== undefined) writes.set(key, { ...write, content: joinContents(write.content, other.content) });
    else if (!hasSeen(seenByB, write.author.dot)) writes.set(key, write);
  }
  for (const [key, write] of b.writes) {
    if (!a.writes.has(key) && !hasSeen(seenByA, write.author.dot)) writes.set(key, write);
  }
  const children = new Map<string, Spot>();
  for (const key of new Set([...a.children.keys(), ...b.children.keys()])) {
    const child = joinSpots(a.children.get(key) ?? NO_SPOT, b.children.get(key) ?? NO_SPOT, seenByA, seenByB);
    if (child.writes.size > 0 || child.children.size > 0) children.set(key, child);
  }
  return { writes, children };
}

function joinContents(a: Content, b: Content): Content {
  if (a.type === 'object' && b.type === 'object') return a;
  if (a.type === 'atom' && b.type === 'atom' && sameBytes(a.atom.bytes, b.atom.bytes)) return a;
  if (a.type === 'text' && b.type === 'text') return sameBytes(a.run, b.run) ? a : { type: 'text', run: joinTexts(a.run, b.run) };
  if (a.type === 'list' && b.type === 'list')
    return sameBytes(a.run.bytes, b.run.bytes) ? a : { type: 'list', run: joinLists(a.run, b.run) };
  throw new PspError('MERGE_FORK', 'structure: one write has two contents: two writers used one replica');
}
