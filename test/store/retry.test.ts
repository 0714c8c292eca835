/** Lost replies, lost races and failing services: which calls are made again, and that every write has one truth. */

import { describe, expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { systemRandom } from '../../ts/envelope/random.ts';
import { PspError } from '../../ts/errors.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { Operation, type StoreMetric } from '../../ts/store/metrics.ts';
import { Retry } from '../../ts/store/retry.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import type { SessionStoreOptions } from '../../ts/store/store.ts';
import { codeOf, type Fault, faulty, NOW, options, SECRET, sessionOf } from './store-fixture.ts';

const BEFORE: Fault = { at: 'before' };
const AFTER: Fault = { at: 'after' };
const counted = (count: number) => sessionOf('s', { name: String(count) });

/** A store with `counted(0)` in it, and a second one that nothing fails for. */
async function counting(plan: Parameters<typeof faulty>[1], more: Partial<SessionStoreOptions> = {}) {
  const base = memory({ now: () => NOW });
  const calm = sessionStore(base, options());
  await calm.put(counted(0));
  const { provider, calls } = faulty(base, plan);
  return { calm, calls, base, store: sessionStore(provider, options(more)) };
}

const increment = (session: { readonly name?: string }) => ({ ...sessionOf('s'), ...session, name: String(Number(session.name) + 1) });

describe('a lost reply has one truth', () => {
  test.each<[string, (Fault | null)[]]>([
    ['before', [BEFORE]],
    ['after', [AFTER]],
    ['before, twice', [BEFORE, BEFORE]],
    ['after, twice', [AFTER, AFTER]],
    ['before and after', [BEFORE, AFTER]],
    ['after and before', [AFTER, BEFORE]],
    ['a time-out after', [{ at: 'after', code: 'PROVIDER_TIMEOUT' }]],
    ['a throttled call', [{ at: 'before', code: 'PROVIDER_THROTTLED' }]],
  ])('an update that is cut %s counts once', async (_, put) => {
    const { store, calm } = await counting({ put });
    const updated = await store.update('s', increment);
    const read = (await calm.get('s'))!;
    expect(read.session.name).toBe('1');
    expect(read).toMatchObject({ revision: 2, version: updated.version });
    expect(updated.session.revision).toBe(2);
  });

  test.each<[string, (Fault | null)[]]>([
    ['before', [BEFORE]],
    ['after', [AFTER]],
    ['after, twice', [AFTER, AFTER]],
  ])('a put that is cut %s is made once', async (_, put) => {
    const { provider, calls } = faulty(memory(), { put });
    const store = sessionStore(provider, options());
    const created = await store.put(sessionOf('new'), { ifNoneMatch: '*' });
    expect(await store.head('new')).toMatchObject({ version: created.version, revision: 1 });
    expect(calls['put']).toBe(put[0]!.at === 'before' ? 2 : 1);
  });

  test.each<[string, (Fault | null)[], boolean]>([
    ['before', [BEFORE], true],
    ['after', [AFTER], true],
    ['for ever', Array.from({ length: 9 }, () => BEFORE), false],
  ])('a delete that is cut %s', async (_, put, isDone) => {
    const { store, calm } = await counting({ put });
    expect(await codeOf(store.delete('s'))).toBe(isDone ? 'none' : 'PROVIDER_UNAVAILABLE');
    expect(await calm.head('s')).toEqual(isDone ? null : expect.anything());
    if (isDone) expect(await codeOf(calm.put(counted(1)))).toBe('STORE_GONE');
  });

  test('others that write on a write whose reply was lost do not make it count twice', async () => {
    for (const others of [1, 15]) {
      const meanwhile = async () => {
        for (let at = 0; at < others; at++) await calm.update('s', increment);
      };
      const { store, calm, calls } = await counting({ put: [{ at: 'after', meanwhile }] });
      const updated = await store.update('s', increment);
      expect((await calm.get('s'))!.session.name).toBe(String(1 + others));
      expect(calls['put']).toBe(1);
      // Its version was replaced: who goes on from it is told.
      expect(await codeOf(store.put(updated.session, { ifMatch: updated.version }))).toBe('STORE_CONFLICT');
    }
  });

  test('a write that arrives only when it is made again counts once', async () => {
    const { calm, base } = await counting({});
    const puts: Parameters<StorageProvider['put']>[] = [];
    const slow = new Proxy(base, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
        return async (...args: Parameters<StorageProvider['put']>) => {
          if (puts.push(args) === 1) throw new PspError('PROVIDER_TIMEOUT', 'planned');
          if (puts.length === 2) await target.put(...puts[0]!);
          return target.put(...args);
        };
      },
    });
    const updated = await sessionStore(slow, options()).update('s', increment);
    expect(puts).toHaveLength(2);
    expect(await calm.get('s')).toMatchObject({ revision: 2, version: updated.version, session: { name: '1' } });
  });

  test('others that wrote in its place make it be done anew, on theirs', async () => {
    const { store, calm } = await counting({ put: [{ at: 'before', meanwhile: () => calm.update('s', increment) }] });
    expect((await store.update('s', increment)).session.name).toBe('2');
    expect((await calm.get('s'))!.session.name).toBe('2');
  });

  test('where so many wrote that nothing tells any more, the store says so and writes nothing', async () => {
    for (const at of ['before', 'after'] as const) {
      const meanwhile = async () => {
        for (let other = 0; other < 20; other++) await calm.update('s', increment);
      };
      const { store, calm, calls } = await counting({ put: [{ at, meanwhile }] });
      await expect(store.update('s', increment)).rejects.toMatchObject({ code: 'STORE_CONFLICT', details: { found: 'unknown' } });
      expect(calls['put']).toBe(1);
      expect((await calm.get('s'))!.session.name).toBe(at === 'after' ? '21' : '20');
    }
  });

  test('a delete meanwhile: the write that was made has been deleted, the one that was not is gone', async () => {
    const later = await counting({ put: [{ at: 'after', meanwhile: () => later.calm.delete('s') }] });
    expect((await later.store.update('s', increment)).revision).toBe(2);
    const earlier = await counting({ put: [{ at: 'before', meanwhile: () => earlier.calm.delete('s') }] });
    expect(await codeOf(earlier.store.update('s', increment))).toBe('STORE_GONE');
    expect(await earlier.calm.get('s')).toBeNull();
  });

  test('the last attempt is looked at too, also with retry: false', async () => {
    const made = await counting({ put: [AFTER] }, { retry: false });
    expect((await made.store.update('s', increment)).revision).toBe(2);
    expect(made.calls['put']).toBe(1);
    const failed = await counting({ put: [BEFORE] }, { retry: false });
    expect(await codeOf(failed.store.update('s', increment))).toBe('PROVIDER_UNAVAILABLE');
    expect((await failed.calm.get('s'))!.session.name).toBe('0');
    // The service stays away: the failure of the write is what is told.
    const away = await counting({ put: [{ at: 'after', code: 'PROVIDER_TIMEOUT' }], head: [BEFORE] }, { retry: false });
    expect(await codeOf(away.store.update('s', increment))).toBe('PROVIDER_TIMEOUT');
  });

  test('a purge whose reply was lost removes nothing that was created since', async () => {
    const { store, calm } = await counting({ delete: [{ at: 'after', meanwhile: () => calm.put(counted(9)) }] });
    await store.purge('s');
    expect((await calm.get('s'))!.session.name).toBe('9');
    const written = await counting({ delete: [{ at: 'before', meanwhile: () => written.calm.update('s', increment) }] });
    await written.store.purge('s');
    expect(await written.base.head('s')).toBeNull();
    const other = await counting({ delete: [AFTER] });
    await other.store.purge('s');
    expect(await other.base.head('s')).toBeNull();
  });
});

