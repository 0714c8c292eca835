/** The contract of providers: which keys there are, and how they are listed. */
import { describe, expect, test } from 'vitest';
import type { StorageProvider } from '../../../ts/provider.ts';
import { MAX_KEY_BYTES } from '../../../ts/provider.ts';
import { byKey, bytes, collect, expectCode, fill, keysOf, present } from './observe.ts';

const NASTY_KEYS: readonly string[] = [
  ...['.', '..', '../../etc/passwd', '/etc/passwd', 'a/b', 'a/../b', './a', 'a\\b', '\\\\host\\share', '~', 'C:\\x', 'file:///x'],
  ...['a', 'A', 'ab', 'aB', 'AB', '\u00e9', 'e\u0301', '\u212b', '\u00c5', 'A\u030a', '\ufb01', 'fi', 'stra\u00dfe', 'STRASSE'],
  ...['CON', 'con', 'nul.txt', 'PRN', 'aux', 'COM1', 'lpt9.log', 'k-a', 'k-a.rec', 'h-a', '_61', '_', '__', '%61', 'a.tmp', 'a.lock'],
  ...['-rf', '--', '.hidden', ' ', '  ', ' lead', 'trail ', 'trail.', 'trail...', 'a b', 'a+b', 'a?b', 'a#b', 'a%2fb', 'a&b=c'],
  ...['\n', 'a\r\nb', '\t', '\u0001', '\u007f', '\u2028', '\ufeff', '*', '[a-z]', '{a}', '"', "'", '`', '<a>', '|', ':', '::', '$HOME'],
  ...['__proto__', 'constructor', 'null', '0', '\u{1f600}', '\u{1f600}\u{1f601}', '\u65e5\u672c\u8a9e', '\u202egnp.exe', '\u00ad'],
  ...['x'.repeat(64), 'x'.repeat(65), 'X'.repeat(66), 'X'.repeat(67), 'x'.repeat(197), 'x'.repeat(198), 'x'.repeat(199), 'x'.repeat(200)],
];

const LONGEST_KEYS: readonly string[] = [
  'k'.repeat(MAX_KEY_BYTES),
  `${'k'.repeat(MAX_KEY_BYTES - 1)}l`,
  'K'.repeat(MAX_KEY_BYTES),
  '\u00e9'.repeat(MAX_KEY_BYTES / 2),
  '\u{1f600}'.repeat(MAX_KEY_BYTES / 4),
  '"'.repeat(MAX_KEY_BYTES),
  '\u0001'.repeat(MAX_KEY_BYTES),
];

const BAD_KEYS: readonly (readonly [string, string])[] = [
  ['empty', ''],
  ['one byte too long', 'k'.repeat(MAX_KEY_BYTES + 1)],
  ['too long in bytes though not in characters', '\u00e9'.repeat(MAX_KEY_BYTES / 2) + 'e'],
  ['NUL', 'a\0b'],
  ['a high surrogate alone', 'a\ud83d'],
  ['a low surrogate alone', '\ude00a'],
  ['surrogates in the wrong order', '\ude00\ud83d'],
];

/** Keys and listings. `start` gives an empty provider. */
export function keyContract(name: string, start: () => Promise<StorageProvider>): void {
  describe(`${name}: keys`, () => {
    test('every odd key is a key of its own and is listed as it is', async () => {
      const provider = await start();
      const keys = [...NASTY_KEYS, ...LONGEST_KEYS];
      expect(new Set(keys).size).toBe(keys.length);
      for (const key of keys) await provider.put(key, Buffer.from(key), { ifNoneMatch: '*' });
      for (const key of keys) {
        const record = await present(provider, key);
        expect([record.key, Buffer.from(record.value).toString()]).toEqual([key, key]);
      }
      expect((await keysOf(provider)).sort()).toEqual([...keys].sort());
      for (const key of keys) expect(await provider.delete(key)).toBe(true);
      expect(await keysOf(provider)).toEqual([]);
    });

    test.each(BAD_KEYS)('a key that is not allowed is refused by every operation: %s', async (_, key) => {
      const provider = await start();
      await expectCode(provider.get(key), 'PROVIDER_INVALID_KEY');
      await expectCode(provider.put(key, bytes(1)), 'PROVIDER_INVALID_KEY');
      await expectCode(provider.delete(key), 'PROVIDER_INVALID_KEY');
      expect(await keysOf(provider)).toEqual([]);
    });

    test('a key that begins with another key is independent of it', async () => {
      const provider = await start();
      for (const key of ['a', 'a/', 'a/b', 'a/b/c']) await provider.put(key, Buffer.from(key));
      expect(await provider.delete('a/b')).toBe(true);
      expect((await keysOf(provider)).sort()).toEqual(['a', 'a/', 'a/b/c']);
    });
  });

  describe(`${name}: list`, () => {
    test('an empty store lists nothing', async () => {
      expect(await keysOf(await start())).toEqual([]);
    });

    test('a prefix is compared by code units and does not bleed', async () => {
      const provider = await start();
      const keys = [
        'a',
        'a/',
        'za/1',
        'xa',
        '/a/',
        'a/1',
        'a/2',
        'a0',
        'A/1',
        'b/1',
        'a%2f1',
        '\u00e9x',
        'e\u0301x',
        '\u{1f600}',
        '\u{1f601}',
        '*',
        'ab'.repeat(200),
      ];
      for (const key of keys) await provider.put(key, bytes(1));
      for (const prefix of ['', 'a', 'a/', 'a/1', 'a/1/', 'A', 'e', '\u00e9', '\ud83d', '*', 'a*', 'ab'.repeat(100), 'zz']) {
        const expected = keys.filter((key) => key.startsWith(prefix));
        expect((await keysOf(provider, { prefix })).sort(), `prefix ${JSON.stringify(prefix)}`).toEqual(expected.sort());
      }
    });

    test('500 keys are each listed once, with their heads', async () => {
      const provider = await start();
      const heads = await fill(provider, 500, (i) => ({ metadata: { i: String(i) } }));
      const listed = await collect(provider);
      expect(listed.sort(byKey)).toEqual(heads.sort(byKey));
    });

    test('keys that are not written while others are deleted and inserted appear exactly once', async () => {
      const provider = await start();
      await fill(provider, 200);
      const stay = new Set(Array.from({ length: 100 }, (_, i) => `key ${i * 2}`));
      const seen: string[] = [];
      let step = 0;
      for await (const { key } of provider.list({ prefix: 'key ' })) {
        seen.push(key);
        // Bounded: a provider that lists what was just inserted must still come to its end.
        if (step >= 100) continue;
        await provider.delete(`key ${step * 2 + 1}`);
        await provider.put(`key new ${step}`, bytes(1));
        step += 1;
      }
      expect(step).toBe(100);
      expect(seen.filter((key) => stay.has(key)).sort()).toEqual([...stay].sort());
      expect(new Set(seen).size).toBe(seen.length);
    });

    test('a listing may be left in the middle', async () => {
      const provider = await start();
      await fill(provider, 50);
      for await (const { key } of provider.list()) {
        expect(key).toMatch(/^key \d+$/);
        break;
      }
      expect(await keysOf(provider)).toHaveLength(50);
    });
  });
}
