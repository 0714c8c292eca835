/**
 * Whether an entry of a state has the form of its kind: as many strings in its path, and a value that can be put into a session. A state comes from anywhere;
 * what is wrong within the form, the schema finds when the session is written.
 */

import { isSection } from './content.ts';
import type { Entry, EntryKind, EntryValue } from './entry.ts';
import { type Path, parseStorageKey } from './path.ts';
import { isPlace } from './tab-place.ts';

interface Form {
  /** How many strings a path has: at least, at most. */
  readonly path: readonly [number, number];
  /** Which of them is a storage key; -1 for none. */
  readonly storageKey: number;
  readonly isValue: (value: EntryValue, path: Path) => boolean;
}

const form = (path: readonly [number, number], storageKey: number, isValue: Form['isValue']): Form => ({ path, storageKey, isValue });

const FORMS: Readonly<Record<EntryKind, Form>> = {
  header: form([1, 1], -1, (_, [member]) => member !== undefined && !RESERVED.has(member)),
  cookie: form([5, 5], -1, isObject),
  origin: form([1, 1], 0, isObject),
  localStorage: form([2, 2], 0, isText),
  database: form([2, 2], 0, isDatabase),
  record: form([4, 5], 0, (value, path) => value instanceof Uint8Array && /^[\0-\xff]*$/.test(path[3] as string)),
  cache: form([2, 2], 0, isObject),
  cacheEntry: form([5, 6], 0, isObject),
  serviceWorker: form([2, 2], 0, isObject),
  file: form([2, 2], 0, isObject),
  tab: form([1, 2], -1, (value, path) =>
    path.length === 1 ? isObject(value) : typeof value === 'string' && TAB_MEMBERS.has(path[1] as string),
  ),
  tabPlace: form([1, 1], -1, isPlace),
  sessionStorage: form([3, 3], 1, isText),
  permission: form([2, 3], -1, isObject),
  credential: form([2, 2], -1, isObject),
  ttl: form([1, Number.POSITIVE_INFINITY], -1, isObject),
};

const TAB_MEMBERS = new Set(['windowName', 'opener']);
/** What a header entry would overwrite. */
const RESERVED = new Set([
  ...['id', 'incarnation', 'revision', 'createdAt', 'updatedAt', 'coverage', 'mergeState'],
  ...['cookies', 'storage', 'tabs', 'permissions', 'credentials', 'ttl'],
]);

/** Whether an entry is one that a session could have. */
export function hasForm({ kind, path, candidates }: Entry): boolean {
  const {
    path: [least, most],
    storageKey,
    isValue,
  } = FORMS[kind];
  if (path.length < least || path.length > most) return false;
  if (storageKey >= 0 && parseStorageKey(path[storageKey] as string) === null) return false;
  return candidates.every(({ value }) => value === undefined || isValue(value, path));
}

function isObject(value: EntryValue | undefined): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array) && !isSection(value);
}

function isText(value: EntryValue): boolean {
  return typeof value === 'string' || isSection(value);
}

function isDatabase(value: EntryValue): boolean {
  if (!isObject(value)) return false;
  const { stores } = value as { readonly [member: string]: EntryValue };
  return (
    Array.isArray(stores) &&
    stores.every((store: EntryValue) => {
      if (!isObject(store)) return false;
      const { name, indexes } = store as { readonly [member: string]: EntryValue };
      return typeof name === 'string' && Array.isArray(indexes) && indexes.every(isIndex);
    })
  );
}

/** Of key paths too: they are evaluated. */
function isIndex(value: EntryValue): boolean {
  if (!isObject(value)) return false;
  const { keyPath } = value as { readonly [member: string]: EntryValue };
  return typeof keyPath === 'string' || (Array.isArray(keyPath) && keyPath.every((path: EntryValue) => typeof path === 'string'));
}
