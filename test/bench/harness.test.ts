/** The bench harness with injected timings: what it refuses, whom it leaves out, how it orders and what it computes. */
import { describe, expect, it } from 'vitest';
import { type BenchCase, type BenchPlan, runSubject, sameBytes, summarize } from '../../bench/harness.ts';
import { caseOf, subjectOf } from './example.ts';

const PLAN: BenchPlan = { rounds: 4, slotMs: 1, maxMs: 60_000 };

describe('contestants', () => {
  it('that disagree are refused before any is timed, in whichever case', async () => {
    let timed = 0;
    const subject = subjectOf([caseOf('fine', { portable: 1, wasm: 1 }), caseOf('broken', { portable: 1, wasm: 2 })]);
    const running = runSubject(subject, PLAN, async () => {
      timed += 1;
      return [1];
    });
    await expect(running).rejects.toThrow('bench example, case "broken": "wasm" and "portable" give different results');
    expect(timed).toBe(0);
  });

  it('agree by what their promises resolve to', async () => {
    const agreeing: BenchCase = {
      name: 'async',
      inputBytes: null,
      contestants: [
        { name: 'portable', run: () => 7 },
        { name: 'other', run: async () => 7 },
      ],
      agree: Object.is,
    };
    await expect(runSubject(subjectOf([agreeing]), PLAN, async () => [1])).resolves.toMatchObject({ rows: [{}, {}], leftOut: [] });
  });

  it('are warmed up, then run in alternating order', async () => {
    const order: string[] = [];
    const benchCase = caseOf('order', { a: 0, b: 0, c: 0 });
    await runSubject(subjectOf([benchCase]), PLAN, async ({ name }) => {
      order.push(name);
      return [1];
    });
    expect(order.join('')).toBe('abc' + 'abc' + 'cba' + 'abc' + 'cba');
  });

  it('get fewer rounds when the time of the subject is up, but at least one', async () => {
    let slots = 0;
    const { rows } = await runSubject(subjectOf([caseOf('slow', { portable: 0 })]), { rounds: 9, slotMs: 1, maxMs: 0 }, async () => {
      slots += 1;
      return [5];
    });
    expect(slots).toBeLessThan(9);
    expect(rows).toMatchObject([{ medianMs: 5 }]);
  });
});

describe('a plan that leaves out what is slow', () => {
  const QUICK: BenchPlan = { ...PLAN, leavesOutSlow: true };

  it('does not run contestants that are marked so, and names them; another plan runs them', async () => {
    let runs = 0;
    const benchCase = caseOf('work', { portable: 1, wasm: 1, rival: 1 }, ['rival']);
    const countRun = () => {
      runs += 1;
      return 1;
    };
    const marked = benchCase.contestants.map((one) => (one.name === 'rival' ? { ...one, slow: true, run: countRun } : one));
    const subject = subjectOf([{ ...benchCase, contestants: marked }]);
    const { rows, leftOut } = await runSubject(subject, QUICK, async () => [1]);
    expect(runs).toBe(0);
    expect(rows.map(({ contestant, ratioToBestRival }) => [contestant, ratioToBestRival])).toEqual([
      ['portable', null],
      ['wasm', null],
    ]);
    expect(leftOut).toEqual([{ case: 'work', contestant: 'rival' }]);

    const careful = await runSubject(subject, PLAN, async () => [1]);
    expect(runs).toBe(1);
    expect(careful.rows).toHaveLength(3);
    expect(careful.leftOut).toEqual([]);
  });

  it('leaves out the slowest until the others fit, in whichever case, and never everybody', async () => {
    const sleepy = (name: string, ms: number) => ({ name, run: () => busyFor(ms) });
    const cases: BenchCase[] = [
      { name: 'one', inputBytes: null, contestants: [sleepy('portable', 0), sleepy('slowest', 60)], agree: () => true },
      { name: 'two', inputBytes: null, contestants: [sleepy('slow', 30), sleepy('wasm', 0)], agree: () => true },
    ];
    const measured: string[] = [];
    const measure = async ({ name }: { name: string }): Promise<number[]> => {
      measured.push(name);
      return [1];
    };
    // 90 ms are spent on proving; three runs of `slowest` or of `slow` do not fit into the rest.
    const { leftOut, rows } = await runSubject(subjectOf(cases), { ...QUICK, maxMs: 100 }, measure);
    expect(leftOut).toContainEqual({ case: 'one', contestant: 'slowest' });
    expect(leftOut).toContainEqual({ case: 'two', contestant: 'slow' });
    expect(measured).not.toContain('slowest');
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.length + leftOut.length).toBe(4);
  });

  it('still refuses those that disagree, and drops a case that nobody is left in', async () => {
    const broken = subjectOf([caseOf('broken', { portable: 1, wasm: 2 })]);
    await expect(runSubject(broken, QUICK, async () => [1])).rejects.toThrow('give different results');
    const alone = caseOf('alone', { rival: 0 }, ['rival']);
    const slow = { ...alone, contestants: alone.contestants.map((one) => ({ ...one, slow: true })) };
    const { rows, leftOut } = await runSubject(subjectOf([slow, caseOf('work', { portable: 0 })]), QUICK, async () => [1]);
    expect(rows.map((row) => row.case)).toEqual(['work']);
    expect(leftOut).toEqual([{ case: 'alone', contestant: 'rival' }]);
    await expect(runSubject(subjectOf([caseOf('empty', {})]), QUICK, async () => [1])).rejects.toThrow('there are no contestants');
  });
});

