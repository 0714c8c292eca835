import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeAttributes, readAttributes, type SealedAttributes } from '../../ts/envelope/attributes.ts';
import { decodeMembers, encodeMembers, type Members } from '../../ts/envelope/canonical.ts';
import { encodeContext } from '../../ts/envelope/context.ts';
import { open, openSealed, peek, seal } from '../../ts/envelope/envelope.ts';
import { codeOf, failureOf, keyOf, plaintextOf, secretOfByte, toHex } from './fixture.ts';
import { oracleSeal } from './oracle.ts';

const KEY = keyOf('key-1', 1);
const ALL: SealedAttributes = { incarnation: 'run-1', revision: 41, schemaVersion: '3.0' };

/** A blob that says it has attributes, with `front` in their place. */
function withFront(front: Uint8Array): Uint8Array {
  const wraps = [{ key: { kid: 'key-1', bytes: secretOfByte(1) }, salt: new Uint8Array(24) }];
  const [dataKey, blobId, payloadSalt] = [secretOfByte(9), new Uint8Array(16), new Uint8Array(24)];
  return oracleSeal({ dataKey, blobId, payloadSalt, plaintext: front, context: encodeContext({}), wraps, flags: 2 });
}

function framed(members: Members, announced?: number): Uint8Array {
  const encoded = encodeMembers('attributes', members);
  const length = announced ?? encoded.length;
  return Buffer.concat([Uint8Array.of(length >> 8, length & 255), encoded]);
}

