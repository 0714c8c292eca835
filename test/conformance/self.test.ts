/** The conformance suite against itself: a sound provider passes, and each broken one is failed by the case that is named for its mistake. */

import { describe, expect, test } from 'vitest';
import { CONFORMANCE_GROUPS } from '../../providers/conformance/conformance.ts';
import type { ConformanceSubject } from '../../providers/conformance/subject.ts';
import { memory } from '../../providers/memory.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { isFailedExpectation, runSuite } from './collect.ts';
import { MUTANTS, type Mutant, wrap } from './mutants.ts';

const ALL_CASES = CONFORMANCE_GROUPS.flatMap((group) => group.cases);

describe('the conformance suite', () => {
  test('names each case once', () => {
    const names = ALL_CASES.map((one) => one.name);
    expect(names.length).toBeGreaterThan(100);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[\w.-]+$/);
  });

  test('passes a sound provider, also through a wrapper that changes nothing', async () => {
    const { passed, failed, skipped } = await runSuite(subjectOf({ mistake: 'nothing', caughtBy: '', change: () => ({}) }));
    expect([...failed]).toEqual([]);
    expect(passed.length + skipped.length).toBe(ALL_CASES.length);
    expect(passed.length).toBeGreaterThan(100);
  });

  test('has a mutant for at least twelve mistakes, each for a case that there is', () => {
    const names = new Set(ALL_CASES.map((one) => one.name));
    expect(MUTANTS.length).toBeGreaterThanOrEqual(12);
    expect(MUTANTS.filter((mutant) => !names.has(mutant.caughtBy))).toEqual([]);
  });

  test.each(MUTANTS.map((mutant) => [mutant.mistake, mutant.caughtBy, mutant] as const))(
    'a provider that %s is failed by %s',
    async (_, caughtBy, mutant) => {
      const { failed } = await runSuite(subjectOf(mutant), (name) => name === caughtBy);
      expect([...failed.keys()]).toEqual([caughtBy]);
      // By what it looks at, and not because the mutant cannot run at all.
      expect(failed.get(caughtBy)).toSatisfy(isFailedExpectation);
    },
  );

  test('fails a provider that can do less than its tester expects', async () => {
    const subject = { ...subjectOf(MUTANTS[0]!), capabilities: { streams: true } };
    const { failed } = await runSuite(subject, (name) => name === 'capabilities-as-declared');
    expect([...failed.keys()]).toEqual(['capabilities-as-declared']);
  });

  test('fails a provider whose errors hold a secret of its connection, whatever the case', async () => {
    const change = (inner: StorageProvider): Partial<StorageProvider> => ({
      get: (key, options) =>
        inner.get(key, options).catch((error: unknown) => {
          throw Object.assign(error as Error, { request: { headers: { authorization: 'hunter2' } } });
        }),
    });
    const subject = { ...subjectOf({ mistake: 'tells its password', caughtBy: '', change }), secrets: ['hunter2'] };
    const { failed } = await runSuite(subject);
    expect([...failed.keys()]).toEqual(expect.arrayContaining(['secrets-not-in-errors', 'empty-rejected', 'wrong-arguments-rejected']));
  });

  test('skips a known deviation by its reason, and nothing else', async () => {
    const subject = { ...subjectOf(MUTANTS[0]!), deviations: { 'delete-missing-false': 'the service does not say' } };
    const { skipped, passed } = await runSuite(subject, (name) => name.startsWith('delete-missing') || name === 'missing-get-null');
    expect([skipped, passed]).toEqual([['delete-missing-false'], ['missing-get-null']]);
    await expect(runSuite({ ...subject, deviations: { 'no-such-case': 'x' } })).rejects.toThrow(RangeError);
  });

  test('refuses a scale and a number of kills that are none', async () => {
    const make = MUTANTS[0]!;
    await expect(runSuite({ ...subjectOf(make), scale: 0 })).rejects.toThrow(RangeError);
    await expect(runSuite({ ...subjectOf(make), scale: 2 })).rejects.toThrow(RangeError);
    await expect(runSuite({ ...subjectOf(make), kills: 0 })).rejects.toThrow(RangeError);
  });

  test('clears away and tells both failures when a case and the clearing away fail', async () => {
    let made = 0;
    const subject: ConformanceSubject = {
      name: 'fails twice',
      make: async () => {
        made += 1;
        const isFirst = made === 1; // The look at the capabilities.
        return {
          provider: wrap(memory(), { get: () => Promise.reject(new Error('of the case')) }),
          dispose: () => (isFirst ? Promise.resolve() : Promise.reject(new Error('of the end'))),
        };
      },
    };
    const { failed } = await runSuite(subject, (name) => name === 'missing-get-null');
    expect(String((failed.get('missing-get-null') as Error).message)).toMatch(/of the case.*of the end/s);
  });
});

function subjectOf({ mistake, change }: Mutant): ConformanceSubject {
  return {
    name: mistake,
    scale: 0.02,
    make: async ({ now }) => {
      const inner = memory({ now });
      return { provider: wrap(inner, change(inner, now)) };
    },
  };
}
