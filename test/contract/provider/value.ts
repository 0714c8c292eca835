/** The contract of providers: values come back as they were put, with their metadata, and errors say nothing of them. */
import { describe, expect, test } from 'vitest';
import type { StorageProvider } from '../../../ts/provider.ts';
import { MAX_KEY_BYTES, MAX_METADATA_BYTES, MAX_METADATA_ENTRIES } from '../../../ts/provider.ts';
import { bytes, collect, expectCode, expectSilent, headOf, keysOf, pattern, present } from './observe.ts';

/** Values, metadata, buffers and messages. `start` gives an empty provider. */
export function valueContract(name: string, start: () => Promise<StorageProvider>): void {
  describe(`${name}: basic`, () => {
    test('a missing key is null', async () => {
      const provider = await start();
      expect(await provider.get('missing')).toBeNull();
      await provider.put('other', bytes(1));
      expect(await provider.get('missing')).toBeNull();
    });

    test.each([0, 1, 4000, 4096, 65_536, 1_048_576])('a value of %i bytes comes back as it was put', async (size) => {
      const provider = await start();
      const value = pattern(size);
      const head = await provider.put('key', value, { metadata: { kind: 'test' } });
      expect(head).toEqual({ key: 'key', version: head.version, size, expiresAt: null, metadata: { kind: 'test' } });
      const record = await present(provider, 'key');
      expect(headOf(record)).toEqual(head);
      expect(Buffer.compare(record.value, value)).toBe(0);
    });

    test('a value may hold every byte', async () => {
      const provider = await start();
      const value = Uint8Array.from({ length: 256 }, (_, index) => index);
      await provider.put('key', value);
      expect((await present(provider, 'key')).value).toEqual(value);
    });

    test('a put replaces the value, its metadata and its length', async () => {
      const provider = await start();
      await provider.put('key', pattern(5000), { metadata: { old: 'yes' } });
      await provider.put('key', bytes(7));
      expect(await provider.get('key')).toMatchObject({ size: 1, metadata: {}, value: bytes(7) });
    });

    test('a delete says whether there was a value, and afterwards there is none', async () => {
      const provider = await start();
      expect(await provider.delete('key')).toBe(false);
      await provider.put('key', bytes(1));
      expect(await provider.delete('key')).toBe(true);
      expect(await provider.get('key')).toBeNull();
      expect(await provider.delete('key')).toBe(false);
    });

    test('wrong arguments are TypeError or RangeError, as rejections', async () => {
      const provider = await start();
      const version = (await provider.put('key', bytes(1))).version;
      const wrong = (value: unknown): never => value as never;
      await expect(provider.get(wrong(1))).rejects.toThrow(TypeError);
      await expect(provider.delete(wrong(null))).rejects.toThrow(TypeError);
      await expect(provider.delete('key', { ifMatch: wrong(3) })).rejects.toThrow(TypeError);
      await expect(provider.put('key', wrong('text'))).rejects.toThrow(TypeError);
      await expect(provider.put('key', wrong(new ArrayBuffer(3)))).rejects.toThrow(TypeError);
      await expect(provider.put('key', bytes(2), { ifMatch: version, ifNoneMatch: '*' })).rejects.toThrow(TypeError);
      await expect(provider.put('key', bytes(2), { ifNoneMatch: wrong(version) })).rejects.toThrow(TypeError);
      await expect(provider.put('key', bytes(2), { metadata: wrong({ a: 1 }) })).rejects.toThrow(TypeError);
      await expect(provider.put('key', bytes(2), { metadata: { a: '\ud800' } })).rejects.toThrow(TypeError);
      for (const expiresAt of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
        await expect(provider.put('key', bytes(2), { expiresAt }), String(expiresAt)).rejects.toThrow(RangeError);
      }
      await expect(keysOf(provider, { prefix: wrong(1) })).rejects.toThrow(TypeError);
      expect((await present(provider, 'key')).version).toBe(version);
    });
  });

  describe(`${name}: metadata`, () => {
    test('names and texts come back exactly', async () => {
      const provider = await start();
      const metadata = Object.fromEntries([
        ...['revision', '', '__proto__', 'constructor', '\u00e9', '\u{1f600}', 'a b', 'A', 'a'].map((key, i) => [key, `text ${i}`]),
        ['empty', ''],
        ['odd', '\u0000\n\u2028"\\\u{1f600}'],
      ]);
      const head = await provider.put('key', bytes(1), { metadata });
      expect(Object.entries(head.metadata)).toEqual(Object.entries(metadata));
      const [listed] = await collect(provider);
      for (const found of [await present(provider, 'key'), listed!]) {
        expect(Object.entries(found.metadata).sort()).toEqual(Object.entries(metadata).sort());
      }
    });

    test(`${MAX_METADATA_BYTES} bytes are allowed and one more is not`, async () => {
      const provider = await start();
      const text = '\u00e9'.repeat(MAX_METADATA_BYTES / 2 - 1);
      const { version } = await provider.put('key', bytes(1), { metadata: { ab: text } });
      await expectCode(provider.put('key', bytes(2), { metadata: { abc: text } }), 'PROVIDER_TOO_LARGE');
      await expectCode(provider.put('key', bytes(2), { metadata: { a: 'x'.repeat(100_000) } }), 'PROVIDER_TOO_LARGE');
      expect(await present(provider, 'key')).toMatchObject({ version, metadata: { ab: text } });
    });

    test('the longest key with the most escaped metadata fits', async () => {
      const provider = await start();
      const key = '\u0001'.repeat(MAX_KEY_BYTES);
      const names = Array.from({ length: MAX_METADATA_ENTRIES }, (_, i) => String.fromCharCode(i));
      const metadata = Object.fromEntries(names.map((letter) => [letter, '\u0001'.repeat(MAX_METADATA_BYTES / MAX_METADATA_ENTRIES - 1)]));
      await provider.put(key, bytes(1), { metadata });
      expect((await present(provider, key)).metadata).toEqual(metadata);
    });
  });

  describe(`${name}: buffers are private`, () => {
    test('the array that was put may be reused at once', async () => {
      const provider = await start();
      const value = pattern(10_000);
      const metadata: Record<string, string> = { a: 'before' };
      const put = provider.put('key', value, { metadata });
      value.fill(0);
      metadata['a'] = 'after';
      const head = await put;
      expect(head.metadata).toEqual({ a: 'before' });
      const record = await present(provider, 'key');
      expect([Buffer.compare(record.value, pattern(10_000)), record.metadata]).toEqual([0, { a: 'before' }]);
    });

    test('only the bytes of a view are stored', async () => {
      const provider = await start();
      const whole = pattern(100);
      await provider.put('key', whole.subarray(10, 20));
      expect((await present(provider, 'key')).value).toEqual(whole.slice(10, 20));
    });

    test('what get returns belongs to the caller, whole', async () => {
      const provider = await start();
      const head = await provider.put('key', bytes(1, 2, 3), { metadata: { a: 'b' } });
      const record = await present(provider, 'key');
      expect([record.value.byteOffset, record.value.buffer.byteLength]).toEqual([0, 3]);
      record.value.fill(9);
      (record.metadata as Record<string, string>)['a'] = 'changed';
      (head.metadata as Record<string, string>)['a'] = 'changed';
      expect(await provider.get('key')).toMatchObject({ value: bytes(1, 2, 3), metadata: { a: 'b' } });
    });
  });

  describe(`${name}: messages`, () => {
    test('an error tells neither the value, nor the metadata, nor the key', async () => {
      const provider = await start();
      const key = 'KEYSECRET.keysecret';
      const value = Buffer.from('VALUESECRET');
      const { version } = await provider.put(key, value, { metadata: { m: 'METASECRET' } });
      await provider.put(key, value);
      const failures = await Promise.all([
        expectCode(provider.put(key, value, { ifNoneMatch: '*' }), 'PROVIDER_CONFLICT'),
        expectCode(provider.put(key, value, { ifMatch: version }), 'PROVIDER_CONFLICT'),
        expectCode(provider.delete(key, { ifMatch: version }), 'PROVIDER_CONFLICT'),
        expectCode(provider.put(`${key}\0`, value), 'PROVIDER_INVALID_KEY'),
        expectCode(provider.put(key.repeat(99), value), 'PROVIDER_INVALID_KEY'),
        expectCode(provider.put(key, value, { metadata: { m: 'METASECRET'.repeat(200) } }), 'PROVIDER_TOO_LARGE'),
      ]);
      for (const failure of failures) expectSilent(failure, ['secret', Buffer.from('VALUESECRET').toString('hex'), version]);
    });
  });
}
