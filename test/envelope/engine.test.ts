/** The engines: one contract for each primitive, the choice between them, and what happens where the platform has none. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import { findNodeEngine } from '../../ts/envelope/engine/node.ts';
import { findWebCryptoEngine } from '../../ts/envelope/engine/webcrypto.ts';
import { activeEngine, open, openSealed, openSync, seal, sealSync, useEngine } from '../../ts/envelope/envelope.ts';
import { ENGINES, KINDS } from './engines.ts';
import { codeOf, failureOf, flip, keyOf, plaintextOf, toHex } from './fixture.ts';

const KEY = keyOf('key-1', 1);
const CONTEXT = { tenant: 'acme', sessionId: 's-1' };
const NONCE = plaintextOf(12);

afterEach(() => {
  vi.unstubAllGlobals();
  useEngine(null);
});

describe.each(KINDS)('the engine %s', (kind) => {
  const engine = ENGINES[kind];

  it('says its name', () => {
    expect(engine.kind).toBe(kind);
  });

  it('makes MACs of any length, in arrays that are the caller’s own and copies when sliced', async () => {
    for (const hash of ['SHA-256', 'SHA-512'] as const) {
      for (const keyBytes of [32, 64, 65, 128, 129]) {
        const key = plaintextOf(keyBytes);
        for (const length of [0, 1, 64, 128, 129, 1023, 1024, 1025, 5000]) {
          const message = plaintextOf(length);
          const mac = engine.macKey(hash, key);
          const one = await mac.sign(message);
          expect(toHex(await mac.sign(message))).toBe(toHex(one));
          expect(toHex(await mac.sign(message.subarray(0, 7), message.subarray(7)))).toBe(toHex(one));
          expect(toHex(await ENGINES.noble.macKey(hash, key).sign(message))).toBe(toHex(one));
          const copy = one.slice(0, 8);
          one.fill(0);
          expect(copy.some((byte) => byte !== 0)).toBe(true);
        }
      }
    }
  });

  it('encrypts to the bytes of every other, with and without additional data, for keys of 16 and 32 bytes', async () => {
    for (const keyBytes of [16, 32]) {
      for (const length of [0, 1, 15, 16, 17, 1000]) {
        for (const additionalData of [undefined, new Uint8Array(0), plaintextOf(77)]) {
          const [sealed, expected] = [new Uint8Array(length + 16), new Uint8Array(length + 16)];
          await engine.aeadKey(plaintextOf(keyBytes)).encryptInto(NONCE, plaintextOf(length), sealed, additionalData);
          await ENGINES.noble.aeadKey(plaintextOf(keyBytes)).encryptInto(NONCE, plaintextOf(length), expected, additionalData);
          expect(toHex(sealed)).toBe(toHex(expected));
          const opened = new Uint8Array(length);
          expect(await engine.aeadKey(plaintextOf(keyBytes)).decryptInto(NONCE, sealed, opened, additionalData)).toBe(true);
          expect(toHex(opened)).toBe(toHex(plaintextOf(length)));
        }
      }
    }
  });

  it('takes tags of 16 bytes only: nothing shorter, and nothing of what is not authentic', async () => {
    const aead = engine.aeadKey(plaintextOf(32));
    const sealed = new Uint8Array(48);
    await aead.encryptInto(NONCE, plaintextOf(32), sealed);
    for (let length = 0; length < 48; length++) {
      const target = new Uint8Array(Math.max(0, length - 16)).fill(7);
      expect(await aead.decryptInto(NONCE, sealed.subarray(0, length), target)).toBe(false);
      expect(target.every((byte) => byte === 7 || byte === 0)).toBe(true);
    }
    for (let at = 0; at < 48; at++) {
      const target = new Uint8Array(32);
      expect(await aead.decryptInto(NONCE, flip(sealed, at), target)).toBe(false);
      expect(toHex(target)).toBe('00'.repeat(32));
    }
  });

  it('reads views at odd places of shared memory, and writes into views', async () => {
    const memory = new Uint8Array(new SharedArrayBuffer(100));
    memory.set(plaintextOf(100));
    const around = new Uint8Array(60).fill(9);
    const aead = engine.aeadKey(memory.subarray(3, 35));
    await aead.encryptInto(memory.subarray(41, 53), memory.subarray(61, 80), around.subarray(5, 40), memory.subarray(1, 8));
    const expected = new Uint8Array(35);
    const copy = Uint8Array.from(memory);
    const noble = ENGINES.noble.aeadKey(copy.subarray(3, 35));
    await noble.encryptInto(copy.subarray(41, 53), copy.subarray(61, 80), expected, copy.subarray(1, 8));
    expect(toHex(around)).toBe(`${'09'.repeat(5)}${toHex(expected)}${'09'.repeat(20)}`);
  });
});

describe('the choice of an engine', () => {
  it('is node:crypto for everything in Node', () => {
    useEngine(null);
    const node = { mac: 'node', shortPayload: 'node', longPayload: 'node', crossoverBytes: 0, sync: 'node' };
    expect(activeEngine()).toEqual({ reason: 'chosen', ...node });
  });

  it('is node:crypto for short and WebCrypto for long payloads in Deno', () => {
    vi.stubGlobal('Deno', {});
    useEngine(null);
    const expected = { mac: 'node', shortPayload: 'node', longPayload: 'webcrypto', sync: 'node' };
    expect(activeEngine()).toMatchObject({ reason: 'chosen', ...expected });
    expect(activeEngine().crossoverBytes).toBeGreaterThan(0);
  });

  it('is WebCrypto in a browser, and noble for what may not wait', () => {
    vi.stubGlobal('process', undefined);
    useEngine(null);
    expect(activeEngine()).toMatchObject({ reason: 'chosen', shortPayload: 'webcrypto', longPayload: 'webcrypto', sync: 'noble' });
  });

  it('is noble on a page over plain http, which has no crypto.subtle', async () => {
    const { crypto } = globalThis;
    vi.stubGlobal('process', undefined);
    vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
    useEngine(null);
    expect(activeEngine()).toMatchObject({ mac: 'noble', shortPayload: 'noble', longPayload: 'noble', sync: 'noble' });
    expect(findWebCryptoEngine()).toBeNull();
    expect(findNodeEngine()).toBeNull();
    const sealed = await seal(plaintextOf(20_000), KEY, CONTEXT);
    expect(await codeOf(() => useEngine('webcrypto'))).toBe('ENVELOPE_NO_CRYPTO');
    expect(await codeOf(() => useEngine('node'))).toBe('ENVELOPE_NO_CRYPTO');
    expect(activeEngine().mac).toBe('noble');
    expect(toHex(await open(sealed, KEY, CONTEXT))).toBe(toHex(plaintextOf(20_000)));
  });

  it('passes over a stand-in for process or crypto that a bundler left', () => {
    vi.stubGlobal('process', { env: {}, getBuiltinModule: () => ({}) });
    vi.stubGlobal('crypto', { getRandomValues: () => new Uint8Array(0), subtle: {} });
    useEngine(null);
    expect(activeEngine()).toMatchObject({ mac: 'noble', sync: 'noble' });
  });

  it('fails with a code, never with a TypeError, where there is no randomness at all', async () => {
    vi.stubGlobal('crypto', undefined);
    expect(await codeOf(() => seal(plaintextOf(1), KEY))).toBe('ENVELOPE_NO_CRYPTO');
    expect(await codeOf(() => sealSync(plaintextOf(1), KEY))).toBe('ENVELOPE_NO_CRYPTO');
  });

  it('can be pinned to each, and is refused for a name that is none', () => {
    for (const kind of KINDS) {
      useEngine(kind);
      expect(activeEngine()).toMatchObject({ reason: 'pinned', mac: kind, shortPayload: kind, longPayload: kind, crossoverBytes: 0 });
      expect(activeEngine().sync).toBe(kind === 'node' ? 'node' : 'noble');
    }
    expect(() => useEngine('openssl' as 'node')).toThrow(TypeError);
  });
});

describe('calls that do not wait', () => {
  it.each(['noble', 'node'] as const)('seal and open on %s', (kind) => {
    useEngine(kind);
    const sealed = sealSync(plaintextOf(40_000), KEY, CONTEXT, { attributes: { revision: 3 } });
    const opened = openSync(sealed, [KEY], CONTEXT, { minRevision: 3 });
    expect(Buffer.compare(opened.plaintext, plaintextOf(40_000))).toBe(0);
    expect(opened).toMatchObject({ attributes: { revision: 3 }, kid: 'key-1' });
  });

  it('are refused while WebCrypto is pinned', async () => {
    const sealed = await seal(plaintextOf(5), KEY, CONTEXT);
    useEngine('webcrypto');
    expect(await codeOf(() => sealSync(plaintextOf(5), KEY, CONTEXT))).toBe('ENVELOPE_NO_CRYPTO');
    expect((await failureOf(() => openSync(sealed, KEY, CONTEXT))).code).toBe('ENVELOPE_NO_CRYPTO');
  });

  it('are refused for a key service, which is not asked to the end', async () => {
    const service = { id: 'kms', wrap: async (key: Uint8Array) => key, unwrap: async (body: Uint8Array) => body };
    expect(() => sealSync(plaintextOf(5), service, CONTEXT)).toThrow(TypeError);
    const sealed = await seal(plaintextOf(5), service, CONTEXT);
    expect(() => openSync(sealed, service, CONTEXT)).toThrow(TypeError);
    const failing = { ...service, unwrap: () => Promise.reject(new Error('out of order')) };
    expect(() => openSync(sealed, failing, CONTEXT)).toThrow(TypeError);
  });
});

describe('blobs', () => {
  const lengths = [0, 1, 16_383, 16_384, 300_001];

  it.each(KINDS.flatMap((sealer) => KINDS.map((opener) => [sealer, opener] as const)))(
    'sealed by %s open by %s',
    async (sealer, opener) => {
      for (const length of lengths) {
        for (const options of [{}, { attributes: { incarnation: 'i', revision: length } }]) {
          useEngine(sealer);
          const sealed = await seal(plaintextOf(length), [KEY, keyOf('key-2', 2)], CONTEXT, options);
          useEngine(opener);
          const opened = await openSealed(sealed, keyOf('key-2', 2), CONTEXT);
          expect(Buffer.compare(opened.plaintext, plaintextOf(length))).toBe(0);
          expect(opened.attributes).toEqual(options.attributes ?? {});
          expect(await codeOf(() => open(flip(sealed, sealed.length - 1), KEY, CONTEXT))).toBe('ENVELOPE_TAMPERED');
        }
      }
    },
  );
});
