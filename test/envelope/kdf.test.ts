import { argon2id } from '@noble/hashes/argon2.js';
import { describe, expect, it } from 'vitest';
import {
  findKdfDoors,
  findKdfRunner,
  findKdfRunners,
  type HashWasm,
  type KdfDoors,
  loadHashWasm,
  type NodeKdfs,
  runKdf,
} from '../../ts/envelope/engine/kdf.ts';
import { checkKdf, decodeKdf, encodeKdf, KDF_BYTES, KDF_DEFAULTS, type KdfParameters } from '../../ts/envelope/kdf.ts';
import { failureOf, flip, fromHex, toHex } from './fixture.ts';
import { describeVectors } from './vectors.ts';

const DOORS = findKdfDoors(null);
const CLOSED: KdfDoors = { node: null, subtle: null, loadHashWasm: null };
const KDFS = ['argon2id', 'scrypt', 'pbkdf2-sha256'] as const;
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What every runner that works here gives, by its name. */
async function runEach(
  password: Uint8Array,
  salt: Uint8Array,
  parameters: KdfParameters,
  byteLength: number,
): Promise<Record<string, string>> {
  const results: Record<string, string> = {};
  for (const runner of await findKdfRunners(parameters.kdf, DOORS)) {
    results[runner] = toHex(await runKdf(runner, DOORS, password, salt, parameters, byteLength));
  }
  return results;
}

function expectEach(results: Record<string, string>, expected: string): void {
  expect(Object.keys(results)).toContain('noble');
  for (const [runner, key] of Object.entries(results)) expect(`${runner} ${key}`).toBe(`${runner} ${expected}`);
}

interface Rfc7914 {
  readonly scrypt: readonly {
    readonly password: string;
    readonly salt: string;
    readonly N: number;
    readonly r: number;
    readonly p: number;
    readonly dkLen: number;
    readonly slow: boolean;
    readonly dk: string;
  }[];
  readonly pbkdf2_hmac_sha256: readonly {
    readonly password: string;
    readonly salt: string;
    readonly c: number;
    readonly dkLen: number;
    readonly dk: string;
  }[];
}

describeVectors<Rfc7914>('rfc7914-scrypt-pbkdf2.json', ({ scrypt, pbkdf2_hmac_sha256 }) => {
  it.each(scrypt.filter(({ slow }) => !slow))('scrypt N=$N r=$r p=$p, by every runner', async ({ password, salt, N, r, p, dkLen, dk }) => {
    const parameters: KdfParameters = { kdf: 'scrypt', cost: N, blockSize: r, parallelism: p };
    expectEach(await runEach(ascii(password), ascii(salt), parameters, dkLen), dk);
  });

  it.each(scrypt.filter(({ slow }) => slow))(
    'scrypt N=$N r=$r p=$p takes 1 GiB: by the best runner only',
    async (vector) => {
      const [runner] = await findKdfRunners('scrypt', DOORS);
      const parameters: KdfParameters = { kdf: 'scrypt', cost: vector.N, blockSize: vector.r, parallelism: vector.p };
      expect(toHex(await runKdf(runner!, DOORS, ascii(vector.password), ascii(vector.salt), parameters, vector.dkLen))).toBe(vector.dk);
    },
    60_000,
  );

  it.each(pbkdf2_hmac_sha256)('PBKDF2-HMAC-SHA-256 c=$c, by every runner', async ({ password, salt, c, dkLen, dk }) => {
    const results = await runEach(ascii(password), ascii(salt), { kdf: 'pbkdf2-sha256', iterations: c }, dkLen);
    expect(Object.keys(results)).toEqual(['webcrypto', 'node', 'noble']);
    expectEach(results, dk);
  });
});

interface Argon2Vector {
  readonly m: number;
  readonly t: number;
  readonly p: number;
  readonly tagLength: number;
  readonly password: string;
  readonly salt: string;
  readonly secret: string;
  readonly ad: string;
  readonly tag: string;
}

describeVectors<{ tests: Argon2Vector[] }>('rfc9106-argon2.json', ({ tests }) => {
  // The format has neither a secret nor associated data, so this one does not go through our runners.
  it.each(tests)(
    'Argon2id of noble, m=$m t=$t p=$p with secret and associated data',
    ({ m, t, p, tagLength, password, salt, secret, ad, tag }) => {
      const options = { m, t, p, dkLen: tagLength, key: fromHex(secret), personalization: fromHex(ad) };
      expect(toHex(argon2id(fromHex(password), fromHex(salt), options))).toBe(tag);
    },
  );
});

