/** The first byte of an update and the heads of its events, as ts/merge/sequence-layout.md has them. */

/** Bits of the first byte; the head of the first event is in the low five. */
export const FULL_NAMES: u32 = 0x40;
export const HAS_NUMBERS: u32 = 0x20;
export const HEAD_MASK: u32 = 0x1f;

/** Heads up to this one are a CONTINUE of head + 1 units. */
export const CONTINUE_LONG: u32 = 15;
export const EXTEND_ONE: u32 = 16;
export const EXTEND_MANY: u32 = 17;
export const NEW_ONE: u32 = 18;
export const NEW_MANY: u32 = 19;
export const DELETE_ONE: u32 = 20;
export const DELETE_RANGE: u32 = 21;
export const DELETE_LIST: u32 = 22;

/** The first byte of a state: of a text, of a list of elements. Any other from 0x80 on is no update either. */
export const TEXT_STATE: u32 = 0x80;
export const ELEMENTS_STATE: u32 = 0x81;

export const SHORT_MASK: u32 = 0xffffff;
