/**
 * What every Base64 kernel promises about the forms of a call: what is written and what is not, what stays and how long, and that the window through
 * which a compiled kernel works is nowhere to be seen. Bytes and faults themselves are in base64.ts.
 */
import { describe, expect, it } from 'vitest';
import { WINDOW_BYTES, WINDOW_TEXT } from '../../ts/kernel/compiled/base64.ts';
import type { Base64Kernel } from '../../ts/kernel/kernel.ts';
import { ALPHABETS, bytesOf, encodeByBuffer, errorOf, outcomeOf, textOf } from './base64.ts';

const GUARD = 0x5a;
const GUARD_BYTES = 40;

/** Around the ends of one, two and three windows; and small. */
const LENGTHS = [
  ...Array.from({ length: 70 }, (_, length) => length),
  ...[1, 2, 3].flatMap((windows) => Array.from({ length: 9 }, (_, at) => windows * WINDOW_BYTES - 4 + at)),
];

/** Runs the contract over the kernel that `makeKernel` gives. */
export function describeBase64Forms(name: string, makeKernel: () => Base64Kernel): void {
  describe(`forms of the Base64 kernel: ${name}`, () => {
    const kernel = makeKernel();

    it.each(ALPHABETS)('every form gives the same for %s, around the ends of windows too', (alphabet) => {
      for (const length of LENGTHS) {
        const plain = someBytes(length);
        const text = Buffer.from(encodeByBuffer(plain, alphabet));
        assertSame(kernel.encodeBase64(plain, alphabet), text);
        assertSame(kernel.encodeBase64View(plain, alphabet), text);
        assertSame(kernel.decodeBase64(text, alphabet), plain);
        assertSame(kernel.decodeBase64View(text, alphabet), plain);
        assertSame(onePart(kernel.decodeBase64Parts(text, Uint32Array.of(0, text.length), alphabet)), plain);
      }
    });

    it.each(ALPHABETS)('into: writes the result for %s and no byte beside it, wherever source and target begin', (alphabet) => {
      for (const [at, length] of LENGTHS.entries()) {
        const plain = someBytes(length);
        const text = Buffer.from(encodeByBuffer(plain, alphabet));
        const written = guarded(text.length, at % 17);
        expect(kernel.encodeBase64Into(shifted(plain, at % 5), written.target, alphabet)).toBe(text.length);
        written.assert(text);
        const decoded = guarded(length, at % 13);
        expect(kernel.decodeBase64Into(shifted(text, at % 7), decoded.target, alphabet)).toBe(length);
        decoded.assert(plain);
      }
    });

    it('into: leaves the rest of a longer target alone', () => {
      const target = new Uint8Array(20).fill(GUARD);
      expect(kernel.encodeBase64Into(bytesOf('fo'), target)).toBe(4);
      expect(textOf(target)).toBe(`Zm8=${'Z'.repeat(16)}`);
      target.fill(GUARD);
      expect(kernel.decodeBase64Into(bytesOf('Zm8='), target)).toBe(2);
      expect(textOf(target)).toBe(`fo${'Z'.repeat(18)}`);
    });

    it('into: throws RangeError and writes nothing where the target is too short', () => {
      for (const length of [1, 2, 3, 100, WINDOW_BYTES + 1]) {
        for (const alphabet of ALPHABETS) {
          const plain = someBytes(length);
          const text = Buffer.from(encodeByBuffer(plain, alphabet));
          const short = new Uint8Array(text.length - 1).fill(GUARD);
          expect(() => kernel.encodeBase64Into(plain, short, alphabet)).toThrow(RangeError);
          expect(short.every((byte) => byte === GUARD)).toBe(true);
          const shorter = new Uint8Array(length - 1).fill(GUARD);
          expect(() => kernel.decodeBase64Into(text, shorter, alphabet)).toThrow(RangeError);
          expect(shorter.every((byte) => byte === GUARD)).toBe(true);
        }
      }
    });

    it('into: a fault writes no byte beside the target either', () => {
      for (const alphabet of ALPHABETS) {
        for (let length = 1; length < 90; length++) {
          for (const fault of [0x3d, 0x20]) {
            const text = Uint8Array.from(Buffer.from(encodeByBuffer(someBytes(length), alphabet)));
            const at = (length * 7) % text.length;
            text[at] = fault;
            const { target, assertGuards } = guarded(Math.floor((text.length * 3) / 4), length % 9);
            outcomeOf(() => target.subarray(0, kernel.decodeBase64Into(text, target, alphabet)));
            assertGuards();
          }
        }
        // Length is the last fault found: the whole text has been decoded before it.
        for (let length = 5; length < 90; length += 4) {
          const { target, assertGuards } = guarded(Math.floor((length * 3) / 4), 1);
          expect(errorOf(() => kernel.decodeBase64Into(new Uint8Array(length).fill(0x41), target, alphabet)).code).toBe(
            'KERNEL_BASE64_LENGTH',
          );
          assertGuards();
        }
      }
    });

    it('padding at the end of a window that is not the last is refused where it is', () => {
      const text = kernel.encodeBase64(someBytes(3 * WINDOW_BYTES));
      for (const windows of [1, 2]) {
        for (let offset = windows * WINDOW_TEXT - 4; offset < windows * WINDOW_TEXT + 4; offset++) {
          const broken = text.slice();
          broken[offset] = 0x3d;
          expect(outcomeOf(() => kernel.decodeBase64(broken))).toEqual({ code: 'KERNEL_BASE64_PADDING', offset });
          expect(outcomeOf(() => kernel.decodeBase64View(broken))).toEqual({ code: 'KERNEL_BASE64_PADDING', offset });
          broken.fill(0x3d, offset, windows * WINDOW_TEXT);
          expect(outcomeOf(() => kernel.decodeBase64(broken))).toEqual({ code: 'KERNEL_BASE64_PADDING', offset });
        }
      }
    });

    it('a fault around the end of a window, and in the last group after one, has its offset in the whole text', () => {
      for (const alphabet of ALPHABETS) {
        const text = kernel.encodeBase64(someBytes(2 * WINDOW_BYTES + 3), alphabet);
        for (const offset of [
          0,
          3,
          WINDOW_TEXT - 5,
          WINDOW_TEXT - 1,
          WINDOW_TEXT,
          WINDOW_TEXT + 4,
          2 * WINDOW_TEXT - 1,
          2 * WINDOW_TEXT + 3,
        ]) {
          const broken = text.slice();
          broken[offset] = 0xff;
          expect(outcomeOf(() => kernel.decodeBase64(broken, alphabet))).toEqual({ code: 'KERNEL_BASE64_CHARACTER', offset });
        }
        const cut = text.subarray(0, 2 * WINDOW_TEXT + 1);
        expect(outcomeOf(() => kernel.decodeBase64(cut, alphabet))).toEqual({ code: 'KERNEL_BASE64_LENGTH', offset: cut.length });
      }
      const bits = bytesOf(`${'A'.repeat(WINDOW_TEXT)}AB==`);
      expect(outcomeOf(() => kernel.decodeBase64(bits))).toEqual({ code: 'KERNEL_BASE64_TRAILING_BITS', offset: WINDOW_TEXT + 1 });
    });

    it('reads a subarray from its own offset and no byte beyond', () => {
      const around = someBytes(64);
      for (let start = 0; start < 9; start++) {
        for (let end = start; end < start + 9; end++) {
          const part = around.subarray(start, end);
          expect(kernel.encodeBase64(part)).toEqual(kernel.encodeBase64(part.slice()));
        }
      }
      const framed = bytesOf('====YWJj====');
      expect(textOf(kernel.decodeBase64(framed.subarray(4, 8)))).toBe('abc');
    });

    it('neither alters its input nor keeps or shares it', () => {
      const plain = bytesOf('foobar and more');
      const encoded = kernel.encodeBase64(plain);
      expect(textOf(plain)).toBe('foobar and more');
      plain.fill(0);
      expect(textOf(kernel.decodeBase64(encoded))).toBe('foobar and more');
      const decoded = kernel.decodeBase64(encoded);
      encoded.fill(0);
      kernel.encodeBase64(new Uint8Array(100).fill(0xff));
      expect(textOf(decoded)).toBe('foobar and more');
      expect(decoded.byteOffset).toBe(0);
      expect(decoded.buffer.byteLength).toBe(decoded.length);
    });

    it('keeps earlier arrays whole when memory grows', () => {
      const grown = makeKernel();
      const before = grown.encodeBase64(bytesOf('small'));
      const large = someBytes(3 * 1024 * 1024 + 1);
      const encoded = grown.encodeBase64View(large).slice();
      assertSame(encoded, Buffer.from(encodeByBuffer(large, 'standard')));
      assertSame(grown.decodeBase64View(encoded), large);
      expect(textOf(before)).toBe('c21hbGw=');
      expect(textOf(grown.decodeBase64(before))).toBe('small');
    });

    it('takes a view of its own as the next source, through every form, where memory has to grow for it too', () => {
      for (const length of [10, 100, WINDOW_BYTES + 5, 400_000]) {
        const plain = someBytes(length);
        const grown = makeKernel();
        assertSame(grown.decodeBase64View(grown.encodeBase64View(plain)), plain);
        assertSame(grown.decodeBase64(grown.encodeBase64View(plain)), plain);
        const text = grown.encodeBase64View(plain);
        assertSame(onePart(grown.decodeBase64Parts(text, Uint32Array.of(0, text.length))), plain);
        const target = new Uint8Array(length);
        expect(grown.decodeBase64Into(grown.encodeBase64View(plain), target)).toBe(length);
        assertSame(target, plain);
        assertSame(makeKernel().encodeBase64View(grown.decodeBase64View(grown.encodeBase64View(plain))), grown.encodeBase64(plain));
      }
    });

    it.each(ALPHABETS)('parts: gives each by its range, all valid at once, in %s', (alphabet) => {
      const plains = [0, 1, 2, 3, 15, 16, 17, 48, 1000, 0, 7].map((length) => someBytes(length));
      const { text, ranges } = joined(plains.map((plain) => encodeByBuffer(plain, alphabet)));
      const parts = kernel.decodeBase64Parts(text, ranges, alphabet);
      expect(parts.length).toBe(plains.length);
      for (const [at, plain] of plains.entries()) assertSame(parts[at]!, plain);
      expect(kernel.decodeBase64Parts(text, new Uint32Array(), alphabet)).toEqual([]);
    });

    it('parts: may overlap, repeat and come in any order', () => {
      const text = bytesOf('YWJjZGVm');
      const parts = kernel.decodeBase64Parts(text, Uint32Array.of(4, 8, 0, 8, 0, 4, 4, 8));
      expect(parts.map(textOf)).toEqual(['def', 'abcdef', 'abc', 'def']);
    });

    it('parts: a fault has its part, and its offset in the whole text', () => {
      const texts = ['YWJj', 'YWJj'.repeat(30), 'YQ==', 'YWI='];
      const breakers: readonly (readonly [part: number, at: number, byte: number, code: string])[] = [
        [0, 2, 0x20, 'CHARACTER'],
        [1, 97, 0xff, 'CHARACTER'],
        [1, 119, 0x0a, 'CHARACTER'],
        [2, 1, 0x52, 'TRAILING_BITS'],
        [3, 1, 0x3d, 'PADDING'],
      ];
      for (const [part, at, byte, code] of breakers) {
        const { text, ranges } = joined(texts);
        const offset = ranges[2 * part]! + at;
        text[offset] = byte;
        const error = errorOf(() => kernel.decodeBase64Parts(text, ranges));
        expect({ code: error.code, details: error.details }).toEqual({ code: `KERNEL_BASE64_${code}`, details: { offset, part } });
      }
      const { text, ranges } = joined(texts);
      ranges[3]! -= 1;
      expect(errorOf(() => kernel.decodeBase64Parts(text, ranges))).toMatchObject({
        code: 'KERNEL_BASE64_LENGTH',
        details: { offset: ranges[3], part: 1 },
      });
    });

    it('parts: ranges that are none are a mistake of the caller', () => {
      const text = bytesOf('YWJjYWJj');
      for (const ranges of [[0], [0, 4, 4], [4, 0], [0, 9], [9, 9], [0, 0xffff_ffff]]) {
        expect(() => kernel.decodeBase64Parts(text, Uint32Array.from(ranges))).toThrow(RangeError);
      }
    });

    it('parts: decodes a thousand of them', () => {
      const plains = Array.from({ length: 1000 }, (_, at) => someBytes(at % 97));
      const { text, ranges } = joined(plains.map((plain) => encodeByBuffer(plain, 'standard')));
      const parts = makeKernel().decodeBase64Parts(text, ranges);
      for (const [at, plain] of plains.entries()) assertSame(parts[at]!, plain);
    });
  });
}

