/**
 * The structured-clone encoding against `ts/session/clone/layout.md`: bytes worked out by hand, the platform's `structuredClone` as the judge of
 * values, and hostile bytes. fast-check prints the seed of what fails.
 */
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import { decodeValue, Unportable } from '../../ts/session/clone/decode.ts';
import { encodeValue } from '../../ts/session/clone/encode.ts';
import { difference, graph, VIEWS } from './graph.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const encode = (value: unknown): string => hexOf(encodeValue(value).bytes);

afterEach(() => {
  vi.unstubAllGlobals();
});

function make<T>(value: T, fill: (value: T) => void): T {
  fill(value);
  return value;
}

const holes = make<unknown[]>([], (array) => {
  array[0] = 1;
  array[2] = 3;
});
const named = Object.assign([] as unknown[], { x: true });
const cyclic = make<unknown[]>([], (array) => array.push(array));
const shared = {};
const sharedDate = new Date(0);
const sharedBuffer = Uint8Array.of(7).buffer;

/** Worked out by hand from layout.md; spaces stand where a part ends. Every tag is here. */
const GOLDEN: readonly (readonly [string, unknown, string])[] = [
  ['null', null, '00'],
  ['true', true, '01'],
  ['false', false, '02'],
  ['0', 0, '03 00'],
  ['127, the last varint of one byte', 127, '03 7f'],
  ['128', 128, '03 8001'],
  ['300', 300, '03 ac02'],
  ['2^32', 2 ** 32, '03 8080808010'],
  ['2^53-1, the last integer', 2 ** 53 - 1, '03 ffffffffffffff0f'],
  ['2^53, no integer any more', 2 ** 53, '04 0000000000004043'],
  ['-1', -1, '04 000000000000f0bf'],
  ['-0', -0, '04 0000000000000080'],
  ['1.5', 1.5, '04 000000000000f83f'],
  ['NaN', Number.NaN, '04 000000000000f87f'],
  ['Infinity', Infinity, '04 000000000000f07f'],
  ['-Infinity', -Infinity, '04 000000000000f0ff'],
  ['undefined', undefined, '05'],
  ['0n', 0n, '06 00 00'],
  ['1n', 1n, '06 00 01 01'],
  ['-1n', -1n, '06 01 01 01'],
  ['256n', 256n, '06 00 02 0001'],
  ['-0xabcn', -0xabcn, '06 01 02 bc0a'],
  ['2n ** 64n', 2n ** 64n, '06 00 09 000000000000000001'],
  ['the epoch', new Date(0), '07 0000000000000000'],
  ['one second', new Date(1000), '07 0000000000408f40'],
  ['an invalid Date', new Date(Number.NaN), '07 000000000000f87f'],
  ['an ArrayBuffer', Uint8Array.of(1, 2, 3).buffer, '08 03 010203'],
  ['an empty ArrayBuffer', new ArrayBuffer(0), '08 00'],
  ['the empty string', '', '0a 00'],
  ['NUL', 'a\0', '0a 02 6100'],
  ['U+00FF, the last of latin1', '\u00ff', '0a 01 ff'],
  ['U+0100, the first beyond it', '\u0100', '0c 01 0001'],
  ['one wide unit among narrow ones', 'a\u0100', '0c 02 6100 0001'],
  ['a lone surrogate', '\ud800', '0c 01 00d8'],
  ['an emoji', '\u{1f600}', '0c 02 3dd8 00de'],
  ['an empty array', [], '0d 00'],
  ['an array', [1, 'a'], '0d 02 0301 0a0161'],
  ['an array of undefined, which is no hole', [undefined], '0d 01 05'],
  ['an empty object', {}, '0e 00'],
  ['an object', { a: null }, '0e 01 0a0161 00'],
  ['an object with an index, which comes first', { b: 1, 1: 2 }, '0e 02 0a0131 0302 0a0162 0301'],
  ['an own __proto__', JSON.parse('{"__proto__":true}'), '0e 01 0a095f5f70726f746f5f5f 01'],
  ['an array with a hole', holes, '0f 03 02 0a0130 0301 0a0132 0303'],
  ['an array with a name', named, '0f 00 01 0a0178 01'],
  ['the longest array', new Array(2 ** 32 - 1), '0f ffffffff0f 00'],
  ['a Map', new Map([[1, 2]]), '10 01 0301 0302'],
  ['an empty Map', new Map(), '10 00'],
  ['a Set', new Set([null]), '11 01 00'],
  ['an empty Set', new Set(), '11 00'],
  ['a Uint8Array', Uint8Array.of(1, 2), '13 02 00 02 08020102'],
  ['the end of a Uint16Array', Uint16Array.of(1, 2, 3).subarray(1), '13 05 02 04 0806010002000300'],
  ['a DataView', new DataView(new ArrayBuffer(2), 1), '13 00 01 01 08020000'],
  ['a Float64Array', Float64Array.of(1.5), '13 09 00 08 0808000000000000f83f'],
  ['an array in itself', cyclic, '0d 01 2000'],
  ['an object twice', [shared, shared], '0d 02 0e00 2001'],
  ['a Date twice', [sharedDate, sharedDate], '0d 02 070000000000000000 2001'],
  ['two views on one buffer', [new Uint8Array(sharedBuffer), new DataView(sharedBuffer)], '0d 02 13020001080107 130000012002'],
  ['a symbol', Symbol('x'), '7f 0a0673796d626f6c'],
  ['a function', () => 1, '7f 0a0866756e6374696f6e'],
  ['a RegExp', /x/, '7f 0a06526567457870'],
];