describe('Argon2id', () => {
  /** From the test program of the reference implementation (phc-winner-argon2, src/test.c, version 0x13). */
  const REFERENCE: readonly [number, number, number, string, string, string][] = [
    [256, 2, 1, 'password', 'somesalt', '9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe'],
    [256, 2, 2, 'password', 'somesalt', '6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037'],
    [65_536, 2, 1, 'password', 'somesalt', '09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7'],
    [65_536, 1, 1, 'password', 'somesalt', 'f6a5adc1ba723dddef9b5ac1d464e180fcd9dffc9d1cbf76cca2fed795d9ca98'],
  ];

  it.each(REFERENCE)(
    'm=%i t=%i p=%i of "%s" and "%s" is as in the reference, by every runner',
    async (m, t, p, password, salt, expected) => {
      const parameters: KdfParameters = { kdf: 'argon2id', memoryKiB: m, passes: t, parallelism: p };
      expectEach(await runEach(ascii(password), ascii(salt), parameters, 32), expected);
    },
  );

  it('is run by hash-wasm where that is installed, and by noble where it is not', async () => {
    const runners = await findKdfRunners('argon2id', { ...CLOSED, loadHashWasm });
    const installed = await loadHashWasm().then(
      () => true,
      () => false,
    );
    if (!installed) console.warn('hash-wasm is not installed: NOT RUN with the real package');
    expect(runners).toEqual(installed ? ['hash-wasm', 'noble'] : ['noble']);
  });

  it('is run by noble when hash-wasm cannot be loaded, has no Argon2id, fails, or gives other bytes', async () => {
    const broken: (() => Promise<HashWasm>)[] = [
      () => Promise.reject(new Error("Cannot find package 'hash-wasm'")),
      async () => ({}) as HashWasm,
      async () => ({ argon2id: () => Promise.reject(new Error('WebAssembly is forbidden here')) }),
      async () => ({ argon2id: async () => new Uint8Array(16) }),
    ];
    for (const load of broken) expect(await findKdfRunners('argon2id', { ...CLOSED, loadHashWasm: load })).toEqual(['noble']);
  });

  it('asks hash-wasm for what it means', async () => {
    const asked: unknown[] = [];
    const fake: HashWasm = {
      async argon2id(options) {
        asked.push(options);
        const { password, salt, memorySize: m, iterations: t, parallelism: p, hashLength: dkLen } = options;
        return argon2id(password, salt, { m, t, p, dkLen });
      },
    };
    const doors: KdfDoors = { ...CLOSED, loadHashWasm: async () => fake };
    expect(await findKdfRunners('argon2id', doors)).toEqual(['hash-wasm', 'noble']);
    const [m, t, p, password, salt, expected] = REFERENCE[1]!;
    const parameters: KdfParameters = { kdf: 'argon2id', memoryKiB: m, passes: t, parallelism: p };
    expect(toHex(await runKdf('hash-wasm', doors, ascii(password), ascii(salt), parameters, 32))).toBe(expected);
    expect(asked.at(-1)).toMatchObject({ memorySize: 256, iterations: 2, parallelism: 2, hashLength: 32, outputType: 'binary' });
  });

  it('is run by Node where it has it, and not where it is too old or its OpenSSL is', async () => {
    const scrypt = DOORS.node!.scrypt;
    const pbkdf2 = DOORS.node!.pbkdf2;
    const argon2: NonNullable<NodeKdfs['argon2']> = (
      _,
      { message, nonce, memory: m, passes: t, parallelism: p, tagLength: dkLen },
      callback,
    ) => callback(null, argon2id(message, nonce, { m, t, p, dkLen }));
    const throwing = (): never => {
      throw Object.assign(new Error('Argon2 algorithm not supported'), { code: 'ERR_CRYPTO_ARGON2_NOT_SUPPORTED' });
    };
    expect(await findKdfRunners('argon2id', { ...CLOSED, node: { scrypt, pbkdf2, argon2 } })).toEqual(['node', 'noble']);
    expect(await findKdfRunners('argon2id', { ...CLOSED, node: { scrypt, pbkdf2, argon2: throwing } })).toEqual(['noble']);
    expect(await findKdfRunners('argon2id', { ...CLOSED, node: { scrypt, pbkdf2 } })).toEqual(['noble']);
  });
});

