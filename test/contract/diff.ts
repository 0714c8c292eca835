/**
 * What every diff kernel promises of its edits, as tests: call it with a name and a way to make a kernel. It compares with the oracle of
 * test/oracle/edits.ts; elements are in diff-elements.ts, and how two kernels compare is in test/kernel/diff.test.ts.
 */
import { describe, expect, it } from 'vitest';
import type { DiffKernel, Edits } from '../../ts/kernel/kernel.ts';
import { applyEdits, distanceOf, edited, faultOfEdits, logPair, minimalDistance, randomPair, seededRandom } from '../oracle/edits.ts';

/** What `diffText` calls a unit. */
export function unitsOf(text: string): number[] {
  return Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
}

/** The three doors for numbers, by name, so that one test opens them all. Units must fit: below 130 for all. */
export const DOORS: readonly (readonly [
  name: string,
  diff: (kernel: DiffKernel, a: readonly number[], b: readonly number[], budget?: number) => Edits,
])[] = [
  ['bytes', (kernel, a, b, budget) => kernel.diffBytes(Uint8Array.from(a), Uint8Array.from(b), budget)],
  ['ids', (kernel, a, b, budget) => kernel.diffIds(Uint32Array.from(a, spread), Uint32Array.from(b, spread), budget)],
  ['ASCII text', (kernel, a, b, budget) => kernel.diffText(asText(a), asText(b), budget)],
  ['wide text', (kernel, a, b, budget) => kernel.diffText(asText(a.map(widen)), asText(b.map(widen)), budget)],
];

// Ids use all 32 bits, and wide units both bytes, so that a comparison that looks at fewer fails.
function spread(unit: number): number {
  return Math.imul(unit + 1, 0x01000193) >>> 0;
}

function widen(unit: number): number {
  return 0x4e00 + 257 * unit;
}

export function asText(units: readonly number[]): string {
  return units.map((unit) => String.fromCharCode(unit)).join('');
}

