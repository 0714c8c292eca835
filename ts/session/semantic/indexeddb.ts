/**
 * The schema of IndexedDB databases by Indexed Database API 3.0: names, key paths, key generators, indexes. The records are in sections and judged by
 * `record.ts`.
 */
import type { DatabaseShape, ObjectStoreShape, StateShape } from '../generated/document.ts';
import type { IssueList } from '../issue.ts';
import { checkUnique } from './unique.ts';

/** Every database of the state. */
export function checkDatabases({ storage }: StateShape, issues: IssueList): void {
  storage.forEach(({ indexedDB }, i) => {
    if (issues.full) return;
    const at = `/storage/${i}/indexedDB`;
    indexedDB.forEach((database, d) => {
      checkDatabase(database, `${at}/${d}`, issues);
    });
    checkUnique(
      indexedDB,
      ({ name }) => name,
      (d) => `${at}/${d}/name`,
      'database',
      issues,
    );
  });
}

function checkDatabase({ stores }: DatabaseShape, at: string, issues: IssueList): void {
  stores.forEach((store, s) => {
    if (!issues.full) checkStore(store, `${at}/stores/${s}`, issues);
  });
  checkUnique(
    stores,
    ({ name }) => name,
    (s) => `${at}/stores/${s}/name`,
    'object store',
    issues,
  );
}

function checkStore(store: ObjectStoreShape, at: string, issues: IssueList): void {
  const { keyPath, autoIncrement, keyGenerator, indexes, recordCount, records } = store;
  if (keyPath !== null) checkKeyPath(keyPath, `${at}/keyPath`, issues);
  // createObjectStore throws InvalidAccessError.
  if (autoIncrement && (keyPath === '' || Array.isArray(keyPath)))
    issues.semantic('error', 'key-generator', `${at}/autoIncrement`, 'a store whose key path is empty or a list has no key generator');
  if (!autoIncrement && keyGenerator !== undefined)
    issues.semantic('error', 'key-generator', `${at}/keyGenerator`, 'only a store with autoIncrement has a key generator');
  if (records === undefined && recordCount > 0)
    issues.semantic('warning', 'record-count', `${at}/recordCount`, 'there are no records in the session; they were not captured');
  indexes.forEach((index, i) => {
    checkKeyPath(index.keyPath, `${at}/indexes/${i}/keyPath`, issues);
    // createIndex throws InvalidAccessError.
    if (index.multiEntry && Array.isArray(index.keyPath))
      issues.semantic('error', 'multi-entry', `${at}/indexes/${i}/multiEntry`, 'an index whose key path is a list is not multi-entry');
  });
  checkUnique(
    indexes,
    ({ name }) => name,
    (i) => `${at}/indexes/${i}/name`,
    'index',
    issues,
  );
}

/** "Valid key path": empty, or identifiers joined by full stops; or a list of those. */
function checkKeyPath(keyPath: string | readonly string[], at: string, issues: IssueList): void {
  const paths = typeof keyPath === 'string' ? [keyPath] : keyPath;
  paths.forEach((path, i) => {
    if (!isKeyPath(path))
      issues.semantic(
        'error',
        'key-path',
        typeof keyPath === 'string' ? at : `${at}/${i}`,
        'is not a valid key path: identifiers joined by full stops',
      );
  });
}

/** ECMA-262 IdentifierName, without escapes. */
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

/** Whether `path` is a valid key path in the sense of Indexed Database API 3.0, as a string. */
function isKeyPath(path: string): boolean {
  return path === '' || path.split('.').every((part) => IDENTIFIER.test(part));
}
