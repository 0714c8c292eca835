/**
 * Storage keys as Chromium writes them: `https://app.example/` for a first party, `https://widget.example/^0https://site.example` in a third-party frame,
 * `https://app.example/^31` in a frame of the top level's own site that another site stands around (third_party/blink/common/storage_key, `Serialize`).
 */
import type { StorageKey } from '../session/session.ts';
import type { StorageAddress } from './protocol.ts';

/** Null for what this version does not carry: keys of opaque sites, and those with a nonce (fenced and credentialless frames). */
export function parseStorageKey(text: string): StorageKey | null {
  const [first = '', attribute, ...more] = text.split('^');
  if (!/^https?:/.test(first) || !URL.canParse(first) || more.length > 0) return null;
  const { origin } = new URL(first);
  if (attribute === undefined) return { origin, topLevelSite: null };
  // The site is not written where it is the origin's own.
  if (attribute === '31') return { origin, topLevelSite: null, hasCrossSiteAncestor: true };
  return /^0https?:/.test(attribute) ? { origin, topLevelSite: attribute.slice(1) } : null;
}

/** The key of the default bucket beside a bucket. */
export function withoutBucket({ bucket: _, ...key }: StorageKey): StorageKey {
  return key;
}

/** How commands of the DevTools protocol name storage: by the key, or by a bucket of it. */
export function storageAddress({ storageKey, bucket }: { readonly storageKey: string; readonly bucket?: string }): StorageAddress {
  return bucket === undefined ? { storageKey } : { storageBucket: { storageKey, name: bucket } };
}

/** Where a report says that something is. */
export function placeOf({ origin, topLevelSite, hasCrossSiteAncestor, bucket }: StorageKey): string {
  const inside = topLevelSite === null ? '' : ` inside ${topLevelSite}`;
  const across = hasCrossSiteAncestor === true ? ' below another site' : '';
  return `${origin}${inside}${across}${bucket === undefined ? '' : ` bucket ${bucket}`}`;
}
