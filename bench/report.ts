/**
 * What the measurements of a subject look like on paper: a Markdown table for people (first line: the command that made it) and JSON
 * for programs, both in bench/results/. Every row stays, also where ours loses.
 */
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { formatBytes, formatDuration, formatRatio, formatSpread, formatThroughput, renderTable } from './figure.ts';
import type { BenchRow, FigureTable, Measured, SubjectFacts } from './harness.ts';
import type { BenchRuntime } from './runtime.ts';

/** The contents of a result file. */
export interface BenchReport {
  readonly subject: string;
  readonly command: string;
  readonly runtime: string;
  readonly cpu: string;
  /** Versions of the rivals' packages, as installed. */
  readonly versions: Readonly<Record<string, string>>;
  /** Name of the contestant that `ratioToPortable` compares with. */
  readonly baseline: string;
  readonly note: string;
  readonly rows: readonly BenchRow[];
  /** Absent where a subject has times only. */
  readonly tables?: readonly FigureTable[];
}

/** A report that was read back, with the name of its files without the ending. */
export interface NamedReport {
  readonly name: string;
  readonly report: BenchReport;
}

/** Where results are, from the root of the checkout. */
export const RESULTS_FOLDER: string = join('bench', 'results');

/** Puts rows together with where and how they were measured. Reads the versions of packages from `node_modules` in the working folder. */
export function makeReport(subject: SubjectFacts, runtime: BenchRuntime, { rows }: Measured): BenchReport {
  const processors = cpus();
  const { tables } = subject;
  return {
    subject: subject.name,
    command: runtime.commandFor(subject.name),
    runtime: runtime.description,
    cpu: `${processors[0]?.model ?? 'unknown'} (${processors.length} logical)`,
    versions: Object.fromEntries((subject.packages ?? []).map((name) => [name, readVersion(name)])),
    baseline: subject.baseline ?? 'portable',
    note: subject.note,
    rows,
    ...(tables && tables.length > 0 && { tables }),
  };
}

/**
 * Gives the Markdown of a measured subject and, unless the run was a quick one, writes it and the JSON into `folder`, which is made if need
 * be: `<subject><suffix>.md` and `.json`. Quick figures never replace careful ones; their Markdown says what they left out.
 */
export async function publish(
  subject: SubjectFacts,
  runtime: BenchRuntime,
  measured: Measured,
  quick: boolean,
  folder: string = RESULTS_FOLDER,
): Promise<string> {
  const report = makeReport(subject, runtime, measured);
  const markdown = renderMarkdown(report);
  if (quick) {
    const leftOut = measured.leftOut.map((one) => `${one.contestant} (${one.case})`).join(', ');
    return `${markdown}\nA quick look, not written to ${folder}. Left out, because too slow for it: ${leftOut || 'nothing'}.`;
  }
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${subject.name}${runtime.suffix}.md`), markdown);
  await writeFile(join(folder, `${subject.name}${runtime.suffix}.json`), JSON.stringify(report, null, 2) + '\n');
  return markdown;
}

/** All reports of a folder, ordered by subject; that of the oldest Node comes before those of other runtimes. */
export async function readReports(folder: string): Promise<NamedReport[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json'));
  const names = files.map((file) => file.slice(0, -'.json'.length)).sort();
  return Promise.all(
    names.map(async (name) => ({ name, report: JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as BenchReport })),
  );
}

/** The report as Markdown: command, note, machine, table. */
export function renderMarkdown(report: BenchReport): string {
  const header = [
    ...['case', 'contestant', 'input', 'median', 'p25 - p75', 'spread', 'MB/s'],
    ...[`faster than ${report.baseline}`, 'faster than best rival*'],
  ];
  return [
    `\`${report.command}\``,
    '',
    report.note,
    '',
    `${describeMachine(report)}. Read the ratios: above 1 this row is so many times faster, below 1 it is slower.`,
    'All contestants of a case gave equal results before any was timed. Times are for one run; `spread` is p25 to p75 as a share of the median; a rival is marked *.',
    '',
    ...renderTable([header, ...report.rows.map(cellsOf)], 2),
    '',
    ...renderFigureTables(report),
  ].join('\n');
}

/** The tables that are no times, each under its title and with an empty line behind it. */
export function renderFigureTables({ tables = [] }: BenchReport): string[] {
  return tables.flatMap(({ title, names, header, lines }) => [`${title}:`, '', ...renderTable([header, ...lines], names), '']);
}

/** The rows of each case, in the order of the cases and of their rows. */
export function rowsByCase({ rows }: BenchReport): BenchRow[][] {
  const cases = new Map<string, BenchRow[]>();
  for (const row of rows) cases.set(row.case, [...(cases.get(row.case) ?? []), row]);
  return [...cases.values()];
}

/** Product and version of a report's runtime: `Node 20.20.2`. */
export function nameRuntime({ runtime }: BenchReport): string {
  return runtime.split(',')[0] ?? runtime;
}

/** Runtime, versions of the rivals, and processor, in one line. */
export function describeMachine({ runtime, versions, cpu }: BenchReport): string {
  return [runtime, ...Object.entries(versions).map(([name, version]) => `${name} ${version}`), cpu].join('; ');
}

function cellsOf(row: BenchRow): string[] {
  return [
    row.case,
    row.rival ? `${row.contestant}*` : row.contestant,
    formatBytes(row.inputBytes),
    formatDuration(row.medianMs),
    `${formatDuration(row.p25)} - ${formatDuration(row.p75)}`,
    formatSpread(row),
    formatThroughput(row),
    formatRatio(row.ratioToPortable),
    formatRatio(row.ratioToBestRival),
  ];
}

function readVersion(name: string): string {
  const { version } = JSON.parse(readFileSync(join('node_modules', name, 'package.json'), 'utf8')) as { version: string };
  return version;
}