describe('the bytes of layout.md', () => {
  test.each(GOLDEN)('%s', (_name, value, hex) => {
    expect(encode(value)).toBe(hex.replaceAll(' ', ''));
  });

  test.each(GOLDEN)('%s is read back', (_name, value, hex) => {
    const decoded = decodeValue(bytesOf(hex));
    if (decoded.unportable.length === 0) expect(difference(value, decoded.value)).toBeNull();
    else expect(decoded.value).toBeInstanceOf(Unportable);
    expect(encode(decoded.value)).toBe(hex.replaceAll(' ', ''));
  });

  test('every kind of view has its number', () => {
    const buffer = new ArrayBuffer(16);
    const views = VIEWS.map((View) => new View(buffer));
    expect(views.map((view) => encodeValue(view).bytes[1])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(difference(views, decodeValue(encodeValue(views).bytes).value)).toBeNull();
  });

  test('a view of a class that this platform lacks is checked, named and a placeholder', () => {
    vi.stubGlobal('Float16Array', undefined);
    const found = decodeValue(bytesOf('0d 03 13 0c 02 02 0804 00000000 2001 2002'));
    expect(found.unportable).toEqual(['Float16Array']);
    const [view, again, buffer] = found.value as unknown[];
    expect(view).toEqual(new Unportable('Float16Array'));
    expect(again).toBe(view);
    expect(buffer).toBeInstanceOf(ArrayBuffer);
    expectMalformed(bytesOf('13 0c 00 06 0804 00000000'));
    expectMalformed(bytesOf('13 0c 01 02 0804 00000000'));
    expectMalformed(bytesOf('13 0c 00 02 00'));
  });
});

describe('one value has one encoding', () => {
  test.each<[string, unknown, unknown]>([
    ['numbers', 6 / 2, 3],
    ['a NaN with another payload', new Float64Array(Uint8Array.of(1, 0, 0, 0, 0, 0, 0xf8, 0xff).buffer)[0], Number.NaN],
    ['strings', 'a'.concat('\u0100'), ['a', '\u0100'].join('')],
    ['a string cut from a wide one', 'abc\u0100'.slice(0, 3), 'abc'],
    ['objects with and without a deleted member', make<Record<string, number>>({ x: 1, a: 2 }, (one) => delete one['x']), { a: 2 }],
    ['objects with another prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    [
      'instances of classes',
      new (class Point {
        x = 1;
      })(),
      { x: 1 },
    ],
    ['arrays that were longer', make([1, 2, 3], (one) => one.pop()), [1, 2]],
    [
      'arrays that were filled backwards',
      make<number[]>([], (one) => {
        one[1] = 2;
        one[0] = 1;
      }),
      [1, 2],
    ],
    ['Maps that were emptied', make(new Map([[1, 1]]), (one) => one.clear()), new Map()],
    ['a Map with the key -0', new Map([[-0, 1]]), new Map([[0, 1]])],
    ['a Uint8Array and a Buffer over the same bytes', Buffer.from(Uint8Array.of(1, 2).buffer), Uint8Array.of(1, 2)],
    [
      'objects of another realm',
      runInNewContext('({ a: [new Date(1), new Map([[1, new Set()]]), new Uint8Array(1)] })'),
      { a: [new Date(1), new Map([[1, new Set()]]), new Uint8Array(1)] },
    ],
  ])('equal values that were made differently: %s', (_name, one, other) => {
    expect(encode(one)).toBe(encode(other));
  });

  test.each<[string, unknown, unknown]>([
    ['0 and -0', 0, -0],
    ['a hole and undefined', new Array(1), [undefined]],
    ['null and undefined', null, undefined],
    ['1 and 1n', 1, 1n],
    ['the order of members', { a: 1, b: 2 }, { b: 2, a: 1 }],
    [
      'the order of a Map',
      new Map([
        [1, 1],
        [2, 2],
      ]),
      new Map([
        [2, 2],
        [1, 1],
      ]),
    ],
    ['one object twice and two alike', [shared, shared], [{}, {}]],
    ['a view and its buffer', new Uint8Array(1), new ArrayBuffer(1)],
    ['two views of the same bytes', new Uint8Array(1), new Int8Array(1)],
  ])('different values have different bytes: %s', (_name, one, other) => {
    expect(encode(one)).not.toBe(encode(other));
  });
});

describe('round trips', () => {
  test('what comes back is what structuredClone gives, for any graph of values', () => {
    fc.assert(
      fc.property(graph, (value) => {
        const { bytes, unportable } = encodeValue(value);
        const decoded = decodeValue(bytes);
        expect(difference(structuredClone(value), decoded.value)).toBeNull();
        expect(difference(value, decoded.value)).toBeNull();
        expect([...unportable, ...decoded.unportable]).toEqual([]);
        expect(hexOf(encodeValue(decoded.value).bytes)).toBe(hexOf(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  const self = (): unknown => {
    const object: Record<string, unknown> = {};
    const map = new Map<unknown, unknown>([[object, object]]);
    const set = new Set<unknown>([map, object]);
    map.set(map, set);
    set.add(set);
    Object.assign(object, { map, set, list: [object, [map, set]] });
    return object;
  };

  test.each<[string, unknown]>([
    ['cycles through objects, arrays, Map keys, Map values and Set members', self()],
    ['the same Date, Map and buffer more than once', [sharedDate, { at: sharedDate }, sharedBuffer, new Map([[sharedDate, sharedBuffer]])]],
    ['views that overlap', [new Uint8Array(sharedBuffer), new Int8Array(sharedBuffer), sharedBuffer]],
    [
      'a buffer before its view, and a view before its buffer',
      [sharedBuffer, new Uint8Array(sharedBuffer), new DataView(new ArrayBuffer(3), 1, 1)],
    ],
    ['an empty view at the end of its buffer', new Uint32Array(new ArrayBuffer(8), 8)],
    ['negative and large numbers', [-1, -(2 ** 53), 2 ** 53 + 2, Number.MIN_VALUE, Number.MAX_VALUE, 2 ** 31, 2 ** 32 - 1]],
    ['bigints', [0n, -1n, 255n, 256n, 2n ** 64n, -(2n ** 64n), 2n ** 1_000_000n - 1n, -(2n ** 999_999n)]],
    ['dates at the ends of time', [new Date(8.64e15), new Date(-8.64e15), new Date(-1), new Date(Number.NaN)]],
    ['strings longer than a piece', ['\u00e9'.repeat(20_000), '\ud83d'.repeat(20_001), 'x'.repeat(8192), 'x'.repeat(8193)]],
    [
      'holes at both ends',
      make<unknown[]>([], (one) => {
        one[2] = 'c';
        one.length = 5;
      }),
    ],
    ['an array with members and holes', Object.assign([1, 2, 3], { '-1': 0, '01': 1, 4294967295: 2, name: 3 })],
    [
      'as many names as there are holes',
      make<unknown[]>([], (one) => {
        one[1] = 1;
        Object.assign(one, { x: 0 });
      }),
    ],
    ['indexes at the border of what is one', { 4294967294: 1, 4294967295: 2, 4294967296: 3, 0: 4, '00': 5, '-0': 6 }],
    [
      'a far element',
      make<unknown[]>([], (one) => {
        one[2 ** 32 - 2] = 'last';
      }),
    ],
    ['an array of length 2^32-1 with nothing in it', new Array(2 ** 32 - 1)],
    [
      'a Map with every kind of key',
      new Map<unknown, unknown>([
        [Number.NaN, 1],
        [0, 2],
        ['0', 3],
        [0n, 4],
        [null, 5],
        [undefined, 6],
        [sharedDate, 7],
        [false, 8],
      ]),
    ],
    [
      'members named like those of Object.prototype',
      JSON.parse('{"__proto__":{"a":1},"constructor":1,"toString":2,"hasOwnProperty":null}'),
    ],
    ['empty things', ['', [], {}, new Map(), new Set(), new ArrayBuffer(0), new Uint8Array(0), [[]], { '': '' }]],
    ['many small members', Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, i]))],
  ])('%s', (_name, value) => {
    const decoded = decodeValue(encodeValue(value).bytes);
    expect(difference(value, decoded.value)).toBeNull();
    expect(difference(structuredClone(value), decoded.value)).toBeNull();
    expect(decoded.unportable).toEqual([]);
  });

  test('an own __proto__ changes no prototype, neither the object’s nor everyone’s', () => {
    const { value } = decodeValue(encodeValue(JSON.parse('{"__proto__":{"polluted":true},"a":{"__proto__":null}}')).bytes);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value as object)).toEqual(['__proto__', 'a']);
    expect('polluted' in (value as object)).toBe(false);
    expect('polluted' in {}).toBe(false);
    const array = decodeValue(bytesOf('0f 00 01 0a095f5f70726f746f5f5f 00')).value;
    expect(Object.getPrototypeOf(array)).toBe(Array.prototype);
    expect(Object.keys(array as object)).toEqual(['__proto__']);
  });

  test('a setter that someone put on Object.prototype is not called', () => {
    const seen: unknown[] = [];
    Object.defineProperty(Object.prototype, 'planted', { set: (value) => seen.push(value), configurable: true });
    try {
      const { value } = decodeValue(encodeValue(Object.defineProperty({}, 'planted', { value: 1, enumerable: true })).bytes);
      expect(Object.getOwnPropertyDescriptor(value, 'planted')?.value).toBe(1);
      expect(seen).toEqual([]);
    } finally {
      Reflect.deleteProperty(Object.prototype, 'planted');
    }
  });

  test.each<[string, (inner: unknown) => unknown]>([
    ['arrays', (inner) => [inner]],
    ['objects', (inner) => ({ a: inner })],
    ['Map values', (inner) => new Map([[0, inner]])],
    ['Map keys', (inner) => new Map([[inner, 0]])],
    ['Sets', (inner) => new Set([inner])],
    [
      'arrays with holes',
      (inner) =>
        make<unknown[]>([], (one) => {
          one[1] = inner;
        }),
    ],
  ])('a depth of 100,000 %s costs no stack, in either direction', (_name, wrap) => {
    let value: unknown = 'core';
    for (let i = 0; i < 100_000; i++) value = wrap(value);
    const { bytes } = encodeValue(value);
    expect(difference(value, decodeValue(bytes).value)).toBeNull();
  });

  test('what is decoded from a Buffer is a copy: neither its pool nor its bytes are shared', () => {
    const pooled = Buffer.from('080201ff', 'hex');
    const buffer = decodeValue(pooled).value as ArrayBuffer;
    pooled.fill(0);
    expect(new Uint8Array(buffer)).toEqual(Uint8Array.of(1, 0xff));
  });

  test('the encoder keeps nothing of its input: later changes do not reach the bytes', () => {
    const source = Uint8Array.of(1, 2);
    const { bytes } = encodeValue(source);
    source.fill(9);
    expect(decodeValue(bytes).value).toEqual(Uint8Array.of(1, 2));
  });
});

interface ResizableArrayBuffers {
  new (length: number, options: { maxByteLength: number }): ArrayBuffer;
}

/** The global that a test reads past the library types of ES2022. */
const resizable = (length: number): ArrayBuffer => new (ArrayBuffer as unknown as ResizableArrayBuffers)(length, { maxByteLength: 64 });

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(4);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function detachedView(): DataView {
  const view = new DataView(new ArrayBuffer(4));
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
  return view;
}

function shrunkView(): DataView {
  const buffer = resizable(8);
  const view = new DataView(buffer, 4, 4);
  (buffer as unknown as { resize(length: number): void }).resize(2);
  return view;
}

const tagged = (value: object, tag: string): object => Object.defineProperty(value, Symbol.toStringTag, { value: tag });

describe('what cannot be carried', () => {
  test.each<[string, unknown, string]>([
    ['a function', () => 1, 'function'],
    ['a class', class A {}, 'function'],
    ['a symbol', Symbol.iterator, 'symbol'],
    ['a RegExp', /x/g, 'RegExp'],
    ['an Error', new TypeError('x'), 'Error'],
    ['a Blob', new Blob(['x']), 'Blob'],
    ['a Promise', Promise.resolve(), 'Promise'],
    ['a WeakMap', new WeakMap(), 'WeakMap'],
    ['a boxed number', Object(1), 'Number'],
    ['a boxed string', Object('x'), 'String'],
    ['a boxed BigInt', Object(1n), 'BigInt'],
    ['a shared buffer', new SharedArrayBuffer(2), 'SharedArrayBuffer'],
    ['a view on a shared buffer', new Uint8Array(new SharedArrayBuffer(2)), 'SharedArrayBuffer'],
    ['a resizable buffer', resizable(2), 'ResizableArrayBuffer'],
    ['a view on a resizable buffer', new Uint8Array(resizable(2)), 'ResizableArrayBuffer'],
    ['a view that its buffer shrank away from', shrunkView(), 'ResizableArrayBuffer'],
    ['a detached buffer', detached(), 'DetachedArrayBuffer'],
    ['a view on a detached buffer', detachedView(), 'DetachedArrayBuffer'],
    ['an object tagged Map', tagged({}, 'Map'), 'not a Map'],
    ['an object tagged Set', tagged({}, 'Set'), 'not a Set'],
    ['an object tagged Date', tagged({}, 'Date'), 'not a Date'],
    ['an object tagged ArrayBuffer', tagged({}, 'ArrayBuffer'), 'not an ArrayBuffer'],
    ['an object tagged Array', tagged({ length: 3 }, 'Array'), 'not a Array'],
    ['an object tagged Uint8Array', tagged({}, 'Uint8Array'), 'not a Uint8Array'],
    ['an object tagged DataView', tagged({}, 'DataView'), 'not a DataView'],
    ['a Map tagged Set', tagged(new Map([[1, 2]]), 'Set'), 'not a Set'],
    ['a Map tagged Object', tagged(new Map([[1, 2]]), 'Object'), 'not an Object'],
    ['a RegExp tagged Object', tagged(/x/, 'Object'), 'not an Object'],
    ['an object tagged with a name of Object.prototype', tagged({}, '__proto__'), '__proto__'],
    ['an object tagged with another', tagged({}, 'constructor'), 'constructor'],
    ['an object with an empty tag', tagged({}, ''), ''],
    ['an object with a wide tag', tagged({}, 'Sch\u0142uss'), 'Sch\u0142uss'],
    ['an object with a long tag, which is cut', tagged({}, 'x'.repeat(65)), 'x'.repeat(64)],
  ])('%s becomes a placeholder that is named on both sides', (_name, value, className) => {
    const encoded = encodeValue(['before', value, 'after']);
    expect(encoded.unportable).toEqual([className]);
    const decoded = decodeValue(encoded.bytes);
    expect(decoded.unportable).toEqual([className]);
    expect(decoded.value).toEqual(['before', new Unportable(className), 'after']);
    expect(hexOf(encodeValue(decoded.value).bytes)).toBe(hexOf(encoded.bytes));
  });

  test.each<[string, object, object]>([
    ['an array', tagged([1, 2], 'Object'), [1, 2]],
    ['a Uint8Array', tagged(Uint8Array.of(1), 'Int8Array'), Uint8Array.of(1)],
    ['an array that claims a class of its own', tagged([1], 'Mine'), [1]],
  ])('%s is what it is, whatever its tag says', (_name, value, plain) => {
    expect(encode(value)).toBe(encode(plain));
  });

  test('an object that cannot be carried is named once and stays one object; the ids after it hold', () => {
    const blob = new Blob([]);
    const call = (): void => {};
    const last = {};
    const encoded = encodeValue([blob, blob, call, call, Symbol('a'), last, last]);
    expect(encoded.unportable).toEqual(['Blob', 'function', 'symbol']);
    const found = decodeValue(encoded.bytes).value as unknown[];
    expect(found[1]).toBe(found[0]);
    expect(found[3]).toBe(found[2]);
    expect(found[6]).toBe(found[5]);
    expect(found[6]).toEqual({});
  });

  test('placeholders in Map keys, Set members and members leave the rest as it was', () => {
    const value = new Map<unknown, unknown>([
      [/a/, new Set([/b/, 1])],
      ['k', { x: /c/, y: 2 }],
    ]);
    const decoded = decodeValue(encodeValue(value).bytes);
    expect(decoded.unportable).toEqual(['RegExp', 'RegExp', 'RegExp']);
    const regexp = (): Unportable => new Unportable('RegExp');
    expect(
      difference(
        new Map<unknown, unknown>([
          [regexp(), new Set([regexp(), 1])],
          ['k', { x: regexp(), y: 2 }],
        ]),
        decoded.value,
      ),
    ).toBeNull();
  });
});

function failureOf(bytes: Uint8Array): PspError | null {
  try {
    decodeValue(bytes);
    return null;
  } catch (error) {
    if (error instanceof PspError) return error;
    throw error;
  }
}

function expectMalformed(bytes: Uint8Array): PspError {
  const error = failureOf(bytes);
  expect(error?.code).toBe('SESSION_CLONE_MALFORMED');
  const offset = error?.details['offset'];
  expect(offset).toSatisfy((at: unknown) => Number.isInteger(at) && (at as number) >= 0 && (at as number) <= bytes.length);
  expect(error?.message).toContain(`at offset ${offset}`);
  return error as PspError;
}

/** Either refused with a place, or accepted, and then these are the only bytes of that value. */
function expectSane(bytes: Uint8Array): boolean {
  if (failureOf(bytes) !== null) {
    expectMalformed(bytes);
    return false;
  }
  const decoded = decodeValue(bytes);
  if (!decoded.unportable.includes('Float16Array')) expect(hexOf(encodeValue(decoded.value).bytes)).toBe(hexOf(bytes));
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
    regexp: /x/,
    17: true,
  };
  all['self'] = all;
  return all;
}

describe('hostile bytes', () => {
  test.each([
    ['nothing', ''],
    ['an unassigned tag', '09'],
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
    expect(expectMalformed(bytesOf('0d 03 00 00 09')).message).toBe('structured-clone bytes: tag 0x9 is not assigned, at offset 5');
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
    const tag = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 0x0a, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x13, 0x20, 0x7f);
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
      expect(inspect(failureOf(hostile), { depth: 9, showHidden: true })).not.toContain('S3CRET');
    }
  });
});

describe('what the platform cannot hold', () => {
  test('a BigInt that is too large has its own code, and nothing of the platform’s message, which quotes it', () => {
    vi.stubGlobal('BigInt', (digits: string) => {
      throw new SyntaxError(`Cannot convert ${digits} to a BigInt`);
    });
    const error = failureOf(bytesOf('06 00 02 cdab'));
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
    expect(failureOf(bytesOf('10 01 0301 00'))?.code).toBe('SESSION_CLONE_UNSUPPORTED');
  });
});