/** Bytes with no pattern shorter than a window. */
export function someBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = Math.imul(at + 1, 0x9e3779b1) >>> 23;
  return bytes;
}

/** Texts after each other with a line feed between, and the range of each. */
function joined(texts: readonly string[]): { text: Uint8Array<ArrayBuffer>; ranges: Uint32Array<ArrayBuffer> } {
  const ranges: number[] = [];
  let length = 0;
  for (const text of texts) {
    ranges.push(length, length + text.length);
    length += text.length + 1;
  }
  return { text: Uint8Array.from(Buffer.from(texts.join('\n'))), ranges: Uint32Array.from(ranges) };
}

/** The same bytes at an offset of another buffer. */
function shifted(bytes: Uint8Array, offset: number): Uint8Array {
  const around = new Uint8Array(offset + bytes.length + 3).fill(0x3d);
  around.set(bytes, offset);
  return around.subarray(offset, offset + bytes.length);
}

/** A target of `length` bytes with guard bytes before and after it. */
function guarded(length: number, offset: number): { target: Uint8Array; assertGuards(): void; assert(expected: Uint8Array): void } {
  const around = new Uint8Array(offset + length + GUARD_BYTES).fill(GUARD);
  const target = around.subarray(offset, offset + length);
  const assertGuards = (): void => {
    expect(around.subarray(0, offset).every((byte) => byte === GUARD)).toBe(true);
    expect(around.subarray(offset + length).every((byte) => byte === GUARD)).toBe(true);
  };
  return {
    target,
    assertGuards,
    assert(expected) {
      assertSame(target, expected);
      assertGuards();
    },
  };
}

function onePart(parts: readonly Uint8Array[]): Uint8Array {
  expect(parts.length).toBe(1);
  return parts[0]!;
}

/** `toEqual` compares large arrays element by element, and takes seconds. */
function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) !== 0) expect.fail(`${actual.length} bytes differ from the ${expected.length} expected`);
}
