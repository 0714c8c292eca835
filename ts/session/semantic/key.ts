/**
 * IndexedDB keys by Indexed Database API 3.0: which values are keys, how keys compare, and what a key path finds in a value. What is nested or shared
 * above a limit is no key, so that hostile bytes cost neither stack nor time without end.
 */
import { ForeignValue } from '../clone/foreign.ts';
import { Unportable } from '../clone/unportable.ts';

/** A key in a form that compares: number, date, string, bytes, list, in this order of types. */
export type Key = readonly [rank: 1 | 2, number] | readonly [3, string] | readonly [4, Uint8Array] | readonly [5, readonly Key[]];

/** Lists in lists. The specification has no limit; Chromium 156 takes 2000 of them. */
const MAX_KEY_DEPTH = 2000;

/** What more there is room for: one for each key, also those in lists, and for each byte. Gets less with every key. */
export interface Room {
  left: number;
}

/**
 * "Convert a value to a key"; null when the value is not a valid key, or there is no room for it. What stands in several places counts in each, as it
 * does in every comparison: a few bytes of encoding can describe a list that is longer than any memory. O(what it takes of the room).
 */
export function toKey(value: unknown, room: Room): Key | null {
  return convert(value, new Set(), room);
}

function convert(value: unknown, around: Set<unknown>, room: Room): Key | null {
  if (--room.left < 0) return null;
  if (typeof value === 'number') return Number.isNaN(value) ? null : [1, value];
  if (typeof value === 'string') return [3, value];
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : [2, value.getTime()];
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    room.left -= value.byteLength;
    if (room.left < 0) return null;
    return [4, value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  }
  if (!Array.isArray(value) || around.size >= MAX_KEY_DEPTH || around.has(value)) return null;
  around.add(value);
  const keys: Key[] = [];
  for (let i = 0; i < value.length; i++) {
    const key = Object.hasOwn(value, i) ? convert(value[i], around, room) : null;
    if (key === null) return null;
    keys.push(key);
  }
  around.delete(value);
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

/** What a key path found: `absent` is the specification's failure; `unknown` when a placeholder or a stand-in is in the way. */
export type Found = { readonly value: unknown } | 'absent' | 'unknown';

/** "Evaluate a key path on a value", for many values: a path is taken apart once. */
export function compileKeyPath(keyPath: string | readonly string[]): (value: unknown) => Found {
  if (typeof keyPath === 'string') {
    const names = keyPath === '' ? [] : keyPath.split('.');
    return (value) => evaluate(value, names);
  }
  const paths = keyPath.map(compileKeyPath);
  return (value) => {
    const values: unknown[] = [];
    for (const evaluatePath of paths) {
      const found = evaluatePath(value);
      if (typeof found === 'string') return found;
      values.push(found.value);
    }
    return { value: values };
  };
}

function evaluate(value: unknown, names: readonly string[]): Found {
  let at: unknown = value;
  for (const name of names) {
    if (isStandIn(at)) return 'unknown';
    if ((typeof at === 'string' || Array.isArray(at)) && name === 'length') at = at.length;
    else if (typeof at !== 'object' || at === null) return 'absent';
    else if (isFileMember(at, name) || Object.hasOwn(at, name)) at = (at as Readonly<Record<string, unknown>>)[name];
    else return 'absent';
  }
  if (isStandIn(at)) return 'unknown';
  return at === undefined ? 'absent' : { value: at };
}

/** What the value is that this stands for, only another platform knows, or none. */
function isStandIn(value: unknown): boolean {
  return value instanceof Unportable || value instanceof ForeignValue;
}

/** The members that a key path finds although they are not own ones. */
function isFileMember(value: object, name: string): boolean {
  if (value instanceof Blob && (name === 'size' || name === 'type')) return true;
  return typeof File === 'function' && value instanceof File && (name === 'name' || name === 'lastModified');
}
