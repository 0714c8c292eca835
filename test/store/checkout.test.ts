/** Checkout and commit over a store in memory, with a browser that is a variable: laws M5, M8 to M12, M18. Real browsers are in checkout-browser.test.ts. */
import { describe, expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { generateKey } from '../../ts/envelope/envelope.ts';
import { PspError } from '../../ts/errors.ts';
import type { Session } from '../../ts/session/session.ts';
import { rotateStore, sessionStore } from '../../ts/store/session-store.ts';
import { Browser, COVERAGE, codeOf, KEY, NOW, ORIGIN, sessionOf, stateOf, stored, storeWith } from './checkout-fixture.ts';

describe('checkout and commit', () => {
  test('what two workers changed is kept from both', async () => {
    const { store } = await storeWith({ cookies: { token: 'old' }, items: { cart: '[]' } });
    const [one, two] = [new Browser(), new Browser()];
    const [first, second] = [await store.checkout('shop'), await store.checkout('shop')];
    expect(await first.restore(one)).toEqual({ restored: true });
    await second.restore(two);
    one.state.cookies['token'] = 'fresh';
    two.state.items['cart'] = '[1]';
    expect(await first.commit()).toMatchObject({ written: 1, deleted: 0, unknown: [], conflicts: [], lease: null });
    const commit = await second.commit();
    expect(stateOf(commit.session)).toEqual({ cookies: { token: 'fresh' }, items: { cart: '[1]' } });
    expect(await stored(store)).toEqual({ cookies: { token: 'fresh' }, items: { cart: '[1]' } });
    expect(commit.session).toMatchObject({ id: 'shop', incarnation: 'first' });
  });

  test('M8: what the browser reads back otherwise than it was set is no change', async () => {
    const { store } = await storeWith({ cookies: {}, items: { cart: '[]' } });
    const browser = new Browser();
    browser.normalizes = true;
    const work = await store.checkout('shop');
    await work.restore(browser);
    const before = (await store.get('shop'))!.revision;
    expect(await work.commit()).toMatchObject({ written: 0, deleted: 0 });
    expect(await stored(store)).toEqual({ cookies: {}, items: { cart: '[]' } });
    expect((await store.get('shop'))!.revision).toBe(before);
  });

  test('M9: a deletion is brought back where it was seen, and what was not looked at stays', async () => {
    const { store } = await storeWith({ cookies: { token: 'a', theme: 'b' }, items: { cart: '[]', seen: '1' } });
    const browser = new Browser();
    const work = await store.checkout('shop');
    await work.restore(browser);
    browser.state = { cookies: { theme: 'b' }, items: {} };
    browser.coverage = { ...COVERAGE, storage: [{ key: KEY, localStorage: 'partial', indexedDB: 'complete' }] };
    expect(await work.commit()).toMatchObject({
      ...{ written: 0, deleted: 1 },
      unknown: [{ reason: 'partial', kind: 'localStorage', place: ORIGIN, count: 2 }],
    });
    expect(await stored(store)).toEqual({ cookies: { theme: 'b' }, items: { cart: '[]', seen: '1' } });
  });

  test('a logout that came later wins over a refresh that was brought back after it', async () => {
    let clock = NOW;
    const store = sessionStore(memory({ now: () => clock }), { keys: null, now: () => clock });
    await store.put(sessionOf({ cookies: { token: 'old' }, items: {} }));
    const [one, two] = [new Browser(), new Browser()];
    const [refreshing, leaving] = [await store.checkout('shop'), await store.checkout('shop')];
    await refreshing.restore(one);
    await leaving.restore(two);
    clock += 1000;
    one.state.cookies['token'] = 'fresh';
    await refreshing.commit();
    clock += 1000;
    two.state.cookies = {};
    await leaving.commit();
    expect(await stored(store)).toEqual({ cookies: {}, items: {} });
  });

  test('a worker commits again and again: each brings only what is new', async () => {
    const { store } = await storeWith({ cookies: {}, items: { a: '1' } });
    const browser = new Browser();
    const work = await store.checkout('shop');
    await work.restore(browser);
    browser.state.items['b'] = '2';
    expect(await work.commit()).toMatchObject({ written: 1 });
    expect(await work.commit()).toMatchObject({ written: 0 });
    const other = await store.checkout('shop');
    await other.commit({ session: { ...other.session, name: 'renamed' } });
    browser.state.items['b'] = '3';
    const { session, written } = await work.commit();
    expect(written).toBe(1);
    expect(session.name).toBe('renamed');
    expect(stateOf(session).items).toEqual({ a: '1', b: '3' });
  });

  test('M5: a commit whose reply is lost, and one that fails, lose nothing and write nothing twice', async () => {
    const { store, provider } = await storeWith({ cookies: {}, items: { a: '1' } });
    const browser = new Browser();
    const work = await store.checkout('shop');
    await work.restore(browser);
    browser.state.items['b'] = '2';
    const put = provider.put.bind(provider);
    let failures = 0;
    provider.put = async (...input: Parameters<typeof put>) => {
      const head = await put(...input);
      if (failures++ < 4) throw new PspError('PROVIDER_TIMEOUT', 'the reply was lost');
      return head;
    };
    await work.commit();
    provider.put = async () => Promise.reject(new PspError('PROVIDER_UNAVAILABLE', 'away'));
    browser.state.items['c'] = '3';
    expect(await codeOf(work.commit())).toBe('PROVIDER_UNAVAILABLE');
    provider.put = put;
    expect(await work.commit()).toMatchObject({ written: 0 });
    expect(await stored(store)).toEqual({ cookies: {}, items: { a: '1', b: '2', c: '3' } });
  });

  test('M18: a commit on a session that was deleted, or is another one by now, is STORE_GONE', async () => {
    const { store } = await storeWith({ cookies: { token: 'a' }, items: {} });
    const browser = new Browser();
    const work = await store.checkout('shop');
    await work.restore(browser);
    browser.state.cookies['token'] = 'b';
    await store.delete('shop');
    expect(await codeOf(work.commit())).toBe('STORE_GONE');
    await store.put({ ...sessionOf({ cookies: { token: 'new life' }, items: {} }), incarnation: 'second' });
    expect(await codeOf(work.commit())).toBe('STORE_GONE');
    expect((await stored(store)).cookies).toEqual({ token: 'new life' });
    expect(await codeOf(store.checkout('nobody'))).toBe('STORE_GONE');
  });

  test('M6: a checkout that is older than a compaction compares by values', async () => {
    const { store } = await storeWith({ cookies: { token: 'a' }, items: { kept: '1', both: '1' } });
    const [one, two] = [new Browser(), new Browser()];
    const [early, late] = [await store.checkout('shop'), await store.checkout('shop')];
    await early.restore(one);
    await late.restore(two);
    two.state.items['both'] = 'of the other';
    two.state.items['new'] = '1';
    await late.commit();
    await store.compact('shop');
    one.state.cookies['token'] = 'fresh';
    delete one.state.items['kept'];
    await early.commit();
    expect(await stored(store)).toEqual({ cookies: { token: 'fresh' }, items: { both: 'of the other', new: '1' } });
  });

  test('M3: a cart that two workers changed is merged inside, and a later commit builds on what was merged', async () => {
    const policies = [{ kind: 'localStorage', name: 'cart', policy: 'json' }] as const;
    const { store } = await storeWith({ cookies: {}, items: { cart: '{"items":["a","b"]}', note: '1' } });
    const [one, two] = [new Browser(), new Browser()];
    const [first, second] = [await store.checkout('shop', { policies }), await store.checkout('shop', { policies })];
    await first.restore(one);
    await second.restore(two);
    one.state.items['cart'] = '{"items":["a","b","of one"]}';
    two.state.items['cart'] = '{"items":["b","of two"],"coupon":"x"}';
    await first.commit();
    const { session } = await second.commit();
    const merged = JSON.parse(stateOf(session).items['cart']!) as { items: string[]; coupon: string };
    expect([...merged.items].sort()).toEqual(['b', 'of one', 'of two']);
    expect(merged.coupon).toBe('x');

    const third = await store.checkout('shop', { policies });
    const browser = new Browser();
    await third.restore(browser);
    expect(JSON.parse(browser.state.items['cart']!)).toEqual(merged);
    browser.state.items['cart'] = JSON.stringify({ ...merged, items: merged.items.filter((item) => item !== 'b') });
    await third.commit();
    expect(JSON.parse((await stored(store)).items['cart']!)).toEqual({ coupon: 'x', items: merged.items.filter((item) => item !== 'b') });
  });

  test('without a browser: what others brought is no change of who builds on what the commit gave back, and is safe from who does not', async () => {
    const { store } = await storeWith({ cookies: {}, items: { a: '1' } });
    const [one, other] = [await store.checkout('shop'), await store.checkout('shop')];
    const withItem = (session: Session, name: string): Session => ({
      ...sessionOf({ cookies: {}, items: { ...stateOf(session).items, [name]: '1' } }),
    });
    const stale = one.session;
    await other.commit({ session: withItem(other.session, 'theirs') });
    await one.commit({ session: withItem(one.session, 'mine') });
    expect(await one.commit({ session: withItem(one.session, 'more') })).toMatchObject({ written: 1, deleted: 0 });
    // They had it alone: they take it out again, and it does not come back.
    const { items } = stateOf(other.session);
    delete items['theirs'];
    await other.commit({ session: sessionOf({ cookies: {}, items }) });
    expect((await stored(store)).items).toEqual({ a: '1', mine: '1', more: '1' });
    expect(await one.commit({ session: withItem(one.session, 'last') })).toMatchObject({ written: 1, deleted: 0 });
    expect(stateOf((await other.commit({ session: withItem(other.session, 'again') })).session).items).toMatchObject({
      a: '1',
      again: '1',
    });
    // An old copy deletes what it lacks of this worker's own, and nothing of others.
    await one.commit({ session: withItem(stale, 'old') });
    expect((await stored(store)).items).toMatchObject({ a: '1', again: '1', old: '1' });
  });

  test('without a restore there must be a session, and it must be the same one', async () => {
    const { store } = await storeWith({ cookies: {}, items: {} });
    const work = await store.checkout('shop');
    await expect(work.commit()).rejects.toThrow(TypeError);
    await expect(work.commit({ session: { ...work.session, id: 'another' } })).rejects.toThrow(TypeError);
  });
});

describe('M12: leases', () => {
  test('one worker holds it; another waits or is refused; one that was paused past its time is told', async () => {
    let clock = NOW;
    const store = sessionStore(memory({ now: () => clock }), { keys: null, now: () => clock });
    await store.put(sessionOf({ cookies: { token: 'a' }, items: {} }));
    const first = await store.checkout('shop', { lease: { ms: 1000 } });
    const refused = await store.checkout('shop', { lease: true }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'STORE_CONFLICT', details: { found: 'lease' } });
    expect(await first.renew()).toBe(true);
    expect(await first.commit({ session: { ...first.session, name: 'one' } })).toMatchObject({ lease: 'held' });
    clock += 1001;
    const second = await store.checkout('shop', { lease: { ms: 1000 } });
    expect(second.fence!).toBeGreaterThan(first.fence!);
    expect(await first.renew()).toBe(false);
    expect(await first.commit({ session: { ...first.session, tags: ['late'] } })).toMatchObject({ lease: 'stale', written: 1 });
    expect(await second.commit({ session: { ...second.session, name: 'two' } })).toMatchObject({ lease: 'held' });
    await second.close();
    const third = await store.checkout('shop', { lease: true });
    expect(third.fence!).toBeGreaterThan(second.fence!);
    expect(third.session).toMatchObject({ name: 'two', tags: ['late'] });
    await third.close();
  });

  test('whoever asks is refused in time, also where its clock is set back while it asks', async () => {
    const { store } = await storeWith({ cookies: {}, items: {} });
    await store.checkout('shop', { lease: true });
    let asked = 0;
    const other = sessionStore(store.provider, { keys: null, now: () => (++asked > 2 ? NOW - 3_600_000 : NOW) });
    expect(await codeOf(other.checkout('shop', { lease: true }))).toBe('STORE_CONFLICT');
  });

  test('a commit that cannot tell what became of its lease is a failed one: the next one holds what it did', async () => {
    const provider = memory({ now: () => NOW });
    let isDown = false;
    const flaky = new Proxy(provider, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'head') return typeof value === 'function' ? value.bind(target) : value;
        return async (...args: Parameters<typeof provider.head>) => {
          if (isDown && args[0].startsWith('#lease/')) throw new PspError('PROVIDER_UNAVAILABLE', 'planned');
          return target.head(...args);
        };
      },
    });
    const store = sessionStore(flaky, { keys: null, now: () => NOW, retry: { attempts: 1 } });
    await store.put(sessionOf({ cookies: {}, items: {} }));
    const before = (await store.get('shop'))!.session;
    const work = await store.checkout('shop', { lease: true });
    isDown = true;
    expect(await codeOf(work.commit({ session: { ...work.session, name: 'mine' } }))).toBe('PROVIDER_UNAVAILABLE');
    isDown = false;
    // A backup from before is restored: whoever saw its commit fail commits again, and it is there.
    await store.put(before);
    expect(await work.commit({ session: { ...work.session, name: 'mine' } })).toMatchObject({ lease: 'held' });
    expect((await store.get('shop'))!.session.name).toBe('mine');
  });

  test('whoever waits gets it when it is given back', async () => {
    const { store } = await storeWith({ cookies: {}, items: {} });
    const first = await store.checkout('shop', { lease: true });
    const waiting = store.checkout('shop', { lease: { waitMs: 10_000 } });
    await first.close();
    const second = await waiting;
    expect(second.fence!).toBeGreaterThan(first.fence!);
  });

  test('16 workers who work one after the other under a lease lose nothing', async () => {
    const { store } = await storeWith({ cookies: {}, items: { count: '0' } });
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        const work = await store.checkout('shop', { lease: { waitMs: 60_000 } });
        const browser = new Browser();
        await work.restore(browser);
        browser.state.items['count'] = String(Number(browser.state.items['count']) + 1);
        expect(await work.commit()).toMatchObject({ lease: 'held' });
        await work.close();
      }),
    );
    expect((await stored(store)).items).toEqual({ count: '16' });
  });

  test('leases are no sessions: neither a listing nor a rotation meets them', async () => {
    const provider = memory();
    const key = generateKey();
    const store = sessionStore(provider, { keys: key });
    await store.put(sessionOf({ cookies: {}, items: {} }));
    await store.checkout('shop', { lease: true });
    expect(
      await rotateStore(provider, { from: key, to: generateKey() }, { mode: 'reseal', contextOf: () => ({ sessionId: 'shop' }) }),
    ).toMatchObject({ done: 1, skipped: 1, failed: [] });
    const ids: string[] = [];
    for await (const { id } of store.list()) ids.push(id);
    expect(ids).toEqual(['shop']);
    expect(() => store.withNamespace('#lease')).toThrow(RangeError);
  });
});