describe('what is made again', () => {
  test.each(['PROVIDER_UNAVAILABLE', 'PROVIDER_THROTTLED', 'PROVIDER_TIMEOUT'] as const)('a read after %s', async (code) => {
    const fault: Fault = { at: 'before', code };
    const { store, calls } = await counting({ get: [fault, fault, fault], head: [fault], getMany: [fault], listPage: [fault] });
    expect((await store.get('s'))!.revision).toBe(1);
    expect(calls['get']).toBe(4);
    expect((await store.head('s'))!.revision).toBe(1);
    expect(await store.getMany(['s'])).toMatchObject([{ status: 'fulfilled' }]);
    const listed = [];
    for await (const head of store.list()) listed.push(head.id);
    expect(listed).toEqual(['s']);
  });

  test('no more than `attempts` times, and nothing for other codes', async () => {
    const endless = Array.from({ length: 20 }, () => BEFORE);
    const { store, calls } = await counting({ get: endless, put: endless });
    expect(await codeOf(store.get('s'))).toBe('PROVIDER_UNAVAILABLE');
    expect(calls['get']).toBe(4);
    expect(await codeOf(store.put(counted(1)))).toBe('PROVIDER_UNAVAILABLE');
    expect(calls['put']).toBe(4);
    const corrupt = await counting({ get: [{ at: 'before', code: 'PROVIDER_CORRUPT' }] });
    expect(await codeOf(corrupt.store.get('s'))).toBe('PROVIDER_CORRUPT');
    expect(corrupt.calls['get']).toBe(1);
    const never = await counting({ get: [BEFORE] }, { retry: false });
    expect(await codeOf(never.store.get('s'))).toBe('PROVIDER_UNAVAILABLE');
  });

  test('a wait ends with the signal', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const retry = { attempts: 100, baseMs: 3_600_000, maxMs: 3_600_000 };
    const abort = async () => void setTimeout(() => controller.abort(reason));
    const { store } = await counting({ get: [{ at: 'before', meanwhile: abort }] }, { retry, random: () => new Uint8Array(16).fill(255) });
    expect(await codeOf(store.get('s', { signal: controller.signal }))).toBe(reason);
    expect(await codeOf(store.get('s', { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(await codeOf(store.update('s', increment, { signal: AbortSignal.abort(reason) }))).toBe(reason);
  });

  test('waits grow, have full jitter, and end at the longest', async () => {
    const waits: number[] = [];
    const original = globalThis.setTimeout;
    globalThis.setTimeout = ((work: () => void, ms: number) => {
      waits.push(ms);
      return original(work, 0);
    }) as typeof setTimeout;
    try {
      for (const byte of [0, 255]) {
        const retry = new Retry({ baseMs: 100, maxMs: 500 }, () => new Uint8Array(2).fill(byte));
        for (const failures of [1, 2, 3, 4, 40]) await retry.waitAfterFailure(new Operation({}), failures);
      }
    } finally {
      globalThis.setTimeout = original;
    }
    expect(waits).toEqual([0, 0, 0, 0, 0, 100, 200, 400, 500, 500]);
  });

  test('options out of range are refused', () => {
    for (const retry of [{ attempts: 0 }, { attempts: 1.5 }, { baseMs: -1 }, { maxMs: Number.NaN }]) {
      expect(() => sessionStore(memory(), options({ retry }))).toThrow(RangeError);
    }
  });
});

describe('updates', () => {
  test('8 writers of one session lose nothing', async () => {
    const provider = memory();
    const stores = Array.from({ length: 8 }, () => sessionStore(provider, { ...options(), random: systemRandom }));
    await stores[0]!.put(counted(0));
    await Promise.all(
      stores.map(async (store) => {
        for (let at = 0; at < 10; at++) await store.update('s', increment);
      }),
    );
    expect(await stores[0]!.get('s')).toMatchObject({ revision: 81, session: { name: '80' } });
  });

  test('give up after maxAttempts, leave what they are told to leave, and keep id and incarnation', async () => {
    const { store, calm } = await counting({});
    let attempts = 0;
    const disturbed = store.update(
      's',
      async (session) => {
        attempts++;
        await calm.update('s', increment);
        return session;
      },
      { maxAttempts: 3 },
    );
    await expect(disturbed).rejects.toMatchObject({ code: 'STORE_CONFLICT', details: { found: 'attempts' } });
    expect(attempts).toBe(3);
    expect((await store.update('s', () => null)).revision).toBe(4);
    await expect(store.update('s', (session) => ({ ...session, id: 't' }))).rejects.toThrow(TypeError);
    await expect(store.update('s', (session) => ({ ...session, incarnation: 't' }))).rejects.toThrow(TypeError);
    const thrown = new Error('of the change');
    expect(await codeOf(store.update('s', () => Promise.reject(thrown)))).toBe(thrown);
    expect((await calm.get('s'))!.revision).toBe(4);
  });

  test('can be aborted between two attempts', async () => {
    const { store, calm } = await counting({});
    const controller = new AbortController();
    const reason = new Error('enough');
    const update = store.update(
      's',
      async (session) => {
        await calm.update('s', increment);
        controller.abort(reason);
        return session;
      },
      { signal: controller.signal },
    );
    expect(await codeOf(update)).toBe(reason);
    expect((await calm.get('s'))!.session.name).toBe('1');
  });
});

test('metrics tell operation, outcome, bytes and attempts, and nothing of the session', async () => {
  const metrics: StoreMetric[] = [];
  const { store } = await counting({ get: [BEFORE] }, { onMetric: (metric) => metrics.push(metric) });
  await store.get('s');
  await store.put(sessionOf('secret-id'));
  await store.put(sessionOf('secret-id'), { ifNoneMatch: '*' }).catch(() => undefined);
  await store.get('s', { signal: AbortSignal.abort() }).catch(() => undefined);
  for await (const _ of store.list()) break;
  await store.withNamespace('n').getMany(['x']);
  expect(metrics.map(({ operation, outcome, attempts }) => [operation, outcome, attempts])).toEqual([
    ['get', 'ok', 2],
    ['put', 'ok', 1],
    ['put', 'STORE_CONFLICT', 1],
    ['get', 'error', 1],
    ['list', 'ok', 1],
    ['getMany', 'ok', 1],
  ]);
  expect(metrics[0]!.bytes).toBeGreaterThan(500);
  expect(metrics[1]!.bytes).toBeGreaterThan(500);
  expect(metrics.every(({ ms }) => ms >= 0)).toBe(true);
  expect(JSON.stringify(metrics)).not.toMatch(new RegExp(`secret-id|${SECRET}|store`));
});

test('a fault that is none of a provider is not made again', async () => {
  const base = memory();
  const broken = new Proxy(base, {
    get: (target, name) => (name === 'get' ? () => Promise.reject(new PspError('PROVIDER_CLOSED', 'closed')) : Reflect.get(target, name)),
  });
  expect(await codeOf(sessionStore(broken, options()).get('s'))).toBe('PROVIDER_CLOSED');
});
