import { describe, expect, it } from 'vitest';
import type { EngineKind } from '../../ts/envelope/engine/primitives.ts';
import { KINDS } from './engines.ts';
import { codeOf, flip, plaintextOf, secretOfByte } from './fixture.ts';
import { oraclePayload } from './oracle.ts';
import { decryptOn, encryptOn } from './payloads.ts';

const CONTEXT = Uint8Array.of(1, 2, 3);
const SALT = new Uint8Array(24).fill(9);
const KEY = secretOfByte(5);

/** Splits a payload into its head and its sealed chunks. */
function pieces(payload: Uint8Array): { head: Uint8Array; chunks: Uint8Array[] } {
  const chunks: Uint8Array[] = [];
  for (let at = 56; at < payload.length; at += 16_400) chunks.push(payload.subarray(at, at + 16_400));
  return { head: payload.subarray(0, 56), chunks };
}

describe.each(KINDS)('the payload on %s', (kind: EngineKind) => {
  const encrypt = (plaintext: Uint8Array, key = KEY): Promise<Uint8Array> => encryptOn(kind, key, CONTEXT, SALT, plaintext);
  const decrypt = (key: Uint8Array, context: Uint8Array, payload: Uint8Array): Promise<Uint8Array> =>
    decryptOn(kind, key, context, payload);

  it.each([
    [16, 0],
    [16, 16_385],
    [32, 0],
    [32, 1],
    [32, 16_383],
    [32, 16_384],
    [32, 16_385],
    [32, 40_000],
  ])('with a key of %i bytes and %i bytes of text is what node:crypto makes, and decrypts', async (keyBytes, byteLength) => {
    const key = KEY.subarray(0, keyBytes);
    const plaintext = plaintextOf(byteLength);
    const payload = await encrypt(plaintext, key);
    expect(Buffer.compare(payload, oraclePayload(key, CONTEXT, SALT, plaintext))).toBe(0);
    expect(Buffer.compare(await decrypt(key, CONTEXT, payload), plaintext)).toBe(0);
  });

  it('counts chunks beyond one byte', async () => {
    const plaintext = new Uint8Array(257 * 16_384 + 1).fill(3);
    expect(Buffer.compare(await encrypt(plaintext), oraclePayload(KEY, CONTEXT, SALT, plaintext))).toBe(0);
  });

  it('refuses keys of other sizes', async () => {
    for (const byteLength of [0, 15, 17, 24, 31, 33]) {
      await expect(encrypt(plaintextOf(1), new Uint8Array(byteLength))).rejects.toThrow(RangeError);
    }
  });

  it('refuses another key, another context, and any changed byte of the head or of a chunk', async () => {
    const payload = await encrypt(plaintextOf(20));
    expect(await codeOf(() => decrypt(secretOfByte(6), CONTEXT, payload))).toBe('ENVELOPE_TAMPERED');
    expect(await codeOf(() => decrypt(KEY, Uint8Array.of(1, 2), payload))).toBe('ENVELOPE_TAMPERED');
    for (let at = 0; at < payload.length; at++) {
      expect(await codeOf(() => decrypt(KEY, CONTEXT, flip(payload, at)))).toBe('ENVELOPE_TAMPERED');
    }
  });

  it('refuses chunks that were reordered, repeated, dropped, appended or extended', async () => {
    const { head, chunks } = pieces(await encrypt(plaintextOf(2 * 16_384 + 100)));
    const [first, second, last] = chunks as [Uint8Array, Uint8Array, Uint8Array];
    for (const changed of [
      [head, second, first, last],
      [head, first, first, last],
      [head, first, last],
      [head, second, last],
      [head, last],
      [head, first, second, last, last],
      [head, first, second, second, last],
      [head, first, second, last, first],
      [head, first, second, last, new Uint8Array(1)],
      [head, first, second, last, new Uint8Array(16)],
    ]) {
      expect(await codeOf(() => decrypt(KEY, CONTEXT, Buffer.concat(changed)))).toBe('ENVELOPE_TAMPERED');
    }
  });

  it('is never complete without its short last chunk', async () => {
    const payload = await encrypt(plaintextOf(16_384));
    expect(await codeOf(() => decrypt(KEY, CONTEXT, payload.subarray(0, payload.length - 16)))).toBe('ENVELOPE_TRUNCATED');
    const { head, chunks } = pieces(payload);
    const impossible = Buffer.concat([head, chunks[1]!.subarray(0, 15)]);
    expect(await codeOf(() => decrypt(KEY, CONTEXT, impossible))).toBe('ENVELOPE_TRUNCATED');
  });
});
