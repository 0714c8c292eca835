/**
 * Would the random schedules find a mistake in a kernel, and say it in few steps? The portable kernel gets one at a time; a schedule must fail, and what is left
 * of it when it is shrunk must be short enough to be read. The seeds are always the same: this asks how strong the schedules are, and finds nothing new.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadMutated, type Mutation } from '../merge/mutant.ts';
import { EVERYTHING, schedules } from './sequence-schedule.ts';

type SequenceWorld = typeof import('./sequence-world.ts');

/** So many a person can follow. The longest that was seen had nine. */
const MOST_STEPS = 12;

const FOLDER = 'ts/kernel/portable/sequence';
/** Of ten seeds at least four find each within 60 schedules; those named here find it soon, and leave little to shrink. */
const mutations: readonly (Mutation & { readonly seed: number })[] = [
  {
    mistake: 'what was deleted elsewhere stays when a state is joined',
    file: `${FOLDER}/join.ts`,
    from: 'if (gone > used) plan.removals.push(index + used, gone - used);',
    to: '',
    seed: 27,
  },
  {
    mistake: 'units of a state that are there already come again',
    file: `${FOLDER}/join.ts`,
    from: 'const skipped = Math.min(run.length, Math.max(0, covered + 1 - run.counter));',
    to: 'const skipped = 0;',
    seed: 21,
  },
  {
    mistake: 'bases of one digit stand in the order in which they came',
    file: `${FOLDER}/bases.ts`,
    from: 'a.digit - b.digit || compareReplicas(a.author!, b.author!) || a.counter - b.counter;',
    to: 'a.digit - b.digit;',
    seed: 9,
  },
  {
    mistake: 'a base goes on where something hangs in between',
    file: `${FOLDER}/edit.ts`,
    from: 'return neighbour === null || !isWithin(neighbour.base, base);',
    to: 'return neighbour === null || neighbour.base !== base;',
    seed: 6,
  },
  {
    mistake: 'what waits is tried again only once',
    file: `${FOLDER}/apply.ts`,
    from: 'isMoving ||= hasApplied || isDone;',
    to: '',
    seed: 6,
  },
  {
    mistake: 'an update that is partly known is applied from its beginning',
    file: `${FOLDER}/apply.ts`,
    from: 'for (let at = event.start + skipped; at < end; ) {',
    to: 'for (let at = event.start; at < end; ) {',
    seed: 6,
  },
  {
    mistake: 'bases are freed that others may still name',
    file: `${FOLDER}/collect.ts`,
    from: ' && at.emptiedAt <= mark.clock;',
    to: ';',
    seed: 2,
  },
  {
    mistake: 'the left side counts as the right one',
    file: `${FOLDER}/bases.ts`,
    from: '(child.side === LEFT ? -1 : 1)',
    to: '1',
    seed: 7,
  },
  {
    mistake: 'a delete finds the unit before the one it names',
    file: `${FOLDER}/dots.ts`,
    from: 'if (this.counters[middle]! <= counter) low = middle;\n      else high = middle - 1;',
    to: 'if (this.counters[middle]! < counter) low = middle;\n      else high = middle - 1;',
    seed: 10,
  },
  {
    mistake: 'text typed backwards is written as single runs',
    file: `${FOLDER}/state-write.ts`,
    from: '} else if (isFalling(runs, at)) {',
    to: '} else if (runs.length < 0) {',
    seed: 10,
  },
];

describe('the schedules', () => {
  test('find nothing where nothing was put in', async () => {
    const world = await loadMutated<SequenceWorld>('test/kernel/sequence-world.ts', null);
    expect(failureOf(world, 1, 20)).toBeNull();
  });

  test.each(mutations)('find it in few steps: $mistake', { timeout: 300_000 }, async (mutation) => {
    const failure = failureOf(await loadMutated<SequenceWorld>('test/kernel/sequence-world.ts', mutation), mutation.seed, 4000);
    expect(failure).not.toBeNull();
    const [replicas, steps] = failure!;
    expect(steps.length, `${replicas} replicas: ${steps.map((step) => step.join(' ')).join(', ')}`).toBeLessThanOrEqual(MOST_STEPS);
  });
});

/** The shrunk schedule on which the kernels and the model do not agree; null where they always did. */
function failureOf({ KERNELS, runSchedule }: SequenceWorld, seed: number, numRuns: number) {
  const kernels = KERNELS.map(({ kernel }) => kernel);
  const property = fc.property(schedules(EVERYTHING), ([replicas, steps]) => {
    runSchedule({ kernels, unit: 'text', replicas }, steps);
  });
  return fc.check(property, { seed, numRuns }).counterexample?.[0] ?? null;
}
