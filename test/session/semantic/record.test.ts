/** Records against their store: what is a key, how keys compare, in-line keys, unique indexes, counts; and whole sessions with their sections. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PspError } from '../../../ts/errors.ts';
import { assertSession, validateSession } from '../../../ts/session/check.ts';
import { ForeignValue } from '../../../ts/session/clone/foreign.ts';
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../../../ts/session/clone/records.ts';
import { compareKeys, compileKeyPath, type Key, toKey } from '../../../ts/session/semantic/key.ts';
import { type ObjectStore, type Section, type Session, section, TEXT_MEDIA_TYPE } from '../../../ts/session/session.ts';

const SECRET = 'S3CRET';

/** A session with one store that holds these records. */
function sessionWith(store: Partial<ObjectStore>, records: readonly (readonly [unknown, unknown])[] | Section): Session {
  const content = Array.isArray(records) ? recordsOf(records) : (records as Section);
  const key = { origin: 'https://app.example', topLevelSite: null };
  const recordCount = Array.isArray(records) ? records.length : 1;
  const full: ObjectStore = { name: SECRET, keyPath: null, autoIncrement: false, indexes: [], recordCount, records: content, ...store };
  return {
    ...{ id: 'id', incarnation: 'i', revision: 0, createdAt: 0, updatedAt: 0, source: { tool: 'test' } },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [] },
    cookies: [],
    storage: [{ key, localStorage: [], indexedDB: [{ name: SECRET, version: 1, stores: [full] }] }],
    tabs: [],
  };
}

function recordsOf(records: readonly (readonly [unknown, unknown])[]): Section {
  const writer = new RecordWriter();
  for (const [key, value] of records) writer.add(key, value);
  return section(writer.take(), RECORDS_MEDIA_TYPE);
}

const AT = '/storage/0/indexedDB/0/stores/0';

async function found(store: Partial<ObjectStore>, records: readonly (readonly [unknown, unknown])[] | Section): Promise<string[]> {
  const issues = await validateSession(sessionWith(store, records));
  expect(JSON.stringify(issues)).not.toContain(SECRET);
  return issues.map(({ severity, code, pointer }) => `${severity} ${code} ${pointer.replace(AT, '')}`);
}

const keyOf = (value: unknown): Key | null => toKey(value, { left: 1_000_000 });
const unique = (keyPath: string | string[], multiEntry = false) => ({ indexes: [{ name: 'i', keyPath, unique: true, multiEntry }] });
const hole = [1, 2, 3];
delete hole[1];
const cyclic: unknown[] = [];
cyclic.push(cyclic);

