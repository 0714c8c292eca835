/** A document that does not answer, from the side that asks it. */
import { expect, test } from 'vitest';
import { type Evaluate, enterWorld } from '../../ts/adapters/page-world.ts';
import { PspError } from '../../ts/errors.ts';

const late = (): PspError => new PspError('ADAPTER_TIMEOUT', 'Runtime.callFunctionOn took longer than 5 ms');

/** Answers by turns, the first of them to the loading of the script; counts what it was asked. */
async function worldOf(...turns: (() => unknown)[]) {
  let asked = 0;
  const evaluate: Evaluate = async () => {
    asked++;
    return asked === 1 ? {} : turns.shift()!();
  };
  return { world: await enterWorld(evaluate, 'https://app.example'), asked: () => asked };
}

const fails = (): never => {
  throw late();
};
const answers = (value: unknown) => () => ({ value });

test('a document that hangs is asked for a sign of life once, and for nothing after that', async () => {
  const { world, asked } = await worldOf(fails, fails);
  for (let i = 0; i < 50; i++) await expect(world.call('databaseNames')).rejects.toMatchObject({ code: 'ADAPTER_TIMEOUT' });
  expect(asked()).toBe(3);
});

test('a document in which one call took too long goes on', async () => {
  const { world, asked } = await worldOf(fails, answers({}), answers(['one']), answers(['two']));
  await expect(world.call('databaseNames')).rejects.toMatchObject({ code: 'ADAPTER_TIMEOUT' });
  expect(await world.call('databaseNames')).toEqual(['one']);
  expect(await world.call('databaseNames')).toEqual(['two']);
  expect(asked()).toBe(5);
});

test('what the page code throws is no doubt about the document', async () => {
  const { world, asked } = await worldOf(() => ({ error: 'NotFoundError' }), answers(['one']));
  await expect(world.call('databaseNames')).rejects.toMatchObject({ code: 'ADAPTER_PROTOCOL', details: { error: 'NotFoundError' } });
  expect(await world.call('databaseNames')).toEqual(['one']);
  expect(asked()).toBe(3);
});
