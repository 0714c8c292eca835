/** Random schedules for `contract/sequence.ts`: what replicas do, as plain numbers that fast-check can shrink. */
import fc from 'fast-check';
import type { Step, StepKind } from '../contract/sequence.ts';

/** Local edits. */
export const EDITS: readonly StepKind[] = ['type', 'type', 'type', 'insert', 'insert', 'delete', 'delete', 'batch'];
/** Local edits, and updates that come late, twice and in any order. */
export const UPDATES: readonly StepKind[] = [...EDITS, 'take', 'take', 'take', 'deliver', 'deliver', 'deliver', 'deliver', 'deliver'];
/** All that a replica can do. */
export const EVERYTHING: readonly StepKind[] = [...UPDATES, 'join', 'restart', 'collect', 'settle'];

/** How many replicas, and what happens, out of `kinds`. */
export function schedules(kinds: readonly StepKind[]): fc.Arbitrary<[replicas: number, steps: Step[]]> {
  const number = fc.nat({ max: 1000 });
  const step: fc.Arbitrary<Step> = fc.tuple(fc.constantFrom(...kinds), number, number, number);
  return fc.tuple(fc.integer({ min: 2, max: 4 }), fc.array(step, { minLength: 1, maxLength: 90, size: 'max' }));
}
