/**
 * Writes that nobody sees any more: one writer wrote inside of what another one deleted at the same time. The deletion wins, so that no part of an object comes back
 * alone; here is what it won against, for the log.
 */
import type { InnerLoss } from '../policy.ts';
import { dotKey, elementKey, hasSeen, memberName, type Spot, type Structure, type Structured, spotAt, type Write } from './model.ts';
import { readSpot } from './read.ts';
import { atomOf } from './tree.ts';

/** A write below a spot that is gone. */
interface Orphan {
  readonly write: Write;
  readonly part: unknown;
  /** Keys from the root to the spot that is gone, and to that of the write. */
  readonly gone: readonly string[];
  readonly keys: readonly string[];
}

/** What was written inside of what others deleted, each lost to the last one who had seen and deleted it. `all` are in canonical order, `joined` is all of them. */
export function lossesToDeletions(joined: Structure, all: readonly Structured[]): InnerLoss[] {
  const losses: InnerLoss[] = [];
  for (const { write, part, gone, keys } of findOrphans(joined.root)) {
    const holder = all.find(({ structure }) => spotAt(structure.root, keys)?.writes.has(dotKey(write.author.dot)));
    const container = holder === undefined ? undefined : spotAt(holder.structure.root, gone);
    const deleters = all.filter(({ structure }) => container !== undefined && hasDeleted(structure, gone, container));
    const deleter = deleters[deleters.length - 1]?.candidate;
    if (deleter === undefined) continue;
    const losing = { ...write.author, value: typeof part === 'string' ? part : atomOf(part).bytes };
    losses.push({
      within: keys.map((key) => memberName(key) ?? '-'),
      losing: [losing],
      winning: { dot: deleter.dot, stamp: deleter.stamp },
    });
  }
  return losses;
}

function hasDeleted({ root, context }: Structure, gone: readonly string[], container: Spot): boolean {
  const own = spotAt(root, gone);
  return [...container.writes].every(([key, { author }]) => hasSeen(context, author.dot) && own?.writes.has(key) !== true);
}

function findOrphans(root: Spot): Orphan[] {
  const orphans: Orphan[] = [];
  visitSeen(root, [], orphans);
  return orphans;
}

/** Below what is seen. */
function visitSeen(spot: Spot, keys: readonly string[], orphans: Orphan[]): void {
  const contents = [...spot.writes.values()].map(({ content }) => content);
  const hasMembers = contents.some(({ type }) => type === 'object');
  const elements = new Set<string>();
  for (const content of contents) {
    for (const item of content.type === 'list' ? content.run.items : []) if ('id' in item) elements.add(elementKey(item.id));
  }
  for (const [key, child] of spot.children) {
    const isSeen = child.writes.size > 0 && (memberName(key) === null ? elements.has(key) : hasMembers);
    if (isSeen) visitSeen(child, [...keys, key], orphans);
    else visitGone(child, [...keys, key], [...keys, key], orphans);
  }
}

/** Below what is gone: the outermost writes, which show what is in them. */
function visitGone(spot: Spot, gone: readonly string[], keys: readonly string[], orphans: Orphan[]): void {
  const shown = readSpot(spot);
  if (shown !== undefined) {
    for (const write of spot.writes.values()) orphans.push({ write, part: shown.value, gone, keys });
    return;
  }
  for (const [key, child] of spot.children) visitGone(child, gone, [...keys, key], orphans);
}
