/** Numbers of the layout of updates: the heads of events and the bits of the first byte (sequence-layout.md, "Update"). */

/** The first heads of the kinds of events; see the layout's table. */
export const CONTINUE = 0;
export const CONTINUE_LONG = 15;
export const EXTEND = 16;
export const NEW = 18;
export const DELETE_ONE = 20;
export const DELETE_RANGE = 21;
export const DELETE_LIST = 22;

/** Bits of an update's first byte. */
export const FULL_NAMES = 0x40;
export const HAS_NUMBERS = 0x20;
