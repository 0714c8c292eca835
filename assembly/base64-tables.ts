/**
 * The tables of Base64, one set for each alphabet, made when the module starts: only the alphabets themselves travel in it.
 * One group of four characters a, b, c, d is PLACED[0][a] | PLACED[1][b] | PLACED[2][c] | PLACED[3][d]:
 *
 *     bit  31..24        23..16        15..8         7..0
 *          not 0: fault  third byte    second byte   first byte        (stored little endian, so the first byte is written first)
 */

// One set, 4096 bytes, and 8192 more, which are filled only without SIMD:
//
//     PLACED   4 x 256 x u32   character -> its sextet, already moved to where it belongs when it stands first, second, third
//                              or fourth in a group; every bit set for a byte outside the alphabet
//     PAIRS       4096 x u16   12 bits -> two characters, as they lie in memory (little endian)
const PLACED_SIZE: usize = 1024;
const PAIRS: usize = 4096;
const SET_SIZE: usize = 12288;
const SETS: usize = memory.data(24576, 16);

export const ALPHABET_SIZE: usize = 64;
const ALPHABETS: usize = memory.data<u8>([
  65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 97, 98, 99, 100, 101, 102, 103,
  104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 43,
  47, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 97, 98, 99, 100, 101, 102,
  103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 48, 49, 50, 51, 52, 53, 54, 55, 56,
  57, 45, 95,
]);

/** What `sextet` gives for a byte outside the alphabet. */
export const OUTSIDE: u32 = 0x3fffffff;

/** Where the tables of an alphabet are: of the standard one for 0, of the URL one for 1. */
export function tablesOf(url: u32): usize {
  return SETS + usize(url) * SET_SIZE;
}

/** The character of a sextet. */
export function character(url: u32, value: u32): u32 {
  return load<u8>(ALPHABETS + usize(url) * ALPHABET_SIZE + value);
}

/** The sextet of a character, or OUTSIDE. */
export function sextet(tables: usize, byte: u32): u32 {
  // PLACED[0] holds a sextet shifted left by two.
  return placed(tables, 0, byte) >> 2;
}

/** A character's bits where they belong when it stands at `position` (0 to 3) of a group. */
export function placed(tables: usize, position: usize, byte: u32): u32 {
  return load<u32>(tables + position * PLACED_SIZE + (byte << 2));
}

/** The two characters of 12 bits, as they lie in memory. */
export function characters(url: u32, bits: u32): u16 {
  // With SIMD only the ends come here, and filling the table would be most of the start.
  if (ASC_FEATURE_SIMD) return u16(character(url, bits >> 6) | (character(url, bits & 63) << 8));
  return load<u16>(tablesOf(url) + PAIRS + (bits << 1));
}

/** Makes the tables of one alphabet. */
export function fillTables(url: u32): void {
  const tables = tablesOf(url);
  memory.fill(tables, 0xff, 4 * PLACED_SIZE);
  for (let value: u32 = 0; value < 64; value++) {
    const entry = tables + (usize(character(url, value)) << 2);
    store<u32>(entry, value << 2);
    store<u32>(entry + PLACED_SIZE, (value >> 4) | ((value & 15) << 12));
    store<u32>(entry + 2 * PLACED_SIZE, ((value >> 2) << 8) | ((value & 3) << 22));
    store<u32>(entry + 3 * PLACED_SIZE, value << 16);
  }
  if (ASC_FEATURE_SIMD) return;
  for (let bits: u32 = 0; bits < 4096; bits++) {
    store<u8>(tables + PAIRS + (bits << 1), u8(character(url, bits >> 6)));
    store<u8>(tables + PAIRS + (bits << 1), u8(character(url, bits & 63)), 1);
  }
}
