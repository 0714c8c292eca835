/** Page functions that are called in one step before their answers are asked for. */
import { describe, expect, test } from 'vitest';
import { withCallsAhead } from '../../ts/adapters/calls-ahead.ts';
import type { PageAnswer, PageCall } from '../../ts/adapters/page/script.ts';
import type { PageWorld } from '../../ts/adapters/page-world.ts';
import { PspError } from '../../ts/errors.ts';

const CALLS: readonly PageCall[] = [['bucketNames'], ['databaseNames'], ['cacheNames']];

/** A world whose one step gives `answers`, or fails; it keeps what it is asked by itself, which it answers with `['late']`. */
function worldOf(answers: readonly (PageAnswer | null)[] | PspError) {
  const asked: unknown[][] = [];
  const steps: unknown[][] = [];
  const world = {
    async call(name: string, ...args: unknown[]) {
      if (name !== 'answerAll') {
        asked.push([name, ...args]);
        return ['late'];
      }
      steps.push(args);
      if (answers instanceof PspError) throw answers;
      return answers;
    },
  } as unknown as PageWorld;
  return { world, asked, steps };
}

describe('calls that are made ahead', () => {
  test('are one step, and each answer is given once', async () => {
    const { world, asked, steps } = worldOf([{ value: ['bucket'] }, { value: ['database'] }, { value: ['cache'] }]);
    const ahead = await withCallsAhead(world, CALLS, 'https://app.example', 9_001);
    expect(steps).toEqual([[CALLS, 4_501]]);
    expect(await ahead.call('databaseNames')).toEqual(['database']);
    expect(await ahead.call('bucketNames')).toEqual(['bucket']);
    expect(asked).toEqual([]);
    expect(await ahead.call('databaseNames')).toEqual(['late']);
    expect(asked).toEqual([['databaseNames']]);
  });

  test('a failure is that of its own call alone', async () => {
    const { world, asked } = worldOf([{ value: ['bucket'] }, { error: 'UnknownError' }, { value: ['cache'] }]);
    const ahead = await withCallsAhead(world, CALLS, 'https://app.example', 9_000);
    const failure = { code: 'ADAPTER_PROTOCOL', message: 'databaseNames failed in https://app.example: UnknownError' };
    await expect(ahead.call('databaseNames')).rejects.toMatchObject(failure);
    expect(await ahead.call('cacheNames')).toEqual(['cache']);
    expect(asked).toEqual([]);
  });

  test('one that took too long is made again by itself', async () => {
    const { world, asked } = worldOf([{ value: ['bucket'] }, null, { value: ['cache'] }]);
    const ahead = await withCallsAhead(world, CALLS, 'https://app.example', 9_000);
    expect(await ahead.call('databaseNames')).toEqual(['late']);
    expect(asked).toEqual([['databaseNames']]);
  });

  test('where the step fails, each is made by itself', async () => {
    const { world, asked } = worldOf(new PspError('ADAPTER_TIMEOUT', 'it took too long'));
    const ahead = await withCallsAhead(world, CALLS, 'https://app.example', 9_000);
    for (const [name] of CALLS) expect(await ahead.call(name as 'cacheNames')).toEqual(['late']);
    expect(asked).toEqual([['bucketNames'], ['databaseNames'], ['cacheNames']]);
  });

  test('an answer is for the arguments that it was asked with', async () => {
    const { world, asked } = worldOf([{ value: ['one', 'two'] }]);
    const ahead = await withCallsAhead(world, [['replaceDirectories', ['a'], false]], 'https://app.example', 9_000);
    expect(await ahead.call('replaceDirectories', ['b'], false)).toEqual(['late']);
    expect(await ahead.call('replaceDirectories', ['a'], false)).toEqual(['one', 'two']);
    expect(asked).toEqual([['replaceDirectories', ['b'], false]]);
  });
});
