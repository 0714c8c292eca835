/**
 * The tests of a file as functions, over the sources as they are or with a mistake in them (`mutant.ts`): so the very tests of the suite are asked whether they
 * would find it. Knows what the files that are asked use of the runner, and no more; what fast-check finds is not shrunk.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { loadMutated, type Mutation } from './mutant.ts';

/** One test. */
export interface CollectedTest {
  /** The titles of its groups and its own, with ` > ` between them. */
  readonly name: string;
  readonly run: () => Promise<void>;
}

type Run = (...args: never[]) => unknown;
type Options = { readonly timeout: number };

/** Of all properties, so that a mistake that is found is found each time. */
const SEED = 20_261_123;

/** The tests of a file of `test/merge`, in its order. Those that it skips are not among them. */
export async function collectTests(file: string, mutation: Mutation | null): Promise<readonly CollectedTest[]> {
  const tests: CollectedTest[] = [];
  const titles: string[] = [];
  let before: Run[] = [];

  function test(title: string, ...rest: readonly (Run | Options)[]): void {
    add(title, rest, []);
  }

  function add(title: string, rest: readonly (Run | Options)[], args: readonly unknown[]): void {
    const run = rest.find((one) => typeof one === 'function') as Run;
    const first = [...before];
    tests.push({
      name: [...titles, title].join(' > '),
      run: async () => {
        for (const one of first) await one();
        await run(...(args as never[]));
      },
    });
  }

  function describe(title: string, group: Run, args: readonly unknown[] = []): void {
    const outside = before;
    before = [...before];
    titles.push(title);
    group(...(args as never[]));
    titles.pop();
    before = outside;
  }

  function eachOf(add: (title: string, rest: readonly (Run | Options)[], args: readonly unknown[]) => void) {
    return (rows: readonly unknown[]) =>
      (title: string, ...rest: readonly (Run | Options)[]): void => {
        for (const row of rows) add(title, rest, Array.isArray(row) ? row : [row]);
      };
  }

  const nothing = Object.assign(() => undefined, { each: () => () => undefined });
  const groups = Object.assign(describe, { each: eachOf((title, [group], args) => describe(title, group as Run, args)) });
  const cases = Object.assign(test, { each: eachOf(add) });
  const runner = {
    expect,
    describe: Object.assign(groups, { skipIf: (skipped: boolean) => (skipped ? nothing : groups) }),
    test: Object.assign(cases, { skipIf: (skipped: boolean) => (skipped ? nothing : cases) }),
    it: cases,
    beforeEach: (run: Run) => before.push(run),
    afterAll: () => undefined,
  };
  await loadMutated(`test/merge/${file}`, mutation, { vitest: runner });
  return tests;
}

/** The names of the tests that fail, of those whose names begin so. Ends at the first failure of each property. */
export async function failuresOf(tests: readonly CollectedTest[], beginning = ''): Promise<readonly string[]> {
  const before = fc.readConfigureGlobal();
  fc.configureGlobal({ ...before, endOnFailure: true, seed: SEED });
  const failed: string[] = [];
  try {
    for (const { name, run } of tests) {
      if (!name.startsWith(beginning)) continue;
      await run().catch(() => failed.push(name));
    }
  } finally {
    fc.configureGlobal(before);
  }
  return failed;
}
