/**
 * What the measurements of a subject look like on paper: a Markdown table for people (first line: the command that made it) and JSON
 * for programs, both in bench/results/. Every row stays, also where ours loses.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { BenchRow, Subject } from './harness.ts';

/** The contents of `<subject>.json`. */
export interface BenchReport {
  readonly subject: string;
  readonly command: string;
  readonly runtime: string;
  readonly cpu: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly BenchRow[];
}

/** Puts rows together with where and how they were measured. */
export function makeReport(subject: Subject, command: string, rows: readonly BenchRow[]): BenchReport {
  const processors = cpus();
  return {
    subject: subject.name,
    command,
    runtime: `Node ${process.versions.node}, V8 ${process.versions.v8}, ${process.platform} ${process.arch}`,
    cpu: `${processors[0]?.model ?? 'unknown'} (${processors.length} logical)`,
    versions: subject.versions ?? {},
    rows,
  };
}

/** Writes `<subject>.md` and `<subject>.json` into `folder`, which is made if need be, and gives the Markdown. */
export async function writeReport(subject: Subject, report: BenchReport, folder: string): Promise<string> {
  const markdown = renderMarkdown(subject, report);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${subject.name}.md`), markdown);
  await writeFile(join(folder, `${subject.name}.json`), JSON.stringify(report, null, 2) + '\n');
  return markdown;
}

/** The report as Markdown: command, note, machine, table. */
export function renderMarkdown(subject: Subject, report: BenchReport): string {
  const baseline = subject.baseline ?? 'portable';
  const header = ['case', 'contestant', 'median', 'p25 - p75', 'MB/s', `faster than ${baseline}`, 'faster than best rival*'];
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `\`${report.command}\``,
    '',
    subject.note,
    '',
    `${[report.runtime, ...versions].join('; ')}; ${report.cpu}. Read the ratios: above 1 this row is so many times faster, below 1 it is slower.`,
    'All contestants of a case gave equal results before any was timed. Times are for one run; a rival is marked *.',
    '',
    ...renderTable([header, ...report.rows.map((row) => cellsOf(subject, row))]),
    '',
  ].join('\n');
}

function cellsOf(subject: Subject, row: BenchRow): string[] {
  const benchCase = subject.cases.find(({ name }) => name === row.case);
  const isRival = benchCase?.contestants.some(({ name, rival }) => name === row.contestant && rival === true) === true;
  return [
    row.case,
    isRival ? `${row.contestant}*` : row.contestant,
    formatDuration(row.medianMs),
    `${formatDuration(row.p25)} - ${formatDuration(row.p75)}`,
    row.inputBytes === null ? '' : (row.inputBytes / 1000 / row.medianMs).toFixed(0),
    formatRatio(row.ratioToPortable),
    formatRatio(row.ratioToBestRival),
  ];
}

/** Names to the left, numbers to the right, padded so that the table reads as plain text and the formatter has nothing to change. */
function renderTable(rows: readonly (readonly string[])[]): string[] {
  const [header = [], ...body] = rows;
  const isName = (column: number): boolean => column < 2;
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    isName(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  const rule = widths.map((width, column) => (isName(column) ? '-'.repeat(width) : '-'.repeat(width - 1) + ':'));
  return [header, rule, ...body].map((cells) => `| ${cells.map(pad).join(' | ')} |`);
}

function formatRatio(ratio: number | null): string {
  return ratio === null ? '' : ratio.toFixed(2);
}

function formatDuration(ms: number): string {
  if (ms < 0.001) return `${(ms * 1e6).toFixed(0)} ns`;
  if (ms < 1) return `${(ms * 1e3).toPrecision(3)} µs`;
  return `${ms.toPrecision(3)} ms`;
}
