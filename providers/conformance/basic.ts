/** Cases: values come back as they were put, with their metadata; arguments are checked; buffers are private. */

import assert from 'node:assert/strict';
import { MAX_METADATA_BYTES, MAX_METADATA_ENTRIES } from '../../ts/provider.ts';
import type { ConformanceGroup } from './case.ts';
import {
  bytes,
  collect,
  expectBytes,
  expectClass,
  expectCode,
  expectHead,
  expectRecord,
  expectSame,
  keysOf,
  pattern,
  present,
} from './observe.ts';

/** Values, metadata and buffers. */
export const basic: ConformanceGroup = {
  name: 'basic',
  cases: [
    {
      name: 'capabilities-as-declared',
      says: 'an open provider tells what it can do as plain data, and no less than its tester expects',
      async run({ provider, subject }) {
        await provider.open();
        const { maxKeyBytes, maxValueBytes, ...abilities } = provider.capabilities;
        assert.ok(Number.isSafeInteger(maxKeyBytes) && maxKeyBytes >= 1 && maxKeyBytes <= 512, 'maxKeyBytes');
        assert.ok(Number.isSafeInteger(maxValueBytes) && maxValueBytes >= 1, 'maxValueBytes');
        for (const [name, able] of Object.entries(abilities)) assert.equal(typeof able, 'boolean', name);
        const names = [
          'touch',
          'ranges',
          'streams',
          'sweep',
          'strongReads',
          'orderedList',
          'exactList',
          'conditionalPut',
          'conditionalDelete',
        ];
        expectSame(Object.keys(abilities), names, 'names of the capabilities');
        const told = { ...provider.capabilities };
        assert.deepEqual(told, { ...told, ...subject.capabilities });
        assert.match(provider.name, /\S/);
      },
    },
    {
      name: 'health-answers',
      says: 'a service that is there is healthy',
      async run({ provider }) {
        const { ok, error, latencyMs } = await provider.health();
        assert.deepEqual({ ok, error }, { ok: true, error: null });
        assert.ok(latencyMs >= 0);
      },
    },
    {
      name: 'missing-get-null',
      says: 'a key without a value is null',
      async run({ provider }) {
        for (const _ of ['empty store', 'store with another key']) {
          assert.equal(await provider.get('missing'), null);
          assert.equal(await provider.head('missing'), null);
          await provider.put('other', bytes(1));
        }
      },
    },
    ...[0, 1, 4000, 4096, 65_536, 1_048_576].map(
      (size) =>
        ({
          name: `put-get-identity-${size}`,
          says: `a value of ${size} bytes comes back as it was put`,
          async run({ provider }) {
            const value = pattern(size);
            const head = await provider.put('key', value, { metadata: { kind: 'test' } });
            expectHead(head, { key: 'key', version: head.version, size, expiresAt: null, metadata: { kind: 'test' } });
            assert.equal(typeof head.version, 'string');
            await expectRecord(provider, head, value);
          },
        }) satisfies ConformanceGroup['cases'][number],
    ),
    {
      name: 'all-256-byte-values',
      says: 'a value may hold every byte',
      async run({ provider }) {
        const value = Uint8Array.from({ length: 256 }, (_, index) => index);
        await provider.put('key', value);
        expectBytes((await present(provider, 'key')).value, value);
      },
    },
    {
      name: 'head-equals-get',
      says: 'head, get, getMany, list and listPage tell the same of a value',
      async run({ provider }) {
        const head = await provider.put('key', pattern(5000), { metadata: { a: 'b', c: '' }, expiresAt: 1_700_000_100_000 });
        expectHead(await provider.head('key'), head);
        await expectRecord(provider, head, pattern(5000));
        const [many] = await provider.getMany(['key']);
        assert.ok(many?.status === 'fulfilled');
        expectHead(many.value, head);
        assert.deepEqual(await collect(provider), [head]);
        assert.deepEqual((await provider.listPage()).items, [head]);
      },
    },
    {
      name: 'overwrite-replaces',
      says: 'a put replaces the value, its metadata and its length',
      async run({ provider }) {
        await provider.put('key', pattern(5000), { metadata: { old: 'yes' } });
        const head = await provider.put('key', bytes(7));
        assert.deepEqual([head.size, head.metadata], [1, {}]);
        await expectRecord(provider, head, bytes(7));
      },
    },
    {
      name: 'delete-missing-false',
      says: 'a delete says whether there was a value',
      async run({ provider }) {
        assert.equal(await provider.delete('key'), false);
        await provider.put('key', bytes(1));
        assert.equal(await provider.delete('key'), true);
        assert.equal(await provider.delete('key'), false);
      },
    },
    {
      name: 'delete-then-get-null',
      says: 'after a delete there is no value, by any way of reading',
      async run({ provider }) {
        await provider.put('key', bytes(1));
        await provider.delete('key');
        assert.equal(await provider.get('key'), null);
        assert.equal(await provider.head('key'), null);
        assert.deepEqual(await provider.getMany(['key']), [{ status: 'fulfilled', value: null }]);
        assert.deepEqual(await keysOf(provider), []);
      },
    },
    {
      name: 'wrong-arguments-rejected',
      says: 'wrong arguments are a TypeError or RangeError, as rejections, and change nothing',
      async run({ provider }) {
        const { version } = await provider.put('key', bytes(1));
        const wrong = (value: unknown): never => value as never;
        await expectClass(provider.get(wrong(1)), TypeError, 'a key that is a number');
        await expectClass(provider.head(wrong(undefined)), TypeError, 'a key that is undefined');
        await expectClass(provider.delete(wrong(null)), TypeError, 'a key that is null');
        await expectClass(provider.delete('key', { ifMatch: wrong(3) }), TypeError, 'a version that is a number');
        await expectClass(provider.put('key', wrong('text')), TypeError, 'a value that is text');
        await expectClass(provider.put('key', wrong(new ArrayBuffer(3))), TypeError, 'a value that is an ArrayBuffer');
        await expectClass(provider.put('key', bytes(2), { ifMatch: version, ifNoneMatch: '*' }), TypeError, 'both conditions');
        await expectClass(provider.put('key', bytes(2), { ifNoneMatch: wrong(version) }), TypeError, 'ifNoneMatch with a version');
        await expectClass(provider.put('key', bytes(2), { metadata: wrong({ a: 1 }) }), TypeError, 'metadata that is a number');
        await expectClass(provider.put('key', bytes(2), { metadata: { a: '\ud800' } }), TypeError, 'a lone surrogate in metadata');
        for (const expiresAt of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
          await expectClass(provider.put('key', bytes(2), { expiresAt }), RangeError, `expiresAt ${expiresAt}`);
        }
        for (const limit of [0, -1, 1.5, 1001]) await expectClass(provider.listPage({ limit }), RangeError, `limit ${limit}`);
        for (const timeoutMs of [-1, Number.NaN, 2 ** 31]) {
          await expectClass(provider.get('key', { timeoutMs }), RangeError, `timeoutMs ${timeoutMs}`);
        }
        await expectClass(keysOf(provider, { prefix: wrong(1) }), TypeError, 'a prefix that is a number');
        await expectClass(provider.listPage({ cursor: wrong(1) }), TypeError, 'a cursor that is a number');
        assert.equal((await present(provider, 'key')).version, version);
      },
    },
    {
      name: 'metadata-identity',
      says: 'names and texts of metadata come back exactly',
      async run({ provider }) {
        const metadata = Object.fromEntries([
          ...['revision', '', '__proto__', 'constructor', '\u00e9', '\u{1f600}', 'a b', 'A', 'a'].map((key, i) => [key, `text ${i}`]),
          ['empty', ''],
          ['odd', '\u0000\n\u2028"\\\u{1f600}'],
        ]);
        const head = await provider.put('key', bytes(1), { metadata });
        const [listed] = await collect(provider);
        for (const found of [head, await present(provider, 'key'), await provider.head('key'), listed]) {
          assert.deepEqual(Object.entries(found?.metadata ?? {}).sort(), Object.entries(metadata).sort());
        }
      },
    },
    {
      name: 'metadata-limit',
      says: `${MAX_METADATA_BYTES} bytes of metadata in ${MAX_METADATA_ENTRIES} entries are allowed, and more of either is not`,
      async run({ provider }) {
        const text = '\u00e9'.repeat(MAX_METADATA_BYTES / 2 - 1);
        const head = await provider.put('key', bytes(1), { metadata: { ab: text } });
        await expectCode(provider.put('key', bytes(2), { metadata: { abc: text } }), 'PROVIDER_TOO_LARGE');
        await expectCode(provider.put('key', bytes(2), { metadata: { a: 'x'.repeat(100_000) } }), 'PROVIDER_TOO_LARGE');
        const entries = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`name ${i}`, 'x']));
        await expectCode(provider.put('key', bytes(2), { metadata: entries(MAX_METADATA_ENTRIES + 1) }), 'PROVIDER_TOO_LARGE');
        await expectRecord(provider, head, bytes(1));
        const most = await provider.put('key', bytes(2), { metadata: entries(MAX_METADATA_ENTRIES) });
        await expectRecord(provider, { ...most, metadata: entries(MAX_METADATA_ENTRIES) }, bytes(2));
      },
    },
    {
      name: 'metadata-longest-with-longest-key',
      says: 'the longest key with the metadata that is hardest to escape fits',
      async run({ provider }) {
        const key = '\u0001'.repeat(provider.capabilities.maxKeyBytes);
        const names = Array.from({ length: MAX_METADATA_ENTRIES }, (_, i) => String.fromCharCode(i));
        const metadata = Object.fromEntries(
          names.map((letter) => [letter, '\u0001'.repeat(MAX_METADATA_BYTES / MAX_METADATA_ENTRIES - 1)]),
        );
        const head = await provider.put(key, bytes(1), { metadata });
        await expectRecord(provider, { ...head, metadata }, bytes(1));
        assert.deepEqual(await collect(provider), [head]);
      },
    },
    {
      name: 'input-buffer-not-retained',
      says: 'the array and the metadata that were put may be reused at once',
      async run({ provider }) {
        const value = pattern(10_000);
        const metadata: Record<string, string> = { a: 'before' };
        const put = provider.put('key', value, { metadata });
        value.fill(0);
        metadata['a'] = 'after';
        const head = await put;
        assert.deepEqual(head.metadata, { a: 'before' });
        await expectRecord(provider, head, pattern(10_000));
        value.fill(1);
        await expectRecord(provider, head, pattern(10_000));
      },
    },
    {
      name: 'input-view-only',
      says: 'only the bytes of a view are stored',
      async run({ provider }) {
        const whole = pattern(100);
        await provider.put('key', whole.subarray(10, 20));
        expectBytes((await present(provider, 'key')).value, whole.slice(10, 20));
      },
    },
    {
      name: 'returned-buffer-is-private',
      says: 'what get returns belongs to the caller, whole',
      async run({ provider }) {
        const head = await provider.put('key', bytes(1, 2, 3), { metadata: { a: 'b' } });
        const record = await present(provider, 'key');
        assert.deepEqual([record.value.byteOffset, record.value.buffer.byteLength], [0, 3]);
        const expected = { ...head, metadata: { a: 'b' } };
        record.value.fill(9);
        (record.metadata as Record<string, string>)['a'] = 'changed';
        (head.metadata as Record<string, string>)['a'] = 'changed';
        await expectRecord(provider, expected, bytes(1, 2, 3));
      },
    },
  ],
};
