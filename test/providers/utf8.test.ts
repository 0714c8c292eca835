import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasLoneSurrogate, utf8Length, writeUtf8 } from '../../providers/utf8.ts';

/** ASCII, what is not, and halves of pairs, of every length that a key or a text of metadata has. */
const texts = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc
    .array(fc.constantFrom('a', '\x7f', '\x80', 'é', '€', '\ud83d', '\ude00', '\ud83d\ude00'), { maxLength: 12 })
    .map((units) => units.join('')),
);

describe('UTF-8 of short texts', () => {
  test('is as long as the platform makes it', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
      }),
    );
  });

  test('is written where it is to stand, and nowhere else', () => {
    fc.assert(
      fc.property(texts, fc.nat(5), (text, at) => {
        const encoded = new TextEncoder().encode(text);
        const bytes = new Uint8Array(at + encoded.length + 3).fill(0xff);
        const expected = bytes.slice();
        expected.set(encoded, at);
        expect(writeUtf8(bytes, at, text)).toBe(at + encoded.length);
        expect(bytes).toEqual(expected);
      }),
    );
  });

  test('a lone surrogate is told from a pair', () => {
    expect(['', 'a\ud83d', '\ude00', '\ude00\ud83d', '\ud83d\ude00', 'é', '\x7f'].map(hasLoneSurrogate)).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
