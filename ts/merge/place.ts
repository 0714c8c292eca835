/**
 * Where an entry stands, as far as rules, groups and the log speak of it: its origin or the host of its cookie, a name, and a pointer. Reads nothing but
 * its kind and path; what a path holds for each kind is in `path.ts`.
 */
import type { EntryKind } from './entry.ts';
import { parseJson } from './path.ts';

/** Where an entry stands. */
export interface Place {
  /** Serialized origin; null where there is none. */
  readonly origin: string | null;
  /** The host of the origin, the domain of a cookie or the `rpId` of a passkey; null where there is none. */
  readonly host: string | null;
  /** For a cookie: whether it is sent to that host alone. */
  readonly hostOnly?: boolean;
  /**
   * What a name pattern is held against: the name of a cookie, an item, a database or a cache, the path of a file, the member of the header; of a record
   * `database/store`; else empty. Never a value.
   */
  readonly name: string;
}

/** Where the entry of this kind and path stands. O(length of the path). */
export function placeOf(kind: EntryKind, path: readonly string[]): Place {
  switch (kind) {
    case 'header':
      return { origin: null, host: null, name: path[0] ?? '' };
    case 'cookie':
      return { origin: null, host: path[0] ?? null, hostOnly: path[3] === 'host-only', name: path[2] ?? '' };
    case 'sessionStorage':
      return { ...originOf(path[1]), name: path[2] ?? '' };
    case 'permission':
      return { origin: path[0] ?? null, host: hostIn(path[0]), name: path[1] ?? '' };
    case 'credential':
      return { origin: null, host: path[0] ?? null, name: '' };
    case 'record':
      return { ...originOf(path[0]), name: `${path[1]}/${path[2]}` };
    case 'tab':
    case 'tabPlace':
    case 'ttl':
      return { origin: null, host: null, name: '' };
    default:
      return { ...originOf(path[0]), name: path[1] ?? '' };
  }
}

/** The host of {@link placeOf}, without the rest. */
export function hostOf(kind: EntryKind, path: readonly string[]): string | null {
  if (kind === 'localStorage' || kind === 'record') return originOf(path[0]).host;
  return kind === 'cookie' ? (path[0] ?? null) : placeOf(kind, path).host;
}

/**
 * Which strings of a path may say what people typed or servers told, and are shown nowhere: the key of a record; of a request its address and the header fields
 * that its response varies by; the id of a passkey; the address of a service worker. By their index, ascending. All others are names that sites give.
 */
export function privateParts(kind: EntryKind, path: readonly string[]): readonly number[] {
  const [first, ruled, ...inner] = path;
  switch (kind) {
    case 'record':
      return [3];
    case 'cacheEntry':
      return [3, 4];
    case 'serviceWorker':
    case 'credential':
      return [1];
    case 'ttl':
      // A rule for an entry has its kind and its path.
      return first === 'entry' ? privateParts(ruled as EntryKind, inner).map((at) => at + 2) : [];
    default:
      return [];
  }
}

/** An entry as it may be shown to people: an origin or a host, and a name that a site gave; both may be empty. */
export function publicPlace(kind: EntryKind, path: readonly string[]): { readonly place: string; readonly name: string } {
  const { origin, host, name } = placeOf(kind, path);
  return { place: origin ?? host ?? '', name: privateParts(kind, path).some((at) => path[at] === name) ? '' : name };
}

/** The pointer of an entry in a log: `/` and its kind, then its path, escaped as in RFC 6901. Different entries have different pointers. */
export function pointerOf(kind: EntryKind, path: readonly string[]): string {
  return [kind, ...path].map(pointerStep).join('');
}

/** One step of a pointer: `/` and the name, escaped as in RFC 6901. */
export function pointerStep(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** `identity` is one of `storageKeyIdentity`, whose first item is the origin. */
function originOf(identity: string | undefined): { readonly origin: string | null; readonly host: string | null } {
  if (identity === undefined) return { origin: null, host: null };
  let origin = origins.get(identity);
  if (origin === undefined) {
    if (origins.size >= MAX_ORIGINS) origins.clear();
    const parsed = parseJson(identity);
    const text = Array.isArray(parsed) && typeof parsed[0] === 'string' ? parsed[0] : null;
    origin = { origin: text, host: text === null ? null : hostIn(text) };
    origins.set(identity, origin);
  }
  return origin;
}

// A session has thousands of entries and a few storage keys.
const MAX_ORIGINS = 1024;
const origins = new Map<string, { readonly origin: string | null; readonly host: string | null }>();

function hostIn(origin: string | undefined): string | null {
  return origin !== undefined && URL.canParse(origin) ? new URL(origin).hostname : null;
}
