/**
 * All sequence kernels and the slow model through thousands of random lives of two to four replicas: edits, updates late, twice and out of order, joined states,
 * restarts under a new name, freed bases. SEQUENCE_SEED repeats a run; fast-check shrinks what fails.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runSchedule, type StepKind, type Tally, type World } from '../contract/sequence.ts';
import { KERNELS } from './sequence-kernels.ts';
import { EVERYTHING, schedules, UPDATES } from './sequence-schedule.ts';

const SEED = Number(process.env['SEQUENCE_SEED'] ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env['SEQUENCE_RUNS'] ?? 400);
const kernels = KERNELS.map(({ kernel }) => kernel);

describe(`sequence kernels and the model (seed ${SEED})`, () => {
  it('agree on schedules of updates alone, and nobody ever needs a state', { timeout: 300_000 }, () => {
    const tally = runMany('text', UPDATES);
    expect(tally).toMatchObject({ needState: 0 });
    expect(Math.min(tally.applied, tally.waited, tally.length)).toBeGreaterThan(0);
  });

  it('agree when states are joined in between', { timeout: 300_000 }, () => {
    expect(runMany('text', [...UPDATES, 'join', 'join']).applied).toBeGreaterThan(0);
  });

  it('agree when replicas restart under a new name', { timeout: 300_000 }, () => {
    expect(runMany('text', [...UPDATES, 'join', 'restart']).needState).toBeGreaterThan(0);
  });

  it('agree when bases are freed, after which no update lacks one', { timeout: 300_000 }, () => {
    const tally = runMany('text', [...UPDATES, 'collect', 'settle']);
    expect(tally.freed).toBeGreaterThan(0);
    expect(tally.needState).toBe(0);
  });

  it('agree on elements', { timeout: 300_000 }, () => {
    expect(runMany('elements', EVERYTHING).applied).toBeGreaterThan(0);
  });
});

/** Runs many schedules, and adds up what happened in them. */
function runMany(unit: World['unit'], kinds: readonly StepKind[]): Tally {
  const total: Tally = { applied: 0, waited: 0, needState: 0, freed: 0, length: 0 };
  fc.assert(
    fc.property(schedules(kinds), ([replicas, steps]) => {
      const tally = runSchedule({ kernels, unit, replicas }, steps);
      for (const key of Object.keys(total) as (keyof Tally)[]) total[key] += tally[key];
    }),
    { seed: SEED, numRuns: RUNS },
  );
  return total;
}
