import { readFileSync } from 'node:fs';
import { expand } from '@noble/hashes/hkdf.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { derive, hkdfExpand, LABELS, type Purpose } from '../../ts/envelope/derive.ts';
import { runAsync } from '../../ts/envelope/steps.ts';
import { ENGINES, KINDS } from './engines.ts';
import { fromHex, plaintextOf, toHex } from './fixture.ts';

const SECRET = Uint8Array.from({ length: 32 }, (_, at) => at);
const SALT = Uint8Array.from({ length: 24 }, (_, at) => 100 + at);

interface KnownAnswers {
  readonly secret: string;
  readonly salt: string;
  readonly keys: readonly { readonly purpose: Purpose; readonly label: string; readonly salted: boolean; readonly key: string }[];
}

const KNOWN = JSON.parse(readFileSync(new URL('derived-keys.json', import.meta.url), 'utf8')) as KnownAnswers;

describe('derived keys', () => {
  it.each(KNOWN.keys)('$purpose is what it always was', ({ purpose, label, salted, key }) => {
    expect(LABELS[purpose]).toBe(label);
    expect(toHex(derive(fromHex(KNOWN.secret), purpose, key.length / 2, salted ? fromHex(KNOWN.salt) : undefined))).toBe(key);
  });

  it('have a known answer for every label, and no label twice', () => {
    expect(KNOWN.keys.map(({ purpose }) => purpose).sort()).toEqual(Object.keys(LABELS).sort());
    expect(new Set(Object.values(LABELS)).size).toBe(KNOWN.keys.length);
    for (const label of Object.values(LABELS)) expect(label).toMatch(/^psp\/env@1 [a-z-]+$/);
  });
});

describe.each(KINDS)('HKDF-Expand on %s', (kind) => {
  const expandWith = (prk: Uint8Array, byteLength: number): Promise<Uint8Array> =>
    runAsync(hkdfExpand(ENGINES[kind].macKey('SHA-512', prk), SALT, byteLength));

  it('is what noble gives where noble takes the key', async () => {
    const prk = plaintextOf(64);
    for (const byteLength of [0, 1, 60, 64, 65, 76, 200]) {
      expect(toHex(await expandWith(prk, byteLength))).toBe(toHex(expand(sha512, prk, SALT, byteLength)));
    }
  });

  it('takes a key shorter than the hash, which noble refuses', async () => {
    expect((await expandWith(SECRET, 76)).length).toBe(76);
    expect(() => expand(sha512, SECRET, SALT, 76)).toThrow();
  });

  it('ends at 255 blocks', async () => {
    expect((await expandWith(SECRET, 255 * 64)).length).toBe(255 * 64);
    await expect(expandWith(SECRET, 255 * 64 + 1)).rejects.toThrow(RangeError);
  });
});
