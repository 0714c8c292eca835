/** Tabs: ids that are unique, openers that exist, a current history entry that is there, sessionStorage by storage key. */
import type { StateShape } from '../generated/document.ts';
import { storageKeyIdentity } from '../identity.ts';
import type { IssueList } from '../issue.ts';
import { checkItems, checkStorageKey } from './storage.ts';
import { checkUnique } from './unique.ts';

/** Every tab of the state. */
export function checkTabs({ tabs }: StateShape, issues: IssueList): void {
  const ids = new Set(tabs.map(({ id }) => id));
  tabs.forEach(({ id, history, opener, sessionStorage }, i) => {
    if (issues.full) return;
    const at = `/tabs/${i}`;
    if (history !== undefined && history.index >= history.entries.length)
      issues.semantic('error', 'tab-history', `${at}/history/index`, `must be below ${history.entries.length}, the number of entries`);
    if (opener === id) issues.semantic('error', 'tab-opener', `${at}/opener`, 'a tab does not open itself');
    // A tab that was closed may have opened others.
    else if (opener !== undefined && !ids.has(opener))
      issues.semantic('notice', 'tab-opener', `${at}/opener`, 'that tab is not in the session');
    sessionStorage.forEach(({ key, items }, s) => {
      checkStorageKey(key, `${at}/sessionStorage/${s}/key`, issues);
      checkItems(items, `${at}/sessionStorage/${s}/items`, issues);
    });
    checkUnique(
      sessionStorage,
      ({ key }) => storageKeyIdentity(key),
      (s) => `${at}/sessionStorage/${s}/key`,
      'storage key',
      issues,
    );
  });
  checkUnique(
    tabs,
    ({ id }) => id,
    (i) => `/tabs/${i}/id`,
    'tab',
    issues,
  );
}
