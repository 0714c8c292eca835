/** `onConflict: 'merge'`: an item is joined with what is stored under its id, by the laws of merging. */

import { describe, expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { sealSync } from '../../ts/envelope/seal.ts';
import { compactSession, mergeSessions, readMerge } from '../../ts/merge/merge.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import type { Session } from '../../ts/session/session.ts';
import { type ImportItem, type ImportOptions, importMany } from '../../ts/store/import.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import type { SessionStore } from '../../ts/store/store.ts';
import { blobOf, keptCheckpoint, resultsOf, validSession, wordOf } from './import-fixture.ts';
import { faulty, KEY, NOW, options, withoutConditions } from './store-fixture.ts';

const HOUR_MS = 3_600_000;
const BASE = validSession('a', { updatedAt: NOW - 10 * HOUR_MS, revision: 3 });
const [COOKIE] = BASE.cookies;

/** What somebody made of the base: one cookie more. */
function withCookie(name: string, changes: Partial<Session> = {}): Session {
  return { ...BASE, updatedAt: NOW - HOUR_MS, cookies: [...BASE.cookies, { ...COOKIE!, name }], ...changes };
}

async function itemOf(session: Session): Promise<ImportItem> {
  return { name: 'item', bytes: await encodeSession(session, { framing: 'packed' }) };
}

const merging = (store: SessionStore, items: readonly ImportItem[], more: ImportOptions = {}) =>
  importMany(store, items, { onConflict: 'merge', threads: 0, ...more });

function storeOf(provider: StorageProvider = memory({ now: () => NOW })): SessionStore {
  return sessionStore(provider, options({ retry: { baseMs: 0, maxMs: 0 } as never }));
}

/** A store in which `stored` was imported. */
async function filled(stored = withCookie('theirs')): Promise<SessionStore> {
  const store = storeOf();
  expect(await wordOf(merging(store, [await itemOf(stored)]))).toBe('created');
  return store;
}

async function cookiesIn(store: SessionStore): Promise<string[]> {
  const names = (await store.get('a'))!.session.cookies.map(({ name }) => name);
  return names.filter((name) => !BASE.cookies.some((cookie) => cookie.name === name)).sort();
}

describe('an item whose id is stored', () => {
  test('is joined with it: nothing of either is lost, and the revision rises', async () => {
    const store = await filled();
    const [result] = await resultsOf(merging(store, [await itemOf(withCookie('mine'))]));
    expect(result).toMatchObject({ id: 'a', status: 'fulfilled', value: { outcome: 'merged', revision: 4 } });
    expect(await cookiesIn(store)).toEqual(['mine', 'theirs']);
    expect(await store.get('a')).toMatchObject({ revision: 4, session: { incarnation: 'first-life', revision: 4 } });
  });

  test('is joined in any order and any number of times to the same session', async () => {
    const three = await Promise.all(['one', 'two', 'three'].map((name) => itemOf(withCookie(name))));
    const documents = [];
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
    ]) {
      const store = storeOf();
      for (const at of order) await merging(store, [three[at]!]).summary;
      const words: string[] = [];
      for (const item of three) words.push(await wordOf(merging(store, [item])));
      // All of each is there: nothing is written.
      expect(words).toEqual(['kept', 'kept', 'kept']);
      const { session } = (await store.get('a'))!;
      documents.push(await encodeSession({ ...session, revision: 0 }));
      expect(await cookiesIn(store)).toEqual(['one', 'three', 'two']);
    }
    expect(documents[1]).toEqual(documents[0]);
    expect(documents[2]).toEqual(documents[0]);
  });

  test('is joined by the histories that both carry: a deletion that had seen an entry removes it', async () => {
    const store = await filled(BASE);
    const { session } = await mergeSessions([(await store.get('a'))!.session]);
    const without = { ...session, cookies: [], updatedAt: NOW - HOUR_MS };
    // Without a history an absence means nothing (law M16); with one it is a deletion.
    expect(await wordOf(merging(store, [await itemOf({ ...BASE, cookies: [] })]))).toBe('merged');
    expect((await store.get('a'))!.session.cookies.length).toBe(BASE.cookies.length);
    expect(await wordOf(merging(store, [await itemOf(without)]))).toBe('merged');
    expect((await store.get('a'))!.session.cookies).toEqual([]);
  });

  test('is opened first where it is sealed', async () => {
    const store = await filled();
    const attributes = { incarnation: 'first-life', revision: 3, schemaVersion: '2.0' };
    const bytes = sealSync((await itemOf(withCookie('mine'))).bytes as Uint8Array, KEY, { sessionId: 'a' }, { attributes });
    expect(await wordOf(merging(store, [{ name: 'sealed', id: 'a', bytes }]))).toBe('merged');
    expect(await cookiesIn(store)).toEqual(['mine', 'theirs']);
  });

  test('and is the same is left alone: not even a history is written', async () => {
    const store = await filled();
    const before = await store.head('a');
    expect(await wordOf(merging(store, [await itemOf(withCookie('theirs'))]))).toBe('kept');
    expect(await store.head('a')).toEqual(before);
  });

  test('counts as merged, in the summary and in the progress', async () => {
    const seen: number[] = [];
    const items = [await itemOf(withCookie('mine')), { name: 'new', bytes: await blobOf('b') }];
    const run = merging(await filled(), items, { onProgress: ({ merged }) => seen.push(merged) });
    expect(await run.summary).toMatchObject({ created: 1, merged: 1, replaced: 0, kept: 0, failed: 0 });
    expect(seen.at(-1)).toBe(1);
  });
});

