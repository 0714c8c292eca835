/** A difference as text: one line for each entry, without values unless they were revealed. */
import { describe, expect, test } from 'vitest';
import { showName, table } from '../../ts/cli/text.ts';
import { diffSessions } from '../../ts/diff/diff.ts';
import { countKinds, renderDiff, renderStat } from '../../ts/diff/render.ts';
import { bytesSection, cookie, recordsOf, sessionWith, storageWith } from './fixture.ts';

const layout = { show: (text: string): string => showName(text, 200), table };

const a = sessionWith({
  tags: ['t'],
  cookies: ['a', 'b', 'c', 'd'].map((name) => cookie(name)),
  ...storageWith({
    localStorage: [
      ['', 'old'],
      ['\u001b[31m', 'gone'],
    ],
    files: [{ path: 'f', kind: 'file', body: bytesSection('12') }],
  }),
});
const b = sessionWith({
  name: 'n',
  cookies: [cookie('d'), cookie('c'), cookie('a', { expiresAt: 5 }), cookie('b')],
  ...storageWith({ localStorage: [['', 'newer']], files: [{ path: 'f', kind: 'file', body: bytesSection('345') }] }),
});

/** The lines of the table with single spaces, without the head, and the summary. */
const linesOf = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .slice(2)
    .filter((line) => line !== '')
    .map((line) => line.replace(/ +/g, ' '));

describe('the text of a difference', () => {
  test('names what differs by kind, place and name, with lengths', async () => {
    expect(linesOf(renderDiff(await diffSessions(a, b), layout))).toEqual([
      'removed localStorage https://app.example \\u{1b}[31m size 4',
      'changed header tags removed, name added',
      'changed cookie app.example/ a expiresAt (null -> number)',
      'changed localStorage https://app.example (no name) value (3 -> 5)',
      'changed file https://app.example f body (2 -> 3)',
      'moved cookie app.example/ 2 of them',
      '0 added, 1 removed, 4 changed, 2 moved, 3 unchanged',
    ]);
  });

  test('with values where they were revealed, sections by their size', async () => {
    const lines = linesOf(renderDiff(await diffSessions(a, b, { reveal: true }), layout));
    expect(lines.slice(0, 5)).toEqual([
      'removed localStorage https://app.example \\u{1b}[31m size 4 ["\\u001b[31m","gone"]',
      'changed header tags: ["t"] -> absent, name: absent -> "n"',
      'changed cookie app.example/ a expiresAt: null -> 5',
      'changed localStorage https://app.example (no name) value: "old" -> "newer"',
      'changed file https://app.example f body: {"mediaType":"application/octet-stream","length":2} -> {"mediaType":"application/octet-stream","length":3}',
    ]);
  });

  test('records of one store are one line, until they are revealed', async () => {
    const store = { name: 's', keyPath: null, autoIncrement: false, indexes: [], recordCount: 2 };
    const withRecords = (one: string): typeof a =>
      sessionWith(storageWith({ indexedDB: [{ name: 'db', version: 1, stores: [{ ...store, records: recordsOf([1, one], [2, one]) }] }] }));
    const lines = async (reveal: boolean): Promise<string[]> =>
      linesOf(renderDiff(await diffSessions(withRecords('x'), withRecords('y'), { reveal }), layout));
    expect((await lines(false)).slice(0, 2)).toEqual([
      expect.stringMatching(/^changed store https:\/\/app\.example db\/s records \(\d+ -> \d+\)$/),
      'changed record https://app.example db/s 2 of them',
    ]);
    expect((await lines(true)).filter((line) => line.startsWith('changed record'))).toHaveLength(2);
  });

  test('an edit of a long text says in how many places', async () => {
    const long = (end: string): typeof a => sessionWith({ cookies: [cookie('a', { value: `${'x'.repeat(99)}${end}` })] });
    const text = renderDiff(await diffSessions(long('1'), long('22')), layout);
    expect(linesOf(text)[0]).toBe('changed cookie app.example/ a value (100 -> 101) in 1 place');
  });

  test('counts by kind, and nothing to say', async () => {
    const diff = await diffSessions(a, b);
    expect(countKinds(diff).get('cookie')).toEqual({ added: 0, removed: 0, changed: 1, moved: 2 });
    expect(linesOf(renderStat(diff, layout))).toContain('cookie 0 0 1 2');
    expect(renderStat(await diffSessions(a, a), layout)).toBe('0 added, 0 removed, 0 changed, 0 moved, 9 unchanged\n');
    expect(renderDiff(await diffSessions(a, a), layout)).toBe('no difference; 0 added, 0 removed, 0 changed, 0 moved, 9 unchanged\n');
  });
});
