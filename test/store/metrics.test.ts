/** What a store reports of its work: one name for each public operation. */
import { expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import {
  exportMany,
  importMany,
  type SessionStore,
  type StoreMetric,
  sessionStore,
  transferAll,
  transferSession,
} from '../../ts/store/session-store.ts';
import { listAll, options } from './store-fixture.ts';
import { ID, itemSession } from './writers-fixture.ts';

/** What each operation reports, and how it is made. */
const OPERATIONS: Readonly<Record<StoreMetric['operation'], (store: SessionStore) => Promise<unknown>>> = {
  put: (store) => store.put(itemSession({})),
  get: (store) => store.get(ID),
  head: (store) => store.head(ID),
  delete: (store) => store.delete(ID),
  purge: (store) => store.purge(ID),
  list: (store) => listAll(store.list()),
  getMany: (store) => store.getMany([ID]),
  putMany: (store) => store.putMany([itemSession({})]),
  deleteMany: (store) => store.deleteMany([ID]),
  update: (store) => store.update(ID, (session) => session),
  checkout: (store) => store.checkout(ID),
  commit: async (store) => {
    const work = await store.checkout(ID);
    return () => work.commit({ session: work.session });
  },
  renew: async (store) => {
    const work = await store.checkout(ID, { lease: true });
    return () => work.renew();
  },
  close: async (store) => {
    const work = await store.checkout(ID, { lease: true });
    return () => work.close();
  },
  compact: (store) => store.compact(ID),
  sweep: (store) => store.sweep(),
  import: async (store) => {
    const [exported] = await listAll(exportMany(store, { form: 'packed' }));
    if (exported?.status !== 'fulfilled') expect.fail('nothing was exported');
    return async () => {
      const { kept } = await importMany(store, [{ name: 'item', bytes: exported.value.bytes }]).summary;
      expect(kept).toBe(1);
    };
  },
  export: (store) => listAll(exportMany(store, { form: 'stored' })),
  transfer: (store) => transferSession(store, sessionStore(memory(), options()), ID),
};

async function reportsOf(work: (store: SessionStore) => Promise<unknown>): Promise<string[]> {
  let reports: string[] = [];
  const store = sessionStore(memory(), options({ onMetric: ({ operation }) => void reports.push(operation) }));
  await store.put(itemSession({}));
  await Promise.resolve();
  reports = [];
  const last = await work(store);
  // What comes first made the operation possible.
  if (typeof last === 'function') {
    await Promise.resolve();
    reports = [];
    await last();
  }
  await new Promise((resolve) => setImmediate(resolve));
  return reports;
}

test.each(Object.entries(OPERATIONS))('%s reports its own name, once', async (name, work) => {
  expect(await reportsOf(work)).toEqual([name]);
});

test('every operation of a store and of a checkout is among them', () => {
  const store = sessionStore(memory(), options());
  const other = ['provider', 'namespace', 'withNamespace', 'contextOf'];
  const operations = Object.keys(store).filter((name) => !other.includes(name));
  expect(Object.keys(OPERATIONS).sort()).toEqual([...operations, 'commit', 'renew', 'close', 'import', 'export', 'transfer'].sort());
});

test('a transfer is told to both stores, and once where they share a hook', async () => {
  const told: string[] = [];
  const hook = (name: string) => options({ onMetric: ({ operation }) => void told.push(`${name} ${operation}`) });
  const [from, to] = [sessionStore(memory(), hook('from')), sessionStore(memory(), hook('to'))];
  await from.put(itemSession({}));
  await Promise.resolve();
  told.length = 0;
  await transferAll(from, to);
  await new Promise((resolve) => setImmediate(resolve));
  expect(told.sort()).toEqual(['from transfer', 'to transfer']);
  told.length = 0;
  await transferAll(from, from.withNamespace('inside'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual(['from transfer']);
});
