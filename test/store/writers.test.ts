/** Law M19: checkouts over a provider without conditions. What a worker commits is an object of its own; whoever reads joins them. */
import { describe, expect, test } from 'vitest';
import { PspError, type PspErrorCode } from '../../ts/errors.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import type { Session } from '../../ts/session/session.ts';
import { type SessionStore, sessionStore } from '../../ts/store/session-store.ts';
import { codeOf, listAll, options } from './store-fixture.ts';
import { add, commitItems, hiding, ID, itemSession, OBJECT, type Place, placeWith, START, storedItems } from './writers-fixture.ts';

describe('M19: commits without conditions', () => {
  test('what several workers changed is kept from all, each in an object that is written once', async () => {
    const place = await placeWith({ token: 'old' });
    const stores = [place.open(), place.open(), place.open()];
    const works = await Promise.all(stores.map((store) => store.checkout(ID)));
    await Promise.all(works.map((work, at) => commitItems(work, add(`item ${at}`))));
    expect(await storedItems(place.open())).toEqual({ token: 'old', 'item 0': '1', 'item 1': '1', 'item 2': '1' });
    const [record, ...objects] = await place.keys();
    expect(record).toBe(ID);
    expect(objects).toHaveLength(3);
    for (const key of objects) expect(key).toMatch(OBJECT);
    expect(new Set(objects.map((key) => key.split('/')[2])).size).toBe(3);
  });

  test('a deletion is kept beside what others wrote, and a change that saw another one replaces it', async () => {
    const place = await placeWith({ token: 'old', cart: '1' });
    const [one, two] = [await place.open().checkout(ID), await place.open().checkout(ID)];
    place.nowMs += 1000;
    await commitItems(one, ({ cart: _, ...rest }) => rest);
    await commitItems(two, add('token', 'fresh'));
    expect(await storedItems(place.open())).toEqual({ token: 'fresh' });
    await commitItems(await place.open().checkout(ID), add('cart', '2'));
    expect(await storedItems(place.open())).toEqual({ token: 'fresh', cart: '2' });
  });

  test('a worker goes on from its own last write where the service does not show it yet', async () => {
    const place = await placeWith({ a: '0' });
    const store = place.open(hiding(place.provider, (key) => OBJECT.test(key)));
    const work = await store.checkout(ID);
    await commitItems(work, add('a'));
    expect(await storedItems(store)).toEqual({ a: '1' });
    const { session } = await commitItems(work, add('b'));
    expect(session.revision).toBe(3);
    const [, , last] = await place.keys();
    const alone = place.open(hiding(place.provider, (key) => key !== last));
    expect(await storedItems(alone)).toEqual({ a: '1', b: '1' });
  });

  test('what it wrote is remembered for two minutes, and not shown from memory after a deletion', async () => {
    const place = await placeWith({ a: '0' });
    const store = place.open(hiding(place.provider, (key) => OBJECT.test(key)));
    await commitItems(await store.checkout(ID), add('a'));
    place.nowMs += 120_001;
    expect(await storedItems(store)).toEqual({ a: '0' });
    await commitItems(await store.checkout(ID), add('b'));
    await place.open().delete(ID);
    expect(await storedItems(store)).toBeNull();
  });

  test('a lost reply, and a commit that fails, lose nothing', async () => {
    const place = await placeWith({ a: '0' });
    let left = 3;
    const failing = new Proxy(place.provider, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
        return async (...args: Parameters<StorageProvider['put']>) => {
          const head = await target.put(...args);
          if (left-- > 0) throw new PspError('PROVIDER_TIMEOUT', 'the reply was lost');
          return head;
        };
      },
    });
    const work = await sessionStore(failing, options({ now: () => place.nowMs })).checkout(ID);
    await commitItems(work, add('a'));
    expect(await place.keys()).toHaveLength(2);
    left = 4;
    expect(await codeOf(commitItems(work, add('b')))).toBe('PROVIDER_TIMEOUT');
    expect(await work.commit({ session: { ...work.session, storage: itemSession({ a: '1', b: '1' }).storage } })).toMatchObject({
      written: 0,
    });
    expect(await storedItems(place.open())).toEqual({ a: '1', b: '1' });
  });

  test('an update, a compaction and conditions are refused', async () => {
    const store = (await placeWith({ a: '0' })).open();
    const version = (await store.get(ID))!.version;
    for (const work of [
      () => store.update(ID, (session) => session),
      () => store.compact(ID),
      () => store.delete(ID, { ifMatch: version }),
      () => store.put(itemSession({}), { ifMatch: version }),
    ]) {
      expect(await codeOf(work())).toBe('PROVIDER_UNSUPPORTED');
    }
  });

  test('a session that was read, changed and put is joined with what others commit', async () => {
    const place = await placeWith({ a: '0', b: '0' });
    const work = await place.open().checkout(ID);
    await commitItems(work, add('a'));
    const { session } = (await place.open().get(ID))!;
    await commitItems(work, add('c'));
    place.nowMs += 1000;
    await place.open().put({ ...session, storage: itemSession({ a: 'put' }).storage, updatedAt: place.nowMs });
    expect(await storedItems(place.open())).toEqual({ a: 'put', c: '1' });
  });

  test('objects are sealed for the keys of the store that writes them', async () => {
    const place = await placeWith({ secret: 'SECRETVALUE' });
    await commitItems(await place.open().checkout(ID), add('other', 'SECRETVALUE'));
    for (const key of await place.keys()) {
      const { value } = (await place.provider.get(key))!;
      expect(Buffer.from(value.subarray(0, 4)).toString()).toBe('PSPE');
    }
    expect(await codeOf(sessionStore(place.provider, options({ keys: null })).get(ID))).toBe('KEY_MISSING');
  });
});

