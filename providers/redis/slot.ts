/**
 * The 16,384 hash slots of a Redis Cluster: which one a key is in, and sets of them (one byte per slot, 1: in it).
 * Redis Cluster Specification, "Key distribution model" and "Hash tags".
 */

export const SLOTS = 16_384;

/** A set of slots. */
export type SlotSet = Uint8Array;

// CRC-16/XMODEM.
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let rest = byte << 8;
  for (let bit = 0; bit < 8; bit++) rest = rest & 0x8000 ? (rest << 1) ^ 0x1021 : rest << 1;
  return rest;
});
const [OPEN, CLOSE] = [0x7b, 0x7d];

/** The slot of a key. */
export function slotOf(key: Uint8Array): number {
  const open = key.indexOf(OPEN);
  const close = open < 0 ? -1 : key.indexOf(CLOSE, open + 1);
  const hashed = close > open + 1 ? key.subarray(open + 1, close) : key;
  let crc = 0;
  for (let at = 0; at < hashed.length; at++) crc = ((crc << 8) & 0xffff) ^ TABLE[((crc >> 8) ^ hashed[at]!) & 0xff]!;
  return crc % SLOTS;
}

/** The slots for which `isIn` is true. */
export function slotsWhere(isIn: (slot: number) => boolean): SlotSet {
  return Uint8Array.from({ length: SLOTS }, (_, slot) => (isIn(slot) ? 1 : 0));
}

/** Ranges of slots as text: `0-5460,5462`, '' for none. */
export function formatSlots(slots: SlotSet): string {
  const ranges: string[] = [];
  for (let from = slots.indexOf(1); from >= 0; ) {
    const end = slots.indexOf(0, from);
    const to = end < 0 ? SLOTS - 1 : end - 1;
    ranges.push(from === to ? `${from}` : `${from}-${to}`);
    from = slots.indexOf(1, to + 1);
  }
  return ranges.join(',');
}

/** What {@link formatSlots} gave, or null when it is no such text. */
export function parseSlots(text: string): SlotSet | null {
  const slots = new Uint8Array(SLOTS);
  if (text === '') return slots;
  for (const range of text.split(',')) {
    const found = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range);
    const from = Number(found?.[1]);
    const to = Number(found?.[2] ?? from);
    if (found === null || from > to || to >= SLOTS) return null;
    slots.fill(1, from, to + 1);
  }
  return slots;
}
