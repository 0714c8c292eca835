/**
 * Whether records fit the store that is shown (law M13): two replicas may have filled it under different descriptions, or with values that a unique index does
 * not allow together. What does not fit is parked: it stays in the state and is not shown. Records are only looked into where no input vouches for them.
 */
import { PspError } from '../errors.ts';
import { decodeValue } from '../session/clone/decode.ts';
import { compareKeys, compileKeyPath, type Key, toKey } from '../session/semantic/key.ts';
import type { Section, StoreIndex } from '../session/session.ts';
import { type Candidate, compareCandidates, type Dot, type EntryValue } from './entry.ts';
import type { Identity } from './identity.ts';
import { keyText } from './record-key.ts';

/** What says how records must be. */
export interface StoreRules {
  readonly keyPath: string | readonly string[] | null;
  readonly autoIncrement: boolean;
  readonly indexes: readonly StoreIndex[];
}

/** A record that is to be shown. */
export interface ShownRecord {
  readonly path: readonly string[];
  /** Null where the encoded key holds none. */
  readonly key: Key | null;
  readonly keyBytes: Uint8Array;
  readonly value: Uint8Array;
  /** The write that is shown, or the latest of those that it was made of. */
  readonly candidate: Candidate;
}

/** A valid session that was merged: what it shows fits what it says. */
export interface Source {
  /** By store: {@link describeStore}. */
  readonly stores: ReadonlyMap<string, string>;
  /** The write that it shows of a record. */
  dotOf(path: readonly string[]): Dot | undefined;
  /** What it shows of a store, in the order of its section; null where it has no section in canonical form. */
  recordsOf(store: string): SourceRecords | null;
}

/** The records of a store of a session. */
export interface SourceRecords {
  readonly section: Section;
  readonly identities: readonly Identity[];
  readonly values: readonly EntryValue[];
}

export type FitFault = 'key-path' | 'unique-index';

const MAX_SHARING = 64;

/** The rules of a store as a text: equal rules, equal texts. */
export function describeStore({ keyPath, autoIncrement, indexes }: StoreRules): string {
  return JSON.stringify([
    keyPath,
    autoIncrement,
    indexes.map(({ name, keyPath: path, unique, multiEntry }) => [name, path, unique, multiEntry]),
  ]);
}

/** Records that do not fit, and why. Of two that a unique index does not allow together, the one that was written first stays, as a browser would have it. */
export function findMisfits(
  store: string,
  rules: StoreRules,
  records: readonly ShownRecord[],
  sources: readonly Source[],
): ReadonlyMap<ShownRecord, FitFault> {
  const misfits = new Map<ShownRecord, FitFault>();
  const unique = rules.indexes.filter((index) => index.unique);
  // Any key will do, and any value.
  if (rules.keyPath === null && unique.length === 0 && (rules.autoIncrement || records.every(({ key }) => key !== null))) return misfits;
  const description = describeStore(rules);
  const alike = sources.filter(({ stores }) => stores.get(store) === description);
  const vouches = (source: Source, { path, candidate }: ShownRecord): boolean => isSameDot(source.dotOf(path), candidate.dot);
  for (const record of records) {
    if (!alike.some((source) => vouches(source, record)) && !fitsKeyPath(rules, record)) misfits.set(record, 'key-path');
  }
  if (unique.length > 0 && !alike.some((source) => records.every((record) => vouches(source, record))))
    findRivals(unique, records, misfits);
  return misfits;
}

function isSameDot(a: Dot | undefined, b: Dot): boolean {
  return a !== undefined && a.counter === b.counter && a.replica === b.replica;
}

/** As `semantic/record.ts` judges a record. */
function fitsKeyPath({ keyPath, autoIncrement }: StoreRules, { key, keyBytes, value }: ShownRecord): boolean {
  if (key === null) return autoIncrement;
  if (keyPath === null) return true;
  const decoded = decode(value);
  if (decoded === null) return true;
  const found = compileKeyPath(keyPath)(decoded.value);
  if (found === 'unknown') return true;
  if (found === 'absent') return false;
  const inline = toKey(found.value, { left: MAX_SHARING * (keyBytes.length + value.length) });
  return inline !== null && compareKeys(inline, key) === 0;
}

function findRivals(unique: readonly StoreIndex[], records: readonly ShownRecord[], misfits: Map<ShownRecord, FitFault>): void {
  const taken = unique.map(() => new Set<string>());
  const finders = unique.map(({ keyPath }) => compileKeyPath(keyPath));
  const inOrder = [...records].sort((a, b) => compareCandidates(a.candidate, b.candidate));
  for (const record of inOrder) {
    if (misfits.has(record)) continue;
    const decoded = decode(record.value);
    if (decoded === null) continue;
    const room = { left: MAX_SHARING * (record.keyBytes.length + record.value.length) };
    const held = unique.map(({ multiEntry }, i) => {
      const found = (finders[i] as ReturnType<typeof compileKeyPath>)(decoded.value);
      if (typeof found === 'string') return [];
      const values: readonly unknown[] = multiEntry && Array.isArray(found.value) ? Object.values(found.value) : [found.value];
      return values.map((one) => toKey(one, room)).flatMap((key) => (key === null ? [] : [keyText(key)]));
    });
    if (held.some((keys, i) => keys.some((key) => taken[i]?.has(key)))) {
      misfits.set(record, 'unique-index');
      continue;
    }
    held.forEach((keys, i) => {
      for (const key of keys) taken[i]?.add(key);
    });
  }
}

/** Null for what is no structured-clone value: nothing can be said of it. */
function decode(bytes: Uint8Array): { readonly value: unknown } | null {
  try {
    return decodeValue(bytes);
  } catch (error) {
    if (error instanceof PspError) return null;
    throw error;
  }
}

/** "Possibly update the key generator": the next key, when records with these keys are there. */
export function nextKey(generator: number, records: readonly ShownRecord[]): number {
  let next = generator;
  for (const { key } of records) {
    if (key !== null && key[0] === 1 && key[1] >= next) next = Math.min(Math.floor(key[1]) + 1, 2 ** 53);
  }
  return next;
}
