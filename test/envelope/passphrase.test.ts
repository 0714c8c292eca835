import { createCipheriv, createHmac, pbkdf2Sync } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { activeEngine, useEngine } from '../../ts/envelope/engine.ts';
import type { Wrap } from '../../ts/envelope/header.ts';
import { KDF_DEFAULTS, type KdfParameters } from '../../ts/envelope/kdf.ts';
import { open } from '../../ts/envelope/open.ts';
import { activeKdfRunner, Passphrase, type PassphraseOptions } from '../../ts/envelope/passphrase.ts';
import { passphraseWork, WRAP_PASSPHRASE } from '../../ts/envelope/passphrase-work.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { unwrapDataKey, wrapDataKeys } from '../../ts/envelope/wrap.ts';
import { codeOf, countingRandom, failureOf, flip, keyOf, plaintextOf, secretOfByte, toHex } from './fixture.ts';
import { expectNoSecret, showings, showingsOfError } from './leak.ts';

const DATA_KEY = secretOfByte(0xdd);
const IMMUTABLE = plaintextOf(64);
const PBKDF2: KdfParameters = KDF_DEFAULTS['pbkdf2-sha256'];
/** The cheapest of what is allowed, on the engine that this run has: the platform's PBKDF2, or Argon2id in noble, a quarter of what PBKDF2 takes there. */
const QUICK: KdfParameters = (await activeKdfRunner('pbkdf2-sha256')) === 'noble' ? KDF_DEFAULTS.argon2id : PBKDF2;

/** Not in the second run of this file, with noble: it would ask the same engines again. */
const itOnce = activeEngine().sync === 'noble' ? () => undefined : it;

const phrase = (text: string, options: PassphraseOptions = {}): Passphrase => new Passphrase(text, { kdf: QUICK, ...options });

function wrapOf(passphrase: Passphrase): Promise<Wrap> {
  return passphraseWork(passphrase)!.wrap(DATA_KEY, IMMUTABLE, countingRandom());
}

afterEach(() => useEngine(null));

