/**
 * A report as a chart: one horizontal bar for each row, grouped by case, on a logarithmic scale of how many times faster than the baseline
 * it is. Bars to the right of 1 win, bars to the left lose. Plain SVG without scripts or fonts of its own, the same for the same report.
 */
import { formatDuration, formatRatio, formatThroughput } from './figure.ts';
import type { BenchRow } from './harness.ts';
import { type BenchReport, nameRuntime, rowsByCase } from './report.ts';
import { drawText, escapeXml, FAINT, INK, openSvg } from './svg.ts';

const WIDTH = 960;
const MARGIN = 16;
const TITLE_HEIGHT = 92;
const AXIS_HEIGHT = 24;
const CASE_HEIGHT = 28;
const BAR_HEIGHT = 14;
const ROW_HEIGHT = 20;
const FIGURES_WIDTH = 230;
/** About the mean width of a character at 12 px, rounded up. */
const CHARACTER_WIDTH = 7;

const COLORS = { baseline: '#8b98a9', rival: '#c9743a', ours: '#15806c' };
const NAMES = { baseline: 'baseline', rival: 'rival', ours: 'ours' };

/** A row with what its bar shows. */
interface Bar {
  readonly row: BenchRow;
  readonly ratio: number;
  readonly kind: keyof typeof COLORS;
}

/** The chart of a report, as the text of an SVG file. */
export function renderChart(report: BenchReport): string {
  const groups = groupByCase(report);
  const bars = groups.flat();
  const least = Math.floor(Math.log10(Math.min(1, ...bars.map(({ ratio }) => ratio))));
  const most = Math.max(1, Math.ceil(Math.log10(Math.max(...bars.map(({ ratio }) => ratio)))));
  const left = MARGIN + CHARACTER_WIDTH * Math.max(...bars.map(({ row }) => row.contestant.length)) + 12;
  const right = WIDTH - FIGURES_WIDTH;
  const xOf = (ratio: number): number => left + ((Math.log10(ratio) - least) / (most - least)) * (right - left);

  const parts: string[] = [];
  let y = TITLE_HEIGHT + AXIS_HEIGHT;
  for (const group of groups) {
    parts.push(drawText(MARGIN, y + 18, group[0]?.row.case ?? '', 'font-weight="600"'));
    y += CASE_HEIGHT;
    for (const bar of group) {
      parts.push(...renderBar(bar, xOf, left, right, y));
      y += ROW_HEIGHT;
    }
  }
  const height = y + MARGIN;
  return [
    ...openSvg(`${report.subject}: ${nameRuntime(report)}`, WIDTH, height),
    ...renderHead(report),
    ...renderAxis(least, most, xOf, y),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

/** The rows of each case in their order, with the ratio that their bar shows. */
function groupByCase(report: BenchReport): Bar[][] {
  return rowsByCase(report).map((group) => {
    const first = group[0]?.medianMs ?? 1;
    return group.map((row) => ({
      row,
      // A case without the baseline compares with its best rival, and one without rivals with its first contestant.
      ratio: row.ratioToPortable ?? row.ratioToBestRival ?? first / row.medianMs,
      kind: row.rival ? 'rival' : row.contestant === report.baseline ? 'baseline' : 'ours',
    }));
  });
}

function renderHead(report: BenchReport): string[] {
  const scale = `Times as fast as ${report.baseline} (logarithmic; longer to the right is faster).`;
  const others = report.rows.some(({ ratioToPortable }) => ratioToPortable === null)
    ? ' Cases without it compare with the best rival, or with their first line.'
    : '';
  const kinds = Object.keys(COLORS) as (keyof typeof COLORS)[];
  return [
    drawText(MARGIN, 26, `${report.subject}, ${nameRuntime(report)}`, 'font-size="17" font-weight="600"'),
    drawText(MARGIN, 48, scale + others),
    drawText(MARGIN, 66, report.cpu),
    drawText(MARGIN, 84, report.command, 'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="11"'),
    ...kinds.flatMap((kind, i) => {
      const x = WIDTH - FIGURES_WIDTH + i * 78;
      return [`<rect x="${x}" y="16" width="11" height="11" fill="${COLORS[kind]}"/>`, drawText(x + 16, 26, NAMES[kind])];
    }),
  ];
}

function renderAxis(least: number, most: number, xOf: (ratio: number) => number, bottom: number): string[] {
  const exponents = Array.from({ length: most - least + 1 }, (_, i) => least + i);
  return exponents.flatMap((exponent) => {
    const x = xOf(10 ** exponent).toFixed(1);
    const line = `<line x1="${x}" x2="${x}" y1="${TITLE_HEIGHT + AXIS_HEIGHT}" y2="${bottom}" stroke="${exponent === 0 ? INK : FAINT}"/>`;
    return [
      line,
      drawText(x, TITLE_HEIGHT + 16, `${exponent < 0 ? (10 ** exponent).toFixed(-exponent) : 10 ** exponent}x`, 'text-anchor="middle"'),
    ];
  });
}

function renderBar({ row, ratio, kind }: Bar, xOf: (ratio: number) => number, left: number, right: number, y: number): string[] {
  const [from, to] = [xOf(1), xOf(ratio)].sort((a, b) => a - b) as [number, number];
  const middle = y + BAR_HEIGHT - 3;
  const throughput = formatThroughput(row);
  const figures = [`${formatRatio(ratio)}x`, formatDuration(row.medianMs), ...(throughput === '' ? [] : [`${throughput} MB/s`])].join(
    ' · ',
  );
  return [
    drawText(left - 8, middle, row.contestant, 'text-anchor="end"'),
    // At least two pixels, so that the baseline itself can be seen.
    `<rect class="bar" x="${from.toFixed(1)}" y="${y}" width="${Math.max(2, to - from).toFixed(1)}" height="${BAR_HEIGHT}" fill="${COLORS[kind]}">` +
      `<title>${escapeXml(`${row.case}, ${row.contestant}: ${figures}`)}</title></rect>`,
    drawText(right + 10, middle, figures),
  ];
}
