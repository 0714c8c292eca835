/**
 * What every Base64 kernel promises about bytes and faults, as tests: call it with a name, a way to make a kernel and a seed. It compares with
 * published vectors and with a slow decoder that follows the text of the contract word by word. The forms of a call (into, views, parts) are in
 * base64-forms.ts; how kernels compare with each other is tested in test/kernel/base64.test.ts.
 */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import type { Base64Alphabet, Base64Kernel } from '../../ts/kernel/kernel.ts';

export const ALPHABETS: readonly Base64Alphabet[] = ['standard', 'url'];

const LETTERS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const CHARACTERS = { standard: `${LETTERS_AND_DIGITS}+/`, url: `${LETTERS_AND_DIGITS}-_` };

/** RFC 4648 section 10. */
const VECTORS: readonly (readonly [plain: string, encoded: string])[] = [
  ['', ''],
  ['f', 'Zg=='],
  ['fo', 'Zm8='],
  ['foo', 'Zm9v'],
  ['foob', 'Zm9vYg=='],
  ['fooba', 'Zm9vYmE='],
  ['foobar', 'Zm9vYmFy'],
];

type FaultRow = readonly [encoded: string, code: string, offset: number];

/** One row a corner of the rules: the first fault from the left decides. */
const STANDARD_FAULTS: readonly FaultRow[] = [
  ['!', 'CHARACTER', 0],
  ['YW!j', 'CHARACTER', 2],
  ['YWJj\n', 'CHARACTER', 4],
  [' YWJj', 'CHARACTER', 0],
  ['YW-_', 'CHARACTER', 2],
  ['YQ!=', 'CHARACTER', 2],
  ['Y!==', 'CHARACTER', 1],
  ['YWJjYWJ!YWJj', 'CHARACTER', 7],
  ['Y!Q=Y', 'CHARACTER', 1],
  ['=', 'PADDING', 0],
  ['==', 'PADDING', 0],
  ['====', 'PADDING', 0],
  ['Y===', 'PADDING', 1],
  ['YQ=', 'PADDING', 2],
  ['YQ=a', 'PADDING', 2],
  ['YR=a', 'PADDING', 2],
  ['YQ=!', 'PADDING', 2],
  ['YQ==YQ==', 'PADDING', 2],
  ['YWI=YWJj', 'PADDING', 3],
  ['YWI==', 'PADDING', 3],
  ['YWJj=', 'PADDING', 4],
  ['YWJj====', 'PADDING', 4],
  ['=YQ!', 'PADDING', 0],
  ['Y', 'LENGTH', 1],
  ['YQ', 'LENGTH', 2],
  ['YWI', 'LENGTH', 3],
  ['YWJjY', 'LENGTH', 5],
  ['YWJjYQ', 'LENGTH', 6],
  ['YR', 'LENGTH', 2],
  ['YR==', 'TRAILING_BITS', 1],
  ['YWJ=', 'TRAILING_BITS', 2],
  ['YWJjYR==', 'TRAILING_BITS', 5],
  ['YWJjYWJ=', 'TRAILING_BITS', 6],
];

const URL_FAULTS: readonly FaultRow[] = [
  ['!', 'CHARACTER', 0],
  ['YWJj\n', 'CHARACTER', 4],
  ['YW+_', 'CHARACTER', 2],
  ['YW-/', 'CHARACTER', 3],
  ['YWJjYWJ!YWJj', 'CHARACTER', 7],
  ['Y!Q=Y', 'CHARACTER', 1],
  ['=', 'PADDING', 0],
  ['====', 'PADDING', 0],
  ['YQ=', 'PADDING', 2],
  ['YQ==', 'PADDING', 2],
  ['YWI=', 'PADDING', 3],
  ['YR==', 'PADDING', 2],
  ['YWJj=', 'PADDING', 4],
  ['YWJjY=', 'PADDING', 5],
  ['Y', 'LENGTH', 1],
  ['YWJjY', 'LENGTH', 5],
  ['YR', 'TRAILING_BITS', 1],
  ['YWJ', 'TRAILING_BITS', 2],
  ['Y_', 'TRAILING_BITS', 1],
  ['YWJjYR', 'TRAILING_BITS', 5],
  ['YWJjYWJ', 'TRAILING_BITS', 6],
];

const FAULTS: readonly (readonly [alphabet: Base64Alphabet, ...FaultRow])[] = [
  ...STANDARD_FAULTS.map((row) => ['standard', ...row] as const),
  ...URL_FAULTS.map((row) => ['url', ...row] as const),
];

/** Long enough for SIMD to work on: every place of a 64-character text of two or three blocks, and its ends. */
const TEXTS = {
  standard: ['YWJj', 'YWJjYWJj', 'YWJjYQ==', 'YWJjYWI=', 'YWJjYWJ', `${'+/9azAZ0'.repeat(7)}YWJjYQ==`],
  url: ['YWJj', 'YWJjYWJj', 'YWJjYQ', 'YWJjYWI', 'YWJjY', `${'-_9azAZ0'.repeat(7)}YWJjYQ`],
};

