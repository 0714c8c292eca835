/**
 * The identities of entries: which kind, and which strings within it, in the order of this table. What makes two entries the same one is said in
 * `ts/session/identity.ts` and by the browsers' own rules.
 *
 *     header            [member]
 *     cookie            [domain, path, name, 'host-only' | 'domain', partition]     partition: '' or JSON [topLevelSite, hasCrossSiteAncestor]
 *     origin            [storageKey]                                                storageKey: JSON [origin, topLevelSite, hasCrossSiteAncestor, bucket]
 *     localStorage      [storageKey, name]
 *     database          [storageKey, name]
 *     record            [storageKey, database, store, key (, occurrence)]           key: its canonical bytes, one character a byte
 *     cache             [storageKey, name]
 *     cacheEntry        [storageKey, cache, method, url, variant (, occurrence)]    variant: JSON of the request's fields that the response varies by
 *     serviceWorker     [storageKey, scope]
 *     file              [storageKey, path]
 *     tab               [id] | [id, 'windowName'] | [id, 'opener']
 *     tabPlace          [id]
 *     sessionStorage    [tab id, storageKey, name]
 *     permission        [origin, name (, embeddingOrigin)]
 *     credential        [rpId, credentialId]
 *     ttl               ['session'] | ['kind', JSON [kind, origin, name]] | ['entry', kind, ...path]
 */
import { storageKeyIdentity } from '../session/identity.ts';
import type { CacheEntry, Cookie, Passkey, Permission, StorageKey } from '../session/session.ts';

/** The strings of an entry's identity, by the table above. */
export type Path = readonly string[];

/** The path of a cookie. */
export function cookiePath({ domain, path, name, hostOnly, partitionKey }: Cookie): Path {
  const partition = partitionKey === null ? '' : JSON.stringify([partitionKey.topLevelSite, partitionKey.hasCrossSiteAncestor]);
  return [domain, path, name, hostOnly ? 'host-only' : 'domain', partition];
}

/** The path of a permission. */
export function permissionPath({ origin, name, embeddingOrigin }: Permission): Path {
  return embeddingOrigin === undefined ? [origin, name] : [origin, name, embeddingOrigin];
}

/** The path of a passkey. */
export function credentialPath({ rpId, credentialId }: Pick<Passkey, 'rpId' | 'credentialId'>): Path {
  return [rpId, credentialId];
}

/** The path of a request in a cache, without its number. Requests of one method and URL are told apart by the fields that the response varies by (RFC 9111 section 4.1). */
export function cacheEntryPath(storageKey: string, cache: string, { method, url, requestHeaders, responseHeaders }: CacheEntry): Path {
  const varied = responseHeaders.filter(([name]) => name.toLowerCase() === 'vary').flatMap(([, value]) => value.split(','));
  const names = [...new Set(varied.map((name) => name.trim().toLowerCase()))].filter((name) => name !== '').sort();
  const fields = names.map((name) => [name, ...requestHeaders.filter((one) => one[0].toLowerCase() === name).map((one) => one[1])]);
  return [storageKey, cache, method, url, fields.length === 0 ? '' : JSON.stringify(fields)];
}

/** Names a store of a session. */
export function storeKey(storageKey: string, database: string, store: string): string {
  return JSON.stringify([storageKey, database, store]);
}

/** A storage key as paths have it. */
export const storageKeyText: (key: StorageKey) => string = storageKeyIdentity;

/** The storage key that {@link storageKeyText} made a text of; null for another text. */
export function parseStorageKey(text: string): StorageKey | null {
  const parts = parseJson(text);
  if (!Array.isArray(parts) || parts.length !== 4) return null;
  const [origin, topLevelSite, hasCrossSiteAncestor, bucket] = parts as unknown[];
  if (typeof origin !== 'string' || (topLevelSite !== null && typeof topLevelSite !== 'string')) return null;
  if (bucket !== null && typeof bucket !== 'string') return null;
  return {
    origin,
    topLevelSite,
    ...(hasCrossSiteAncestor === true ? { hasCrossSiteAncestor } : {}),
    ...(bucket === null ? {} : { bucket }),
  };
}

/** The value of a JSON text; undefined for a text that is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Paths of one kind in their order: string by string, by code units. */
export function comparePaths(a: Path, b: Path): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const [one, other] = [a[i] as string, b[i] as string];
    if (one !== other) return one < other ? -1 : 1;
  }
  return a.length - b.length;
}
