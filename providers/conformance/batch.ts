/** Cases: batches give a result for each item, in order, and one bad item stops nothing. */

import assert from 'node:assert/strict';
import type { PutItem } from '../../ts/provider.ts';
import { type ConformanceGroup, START_MS } from './case.ts';
import {
  bytes,
  codeOf,
  collect,
  expectBytes,
  expectClass,
  expectCode,
  expectHead,
  expectRecord,
  expectSame,
  fill,
  keysOf,
  pattern,
  present,
  resultOf,
} from './observe.ts';

/** Batches. */
export const batch: ConformanceGroup = {
  name: 'batch',
  cases: [
    {
      name: 'empty-batch',
      says: 'no items give no results',
      async run({ provider }) {
        assert.deepEqual([await provider.getMany([]), await provider.putMany([]), await provider.deleteMany([])], [[], [], []]);
      },
    },
    {
      name: 'order-preserved',
      says: 'results come in the order of the items, missing ones among them',
      async run({ provider }) {
        const items = Array.from({ length: 100 }, (_, i) => ({ key: `key ${(i * 37) % 100}`, value: bytes(i, i) }));
        const heads = (await provider.putMany(items)).map(resultOf);
        assert.deepEqual(
          heads.map((head) => head.key),
          items.map((item) => item.key),
        );
        const asked = items.flatMap((item, i) => [item.key, `missing ${i}`]);
        const found = (await provider.getMany(asked)).map(resultOf);
        for (const [i, item] of items.entries()) {
          expectHead(found[2 * i]!, heads[i]!);
          expectBytes(found[2 * i]!.value, item.value);
          assert.equal(found[2 * i + 1], null);
        }
        const deleted = (await provider.deleteMany(asked)).map(resultOf);
        assert.deepEqual(
          deleted,
          asked.map((_, i) => i % 2 === 0),
        );
        assert.deepEqual(await keysOf(provider), []);
      },
    },
    {
      name: 'options-of-each-item',
      says: 'each item has its own metadata and expiry',
      async run({ provider, clock }) {
        const items: PutItem[] = [
          { key: 'plain', value: pattern(10) },
          { key: 'metadata', value: pattern(20), metadata: { a: 'b', '\u00e9': '\u{1f600}' } },
          { key: 'expires', value: pattern(30), expiresAt: START_MS + 5 },
          { key: 'expired', value: pattern(30), expiresAt: START_MS },
          { key: 'empty', value: new Uint8Array() },
        ];
        const heads = (await provider.putMany(items)).map(resultOf);
        for (const [i, item] of items.entries()) {
          const head = { key: item.key, size: item.value.length, expiresAt: item.expiresAt ?? null, metadata: item.metadata ?? {} };
          expectHead(heads[i]!, { ...head, version: heads[i]!.version });
          if (item.key !== 'expired') await expectRecord(provider, heads[i]!, item.value);
        }
        assert.equal(await provider.get('expired'), null);
        clock.nowMs = START_MS + 5;
        const found = (await provider.getMany(items.map((item) => item.key))).map(resultOf);
        assert.deepEqual(
          found.map((record) => record?.size ?? null),
          [10, 20, null, null, 0],
        );
      },
    },
    {
      name: 'partial-failure-per-item',
      says: 'an item whose condition is not met fails alone',
      needs: ['conditionalPut'],
      async run({ provider }) {
        const first = await provider.put('taken', bytes(1));
        const results = await provider.putMany([
          { key: 'a', value: bytes(2) },
          { key: 'taken', value: bytes(3), ifNoneMatch: '*' },
          { key: 'b', value: bytes(4), ifNoneMatch: '*' },
          { key: 'c', value: bytes(5), ifMatch: first.version },
          { key: 'd', value: bytes(6) },
        ]);
        assert.deepEqual(
          results.map((result) => (result.status === 'fulfilled' ? 'put' : codeOf(result.reason))),
          ['put', 'PROVIDER_CONFLICT', 'put', 'PROVIDER_CONFLICT', 'put'],
        );
        await expectRecord(provider, first, bytes(1));
        expectSame(await keysOf(provider), ['a', 'b', 'd', 'taken'], 'what is stored');
      },
    },
    {
      name: 'wrong-item-rejects-all',
      says: 'a wrong argument in one item rejects the batch before anything is done',
      async run({ provider }) {
        const good = { key: 'good', value: bytes(1) };
        await expectCode(provider.putMany([good, { key: '', value: bytes(1) }]), 'PROVIDER_INVALID_KEY');
        await expectCode(provider.putMany([good, { key: 'a', value: bytes(1), metadata: { a: 'x'.repeat(5000) } }]), 'PROVIDER_TOO_LARGE');
        await expectClass(provider.putMany([good, { key: 'a', value: 'text' as never }]), TypeError, 'a value that is text');
        await expectClass(provider.putMany([good, { key: 'a', value: bytes(1), expiresAt: -1 }]), RangeError, 'an expiry below 0');
        assert.deepEqual(await keysOf(provider), []);
      },
    },
    {
      name: 'duplicates',
      says: 'of two items of one key the later is put later; a key that is read twice is there twice',
      async run({ provider, amount }) {
        for (let round = 0; round < amount(10, 2); round++) {
          const items = Array.from({ length: 40 }, (_, i) => ({ key: `key ${i % 4}`, value: bytes(round, i) }));
          const heads = (await provider.putMany(items)).map(resultOf);
          assert.equal(new Set(heads.map((head) => head.version)).size, 40);
          for (let i = 36; i < 40; i++) await expectRecord(provider, heads[i]!, bytes(round, i));
        }
        const twice = (await provider.getMany(['key 0', 'key 0'])).map(resultOf);
        twice[0]!.value.fill(0);
        expectBytes(twice[1]!.value, (await present(provider, 'key 0')).value);
        const deleted = (await provider.deleteMany(['key 0', 'key 0', 'key 1'])).map(resultOf);
        assert.ok(deleted[0] || deleted[1]);
        expectSame(await keysOf(provider), ['key 2', 'key 3'], 'what is left');
      },
    },
    {
      name: 'input-buffers-not-retained',
      says: 'the arrays of a batch may be reused at once',
      async run({ provider }) {
        const items = Array.from({ length: 50 }, (_, i) => ({ key: `key ${i}`, value: pattern(3000 + i), metadata: { a: 'before' } }));
        const put = provider.putMany(items);
        for (const { value, metadata } of items) {
          value.fill(0);
          metadata.a = 'after';
        }
        items.length = 0;
        for (const [i, head] of (await put).map(resultOf).entries()) {
          await expectRecord(provider, { ...head, metadata: { a: 'before' } }, pattern(3000 + i));
        }
      },
    },
    {
      name: 'unlike-sizes',
      says: 'small and large values go into one batch',
      async run({ provider }) {
        const sizes = [0, 1, 100_000, 5, 700_000, 0, 1_500_000, 17].map((size) => Math.min(size, provider.capabilities.maxValueBytes));
        const heads = (await provider.putMany(sizes.map((size, i) => ({ key: `key ${i}`, value: pattern(size) })))).map(resultOf);
        const found = (await provider.getMany(heads.map((head) => head.key))).map(resultOf);
        for (const [i, record] of found.entries()) {
          expectHead(record, heads[i]!);
          expectBytes(record!.value, pattern(sizes[i]!));
        }
      },
    },
    {
      name: '10k-put',
      says: '10,000 items (as many as the scale allows) in one batch are put, read and deleted',
      timeoutMs: 300_000,
      async run({ provider, amount }) {
        const count = amount(10_000, 200);
        const heads = await fill(provider, count, (i) => ({ metadata: { i: String(i) } }));
        assert.equal(new Set(heads.map((head) => head.version)).size, count);
        const found = (await provider.getMany(heads.map((head) => head.key))).map(resultOf);
        for (const [i, record] of found.entries()) {
          expectHead(record, heads[i]!);
          expectBytes(record!.value, bytes(i));
        }
        const deleted = (await provider.deleteMany(heads.map((head) => head.key))).map(resultOf);
        assert.ok(deleted.every((was) => was));
        assert.deepEqual(await collect(provider), []);
      },
    },
  ],
};
