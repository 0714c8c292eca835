/**
 * The series of a report as line charts, one panel each: cost against amount, both logarithmic, so that a power is a straight line and its steepness the
 * growth. Plain SVG without scripts or fonts of its own, the same for the same report.
 */
import { formatDuration } from './figure.ts';
import { type BenchReport, nameRuntime } from './report.ts';
import { formatGrowth, type Line, type Series, seriesOf } from './scaling.ts';
import { drawText, escapeXml, FAINT, openSvg } from './svg.ts';

const WIDTH = 960;
const MARGIN = 16;
const HEAD_HEIGHT = 78;
const PANEL_HEIGHT = 300;
const PLOT_LEFT = 86;
const PLOT_RIGHT = 640;
const LEGEND_LEFT = 668;
const LEGEND_LINE = 20;

/** By contestant, in the order of their first lines: ours first, as in the reports. */
const COLORS = ['#15806c', '#5b6676', '#c9743a', '#7a4fb0', '#2f6fc0', '#b8405e', '#8a7a1c', '#3b8fa3', '#946a4b'];
/** Lines of others are dashed, so that ours are known without colours. */
const DASHES = ' stroke-dasharray="5 3"';

/** The chart of the series of a report, as the text of an SVG file; null where it has none. */
export function renderScalingChart(report: BenchReport): string | null {
  const all = seriesOf(report.rows);
  if (all.length === 0) return null;
  const contestants = [...new Set(all.flatMap(({ lines }) => lines.map(({ contestant }) => contestant)))];
  const colorOf = (contestant: string): string => COLORS[contestants.indexOf(contestant) % COLORS.length]!;
  const height = HEAD_HEIGHT + all.length * PANEL_HEIGHT + MARGIN;
  const title = `${report.subject}, ${nameRuntime(report)}: cost against amount`;
  return [
    ...openSvg(title, WIDTH, height),
    drawText(MARGIN, 26, title, 'font-size="17" font-weight="600"'),
    drawText(
      MARGIN,
      48,
      'Both scales are logarithmic: what grows as a power of n is a straight line, the steeper the greater the power. Lines of other packages are dashed.',
    ),
    drawText(MARGIN, 66, `${report.cpu}; ${report.command}`),
    ...all.flatMap((series, i) => renderPanel(series, HEAD_HEIGHT + i * PANEL_HEIGHT, colorOf)),
    '</svg>',
    '',
  ].join('\n');
}

function renderPanel(series: Series, top: number, colorOf: (contestant: string) => string): string[] {
  const plotTop = top + 40;
  const plotBottom = top + PANEL_HEIGHT - 36;
  const costs = series.lines.flatMap(({ points }) => points.map(({ ms }) => ms));
  const least = Math.floor(Math.log10(Math.min(...costs)));
  const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...costs))));
  const [first, last] = [Math.log10(series.amounts[0]!), Math.log10(series.amounts.at(-1)!)];
  const xOf = (amount: number): number => PLOT_LEFT + ((Math.log10(amount) - first) / (last - first)) * (PLOT_RIGHT - PLOT_LEFT);
  const yOf = (ms: number): number => plotBottom - ((Math.log10(ms) - least) / (most - least)) * (plotBottom - plotTop);
  const decades = Array.from({ length: most - least + 1 }, (_, i) => 10 ** (least + i));
  return [
    drawText(MARGIN, top + 22, series.name, 'font-weight="600"'),
    ...decades.flatMap((ms) => [
      `<line x1="${PLOT_LEFT}" x2="${PLOT_RIGHT}" y1="${fixed(yOf(ms))}" y2="${fixed(yOf(ms))}" stroke="${FAINT}"/>`,
      drawText(PLOT_LEFT - 8, yOf(ms) + 4, formatDuration(ms), 'text-anchor="end"'),
    ]),
    ...series.amounts.flatMap((amount) => [
      `<line x1="${fixed(xOf(amount))}" x2="${fixed(xOf(amount))}" y1="${plotTop}" y2="${plotBottom}" stroke="${FAINT}"/>`,
      drawText(fixed(xOf(amount)), plotBottom + 16, amount.toLocaleString('en'), 'text-anchor="middle"'),
    ]),
    drawText(PLOT_RIGHT, plotBottom + 31, series.unit, 'text-anchor="end"'),
    ...series.lines.flatMap((line, i) => renderLine(line, series, colorOf(line.contestant), plotTop + 10 + i * LEGEND_LINE, xOf, yOf)),
  ];
}

function renderLine(
  { contestant, rival, points, exponent }: Line,
  { name, unit }: Series,
  color: string,
  legendY: number,
  xOf: (amount: number) => number,
  yOf: (ms: number) => number,
): string[] {
  const path = points.map(({ amount, ms }) => `${fixed(xOf(amount))},${fixed(yOf(ms))}`).join(' ');
  const dashes = rival ? DASHES : '';
  return [
    `<polyline class="line" points="${path}" fill="none" stroke="${color}" stroke-width="2"${dashes}>` +
      `<title>${escapeXml(`${name}, ${contestant}: grows as ${formatGrowth(exponent)}`)}</title></polyline>`,
    ...points.map(
      ({ amount, ms }) =>
        `<circle cx="${fixed(xOf(amount))}" cy="${fixed(yOf(ms))}" r="3" fill="${color}">` +
        `<title>${escapeXml(`${contestant}, ${amount.toLocaleString('en')} ${unit}: ${formatDuration(ms)}`)}</title></circle>`,
    ),
    `<line x1="${LEGEND_LEFT}" x2="${LEGEND_LEFT + 26}" y1="${legendY - 4}" y2="${legendY - 4}" stroke="${color}" stroke-width="2"${dashes}/>`,
    drawText(LEGEND_LEFT + 34, legendY, `${contestant}, ${formatGrowth(exponent)}`),
  ];
}

function fixed(coordinate: number): string {
  return coordinate.toFixed(1);
}
