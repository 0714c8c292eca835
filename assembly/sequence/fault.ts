/** What can be wrong with bytes, as a code and the offset near which it was noticed. ts/kernel/compiled/sequence.ts lists the codes in the same order. */

export const OK: u32 = 0;
export const MALFORMED: u32 = 1;
export const FORK: u32 = 2;
export const NEED_STATE: u32 = 3;
/** A local edit, or a unit of an update, past the limits. */
export const LIMIT: u32 = 4;
/** A local edit, or a range to read, outside the list. A mistake of the caller. */
export const RANGE: u32 = 5;
/** No fault: an update that must wait for others. */
export const EARLY_UPDATE: u32 = 6;

let offset: u32 = 0;

/** Where the last fault was noticed. */
export function faultOffset(): u32 {
  return offset;
}

/** The code, once its offset is noted. */
export function faultAt(code: u32, at: u32): u32 {
  offset = at;
  return code;
}
