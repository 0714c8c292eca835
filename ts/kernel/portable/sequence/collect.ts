/**
 * Freeing bases that nobody can name any more (law M17). A base without units may still be the parent of a unit that is under way, until every replica has
 * seen what emptied it; then nobody hangs anything on it, and whoever did before has been seen here.
 */

import type { Contents } from './contents.ts';
import { covers, decodeVersion, encodeVersion, versionOf } from './version.ts';

/** More marks than these are thinned out: then less may be freed, never too much. */
const MOST_MARKS = 64;

/** The version as bytes, and a mark of it. */
export function giveVersion(contents: Contents): Uint8Array<ArrayBuffer> {
  if (contents.isPastMark) {
    if (contents.marks.length === MOST_MARKS) contents.marks = contents.marks.filter((_, at) => at % 2 === 0);
    contents.marks.push({ clock: contents.clock++, version: versionOf(contents.authors) });
    contents.isPastMark = false;
  }
  return encodeVersion(contents.authors);
}

/** Frees what all of `versions` have seen emptied, and gives how many bases that were. See `KernelSequence.collect`. */
export function collectBases(contents: Contents, versions: readonly Uint8Array[]): number {
  const seen = versions.map(decodeVersion);
  const here = versionOf(contents.authors);
  if (contents.log.first > 0 || contents.waiting.count > 0 || !seen.every((version) => covers(here, version))) return 0;
  const mark = contents.marks.filter(({ version }) => seen.every((one) => covers(one, version))).at(-1);
  if (mark === undefined) return 0;
  contents.marks = contents.marks.filter(({ clock }) => clock >= mark.clock);
  let freed = 0;
  for (const base of contents.empty) {
    for (let at = base; at.author !== null && at.units === 0 && at.children === 0 && at.emptiedAt <= mark.clock; at = at.parent!) {
      // A parent that was passed over because of this child comes here; one that comes later in the set is gone by then.
      if (!contents.empty.has(at)) break;
      contents.removeBase(at);
      freed++;
    }
  }
  return freed;
}
