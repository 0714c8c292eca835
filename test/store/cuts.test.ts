/**
 * Writers that count in one session while calls fail at random: before they do anything, after they have done all, or so that they are done only
 * later, when the writer has given them up. What the writers are told must add up to what is stored. The seed is in the name of each test.
 */

import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { PspError, type PspErrorCode } from '../../ts/errors.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { options, sessionOf } from './store-fixture.ts';

const CALLS = ['get', 'head', 'put'];
const CODES: readonly PspErrorCode[] = ['PROVIDER_UNAVAILABLE', 'PROVIDER_TIMEOUT'];

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `provider` with a fault in the given part of its calls; `late` collects what is done later. */
function unsteady(provider: StorageProvider, next: () => number, rate: number, late: Promise<unknown>[]): StorageProvider {
  return new Proxy(provider, {
    get(target, name: string) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (!CALLS.includes(name)) return value.bind(target);
      return async (...args: unknown[]): Promise<unknown> => {
        if (next() < 0.5) await setImmediate();
        const kind = next() < rate ? Math.floor(next() * 3) : null;
        const failure = new PspError(CODES[Math.floor(next() * 2)]!, 'planned');
        if (kind === 0) throw failure;
        if (kind === 1) {
          late.push(later(() => value.apply(target, args), Math.floor(next() * 8)));
          throw failure;
        }
        const result: unknown = await value.apply(target, args);
        if (kind === 2) throw failure;
        return result;
      };
    },
  });
}

async function later(work: () => Promise<unknown>, ticks: number): Promise<void> {
  for (let tick = 0; tick < ticks; tick++) await setImmediate();
  // What came of it nobody was told: it is part of the plan that it may be refused.
  await work().catch(() => undefined);
}

test.each([
  [1, 8, 0.2],
  [2, 8, 0.5],
  [3, 3, 0.7],
  [4, 16, 0.3],
])('seed %i: %i writers, a fault in %f of the calls', async (seed, writers, rate) => {
  const next = numbersFrom(seed);
  const base = memory();
  const late: Promise<unknown>[] = [];
  const retry = { attempts: 100 };
  await sessionStore(base, options()).put(sessionOf('s', { name: '' }));
  let unknown = 0;
  const counted: string[] = [];
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const store = sessionStore(unsteady(base, next, rate, late), options({ retry }));
      for (let at = 0; at < 120 / writers; at++) {
        const mark = `${writer}.${at}`;
        try {
          await store.update('s', (session) => ({ ...session, name: `${session.name!} ${mark}` }), { maxAttempts: 10_000 });
          counted.push(mark);
        } catch (error) {
          expect(error).toMatchObject({ code: 'STORE_CONFLICT', details: { found: 'unknown' } });
          unknown++;
        }
      }
    }),
  );
  await Promise.all(late);
  const { session, revision } = (await sessionStore(base, options()).get('s'))!;
  const stored = session.name!.split(' ').slice(1);
  // Each once, at most; all that were acknowledged; and of the others only those that nobody could tell of.
  expect(new Set(stored).size).toBe(stored.length);
  expect(counted.filter((mark) => !stored.includes(mark))).toEqual([]);
  expect(stored.length - counted.length).toBeLessThanOrEqual(unknown);
  expect(revision).toBe(stored.length + 1);
  expect(late.length).toBeGreaterThan(3);
});

test.each([[5], [6], [7]])('seed %i: a session that is deleted under writers never comes back', async (seed) => {
  const next = numbersFrom(seed);
  const base = memory();
  const late: Promise<unknown>[] = [];
  const calm = sessionStore(base, options());
  await calm.put(sessionOf('s'));
  const ends = Promise.all(
    Array.from({ length: 6 }, async () => {
      const store = sessionStore(unsteady(base, next, 0.4, late), options({ retry: { attempts: 50 } }));
      for (;;) {
        try {
          await (next() < 0.5 ? store.update('s', (session) => session) : store.put(sessionOf('s')));
        } catch (error) {
          const { code } = error as PspError;
          if (code === 'STORE_GONE') return code;
          expect(code).toBe('STORE_CONFLICT');
        }
      }
    }),
  );
  for (let tick = 0; tick < 20; tick++) await setImmediate();
  expect(await calm.delete('s')).toBe(true);
  expect(await ends).toEqual(Array.from({ length: 6 }, () => 'STORE_GONE'));
  await Promise.all(late);
  expect(await calm.get('s')).toBeNull();
  expect((await base.head('s'))!.size).toBe(0);
});
