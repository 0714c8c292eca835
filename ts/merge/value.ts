/**
 * Values of entries: when two are the same, their canonical bytes, and a quick digest. A section counts by media type and content, and text in a section is
 * the same value as the string. Members of objects have no order, and one that is undefined is absent.
 */

import { PspError } from '../errors.ts';
import { sameBytes } from '../session/bytes.ts';
import type { ByteReader, ByteWriter } from '../session/clone/bytes.ts';
import { unitsToString } from '../session/clone/bytes.ts';
import type { Section } from '../session/session.ts';
import { isSection, isTextSection, knownBytes, knownHash, knownSection, textHash } from './content.ts';
import type { Digest } from './digest.ts';
import type { EntryValue } from './entry.ts';

/** Text from this many units on counts by its hash wherever a hash will do, so that a section of text need not be read. */
export const LONG_TEXT_UNITS = 4096;

/** Deeper than any session that passes its own limits. */
const MAX_DEPTH = 256;

const TAG = {
  null: 0,
  true: 1,
  false: 2,
  integer: 3,
  double: 4,
  latin1: 5,
  utf16: 6,
  bytes: 7,
  section: 8,
  list: 9,
  object: 10,
  hash: 11,
  textHash: 12,
} as const;

type Members = { readonly [member: string]: EntryValue | undefined };

/**
 * Whether two values are the same. Two sections of one media type and length of which a hash is not known (`learnHash`) count as the same: who joins has
 * learned them.
 */
export function sameEntryValue(a: EntryValue, b: EntryValue): boolean {
  if (Object.is(a, b)) return true;
  // Nearly always text, and then that is all.
  return (typeof a === 'object' || typeof b === 'object') && sameContent(a, b);
}

function sameContent(a: EntryValue, b: EntryValue): boolean {
  if (isSection(a) || isSection(b)) return sameSection(a, b);
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) return a instanceof Uint8Array && b instanceof Uint8Array && sameBytes(a, b);
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && sameList(a, b);
  return sameMembers(a as Members, b as Members);
}

function sameList(a: readonly EntryValue[], b: readonly EntryValue[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!sameEntryValue(a[i] as EntryValue, b[i] as EntryValue)) return false;
  return true;
}

function sameMembers(a: Members, b: Members): boolean {
  let left = countMembers(b);
  for (const name of Object.keys(a)) {
    const value = a[name];
    if (value === undefined) continue;
    const other = Object.hasOwn(b, name) ? b[name] : undefined;
    if (other === undefined || !sameEntryValue(value, other)) return false;
    left--;
  }
  return left === 0;
}

function countMembers(members: Members): number {
  let count = 0;
  for (const name of Object.keys(members)) if (members[name] !== undefined) count++;
  return count;
}

function sameSection(a: EntryValue, b: EntryValue): boolean {
  const [hashA, hashB] = [contentHash(a), contentHash(b)];
  if (isTextual(a) && isTextual(b)) return unitsOf(a) === unitsOf(b) && (hashA === null || hashB === null || hashA === hashB);
  if (!isSection(a) || !isSection(b) || a.mediaType !== b.mediaType || a.length !== b.length) return false;
  return hashA === null || hashB === null || hashA === hashB;
}

function isTextual(value: EntryValue): value is string | Section {
  return typeof value === 'string' || isTextSection(value);
}

function unitsOf(text: string | Section): number {
  return typeof text === 'string' ? text.length : text.length / 2;
}

function contentHash(value: EntryValue): string | null {
  if (typeof value === 'string') return textHash(value);
  return isSection(value) ? knownHash(value) : null;
}

/** The names of the members, ascending. */
function namesOf(members: Members): readonly string[] {
  let names = Object.keys(members);
  if (countMembers(members) < names.length) names = names.filter((name) => members[name] !== undefined);
  if (!isLastNames(names)) {
    lastNames = names;
    lastSorted = [...names].sort();
  }
  return lastSorted;
}

