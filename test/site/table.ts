/**
 * `docs/fidelity.md`: one column for each way of moving a session, one row for each kind of state. A run fills the columns that it has measured; the others
 * stay as the page has them.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { Compared, Group } from './cell.ts';

/** What one way of moving a session came to. */
export interface Column {
  readonly name: string;
  readonly compared: readonly Compared[];
  /** False for what gives no report: then nothing that differs is named. */
  readonly hasReport: boolean;
}

const GROUPS: readonly Group[] = [
  'cookies, Cookie header',
  'cookies, seen by scripts',
  'cookies, as the browser holds them',
  'cookies of partitions',
  'localStorage',
  'sessionStorage',
  'sessionStorage of origins that a tab has left',
  'partitioned storage',
  'IndexedDB schema',
  'IndexedDB keys',
  'IndexedDB values',
  'IndexedDB key generators',
  'Cache Storage',
  'private files',
  'service workers',
  'storage buckets',
  'permissions',
  'history and window.name',
  'login',
];

const TOTAL = 'all cells';
const NAMED = 'differences that a report names';

/** A column's text for each row. */
function columnCells({ compared, hasReport }: Column): ReadonlyMap<string, string> {
  const rows = new Map<string, string>(GROUPS.map((group) => [group, summary(compared.filter(({ cell }) => cell.group === group))]));
  const different = compared.filter(({ verdict }) => verdict !== 'carried');
  rows.set(TOTAL, summary(compared));
  rows.set(
    NAMED,
    hasReport ? `${different.filter(({ isNamed }) => isNamed).length} of ${different.length}` : `no report, ${different.length} differ`,
  );
  return rows;
}

function summary(compared: readonly Compared[]): string {
  const count = (verdict: string): number => compared.filter((one) => one.verdict === verdict).length;
  const total = compared.length - count('added');
  if (compared.length === 0) return '-';
  const others = [
    ...(count('corrupted') > 0 ? [`${count('corrupted')} altered`] : []),
    ...(count('added') > 0 ? [`${count('added')} added`] : []),
  ];
  return [`${count('carried')}/${total}`, ...others].join(', ');
}

const ORDER = [
  'CDP',
  'Playwright, connected',
  'Playwright, its own Chromium',
  'Puppeteer',
  'CDP to Playwright’s own Chromium',
  'Playwright to Puppeteer to CDP to Playwright',
  'Firefox, BiDi',
  'Selenium by DevTools',
  'Selenium by BiDi',
  'Selenium by WebDriver and DevTools cookies',
  'Selenium by plain WebDriver',
  'the page itself',
  'peer: Playwright `storageState`',
  'peer: Puppeteer `cookies`',
  'peer: Selenium cookies',
];

/** Columns whose differences are listed one by one. */
const LISTED = ['CDP', 'Firefox, BiDi'];

const INTRODUCTION = `# What each driver carries

Written by \`test/adapters/fidelity*.test.ts\`, which fail when this page says otherwise. A site on loopback
(\`test/site/\`: several origins, one over TLS, frames of other sites and of its own inside those) fills a browser with every kind of state, and its pages and
its server say what they see: one cell for each fact. A driver captures the browser and restores it in a fresh one, and the site looks again. A cell is
carried (the number before the slash), lost, altered, or added (it was not there before). No request reaches the site in a capture or restore, but by plain WebDriver.

The last row counts the cells that differ and are named by an entry of the capture’s or restore’s report, of their kind and at their place: none may differ silently, in any
column. What differs with every driver: the time of modification of private files, which no browser lets a page set; keys that are not extractable; the state of history
entries that are not shown (unless \`historyStates\` is asked for); the address that a cached response came from, where its request has another one; navigation preload of
service workers; and a name in sessionStorage that has half of a surrogate pair, which Chromium itself replaces when a tab changes processes. *Playwright, its own Chromium* is
the browser as Playwright launches it, with partitioned storage switched off: frames of other sites have none. Cookies of Firefox name no port, so the capture there is told the
origins. There, what the user allowed an origin that has a service worker is not told. Plain WebDriver looks into no frames of other origins. *The page itself* is the in-page driver, loaded by a script of each page, which captures and restores its own
origin and tab; how the browser holds cookies no page is shown.

The peers are measured in the same browsers: Playwright 1.65 \`storageState({ indexedDB, opfs, credentials })\`, after a database without a name and three values
were deleted that make it throw or that no JSON holds; Puppeteer 24 \`BrowserContext.cookies()\`. Not looked at: scroll positions, form fields, the HTTP cache,
push subscriptions.

All columns: \`PSP_FIDELITY=all npx vitest run -u --project all --no-file-parallelism test/adapters/fidelity\`. Without \`PSP_FIDELITY\` the tests measure
over CDP, the way through three drivers, and Firefox, and leave the other columns as they are. CI measures all.
`;

const PAGE = new URL('../../docs/fidelity.md', import.meta.url);

/** The page as it is. */
export function readFidelityPage(): string {
  return existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
}

/** The page, with `columns` in the places of those in `page` that have their names. */
export function renderPage(page: string, columns: readonly Column[]): string {
  const known = readTable(page);
  const lists = readLists(page);
  for (const column of columns) {
    known.set(column.name, columnCells(column));
    if (LISTED.includes(column.name)) lists.set(column.name, listDifferences(column.compared));
  }
  const names = ORDER.filter((name) => known.has(name));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    INTRODUCTION,
    line(['what the site sees', ...names]),
    line(['---', ...names.map(() => '---')]),
    ...[...GROUPS, TOTAL, NAMED].map((row) => line([row, ...names.map((name) => known.get(name)?.get(row) ?? '-')])),
    ...LISTED.flatMap((name) => ['', `## What differs: ${name}`, '', ...(lists.get(name) ?? []).map((one) => `- ${one}`)]),
    '',
  ].join('\n');
}

function readLists(page: string): Map<string, readonly string[]> {
  const [, ...parts] = page.split('\n## What differs: ');
  return new Map(
    parts.map((part) => {
      const [name = '', ...lines] = part.split('\n');
      return [name, lines.filter((line) => line.startsWith('- ')).map((line) => line.slice(2))];
    }),
  );
}

function readTable(page: string): Map<string, ReadonlyMap<string, string>> {
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(2, -2).split(' | '));
  const [header = [], , ...body] = rows;
  return new Map(header.slice(1).map((name, index) => [name, new Map(body.map((cells) => [cells[0]!, cells[index + 1] ?? '-']))]));
}

/** What a column does not carry, without the ports, which change from run to run. */
function listDifferences(compared: readonly Compared[]): string[] {
  const lines = compared
    .filter(({ verdict }) => verdict !== 'carried')
    .map(
      ({ cell, verdict }) =>
        `${cell.group}: \`${cell.name}\` at ${cell.place.replace(/:\d+/g, '')}: ${verdict === 'corrupted' ? 'altered' : verdict}`,
    );
  return [...new Set(lines)].sort();
}
