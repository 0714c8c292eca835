import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeContext, type SealContext } from '../../ts/envelope/context.ts';
import { useEngine } from '../../ts/envelope/engine.ts';
import { integrityTag, verifyIntegrity } from '../../ts/envelope/integrity.ts';
import { deriveMacKey, MacKey, macSecretOf } from '../../ts/envelope/key.ts';
import { open } from '../../ts/envelope/open.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { codeOf, failureOf, flip, keyOf, plaintextOf, secretOfByte, toHex } from './fixture.ts';
import { expectNoSecret, showingsOfError } from './leak.ts';

const KEY = new MacKey('scrub-1', secretOfByte(0x5c));
const CONTEXT: SealContext = { tenant: 'acme', sessionId: 's-1' };
const BYTES = plaintextOf(1000);

afterEach(() => useEngine(null));

describe('an integrity tag', () => {
  it('follows layout.md: node:crypto makes the same bytes', async () => {
    const x = (label: string): Buffer => createHmac('sha512', secretOfByte(0x5c)).update(`psp/env@1 ${label}\0`).digest();
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(1000n);
    const mac = createHmac('sha256', x('mac').subarray(0, 32))
      .update('psp/mac@1\0')
      .update(encodeContext(CONTEXT))
      .update(length)
      .update(BYTES);
    const expected = Buffer.concat([Buffer.from('PSPT\x01\x07scrub-1', 'latin1'), x('kcv').subarray(0, 8), mac.digest()]);
    for (const kind of [null, 'node', 'webcrypto', 'noble'] as const) {
      useEngine(kind);
      expect(toHex(await integrityTag(BYTES, KEY, CONTEXT))).toBe(expected.toString('hex'));
    }
    expect(expected.length).toBe(46 + 7);
  });

  it.each([0, 1, 63, 64, 65, 100_000])('of %i bytes verifies', async (byteLength) => {
    const bytes = plaintextOf(byteLength);
    expect(await verifyIntegrity(bytes, await integrityTag(bytes, KEY), KEY)).toEqual({ kid: 'scrub-1' });
  });

  it('verifies on a sealed blob without any key that opens it, and finds what was changed in it', async () => {
    const encryptionKey = keyOf('key-1', 1);
    const sealed = await seal(BYTES, encryptionKey, CONTEXT);
    const tag = await integrityTag(sealed, KEY, CONTEXT);
    expect(await verifyIntegrity(sealed, tag, KEY, CONTEXT)).toEqual({ kid: 'scrub-1' });
    for (let at = 0; at < sealed.length; at += 41)
      expect(await codeOf(() => verifyIntegrity(flip(sealed, at), tag, KEY, CONTEXT))).toBe('ENVELOPE_TAMPERED');
    expect(toHex(await open(sealed, encryptionKey, CONTEXT))).toBe(toHex(BYTES));
  });

  it('is ENVELOPE_TAMPERED for other bytes, another length, another context, another MAC', async () => {
    const tag = await integrityTag(BYTES, KEY, CONTEXT);
    const others: readonly [Uint8Array, Uint8Array, SealContext][] = [
      [flip(BYTES, 0), tag, CONTEXT],
      [flip(BYTES, 999, 0x80), tag, CONTEXT],
      [BYTES.subarray(1), tag, CONTEXT],
      [BYTES.subarray(0, 999), tag, CONTEXT],
      [Buffer.concat([BYTES, Uint8Array.of(0)]), tag, CONTEXT],
      [new Uint8Array(0), tag, CONTEXT],
      [BYTES, tag, {}],
      [BYTES, tag, { sessionId: 's-1' }],
      [BYTES, tag, { tenant: 'acme', sessionId: 's-2' }],
      [BYTES, flip(tag, 21), CONTEXT],
      [BYTES, flip(tag, tag.length - 1, 0x80), CONTEXT],
    ];
    for (const [bytes, otherTag, context] of others) {
      const error = await failureOf(() => verifyIntegrity(bytes, otherTag, KEY, context));
      expect(error.code).toBe('ENVELOPE_TAMPERED');
      expectNoSecret(showingsOfError(error), macSecretOf(KEY));
      expectNoSecret(showingsOfError(error), tag.subarray(21));
    }
  });

  it('cannot be moved between context and bytes', async () => {
    const context = encodeContext({ sessionId: 'x' });
    const tag = await integrityTag(BYTES, KEY, { sessionId: 'x' });
    expect(await codeOf(() => verifyIntegrity(Buffer.concat([context, BYTES]), tag, KEY))).toBe('ENVELOPE_TAMPERED');
  });

  it('is KEY_UNKNOWN for a key of another name, KEY_WRONG for another key of the name, and finds its key among several', async () => {
    const tag = await integrityTag(BYTES, KEY);
    const [namesake, stranger] = [new MacKey('scrub-1', secretOfByte(1)), new MacKey('scrub-2', secretOfByte(0x5c))];
    expect(await codeOf(() => verifyIntegrity(BYTES, tag, stranger))).toBe('KEY_UNKNOWN');
    expect(await codeOf(() => verifyIntegrity(BYTES, tag, [stranger, namesake]))).toBe('KEY_WRONG');
    expect(await verifyIntegrity(BYTES, tag, [stranger, namesake, KEY])).toEqual({ kid: 'scrub-1' });
  });

  it('with any byte flipped or missing is a coded error', async () => {
    const tag = await integrityTag(BYTES, KEY);
    const codes = ['ENVELOPE_MALFORMED', 'ENVELOPE_UNSUPPORTED_VERSION', 'KEY_UNKNOWN', 'KEY_WRONG', 'ENVELOPE_TAMPERED'];
    for (let bit = 0; bit < tag.length * 8; bit++) {
      expect(codes).toContain(await codeOf(() => verifyIntegrity(BYTES, flip(tag, bit >> 3, 1 << (bit & 7)), KEY)));
    }
    for (let end = 0; end < tag.length; end++)
      expect(await codeOf(() => verifyIntegrity(BYTES, tag.subarray(0, end), KEY))).toBe('ENVELOPE_MALFORMED');
    expect(await codeOf(() => verifyIntegrity(BYTES, Buffer.concat([tag, tag]), KEY))).toBe('ENVELOPE_MALFORMED');
    expect(await codeOf(() => verifyIntegrity(BYTES, flip(tag, 4), KEY))).toBe('ENVELOPE_UNSUPPORTED_VERSION');
    expect(await codeOf(() => verifyIntegrity(BYTES, flip(tag, 6, 0x80), KEY))).toBe('ENVELOPE_MALFORMED');
  });

  it('is not made or checked with an encryption key, and a derived MAC key is another secret', async () => {
    const encryptionKey = keyOf('key-1', 7);
    await expect(integrityTag(BYTES, encryptionKey as unknown as MacKey)).rejects.toThrow(TypeError);
    await expect(seal(BYTES, KEY as never)).rejects.toThrow(TypeError);
    const derived = deriveMacKey(encryptionKey);
    expect(derived.kid).toBe('key-1');
    expect(toHex(macSecretOf(derived))).not.toBe(toHex(secretOfByte(7)));
    expect(toHex(macSecretOf(deriveMacKey(keyOf('key-1', 7))))).toBe(toHex(macSecretOf(derived)));
    const sameBytes = await integrityTag(BYTES, new MacKey('key-1', secretOfByte(7)));
    expect(await codeOf(() => verifyIntegrity(BYTES, sameBytes, derived))).toBe('KEY_WRONG');
  });

  it('refuses wrong arguments as such', async () => {
    const tag = await integrityTag(BYTES, KEY);
    await expect(integrityTag('text' as never, KEY)).rejects.toThrow(TypeError);
    await expect(verifyIntegrity('text' as never, tag, KEY)).rejects.toThrow(TypeError);
    await expect(verifyIntegrity(BYTES, 'text' as never, KEY)).rejects.toThrow(TypeError);
    await expect(verifyIntegrity(BYTES, tag, [])).rejects.toThrow(RangeError);
    await expect(verifyIntegrity(BYTES, tag, [null as never])).rejects.toThrow(TypeError);
    await expect(verifyIntegrity(BYTES, tag, KEY, { revision: 1 } as SealContext)).rejects.toThrow(TypeError);
  });
});
