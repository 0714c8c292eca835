/** Sealing of single values: what binds them, what hides their lengths, and what a cipher keeps to itself. */

import { describe, expect, it } from 'vitest';
import { createFieldCipher, type FieldCipher, openFieldCipher, sealedFieldBytes } from '../../ts/envelope/field.ts';
import { isFieldFile, readFieldFile, writeFieldFile } from '../../ts/envelope/field-text.ts';
import { systemRandom } from '../../ts/envelope/random.ts';
import { codeOf, countingRandom, flip, keyOf, plaintextOf, secretOfByte, toHex } from './fixture.ts';
import { expectNoSecret, showings } from './leak.ts';

const KEY = keyOf('work', 0x5a);
const PLACE = new TextEncoder().encode('["state","place"]');
const cipherOf = (): Promise<FieldCipher> => createFieldCipher([KEY], { sessionId: 's' }, systemRandom);
const salt = (): Uint8Array => systemRandom(24);

describe('a sealed value', () => {
  it.each([0, 1, 15, 16, 17, 4096, 100_000])('of %i bytes opens in its place, padded or not', async (byteLength) => {
    const cipher = await cipherOf();
    const value = plaintextOf(byteLength);
    for (const padTo of [1, 16, 1000]) {
      const sealed = await cipher.seal(PLACE, value, padTo, salt());
      expect(sealed).toHaveLength(sealedFieldBytes(byteLength, padTo));
      expect((sealed.length - 40) % padTo).toBe(0);
      expect(toHex((await cipher.open(PLACE, sealed))!)).toBe(toHex(value));
    }
  });

  it('ends where it ended, whatever its last bytes are', async () => {
    const cipher = await cipherOf();
    for (const value of [[], [0], [0x80], [0x80, 0], [0, 0, 0], [1, 0x80, 0, 0]]) {
      for (const padTo of [1, 8]) {
        const sealed = await cipher.seal(PLACE, Uint8Array.from(value), padTo, salt());
        expect([...(await cipher.open(PLACE, sealed))!]).toEqual(value);
      }
    }
  });

  it('opens in no other place, in no other file, and with no byte of it changed', async () => {
    const [cipher, other] = [await cipherOf(), await cipherOf()];
    const sealed = await cipher.seal(PLACE, plaintextOf(5), 1, salt());
    expect(await cipher.open(flip(PLACE, 3), sealed)).toBe(null);
    expect(await cipher.open(PLACE.subarray(1), sealed)).toBe(null);
    expect(await other.open(PLACE, sealed)).toBe(null);
    for (let at = 0; at < sealed.length; at++) expect(await cipher.open(PLACE, flip(sealed, at))).toBe(null);
    for (let length = 0; length < sealed.length; length++) expect(await cipher.open(PLACE, sealed.subarray(0, length))).toBe(null);
  });

  it('does not open with the same data key under another file id', async () => {
    const seeded = (skip: number) => {
      let draws = 0;
      return (byteLength: number): Uint8Array => new Uint8Array(byteLength).fill(draws++ === 0 ? 1 : skip);
    };
    const [one, other] = await Promise.all([2, 3].map((id) => createFieldCipher([KEY], {}, seeded(id))));
    const sealed = await one!.seal(PLACE, plaintextOf(5), 1, salt());
    expect(await one!.open(PLACE, sealed)).not.toBe(null);
    expect(await other!.open(PLACE, sealed)).toBe(null);
  });

  it('looks different each time', async () => {
    const cipher = await cipherOf();
    const sealed = await Promise.all(Array.from({ length: 100 }, () => cipher.seal(PLACE, plaintextOf(8), 1, salt())));
    expect(new Set(sealed.map((one) => toHex(one.subarray(0, 24)))).size).toBe(100);
    expect(new Set(sealed.map((one) => toHex(one.subarray(24, 33)))).size).toBe(100);
  });
});

describe('a file around values', () => {
  const LINES = new TextEncoder().encode('"session":{\n},\n"state":{\n},\n');

  it('opens for its keys and context, and gives its parts as views', async () => {
    const cipher = await cipherOf();
    const file = await writeFieldFile(cipher, cipher.header, LINES);
    expect(isFieldFile(file)).toBe(true);
    const frame = readFieldFile(file);
    expect(frame.lines.buffer).toBe(file.buffer);
    expect(toHex(frame.lines)).toBe(toHex(LINES));
    const { cipher: opened, kid } = await openFieldCipher([keyOf('b', 2), KEY], { sessionId: 's' }, frame);
    expect(kid).toBe(KEY.kid);
    const sealed = await cipher.seal(PLACE, plaintextOf(3), 1, salt());
    expect(toHex((await opened.open(PLACE, sealed))!)).toBe(toHex(plaintextOf(3)));
    expect(await codeOf(() => openFieldCipher([KEY], {}, frame))).toBe('ENVELOPE_CONTEXT');
    expect(await codeOf(() => openFieldCipher([KEY], null, { ...frame, text: frame.text.subarray(1) }))).toBe('ENVELOPE_TAMPERED');
    expect(await codeOf(() => openFieldCipher([KEY], null, { ...frame, manifest: flip(frame.manifest, 0) }))).toBe('ENVELOPE_TAMPERED');
  });

  it('has its manifest found at its end only, however many lines there are', async () => {
    const cipher = await cipherOf();
    const file = await writeFieldFile(cipher, cipher.header, LINES);
    const endless = new Uint8Array(10_000_000).fill(0x0a);
    expect(await codeOf(async () => readFieldFile(Uint8Array.from([...file, ...endless.subarray(0, 1000)])))).toBe('ENVELOPE_MALFORMED');
    endless.set(file);
    expect(await codeOf(async () => readFieldFile(endless))).toBe('ENVELOPE_TRUNCATED');
  });
});

describe('a cipher', () => {
  it('draws data key, file id and salts of wraps in this order', async () => {
    const draws: number[] = [];
    const random = countingRandom();
    const cipher = await createFieldCipher([KEY, keyOf('b', 2)], {}, (byteLength) => {
      draws.push(byteLength);
      return random(byteLength);
    });
    expect(draws).toEqual([32, 16, 24, 24]);
    expect(toHex(cipher.header.fileId)).toBe('202122232425262728292a2b2c2d2e2f');
  });

  it('shows no key, however it is printed', async () => {
    const dataKey = secretOfByte(0xd7);
    const cipher = await createFieldCipher([KEY], {}, (byteLength) =>
      byteLength === 32 ? Uint8Array.from(dataKey) : systemRandom(byteLength),
    );
    expectNoSecret(showings(cipher), dataKey);
  });
});
