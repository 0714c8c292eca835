/** Law M18 over a provider without conditions: lives that have ended stay so, also after the record that named them has expired. */
import { describe, expect, test } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { type SessionStore, sessionStore } from '../../ts/store/session-store.ts';
import { codeOf, listAll, options } from './store-fixture.ts';
import {
  add,
  commitItems,
  damagedAt,
  failing,
  far,
  hiding,
  ID,
  itemSession,
  lifeOf,
  OBJECT,
  type Place,
  placeWith,
  secondLife,
  storedItems,
} from './writers-fixture.ts';

describe('M18 without conditions: a new life that expires', () => {
  const MARK = /^shop\/#ended\/[0-9a-f]{8}$/;
  const DAY_MS = 86_400_000;

  async function marksIn(place: Place): Promise<number> {
    return (await place.keys()).filter((key) => MARK.test(key)).length;
  }

  async function expectNothing(place: Place): Promise<void> {
    const store = place.open();
    expect([await store.get(ID), await store.head(ID), await listAll(store.list())]).toEqual([null, null, []]);
    expect(await store.getMany([ID])).toEqual([{ status: 'fulfilled', value: null }]);
    expect(await codeOf(store.checkout(ID))).toBe('STORE_GONE');
    expect(await store.delete(ID)).toBe(false);
  }

  test('leaves behind what it knew of lives before: none of them comes back, and a put of one is STORE_GONE', async () => {
    const place = await secondLife();
    expect(await storedItems(place.open())).toEqual({ token: 'second' });
    expect(await codeOf(place.open().put(itemSession({ token: 'a' })))).toBe('STORE_GONE');
    place.nowMs += 700_000;
    await expectNothing(place);
    for (const replace of [false, true])
      expect(await codeOf(place.open().put(itemSession({ token: 'a' }), { replace }))).toBe('STORE_GONE');
    expect(await place.open().putMany([itemSession({})])).toMatchObject([{ status: 'rejected', reason: { code: 'STORE_GONE' } }]);
    // It has expired and not ended: it may go on, as ever.
    await place.open().put(lifeOf(place, 'second'));
    expect(await storedItems(place.open())).toEqual({ token: 'second' });
  });

  test('so does each that follows it, whether it is deleted or expires', async () => {
    const place = await secondLife();
    await commitItems(await place.open().checkout(ID), add('y'));
    const late = await Promise.all((await place.keys()).filter((key) => OBJECT.test(key)).map((key) => place.provider.get(key)));
    await far(place).delete(ID);
    await far(place).put(lifeOf(place, 'third'));
    expect(await marksIn(place)).toBe(2);
    place.nowMs += 700_000;
    await expectNothing(place);
    await place.open().put(lifeOf(place, 'fourth'));
    // Nothing was there to be ended, and what has ended is known.
    expect(await marksIn(place)).toBe(2);
    place.nowMs += 400 * DAY_MS;
    for (const record of late) await place.provider.put(record!.key, record!.value, { metadata: record!.metadata });
    await expectNothing(place);
    for (const life of ['first', 'second']) expect(await codeOf(place.open().put(itemSession({}, life)))).toBe('STORE_GONE');
    for (const life of ['third', 'fourth']) expect(await codeOf(place.open().put(lifeOf(place, life), { replace: true }))).toBe('none');
  });

  test('and one that comes to expire later, or stands in the place of another', async () => {
    const place = await placeWith({ token: 'a' });
    await commitItems(await place.open().checkout(ID), add('x'));
    await far(place).put(itemSession({ token: 'b' }, 'second'), { replace: true });
    expect(await marksIn(place)).toBe(0);
    await far(place).put(lifeOf(place, 'second'));
    expect(await marksIn(place)).toBe(1);
    await far(place).put(lifeOf(place, 'third'), { replace: true });
    expect(await marksIn(place)).toBe(2);
    place.nowMs += 700_000;
    await expectNothing(place);
    expect(await codeOf(place.open().put(itemSession({}, 'second')))).toBe('STORE_GONE');
  });

  test('a life that does not expire keeps sixteen marks in its record; older ones stand beside it', async () => {
    const place = await placeWith({ token: 'a' });
    await commitItems(await place.open().checkout(ID), add('x'));
    for (let life = 0; life < 20; life++) {
      await far(place).delete(ID);
      await far(place).put(itemSession({ token: 'new' }, `life ${life}`));
    }
    await far(place).delete(ID);
    expect(await marksIn(place)).toBe(21 - 16);
    await expectNothing(place);
    for (const life of ['first', 'life 0', 'life 19']) expect(await codeOf(place.open().put(itemSession({}, life)))).toBe('STORE_GONE');
  });

  test('is not put where a mark could not be', async () => {
    for (const code of ['PROVIDER_UNAVAILABLE', 'PROVIDER_TOO_LARGE'] as const) {
      const place = await placeWith({ token: 'a' });
      await commitItems(await place.open().checkout(ID), add('x'));
      await far(place).delete(ID);
      const tombstone = await place.provider.get(ID);
      const store = place.open(failing(place.provider, (key) => MARK.test(key), code));
      expect(await codeOf(store.put(lifeOf(place, 'second')))).toBe(code);
      expect(await place.provider.get(ID)).toEqual(tombstone);
      await expectNothing(place);
      await place.open().put(lifeOf(place, 'second'));
      place.nowMs += 700_000;
      await expectNothing(place);
    }
  });

  test('a mark whose reply was lost is put again, and one that is there is not', async () => {
    const place = await placeWith({ token: 'a' });
    await far(place).delete(ID);
    const puts: string[] = [];
    const losing = new Proxy(place.provider, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
        return async (...args: Parameters<StorageProvider['put']>) => {
          puts.push(args[0]);
          const head = await target.put(...args);
          if (puts.length === 1) throw new PspError('PROVIDER_TIMEOUT', 'the reply was lost');
          return head;
        };
      },
    });
    const store = sessionStore(losing, options({ now: () => place.nowMs }));
    await store.put(lifeOf(place, 'second'));
    await store.put(lifeOf(place, 'second'));
    expect(puts.map((key) => (MARK.test(key) ? 'mark' : key))).toEqual(['mark', 'mark', ID, ID]);
  });

  test('where it could not be put after its marks, whoever it was to replace stays the session', async () => {
    const place = await placeWith({ token: 'a' });
    await commitItems(await place.open().checkout(ID), add('x'));
    const store = place.open(failing(place.provider, (key) => key === ID, 'PROVIDER_TOO_LARGE'));
    expect(await codeOf(store.put(lifeOf(place, 'second'), { replace: true }))).toBe('PROVIDER_TOO_LARGE');
    expect(await marksIn(place)).toBe(1);
    await commitItems(await place.open().checkout(ID), add('y'));
    expect((await place.keys()).filter((key) => OBJECT.test(key))).toHaveLength(2);
    await place.open().put((await place.open().get(ID))!.session);
    expect(await storedItems(place.open())).toEqual({ token: 'a', x: '1', y: '1' });
    await place.open().delete(ID);
    await expectNothing(place);
  });

  test('a commit that was under way all the while is told, and leaves no object', async () => {
    const place = await placeWith({ token: 'a' });
    let isOver = false;
    const slow = new Proxy(place.provider, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
        return async (...args: Parameters<StorageProvider['put']>) => {
          if (!isOver) {
            isOver = true;
            await place.open().delete(ID);
            await place.open().put(lifeOf(place, 'second'));
            place.nowMs += 700_000;
          }
          return target.put(...args);
        };
      },
    });
    const store = place.open(slow);
    expect(await codeOf(commitItems(await store.checkout(ID), add('late')))).toBe('STORE_GONE');
    expect((await place.keys()).filter((key) => OBJECT.test(key))).toEqual([]);
    expect(await store.get(ID)).toBeNull();
  });

  test('what this store wrote last to a life that has ended is not shown from memory', async () => {
    const place = await placeWith({ token: 'a' });
    const store = far(place);
    await commitItems(await store.checkout(ID), add('x'));
    await far(place).delete(ID);
    await far(place).put(lifeOf(place, 'second', 1000));
    place.nowMs += 61_000;
    expect(await store.get(ID)).toBeNull();
  });

  test('a purge takes the marks last: at no point does a life come back, and after it any may', async () => {
    for (const state of ['expired', 'deleted', 'never followed']) {
      const place = state === 'never followed' ? await placeWith({ token: 'a' }) : await secondLife();
      if (state === 'never followed') await commitItems(await place.open().checkout(ID), add('x'));
      if (state === 'expired') place.nowMs += 700_000;
      else await far(place).delete(ID);
      const seen: unknown[] = [];
      const watched = new Proxy(place.provider, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name);
          if (name !== 'delete' && name !== 'deleteMany') return typeof value === 'function' ? value.bind(target) : value;
          return async (...args: unknown[]) => {
            const result: unknown = await (value as (...args: unknown[]) => unknown).apply(target, args);
            seen.push(await storedItems(place.open()));
            return result;
          };
        },
      });
      await place.open(watched).purge(ID);
      expect(seen).toEqual(state === 'never followed' ? [null, null] : [null, null, null]);
      expect(await place.keys()).toEqual([]);
      await place.open().put(itemSession({ token: 'a' }));
      expect(await storedItems(place.open())).toEqual({ token: 'a' });
    }
  });

  test('a purge removes a record that is none, too', async () => {
    const place = await secondLife();
    await place.provider.put(ID, new Uint8Array(3), { metadata: { some: 'thing' } });
    await place.open().purge(ID);
    expect(await place.keys()).toEqual([]);
  });

  test('a purge whose marks stay, because a deletion before them failed, is made again', async () => {
    const place = await secondLife();
    place.nowMs += 700_000;
    const stuck = new Proxy(place.provider, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'deleteMany') return typeof value === 'function' ? value.bind(target) : value;
        return async (keys: readonly string[]) =>
          keys.map(() => ({ status: 'rejected', reason: new PspError('PROVIDER_UNAVAILABLE', 'planned') }));
      },
    });
    expect(await codeOf(place.open(stuck).purge(ID))).toBe('PROVIDER_UNAVAILABLE');
    await expectNothing(place);
    await place.open().purge(ID);
    expect(await place.keys()).toEqual([]);
  });

  test('in namespaces inside marks are of their own session, and none of the store around it', async () => {
    const place = await placeWith(null);
    const inside = (over?: StorageProvider): SessionStore => place.open(over).withNamespace(ID);
    const blind = hiding(place.provider, (key) => key.includes('/#w/'));
    await inside().put(itemSession({ token: 'a' }, 'first', '#x'));
    const work = await inside().checkout('#x');
    await work.commit({ session: { ...work.session, name: 'late' } });
    await inside(blind).delete('#x');
    await inside(blind).put({ ...itemSession({}, 'second', '#x'), expiresAt: place.nowMs + 600_000 });
    expect((await place.keys()).some((key) => key.startsWith(`${ID}/#x/#ended/`))).toBe(true);
    // Nothing of it is beside the session that has the name of the namespace for its id.
    await place.open().put(itemSession({ token: 'outside' }));
    await place.provider.put(`${ID}/#y`, new Uint8Array(3), { metadata: { some: 'thing' } });
    expect(await storedItems(place.open())).toEqual({ token: 'outside' });
    const [bad, own] = [`${ID}/#y`, `${ID}/#w/0123456789abcdef/1`].map((key) => place.open(damagedAt(place.provider, key)));
    expect(await storedItems(bad!)).toEqual({ token: 'outside' });
    expect(await codeOf(own!.get(ID))).toBe('PROVIDER_CORRUPT');
    expect(await listAll(place.open().list())).toMatchObject([{ id: ID, incarnation: 'first' }]);
    await place.open().purge(ID);
    place.nowMs += 700_000;
    expect(await inside().get('#x')).toBeNull();
    expect(await codeOf(inside().put(itemSession({}, 'first', '#x')))).toBe('STORE_GONE');
    expect(await listAll(inside().list({ prefix: '#x' }))).toEqual([]);
    expect(await listAll(place.open().list())).toEqual([]);
  });
});
