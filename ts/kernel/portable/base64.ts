/**
 * Base64 of RFC 4648 section 4 in plain TypeScript: standard alphabet, padding required, canonical trailing bits, bytes to bytes.
 * Written to be read. Its fast twin is assembly/base64.ts: same names, same results, same faults at the same offsets.
 * It does not know the URL-safe alphabet, line breaks or strings.
 */
import { base64Fault } from '../fault.ts';
import type { Base64Kernel } from '../kernel.ts';

/** The kernel that runs everywhere. It keeps no state. */
export const portableBase64: Base64Kernel = { kind: 'portable', encodeBase64, decodeBase64 };

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const EQUALS = 0x3d;
const OUTSIDE = 0xff;

/** Sextet -> character. */
const CHARACTERS: Uint8Array = /* @__PURE__ */ Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));

/** Byte -> sextet; `OUTSIDE`, the only entry with a bit above the sixth, for bytes that are not in the alphabet. */
const SEXTETS: Uint8Array = /* @__PURE__ */ Uint8Array.from({ length: 256 }, (_, byte) => {
  const sextet = ALPHABET.indexOf(String.fromCharCode(byte));
  return sextet < 0 ? OUTSIDE : sextet;
});

/** See {@link Base64Kernel.encodeBase64}. O(n). */
export function encodeBase64(source: Uint8Array): Uint8Array<ArrayBuffer> {
  const target = new Uint8Array(4 * Math.ceil(source.length / 3));
  const remainder = source.length % 3;
  const wholeGroups = source.length - remainder;
  let to = 0;
  for (let from = 0; from < wholeGroups; from += 3) {
    const bits = (source[from]! << 16) | (source[from + 1]! << 8) | source[from + 2]!;
    target[to] = CHARACTERS[bits >> 18]!;
    target[to + 1] = CHARACTERS[(bits >> 12) & 63]!;
    target[to + 2] = CHARACTERS[(bits >> 6) & 63]!;
    target[to + 3] = CHARACTERS[bits & 63]!;
    to += 4;
  }
  if (remainder === 0) return target;
  const bits = (source[wholeGroups]! << 16) | (remainder === 2 ? source[wholeGroups + 1]! << 8 : 0);
  target[to] = CHARACTERS[bits >> 18]!;
  target[to + 1] = CHARACTERS[(bits >> 12) & 63]!;
  target[to + 2] = remainder === 2 ? CHARACTERS[(bits >> 6) & 63]! : EQUALS;
  target[to + 3] = EQUALS;
  return target;
}

/** See {@link Base64Kernel.decodeBase64}, faults included. O(n). */
export function decodeBase64(source: Uint8Array): Uint8Array<ArrayBuffer> {
  const padding = paddingLength(source);
  const target = new Uint8Array(decodedLength(source));
  // Everything before the padding must be in the alphabet. A `=` found there completes no last group, whatever follows it.
  const symbols = source.length - padding;
  const wholeGroups = symbols - (symbols % 4);
  let to = 0;
  for (let from = 0; from < wholeGroups; from += 4) {
    const first = SEXTETS[source[from]!]!;
    const second = SEXTETS[source[from + 1]!]!;
    const third = SEXTETS[source[from + 2]!]!;
    const fourth = SEXTETS[source[from + 3]!]!;
    if ((first | second | third | fourth) > 63) throw faultAt(source, from);
    target[to] = (first << 2) | (second >> 4);
    target[to + 1] = (second << 4) | (third >> 2);
    target[to + 2] = (third << 6) | fourth;
    to += 3;
  }
  let bits = 0;
  for (let from = wholeGroups; from < symbols; from++) {
    const sextet = SEXTETS[source[from]!]!;
    if (sextet > 63) throw faultAt(source, from);
    bits = (bits << 6) | sextet;
  }
  if (source.length % 4 !== 0) throw base64Fault('KERNEL_BASE64_LENGTH', source.length);
  if (padding === 0) return target;
  // Two characters carry 12 bits for one byte, three carry 18 for two: the 4 or 2 left over must be zero.
  const leftover = padding === 2 ? 4 : 2;
  if ((bits & ((1 << leftover) - 1)) !== 0) throw base64Fault('KERNEL_BASE64_TRAILING_BITS', symbols - 1);
  bits >>= leftover;
  if (padding === 2) {
    target[to] = bits;
  } else {
    target[to] = bits >> 8;
    target[to + 1] = bits;
  }
  return target;
}

/** How many bytes `source` decodes to when it is valid; reads only its last two bytes. */
export function decodedLength(source: Uint8Array): number {
  return Math.floor(source.length / 4) * 3 - paddingLength(source);
}

/** How many `=` complete the last group of four: 0, 1 or 2, and always 0 when the length is not a multiple of four. */
function paddingLength(source: Uint8Array): 0 | 1 | 2 {
  if (source.length === 0 || source.length % 4 !== 0) return 0;
  if (source[source.length - 1] !== EQUALS) return 0;
  return source[source.length - 2] === EQUALS ? 2 : 1;
}

/** The fault of the first byte outside the alphabet at or after `offset`; the caller has seen one within the next four. */
function faultAt(source: Uint8Array, offset: number): Error {
  let at = offset;
  while (SEXTETS[source[at]!]! <= 63) at++;
  return base64Fault(source[at] === EQUALS ? 'KERNEL_BASE64_PADDING' : 'KERNEL_BASE64_CHARACTER', at);
}