/** Runs the contract over the kernel that `makeKernel` gives. */
export function describeBase64Kernel(name: string, makeKernel: () => Base64Kernel, seed: number): void {
  describe(`Base64 kernel: ${name} (seed ${seed})`, () => {
    const kernel = makeKernel();

    it.each(VECTORS)('encodes and decodes the vector of RFC 4648 section 10 for "%s"', (plain, encoded) => {
      expect(textOf(kernel.encodeBase64(bytesOf(plain)))).toBe(encoded);
      expect(textOf(kernel.decodeBase64(bytesOf(encoded)))).toBe(plain);
      const unpadded = encoded.replaceAll('=', '');
      expect(textOf(kernel.encodeBase64(bytesOf(plain), 'url'))).toBe(unpadded);
      expect(textOf(kernel.decodeBase64(bytesOf(unpadded), 'url'))).toBe(plain);
    });

    it('encodes every byte value at every place in a group, at the ends and in the middle of blocks, as an independent encoder does', () => {
      for (const alphabet of ALPHABETS) {
        for (const length of [1, 2, 3, 4, 5, 6, 70]) {
          const places = length < 7 ? [...Array(length).keys()] : [0, 11, 12, 25, 38, 39, 40, 41, 69];
          for (const place of places) {
            for (let value = 0; value < 256; value++) {
              const source = new Uint8Array(length).fill(0xa5);
              source[place] = value;
              const encoded = kernel.encodeBase64(source, alphabet);
              if (textOf(encoded) !== encodeByBuffer(source, alphabet)) expect.fail(`${alphabet}: value ${value} at ${place} of ${length}`);
              expect(Buffer.compare(kernel.decodeBase64(encoded, alphabet), source)).toBe(0);
            }
          }
        }
      }
    });

    it.each(ALPHABETS)('gives every byte value at every place in a text of %s the verdict of the contract', (alphabet) => {
      for (const text of TEXTS[alphabet]) {
        for (let place = 0; place < text.length; place++) {
          for (let value = 0; value < 256; value++) {
            const source = bytesOf(text);
            source[place] = value;
            const outcome = outcomeOf(() => kernel.decodeBase64(source, alphabet));
            const expected = outcomeOf(() => decodeByTheRules(source, alphabet));
            // Compared as text, because `toEqual` takes most of a minute for so many.
            if (JSON.stringify(outcome) !== JSON.stringify(expected)) expect(outcome, `${value} at ${place} of ${text}`).toEqual(expected);
          }
        }
      }
    });

    it.each(ALPHABETS)('accepts as the last character of a text of %s exactly those an encoder writes', (alphabet) => {
      const padding = alphabet === 'url' ? ['', ''] : ['==', '='];
      for (const character of CHARACTERS[alphabet]) {
        const sextet = CHARACTERS[alphabet].indexOf(character);
        const two = outcomeOf(() => kernel.decodeBase64(bytesOf(`A${character}${padding[0]}`), alphabet));
        const one = outcomeOf(() => kernel.decodeBase64(bytesOf(`AA${character}${padding[1]}`), alphabet));
        expect(two).toEqual(sextet % 16 === 0 ? { bytes: [sextet / 16] } : { code: 'KERNEL_BASE64_TRAILING_BITS', offset: 1 });
        expect(one).toEqual(sextet % 4 === 0 ? { bytes: [0, sextet / 4] } : { code: 'KERNEL_BASE64_TRAILING_BITS', offset: 2 });
      }
    });

    it.each(FAULTS)('refuses, in %s, "%s" with %s at offset %i', (alphabet, encoded, code, offset) => {
      const outcome = outcomeOf(() => kernel.decodeBase64(bytesOf(encoded), alphabet));
      expect(outcome).toEqual({ code: `KERNEL_BASE64_${code}`, offset });
      // The same after enough text that SIMD has begun.
      const late = outcomeOf(() => kernel.decodeBase64(bytesOf('YWJj'.repeat(40) + encoded), alphabet));
      expect(late).toEqual({ code: `KERNEL_BASE64_${code}`, offset: offset + 160 });
    });

    it.each(ALPHABETS)('finds a fault far into a text of %s at its exact offset', (alphabet) => {
      const source = kernel.encodeBase64(new Uint8Array(3 * 5000), alphabet);
      for (const offset of [0, 1, 2, 3, 4, 15, 16, 17, 9_997, 9_998, 9_999, 10_000, 19_983, 19_984, 19_996, 19_997, 19_998, 19_999]) {
        const broken = source.slice();
        broken[offset] = 0x20;
        expect(outcomeOf(() => kernel.decodeBase64(broken, alphabet))).toEqual({ code: 'KERNEL_BASE64_CHARACTER', offset });
      }
    });

    it('names the place and the rule in the message, and no byte of the input', () => {
      for (const alphabet of ALPHABETS) {
        const error = errorOf(() => kernel.decodeBase64(bytesOf('c2VjcmV0~2VjcmV0'), alphabet));
        expect(error.message).toContain('offset 8');
        expect(error.message).not.toContain('~');
        expect(error.message).not.toContain('c2V');
        expect(error.details).toEqual({ offset: 8 });
      }
    });

    it('encodes as the platform does, and decodes what it encoded', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 1000 }), fc.constantFrom(...ALPHABETS), (source, alphabet) => {
          const encoded = kernel.encodeBase64(source, alphabet);
          expect(textOf(encoded)).toBe(encodeByBuffer(source, alphabet));
          expect(Buffer.compare(kernel.decodeBase64(encoded, alphabet), source)).toBe(0);
        }),
        { seed, numRuns: 300 },
      );
    });

    it('decodes or refuses near-Base64 as the rules say', () => {
      fc.assert(
        fc.property(nearBase64(), fc.constantFrom(...ALPHABETS), (source, alphabet) => {
          expect(outcomeOf(() => kernel.decodeBase64(source, alphabet))).toEqual(outcomeOf(() => decodeByTheRules(source, alphabet)));
        }),
        { seed, numRuns: 2000 },
      );
    });

    it('refuses an alphabet that does not exist as a mistake of the caller', () => {
      expect(() => kernel.encodeBase64(new Uint8Array(3), 'hex' as Base64Alphabet)).toThrow(TypeError);
      expect(() => kernel.decodeBase64(new Uint8Array(4), 'base64url' as Base64Alphabet)).toThrow(TypeError);
    });
  });
}

