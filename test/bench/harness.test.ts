/** The bench harness with injected timings: what it refuses, how it orders, what it computes and what it writes. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BenchCase, type BenchPlan, runSubject, type Subject, sameBytes, summarize } from '../../bench/harness.ts';
import { makeReport, writeReport } from '../../bench/report.ts';

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
    await expect(runSubject(subjectOf([agreeing]), PLAN, async () => [1])).resolves.toHaveLength(2);
  });

  it('are warmed up, then run in alternating order', async () => {
    const order: string[] = [];
    const benchCase = caseOf('order', { a: 0, b: 0, c: 0 });
    const names = new Map(benchCase.contestants.map(({ name, run }) => [run, name]));
    await runSubject(subjectOf([benchCase]), PLAN, async (run) => {
      order.push(names.get(run) ?? '?');
      return [1];
    });
    expect(order.join('')).toBe('abc' + 'abc' + 'cba' + 'abc' + 'cba');
  });

  it('get fewer rounds when the time of the subject is up, but at least one', async () => {
    let slots = 0;
    const rows = await runSubject(subjectOf([caseOf('slow', { portable: 0 })]), { rounds: 9, slotMs: 1, maxMs: 0 }, async () => {
      slots += 1;
      return [5];
    });
    expect(slots).toBeLessThan(9);
    expect(rows).toMatchObject([{ medianMs: 5 }]);
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
    expect(rows.map(({ ratioToPortable }) => ratioToPortable)).toEqual([1, 4, 2, 0.5]);
    expect(rows.map(({ ratioToBestRival }) => ratioToBestRival)).toEqual([0.5, 2, 1, 0.25]);
  });

  it('has no ratio where there is nothing to compare with', () => {
    const rows = summarize(caseOf('alone', { wasm: 0 }), new Map([['wasm', [1, 2]]]), 'portable');
    expect(rows).toMatchObject([{ medianMs: 1.5, ratioToPortable: null, ratioToBestRival: null }]);
  });

  it('compares with the baseline that the subject names', async () => {
    const benchCase = caseOf('work', { old: 0, new: 0 });
    const fast = benchCase.contestants[1]?.run;
    const subject = { ...subjectOf([benchCase]), baseline: 'old' };
    const rows = await runSubject(subject, PLAN, async (run) => [run === fast ? 1 : 3]);
    expect(rows.map(({ ratioToPortable }) => ratioToPortable)).toEqual([1, 3]);
  });
});

describe('the report', () => {
  it('is a table that begins with the command, and JSON with every row', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'psp-bench-'));
    try {
      const subject = subjectOf([caseOf('work', { portable: 0, wasm: 0, native: 0 }, ['native'])]);
      const rows = await runSubject(subject, PLAN, async () => [0.5]);
      const report = makeReport(subject, 'node dist/bench/run.js example', rows);
      const markdown = await writeReport(subject, report, join(folder, 'results'));

      const lines = (await readFile(join(folder, 'results', 'example.md'), 'utf8')).split('\n');
      expect(lines.join('\n')).toBe(markdown);
      expect(lines[0]).toBe('`node dist/bench/run.js example`');
      expect(lines.filter((line) => line.startsWith('| work '))).toHaveLength(3);
      const native = lines.find((line) => line.includes('native*'))?.split('|') ?? [];
      expect(native.map((cell) => cell.trim())).toEqual(['', 'work', 'native*', '500 µs', '500 µs - 500 µs', '2', '1.00', '1.00', '']);

      const json: unknown = JSON.parse(await readFile(join(folder, 'results', 'example.json'), 'utf8'));
      expect(json).toEqual({
        subject: 'example',
        command: 'node dist/bench/run.js example',
        runtime: expect.stringContaining(process.versions.node),
        cpu: expect.any(String),
        versions: {},
        rows: ['portable', 'wasm', 'native'].map((contestant) => ({
          case: 'work',
          contestant,
          inputBytes: 1000,
          samples: 4,
          medianMs: 0.5,
          p25: 0.5,
          p75: 0.5,
          ratioToPortable: 1,
          ratioToBestRival: 1,
        })),
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('the real clock', () => {
  it('gives samples of one run each, for sync and for async work, within the budget', async () => {
    const benchCase: BenchCase = {
      name: 'tiny',
      inputBytes: 3,
      contestants: [
        { name: 'portable', run: () => Uint8Array.of(1, 2, 3) },
        { name: 'async', run: async () => Uint8Array.of(1, 2, 3) },
      ],
      agree: sameBytes,
    };
    const rows = await runSubject(subjectOf([benchCase]), { rounds: 2, slotMs: 5, maxMs: 60_000 });
    for (const row of rows) {
      expect(row.samples).toBeGreaterThan(2);
      expect(row.medianMs).toBeGreaterThan(0);
      // A sample repeats work this small thousands of times; the mean of one run must come out, not their sum.
      expect(row.medianMs).toBeLessThan(0.25);
    }
  });
});

function subjectOf(cases: readonly BenchCase[]): Subject {
  return { name: 'example', note: 'An example.', cases };
}

/** A case whose contestants give these results. */
function caseOf(name: string, results: Readonly<Record<string, number>>, rivals: readonly string[] = []): BenchCase {
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
