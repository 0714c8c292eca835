/** How the figures of a bench are written, in tables and charts alike, so that a reader can find the one in the other. */
import type { BenchRow } from './harness.ts';

/** How many times faster: `4.01`; empty for null. */
export function formatRatio(ratio: number | null): string {
  return ratio === null ? '' : ratio.toFixed(2);
}

/** A duration given in milliseconds, in the unit that fits: `62 ns`, `2.60 ms`, `1.93 s`. */
export function formatDuration(ms: number): string {
  if (ms < 0.001) return `${(ms * 1e6).toFixed(0)} ns`;
  if (ms < 1) return `${(ms * 1e3).toPrecision(3)} µs`;
  if (ms < 1000) return `${ms.toPrecision(3)} ms`;
  return `${(ms / 1000).toPrecision(3)} s`;
}

/** Input per time in MB/s (10^6 bytes), by the median; empty where a case has no size. */
export function formatThroughput({ inputBytes, medianMs }: BenchRow): string {
  return inputBytes === null ? '' : (inputBytes / 1000 / medianMs).toFixed(0);
}

/** The middle half of the samples as a share of the median: `12 %`. */
export function formatSpread({ medianMs, p25, p75 }: BenchRow): string {
  return `${(((p75 - p25) / medianMs) * 100).toFixed(0)} %`;
}

/** An amount of bytes, in the unit that divides it best: `16 B`, `4 MiB`, `12.3 KiB`; empty for null. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return '';
  if (bytes < 1024) return `${bytes} B`;
  const [amount, unit] = bytes < 2 ** 20 ? [bytes / 1024, 'KiB'] : [bytes / 2 ** 20, 'MiB'];
  return `${Number.isInteger(amount) ? amount : amount.toFixed(1)} ${unit}`;
}

/** Rows of a Markdown table from its header and lines. The first `names` columns go to the left, padded so that it reads as plain text too. */
export function renderTable(rows: readonly (readonly string[])[], names: number): string[] {
  const [header = [], ...body] = rows;
  const widths = header.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    column < names ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  const rule = widths.map((width, column) => (column < names ? '-'.repeat(width) : '-'.repeat(width - 1) + ':'));
  return [header, rule, ...body].map((cells) => `| ${cells.map(pad).join(' | ')} |`);
}
