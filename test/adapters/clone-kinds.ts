/**
 * One value of every kind that IndexedDB keeps, and a look at two of them that sees every difference. Runs as the page of a site, and in Node for the
 * kinds that Node has. Knows nothing of the code under test: no import of `ts/`.
 */

export interface Kind {
  readonly name: string;
  /** The same value every time, in every browser. */
  make(): unknown;
  /** False for what no protocol can carry. */
  readonly carried: boolean;
}

type Constructor = new (...args: readonly unknown[]) => object;
type Options = Readonly<Record<string, unknown>>;

/** Newer than the library types of ES2022, or absent where this runs: then a TypeError. */
function construct(className: string, ...args: readonly unknown[]): object {
  return new (globalThis as unknown as Record<string, Constructor>)[className]!(...args);
}

const resizable = (length: number, max: number): ArrayBuffer => construct('ArrayBuffer', length, { maxByteLength: max }) as ArrayBuffer;

function filled(buffer: ArrayBuffer): ArrayBuffer {
  new Uint8Array(buffer).forEach((_, i, all) => {
    all[i] = i * 37;
  });
  return buffer;
}

function withStack<T extends Error>(error: T): T {
  error.stack = `${error.name}: ${error.message}\n    at site.js:1:1`;
  return error;
}

function fileList(...files: readonly File[]): FileList {
  const transfer = construct('DataTransfer') as DataTransfer;
  for (const file of files) transfer.items.add(file);
  return transfer.files;
}

function withData(image: object): object {
  const { buffer } = (image as { data: ArrayBufferView }).data;
  filled(buffer as ArrayBuffer);
  return image;
}