describe('records', () => {
  test.each<[string, Partial<ObjectStore>, readonly (readonly [unknown, unknown])[], ...string[]]>([
    [
      'every kind of key, ascending',
      {},
      [
        [-Infinity, 0],
        [1, 0],
        [Infinity, 0],
        [new Date(0), 0],
        ['', 0],
        [new ArrayBuffer(0), 0],
        [[], 0],
        [[1, ['x']], 0],
      ],
    ],
    [
      'out of order',
      {},
      [
        [2, 0],
        [1, 0],
      ],
      'warning key-order /records/1/key',
    ],
    [
      'a key twice',
      {},
      [
        ['a', SECRET],
        ['a', 2],
      ],
      'error duplicate /records/1/key',
    ],
    [
      'a key twice, far apart',
      {},
      [
        ['a', SECRET],
        [1, 2],
        ['a', 0],
      ],
      'error duplicate /records/2/key',
      'warning key-order /records/1/key',
    ],
    [
      '0 and -0',
      {},
      [
        [-0, 1],
        [0, 2],
      ],
      'error duplicate /records/1/key',
    ],
    [
      'equal lists',
      {},
      [
        [[1, SECRET], 1],
        [[1, SECRET], 2],
      ],
      'error duplicate /records/1/key',
    ],
    [
      'equal bytes in two kinds of view',
      {},
      [
        [new Uint8Array([1]), 1],
        [new Uint8Array([1]).buffer, 2],
      ],
      'error duplicate /records/1/key',
    ],
    ['a missing key', {}, [[undefined, SECRET]], 'error key-missing /records/0/key'],
    ['a missing key with a generator', { autoIncrement: true }, [[undefined, SECRET]], 'warning key-missing /records/0/key'],
    ...([true, null, Number.NaN, 12n, {}, new Date(Number.NaN), /x/, hole, cyclic, [[true]], new Map()].map((key) => [
      `${inspect(key)} as a key`,
      {},
      [[key, SECRET]],
      'error key-invalid /records/0/key',
    ]) as [string, Partial<ObjectStore>, [unknown, unknown][], string][]),
    [
      'in-line keys',
      { keyPath: 'a.b' },
      [
        [1, { a: { b: 1 } }],
        [2, { a: { b: 2 } }],
      ],
    ],
    [
      'the value is the key',
      { keyPath: '' },
      [
        ['k1', 'k1'],
        ['k2', 'k2'],
      ],
    ],
    ['a list of in-line keys', { keyPath: ['a', 'b'] }, [[[1, 2], { a: 1, b: 2 }]]],
    ['a value without its key', { keyPath: 'id' }, [[1, { x: SECRET }]], 'error key-missing /records/0/value'],
    ['another key in the value', { keyPath: 'id' }, [[1, { id: 2 }]], 'error key-mismatch /records/0/value'],
    ['no key in the value', { keyPath: 'id' }, [[1, { id: true }]], 'error key-invalid /records/0/value'],
    ['an inherited member is none', { keyPath: 'constructor' }, [[1, {}]], 'error key-missing /records/0/value'],
    [
      'a unique index',
      unique('u'),
      [
        [1, { u: SECRET }],
        [2, { u: SECRET }],
      ],
      'error unique-index /records/1/value',
    ],
    [
      'values outside a unique index',
      unique('u'),
      [
        [1, {}],
        [2, {}],
        [3, { u: true }],
        [4, { u: true }],
      ],
    ],
    [
      'a unique index over a list',
      unique(['u', 'v']),
      [
        [1, { u: 1, v: 2 }],
        [2, { u: 1, v: 3 }],
        [3, { u: 1, v: 2 }],
      ],
      'error unique-index /records/2/value',
    ],
    [
      'a unique multi-entry index',
      unique('u', true),
      [
        [1, { u: [1, 2, 2, true] }],
        [2, { u: [3, 2] }],
      ],
      'error unique-index /records/1/value',
    ],
    ['a count that is wrong', { recordCount: 3 }, [[1, SECRET]], 'error record-count /recordCount'],
    ['a generator behind its keys', { autoIncrement: true, keyGenerator: 5 }, [[5, 0]], 'warning key-generator /keyGenerator'],
    ['a generator before its keys', { autoIncrement: true, keyGenerator: 6 }, [[5.9, 0]]],
    ['a generator at its end', { autoIncrement: true, keyGenerator: 2 ** 53 }, [[2 ** 53, 0]]],
    [
      'a placeholder where the key would be',
      { keyPath: 'a' },
      [
        [1, { a: () => SECRET }],
        [2, () => SECRET],
      ],
      'notice clone-placeholder /records/0/value',
      'notice clone-placeholder /records/1/value',
    ],
    ['an object of the language where a key path goes on', { keyPath: 'size' }, [[1, new Map()]], 'error key-missing /records/0/value'],
    ['a value that could not be carried', {}, [[1, () => SECRET]], 'notice clone-placeholder /records/0/value'],
  ])('%s', async (_, store, records, ...expected) => {
    expect((await found(store, records)).sort()).toEqual([...expected].sort());
  });

  test('a value of an unknown tag costs one record; wrong lengths cost the rest', async () => {
    const bytes = (content: readonly number[]): Section => section(Uint8Array.from(content), RECORDS_MEDIA_TYPE);
    const one = (key: number, value: readonly number[]): number[] => [2, 3, key, value.length, ...value];
    expect(await found({ recordCount: 2 }, bytes([...one(1, [0x7e]), ...one(2, [0])]))).toEqual(['error clone-malformed /records/0/value']);
    expect(await found({ recordCount: 1 }, bytes([...one(1, [0]), 99]))).toContain('error clone-malformed /records');
  });
});