/** Runs the contract over the kernel that `makeKernel` gives. The same seed gives the same pairs. */
export function describeDiffKernel(name: string, makeKernel: () => DiffKernel, seed: number, pairs: number): void {
  describe(`diff: ${name} (seed ${seed})`, () => {
    const kernel = makeKernel();

    describe.each(DOORS)('%s', (door, diff) => {
      it('finds nothing between equal sides', () => {
        for (const units of [[], [1], [1, 2, 3], Array.from({ length: 1000 }, (_, at) => at % 90)]) {
          expect(diff(kernel, units, units)).toEqual({ hunks: new Uint32Array(0), isMinimal: true });
        }
      });

      it.each([
        ['from nothing', [], [1, 2], [0, 0, 0, 2]],
        ['to nothing', [1, 2], [], [0, 2, 0, 0]],
        ['everything replaced', [1, 2, 3], [4, 5], [0, 3, 0, 2]],
        ['a deletion', [1, 2, 3], [1, 3], [1, 2, 1, 1]],
        ['an insertion', [1, 3], [1, 2, 3], [1, 1, 1, 2]],
        ['a replacement', [1, 2, 3], [1, 9, 3], [1, 2, 1, 2]],
        ['at both ends', [7, 1, 2, 3], [1, 2, 3, 8], [0, 1, 0, 0, 4, 4, 3, 4]],
      ])('describes %s', (_, a, b, hunks) => {
        expect(diff(kernel, a, b)).toEqual({ hunks: Uint32Array.from(hunks), isMinimal: true });
      });

      it(`is exact, canonical and minimal for ${pairs} random pairs`, () => {
        const random = seededRandom(seed);
        for (let pair = 0; pair < pairs; pair++) {
          const [a, b] = randomPair(random, pair % 100 === 0 ? 200 : 40, 1 + (pair % 7));
          const edits = diff(kernel, a, b);
          const distance = minimalDistance(a, b);
          const fault =
            faultOfEdits(edits, a, b) ??
            (edits.isMinimal && distanceOf(edits) === distance ? null : `distance ${distanceOf(edits)}, not ${distance}`);
          if (fault !== null)
            throw new Error(`seed ${seed}, pair ${pair}, ${door}: ${fault}: ${JSON.stringify({ a, b, hunks: [...edits.hunks] })}`);
        }
      });

      it('gives exact and canonical edits for every small budget, and says minimal only when it is', () => {
        const random = seededRandom(seed + 1);
        for (let pair = 0; pair < pairs / 4; pair++) {
          const [a, b] = randomPair(random, pair % 20 === 0 ? 400 : 60, 2 + (pair % 90));
          const edits = diff(kernel, a, b, Math.floor(random() ** 3 * 3000));
          const fault =
            faultOfEdits(edits, a, b) ?? (edits.isMinimal && distanceOf(edits) !== minimalDistance(a, b) ? 'is not minimal' : null);
          if (fault !== null) throw new Error(`seed ${seed}, pair ${pair}, ${door}: ${fault}`);
        }
      });

      it('finds what moved and changed between anchors once the budget is over', () => {
        const random = seededRandom(seed + 2);
        for (let round = 0; round < 20; round++) {
          const a = Array.from({ length: 4000 }, () => Math.floor(random() * 100));
          const b = edited(a, 30, random, () => Array.from({ length: 1 + Math.floor(random() * 60) }, () => Math.floor(random() * 100)));
          const edits = diff(kernel, a, b, 400);
          expect(faultOfEdits(edits, a, b)).toBeNull();
          expect(edits.isMinimal).toBe(false);
          // Ids out of a hundred are not unique, and so no anchors: nothing is promised about them.
          if (door !== 'ids') expect(distanceOf(edits)).toBeLessThan(4000);
        }
      });
    });

    it('finds anchors among ids that are unique in both lists', () => {
      const a = Uint32Array.from({ length: 5000 }, (_, at) => at * 17);
      const b = Uint32Array.from([...a.subarray(3000), ...a.subarray(0, 1000), 1, 2, 3, ...a.subarray(1000, 3000)]);
      const edits = kernel.diffIds(a, b, 800);
      expect(faultOfEdits(edits, a, b)).toBeNull();
      // The block of 2,000 moved: it is deleted in one place and inserted in the other.
      expect(distanceOf(edits)).toBe(4003);
      expect(edits.isMinimal).toBe(false);
    });

    it('refuses a budget that is no number of steps', () => {
      for (const budget of [-1, Number.NaN]) {
        expect(() => kernel.diffIds(new Uint32Array(1), new Uint32Array(2), budget)).toThrow(RangeError);
        expect(() => kernel.diffText('a', 'b', budget)).toThrow(RangeError);
        expect(() => kernel.diffBytes(new Uint8Array(1), new Uint8Array(2), budget)).toThrow(RangeError);
      }
    });

    it('takes views at any place of any buffer, and changes nothing', () => {
      const whole = Uint8Array.from({ length: 300 }, (_, at) => at * 7);
      const before = whole.slice();
      const a = whole.subarray(3, 100);
      const b = whole.subarray(5, 120);
      expect(applyEdits(kernel.diffBytes(a, b), a, b)).toEqual([...b]);
      const ids = new Uint32Array(whole.slice(0, 200).buffer, 4, 20);
      expect(kernel.diffIds(ids, ids.subarray(1)).hunks).toEqual(Uint32Array.of(0, 1, 0, 0));
      expect(whole).toEqual(before);
    });

    it('gives hunks that later calls do not change', () => {
      const first = kernel.diffBytes(Uint8Array.of(1, 2, 3), Uint8Array.of(1, 3));
      kernel.diffBytes(Uint8Array.of(9, 9, 9, 9), Uint8Array.of(8));
      expect(first.hunks).toEqual(Uint32Array.of(1, 2, 1, 1));
    });

    it.each([3, 40, 1000])('stays within a tenth of the minimum on a repetitive log of %i distinct lines', (distinct) => {
      const [a, b] = logPair(seededRandom(seed + distinct), 1000, distinct, 40);
      const edits = kernel.diffText(a, b);
      const minimal = kernel.diffText(a, b, Number.POSITIVE_INFINITY);
      expect(minimal.isMinimal).toBe(true);
      expect(faultOfEdits(edits, unitsOf(a), unitsOf(b))).toBeNull();
      expect(distanceOf(edits)).toBeLessThanOrEqual(1.1 * distanceOf(minimal));
    });

    it.each([3, 10, 40, 300])('stays within a fifth of it far past the budget, on a log of %i distinct lines', (distinct) => {
      // Always the same logs: how near anchors come is measured, not proved.
      const [a, b] = logPair(seededRandom(distinct), 1000, distinct, 40);
      const edits = kernel.diffText(a, b, 2 ** 19);
      expect(edits.isMinimal).toBe(false);
      expect(faultOfEdits(edits, unitsOf(a), unitsOf(b))).toBeNull();
      expect(distanceOf(edits)).toBeLessThanOrEqual(1.2 * distanceOf(kernel.diffText(a, b, Number.POSITIVE_INFINITY)));
    });

    describe('surrogate pairs', () => {
      it.each<[string, string, string, number[]]>([
        ['the second half differs', 'x😀y', 'x😁y', [1, 3, 1, 3]],
        ['the first half differs', 'x\u{1f600}y', 'x\u{1fa00}y', [1, 3, 1, 3]],
        ['a pair is inserted beside its like', '😀😀', '😀😁😀', [2, 2, 2, 4]],
        ['a pair becomes two', '😀', '😀😀', [2, 2, 2, 4]],
        ['hunks on both sides of a pair', 'a😀b', 'c😀d', [0, 1, 0, 1, 3, 4, 3, 4]],
        ['a half alone stays as it is', 'x\ud83dy', 'x\ud83dz', [2, 3, 2, 3]],
        ['a half becomes a pair', 'x\ud83dy', 'x😀y', [1, 2, 1, 3]],
        ['a pair becomes its second half', 'x😀', 'x\ude00', [1, 3, 1, 2]],
      ])('%s', (_, a, b, hunks) => {
        const edits = kernel.diffText(a, b);
        expect(faultOfPairs(edits, a, b)).toBeNull();
        expect(edits.hunks).toEqual(Uint32Array.from(hunks));
      });

      it('are never cut, for random texts of pairs and halves', () => {
        const random = seededRandom(seed + 3);
        const parts = ['😀', '😁', '🚀', '\u{1fa00}', '\ud83d', '\ude00', 'a'];
        const text = () => Array.from({ length: Math.floor(random() * 12) }, () => parts[Math.floor(random() * parts.length)]).join('');
        for (let pair = 0; pair < pairs; pair++) {
          const [a, b] = [text(), text()];
          const fault = faultOfPairs(kernel.diffText(a, b), a, b);
          if (fault !== null) throw new Error(`seed ${seed}, pair ${pair}: ${fault}: ${JSON.stringify({ a, b })}`);
        }
      });
    });
  });
}

function faultOfPairs(edits: Edits, a: string, b: string): string | null {
  const cuts = (text: string, at: number) => /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(at - 1, at + 1)) && at > 0;
  for (let at = 0; at < edits.hunks.length; at++) {
    const text = at % 4 < 2 ? a : b;
    if (cuts(text, edits.hunks[at]!)) return `word ${at} of the hunks cuts a pair`;
  }
  return faultOfEdits(edits, unitsOf(a), unitsOf(b));
}
