/** The diff contract over every kernel. DIFF_SEED=<number> repeats the random pairs of a run. */
import { describeDiffKernel } from '../contract/diff.ts';
import { KERNELS } from './diff-kernels.ts';

const SEED = Number(process.env['DIFF_SEED'] ?? Date.now() % 2 ** 32);

// 50,000 pairs through four doors; the debug builds are slow, and take fewer.
for (const { name, kernel } of KERNELS) describeDiffKernel(name, () => kernel, SEED, name.includes('debug') ? 1000 : 10_000);