describe('keys', () => {
  const anyKey: fc.Arbitrary<unknown> = fc.letrec<{ key: unknown }>((tie) => ({
    key: fc.oneof(
      { maxDepth: 2 },
      fc.double({ noNaN: true }),
      fc.date({ noInvalidDate: true }),
      fc.string(),
      fc.uint8Array({ maxLength: 3 }),
      fc.array(tie('key'), { maxLength: 2 }),
    ),
  })).key;

  test('comparing is a total order', () => {
    fc.assert(
      fc.property(anyKey, anyKey, anyKey, (a, b, c) => {
        const [x, y, z] = [keyOf(a) as Key, keyOf(b) as Key, keyOf(c) as Key];
        expect(Math.sign(compareKeys(x, y)) + Math.sign(compareKeys(y, x))).toBe(0);
        expect(compareKeys(x, keyOf(structuredClone(a)) as Key)).toBe(0);
        if (compareKeys(x, y) <= 0 && compareKeys(y, z) <= 0) expect(compareKeys(x, z)).toBeLessThanOrEqual(0);
      }),
    );
  });

  test('number < date < string < binary < array', () => {
    const keys = [Infinity, new Date(-5), '', new ArrayBuffer(0), []].map((value) => keyOf(value) as Key);
    expect([...keys].reverse().sort(compareKeys)).toEqual(keys);
  });

  test('a key that is nested without end is none, and costs no stack', () => {
    const nested = (depth: number): unknown[] =>
      depth === 1 ? [] : Array.from({ length: depth - 1 }).reduce<unknown[]>((deep) => [deep], []);
    expect(keyOf(nested(2000))).not.toBeNull();
    expect(keyOf(nested(2001))).toBeNull();
    expect(keyOf(nested(100_000))).toBeNull();
  });

  test('what is shared counts as often as it stands there, and there is room for so much only', () => {
    const shared = [1];
    expect(keyOf([shared, shared])).toEqual(keyOf([[1], [1]]));
    expect(toKey([shared, shared], { left: 5 })).not.toBeNull();
    expect(toKey([shared, shared], { left: 4 })).toBeNull();
    expect(toKey(new Uint8Array(8), { left: 9 })).not.toBeNull();
    expect(toKey(new Uint8Array(8), { left: 8 })).toBeNull();
  });

  test('a few bytes that describe a key without end are no key', async () => {
    let doubled: unknown = 1;
    for (let i = 0; i < 100; i++) doubled = [doubled, doubled];
    expect(await found({}, [[doubled, 0]])).toEqual(['error key-invalid /records/0/key']);
    expect(await found({ keyPath: 'id' }, [[1, { id: doubled }]])).toEqual(['error key-invalid /records/0/value']);
    expect(await found(unique('u', true), [[1, { u: [doubled, doubled] }]])).toEqual([]);
    const bytes = new Uint8Array(100_000);
    expect(await found({}, [[new Array(1000).fill(bytes), 0]])).toEqual(['error key-invalid /records/0/key']);
  });

  test('a multi-entry index has the items that are there, however long the array says that it is', async () => {
    const sparse = (items: Readonly<Record<number, unknown>>): unknown[] => Object.assign(new Array(2 ** 32 - 1), items, { name: 7 });
    const records = [
      [1, { u: sparse({ 5: 'a', 4000000000: 'b' }) }],
      [2, { u: sparse({ 9: 'b' }) }],
      [3, { u: [7] }],
    ] as const;
    expect(await found(unique('u', true), records)).toEqual(['error unique-index /records/1/value']);
  });

  test('the length of strings and arrays is on a key path', () => {
    expect(compileKeyPath('a.length')({ a: 'xyz' })).toEqual({ value: 3 });
    expect(compileKeyPath(['a.length', 'a'])({ a: [1] })).toEqual({ value: [1, [1]] });
    expect(compileKeyPath('a')({ a: undefined })).toBe('absent');
    expect(compileKeyPath('a')(null)).toBe('absent');
    expect(compileKeyPath('length')(new Set())).toBe('absent');
  });

  test('so are size and type of a Blob, and no more of it', () => {
    const blob = new Blob(['xyz'], { type: 'text/plain' });
    expect(compileKeyPath(['f.size', 'f.type'])({ f: blob })).toEqual({ value: [3, 'text/plain'] });
    expect(compileKeyPath('name')(blob)).toBe('absent');
    expect(compileKeyPath('arrayBuffer')(blob)).toBe('absent');
  });

  test('what only another platform knows is not judged', () => {
    const foreign = new ForeignValue('ImageData', {});
    expect(compileKeyPath('width')(foreign)).toBe('unknown');
    expect(compileKeyPath('className')(foreign)).toBe('unknown');
    expect(compileKeyPath('a')({ a: foreign })).toBe('unknown');
  });
});

