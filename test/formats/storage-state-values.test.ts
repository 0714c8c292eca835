/** IndexedDB of a storage state: Playwright's encoding of values and keys, both ways, and malformed input. */
import { describe, expect, test } from 'vitest';
import { type Loss, readStorageState, type StorageState, type StorageStateRecord } from '../../ts/formats/formats.ts';
import { compareKeys, type IndexedKey, keyFinder, keyOf } from '../../ts/formats/object-store.ts';
import { decodeValue } from '../../ts/session/clone/decode.ts';
import { RECORDS_MEDIA_TYPE, readRecords } from '../../ts/session/clone/records.ts';
import { type ObjectStore, section } from '../../ts/session/session.ts';
import { expectMalformed, OPTIONS, SECRET, throughFile } from './fixture.ts';
import { cyclic, firstStore, nested, readBack, shared, storeOf, writeStores } from './storage-state-fixture.ts';

/** What a value becomes in a file, and out of it again. */
async function trip(
  value: unknown,
): Promise<{ record: StorageStateRecord | undefined; losses: Loss[]; before: string; after: string | null }> {
  const store = storeOf([[1, value]]);
  const { state, losses } = await writeStores(store);
  const again = readBack(state);
  expect(again.losses).toEqual([]);
  const hex = async (one: ObjectStore): Promise<string | null> =>
    one.records === undefined ? null : Buffer.from(await one.records.bytes()).toString('hex');
  return {
    record: (throughFile(state) as StorageState).origins[0]!.indexedDB![0]!.stores[0]!.records[0],
    losses,
    before: (await hex(store))!,
    after: await hex(firstStore(again.session)),
  };
}

const date = new Date(1e12);
const buffer = new Uint8Array([1, 2, 3, 4]).buffer;
const withProto = Object.defineProperty({ a: 1 }, '__proto__', { value: SECRET, enumerable: true, configurable: true, writable: true });

