/**
 * How cost grows with the amount of work, from the rows of a report that stand in a series: cost as a power of the amount, fitted on logarithmic scales.
 * One power for the whole range hides where it bends, so the costs stand beside it.
 */
import { formatDuration, renderTable } from './figure.ts';
import type { BenchRow } from './harness.ts';

/** Fewer are no line. */
const FEWEST_POINTS = 3;

/** The rows of a series of one contestant, by amount. */
export interface Line {
  readonly contestant: string;
  readonly rival: boolean;
  /** By ascending amount; not of every amount, but of three at least. */
  readonly points: readonly { readonly amount: number; readonly ms: number }[];
  /** The fitted power: doubling the amount multiplies the cost by 2 to this power. */
  readonly exponent: number;
}

/** The same work at growing amounts. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  /** Ascending. */
  readonly amounts: readonly number[];
  readonly lines: readonly Line[];
}

/** The series of a report in the order of their first rows. A contestant has a line that was measured at three amounts or more. */
export function seriesOf(rows: readonly BenchRow[]): Series[] {
  const names = [...new Set(rows.flatMap(({ scale }) => scale?.series ?? []))];
  return names.map((name) => {
    const own = rows.flatMap((row) => (row.scale?.series === name ? [{ row, scale: row.scale }] : []));
    const amounts = [...new Set(own.map(({ scale }) => scale.amount))].sort((a, b) => a - b);
    const contestants = [...new Set(own.map(({ row }) => row.contestant))];
    const lines = contestants.flatMap((contestant): Line[] => {
      const points = own
        .filter(({ row }) => row.contestant === contestant)
        .map(({ row, scale }) => ({ amount: scale.amount, ms: row.medianMs, rival: row.rival }))
        .sort((a, b) => a.amount - b.amount);
      if (points.length < FEWEST_POINTS) return [];
      return [
        { contestant, rival: points[0]!.rival, points: points.map(({ amount, ms }) => ({ amount, ms })), exponent: fitExponent(points) },
      ];
    });
    return { name, unit: own[0]!.scale.unit, amounts, lines };
  });
}

/** The slope of the straight line through the logarithms, by least squares: 1 for what grows with the amount, 0 for what does not grow. */
export function fitExponent(points: readonly { readonly amount: number; readonly ms: number }[]): number {
  const xs = points.map(({ amount }) => Math.log(amount));
  const ys = points.map(({ ms }) => Math.log(ms));
  const meanX = meanOf(xs);
  const meanY = meanOf(ys);
  const covariance = xs.reduce((sum, x, i) => sum + (x - meanX) * (ys[i]! - meanY), 0);
  return covariance / xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0);
}

/** A power as it is written beside costs: `n^0.12`. */
export function formatGrowth(exponent: number): string {
  return `n^${exponent.toFixed(2)}`;
}

/** Markdown of the costs and growths of all series, a table each; empty where there are none. */
export function renderSeries(rows: readonly BenchRow[]): string[] {
  return seriesOf(rows).flatMap(({ name, unit, amounts, lines }) => {
    const header = ['contestant', ...amounts.map((amount) => amount.toLocaleString('en')), 'grows as'];
    const cells = lines.map(({ contestant, rival, points, exponent }) => [
      rival ? `${contestant}*` : contestant,
      ...amounts.map((amount) =>
        points
          .filter((point) => point.amount === amount)
          .map(({ ms }) => formatDuration(ms))
          .join(),
      ),
      formatGrowth(exponent),
    ]);
    return [`${name}, against the number n of ${unit}:`, '', ...renderTable([header, ...cells], 1), ''];
  });
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
