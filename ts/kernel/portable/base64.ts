/**
 * Base64 of RFC 4648 in plain TypeScript, bytes to bytes: section 4 with padding required, section 5 with padding forbidden, canonical trailing bits.
 * Written to be read. Its fast twin is assembly/base64.ts: same results, same faults at the same offsets.
 * It does not know line breaks or strings.
 */
import { assertRanges, assertRoom, decodedLength, encodedLength, isUrlAlphabet, paddingLength } from '../alphabet.ts';
import { base64Fault } from '../fault.ts';
import type { Base64Alphabet, Base64Kernel } from '../kernel.ts';

const EQUALS = 0x3d;

const OUTSIDE = 0xff;

/** What distinguishes an alphabet. Loops keep a table in a local: bundlers turn `const` at the top of a module into `var`, read anew each time. */
interface Tables {
  /** Sextet -> character. */
  readonly characters: Uint8Array;
  /** Byte -> sextet; `OUTSIDE`, the only entry with a bit above the sixth, for bytes that are not in the alphabet. */
  readonly sextets: Uint8Array;
}

const STANDARD: Tables = /* @__PURE__ */ makeTables('+/');
const URL_SAFE: Tables = /* @__PURE__ */ makeTables('-_');

/** See {@link Base64Kernel.encodeBase64}. O(n). */
export function encodeBase64(source: Uint8Array, alphabet: Base64Alphabet = 'standard'): Uint8Array<ArrayBuffer> {
  const isUrl = isUrlAlphabet(alphabet);
  const target = new Uint8Array(encodedLength(source.length, isUrl));
  encode(source, target, isUrl);
  return target;
}

/** See {@link Base64Kernel.decodeBase64}, faults included. O(n). */
export function decodeBase64(source: Uint8Array, alphabet: Base64Alphabet = 'standard'): Uint8Array<ArrayBuffer> {
  const isUrl = isUrlAlphabet(alphabet);
  const target = new Uint8Array(decodedLength(source, 0, source.length, isUrl));
  decode(source, 0, source.length, target, isUrl);
  return target;
}

/** See {@link Base64Kernel.encodeBase64Into}. */
export function encodeBase64Into(source: Uint8Array, target: Uint8Array, alphabet: Base64Alphabet = 'standard'): number {
  const isUrl = isUrlAlphabet(alphabet);
  const length = encodedLength(source.length, isUrl);
  assertRoom(target, length);
  encode(source, target, isUrl);
  return length;
}

/** See {@link Base64Kernel.decodeBase64Into}, faults included. */
export function decodeBase64Into(source: Uint8Array, target: Uint8Array, alphabet: Base64Alphabet = 'standard'): number {
  const isUrl = isUrlAlphabet(alphabet);
  const length = decodedLength(source, 0, source.length, isUrl);
  assertRoom(target, length);
  decode(source, 0, source.length, target, isUrl);
  return length;
}

/** See {@link Base64Kernel.decodeBase64Parts}, faults included. */
export function decodeBase64Parts(
  source: Uint8Array,
  ranges: Uint32Array,
  alphabet: Base64Alphabet = 'standard',
): Uint8Array<ArrayBuffer>[] {
  const isUrl = isUrlAlphabet(alphabet);
  assertRanges(ranges, source.length);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < ranges.length; at += 2) {
    const start = ranges[at]!;
    const end = ranges[at + 1]!;
    const target = new Uint8Array(decodedLength(source, start, end, isUrl));
    decode(source, start, end, target, isUrl, at / 2);
    parts.push(target);
  }
  return parts;
}

/** The kernel that runs everywhere. It keeps no state, and has no memory that a view could lie in: its views are new arrays. */
export const portableBase64: Base64Kernel = {
  kind: 'portable',
  encodeBase64,
  decodeBase64,
  encodeBase64Into,
  decodeBase64Into,
  encodeBase64View: encodeBase64,
  decodeBase64View: decodeBase64,
  decodeBase64Parts,
};

