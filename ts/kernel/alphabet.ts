/**
 * The two alphabets of Base64 and how long a text is in each: the arithmetic that all kernels share, so that they refuse the same calls with the same
 * words. Knows no characters: those are in the tables of the kernels.
 */
import type { Base64Alphabet } from './kernel.ts';

const EQUALS = 0x3d;

/** Whether `alphabet` is `url`. Throws TypeError for anything that is not an alphabet. */
export function isUrlAlphabet(alphabet: Base64Alphabet): boolean {
  if (alphabet === 'standard') return false;
  if (alphabet === 'url') return true;
  throw new TypeError("expected the Base64 alphabet to be 'standard' or 'url'");
}

/** How many characters `bytes` bytes are in Base64. */
export function encodedLength(bytes: number, isUrl: boolean): number {
  return isUrl ? Math.ceil((bytes * 4) / 3) : 4 * Math.ceil(bytes / 3);
}

/** How many bytes the text in `[start, end)` of `source` decodes to when it is valid. Reads only its last two bytes. */
export function decodedLength(source: Uint8Array, start: number, end: number, isUrl: boolean): number {
  return Math.floor(((end - start) * 3) / 4) - (isUrl ? 0 : paddingLength(source, start, end));
}

/** How many `=` complete the last group of four of a padded text: 0, 1 or 2, and always 0 when the length is not a multiple of four. */
export function paddingLength(source: Uint8Array, start: number, end: number): 0 | 1 | 2 {
  if (end === start || (end - start) % 4 !== 0) return 0;
  if (source[end - 1] !== EQUALS) return 0;
  return source[end - 2] === EQUALS ? 2 : 1;
}

/** Throws RangeError unless `target` has room for `needed` bytes. */
export function assertRoom(target: Uint8Array, needed: number): void {
  if (target.length < needed) throw new RangeError(`the result has ${needed} bytes, the target has room for ${target.length}`);
}

/** Throws RangeError unless `ranges` are pairs of start and end inside a source of `length` bytes. */
export function assertRanges(ranges: Uint32Array, length: number): void {
  if (ranges.length % 2 !== 0) throw new RangeError(`expected a start and an end for each part, found ${ranges.length} numbers`);
  for (let at = 0; at < ranges.length; at += 2) {
    const start = ranges[at]!;
    const end = ranges[at + 1]!;
    if (start > end || end > length) throw new RangeError(`part ${at / 2} is [${start}, ${end}), the text has ${length} bytes`);
  }
}
