/**
 * The structured-clone encoding against `ts/session/clone/layout.md`: bytes worked out by hand, the platform's `structuredClone` as the judge of
 * values, and what cannot be carried. fast-check prints the seed of what fails.
 */
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { decodeValue, ForeignValue, Unportable } from '../../ts/session/clone/decode.ts';
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

/** Worked out by hand from layout.md; spaces stand where a part ends. The tags of the language's own values; `clone/` has the others. */
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
  ['a WeakMap', new WeakMap(), '7f 0a075765616b4d6170'],
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

  test('a view of a class that this platform lacks is checked, named and a stand-in with the same bytes', () => {
    vi.stubGlobal('Float16Array', undefined);
    const hex = '0d03130c020208040000000020012002';
    const found = decodeValue(bytesOf(hex));
    expect(found).toMatchObject({ unportable: [], foreign: ['Float16Array'] });
    const [view, again, buffer] = found.value as unknown[];
    expect(view).toEqual(new ForeignValue('Float16Array', { buffer, byteOffset: 2, byteLength: 2 }));
    expect(again).toBe(view);
    expect(buffer).toBeInstanceOf(ArrayBuffer);
    expect(encode(found.value)).toBe(hex);
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
