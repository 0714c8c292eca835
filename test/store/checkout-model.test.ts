/**
 * A randomized model of checkout and commit: three workers, processes that die between any two calls, lost replies, calls that come late, backups that are
 * restored, clocks that are wrong and go back, sessions that expire, are compacted or are deleted; with compare-and-set and without. No lost write, no resurrection, no torn credential. A failing schedule is
 * shrunk, and printed with its seed. PSP_DEEP=1 runs many more.
 */
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { scheduleOf } from './checkout-schedule.ts';
import { runSchedule } from './checkout-world.ts';
import { START } from './writers-fixture.ts';

const IS_DEEP = process.env['PSP_DEEP'] === '1';
const RUNS = IS_DEEP ? 20_000 : 200;

describe.each([
  { conditions: true, name: 'with compare-and-set' },
  { conditions: false, name: 'without, by objects of writers' },
])('three workers $name', ({ conditions }) => {
  test.each([
    { expiresAt: null, what: 'a session that stays' },
    { expiresAt: START + 1_200_000, what: 'a session that expires' },
  ])('$what', { timeout: IS_DEEP ? 3_600_000 : 120_000 }, async ({ expiresAt }) => {
    await fc.assert(
      fc.asyncProperty(scheduleOf({ conditions }), (steps) => runSchedule(steps, { conditions, expiresAt })),
      { numRuns: expiresAt === null ? RUNS : Math.ceil(RUNS / 3) },
    );
  });
});

test('M12: three workers who take leases of one session', { timeout: IS_DEEP ? 3_600_000 : 120_000 }, async () => {
  const schedule = scheduleOf({ conditions: true, tasks: 'leases' });
  await fc.assert(
    fc.asyncProperty(schedule, (steps) => runSchedule(steps, { conditions: true, expiresAt: null })),
    { numRuns: Math.ceil(RUNS / 2) },
  );
});

test('M18: three workers without conditions, and lives that follow each other and expire', {
  timeout: IS_DEEP ? 3_600_000 : 120_000,
}, async () => {
  const schedule = scheduleOf({ conditions: false, tasks: 'lives that expire' });
  await fc.assert(
    fc.asyncProperty(schedule, (steps) => runSchedule(steps, { conditions: false, expiresAt: null })),
    { numRuns: RUNS },
  );
});

test('M18: three workers who end and begin sessions under one id', { timeout: IS_DEEP ? 3_600_000 : 120_000 }, async () => {
  const schedule = scheduleOf({ conditions: true, tasks: 'short lives' });
  await fc.assert(
    fc.asyncProperty(schedule, (steps) => runSchedule(steps, { conditions: true, expiresAt: null })),
    { numRuns: Math.ceil(RUNS / 2) },
  );
});
