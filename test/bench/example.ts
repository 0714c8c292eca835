/** Subjects whose contestants do nothing but give a number, for tests of what is around them. */
import type { BenchCase, Subject } from '../../bench/harness.ts';

/** A subject of these cases. */
export function subjectOf(cases: readonly BenchCase[]): Subject {
  return { name: 'example', note: 'An example.', cases };
}

/** A case whose contestants give these results. */
export function caseOf(name: string, results: Readonly<Record<string, number>>, rivals: readonly string[] = []): BenchCase {
  return {
    name,
    inputBytes: 1000,
    contestants: Object.entries(results).map(([contestant, result]) => ({
      name: contestant,
      rival: rivals.includes(contestant),
      run: () => result,
    })),
    agree: Object.is,
  };
}
