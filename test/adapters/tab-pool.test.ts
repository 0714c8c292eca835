import { expect, test } from 'vitest';
import type { BrowserPage, BrowserPort } from '../../ts/adapters/browser-port.ts';
import { defaultTabs } from '../../ts/adapters/default-tabs.ts';
import type { Standing } from '../../ts/adapters/intercept.ts';
import { Operation } from '../../ts/adapters/operation.ts';
import { eachOrigin } from '../../ts/adapters/tab-pool.ts';
import { PspError } from '../../ts/errors.ts';
import type { StorageKey } from '../../ts/session/session.ts';

/** A browser of which only the opening of tabs is there. */
class Tabs {
  opened = 0;
  closed = 0;

  readonly port = {
    isClosed: () => false,
    workPage: async () => {
      this.opened++;
      return {
        intercept: async () => ({ stand: async ({ origin }: StorageKey) => ({ storageKey: origin }) as Standing }),
        close: async () => {
          this.closed++;
        },
      } as unknown as BrowserPage<unknown>;
    },
  } as unknown as BrowserPort<unknown>;
}

const keysOf = (count: number): StorageKey[] => Array.from({ length: count }, (_, i) => ({ origin: `https://s${i}`, topLevelSite: null }));

test('results and entries have the order of the origins, whichever is done first, and never more tabs work than may', async () => {
  const tabs = new Tabs();
  const operation = new Operation(tabs.port, {});
  let working = 0;
  let most = 0;
  const ends: (() => void)[] = [];
  const results = eachOrigin(operation, 3, keysOf(7), async (own, { storageKey }, index) => {
    most = Math.max(most, ++working);
    await new Promise<void>((resolve) => {
      ends.push(resolve);
      // The last that began ends first.
      if (ends.length === 3 || index === 6) while (ends.length > 0) ends.pop()!();
    });
    working--;
    own.entries.push({ outcome: 'notice', kind: 'origin', place: storageKey, reason: 'seen' });
    return storageKey;
  });
  expect(await results).toEqual(keysOf(7).map(({ origin }) => origin));
  expect(operation.entries.map(({ place }) => place)).toEqual(keysOf(7).map(({ origin }) => origin));
  expect(most).toBe(3);
  expect([tabs.opened, tabs.closed]).toEqual([3, 3]);
});

test('an origin that fails is null and an entry, costs no other, and the next one gets a fresh tab', async () => {
  const tabs = new Tabs();
  const operation = new Operation(tabs.port, {});
  const results = await eachOrigin(operation, 1, keysOf(3), async (_, { storageKey }, index) => {
    if (index === 1) throw new PspError('ADAPTER_TIMEOUT', 'it took too long');
    return storageKey;
  });
  expect(results).toEqual(['https://s0', null, 'https://s2']);
  expect(operation.entries).toEqual([
    { outcome: 'lost', kind: 'origin', place: 'https://s1', reason: 'it took too long', code: 'ADAPTER_TIMEOUT' },
  ]);
  expect([tabs.opened, tabs.closed]).toEqual([2, 2]);
});

test('when the browser goes away no further origin is begun, and every tab is closed before that is said', async () => {
  const tabs = new Tabs();
  const begun: number[] = [];
  const working = eachOrigin(new Operation(tabs.port, {}), 2, keysOf(9), async (_, __, index) => {
    begun.push(index);
    if (index === 3) throw new PspError('ADAPTER_DISCONNECTED', 'gone');
  });
  await expect(working).rejects.toMatchObject({ code: 'ADAPTER_DISCONNECTED' });
  expect(begun.length).toBeLessThan(9);
  expect(tabs.closed).toBe(tabs.opened);
});

test('two tabs for each processor, from two to sixteen; another number must be one', () => {
  expect(defaultTabs()).toBeGreaterThanOrEqual(2);
  expect(defaultTabs()).toBeLessThanOrEqual(16);
  for (const tabs of [0, -1, 1.5, Number.NaN]) expect(() => new Operation(new Tabs().port, { tabs })).toThrow(TypeError);
});
