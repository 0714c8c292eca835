/**
 * What every Base64 kernel promises, as tests: call it with a name and a way to make a kernel. It compares with published vectors and
 * with a slow decoder that follows the text of the contract word by word; how two kernels compare is tested in test/kernel/base64.test.ts.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import type { Base64Kernel } from '../../ts/kernel/kernel.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

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

/** One row a corner of the rules: the first fault from the left decides. */
const FAULTS: readonly (readonly [encoded: string, code: string, offset: number])[] = [
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

/** Runs the contract over the kernel that `makeKernel` gives. */
export function describeBase64Kernel(name: string, makeKernel: () => Base64Kernel): void {
  describe(`Base64 kernel: ${name}`, () => {
    const kernel = makeKernel();

    it.each(VECTORS)('encodes and decodes the vector of RFC 4648 section 10 for "%s"', (plain, encoded) => {
      expect(textOf(kernel.encodeBase64(bytesOf(plain)))).toBe(encoded);
      expect(textOf(kernel.decodeBase64(bytesOf(encoded)))).toBe(plain);
    });

    it('encodes every byte value at every place in a group as an independent encoder does', () => {
      for (let length = 1; length <= 6; length++) {
        for (let place = 0; place < length; place++) {
          for (let value = 0; value < 256; value++) {
            const source = new Uint8Array(length).fill(0xa5);
            source[place] = value;
            const encoded = kernel.encodeBase64(source);
            expect(textOf(encoded)).toBe(btoa(String.fromCharCode(...source)));
            expect(kernel.decodeBase64(encoded)).toEqual(source);
          }
        }
      }
    });

    it('gives every byte value at every place in a text the verdict of the contract', () => {
      for (const text of ['YWJj', 'YWJjYWJj', 'YWJjYQ==', 'YWJjYWI=', 'YWJjYWJ']) {
        for (let place = 0; place < text.length; place++) {
          for (let value = 0; value < 256; value++) {
            const source = bytesOf(text);
            source[place] = value;
            expect(outcomeOf(() => kernel.decodeBase64(source))).toEqual(outcomeOf(() => decodeByTheRules(source)));
          }
        }
      }
    });

    it('accepts as the last character before the padding exactly those an encoder writes', () => {
      for (const character of ALPHABET) {
        const sextet = ALPHABET.indexOf(character);
        const two = outcomeOf(() => kernel.decodeBase64(bytesOf(`A${character}==`)));
        const one = outcomeOf(() => kernel.decodeBase64(bytesOf(`AA${character}=`)));
        expect(two).toEqual(sextet % 16 === 0 ? { bytes: [sextet / 16] } : { code: 'KERNEL_BASE64_TRAILING_BITS', offset: 1 });
        expect(one).toEqual(sextet % 4 === 0 ? { bytes: [0, sextet / 4] } : { code: 'KERNEL_BASE64_TRAILING_BITS', offset: 2 });
      }
    });

    it.each(FAULTS)('refuses "%s" with %s at offset %i', (encoded, code, offset) => {
      const outcome = outcomeOf(() => kernel.decodeBase64(bytesOf(encoded)));
      expect(outcome).toEqual({ code: `KERNEL_BASE64_${code}`, offset });
    });

    it('finds a fault far into the text at its exact offset', () => {
      const source = kernel.encodeBase64(new Uint8Array(3 * 5000));
      for (const offset of [0, 1, 2, 3, 4, 9_997, 9_998, 9_999, 10_000, 19_996, 19_997, 19_998, 19_999]) {
        const broken = source.slice();
        broken[offset] = 0x20;
        expect(outcomeOf(() => kernel.decodeBase64(broken))).toEqual({ code: 'KERNEL_BASE64_CHARACTER', offset });
      }
    });

    it('names the place and the rule in the message, and no byte of the input', () => {
      const error = errorOf(() => kernel.decodeBase64(bytesOf('c2VjcmV0~2VjcmV0')));
      expect(error.message).toContain('offset 8');
      expect(error.message).not.toContain('~');
      expect(error.message).not.toContain('c2V');
      expect(error.details).toEqual({ offset: 8 });
    });

    it('decodes what it encoded', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 1000 }), (source) => {
          const encoded = kernel.encodeBase64(source);
          expect(encoded.length).toBe(4 * Math.ceil(source.length / 3));
          expect(kernel.decodeBase64(encoded)).toEqual(source);
        }),
      );
    });

    it('encodes as the platform does, and decodes what the platform encoded', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 1000 }), (source) => {
          const encoded = Buffer.from(source).toString('base64');
          expect(textOf(kernel.encodeBase64(source))).toBe(encoded);
          const decoded = atob(encoded);
          expect(kernel.decodeBase64(bytesOf(encoded))).toEqual(Uint8Array.from(decoded, (character) => character.charCodeAt(0)));
        }),
      );
    });

    it('decodes or refuses near-Base64 as the rules say', () => {
      fc.assert(
        fc.property(nearBase64(), (source) => {
          expect(outcomeOf(() => kernel.decodeBase64(source))).toEqual(outcomeOf(() => decodeByTheRules(source)));
        }),
        { numRuns: 2000 },
      );
    });

    it('reads a subarray from its own offset and no byte beyond', () => {
      const around = Uint8Array.from({ length: 64 }, (_, at) => at * 7);
      for (let start = 0; start < 9; start++) {
        for (let end = start; end < start + 9; end++) {
          const part = around.subarray(start, end);
          expect(kernel.encodeBase64(part)).toEqual(kernel.encodeBase64(part.slice()));
        }
      }
      const framed = bytesOf('====YWJj====');
      expect(textOf(kernel.decodeBase64(framed.subarray(4, 8)))).toBe('abc');
    });

    it('neither alters its input nor keeps or shares it', () => {
      const plain = bytesOf('foobar and more');
      const encoded = kernel.encodeBase64(plain);
      expect(textOf(plain)).toBe('foobar and more');
      plain.fill(0);
      expect(textOf(kernel.decodeBase64(encoded))).toBe('foobar and more');
      const decoded = kernel.decodeBase64(encoded);
      encoded.fill(0);
      kernel.encodeBase64(new Uint8Array(100).fill(0xff));
      expect(textOf(decoded)).toBe('foobar and more');
      expect(decoded.byteOffset).toBe(0);
      expect(decoded.buffer.byteLength).toBe(decoded.length);
    });

    it('keeps earlier results whole when several MiB follow a small input', () => {
      const grown = makeKernel();
      const before = grown.encodeBase64(bytesOf('small'));
      const large = new Uint8Array(3 * 1024 * 1024 + 1);
      for (let at = 0; at < large.length; at++) large[at] = (at * 2654435761) >>> 24;
      const encoded = grown.encodeBase64(large);
      expect(Buffer.compare(encoded, Buffer.from(Buffer.from(large).toString('base64')))).toBe(0);
      expect(Buffer.compare(grown.decodeBase64(encoded), large)).toBe(0);
      expect(textOf(before)).toBe('c21hbGw=');
      expect(textOf(grown.decodeBase64(before))).toBe('small');
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

/** Base64 with a few bytes replaced, dropped or added, so that most texts are nearly right and some are. */
export function nearBase64(): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const byte = fc.oneof(fc.constantFrom(...bytesOf('=AQgw/+-_ \n')), fc.integer({ min: 0, max: 255 }));
  const edit = fc.record({ at: fc.nat(400), remove: fc.nat(2), insert: fc.array(byte, { maxLength: 3 }) });
  return fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.array(edit, { maxLength: 3 })).map(([plain, edits]) => {
    const text = [...bytesOf(Buffer.from(plain).toString('base64'))];
    for (const { at, remove, insert } of edits) text.splice(at % (text.length + 1), remove, ...insert);
    return Uint8Array.from(text);
  });
}

