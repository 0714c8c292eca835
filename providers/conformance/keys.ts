/** Cases: which keys there are, and that each is a key of its own. */

import assert from 'node:assert/strict';
import type { StorageProvider } from '../../ts/provider.ts';
import type { ConformanceCase, ConformanceGroup } from './case.ts';
import { bytes, expectBytes, expectCode, expectSame, keysOf, present } from './observe.ts';

const KEYS_BY_NATURE: readonly (readonly [name: string, says: string, keys: readonly string[]])[] = [
  [
    'slash-dot-dotdot',
    'paths are names like others',
    [
      ...['.', '..', '...', './', '../', '/', '//', '/.', '/..', './.', '../..', 'a/.', 'a/..', './a', '../a', 'a/b', 'a//b', 'a/', '/a'],
      ...['../../etc/passwd', '/etc/passwd', 'a/../b', 'a/./b', 'a\\b', '\\\\host\\share', '~', 'C:\\x', 'file:///x', '..\\x', '....//x'],
    ],
  ],
  [
    'case-only-difference',
    'keys that differ by case only are two',
    ['a', 'A', 'ab', 'aB', 'Ab', 'AB', 'stra\u00dfe', 'STRASSE', '\u0131', 'I', 'i', '\u0130'],
  ],
  [
    'unicode-NFC-NFD-distinct',
    'keys that look alike are two',
    [
      '\u00e9',
      'e\u0301',
      '\u212b',
      '\u00c5',
      'A\u030a',
      '\ufb01',
      'fi',
      '\u{1f600}',
      '\u{1f600}\u{1f601}',
      '\u65e5\u672c',
      '\u202egnp.exe',
      '\u00ad',
    ],
  ],
  [
    'reserved-windows-names',
    'names that some file system reserves are names like others',
    [
      'CON',
      'con',
      'nul.txt',
      'PRN',
      'aux',
      'COM1',
      'lpt9.log',
      'k-a',
      'k-a.rec',
      'h-a',
      '_61',
      '_',
      '__',
      'a.tmp',
      'a.lock',
      'a.',
      'a ',
      'a:b',
    ],
  ],
  [
    'leading-dash-and-dot',
    'dashes, dots and spaces stay where they are',
    ['-rf', '-', '--', '.hidden', ' ', '  ', ' lead', 'trail ', 'trail.', 'trail...', 'both . '],
  ],
  [
    'question-hash-percent-plus-space',
    'what means something in a URL is a letter of a key',
    [
      'a b',
      'a+b',
      'a?b',
      'a#b',
      'a%2fb',
      'a%2Fb',
      'a&b=c',
      '%61',
      '%',
      '%%',
      '%zz',
      '?',
      '#',
      '+',
      ';',
      'a=b',
      '@',
      'a,b',
      '!',
      '(x)',
      '$HOME',
    ],
  ],
  [
    'control-characters',
    'control characters, quotes and brackets are letters of a key',
    [
      ...[
        '\n',
        'a\r\nb',
        '\t',
        '\u0001',
        '\u001f',
        '\u007f',
        '\u0080',
        '\u2028',
        '\ufeff',
        '\ufffe',
        '\uffff',
        '*',
        '[a-z]',
        '{a}',
        '"',
        "'",
      ],
      ...['`', '<a>', '&amp;', ']]>', '|', ':', '::', '^', '__proto__', 'constructor', 'null', '0', '-0', 'undefined'],
    ],
  ],
  [
    'lengths-around-escaping',
    'keys of every length near a limit of names',
    [63, 64, 65, 127, 128, 129, 196, 197, 198, 199, 200, 201, 254, 255, 256].flatMap((length) => ['x'.repeat(length), 'X'.repeat(length)]),
  ],
];