/** What a call gave, in a form that compares by value. */
export function outcomeOf(call: () => Uint8Array): { bytes: number[] } | { code: string; offset: unknown } {
  try {
    return { bytes: [...call()] };
  } catch (error) {
    if (!(error instanceof PspError)) throw error;
    return { code: error.code, offset: error.details['offset'] };
  }
}

/** Base64 of either alphabet with a few bytes replaced, dropped or added, so that most texts are nearly right and some are. */
export function nearBase64(): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const byte = fc.oneof(fc.constantFrom(...bytesOf('=AQgw/+-_ \n')), fc.integer({ min: 0, max: 255 }));
  const edit = fc.record({ at: fc.nat(400), remove: fc.nat(2), insert: fc.array(byte, { maxLength: 3 }) });
  const parts = fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...ALPHABETS), fc.array(edit, { maxLength: 3 }));
  return parts.map(([plain, alphabet, edits]) => {
    const text = [...bytesOf(encodeByBuffer(plain, alphabet))];
    for (const { at, remove, insert } of edits) text.splice(at % (text.length + 1), remove, ...insert);
    return Uint8Array.from(text);
  });
}

/** The doc comment of `Base64Kernel`, one line a sentence: slow, obvious and independent of all kernels. */
function decodeByTheRules(source: Uint8Array, alphabet: Base64Alphabet): Uint8Array {
  const text = String.fromCharCode(...source);
  for (let offset = 0; offset < text.length; offset++) {
    const rest = text.slice(offset);
    if (rest.startsWith('=')) {
      const completes = alphabet === 'standard' && text.length % 4 === 0 && (rest === '=' || rest === '==');
      if (!completes) throw refusal('KERNEL_BASE64_PADDING', offset);
    } else if (!CHARACTERS[alphabet].includes(text.charAt(offset))) {
      throw refusal('KERNEL_BASE64_CHARACTER', offset);
    }
  }
  if (alphabet === 'standard' ? text.length % 4 !== 0 : text.length % 4 === 1) throw refusal('KERNEL_BASE64_LENGTH', text.length);
  const plain = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
  if (encodeByBuffer(plain, alphabet) !== text) throw refusal('KERNEL_BASE64_TRAILING_BITS', text.replace(/=+$/, '').length - 1);
  return plain;
}

/** An encoder that is not ours. */
export function encodeByBuffer(plain: Uint8Array, alphabet: Base64Alphabet): string {
  return Buffer.from(plain).toString(alphabet === 'url' ? 'base64url' : 'base64');
}

function refusal(code: PspError['code'], offset: number): PspError {
  return new PspError(code, 'refused by the oracle', { details: { offset } });
}

export function errorOf(call: () => unknown): PspError {
  try {
    call();
  } catch (error) {
    if (error instanceof PspError) return error;
    throw error;
  }
  throw new Error('expected a PspError, but nothing was thrown');
}

/** Latin-1, so that any byte can be written in a test. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
