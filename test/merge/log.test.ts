import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import type { Entry } from '../../ts/merge/entry.ts';
import { exportMergeLog, type LogMac, mergeLog, verifyMergeLog } from '../../ts/merge/log.ts';
import { learnConflicts } from '../../ts/merge/policy/learn.ts';
import { resolve } from '../../ts/merge/resolve.ts';
import { section, TEXT_MEDIA_TYPE } from '../../ts/session/session.ts';
import { cookie, item, shuffle, write } from './policy-fixture.ts';

const NOW = 1_770_000_000_000;
const macOf =
  (key: Uint8Array): LogMac =>
  (message) =>
    new Uint8Array(createHmac('sha256', key).update(message).digest());
const mac = macOf(new Uint8Array(32).fill(7));

const entries: readonly Entry[] = [
  item('token', write('a', 10, 'secret-a'), write('b', 20, 'secret-b'), write('c', 15)),
  item('a/b~c', write('a', 10, 'x'), write('b', 20, 'y')),
  cookie('sid', write('a', 10, { value: 'secret-c' }), write('b', 20)),
  item('settled', write('a', 10, 'secret-d')),
];

const logOf = (list: readonly Entry[]) => mergeLog(resolve(list).losses);
const exported = (list: readonly Entry[] = entries) => exportMergeLog(logOf(list), { mac, timeMs: NOW, actor: 'worker-1' });

describe('M21: the content of the log', () => {
  test('is each losing write once, with the winner and the rule, sorted by pointer and stamp', () => {
    const seen = logOf(entries).map(({ pointer, losing, winning, rule, group }) => [
      pointer.split('/').at(-1),
      losing.dot.replica.at(-1),
      winning.dot.replica.at(-1),
      rule,
      group,
    ]);
    expect(seen).toEqual([
      ['', 'a', 'b', 'last-writer', 'app.example'],
      ['a~1b~0c', 'a', 'b', 'last-writer', 'app.example'],
      ['token', 'a', 'b', 'last-writer', 'app.example'],
      ['token', 'c', 'b', 'last-writer', 'app.example'],
    ]);
  });

  test('is the same for any order of joining, and for what was joined twice', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const losses = shuffle([...resolve(shuffle([...entries], seed)).losses, ...resolve(entries).losses], seed);
        expect(mergeLog(losses)).toEqual(logOf(entries));
      }),
    );
  });

  test('names the place inside a merged value', () => {
    const union = resolve([item('s', write('a', 1, '{"a/b":1}'), write('b', 2, '{"a/b":2}'))], { policies: [{ policy: 'union' }] });
    expect(mergeLog(union.losses)).toMatchObject([{ within: '/a~1b', rule: 'union' }]);
  });
});

