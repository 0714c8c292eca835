/**
 * The records of an object store, from files that hold keys and values as JSON of some kind: valid keys, their order and key paths by Indexed
 * Database 3.0 (sections 2.4, 2.5, 7). Makes the records section of a Session.
 */
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../session/clone/records.ts';
import { type Section, section } from '../session/session.ts';
import { type Loss, lose } from './loss.ts';

/** A valid key: a number, a Date, a string, bytes, or an array of keys. */
export type IndexedKey = number | Date | string | ArrayBuffer | readonly IndexedKey[];

/** A record of a file, and where it stands there. */
export interface FileRecord {
  readonly key: IndexedKey;
  readonly value: unknown;
  readonly pointer: string;
}

/** Keys in keys, at most: Indexed Database sets no limit, our stack does. */
const MAX_KEY_DEPTH = 100;

/** `value` as a key, or null where it is none: also, as the standard says, where one array stands in it twice. Bytes of a view are copied. O(size). */
export function keyOf(value: unknown): IndexedKey | null {
  return keyWithin(value, new Set(), 0);
}

function keyWithin(value: unknown, seen: Set<unknown>, depth: number): IndexedKey | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isNaN(value) ? null : value + 0;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value;
  if (value instanceof ArrayBuffer) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice().buffer;
  if (!Array.isArray(value) || depth === MAX_KEY_DEPTH || seen.has(value)) return null;
  seen.add(value);
  const keys: IndexedKey[] = [];
  for (const item of value as readonly unknown[]) {
    const key = keyWithin(item, seen, depth + 1);
    if (key === null) return null;
    keys.push(key);
  }
  return keys;
}

/** Finds the key that a value has at the key path of its store, or null. The path, which may be long, is taken apart once for all values. */
export function keyFinder(keyPath: string | readonly string[]): (value: unknown) => IndexedKey | null {
  if (typeof keyPath === 'string') {
    const names = namesOf(keyPath);
    return (value) => keyOf(valueAt(value, names));
  }
  const paths = keyPath.map(namesOf);
  return (value) => keyOf(paths.map((names) => valueAt(value, names)));
}

function namesOf(keyPath: string): readonly string[] {
  return keyPath === '' ? [] : keyPath.split('.');
}

function valueAt(value: unknown, names: readonly string[]): unknown {
  let current: unknown = value;
  for (const name of names) {
    if ((typeof current === 'string' || Array.isArray(current)) && name === 'length') current = current.length;
    else if (typeof current === 'object' && current !== null && Object.hasOwn(current, name))
      current = (current as Record<string, unknown>)[name];
    else return undefined;
  }
  return current;
}

/** Negative, zero or positive, as `first` stands before, with or after `second`: numbers, then dates, strings, bytes, arrays. */
export function compareKeys(first: IndexedKey, second: IndexedKey): number {
  const byType = typeOrder(first) - typeOrder(second);
  if (byType !== 0) return byType;
  if (first instanceof ArrayBuffer) return compareLists(new Uint8Array(first), new Uint8Array(second as ArrayBuffer), (a, b) => a - b);
  if (Array.isArray(first)) return compareLists(first as readonly IndexedKey[], second as readonly IndexedKey[], compareKeys);
  // Dates compare by their time, strings by code units.
  return first < second ? -1 : first > second ? 1 : 0;
}

function typeOrder(key: IndexedKey): number {
  if (typeof key === 'number') return 0;
  if (key instanceof Date) return 1;
  if (typeof key === 'string') return 2;
  return key instanceof ArrayBuffer ? 3 : 4;
}

function compareLists<T>(first: ArrayLike<T>, second: ArrayLike<T>, compare: (a: T, b: T) => number): number {
  for (let i = 0; i < first.length && i < second.length; i++) {
    const order = compare(first[i] as T, second[i] as T);
    if (order !== 0) return order;
  }
  return first.length - second.length;
}

/** The records as a Session holds them, in key order. Of a key that comes twice the last counts; what cannot be carried is a loss. O(n log n). */
export function makeRecords(records: readonly FileRecord[], losses: Loss[]): { recordCount: number; records?: Section } {
  // The sort is stable: of equal keys, the last one in the file comes last.
  const sorted = [...records].sort((a, b) => compareKeys(a.key, b.key));
  const writer = new RecordWriter();
  let recordCount = 0;
  for (const [index, { key, value, pointer }] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next !== undefined && compareKeys(key, next.key) === 0) {
      lose(losses, pointer, 'dropped', 'the same key comes again later in the file');
      continue;
    }
    const uncarried = writer.add(key, value);
    if (uncarried.length > 0) lose(losses, pointer, 'lossy', `${uncarried.join(', ')} cannot be carried`);
    recordCount++;
  }
  return recordCount === 0 ? { recordCount } : { recordCount, records: section(writer.take(), RECORDS_MEDIA_TYPE) };
}
