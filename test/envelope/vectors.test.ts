/** The published vectors, on every engine: Wycheproof for the payload format, NIST and RFC ones for the primitives. */

import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import { extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { hkdfExpand } from '../../ts/envelope/derive.ts';
import type { AeadKey } from '../../ts/envelope/engine/primitives.ts';
import { derivePayloadKeys } from '../../ts/envelope/payload.ts';
import { runAsync } from '../../ts/envelope/steps.ts';
import { ENGINES, KINDS, only } from './engines.ts';
import { codeOf, flip, fromHex, toHex } from './fixture.ts';
import { decryptOn, encryptOn } from './payloads.ts';
import { describeVectors } from './vectors.ts';

interface ChunkedVector {
  readonly tcId: number;
  readonly comment: string;
  readonly key: string;
  readonly ctx: string;
  readonly ct: string;
  readonly aeadKey?: string;
  readonly baseNonce?: string;
  readonly msgLength?: number;
  readonly msgSha512?: string;
  readonly result: 'valid' | 'invalid';
  readonly flags: readonly string[];
}

describeVectors<{ numberOfTests: number; testGroups: { tests: ChunkedVector[] }[] }>(
  'c2sp-chunked-encryption-aes128gcm.json',
  ({ numberOfTests, testGroups }) => {
    const tests = testGroups.flatMap((group) => group.tests);

    it('has all the vectors it announces', () => {
      expect(tests.length).toBe(numberOfTests);
    });

    describe.each(KINDS)('on %s', (kind) => {
      it.each(tests)('$tcId $comment: $result', async (vector) => {
        const key = fromHex(vector.key);
        const context = fromHex(vector.ctx);
        const payload = Uint8Array.from(inflateSync(fromHex(vector.ct)));
        if (vector.aeadKey !== undefined) {
          const keys = await runAsync(derivePayloadKeys(only(kind), key, context, payload.subarray(0, 24)));
          expect(toHex(keys.key)).toBe(vector.aeadKey);
          expect(toHex(keys.baseNonce)).toBe(vector.baseNonce);
        }
        if (vector.result === 'valid') {
          const message = await decryptOn(kind, key, context, payload);
          expect(message.length).toBe(vector.msgLength);
          expect(createHash('sha512').update(message).digest('hex')).toBe(vector.msgSha512);
          const again = await encryptOn(kind, key, context, payload.subarray(0, 24), message);
          expect(Buffer.compare(again, payload)).toBe(0);
        } else if (vector.flags.includes('InvalidKeySize')) {
          await expect(decryptOn(kind, key, context, payload)).rejects.toThrow(RangeError);
        } else {
          expect(['ENVELOPE_TAMPERED', 'ENVELOPE_TRUNCATED']).toContain(await codeOf(() => decryptOn(kind, key, context, payload)));
        }
      });
    });
  },
);

interface GcmVector {
  readonly key: string;
  readonly nonce: string;
  readonly plaintext: string;
  readonly aad: string;
  readonly ciphertext: string;
  readonly tag: string;
}

describeVectors<{ tests: GcmVector[] }>('nist-cavs-aes256gcm.json', ({ tests }) => {
  it.each(KINDS)(
    `AES-256-GCM on %s encrypts and decrypts all ${tests.length} vectors, and refuses each after one flipped bit`,
    async (kind) => {
      for (const vector of tests) {
        const [key, nonce, plaintext, aad] = [vector.key, vector.nonce, vector.plaintext, vector.aad].map(fromHex) as [
          Uint8Array,
          Uint8Array,
          Uint8Array,
          Uint8Array,
        ];
        const aead = ENGINES[kind].aeadKey(key);
        const sealed = new Uint8Array(plaintext.length + 16);
        await aead.encryptInto(nonce, plaintext, sealed, aad);
        expect(toHex(sealed)).toBe(vector.ciphertext + vector.tag);
        expect(await decrypted(aead, nonce, sealed, aad)).toBe(vector.plaintext);
        expect(await decrypted(aead, nonce, flip(sealed, 0), aad)).toBeNull();
        expect(await decrypted(aead, nonce, flip(sealed, sealed.length - 1, 0x80), aad)).toBeNull();
        expect(await decrypted(aead, flip(nonce, 11), sealed, aad)).toBeNull();
        if (aad.length > 0) expect(await decrypted(aead, nonce, sealed, flip(aad, aad.length - 1))).toBeNull();
      }
    },
  );
});

/** The plaintext in hex, or null when it was refused, which must leave nothing behind. */
async function decrypted(aead: AeadKey, nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Promise<string | null> {
  const target = new Uint8Array(sealed.length - 16);
  if (await aead.decryptInto(nonce, sealed, target, aad)) return toHex(target);
  expect(target.every((byte) => byte === 0)).toBe(true);
  return null;
}

interface HmacVector {
  readonly tc: number;
  readonly key: string;
  readonly data: string;
  readonly macBytes: number | null;
  readonly sha256: string;
  readonly sha512: string;
}

describeVectors<{ tests: HmacVector[] }>('rfc4231-hmac.json', ({ tests }) => {
  describe.each(KINDS)('on %s', (kind) => {
    it.each(tests)('HMAC-SHA-256 and HMAC-SHA-512, case $tc', async (vector) => {
      const data = fromHex(vector.data);
      const end = vector.macBytes === null ? undefined : vector.macBytes * 2;
      for (const [hash, expected] of [
        ['SHA-256', vector.sha256],
        ['SHA-512', vector.sha512],
      ] as const) {
        const mac = ENGINES[kind].macKey(hash, fromHex(vector.key));
        expect(toHex(await mac.sign(data)).slice(0, end)).toBe(expected);
        expect(toHex(await mac.sign(data.subarray(0, 1), data.subarray(1))).slice(0, end)).toBe(expected);
        mac.wipe();
      }
    });
  });
});

interface HkdfVector {
  readonly tc: number;
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly L: number;
  readonly prk: string;
  readonly okm: string;
}

describeVectors<{ tests: HkdfVector[] }>('rfc5869-hkdf-sha256.json', ({ tests }) => {
  describe.each(KINDS)('on %s', (kind) => {
    it.each(tests)('our HKDF-Expand, case $tc', async (vector) => {
      expect(toHex(extract(sha256, fromHex(vector.ikm), fromHex(vector.salt)))).toBe(vector.prk);
      const mac = ENGINES[kind].macKey('SHA-256', fromHex(vector.prk));
      expect(toHex(await runAsync(hkdfExpand(mac, fromHex(vector.info), vector.L)))).toBe(vector.okm);
    });
  });
});