function isLastNames(names: readonly string[]): boolean {
  if (names.length !== lastNames.length) return false;
  for (let i = 0; i < names.length; i++) if (names[i] !== lastNames[i]) return false;
  return true;
}

// The same names often come many times in a row, as those of cookies do.

let lastNames: readonly string[] = [];
let lastSorted: readonly string[] = [];

/** How sections are written: with their bytes, which `learnBytes` has fetched, or as the hash that `learnHash` has. Only the first can be read again. */
export type SectionForm = 'bytes' | 'hash';

/**
 * Writes the canonical bytes of a value: equal values, equal bytes.
 *
 * @throws PspError `MERGE_LIMIT` for a value that is nested more than 256 deep.
 */
export function writeEntryValue(value: EntryValue, writer: ByteWriter, form: SectionForm, depth = 0): void {
  if (depth > MAX_DEPTH)
    throw new PspError('MERGE_LIMIT', `a value is nested more than ${MAX_DEPTH} deep`, { details: { maxDepth: MAX_DEPTH } });
  if (value === null) writer.byte(TAG.null);
  else if (typeof value === 'boolean') writer.byte(value ? TAG.true : TAG.false);
  else if (typeof value === 'number') writeNumber(value, writer);
  else if (typeof value === 'string') writeText(value, writer, form);
  else if (value instanceof Uint8Array) {
    writer.byte(TAG.bytes);
    writer.varint(value.length);
    writer.bytes(value);
  } else if (isSection(value)) writeSection(value, writer, form);
  else if (Array.isArray(value)) {
    writer.byte(TAG.list);
    writer.varint(value.length);
    for (const item of value as readonly EntryValue[]) writeEntryValue(item, writer, form, depth + 1);
  } else {
    const members = value as Members;
    const names = namesOf(members);
    writer.byte(TAG.object);
    writer.varint(names.length);
    for (const name of names) {
      writeString(name, writer);
      writeEntryValue(members[name] as EntryValue, writer, form, depth + 1);
    }
  }
}

function writeNumber(value: number, writer: ByteWriter): void {
  if (isInteger(value)) {
    writer.byte(TAG.integer);
    writer.varint(value);
  } else {
    writer.byte(TAG.double);
    writer.double(value);
  }
}

function isInteger(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}

function writeText(text: string, writer: ByteWriter, form: SectionForm): void {
  if (form === 'hash' && text.length >= LONG_TEXT_UNITS) writeTextHash(text.length, textHash(text), writer);
  else writeString(text, writer);
}

function writeTextHash(units: number, hash: string, writer: ByteWriter): void {
  writer.byte(TAG.textHash);
  writer.varint(units);
  writer.latin1(hash);
}

function writeSection(section: Section, writer: ByteWriter, form: SectionForm): void {
  if (isTextSection(section)) {
    const units = section.length / 2;
    if (form === 'hash' && units >= LONG_TEXT_UNITS) writeTextHash(units, hashFor(section), writer);
    else writeString(textIn(knownBytes(section)), writer);
    return;
  }
  writer.byte(form === 'hash' ? TAG.hash : TAG.section);
  writeString(section.mediaType, writer);
  writer.varint(section.length);
  if (form === 'hash') writer.latin1(hashFor(section));
  else writer.bytes(knownBytes(section));
}

/** The hash of a section that stands for its content. The caller learned it. */
function hashFor(section: Section): string {
  const hash = knownHash(section);
  if (hash === null) throw new TypeError('section: its hash was not learned before it was asked for');
  return hash;
}

function textIn(bytes: Uint8Array<ArrayBuffer>): string {
  const units = new Uint16Array(bytes.length / 2);
  for (let i = 0; i < units.length; i++) units[i] = (bytes[2 * i] as number) | ((bytes[2 * i + 1] as number) << 8);
  return unitsToString(units);
}

/** A string: one byte a unit where all are below 256. */
export function writeString(text: string, writer: ByteWriter): void {
  const narrow = isLatin1(text);
  writer.byte(narrow ? TAG.latin1 : TAG.utf16);
  writer.varint(text.length);
  if (narrow) writer.latin1(text);
  else writer.utf16(text);
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false;
  return true;
}

