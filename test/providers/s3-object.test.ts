/** The bytes of an object as object.ts describes them: pinned, and every change of them found. */

import { describe, expect, test } from 'vitest';
import {
  checkTrailer,
  type Draft,
  decodeHead,
  draft,
  encodeBody,
  encodeHead,
  encodeTrailer,
  headOf,
  readVersion,
  TRAILER_BYTES,
} from '../../providers/s3/object.ts';
import { MAX_METADATA_BYTES, MAX_METADATA_ENTRIES } from '../../ts/provider.ts';

const RECORD: Draft = {
  key: 'key',
  id: Uint8Array.from({ length: 16 }, (_, n) => n),
  expiresAt: 1_700_000_000_000,
  metadata: { kind: 'a', n: '' },
};
const VALUE = Buffer.from('hello');
// CRC-32 of 'hello' is 3610a686.
const BODY = `${VALUE.toString('hex')}000102030405060708090a0b0c0d0e0f86a61036${Buffer.from('PSO1').toString('hex')}`;

function bodyOf({ id }: Draft): Buffer {
  const body = Buffer.alloc(VALUE.length + TRAILER_BYTES);
  encodeBody(id, VALUE, body);
  return body;
}

function code(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe('an object', () => {
  test('is the value and a trailer', () => {
    expect(bodyOf(RECORD).toString('hex')).toBe(BODY);
    expect(Buffer.from(encodeTrailer(RECORD.id, 0x3610a686)).toString('hex')).toBe(BODY.slice(10));
    expect(BODY.length / 2).toBe(5 + TRAILER_BYTES);
  });

  test('has a header with version, expiry and metadata', () => {
    const header = Buffer.from(encodeHead(RECORD), 'base64url');
    expect(header[0]).toBe(1);
    expect(header.subarray(5).toString('hex')).toBe(
      ['000102030405060708090a0b0c0d0e0f', '0068e5cf8b010000', '02', '04006b696e64', '010061', '01006e', '0000'].join(''),
    );
    const never = Buffer.from(encodeHead({ ...RECORD, expiresAt: null }), 'base64url');
    expect(never.subarray(21, 29).toString('hex')).toBe('ff'.repeat(8));
  });

  test('is read back, and its version holds the ETag and the expiry', () => {
    const facts = { etag: 'abc-2', bytes: 5 + TRAILER_BYTES, head: encodeHead(RECORD) };
    const { id, etag, head } = decodeHead('key', facts);
    expect([Buffer.from(id).toString('hex'), etag]).toEqual([BODY.slice(10, 42), 'abc-2']);
    expect(head).toEqual({ key: 'key', version: 'abc-2.loyw3v28', size: 5, expiresAt: RECORD.expiresAt, metadata: RECORD.metadata });
    expect(headOf(RECORD, 'abc-2', 5)).toEqual(head);
    expect(readVersion(head.version)).toEqual({ etag: 'abc-2', expiresAt: RECORD.expiresAt });
    expect(readVersion(headOf({ ...RECORD, expiresAt: null }, 'a.b', 5).version)).toEqual({ etag: 'a.b', expiresAt: null });
  });

  test('with the most metadata has a header below 2 KB', () => {
    const names = Array.from({ length: MAX_METADATA_ENTRIES }, (_, n) => String.fromCharCode(65 + n));
    const metadata = Object.fromEntries(names.map((name) => [name, 'x'.repeat(MAX_METADATA_BYTES / MAX_METADATA_ENTRIES - 1)]));
    const head = encodeHead({ ...RECORD, metadata });
    expect(head).toHaveLength(1576);
    expect(decodeHead('key', { etag: 'e', bytes: 24, head }).head.metadata).toEqual(metadata);
  });

  test('of the same value twice has two versions', () => {
    const [one, other] = [draft('key', null, {}), draft('key', null, {})];
    expect(Buffer.compare(bodyOf(one), bodyOf(other))).not.toBe(0);
  });

  test('with one bit changed anywhere in its header, or with its header cut, is PROVIDER_CORRUPT', () => {
    const bytes = Buffer.from(encodeHead(RECORD), 'base64url');
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const head = changed.toString('base64url');
      expect(
        code(() => decodeHead('key', { etag: 'e', bytes: 29, head })),
        `bit ${bit}`,
      ).toBe('PROVIDER_CORRUPT');
    }
    for (let length = 0; length < bytes.length; length++) {
      const head = bytes.subarray(0, length).toString('base64url');
      expect(
        code(() => decodeHead('key', { etag: 'e', bytes: 29, head })),
        `${length} bytes`,
      ).toBe('PROVIDER_CORRUPT');
    }
  });

  test('without a header, an ETag or room for its trailer is PROVIDER_CORRUPT', () => {
    const facts = { etag: 'e', bytes: 24, head: encodeHead(RECORD) };
    for (const odd of [{ head: null }, { etag: '' }, { etag: 'a b' }, { etag: 'a"b' }, { bytes: 23 }, { bytes: null }]) {
      expect(
        code(() => decodeHead('key', { ...facts, ...odd })),
        JSON.stringify(odd),
      ).toBe('PROVIDER_CORRUPT');
    }
  });

  test('with one bit changed anywhere in its body is PROVIDER_CORRUPT', () => {
    const trailer = Buffer.from(encodeTrailer(RECORD.id, 7));
    expect(code(() => checkTrailer(trailer, RECORD.id, 7))).toBeUndefined();
    for (let bit = 0; bit < 8 * trailer.length; bit++) {
      const changed = Buffer.from(trailer);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(
        code(() => checkTrailer(changed, RECORD.id, 7)),
        `bit ${bit}`,
      ).toBe('PROVIDER_CORRUPT');
    }
    expect(code(() => checkTrailer(trailer, RECORD.id, 6))).toBe('PROVIDER_CORRUPT');
    expect(code(() => checkTrailer(trailer.subarray(1), RECORD.id, 7))).toBe('PROVIDER_CORRUPT');
  });

  test.each(['', '.', 'abc', 'a b.', '"a".', 'a\n.', 'a.Z', 'a.-1', 'a.zzzzzzzzzzzz', `${'a'.repeat(201)}.`])(
    '%j is no version',
    (text) => {
      expect(readVersion(text as never)).toBeNull();
    },
  );
});
