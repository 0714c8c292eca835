/**
 * What makes two entries of a session the same entry. Every part that compares, merges or reports uses these identities; they are strings
 * only so that they can be keys of a Map.
 */
import type { Cookie, StorageKey } from './session.ts';

/** Identity of a cookie: (partitionKey, domain, hostOnly, path, name), RFC 6265bis section 5.7 with CHIPS. */
export function cookieIdentity(cookie: Pick<Cookie, 'partitionKey' | 'domain' | 'hostOnly' | 'path' | 'name'>): string {
  const { partitionKey, domain, hostOnly, path, name } = cookie;
  const partition = partitionKey === null ? null : [partitionKey.topLevelSite, partitionKey.hasCrossSiteAncestor];
  return JSON.stringify([partition, domain, hostOnly, path, name]);
}

/** Identity of a storage key: (origin, top-level site, cross-site ancestor, bucket). A key without a bucket names the default one. */
export function storageKeyIdentity({ origin, topLevelSite, hasCrossSiteAncestor, bucket }: StorageKey): string {
  return JSON.stringify([origin, topLevelSite, hasCrossSiteAncestor ?? false, bucket ?? null]);
}
