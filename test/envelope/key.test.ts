import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as entry from '../../ts/envelope/envelope.ts';
import {
  checkValueOf,
  deriveMacKey,
  EncryptionKey,
  formatKey,
  formatMacKey,
  generateKey,
  generateKeyWith,
  generateMacKey,
  MacKey,
  macSecretOf,
  parseKey,
  parseMacKey,
  secretOf,
} from '../../ts/envelope/key.ts';
import { countingRandom, failureOf, fromHex, toHex } from './fixture.ts';
import { expectNoSecret, showings, showingsOfError } from './leak.ts';

const SECRET = fromHex('c0ffee00c0ffee01c0ffee02c0ffee03c0ffee04c0ffee05c0ffee06c0ffee07');
const BASE64 = Buffer.from(SECRET).toString('base64');
const TEXT = `PSPK1.main-2026.${BASE64}`;

describe('an encryption key', () => {
  it('shows its kid and nothing else, however it is printed', () => {
    const key = new EncryptionKey('main-2026', SECRET);
    checkValueOf(key); // which it keeps
    expectNoSecret(showings(key), SECRET);
    expectNoSecret(showings(key), checkValueOf(key));
    expect([String(key), inspect(key)]).toEqual(['EncryptionKey(main-2026)', 'EncryptionKey(main-2026)']);
    expect(Reflect.ownKeys(key)).toEqual(['kid']);
  });

  it('has no door to its bytes in the public entry', () => {
    for (const name of ['secretOf', 'macSecretOf', 'checkValueOf', 'heldKeysOf', 'sealingKeyOf', 'ringOf', 'generateKeyWith', 'derive']) {
      expect(Object.keys(entry)).not.toContain(name);
    }
    expect(() => secretOf({ kid: 'main-2026' } as unknown as EncryptionKey)).toThrow(TypeError);
    expect(() => secretOf(Object.create(EncryptionKey.prototype) as EncryptionKey)).toThrow(TypeError);
  });

  it('keeps its own copy of the bytes', () => {
    const bytes = Uint8Array.from(SECRET);
    const key = new EncryptionKey('k', bytes);
    bytes.fill(0);
    expect(toHex(secretOf(key))).toBe(toHex(SECRET));
  });

  it('refuses other kids and lengths without showing the bytes', () => {
    for (const kid of ['', 'a b', 'a.b', 'é', 'k'.repeat(65), 'a\n']) expect(() => new EncryptionKey(kid, SECRET)).toThrow(RangeError);
    for (const length of [0, 16, 31, 33]) {
      try {
        new EncryptionKey('k', new Uint8Array(length).fill(0xc0));
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        expect(String(error)).not.toContain('192');
      }
    }
  });

  it('is generated with a random name of 16 hex digits, or the given one', () => {
    const [one, other] = [generateKey(), generateKey()];
    expect(one.kid).toMatch(/^[0-9a-f]{16}$/);
    expect(one.kid).not.toBe(other.kid);
    expect(toHex(secretOf(one))).not.toBe(toHex(secretOf(other)));
    expect(generateKey('mine').kid).toBe('mine');
    expect(() => generateKey('not mine')).toThrow(RangeError);
    const fixed = generateKeyWith(countingRandom());
    expect(fixed.kid).toBe('0001020304050607');
    expect(toHex(secretOf(fixed)).slice(0, 8)).toBe('08090a0b');
  });
});

