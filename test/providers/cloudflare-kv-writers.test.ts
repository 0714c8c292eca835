/** Law M19 on Workers KV: checkouts of several workers over a real namespace, by a binding inside workerd and over REST. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { decodeSession } from '../../ts/blob/decode.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { copyAll, exportMany, rotateStore, type SessionStore, sessionStore, transferAll } from '../../ts/store/session-store.ts';
import { type KvServer, requireMiniflare, startKv } from '../servers/miniflare.ts';
import { NEW, OLD, promoted } from '../store/rotation-fixture.ts';
import { codeOf, KEY, listAll } from '../store/store-fixture.ts';
import { add, commitItems, hiding, ID, itemSession, itemsOf, OBJECT, START, storedItems } from '../store/writers-fixture.ts';
import { remoteKv } from './cloudflare-kv-remote.ts';
import { newPrefix, restKv } from './cloudflare-kv-subject.ts';

const GROUP = 'checkouts on cloudflare-kv';

describe.skipIf(requireMiniflare(GROUP) === null)(GROUP, () => {
  let server: KvServer;
  beforeAll(async () => {
    server = await startKv(new URL('cloudflare-kv-worker.ts', import.meta.url));
  });
  afterAll(() => server.stop());

  const WAYS = {
    'by a binding in workerd': (prefix: string, now: () => number) => remoteKv(server.workerUrl!, prefix, now),
    'over REST': async (prefix: string, now: () => number) => restKv(server, { prefix, now }),
  };

  test.each(Object.entries(WAYS))(
    '%s: nothing that three workers commit is lost; objects go when they may; a deletion stays',
    async (_, open) => {
      const prefix = newPrefix();
      let nowMs = START;
      const now = (): number => nowMs;
      const provider: StorageProvider = await open(prefix, now);
      expect(provider.capabilities.conditionalPut).toBe(false);
      const newStore = async (): Promise<SessionStore> => sessionStore(await open(prefix, now), { keys: KEY, now });
      const keys = async (): Promise<string[]> => (await listAll(provider.list())).map(({ key }) => key);

      const stores = await Promise.all([newStore(), newStore(), newStore()]);
      await stores[0]!.put(itemSession({ token: 'old', cart: '0' }));
      const works = await Promise.all(stores.map((store) => store.checkout(ID)));
      await Promise.all(works.map((work, at) => commitItems(work, (items) => ({ ...items, [`item ${at}`]: '1' }))));
      nowMs += 1000;
      await commitItems(works[1]!, ({ cart: _cart, ...rest }) => ({ ...rest, token: 'fresh' }));
      const all = { token: 'fresh', 'item 0': '1', 'item 1': '1', 'item 2': '1' };
      expect(await storedItems(await newStore())).toEqual(all);
      expect(await keys()).toHaveLength(5);
      expect(await listAll(stores[2]!.list())).toMatchObject([{ id: ID, revision: (await stores[2]!.get(ID))!.revision }]);

      for (const name of ['x', 'y']) {
        nowMs += 720_000;
        await commitItems(await (await newStore()).checkout(ID), (items) => ({ ...items, [name]: '1' }));
      }
      expect(await keys()).toHaveLength(4);
      expect(await storedItems(await newStore())).toEqual({ ...all, x: '1', y: '1' });
      expect(await codeOf(stores[0]!.checkout(ID, { lease: true }))).toBe('PROVIDER_UNSUPPORTED');

      expect(await (await newStore()).delete(ID)).toBe(true);
      expect(await codeOf(commitItems(works[0]!, (items) => ({ ...items, late: '1' })))).toBe('STORE_GONE');
      expect(await keys()).toEqual([ID]);
      expect(await storedItems(await newStore())).toBeNull();
    },
  );

  test.each(Object.entries(WAYS))('%s: what was deleted stays so when the life after it has expired', async (_, open) => {
    // The service has a clock of its own, which says when a value goes.
    let nowMs = Date.now();
    const now = (): number => nowMs;
    const provider = await open(newPrefix(), now);
    const newStore = (over = provider): SessionStore => sessionStore(over, { keys: KEY, now });
    const far = newStore(hiding(provider, (key) => OBJECT.test(key)));
    await newStore().put(itemSession({ token: 'a' }));
    await commitItems(await newStore().checkout(ID), (items) => ({ ...items, late: '1' }));
    await far.delete(ID);
    await far.put({ ...itemSession({ token: 'b' }, 'second'), expiresAt: nowMs + 600_000 });
    expect(await storedItems(newStore())).toEqual({ token: 'b' });
    nowMs += 700_000;
    expect([await newStore().get(ID), await newStore().head(ID), await listAll(newStore().list())]).toEqual([null, null, []]);
    expect(await codeOf(newStore().put(itemSession({ token: 'a' })))).toBe('STORE_GONE');
    expect(await listAll(provider.list())).toHaveLength(2);
    await newStore().purge(ID);
    expect(await listAll(provider.list())).toEqual([]);
  });

  test.each(Object.entries(WAYS))('%s: commits go along with an export, a transfer, a copy and a rotation', async (_, open) => {
    const prefix = newPrefix();
    let nowMs = START;
    const now = (): number => nowMs;
    const provider = await open(prefix, now);
    const store = sessionStore(provider, { keys: OLD, now });
    await store.put(itemSession({ token: '1' }));
    for (const name of ['a', 'b']) await commitItems(await store.checkout(ID), add(name));
    const all = { token: '1', a: '1', b: '1' };

    const [exported, ...others] = await listAll(exportMany(store, { form: 'packed' }));
    expect(others).toEqual([]);
    expect(exported).toMatchObject({ id: ID, status: 'fulfilled' });
    if (exported!.status === 'fulfilled') expect(itemsOf(await decodeSession(exported!.value.bytes))).toEqual(all);

    const target = sessionStore(memory({ now }), { keys: KEY, now });
    expect(await transferAll(store, target)).toMatchObject({ done: 1, failed: [] });
    expect(await storedItems(target)).toEqual(all);

    const copy = await open(newPrefix(), now);
    expect(await copyAll(provider, copy)).toMatchObject({ done: 3, failed: [] });
    expect(await storedItems(sessionStore(copy, { keys: OLD, now }))).toEqual(all);

    const { contextOf } = store;
    const rotate = () => rotateStore(provider, promoted(), { mode: 'reseal', contextOf, now, nobodyPuts: true });
    nowMs += 1000;
    expect(await rotate()).toMatchObject({ done: 1, conflicted: 2, failed: [] });
    nowMs += 720_000;
    expect(await rotate()).toMatchObject({ done: 2, skipped: 3, conflicted: 0, failed: [] });
    expect(await storedItems(sessionStore(provider, { keys: NEW, now }))).toEqual(all);
  });
});
