/** Records against their store: what is a key, how keys compare, in-line keys, unique indexes, counts; and whole sessions with their sections. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PspError } from '../../../ts/errors.ts';
import { assertSession, validateSession } from '../../../ts/session/check.ts';
import { RECORDS_MEDIA_TYPE, RecordWriter } from '../../../ts/session/clone/records.ts';
import { compareKeys, evaluateKeyPath, type Key, toKey } from '../../../ts/session/semantic/key.ts';
import { type ObjectStore, type Section, type Session, section } from '../../../ts/session/session.ts';

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
        const [x, y, z] = [toKey(a) as Key, toKey(b) as Key, toKey(c) as Key];
        expect(Math.sign(compareKeys(x, y)) + Math.sign(compareKeys(y, x))).toBe(0);
        expect(compareKeys(x, toKey(structuredClone(a)) as Key)).toBe(0);
        if (compareKeys(x, y) <= 0 && compareKeys(y, z) <= 0) expect(compareKeys(x, z)).toBeLessThanOrEqual(0);
      }),
    );
  });

  test('number < date < string < binary < array', () => {
    const keys = [Infinity, new Date(-5), '', new ArrayBuffer(0), []].map((value) => toKey(value) as Key);
    expect([...keys].reverse().sort(compareKeys)).toEqual(keys);
  });

  test('a key that is nested without end is none, and costs no stack', () => {
    let deep: unknown[] = [];
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(toKey(deep)).toBeNull();
  });

  test('the length of strings and arrays is on a key path', () => {
    expect(evaluateKeyPath({ a: 'xyz' }, 'a.length')).toEqual({ value: 3 });
    expect(evaluateKeyPath({ a: [1] }, ['a.length', 'a'])).toEqual({ value: [1, [1]] });
    expect(evaluateKeyPath({ a: undefined }, 'a')).toBe('absent');
    expect(evaluateKeyPath(null, 'a')).toBe('absent');
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
