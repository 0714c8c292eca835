/**
 * The records of an object store against its description: keys that are keys, in order and unique; in-line keys that are in the value; unique
 * indexes; the count. Reads every record once.
 */
import { PspError } from '../../errors.ts';
import { decodeValue } from '../clone/decode.ts';
import { type EncodedRecord, readRecords } from '../clone/records.ts';
import type { IssueList } from '../issue.ts';
import type { ObjectStore } from '../session.ts';
import { compareKeys, compileKeyPath, type Found, type Key, toKey } from './key.ts';

type Store = Omit<ObjectStore, 'records'>;

/** A key and the index of the record that has it. */
interface Held {
  readonly key: Key;
  readonly at: number;
}

/** A store with its key paths taken apart. */
interface Rules {
  readonly store: Store;
  /** Null for out-of-line keys. */
  readonly findKey: ((value: unknown) => Found) | null;
  readonly unique: readonly UniqueIndex[];
}

interface UniqueIndex {
  readonly multiEntry: boolean;
  readonly find: (value: unknown) => Found;
  readonly held: Held[];
}

/** How much larger than its record a key may be, in keys and bytes: what is shared within it counts as often as it stands there. */
const MAX_SHARING = 64;

/**
 * Checks the content of the section of `store`; `pointer` is that of its records. O(n log n) in the bytes of the records, times the unique indexes.
 */
export function checkRecords(store: Store, bytes: Uint8Array, pointer: string, issues: IssueList): void {
  const keys: Held[] = [];
  const rules = compileRules(store);
  let count = 0;
  for (const record of recordsOf(bytes, pointer, issues)) {
    if (issues.full) return;
    const at = count++;
    const key = checkValue(record.key, `${pointer}/${at}/key`, issues);
    const value = checkValue(record.value, `${pointer}/${at}/value`, issues);
    if (key === null || value === null) continue;
    const maxSize = MAX_SHARING * record.whole.length;
    const valid = checkKey(rules, { key: key.value, value: value.value, maxSize }, `${pointer}/${at}`, issues);
    if (valid !== null) keys.push({ key: valid, at });
    for (const index of rules.unique) for (const entry of indexKeys(index, value.value, maxSize)) index.held.push({ key: entry, at });
  }
  if (count !== store.recordCount)
    issues.semantic('error', 'record-count', `${pointer.replace(/records$/, '')}recordCount`, `there are ${count} records`);
  checkOrder(keys, pointer, issues);
  for (const { held } of rules.unique) {
    for (const at of laterEquals(held, true))
      issues.semantic('error', 'unique-index', `${pointer}/${at}/value`, 'its key in a unique index is there already');
  }
  checkGenerator(store, keys, pointer, issues);
}

/** The value of an encoding; null, and an issue at `pointer`, when it is none. */
export function checkValue(bytes: Uint8Array, pointer: string, issues: IssueList): { readonly value: unknown } | null {
  try {
    const { value, unportable } = decodeValue(bytes);
    if (unportable.length > 0)
      issues.semantic(
        'notice',
        'clone-placeholder',
        pointer,
        `holds ${unportable.length} placeholders of values that could not be carried`,
      );
    return { value };
  } catch (error) {
    if (!(error instanceof PspError)) throw error;
    // What the decoder says names an offset; the place of the value is enough here.
    issues.semantic('error', 'clone-malformed', pointer, 'is not a structured-clone value that this version can read');
    return null;
  }
}

function compileRules(store: Store): Rules {
  const unique = store.indexes.filter((index) => index.unique);
  return {
    store,
    findKey: store.keyPath === null ? null : compileKeyPath(store.keyPath),
    unique: unique.map(({ keyPath, multiEntry }) => ({ multiEntry, find: compileKeyPath(keyPath), held: [] })),
  };
}

function* recordsOf(bytes: Uint8Array, pointer: string, issues: IssueList): IterableIterator<EncodedRecord> {
  const records = readRecords(bytes);
  for (;;) {
    let next: IteratorResult<EncodedRecord>;
    try {
      next = records.next();
    } catch (error) {
      if (!(error instanceof PspError)) throw error;
      // The lengths do not add up: there is no telling where the next record begins.
      issues.semantic('error', 'clone-malformed', pointer, 'the lengths of the records do not add up');
      return;
    }
    if (next.done === true) return;
    yield next.value;
  }
}

