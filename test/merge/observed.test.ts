/** Changes that a driver saw when they happened (laws M9, M10): their stamps are moments, and what was seen to be removed is known to be deleted. */
import { describe, expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { type EntryKind, type EntryValue, entryKey } from '../../ts/merge/entry.ts';
import { type BaseEntry, type CaptureComparison, compareCapture, type ObservedChange, type SeenEntry } from '../../ts/merge/operations.ts';
import { storageKeyText } from '../../ts/merge/path.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { Browser, COVERAGE, KEY, NOW, sessionOf, stored } from '../store/checkout-fixture.ts';

const SHOP = storageKeyText(KEY);
const SINCE = 1_000_000;
const END = SINCE + 60_000;

type Plain = Record<string, readonly [EntryKind, readonly string[], EntryValue]>;

/** Compares entries that are named for the test. */
function compare(before: Plain, after: Plain, observed: readonly ObservedChange[], more: Partial<CaptureComparison> = {}) {
  const entriesOf = (plain: Plain): SeenEntry[] =>
    Object.values(plain).map(([kind, path, value]) => ({ kind, path, value, expiresAt: null }));
  const keyed = <T extends Pick<SeenEntry, 'kind' | 'path'>>(list: readonly T[]): Map<string, T> =>
    new Map(list.map((one) => [entryKey(one.kind, one.path), one]));
  const digestOf = (value: EntryValue): string => JSON.stringify(value);
  return compareCapture({
    base: keyed(entriesOf(before).map(({ value, ...entry }): BaseEntry => ({ ...entry, digest: digestOf(value) }))),
    found: keyed(entriesOf(after)),
    ...{ coverage: COVERAGE, extentOf: () => 'complete' as const, digestOf, seen: () => [] },
    ...{ since: SINCE, now: END, clock: { time: 0, count: 0 }, observed },
    ...more,
  });
}
const item = (name: string, value: string): Plain[string] => ['localStorage', [SHOP, name], value];
const change = (name: string, atMs: number): ObservedChange => ({ kind: 'localStorage', path: [SHOP, name], atMs });

describe('M10: the observed time of a change', () => {
  test('is its stamp, without an interval; what nobody saw has the interval from checkout to capture', () => {
    const { operations, clock } = compare({}, { a: item('a', '1'), b: item('b', '1') }, [change('b', SINCE + 5)]);
    expect(operations.map(({ path, stamp }) => [path[1], stamp])).toEqual([
      ['a', { time: END, count: 0, since: SINCE }],
      ['b', { time: SINCE + 5, count: 0 }],
    ]);
    expect(clock).toEqual({ time: END, count: 0 });
  });

  test('gives several changes their order, and the last of one entry counts', () => {
    const observed = [change('b', SINCE + 9), change('a', SINCE + 20), change('b', SINCE + 3), change('c', SINCE + 9)];
    const { operations } = compare({}, { a: item('a', '1'), b: item('b', '1'), c: item('c', '1') }, observed);
    expect(operations.map(({ stamp }) => stamp)).toEqual([
      { time: SINCE + 20, count: 0 },
      { time: SINCE + 9, count: 0 },
      { time: SINCE + 9, count: 1 },
    ]);
  });

  test('is never behind what the worker had seen, nor outside of its checkout', () => {
    const ahead = compare({}, { a: item('a', '1') }, [change('a', SINCE + 5)], { clock: { time: END + 7, count: 2 } });
    expect(ahead.operations[0]?.stamp).toEqual({ time: END + 7, count: 3 });
    const times = [SINCE - 1000, END + 1000].map((at) => compare({}, { a: item('a', '1') }, [change('a', at)]).operations[0]?.stamp.time);
    expect(times).toEqual([SINCE, END]);
    expect(() => compare({}, {}, [change('a', Number.NaN)])).toThrow(RangeError);
  });

  test('of what is as it was makes no operation', () => {
    expect(compare({ a: item('a', '1') }, { a: item('a', '1') }, [change('a', SINCE + 5)]).operations).toEqual([]);
  });
});

describe('M9: what was seen to be removed is deleted', () => {
  const items = { a: item('a', '1'), b: item('b', '1') };

  test('an emptied storage key, and one that the capture did not see whole', () => {
    for (const more of [{}, { extentOf: () => 'partial' as const }]) {
      expect(compare(items, {}, [], more).operations).toEqual([]);
      const { operations, unknown } = compare(items, {}, [change('b', SINCE + 5)], more);
      expect(operations).toMatchObject([{ path: [SHOP, 'b'], stamp: { time: SINCE + 5 } }]);
      expect(unknown).toMatchObject([{ kind: 'localStorage', count: 1 }]);
    }
  });

  test('all items of a storage key that was cleared, each at its last moment', () => {
    const cleared: ObservedChange = { kind: 'localStorage', path: [SHOP], atMs: SINCE + 9 };
    const { operations } = compare(items, {}, [cleared, change('a', SINCE + 20)]);
    expect(operations.map(({ stamp }) => stamp.time)).toEqual([SINCE + 20, SINCE + 9]);
  });

  test('all that was in a tab, a database or a cache that was removed, though no other is left', () => {
    const held: Plain = {
      tab: ['tab', ['t'], { url: 'https://shop.example/' }],
      place: ['tabPlace', ['t'], 'm'],
      item: ['sessionStorage', ['t', SHOP, 'a'], '1'],
      database: ['database', [SHOP, 'db'], {}],
      record: ['record', [SHOP, 'db', 'store', 'k'], '1'],
      other: ['record', [SHOP, 'other', 'store', 'k'], '1'],
    };
    const removed: ObservedChange[] = [
      { kind: 'tab', path: ['t'], atMs: SINCE + 1 },
      { kind: 'database', path: [SHOP, 'db'], atMs: SINCE + 2 },
    ];
    expect(compare(held, {}, []).operations).toEqual([]);
    const { operations, unknown } = compare(held, {}, removed);
    expect(operations.map(({ kind, stamp }) => [kind, stamp.time - SINCE])).toEqual([
      ['tab', 1],
      ['tabPlace', 1],
      ['sessionStorage', 1],
      ['database', 2],
      ['record', 2],
    ]);
    expect(unknown).toMatchObject([{ kind: 'record', reason: 'emptied', count: 1 }]);
  });
});

test('M10: of two workers who commit in the other order the later observed change wins, and nothing is surfaced', async () => {
  let clock = NOW;
  const store = sessionStore(memory({ now: () => clock }), { keys: null, now: () => clock });
  await store.put(sessionOf({ cookies: {}, items: { cart: '0' } }));
  const [one, two] = [new Browser(), new Browser()];
  const [first, second] = [await store.checkout('shop'), await store.checkout('shop')];
  await first.restore(one);
  await second.restore(two);
  const at = (atMs: number): ObservedChange[] => [{ kind: 'localStorage', path: [SHOP, 'cart'], atMs }];
  clock += 60_000;
  one.state.items['cart'] = 'later';
  one.observed = at(NOW + 40_000);
  await first.commit();
  clock += 1000;
  two.state.items['cart'] = 'earlier';
  const { conflicts } = await second.commit({ observed: at(NOW + 20_000) });
  expect(conflicts).toEqual([]);
  expect((await stored(store)).items).toEqual({ cart: 'later' });
});
