import { expand } from '@noble/hashes/hkdf.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { derive, hkdfExpand, LABELS, type Purpose } from '../../ts/envelope/derive.ts';
import { plaintextOf, toHex } from './fixture.ts';

const SECRET = Uint8Array.from({ length: 32 }, (_, at) => at);
const SALT = Uint8Array.from({ length: 24 }, (_, at) => 100 + at);

/** Made once with node:crypto: HMAC-SHA-512 over the label, a zero byte and the salt. A change here is another format. */
const KNOWN: readonly [Purpose, number, Uint8Array | undefined, string][] = [
  ['payload', 32, undefined, 'eff9ed2b7b7eb159c8fc145581fd535cc6e463924b036d197b8b462ef65dabfb'],
  ['header-mac', 32, undefined, '25b30e5ab715c80ae13c222066c491971fc0ad2387c7152eff8440d9ca59d571'],
  ['context', 32, undefined, '15e9c074ca98ab278c9413e200e75c4d139db923623df0f98f6f795f81a2bfe8'],
  ['kek-wrap', 44, SALT, '774b712a78c0e06cde8812496f82c8462e002cd082fa0952df54b9a44a0a03fe4d53b4f4270da272b0441781'],
  ['kcv', 8, undefined, '362e511e28c2ec9e'],
];

describe('derived keys', () => {
  it.each(KNOWN)('%s is what it always was', (purpose, byteLength, salt, expected) => {
    expect(toHex(derive(SECRET, purpose, byteLength, salt))).toBe(expected);
  });

  it('have a known answer for every label, and no label twice', () => {
    expect(KNOWN.map(([purpose]) => purpose).sort()).toEqual(Object.keys(LABELS).sort());
    expect(new Set(Object.values(LABELS)).size).toBe(KNOWN.length);
    for (const label of Object.values(LABELS)) expect(label).toMatch(/^psp\/env@1 [a-z-]+$/);
  });
});

describe('HKDF-Expand', () => {
  it('is what noble gives where noble takes the key', () => {
    const prk = plaintextOf(64);
    for (const byteLength of [0, 1, 60, 64, 65, 76, 200]) {
      expect(toHex(hkdfExpand(sha512, prk, SALT, byteLength))).toBe(toHex(expand(sha512, prk, SALT, byteLength)));
    }
  });

  it('takes a key shorter than the hash, which noble refuses', () => {
    expect(hkdfExpand(sha512, SECRET, SALT, 76).length).toBe(76);
    expect(() => expand(sha512, SECRET, SALT, 76)).toThrow();
  });

  it('ends at 255 blocks', () => {
    expect(hkdfExpand(sha512, SECRET, SALT, 255 * 64).length).toBe(255 * 64);
    expect(() => hkdfExpand(sha512, SECRET, SALT, 255 * 64 + 1)).toThrow(RangeError);
  });
});
