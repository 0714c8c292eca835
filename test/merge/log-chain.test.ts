/** Law M21, the fine print: places inside a value and winners tell losses apart, a MAC belongs to its place, and a line to the log that it was written in. */
import { createHmac, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Entry } from '../../ts/merge/entry.ts';
import { exportMergeLog, type LogMac, mergeLog, verifyMergeLog } from '../../ts/merge/log.ts';
import type { Loss } from '../../ts/merge/resolve.ts';
import { item, shuffle, write } from './policy-fixture.ts';

const KEY = randomBytes(32);
const mac: LogMac = (message) => new Uint8Array(createHmac('sha256', KEY).update(message).digest());

/** One write lost to another one, at a place inside the value. */
function loss({ kind, path, candidates: [losing, winning] }: Entry, within?: readonly string[], rule = 'json'): Loss {
  return { kind, path, losing: [losing!], winning: winning!, rule, ...(within === undefined ? {} : { within }) };
}

const cart = item('cart', write('a', 1, 'same'), write('b', 2, 'other'));

async function linesOf(losses: readonly Loss[], timeMs = 1_700_000_000_000): Promise<readonly string[]> {
  return (await exportMergeLog(mergeLog(losses), { mac, timeMs, actor: 'worker' })).lines;
}

test('M21: one write that lost at two places inside of a value, or to two writes, is told twice, in one order', () => {
  const rival = item('cart', write('a', 1, 'same'), write('c', 3, 'third'));
  const losses = [loss(cart, ['b']), loss(cart, ['a']), loss(cart), loss(rival), loss(cart, ['a'], 'text')];
  const expected = [
    [undefined, 'b', 'json'],
    [undefined, 'c', 'json'],
    ['/a', 'b', 'json'],
    ['/a', 'b', 'text'],
    ['/b', 'b', 'json'],
  ];
  for (const seed of [1, 2, 3]) {
    const log = mergeLog(shuffle([...losses, ...losses], seed));
    expect(log.map(({ within, winning, rule }) => [within, winning.dot.replica.at(-1), rule])).toEqual(expected);
  }
});

test('M21: equal values at two places inside of one entry have different MACs', async () => {
  const [a, b] = verifyMergeLog(await linesOf([loss(cart, ['a']), loss(cart, ['b'])]), mac).lines;
  expect(a?.before).not.toBe(b?.before);
  expect(a?.after).not.toBe(b?.after);
});

test('M21: a line of another log does not take the place of one with its number, whoever signed both', async () => {
  const losses = [loss(cart, ['a']), loss(cart, ['b']), loss(cart, ['c'])];
  const [one, other] = [await linesOf(losses), await linesOf(losses, 1_700_000_000_001)];
  for (const swapped of [
    [one[0]!, other[1]!, one[2]!],
    [one[0]!, one[1]!, other[2]!],
  ]) {
    expect(() => verifyMergeLog(swapped, mac)).toThrow(
      expect.objectContaining({ code: 'MERGE_MALFORMED', details: { line: swapped.indexOf(other[1]!) === 1 ? 2 : 3, fault: 'order' } }),
    );
  }
  expect(verifyMergeLog([...other], mac).lines).toHaveLength(3);
});