const importKey = (
  format: 'raw' | 'pkcs8' | 'spki',
  hex: string,
  algorithm: Options,
  extractable: boolean,
  usages: readonly string[],
): unknown => crypto.subtle.importKey(format, bytesOf(hex), algorithm as unknown as AlgorithmIdentifier, extractable, usages as KeyUsage[]);
const importJwk = (jwk: JsonWebKey, algorithm: Options, usages: readonly string[]): unknown =>
  crypto.subtle.importKey('jwk', jwk, algorithm as unknown as AlgorithmIdentifier, true, usages as KeyUsage[]);

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Examples of RFC 7515, appendix A.3, and RFC 8037, appendix A: secret to nobody. */
const EC: JsonWebKey = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};
const EC_PRIVATE: JsonWebKey = { ...EC, d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI' };
const ED: JsonWebKey = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
const ED_PRIVATE: JsonWebKey = { ...ED, d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A' };
const ECDSA: Options = { name: 'ECDSA', namedCurve: 'P-256' };
const RSA: JsonWebKey = {
  kty: 'RSA',
  e: 'AQAB',
  n: 'x74eLYd5l39QWzGpXHwONU2Uiyw_v-TLvqUnumMf3Q2F8kRoIMSerBsTW8F4xNeZXwOwSTbciQIKJvIdduBi050-IDuhdkUDUAyu4C02lZC-zQqlHpiMb97pTQLq4qrk09sEwEcNusyG-fm2UgxekvCXpclMzAG0VOY6qjsfzcU',
};

const VIEWS = [
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float16Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'DataView',
];
const ERRORS = ['Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'];
const shared = (): object => ({ x: 1 });

/** The kinds, by name. */
export const KINDS: readonly Kind[] = [
  kind('undefined', () => undefined),
  kind('null', () => null),
  kind('booleans', () => [true, false]),
  kind('an integer', () => 2 ** 53 - 1),
  kind('a negative number', () => -7),
  kind('a fraction', () => 0.1),
  kind('-0', () => -0),
  kind('NaN', () => Number.NaN),
  kind('infinities', () => [Infinity, -Infinity]),
  kind('a BigInt', () => -(2n ** 70n)),
  kind('a string', () => 'text \0 \u00ff'),
  kind('a wide string', () => '\u65e5\u672c \u{1f98a}'),
  kind('a lone surrogate', () => 'a\ud800b'),
  kind('a boxed Boolean', () => Object(false)),
  kind('a boxed Number', () => Object(-0)),
  kind('a boxed String', () => Object('boxed')),
  kind('a boxed BigInt', () => Object(12n)),
  kind('a Date', () => new Date(1)),
  kind('an invalid Date', () => new Date(Number.NaN)),
  kind('a RegExp', () => Object.assign(/a\/[b\n]/giy, { lastIndex: 3 })),
  kind('a RegExp with every kind of escape', () => /\n\/(?<n>\u{1f98a})|/dsu),
  kind('an array', () => [1, [2, []]]),
  kind('an array with holes', () => Object.assign(new Array(5), { 0: 1, 4: undefined })),
  kind('an array with names', () => Object.assign([1], { name: 'x' })),
  kind('an object', () => ({ b: 1, a: { 2: 3 } })),
  kind('an object with an own __proto__', () => JSON.parse('{"__proto__":{"a":1}}') as unknown),
  kind('objects 200 deep', () => Array.from({ length: 200 }).reduce((inner) => ({ inner }), 'core')),
  kind('a Map', () => new Map<unknown, unknown>([[{ a: 1 }, new Map([[Number.NaN, undefined]])]])),
  kind('a Set', () => new Set<unknown>([1, 'a', new Set([null])])),
  kind('a cycle', () => {
    const one: Record<string, unknown> = {};
    one['map'] = new Map<unknown, unknown>([[one, [one]]]);
    return one;
  }),
  kind('one object twice', () => {
    const one = shared();
    return [one, one, shared()];
  }),
  kind('one Date twice', () => {
    const one = new Date(5);
    return { one, two: one };
  }),
  kind('an ArrayBuffer', () => filled(new ArrayBuffer(9))),
  kind('a resizable ArrayBuffer', () => filled(resizable(3, 10))),
  ...VIEWS.map((name) => kind(name, () => construct(name, filled(new ArrayBuffer(16)), 8))),
  kind('a view of a part', () => new Uint16Array(filled(new ArrayBuffer(10)), 2, 2)),
  kind('two views on one buffer', () => {
    const buffer = filled(new ArrayBuffer(8));
    return [new Uint8Array(buffer, 1, 3), new Float32Array(buffer, 4), buffer];
  }),
  kind('a view that follows its buffer', () => [new Uint16Array(resizable(4, 12)), new Uint8Array(filled(resizable(5, 12)), 1)]),
  kind('views on one resizable buffer', () => {
    const buffer = filled(resizable(8, 16));
    return [new Uint8Array(buffer, 2), new Uint8Array(buffer, 2, 6), new DataView(buffer, 8), new Uint16Array(buffer, 8, 0), buffer];
  }),
  ...ERRORS.map((name) => kind(`an Error: ${name}`, () => withStack(construct(name, 'message') as Error))),
  kind('an Error with a cause', () => withStack(new Error('outer', { cause: withStack(new TypeError('inner', { cause: undefined })) }))),
  kind('an Error that causes itself', () => {
    const error = withStack(new Error('round'));
    error.cause = [error];
    return error;
  }),
  kind('an Error of another class', () => withStack(Object.assign(construct('AggregateError', [1], 'many') as Error, { code: 7 }))),
  kind('a DOMException', () => construct('DOMException', 'stopped', 'AbortError')),
  kind('a QuotaExceededError', () => construct('QuotaExceededError', 'full', { quota: 5, requested: 7.5 })),
  kind('a Blob', () => new Blob(['blob \u{1f98a}', filled(new ArrayBuffer(300))], { type: 'Text/Plain; x=Y' })),
  kind('an empty Blob', () => [new Blob([]), new Blob([])]),
  kind('one Blob twice', () => {
    const one = new Blob(['x']);
    return [one, new Map([[one, one]])];
  }),
  kind('a File', () => new File(['file'], 'n\u00e4me \u65e5.txt', { type: 'text/plain', lastModified: 1_700_000_000_123 })),
  kind('a FileList', () =>
    fileList(
      new File(['1'], 'a', { lastModified: 1_600_000_000_001 }),
      new File(['22'], 'b', { lastModified: 1_600_000_000_002, type: 'x/y' }),
    ),
  ),
  kind('an empty FileList', () => [fileList(), {}]),
  kind('an ImageData', () => withData(construct('ImageData', 3, 2))),
  kind('an ImageData in Display P3', () => withData(construct('ImageData', 1, 2, { colorSpace: 'display-p3' }))),
  kind('an ImageData of 16-bit floats', () => withData(construct('ImageData', 2, 1, { pixelFormat: 'rgba-float16' }))),
  kind('an ImageData of 32-bit floats', () =>
    withData(construct('ImageData', 2, 1, { pixelFormat: 'rgba-float32', colorSpace: 'display-p3' })),
  ),
  kind('a DOMPoint', () => construct('DOMPoint', 1, -0, Number.NaN, 0.5)),
  kind('a DOMPointReadOnly', () => construct('DOMPointReadOnly', 1, 2, 3, 4)),
  kind('a DOMRect', () => construct('DOMRect', 1, 2, -3, Infinity)),
  kind('a DOMRectReadOnly', () => construct('DOMRectReadOnly', 1, 2, 3, 4)),
  kind('a DOMQuad', () => construct('DOMQuad', { x: 1, y: 2, z: 3, w: 4 }, { x: 5 }, { y: 6 }, { w: 0 })),
  kind('a DOMMatrix in 2D', () => construct('DOMMatrix', [1, 2, 3, 4, 5, Number.NaN])),
  kind('a DOMMatrix in 3D', () => construct('DOMMatrix', [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, -0, 0, 0, 1])),
  kind('a DOMMatrixReadOnly', () => construct('DOMMatrixReadOnly', [6, 5, 4, 3, 2, 1])),
  kind('a CryptoKey: AES-GCM', () =>
    importKey('raw', '00112233445566778899aabbccddeeff', { name: 'AES-GCM' }, true, ['decrypt', 'encrypt']),
  ),
  kind('a CryptoKey: AES-KW, twice', async () => {
    const key = await importKey('raw', '00112233445566778899aabbccddeeff', { name: 'AES-KW' }, true, ['unwrapKey', 'wrapKey']);
    return { key, again: new Set([key]) };
  }),
  kind('a CryptoKey: HMAC of 11 bits', () => importKey('raw', 'ffe0', { name: 'HMAC', hash: 'SHA-384', length: 11 }, true, ['sign'])),
  kind('a CryptoKey: ECDSA, private', () => importJwk(EC_PRIVATE, ECDSA, ['sign'])),
  kind('a CryptoKey: ECDSA, public', () => importJwk(EC, ECDSA, ['verify'])),
  kind('a CryptoKey: ECDH, public, for nothing', () => importJwk(EC, { ...ECDSA, name: 'ECDH' }, [])),
  kind('a CryptoKey: Ed25519, private and public', () =>
    Promise.all([importJwk(ED_PRIVATE, { name: 'Ed25519' }, ['sign']), importJwk(ED, { name: 'Ed25519' }, ['verify'])]),
  ),
  kind('a CryptoKey: RSA, public', () => importJwk(RSA, { name: 'RSA-PSS', hash: 'SHA-512' }, ['verify'])),
  kind('a FileSystemFileHandle', async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('f\u00f6lder', { create: true });
    return [await folder.getFileHandle('file.txt', { create: true }), folder];
  }),
  kind('a FileSystemDirectoryHandle of the root', () => navigator.storage.getDirectory()),
  kind('a CryptoKey that is not extractable', () => importKey('raw', '00', { name: 'HKDF' }, false, ['deriveBits']), false),
];

function kind(name: string, make: () => unknown, carried = true): Kind {
  return { name, make, carried };
}

/** Makes every kind and puts it into the store `kinds` of a new database, by name. */
export async function store(database: string): Promise<void> {
  const values: [string, unknown][] = [];
  for (const { name, make } of KINDS) values.push([name, await make()]);
  await put(database, values);
}

/** Puts values into the store `kinds` of a new database. */
export async function put(database: string, values: readonly (readonly [string, unknown])[]): Promise<void> {
  const connection = await open(database);
  const transaction = connection.transaction('kinds', 'readwrite');
  for (const [name, value] of values) transaction.objectStore('kinds').put(value, name);
  await new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
  connection.close();
}

/** Pairs that differ and that `difference` takes for equal. */
export async function blindSpots(): Promise<string[]> {
  const pairs: [string, unknown, unknown][] = [
    ['a byte of a Blob', new Blob(['a']), new Blob(['b'])],
    ['the type of a Blob', new Blob([], { type: 'a/b' }), new Blob([])],
    ['the time of a File', new File([], 'n', { lastModified: 1 }), new File([], 'n', { lastModified: 2 })],
    ['a byte in a FileList', fileList(new File(['a'], 'n', { lastModified: 1 })), fileList(new File(['b'], 'n', { lastModified: 1 }))],
    ['a stack', withStack(new Error('x')), Object.assign(new Error('x'), { stack: '' })],
    ['a cause', withStack(new Error('x', { cause: 1 })), withStack(new Error('x', { cause: 2 }))],
    ['a pixel', withData(construct('ImageData', 1, 1)), construct('ImageData', 1, 1)],
    ['a corner', construct('DOMQuad', { x: 1 }), construct('DOMQuad', { x: 2 })],
    ['-0 in a point', construct('DOMPoint', -0), construct('DOMPoint', 0)],
    ['a hole', new Array(1), [undefined]],
    ['sharing', [new Array(2).fill(shared())], [[shared(), shared()]]],
    ['the room of a buffer', resizable(1, 2), resizable(1, 3)],
    ['a length of its own', new Uint8Array(resizable(2, 4)), new Uint8Array(resizable(2, 4), 0, 2)],
    ['the place in a buffer', new Uint8Array(new ArrayBuffer(4), 1, 2), new Uint8Array(new ArrayBuffer(4), 2, 2)],
    [
      'a key',
      await importKey('raw', '00'.repeat(16), { name: 'AES-GCM' }, true, ['encrypt']),
      await importKey('raw', '01'.repeat(16), { name: 'AES-GCM' }, true, ['encrypt']),
    ],
    [
      'a usage',
      await importKey('raw', '00'.repeat(16), { name: 'AES-GCM' }, true, ['encrypt']),
      await importKey('raw', '00'.repeat(16), { name: 'AES-GCM' }, true, ['decrypt']),
    ],
  ];
  const values = await Promise.all(KINDS.map(({ make }) => make()));
  for (const [i, { name }] of KINDS.entries()) {
    for (let j = i + 1; j < KINDS.length; j++) pairs.push([`${name} and ${KINDS[j]?.name}`, values[i], values[j]]);
  }
  const blind: string[] = [];
  for (const [name, a, b] of pairs) if ((await difference(a, b)) === null) blind.push(name);
  return blind;
}

/** What differs between each kind in two databases, or null; 'absent' where the second has none. */
export async function compare(database: string, other: string): Promise<[string, string | null][]> {
  const results: [string, string | null][] = [];
  const [one, two] = [await readAll(database), await readAll(other)];
  for (const { name } of KINDS) results.push([name, two.has(name) ? await difference(one.get(name), two.get(name)) : 'absent']);
  return results;
}

/** All values of a database, by name. */
export async function readAll(database: string): Promise<Map<unknown, unknown>> {
  const connection = await open(database);
  const kinds = connection.transaction('kinds').objectStore('kinds');
  const [keys, values] = await Promise.all([settle(kinds.getAllKeys()), settle(kinds.getAll() as IDBRequest<unknown[]>)]);
  connection.close();
  return new Map(keys.map((key, i) => [key, values[i]]));
}

async function open(database: string): Promise<IDBDatabase> {
  const request = indexedDB.open(database, 1);
  request.onupgradeneeded = () => request.result.createObjectStore('kinds');
  return settle(request);
}

function settle<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Where two values of one realm differ, or null. Sees classes, identity, own properties, and what each class shows. */
export async function difference(expected: unknown, actual: unknown): Promise<string | null> {
  const there = new Map<unknown, unknown>();
  const back = new Map<unknown, unknown>();
  const stack: [unknown, unknown, string][] = [[expected, actual, '$']];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [a, b, path] = next;
    if (!isObject(a) || !isObject(b)) {
      if (!Object.is(a, b)) return `${path}: ${describe(a)} and ${describe(b)}`;
      continue;
    }
    if (there.has(a) || back.has(b)) {
      if (there.get(a) !== b || back.get(b) !== a) return `${path}: identity`;
      continue;
    }
    there.set(a, b);
    back.set(b, a);
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return `${path}: class`;
    const [one, other] = [await partsOf(a), await partsOf(b)];
    if (one.length !== other.length) return `${path}: ${one.length} parts and ${other.length}`;
    one.forEach((part, i) => {
      stack.push([part, other[i], `${path}.${i}`]);
    });
  }
  return null;
}

