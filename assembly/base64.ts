/**
 * Base64 of RFC 4648 section 4 over linear memory: standard alphabet, padding required, canonical trailing bits. Scalar code.
 * Numbers only: a failure is a code (below), and its place is kept for `faultOffset()`. No strings, no objects, no allocation.
 * The portable twin, written to be read, is ts/kernel/portable/base64.ts; the contract of both is `Base64Kernel` in ts/kernel/kernel.ts.
 */
import { fits } from './memory';

export { ensure, heapBase } from './memory';

// Results of `encodeBase64` and `decodeBase64`. ts/kernel/wasm.ts lists them in the same order.
const OK: u32 = 0;
const CHARACTER: u32 = 1;
const PADDING: u32 = 2;
const LENGTH: u32 = 3;
const TRAILING_BITS: u32 = 4;
/** The caller named bytes that are not in memory. A mistake of the host, never of its user. */
const OUT_OF_MEMORY: u32 = 5;

const EQUALS: u32 = 0x3d;

// Static tables, 12352 bytes below heapBase(). Only the alphabet travels in the module; the others are filled when it starts.
//
//     ALPHABET      64 x u8    sextet -> character
//     PAIRS       4096 x u16   12 bits -> two characters, as they lie in memory (little endian)
//     PLACED   4 x 256 x u32   character -> its sextet, already moved to where it belongs when it stands first, second, third
//                              or fourth in a group; every bit set for a byte outside the alphabet
//
// One group of four characters a, b, c, d is PLACED[0][a] | PLACED[1][b] | PLACED[2][c] | PLACED[3][d]:
//
//     bit  31..24        23..16        15..8         7..0
//          not 0: fault  third byte    second byte   first byte        (stored little endian, so the first byte is written first)
const ALPHABET: usize = memory.data<u8>([
  65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 97, 98, 99, 100, 101, 102, 103,
  104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 43,
  47,
]);
const PAIRS: usize = memory.data(8192, 16);
const PLACED: usize = memory.data(4096, 16);
const PLACED_SIZE: usize = 1024;

fillPairs();
fillPlaced();

let lastFaultOffset: u32 = 0;

/** Offset in the source of the fault that the last `decodeBase64` returned. */
export function faultOffset(): u32 {
  return lastFaultOffset;
}

/**
 * Encodes `length` bytes at `source` as `4 * ceil(length / 3)` bytes at `target`. The two must not overlap.
 * Gives 0, or 5 (nothing written) when a range lies outside memory.
 */
export function encodeBase64(source: usize, length: u32, target: usize): u32 {
  const encoded = ((u64(length) + 2) / 3) << 2;
  if (encoded > u64(u32.MAX_VALUE) || !fits(source, length) || !fits(target, u32(encoded))) return OUT_OF_MEMORY;
  encodeBase64Unsafe(source, length, target);
  return OK;
}

/**
 * Decodes `length` bytes at `source` to `decodedLength(source, length)` bytes at `target`. The two must not overlap.
 * Gives 0; or 1 to 4, the first fault from the left, with its place in `faultOffset()` and the target half written;
 * or 5 (nothing written) when a range lies outside memory.
 */
export function decodeBase64(source: usize, length: u32, target: usize): u32 {
  if (!fits(source, length) || !fits(target, decodedLength(source, length))) return OUT_OF_MEMORY;
  return decodeBase64Unsafe(source, length, target);
}

/** How many bytes `length` characters at `source` decode to when they are valid; reads only the last two of them. */
export function decodedLength(source: usize, length: u32): u32 {
  return (length >> 2) * 3 - paddingLength(source, length);
}

function encodeBase64Unsafe(source: usize, length: u32, target: usize): void {
  assert(fits(source, length));
  const remainder = length % 3;
  const end = source + (length - remainder);
  while (source < end) {
    const group = (u32(load<u8>(source)) << 16) | (u32(load<u8>(source, 1)) << 8) | u32(load<u8>(source, 2));
    store<u16>(target, pair(group >> 12));
    store<u16>(target, pair(group & 0xfff), 2);
    source += 3;
    target += 4;
  }
  if (remainder === 0) return;
  const first = u32(load<u8>(source)) << 16;
  const second = remainder === 2 ? u32(load<u8>(source, 1)) << 8 : 0;
  const rest = first | second;
  store<u16>(target, pair(rest >> 12));
  store<u8>(target, remainder === 2 ? load<u8>(ALPHABET + ((rest >> 6) & 63)) : u8(EQUALS), 2);
  store<u8>(target, u8(EQUALS), 3);
}

