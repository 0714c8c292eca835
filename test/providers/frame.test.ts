/** The frame of a stored value: what goes in comes out, its bytes are pinned, and no damaged byte passes. */

import { crc32 as runtimeCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32, tableCrc32 } from '../../providers/crc32.ts';
import {
  decodeFrame,
  decodeFrameHead,
  encodeFrame,
  expiryDigits,
  FRAME_EXPIRY_AT,
  FRAME_FIXED_BYTES,
  FRAME_HEAD_BYTES,
  FRAME_VERSION_AT,
  frameValueAt,
  touchFrame,
} from '../../providers/frame.ts';
import { MAX_METADATA_BYTES, MAX_METADATA_ENTRIES, type Version } from '../../ts/provider.ts';

const VERSION = '00112233445566778899aabbccddeeff' as Version;
const OTHER = 'ffeeddccbbaa99887766554433221100' as Version;

/** A value with a head, as hexadecimal digits: pinned, so that what is stored today is read tomorrow. */
const GOLDEN =
  '505346310007577e3030313132323333343435353636373738383939616162626363646465656666303030303030313730303030303030300e00000003000000';

const head = fc.record({
  version: fc.constantFrom(VERSION, OTHER),
  expiresAt: fc.option(fc.nat({ max: Number.MAX_SAFE_INTEGER })),
  metadata: fc.dictionary(fc.string({ maxLength: 8, unit: 'grapheme' }), fc.string({ maxLength: 8, unit: 'grapheme' }), {
    maxKeys: 10,
    noNullPrototype: true,
  }),
});

test('every head and value come back', () => {
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 2000 }), (one, value) => {
      const frame = encodeFrame(one, value);
      const expected = { key: 'k', size: value.length, ...one };
      expect(decodeFrame('k', frame)).toEqual({ ...expected, value: Uint8Array.from(value) });
      expect(decodeFrameHead('k', frame.subarray(0, FRAME_HEAD_BYTES), frame.length)).toEqual(expected);
      expect(frame.length - frameValueAt(frame)).toBe(value.length);
    }),
  );
});

test('the most metadata fits into the head that is read', () => {
  const text = 'x'.repeat(MAX_METADATA_BYTES / MAX_METADATA_ENTRIES - 2);
  const metadata = Object.fromEntries(Array.from({ length: MAX_METADATA_ENTRIES }, (_, at) => [String(at).padStart(2, '0'), text]));
  const frame = encodeFrame({ version: VERSION, expiresAt: null, metadata }, Uint8Array.of(1));
  expect(frame.length).toBe(FRAME_HEAD_BYTES + 1);
  expect(decodeFrameHead('k', frame.subarray(0, FRAME_HEAD_BYTES)).metadata).toEqual(metadata);
});

test('the bytes are those of the layout', () => {
  const frame = encodeFrame({ version: VERSION, expiresAt: 1_700_000_000, metadata: { name: 'tëxt' } }, Uint8Array.of(7, 8, 9));
  expect(Buffer.from(frame.subarray(0, 4)).toString()).toBe('PSF1');
  expect(Buffer.from(frame.subarray(FRAME_VERSION_AT, FRAME_VERSION_AT + 32)).toString()).toBe(VERSION);
  expect(Buffer.from(frame.subarray(FRAME_EXPIRY_AT, FRAME_EXPIRY_AT + 16)).toString()).toBe('0000001700000000');
  expect(Buffer.from(frame.subarray(0, 64)).toString('hex')).toBe(GOLDEN);
  expect(Buffer.from(frame.subarray(FRAME_FIXED_BYTES)).toString('hex')).toBe('0104006e616d65050074c3ab7874070809');
});

test('an expiry as text sorts as it does in time, and never is last', () => {
  const times = [0, 9, 10, 1_700_000_000_000, Number.MAX_SAFE_INTEGER, null];
  const digits = times.map(expiryDigits);
  expect([...digits].sort()).toEqual(digits);
  expect(new Set(digits.map((text) => text.length))).toEqual(new Set([16]));
});

test('a touch changes version and expiry and nothing else', () => {
  const before = encodeFrame({ version: VERSION, expiresAt: null, metadata: { a: 'b' } }, Uint8Array.of(1, 2));
  const after = before.slice();
  after.set(touchFrame(before, OTHER, 99));
  expect(decodeFrame('k', after)).toMatchObject({ version: OTHER, expiresAt: 99, metadata: { a: 'b' }, value: Uint8Array.of(1, 2) });
});

describe('damage', () => {
  const frame = encodeFrame(
    { version: VERSION, expiresAt: 5, metadata: { a: 'b' } },
    Uint8Array.from({ length: 40 }, (_, at) => at),
  );

  test.each(Array.from({ length: frame.length }, (_, at) => at))('byte %i flipped is found', (at) => {
    const bad = frame.slice();
    bad[at]! ^= 0x10;
    expect(() => decodeFrame('k', bad)).toThrow(expect.objectContaining({ code: 'PROVIDER_CORRUPT' }));
  });

  test('every cut and every extension is found', () => {
    for (let end = 0; end < frame.length; end++) {
      expect(() => decodeFrame('k', frame.slice(0, end))).toThrow(expect.objectContaining({ code: 'PROVIDER_CORRUPT' }));
      expect(() => decodeFrameHead('k', frame.slice(0, end), end)).toThrow(expect.objectContaining({ code: 'PROVIDER_CORRUPT' }));
    }
    expect(() => decodeFrame('k', Uint8Array.of(...frame, 0))).toThrow(expect.objectContaining({ code: 'PROVIDER_CORRUPT' }));
  });
});

test('the checksum is that of the runtime and of the standard, by the table too, and of a part', () => {
  const check = Buffer.from('123456789');
  expect([crc32(check), tableCrc32(check)]).toEqual([0xcbf43926, 0xcbf43926]);
  const some = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(some, some, some, (before, one, after) => {
      const whole = Uint8Array.of(...before, ...one, ...after);
      const expected = runtimeCrc32(one);
      expect([crc32(one), tableCrc32(one)]).toEqual([expected, expected]);
      expect(tableCrc32(whole, 0, before.length, before.length + one.length)).toBe(expected);
      expect(tableCrc32(after, tableCrc32(one, tableCrc32(before)))).toBe(runtimeCrc32(whole));
      expect(crc32(after, crc32(one, crc32(before)))).toBe(runtimeCrc32(whole));
    }),
  );
});
