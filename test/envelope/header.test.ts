import { describe, expect, it } from 'vitest';
import { MAX_HEADER_BYTES, parseHeader, type Wrap, writeImmutable } from '../../ts/envelope/header.ts';
import { open } from '../../ts/envelope/open.ts';
import { MAX_PLAINTEXT_BYTES } from '../../ts/envelope/payload.ts';
import { peek } from '../../ts/envelope/peek.ts';
import { codeOf, failureOf, keyOf, plaintextOf, toHex } from './fixture.ts';
import { oracleMutable } from './oracle.ts';

const MAC = new Uint8Array(32).fill(0xcc);
const FIELDS = {
  blobId: new Uint8Array(16).fill(0xaa),
  plaintextBytes: 5,
  hasAttributes: false,
  contextMac: new Uint8Array(32).fill(0xbb),
};
const A: Uint8Array = writeImmutable(FIELDS);
const LOCAL: Wrap = { type: 1, kid: 'k', kcv: new Uint8Array(8).fill(1), body: new Uint8Array(72).fill(2) };

function headerOf(wraps: readonly Wrap[], a = A): Uint8Array {
  return Buffer.concat([a, oracleMutable(wraps.map((wrap) => ({ ...wrap, kid: Buffer.from(wrap.kid) }))), MAC]);
}

/** Part A with its plaintext length replaced. */
function immutableOfLength(length: bigint): Uint8Array {
  const a = Uint8Array.from(A);
  new DataView(a.buffer).setBigUint64(24, length);
  return a;
}

function withFlags(flags: number): Uint8Array {
  const a = Uint8Array.from(A);
  new DataView(a.buffer).setUint16(6, flags);
  return a;
}

