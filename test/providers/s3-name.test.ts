/** Names of objects for keys: laws over all keys, and the spellings that files, consoles and other versions of this library will meet. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeName, encodeName, RESERVED_START } from '../../providers/s3/name.ts';

// Keys hold no lone surrogates: checkKey has refused them.
const anyKey = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1 }),
  fc.string({ unit: fc.constantFrom('.', '/', '~', 'a', 'B', '_', '\u2028', '\uffff', '\u{1f600}', '8'), minLength: 1 }),
);

describe('names of objects', () => {
  test.each([
    ['sessions/user-1_A.json', 'sessions/user-1_A.json'],
    ['..', '~t.'],
    ['a/../b', 'a/~t./b'],
    ['/', '~u'],
    ['a//b', 'a/~ub'],
    ['a b', 'a~gb'],
    ['?#%+', '~0~j~l~r'],
    ['~', '~_'],
    ['\u2028\u2029', '~.8~.9'],
    ['e\u0301', 'e\u0301'],
    ['\u00e9', '\u00e9'],
  ])('%j is %s', (key, expected) => {
    const name = encodeName(key);
    expect(name).toBe(expected);
    expect(decodeName(name)).toBe(key);
  });

  test('a name is read back, takes at most twice the bytes of its key, and is never one of ours', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const name = encodeName(key);
        expect(decodeName(name)).toBe(key);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(2 * Buffer.byteLength(key));
        expect(name.startsWith(RESERVED_START)).toBe(false);
        expect(name).not.toMatch(/[^\w./~\-\u0080-\u{10ffff}]|[\u2028\u2029]|\/\/|(?:^|\/)\.{1,2}(?:\/|$)|^\//u);
      }),
      { numRuns: 2000 },
    );
  });

  test('the name of a key begins with the name of each beginning of it, also where that ends within a pair', () => {
    fc.assert(
      fc.property(anyKey, fc.nat(), (key, at) => {
        expect(encodeName(key).startsWith(encodeName(key.slice(0, at % (key.length + 1))))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('what no key is called is no name', () => {
    for (const odd of [
      '',
      '.',
      '..',
      '/',
      '/a',
      'a//b',
      'a/.b',
      'a b',
      '~',
      '~A~',
      '~~',
      '~~probe-1',
      '~.',
      '~.7',
      '~.8~.',
      'a~',
      '?',
      '\u2028',
    ]) {
      expect(decodeName(odd), odd).toBeNull();
    }
    fc.assert(
      fc.property(anyKey, (text) => {
        const key = decodeName(text);
        if (key !== null) expect(encodeName(key)).toBe(text);
      }),
    );
  });
});