describe('a row', () => {
  it('has median, quartiles and ratios: how many times faster than the baseline and than the best rival', async () => {
    const durations: Record<string, readonly number[]> = { portable: [8, 6, 10, 4, 12], wasm: [2, 2, 2, 2], native: [4, 4], slow: [16] };
    const benchCase = caseOf('work', { portable: 0, wasm: 0, native: 0, slow: 0 }, ['native', 'slow']);
    const rows = summarize(benchCase, new Map(Object.entries(durations)), 'portable');
    expect(rows.map(({ contestant, medianMs, p25, p75 }) => [contestant, medianMs, p25, p75])).toEqual([
      ['portable', 8, 6, 10],
      ['wasm', 2, 2, 2],
      ['native', 4, 4, 4],
      ['slow', 16, 16, 16],
    ]);
    expect(rows.map(({ rival }) => rival)).toEqual([false, false, true, true]);
    expect(rows.map(({ ratioToPortable }) => ratioToPortable)).toEqual([1, 4, 2, 0.5]);
    expect(rows.map(({ ratioToBestRival }) => ratioToBestRival)).toEqual([0.5, 2, 1, 0.25]);
  });

  it('has no ratio where there is nothing to compare with', () => {
    const rows = summarize(caseOf('alone', { wasm: 0 }), new Map([['wasm', [1, 2]]]), 'portable');
    expect(rows).toMatchObject([{ medianMs: 1.5, ratioToPortable: null, ratioToBestRival: null }]);
  });

  it('compares with the baseline that the subject names', async () => {
    const benchCase = caseOf('work', { old: 0, new: 0 });
    const subject = { ...subjectOf([benchCase]), baseline: 'old' };
    const { rows } = await runSubject(subject, PLAN, async ({ name }) => [name === 'new' ? 1 : 3]);
    expect(rows.map(({ ratioToPortable }) => ratioToPortable)).toEqual([1, 3]);
  });
});

describe('the real clock', () => {
  it('gives the time of one run, for sync and for async work, however often a sample repeats it', async () => {
    const runs = { portable: 0, async: 0 };
    const countRun = (name: keyof typeof runs): Uint8Array => {
      runs[name] += 1;
      return Uint8Array.of(1, 2, 3);
    };
    const benchCase: BenchCase = {
      name: 'tiny',
      inputBytes: 3,
      contestants: [
        { name: 'portable', run: () => countRun('portable') },
        { name: 'async', run: async () => countRun('async') },
      ],
      agree: sameBytes,
    };
    const startMs = performance.now();
    const { rows } = await runSubject(subjectOf([benchCase]), { rounds: 2, slotMs: 5, maxMs: 60_000 });
    const spentMs = performance.now() - startMs;
    for (const row of rows) {
      expect(row.samples).toBeGreaterThanOrEqual(2);
      expect(row.medianMs).toBeGreaterThan(0);
      // No median is above twice the mean, so all runs at the median cannot have taken much longer than all that was done.
      expect(row.medianMs * runs[row.contestant as keyof typeof runs]).toBeLessThan(4 * spentMs);
    }
  });
});

describe('a contestant that takes its own samples', () => {
  it('is asked for them, while its result is still proved by running it', async () => {
    const taken: number[] = [];
    const own = { name: 'wasm', run: () => 7, sample: async () => taken.push(1) };
    const benchCase: BenchCase = {
      name: 'own',
      inputBytes: null,
      contestants: [{ name: 'portable', run: () => 7 }, own],
      agree: Object.is,
    };
    const { rows } = await runSubject(subjectOf([benchCase]), { rounds: 2, slotMs: 1, maxMs: 60_000 });
    expect(taken.length).toBeGreaterThanOrEqual(3);
    // The samples are 1, 2, 3 and so on; those of the round that warms up are thrown away.
    expect(rows[1]?.samples).toBeLessThan(taken.length);
    expect(rows[1]?.medianMs).toBeGreaterThan(1);

    const wrong = { ...benchCase, contestants: [{ name: 'portable', run: () => 8 }, own] };
    await expect(runSubject(subjectOf([wrong]), PLAN)).rejects.toThrow('"wasm" and "portable" give different results');
  });
});

function busyFor(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}