describe('the exported log', () => {
  test('verifies, and gives back what was written', async () => {
    const { lines, head } = await exported();
    const verified = verifyMergeLog(lines, mac, { head: head.mac });
    expect(verified.head).toEqual(head);
    expect(verified.lines).toHaveLength(4);
    expect(verified.lines[0]).toMatchObject({
      number: 1,
      timeMs: NOW,
      actor: 'worker-1',
      winning: { counter: 1, time: 20, count: 0 },
      after: null,
    });
    expect(verifyMergeLog([], mac).lines).toEqual([]);
  });

  test('goes on where an earlier one ended', async () => {
    const first = await exported();
    const second = await exportMergeLog(logOf(entries.slice(0, 1)), { mac, timeMs: NOW + 1, actor: 'w', previous: first.head });
    expect(verifyMergeLog([...first.lines, ...second.lines], mac).head).toEqual(second.head);
    expect(second.head.number).toBe(6);
  });

  test('holds no value, and no plain hash of one', async () => {
    const text = (await exported()).lines.join('\n');
    expect(text).not.toMatch(/secret/);
    const other = await exportMergeLog(logOf(entries), { mac: macOf(randomBytes(32)), timeMs: NOW, actor: 'worker-1' });
    const macs = (lines: readonly string[]): string[] =>
      lines.flatMap((line) => [...line.matchAll(/"(?:before|after)":"(\w+)"/g)].map(([, one]) => one!));
    expect(macs(other.lines).filter((one) => text.includes(one))).toEqual([]);
    expect(macs(other.lines)).toHaveLength(6);
  });

  test('binds a value to its entry: equal values of one entry have one MAC, of two entries different ones', async () => {
    const both = [item('k', write('a', 1, 'v'), write('b', 2, 'w')), item('l', write('a', 1, 'v'), write('b', 2, 'w'))];
    const again = [item('k', write('c', 1, 'v'), write('d', 2, 'w'))];
    const [k, l] = verifyMergeLog((await exported(both)).lines, mac).lines;
    const [same] = verifyMergeLog((await exported(again)).lines, mac).lines;
    expect(k?.before).not.toBe(l?.before);
    expect(same?.before).toBe(k?.before);
    expect(same?.after).toBe(k?.after);
  });

  test('has one MAC for a text, whether it stands in a section or not', async () => {
    const kept = section(new Uint8Array([118, 0]), TEXT_MEDIA_TYPE);
    const [plain] = verifyMergeLog((await exported([item('k', write('a', 1, 'v'), write('b', 2, 'w'))])).lines, mac).lines;
    const inSection = [item('k', write('a', 1, kept), write('b', 2, 'w'))];
    await learnConflicts(inSection);
    const [sections] = verifyMergeLog((await exported(inSection)).lines, mac).lines;
    expect(sections?.before).toBe(plain?.before);
  });

  const faults: [string, (lines: string[]) => string[], object][] = [
    [
      'a changed rule',
      (lines) => lines.map((line, i) => (i === 1 ? line.replace('last-writer', 'first-writer') : line)),
      { line: 2, fault: 'changed' },
    ],
    ['a space more', (lines) => lines.map((line, i) => (i === 1 ? line.replace(',', ', ') : line)), { line: 2, fault: 'changed' }],
    ['a member more', (lines) => lines.map((line, i) => (i === 1 ? line.replace('{', '{"x":1,') : line)), { line: 2, fault: 'changed' }],
    ['a line left out', (lines) => lines.filter((_, i) => i !== 1), { line: 2, fault: 'order' }],
    ['lines exchanged', ([a, b, ...rest]) => [b!, a!, ...rest], { line: 1, fault: 'order' }],
    ['a line twice', ([a, ...rest]) => [a!, a!, ...rest], { line: 2, fault: 'order' }],
    ['the end cut off', (lines) => lines.slice(0, -1), { line: 3, fault: 'end' }],
    ['no JSON', (lines) => ['{', ...lines], { line: 1, fault: 'malformed' }],
    ['another JSON', (lines) => ['{"n":1}', ...lines], { line: 1, fault: 'malformed' }],
  ];

  test.each(faults)('%s is found', async (_, change, details) => {
    const { lines, head } = await exported();
    expect(detailsOf(() => verifyMergeLog(change([...lines]), mac, { head: head.mac }))).toEqual(details);
  });

  test('another key verifies nothing', async () => {
    const { lines } = await exported();
    expect(detailsOf(() => verifyMergeLog(lines, macOf(randomBytes(32))))).toEqual({ line: 1, fault: 'changed' });
  });

  test('a time without a date is a mistake of the caller', async () => {
    await expect(exportMergeLog([], { mac, timeMs: Number.NaN, actor: 'w' })).rejects.toThrow(RangeError);
  });

  function detailsOf(fails: () => unknown): unknown {
    try {
      fails();
    } catch (error) {
      expect(error).toBeInstanceOf(PspError);
      expect((error as PspError).code).toBe('MERGE_MALFORMED');
      return (error as PspError).details;
    }
    return 'no fault was found';
  }
});
