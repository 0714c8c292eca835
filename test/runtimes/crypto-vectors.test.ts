/**
 * The published vectors on every engine of Node, Deno and Chromium, by one program. Those of the data folder beside the checkout where it is;
 * and everywhere a few from the RFCs that stand here, so that no runtime is left without any.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireChromium } from '../servers/chromium.ts';
import { type CryptoRuntime, startPage, startProcess } from './crypto-runtimes.ts';
import { type VectorFiles, vectorsOf } from './crypto-vectors.ts';

const FOLDER = new URL('../../../shared/data/crypto/vectors/', import.meta.url);
const hasFolder = existsSync(FOLDER);
if (!hasFolder)
  console.warn(`SKIPPED, NOT RUN: the vectors of ${FOLDER.pathname}, which is absent; only those of the RFCs in this file run`);

const GROUP = 'the vectors in Chromium';
const chromium = requireChromium(GROUP);

/** RFC 4231 section 4.3 and RFC 5869 appendix A.1. */
const OF_RFCS: VectorFiles = {
  'rfc4231-hmac.json': {
    tests: [
      {
        key: '4a656665',
        data: '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
        macBytes: null,
        sha256: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
        sha512:
          '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
      },
    ],
  },
  'rfc5869-hkdf-sha256.json': {
    tests: [
      {
        ikm: '0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b',
        salt: '000102030405060708090a0b0c',
        info: 'f0f1f2f3f4f5f6f7f8f9',
        L: 42,
        prk: '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5',
        okm: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
      },
    ],
  },
};

const ALL: Readonly<Record<string, { readonly start: () => Promise<CryptoRuntime>; readonly engines: readonly string[] } | null>> = {
  Node: { start: () => startProcess('node'), engines: ['noble', 'node', 'webcrypto'] },
  Deno: { start: () => startProcess('deno'), engines: ['noble', 'node', 'webcrypto'] },
  Chromium: chromium === null ? null : { start: () => startPage(chromium), engines: ['noble', 'webcrypto'] },
};

describe.each(Object.entries(ALL))('the vectors in %s', (_, runtime) => {
  let started: CryptoRuntime;

  beforeAll(async () => {
    if (runtime !== null) started = await runtime.start();
  });

  afterAll(() => started?.close());

  it.skipIf(runtime === null)('of the RFCs pass on every engine', async () => {
    expect(await started.call('runVectors', OF_RFCS)).toEqual(expectedOf(OF_RFCS));
  });

  it.skipIf(runtime === null || !hasFolder)('of the data folder pass on every engine, all of them', async () => {
    const files = Object.fromEntries(readdirSync(FOLDER).map((file) => [file, JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'))]));
    expect(Object.keys(files).length).toBeGreaterThanOrEqual(6);
    expect(await started.call('runVectors', files)).toEqual(expectedOf(files));
  });

  it.skipIf(runtime === null)('fail where they should: with one digit changed, on every engine', async () => {
    const changed = JSON.parse(JSON.stringify(OF_RFCS).replace('5bdcc146', '5bdcc147').replace('"3cb25f25', '"3cb25f35'));
    const { passed, failures } = await started.call('runVectors', changed);
    expect(passed).toEqual({ 'rfc4231-hmac.json': {}, 'rfc5869-hkdf-sha256.json': {} });
    expect(failures).toHaveLength(2 * runtime!.engines.length);
  });

  function expectedOf(files: VectorFiles): unknown {
    const passed = Object.fromEntries(
      Object.entries(files).map(([file, content]) => {
        if (file === 'rfc7914-scrypt-pbkdf2.json') return [file, kdfCounts(content)];
        const runners = file === 'rfc9106-argon2.json' ? ['noble'] : runtime!.engines;
        return [file, Object.fromEntries(runners.map((name) => [name, vectorsOf(content).length]))];
      }),
    );
    return { passed, failures: [] };
  }

  /** scrypt has no WebCrypto; PBKDF2 runs everywhere. */
  function kdfCounts(content: unknown): Readonly<Record<string, number>> {
    const all = vectorsOf(content).length;
    const { pbkdf2_hmac_sha256 } = content as { pbkdf2_hmac_sha256: readonly unknown[] };
    return Object.fromEntries(runtime!.engines.map((name) => [name, name === 'webcrypto' ? pbkdf2_hmac_sha256.length : all]));
  }
});