describe('M19: looks', () => {
  test('head, list and getMany show merged sessions, and those of which only objects are there', async () => {
    const place = await placeWith({ a: '0' });
    const store = place.open();
    await store.put(itemSession({ b: '0' }, 'first', 'shop-2'));
    await store.put(itemSession({ c: '0' }, 'first', 'sho'));
    await store.withNamespace('inside').put(itemSession({}));
    await commitItems(await store.withNamespace('inside').checkout(ID), add('x'));
    await commitItems(await store.checkout(ID), add('a'));
    await commitItems(await store.checkout('shop-2'), add('b'));
    await place.provider.delete('shop-2');
    const listed = await listAll(store.list());
    expect(listed.map(({ id, revision }) => [id, revision]).sort()).toEqual([
      ['sho', 1],
      ['shop', 2],
      ['shop-2', 2],
    ]);
    for (const head of listed) expect(await store.head(head.id)).toEqual(head);
    expect((await listAll(store.list({ prefix: 'shop', limit: 1 }))).length).toBe(1);
    expect(await listAll(place.open().withNamespace('inside').list())).toMatchObject([{ id: ID, revision: 2 }]);
    expect(await storedItems(store, 'shop-2')).toEqual({ b: '1' });
    const many = await place.open().getMany([ID, 'nobody', 'sho']);
    expect(many.map((one) => one.status === 'fulfilled' && one.value?.revision)).toEqual([2, undefined, 1]);
    expect(await codeOf(place.open().get(ID, { minRevision: 3 }))).toBe('ENVELOPE_ROLLBACK');
  });

  test('an object that is none is reported where it would be missing', async () => {
    const place = await placeWith({ a: '0' });
    await place.provider.put('shop/#w/0123456789abcdef/1', new Uint8Array(3), { metadata: { some: 'thing' } });
    const store = place.open();
    expect(await codeOf(store.get(ID))).toBe('STORE_MALFORMED');
    expect(await codeOf(listAll(store.list()))).toBe('STORE_MALFORMED');
    const damaged: unknown[] = [];
    expect(await listAll(store.list({ onDamaged: (one) => void damaged.push(one) }))).toMatchObject([{ id: ID }]);
    expect(damaged).toMatchObject([{ key: 'shop/#w/0123456789abcdef/1' }]);
  });

  test('objects lie in the seal context of their session', async () => {
    const store = (await placeWith(null)).open().withNamespace('ns');
    expect(store.contextOf('ns/shop/#w/0123456789abcdef/12')).toEqual(store.contextOf('ns/shop'));
  });
});

