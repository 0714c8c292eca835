/** Commits without a browser, each built on what the last one gave back: it comes after all of that, by whatever clock (laws M7, M16). */
import { describe, expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { readMerge } from '../../ts/merge/merge.ts';
import { rekeyRecords } from '../../ts/merge/rekey.ts';
import type { Cookie, Session, Tab } from '../../ts/session/session.ts';
import { type Checkout, type SessionStore, sessionStore } from '../../ts/store/session-store.ts';
import { databaseOf, storeOf } from '../merge/worker.ts';
import { NOW, type State, sessionOf, stateOf, stored } from './checkout-fixture.ts';

/** Two workers of one session; the clock of the second one is a minute ahead. */
async function twoWorkers(state: State, tabs: readonly Tab[] = []): Promise<{ store: SessionStore; behind: Checkout; ahead: Checkout }> {
  const provider = memory({ now: () => NOW });
  const store = sessionStore(provider, { keys: null, now: () => NOW });
  await store.put({ ...sessionOf(state), tabs });
  const other = sessionStore(provider, { keys: null, now: () => NOW + 60_000 });
  return { store, behind: await store.checkout('shop'), ahead: await other.checkout('shop') };
}

const withItems = (session: Session, items: Record<string, string>): Session => ({
  ...session,
  storage: session.storage.map((storage) => ({ ...storage, localStorage: Object.entries(items) })),
});
const withToken = (session: Session, value: string): Session => ({
  ...session,
  cookies: session.cookies.map((cookie): Cookie => ({ ...cookie, value })),
});

async function candidatesOf(store: SessionStore): Promise<number> {
  const { document } = await readMerge((await store.get('shop'))!.session);
  return Math.max(...[...document.entries.values()].map(({ candidates }) => candidates.length));
}

describe('a commit that is built on what the last one gave back', () => {
  test('comes after what others wrote there, though their clock is ahead', async () => {
    const { store, behind, ahead } = await twoWorkers({ cookies: { token: 'old' }, items: {} });
    await ahead.commit({ session: withToken(ahead.session, 'theirs') });
    await behind.commit({ session: behind.session });
    await behind.commit({ session: withToken(behind.session, 'mine') });
    expect((await stored(store)).cookies).toEqual({ token: 'mine' });
    expect(await candidatesOf(store)).toBe(1);
  });

  test('removes what others added, and adds again what they removed', async () => {
    const { store, behind, ahead } = await twoWorkers({ cookies: {}, items: { a: '1', b: '1' } });
    await ahead.commit({ session: withItems(ahead.session, { b: '1', c: '1' }) });
    await behind.commit({ session: behind.session });
    expect(stateOf(behind.session).items).toEqual({ b: '1', c: '1' });
    const { written, deleted } = await behind.commit({ session: withItems(behind.session, { a: 'again', b: '1' }) });
    expect([written, deleted]).toEqual([1, 1]);
    expect((await stored(store)).items).toEqual({ a: 'again', b: '1' });
    expect(await candidatesOf(store)).toBe(1);
  });

  test('changes nothing of what it says as it was given: values, tabs and their order', async () => {
    const tab = (id: string): Tab => ({ id, url: `https://shop.example/${id}`, sessionStorage: [] });
    const { behind, ahead } = await twoWorkers({ cookies: {}, items: { a: '1' } }, [tab('a'), tab('b'), tab('c')]);
    const [a, b, c] = ahead.session.tabs as [Tab, Tab, Tab];
    await ahead.commit({ session: { ...withItems(ahead.session, { a: '2' }), tabs: [c, a, tab('d'), b] } });
    await behind.commit({ session: behind.session });
    expect(behind.session.tabs.map(({ id }) => id)).toEqual(['c', 'a', 'd', 'b']);
    expect(await behind.commit({ session: { ...behind.session } })).toMatchObject({ written: 0, deleted: 0 });
    const copy = await decodeSession(await encodeSession(behind.session));
    expect(await behind.commit({ session: copy })).toMatchObject({ written: 0, deleted: 0 });
  });

  test('one that is built on an older session has not seen what came later: that stays', async () => {
    const { store, behind, ahead } = await twoWorkers({ cookies: { token: 'old' }, items: { a: '1' } });
    const stale = behind.session;
    await ahead.commit({ session: withItems(withToken(ahead.session, 'theirs'), { a: '1', c: '1' }) });
    await behind.commit({ session: withItems(behind.session, { a: '1', mine: '1' }) });
    await behind.commit({ session: withItems(withToken(stale, 'mine'), { a: '2' }) });
    expect((await stored(store)).items).toEqual({ a: '2', c: '1' });
    expect((await stored(store)).cookies).toEqual({ token: 'theirs' });
    expect(await candidatesOf(store)).toBe(2);
  });

  test('after a compaction it still comes after', async () => {
    const { store, behind, ahead } = await twoWorkers({ cookies: { token: 'old' }, items: {} });
    await ahead.commit({ session: withToken(ahead.session, 'theirs') });
    await behind.commit({ session: behind.session });
    await store.compact('shop');
    await behind.commit({ session: withToken(behind.session, 'mine') });
    expect((await stored(store)).cookies).toEqual({ token: 'mine' });
    expect(await candidatesOf(store)).toBe(1);
  });

  test('after one that failed nothing is lost', async () => {
    const { store, behind, ahead } = await twoWorkers({ cookies: { token: 'old' }, items: { a: '1' } });
    await ahead.commit({ session: withToken(ahead.session, 'theirs') });
    await behind.commit({ session: behind.session });
    const next = withItems(withToken(behind.session, 'mine'), { a: '1', b: '1' });
    await expect(behind.commit({ session: next, signal: AbortSignal.abort() })).rejects.toThrow();
    await behind.commit({ session: withItems(next, { b: '1' }) });
    expect(await stored(store)).toEqual({ cookies: { token: 'mine' }, items: { b: '1' } });
    expect(await candidatesOf(store)).toBe(1);
  });
});

test('M2: conflicts are told by the rules of the worker, not by those of others', async () => {
  const policies = [{ name: 'draft', policy: 'text' }] as const;
  const provider = memory({ now: () => NOW });
  const [one, two] = [NOW + 1000, NOW + 2000].map((now) => sessionStore(provider, { keys: null, now: () => now })) as [
    SessionStore,
    SessionStore,
  ];
  await one.put(sessionOf({ cookies: {}, items: { draft: 'Dear' } }));
  const plain = sessionStore(provider, { keys: null, now: () => NOW });
  const checkouts = [await one.checkout('shop', { policies }), await two.checkout('shop', { policies })] as const;
  const watching = await plain.checkout('shop', { policies: [{ policy: 'keep-both' }] });
  await checkouts[0].commit({ session: withItems(checkouts[0].session, { draft: 'Dear Ada' }) });
  const { session, conflicts } = await checkouts[1].commit({ session: withItems(checkouts[1].session, { draft: 'Oh Dear' }) });
  expect(stateOf(session).items).toEqual({ draft: 'Oh Dear Ada' });
  expect(conflicts).toEqual([]);
  const seen = await watching.commit({ session: watching.session });
  expect(seen.conflicts).toMatchObject([{ kind: 'localStorage', reason: 'keep-both', rule: 'keep-both', candidates: [{}, {}] }]);
});

test('M13: a commit tells what is kept and not shown; re-keying it is an update of the store', async () => {
  const withRecords = (session: Session, ...texts: string[]): Session => {
    const records = texts.map((text, i) => [i + 1, text] as const);
    const cart = storeOf('cart', records, { autoIncrement: true, keyGenerator: records.length + 1 });
    return { ...session, storage: session.storage.map((storage) => ({ ...storage, indexedDB: [databaseOf([cart])] })) };
  };
  const store = sessionStore(memory(), { keys: null, now: () => NOW });
  await store.put(withRecords(sessionOf({ cookies: {}, items: {} }), 'one'));
  const [first, second] = [await store.checkout('shop'), await store.checkout('shop')];
  expect(await first.commit({ session: withRecords(first.session, 'one', 'of the first') })).toMatchObject({ parked: [] });
  const { parked } = await second.commit({ session: withRecords(second.session, 'one', 'of the second') });
  expect(parked).toMatchObject([{ kind: 'record', reason: 'generated-key' }]);

  await store.update('shop', async (session) => (await rekeyRecords(session)).session);
  const after = await second.commit({ session: second.session });
  expect(after).toMatchObject({ written: 0, deleted: 0, parked: [], conflicts: [] });
  expect(after.session.storage[0]?.indexedDB[0]?.stores[0]).toMatchObject({ recordCount: 3, keyGenerator: 4 });
});
