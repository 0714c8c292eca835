/** Base64 by whatever the runtime has gives the same text, and comes back. */
import { expect, test } from 'vitest';
import { fromBase64, toBase64, toBase64ByStrings } from '../../providers/cloudflare-kv/base64.ts';

test.each([0, 1, 2, 3, 4, 255, 24_569, 24_570, 24_571, 100_000])('%i bytes', (size) => {
  const bytes = Uint8Array.from({ length: size }, (_, at) => at * 7 + (at >> 8));
  const expected = Buffer.from(bytes).toString('base64');
  expect([toBase64(bytes), toBase64ByStrings(bytes)]).toEqual([expected, expected]);
  expect(fromBase64(expected)).toEqual(bytes);
});

test('a view is its own bytes only, and what is no Base64 is null', () => {
  expect(toBase64(Uint8Array.of(0, 1, 2, 3).subarray(1, 3))).toBe('AQI=');
  expect([fromBase64('?'), fromBase64('A')]).toEqual([null, null]);
});
