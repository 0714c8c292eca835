/**
 * Bytes -> JSON values, strictly (RFC 8259, I-JSON): UTF-8 that is valid, no member twice, no number beyond a double, bounded depth and size. The
 * platform's own parser does the work; what it forgives is found by counting: a member that was there twice is one member of the value and two names
 * in the text. Only a text with something to find is scanned in full.
 * The platform's messages quote the text, which is a secret: none of them goes on.
 */
import type { Issue, ParseCode, Severity } from './issue.ts';
import { IssueList } from './issue.ts';
import { toPointer } from './pointer.ts';

/** What a text may have at most. */
export interface ParseLimits {
  /** 2^29 - 24 unless told, and never more. */
  readonly maxBytes?: number;
  /** Arrays and objects inside each other; 100 unless told. */
  readonly maxDepth?: number;
  /** Items of one array, or members of one object; 500,000 unless told. */
  readonly maxItems?: number;
  /** Issues that are reported; 100 unless told. */
  readonly maxIssues?: number;
}

/** A value, undefined when the text is no JSON, and what was found. Do not use the value when there is an error. */
export interface ParsedJson {
  readonly value: unknown;
  readonly issues: Issue[];
}

type Limits = Required<ParseLimits>;
/** What V8 holds in one string, in UTF-16 units: as many bytes never make more units. */
const MAX_STRING_UNITS = 2 ** 29 - 24;
const DEFAULTS: Limits = { maxBytes: MAX_STRING_UNITS, maxDepth: 100, maxItems: 500_000, maxIssues: 100 };

/** Recursion ends here, whatever depth is allowed: what is deeper is scanned. */
const MAX_RECURSION = 500;

/**
 * Parses UTF-8 bytes. Beside the platform's parse an ordinary text costs a walk over the value and a look at what stands between its strings; one with a
 * long or fractional number, a member twice or a limit broken is scanned to the end. `__proto__` as a member is data and never a prototype.
 */
export function parseJson(bytes: Uint8Array, limits: ParseLimits = {}): ParsedJson {
  const all: Limits = { ...DEFAULTS, ...limits };
  const maxBytes = Math.min(all.maxBytes, MAX_STRING_UNITS);
  if (bytes.length > maxBytes) return refuse('too-large', `has ${bytes.length} bytes; at most ${maxBytes} are read`);
  const text = decode(bytes);
  if (text === null) return refuse('invalid-utf8', 'is not valid UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof RangeError) return refuse('too-deep', 'is nested more deeply than this platform can read');
    return refuse('invalid-json', text === '' ? 'is empty' : text.startsWith('\ufeff') ? 'begins with a byte order mark' : 'is not JSON');
  }
  const members = countMembers(value, Math.min(all.maxDepth, MAX_RECURSION), all.maxItems);
  if (members !== null && members === countNames(text)) return { value, issues: [] };
  return { value, issues: scan(text, all) };
}

function refuse(code: ParseCode, message: string): ParsedJson {
  return { value: undefined, issues: [{ code, pointer: '', message, severity: 'error', stage: 'parse' }] };
}

/** Kept: it holds no state between two whole texts. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/** How many members the objects of a value have, or null when a limit is broken or a member asks for a second look. Goes no deeper than `depth`. */
function countMembers(value: unknown, depth: number, maxItems: number): number | null {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth === 0) return null;
  let members = 0;
  if (Array.isArray(value)) {
    if (value.length > maxItems) return null;
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i];
      if (typeof item !== 'object') continue;
      const inside = countMembers(item, depth - 1, maxItems);
      if (inside === null) return null;
      members += inside;
    }
    return members;
  }
  const names = Object.keys(value);
  if (names.length > maxItems) return null;
  for (const name of names) {
    if (name === '__proto__') return null;
    const member = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof member !== 'object') continue;
    const inside = countMembers(member, depth - 1, maxItems);
    if (inside === null) return null;
    members += inside;
  }
  return members + names.length;
}

/** Digits in a row that every double holds exactly. */
const EXACT_DIGITS = 15;

/**
 * How many member names a text has, or null when it has a number that asks for a second look: fractional, with an exponent, or long. The text has been
 * parsed, so a colon outside a string is the end of a name.
 */
function countNames(text: string): number | null {
  let names = 0;
  let digits = 0;
  let at = 0;
  for (;;) {
    const quote = text.indexOf('"', at);
    const end = quote === -1 ? text.length : quote;
    for (; at < end; at++) {
      const unit = text.charCodeAt(at);
      if (unit === COLON) names++;
      if (unit >= ZERO && unit <= NINE) {
        if (++digits > EXACT_DIGITS) return null;
      } else {
        // `e` stands in `true` and `false` as well, but not behind a digit.
        if (unit === DOT || (digits > 0 && (unit | 0x20) === SMALL_E)) return null;
        digits = 0;
      }
    }
    if (quote === -1) return names;
    digits = 0;
    at = endOfString(text, quote);
  }
}

/** A container that is open. `names` is null for an array; `at` is the index, or the name, of what is being read. */
interface Frame {
  readonly names: Set<string> | null;
  at: number | string;
  count: number;
}