function decodeBase64Unsafe(source: usize, length: u32, target: usize): u32 {
  assert(fits(source, length));
  if (length === 0) return OK;
  // The last group, whole or not, is decoded apart. So every store of four bytes below has one more group after it,
  // whose own store overwrites the fourth byte.
  const lastGroup = (length - 1) & ~3;
  let from = source;
  const end = source + lastGroup;
  while (from < end) {
    const placed = place(0, load<u8>(from)) | place(1, load<u8>(from, 1)) | place(2, load<u8>(from, 2)) | place(3, load<u8>(from, 3));
    if (placed >> 24 !== 0) return locateFault(source, u32(from - source));
    store<u32>(target, placed);
    from += 4;
    target += 3;
  }
  return decodeLastGroup(source, length, lastGroup, target);
}

/** Decodes the one to four characters from `lastGroup` on: the only place where padding and an odd length are legal or named. */
function decodeLastGroup(source: usize, length: u32, lastGroup: u32, target: usize): u32 {
  const padding = paddingLength(source, length);
  let bits: u32 = 0;
  for (let offset = lastGroup; offset < length - padding; offset++) {
    // PLACED[0] holds a sextet shifted left by two; a byte outside the alphabet leaves more than six bits after the shift back.
    const sextet = place(0, load<u8>(source + offset)) >> 2;
    if (sextet > 63) return locateFault(source, offset);
    bits = (bits << 6) | sextet;
  }
  if ((length & 3) !== 0) return fault(LENGTH, length);
  if (padding === 2) {
    if ((bits & 15) !== 0) return fault(TRAILING_BITS, length - 3);
    store<u8>(target, u8(bits >> 4));
    return OK;
  }
  if (padding === 1) {
    if ((bits & 3) !== 0) return fault(TRAILING_BITS, length - 2);
    store<u8>(target, u8(bits >> 10));
    store<u8>(target, u8(bits >> 2), 1);
    return OK;
  }
  store<u8>(target, u8(bits >> 16));
  store<u8>(target, u8(bits >> 8), 1);
  store<u8>(target, u8(bits), 2);
  return OK;
}

/** How many `=` complete the last group of four: 0, 1 or 2, and always 0 when the length is not a multiple of four. */
function paddingLength(source: usize, length: u32): u32 {
  if (length === 0 || (length & 3) !== 0) return 0;
  if (load<u8>(source + length - 1) !== EQUALS) return 0;
  return load<u8>(source + length - 2) === EQUALS ? 2 : 1;
}

/** Names the first byte outside the alphabet at or after `offset`. Whoever calls has seen one within the next four. */
function locateFault(source: usize, offset: u32): u32 {
  while (place(0, load<u8>(source + offset)) >> 24 === 0) offset++;
  return fault(load<u8>(source + offset) === EQUALS ? PADDING : CHARACTER, offset);
}

function fault(code: u32, offset: u32): u32 {
  lastFaultOffset = offset;
  return code;
}

function pair(bits: u32): u16 {
  return load<u16>(PAIRS + (bits << 1));
}

function place(position: usize, character: u32): u32 {
  return load<u32>(PLACED + position * PLACED_SIZE + (character << 2));
}

function fillPairs(): void {
  for (let bits: u32 = 0; bits < 4096; bits++) {
    store<u8>(PAIRS + (bits << 1), load<u8>(ALPHABET + (bits >> 6)));
    store<u8>(PAIRS + (bits << 1), load<u8>(ALPHABET + (bits & 63)), 1);
  }
}

function fillPlaced(): void {
  memory.fill(PLACED, 0xff, 4 * PLACED_SIZE);
  for (let sextet: u32 = 0; sextet < 64; sextet++) {
    const entry = PLACED + (usize(load<u8>(ALPHABET + sextet)) << 2);
    store<u32>(entry, sextet << 2);
    store<u32>(entry + PLACED_SIZE, (sextet >> 4) | ((sextet & 15) << 12));
    store<u32>(entry + 2 * PLACED_SIZE, ((sextet >> 2) << 8) | ((sextet & 3) << 22));
    store<u32>(entry + 3 * PLACED_SIZE, sextet << 16);
  }
}