const BAD_KEYS: readonly (readonly [name: string, says: string, key: (maxBytes: number) => string])[] = [
  ['empty-rejected', 'the empty key', () => ''],
  ['over-long-rejected', 'a key that is one byte too long', (max) => 'k'.repeat(max + 1)],
  ['over-long-in-bytes-rejected', 'a key too long in bytes though not in characters', (max) => `${'\u00e9'.repeat(max / 2)}ee`],
  ['nul-rejected', 'a key with NUL', () => 'a\0b'],
  ['high-surrogate-rejected', 'a key with a high surrogate alone', () => 'a\ud83d'],
  ['low-surrogate-rejected', 'a key with a low surrogate alone', () => '\ude00a'],
  ['surrogates-swapped-rejected', 'a key with surrogates in the wrong order', () => '\ude00\ud83d'],
];

/** Keys. */
export const keys: ConformanceGroup = {
  name: 'keys',
  cases: [
    ...KEYS_BY_NATURE.map(
      ([name, says, list]): ConformanceCase => ({
        name,
        says,
        run: ({ provider }) =>
          expectDistinct(
            provider,
            list.filter((key) => Buffer.byteLength(key) <= provider.capabilities.maxKeyBytes),
          ),
      }),
    ),
    {
      name: 'longest-key',
      says: 'a key may have maxKeyBytes bytes, whatever they are',
      async run({ provider }) {
        const { maxKeyBytes } = provider.capabilities;
        const fill = (text: string) => text.repeat(Math.floor(maxKeyBytes / Buffer.byteLength(text)));
        await expectDistinct(
          provider,
          ['k', 'K', '\u00e9', '\u{1f600}', '"', '\u0001', '/', '../', '%', ' '].map(fill).concat(`${fill('k').slice(1)}l`),
        );
      },
    },
    ...BAD_KEYS.map(
      ([name, says, key]): ConformanceCase => ({
        name,
        says: `${says} is PROVIDER_INVALID_KEY for every operation`,
        run: ({ provider }) => expectRefused(provider, key(provider.capabilities.maxKeyBytes)),
      }),
    ),
    {
      name: 'prefix-of-other-key',
      says: 'a key that begins with another key is independent of it',
      async run({ provider }) {
        for (const key of ['a', 'a/', 'a/b', 'a/b/c']) await provider.put(key, Buffer.from(key));
        assert.equal(await provider.delete('a/b'), true);
        expectSame(await keysOf(provider), ['a', 'a/', 'a/b/c'], 'what is left');
        assert.equal(await provider.delete('a'), true);
        expectBytes((await present(provider, 'a/b/c')).value, Buffer.from('a/b/c'));
      },
    },
  ],
};

/** Puts, reads, lists and deletes each of `list`, which holds no key twice. */
async function expectDistinct(provider: StorageProvider, list: readonly string[]): Promise<void> {
  assert.equal(new Set(list).size, list.length);
  for (const key of list) await provider.put(key, Buffer.from(key));
  for (const key of list) {
    const record = await present(provider, key);
    assert.equal(record.key, key);
    expectBytes(record.value, Buffer.from(key));
    assert.equal((await provider.head(key))?.version, record.version);
  }
  expectSame(await keysOf(provider), list, 'the keys that are listed');
  for (const key of list) assert.equal(await provider.delete(key), true, JSON.stringify(key));
  assert.deepEqual(await keysOf(provider), []);
}

async function expectRefused(provider: StorageProvider, key: string): Promise<void> {
  const code = 'PROVIDER_INVALID_KEY';
  await expectCode(provider.get(key), code);
  await expectCode(provider.head(key), code);
  await expectCode(provider.put(key, bytes(1)), code);
  await expectCode(provider.delete(key), code);
  await expectCode(provider.getMany(['good', key]), code);
  await expectCode(
    provider.putMany([
      { key: 'good', value: bytes(1) },
      { key, value: bytes(1) },
    ]),
    code,
  );
  await expectCode(provider.deleteMany(['good', key]), code);
  if (provider.capabilities.touch) await expectCode(provider.touch(key, null), code);
  if (provider.capabilities.streams) await expectCode(provider.getStream(key), code);
  assert.deepEqual(await keysOf(provider), []);
}
