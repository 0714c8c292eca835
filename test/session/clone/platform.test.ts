/**
 * The tags of `layout.md` for objects beyond plain containers: bytes worked out by hand, what takes waiting, and the stand-ins of classes that Node does
 * not have. Real browsers: `test/adapters/clone-browser.test.ts`.
 */
import { describe, expect, test, vi } from 'vitest';
import { decodeValue, decodeValueAsync, ForeignValue, Unportable } from '../../../ts/session/clone/decode.ts';
import { beginEncoding, encodeValue, encodeValueAsync } from '../../../ts/session/clone/encode.ts';
import { difference, resizable } from '../graph.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const plain = (hex: string): string => hex.replaceAll(' ', '');
const text = (value: string): string => `0a ${value.length.toString(16).padStart(2, '0')} ${Buffer.from(value).toString('hex')}`;

function stacked(error: Error, stack: unknown): Error {
  error.stack = stack as string;
  return error;
}

const selfCaused = stacked(new Error('x'), undefined);
selfCaused.cause = selfCaused;
const growing = resizable(Uint8Array.of(1, 2, 3, 4), 4);

/** What Node has, and gives its bytes without waiting. */
const AT_ONCE: readonly (readonly [string, unknown, string])[] = [
  ['a resizable ArrayBuffer', resizable(Uint8Array.of(7, 8), 1), '09 02 03 0708'],
  ['a view that follows its buffer', new Uint16Array(growing, 2), '13 85 02 09 04 08 01020304'],
  ['a view of its own length on such a buffer', new Uint16Array(growing, 2, 1), '13 05 02 02 09 04 08 01020304'],
  ['an empty view at the end, which follows', new Uint8Array(growing, 4), '13 82 04 09 04 08 01020304'],
  ['an empty view at the end, which does not', new Uint8Array(growing, 4, 0), '13 02 04 00 09 04 08 01020304'],
  ['a DataView that follows', new DataView(growing, 1), '13 80 01 09 04 08 01020304'],
  ['a RegExp', Object.assign(/a\/b/gi, { lastIndex: 2 }), `12 ${text('a\\/b')} ${text('gi')}`],
  ['an empty RegExp', /(?:)/, `12 ${text('(?:)')} 0a00`],
  ['a boxed true', Object(true), '15 01'],
  ['a boxed -0', Object(-0), '15 04 0000000000000080'],
  ['a boxed 1', Object(1), '15 03 01'],
  ['a boxed BigInt', Object(1n), '15 06 00 01 01'],
  ['a boxed string', Object('ab'), `15 ${text('ab')}`],
  ['an Error', stacked(new Error('m'), 's'), `16 00 03 ${text('m')} ${text('s')}`],
  ['a TypeError without message or stack', stacked(new TypeError(), undefined), '16 05 00'],
  ['an Error that is its own cause', selfCaused, `16 00 05 ${text('x')} 2000`],
  ['an Error with a cause of undefined', stacked(new RangeError(undefined, { cause: undefined }), 1), '16 02 04 05'],
  ['an Error with an empty message', stacked(Object.defineProperty(new URIError(), 'message', { value: '' }), ''), '16 06 03 0a00 0a00'],
  ['a DOMException', new DOMException('m', 'AbortError'), `17 00 ${text('AbortError')} ${text('m')}`],
];

/** What Node has, and gives its bytes to those who wait. */
const LATER: readonly (readonly [string, unknown, string])[] = [
  ['a Blob', new Blob(['hi'], { type: 'Text/X' }), `18 ${text('text/x')} 02 6869`],
  ['an empty Blob', new Blob([]), '18 0a00 00'],
  ['a File', new File(['x'], 'n', { lastModified: 5 }), `19 0a00 ${text('n')} 03 05 01 78`],
];

/** What Node lacks. */
const FOREIGN: readonly (readonly [string, string, Readonly<Record<string, unknown>>, string])[] = [
  ['a FileList', 'FileList', { files: [] }, '1a 00'],
  [
    'an ImageData',
    'ImageData',
    { width: 1, height: 1, colorSpace: 'display-p3', pixelFormat: 'rgba-unorm8', bytes: Uint8Array.of(1, 2, 3, 4) },
    '1b 01 01 01 00 01020304',
  ],
  [
    'a DOMPoint',
    'DOMPoint',
    { numbers: [0, -0, Number.NaN, 1.5] },
    `1c 01 ${'00'.repeat(8)} 0000000000000080 000000000000f87f 000000000000f83f`,
  ],
  ['a DOMRectReadOnly', 'DOMRectReadOnly', { numbers: [0, 0, 0, 0] }, `1c 02 ${'00'.repeat(32)}`],
  ['a DOMQuad', 'DOMQuad', { numbers: new Array(16).fill(0) }, `1c 04 ${'00'.repeat(128)}`],
  ['a DOMMatrix in 2D', 'DOMMatrix', { numbers: new Array(6).fill(0) }, `1c 06 06 ${'00'.repeat(48)}`],
  ['a DOMMatrixReadOnly in 3D', 'DOMMatrixReadOnly', { numbers: new Array(16).fill(0) }, `1c 05 10 ${'00'.repeat(128)}`],
  ['a QuotaExceededError', 'QuotaExceededError', { message: 'm', quota: 1, requested: null }, `17 01 ${text('m')} 01 0301 00`],
  ['a handle of a file', 'FileSystemFileHandle', { path: ['a', 'b'] }, `1f 00 02 ${text('a')} ${text('b')}`],
  ['a handle of the root', 'FileSystemDirectoryHandle', { path: [] }, '1f 01 00'],
];

