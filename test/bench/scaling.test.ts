/** Series of cases: the power that is fitted to their costs, its table, and its picture. */
import { describe, expect, it } from 'vitest';
import { type BenchCase, type BenchRow, runSubject } from '../../bench/harness.ts';
import type { BenchReport } from '../../bench/report.ts';
import { fitExponent, formatGrowth, renderSeries, seriesOf } from '../../bench/scaling.ts';
import { renderScalingChart } from '../../bench/scaling-chart.ts';
import { caseOf, subjectOf } from './example.ts';
import { readXml } from './xml.ts';

const AMOUNTS = [10, 100, 1000];

/** `root` grows as the square root of the amount, `flat` not at all, `square` as its square. */
const ROWS: readonly BenchRow[] = [
  ...AMOUNTS.flatMap((amount) => [rowOf('work', 'root', amount, Math.sqrt(amount)), rowOf('work', 'flat', amount, 2)]),
  ...AMOUNTS.map((amount) => ({ ...rowOf('work', 'square', amount, amount ** 2 / 1e4), rival: true })),
  rowOf('work', 'once', 10, 1),
  ...AMOUNTS.map((amount) => rowOf('other <series>', 'root', amount, 0.004 * amount)),
];

const REPORT: BenchReport = {
  ...{ subject: 'example', command: 'npm run bench -- example', runtime: 'Node 20.20.2, V8 11', cpu: 'Fast & <8>' },
  ...{ versions: {}, baseline: 'root', note: 'An example.', rows: ROWS },
};

describe('a power', () => {
  it.each([0, 0.1, 0.5, 1, 2, -0.5])('of %d is found in costs that follow it', (power) => {
    const points = [2, 4, 8, 16, 64].map((amount) => ({ amount, ms: 3 * amount ** power }));
    expect(fitExponent(points)).toBeCloseTo(power, 9);
  });

  it('lies between those of costs that bend', () => {
    const bent = [10, 100, 1000].map((amount) => ({ amount, ms: amount + amount ** 2 / 100 }));
    expect(fitExponent(bent)).toBeGreaterThan(1);
    expect(fitExponent(bent)).toBeLessThan(2);
  });

  it('is written with two digits', () => {
    expect([0.1234, 1, 2.005].map(formatGrowth)).toEqual(['n^0.12', 'n^1.00', 'n^2.00']);
  });
});

describe('a series', () => {
  it('has a line for each contestant that was measured at three amounts, in their order', () => {
    const [work, other] = seriesOf(ROWS);
    expect([work!.name, work!.unit, work!.amounts, other!.name]).toEqual(['work', 'things', AMOUNTS, 'other <series>']);
    expect(work!.lines.map(({ contestant }) => contestant)).toEqual(['root', 'flat', 'square']);
    expect(work!.lines.map(({ exponent }) => formatGrowth(exponent))).toEqual(['n^0.50', 'n^0.00', 'n^2.00']);
    expect(work!.lines[0]!.points.map(({ amount }) => amount)).toEqual(AMOUNTS);
    expect(
      seriesOf([...ROWS].reverse())
        .find(({ name }) => name === 'work')!
        .lines[0]!.points.map(({ amount }) => amount),
    ).toEqual(AMOUNTS);
  });

  it('is a table of its costs, with an empty cell for what was not measured', () => {
    const lacking = ROWS.filter(({ contestant, scale }) => contestant !== 'flat' || scale?.amount !== 100);
    const further = [...lacking, rowOf('work', 'flat', 10_000, 2)];
    const lines = renderSeries(further)
      .filter((line) => line.startsWith('| '))
      .map((line) => line.split('|').map((cell) => cell.trim()));
    expect(lines[0]).toEqual(['', 'contestant', '10', '100', '1,000', '10,000', 'grows as', '']);
    expect(lines.find(([, name]) => name === 'flat')).toEqual(['', 'flat', '2.00 ms', '', '2.00 ms', '2.00 ms', 'n^0.00', '']);
    expect(lines.find(([, name]) => name === 'square*')).toEqual(['', 'square*', '10.0 µs', '1.00 ms', '100 ms', '', 'n^2.00', '']);
    expect(renderSeries([])).toEqual([]);
  });

  it('comes from cases that say where they stand', async () => {
    const cases = AMOUNTS.map((amount): BenchCase => {
      return { ...caseOf(`work at ${amount}`, { portable: 1 }), scale: { series: 'work', unit: 'things', amount } };
    });
    let ms = 0;
    const measured = await runSubject(
      subjectOf([...cases, caseOf('alone', { portable: 1 })]),
      { rounds: 1, slotMs: 1, maxMs: 60_000 },
      async () => {
        ms += 1;
        return [ms];
      },
    );
    expect(seriesOf(measured.rows).map(({ name, amounts }) => [name, amounts])).toEqual([['work', AMOUNTS]]);
    expect(measured.rows.at(-1)).not.toHaveProperty('scale');
  });
});

describe('the picture', () => {
  it('is well-formed, with a panel for each series and a line for each contestant', () => {
    const svg = renderScalingChart(REPORT)!;
    expect(readXml(svg)).toBe('svg');
    expect(svg).toContain('>work</text>');
    expect(svg).toContain('>other &lt;series&gt;</text>');
    expect(svg).toContain('Fast &amp; &lt;8&gt;');
    expect(linesOf(svg).map(({ title }) => title)).toEqual([
      'work, root: grows as n^0.50',
      'work, flat: grows as n^0.00',
      'work, square: grows as n^2.00',
      'other &lt;series&gt;, root: grows as n^1.00',
    ]);
    expect(svg.match(/<circle /g)).toHaveLength(4 * AMOUNTS.length);
    expect(renderScalingChart(structuredClone(REPORT))).toBe(svg);
  });

  it('draws a power as a straight line, four times as steep for four times the power', () => {
    const [root, flat, square] = linesOf(renderScalingChart(REPORT)!).map(({ points }) => points);
    const rise = ([from, , to]: readonly (readonly number[])[]): number => from![1]! - to![1]!;
    for (const points of [root!, flat!, square!]) {
      expect(points.map(([x]) => x)).toEqual(root!.map(([x]) => x));
      expect(points[1]![0]! * 2).toBeCloseTo(points[0]![0]! + points[2]![0]!, 0);
      expect(points[1]![1]! * 2).toBeCloseTo(points[0]![1]! + points[2]![1]!, 0);
    }
    expect(rise(flat!)).toBe(0);
    expect(rise(square!) / rise(root!)).toBeCloseTo(4, 1);
  });

  it('is not there without a series', () => {
    expect(renderScalingChart({ ...REPORT, rows: [] })).toBeNull();
  });
});

function rowOf(series: string, contestant: string, amount: number, medianMs: number): BenchRow {
  const scale = { series, unit: 'things', amount };
  const figures = { samples: 9, medianMs, p25: medianMs, p75: medianMs, ratioToPortable: null, ratioToBestRival: null };
  return { case: `${series}, ${amount}`, scale, contestant, rival: false, inputBytes: null, ...figures };
}

function linesOf(svg: string): { title: string; points: number[][] }[] {
  return [...svg.matchAll(/<polyline class="line" points="([^"]*)"[^>]*><title>([^<]*)<\/title>/g)].map(([, points, title]) => ({
    title: title!,
    points: points!.split(' ').map((point) => point.split(',').map(Number)),
  }));
}
