/** Entries of a list that are the same entry by their identity: the later one is the issue. */
import type { IssueList } from '../issue.ts';

/** Reports each entry whose `identity` was there before, at `pointer` of its index. O(n). */
export function checkUnique<Entry>(
  entries: readonly Entry[],
  identity: (entry: Entry) => string,
  pointer: (index: number) => string,
  what: string,
  issues: IssueList,
): void {
  const seen = new Set<string>();
  for (let i = 0; i < entries.length && !issues.full; i++) {
    const id = identity(entries[i] as Entry);
    if (seen.has(id)) issues.semantic('error', 'duplicate', pointer(i), `the same ${what} is there already`);
    seen.add(id);
  }
}
