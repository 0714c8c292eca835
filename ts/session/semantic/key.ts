/**
 * IndexedDB keys by Indexed Database API 3.0: which values are keys, how keys compare, and what a key path finds in a value. Depth costs no stack
 * beyond the platform's for sane keys: nesting above a limit is no key.
 */
import { Unportable } from '../clone/unportable.ts';

/** A key in a form that compares: number, date, string, bytes, list, in this order of types. */
export type Key = readonly [rank: 1 | 2, number] | readonly [3, string] | readonly [4, Uint8Array] | readonly [5, readonly Key[]];

/** Array keys in array keys; the specification has no limit, engines run out of stack. */
const MAX_KEY_DEPTH = 1000;

/** "Convert a value to a key"; null when the value is not a valid key. */
export function toKey(value: unknown): Key | null {
  return convert(value, [], 0);
}

function convert(value: unknown, seen: readonly unknown[], depth: number): Key | null {
  if (typeof value === 'number') return Number.isNaN(value) ? null : [1, value];
  if (typeof value === 'string') return [3, value];
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : [2, value.getTime()];
  if (value instanceof ArrayBuffer) return [4, new Uint8Array(value)];
  if (ArrayBuffer.isView(value)) return [4, new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  if (!Array.isArray(value) || depth >= MAX_KEY_DEPTH || seen.includes(value)) return null;
  const keys: Key[] = [];
  for (let i = 0; i < value.length; i++) {
    const key = Object.hasOwn(value, i) ? convert(value[i], [...seen, value], depth + 1) : null;
    if (key === null) return null;
    keys.push(key);
  }
  return [5, keys];
}

/** "Compare two keys": below, at or above 0. 0 and -0 are one key. */
export function compareKeys(a: Key, b: Key): number {
  if (a[0] !== b[0]) return a[0] - b[0];
  if (a[0] === 5 && b[0] === 5) return compareLists(a[1], b[1], compareKeys);
  if (a[0] === 4 && b[0] === 4) return compareLists(a[1], b[1], (x, y) => x - y);
  return a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0;
}

function compareLists<Item>(a: ArrayLike<Item>, b: ArrayLike<Item>, compare: (a: Item, b: Item) => number): number {
  const both = Math.min(a.length, b.length);
  for (let i = 0; i < both; i++) {
    const order = compare(a[i] as Item, b[i] as Item);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** What a key path found: `absent` is the specification's failure; `unknown` when a placeholder stands in the way. */
export type Found = { readonly value: unknown } | 'absent' | 'unknown';

/** "Evaluate a key path on a value". */
export function evaluateKeyPath(value: unknown, keyPath: string | readonly string[]): Found {
  if (typeof keyPath !== 'string') {
    const values: unknown[] = [];
    for (const path of keyPath) {
      const found = evaluateKeyPath(value, path);
      if (typeof found === 'string') return found;
      values.push(found.value);
    }
    return { value: values };
  }
  let at: unknown = value;
  for (const name of keyPath === '' ? [] : keyPath.split('.')) {
    if (at instanceof Unportable) return 'unknown';
    if ((typeof at === 'string' || Array.isArray(at)) && name === 'length') at = at.length;
    else if (typeof at === 'object' && at !== null && Object.hasOwn(at, name)) at = (at as Readonly<Record<string, unknown>>)[name];
    // size, type, name and lastModified of a Blob or a File are no own members.
    else if (typeof at === 'object' && at !== null && !isPlain(at)) return 'unknown';
    else return 'absent';
  }
  if (at instanceof Unportable) return 'unknown';
  return at === undefined ? 'absent' : { value: at };
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Array.isArray(value);
}
