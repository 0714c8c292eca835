/**
 * The elements of a JSON array or the members of an object, found in its bytes without parsing them, and numbered by content.
 * Only what finding them needs is checked: strings and brackets that end, commas between elements, nothing after the last bracket.
 *
 * Written to be read. Its fast twin is assembly/diff/elements.ts: the same spans, ids and faults.
 */
import { elementsFault } from '../elements-fault.ts';
import type { InternedElements } from '../kernel.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** See {@link DiffKernel.internElements}. O(n). */
export function internElements(a: Uint8Array, b: Uint8Array): InternedElements {
  const spansA = findElements(a, 'a');
  const spansB = findElements(b, 'b');
  const idsA = new Uint32Array(spansA.length / 2);
  const idsB = new Uint32Array(spansB.length / 2);
  const numbers = new Numbers();
  numbers.fill(idsA, a, spansA);
  numbers.fill(idsB, b, spansB);
  return { spansA, spansB, idsA, idsB };
}

/** Start and end of each element of a text. */
function findElements(text: Uint8Array, side: 'a' | 'b'): Uint32Array<ArrayBuffer> {
  const spans: number[] = [];
  const open = skipSpace(text, 0);
  const isObject = text[open] === 0x7b;
  if (!isObject && text[open] !== 0x5b) throw elementsFault(side, open);
  const close = isObject ? 0x7d : 0x5d;
  let at = skipSpace(text, open + 1);
  if (text[at] === close) {
    at++;
  } else {
    while (true) {
      const start = at;
      if (isObject) {
        if (text[at] !== QUOTE) throw elementsFault(side, at < text.length ? at : open);
        at = skipSpace(text, skipString(text, at, side));
        if (text[at] !== COLON) throw elementsFault(side, at < text.length ? at : open);
        at = skipSpace(text, at + 1);
      }
      const valueStart = at;
      at = skipValue(text, at, side);
      if (at === valueStart) throw elementsFault(side, at < text.length ? at : open);
      spans.push(start, at);
      at = skipSpace(text, at);
      const next = text[at];
      if (next !== COMMA && next !== close) throw elementsFault(side, at < text.length ? at : open);
      at++;
      if (next === close) break;
      at = skipSpace(text, at);
    }
  }
  at = skipSpace(text, at);
  if (at < text.length) throw elementsFault(side, at);
  return Uint32Array.from(spans);
}

/** The first place from `at` on that is not white space (RFC 8259 section 2). */
function skipSpace(text: Uint8Array, at: number): number {
  let to = at;
  while (text[to] === 0x20 || text[to] === 0x0a || text[to] === 0x0d || text[to] === 0x09) to++;
  return to;
}

/** The place after the string that begins at `at`. */
function skipString(text: Uint8Array, at: number, side: 'a' | 'b'): number {
  for (let to = at + 1; to < text.length; to++) {
    if (text[to] === QUOTE) return to + 1;
    if (text[to] === BACKSLASH) to++;
  }
  throw elementsFault(side, at);
}

/** The place after the value that begins at `at`; `at` itself where none can begin. Brackets are counted, whichever kind they are. */
function skipValue(text: Uint8Array, at: number, side: 'a' | 'b'): number {
  if (text[at] === QUOTE) return skipString(text, at, side);
  if (!isOpening(text[at])) {
    let to = at;
    while (to < text.length && !endsScalar(text[to])) to++;
    return to;
  }
  let depth = 0;
  let to = at;
  while (to < text.length) {
    const byte = text[to];
    if (byte === QUOTE) {
      to = skipString(text, to, side);
      continue;
    }
    to++;
    if (isOpening(byte)) depth++;
    else if (isClosing(byte) && --depth === 0) return to;
  }
  throw elementsFault(side, at);
}

// `[` and `{`, `]` and `}` differ in one bit.
function isOpening(byte: number | undefined): boolean {
  return byte !== undefined && (byte | 0x20) === 0x7b;
}

function isClosing(byte: number | undefined): boolean {
  return byte !== undefined && (byte | 0x20) === 0x7d;
}

/** Whether a number, `true`, `false` or `null` is over: white space (any byte up to 0x20), or a byte of JSON's own punctuation. */
function endsScalar(byte: number | undefined): boolean {
  return byte === undefined || byte <= 0x20 || byte === COMMA || byte === COLON || byte === QUOTE || isOpening(byte) || isClosing(byte);
}

/** Numbers for contents, from 0 in order of first appearance. Equal bytes have equal numbers, and only they. */
class Numbers {
  /** For each hash, the contents that have it, as text, start and end with their number. */
  readonly #byHash = new Map<number, { text: Uint8Array; start: number; end: number; id: number }[]>();
  #count = 0;

  fill(ids: Uint32Array, text: Uint8Array, spans: Uint32Array): void {
    for (let index = 0; index < ids.length; index++) ids[index] = this.#numberOf(text, spans[2 * index]!, spans[2 * index + 1]!);
  }

  #numberOf(text: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(text, start, end);
    const known = this.#byHash.get(hash);
    const found = known?.find((one) => isSame(one.text, one.start, one.end, text, start, end));
    if (found !== undefined) return found.id;
    const one = { text, start, end, id: this.#count++ };
    if (known === undefined) this.#byHash.set(hash, [one]);
    else known.push(one);
    return one.id;
  }
}

/** No result depends on it: contents are compared wherever hashes are equal. */
function hashBytes(text: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ text[at]!, 0x9e3779b1);
  return hash ^ (hash >>> 15);
}

function isSame(a: Uint8Array, startA: number, endA: number, b: Uint8Array, startB: number, endB: number): boolean {
  if (endA - startA !== endB - startB) return false;
  for (let at = 0; at < endA - startA; at++) if (a[startA + at] !== b[startB + at]) return false;
  return true;
}
