/** The compiled sequence kernel against the portable one: the same schedule gives the same bytes, changes and faults, whatever happens. */
import { describe, expect, it } from 'vitest';
import { portableSequence } from '../../ts/kernel/portable/sequence.ts';
import { checkedSequences, shippedSequences } from './compiled-sequences.ts';
import { runSchedule } from './sequence-pairs.ts';

/** `SCHEDULES=20000 npx vitest run test/kernel/compiled-sequence.test.ts` runs more; `FIRST_SEED` begins elsewhere. */
const SCHEDULES = Number(process.env['SCHEDULES'] ?? 30);
const FIRST_SEED = Number(process.env['FIRST_SEED'] ?? 1);

describe.each(['text', 'elements'] as const)('%s', (unit) => {
  it(`the shipped module agrees with the portable kernel on ${SCHEDULES} schedules`, { timeout: 3_600_000 }, () => {
    const { kernel, module } = shippedSequences();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES; seed++) {
      runSchedule(seed, [portableSequence, kernel], { unit, steps: 120, tampering: 0 });
    }
    expect(module.exports.isRefused()).toBe(0);
  });

  it(`and on ${SCHEDULES} where bytes were tampered with`, { timeout: 3_600_000 }, () => {
    const { kernel } = shippedSequences();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES; seed++) {
      runSchedule(seed, [portableSequence, kernel], { unit, steps: 120, tampering: 0.15 });
    }
  });

  it('its inner rules hold after every step', { timeout: 3_600_000 }, () => {
    const { kernel, check } = checkedSequences();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES / 6; seed++) {
      runSchedule(seed, [portableSequence, kernel], { unit, steps: 150, tampering: 0.15, check });
    }
  });

  it('both hold on long schedules, where documents have many leaves', { timeout: 3_600_000 }, () => {
    const { kernel, check } = checkedSequences();
    let step = 0;
    const checkNowAndThen = () => {
      step++;
      if (step % 40 === 0) check();
    };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES / 30; seed++) {
      runSchedule(seed, [portableSequence, kernel], { unit, steps: 1500, tampering: 0.02, check: checkNowAndThen });
    }
  });
});
