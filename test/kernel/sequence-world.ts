/** Sequence kernels and the schedules that run on them, to be loaded with a mistake in one kernel (`merge/mutant.ts`). */
export { runSchedule } from '../contract/sequence.ts';
export { KERNELS } from './sequence-kernels.ts';