describe('a wrap by passphrase', () => {
  it('follows layout.md: node:crypto makes the same bytes from the same randomness', async () => {
    const [kdfSalt, salt] = [plaintext(0, 16), plaintext(16, 40)];
    const x = (key: Uint8Array, label: string, rest: Uint8Array = new Uint8Array(0)): Buffer =>
      createHmac('sha512', key).update(`psp/env@1 ${label}\0`).update(rest).digest();
    const secret = pbkdf2Sync('päss', kdfSalt, 600_000, 32, 'sha256');
    const keyAndNonce = x(secret, 'kek-wrap', salt);
    const cipher = createCipheriv('aes-256-gcm', keyAndNonce.subarray(0, 32), keyAndNonce.subarray(32, 44));
    cipher.setAAD(Buffer.concat([IMMUTABLE, Buffer.from([3, 10]), Buffer.from('passphrase')]));
    const encrypted = Buffer.concat([cipher.update(DATA_KEY), cipher.final(), cipher.getAuthTag()]);
    const body = Buffer.concat([Buffer.from('03000927c00000000000000000', 'hex'), kdfSalt, salt, encrypted]);

    const wrap = await wrapOf(phrase('päss', { kdf: PBKDF2 }));
    expect(wrap).toMatchObject({ type: 3, kid: 'passphrase' });
    expect(toHex(wrap.kcv)).toBe(x(secret, 'kcv').subarray(0, 8).toString('hex'));
    expect(toHex(wrap.body)).toBe(body.toString('hex'));
    expect(wrap.body.length).toBe(101);

    function plaintext(start: number, end: number): Buffer {
      return Buffer.from(Array.from({ length: end - start }, (_, at) => start + at));
    }
  });

  it.each(Object.values(KDF_DEFAULTS))('by $kdf opens with the same passphrase, whatever it would use itself', async (kdf) => {
    const wrap = await wrapOf(new Passphrase('open sesame', { kdf }));
    const dataKey = await passphraseWork(new Passphrase('open sesame'))!.unwrap(wrap, IMMUTABLE);
    expect(toHex(dataKey!)).toBe(toHex(DATA_KEY));
    expect(await passphraseWork(new Passphrase('Open sesame'))!.unwrap(wrap, IMMUTABLE)).toBeNull();
  });

  itOnce('is the same on every engine', async () => {
    const made: string[] = [];
    for (const kind of ['node', 'webcrypto', 'noble'] as const) {
      useEngine(kind);
      expect(await activeKdfRunner('pbkdf2-sha256')).toBe(kind);
      made.push(toHex((await wrapOf(phrase('x', { kdf: PBKDF2 }))).body));
    }
    expect(new Set(made).size).toBe(1);
  });

  it('uses Argon2id unless it is told otherwise', async () => {
    const wrap = await wrapOf(new Passphrase('x'));
    expect(toHex(wrap.body.subarray(0, 13))).toBe('0100004c000000000200000001');
  });

  it('draws 16 and 24 bytes before it waits, and never the same twice', async () => {
    const drawn: number[] = [];
    const random = countingRandom();
    const promise = passphraseWork(phrase('x'))!.wrap(DATA_KEY, IMMUTABLE, (byteLength) => {
      drawn.push(byteLength);
      return random(byteLength);
    });
    expect(drawn).toEqual([16, 24]);
    await promise;
  });

  it('is bound to its blob, its kid and its type: a changed byte is ENVELOPE_TAMPERED or another passphrase', async () => {
    const wrap = await wrapOf(phrase('x'));
    const open = (changed: Wrap, immutable = IMMUTABLE): Promise<unknown> => passphraseWork(phrase('x'))!.unwrap(changed, immutable);
    expect(await codeOf(() => open(wrap, flip(IMMUTABLE, 40)))).toBe('ENVELOPE_TAMPERED');
    expect(await codeOf(() => open({ ...wrap, kid: 'other' }))).toBe('ENVELOPE_TAMPERED');
    for (const at of [29, 52, 53, 84, 85, 100])
      expect(await codeOf(() => open({ ...wrap, body: flip(wrap.body, at) }))).toBe('ENVELOPE_TAMPERED');
    expect(await open({ ...wrap, body: flip(wrap.body, 13) })).toBeNull();
    expect(await open({ ...wrap, body: flip(wrap.body, 4) })).toBeNull();
    expect(await open({ ...wrap, kcv: flip(wrap.kcv, 0) })).toBeNull();
    expect(await codeOf(() => open({ ...wrap, body: wrap.body.subarray(1) }))).toBe('ENVELOPE_MALFORMED');
  });

  it('with hostile parameters fails before anything runs', async () => {
    const wrap = await wrapOf(phrase('x'));
    const withKdf = (hex: string): Wrap => ({ ...wrap, body: Buffer.concat([Buffer.from(hex, 'hex'), wrap.body.subarray(13)]) });
    const refused: readonly [string, string][] = [
      ['01004000000000000200000001', 'ENVELOPE_LIMIT'],
      ['01ffffffffffffffffffffffff', 'ENVELOPE_LIMIT'],
      ['01000000080000000100000001', 'ENVELOPE_LIMIT'],
      ['02800000000000000800000001', 'ENVELOPE_LIMIT'],
      ['03000000010000000000000000', 'ENVELOPE_LIMIT'],
      ['03ffffffff0000000000000000', 'ENVELOPE_LIMIT'],
      ['ff000000010000000000000000', 'ENVELOPE_UNSUPPORTED_VERSION'],
    ];
    for (const [hex, code] of refused) expect(await codeOf(async () => unwrapDataKey([phrase('x')], [withKdf(hex)], IMMUTABLE))).toBe(code);
  });
});

describe('a passphrase as a source of keys', () => {
  it('opens the wraps of its kid only: KEY_UNKNOWN for another kid, KEY_WRONG for another passphrase', async () => {
    const wraps = await wrapDataKeys([phrase('x', { kid: 'recovery' })], DATA_KEY, IMMUTABLE, countingRandom());
    const error = await failureOf(async () => unwrapDataKey([phrase('x')], wraps, IMMUTABLE));
    expect(error.code).toBe('KEY_UNKNOWN');
    expect(error.message).toContain('"recovery" (wrap type 3)');
    expect(await codeOf(async () => unwrapDataKey([phrase('y', { kid: 'recovery' })], wraps, IMMUTABLE))).toBe('KEY_WRONG');
    const { dataKey, kid } = await unwrapDataKey([phrase('x'), phrase('x', { kid: 'recovery' })], wraps, IMMUTABLE);
    expect([toHex(dataKey), kid]).toEqual([toHex(DATA_KEY), 'recovery']);
  });

  it('stands beside local keys, which are tried first and at once', async () => {
    const key = keyOf('key-1', 1);
    const wraps = await wrapDataKeys([phrase('x'), key], DATA_KEY, IMMUTABLE, countingRandom());
    expect(wraps.map(({ type, kid }) => [type, kid])).toEqual([
      [WRAP_PASSPHRASE, 'passphrase'],
      [1, 'key-1'],
    ]);
    expect(unwrapDataKey([phrase('wrong'), key], wraps, IMMUTABLE)).toMatchObject({ kid: 'key-1' });
    expect(await unwrapDataKey([keyOf('key-1', 2), phrase('x')], wraps, IMMUTABLE)).toMatchObject({ kid: 'passphrase' });
  });

  it('costs one derivation for a blob, however many wraps it claims', async () => {
    const wrap = await wrapOf(phrase('x'));
    const strange = { ...wrap, kcv: flip(wrap.kcv, 0) };
    const wraps = [strange, wrap, wrap, wrap, wrap, wrap, wrap, wrap];
    expect(await codeOf(async () => unwrapDataKey([phrase('x')], wraps, IMMUTABLE))).toBe('KEY_WRONG');
  });
});

