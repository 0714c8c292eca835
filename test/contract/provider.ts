/**
 * The contract of ts/provider.ts as tests: call {@link providerContract} with a way to make an empty provider. What only one kind
 * of provider promises (file modes, surviving kill -9) is tested beside that provider.
 */

import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PspError, type PspErrorCode } from '../../ts/errors.ts';
import type { ListOptions, PutOptions, RecordHead, StorageProvider, StoredRecord, Version } from '../../ts/provider.ts';
import { MAX_KEY_BYTES, MAX_METADATA_BYTES } from '../../ts/provider.ts';

/** An empty provider that reads the time from the clock it was given, and how to clear it away. */
export interface ProviderUnderTest {
  readonly provider: StorageProvider;
  readonly dispose: () => Promise<void>;
}

/** Makes an empty provider; `clock` gives milliseconds since the epoch. */
export type MakeProvider = (clock: () => number) => Promise<ProviderUnderTest>;

/** A time in the past, so that no provider mistakes the tests' clock for the machine's. */
export const START_MS = 1_700_000_000_000;

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

/** Runs every case of the contract as tests named after `name`. */
export function providerContract(name: string, make: MakeProvider): void {
  let nowMs = START_MS;

  async function start(): Promise<StorageProvider> {
    nowMs = START_MS;
    const { provider, dispose } = await make(() => nowMs);
    onTestFinished(dispose);
    return provider;
  }

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

  describe(`${name}: version`, () => {
    test('every put gives a new version, also for the same bytes', async () => {
      const provider = await start();
      const versions: Version[] = [];
      for (let i = 0; i < 20; i++) versions.push((await provider.put('key', bytes(1))).version);
      expect(new Set(versions).size).toBe(20);
      expect((await present(provider, 'key')).version).toBe(versions.at(-1));
    });

    test('get, put and list tell the same version', async () => {
      const provider = await start();
      const head = await provider.put('key', bytes(1), { metadata: { a: 'b' }, expiresAt: START_MS + 5 });
      expect(headOf(await present(provider, 'key'))).toEqual(head);
      expect(await collect(provider)).toEqual([head]);
    });

    test('create only: the second fails and the first stays', async () => {
      const provider = await start();
      const first = await provider.put('key', bytes(1), { ifNoneMatch: '*' });
      await expectCode(provider.put('key', bytes(2), { ifNoneMatch: '*' }), 'PROVIDER_CONFLICT');
      expect(await provider.get('key')).toEqual({ ...first, value: bytes(1) });
    });

    test('ifMatch replaces the version it names, and no other', async () => {
      const provider = await start();
      const first = await provider.put('key', bytes(1));
      const second = await provider.put('key', bytes(2), { ifMatch: first.version });
      await expectCode(provider.put('key', bytes(3), { ifMatch: first.version }), 'PROVIDER_CONFLICT');
      expect(await provider.get('key')).toEqual({ ...second, value: bytes(2) });
    });

    test('ifMatch on a missing key fails and creates nothing', async () => {
      const provider = await start();
      const { version } = await provider.put('other', bytes(1));
      await expectCode(provider.put('key', bytes(1), { ifMatch: version }), 'PROVIDER_CONFLICT');
      await expectCode(provider.delete('key', { ifMatch: version }), 'PROVIDER_CONFLICT');
      expect(await keysOf(provider)).toEqual(['other']);
    });

    test('a conditional delete takes only the version it names', async () => {
      const provider = await start();
      const first = await provider.put('key', bytes(1));
      const second = await provider.put('key', bytes(2));
      await expectCode(provider.delete('key', { ifMatch: first.version }), 'PROVIDER_CONFLICT');
      expect((await present(provider, 'key')).version).toBe(second.version);
      expect(await provider.delete('key', { ifMatch: second.version })).toBe(true);
      expect(await provider.get('key')).toBeNull();
    });

    test('ABA: a value that was deleted and put again is another version', async () => {
      const provider = await start();
      const { version } = await provider.put('key', bytes(1));
      await provider.put('key', bytes(2));
      await provider.put('key', bytes(1));
      await expectCode(provider.put('key', bytes(3), { ifMatch: version }), 'PROVIDER_CONFLICT');
      await provider.delete('key');
      await provider.put('key', bytes(1));
      await expectCode(provider.put('key', bytes(3), { ifMatch: version }), 'PROVIDER_CONFLICT');
      await expectCode(provider.delete('key', { ifMatch: version }), 'PROVIDER_CONFLICT');
      expect((await present(provider, 'key')).value).toEqual(bytes(1));
    });

    test('race-create-16-one-winner', async () => {
      const provider = await start();
      for (let round = 0; round < 5; round++) {
        const key = `round ${round}`;
        const tries = Array.from({ length: 16 }, (_, i) => provider.put(key, bytes(i), { ifNoneMatch: '*' }));
        const { winner } = await oneWinner(tries);
        expect(await provider.get(key)).toEqual({ ...winner.head, value: bytes(winner.index) });
      }
    });

    test('race-replace-16-one-winner', async () => {
      const provider = await start();
      let { version } = await provider.put('key', bytes(255));
      for (let round = 0; round < 5; round++) {
        const tries = Array.from({ length: 16 }, (_, i) => provider.put('key', bytes(i), { ifMatch: version }));
        const { winner } = await oneWinner(tries);
        expect(await provider.get('key')).toEqual({ ...winner.head, value: bytes(winner.index) });
        version = winner.head.version;
      }
    });

    test('race-delete-16-one-winner', async () => {
      const provider = await start();
      const { version } = await provider.put('key', bytes(1));
      const results = await Promise.allSettled(Array.from({ length: 16 }, () => provider.delete('key', { ifMatch: version })));
      expect(results.filter((result) => result.status === 'fulfilled' && result.value)).toHaveLength(1);
      expect(results.filter((result) => result.status === 'rejected').map((result) => codeOf(result.reason))).toEqual(
        Array(15).fill('PROVIDER_CONFLICT'),
      );
      expect(await provider.get('key')).toBeNull();
    });

    test('a counter that 16 writers raise 25 times each loses nothing', { timeout: 30_000 }, async () => {
      const provider = await start();
      await provider.put('counter', Buffer.from('0'));
      await Promise.all(Array.from({ length: 16 }, () => raise(provider, 25)));
      expect(await readCounter(provider)).toBe(400);
    });

    test('unconditional puts do not slip between the check and the write of a conditional one', async () => {
      const provider = await start();
      for (let round = 0; round < 20; round++) {
        const before = await provider.put('key', bytes(0));
        const [plain, conditional] = await Promise.allSettled([
          provider.put('key', bytes(1)),
          provider.put('key', bytes(2), { ifMatch: before.version }),
        ]);
        expect(plain.status).toBe('fulfilled');
        // Either the conditional put came first and was replaced, or it came second and failed: never both and 2 in the end.
        expect((await present(provider, 'key')).value).toEqual(bytes(1));
        if (conditional.status === 'rejected') expect(codeOf(conditional.reason)).toBe('PROVIDER_CONFLICT');
      }
    });
  });

  describe(`${name}: expiry`, () => {
    const expiresAt = START_MS + 1000;

    test('a value is there until the millisecond it expires', async () => {
      const provider = await start();
      await provider.put('key', bytes(1), { expiresAt });
      await provider.put('stays', bytes(2));
      nowMs = expiresAt - 1;
      expect(await present(provider, 'key')).toMatchObject({ expiresAt });
      expect((await keysOf(provider)).sort()).toEqual(['key', 'stays']);
      nowMs = expiresAt;
      expect(await provider.get('key')).toBeNull();
      expect(await keysOf(provider)).toEqual(['stays']);
    });

    test('an expired value is absent in every condition', async () => {
      const provider = await start();
      const { version } = await provider.put('key', bytes(1), { expiresAt });
      nowMs = expiresAt;
      await expectCode(provider.put('key', bytes(2), { ifMatch: version }), 'PROVIDER_CONFLICT');
      await expectCode(provider.delete('key', { ifMatch: version }), 'PROVIDER_CONFLICT');
      const created = await provider.put('key', bytes(3), { ifNoneMatch: '*' });
      expect(await provider.get('key')).toEqual({ ...created, value: bytes(3) });
    });

    test('deleting an expired value says there was none', async () => {
      const provider = await start();
      await provider.put('key', bytes(1), { expiresAt });
      nowMs = expiresAt;
      expect(await provider.delete('key')).toBe(false);
    });

    test('a put without an expiry clears the old one, a put with another replaces it', async () => {
      const provider = await start();
      await provider.put('cleared', bytes(1), { expiresAt });
      await provider.put('cleared', bytes(1));
      await provider.put('later', bytes(1), { expiresAt });
      await provider.put('later', bytes(1), { expiresAt: expiresAt + 1 });
      nowMs = expiresAt;
      expect((await present(provider, 'cleared')).expiresAt).toBeNull();
      expect((await present(provider, 'later')).expiresAt).toBe(expiresAt + 1);
      nowMs = expiresAt + 1;
      expect(await keysOf(provider)).toEqual(['cleared']);
    });

    test('a value put with an expiry in the past is stored and not there', async () => {
      const provider = await start();
      await provider.put('key', bytes(1));
      await provider.put('key', bytes(2), { expiresAt: START_MS });
      expect(await provider.get('key')).toBeNull();
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
      const names = Array.from({ length: 128 }, (_, i) => String.fromCharCode(i));
      const metadata = Object.fromEntries(names.map((letter) => [letter, '\u0001'.repeat(MAX_METADATA_BYTES / 128 - 1)]));
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

/** Fails unless `promise` rejects with a {@link PspError} of this code; returns the error. */
export async function expectCode(promise: Promise<unknown>, code: PspErrorCode): Promise<PspError> {
  const outcome = await promise.then(
    () => 'no error',
    (error: unknown) => error,
  );
  if (!(outcome instanceof PspError)) throw new Error(`expected a PspError ${code}, got ${inspect(outcome)}`);
  expect(outcome.code, outcome.message).toBe(code);
  return outcome;
}

/** Fails when anything a program would log of `error`, its causes included, holds one of these texts, in whatever case. */
export function expectSilent(error: Error, secrets: readonly string[]): void {
  const text = [inspect(error, { depth: 10, showHidden: true }), String(error), JSON.stringify(error)].join('\n').toLowerCase();
  // The stack names the test's own file and functions, which hold none of the secrets.
  for (const secret of secrets) expect(text).not.toContain(secret.toLowerCase());
}

/** Raises the number under 'counter' `times` times by compare-and-set. */
export async function raise(provider: StorageProvider, times: number): Promise<void> {
  let conflicts = 0;
  for (let done = 0; done < times; ) {
    const record = await present(provider, 'counter');
    const next = Buffer.from(String(Number(Buffer.from(record.value).toString()) + 1));
    try {
      await provider.put('counter', next, { ifMatch: record.version });
      done += 1;
    } catch (error) {
      if (codeOf(error) !== 'PROVIDER_CONFLICT') throw error;
      if (++conflicts > 20_000) throw new Error('too many conflicts: nobody makes progress');
    }
  }
}

/** The number under 'counter'. */
export async function readCounter(provider: StorageProvider): Promise<number> {
  return Number(Buffer.from((await present(provider, 'counter')).value).toString());
}

/** The keys of a listing, in its order. */
export async function keysOf(provider: StorageProvider, options?: ListOptions): Promise<string[]> {
  return (await collect(provider, options)).map((head) => head.key);
}

/** `size` bytes that differ from their neighbours. */
export function pattern(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255);
}

async function collect(provider: StorageProvider, options?: ListOptions): Promise<RecordHead[]> {
  const heads: RecordHead[] = [];
  for await (const head of provider.list(options)) heads.push(head);
  return heads;
}

async function present(provider: StorageProvider, key: string): Promise<StoredRecord> {
  const record = await provider.get(key);
  if (record === null) throw new Error(`expected a value under ${JSON.stringify(key)}, found none`);
  return record;
}

async function fill(provider: StorageProvider, count: number, options: (i: number) => PutOptions = () => ({})): Promise<RecordHead[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => provider.put(`key ${i}`, bytes(i), options(i))));
}

async function oneWinner(tries: readonly Promise<RecordHead>[]): Promise<{ winner: { index: number; head: RecordHead } }> {
  const results = await Promise.allSettled(tries);
  const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [{ index, head: result.value }] : []));
  const losers = results.flatMap((result) => (result.status === 'rejected' ? [codeOf(result.reason)] : []));
  expect(winners).toHaveLength(1);
  expect(losers).toEqual(Array(tries.length - 1).fill('PROVIDER_CONFLICT'));
  return { winner: winners[0]! };
}

function headOf({ key, version, size, expiresAt, metadata }: RecordHead): RecordHead {
  return { key, version, size, expiresAt, metadata };
}

function bytes(...values: readonly number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values);
}

function byKey(a: RecordHead, b: RecordHead): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function codeOf(error: unknown): string {
  return error instanceof PspError ? error.code : inspect(error);
}
