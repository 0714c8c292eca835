/**
 * Base64 of RFC 4648 over linear memory: section 4 with padding required, section 5 with padding forbidden, canonical trailing bits.
 * Numbers only: a failure is a code (below), and its place is kept for `faultOffset()`. No strings, no objects, no allocation.
 * One source, two builds: with SIMD, base64-simd.ts does the bulk, and what is here does the ends and finds the faults.
 * The portable twin, written to be read, is ts/kernel/portable/base64.ts; the contract of both is `Base64Kernel` in ts/kernel/kernel.ts.
 */
import { decodeBlocks, encodeBlocks, fillVectorTables } from './base64-simd';
import { characters, fillTables, OUTSIDE, placed, sextet, tablesOf } from './base64-tables';
import { fits } from './memory';

export { ensure, heapBase, simd } from './memory';

// Results. ts/kernel/compiled/base64.ts lists them in the same order.
const OK: u32 = 0;
const CHARACTER: u32 = 1;
const PADDING: u32 = 2;
const LENGTH: u32 = 3;
const TRAILING_BITS: u32 = 4;
/** The caller named bytes that are not in memory. A mistake of the host, never of its user. */
const OUT_OF_MEMORY: u32 = 5;

const EQUALS: u32 = 0x3d;

for (let url: u32 = 0; url < 2; url++) {
  fillTables(url);
  if (ASC_FEATURE_SIMD) fillVectorTables(url);
}

let lastFaultOffset: u32 = 0;
let lastFaultPart: u32 = 0;

/** Offset in the source of the fault that the last call returned; after `decodeBase64Parts`, from the start of the whole text. */
export function faultOffset(): u32 {
  return lastFaultOffset;
}

/** Which part the fault that the last `decodeBase64Parts` returned is in. */
export function faultPart(): u32 {
  return lastFaultPart;
}

/** How many characters `length` bytes are; `url` is 1 for the URL alphabet, which is not padded. */
export function encodedLength(length: u32, url: u32): u64 {
  return url ? (u64(length) * 4 + 2) / 3 : ((u64(length) + 2) / 3) << 2;
}

/** How many bytes `length` characters at `source` decode to when they are valid; reads only the last two of them. */
export function decodedLength(source: usize, length: u32, url: u32): u32 {
  return (length >> 2) * 3 + (((length & 3) * 3) >> 2) - paddingLength(source, length, url);
}

/**
 * Encodes `length` bytes at `source` as `encodedLength(length, url)` bytes at `target`, and writes nothing beside them. The two must not
 * overlap. Gives 0, or 5 (nothing written) when a range lies outside memory.
 */
export function encodeBase64(source: usize, length: u32, target: usize, url: u32): u32 {
  const encoded = encodedLength(length, url);
  if (encoded > u64(u32.MAX_VALUE) || !fits(source, length) || !fits(target, u32(encoded))) return OUT_OF_MEMORY;
  encodeBase64Unsafe(source, length, target, url);
  return OK;
}

/**
 * Decodes `length` characters at `source` to `decodedLength(source, length, url)` bytes at `target`, and writes nothing beside them. The two
 * must not overlap. `ends` is 1 where the text ends here; it is 0 where more follows: then `length` must be a multiple of four, and no `=` can
 * complete the last group.
 * Gives 0; or 1 to 4, the first fault from the left, with its place in `faultOffset()` and the target half written;
 * or 5 (nothing written) when a range lies outside memory.
 */
export function decodeBase64(source: usize, length: u32, target: usize, url: u32, ends: u32): u32 {
  if (!fits(source, length) || !fits(target, decodedLength(source, length, url))) return OUT_OF_MEMORY;
  return decodeBase64Unsafe(source, length, target, url, ends);
}

/**
 * Decodes `count` parts of the text at `source`, each to the next address from `target` on that is divisible by 16.
 *
 *     parts, before    2 x u32 each:  start, end        of the text, counted from `source`
 *     parts, after     2 x u32 each:  address, length   of the bytes
 *
 * Gives what `decodeBase64` gives; a fault's part is in `faultPart()`, and the table is then spoilt. 5 also when a part begins after its end or
 * would be written past `targetEnd`; parts before it are written then.
 */
export function decodeBase64Parts(source: usize, parts: usize, count: u32, target: usize, targetEnd: usize, url: u32): u32 {
  if (u64(parts) + (u64(count) << 3) > u64(memory.size()) << 16 || !fits(target, u32(targetEnd - target))) return OUT_OF_MEMORY;
  for (let part: u32 = 0; part < count; part++, parts += 8) {
    const start = load<u32>(parts);
    const end = load<u32>(parts, 4);
    if (start > end || !fits(source, end)) return OUT_OF_MEMORY;
    const text = source + start;
    const decoded = decodedLength(text, end - start, url);
    const aligned = (u64(target) + 15) & ~15;
    if (aligned + decoded > u64(targetEnd)) return OUT_OF_MEMORY;
    target = usize(aligned);
    const result = decodeBase64Unsafe(text, end - start, target, url, 1);
    if (result !== OK) {
      lastFaultOffset += start;
      lastFaultPart = part;
      return result;
    }
    store<u32>(parts, u32(target));
    store<u32>(parts, decoded, 4);
    target += decoded;
  }
  return OK;
}

