/** What a capture says of what happened since the restore: laws M8 to M10, on entries made by hand. */
import { expect, test } from 'vitest';
import { type EntryKind, type EntryValue, entryKey } from '../../ts/merge/entry.ts';
import { type BaseEntry, type CaptureComparison, compareCapture, type SeenEntry } from '../../ts/merge/operations.ts';
import { storageKeyIdentity } from '../../ts/session/identity.ts';
import type { Coverage, Extent } from '../../ts/session/session.ts';

const SINCE = 1_000_000;
const NOW = SINCE + 60_000;
const SHOP = storageKeyIdentity({ origin: 'https://shop.example', topLevelSite: null });
const COVERAGE: Coverage = { cookies: 'complete', tabs: 'complete', storage: [] };

const seen = (kind: EntryKind, path: readonly string[], value: EntryValue, expiresAt: number | null = null): SeenEntry => ({
  ...{ kind, path, value, expiresAt },
});
const digestOf = (value: EntryValue): string => JSON.stringify(value);
const byKey = <T extends { kind: EntryKind; path: readonly string[] }>(entries: readonly T[]): Map<string, T> =>
  new Map(entries.map((entry) => [entryKey(entry.kind, entry.path), entry]));
const cookie = (name: string, value: string, expiresAt: number | null = null): SeenEntry =>
  seen('cookie', ['shop.example', '/', name, 'host-only', ''], { name, value }, expiresAt);
const item = (name: string, value: string): SeenEntry => seen('localStorage', [SHOP, name], value);
const tab = (id: string): SeenEntry => seen('tab', [id], { url: 'https://shop.example/' });

function compare(
  base: readonly SeenEntry[],
  found: readonly SeenEntry[],
  more: Partial<CaptureComparison> = {},
): ReturnType<typeof compareCapture> {
  const verified = base.map(({ value, ...entry }): BaseEntry => ({ ...entry, digest: digestOf(value) }));
  return compareCapture({
    ...{ base: byKey(verified), found: byKey(found), coverage: COVERAGE, extentOf: () => 'complete' as const, digestOf, seen: () => [] },
    ...{ since: SINCE, now: NOW, clock: { time: 0, count: 0 } },
    ...more,
  });
}
const written = ({ operations }: ReturnType<typeof compareCapture>): unknown[] => operations.map(({ path, value }) => [path.at(-1), value]);

test('M8: what the browser holds as it did after the restore is no change, whatever the stored session says', () => {
  // The store may hold { sameSite: 'unset' } or times in other units: only what was verified in the browser is compared.
  const entries = [cookie('token', 'a'), item('cart', '[]')];
  expect(compare(entries, entries)).toMatchObject({ operations: [], unknown: [] });
});

test('M8: what differs and what is new is written, with the writes that the worker had seen', () => {
  const dots = [{ replica: '00000000000000aa', counter: 3 }];
  const compared = compare([item('cart', '[]')], [item('cart', '[1]'), item('theme', 'dark')], {
    seen: (key) => (key.includes('cart') ? dots : []),
  });
  expect(compared.operations).toMatchObject([
    { kind: 'localStorage', path: [SHOP, 'cart'], value: '[1]', sees: dots },
    { kind: 'localStorage', path: [SHOP, 'theme'], value: 'dark', sees: [] },
  ]);
});

test('M9: an absence is a deletion where the capture looked, the entry was there after the restore, and it had not expired', () => {
  const compared = compare([cookie('token', 'a'), cookie('kept', 'b')], [cookie('kept', 'b')]);
  expect(compared.unknown).toEqual([]);
  expect(compared.operations).toHaveLength(1);
  expect(compared.operations[0]).toMatchObject({ kind: 'cookie' });
  expect('value' in compared.operations[0]!).toBe(false);
});

test('M9: what was not visited, or only in part, is unknown and changes nothing', () => {
  for (const extent of ['unvisited', 'partial'] satisfies Extent[]) {
    const compared = compare([item('cart', '[]'), item('theme', 'dark')], [], { extentOf: () => extent });
    expect(compared).toMatchObject({
      operations: [],
      unknown: [{ reason: extent, kind: 'localStorage', place: 'https://shop.example', count: 2 }],
    });
  }
});

test('M9: an entry that had expired by the clock of the capture was not deleted', () => {
  const compared = compare([cookie('token', 'a', NOW), cookie('live', 'b', NOW + 1)], [cookie('live', 'b', NOW + 1)]);
  expect(compared).toMatchObject({ operations: [], unknown: [{ reason: 'expired', kind: 'cookie', place: 'shop.example', count: 1 }] });
});

test('M9: a storage key of which nothing is left may have been cleared by the browser: unknown', () => {
  const base = [item('cart', '[]'), item('theme', 'dark'), seen('record', [SHOP, 'db', 'store', 'k'], 'r')];
  const compared = compare(base, []);
  expect(compared.operations).toEqual([]);
  expect(compared.unknown).toEqual([
    { reason: 'emptied', kind: 'localStorage', place: 'https://shop.example', count: 2 },
    { reason: 'emptied', kind: 'record', place: 'https://shop.example', count: 1 },
  ]);
  expect(written(compare(base, base.slice(1)))).toEqual([['cart', undefined]]);
});

test('M9: a cookie that is missing from a crowded site may have been evicted: unknown', () => {
  const crowd = Array.from({ length: 150 }, (_, i) => cookie(`c${i}`, 'v'));
  expect(compare(crowd, crowd.slice(1))).toMatchObject({ operations: [], unknown: [{ reason: 'evicted', count: 1 }] });
  // The site filled up after the restore.
  expect(compare([cookie('token', 'a')], crowd)).toMatchObject({ unknown: [{ reason: 'evicted', count: 1 }] });
  expect(compare(crowd.slice(1), crowd.slice(2)).operations).toHaveLength(1);
});

test('M14: a tab that is gone while others are there was closed; where none is left, the browser may have been', () => {
  const stored = seen('sessionStorage', ['one', SHOP, 'step'], '2');
  const compared = compare([tab('one'), tab('two'), stored], [tab('two')]);
  expect(compared.operations.map(({ kind, path }) => [kind, path[0]])).toEqual([
    ['tab', 'one'],
    ['sessionStorage', 'one'],
  ]);
  expect(compare([tab('one'), stored], [tab('three')])).toMatchObject({
    operations: [{ kind: 'tab', path: ['three'] }],
    unknown: [
      { reason: 'closed', kind: 'tab' },
      { reason: 'closed', kind: 'sessionStorage' },
    ],
  });
});

test('M10: a stamp says since when its write may have happened, and is never behind what the worker had seen', () => {
  const compared = compare([item('a', '1')], [item('a', '2'), item('b', '1')], { clock: { time: NOW + 5, count: 7 } });
  expect(compared.operations.map(({ stamp }) => stamp)).toEqual([
    { time: NOW + 5, count: 8, since: SINCE },
    { time: NOW + 5, count: 9, since: SINCE },
  ]);
  expect(compared.clock).toEqual({ time: NOW + 5, count: 9 });
});

test('without a capture there is no doubt: what is missing was deleted', () => {
  const base = [cookie('token', 'a', NOW), item('cart', '[]'), tab('one')];
  expect(compare(base, [], { extentOf: null })).toMatchObject({ operations: [{}, {}, {}], unknown: [] });
});

test('no name and no value is in what is reported as unknown', () => {
  const compared = compare([cookie('name-that-is-secret', 'value-that-is-secret')], [], { extentOf: () => 'unvisited' });
  expect(JSON.stringify(compared.unknown)).not.toContain('secret');
});