describe('the bytes of layout.md', () => {
  test.each(AT_ONCE)('%s', (_name, value, hex) => {
    expect(hexOf(encodeValue(value).bytes)).toBe(plain(hex));
    const decoded = decodeValue(bytesOf(hex));
    expect(decoded).toMatchObject({ unportable: [], foreign: [] });
    expect(hexOf(encodeValue(decoded.value).bytes)).toBe(plain(hex));
    if (value instanceof RegExp) value.lastIndex = 0;
    if (!(value instanceof DOMException || value === selfCaused)) {
      expect(difference(structuredClone(value), decoded.value)).toBeNull();
    }
  });

  test.each(LATER)('%s', async (_name, value, hex) => {
    expect(() => encodeValue(value)).toThrow(TypeError);
    expect(hexOf((await encodeValueAsync(value)).bytes)).toBe(plain(hex));
    const decoded = decodeValue(bytesOf(hex));
    expect(decoded).toMatchObject({ unportable: [], foreign: [] });
    expect(Object.prototype.toString.call(decoded.value)).toBe(Object.prototype.toString.call(value));
    expect(hexOf((await encodeValueAsync(decoded.value)).bytes)).toBe(plain(hex));
  });

  test.each(FOREIGN)('%s', (_name, className, fields, hex) => {
    const { value, foreign, unportable } = decodeValue(bytesOf(hex));
    expect(value).toEqual(new ForeignValue(className, fields));
    expect({ foreign, unportable }).toEqual({ foreign: [className], unportable: [] });
    expect(hexOf(encodeValue(value).bytes)).toBe(plain(hex));
  });

  test('a stand-in in a cycle, in a Map key and as one of two sights is one object', () => {
    const hex = plain('0d03 1f0100 2001 10 01 2001 2000');
    const { value } = decodeValue(bytesOf(hex));
    const [one, two, map] = value as [object, object, Map<unknown, unknown>];
    expect(one).toBe(two);
    expect([...map]).toEqual([[one, value]]);
    expect(hexOf(encodeValue(value).bytes)).toBe(hex);
  });
});

describe('keys', () => {
  const SECRET = `00 03 ${text('AES-GCM')} 00 00 8001 00 00`;
  const hex = plain(`1d ${SECRET} 10 ${'07'.repeat(16)}`);

  test('an extractable key is its facts and its bytes; without waiting it is a stand-in', async () => {
    const key = await crypto.subtle.importKey('raw', new Uint8Array(16).fill(7), 'AES-GCM', true, ['decrypt', 'encrypt']);
    expect(hexOf((await encodeValueAsync(key)).bytes)).toBe(hex);
    const waited = await decodeValueAsync(bytesOf(hex));
    expect(waited).toMatchObject({ unportable: [], foreign: [] });
    expect(hexOf(new Uint8Array(await crypto.subtle.exportKey('raw', waited.value as CryptoKey)))).toBe('07'.repeat(16));
    const atOnce = decodeValue(bytesOf(hex));
    expect(atOnce.foreign).toEqual(['CryptoKey']);
    expect(hexOf(encodeValue(atOnce.value).bytes)).toBe(hex);
  });

  test.each<[string, object, readonly KeyUsage[]]>([
    [
      'RSA',
      { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 1024, publicExponent: Uint8Array.of(1, 0, 1) },
      ['sign', 'verify'],
    ],
    ['ECDH', { name: 'ECDH', namedCurve: 'P-384' }, ['deriveBits', 'deriveKey']],
    ['Ed25519', { name: 'Ed25519' }, ['sign', 'verify']],
    ['HMAC', { name: 'HMAC', hash: 'SHA-1' }, ['verify', 'sign']],
  ])('generated %s keys come back, and encode to the same bytes', async (_name, algorithm, usages) => {
    const made = await crypto.subtle.generateKey(algorithm as EcKeyGenParams, true, usages);
    const keys = 'privateKey' in made ? [made.privateKey, made.publicKey] : [made];
    const { bytes } = await encodeValueAsync(keys);
    const decoded = await decodeValueAsync(bytes);
    expect(decoded.foreign).toEqual([]);
    expect(hexOf((await encodeValueAsync(decoded.value)).bytes)).toBe(hexOf(bytes));
  });

  test('a key that is not extractable is a placeholder that says what it was', async () => {
    const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', false, ['encrypt', 'decrypt']);
    const { bytes, unportable } = encodeValue([key, key]);
    expect(unportable).toEqual(['non-extractable CryptoKey']);
    expect(hexOf(bytes)).toBe(plain(`0d02 1e ${SECRET} 2001`));
    const decoded = await decodeValueAsync(bytes);
    expect(decoded.unportable).toEqual(['non-extractable CryptoKey']);
    expect((decoded.value as ForeignValue[])[0]?.fields).toMatchObject({
      type: 'secret',
      algorithm: { name: 'AES-GCM', length: 128 },
      usages: ['encrypt', 'decrypt'],
      bytes: null,
    });
    expect(hexOf(encodeValue(decoded.value).bytes)).toBe(hexOf(bytes));
  });

  test('bytes that are no such key leave a stand-in, and say so', async () => {
    const wrong = plain(`1d 00 03 ${text('AES-GCM')} 00 00 8002 00 00 10 ${'07'.repeat(16)}`);
    const decoded = await decodeValueAsync(bytesOf(wrong));
    expect(decoded.foreign).toEqual(['CryptoKey']);
    expect(hexOf(encodeValue(decoded.value).bytes)).toBe(wrong);
  });
});

