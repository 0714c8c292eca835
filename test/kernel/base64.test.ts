/** The Base64 contract over every kernel, and the kernels against each other. Debug builds have their assertions on. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Base64Alphabet } from '../../ts/kernel/kernel.ts';
import { ALPHABETS, describeBase64Kernel, nearBase64, outcomeOf } from '../contract/base64.ts';
import { describeBase64Forms } from '../contract/base64-forms.ts';
import { BASE64_KERNELS } from './base64-kernels.ts';

const seed = Number(process.env['SEED'] ?? Math.trunc(Math.random() * 2 ** 31));

for (const [name, makeKernel] of BASE64_KERNELS) {
  describeBase64Kernel(name, makeKernel, seed);
  describeBase64Forms(name, makeKernel);
}

describe(`all Base64 kernels (seed ${seed})`, () => {
  const kernels = BASE64_KERNELS.map(([, makeKernel]) => makeKernel());
  const [portable, ...compiled] = kernels;
  if (portable === undefined) throw new Error('there is no kernel');

  it('say which they are', () => {
    expect(kernels.map(({ kind }) => kind)).toEqual(['portable', 'wasm', 'wasm-simd', 'wasm', 'wasm-simd']);
  });

  it('give the same bytes, codes and offsets for random malformed input', () => {
    fc.assert(
      fc.property(fc.oneof(nearBase64(), fc.uint8Array({ maxLength: 60 })), fc.constantFrom(...ALPHABETS), (source, alphabet) => {
        const expected = outcomeOf(() => portable.decodeBase64(source, alphabet));
        for (const kernel of compiled) {
          expect(outcomeOf(() => kernel.decodeBase64(source, alphabet))).toEqual(expected);
          expect(outcomeOf(() => kernel.decodeBase64View(source, alphabet))).toEqual(expected);
        }
      }),
      { seed, numRuns: 5000 },
    );
  });

  it('fail with the same words and details', () => {
    const cases: readonly (readonly [text: string, alphabet: Base64Alphabet])[] = [
      ...['YW!j', 'YQ=', 'YQ', 'YR=='].map((text) => [text, 'standard'] as const),
      ...['YW!j', 'YQ==', 'Y', 'YR'].map((text) => [text, 'url'] as const),
    ];
    for (const [text, alphabet] of cases) {
      const source = new TextEncoder().encode(text);
      for (const kernel of compiled) {
        expect(wordsOf(() => kernel.decodeBase64(source, alphabet))).toEqual(wordsOf(() => portable.decodeBase64(source, alphabet)));
        const ranges = Uint32Array.of(0, 0, 0, source.length);
        const asPart = wordsOf(() => kernel.decodeBase64Parts(source, ranges, alphabet));
        expect(asPart).toEqual(wordsOf(() => portable.decodeBase64Parts(source, ranges, alphabet)));
      }
      const short = new Uint8Array(0);
      for (const kernel of compiled) {
        expect(wordsOf(() => kernel.encodeBase64Into(source, short))).toEqual(wordsOf(() => portable.encodeBase64Into(source, short)));
      }
    }
  });

  it('decode one after the other without remembering the last fault', () => {
    const broken = new TextEncoder().encode('YWJj~');
    const whole = new TextEncoder().encode('YWJj');
    for (const kernel of kernels) {
      expect(outcomeOf(() => kernel.decodeBase64(broken))).toEqual({ code: 'KERNEL_BASE64_CHARACTER', offset: 4 });
      expect(outcomeOf(() => kernel.decodeBase64(whole))).toEqual({ bytes: [97, 98, 99] });
    }
  });
});

function wordsOf(call: () => unknown): { message: string; details: unknown } {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return { message: error.message, details: 'details' in error ? error.details : null };
    throw error;
  }
  throw new Error('expected an error, but nothing was thrown');
}
