/**
 * Base64 in a compiled module: where the host puts source and target in its memory, for each way to ask. The module itself is assembly/base64.ts.
 *
 * What gives an array or fills the caller's goes through a window of fixed size, so memory does not grow with the input:
 *
 *     base            base + WINDOW_TEXT
 *     |  source of one window, copied in  |  target of one window, copied out  |
 *
 * What gives views runs once over everything; memory grows, and stays as large as the largest such call needed:
 *
 *     base              ranges                        targets, each divisible by 16
 *     |  source, copied in  |  2 x u32 for each part (parts only)  |  what the views show  |
 */
import { assertRanges, assertRoom, decodedLength, encodedLength, isUrlAlphabet } from '../alphabet.ts';
import { type Base64FaultCode, base64Fault } from '../fault.ts';
import type { Base64Alphabet, Base64Kernel } from '../kernel.ts';
import type { LinearModule } from '../linear.ts';

/** What assembly/base64.ts exports. Addresses and lengths are unsigned, but arrive here as signed 32-bit integers. */
export interface Base64Exports {
  encodeBase64(source: number, length: number, target: number, url: number): number;
  decodeBase64(source: number, length: number, target: number, url: number, ends: number): number;
  decodeBase64Parts(source: number, parts: number, count: number, target: number, targetEnd: number, url: number): number;
  faultOffset(): number;
  faultPart(): number;
}

/** The results 1 to 4 of decoding, in the order of assembly/base64.ts. */
const FAULTS: readonly Base64FaultCode[] = [
  'KERNEL_BASE64_CHARACTER',
  'KERNEL_BASE64_PADDING',
  'KERNEL_BASE64_LENGTH',
  'KERNEL_BASE64_TRAILING_BITS',
];

/** One window: so many bytes are so many characters. Both halves together stay within the second-level cache of the machines we know. */
export const WINDOW_BYTES: number = 48 * 1024;
export const WINDOW_TEXT: number = 64 * 1024;

/**
 * A kernel over one started module. Besides its contract, the functions that give views throw `KERNEL_MEMORY` when memory cannot hold source and
 * result (4 GiB together), and a source may be a view that the last call gave.
 */
