import { expect, test } from 'vitest';
import { isExpired } from '../../ts/session/expiry.ts';

test('an entry is expired from the very millisecond on that it names, and not one before', () => {
  expect(isExpired(1000, 999)).toBe(false);
  expect(isExpired(1000, 1000)).toBe(true);
  expect(isExpired(1000, 1001)).toBe(true);
  expect(isExpired(0, 0)).toBe(true);
});

test('an entry without a time never expires by the clock', () => {
  expect(isExpired(null, 0)).toBe(false);
  expect(isExpired(null, 253_402_300_799_999)).toBe(false);
});
