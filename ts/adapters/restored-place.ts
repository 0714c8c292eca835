/** What a restore does at one storage key: the storage and the permissions that a session holds for it, brought together. */
import type { Permission, Session, StorageKey } from '../session/session.ts';
import type { RestoreOptions } from './driver.ts';
import { groupByOrigin, type RestoredOrigin, type StoredOrigin } from './origin.ts';

/** What a session says of one storage key. */
export interface StoredPlace {
  readonly stored: StoredOrigin;
  readonly permissions: readonly Permission[];
  /** What is not among `permissions` is usual there. */
  readonly isWhole: boolean;
}

/** How much of a place was found right. */
export interface RestoredPlace extends RestoredOrigin {
  readonly permissions: number;
}

/** The places of a session in its order; those that have permissions and nothing else come last. */
export function placesOf({ storage, permissions = [], coverage }: Session, options: RestoreOptions): StoredPlace[] {
  const stored = groupByOrigin(storage);
  const known = new Set(stored.flatMap(({ key }) => (isFirstParty(key) ? [key.origin] : [])));
  const others = new Set(permissions.flatMap(({ origin }) => (known.has(origin) ? [] : [origin])));
  const alone = [...others].map((origin): StoredOrigin => ({ key: { origin, topLevelSite: null }, storage: null, buckets: [] }));
  const asked = replacesPermissions(options) ? askedOrigins(coverage) : new Set<string>();
  return [...stored, ...alone].map((one) => ({
    stored: one,
    permissions: isFirstParty(one.key) ? permissions.filter(({ origin }) => origin === one.key.origin) : [],
    isWhole: isFirstParty(one.key) && asked.has(one.key.origin),
  }));
}

function replacesPermissions({ kinds, only, existing = 'replace' }: RestoreOptions): boolean {
  return existing === 'replace' && only === undefined && (kinds === undefined || kinds.includes('permission'));
}

/** The origins whose permissions were asked for in the capture. */
function askedOrigins({ permissions = 'unvisited', storage }: Session['coverage']): Set<string> {
  if (permissions === 'unvisited') return new Set();
  return new Set(storage.flatMap(({ key, localStorage }) => (isFirstParty(key) && localStorage === 'complete' ? [key.origin] : [])));
}

function isFirstParty({ topLevelSite, hasCrossSiteAncestor, bucket }: StorageKey): boolean {
  return topLevelSite === null && hasCrossSiteAncestor !== true && bucket === undefined;
}
