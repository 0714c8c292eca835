/** The tag bytes and the numbered tables of `layout.md`, shared by what writes and what reads. A place in a table is a byte in a file: append only. */

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
  resizableBuffer: 0x09,
  latin1: 0x0a,
  utf16: 0x0c,
  array: 0x0d,
  object: 0x0e,
  sparseArray: 0x0f,
  map: 0x10,
  set: 0x11,
  regExp: 0x12,
  view: 0x13,
  boxed: 0x15,
  error: 0x16,
  domException: 0x17,
  blob: 0x18,
  file: 0x19,
  fileList: 0x1a,
  imageData: 0x1b,
  geometry: 0x1c,
  key: 0x1d,
  lockedKey: 0x1e,
  handle: 0x1f,
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

/** Added to the kind byte of a view that has no length of its own. */
export const VIEW_TRACKING = 0x80;

/** Classes of errors that structured clone tells apart; the index is the class byte. */
export const ERROR_CLASSES: readonly string[] = [
  'Error',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
];

/** DOM geometry; the index is the class byte. */
export const GEOMETRY_CLASSES = [
  'DOMPointReadOnly',
  'DOMPoint',
  'DOMRectReadOnly',
  'DOMRect',
  'DOMQuad',
  'DOMMatrixReadOnly',
  'DOMMatrix',
] as const;

/** Colour spaces of ImageData; the index is the byte. */
export const COLOR_SPACES: readonly string[] = ['srgb', 'display-p3'];

/** Pixel formats of ImageData, and the bytes of one component; the index is the byte. */
export const PIXEL_FORMATS: readonly string[] = ['rgba-unorm8', 'rgba-float16', 'rgba-float32'];
export const PIXEL_UNITS: readonly number[] = [1, 2, 4];

/** Types of keys; the index is the byte. Each is exported in the format of the same place in `KEY_FORMATS`. */
export const KEY_TYPES = ['secret', 'private', 'public'] as const;
export const KEY_FORMATS = ['raw', 'pkcs8', 'spki'] as const;

/** What a key may be used for; the index is the bit. The order of the Web Cryptography API. */
export const KEY_USAGES: readonly string[] = [
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'deriveKey',
  'deriveBits',
  'wrapKey',
  'unwrapKey',
  'encapsulateKey',
  'encapsulateBits',
  'decapsulateKey',
  'decapsulateBits',
];
