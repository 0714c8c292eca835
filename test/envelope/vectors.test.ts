/** The published vectors: Wycheproof for the payload format, NIST and RFC ones for the primitives as the envelope calls them. */

import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import { gcm } from '@noble/ciphers/aes.js';
import { extract } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { expect, it } from 'vitest';
import { hkdfExpand } from '../../ts/envelope/derive.ts';
import { decryptPayload, derivePayloadKeys, encryptPayload, payloadBytes } from '../../ts/envelope/payload.ts';
import { codeOf, flip, fromHex, toHex } from './fixture.ts';
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

    it.each(tests)('$tcId $comment: $result', async (vector) => {
      const key = fromHex(vector.key);
      const context = fromHex(vector.ctx);
      const payload = Uint8Array.from(inflateSync(fromHex(vector.ct)));
      if (vector.aeadKey !== undefined) {
        const keys = derivePayloadKeys(key, context, payload.subarray(0, 24));
        expect(toHex(keys.key)).toBe(vector.aeadKey);
        expect(toHex(keys.baseNonce)).toBe(vector.baseNonce);
      }
      if (vector.result === 'valid') {
        const message = decryptPayload(key, context, payload);
        expect(message.length).toBe(vector.msgLength);
        expect(createHash('sha512').update(message).digest('hex')).toBe(vector.msgSha512);
        const again = new Uint8Array(payloadBytes(message.length));
        encryptPayload(key, context, payload.subarray(0, 24), message, again);
        expect(Buffer.compare(again, payload)).toBe(0);
      } else if (vector.flags.includes('InvalidKeySize')) {
        expect(() => decryptPayload(key, context, payload)).toThrow(RangeError);
      } else {
        expect(['ENVELOPE_TAMPERED', 'ENVELOPE_TRUNCATED']).toContain(await codeOf(() => decryptPayload(key, context, payload)));
      }
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
  it(`AES-256-GCM encrypts and decrypts all ${tests.length} vectors, and refuses each after one flipped bit`, () => {
    for (const vector of tests) {
      const [key, nonce, plaintext, aad] = [vector.key, vector.nonce, vector.plaintext, vector.aad].map(fromHex) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ];
      const sealed = gcm(key, nonce, aad).encrypt(plaintext);
      expect(toHex(sealed)).toBe(vector.ciphertext + vector.tag);
      expect(toHex(gcm(key, nonce, aad).decrypt(sealed))).toBe(vector.plaintext);
      expect(() => gcm(key, nonce, aad).decrypt(flip(sealed, 0))).toThrow();
      expect(() => gcm(key, nonce, aad).decrypt(flip(sealed, sealed.length - 1, 0x80))).toThrow();
      expect(() => gcm(key, flip(nonce, 11), aad).decrypt(sealed)).toThrow();
      if (aad.length > 0) expect(() => gcm(key, nonce, flip(aad, aad.length - 1)).decrypt(sealed)).toThrow();
    }
  });
});

interface HmacVector {
  readonly tc: number;
  readonly key: string;
  readonly data: string;
  readonly macBytes: number | null;
  readonly sha256: string;
  readonly sha512: string;
}

describeVectors<{ tests: HmacVector[] }>('rfc4231-hmac.json', ({ tests }) => {
  it.each(tests)('HMAC-SHA-256 and HMAC-SHA-512, case $tc', (vector) => {
    const key = fromHex(vector.key);
    const data = fromHex(vector.data);
    const end = vector.macBytes === null ? undefined : vector.macBytes * 2;
    expect(toHex(hmac(sha256, key, data)).slice(0, end)).toBe(vector.sha256);
    expect(toHex(hmac(sha512, key, data)).slice(0, end)).toBe(vector.sha512);
    const inParts = hmac.create(sha512, key).update(data.subarray(0, 1)).update(data.subarray(1)).digest();
    expect(toHex(inParts).slice(0, end)).toBe(vector.sha512);
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
  it.each(tests)('our HKDF-Expand, case $tc', (vector) => {
    expect(toHex(extract(sha256, fromHex(vector.ikm), fromHex(vector.salt)))).toBe(vector.prk);
    expect(toHex(hkdfExpand(sha256, fromHex(vector.prk), fromHex(vector.info), vector.L))).toBe(vector.okm);
  });
});