describe('a blob that is sealed with a passphrase', () => {
  it('opens with it, and with any byte of its kdf flipped fails with a code and gives nothing', async () => {
    const sealed = await seal(plaintextOf(100), phrase('x', { kdf: PBKDF2 }), { sessionId: 's' });
    expect(toHex(await open(sealed, phrase('x'), { sessionId: 's' }))).toBe(toHex(plaintextOf(100)));
    const kdfStart = 64 + 2 + 2 + 'passphrase'.length + 8 + 2;
    expect(toHex(sealed.subarray(kdfStart, kdfStart + 13))).toBe('03000927c00000000000000000');
    const codes: string[] = [];
    for (let at = kdfStart; at < kdfStart + 13; at++)
      codes.push(await codeOf(() => open(flip(sealed, at), phrase('x'), { sessionId: 's' })));
    expect(codes).toEqual([
      'ENVELOPE_MALFORMED', // scrypt with N = 600,000, which is no power of two
      'ENVELOPE_LIMIT',
      'ENVELOPE_LIMIT',
      'ENVELOPE_LIMIT',
      'KEY_WRONG', // 600,001 iterations
      ...Array.from({ length: 8 }, () => 'ENVELOPE_MALFORMED'),
    ]);
    expect(await codeOf(() => open(sealed, phrase('y'), { sessionId: 's' }))).toBe('KEY_WRONG');
    expect(await codeOf(() => open(sealed, phrase('x'), { sessionId: 't' }))).toBe('ENVELOPE_CONTEXT');
  });
});

describe('the text of a passphrase', () => {
  it('is normalized to form C: composed and decomposed are one, and nothing else is changed', async () => {
    const composed = await wrapOf(phrase('caf\u00e9 \u212b'));
    expect(await passphraseWork(phrase('cafe\u0301 A\u030a'))!.unwrap(composed, IMMUTABLE)).not.toBeNull();
    for (const other of ['Caf\u00e9 \u212b', 'caf\u00e9 \u212b ', 'caf\u00e9\u00a0\u212b', 'cafe \u212b', 'caf\u00e9 A']) {
      expect(await passphraseWork(phrase(other))!.unwrap(composed, IMMUTABLE)).toBeNull();
    }
  });

  it('is refused when it is empty, no text, or no Unicode; so are bad kids and parameters', () => {
    expect(() => new Passphrase('')).toThrow(RangeError);
    expect(() => new Passphrase('a\ud800')).toThrow('lone surrogate');
    expect(() => new Passphrase(new Uint8Array(8) as unknown as string)).toThrow(TypeError);
    expect(() => new Passphrase('x', { kid: 'a b' })).toThrow(RangeError);
    expect(() => new Passphrase('x', { kdf: { kdf: 'pbkdf2-sha256', iterations: 1 } })).toThrow(RangeError);
  });

  it('shows nowhere, however the passphrase is printed, and in no error', async () => {
    const text = 'Tr0ub4dor & 3 secrets';
    const passphrase = phrase(text);
    const secret = new TextEncoder().encode(text);
    expectNoSecret(showings(passphrase), secret);
    expect(Reflect.ownKeys(passphrase)).toEqual(['kid']);
    expect([String(passphrase), inspect(passphrase)]).toEqual(['Passphrase(passphrase)', 'Passphrase(passphrase)']);
    const wrap = await wrapOf(phrase('another'));
    for (const wraps of [[wrap], [{ ...wrap, kid: 'x' }], [{ ...wrap, body: new Uint8Array(3) }]]) {
      const error = await failureOf(async () => unwrapDataKey([passphrase], wraps, IMMUTABLE));
      expectNoSecret(showingsOfError(error), secret);
    }
    try {
      new Passphrase(`${text}\ud800`);
      expect.unreachable();
    } catch (error) {
      expectNoSecret(showingsOfError(error as Error), secret);
    }
  });
});