function encode(source: Uint8Array, target: Uint8Array, isUrl: boolean): void {
  const { characters } = isUrl ? URL_SAFE : STANDARD;
  const remainder = source.length % 3;
  const wholeGroups = source.length - remainder;
  let to = 0;
  for (let from = 0; from < wholeGroups; from += 3) {
    const bits = (source[from]! << 16) | (source[from + 1]! << 8) | source[from + 2]!;
    target[to] = characters[bits >> 18]!;
    target[to + 1] = characters[(bits >> 12) & 63]!;
    target[to + 2] = characters[(bits >> 6) & 63]!;
    target[to + 3] = characters[bits & 63]!;
    to += 4;
  }
  if (remainder === 0) return;
  const bits = (source[wholeGroups]! << 16) | (remainder === 2 ? source[wholeGroups + 1]! << 8 : 0);
  target[to] = characters[bits >> 18]!;
  target[to + 1] = characters[(bits >> 12) & 63]!;
  if (remainder === 2) target[to + 2] = characters[(bits >> 6) & 63]!;
  if (isUrl) return;
  if (remainder === 1) target[to + 2] = EQUALS;
  target[to + 3] = EQUALS;
}

/** Decodes `[start, end)` of `source` to the start of `target`. Offsets of faults count from the start of `source`. */
function decode(source: Uint8Array, start: number, end: number, target: Uint8Array, isUrl: boolean, part?: number): void {
  const { sextets } = isUrl ? URL_SAFE : STANDARD;
  // Everything before the padding must be in the alphabet. A `=` found there completes no last group, whatever follows it.
  const symbolsEnd = end - (isUrl ? 0 : paddingLength(source, start, end));
  const remainder = (symbolsEnd - start) % 4;
  const wholeGroups = symbolsEnd - remainder;
  let to = 0;
  for (let from = start; from < wholeGroups; from += 4) {
    const first = sextets[source[from]!]!;
    const second = sextets[source[from + 1]!]!;
    const third = sextets[source[from + 2]!]!;
    const fourth = sextets[source[from + 3]!]!;
    if ((first | second | third | fourth) > 63) throw faultAt(source, from, isUrl, part);
    target[to] = (first << 2) | (second >> 4);
    target[to + 1] = (second << 4) | (third >> 2);
    target[to + 2] = (third << 6) | fourth;
    to += 3;
  }
  let bits = 0;
  for (let from = wholeGroups; from < symbolsEnd; from++) {
    const sextet = sextets[source[from]!]!;
    if (sextet > 63) throw faultAt(source, from, isUrl, part);
    bits = (bits << 6) | sextet;
  }
  if (isUrl ? remainder === 1 : (end - start) % 4 !== 0) throw base64Fault('KERNEL_BASE64_LENGTH', end, isUrl, part);
  if (remainder === 0) return;
  // Two characters carry 12 bits for one byte, three carry 18 for two: the 4 or 2 left over must be zero.
  const leftover = remainder === 2 ? 4 : 2;
  if ((bits & ((1 << leftover) - 1)) !== 0) throw base64Fault('KERNEL_BASE64_TRAILING_BITS', symbolsEnd - 1, isUrl, part);
  bits >>= leftover;
  if (remainder === 2) {
    target[to] = bits;
  } else {
    target[to] = bits >> 8;
    target[to + 1] = bits;
  }
}

/** The fault of the first byte outside the alphabet at or after `offset`; the caller has seen one within the next four. */
function faultAt(source: Uint8Array, offset: number, isUrl: boolean, part?: number): Error {
  const { sextets } = isUrl ? URL_SAFE : STANDARD;
  let at = offset;
  while (sextets[source[at]!]! <= 63) at++;
  return base64Fault(source[at] === EQUALS ? 'KERNEL_BASE64_PADDING' : 'KERNEL_BASE64_CHARACTER', at, isUrl, part);
}

function makeTables(lastTwo: string): Tables {
  const alphabet = `ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789${lastTwo}`;
  const characters = Uint8Array.from(alphabet, (character) => character.charCodeAt(0));
  const sextets = new Uint8Array(256).fill(OUTSIDE);
  for (const [sextet, character] of characters.entries()) sextets[character] = sextet;
  return { characters, sextets };
}
