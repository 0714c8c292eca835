import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkDrift, compareStamps, NO_STAMP, observe, restamp, tick } from '../../ts/merge/clock.ts';
import type { Candidate, Stamp } from '../../ts/merge/entry.ts';

const stamp = fc.record({ time: fc.nat(20), count: fc.nat(3) });

test('M7: a write is later than all that its writer had seen, whatever its clock says', () => {
  fc.assert(
    fc.property(fc.array(stamp), fc.array(fc.integer({ min: -86_400_000, max: 3_600_000 })), (seen, clocks) => {
      let clock = seen.reduce<Stamp>(observe, NO_STAMP);
      for (const now of clocks) {
        const next = tick(clock, Math.max(0, now));
        expect(compareStamps(next, clock)).toBeGreaterThan(0);
        expect(next.time).toBeGreaterThanOrEqual(Math.max(0, now));
        clock = next;
      }
      for (const one of seen) expect(compareStamps(clock, one)).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('M7: drift is judged by who receives, with a code and numbers and nothing else', () => {
  const stamps = [
    { time: 1_000, count: 0 },
    { time: 400_000, count: 0 },
    { time: 500_000, count: 2 },
  ];
  expect(() => checkDrift(stamps, 499_000, 1_000)).not.toThrow();
  expect(() => checkDrift(stamps, 0)).toThrow(
    expect.objectContaining({ code: 'MERGE_DRIFT', details: { aheadMs: 500_000, maxDriftMs: 300_000, count: 2 } }),
  );
});

test('M7: restamping puts writes of the future at now, in their order, and leaves the others', () => {
  const at = (counter: number, time: number, count = 0, since?: number): Candidate => ({
    dot: { replica: '0'.repeat(16), counter },
    stamp: { time, count, ...(since === undefined ? {} : { since }) },
    value: counter,
  });
  const candidates = [at(1, 9_000_000), at(2, 10), at(3, 8_000_000, 0, 7_000_000), at(4, 50, 6)];
  const restamped = restamp(candidates, 50, 1_000);
  expect(restamped.map((one) => one.stamp)).toEqual([
    { time: 50, count: 8 },
    { time: 10, count: 0 },
    { time: 50, count: 7, since: 50 },
    { time: 50, count: 6 },
  ]);
  expect(restamp(candidates, 9_000_000)).toBe(candidates);
});