describe('values', () => {
  test.each<[string, unknown, object]>([
    ['plain JSON', { a: [1, 'x', null, true, { b: -1.5 }] }, { value: { a: [1, 'x', null, true, { b: -1.5 }] } }],
    ['null', null, { value: null }],
    ['a lone surrogate', '\ud800', { value: '\ud800' }],
    ['undefined', undefined, { valueEncoded: { v: 'undefined' } }],
    ['-0', -0, { valueEncoded: { v: '-0' } }],
    ['NaN', Number.NaN, { valueEncoded: { v: 'NaN' } }],
    ['infinity inside', [-Infinity, null], { valueEncoded: { a: [{ v: '-Infinity' }, { v: 'null' }], id: 1 } }],
    ['a BigInt', -(2n ** 70n), { valueEncoded: { bi: String(-(2n ** 70n)) } }],
    ['a Date', date, { valueEncoded: { d: '2001-09-09T01:46:40.000Z' } }],
    ['a Date of no time', new Date(Number.NaN), { valueEncoded: { d: 'Invalid Date' } }],
    ['a RegExp', /a\/b/giu, { valueEncoded: { r: { p: 'a\\/b', f: 'giu' } } }],
    [
      'a Map',
      new Map<unknown, unknown>([[1, new Set([shared])]]),
      { valueEncoded: { m: [{ k: 1, v: { s: [{ o: [{ k: 's', v: 1 }], id: 3 }], id: 2 } }], id: 1 } },
    ],
    ['bytes', buffer, { valueEncoded: { ab: { b: 'AQIDBA==' } } }],
    ['a typed array', new Int16Array([1, -1]), { valueEncoded: { ta: { b: 'AQD//w==', k: 'i16' } } }],
    [
      'a cycle',
      cyclic,
      {
        valueEncoded: {
          o: [
            { k: 'name', v: 'c' },
            { k: 'self', v: { ref: 1 } },
          ],
          id: 1,
        },
      },
    ],
    ['an object in two places', [shared, shared], { valueEncoded: { a: [{ o: [{ k: 's', v: 1 }], id: 2 }, { ref: 2 }], id: 1 } }],
    ['an object that looks like an encoding', { v: 'undefined', ref: 1 }, { value: { v: 'undefined', ref: 1 } }],
    ['as deep as it goes', nested(150), { value: nested(150) }],
  ])('%s is written as Playwright reads it, and comes back exactly', async (_, value, record) => {
    const { record: written, losses, before, after } = await trip(value);
    expect(losses).toEqual([]);
    expect(written).toEqual({ key: 1, ...record });
    expect(after).toBe(before);
  });

  test('an error keeps its class, message and stack', async () => {
    const { losses, before, after } = await trip(new TypeError('no'));
    expect(losses).toEqual([]);
    expect(after).toBe(before);
  });

  test.each<[string, unknown, 'lossy' | 'dropped', RegExp]>([
    ['holes', Object.assign([1], { 2: 3 }), 'lossy', /holes/],
    ['extra properties of an array', Object.assign([1], { extra: SECRET }), 'lossy', /properties besides/],
    ['one date in two places', [date, date], 'lossy', /becomes two/],
    ['two views on one buffer', [new Uint8Array(buffer), new Uint16Array(buffer)], 'lossy', /becomes two/],
    ['a view on a part of a buffer', new Uint8Array(buffer, 1, 2), 'lossy', /part of a buffer/],
    ['a key __proto__', withProto, 'lossy', /__proto__/],
    ['an error with a cause', new Error('e', { cause: SECRET }), 'lossy', /an error has/],
    ['many holes', Object.assign([], { length: 1_000_000 }), 'dropped', /many holes/],
    ['a DataView', new DataView(buffer), 'dropped', /DataView/],
    ['a boxed number', Object(1), 'dropped', /boxed/],
    ['too deep', nested(151), 'dropped', /deeper than 150/],
    ['what could not be captured', { [SECRET]: () => SECRET }, 'dropped', /could not be captured/],
  ])('%s: the record is told as %s', async (_, value, severity, reason) => {
    const { losses, after } = await trip(value);
    expect(losses).toEqual([
      { pointer: '/storage/0/indexedDB/0/stores/0/records/0', severity: losses[0]!.severity, reason: expect.stringMatching(reason) },
    ]);
    expect(losses[0]!.severity).toBe(severity);
    expect(after === null).toBe(severity === 'dropped');
    expect(JSON.stringify(losses)).not.toContain(SECRET);
  });

  test('what is deeper than a stack is told, in both directions', async () => {
    const { losses } = await writeStores(storeOf([[1, nested(50_000)]]));
    expect(losses).toMatchObject([{ severity: 'dropped', reason: expect.stringContaining('deeper than 150') }]);
    let valueEncoded: unknown = 0;
    for (let i = 0; i < 50_000; i++) valueEncoded = { a: [valueEncoded], id: i + 1 };
    const { state } = await writeStores(storeOf([]));
    state.origins[0]!.indexedDB![0]!.stores[0]!.records.push({ key: 1, valueEncoded });
    expect(readStorageState(state, OPTIONS).losses).toMatchObject([
      { severity: 'dropped', reason: expect.stringContaining('deeper than 150') },
    ]);
  });

  test('one record that cannot be written costs no other, and records that are damaged are an error', async () => {
    const { state, losses } = await writeStores(
      storeOf([
        [1, 'a'],
        [2, Object('b')],
        [3, 'c'],
      ]),
    );
    expect(losses.map(({ pointer }) => pointer)).toEqual(['/storage/0/indexedDB/0/stores/0/records/1']);
    expect(state.origins[0]!.indexedDB![0]!.stores[0]!.records).toEqual([
      { key: 1, value: 'a' },
      { key: 3, value: 'c' },
    ]);
    const damaged = storeOf([], { records: section(new Uint8Array([9, 9]), RECORDS_MEDIA_TYPE) });
    await expect(writeStores(damaged)).rejects.toMatchObject({ code: 'SESSION_CLONE_MALFORMED' });
  });
});

