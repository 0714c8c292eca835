/** Law M19: checkouts over a provider without conditions. What a worker commits is an object of its own; whoever reads joins them. */
import { describe, expect, test } from 'vitest';
import { PspError } from '../../ts/errors.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { type SessionStore, sessionStore } from '../../ts/store/session-store.ts';
import { codeOf, listAll, options } from './store-fixture.ts';
import { add, commitItems, far, hiding, ID, itemSession, OBJECT, type Place, placeWith, START, storedItems } from './writers-fixture.ts';

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
    const store = far(place);
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
    const store = far(place);
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

  test('who has just come trusts those who had read an object, with ten minutes to spare', async () => {
    const place = await placeWith({ a: '0' });
    const { keys } = await twoCommits(place);
    const commitAnew = async (name: string): Promise<number> => {
      await commitItems(await place.open().checkout(ID), add(name));
      return (await place.keys()).filter((key) => keys.includes(key)).length;
    };
    place.nowMs += 3_600_000;
    // That the second has been read nobody says as yet; the first goes only once the second may stand for it.
    expect(await commitAnew('c')).toBe(3);
    place.nowMs += 719_999;
    expect(await commitAnew('d')).toBe(3);
    place.nowMs += 1;
    expect(await commitAnew('e')).toBe(2);
    expect(await storedItems(place.open())).toEqual({ a: '1', b: '1', c: '1', d: '1', e: '1' });
  });

  test('of many commits the last fifteen are named; once one that has read all of them was read, all go', async () => {
    const place = await placeWith({ a: '0' });
    const works = await Promise.all(Array.from({ length: 20 }, () => far(place).checkout(ID)));
    for (const [at, work] of works.entries()) await commitItems(work, add(`of ${at}`));
    const counts: number[] = [];
    for (let round = 0; round < 4; round++) {
      place.nowMs += 720_000;
      await commitItems(await place.open().checkout(ID), add(`round ${round}`));
      counts.push((await place.keys()).length);
    }
    expect(counts).toEqual([22, 23, 4, 4]);
    const left = (await place.keys()).filter((key) => OBJECT.test(key));
    const heads = await Promise.all(left.map((key) => place.provider.head(key)));
    // Of 21 and of 22 that they had read, and of the three that were left.
    expect(heads.map((head) => head!.metadata['before']!.length / 12).sort((a, b) => a - b)).toEqual([3, 15, 15]);
    expect(Object.keys((await storedItems(place.open()))!)).toHaveLength(25);
  });

  test('a commit that was long on its way is not taken for one that is long there', async () => {
    const place = await placeWith({ a: '0' });
    const before = place.open();
    await commitItems(await before.checkout(ID), add('b'));
    // A process that stood still between the moment that its commit tells and the call.
    const slow = new Proxy(place.provider, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'put') return typeof value === 'function' ? value.bind(target) : value;
        return (...args: Parameters<typeof target.put>) => {
          place.nowMs += 3_600_000;
          return target.put(...args);
        };
      },
    });
    await commitItems(await place.open(slow).checkout(ID), add('c'));
    const keys = await place.keys();
    await commitItems(await place.open().checkout(ID), add('d'));
    await commitItems(await before.checkout(ID), add('e'));
    expect(await place.keys()).toEqual(expect.arrayContaining(keys));
  });

  test('what nobody has seen stays, however old it is', async () => {
    const place = await placeWith({ a: '0' });
    const apart = far(place);
    await commitItems(await apart.checkout(ID), add('unseen'));
    place.nowMs += 3_600_000;
    const blind = far(place);
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
    expect(await far(place).delete(ID)).toBe(true);
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