interface DecodedRecord {
  readonly key: unknown;
  readonly value: unknown;
  /** Of what is a key in it, see `Room`. */
  readonly maxSize: number;
}

/** The key of a record when it is one; the value has to agree where keys are in-line. */
function checkKey({ store, findKey }: Rules, { key: given, value, maxSize }: DecodedRecord, at: string, issues: IssueList): Key | null {
  const found = findKey === null ? null : findKey(value);
  if (found === 'absent') {
    issues.semantic('error', 'key-missing', `${at}/value`, 'has nothing at the key path of its store');
    return null;
  }
  if (given === undefined) {
    if (store.autoIncrement) issues.semantic('warning', 'key-missing', `${at}/key`, 'is missing; the key generator would give another one');
    else issues.semantic('error', 'key-missing', `${at}/key`, 'is missing');
    return null;
  }
  const key = toKey(given, { left: maxSize });
  if (key === null)
    issues.semantic('error', 'key-invalid', `${at}/key`, 'is not a valid key: a number, a date, a string, bytes or a list of keys');
  if (key === null || found === null || found === 'unknown') return key;
  const inline = toKey(found.value, { left: maxSize });
  if (inline === null) issues.semantic('error', 'key-invalid', `${at}/value`, 'has no valid key at the key path of its store');
  else if (compareKeys(key, inline) !== 0)
    issues.semantic('error', 'key-mismatch', `${at}/value`, 'has another key at the key path than the record');
  return key;
}

/** The keys that a record has in an index; what is no valid key is left out of an index without an error. */
function indexKeys({ multiEntry, find }: UniqueIndex, value: unknown, maxSize: number): readonly Key[] {
  const found = find(value);
  if (typeof found === 'string') return [];
  const entries = multiEntry && Array.isArray(found.value) ? itemsOf(found.value) : [found.value];
  const room = { left: maxSize };
  return entries.map((entry) => toKey(entry, room)).filter((key) => key !== null);
}

/** The items that are there: an array of a few bytes may have a length of 2^32 - 1. */
function itemsOf(list: readonly unknown[]): readonly unknown[] {
  const indexes = Object.keys(list).filter((name) => String(Number(name) >>> 0) === name);
  return indexes.map((index) => list[Number(index)]);
}

function checkOrder(keys: readonly Held[], pointer: string, issues: IssueList): void {
  const later = laterEquals(keys, false);
  for (const at of later) issues.semantic('error', 'duplicate', `${pointer}/${at}/key`, 'the same key is there already');
  const wrong = keys.find(({ key }, i) => i > 0 && compareKeys((keys[i - 1] as Held).key, key) > 0);
  if (wrong !== undefined) issues.semantic('warning', 'key-order', `${pointer}/${wrong.at}/key`, 'is not in ascending order');
}

/** The records whose key another has before them, ascending. With `once`, one record may hold a key twice. */
function laterEquals(held: readonly Held[], once: boolean): readonly number[] {
  const sorted = [...held].sort((a, b) => compareKeys(a.key, b.key) || a.at - b.at);
  const later = new Set<number>();
  for (let i = 1; i < sorted.length; i++) {
    const [before, here] = [sorted[i - 1] as Held, sorted[i] as Held];
    if (compareKeys(before.key, here.key) === 0 && !(once && before.at === here.at)) later.add(here.at);
  }
  return [...later].sort((a, b) => a - b);
}

/** "Possibly update the key generator": no number that was used as a key comes again. At 2^53 it gives no more, whatever is in use. */
function checkGenerator({ autoIncrement, keyGenerator }: Store, keys: readonly Held[], pointer: string, issues: IssueList): void {
  if (!autoIncrement || keyGenerator === undefined) return;
  const used = keys.some(({ key }) => key[0] === 1 && key[1] >= keyGenerator && keyGenerator < 2 ** 53);
  if (used)
    issues.semantic(
      'warning',
      'key-generator',
      `${pointer.replace(/records$/, '')}keyGenerator`,
      'would give a key that is in use or below one',
    );
}