/** The doc comment of `Base64Kernel.decodeBase64`, one line a sentence: slow, obvious and independent of both kernels. */
function decodeByTheRules(source: Uint8Array): Uint8Array {
  const text = String.fromCharCode(...source);
  for (let offset = 0; offset < text.length; offset++) {
    const rest = text.slice(offset);
    if (rest.startsWith('=')) {
      const completes = text.length % 4 === 0 && (rest === '=' || rest === '==');
      if (!completes) throw refusal('KERNEL_BASE64_PADDING', offset);
    } else if (!ALPHABET.includes(text.charAt(offset))) {
      throw refusal('KERNEL_BASE64_CHARACTER', offset);
    }
  }
  if (text.length % 4 !== 0) throw refusal('KERNEL_BASE64_LENGTH', text.length);
  const plain = atob(text);
  if (btoa(plain) !== text) throw refusal('KERNEL_BASE64_TRAILING_BITS', text.indexOf('=') - 1);
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

function refusal(code: PspError['code'], offset: number): PspError {
  return new PspError(code, 'refused by the oracle', { details: { offset } });
}

function errorOf(call: () => unknown): PspError {
  try {
    call();
  } catch (error) {
    if (error instanceof PspError) return error;
    throw error;
  }
  throw new Error('expected a PspError, but nothing was thrown');
}

/** Latin-1, so that any byte can be written in a test. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
