/**
 * Values of a session: when two are the same, what may be said of one without showing it, and which parts of a long one differ.
 * A section is its media type and its bytes; text that is kept in a section is the same value as the string.
 */

import { diffIds, diffText } from '../kernel/current.ts';
import { sameBytes } from '../session/bytes.ts';
import { type Section, TEXT_MEDIA_TYPE, textOf } from '../session/session.ts';
import type { ValueFacts } from './difference.ts';

/** Says whether two sections have the same content, for a caller who knows, by hashes; undefined where they must be read. */
export type SameSection = (a: Section, b: Section) => boolean | undefined;

/** From this many units on, a string that changed says where. */
const EDITS_FROM_UNITS = 64;

export function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Section>).bytes === 'function';
}

function isText(value: unknown): value is string | Section {
  return typeof value === 'string' || (isSection(value) && value.mediaType === TEXT_MEDIA_TYPE);
}

/**
 * Whether two values are the same; a function that reads sections to find out where nothing else tells: two handles of the same length and media type
 * about which `sameSection` says nothing. It rejects as `bytes()` does. Members that are undefined count as absent, and -0 is not 0.
 */
export function compareValues(a: unknown, b: unknown, sameSection?: SameSection): boolean | (() => Promise<boolean>) {
  const unread: [string | Section, string | Section][] = [];
  if (!sameShape(a, b, unread, sameSection)) return false;
  return unread.length === 0 || (() => sameContents(unread));
}

/** {@link compareValues}, having read what must be read. */
export async function sameValue(a: unknown, b: unknown, sameSection?: SameSection): Promise<boolean> {
  const same = compareValues(a, b, sameSection);
  return typeof same === 'boolean' ? same : same();
}

/** Whether all is the same but for the pairs that are put into `unread`. */
function sameShape(a: unknown, b: unknown, unread: [string | Section, string | Section][], sameSection: SameSection | undefined): boolean {
  if (Object.is(a, b)) return true;
  if (isSection(a) || isSection(b)) {
    const known = isSection(a) && isSection(b) && a.mediaType === b.mediaType ? sameSection?.(a, b) : undefined;
    if (known !== undefined) return known;
    if (isText(a) && isText(b)) {
      if (unitsOf(a) !== unitsOf(b)) return false;
    } else if (!isSection(a) || !isSection(b) || a.mediaType !== b.mediaType || a.length !== b.length) {
      return false;
    }
    unread.push([a, b]);
    return true;
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => sameShape(item, b[i], unread, sameSection));
  }
  const [one, other] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>];
  const names = presentNames(one);
  if (names.length !== presentNames(other).length) return false;
  return names.every((name) => Object.hasOwn(other, name) && sameShape(one[name], other[name], unread, sameSection));
}

function presentNames(object: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(object).filter((name) => object[name] !== undefined);
}

async function sameContents(pairs: readonly [string | Section, string | Section][]): Promise<boolean> {
  for (const [a, b] of pairs) {
    if (!(await sameContent(a, b))) return false;
  }
  return true;
}

async function sameContent(a: string | Section, b: string | Section): Promise<boolean> {
  if (typeof a === 'string' || typeof b === 'string') return (await textOf(a)) === (await textOf(b));
  return sameBytes(await a.bytes(), await b.bytes());
}

/** What can be said of a value; with the value itself where it is to be revealed. */
export function describeValue(value: unknown, reveal: boolean): ValueFacts {
  return reveal ? { ...factsOf(value), value } : factsOf(value);
}

function factsOf(value: unknown): ValueFacts {
  if (value === null || value === undefined) return { type: 'null' };
  if (isText(value)) return { type: 'string', length: unitsOf(value) };
  if (isSection(value)) return { type: 'section', length: value.length, mediaType: value.mediaType };
  if (Array.isArray(value)) return { type: 'array', length: value.length };
  if (typeof value === 'boolean' || typeof value === 'number') return { type: typeof value as 'boolean' | 'number' };
  return { type: 'object' };
}

/** Units of a text, bytes of any other section; null for what has no size. */
export function lengthOf(value: unknown): number | null {
  if (isText(value)) return unitsOf(value);
  return isSection(value) ? value.length : null;
}

function unitsOf(text: string | Section): number {
  return typeof text === 'string' ? text.length : text.length / 2;
}

/** The parts of two texts or two arrays that differ, as `MemberChange.edits` has them; null for values that have no parts worth naming. */
export async function editsBetween(a: unknown, b: unknown): Promise<number[] | null> {
  if (Array.isArray(a) && Array.isArray(b)) return [...diffIds(...numberItems(a, b)).hunks];
  if (!isText(a) || !isText(b) || Math.max(unitsOf(a), unitsOf(b)) < EDITS_FROM_UNITS) return null;
  return [...diffText(await textOf(a), await textOf(b)).hunks];
}

function numberItems(a: readonly unknown[], b: readonly unknown[]): [Uint32Array, Uint32Array] {
  const numbers = new Map<string, number>();
  const number = (item: unknown): number => {
    const text = JSON.stringify(item) ?? '';
    const found = numbers.get(text) ?? numbers.size;
    numbers.set(text, found);
    return found;
  };
  return [Uint32Array.from(a, number), Uint32Array.from(b, number)];
}
