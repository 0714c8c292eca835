import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeContext, type SealContext } from '../../ts/envelope/context.ts';
import { EncryptionKey, open, seal } from '../../ts/envelope/envelope.ts';
import { sealWith } from '../../ts/envelope/seal.ts';
import { countingRandom, keyOf, plaintextOf, secretOfByte, toHex } from './fixture.ts';
import { oracleOpen, oracleSeal } from './oracle.ts';

const KEY = keyOf('key-1', 1);
const CONTEXT: SealContext = { tenant: 'acme', sessionId: 's-1' };

describe('seal and open', () => {
  it.each([0, 1, 16_383, 16_384, 16_385, 3 * 16_384, 3 * 16_384 + 5])('give back %i bytes', async (byteLength) => {
    const plaintext = plaintextOf(byteLength);
    const opened = await open(await seal(plaintext, KEY, CONTEXT), KEY, CONTEXT);
    expect(Buffer.compare(opened, plaintext)).toBe(0);
  });

  it('give back any bytes under any context and any key', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.record({ tenant: text, sessionId: text }, { requiredKeys: [] }),
        fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        async (plaintext, context, kid, secret) => {
          const key = new EncryptionKey(kid, secret);
          const sealed = await seal(plaintext, key, context);
          expect(sealed.length).toBe(154 + 84 + kid.length + plaintext.length + 16);
          expect(toHex(await open(sealed, key, context))).toBe(toHex(plaintext));
          const oracleKey = { kid, bytes: secret };
          expect(toHex(oracleOpen(sealed, oracleKey, encodeContext(context)))).toBe(toHex(plaintext));
        },
      ),
    );
  });

  it('follow layout.md: node:crypto makes the same bytes from the same randomness', () => {
    for (const byteLength of [0, 1, 16_384, 40_000]) {
      const random = countingRandom();
      const [dataKey, blobId, payloadSalt, salt1, salt2] = [32, 16, 24, 24, 24].map(random) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ];
      const plaintext = plaintextOf(byteLength);
      const expected = oracleSeal({
        dataKey,
        blobId,
        payloadSalt,
        plaintext,
        context: encodeContext(CONTEXT),
        wraps: [
          { key: { kid: 'key-1', bytes: secretOfByte(1) }, salt: salt1 },
          { key: { kid: 'key-2', bytes: secretOfByte(2) }, salt: salt2 },
        ],
      });
      const sealed = sealWith(countingRandom(), plaintext, [KEY, keyOf('key-2', 2)], CONTEXT);
      expect(Buffer.compare(sealed, expected)).toBe(0);
    }
  });

  it('work through views into larger arrays, and leave their arguments as they were', async () => {
    const backing = plaintextOf(400);
    const before = toHex(backing);
    const sealed = await seal(backing.subarray(7, 300), KEY);
    const padded = Buffer.concat([new Uint8Array(13), sealed, new Uint8Array(5)]);
    const view = padded.subarray(13, 13 + sealed.length);
    expect(toHex(await open(view, KEY))).toBe(toHex(backing.subarray(7, 300)));
    expect(toHex(await open(view, KEY))).toBe(toHex(backing.subarray(7, 300)));
    expect(toHex(backing)).toBe(before);
    expect(toHex(view)).toBe(toHex(sealed));
  });

  it('take several keys: each opens alone, in any company', async () => {
    const keys = Array.from({ length: 8 }, (_, at) => keyOf(`key-${at}`, at + 1));
    const sealed = await seal(plaintextOf(10), keys, CONTEXT);
    for (const key of keys) expect(await open(sealed, key, CONTEXT)).toEqual(plaintextOf(10));
    expect(await open(sealed, [keyOf('stranger', 99), keys[7]!], CONTEXT)).toEqual(plaintextOf(10));
    expect(await open(sealed, [keyOf('key-3', 99), keys[3]!], CONTEXT)).toEqual(plaintextOf(10));
    expect(await open(sealed, [keyOf('key-3', 99), keys[5]!], CONTEXT)).toEqual(plaintextOf(10));
  });

  it('never make the same bytes twice: the same plaintext differs in every random and derived part', async () => {
    const one = await seal(plaintextOf(100), KEY, CONTEXT);
    const other = await seal(plaintextOf(100), KEY, CONTEXT);
    // blob id, context MAC, wrap salt, wrapped key, header MAC, payload salt, commitment, first half of the chunk, tag
    const parts = [
      [8, 24],
      [32, 64],
      [83, 107],
      [107, 155],
      [155, 187],
      [187, 211],
      [211, 243],
      [243, 293],
      [343, 359],
    ] as const;
    expect(one.length).toBe(359);
    for (const [start, end] of parts) expect(toHex(one.subarray(start, end))).not.toBe(toHex(other.subarray(start, end)));
    // and the rest is the same: magic to flags, length, wrap count, type, kid, kcv, body length
    for (const [start, end] of [
      [0, 8],
      [24, 32],
      [64, 83],
    ] as const) {
      expect(toHex(one.subarray(start, end))).toBe(toHex(other.subarray(start, end)));
    }
  });

  it('draw fresh salts: 2,000 seals repeat none', async () => {
    const seen = new Set<string>();
    for (let round = 0; round < 2000; round++) {
      const sealed = await seal(new Uint8Array(0), KEY);
      seen
        .add(toHex(sealed.subarray(8, 24)))
        .add(toHex(sealed.subarray(83, 107)))
        .add(toHex(sealed.subarray(187, 211)));
    }
    expect(seen.size).toBe(6000);
  });

  it('wipe the data key', () => {
    const counting = countingRandom();
    const draws: Uint8Array[] = [];
    sealWith(
      (byteLength) => {
        const bytes = counting(byteLength);
        draws.push(bytes);
        return bytes;
      },
      plaintextOf(3),
      KEY,
      CONTEXT,
    );
    expect(draws.map((bytes) => bytes.length)).toEqual([32, 16, 24, 24]);
    expect(draws[0]).toEqual(new Uint8Array(32));
  });

  it('refuse wrong arguments as such', async () => {
    const bytes = plaintextOf(3);
    const nine = Array.from({ length: 9 }, (_, at) => keyOf(`key-${at}`, at));
    await expect(seal('text' as unknown as Uint8Array, KEY)).rejects.toThrow(TypeError);
    await expect(seal(bytes, [])).rejects.toThrow(RangeError);
    await expect(seal(bytes, nine)).rejects.toThrow(RangeError);
    await expect(seal(bytes, [KEY, keyOf('key-1', 2)])).rejects.toThrow(RangeError);
    await expect(seal(bytes, { kid: 'key-1' } as unknown as EncryptionKey)).rejects.toThrow(TypeError);
    await expect(seal(bytes, KEY, { sessionId: '\ud800' })).rejects.toThrow(TypeError);
    const sealed = await seal(bytes, KEY);
    await expect(open('text' as unknown as Uint8Array, KEY)).rejects.toThrow(TypeError);
    await expect(open(sealed, [])).rejects.toThrow(RangeError);
    await expect(open(sealed, [null as unknown as EncryptionKey])).rejects.toThrow(TypeError);
    await expect(open(sealed, KEY, { revision: 1 } as SealContext)).rejects.toThrow(TypeError);
  });
});
