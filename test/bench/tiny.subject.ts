/** The least that a bench can measure, for tests of the runtimes. */
import { type Subject, sameBytes } from '../../bench/harness.ts';

/** One case, two ways. Both need time that a clock can see. */
export function subject(): Subject {
  const bytes = Uint8Array.from({ length: 4096 }, (_, at) => at);
  return {
    name: 'tiny',
    note: 'A test.',
    packages: ['tinybench'],
    cases: [
      {
        name: 'copy',
        inputBytes: bytes.length,
        contestants: [
          { name: 'portable', run: () => Uint8Array.from(bytes) },
          { name: 'slice', rival: true, run: async () => bytes.slice() },
        ],
        agree: sameBytes,
      },
    ],
  };
}
