/** The diff kernels against each other: the same hunks and the same word on minimality for every input and budget, on every way through the plan. */
import { describe, expect, it } from 'vitest';
import type { DiffKernel, Edits } from '../../ts/kernel/kernel.ts';
import { asText, DOORS, unitsOf } from '../contract/diff.ts';
import { distanceOf, edited, faultOfEdits, logPair, randomPair, seededRandom } from '../oracle/edits.ts';
import { KERNELS } from './diff-kernels.ts';

const SEED = Number(process.env['DIFF_SEED'] ?? Date.now() % 2 ** 32);

describe(`all diff kernels (seed ${SEED})`, () => {
  it('say which they are', () => {
    expect(KERNELS.map(({ kernel }) => kernel.kind)).toEqual(['portable', 'wasm', 'wasm-simd', 'wasm', 'wasm-simd']);
  });

  it.each(DOORS)('give the same edits of random %s for random budgets', (_, diff) => {
    const random = seededRandom(SEED);
    for (let pair = 0; pair < 1500; pair++) {
      const [a, b] = randomPair(random, pair % 10 === 0 ? 600 : 60, 1 + (pair % 100));
      const budget = random() < 0.2 ? undefined : Math.floor(random() ** 4 * 20_000);
      editsOfAll((kernel) => diff(kernel, a, b, budget), `seed ${SEED}, pair ${pair}, budget ${budget}`);
    }
  });

  it.each(DOORS)('give the same edits of long %s, past every stage of the budget', (_, diff) => {
    const random = seededRandom(SEED + 1);
    const fresh = () => Array.from({ length: 1 + Math.floor(random() * 40) }, () => Math.floor(random() * 100));
    const words = Array.from({ length: 8 }, fresh);
    const minimal = new Set<boolean>();
    for (let round = 0; round < 12; round++) {
      const a = Array.from({ length: 300 }, () => (round % 2 === 0 ? fresh() : words[Math.floor(random() * 8)]!)).flat();
      const b = edited(a, 40, random, fresh);
      for (const budget of [0, 100, 3000, 50_000, 5_000_000]) {
        const edits = editsOfAll((kernel) => diff(kernel, a, b, budget), `seed ${SEED}, round ${round}, budget ${budget}`);
        expect(faultOfEdits(edits, a, b)).toBeNull();
        minimal.add(edits.isMinimal);
      }
    }
    expect(minimal.size).toBe(2);
  });

  it.each([
    [3, 200_000],
    [50, 200_000],
    [1000, 2_000_000],
  ])('give the same edits of a log of %i distinct lines for %i steps', (distinct, budget) => {
    const [a, b] = logPair(seededRandom(SEED + distinct), 1500, distinct, 60);
    const edits = editsOfAll((kernel) => kernel.diffText(a, b, budget), `seed ${SEED}`);
    expect(faultOfEdits(edits, unitsOf(a), unitsOf(b))).toBeNull();
  });

  it('give the same edits of sides so long that fewer windows count', () => {
    const random = seededRandom(SEED + 4);
    for (const length of [700_000, 2_200_000]) {
      const a = Uint8Array.from({ length }, () => random() * 256);
      const b = a.slice(1000);
      for (let at = 5000; at < b.length; at += 100_000) b[at]! ^= 1;
      const edits = editsOfAll((kernel) => kernel.diffBytes(a, b, 2000), `seed ${SEED}`);
      expect(edits.isMinimal).toBe(false);
      expect(distanceOf(edits)).toBeLessThan(1000 + 4 * Math.ceil(b.length / 100_000));
    }
  });

  it('give the same edits of one text whether it is compared in bytes or in units of two', () => {
    const random = seededRandom(SEED + 5);
    for (let round = 0; round < 200; round++) {
      const [a, b] = randomPair(random, 300, 60);
      for (const budget of [500, 1_000_000]) {
        // A character beyond ASCII at both ends changes how texts are copied, and is cut off before anything is searched.
        const plain = editsOfAll((kernel) => kernel.diffText(asText(a), asText(b), budget), `seed ${SEED}, round ${round}`);
        const wide = editsOfAll((kernel) => kernel.diffText(`é${asText(a)}`, `é${asText(b)}`, budget), `seed ${SEED}, round ${round}`);
        expect(wide).toEqual({ ...plain, hunks: plain.hunks.map((place) => place + 1) });
      }
    }
  });
});

/** The edits that every kernel gives. Throws unless they are the same. */
function editsOfAll(diff: (kernel: DiffKernel) => Edits, what: string): Edits {
  const [first, ...others] = KERNELS.map(({ kernel }) => diff(kernel));
  for (const [at, other] of others.entries()) expect(other, `${KERNELS[at + 1]!.name}, ${what}`).toEqual(first);
  return first!;
}