describe('attributes', () => {
  it.each([0, 1, 16_200, 16_384, 32_768, 50_000])('come out beside %i bytes of data, which are as they were', async (byteLength) => {
    for (const attributes of [{}, { revision: 0 }, ALL]) {
      const sealed = await seal(plaintextOf(byteLength), KEY, { sessionId: 's' }, { attributes });
      const opened = await openSealed(sealed, KEY, { sessionId: 's' });
      expect(opened.attributes).toEqual(attributes);
      expect(opened.kid).toBe('key-1');
      expect(Buffer.compare(opened.plaintext, plaintextOf(byteLength))).toBe(0);
      // An array of its own, without the attributes behind its back.
      expect(opened.plaintext.buffer.byteLength).toBe(byteLength);
      expect(peek(sealed).unverified.hasAttributes).toBe(true);
    }
  });

  it('are encrypted: neither a value nor a name can be read', async () => {
    const sealed = Buffer.from(await seal(plaintextOf(10), KEY, {}, { attributes: { incarnation: 'find-me' } }));
    expect(sealed.includes('find-me')).toBe(false);
    expect(sealed.includes('incarnation')).toBe(false);
  });

  it('make no difference to a blob without them', async () => {
    const opened = await openSealed(await seal(plaintextOf(10), KEY), KEY);
    expect(opened.attributes).toEqual({});
  });

  it('are refused where a caller gets them wrong', async () => {
    const wrong = (attributes: unknown) => expect(seal(plaintextOf(1), KEY, {}, { attributes: attributes as SealedAttributes })).rejects;
    await wrong({ revision: '7' }).toThrow(TypeError);
    await wrong({ revision: 7n }).toThrow(TypeError);
    await wrong({ incarnation: 7 }).toThrow(TypeError);
    await wrong({ color: 'red' }).toThrow('got color');
    await wrong({ toString: 'red' }).toThrow(TypeError);
    await wrong({ incarnation: '\ud800' }).toThrow('lone surrogate');
    for (const revision of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) await wrong({ revision }).toThrow(RangeError);
    await wrong({ incarnation: 'x'.repeat(4096) }).toThrow(RangeError);
    expect(encodeAttributes({ incarnation: 'x'.repeat(4096 - 2 - 4 - 9 - 11) }).length).toBe(4096);
    const sealed = await seal(plaintextOf(1), KEY);
    for (const minRevision of [-1, 0.5, Number.NaN]) await expect(open(sealed, KEY, {}, { minRevision })).rejects.toThrow(RangeError);
  });

  it('of another writer are refused, under a right MAC too', async () => {
    const name = (text: string) => Buffer.from(text).toString('hex');
    const one = `00000001${'00000008'}${name('revision')}`;
    const malformed = [
      Buffer.alloc(0),
      Buffer.alloc(1),
      Buffer.from('0005', 'hex'), // a length beyond the end
      Buffer.from('ffff', 'hex'),
      Buffer.concat([Uint8Array.of(0x20, 0), new Uint8Array(0x2000)]), // beyond the limit
      framed([['revision', 'seven']]),
      framed([['incarnation', 7]]),
      framed([
        ['revision', 7],
        ['incarnation', 'x'],
      ]), // not sorted
      framed([
        ['revision', 7],
        ['revision', 8],
      ]),
      framed([['revision', 7]], 4), // cut
      Buffer.concat([
        framed([])
          .subarray(0, 2)
          .map((byte, at) => byte + at),
        new Uint8Array(5),
      ]), // bytes left over
      Buffer.from(`001c${one}0200000007${'00'.repeat(7)}`, 'hex'), // an integer of 7 bytes
      Buffer.from(`001d${one}0200000008${'ff'.repeat(8)}`, 'hex'), // an integer beyond 2^53
      Buffer.from(`0017${one}03${'00000000'}00`, 'hex'), // a type that is none
      Buffer.from('0008ffffffff00000000', 'hex'), // 2^32 - 1 members
      Buffer.from('000800000001ffffffff', 'hex'), // a name of 2^32 - 1 bytes
      Buffer.from(`0019${'00000001'}${'00000008'}${name('revision')}01${'00000002'}fffe`, 'hex'),
    ];
    for (const front of malformed) expect(await codeOf(() => open(withFront(front), KEY))).toBe('ENVELOPE_MALFORMED');
    const later = await failureOf(() => open(withFront(framed([['revision2', 7]])), KEY));
    expect(later.code).toBe('ENVELOPE_UNSUPPORTED_VERSION');
    expect(await codeOf(() => open(withFront(framed([['__proto__', 'x']])), KEY))).toBe('ENVELOPE_UNSUPPORTED_VERSION');
    expect(await open(withFront(framed([['revision', 7]])), KEY, {}, { minRevision: 7 })).toEqual(new Uint8Array(0));
  });

  it('make the round trip, whatever they are', () => {
    const attributes = fc.record(
      { incarnation: fc.string({ unit: 'grapheme' }), revision: fc.maxSafeNat(), schemaVersion: fc.string() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(attributes, fc.uint8Array(), (value, rest) => {
        const encoded = encodeAttributes(value);
        expect(readAttributes(Buffer.concat([encoded, rest]))).toEqual({ attributes: value, byteLength: encoded.length });
      }),
    );
  });
});

describe('canonical members', () => {
  it('decode from nothing but their own encoding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const members = decodeMembers(bytes);
        if (members !== null) expect(toHex(encodeMembers('test', members))).toBe(toHex(bytes));
      }),
    );
  });

  it('change with every changed byte', () => {
    const members: Members = [
      ['a', 'text'],
      ['ab', 7],
      ['b', ''],
    ];
    const bytes = encodeMembers('test', members);
    expect(decodeMembers(bytes)).toEqual(members);
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Uint8Array.from(bytes);
        changed[at]! ^= 1 << bit;
        const decoded = decodeMembers(changed);
        if (decoded !== null) expect(decoded).not.toEqual(members);
      }
      expect(decodeMembers(bytes.subarray(0, at))).toBeNull();
    }
  });
});

describe('minRevision', () => {
  it('opens what is as new or newer, and refuses what is older or does not say', async () => {
    const sealed = await seal(plaintextOf(9), KEY, {}, { attributes: { revision: 5 } });
    for (const minRevision of [0, 4, 5]) expect(await open(sealed, KEY, {}, { minRevision })).toEqual(plaintextOf(9));
    const error = await failureOf(() => open(sealed, KEY, {}, { minRevision: 6 }));
    expect(error.code).toBe('ENVELOPE_ROLLBACK');
    expect(error.details).toEqual({ minRevision: 6, revision: 5 });
    for (const options of [{}, { attributes: {} }, { attributes: { schemaVersion: '3.0' } }]) {
      const silent = await seal(plaintextOf(9), KEY, {}, options);
      expect((await failureOf(() => open(silent, KEY, {}, { minRevision: 0 }))).details).toEqual({ minRevision: 0, revision: null });
    }
  });

  it('comes last: a changed blob is TAMPERED, not old', async () => {
    const sealed = await seal(plaintextOf(9), KEY, {}, { attributes: { revision: 5 } });
    sealed[sealed.length - 1]! ^= 1;
    expect(await codeOf(() => open(sealed, KEY, {}, { minRevision: 6 }))).toBe('ENVELOPE_TAMPERED');
  });
});
