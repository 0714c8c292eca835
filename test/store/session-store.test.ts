/** The session store over a provider in memory and on disk: what comes back, which session may replace which, and what metadata cannot do. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import { memory } from '../../providers/memory.ts';
import { decodeSession } from '../../ts/blob/decode.ts';
import { KDF_DEFAULTS } from '../../ts/envelope/kdf.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { openSealed } from '../../ts/envelope/open.ts';
import { Passphrase } from '../../ts/envelope/passphrase.ts';
import { PspError } from '../../ts/errors.ts';
import type { StorageProvider, Version } from '../../ts/provider.ts';
import type { Cookie } from '../../ts/session/session.ts';
import { STORE_SKEW_MS } from '../../ts/session/store-ttl.ts';
import { rotateStore, sessionStore } from '../../ts/store/session-store.ts';
import { resolve } from '../blob/fixture.ts';
import { keyOf } from '../envelope/fixture.ts';
import { codeOf, KEY, listAll, NOW, options, SECRET, sessionOf, withoutConditions } from './store-fixture.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

const providers: [string, (now: () => number) => Promise<StorageProvider>][] = [
  ['memory', async (now) => memory({ now })],
  [
    'filesystem',
    async (now) => {
      const root = await mkdtemp(join(tmpdir(), 'psp-store-'));
      folders.push(root);
      return filesystem({ root, now });
    },
  ],
];

describe.each(providers)('over %s', (_name, make) => {
  const fresh = () => make(() => NOW);

  test('a session that was put comes back with its next revision, and is sealed for its id and tenant', async () => {
    const provider = await fresh();
    const store = sessionStore(provider, options({ tenant: 'acme' }));
    const session = sessionOf('s-1', { revision: 4 });
    const put = await store.put(session);
    expect(put).toEqual({ version: put.version, revision: 5, expiresAt: null });
    const got = (await store.get('s-1'))!;
    expect(got).toEqual({ ...put, session: got.session });
    expect(await resolve(got.session)).toEqual(await resolve({ ...session, revision: 5 }));
    expect(await store.head('s-1')).toMatchObject({ id: 's-1', incarnation: 'first-life', ...put });

    const record = (await provider.get('s-1'))!;
    const opened = await openSealed(record.value, KEY, { tenant: 'acme', sessionId: 's-1' });
    expect(opened.attributes).toEqual({ incarnation: 'first-life', revision: 5, schemaVersion: '2.0' });
    expect((await decodeSession(opened.plaintext)).id).toBe('s-1');
    expect(Object.keys(record.metadata).sort()).toEqual(['incarnation', 'revision', 'write']);
  });

  test('the revision is one more than the greater of the stored and the given one', async () => {
    const store = sessionStore(await fresh(), options());
    expect((await store.put(sessionOf('s'))).revision).toBe(1);
    expect((await store.put(sessionOf('s'))).revision).toBe(2);
    expect((await store.put(sessionOf('s', { revision: 9 }))).revision).toBe(10);
    expect((await store.get('s'))!.session.revision).toBe(10);
  });

  test('a put with ifMatch replaces only that version', async () => {
    const store = sessionStore(await fresh(), options());
    const { version } = await store.put(sessionOf('s', { name: 'one' }));
    await store.put(sessionOf('s', { name: 'two' }), { ifMatch: version });
    const late = store.put(sessionOf('s', { name: 'late' }), { ifMatch: version });
    await expect(late).rejects.toMatchObject({ code: 'STORE_CONFLICT', details: { found: 'version' } });
    expect((await store.get('s'))!.session.name).toBe('two');
  });

  test('a put with ifNoneMatch creates only', async () => {
    const store = sessionStore(await fresh(), options());
    await store.put(sessionOf('s', { name: 'one' }), { ifNoneMatch: '*' });
    const second = store.put(sessionOf('s', { name: 'two' }), { ifNoneMatch: '*' });
    await expect(second).rejects.toMatchObject({ code: 'STORE_CONFLICT', details: { found: 'session' } });
    expect((await store.get('s'))!.session.name).toBe('one');
    await expect(store.put(sessionOf('s'), { ifNoneMatch: '*', ifMatch: '1' as Version })).rejects.toThrow(TypeError);
  });

  test('M18: a slow writer does not bring a deleted session back, whatever it puts and however', async () => {
    const store = sessionStore(await fresh(), options());
    const { version } = await store.put(sessionOf('s'));
    const read = (await store.get('s'))!;
    expect(await store.delete('s')).toBe(true);
    expect(await store.get('s')).toBeNull();
    expect(await store.head('s')).toBeNull();
    expect(await store.delete('s')).toBe(false);
    expect(await codeOf(store.put(read.session))).toBe('STORE_GONE');
    expect(await codeOf(store.put(read.session, { ifMatch: version }))).toBe('STORE_GONE');
    expect(await codeOf(store.put(read.session, { ifNoneMatch: '*' }))).toBe('STORE_GONE');
    expect(await codeOf(store.put(read.session, { replace: true }))).toBe('STORE_GONE');
    expect(await codeOf(store.update('s', (session) => session))).toBe('STORE_GONE');
    const [batched] = await store.putMany([read.session]);
    expect(batched).toMatchObject({ status: 'rejected', reason: { code: 'STORE_GONE' } });
    expect(await store.get('s')).toBeNull();
  });

  test('M18: a new life under the same id is another session, and the ended ones stay ended', async () => {
    const store = sessionStore(await fresh(), options());
    await store.put(sessionOf('s'));
    await store.delete('s');
    expect((await store.put(sessionOf('s', { incarnation: 'second-life' }))).revision).toBe(1);
    expect(await codeOf(store.put(sessionOf('s')))).toBe('STORE_GONE');
    expect(await codeOf(store.put(sessionOf('s'), { replace: true }))).toBe('STORE_GONE');
    await store.delete('s');
    expect(await codeOf(store.put(sessionOf('s')))).toBe('STORE_GONE');
    expect(await codeOf(store.put(sessionOf('s', { incarnation: 'second-life' })))).toBe('STORE_GONE');
    await store.put(sessionOf('s', { incarnation: 'third-life' }), { ifNoneMatch: '*' });
    expect((await store.get('s'))!.session.incarnation).toBe('third-life');
  });

  test('M18: a session is put in the place of another incarnation only when told to, which ends that one', async () => {
    const store = sessionStore(await fresh(), options());
    await store.put(sessionOf('s', { name: 'first' }));
    const other = sessionOf('s', { incarnation: 'second-life' });
    await expect(store.put(other)).rejects.toMatchObject({ code: 'STORE_CONFLICT', details: { found: 'incarnation' } });
    expect((await store.get('s'))!.session.name).toBe('first');
    await store.put(other, { replace: true });
    expect((await store.get('s'))!.session.incarnation).toBe('second-life');
    expect(await codeOf(store.put(sessionOf('s')))).toBe('STORE_GONE');
  });

  test('what was read and is absent now is gone; what never was is created', async () => {
    const provider = await fresh();
    const store = sessionStore(provider, options());
    const { version } = await store.put(sessionOf('s'));
    await store.purge('s');
    expect(await provider.head('s')).toBeNull();
    expect(await codeOf(store.put(sessionOf('s'), { ifMatch: version }))).toBe('STORE_GONE');
    expect(await codeOf(store.update('s', (session) => session))).toBe('STORE_GONE');
    expect((await store.put(sessionOf('s'))).revision).toBe(1);
    await store.purge('nothing there');
  });

  test('a delete with ifMatch deletes only that version, and a tombstone ends after tombstoneMs', async () => {
    let now = NOW;
    const provider = await make(() => now);
    const store = sessionStore(provider, options({ now: () => now, tombstoneMs: 1000 }));
    const { version } = await store.put(sessionOf('s'));
    const second = await store.put(sessionOf('s'));
    expect(await codeOf(store.delete('s', { ifMatch: version }))).toBe('STORE_CONFLICT');
    expect(await store.delete('s', { ifMatch: second.version })).toBe(true);
    expect(await provider.head('s')).toMatchObject({ size: 0, expiresAt: NOW + 1000, metadata: { deleted: String(NOW), revision: '3' } });
    now += 999;
    expect(await codeOf(store.put(sessionOf('s')))).toBe('STORE_GONE');
    now += 1;
    if (provider.capabilities.sweep) expect(await store.sweep()).toMatchObject({ expired: 1 });
    expect((await store.put(sessionOf('s'))).revision).toBe(1);
  });

  test('a listing has every session once, without tombstones, namespaces inside, and what is none', async () => {
    const provider = await fresh();
    const store = sessionStore(provider, options());
    const inside = store.withNamespace('team');
    const ids = ['a', 'a/b', 'a%2Fb', 'b', 'team/x', 'ü'];
    for (const id of ids) await store.put(sessionOf(id));
    await inside.put(sessionOf('x'));
    await store.delete('b');
    const list = async (...args: Parameters<typeof store.list>) => (await listAll(store.list(...args))).map(({ id }) => id).sort();
    expect(await list()).toEqual(['a', 'a%2Fb', 'a/b', 'team/x', 'ü']);
    expect(await list({ prefix: 'a/' })).toEqual(['a/b']);
    expect(await list({ limit: 2 })).toHaveLength(2);
    await provider.put('foreign', new Uint8Array([1]));
    const damaged: unknown[] = [];
    expect(await list({ onDamaged: ({ key, error }) => damaged.push([key, error.code]) })).toHaveLength(5);
    expect(damaged).toEqual([['foreign', 'STORE_MALFORMED']]);
    expect(await codeOf(list())).toBe('STORE_MALFORMED');
  });

  test('namespaces do not meet, whatever ids are', async () => {
    const provider = await fresh();
    const root = sessionStore(provider, options());
    const a = root.withNamespace('a');
    const ab = a.withNamespace('b');
    await root.put(sessionOf('a/b/c', { name: 'root' }));
    await a.put(sessionOf('b/c', { name: 'a' }));
    await ab.put(sessionOf('c', { name: 'ab' }));
    expect((await root.get('a/b/c'))!.session.name).toBe('root');
    expect((await a.get('b/c'))!.session.name).toBe('a');
    expect((await ab.get('c'))!.session.name).toBe('ab');
    expect(ab.namespace).toBe('a/b');
    const again = sessionStore(provider, options({ namespace: 'a/b' }));
    expect((await listAll(again.list())).map(({ id }) => id)).toEqual(['c']);
    expect(() => root.withNamespace('x/y')).toThrow(RangeError);
    expect(() => sessionStore(provider, options({ namespace: 'x//y' }))).toThrow(RangeError);
  });
});

test('a record expires when everything in its session has, with a minute of skew', async () => {
  let now = NOW;
  const store = sessionStore(memory({ now: () => now }), options());
  const cookie = sessionOf('s').cookies[0] as Cookie;
  const dying = sessionOf('s', {
    cookies: [{ ...cookie, expiresAt: NOW + 5000 }],
    storage: [],
    tabs: [],
    permissions: [],
    credentials: [],
  });
  expect((await store.put(dying)).expiresAt).toBe(NOW + 5000 + STORE_SKEW_MS);
  expect((await store.put(sessionOf('lasting'))).expiresAt).toBeNull();
  expect((await store.put(sessionOf('own', { expiresAt: NOW + 1000 }))).expiresAt).toBe(NOW + 1000 + STORE_SKEW_MS);
  now = NOW + 5000 + STORE_SKEW_MS - 1;
  expect((await store.get('s'))!.session.cookies).toHaveLength(1);
  now++;
  expect(await store.get('s')).toBeNull();
  expect(await store.get('lasting')).not.toBeNull();
});

describe('what was opened is the truth', () => {
  async function stored(changes: (metadata: Record<string, string>) => Record<string, string>) {
    const provider = memory({ now: () => NOW });
    const store = sessionStore(provider, options());
    await store.put(sessionOf('s'));
    const { value, metadata } = (await provider.get('s'))!;
    await provider.put('s', value, { metadata: changes({ ...metadata }) });
    return store;
  }

  test.each([
    ['another revision', { revision: '2' }],
    ['another incarnation', { incarnation: 'forged' }],
    ['a revision that is no number', { revision: '1e3' }],
    ['a revision beyond 2^53', { revision: '9007199254740993' }],
    ['a write id that is none', { write: 'x' }],
    ['a list of writes that is none', { before: 'abc' }],
    ['a deletion beside a value', { deleted: '1' }],
  ])('metadata with %s is STORE_MALFORMED', async (_, forged) => {
    const store = await stored((metadata) => ({ ...metadata, ...forged }));
    expect(await codeOf(store.get('s'))).toBe('STORE_MALFORMED');
    const [batched] = await store.getMany(['s']);
    expect(batched).toMatchObject({ status: 'rejected', reason: { code: 'STORE_MALFORMED' } });
  });

  test('so is none at all, and an empty value that is no tombstone', async () => {
    expect(await codeOf((await stored(() => ({}))).get('s'))).toBe('STORE_MALFORMED');
    const provider = memory();
    const store = sessionStore(provider, options());
    await store.put(sessionOf('s'));
    await provider.put('s', new Uint8Array(0), { metadata: (await provider.head('s'))!.metadata });
    expect(await codeOf(store.get('s'))).toBe('STORE_MALFORMED');
  });

  test('a record of another id, tenant or store of clear sessions does not open', async () => {
    const provider = memory();
    const mine = sessionStore(provider, options({ tenant: 'mine' }));
    await mine.put(sessionOf('s'));
    const { value, metadata } = (await provider.get('s'))!;
    await provider.put('t', value, { metadata });
    expect(await codeOf(mine.get('t'))).toBe('ENVELOPE_CONTEXT');
    expect(await codeOf(sessionStore(provider, options({ tenant: 'other' })).get('s'))).toBe('ENVELOPE_CONTEXT');
    expect(await codeOf(sessionStore(provider, options({ keys: null })).get('s'))).toBe('KEY_MISSING');
    const clear = sessionStore(provider, options({ keys: null }));
    await clear.put(sessionOf('c'));
    expect(await codeOf(mine.get('c'))).toBe('ENVELOPE_NOT_SEALED');
    await provider.put('d', (await provider.get('c'))!.value, { metadata: (await provider.get('c'))!.metadata });
    expect(await codeOf(clear.get('d'))).toBe('STORE_MALFORMED');
  });

  test.each([
    ['sealed', KEY],
    ['clear', null],
  ])('an older record is found by minRevision (%s)', async (_, keys) => {
    const provider = memory();
    const store = sessionStore(provider, options({ keys }));
    await store.put(sessionOf('s'));
    const old = (await provider.get('s'))!;
    const { revision } = await store.put(sessionOf('s'));
    expect((await store.get('s', { minRevision: revision }))!.revision).toBe(2);
    await provider.put('s', old.value, { metadata: old.metadata });
    expect(await codeOf(store.get('s', { minRevision: revision }))).toBe('ENVELOPE_ROLLBACK');
    expect((await store.get('s'))!.revision).toBe(1);
  });
});

test('keys of every kind: a ring, a passphrase, several', async () => {
  const ring = KeyRing.of(keyOf('old', 1), NOW).add(keyOf('new', 2), NOW).promote('new', NOW);
  const passphrase = new Passphrase('correct horse battery staple', { kdf: KDF_DEFAULTS['pbkdf2-sha256'] });
  for (const keys of [ring, passphrase, [KEY, keyOf('second', 9)]]) {
    const provider = memory();
    await sessionStore(provider, options({ keys })).put(sessionOf('s'));
    const readers = Array.isArray(keys) ? keys : [keys];
    for (const reader of readers) expect((await sessionStore(provider, options({ keys: reader })).get('s'))!.session.id).toBe('s');
  }
  expect(() => sessionStore(memory(), {} as never)).toThrow(TypeError);
  expect(() => sessionStore(memory(), options({ keys: [] }))).toThrow(RangeError);
});

test('a store is rotated by its contextOf, tombstones and namespaces included', async () => {
  const provider = memory();
  const [old, next] = [keyOf('old', 1), keyOf('new', 2)];
  const before = sessionStore(provider, options({ keys: old, tenant: 'acme' }));
  await before.put(sessionOf('a/b'));
  await before.withNamespace('team').put(sessionOf('c'));
  await before.put(sessionOf('gone'));
  await before.delete('gone');
  const ring = KeyRing.of(old, NOW).add(next, NOW).promote('new', NOW);
  const result = await rotateStore(provider, ring, { mode: 'reseal', contextOf: before.contextOf });
  expect(result).toMatchObject({ done: 2, skipped: 1, conflicted: 0, failed: [] });
  const after = sessionStore(provider, options({ keys: next, tenant: 'acme' }));
  expect((await after.get('a/b'))!.revision).toBe(1);
  expect((await after.withNamespace('team').get('c'))!.revision).toBe(1);
  expect(await codeOf(after.put(sessionOf('gone')))).toBe('STORE_GONE');
  expect(() => after.withNamespace('team').contextOf('elsewhere/c')).toThrow(PspError);
});

describe('without conditions', () => {
  test('a put is the last writer, deletion still leaves a tombstone, conditions and updates are unsupported', async () => {
    const store = sessionStore(withoutConditions(memory()), options());
    const { version } = await store.put(sessionOf('s', { name: 'one' }));
    expect((await store.put(sessionOf('s', { name: 'two' }))).revision).toBe(2);
    expect((await store.get('s'))!.session.name).toBe('two');
    expect(await codeOf(store.put(sessionOf('s'), { ifMatch: version }))).toBe('PROVIDER_UNSUPPORTED');
    expect(await codeOf(store.put(sessionOf('s'), { ifNoneMatch: '*' }))).toBe('PROVIDER_UNSUPPORTED');
    expect(await codeOf(store.putMany([sessionOf('s')], { ifNoneMatch: '*' }))).toBe('PROVIDER_UNSUPPORTED');
    expect(await codeOf(store.delete('s', { ifMatch: version }))).toBe('PROVIDER_UNSUPPORTED');
    expect(await codeOf(store.update('s', (session) => session))).toBe('PROVIDER_UNSUPPORTED');
    expect(await store.putMany([sessionOf('t'), sessionOf('s')])).toMatchObject([{ value: { revision: 1 } }, { value: { revision: 3 } }]);
    expect(await store.delete('s')).toBe(true);
    expect(await codeOf(store.put(sessionOf('s')))).toBe('STORE_GONE');
    await store.purge('s');
    expect((await store.put(sessionOf('s'))).revision).toBe(1);
  });
});

test('nothing secret is in metadata, errors or the printed store', async () => {
  const provider = memory();
  const store = sessionStore(provider, options());
  await store.put(sessionOf('s'));
  const errors: unknown[] = [];
  await store.put(sessionOf('s', { incarnation: 'somebody-else' })).catch((error: unknown) => errors.push(error));
  await store.put(sessionOf('s'), { ifNoneMatch: '*' }).catch((error: unknown) => errors.push(error));
  await store.delete('s');
  await store.put(sessionOf('s')).catch((error: unknown) => errors.push(error));
  expect(errors).toHaveLength(3);
  const seen = inspect([store, errors, (await provider.head('s'))!.metadata], { depth: 10, showHidden: true });
  expect(seen).not.toContain(SECRET);
  expect(errors.map((error) => (error as Error).message).join()).not.toMatch(/first-life|somebody-else/);
});
