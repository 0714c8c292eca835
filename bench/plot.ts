/**
 * Draws what bench/results/ holds: an SVG chart beside each JSON file, and the generated parts of docs/benchmarks.md. The page is written by
 * hand except between its markers, where every figure comes from a result file:
 *
 *     <!-- results of base64 -->
 *     ... replaced ...
 *     <!-- end of results -->
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderChart } from './chart.ts';
import { formatDuration, formatRatio, renderTable } from './figure.ts';
import type { BenchRow } from './harness.ts';
import {
  type BenchReport,
  describeMachine,
  type NamedReport,
  nameRuntime,
  RESULTS_FOLDER,
  readReports,
  renderFigureTables,
  rowsByCase,
} from './report.ts';
import { renderSeries } from './scaling.ts';
import { renderScalingChart } from './scaling-chart.ts';

/** Where the charts are shown, from the root of the checkout. */
export const PAGE_FILE: string = join('docs', 'benchmarks.md');

/** How the name of the file ends that draws what amounts cost, beside the chart of a report that has series. */
export const SCALING_ENDING: string = '.scaling.svg';

/** Writes all charts and the page of a checkout, and gives the paths written. */
export async function plotResults(checkout: string): Promise<string[]> {
  const reports = await readReports(join(checkout, RESULTS_FOLDER));
  const written: string[] = [];
  for (const { name, report } of reports) {
    const file = join(checkout, RESULTS_FOLDER, `${name}.svg`);
    await writeFile(file, renderChart(report));
    written.push(file);
    const scaling = renderScalingChart(report);
    if (scaling === null) continue;
    const scalingFile = join(checkout, RESULTS_FOLDER, `${name}${SCALING_ENDING}`);
    await writeFile(scalingFile, scaling);
    written.push(scalingFile);
  }
  const page = join(checkout, PAGE_FILE);
  await writeFile(page, fillPage(await readFile(page, 'utf8'), reports));
  return [...written, page];
}

/** The page with its generated parts made of these reports. Throws when a subject with results has no place in the page, or two. */
export function fillPage(page: string, reports: readonly NamedReport[]): string {
  const subjects: string[] = [];
  const filled = page.replace(
    /(<!-- results of ([\w-]+) -->\n)[\s\S]*?(<!-- end of results -->)/g,
    (_, begin: string, subject: string, end: string) => {
      subjects.push(subject);
      return `${begin}\n${renderResults(subject, reports)}\n${end}`;
    },
  );
  for (const subject of new Set([...subjects, ...reports.map(({ report }) => report.subject)])) {
    const places = subjects.filter((one) => one === subject).length;
    if (places !== 1) throw new Error(`${PAGE_FILE}: expected one place "<!-- results of ${subject} -->", found ${places}`);
  }
  return filled;
}

/** One runtime after the other; those after the first are folded. */
function renderResults(subject: string, reports: readonly NamedReport[]): string {
  const own = reports.filter(({ report }) => report.subject === subject);
  if (own.length === 0) return `No results are committed yet: \`npm run bench -- ${subject}\`.\n`;
  return own
    .map(({ name, report }, i) => {
      const body = renderRuntime(name, report);
      return i === 0 ? body : `<details>\n<summary>${nameRuntime(report)}</summary>\n\n${body}\n</details>\n`;
    })
    .join('\n');
}

function renderRuntime(name: string, report: BenchReport): string {
  const file = `../bench/results/${name}`;
  return [
    `\`${report.command}\``,
    '',
    `${describeMachine(report)}. [Every row](${file}.md), [as JSON](${file}.json).`,
    '',
    `![${report.subject}, ${nameRuntime(report)}: every row as a bar](${file}.svg)`,
    '',
    ...renderSummary(report),
    '',
    renderLosses(report),
    '',
    ...renderScaling(file, report),
    ...renderFigureTables(report),
  ].join('\n');
}

/** The drawn series and their figures, where a report has some. */
function renderScaling(file: string, report: BenchReport): string[] {
  const series = renderSeries(report.rows);
  return series.length === 0
    ? []
    : [`![${report.subject}, ${nameRuntime(report)}: what amounts cost](${file}${SCALING_ENDING})`, '', ...series];
}

/** One line a case: the fastest of ours, and the fastest rival. What ours loses is bold. */
function renderSummary(report: BenchReport): string[] {
  const header = ['case', 'fastest of ours', 'best rival', 'ours', 'rival', `faster than ${report.baseline}`, 'faster than best rival'];
  const lines = rowsByCase(report).flatMap((group) => {
    const ours = fastestOf(group.filter(({ rival }) => !rival));
    if (ours === null) return [];
    const rival = fastestOf(group.filter((row) => row.rival));
    const ratio = formatRatio(ours.ratioToBestRival);
    return [
      [
        ...[ours.case, ours.contestant, rival?.contestant ?? ''],
        ...[formatDuration(ours.medianMs), rival === null ? '' : formatDuration(rival.medianMs)],
        ...[formatRatio(ours.ratioToPortable), (ours.ratioToBestRival ?? 1) < 1 ? `**${ratio}**` : ratio],
      ],
    ];
  });
  return renderTable([header, ...lines], 3);
}

/** A sentence with all of ours that are slower than the baseline, and their ratio. */
function renderLosses({ rows, baseline }: BenchReport): string {
  const losses = rows.filter(({ rival, ratioToPortable }) => !rival && ratioToPortable !== null && ratioToPortable < 1);
  if (losses.length === 0) return `None of ours is slower than ${baseline}.`;
  return `Slower than ${baseline}: ${losses.map((row) => `${row.contestant} at ${row.case} (${formatRatio(row.ratioToPortable)})`).join('; ')}.`;
}

function fastestOf(rows: readonly BenchRow[]): BenchRow | null {
  return rows.reduce<BenchRow | null>((best, row) => (best === null || row.medianMs < best.medianMs ? row : best), null);
}
