/** Many sessions at a time: each is settled by itself and in its place, and nothing that single puts refuse gets in. */

import { expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { codeOf, faulty, listAll, options, sessionOf, withoutConditions } from './store-fixture.ts';

const many = (count: number, name = 'new') => Array.from({ length: count }, (_, at) => sessionOf(`s-${at}`, { name }));
const outcomes = (settled: readonly PromiseSettledResult<unknown>[]) =>
  settled.map((result) => (result.status === 'fulfilled' ? 'ok' : (result.reason as { code?: string }).code));

test('many new sessions go in groups, each with a result in its place', async () => {
  const { provider, calls } = faulty(memory(), {});
  const store = sessionStore(provider, options());
  const settled = await store.putMany(many(150));
  expect(settled).toHaveLength(150);
  expect(settled.every((result) => result.status === 'fulfilled' && result.value.revision === 1)).toBe(true);
  expect(calls).toMatchObject({ putMany: 3 });
  expect(calls['put']).toBeUndefined();
  expect(calls['head']).toBeUndefined();
  const read = await store.getMany(['s-0', 'none', 's-149']);
  expect(read).toMatchObject([
    { value: { session: { id: 's-0' }, revision: 1 } },
    { value: null },
    { value: { session: { id: 's-149' } } },
  ]);
  const versions = settled.map((result) => (result as { value: { version: string } }).value.version);
  expect((read[0] as { value: { version: string } }).value.version).toBe(versions[0]);
});

test('what is there is replaced, what is refused is refused by itself', async () => {
  const store = sessionStore(memory(), options());
  await store.put(sessionOf('s-1'));
  await store.put(sessionOf('s-2', { incarnation: 'other' }));
  await store.put(sessionOf('s-3'));
  await store.delete('s-3');
  const sessions = [...many(5), sessionOf('bad', { source: { tool: '' } }), sessionOf('s-0', { name: 'twice' })];
  expect(outcomes(await store.putMany(sessions))).toEqual(['ok', 'ok', 'STORE_CONFLICT', 'STORE_GONE', 'ok', 'SESSION_INVALID', 'ok']);
  expect(await store.get('s-0')).toMatchObject({ revision: 2, session: { name: 'twice' } });
  expect(await store.get('s-1')).toMatchObject({ revision: 2, session: { name: 'new' } });
  expect((await store.get('s-2'))!.session.incarnation).toBe('other');
  expect(outcomes(await store.putMany(many(3), { replace: true }))).toEqual(['ok', 'ok', 'ok']);
  expect((await store.get('s-2'))!.session.incarnation).toBe('first-life');
  expect(outcomes(await store.putMany(many(7), { ifNoneMatch: '*' }))).toEqual([
    ...['STORE_CONFLICT', 'STORE_CONFLICT', 'STORE_CONFLICT', 'STORE_GONE', 'STORE_CONFLICT'],
    ...['ok', 'ok'],
  ]);
});

test('a session that was written often is replaced like any other', async () => {
  const store = sessionStore(memory(), options());
  for (let at = 0; at < 20; at++) await store.put(sessionOf('s-0'));
  expect(await store.putMany(many(1))).toMatchObject([{ status: 'fulfilled', value: { revision: 21 } }]);
});

test('sessions that are mostly there are sent once', async () => {
  const base = memory();
  await sessionStore(base, options()).putMany(many(200));
  const { provider, calls } = faulty(base, {});
  const store = sessionStore(provider, options());
  const settled = await store.putMany(many(200, 'again'));
  expect(settled.every((result) => result.status === 'fulfilled' && result.value.revision === 2)).toBe(true);
  expect(calls).toMatchObject({ putMany: 1, put: 200 });
});

test.each(['before', 'after'] as const)('a group whose call fails %s it was made is put once', async (at) => {
  const base = memory();
  const { provider, calls } = faulty(base, { putMany: [{ at }] });
  const store = sessionStore(provider, options());
  const settled = await store.putMany(many(10));
  expect(settled.every((result) => result.status === 'fulfilled' && result.value.revision === 1)).toBe(true);
  expect(calls['put'] ?? 0).toBe(at === 'before' ? 10 : 0);
  const heads = await listAll(sessionStore(base, options()).list());
  expect(heads.map(({ revision }) => revision)).toEqual(Array.from({ length: 10 }, () => 1));
  const versions = settled.map((result) => (result as { value: { version: string } }).value.version);
  expect(heads.map(({ version }) => version).sort()).toEqual(versions.sort());
});

test('single reads that fail in passing are asked for again, alone', async () => {
  const base = memory();
  await sessionStore(base, options()).putMany(many(3));
  const asked: string[][] = [];
  const provider = new Proxy(base, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'getMany') return typeof value === 'function' ? value.bind(target) : value;
      return async (keys: string[]) => {
        asked.push([...keys]);
        const settled = await target.getMany(keys);
        if (asked.length > 1) return settled;
        const { PspError } = await import('../../ts/errors.ts');
        return settled.map((result, at) =>
          at === 1 ? { status: 'rejected' as const, reason: new PspError('PROVIDER_THROTTLED', 'planned') } : result,
        );
      };
    },
  });
  const settled = await sessionStore(provider, options()).getMany(['s-0', 's-1', 's-2']);
  expect(outcomes(settled)).toEqual(['ok', 'ok', 'ok']);
  expect(asked).toEqual([['s-0', 's-1', 's-2'], ['s-1']]);
});

test('many are deleted, each with a tombstone', async () => {
  const store = sessionStore(memory(), options());
  await store.putMany(many(30));
  expect(await store.deleteMany(['s-0', 'none', 's-0', 's-29'])).toMatchObject([
    { value: true },
    { value: false },
    { value: false },
    { value: true },
  ]);
  expect(await listAll(store.list())).toHaveLength(28);
  expect(await codeOf(store.put(sessionOf('s-29')))).toBe('STORE_GONE');
});

test('wrong arguments and an abort end the whole', async () => {
  const store = sessionStore(memory(), options());
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  expect(await codeOf(store.putMany(many(3), { signal }))).toBe(reason);
  expect(await codeOf(store.getMany(['a'], { signal }))).toBe(reason);
  expect(await codeOf(store.deleteMany(['a'], { signal }))).toBe(reason);
  await expect(store.getMany(['a', ''])).rejects.toThrow(RangeError);
  await expect(store.putMany([sessionOf('')])).rejects.toThrow(RangeError);
});

test('without conditions every session is put by itself', async () => {
  const { provider, calls } = faulty(withoutConditions(memory()), {});
  const store = sessionStore(provider, options());
  expect(outcomes(await store.putMany([...many(5), ...many(5)]))).toEqual(Array.from({ length: 10 }, () => 'ok'));
  expect(calls['put']).toBe(10);
  expect((await store.get('s-4'))!.revision).toBe(2);
});
