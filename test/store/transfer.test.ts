/** Transfers between stores: the session travels with its identity, is sealed anew, and nothing is lost unsaid. */

import { describe, expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { peekBlob } from '../../ts/blob/peek.ts';
import { openSealed } from '../../ts/envelope/open.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { sessionStore, type TransferProgress, transferAll, transferSession } from '../../ts/store/session-store.ts';
import type { SessionStore } from '../../ts/store/store.ts';
import { FULL_SESSION, resolve } from '../blob/fixture.ts';
import { keyOf } from '../envelope/fixture.ts';
import { checkpointIn, codeOf, faulty, listAll, NOW, options, SECRET, sessionOf } from './store-fixture.ts';

const NEXT = keyOf('next', 11);

function pair(wrap: (provider: StorageProvider) => StorageProvider = (provider) => provider) {
  const target = memory({ now: () => NOW });
  const from = sessionStore(memory({ now: () => NOW }), options({ tenant: 'old' }));
  const to = sessionStore(wrap(target), options({ keys: NEXT, tenant: 'new', namespace: 'in' }));
  return { from, to, target };
}

test('a session arrives whole, in its revision, sealed for the keys and tenant of the target', async () => {
  const { from, to, target } = pair();
  const session = { ...FULL_SESSION, expiresAt: NOW + 86_400_000 };
  await from.put(session);
  expect(await transferSession(from, to, session.id, { dryRun: true })).toEqual({ outcome: 'done', losses: [] });
  expect(await listAll(to.list())).toEqual([]);
  expect(await transferSession(from, to, session.id)).toEqual({ outcome: 'done', losses: [] });
  const [sent, got] = [(await from.get(session.id))!, (await to.get(session.id))!];
  expect(await resolve(got.session)).toEqual(await resolve(sent.session));
  expect(got).toMatchObject({ revision: 4, expiresAt: sent.expiresAt });
  const { value } = (await target.get(`in/${session.id}`))!;
  expect((await openSealed(value, NEXT, { tenant: 'new', sessionId: session.id })).kid).toBe('next');
  expect(await transferSession(from, to, session.id)).toEqual({ outcome: 'present', losses: [] });
  expect(await transferSession(from, to, 'none')).toEqual({ outcome: 'skipped', losses: [] });
});

test('a later revision follows, an earlier one stays behind', async () => {
  const { from, to } = pair();
  await from.put(sessionOf('s', { name: 'one' }));
  await transferSession(from, to, 's');
  await from.put(sessionOf('s', { name: 'two' }));
  expect((await transferSession(from, to, 's')).outcome).toBe('done');
  expect(await to.get('s')).toMatchObject({ revision: 2, session: { name: 'two' } });
  await to.put(sessionOf('s', { name: 'there' }));
  expect((await transferSession(from, to, 's')).outcome).toBe('present');
  expect(await to.get('s')).toMatchObject({ revision: 3, session: { name: 'there' } });
});

describe('what was deleted', () => {
  test('in the target does not come back', async () => {
    const { from, to } = pair();
    await from.put(sessionOf('s'));
    await transferSession(from, to, 's');
    await to.delete('s');
    expect(await codeOf(transferSession(from, to, 's'))).toBe('STORE_GONE');
    expect(await codeOf(transferSession(from, to, 's', { onConflict: 'replace' }))).toBe('STORE_GONE');
  });

  test('in the source is deleted in the target, and refused there from then on', async () => {
    const { from, to } = pair();
    await from.put(sessionOf('s'));
    await from.put(sessionOf('never-sent'));
    await transferSession(from, to, 's');
    await from.deleteMany(['s', 'never-sent']);
    expect(await transferAll(from, to)).toMatchObject({ done: 2, failed: [] });
    expect(await to.get('s')).toBeNull();
    for (const id of ['s', 'never-sent']) expect(await codeOf(to.put(sessionOf(id)))).toBe('STORE_GONE');
    expect(await transferAll(from, to)).toMatchObject({ done: 0, present: 2 });
  });

  test('a new life of the source takes the place of the ended one, and the ended stays ended', async () => {
    const { from, to } = pair();
    await from.put(sessionOf('s'));
    await transferSession(from, to, 's');
    await from.delete('s');
    await from.put(sessionOf('s', { incarnation: 'second-life' }));
    expect((await transferSession(from, to, 's')).outcome).toBe('done');
    expect((await to.get('s'))!.session.incarnation).toBe('second-life');
    expect(await codeOf(to.put(sessionOf('s')))).toBe('STORE_GONE');
    // Also where the target never had it.
    const fresh = sessionStore(memory(), options());
    await transferSession(from, fresh, 's');
    expect(await codeOf(fresh.put(sessionOf('s'), { replace: true }))).toBe('STORE_GONE');
  });
});

test.each([
  ['fail', 'STORE_CONFLICT', 'theirs'],
  ['skip', 'skipped', 'theirs'],
  ['replace', 'done', 'first-life'],
] as const)('an id that another incarnation has: %s', async (onConflict, outcome, kept) => {
  for (const dryRun of [true, false]) {
    const { from, to } = pair();
    await from.put(sessionOf('s'));
    await to.put(sessionOf('s', { incarnation: 'theirs' }));
    const transfer = transferSession(from, to, 's', { onConflict, dryRun });
    expect(
      await transfer.then(
        (one) => one.outcome,
        (error: { code: string }) => error.code,
      ),
    ).toBe(outcome);
    expect((await to.get('s'))!.session.incarnation).toBe(dryRun ? 'theirs' : kept);
  }
});

describe('another schema version', () => {
  const session = { ...FULL_SESSION, expiresAt: NOW + 86_400_000 };
  const schemaVersionIn = async (store: SessionStore, key: string) => {
    const { value } = (await store.provider.get(key))!;
    const opened = await openSealed(value, NEXT, { tenant: 'new', sessionId: session.id });
    return [opened.attributes.schemaVersion, (await peekBlob(opened.plaintext)).version];
  };

  test('what it cannot hold is refused, told, and with allowLoss parked; the way back restores it', async () => {
    const { from, to } = pair();
    await from.put(session);
    const trial = await transferSession(from, to, session.id, { version: '1.0', dryRun: true });
    expect(trial.outcome).toBe('lossy');
    expect(trial.losses.length).toBeGreaterThan(0);
    expect(JSON.stringify(trial.losses)).not.toContain(SECRET);
    await expect(transferSession(from, to, session.id, { version: '1.0' })).rejects.toMatchObject({
      code: 'SESSION_LOSSY',
      details: { losses: expect.any(Number), pointer: expect.stringMatching(/^\//) },
    });
    expect(await to.get(session.id)).toBeNull();
    const taken = await transferSession(from, to, session.id, { version: '1.0', allowLoss: true });
    expect(taken).toEqual({ outcome: 'done', losses: trial.losses });
    expect(await schemaVersionIn(to, `in/${session.id}`)).toEqual(['1.0', '1.0']);

    // The upgrade on the way back: what was parked is in its place.
    const back = sessionStore(memory({ now: () => NOW }), options({ keys: NEXT, tenant: 'new' }));
    expect(await transferSession(to, back, session.id)).toEqual({ outcome: 'done', losses: [] });
    expect(await schemaVersionIn(back, session.id)).toEqual(['2.0', '2.0']);
    expect(await resolve((await back.get(session.id))!.session)).toEqual(await resolve((await from.get(session.id))!.session));
  });

  test('all of a store: a loss report, and failures that stop nothing', async () => {
    const { from, to } = pair();
    await from.put(session);
    await from.put(sessionOf('plain', { credentials: [], permissions: [], ttl: [], storage: [], tabs: [] }));
    for (const dryRun of [true, false]) {
      const result = await transferAll(from, to, { version: '1.0', dryRun });
      expect(result.failed.map(({ id, key, code }) => [id, key, code])).toContainEqual([session.id, session.id, 'SESSION_LOSSY']);
      expect(result.losses.find(({ id }) => id === session.id)!.losses.length).toBeGreaterThan(0);
      expect(result.done + result.failed.length).toBe(2);
    }
    expect(await transferAll(from, to, { version: '1.0', allowLoss: true })).toMatchObject({ failed: [] });
    expect(await codeOf(transferSession(from, to, session.id, { version: '9.9' }))).toBe('SESSION_UNSUPPORTED_VERSION');
  });
});

test('all of a store, resumed after an abort, each once', async () => {
  const { from, to } = pair();
  const ids = Array.from({ length: 30 }, (_, at) => `s/${at}`);
  await from.putMany(ids.map((id) => sessionOf(id)));
  await from.withNamespace('inside').put(sessionOf('not this'));
  const place: { text: string | null } = { text: null };
  const checkpoint = checkpointIn(place);
  const controller = new AbortController();
  const reason = new Error('enough');
  const first = transferAll(from, to, {
    checkpoint,
    concurrency: 3,
    signal: controller.signal,
    onProgress: ({ done }) => done === 12 && controller.abort(reason),
  });
  expect(await codeOf(first)).toBe(reason);
  expect(JSON.parse(place.text!)).toMatchObject({ type: 'psp-transfer' });
  const progress: TransferProgress[] = [];
  const second = await transferAll(from, to, { checkpoint, onProgress: (one) => progress.push(one) });
  expect(second).toMatchObject({ resumed: true, failed: [], losses: [] });
  expect(second.done + second.present).toBeLessThanOrEqual(30 - 12);
  expect(progress.at(-1)).toMatchObject({ done: second.done, total: second.done + second.present });
  expect((await listAll(to.list())).map(({ id }) => id).sort()).toEqual([...ids].sort());
  expect(place.text).toBeNull();
});

test.each(['before', 'after'] as const)('a put that is cut %s leaves one session, and is done', async (at) => {
  const { from, to } = pair((provider) => faulty(provider, { put: [{ at }, { at }] }).provider);
  await from.put(sessionOf('s'));
  expect((await transferSession(from, to, 's')).outcome).toBe('done');
  expect((await to.get('s'))!.revision).toBe(1);
});

test('records that cannot be read are failures of their own', async () => {
  const { from, to } = pair();
  await from.putMany([sessionOf('a'), sessionOf('b')]);
  await from.provider.put('c', new Uint8Array([1]));
  const { value, metadata } = (await from.provider.get('a'))!;
  value[value.length - 1]! ^= 1;
  await from.provider.put('a', value, { metadata });
  const result = await transferAll(from, to);
  expect(result.failed.map(({ id, key, code }) => [id, key, code])).toEqual([
    [null, 'c', 'STORE_MALFORMED'],
    ['a', 'a', 'ENVELOPE_TAMPERED'],
  ]);
  expect(result.done).toBe(1);
  await expect(transferAll(from, to, { onConflict: 'merge' as never })).rejects.toThrow(TypeError);
  await expect(transferSession({} as never, to, 's')).rejects.toThrow(TypeError);
});
