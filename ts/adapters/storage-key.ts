/**
 * Storage keys as Chromium writes them: `https://app.example/` for a first party, `https://widget.example/^0https://site.example` in a third-party frame
 * (third_party/blink/common/storage_key, `Serialize`).
 */
import type { StorageKey } from '../session/session.ts';

/**
 * Null for what this version does not carry: keys of opaque sites, those with a nonce (fenced and credentialless frames), and frames of the top level's own site
 * with another site in between.
 */
export function parseStorageKey(text: string): StorageKey | null {
  const [first = '', attribute, ...more] = text.split('^');
  if (!/^https?:/.test(first) || !URL.canParse(first) || more.length > 0) return null;
  const { origin } = new URL(first);
  if (attribute === undefined) return { origin, topLevelSite: null };
  return /^0https?:/.test(attribute) ? { origin, topLevelSite: attribute.slice(1) } : null;
}

/** Where a report says that something is. */
export function placeOf({ origin, topLevelSite }: StorageKey): string {
  return topLevelSite === null ? origin : `${origin} inside ${topLevelSite}`;
}