describe('waiting', () => {
  test('gaps are filled in place; ids, sharing and the order of names hold', async () => {
    const blob = new Blob(['b']);
    const last = {};
    const value = [new WeakMap(), blob, () => 1, new Map([[blob, last]]), new Blob(['c']), last, new WeakSet()];
    const { bytes, unportable } = await encodeValueAsync(value);
    expect(unportable).toEqual(['WeakMap', 'function', 'WeakSet']);
    const found = decodeValue(bytes).value as unknown[];
    expect((found[3] as Map<unknown, unknown>).get(found[1])).toBe(found[5]);
    expect(await (found[4] as Blob).text()).toBe('c');
    expect(hexOf((await encodeValueAsync(found)).bytes)).toBe(hexOf(bytes));
  });

  test('a Blob that cannot be read any more is a placeholder in its place, named in order', async () => {
    const gone = new Blob(['secret']);
    const read = vi.spyOn(Blob.prototype, 'arrayBuffer').mockImplementation(function (this: Blob) {
      return this === gone ? Promise.reject(new DOMException('gone', 'NotReadableError')) : Promise.resolve(new ArrayBuffer(1));
    });
    try {
      const { bytes, unportable } = await encodeValueAsync([new WeakMap(), gone, gone, new Blob(['x']), new WeakSet()]);
      expect(unportable).toEqual(['WeakMap', 'Blob', 'WeakSet']);
      const decoded = decodeValue(bytes);
      expect(decoded.unportable).toEqual(unportable);
      const [, one, two] = decoded.value as unknown[];
      expect(one).toEqual(new Unportable('Blob'));
      expect(two).toBe(one);
    } finally {
      read.mockRestore();
    }
  });

  test('the walk is over before anything is awaited: later changes do not reach the bytes', async () => {
    const value = { blob: new Blob(['x']), list: [1] };
    const pending = encodeValueAsync(value);
    value.list.push(2);
    expect(decodeValue((await pending).bytes).value).toMatchObject({ list: [1] });
  });

  test('what takes no waiting is encoded at once, to the same bytes', async () => {
    const encoded = beginEncoding({ a: [1] });
    expect('bytes' in encoded).toBe(true);
    expect(hexOf((await encodeValueAsync({ a: [1] })).bytes)).toBe(hexOf(encodeValue({ a: [1] }).bytes));
  });
});

describe('other platforms', () => {
  test('without resizable buffers, they and their views are stand-ins with the same bytes', () => {
    const hex = plain('0d03 13 85 02 09 04 08 01020304 13 02 01 03 2002 2002');
    const resizableGetter = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'resizable') as PropertyDescriptor;
    Reflect.deleteProperty(ArrayBuffer.prototype, 'resizable');
    try {
      const { value, foreign } = decodeValue(bytesOf(hex));
      expect(foreign).toEqual(['ResizableArrayBuffer', 'Uint16Array', 'Uint8Array']);
      expect(hexOf(encodeValue(value).bytes)).toBe(hex);
    } finally {
      Object.defineProperty(ArrayBuffer.prototype, 'resizable', resizableGetter);
    }
  });

  test('a RegExp with flags that this engine does not take is a stand-in', () => {
    const hex = plain(`12 ${text('a')} ${text('uv')}`);
    const { value, foreign } = decodeValue(bytesOf(hex));
    expect(foreign).toEqual(['RegExp']);
    expect(hexOf(encodeValue(value).bytes)).toBe(hex);
  });

  test('a view that follows a buffer which ends inside an element keeps the end', () => {
    const hex = plain('13 85 02 09 05 08 0102030405');
    const view = decodeValue(bytesOf(hex)).value as Uint16Array;
    expect(view).toHaveLength(1);
    expect(hexOf(encodeValue(view).bytes)).toBe(hex);
  });
});

test('a depth of 100,000 causes costs no stack, in either direction', () => {
  let error: Error = stacked(new Error('core'), undefined);
  for (let i = 0; i < 100_000; i++) error = stacked(new Error('', { cause: error }), undefined);
  const { bytes } = encodeValue(error);
  let depth = 0;
  for (let at: unknown = decodeValue(bytes).value; at instanceof Error && at.cause !== undefined; at = at.cause) depth++;
  expect(depth).toBe(100_000);
});
