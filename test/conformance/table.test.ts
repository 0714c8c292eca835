/** The conformance table of README.md: made from a report of a run, and about the groups and providers that there are. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONFORMANCE_GROUPS, CONFORMANCE_TITLE } from '../../providers/conformance/conformance.ts';
import { readCells, renderTable, replaceBlock } from '../../scripts/conformance-table.mjs';
import { SUBJECT_NAMES } from './subject.ts';

const README = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
const GROUPS = CONFORMANCE_GROUPS.map((group) => group.name);

describe('the table of the README', () => {
  const block = /<!-- conformance -->\n([\s\S]*?)<!-- \/conformance -->/.exec(README)?.[1] ?? '';
  const [head = [], , ...rows] = block.split('\n').flatMap((line) => (line.startsWith('|') ? [cellsOf(line)] : []));

  test('has a column for each group of the suite, in its order', () => {
    expect(head.slice(1)).toEqual(GROUPS);
  });

  test('has a row for each provider that the suite is run on', () => {
    expect(rows.map((row) => row[0]).sort()).toEqual([...SUBJECT_NAMES].sort());
  });

  test('accounts for every case of every group', () => {
    for (const [name, ...cells] of rows) {
      const counts = cells.map((cell) => (cell.match(/\d+/g) ?? []).reduce((sum, count) => sum + Number(count), 0));
      expect([name, counts]).toEqual([name, CONFORMANCE_GROUPS.map((group) => group.cases.length)]);
    }
  });
});

test('each provider of the list is run by a file of this folder', () => {
  const sources = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
    .filter((file) => file !== 'subject.ts' && file.endsWith('.ts'))
    .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'))
    .concat(readFileSync(join(import.meta.dirname, '../providers/cloudflare-kv-subject.ts'), 'utf8'))
    .join('\n');
  for (const name of SUBJECT_NAMES) expect(sources).toContain(`'${name}'`);
});

describe('the generator', () => {
  const report = (...results: [provider: string, group: string, title: string, status: string][]) => ({
    testResults: [
      {
        assertionResults: results.map(([provider, group, title, status]) => ({
          ancestorTitles: [`${CONFORMANCE_TITLE}${provider}`, group],
          title,
          status,
        })),
      },
      { assertionResults: [{ ancestorTitles: ['something else'], title: 'a test', status: 'failed' }] },
    ],
  });

  test('counts what passed and says why the rest was skipped', () => {
    const cells = readCells([
      report(
        ['one', 'basic', 'a: b', 'passed'],
        ['one', 'basic', 'c: d', 'passed'],
        ['one', 'large', 'e: f [skipped: no streams]', 'skipped'],
      ),
      report(['two', 'basic', 'a: b', 'passed'], ['two', 'large', 'e: f', 'passed']),
    ]);
    const lines = renderTable(cells).split('\n');
    expect(lines.slice(0, 4)).toEqual([
      '| passed (skipped) | basic | large |',
      '| --- | --- | --- |',
      '| one | 2 | 0 (1) |',
      '| two | 1 | 1 |',
    ]);
    expect(lines.at(-1)).toBe('- no streams: one 1');
  });

  test('takes what neither passed nor has a reason for a failure', () => {
    const cells = readCells([report(['one', 'basic', 'a: b', 'failed'], ['one', 'basic', 'c: d', 'skipped'])]);
    expect(cells.get('one')?.get('basic')?.failed).toHaveLength(2);
  });

  test('replaces the block and nothing else', () => {
    const replaced = replaceBlock('a\n<!-- conformance -->\nold\n<!-- /conformance -->\nb', '$& new');
    expect(replaced).toMatch(/^a\n<!-- conformance -->\nCases of [^|]*\n\n\$& new\n<!-- \/conformance -->\nb$/);
    expect(() => replaceBlock('nothing', 'new')).toThrow(/expected a block/);
  });
});

function cellsOf(line: string): string[] {
  return line
    .slice(1, line.lastIndexOf('|'))
    .split('|')
    .map((cell) => cell.trim());
}