describe('the runners', () => {
  it('are what is open: a pinned engine closes the doors of the others', async () => {
    expect(await findKdfRunners('scrypt', findKdfDoors(null))).toEqual(['node', 'noble']);
    expect(await findKdfRunners('scrypt', findKdfDoors('webcrypto'))).toEqual(['noble']);
    expect(await findKdfRunners('pbkdf2-sha256', findKdfDoors('node'))).toEqual(['node', 'noble']);
    expect(await findKdfRunners('pbkdf2-sha256', findKdfDoors('webcrypto'))).toEqual(['webcrypto', 'noble']);
    for (const kdf of KDFS) expect(await findKdfRunners(kdf, findKdfDoors('noble'))).toEqual(['noble']);
    expect(findKdfDoors('noble')).toEqual(CLOSED);
  });

  it('are looked for no further than to the first that works', async () => {
    const argon2: NonNullable<NodeKdfs['argon2']> = (
      _,
      { message, nonce, memory: m, passes: t, parallelism: p, tagLength: dkLen },
      callback,
    ) => callback(null, argon2id(message, nonce, { m, t, p, dkLen }));
    let loads = 0;
    const load = (): Promise<HashWasm> => {
      loads++;
      return Promise.reject(new Error('not installed'));
    };
    expect(await findKdfRunner('argon2id', { node: { ...DOORS.node!, argon2 }, subtle: null, loadHashWasm: load })).toBe('node');
    expect(loads).toBe(0);
    expect(await findKdfRunner('argon2id', { ...CLOSED, loadHashWasm: load })).toBe('noble');
    expect(loads).toBe(1);
    expect(await findKdfRunner('pbkdf2-sha256', DOORS)).toBe('webcrypto');
  });

  it('run nothing that is not theirs', async () => {
    for (const kdf of KDFS) {
      const run = runKdf('webcrypto', CLOSED, ascii('p'), new Uint8Array(16), KDF_DEFAULTS[kdf], 32);
      await expect(run).rejects.toThrow(TypeError);
    }
  });

  it.each(KDFS)('agree on %s with the default parameters', async (kdf) => {
    const results = await runEach(ascii('correct horse'), new Uint8Array(16).fill(7), KDF_DEFAULTS[kdf], 32);
    expect(new Set(Object.values(results)).size).toBe(1);
  });
});

