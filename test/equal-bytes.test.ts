import { expect, test } from 'vitest';
import { areEqualBytes } from './equal-bytes.ts';

const KINDS = [Uint8Array, Int8Array, Uint8ClampedArray, Uint16Array, Int16Array, Uint32Array, Int32Array] as const;

test.each(KINDS)('views that hold the same bytes are equal at once, and others are left to toEqual: $name', (View) => {
  const view = View.from([1, 2, 3]);
  expect(areEqualBytes(view, View.from([1, 2, 3]))).toBe(true);
  expect(areEqualBytes(view, View.from([0, 1, 2, 3, 4]).subarray(1, 4))).toBe(true);
  for (const other of [View.from([1, 2, 4]), View.from([1, 2]), View.from([1, 2, 3, 0]), [1, 2, 3], new DataView(view.buffer), null]) {
    expect(areEqualBytes(view, other)).toBeUndefined();
    expect(areEqualBytes(other, view)).toBeUndefined();
  }
});

test('no verdict changes: kinds are told apart, and a number that is none is not equal to a zero', () => {
  expect(() => expect(Uint8Array.of(1, 2)).toEqual(Uint8Array.of(1, 3))).toThrow(/deeply equal/);
  expect(() => expect({ bytes: Uint8Array.of(1) }).toEqual({ bytes: Uint16Array.of(1) })).toThrow();
  expect(() => expect(Buffer.of(1)).toStrictEqual(Uint8Array.of(1))).toThrow();
  expect(areEqualBytes(Float64Array.of(0), Float64Array.of(0))).toBeUndefined();
  expect(() => expect(Float64Array.of(0)).toEqual(Float64Array.of(-0))).toThrow();
});

test('every file is set up with it', () => {
  const large = new Uint8Array(4_000_000);
  const before = process.cpuUsage();
  for (let time = 0; time < 5; time++) expect(large.slice()).toEqual(large);
  const { user, system } = process.cpuUsage(before);
  // Unit by unit this takes seconds.
  expect(user + system).toBeLessThan(1_000_000);
});
