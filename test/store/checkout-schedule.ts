/** Random schedules for the model of checkout and commit: who does what, what becomes of each call, and what happens to clocks and backups meanwhile. */
import fc from 'fast-check';
import type { Fate, Task } from './checkout-worker.ts';
import type { Step } from './checkout-world.ts';

const often = <T>(...choices: readonly (readonly [weight: number, value: T])[]): fc.Arbitrary<T> =>
  fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));

/**
 * What workers do with a session; where its lives are short, mostly beginning and ending them; where lives that expire follow each other, working with them or with
 * those before; with leases, which only conditions allow, mostly taking those.
 */
const TASKS: Readonly<Record<'usual' | 'short lives' | 'lives that expire' | 'leases', fc.Arbitrary<Task>>> = {
  usual: often<Task>(
    ...([
      [3, 'checkout'],
      [6, 'add'],
      [3, 'remove'],
      [2, 'shared'],
      [3, 'login'],
      [1, 'logout'],
    ] as const),
    ...([
      [1, 'delete'],
      [1, 'create'],
      [1, 'compact'],
      [1, 'put'],
    ] as const),
  ),
  'short lives': often<Task>([3, 'checkout'], [3, 'add'], [3, 'delete'], [3, 'create'], [3, 'put']),
  'lives that expire': often<Task>([3, 'checkout'], [8, 'add'], [1, 'delete'], [2, 'put']),
  leases: often<Task>([4, 'lease'], [5, 'add'], [3, 'login'], [2, 'renew'], [1, 'release'], [1, 'checkout'], [1, 'compact']),
};
const fate = often<Fate>(
  [12, 'all done'],
  [20, 'done'],
  [1, 'refused'],
  [2, 'lost reply'],
  [1, 'late'],
  [1, 'crash before'],
  [1, 'crash after'],
);
/** With compare-and-set clocks may be as wrong as they like, and go back; without it time is all that tells what everybody has seen (law M19). */
const SKEWS_MS = [0, 240_000, -240_000, 3_600_000, -86_400_000];

/** The longest is longer than tombstones last. */
const PASSES_MS = [1000, 1000, 61_000, 61_000, 121_000, 900_000, 40 * 86_400_000];

/** Schedules for `runSchedule`. */
export function scheduleOf({
  conditions,
  tasks = 'usual',
}: {
  readonly conditions: boolean;
  readonly tasks?: keyof typeof TASKS;
}): fc.Arbitrary<Step[]> {
  const task = TASKS[tasks];
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 40, arbitrary: fc.record({ worker: fc.nat({ max: 2 }), task, fate }) },
    { weight: 4, arbitrary: fc.record({ passMs: fc.constantFrom(...PASSES_MS) }) },
    ...(conditions ? [{ weight: 1, arbitrary: fc.record({ clockOf: fc.nat({ max: 2 }), skewMs: fc.constantFrom(...SKEWS_MS) }) }] : []),
    {
      weight: tasks === 'lives that expire' ? 4 : 0,
      arbitrary: fc.record({ what: fc.constant('new life' as const) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ what: often<'backup' | 'restore' | 'late calls'>([2, 'backup'], [1, 'restore'], [3, 'late calls']) }),
    },
  );
  return fc.array(step, { minLength: 10, maxLength: 60, size: 'max' });
}
