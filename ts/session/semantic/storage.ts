/**
 * Storage keys and what hangs on them besides IndexedDB: web storage, caches, service workers, private files, permissions, passkeys. Uniqueness by
 * identity, origins in canonical form, and paths that cannot leave their directory.
 */
import type { OriginStorageShape, StateShape, StorageKeyShape } from '../generated/document.ts';
import { storageKeyIdentity } from '../identity.ts';
import type { IssueList } from '../issue.ts';
import { checkOrigin, originOf } from './origin.ts';
import { checkUnique } from './unique.ts';

/** All of `storage`, `coverage`, `permissions` and `credentials`. */
export function checkStorage(state: StateShape, issues: IssueList): void {
  state.storage.forEach((storage, i) => {
    if (!issues.full) checkOriginStorage(storage, `/storage/${i}`, issues);
  });
  checkUnique(
    state.storage,
    ({ key }) => storageKeyIdentity(key),
    (i) => `/storage/${i}/key`,
    'storage key',
    issues,
  );
  state.coverage.storage.forEach(({ key }, i) => {
    if (!issues.full) checkStorageKey(key, `/coverage/storage/${i}/key`, issues);
  });
  checkUnique(
    state.coverage.storage,
    ({ key }) => storageKeyIdentity(key),
    (i) => `/coverage/storage/${i}/key`,
    'storage key',
    issues,
  );
  checkPermissions(state, issues);
  const passkey = (one: { rpId: string; credentialId: string }): string => JSON.stringify([one.rpId, one.credentialId]);
  checkUnique(state.credentials ?? [], passkey, (i) => `/credentials/${i}`, 'passkey', issues);
}

/** Origin and top-level site of a storage key, in canonical form. */
export function checkStorageKey({ origin, topLevelSite }: StorageKeyShape, at: string, issues: IssueList): void {
  checkOrigin(origin, `${at}/origin`, issues);
  if (topLevelSite !== null) checkOrigin(topLevelSite, `${at}/topLevelSite`, issues);
}

/** No name of web storage twice. */
export function checkItems(items: OriginStorageShape['localStorage'], at: string, issues: IssueList): void {
  checkUnique(
    items,
    ([name]) => name,
    (i) => `${at}/${i}/0`,
    'name',
    issues,
  );
}

function checkOriginStorage(storage: OriginStorageShape, at: string, issues: IssueList): void {
  checkStorageKey(storage.key, `${at}/key`, issues);
  checkItems(storage.localStorage, `${at}/localStorage`, issues);
  if (storage.bucketPolicy !== undefined && storage.key.bucket === undefined)
    issues.semantic('error', 'bucket-policy', `${at}/bucketPolicy`, 'only a key that names a bucket has a policy');
  checkUnique(
    storage.caches ?? [],
    ({ name }) => name,
    (i) => `${at}/caches/${i}/name`,
    'cache',
    issues,
  );
  checkServiceWorkers(storage, at, issues);
  checkFiles(storage.files ?? [], `${at}/files`, issues);
}

function checkServiceWorkers({ key, serviceWorkers = [] }: OriginStorageShape, at: string, issues: IssueList): void {
  serviceWorkers.forEach(({ scope, scriptUrl }, i) => {
    for (const [member, url] of [['scope', scope] as const, ['scriptUrl', scriptUrl] as const]) {
      if (originOf(url) !== originOf(key.origin))
        issues.semantic(
          'error',
          'origin-mismatch',
          `${at}/serviceWorkers/${i}/${member}`,
          'is not a URL of the origin that it is listed under',
        );
    }
  });
  checkUnique(
    serviceWorkers,
    ({ scope }) => scope,
    (i) => `${at}/serviceWorkers/${i}/scope`,
    'scope',
    issues,
  );
}

type Files = NonNullable<OriginStorageShape['files']>;

/** Directories stand before what is in them; the path of a file never leads out of its directory. */
function checkFiles(files: Files, at: string, issues: IssueList): void {
  const directories = new Set<string>();
  for (let i = 0; i < files.length && !issues.full; i++) {
    const { path, kind, body } = files[i] as Files[number];
    if (/(?:^|\/)\.\.?(?:\/|$)|[\0\\]/.test(path))
      issues.semantic('error', 'file-path', `${at}/${i}/path`, 'has a name that is no file name, such as . or ..');
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (parent !== '' && !directories.has(parent))
      issues.semantic('error', 'file-parent', `${at}/${i}/path`, 'its directory does not stand before it in the list');
    if (kind === 'directory') directories.add(path);
    if (kind === 'directory' && body !== undefined)
      issues.semantic('error', 'file-directory-content', `${at}/${i}/body`, 'a directory has no content');
  }
  checkUnique(
    files,
    ({ path }) => path,
    (i) => `${at}/${i}/path`,
    'path',
    issues,
  );
}

function checkPermissions({ permissions = [] }: StateShape, issues: IssueList): void {
  permissions.forEach(({ origin, embeddingOrigin }, i) => {
    if (issues.full) return;
    checkOrigin(origin, `/permissions/${i}/origin`, issues);
    if (embeddingOrigin !== undefined) checkOrigin(embeddingOrigin, `/permissions/${i}/embeddingOrigin`, issues);
  });
  const identity = (one: (typeof permissions)[number]): string => JSON.stringify([one.origin, one.name, one.embeddingOrigin ?? null]);
  checkUnique(permissions, identity, (i) => `/permissions/${i}`, 'permission', issues);
}