export function createCompiledBase64(module: LinearModule<Base64Exports>): Base64Kernel {
  const { base, exports: kernel } = module;
  const windowTarget = base + WINDOW_TEXT;
  const windowEnd = windowTarget + WINDOW_TEXT;

  /** A source that no longer lies in this module's memory, which is about to be overwritten, or detached when it grows. */
  const outside = (source: Uint8Array): Uint8Array => (source.buffer === module.reserve(0).buffer ? source.slice() : source);

  function encodeWindow(source: Uint8Array, url: number): Uint8Array<ArrayBuffer> {
    const memory = module.reserve(windowEnd);
    memory.set(source, base);
    assertLaidOut(kernel.encodeBase64(base, source.length, windowTarget, url));
    return memory;
  }

  function decodeWindow(source: Uint8Array, start: number, url: number, ends: boolean): Uint8Array<ArrayBuffer> {
    const memory = module.reserve(windowEnd);
    memory.set(source, base);
    const result = kernel.decodeBase64(base, source.length, windowTarget, url, Number(ends));
    const fault = FAULTS[result - 1];
    if (fault !== undefined) throw base64Fault(fault, start + (kernel.faultOffset() >>> 0), url === 1);
    assertLaidOut(result);
    return memory;
  }

  function encodeThroughWindow(source: Uint8Array, target: Uint8Array, url: number): void {
    let to = 0;
    for (let from = 0; from < source.length; from += WINDOW_BYTES) {
      const part = partOf(source, from, WINDOW_BYTES);
      const memory = encodeWindow(part, url);
      const length = encodedLength(part.length, url === 1);
      target.set(memory.subarray(windowTarget, windowTarget + length), to);
      to += length;
    }
  }

  function decodeThroughWindow(source: Uint8Array, target: Uint8Array, length: number, url: number): void {
    let to = 0;
    for (let from = 0; from < source.length; from += WINDOW_TEXT) {
      const part = partOf(source, from, WINDOW_TEXT);
      const ends = from + part.length === source.length;
      const memory = decodeWindow(part, from, url, ends);
      const decoded = ends ? length - to : WINDOW_BYTES;
      target.set(memory.subarray(windowTarget, windowTarget + decoded), to);
      to += decoded;
    }
  }

  return {
    kind: module.kind,

    encodeBase64(source, alphabet = 'standard') {
      const url = numberOf(alphabet);
      const length = encodedLength(source.length, url === 1);
      // One window is cut out of memory as it is, which spares filling the new array with zeros first.
      if (source.length <= WINDOW_BYTES) return encodeWindow(outside(source), url).slice(windowTarget, windowTarget + length);
      const target = new Uint8Array(length);
      encodeThroughWindow(outside(source), target, url);
      return target;
    },

    decodeBase64(source, alphabet = 'standard') {
      const url = numberOf(alphabet);
      const length = decodedLength(source, 0, source.length, url === 1);
      if (source.length <= WINDOW_TEXT) return decodeWindow(outside(source), 0, url, true).slice(windowTarget, windowTarget + length);
      const target = new Uint8Array(length);
      decodeThroughWindow(outside(source), target, length, url);
      return target;
    },

    encodeBase64Into(source, target, alphabet = 'standard') {
      const url = numberOf(alphabet);
      const length = encodedLength(source.length, url === 1);
      assertRoom(target, length);
      encodeThroughWindow(outside(source), target, url);
      return length;
    },

    decodeBase64Into(source, target, alphabet = 'standard') {
      const url = numberOf(alphabet);
      const length = decodedLength(source, 0, source.length, url === 1);
      assertRoom(target, length);
      decodeThroughWindow(outside(source), target, length, url);
      return length;
    },

    encodeBase64View(source, alphabet = 'standard') {
      const url = numberOf(alphabet);
      const plain = outside(source);
      const target = align16(base + plain.length);
      const end = target + encodedLength(plain.length, url === 1);
      const memory = module.reserve(end);
      memory.set(plain, base);
      assertLaidOut(kernel.encodeBase64(base, plain.length, target, url));
      return memory.subarray(target, end);
    },

    decodeBase64View(source, alphabet = 'standard') {
      const url = numberOf(alphabet);
      const text = outside(source);
      const target = align16(base + text.length);
      const end = target + decodedLength(text, 0, text.length, url === 1);
      const memory = module.reserve(end);
      memory.set(text, base);
      const result = kernel.decodeBase64(base, text.length, target, url, 1);
      const fault = FAULTS[result - 1];
      if (fault !== undefined) throw base64Fault(fault, kernel.faultOffset() >>> 0, url === 1);
      assertLaidOut(result);
      return memory.subarray(target, end);
    },

    decodeBase64Parts(source, ranges, alphabet = 'standard') {
      const url = numberOf(alphabet);
      const text = outside(source);
      assertRanges(ranges, text.length);
      const parts = align16(base + text.length);
      const target = align16(parts + ranges.byteLength);
      const end = target + spaceOfParts(ranges);
      const memory = module.reserve(end);
      memory.set(text, base);
      const table = new Uint32Array(memory.buffer, parts, ranges.length);
      table.set(ranges);
      const result = kernel.decodeBase64Parts(base, parts, ranges.length / 2, target, end, url);
      const fault = FAULTS[result - 1];
      if (fault !== undefined) throw base64Fault(fault, kernel.faultOffset() >>> 0, url === 1, kernel.faultPart() >>> 0);
      assertLaidOut(result);
      const views: Uint8Array<ArrayBuffer>[] = [];
      for (let at = 0; at < table.length; at += 2) views.push(memory.subarray(table[at]!, table[at]! + table[at + 1]!));
      return views;
    },
  };
}

/** Room for the bytes of all parts, each from an address divisible by 16. */
function spaceOfParts(ranges: Uint32Array): number {
  let space = 0;
  for (let at = 0; at < ranges.length; at += 2) space += align16(Math.floor(((ranges[at + 1]! - ranges[at]!) * 3) / 4));
  return space;
}

/** Up to `length` bytes of `source` from `start` on, as a plain Uint8Array whatever class `source` is of. */
function partOf(source: Uint8Array, start: number, length: number): Uint8Array {
  if (source.length <= length) return source;
  return new Uint8Array(source.buffer, source.byteOffset + start, Math.min(length, source.length - start));
}

function numberOf(alphabet: Base64Alphabet): number {
  return Number(isUrlAlphabet(alphabet));
}

/** A result other than success here means that this file laid memory out wrongly, never that the input was bad. */
function assertLaidOut(result: number): void {
  if (result !== 0) throw new Error(`the compiled kernel was given bytes outside its memory (result ${result})`);
}

function align16(address: number): number {
  return Math.ceil(address / 16) * 16;
}