describe('keys and key generators', () => {
  const keys: IndexedKey[] = [
    -Infinity,
    -1,
    0,
    2,
    Infinity,
    new Date(0),
    new Date(1),
    '',
    'a',
    'b',
    new ArrayBuffer(0),
    buffer,
    [],
    [1],
    [1, 'a'],
    ['a'],
    [[]],
  ];

  test('keys of every kind come back in key order, whatever the order in the file', async () => {
    const { state, losses } = await writeStores(storeOf(keys.map((key) => [key, 0])));
    expect(losses).toEqual([]);
    state.origins[0]!.indexedDB![0]!.stores[0]!.records.reverse();
    const store = firstStore(readBack(state).session);
    const back = [...readRecords(await store.records!.bytes())].map(({ key }) => decodeValue(key).value);
    expect(back).toEqual(keys);
    expect([...keys].reverse().sort(compareKeys)).toEqual(keys);
  });

  test('a key path finds its key in the value, and a record without one is dropped', async () => {
    const inline = storeOf([[3, { a: { b: 3 } }]], {
      keyPath: 'a.b',
      indexes: [{ name: 'i', keyPath: ['a.b', 'c'], unique: true, multiEntry: false }],
    });
    const { state } = await writeStores(inline);
    const stores = state.origins[0]!.indexedDB![0]!.stores;
    expect(stores[0]).toEqual({
      name: 's',
      autoIncrement: false,
      keyPath: 'a.b',
      records: [{ value: { a: { b: 3 } } }],
      indexes: [{ name: 'i', keyPathArray: ['a.b', 'c'], unique: true, multiEntry: false }],
    });
    stores[0]!.records.push({ value: { a: SECRET } });
    const { session, losses } = readBack(state);
    expect(firstStore(session)).toMatchObject({ keyPath: 'a.b', recordCount: 1, indexes: inline.indexes });
    expect(losses.map(({ pointer, severity }) => `${pointer} ${severity}`)).toEqual(['/origins/0/indexedDB/0/stores/0/records/1 dropped']);
    expect(keyFinder('l.length')({ l: 'abc' })).toBe(3);
    expect(keyFinder('')(5)).toBe(5);
    expect(keyFinder(['a', 'b'])({ a: 1, b: 'x' })).toEqual([1, 'x']);
    expect(keyFinder('toString')({})).toBeNull();
    expect([keyOf(Number.NaN), keyOf({}), keyOf([null]), keyOf(new Date(Number.NaN)), keyOf(null)]).toEqual([null, null, null, null, null]);
  });

  test('a key path of a million names costs its length once, not with every record', () => {
    const records = Array.from({ length: 20_000 }, () => ({ value: {} }));
    const store = { name: 's', autoIncrement: false, keyPath: 'a.'.repeat(1_000_000), records, indexes: [] };
    const file = { origins: [{ origin: 'http://a', indexedDB: [{ name: 'd', version: 1, stores: [store] }] }] };
    expect(readBack(file as unknown as StorageState).losses).toHaveLength(20_000);
  });

  test('an array that stands twice in a key is none, however often it does', () => {
    // 2^60 arrays, were each sight of one looked into.
    const steps = Array.from({ length: 60 }, (_, i) => i + 1);
    const keyEncoded = steps.reduce<unknown>((inner, id) => ({ a: [inner, ...(id === 1 ? [] : [{ ref: id - 1 }])], id }), { v: '-0' });
    const store = { name: 's', autoIncrement: false, records: [{ keyEncoded, value: 1 }], indexes: [] };
    const file = { origins: [{ origin: 'http://a', indexedDB: [{ name: 'd', version: 1, stores: [store] }] }] };
    expectMalformed(() => readBack(file as unknown as StorageState), 'storage state', '/origins/0/indexedDB/0/stores/0/records/0');
    const twice: unknown[] = [];
    expect([keyOf([twice, twice]), keyOf([[], []])]).toEqual([null, [[], []]]);
  });

  test('a generator that goes on after the largest key is no loss, and one that is further is', async () => {
    const store = (keyGenerator: number) =>
      storeOf(
        [
          [1, 'a'],
          [2.5, 'b'],
        ],
        { autoIncrement: true, keyGenerator },
      );
    expect((await writeStores(store(3))).losses).toEqual([]);
    expect((await writeStores(store(101))).losses).toMatchObject([
      { pointer: '/storage/0/indexedDB/0/stores/0/keyGenerator', severity: 'lossy' },
    ]);
  });
});