describe('M19: what may go', () => {
  /** Two commits, the second of which has seen the first. */
  async function twoCommits(place: Place): Promise<{ store: SessionStore; keys: string[] }> {
    const store = place.open();
    await commitItems(await store.checkout(ID), add('a'));
    await commitItems(await store.checkout(ID), add('b'));
    return { store, keys: await place.keys() };
  }

  test('an object goes once one that holds all of it was seen two minutes ago', async () => {
    const place = await placeWith({ a: '0' });
    const { store } = await twoCommits(place);
    place.nowMs += 119_999;
    await commitItems(await store.checkout(ID), add('c'));
    expect(await place.keys()).toHaveLength(4);
    place.nowMs += 1;
    await commitItems(await store.checkout(ID), add('d'));
    // Of the two that are two minutes old the second stays; the last two are too young to stand for anything.
    expect(await place.keys()).toHaveLength(4);
    place.nowMs += 120_000;
    await commitItems(await store.checkout(ID), add('e'));
    expect(await place.keys()).toHaveLength(3);
    expect(await storedItems(place.open())).toEqual({ a: '1', b: '1', c: '1', d: '1', e: '1' });
  });

  test('who has just come trusts the times of others only with ten minutes to spare', async () => {
    const place = await placeWith({ a: '0' });
    const { keys } = await twoCommits(place);
    place.nowMs += 719_999;
    await commitItems(await place.open().checkout(ID), add('c'));
    expect((await place.keys()).filter((key) => keys.includes(key))).toHaveLength(3);
    place.nowMs += 1;
    await commitItems(await place.open().checkout(ID), add('d'));
    expect((await place.keys()).filter((key) => keys.includes(key))).toHaveLength(2);
    expect(await storedItems(place.open())).toEqual({ a: '1', b: '1', c: '1', d: '1' });
  });

  test('what nobody has seen stays, however old it is', async () => {
    const place = await placeWith({ a: '0' });
    const apart = place.open(hiding(place.provider, (key) => OBJECT.test(key)));
    await commitItems(await apart.checkout(ID), add('unseen'));
    place.nowMs += 3_600_000;
    const blind = place.open(hiding(place.provider, (key) => OBJECT.test(key)));
    for (const name of ['x', 'y']) {
      await commitItems(await blind.checkout(ID), add(name));
      place.nowMs += 3_600_000;
    }
    await commitItems(await place.open().checkout(ID), add('z'));
    expect(await storedItems(place.open())).toMatchObject({ unseen: '1', x: '1', y: '1', z: '1' });
  });

  test('an object lives as long as all that went into it: what it has replaced does not come back', async () => {
    const place = await placeWith(null);
    const store = place.open();
    await store.put({ ...itemSession({ token: 'old' }), expiresAt: START + 1_000_000 });
    const work = await store.checkout(ID);
    const { expiresAt } = await work.commit({
      session: { ...work.session, storage: itemSession({ token: 'new' }).storage, expiresAt: START + 5000 },
    });
    expect(expiresAt).toBe(START + 1_060_000);
    place.nowMs = START + 1_059_999;
    expect(await storedItems(place.open())).toEqual({ token: 'new' });
    place.nowMs = START + 1_060_000;
    expect(await storedItems(place.open())).toBeNull();
  });

  test('a reader whose objects are deleted under it looks again', async () => {
    const place = await placeWith({ a: '0' });
    const { store } = await twoCommits(place);
    let isFirst = true;
    const slow = new Proxy(place.provider, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'getMany') return typeof value === 'function' ? value.bind(target) : value;
        return async (...args: Parameters<StorageProvider['getMany']>) => {
          if (isFirst) {
            isFirst = false;
            for (const step of ['c', 'd', 'e']) {
              place.nowMs += 120_000;
              await commitItems(await store.checkout(ID), add(step));
            }
          }
          return target.getMany(...args);
        };
      },
    });
    expect(await storedItems(place.open(slow))).toEqual({ a: '1', b: '1', c: '1', d: '1', e: '1' });
  });
});

