/** What the structured-clone encoding cannot carry: named placeholders, on both sides, whatever an object claims to be. */
import { describe, expect, test } from 'vitest';
import { decodeValue, Unportable } from '../../../ts/session/clone/decode.ts';
import { encodeValue, encodeValueAsync } from '../../../ts/session/clone/encode.ts';
import { difference, resizable } from '../graph.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const encode = (value: unknown): string => hexOf(encodeValue(value).bytes);

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
  const buffer = resizable(new Uint8Array(8), 56);
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
    ['a Promise', Promise.resolve(), 'Promise'],
    ['a WeakMap', new WeakMap(), 'WeakMap'],
    ['a shared buffer', new SharedArrayBuffer(2), 'SharedArrayBuffer'],
    ['a view on a shared buffer', new Uint8Array(new SharedArrayBuffer(2)), 'SharedArrayBuffer'],
    ['a view that its buffer shrank away from', shrunkView(), 'out-of-bounds DataView'],
    ['a boxed symbol', Object(Symbol('x')), 'Symbol'],
    ['a detached buffer', detached(), 'DetachedArrayBuffer'],
    ['a view on a detached buffer', detachedView(), 'DetachedArrayBuffer'],
    ['an object tagged Map', tagged({}, 'Map'), 'not a Map'],
    ['an object tagged Set', tagged({}, 'Set'), 'not a Set'],
    ['an object tagged Date', tagged({}, 'Date'), 'not a Date'],
    ['an object tagged ArrayBuffer', tagged({}, 'ArrayBuffer'), 'not an ArrayBuffer'],
    ['an object tagged Array', tagged({ length: 3 }, 'Array'), 'not a Array'],
    ['an object tagged ResizableArrayBuffer', tagged({}, 'ResizableArrayBuffer'), 'not a ResizableArrayBuffer'],
    ['an object tagged DetachedArrayBuffer', tagged({}, 'DetachedArrayBuffer'), 'not a DetachedArrayBuffer'],
    ['an object tagged Uint8Array', tagged({}, 'Uint8Array'), 'not a Uint8Array'],
    ['an object tagged DataView', tagged({}, 'DataView'), 'not a DataView'],
    ...['RegExp', 'Number', 'Blob', 'File', 'CryptoKey', 'ImageData', 'DOMException', 'DOMRect', 'FileSystemFileHandle'].map(
      (name): [string, unknown, string] => [`an object tagged ${name}`, tagged({}, name), `not a ${name}`],
    ),
    ['an object tagged Error', tagged({}, 'Error'), 'not an Error'],
    ['a File tagged Blob', tagged(new File([], ''), 'Blob'), 'not a Blob'],
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
    const map = new WeakMap();
    const call = (): void => {};
    const last = {};
    const encoded = encodeValue([map, map, call, call, Symbol('a'), last, last]);
    expect(encoded.unportable).toEqual(['WeakMap', 'function', 'symbol']);
    const found = decodeValue(encoded.bytes).value as unknown[];
    expect(found[1]).toBe(found[0]);
    expect(found[3]).toBe(found[2]);
    expect(found[6]).toBe(found[5]);
    expect(found[6]).toEqual({});
  });

  test('placeholders in Map keys, Set members and members leave the rest as it was', () => {
    const value = new Map<unknown, unknown>([
      [new WeakSet(), new Set([new WeakSet(), 1])],
      ['k', { x: new WeakSet(), y: 2 }],
    ]);
    const decoded = decodeValue(encodeValue(value).bytes);
    expect(decoded.unportable).toEqual(['WeakSet', 'WeakSet', 'WeakSet']);
    const placeholder = (): Unportable => new Unportable('WeakSet');
    expect(
      difference(
        new Map<unknown, unknown>([
          [placeholder(), new Set([placeholder(), 1])],
          ['k', { x: placeholder(), y: 2 }],
        ]),
        decoded.value,
      ),
    ).toBeNull();
  });

  test('more placeholders than a call takes arguments, before and after something that is awaited, are all named in order', async () => {
    const many = (name: string): Unportable[] => Array.from({ length: 200_000 }, () => new Unportable(name));
    const { unportable } = await encodeValueAsync([...many('a'), new Blob([]), ...many('b')]);
    expect(unportable).toHaveLength(400_000);
    expect([unportable[0], unportable[199_999], unportable[200_000], unportable[399_999]]).toEqual(['a', 'a', 'b', 'b']);
  });
});