describe('the parameters', () => {
  it('default to what OWASP asks for', () => {
    expect(KDF_DEFAULTS).toEqual({
      argon2id: { kdf: 'argon2id', memoryKiB: 19 * 1024, passes: 2, parallelism: 1 },
      scrypt: { kdf: 'scrypt', cost: 2 ** 17, blockSize: 8, parallelism: 1 },
      'pbkdf2-sha256': { kdf: 'pbkdf2-sha256', iterations: 600_000 },
    });
  });

  it.each<[KdfParameters, string]>([
    [KDF_DEFAULTS.argon2id, '01 00004c00 00000002 00000001'],
    [{ kdf: 'argon2id', memoryKiB: 2 ** 20, passes: 16, parallelism: 16 }, '01 00100000 00000010 00000010'],
    [KDF_DEFAULTS.scrypt, '02 00020000 00000008 00000001'],
    [{ kdf: 'scrypt', cost: 2 ** 20, blockSize: 8, parallelism: 16 }, '02 00100000 00000008 00000010'],
    [KDF_DEFAULTS['pbkdf2-sha256'], '03 000927c0 00000000 00000000'],
    [{ kdf: 'pbkdf2-sha256', iterations: 10_000_000 }, '03 00989680 00000000 00000000'],
  ])('%o are 13 bytes, and come back', (parameters, hex) => {
    const bytes = fromHex(hex.replaceAll(' ', ''));
    expect(toHex(encodeKdf(checkKdf(parameters)))).toBe(toHex(bytes));
    expect(decodeKdf(bytes)).toEqual(parameters);
    expect(bytes.length).toBe(KDF_BYTES);
  });

  it.each([
    ['Argon2id with 4 GiB', '01 00400000 00000002 00000001', 'ENVELOPE_LIMIT'],
    ['Argon2id with a KiB more than 1 GiB', '01 00100001 00000002 00000001', 'ENVELOPE_LIMIT'],
    ['Argon2id with 2^32 - 1 KiB', '01 ffffffff ffffffff ffffffff', 'ENVELOPE_LIMIT'],
    ['Argon2id with a KiB less than 19 MiB', '01 00004bff 00000002 00000001', 'ENVELOPE_LIMIT'],
    ['Argon2id with one pass', '01 00004c00 00000001 00000001', 'ENVELOPE_LIMIT'],
    ['Argon2id with 17 passes', '01 00004c00 00000011 00000001', 'ENVELOPE_LIMIT'],
    ['Argon2id with no lane', '01 00004c00 00000002 00000000', 'ENVELOPE_LIMIT'],
    ['Argon2id with 17 lanes', '01 00004c00 00000002 00000011', 'ENVELOPE_LIMIT'],
    ['scrypt with N = 2^21', '02 00200000 00000008 00000001', 'ENVELOPE_LIMIT'],
    ['scrypt with N = 2^16', '02 00010000 00000008 00000001', 'ENVELOPE_LIMIT'],
    ['scrypt with N = 2^17 + 1', '02 00020001 00000008 00000001', 'ENVELOPE_MALFORMED'],
    ['scrypt with r = 9', '02 00020000 00000009 00000001', 'ENVELOPE_LIMIT'],
    ['scrypt with r = 1', '02 00020000 00000001 00000001', 'ENVELOPE_LIMIT'],
    ['scrypt with p = 0', '02 00020000 00000008 00000000', 'ENVELOPE_LIMIT'],
    ['PBKDF2 with 10,000,001 iterations', '03 00989681 00000000 00000000', 'ENVELOPE_LIMIT'],
    ['PBKDF2 with 599,999 iterations', '03 000927bf 00000000 00000000', 'ENVELOPE_LIMIT'],
    ['PBKDF2 with a parameter that it does not have', '03 000927c0 00000000 00000001', 'ENVELOPE_MALFORMED'],
    ['function 0', '00 00004c00 00000002 00000001', 'ENVELOPE_UNSUPPORTED_VERSION'],
    ['function 4', '04 00004c00 00000002 00000001', 'ENVELOPE_UNSUPPORTED_VERSION'],
  ])('out of a file: %s is refused before anything runs', async (_, hex, code) => {
    const error = await failureOf(() => decodeKdf(fromHex(hex.replaceAll(' ', ''))));
    expect(error.code).toBe(code);
    if (code === 'ENVELOPE_LIMIT') expect(Object.keys(error.details)).toEqual(['field', 'least', 'most', 'found']);
  });

  it('out of a file with any byte flipped never pass the bounds', () => {
    for (const kdf of KDFS) {
      const bytes = encodeKdf(KDF_DEFAULTS[kdf]);
      for (let bit = 0; bit < KDF_BYTES * 8; bit++) {
        try {
          checkKdf(decodeKdf(flip(bytes, bit >> 3, 1 << (bit & 7))));
        } catch (error) {
          expect(String(error)).toMatch(/^PspError/);
        }
      }
    }
  });

  it.each<[string, unknown, typeof RangeError | typeof TypeError]>([
    ['less memory', { ...KDF_DEFAULTS.argon2id, memoryKiB: 19_455 }, RangeError],
    ['half a KiB', { ...KDF_DEFAULTS.argon2id, memoryKiB: 20_000.5 }, RangeError],
    ['no number', { ...KDF_DEFAULTS.argon2id, passes: Number.NaN }, RangeError],
    ['a parameter missing', { kdf: 'argon2id', memoryKiB: 19_456 }, RangeError],
    ['a cost that is no power of two', { ...KDF_DEFAULTS.scrypt, cost: 131_073 }, RangeError],
    ['too few iterations', { kdf: 'pbkdf2-sha256', iterations: 310_000 }, RangeError],
    ['another function', { kdf: 'bcrypt', cost: 12 }, TypeError],
    ['nothing', undefined, TypeError],
  ])('of a caller: %s is refused', (_, parameters, kind) => {
    expect(() => checkKdf(parameters as KdfParameters)).toThrow(kind);
  });
});
