/** What a decoder of cloned values says to bytes that it refuses. */

import { PspError } from '../../../ts/errors.ts';
import { decodeValue } from '../../../ts/session/clone/decode.ts';

/** The error that decoding `bytes` ends with, or null where they are a value. An error of any other kind is thrown on. */
export function refusalOf(bytes: Uint8Array): PspError | null {
  try {
    decodeValue(bytes);
    return null;
  } catch (error) {
    if (error instanceof PspError) return error;
    throw error;
  }
}
