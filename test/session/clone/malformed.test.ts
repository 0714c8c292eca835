/**
 * Hostile bytes under the tags of plain containers and primitives: refused with a code and a place, or the one encoding of a value. fast-check prints the
 * seed of what fails.
 */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { PspError } from '../../../ts/errors.ts';
import { decodeValue } from '../../../ts/session/clone/decode.ts';
import { beginEncoding, encodeValue } from '../../../ts/session/clone/encode.ts';
import { resizable } from '../graph.ts';
import { refusalOf } from './refusal.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

afterEach(() => {
  vi.unstubAllGlobals();
});

const holes = Object.assign(new Array(3), { 0: 1, 2: 3 });
const named = Object.assign([] as unknown[], { x: true });
const sharedDate = new Date(0);

function expectMalformed(bytes: Uint8Array): PspError {
  const error = refusalOf(bytes);
  expect(error?.code).toBe('SESSION_CLONE_MALFORMED');
  const offset = error?.details['offset'];
  expect(offset).toSatisfy((at: unknown) => Number.isInteger(at) && (at as number) >= 0 && (at as number) <= bytes.length);
  expect(error?.message).toContain(`at offset ${offset}`);
  return error as PspError;
}

/** Either refused with a place, or accepted, and then these are the only bytes of that value. */
function expectSane(bytes: Uint8Array): boolean {
  if (refusalOf(bytes) !== null) {
    expectMalformed(bytes);
    return false;
  }
  const encoded = beginEncoding(decodeValue(bytes).value);
  // What must be awaited is looked at in hostile.test.ts.
  if ('bytes' in encoded) expect(hexOf(encoded.bytes)).toBe(hexOf(bytes));
  return true;
}

/** Something of everything, with sharing. */
function composite(): unknown {
  const buffer = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7).buffer;
  const all: Record<string, unknown> = {
    numbers: [0, 300, -1, 1.5, Number.NaN, -0],
    bigints: [0n, -(2n ** 70n)],
    strings: ['', 'sid\u00ff', '\u0100\ud800'],
    views: [new Uint16Array(buffer, 2, 2), new DataView(buffer), buffer],
    map: new Map<unknown, unknown>([
      ['a', new Set([1, 'b'])],
      [{}, undefined],
    ]),
    holes,
    named,
    date: sharedDate,
    again: sharedDate,
    regexp: /x/g,
    weak: new WeakMap(),
    boxed: [Object('s'), Object(-0), Object(false), Object(7n)],
    error: new RangeError('m', { cause: sharedDate }),
    exception: new DOMException('m', 'AbortError'),
    resizable: [2, 3, 8].map((length) => new Uint8Array(resizable(new Uint8Array(length), 64), 1)),
    17: true,
  };
  all['self'] = all;
  return all;
}

