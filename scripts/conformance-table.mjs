/**
 * The table of README.md that says which provider passes what: provider x group of the conformance suite, out of the report of a real run.
 *
 *   npx vitest run --project all test/conformance --reporter=json --outputFile=report.json
 *   node scripts/conformance-table.mjs report.json [more.json ...] [--write README.md]
 *
 * Without --write it prints the table. Exit status 1 when a case failed: then nothing is written.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** As in providers/conformance/conformance.ts. */
const TITLE = 'conformance: ';
const BLOCK = /<!-- conformance -->\n[\s\S]*?<!-- \/conformance -->/;
/** What stands above the table. */
const INTRODUCTION = `Cases of [the suite](docs/providers.md#what-is-tested) that passed, by provider and group, and in brackets those that were skipped; "sealed": through the
envelope. Made by [a script](scripts/conformance-table.mjs) from a run of [test/conformance](test/conformance/).`;
const REASON = / \[skipped: (.*)\]$/;

/**
 * What came of the cases of one group with one provider.
 * @typedef {{ passed: number, failed: string[], skipped: Map<string, number> }} Cell
 */

/**
 * The cells by provider and group, in the order of the run.
 * @param {readonly { testResults: readonly { assertionResults: readonly { ancestorTitles: string[], title: string, status: string }[] }[] }[]} reports
 *   of vitest's json reporter
 * @returns {Map<string, Map<string, Cell>>}
 */
export function readCells(reports) {
  const cells = new Map();
  for (const { ancestorTitles, title, status } of reports.flatMap((report) =>
    report.testResults.flatMap((file) => file.assertionResults),
  )) {
    const [outer = '', group = ''] = ancestorTitles;
    if (!outer.startsWith(TITLE)) continue;
    const provider = outer.slice(TITLE.length);
    if (!cells.has(provider)) cells.set(provider, new Map());
    const groups = cells.get(provider);
    if (!groups.has(group)) groups.set(group, { passed: 0, failed: [], skipped: new Map() });
    const cell = groups.get(group);
    const reason = REASON.exec(title)?.[1];
    if (status === 'passed') cell.passed += 1;
    else if (reason !== undefined) cell.skipped.set(reason, (cell.skipped.get(reason) ?? 0) + 1);
    else cell.failed.push(`${provider}: ${group}: ${title} (${status})`);
  }
  return cells;
}

/**
 * The table and the reasons below it, as Markdown.
 * @param {Map<string, Map<string, Cell>>} cells
 */
export function renderTable(cells) {
  const groups = [...new Set([...cells.values()].flatMap((row) => [...row.keys()]))];
  const lines = [`| passed (skipped) | ${groups.join(' | ')} |`, `| --- |${' --- |'.repeat(groups.length)}`];
  for (const [provider, row] of cells) lines.push(`| ${provider} | ${groups.map((group) => renderCell(row.get(group))).join(' | ')} |`);
  lines.push('', 'Skipped, because:', '');
  /** @type {Map<string, Map<string, number>>} */
  const reasons = new Map();
  for (const [provider, row] of cells) {
    for (const [reason, count] of [...row.values()].flatMap((cell) => [...cell.skipped])) {
      const counts = reasons.get(reason) ?? new Map();
      reasons.set(reason, counts.set(provider, (counts.get(provider) ?? 0) + count));
    }
  }
  for (const [reason, counts] of reasons) {
    lines.push(`- ${reason}: ${[...counts].map(([provider, count]) => `${provider} ${count}`).join('; ')}`);
  }
  return lines.join('\n');
}

/** @param {Cell | undefined} cell */
function renderCell(cell) {
  if (cell === undefined) return 'not run';
  const skipped = [...cell.skipped.values()].reduce((sum, count) => sum + count, 0);
  return skipped === 0 ? `${cell.passed}` : `${cell.passed} (${skipped})`;
}

/**
 * `text` with `table` in its block.
 * @param {string} text
 * @param {string} table
 */
export function replaceBlock(text, table) {
  if (!BLOCK.test(text)) throw new Error('expected a block between <!-- conformance --> and <!-- /conformance -->');
  return text.replace(BLOCK, () => `<!-- conformance -->\n${INTRODUCTION}\n\n${table}\n<!-- /conformance -->`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const args = process.argv.slice(2);
  const writeAt = args.indexOf('--write');
  const target = writeAt < 0 ? null : (args.splice(writeAt, 2)[1] ?? 'README.md');
  const cells = readCells(args.map((file) => JSON.parse(readFileSync(file, 'utf8'))));
  const failed = [...cells.values()].flatMap((row) => [...row.values()].flatMap((cell) => cell.failed));
  if (failed.length > 0 || cells.size === 0) {
    process.stderr.write(`${failed.length === 0 ? 'no case of the conformance suite in these reports' : failed.join('\n')}\n`);
    process.exitCode = 1;
  } else if (target === null) process.stdout.write(`${renderTable(cells)}\n`);
  else writeFileSync(target, replaceBlock(readFileSync(target, 'utf8'), renderTable(cells)));
}
