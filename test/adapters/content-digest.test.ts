import { expect, test } from 'vitest';
import { ContentDigest } from '../../ts/adapters/content-digest.ts';

function digestOf(bytes: Uint8Array, cuts: readonly number[] = []): string {
  const digest = new ContentDigest();
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    digest.add(bytes.subarray(from, to));
    from = to;
  }
  return digest.finish();
}

// By mmh3 5.3 (Python, the reference implementation in C): `hash_bytes(text, 0, x64arch=False)`, its four words big-endian.
test.each([
  ['', '00000000000000000000000000000000'],
  ['I will not buy this record, it is scratched.', 'a0a9683b25ac5e40d9af2895890dddf5'],
  ['The quick brown fox jumps over the lazy dog', '2f1583c3ecee2c675d7bf66ce5e91d2c'],
])('%j has the digest that the reference gives', (text, expected) => {
  expect(digestOf(new TextEncoder().encode(text))).toBe(expected);
});

test('1283 bytes have the digest that the reference gives', () => {
  const bytes = Uint8Array.from({ length: 1280 }, (_, i) => i % 256);
  expect(digestOf(new Uint8Array([...bytes, 97, 98, 99]))).toBe('c8b75c0a251de8460465dd06ef538f29');
});

test('a content has one digest, in whatever pieces it comes', () => {
  const bytes = Uint8Array.from({ length: 70 }, (_, i) => (i * 37) % 256);
  const whole = digestOf(bytes);
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second += 7) expect(digestOf(bytes, [first, second])).toBe(whole);
  }
});

test('a bit, an order and a length make another digest', () => {
  const bytes = new Uint8Array(40).map((_, i) => i);
  const seen = new Set([
    digestOf(bytes),
    digestOf(bytes.slice().reverse()),
    digestOf(bytes.subarray(1)),
    digestOf(new Uint8Array([...bytes, 0])),
  ]);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const other = bytes.slice();
    other[bit >> 3]! ^= 1 << (bit & 7);
    seen.add(digestOf(other));
  }
  expect(seen.size).toBe(4 + 8 * bytes.length);
});