describe('M18 without conditions', () => {
  test('a deleted session stays deleted, also for an object that comes late; its objects go', async () => {
    const place = await placeWith({ token: 'a' });
    const store = place.open();
    const late = await store.checkout(ID);
    await commitItems(late, add('x'));
    const away = await place.open(hiding(place.provider, (key) => key === 'never')).checkout(ID);
    // Its view of the tombstone comes late, all through its commit.
    const before = (await place.provider.get(ID))!;
    const blind = new Proxy(place.provider, {
      get(target, name) {
        if (name === 'get') return async (key: string) => (key === ID ? before : target.get(key));
        if (name === 'head') return async (key: string) => (key === ID ? before : target.head(key));
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const slow = await place.open(blind).checkout(ID);
    expect(await place.open().delete(ID)).toBe(true);
    expect(await place.keys()).toEqual([ID]);
    expect(await codeOf(commitItems(late, add('y')))).toBe('STORE_GONE');
    expect(await codeOf(commitItems(away, add('y')))).toBe('STORE_GONE');
    await commitItems(slow, add('z'));
    expect(await place.keys()).toHaveLength(2);
    const other = place.open();
    expect([await other.get(ID), await other.head(ID), await listAll(other.list())]).toEqual([null, null, []]);
    expect(await other.delete(ID)).toBe(false);
    expect(await place.keys()).toEqual([ID]);
  });

  test('a commit that the deletion did not see stays ended, however long nobody looks', async () => {
    const place = await placeWith({ token: 'a' });
    await commitItems(await place.open().checkout(ID), add('x'));
    const far = place.open(hiding(place.provider, (key) => OBJECT.test(key)));
    expect(await far.delete(ID)).toBe(true);
    expect(await place.keys()).toHaveLength(2);
    place.nowMs += 400 * 86_400_000;
    expect(await storedItems(place.open())).toBeNull();
    expect(await codeOf(place.open().put(itemSession({ token: 'a' })))).toBe('STORE_GONE');
  });

  test('a deletion between the read and the write of a commit is told, and leaves no object', async () => {
    const place = await placeWith({ token: 'a' });
    const work = await place.open().checkout(ID);
    const storage = itemSession({ token: 'b' }).storage;
    const other = place.open();
    const put = place.provider.put.bind(place.provider);
    let isOver = false;
    const racing = new Proxy(place.provider, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
        return async (...args: Parameters<StorageProvider['put']>) => {
          if (!isOver) await other.delete(ID);
          isOver = true;
          return put(...args);
        };
      },
    });
    const racer = await place.open(racing).checkout(ID);
    expect(await codeOf(racer.commit({ session: { ...racer.session, storage } }))).toBe('STORE_GONE');
    expect(await place.keys()).toEqual([ID]);
    expect(await codeOf(work.commit({ session: { ...work.session, storage } }))).toBe('STORE_GONE');
  });

  test('a session of which only an object is left is deleted too, and a new life begins without the old one', async () => {
    const place = await placeWith({ token: 'a' });
    await commitItems(await place.open().checkout(ID), add('x'));
    await place.provider.delete(ID);
    expect(await storedItems(place.open())).toEqual({ token: 'a', x: '1' });
    expect(await place.open().delete(ID)).toBe(true);
    expect(await codeOf(place.open().put(itemSession({ token: 'a' })))).toBe('STORE_GONE');
    await place.open().put(itemSession({ token: 'new' }, 'second'));
    await commitItems(await place.open().checkout(ID), add('y'));
    expect(await storedItems(place.open())).toEqual({ token: 'new', y: '1' });
  });

  test('a purge takes the objects too', async () => {
    const place = await placeWith({ token: 'a' });
    const store = place.open();
    await commitItems(await store.checkout(ID), add('x'));
    await store.purge(ID);
    expect(await place.keys()).toEqual([]);
    expect(await store.get(ID)).toBeNull();
  });
});

describe('M18 without conditions: a new life that expires', () => {
  const MARK = /^shop\/#ended\/[0-9a-f]{8}$/;
  const DAY_MS = 86_400_000;

  /** A store that does not see commits: what it deletes leaves them. */
  function far(place: Place): SessionStore {
    return place.open(hiding(place.provider, (key) => OBJECT.test(key)));
  }

  function lifeOf(place: Place, incarnation: string, livesMs = 600_000): Session {
    return { ...itemSession({ token: incarnation }, incarnation), expiresAt: place.nowMs + livesMs };
  }

  /** A place whose first life has ended, though not for all to see, and whose second one expires in eleven minutes. */
  async function secondLife(): Promise<Place> {
    const place = await placeWith({ token: 'a' });
    await commitItems(await place.open().checkout(ID), add('x'));
    await far(place).delete(ID);
    await far(place).put(lifeOf(place, 'second'));
    return place;
  }

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

describe('M19: what is not promised', () => {
  test('a process whose clock is set forward by minutes deletes an object that others may not do without yet', async () => {
    const place = await placeWith({ a: '0' });
    let skewMs = 0;
    const store = place.open(place.provider, { now: () => place.nowMs + skewMs });
    await commitItems(await place.open().checkout(ID), add('b'));
    const [first] = (await place.keys()).filter((key) => OBJECT.test(key));
    await commitItems(await store.checkout(ID), add('c'));
    place.nowMs += 1000;
    await commitItems(await store.checkout(ID), add('d'));
    expect(await place.keys()).toContain(first);
    skewMs = 121_000;
    await commitItems(await store.checkout(ID), add('e'));
    expect(await place.keys()).not.toContain(first);
    // Nothing is lost for who sees what is there now.
    expect(await storedItems(place.open())).toEqual({ a: '0', b: '1', c: '1', d: '1', e: '1' });
  });
});

/** `provider`, where a put at the keys that `isRefused` names fails. */
function failing(provider: StorageProvider, isRefused: (key: string) => boolean, code: PspErrorCode): StorageProvider {
  return new Proxy(provider, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
      return async (...args: Parameters<StorageProvider['put']>) => {
        if (isRefused(args[0])) throw new PspError(code, 'planned');
        return target.put(...args);
      };
    },
  });
}

/** `provider`, whose listings find a damaged record at `key`. */
function damagedAt(provider: StorageProvider, key: string): StorageProvider {
  return new Proxy(provider, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'listPage') return typeof value === 'function' ? value.bind(target) : value;
      return async (...args: Parameters<StorageProvider['listPage']>) => {
        const page = await target.listPage(...args);
        return { ...page, damaged: [{ key, error: new PspError('PROVIDER_CORRUPT', 'planned') }] };
      };
    },
  });
}
