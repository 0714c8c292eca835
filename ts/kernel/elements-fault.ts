/** The fault of a text whose elements cannot be found: every kernel fails with the same code, place and words. No byte of the text is named. */
import { PspError } from '../errors.ts';

/** `KERNEL_ELEMENTS_MALFORMED` at a byte offset of one of the two texts. */
export function elementsFault(side: 'a' | 'b', offset: number): PspError {
  const expected = 'expected one JSON array or object, complete, and nothing after it';
  return new PspError('KERNEL_ELEMENTS_MALFORMED', `text ${side} at offset ${offset}: ${expected}`, { details: { side, offset } });
}