describe('the header', () => {
  it.each([
    [{ plaintextBytes: 5, hasAttributes: false }, 0],
    [{ plaintextBytes: null, hasAttributes: false }, 1],
    [{ plaintextBytes: 2 ** 52 - 1, hasAttributes: true }, 2],
    [{ plaintextBytes: null, hasAttributes: true }, 3],
  ])('says %j in its flags', (shape, flags) => {
    const bytes = headerOf([LOCAL], writeImmutable({ ...FIELDS, ...shape }));
    expect(bytes[6]! * 256 + bytes[7]!).toBe(flags);
    expect(parseHeader(bytes)).toMatchObject(shape);
    expect(peek(bytes).unverified.plaintextBytes).toBe(shape.plaintextBytes);
    expect(peek(bytes).unverified.hasAttributes).toBe(shape.hasAttributes ? true : undefined);
  });

  it('parses to what was written', () => {
    const kms: Wrap = { type: 2, kid: 'projects/é', kcv: new Uint8Array(8), body: new Uint8Array(300).fill(7) };
    const bytes = headerOf([LOCAL, kms]);
    const header = parseHeader(Buffer.concat([bytes, new Uint8Array(1000)]));
    expect(toHex(header.blobId)).toBe('aa'.repeat(16));
    expect(header.plaintextBytes).toBe(5);
    expect(toHex(header.contextMac)).toBe('bb'.repeat(32));
    expect(toHex(header.headerMac)).toBe('cc'.repeat(32));
    expect(header.headerBytes).toBe(bytes.length);
    expect(toHex(header.immutable)).toBe(toHex(A));
    expect(toHex(header.authenticated)).toBe(toHex(bytes.subarray(0, -32)));
    expect(header.wraps.map((wrap) => ({ ...wrap, kcv: toHex(wrap.kcv), body: toHex(wrap.body) }))).toEqual(
      [LOCAL, kms].map((wrap) => ({ ...wrap, kcv: toHex(wrap.kcv), body: toHex(wrap.body) })),
    );
  });

  it('keeps kids apart that differ by a byte order mark', () => {
    const header = parseHeader(headerOf([LOCAL, { ...LOCAL, kid: '\ufeffk' }]));
    expect(header.wraps.map((wrap) => wrap.kid)).toEqual(['k', '\ufeffk']);
  });

  it('is ENVELOPE_TRUNCATED at every cut after the magic, and ENVELOPE_NOT_SEALED before', async () => {
    const bytes = headerOf([LOCAL]);
    for (let end = 0; end < bytes.length; end++) {
      expect(await codeOf(() => parseHeader(bytes.subarray(0, end)))).toBe(end < 4 ? 'ENVELOPE_NOT_SEALED' : 'ENVELOPE_TRUNCATED');
    }
  });

  it.each([
    ['no wraps', headerOf([]), 'ENVELOPE_MALFORMED'],
    ['nine wraps', headerOf(Array.from({ length: 9 }, () => LOCAL)), 'ENVELOPE_LIMIT'],
    ['255 wraps announced', Buffer.concat([A, Uint8Array.of(0, 255)]), 'ENVELOPE_LIMIT'],
    ['an empty kid', headerOf([{ ...LOCAL, kid: '' }]), 'ENVELOPE_MALFORMED'],
    ['a kid of 65 bytes', headerOf([{ ...LOCAL, kid: 'k'.repeat(65) }]), 'ENVELOPE_LIMIT'],
    ['a kid that is not UTF-8', Buffer.concat([A, Uint8Array.of(0, 1, 1, 1, 0xff), new Uint8Array(200)]), 'ENVELOPE_MALFORMED'],
    ['a kid that is an overlong NUL', Buffer.concat([A, Uint8Array.of(0, 1, 1, 2, 0xc0, 0x80), new Uint8Array(200)]), 'ENVELOPE_MALFORMED'],
    ['a wrap of type 0', headerOf([{ ...LOCAL, type: 0 }]), 'ENVELOPE_MALFORMED'],
    ['a local wrap that is too short', headerOf([{ ...LOCAL, body: new Uint8Array(71) }]), 'ENVELOPE_MALFORMED'],
    ['a local wrap that is too long', headerOf([{ ...LOCAL, body: new Uint8Array(73) }]), 'ENVELOPE_MALFORMED'],
    ['a body that ends beyond the limit', headerOf([{ ...LOCAL, type: 2, body: new Uint8Array(65_535) }]), 'ENVELOPE_LIMIT'],
    ['a length of 2^52', headerOf([LOCAL], immutableOfLength(2n ** 52n)), 'ENVELOPE_LIMIT'],
    ['a length of 2^64 - 1', headerOf([LOCAL], immutableOfLength(2n ** 64n - 1n)), 'ENVELOPE_LIMIT'],
    ['a length of 2^31', Buffer.concat([immutableOfLength(2n ** 31n), Uint8Array.of(0, 1)]), 'ENVELOPE_TRUNCATED'],
    ['a stream that says its length', headerOf([LOCAL], withFlags(1)), 'ENVELOPE_MALFORMED'],
    ['a flag that nobody knows', headerOf([LOCAL], withFlags(4)), 'ENVELOPE_UNSUPPORTED_VERSION'],
    ['the highest flag', headerOf([LOCAL], withFlags(0x8000)), 'ENVELOPE_UNSUPPORTED_VERSION'],
    ['a mutable flag', Buffer.concat([A, Uint8Array.of(1, 1), new Uint8Array(300)]), 'ENVELOPE_UNSUPPORTED_VERSION'],
  ])('with %s is refused', async (_, bytes, code) => {
    expect(await codeOf(() => parseHeader(bytes))).toBe(code);
  });

  it('ends at 8,192 bytes exactly', async () => {
    const room = MAX_HEADER_BYTES - 64 - 2 - 13 - 32;
    const largest = headerOf([{ ...LOCAL, type: 2, body: new Uint8Array(room) }]);
    expect(parseHeader(largest).headerBytes).toBe(MAX_HEADER_BYTES);
    const larger = headerOf([{ ...LOCAL, type: 2, body: new Uint8Array(room + 1) }]);
    expect(await codeOf(() => parseHeader(larger))).toBe('ENVELOPE_LIMIT');
  });

  it('that announces 4 PiB allocates nothing', async () => {
    const bytes = Buffer.concat([headerOf([LOCAL], immutableOfLength(BigInt(MAX_PLAINTEXT_BYTES))), new Uint8Array(100)]);
    expect(peek(bytes).unverified.plaintextBytes).toBe(MAX_PLAINTEXT_BYTES);
    // An allocation of that size would be a RangeError.
    expect(await codeOf(() => open(bytes, keyOf('k', 3)))).toBe('KEY_WRONG');
  });
});

describe('peek', () => {
  it('tells what the header claims, as unverified', () => {
    const bytes = headerOf([LOCAL, { ...LOCAL, type: 3, kid: 'phrase' }]);
    expect(peek(bytes)).toEqual({
      unverified: {
        blobId: 'aa'.repeat(16),
        plaintextBytes: 5,
        wraps: [
          { type: 1, kid: 'k' },
          { type: 3, kid: 'phrase' },
        ],
        headerBytes: bytes.length,
      },
    });
  });

  it('fails with the codes of open', async () => {
    expect(await codeOf(() => peek(plaintextOf(100)))).toBe('ENVELOPE_NOT_SEALED');
    expect((await failureOf(() => peek(A))).details).toEqual({ expectedBytes: 65, actualBytes: 64 });
    expect(() => peek('PSPE' as unknown as Uint8Array)).toThrow(TypeError);
  });
});