describe('sections of a session', () => {
  const broken = (bytes: () => Promise<Uint8Array<ArrayBuffer>>, length = 1): Section => ({ mediaType: RECORDS_MEDIA_TYPE, length, bytes });
  const fails = (code: 'BLOB_SECTION_HASH' | 'BLOB_SECTION_ENCODING') => broken(() => Promise.reject(new PspError(code, SECRET)));

  test('what reading them shows is an issue of the table', async () => {
    expect(await found({}, fails('BLOB_SECTION_HASH'))).toEqual(['error section-hash /sections/0/sha256']);
    expect(await found({}, fails('BLOB_SECTION_ENCODING'))).toEqual(['error section-encoding /sections/0/length']);
    expect(
      await found(
        {},
        broken(() => Promise.reject(new Error(SECRET))),
      ),
    ).toEqual(['error section-unreadable /sections/0']);
    expect(
      await found(
        {},
        broken(async () => new Uint8Array(9)),
      ),
    ).toEqual(['error section-length /sections/0/rawLength']);
    expect(await found({}, section(new Uint8Array(3), 'image/png'))).toEqual(['warning section-media-type /records']);
  });

  test('when there are issues enough, no more is read', async () => {
    let reads = 0;
    const unread = broken(() => Promise.reject(new TypeError(String(++reads))));
    const one = sessionWith({}, fails('BLOB_SECTION_HASH'));
    const session = { ...one, mergeState: unread };
    const issues = await validateSession(session, { maxIssues: 1 });
    expect(issues.map(({ code }) => code)).toEqual(['section-hash', 'too-many-issues']);
    expect(reads).toBe(0);
    expect((await validateSession(session)).map(({ code }) => code)).toEqual(['section-hash', 'section-unreadable']);
  });

  test('what should be a structured-clone value and is none is named', async () => {
    const state = (bytes: number[]): Session => {
      const history = { index: 0, entries: [{ url: 'https://app.example/' }, { url: '', state: section(Uint8Array.from(bytes), 'x/y') }] };
      return { ...sessionWith({}, []), tabs: [{ id: 't', url: '', history, sessionStorage: [] }] };
    };
    const found = async (bytes: number[]) => (await validateSession(state(bytes))).map(({ code, pointer }) => `${code} ${pointer}`);
    expect(await found([0])).toEqual([]);
    expect(await found([0, 0])).toEqual(['clone-malformed /tabs/0/history/entries/1/state']);
  });

  test('one section in very many places is read once, and costs no more than their number', async () => {
    let reads = 0;
    const bytes = new Uint8Array(2);
    const shared: Section = {
      ...{ mediaType: TEXT_MEDIA_TYPE, length: 2 },
      bytes: async () => {
        reads++;
        return bytes;
      },
    };
    const one = sessionWith({}, []);
    const localStorage = Array.from({ length: 100_000 }, (_, i) => [String(i), shared] as const);
    expect(await validateSession({ ...one, storage: [{ ...one.storage[0]!, localStorage }] })).toEqual([]);
    expect(reads).toBe(1);
  });

  test('assertSession names the first errors with a code, and nothing of the session', async () => {
    const bad = { ...sessionWith({ keyPath: 'id' }, [[1, { x: SECRET }]]), updatedAt: -1 };
    for (const one of [bad, sessionWith({ keyPath: 'id' }, [[1, { x: SECRET }]])]) {
      const error: unknown = await assertSession(one).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(PspError);
      expect((error as PspError).code).toBe('SESSION_INVALID');
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
    }
    await expect(assertSession(bad)).rejects.toMatchObject({ details: { pointer: '/updatedAt', errors: 1 } });
    await expect(assertSession(sessionWith({}, [[1, 1]]))).resolves.toBeUndefined();
  });
});