describe('hostile bytes', () => {
  test.each([
    ['nothing', ''],
    ['an unassigned tag', '0b'],
    ['the last tag', 'ff'],
    ['something after the value', '0000'],
    ['an array without end', '0d01'],
    ['a count of 2^50 elements', '0d 80808080808002'],
    ['a count of 2^50 members', '0e 80808080808002'],
    ['a count of 2^50 entries of a Map', '10 80808080808002'],
    ['a count of 2^50 members of a Set', '11 80808080808002'],
    ['a string of 2^50 bytes', '0a 80808080808002'],
    ['a string of 2^50 units', '0c 80808080808002'],
    ['a buffer of 2^50 bytes', '08 80808080808002'],
    ['a BigInt of 2^50 bytes', '06 00 80808080808002'],
    ['a class name of 2^50 bytes', '7f 0a 80808080808002'],
    ['one element more than there are', '0d 02 00'],
    ['half an entry of an object', '0e 01 0a0161'],
    ['half an entry of a Map', '10 01 00'],
    ['a varint above 2^53-1', '03 ffffffffffffff1f'],
    ['a varint of 2^53', '03 8080808080808010'],
    ['a varint without end', '03 ffffffffffffffffffff'],
    ['a varint of nine bytes', '03 808080808080808001'],
    ['a varint that is not shortest', '03 8000'],
    ['another that is not shortest', '03 ff8000'],
    ['a length that is not shortest', '0a 810061'],
    ['a varint that is cut', '03 80'],
    ['an integer as a double', '04 000000000000f03f'],
    ['zero as a double', '04 0000000000000000'],
    ['2^53-1 as a double', '04 ffffffffffff3f43'],
    ['a NaN with a payload', '04 010000000000f87f'],
    ['a NaN with a sign', '04 000000000000f8ff'],
    ['a Date with a NaN with a payload', '07 010000000000f87f'],
    ['a Date at -0', '07 0000000000000080'],
    ['a Date between milliseconds', '07 000000000000f83f'],
    ['a Date after the end of time', '07 0100dcc208b23e43'],
    ['a Date at infinity', '07 000000000000f07f'],
    ['a narrow string as a wide one', '0c 01 6100'],
    ['an empty string as a wide one', '0c 00'],
    ['half a unit', '0c 01 61'],
    ['a BigInt with a sign of 2', '06 02 01 01'],
    ['-0n', '06 01 00'],
    ['a BigInt with a zero on top', '06 00 02 0100'],
    ['0n with a digit', '06 00 01 00'],
    ['a dense array as one with holes', '0f 01 01 0a0130 00'],
    ['an empty array as one with holes', '0f 00 00'],
    ['an array longer than 2^32-1', '0f 8080808010 00'],
    ['an element after the end of its array', '0f 01 01 0a0131 00'],
    ['an element of an array without length', '0f 00 01 0a0130 00'],
    ['an element that is there twice', '0f 03 02 0a0130 00 0a0130 00'],
    ['elements in the wrong order', '0f 05 02 0a0132 00 0a0131 00'],
    ['an element after a name', '0f 05 02 0a0178 00 0a0131 00'],
    ['an array that sets its length', '0f 02 01 0a066c656e677468 0301'],
    ['an object with a key twice', '0e 02 0a0161 00 0a0161 00'],
    ['an object with __proto__ twice', '0e 02 0a095f5f70726f746f5f5f 00 0a095f5f70726f746f5f5f 00'],
    ['an object with an index after a name', '0e 02 0a0161 00 0a0131 00'],
    ['an object with indexes in the wrong order', '0e 02 0a0132 00 0a0131 00'],
    ['a key that is no string', '0e 01 0301 00'],
    ['a key that is a back-reference', '0e 01 2000 00'],
    ['a Map with a key twice', '10 02 0301 00 0301 01'],
    ['a Map with NaN twice', '10 02 04000000000000f87f 00 04000000000000f87f 00'],
    ['a Map with an object twice', '10 02 0e00 00 2001 00'],
    ['a Map with the key -0', '10 01 040000000000000080 00'],
    ['a Set with a member twice', '11 02 0a0161 0a0161'],
    ['a Set with the member -0', '11 01 040000000000000080'],
    ['a back-reference to nothing', '2000'],
    ['a back-reference ahead', '0d 02 2001 0e00'],
    ['a back-reference to 2^53-1', '20 ffffffffffffff0f'],
    ['a view of an unknown kind', '13 0d 00 00 0800'],
    ['a view longer than its buffer', '13 02 00 03 08020000'],
    ['a view after the end of its buffer', '13 02 03 00 08020000'],
    ['a view far after the end', '13 02 ffffffffffffff0f ffffffffffffff0f 08020000'],
    ['a view that is not aligned', '13 05 01 02 080400000000'],
    ['a view of half an element', '13 05 00 03 080400000000'],
    ['a Float16Array longer than its buffer', '13 0c 00 06 0804 00000000'],
    ['a Float16Array that is not aligned', '13 0c 01 02 0804 00000000'],
    ['a Float16Array without a buffer', '13 0c 00 02 00'],
    ['a view on a string', '13 02 00 01 0a0161'],
    ['a view on nothing', '13 02 00 00 00'],
    ['a view on an array', '13 02 00 00 0d00'],
    ['a view on a placeholder', '13 02 00 00 7f0a0141'],
    ['a view on itself', '13 02 00 00 2000'],
    ['a view on a Date', '0d 02 070000000000000000 13 02 00 00 2001'],
    ['a view on a view', '13 02 00 00 13 02 00 00 0800'],
    ['a placeholder without a name', '7f'],
    ['a placeholder whose name is no string', '7f 0301'],
    ['a placeholder whose name is an object', '7f 0e00'],
    ['a placeholder with a name of 65 units', `7f 0a41${'78'.repeat(65)}`],
    ['an array in a buffer that is no value', '08 02 0d'],
  ])('%s is malformed', (_name, hex) => {
    expectMalformed(bytesOf(hex));
  });

  test('the fault is named with the place where it was seen', () => {
    expect(expectMalformed(bytesOf('0d 03 00 00 0b')).message).toBe('structured-clone bytes: tag 0xb is not assigned, at offset 5');
    expect(expectMalformed(bytesOf('0a 05 6162')).details).toEqual({ offset: 2 });
  });

  test.each([
    ['an array', '0d 80808080808002'],
    ['an object', '0e 03'],
    ['a Map', '10 03'],
    ['a Set', '11 06'],
    ['an array with holes', '0f 05 03'],
  ])('a count larger than what is left is refused before anything is read: %s', (_name, head) => {
    expect(expectMalformed(bytesOf(`${head} 0000000000`)).details).toEqual({ offset: bytesOf(head).length });
  });

  test('every truncation is malformed', () => {
    const { bytes } = encodeValue(composite());
    for (let length = 0; length < bytes.length; length++) expectMalformed(bytes.subarray(0, length));
    expect(expectSane(bytes)).toBe(true);
  });

  test('changed bytes are malformed, or the one encoding of another value', () => {
    const { bytes } = encodeValue(composite());
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, change, cut) => {
        const hostile = bytes.slice();
        hostile[at] = (hostile[at] as number) ^ change;
        expectSane(cut ? hostile.subarray(at) : hostile);
      }),
      { numRuns: 5000 },
    );
  });

  test('any bytes are malformed, or the one encoding of a value', () => {
    const tag = fc.constantFrom(
      0,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      9,
      0x0a,
      0x0c,
      0x0d,
      0x0e,
      0x0f,
      0x10,
      0x11,
      0x12,
      0x13,
      0x15,
      0x16,
      0x17,
      0x20,
      0x7f,
    );
    const byte = fc.oneof({ weight: 5, arbitrary: tag }, { weight: 4, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(255) });
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), (hostile) => {
        if (expectSane(Uint8Array.from(hostile))) accepted++;
      }),
      { numRuns: 5000 },
    );
    // Otherwise this would say nothing about what is accepted.
    expect(accepted).toBeGreaterThan(20);
  });

  test('a claimed array length costs nothing: 64 arrays of 2^25-1 elements in 450 bytes', () => {
    const before = process.memoryUsage().heapUsed;
    const { value } = decodeValue(bytesOf(`0d 40 ${'0f ffffff0f 00'.repeat(64)}`));
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50 * 1024 * 1024);
    expect((value as unknown[][]).map(({ length }) => length)).toEqual(new Array(64).fill(2 ** 25 - 1));
  });

  test('depth without end costs no stack: a million open arrays are malformed at their end', () => {
    const hostile = new Uint8Array(2_000_000);
    for (let i = 0; i < hostile.length; i += 2) hostile.set([0x0d, 1], i);
    expect(expectMalformed(hostile).details).toEqual({ offset: hostile.length });
  });

  test('views within views cost no stack', () => {
    const hostile = new Uint8Array(4_000_000);
    for (let i = 0; i < hostile.length; i += 4) hostile.set([0x13, 2, 0, 0], i);
    expectMalformed(hostile);
  });

  test('no error quotes what the bytes hold', () => {
    const { bytes } = encodeValue({ token: 'S3CRET', S3CRET: 'S3CRET\u0100', list: [new Map([['S3CRET', 'S3CRET']])] });
    for (let at = 0; at < bytes.length; at++) {
      const hostile = bytes.slice();
      hostile[at] = 0x21;
      expect(inspect(refusalOf(hostile), { depth: 9, showHidden: true })).not.toContain('S3CRET');
    }
  });
});

describe('what the platform cannot hold', () => {
  test('a BigInt that is too large has its own code, and nothing of the platform’s message, which quotes it', () => {
    vi.stubGlobal('BigInt', (digits: string) => {
      throw new SyntaxError(`Cannot convert ${digits} to a BigInt`);
    });
    const error = refusalOf(bytesOf('06 00 02 cdab'));
    expect(error?.code).toBe('SESSION_CLONE_UNSUPPORTED');
    expect(error?.details).toEqual({ offset: 5 });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('abcd');
  });

  test('a Map that is too large has its own code', () => {
    class SmallMap extends Map<unknown, unknown> {
      override set(): this {
        throw new RangeError('Map maximum size exceeded');
      }
    }
    vi.stubGlobal('Map', SmallMap);
    expect(refusalOf(bytesOf('10 01 0301 00'))?.code).toBe('SESSION_CLONE_UNSUPPORTED');
  });
});
