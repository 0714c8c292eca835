import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { armor, dearmor, isArmored, open, seal } from '../../ts/envelope/envelope.ts';
import { codeOf, failureOf, keyOf, plaintextOf, toHex } from './fixture.ts';

const BEGIN = '-----BEGIN PSP SEALED BLOB-----';
const END = '-----END PSP SEALED BLOB-----';
const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const text = (armored: Uint8Array): string => Buffer.from(armored).toString('latin1');

describe('armor', () => {
  it('is Base64 in lines of 64 between its marks', () => {
    expect(text(armor(new Uint8Array(0)))).toBe(`${BEGIN}\n${END}\n`);
    expect(text(armor(bytes('PSPE')))).toBe(`${BEGIN}\nUFNQRQ==\n${END}\n`);
    const lines = text(armor(plaintextOf(97))).split('\n');
    expect(lines.map((line) => line.length)).toEqual([BEGIN.length, 64, 64, 4, END.length, 0]);
  });

  it('gives back any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (sealed) => {
        expect(toHex(dearmor(armor(sealed)))).toBe(toHex(sealed));
        expect(isArmored(armor(sealed))).toBe(true);
      }),
    );
  });

  it('carries a blob', async () => {
    const key = keyOf('key-1', 1);
    const sealed = await seal(plaintextOf(50_000), key);
    expect(Buffer.compare(await open(dearmor(armor(sealed)), key), plaintextOf(50_000))).toBe(0);
    expect(isArmored(sealed)).toBe(false);
  });

  it('may have CR LF and white space around it, as mail programs like', () => {
    const armored = text(armor(plaintextOf(97)));
    for (const changed of [armored.replaceAll('\n', '\r\n'), `\r\n \t${armored}\n\n `, armored.trimEnd()]) {
      expect(toHex(dearmor(bytes(changed)))).toBe(toHex(plaintextOf(97)));
    }
  });

  it.each([
    ['', 'ENVELOPE_NOT_SEALED'],
    ['PSPE', 'ENVELOPE_NOT_SEALED'],
    [BEGIN.slice(0, -1), 'ENVELOPE_NOT_SEALED'],
    [`# a comment\n${BEGIN}\n${END}\n`, 'ENVELOPE_NOT_SEALED'],
    [BEGIN, 'ENVELOPE_TRUNCATED'],
    [`${BEGIN}\n`, 'ENVELOPE_TRUNCATED'],
    [`${BEGIN}\nUFNQRQ==`, 'ENVELOPE_TRUNCATED'],
    [`${BEGIN}\nUFNQRQ==\n`, 'ENVELOPE_TRUNCATED'],
    [`${BEGIN} UFNQRQ==\n${END}`, 'ENVELOPE_MALFORMED'],
    [`${BEGIN}\nUFNQRQ==\n${END}x`, 'ENVELOPE_MALFORMED'],
    [`${BEGIN}\n\nUFNQRQ==\n${END}`, 'ENVELOPE_MALFORMED'],
    [`${BEGIN}\nUFNQ\nRQ==\n${END}`, 'ENVELOPE_MALFORMED'],
    [`${BEGIN}\n${'A'.repeat(68)}\n${END}`, 'ENVELOPE_MALFORMED'],
    [`${BEGIN}\nUFNQRQ== \n${END}`, 'ENVELOPE_MALFORMED'],
    [`${BEGIN}\nUFNQRQ\n${END}`, 'ENVELOPE_MALFORMED'],
    [`${BEGIN}\nUFNQRR==\n${END}`, 'ENVELOPE_MALFORMED'],
    [`${BEGIN}\nUFNQR-==\n${END}`, 'ENVELOPE_MALFORMED'],
    [`${BEGIN}\r\rUFNQRQ==\n${END}`, 'ENVELOPE_MALFORMED'],
  ])('refuses %j as %s', async (wrong, code) => {
    expect(await codeOf(() => dearmor(bytes(wrong)))).toBe(code);
  });

  it('is one text for one blob: any other text that is accepted gives other bytes', () => {
    const sealed = plaintextOf(97);
    const armored = armor(sealed);
    for (let at = 0; at < armored.length; at++) {
      for (const byte of [0, 10, 32, 43, 61, 65, 97]) {
        if (armored[at] === byte) continue;
        const changed = Uint8Array.from(armored);
        changed[at] = byte;
        let decoded: Uint8Array | null = null;
        try {
          decoded = dearmor(changed);
        } catch {
          continue; // refused
        }
        // The last line end is white space around the whole.
        if (at < armored.length - 1) expect(toHex(decoded)).not.toBe(toHex(sealed));
      }
    }
  });

  it('repeats nothing of the text in its errors', async () => {
    const error = await failureOf(() => dearmor(bytes(`${BEGIN}\nc2VjcmV0IQ=\n${END}`)));
    for (const shown of [error.message, error.stack ?? '', String(error.cause)]) expect(shown).not.toContain('c2Vj');
  });

  it('takes bytes only', () => {
    expect(() => armor('text' as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => dearmor(BEGIN as unknown as Uint8Array)).toThrow(TypeError);
  });
});
