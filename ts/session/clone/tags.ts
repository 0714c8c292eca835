/** The tag bytes and view kinds of `layout.md`, shared by the encoder and the decoder. */

export const TAG = {
  null: 0x00,
  true: 0x01,
  false: 0x02,
  integer: 0x03,
  number: 0x04,
  undefined: 0x05,
  bigint: 0x06,
  date: 0x07,
  buffer: 0x08,
  latin1: 0x0a,
  utf16: 0x0c,
  array: 0x0d,
  object: 0x0e,
  sparseArray: 0x0f,
  map: 0x10,
  set: 0x11,
  view: 0x13,
  back: 0x20,
  placeholder: 0x7f,
} as const;

/** Class names of views; the index is the kind byte. */
export const VIEW_KINDS: readonly string[] = [
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array',
];

/** Bytes of one element of a view; the index is the kind byte. An offset and a length are multiples of it. */
export const VIEW_UNITS: readonly number[] = [1, 1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 2];
