/**
 * The elements of a JSON array or the members of an object, found in its bytes without parsing them, and numbered by content.
 * The portable twin, written to be read, is ts/kernel/portable/elements.ts: the same spans, ids and faults.
 *
 *     spans    2 x u32 each    start and end in the text
 *     table    16 bytes each   u32 id + 1 (0: free), u32 hash, u32 address, u32 length
 */
import { fits } from '../memory';
import { commonPrefix } from './equal';

const QUOTE: u32 = 0x22;
const COMMA: u32 = 0x2c;
const COLON: u32 = 0x3a;
const BACKSLASH: u32 = 0x5c;

/** Results of `findElements` that are no count. */
const MALFORMED: i32 = -1;
const FULL: i32 = -2;
const OUT_OF_MEMORY: i32 = -3;

const MULTIPLIER: u64 = (0x9e3779b9 << 32) | 0x7f4a7c15;
const SECOND_MULTIPLIER: u64 = (0xc2b2ae3d << 32) | 0x27d4eb4f;

/** No place in memory: what the skipping functions give at a fault. */
const NOWHERE: usize = 0;

let fault: usize = 0;
let faultStart: usize = 0;

/** Offset in the text of the fault that the last `findElements` returned. */
export function faultOffset(): u32 {
  return u32(fault - faultStart);
}

/**
 * Writes the spans of the elements of `length` bytes at `text` to `spans`, which has room for `capacity` of them, and gives their number; or -1
 * with the place in `faultOffset()`, -2 when there are more than fit, -3 when a range lies outside memory.
 */
export function findElements(text: usize, length: u32, spans: usize, capacity: u32): i32 {
  if (!fits(text, length) || capacity > 1 << 28 || !fits(spans, capacity << 3)) return OUT_OF_MEMORY;
  const end = text + length;
  faultStart = text;
  const open = skipSpace(text, end);
  const opening = byteAt(open, end);
  if (opening !== 0x7b && opening !== 0x5b) return failAt(open);
  const isObject = opening === 0x7b;
  const close: u32 = opening + 2;
  let count: u32 = 0;
  let at = skipSpace(open + 1, end);
  if (byteAt(at, end) === close) {
    at++;
  } else {
    while (true) {
      const start = at;
      if (isObject) {
        if (byteAt(at, end) !== QUOTE) return failAt(at < end ? at : open);
        at = skipString(at, end);
        if (at === NOWHERE) return MALFORMED;
        at = skipSpace(at, end);
        if (byteAt(at, end) !== COLON) return failAt(at < end ? at : open);
        at = skipSpace(at + 1, end);
      }
      const valueStart = at;
      at = skipValue(at, end);
      if (at === NOWHERE) return MALFORMED;
      if (at === valueStart) return failAt(at < end ? at : open);
      if (count === capacity) return FULL;
      store<u32>(spans + (usize(count) << 3), u32(start - text));
      store<u32>(spans + (usize(count) << 3), u32(at - text), 4);
      count++;
      at = skipSpace(at, end);
      const next = byteAt(at, end);
      if (next !== COMMA && next !== close) return failAt(at < end ? at : open);
      at++;
      if (next === close) break;
      at = skipSpace(at, end);
    }
  }
  at = skipSpace(at, end);
  return at < end ? failAt(at) : i32(count);
}

/**
 * Numbers two lists of spans by content, from 0 in order of first appearance, first those of `a`. `table` holds 16 << `bits` bytes and more
 * entries than there are spans. Gives 1, or 0 (nothing written) when a range lies outside memory.
 */
export function internElements(
  a: usize,
  spansA: usize,
  countA: u32,
  b: usize,
  spansB: usize,
  countB: u32,
  idsA: usize,
  idsB: usize,
  table: usize,
  bits: u32,
): u32 {
  if (bits > 27 || u64(countA) + u64(countB) >= u64(1) << bits || !fits(table, 16 << bits)) return 0;
  if (!fits(spansA, countA << 3) || !fits(spansB, countB << 3) || !fits(idsA, countA << 2) || !fits(idsB, countB << 2)) return 0;
  memory.fill(table, 0, usize(16) << bits);
  const known = numberSpans(a, spansA, countA, idsA, table, bits, 0);
  numberSpans(b, spansB, countB, idsB, table, bits, known);
  return 1;
}

/** Gives how many numbers are in use afterwards. */
function numberSpans(text: usize, spans: usize, count: u32, ids: usize, table: usize, bits: u32, known: u32): u32 {
  const mask = (u32(1) << bits) - 1;
  const end = spans + (usize(count) << 3);
  for (; spans < end; spans += 8) {
    const start = text + load<u32>(spans);
    const length = load<u32>(spans, 4) - load<u32>(spans);
    const hash = hashBytes(start, length);
    let index = hash & mask;
    while (true) {
      const slot = table + (usize(index) << 4);
      const number = load<u32>(slot);
      if (number === 0) {
        known++;
        store<u32>(slot, known);
        store<u32>(slot, hash, 4);
        store<u32>(slot, u32(start), 8);
        store<u32>(slot, length, 12);
        store<u32>(ids, known - 1);
        break;
      }
      if (
        load<u32>(slot, 4) === hash &&
        load<u32>(slot, 12) === length &&
        commonPrefix<u8>(usize(load<u32>(slot, 8)), start, i32(length)) === i32(length)
      ) {
        store<u32>(ids, number - 1);
        break;
      }
      index = (index + 1) & mask;
    }
    ids += 4;
  }
  return known;
}

