/**
 * A randomized model of checkout and commit: three workers, processes that die between any two calls, lost replies, calls that come late, backups that are
 * restored, sessions that expire or are deleted; with compare-and-set and without. No lost write, no resurrection, no torn credential. A failing schedule is
 * shrunk, and printed with its seed. PSP_DEEP=1 runs many more.
 */
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { type Fate, runSchedule, type Step, type Task } from './checkout-world.ts';
import { START } from './writers-fixture.ts';

const IS_DEEP = process.env['PSP_DEEP'] === '1';
const RUNS = IS_DEEP ? 20_000 : 1000;

const often = <T>(...choices: readonly (readonly [weight: number, value: T])[]): fc.Arbitrary<T> =>
  fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));

const task = often<Task>(
  [3, 'checkout'],
  [6, 'add'],
  [3, 'remove'],
  [2, 'shared'],
  [3, 'login'],
  [1, 'logout'],
  [1, 'delete'],
  [1, 'create'],
);
const fate = often<Fate>([20, 'done'], [1, 'refused'], [2, 'lost reply'], [1, 'late'], [1, 'crash before'], [1, 'crash after']);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 40, arbitrary: fc.record({ worker: fc.nat({ max: 2 }), task, fate }) },
  { weight: 4, arbitrary: fc.record({ passMs: fc.constantFrom(1000, 61_000, 121_000, 900_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: often<'backup' | 'restore' | 'late calls'>([2, 'backup'], [1, 'restore'], [3, 'late calls']) }),
  },
);
const schedule = fc.array(step, { minLength: 10, maxLength: 60, size: 'max' });

describe.each([
  { conditions: true, name: 'with compare-and-set' },
  { conditions: false, name: 'without, by objects of writers' },
])('three workers $name', ({ conditions }) => {
  test.each([
    { expiresAt: null, what: 'a session that stays' },
    { expiresAt: START + 1_200_000, what: 'a session that expires' },
  ])('$what', { timeout: IS_DEEP ? 3_600_000 : 120_000 }, async ({ expiresAt }) => {
    await fc.assert(
      fc.asyncProperty(schedule, (steps) => runSchedule(steps, { conditions, expiresAt })),
      { numRuns: expiresAt === null ? RUNS : Math.ceil(RUNS / 3) },
    );
  });
});
