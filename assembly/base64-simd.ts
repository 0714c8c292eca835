/**
 * The bulk of Base64 in 128-bit SIMD: W. Muła and D. Lemire, Faster Base64 Encoding and Decoding Using AVX2 Instructions (2018), with the tables
 * made for any alphabet. It does whole blocks and stops at the first that holds a fault; base64.ts does the rest and names the fault.
 * Compiled only in the build with SIMD.
 *
 * Every constant is loaded from memory into a local before the loop. Written as constants in the loop, V8 makes them anew in each iteration,
 * which costs 1.4 to 2.5 times. `i8x16.swizzle` takes its pattern from such a local; `i8x16.shuffle` cannot.
 */
import { character, OUTSIDE, sextet, tablesOf } from './base64-tables';

// Vector tables of one alphabet, 16 bytes each:
//
//     SHIFTS    class of a sextet -> what to add to it to get its character
//     ROWS      high nibble of a character -> the bit of its row
//     COLUMNS   low nibble of a character -> the bits of the rows in which no character of the alphabet has this low nibble
//     ROLLS     high nibble of a character, + 8 for the character of sextet 63 -> what to add to it to get its sextet
//     LAST      the character of sextet 63, sixteen times
const SHIFTS: usize = 0;
const ROWS: usize = 16;
const COLUMNS: usize = 32;
const ROLLS: usize = 48;
const LAST: usize = 64;
const VECTORS_SIZE: usize = 80;
const VECTORS: usize = memory.data(160, 16);

/** Bytes 0 1 2 of each three, as 1 0 2 1: both 16-bit halves of a group hold two neighbouring sextets whole. */
const SPREAD: usize = memory.data<u8>([1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10], 16);
/** The three low bytes of each 32-bit lane, highest first; the last four become zero. */
const GATHER: usize = memory.data<u8>([2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 255, 255, 255, 255], 16);
const LANES: usize = memory.data<u32>(
  [
    0x0000_003f, 0x003f_0000, 0x003f_03f0, 0x0100_0010, 0x3333_3333, 0x1a1a_1a1a, 0x0d0d_0d0d, 0x0f0f_0f0f, 0x0808_0808, 0x0fc0_0fc0,
    0x0001_1000,
  ],
  16,
);

/** Makes the vector tables of one alphabet from the tables that `fillTables` made. */
export function fillVectorTables(url: u32): void {
  const tables = tablesOf(url);
  const vectors = VECTORS + usize(url) * VECTORS_SIZE;
  // Classes: 13 for A to Z, 0 for a to z, and 1 to 12 for what comes after, one each.
  store<u8>(vectors + SHIFTS, u8(character(url, 26) - 26));
  store<u8>(vectors + SHIFTS, u8(character(url, 0)), 13);
  for (let value: u32 = 52; value < 64; value++) store<u8>(vectors + SHIFTS + (value - 51), u8(character(url, value) - value));

  // An ASCII character lies in one of eight rows of sixteen. Row 0 holds none, so it also stands for all bytes from 128 on.
  for (let row: u32 = 0; row < 16; row++) store<u8>(vectors + ROWS + row, row < 8 ? u8(u32(1) << row) : 1);
  const last = character(url, 63);
  for (let byte: u32 = 0; byte < 128; byte++) {
    const row = byte >> 4;
    const column = vectors + COLUMNS + (byte & 15);
    const value = sextet(tables, byte);
    if (value === OUTSIDE) store<u8>(column, load<u8>(column) | u8(u32(1) << row));
    // Within a row, all characters but the last one of the alphabet are neighbours, so one number does for them.
    else store<u8>(vectors + ROLLS + (byte === last ? row | 8 : row), u8(value - byte));
  }
  memory.fill(vectors + LAST, u8(last), 16);
}

/**
 * Encodes blocks of 12 bytes from the start of `source` and gives how many bytes that were, a multiple of 12. A block is 16 characters exactly, so
 * nothing is written beside them; it reads 16 bytes, so the last one or two blocks are left.
 */
export function encodeBlocks(source: usize, length: u32, target: usize, url: u32): u32 {
  const shifts = v128.load(VECTORS + usize(url) * VECTORS_SIZE + SHIFTS);
  const spread = v128.load(SPREAD);
  const firstBits = v128.load32_splat(LANES);
  const thirdBits = v128.load32_splat(LANES, 4);
  const otherBits = v128.load32_splat(LANES, 8);
  const otherPlaces = v128.load32_splat(LANES, 12);
  const fiftyOne = v128.load32_splat(LANES, 16);
  const twentySix = v128.load32_splat(LANES, 20);
  const thirteen = v128.load32_splat(LANES, 24);
  const end = source + length;
  let from = source;
  while (from + 16 <= end) {
    // A 32-bit lane of three bytes a, b, c has two 16-bit halves, b + 256a and c + 256b. Shifting moves the first and the third sextet to the low
    // byte of their half; multiplying moves the second and the fourth to the high byte of theirs.
    const halves = i8x16.swizzle(v128.load(from), spread);
    const first = v128.and(i32x4.shr_u(halves, 10), firstBits);
    const third = v128.and(i32x4.shr_u(halves, 6), thirdBits);
    const others = i16x8.mul(v128.and(halves, otherBits), otherPlaces);
    const sextets = v128.or(v128.or(first, third), others);
    const classes = v128.or(i8x16.sub_sat_u(sextets, fiftyOne), v128.and(i8x16.gt_s(twentySix, sextets), thirteen));
    v128.store(target, i8x16.add(sextets, i8x16.swizzle(shifts, classes)));
    from += 12;
    target += 16;
  }
  return u32(from - source);
}

/**
 * Decodes blocks of 16 characters from the start of `source` and gives how many characters that were, a multiple of 16; stops before a block that
 * holds a byte outside the alphabet. A block writes 16 bytes of which 12 count, so it is left alone unless two groups of four come after it:
 * `length` counts only characters before the last group, and those two bring at least the four bytes that are overwritten.
 */
export function decodeBlocks(source: usize, length: u32, target: usize, url: u32): u32 {
  if (length < 24) return 0;
  const vectors = VECTORS + usize(url) * VECTORS_SIZE;
  const rows = v128.load(vectors + ROWS);
  const columns = v128.load(vectors + COLUMNS);
  const rolls = v128.load(vectors + ROLLS);
  const last = v128.load(vectors + LAST);
  const gather = v128.load(GATHER);
  const nibble = v128.load32_splat(LANES, 28);
  const eight = v128.load32_splat(LANES, 32);
  const highSextet = v128.load32_splat(LANES, 36);
  const weights = v128.load32_splat(LANES, 40);
  const end = source + length - 8;
  let from = source;
  while (from + 16 <= end) {
    const text = v128.load(from);
    const row = v128.and(i16x8.shr_u(text, 4), nibble);
    if (v128.any_true(v128.and(i8x16.swizzle(rows, row), i8x16.swizzle(columns, v128.and(text, nibble))))) break;
    const roll = i8x16.swizzle(rolls, v128.or(row, v128.and(i8x16.eq(text, last), eight)));
    const sextets = i8x16.add(text, roll);
    // Two sextets a, b of a 16-bit half become 64a + b; two of those, in one 32-bit lane, 4096 times the first plus the second.
    const halves = v128.or(v128.and(i16x8.shl(sextets, 6), highSextet), i16x8.shr_u(sextets, 8));
    v128.store(target, i8x16.swizzle(i32x4.dot_i16x8_s(halves, weights), gather));
    from += 16;
    target += 12;
  }
  return u32(from - source);
}
