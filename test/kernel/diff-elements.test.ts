/** The contract of elements over every diff kernel, and the kernels against each other on texts that are almost JSON. */
import { describe, expect, it } from 'vitest';
import { describeElementsKernel, outcomeOf, randomText } from '../contract/diff-elements.ts';
import { seededRandom } from '../oracle/edits.ts';
import { KERNELS } from './diff-kernels.ts';

const SEED = Number(process.env['DIFF_SEED'] ?? Date.now() % 2 ** 32);

for (const { name, kernel } of KERNELS) describeElementsKernel(name, () => kernel, SEED, 2000);

describe(`elements in all kernels (seed ${SEED})`, () => {
  it('are the same, faults included, for texts with random damage', () => {
    const random = seededRandom(SEED + 1);
    const below = (limit: number) => Math.floor(random() * limit);
    let faults = 0;
    for (let round = 0; round < 5000; round++) {
      const [a, b] = [damage(randomText(random), below), damage(randomText(random), below)];
      const [first, ...others] = KERNELS.map(({ kernel }) => outcomeOf(kernel, a, b));
      if ('code' in first!) faults++;
      for (const [at, other] of others.entries()) {
        expect(other, `seed ${SEED}, round ${round}, ${KERNELS[at + 1]!.name}, ${JSON.stringify({ a, b })}`).toEqual(first);
      }
    }
    expect(faults).toBeGreaterThan(1000);
  });
});

function damage(text: string, below: (limit: number) => number): string {
  const at = below(text.length + 1);
  switch (below(5)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + '[]{}",:\\ 1x'[below(11)] + text.slice(at);
    case 3:
      return text.slice(0, at) + '[]{}",:\\ 1x'[below(11)] + text.slice(at + 1);
    default:
      return text;
  }
}