/** No result depends on it: contents are compared wherever hashes are equal. */
function hashBytes(start: usize, length: u32): u32 {
  let first: u64 = u64(length) * MULTIPLIER;
  let second: u64 = SECOND_MULTIPLIER;
  let at = start;
  const end = start + length;
  while (at + 16 <= end) {
    first = rotl(first ^ (load<u64>(at) * MULTIPLIER), 29) * SECOND_MULTIPLIER;
    second = rotl(second ^ (load<u64>(at, 8) * SECOND_MULTIPLIER), 31) * MULTIPLIER;
    at += 16;
  }
  if (at + 8 <= end) {
    first = rotl(first ^ (load<u64>(at) * MULTIPLIER), 29) * SECOND_MULTIPLIER;
    at += 8;
  }
  let rest: u64 = 0;
  for (; at < end; at++) rest = (rest << 8) | u64(load<u8>(at));
  second = rotl(second ^ (rest * SECOND_MULTIPLIER), 31) * MULTIPLIER;
  first ^= rotl(second, 17);
  first = (first ^ (first >>> 32)) * SECOND_MULTIPLIER;
  return u32(first >>> 32);
}

/** The first address from `at` on that holds no white space (RFC 8259 section 2). */
function skipSpace(at: usize, end: usize): usize {
  while (at < end) {
    const byte = u32(load<u8>(at));
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
    at++;
  }
  return at;
}

/** The address after the string that begins at `at`; NOWHERE, with its fault, when it has no end. */
function skipString(at: usize, end: usize): usize {
  let to = at + 1;
  if (ASC_FEATURE_SIMD) {
    const quotes = i8x16.splat(i8(QUOTE));
    const backslashes = i8x16.splat(i8(BACKSLASH));
    while (to + 16 <= end) {
      const bytes = v128.load(to);
      let found = i8x16.bitmask(v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, backslashes)));
      let next = to + 16;
      while (found !== 0) {
        const index = ctz(found);
        if (load<u8>(to + usize(index)) === QUOTE) return to + usize(index) + 1;
        // What a backslash escapes is passed over, be it in this block or the first of the next.
        if (index === 15) next++;
        found &= -1 << (index + 2);
      }
      to = next;
    }
  }
  while (to < end) {
    const byte = u32(load<u8>(to));
    if (byte === QUOTE) return to + 1;
    to += byte === BACKSLASH ? 2 : 1;
  }
  failAt(at);
  return NOWHERE;
}

/** The address after the value that begins at `at`; `at` itself where none can begin; NOWHERE, with its fault, when it has no end. */
function skipValue(at: usize, end: usize): usize {
  const first = byteAt(at, end);
  if (first === QUOTE) return skipString(at, end);
  if ((first | 0x20) === 0x7b) return skipBrackets(at, end);
  let to = at;
  while (to < end && !endsScalar(load<u8>(to))) to++;
  return to;
}

function skipBrackets(at: usize, end: usize): usize {
  let depth: i32 = 0;
  let to = at;
  while (to < end) {
    if (ASC_FEATURE_SIMD) {
      if (to + 16 <= end) {
        const bytes = v128.load(to);
        const folded = v128.or(bytes, i8x16.splat(0x20));
        const brackets = v128.or(i8x16.eq(folded, i8x16.splat(0x7b)), i8x16.eq(folded, i8x16.splat(0x7d)));
        const found = i8x16.bitmask(v128.or(brackets, i8x16.eq(bytes, i8x16.splat(i8(QUOTE)))));
        if (found === 0) {
          to += 16;
          continue;
        }
        to += usize(ctz(found));
      }
    }
    const byte = u32(load<u8>(to));
    if (byte === QUOTE) {
      to = skipString(to, end);
      if (to === NOWHERE) return NOWHERE;
      continue;
    }
    to++;
    if ((byte | 0x20) === 0x7b) depth++;
    else if ((byte | 0x20) === 0x7d && --depth === 0) return to;
  }
  failAt(at);
  return NOWHERE;
}

function endsScalar(byte: u32): bool {
  return byte <= 0x20 || byte === COMMA || byte === COLON || byte === QUOTE || (byte | 0x20) === 0x7b || (byte | 0x20) === 0x7d;
}

/** The byte at an address; 0, which means nothing in JSON, past the end. */
function byteAt(at: usize, end: usize): u32 {
  return at < end ? u32(load<u8>(at)) : 0;
}

function failAt(at: usize): i32 {
  fault = at;
  return MALFORMED;
}
