/** A document that does not answer, from the side that asks it. */
import { expect, test } from 'vitest';
import { PAGE_SCRIPT } from '../../ts/adapters/generated/page-script.ts';
import { type Evaluate, enterWorld } from '../../ts/adapters/page-world.ts';
import { PspError } from '../../ts/errors.ts';

const late = (): PspError => new PspError('ADAPTER_TIMEOUT', 'Runtime.callFunctionOn took longer than 5 ms');

/** Answers by turns; keeps what it was asked to run. */
function worldOf(...turns: (() => unknown)[]) {
  const asked: string[] = [];
  const evaluate: Evaluate = async (code) => {
    asked.push(code);
    return turns.shift()!();
  };
  return { world: enterWorld(evaluate, 'https://app.example'), asked };
}

const fails = (): never => {
  throw late();
};
const answers = (value: unknown) => () => ({ value });

test('a document that hangs is asked for a sign of life once, and for nothing after that', async () => {
  const { world, asked } = worldOf(fails, fails);
  for (let i = 0; i < 50; i++) await expect(world.call('databaseNames')).rejects.toMatchObject({ code: 'ADAPTER_TIMEOUT' });
  expect(asked).toHaveLength(2);
});

test('a document in which one call took too long goes on', async () => {
  const { world, asked } = worldOf(fails, answers({}), answers(['one']), answers(['two']));
  await expect(world.call('databaseNames')).rejects.toMatchObject({ code: 'ADAPTER_TIMEOUT' });
  expect(await world.call('databaseNames')).toEqual(['one']);
  expect(await world.call('databaseNames')).toEqual(['two']);
  expect(asked).toHaveLength(4);
});

test('what the page code throws is no doubt about the document', async () => {
  const { world, asked } = worldOf(() => ({ error: 'NotFoundError' }), answers(['one']));
  await expect(world.call('databaseNames')).rejects.toMatchObject({ code: 'ADAPTER_PROTOCOL', details: { error: 'NotFoundError' } });
  expect(await world.call('databaseNames')).toEqual(['one']);
  expect(asked).toHaveLength(2);
});

test('the page code goes along until a call has been answered, and never again', async () => {
  const { world, asked } = worldOf(fails, answers({}), answers(['one']), answers(['two']));
  await expect(world.call('databaseNames')).rejects.toMatchObject({ code: 'ADAPTER_TIMEOUT' });
  await world.call('databaseNames');
  await world.call('databaseNames');
  expect(asked.map((code) => code.includes(PAGE_SCRIPT))).toEqual([true, false, true, false]);
});