describe('is not joined, and what is stored stays', () => {
  test('with another incarnation (law M18)', async () => {
    const store = await filled();
    expect(await wordOf(merging(store, [await itemOf(withCookie('mine', { incarnation: 'second-life' }))]))).toBe('STORE_GONE');
    expect(await cookiesIn(store)).toEqual(['theirs']);
  });

  test('with what was deleted', async () => {
    const store = await filled();
    await store.delete('a');
    expect(await wordOf(merging(store, [await itemOf(withCookie('mine'))]))).toBe('STORE_GONE');
    expect(await store.get('a')).toBeNull();
  });

  test('by a clock that is ahead (law M7), unless that is allowed, or written anew', async () => {
    const ahead = await itemOf(withCookie('mine', { updatedAt: NOW + HOUR_MS }));
    const store = await filled();
    expect(await wordOf(merging(store, [ahead]))).toBe('MERGE_DRIFT');
    expect(await cookiesIn(store)).toEqual(['theirs']);
    expect(await wordOf(merging(await filled(), [ahead], { maxDriftMs: 2 * HOUR_MS }))).toBe('merged');
    expect(await wordOf(merging(store, [ahead], { restamp: true }))).toBe('merged');
    expect(await cookiesIn(store)).toEqual(['mine', 'theirs']);
    const { document } = await readMerge((await store.get('a'))!.session);
    const times = [...document.entries.values()].flatMap(({ candidates }) => candidates.map(({ stamp }) => stamp.time));
    expect(Math.max(...times)).toBeLessThanOrEqual(NOW);
  });

  test('by a level that does not read it, or a wrong option', () => {
    for (const verify of ['header', 'hashes'] as const) expect(() => merging(storeOf(), [], { verify })).toThrow(TypeError);
    expect(() => merging(storeOf(), [], { maxDriftMs: -1 })).toThrow(RangeError);
  });
});

describe('somebody else', () => {
  test('who writes meanwhile loses nothing', async () => {
    const provider = memory({ now: () => NOW });
    const other = storeOf(provider);
    await merging(other, [await itemOf(withCookie('theirs'))]).summary;
    const meanwhile = (): Promise<unknown> =>
      other.update('a', (session) => ({ ...session, cookies: [...session.cookies, { ...COOKIE!, name: 'meanwhile' }] }));
    const { provider: raced, calls } = faulty(provider, { put: [{ at: 'before', code: 'PROVIDER_CONFLICT', meanwhile }] });
    expect(await wordOf(merging(storeOf(raced), [await itemOf(withCookie('mine'))]))).toBe('merged');
    expect(await cookiesIn(other)).toEqual(['meanwhile', 'mine', 'theirs']);
    expect(calls['put']).toBe(2);
  });

  test('and a reply that is lost: it is joined once', async () => {
    const provider = memory({ now: () => NOW });
    await merging(storeOf(provider), [await itemOf(withCookie('theirs'))]).summary;
    const { provider: failing } = faulty(provider, { put: [{ at: 'after' }] });
    const [result] = await resultsOf(merging(storeOf(failing), [await itemOf(withCookie('mine'))]));
    expect(result).toMatchObject({ value: { outcome: 'merged', revision: 4 } });
    expect((await storeOf(provider).get('a'))!.revision).toBe(4);
  });
});

test('a run that goes on knows what it had merged, whoever has written since', async () => {
  const [store, checkpoint] = [await filled(), keptCheckpoint()];
  const item = await itemOf(withCookie('mine'));
  await merging(store, [item], { checkpoint }).summary;
  await store.update('a', (session) => ({ ...session, cookies: session.cookies.filter(({ name }) => name !== 'mine') }));
  const again = merging(store, [item], { checkpoint: keptCheckpoint(checkpoint.saved[0]!) });
  expect(await again.summary).toMatchObject({ present: 1, merged: 0 });
  expect(await cookiesIn(store)).toEqual(['theirs']);
});

test('without conditions of the provider it is joined with what a read shows', async () => {
  const store = storeOf(withoutConditions(memory({ now: () => NOW })));
  expect(await wordOf(merging(store, [await itemOf(withCookie('theirs'))]))).toBe('created');
  expect(await wordOf(merging(store, [await itemOf(withCookie('mine'))]))).toBe('merged');
  expect(await cookiesIn(store)).toEqual(['mine', 'theirs']);
  expect(await wordOf(merging(store, [await itemOf(withCookie('mine'))]))).toBe('kept');
});

test('without conditions, in the place of commits of another epoch, it is refused: nobody could read the two together', async () => {
  const store = storeOf(withoutConditions(memory({ now: () => NOW })));
  await merging(store, [await itemOf(withCookie('theirs'))]).summary;
  await merging(store, [await itemOf(withCookie('mine'))]).summary;
  const compacted = await compactSession((await store.get('a'))!.session, '0123456789abcdef');
  const item = await itemOf(compacted);
  for (const onConflict of ['replace', 'merge'] as const) expect(await wordOf(merging(store, [item], { onConflict }))).toBe('MERGE_EPOCH');
  expect(await cookiesIn(store)).toEqual(['mine', 'theirs']);
});