/** Finds what the platform forgives in a text that it has parsed: so the syntax is known to be right. O(n), depth costs no stack. */
function scan(text: string, limits: Limits): Issue[] {
  const scanner = new Scanner(limits);
  for (let i = 0; i < text.length && !scanner.done; ) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE) {
      const end = endOfString(text, i);
      // Names with escapes are equal to names without.
      if (scanner.expectsName) scanner.name(JSON.parse(text.slice(i, end)) as string);
      i = end;
    } else if (unit === MINUS || (unit >= ZERO && unit <= NINE)) {
      const end = endOfNumber(text, i);
      scanner.number(text.slice(i, end));
      i = end;
    } else {
      if (unit === OPEN_OBJECT || unit === OPEN_ARRAY) scanner.open(unit === OPEN_OBJECT);
      else if (unit === CLOSE_OBJECT || unit === CLOSE_ARRAY) scanner.close();
      else if (unit === COMMA) scanner.comma();
      i++;
    }
  }
  return scanner.issues.take();
}

/** Follows the tokens of a text. Makes a pointer for an issue only: a pointer costs as much as the names on the way. */
class Scanner {
  readonly issues: IssueList;
  readonly #limits: Limits;
  readonly #stack: Frame[] = [];
  #top: Frame | undefined;
  #stopped = false;
  expectsName = false;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.issues = new IssueList(limits.maxIssues);
  }

  /** A limit is broken, or there are issues enough: what follows is not looked at. */
  get done(): boolean {
    return this.#stopped || this.issues.full;
  }

  name(name: string): void {
    const top = this.#top;
    if (top === undefined || top.names === null) return;
    top.at = name;
    if (top.names.has(name)) this.#add('error', 'duplicate-member', this.#stack, 'a member with this name is there already');
    else if (name === '__proto__') this.#add('notice', 'prototype-member', this.#stack, 'is kept as data; it is nobody’s prototype');
    top.names.add(name);
    this.expectsName = false;
  }

  number(token: string): void {
    const fault = numberFault(token);
    if (fault === 'number-not-finite') this.#add('error', fault, this.#stack, 'is beyond the range of a double');
    else if (fault !== null) this.#add('warning', fault, this.#stack, 'has more digits than a double can hold');
  }

  open(isObject: boolean): void {
    if (this.#stack.length >= this.#limits.maxDepth) {
      this.#add('error', 'too-deep', this.#stack, `is nested more than ${this.#limits.maxDepth} deep`);
      this.#stopped = true;
      return;
    }
    this.#top = { names: isObject ? new Set() : null, at: 0, count: 0 };
    this.#stack.push(this.#top);
    this.expectsName = isObject;
  }

  close(): void {
    this.#stack.pop();
    this.#top = this.#stack[this.#stack.length - 1];
    this.expectsName = false;
  }

  comma(): void {
    const top = this.#top;
    if (top === undefined) return;
    top.count++;
    if (top.names === null) top.at = top.count;
    this.expectsName = top.names !== null;
    if (top.count < this.#limits.maxItems) return;
    this.#add('error', 'too-many-items', this.#stack.slice(0, -1), `has more than ${this.#limits.maxItems} items`);
    this.#stopped = true;
  }

  #add(severity: Severity, code: ParseCode, place: readonly Frame[], message: string): void {
    this.issues.add({ code, pointer: toPointer(place.map(({ at }) => at)), message, severity, stage: 'parse' });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const COLON = 0x3a;
const SMALL_E = 0x65;
const ZERO = 0x30;
const NINE = 0x39;

/** From quote to quote, since the platform looks for one many times faster than we look at each unit; a quote behind an odd run of backslashes is inside. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); ; quote = text.indexOf('"', quote + 1)) {
    let before = quote - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((quote - before) % 2 === 1) return quote + 1;
  }
}

function endOfNumber(text: string, start: number): number {
  let i = start + 1;
  // + - . 0-9 E e
  for (; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const inside = (unit >= ZERO && unit <= NINE) || unit === 0x2b || unit === MINUS || unit === DOT || unit === 0x45 || unit === SMALL_E;
    if (!inside) break;
  }
  return i;
}

function numberFault(token: string): 'number-not-finite' | 'number-inexact' | null {
  const value = Number(token);
  if (!Number.isFinite(value)) return 'number-not-finite';
  // Up to 15 digits always survive; most numbers are shorter.
  if (token.length <= 15 && !/[eE]/.test(token)) return null;
  return decimalOf(token) === decimalOf(String(value)) ? null : 'number-inexact';
}

/** The digits without zeros at either end, and the power of ten: equal for equal decimals, however they are written. */
function decimalOf(token: string): string {
  const [mantissa = '', exponent = '0'] = token
    .replace('-', token.startsWith('-') ? '' : '-')
    .toLowerCase()
    .split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = trimZeros(digits);
  if (significant === '') return '0';
  return `${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

/** A loop: /0+$/ is quadratic in a run of zeros that something follows. */
function trimZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === ZERO) end--;
  return digits.slice(0, end);
}