describe('the text of a key', () => {
  it('is one line: PSPK1, the kid, the Base64 of 32 bytes', () => {
    expect(formatKey(new EncryptionKey('main-2026', SECRET))).toBe(TEXT);
  });

  it('parses back, whatever white space stands around it', () => {
    for (const text of [TEXT, `${TEXT}\n`, ` \t${TEXT}\r\n`, `\ufeff${TEXT}`]) {
      const key = parseKey(text);
      expect(key.kid).toBe('main-2026');
      expect(toHex(secretOf(key))).toBe(toHex(SECRET));
    }
  });

  it('makes the round trip for any kid and any bytes', () => {
    const kids = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
    fc.assert(
      fc.property(kids, fc.uint8Array({ minLength: 32, maxLength: 32 }), (kid, bytes) => {
        const key = parseKey(formatKey(new EncryptionKey(kid, bytes)));
        expect(key.kid).toBe(kid);
        expect(toHex(secretOf(key))).toBe(toHex(bytes));
      }),
    );
  });

  it('refuses anything else as KEY_MALFORMED, and repeats nothing of it', async () => {
    const base64 = TEXT.split('.')[2]!;
    const wrong = [
      '',
      'PSPK1',
      base64,
      `PSPK2.main-2026.${base64}`,
      `pspk1.main-2026.${base64}`,
      `PSPK1..${base64}`,
      `PSPK1.ma in.${base64}`,
      `PSPK1.${'k'.repeat(65)}.${base64}`,
      `PSPK1.main-2026.${base64.slice(0, -1)}`,
      `PSPK1.main-2026.${base64}=`,
      `PSPK1.main-2026.${base64.replace('/', '_')}`,
      `PSPK1.main-2026.${base64.slice(0, -2)}d=`, // trailing bits
      `PSPK1.main-2026.${base64.slice(0, 20)}\n${base64.slice(20)}`,
      `PSPK1.main-2026.${base64} ${base64}`,
      `PSPK1.main-2026.${Buffer.from(SECRET.subarray(1)).toString('base64')}`,
    ];
    for (const text of wrong) {
      const error = await failureOf(() => parseKey(text));
      expect(error.code).toBe('KEY_MALFORMED');
      expectNoSecret(showingsOfError(error), SECRET);
      for (const shown of showingsOfError(error)) {
        expect(shown).not.toContain('main-2026');
      }
      expect(error.cause).toBeUndefined();
    }
  });
});

describe('a MAC key', () => {
  it('shows its kid and nothing else, and has its own line of text', async () => {
    const key = new MacKey('scrub', SECRET);
    expectNoSecret(showings(key), SECRET);
    expect(Reflect.ownKeys(key)).toEqual(['kid']);
    expect([String(key), inspect(key)]).toEqual(['MacKey(scrub)', 'MacKey(scrub)']);
    expect(formatMacKey(key)).toBe(`PSPM1.scrub.${BASE64}`);
    expect(toHex(macSecretOf(parseMacKey(` ${formatMacKey(key)}\n`)))).toBe(toHex(SECRET));
    for (const run of [() => parseMacKey(TEXT), () => parseKey(formatMacKey(key))]) {
      const error = await failureOf(run);
      expect(error.code).toBe('KEY_MALFORMED');
      expectNoSecret(showingsOfError(error), SECRET);
    }
  });

  it('is no encryption key, and an encryption key is no MAC key', () => {
    const [key, macKey] = [new EncryptionKey('k', SECRET), new MacKey('k', SECRET)];
    expect(() => secretOf(macKey as unknown as EncryptionKey)).toThrow(TypeError);
    expect(() => macSecretOf(key as unknown as MacKey)).toThrow(TypeError);
    expect(() => deriveMacKey(macKey as unknown as EncryptionKey)).toThrow(TypeError);
    expect(() => formatKey(macKey as unknown as EncryptionKey)).toThrow(TypeError);
    expect(() => new MacKey('a b', SECRET)).toThrow(RangeError);
    expect(() => new MacKey('k', SECRET.subarray(1))).toThrow(RangeError);
  });

  it('is generated at random or derived from an encryption key, one way', () => {
    const [one, other] = [generateMacKey(), generateMacKey()];
    expect(one.kid).toMatch(/^[0-9a-f]{16}$/);
    expect(toHex(macSecretOf(one))).not.toBe(toHex(macSecretOf(other)));
    expect(generateMacKey('mine').kid).toBe('mine');
    const derived = deriveMacKey(
      new EncryptionKey(
        'main',
        Uint8Array.from({ length: 32 }, (_, at) => at),
      ),
    );
    expect(derived.kid).toBe('main');
    // The answer for the purpose mac-key in derived-keys.json.
    expect(toHex(macSecretOf(derived))).toBe('b578f2fa05d569427b516850f3cec746103d8ad657999798189bd52d40444010');
  });
});