describe('malformed databases', () => {
  const STORE = { name: 's', autoIncrement: false, records: [], indexes: [] };
  const state = (store: object): unknown => ({
    origins: [{ origin: 'http://a', localStorage: [], indexedDB: [{ name: SECRET, version: 1, stores: [{ ...STORE, ...store }] }] }],
  });
  const AT = '/origins/0/indexedDB/0';
  const encoded = (valueEncoded: unknown): [string, unknown] => [
    `${AT}/stores/0/records/0/valueEncoded`,
    state({ records: [{ key: 1, valueEncoded }] }),
  ];
  test.each<[string, unknown]>([
    [`${AT}/version`, { origins: [{ origin: 'http://a', indexedDB: [{ name: SECRET, version: 0, stores: [] }] }] }],
    [`${AT}/stores`, { origins: [{ origin: 'http://a', indexedDB: [{ name: SECRET, version: 1, stores: SECRET }] }] }],
    [`${AT}/stores/0/keyPath`, state({ keyPath: [SECRET] })],
    [`${AT}/stores/0/keyPathArray`, state({ keyPathArray: [] })],
    [`${AT}/stores/0/autoIncrement`, state({ autoIncrement: SECRET })],
    [`${AT}/stores/0/indexes/0/keyPath`, state({ indexes: [{ name: SECRET, unique: true, multiEntry: false }] })],
    [`${AT}/stores/0/records/0/value`, state({ records: [{ key: 1 }] })],
    [`${AT}/stores/0/records/0/key`, state({ records: [{ value: SECRET }] })],
    [`${AT}/stores/0/records/0`, state({ records: [{ key: { SECRET }, value: 1 }] })],
    encoded(null),
    encoded({ [SECRET]: SECRET }),
    encoded({ v: SECRET }),
    encoded({ d: 7 }),
    encoded({ bi: `${SECRET}` }),
    encoded({ ref: 7 }),
    encoded({ a: { SECRET }, id: 1 }),
    encoded({ o: [SECRET], id: 1 }),
    encoded({ o: [{ k: 1, v: SECRET }], id: 1 }),
    encoded({ ab: { b: `${SECRET}!` } }),
    encoded({ ta: { b: 'AQ==', k: 'i16' } }),
    encoded({ e: SECRET }),
    encoded({ r: { p: SECRET } }),
  ])('%s is refused: case %#', (pointer, json) => {
    expectMalformed(() => readStorageState(json, OPTIONS), 'storage state', pointer);
  });

  test.each<[string, unknown]>([
    ['a regular expression that is none', { r: { p: `(${SECRET}`, f: '' } }],
    ['a URL', { u: `https://${SECRET}` }],
    ['a typed array of the future', { ta: { b: '', k: SECRET } }],
    ['an error of an unknown class', { e: { n: SECRET, m: SECRET, s: SECRET } }],
    ['a handle', { h: 1 }],
  ])('what is no fault of the file is dropped and told: %s', (_, valueEncoded) => {
    const { session, losses } = readStorageState(
      state({
        records: [
          { key: 1, valueEncoded },
          { key: 2, value: 'kept' },
        ],
      }),
      OPTIONS,
    );
    expect(firstStore(session).recordCount).toBe(1);
    expect(losses.map(({ pointer, severity }) => `${pointer} ${severity}`)).toEqual([`${AT}/stores/0/records/0 dropped`]);
    expect(JSON.stringify(losses)).not.toContain(SECRET);
  });
});
