/** Law M19: sessions whose commits stand beside them, on their way elsewhere. Whoever takes one takes all of it. */
import { describe, expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import type { Session } from '../../ts/session/session.ts';
import {
  copyAll,
  type ExportForm,
  type ExportResult,
  exportMany,
  importMany,
  type SessionStore,
  sessionStore,
  transferAll,
  transferSession,
} from '../../ts/store/session-store.ts';
import { flip } from '../envelope/fixture.ts';
import { checkpointIn, codeOf, listAll, options } from './store-fixture.ts';
import {
  add,
  commitItems,
  far,
  ID,
  itemSession,
  itemsOf,
  OBJECT,
  type Place,
  placeWith,
  START,
  secondLife,
  storedItems,
} from './writers-fixture.ts';

/** A place with commits of two workers to one session. */
async function committed(): Promise<{ place: Place; store: SessionStore }> {
  const place = await placeWith({ token: 'old' });
  const works = [await place.open().checkout(ID), await place.open().checkout(ID)];
  await commitItems(works[0]!, add('a'));
  await commitItems(works[1]!, add('b'));
  return { place, store: place.open() };
}
const ALL = { token: 'old', a: '1', b: '1' };

/** A store over a provider with conditions. */
function plainStore(): SessionStore {
  return sessionStore(memory({ now: () => START }), options({ now: () => START, random: undefined! }));
}

async function valuesOf(source: AsyncIterable<ExportResult>): Promise<Extract<ExportResult, { status: 'fulfilled' }>['value'][]> {
  return (await listAll(source)).map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

describe('M19: a transfer', () => {
  test('carries the merged session, with what merging knows, to a provider with conditions or without', async () => {
    const { store } = await committed();
    const kept = await placeWith(null);
    for (const target of [plainStore(), kept.open()]) {
      expect(await transferSession(store, target, ID)).toEqual({ outcome: 'done', losses: [] });
      expect(await storedItems(target)).toEqual(ALL);
      expect((await target.head(ID))!.revision).toBe((await store.head(ID))!.revision);
      expect((await transferSession(store, target, ID)).outcome).toBe('present');
      await commitItems(await target.checkout(ID), add('c'));
      expect(await storedItems(target)).toEqual({ ...ALL, c: '1' });
    }
  });

  test('what is committed later goes over too, and meets what was committed there', async () => {
    const { store } = await committed();
    const target = (await placeWith(null)).open();
    await transferSession(store, target, ID);
    await commitItems(await target.checkout(ID), add('there'));
    for (const name of ['x', 'y']) await commitItems(await store.checkout(ID), add(name));
    expect((await transferSession(store, target, ID)).outcome).toBe('done');
    expect(await storedItems(target)).toEqual({ ...ALL, x: '1', y: '1', there: '1' });
  });

  test('takes what this store itself wrote last, though the service does not show it yet', async () => {
    const place = await placeWith({ token: 'old' });
    const store = far(place);
    await commitItems(await store.checkout(ID), add('mine'));
    const target = plainStore();
    await transferSession(store, target, ID);
    expect(await storedItems(target)).toEqual({ token: 'old', mine: '1' });
  });

  test('and a new life of which only this store knows as yet, over the tombstone of the old one', async () => {
    const place = await placeWith({ token: 'old' });
    await place.open().delete(ID);
    const tombstone = (await place.provider.get(ID))!;
    await place.open().put(itemSession({ token: 'new' }, 'second'));
    const store = far(place);
    await commitItems(await store.checkout(ID), add('mine'));
    await place.provider.put(ID, tombstone.value, { metadata: tombstone.metadata });
    const target = plainStore();
    expect((await transferSession(store, target, ID)).outcome).toBe('done');
    expect(await storedItems(target)).toEqual({ token: 'new', mine: '1' });
    expect(await codeOf(target.put(itemSession({})))).toBe('STORE_GONE');
  });

  test('of all sessions finds those of which only commits are left, and tombstones', async () => {
    const { place, store } = await committed();
    await store.put(itemSession({ only: 'commits' }, 'first', 'left'));
    await commitItems(await store.checkout('left'), add('more'));
    await place.provider.delete('left');
    await store.put(itemSession({}, 'first', 'deleted'));
    await store.delete('deleted');
    const target = plainStore();
    await target.put(itemSession({}, 'first', 'deleted'));
    expect(await transferAll(store, target)).toMatchObject({ done: 3, present: 0, skipped: 0, failed: [] });
    expect(await storedItems(target)).toEqual(ALL);
    expect(await storedItems(target, 'left')).toEqual({ only: 'commits', more: '1' });
    expect(await target.get('deleted')).toBeNull();
  });

  test('a target whose commits are later, or of another incarnation, is not overwritten unseen', async () => {
    const source = plainStore();
    await source.put(itemSession({ from: 'source' }));
    const { place, store } = await committed();
    await place.provider.delete(ID);
    for (const dryRun of [true, false]) expect((await transferSession(source, store, ID, { dryRun })).outcome).toBe('present');
    await source.delete(ID);
    await source.purge(ID);
    await source.put(itemSession({ from: 'another' }, 'second'));
    for (const dryRun of [true, false]) expect(await codeOf(transferSession(source, store, ID, { dryRun }))).toBe('STORE_CONFLICT');
    expect((await transferSession(source, store, ID, { onConflict: 'skip' })).outcome).toBe('skipped');
    expect(await storedItems(store)).toEqual(ALL);
    expect((await transferSession(source, store, ID, { onConflict: 'replace' })).outcome).toBe('done');
    expect(await storedItems(place.open())).toEqual({ from: 'another' });
    // And for good: what was replaced has ended.
    expect(await codeOf(place.open().put(itemSession({})))).toBe('STORE_GONE');
  });

  test('what was compacted does not come to stand beside commits of before, where nothing could be read any more', async () => {
    const source = plainStore();
    await source.put(itemSession({ token: '1' }));
    await commitItems(await source.checkout(ID), add('a'));
    const target = (await placeWith(null)).open();
    await transferSession(source, target, ID);
    await commitItems(await target.checkout(ID), add('there'));
    await source.compact(ID);
    for (const name of ['b', 'c']) await commitItems(await source.checkout(ID), add(name));
    for (const dryRun of [true, false]) expect(await codeOf(transferSession(source, target, ID, { dryRun }))).toBe('MERGE_EPOCH');
    const { session } = (await source.get(ID))!;
    expect(await codeOf(target.put(session))).toBe('MERGE_EPOCH');
    expect(await target.putMany([session])).toMatchObject([{ status: 'rejected', reason: { code: 'MERGE_EPOCH' } }]);
    expect(await storedItems(target)).toEqual({ token: '1', a: '1', there: '1' });
    await target.purge(ID);
    expect((await transferSession(source, target, ID)).outcome).toBe('done');
    expect(await storedItems(target)).toEqual({ token: '1', a: '1', b: '1', c: '1' });
    await commitItems(await target.checkout(ID), add('d'));
    expect(await storedItems(target)).toEqual({ token: '1', a: '1', b: '1', c: '1', d: '1' });
  });

  test('a commit that is damaged is a failure, and its session does not go over without it', async () => {
    const { place, store } = await committed();
    const [, object] = await place.keys();
    const { value, metadata } = (await place.provider.get(object!))!;
    await place.provider.put(object!, flip(value, value.length - 1), { metadata });
    const target = plainStore();
    const { failed } = await transferAll(store, target);
    expect(failed).toMatchObject([{ id: ID, code: 'ENVELOPE_TAMPERED' }]);
    expect(await target.get(ID)).toBeNull();
  });
});

describe('M19: an export', () => {
  const FORMS: readonly ExportForm[] = ['stored', 'packed', 'text'];

  test.each(FORMS)('as %s gives the merged session, which an import takes', async (form) => {
    const { store } = await committed();
    const [exported, ...others] = await valuesOf(exportMany(store, { form }));
    expect(others).toEqual([]);
    const stored = (await store.get(ID))!;
    expect(exported!.facts).toEqual({ incarnation: 'first', revision: stored.revision, expiresAt: stored.expiresAt });
    if (form !== 'stored') expect(itemsOf(await decodeSession(exported!.bytes))).toEqual(ALL);
    const target = plainStore();
    await importMany(target, [{ name: 'x', ...exported! }]).summary;
    expect(await storedItems(target)).toEqual(ALL);
    await commitItems(await target.checkout(ID), add('c'));
    expect(await storedItems(target)).toEqual({ ...ALL, c: '1' });
  });

  test('a record that stands alone is given as it is, without a key', async () => {
    const place = await placeWith({ token: 'old' });
    const blind = sessionStore(place.provider, options({ keys: null }));
    const [exported] = await valuesOf(exportMany(blind, { form: 'stored' }));
    expect(exported!.bytes).toEqual((await place.provider.get(ID))!.value);
    await commitItems(await place.open().checkout(ID), add('a'));
    expect(await listAll(exportMany(blind, { form: 'stored' }))).toMatchObject([{ status: 'rejected', reason: { code: 'KEY_MISSING' } }]);
  });

  test('finds each session once, those of which only commits are left too, and goes on from a checkpoint', async () => {
    const place = await placeWith(null);
    const store = place.open();
    const ids = Array.from({ length: 7 }, (_, at) => `s${at}`);
    for (const id of ids) {
      await store.put(itemSession({ of: id }, 'first', id));
      for (const name of ['x', 'y']) await commitItems(await store.checkout(id), add(name));
    }
    await place.provider.delete('s3');
    await store.delete('s5');
    const text = { text: null as string | null };
    const found: string[] = [];
    const wanted = { form: 'packed', concurrency: 2, checkpoint: checkpointIn(text), checkpointEvery: 1 } as const;
    for (let run = 0; run < 4; run++) {
      for await (const { id } of exportMany(place.open(), wanted)) {
        // What is being taken when the run ends is taken again.
        if (found.at(-1) !== id) found.push(id!);
        if (found.length === 2 * run + 2) break;
      }
    }
    expect(found).toEqual(ids.filter((id) => id !== 's5'));
    expect(text.text).toBeNull();
  });

  test('of given ids, and a damaged commit of one of them', async () => {
    const { place, store } = await committed();
    await store.put(itemSession({ alone: '1' }, 'first', 'other'));
    await place.provider.put('other/#w/0123456789abcdef/1', new Uint8Array(3), { metadata: { some: 'thing' } });
    expect(await listAll(exportMany(store, { form: 'packed', ids: ['other', ID, 'nobody'] }))).toMatchObject([
      { id: 'other', status: 'rejected', reason: { code: 'STORE_MALFORMED' } },
      { id: ID, status: 'fulfilled' },
      { id: 'nobody', status: 'rejected', reason: { code: 'STORE_GONE' } },
    ]);
    const listed = await listAll(exportMany(store, { form: 'packed' }));
    expect(listed.map(({ id, status }) => [id, status])).toEqual([
      [null, 'rejected'],
      ['other', 'rejected'],
      [ID, 'fulfilled'],
    ]);
  });
});

describe('M19: a copy', () => {
  test('carries commits as they are, so that the copy merges the same, and a backup of it comes back', async () => {
    const { place } = await committed();
    const backup = memory({ now: () => START });
    const back = await placeWith(null);
    expect(await copyAll(place.provider, backup)).toMatchObject({ done: 3, failed: [] });
    // It is a backup, and no store: commits are not looked for where they are not needed.
    expect(await storedItems(sessionStore(backup, options()))).toEqual({ token: 'old' });
    expect(await copyAll(backup, back.provider)).toMatchObject({ done: 3, failed: [] });
    expect(await back.keys()).toEqual(await place.keys());
    expect(await storedItems(back.open())).toEqual(ALL);
    // Work goes on in both, and comes together where it is copied again.
    await commitItems(await back.open().checkout(ID), add('there'));
    await commitItems(await place.open().checkout(ID), add('here'));
    expect(await copyAll(place.provider, back.provider)).toMatchObject({ done: 1, present: 3, failed: [] });
    expect(await storedItems(back.open())).toEqual({ ...ALL, there: '1', here: '1' });
  });
});

describe('M18 without conditions: marks of what has ended', () => {
  const DONE = { failed: [] };

  const first = itemSession({ token: 'a' });

  test('go along with a transfer: what has ended stays so where the session goes, also when it has expired there', async () => {
    const place = await secondLife();
    const plain = plainStore();
    expect(await transferAll(place.open(), plain)).toMatchObject({ done: 1, ...DONE });
    expect(await codeOf(plain.put(first))).toBe('STORE_GONE');

    for (const source of [place.open(), plain]) {
      const target = await placeWith(null);
      expect(await transferAll(source, target.open())).toMatchObject({ done: 1, skipped: 0, ...DONE });
      expect(await storedItems(target.open())).toEqual({ token: 'second' });
      const marks = (await target.keys()).filter((key) => key.includes('/#ended/'));
      expect(marks).toEqual((await place.keys()).filter((key) => key.includes('/#ended/')));
      target.nowMs += 700_000;
      expect(await codeOf(target.open().put(first))).toBe('STORE_GONE');
      const old = plainStore();
      await old.put(first);
      for (const dryRun of [true, false]) expect(await codeOf(transferSession(old, target.open(), ID, { dryRun }))).toBe('STORE_GONE');
      expect(await transferAll(old, target.open(), { onConflict: 'replace' })).toMatchObject({ failed: [{ code: 'STORE_GONE' }] });
      await old.delete(ID);
      expect((await transferSession(old, target.open(), ID)).outcome).toBe('done');
      expect(await storedItems(target.open())).toBeNull();
    }
  });

  test('go along with what only this store knows as yet', async () => {
    const place = await secondLife();
    const store = far(place);
    const work = await store.checkout(ID);
    const { storage } = itemSession({ token: 'second', mine: '1' });
    await work.commit({ session: { ...work.session, storage, expiresAt: place.nowMs + 800_000 } });
    await place.provider.delete(ID);
    const target = plainStore();
    expect((await transferSession(store, target, ID)).outcome).toBe('done');
    expect(await storedItems(target)).toEqual({ token: 'second', mine: '1' });
    expect(await codeOf(target.put(first))).toBe('STORE_GONE');
  });

  test('are no session where nothing else is left: listings, transfers and exports pass over them', async () => {
    const place = await secondLife();
    place.nowMs += 700_000;
    const store = place.open();
    const damaged: unknown[] = [];
    expect(await listAll(store.list({ onDamaged: (one) => void damaged.push(one) }))).toEqual([]);
    const purged = await placeWith(null);
    expect(await transferAll(store, purged.open())).toMatchObject({ done: 0, present: 0, ...DONE });
    expect(await transferSession(store, purged.open(), ID)).toEqual({ outcome: 'skipped', losses: [] });
    expect(await purged.keys()).toEqual([]);
    expect(await listAll(exportMany(store, { form: 'text' }))).toEqual([]);
    expect(await listAll(exportMany(store, { form: 'text', ids: [ID] }))).toMatchObject([{ reason: { code: 'STORE_GONE' } }]);
    // Without the commit that came late, too.
    await place.provider.delete((await place.keys()).find((key) => OBJECT.test(key))!);
    expect(await transferAll(store, purged.open())).toMatchObject({ skipped: 0, ...DONE });
    expect(damaged).toEqual([]);
  });

  test('keep what an import would bring back away, by each rule', async () => {
    const place = await secondLife();
    place.nowMs += 700_000;
    const bytes = await encodeSession(first);
    for (const onConflict of ['skip', 'replace', 'merge'] as const) {
      const items = await listAll(importMany(place.open(), [{ name: 'old', bytes }], { onConflict }));
      expect(items).toMatchObject([{ status: 'rejected', reason: { code: 'STORE_GONE' } }]);
    }
    expect(await storedItems(place.open())).toBeNull();
  });

  test('are copied as they are, to a backup and back, and twice is once', async () => {
    const place = await secondLife();
    const backup = memory({ now: () => place.nowMs });
    const back = await placeWith(null);
    expect(await copyAll(place.provider, backup)).toMatchObject({ done: 3, ...DONE });
    expect(await listAll(sessionStore(backup, options()).list())).toMatchObject([{ id: ID, incarnation: 'second' }]);
    for (const [done, present] of [
      [3, 0],
      [0, 3],
    ])
      expect(await copyAll(backup, back.provider)).toMatchObject({ done, present, ...DONE });
    expect(await back.keys()).toEqual(await place.keys());
    back.nowMs += 700_000;
    expect(await storedItems(back.open())).toBeNull();
    expect(await codeOf(back.open().put(first))).toBe('STORE_GONE');
  });

  test('are not swept', async () => {
    const place = await secondLife();
    place.nowMs += 700_000;
    expect(await place.provider.sweep()).toMatchObject({ expired: 1 });
    expect(await storedItems(place.open())).toBeNull();
    expect(await codeOf(place.open().put(first))).toBe('STORE_GONE');
  });
});

describe('M18 without conditions: a put', () => {
  test('counts on from the commits beside the record', async () => {
    const { store } = await committed();
    for (const name of ['x', 'y']) await commitItems(await store.checkout(ID), add(name));
    const { revision } = (await store.head(ID))!;
    expect((await store.put(itemSession({ token: 'put' }))).revision).toBe(revision + 1);
    expect((await store.get(ID))!.revision).toBe(revision + 1);
  });

  test('does not go in the place of another incarnation of which only commits are left', async () => {
    const { place, store } = await committed();
    await place.provider.delete(ID);
    const another: Session = itemSession({ new: '1' }, 'second');
    expect(await codeOf(store.put(another))).toBe('STORE_CONFLICT');
    const [settled] = await store.putMany([another]);
    expect(settled).toMatchObject({ status: 'rejected', reason: { code: 'STORE_CONFLICT' } });
    await store.put(another, { replace: true });
    expect(await storedItems(place.open())).toEqual({ new: '1' });
    await place.open().purge(ID);
    expect(await place.keys()).toEqual([]);
  });
});

describe('M19: a sweep', () => {
  test('takes an object no sooner than anything that it has replaced', async () => {
    const place = await placeWith(null);
    const store = place.open();
    await store.put({ ...itemSession({ token: 'old' }), expiresAt: START + 1_000_000 });
    const work = await store.checkout(ID);
    const { storage } = itemSession({ token: 'new' });
    await work.commit({ session: { ...work.session, storage, expiresAt: START + 5000 } });
    place.nowMs = START + 1_059_999;
    expect(await place.provider.sweep()).toMatchObject({ expired: 0 });
    expect(await storedItems(place.open())).toEqual({ token: 'new' });
    place.nowMs++;
    expect(await place.provider.sweep()).toMatchObject({ expired: 2 });
    expect(await place.keys()).toEqual([]);
  });
});
