/** Turns of the event loop, in each way that a runtime gives them; and an import that takes them. */

import { afterEach, describe, expect, test, vi } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { importMany } from '../../ts/store/import.ts';
import type { ImportItem } from '../../ts/store/import-check.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { nextTurn, Turns } from '../../ts/store/turn.ts';
import { clearItems, idsOf } from './import-fixture.ts';
import { NOW, options } from './store-fixture.ts';

const immediate = globalThis.setImmediate;

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe('a turn', () => {
  test.each([
    ['setImmediate', []],
    ['a message', ['setImmediate']],
    ['a timer', ['setImmediate', 'MessageChannel']],
  ] as const)('by %s does not come while promises alone go on', async (_, missing) => {
    for (const name of missing) vi.stubGlobal(name, undefined);
    const order: string[] = [];
    const turn = nextTurn().then(() => order.push('turn'));
    for (let i = 0; i < 100; i++) await Promise.resolve();
    order.push('promises');
    await turn;
    expect(order).toEqual(['promises', 'turn']);
  });
});

describe('work in turns', () => {
  test('its turn is over when the time is, or when it ends it; then the next one begins for all who wait', async () => {
    let nowMs = 100;
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    const turns = new Turns(5);
    expect(turns.isOver).toBe(false);
    nowMs = 105;
    expect(turns.isOver).toBe(true);
    const next = turns.next();
    expect(turns.next()).toBe(next);
    await next;
    expect(turns.isOver).toBe(false);
    turns.end();
    expect(turns.isOver).toBe(true);
    await turns.next();
    expect(turns.isOver).toBe(false);
  });

  test('an import from memory lets a write go on that needs the event loop, long before it has read all items', async () => {
    const provider = memory({ now: () => NOW });
    const items = await clearItems(idsOf(900));
    let taken = 0;
    let takenAtFirstWrite: number | null = null;
    const slow = new Proxy(provider, {
      get: (target, name) =>
        name !== 'putMany'
          ? Reflect.get(target, name)
          : async (...args: Parameters<typeof provider.putMany>) => {
              await new Promise((resolve) => immediate(resolve));
              takenAtFirstWrite ??= taken;
              return provider.putMany(...args);
            },
    });
    function* source(): Generator<ImportItem> {
      for (const item of items) {
        taken++;
        yield item;
      }
    }
    const { created } = await importMany(sessionStore(slow, options({ keys: null })), source()).summary;
    expect(created).toBe(900);
    expect(takenAtFirstWrite).toBeLessThan(300); // one group, and what the other workers had in hand
  });
});