/** Reads a string. Errors are those of the reader. */
export function readString(reader: ByteReader): string {
  const value = readEntryValue(reader);
  if (typeof value !== 'string') throw reader.fault('a string expected');
  return value;
}

/** Reads what {@link writeEntryValue} wrote with bytes, and nothing else. Bytes and sections are copied out. Errors are those of the reader. */
export function readEntryValue(reader: ByteReader, depth = 0): EntryValue {
  if (depth > MAX_DEPTH) throw reader.fault('a value that is nested too deeply');
  const tag = reader.byte();
  switch (tag) {
    case TAG.null:
      return null;
    case TAG.true:
      return true;
    case TAG.false:
      return false;
    case TAG.integer:
      return reader.varint();
    case TAG.double: {
      const value = reader.double();
      if (isInteger(value)) throw reader.fault('an integer that is written as a double');
      return value;
    }
    case TAG.latin1:
      return reader.latin1(reader.count(1));
    case TAG.utf16: {
      const text = reader.utf16(reader.count(2));
      if (isLatin1(text)) throw reader.fault('a string that is written too wide');
      return text;
    }
    case TAG.bytes:
      return reader.view(reader.count(1)).slice();
    case TAG.section: {
      const mediaType = readString(reader);
      return knownSection(reader.view(reader.count(1)).slice(), mediaType);
    }
    case TAG.list:
      return readList(reader, depth);
    case TAG.object:
      return readObject(reader, depth);
    default:
      throw reader.fault('a tag that no value has');
  }
}

function readList(reader: ByteReader, depth: number): EntryValue {
  const list: EntryValue[] = [];
  for (let left = reader.count(1); left > 0; left--) list.push(readEntryValue(reader, depth + 1));
  return list;
}

function readObject(reader: ByteReader, depth: number): EntryValue {
  const members: Record<string, EntryValue> = {};
  let last: string | null = null;
  for (let left = reader.count(3); left > 0; left--) {
    const name = readString(reader);
    if (last !== null && name <= last) throw reader.fault('members that are not in ascending order');
    last = name;
    const value = readEntryValue(reader, depth + 1);
    // Assigning to `__proto__` would not make a member.
    if (name === '__proto__') Object.defineProperty(members, name, { value, enumerable: true, configurable: true, writable: true });
    else members[name] = value;
  }
  return members;
}

/** Puts a value into a digest: the same values, the same digest. Sections by their hash, which the caller learned. */
export function digestValue(value: EntryValue, digest: Digest): void {
  if (typeof value === 'string') {
    if (value.length >= LONG_TEXT_UNITS) digestHash(TAG.textHash, value.length, textHash(value), digest);
    else {
      digest.number(TAG.latin1);
      digest.text(value);
    }
  } else if (typeof value === 'number') {
    digest.number(TAG.double);
    digest.text(Object.is(value, -0) ? '-0' : String(value));
  } else if (value === null || typeof value === 'boolean') digest.number(value === null ? TAG.null : value ? TAG.true : TAG.false);
  else if (value instanceof Uint8Array) {
    digest.number(TAG.bytes);
    digest.bytes(value);
  } else if (isSection(value)) {
    if (isTextSection(value)) digestHash(TAG.textHash, value.length / 2, hashFor(value), digest);
    else {
      digest.text(value.mediaType);
      digestHash(TAG.hash, value.length, hashFor(value), digest);
    }
  } else if (Array.isArray(value)) {
    digest.number(TAG.list);
    digest.number(value.length);
    for (const item of value as readonly EntryValue[]) digestValue(item, digest);
  } else {
    const members = value as Members;
    const names = namesOf(members);
    digest.number(TAG.object);
    digest.number(names.length);
    for (const name of names) {
      digest.text(name);
      digestValue(members[name] as EntryValue, digest);
    }
  }
}

function digestHash(tag: number, length: number, hash: string, digest: Digest): void {
  digest.number(tag);
  digest.number(length);
  digest.text(hash);
}