function describe(value: unknown): string {
  return isObject(value) ? 'an object' : Object.is(value, -0) ? '-0' : `${typeof value} ${String(value)}`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

async function partsOf(value: object): Promise<unknown[]> {
  const parts: unknown[] = [Object.prototype.toString.call(value)];
  for (const key of Reflect.ownKeys(value)) {
    // Elements of views and of buffers are looked at as bytes.
    if (ArrayBuffer.isView(value)) break;
    const { value: held, enumerable, writable, configurable } = Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
    parts.push(String(key), held, enumerable, writable, configurable);
  }
  // Accessors of the platform: `size` of a Map, `width` of an ImageData, `maxByteLength` of a buffer.
  for (let at = Object.getPrototypeOf(value); at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(at as object))) {
      if (get !== undefined && !(ArrayBuffer.isView(value) && name === 'buffer')) parts.push(name, fresh(get.call(value)));
    }
  }
  if (ArrayBuffer.isView(value)) parts.push(value.buffer, growth(value));
  if (value instanceof ArrayBuffer) parts.push(...new Uint8Array(value));
  if (value instanceof Map) parts.push(...[...value].flat());
  if (value instanceof Set) parts.push(...value);
  if (value instanceof Date) parts.push(value.getTime());
  if ([Boolean, Number, String, BigInt].some((Box) => value instanceof Box)) parts.push(value.valueOf());
  if (value instanceof Error) parts.push(value.stack);
  if (value instanceof Blob) parts.push(...new Uint8Array(await value.arrayBuffer()));
  if (value instanceof FileList) parts.push(...value);
  if (value instanceof CryptoKey && value.extractable) {
    const format = value.type === 'secret' ? 'raw' : value.type === 'private' ? 'pkcs8' : 'spki';
    parts.push(...new Uint8Array(await crypto.subtle.exportKey(format, value)));
  }
  if (value instanceof FileSystemHandle) parts.push(await (await navigator.storage.getDirectory()).resolve(value));
  return parts;
}

/** Whether the view grows with its buffer. */
function growth(view: ArrayBufferView): boolean {
  const buffer = view.buffer as ArrayBuffer & { resizable?: boolean; maxByteLength: number; resize(length: number): void };
  if (buffer.resizable !== true) return false;
  const { byteLength } = view;
  const { byteLength: whole } = buffer;
  buffer.resize(buffer.maxByteLength);
  const grew = view.byteLength > byteLength;
  buffer.resize(whole);
  return grew;
}

/** Some getters make an object at each call. That is no part of a graph; what it holds is. */
function fresh(value: unknown): unknown {
  return isObject(value) && !ArrayBuffer.isView(value) ? JSON.stringify(value) : value;
}