function encodeBase64Unsafe(source: usize, length: u32, target: usize, url: u32): void {
  assert(fits(source, length));
  const remainder = length % 3;
  const end = source + (length - remainder);
  if (ASC_FEATURE_SIMD) {
    const done = encodeBlocks(source, length, target, url);
    source += done;
    target += (done / 3) << 2;
  }
  while (source < end) {
    const group = (u32(load<u8>(source)) << 16) | (u32(load<u8>(source, 1)) << 8) | u32(load<u8>(source, 2));
    store<u16>(target, characters(url, group >> 12));
    store<u16>(target, characters(url, group & 0xfff), 2);
    source += 3;
    target += 4;
  }
  if (remainder === 0) return;
  const first = u32(load<u8>(source)) << 16;
  const second = remainder === 2 ? u32(load<u8>(source, 1)) << 8 : 0;
  const rest = first | second;
  store<u16>(target, characters(url, rest >> 12));
  if (remainder === 2) store<u8>(target, u8(characters(url, rest & 0xfff)), 2);
  if (url) return;
  if (remainder === 1) store<u8>(target, u8(EQUALS), 2);
  store<u8>(target, u8(EQUALS), 3);
}

function decodeBase64Unsafe(source: usize, length: u32, target: usize, url: u32, ends: u32): u32 {
  assert(fits(source, length));
  if (length === 0) return OK;
  const tables = tablesOf(url);
  // The last group, whole or not, is decoded apart.
  const lastGroup = (length - 1) & ~3;
  let from = source;
  const end = source + lastGroup;
  if (ASC_FEATURE_SIMD) {
    const done = decodeBlocks(source, lastGroup, target, url);
    from += done;
    target += (done >> 2) * 3;
  }
  while (from < end) {
    const bytes =
      placed(tables, 0, load<u8>(from)) |
      placed(tables, 1, load<u8>(from, 1)) |
      placed(tables, 2, load<u8>(from, 2)) |
      placed(tables, 3, load<u8>(from, 3));
    if (bytes >> 24 !== 0) return locateFault(source, u32(from - source), tables);
    store<u16>(target, u16(bytes));
    store<u8>(target, u8(bytes >> 16), 2);
    from += 4;
    target += 3;
  }
  return decodeLastGroup(source, length, lastGroup, target, url, ends);
}

/** Decodes the one to four characters from `lastGroup` on: the only place where padding and an odd length are legal or named. */
function decodeLastGroup(source: usize, length: u32, lastGroup: u32, target: usize, url: u32, ends: u32): u32 {
  const tables = tablesOf(url);
  const symbolsEnd = length - (ends ? paddingLength(source, length, url) : 0);
  let bits: u32 = 0;
  for (let offset = lastGroup; offset < symbolsEnd; offset++) {
    const value = sextet(tables, load<u8>(source + offset));
    if (value === OUTSIDE) return locateFault(source, offset, tables);
    bits = (bits << 6) | value;
  }
  const symbols = symbolsEnd - lastGroup;
  if (url ? symbols === 1 : (length & 3) !== 0) return fault(LENGTH, length);
  if (symbols === 2) {
    if ((bits & 15) !== 0) return fault(TRAILING_BITS, symbolsEnd - 1);
    store<u8>(target, u8(bits >> 4));
    return OK;
  }
  if (symbols === 3) {
    if ((bits & 3) !== 0) return fault(TRAILING_BITS, symbolsEnd - 1);
    store<u8>(target, u8(bits >> 10));
    store<u8>(target, u8(bits >> 2), 1);
    return OK;
  }
  store<u8>(target, u8(bits >> 16));
  store<u8>(target, u8(bits >> 8), 1);
  store<u8>(target, u8(bits), 2);
  return OK;
}

/** How many `=` complete the last group of four: 0, 1 or 2, and always 0 when the length is not a multiple of four or the alphabet is `url`. */
function paddingLength(source: usize, length: u32, url: u32): u32 {
  if (url || length === 0 || (length & 3) !== 0) return 0;
  if (load<u8>(source + length - 1) !== EQUALS) return 0;
  return load<u8>(source + length - 2) === EQUALS ? 2 : 1;
}

/** Names the first byte outside the alphabet at or after `offset`. Whoever calls has seen one within the next four. */
function locateFault(source: usize, offset: u32, tables: usize): u32 {
  while (sextet(tables, load<u8>(source + offset)) !== OUTSIDE) offset++;
  return fault(load<u8>(source + offset) === EQUALS ? PADDING : CHARACTER, offset);
}

function fault(code: u32, offset: u32): u32 {
  lastFaultOffset = offset;
  return code;
}
