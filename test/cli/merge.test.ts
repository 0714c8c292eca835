/** `psp merge`, in this process: what comes out of files with and without a base, in every form of file, its report and its exit status. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { runMerge } from '../../ts/cli/merge.ts';
import { isFieldFile } from '../../ts/envelope/field-text.ts';
import { formatKey, generateKey } from '../../ts/envelope/key.ts';
import { open, openSealed } from '../../ts/envelope/open.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { validateSession } from '../../ts/session/check.ts';
import { hasError } from '../../ts/session/issue.ts';
import type { Session } from '../../ts/session/session.ts';
import { openFields, sealFields } from '../../ts/store/field-file.ts';
import { databaseOf, storeOf } from '../merge/worker.ts';
import { freshFolder } from './fixture.ts';
import { expectNoSecret } from './leak.ts';
import { baseSession, contentOf, ran, SECRETS, withItems, withToken, writeSessions } from './merge-fixture.ts';

const base = baseSession();
const ours = withToken(base, SECRETS.ours, 1000);
const theirs = withItems(base, (items) => items.set('cart', 'milk'), 2000);

const read = async (path: string): Promise<Session> => decodeSession(new Uint8Array(readFileSync(path)));

async function merged(sessions: Readonly<Record<string, Session>>, ...options: string[]) {
  const folder = freshFolder();
  const out = join(folder, 'out.psp');
  const paths = await writeSessions(folder, sessions);
  const withBase = 'base' in sessions ? ['--base', paths[0] as string, ...paths.slice(1)] : paths;
  const { text, status } = await ran(runMerge, ...withBase, '-o', out, ...options);
  return { text, status, session: await read(out), bytes: readFileSync(out) };
}

describe('psp merge', () => {
  test('with --base, a token that one side refreshed and an item that the other added are both there', async () => {
    const { session, status, text } = await merged({ base, ours, theirs }, '--strict');
    expect(contentOf(session)).toEqual({
      cookies: { sid: SECRETS.ours, theme: 'dark' },
      items: { token: SECRETS.old, draft: 'one', cart: 'milk' },
    });
    expect(hasError(await validateSession(session, { now: base.updatedAt }))).toBe(false);
    expect(status).toBe(0);
    expect(text).toMatch(/^branch 1: 1 written, 0 deleted$/m);
    expect(text).toMatch(/^branch 2: 1 written, 0 deleted$/m);
    expect(text).toMatch(/^wrote .+out\.psp: .+, 0 in conflict, 0 writes lost to others$/m);
  });

  test('with --base, what one side removed is gone, and what the other changed there meanwhile is not', async () => {
    const left = withItems(
      { ...base, cookies: base.cookies.filter(({ name }) => name !== 'theme') },
      (items) => {
        items.delete('draft');
        items.delete('token');
      },
      1000,
    );
    const right = withItems(base, (items) => items.set('draft', 'two'), 2000);
    const { session, text } = await merged({ base, left, right });
    expect(contentOf(session)).toEqual({ cookies: { sid: SECRETS.old }, items: { draft: 'two' } });
    expect(text).toMatch(/^branch 1: 0 written, 3 deleted$/m);
  });

  test('an absence where a branch did not look is no deletion, and is said', async () => {
    const elsewhere = {
      ...base,
      updatedAt: base.updatedAt + 1,
      storage: [],
      coverage: { ...base.coverage, storage: [] },
    };
    const { session, text } = await merged({ base, elsewhere, theirs });
    expect(contentOf(session).items).toEqual({ token: SECRETS.old, draft: 'one', cart: 'milk' });
    expect(text).toMatch(/^branch 1: 0 written, 0 deleted, \d+ missing where it did not look \(kept\)$/m);
  });

  test('without a base nothing is taken for deleted, and of two values the later one is shown', async () => {
    const left = withItems(base, (items) => items.delete('draft'), 1000);
    const { session, text, status } = await merged({ left, theirs }, '--strict');
    expect(contentOf(session).items).toEqual({ token: SECRETS.old, draft: 'one', cart: 'milk' });
    expect(status).toBe(0);
    expect((await merged({ ours, theirs })).session.cookies[0]?.value).toBe(SECRETS.old);
    expect(text).not.toContain('branch');
  });

  test('the order of the files makes no difference, nor does merging the result again', async () => {
    const third = withItems(base, (items) => items.set('draft', 'three'), 3000);
    const { bytes } = await merged({ base, ours, theirs, third });
    expect((await merged({ base, third, theirs, ours })).bytes.equals(bytes)).toBe(true);
    const once = await decodeSession(new Uint8Array(bytes));
    expect((await merged({ base, once, ours, theirs, third })).bytes.equals(bytes)).toBe(true);
  });

  test('a conflict is shown by its place and not by its values; --strict makes it exit status 2, and the file is there all the same', async () => {
    const other = withToken(base, SECRETS.theirs, 2000);
    const { text, status, session } = await merged({ base, ours, other }, '--strict');
    expect(status).toBe(2);
    expect(session.cookies.find(({ name }) => name === 'sid')?.value).toBe(SECRETS.theirs);
    expect(text).toMatch(/^cookie +app\.example +sid +nobody knows which was later +last-writer$/m);
    expect(text).toMatch(/1 in conflict, 1 writes lost to others$/m);
    expectNoSecret(text, SECRETS, 'psp merge');
    expect((await merged({ base, ours, other })).status).toBe(0);
    const json = await merged({ base, ours, other }, '--json');
    expect(JSON.parse(json.text)).toMatchObject({
      id: 'session-1',
      conflicts: [{ kind: 'cookie', place: 'app.example', name: 'sid', reason: 'order-unknown', policy: 'last-writer', candidates: 2 }],
      lost: 1,
      branches: [{ written: 1 }, { written: 1 }],
      log: null,
    });
    expectNoSecret(json.text, SECRETS, 'psp merge --json');
  });

  test('--policy says who wins, for a kind or for all', async () => {
    const other = withItems(withToken(base, SECRETS.theirs, 2000), (items) => items.set('draft', 'theirs'), 0);
    const mine = withItems(ours, (items) => items.set('draft', 'mine'), 0);
    const first = contentOf((await merged({ mine, other }, '--policy', 'first-writer')).session);
    expect([first.cookies['sid'], first.items['draft']]).toEqual([SECRETS.ours, 'mine']);
    const both = await merged({ mine, other }, '--policy', 'localStorage=keep-both', '--strict');
    expect(both.status).toBe(2);
    expect(both.text).toMatch(/^localStorage +http:\/\/app\.example +draft +all are wanted +keep-both$/m);
    for (const wrong of ['cookie=', 'cookies=union', 'cookie=newest', 'a=b=c', `cookie=${SECRETS.old}`]) {
      const failure = await ran(runMerge, 'a', 'b', '-o', 'c', '--policy', wrong).catch((error: Error) => error);
      expect(failure).toMatchObject({ code: 'USAGE' });
      expectNoSecret((failure as Error).message, SECRETS, 'the failure');
    }
  });

  test('files of different ids need --id', async () => {
    const other = { ...theirs, id: 'session-2' };
    await expect(merged({ base, ours, other })).rejects.toMatchObject({ code: 'MERGE_UNRELATED' });
    expect((await merged({ base, ours, other }, '--id', 'session-3')).session.id).toBe('session-3');
  });

  test('the output has the form of the first file: text, packed, sealed, sealed with attributes, field by field', async () => {
    const folder = freshFolder();
    const key = generateKey();
    const context = { tenant: 'acme', sessionId: 'session-1' };
    const [packed, other] = [await encodeSession(ours, { framing: 'packed' }), await seal(await encodeSession(theirs), key, context)];
    const attributes = { incarnation: ours.incarnation, revision: 0, schemaVersion: '2.0' };
    const forms = {
      key: formatKey(key),
      base: await encodeSession(base),
      other,
      packed,
      sealed: await seal(packed, key, context),
      stored: await seal(packed, key, context, { attributes }),
      fields: await sealFields(ours, key, context),
    };
    const path = (name: string): string => join(folder, name);
    for (const [name, bytes] of Object.entries(forms)) writeFileSync(path(name), bytes, { mode: 0o600 });
    const options = ['--key-file', path('key'), '--tenant', 'acme', '--session-id', 'session-1'];
    const results: Record<string, Uint8Array> = {};
    for (const name of ['packed', 'sealed', 'stored', 'fields']) {
      await ran(runMerge, path(name), path('other'), '--base', path('base'), '-o', path('out'), ...options);
      results[name] = new Uint8Array(readFileSync(path('out')));
    }
    const opened = [
      await decodeSession(results['packed'] as Uint8Array),
      await decodeSession(await open(results['sealed'] as Uint8Array, key, context)),
      await decodeSession(await open(results['stored'] as Uint8Array, key, context)),
      await openFields(results['fields'] as Uint8Array, key, context),
    ];
    expect(results['packed']?.[0]).toBe(0x89);
    for (const session of opened) expect(contentOf(session).items).toHaveProperty('cart', 'milk');
    expect((await openSealed(results['stored'] as Uint8Array, key, context)).attributes).toEqual(attributes);
    expect((await openSealed(results['sealed'] as Uint8Array, key, context)).attributes).toEqual({});
    expect(isFieldFile(results['fields'] as Uint8Array)).toBe(true);
  });

  test('--git puts the result where the second file was; an empty first one, as git gives for a file that both sides added, is no base', async () => {
    const folder = freshFolder();
    const [o, a, b] = (await writeSessions(folder, { base, ours, theirs })) as [string, string, string];
    await ran(runMerge, '--git', o, a, b);
    expect(contentOf(await read(a))).toMatchObject({ cookies: { sid: SECRETS.ours }, items: { cart: 'milk' } });
    const left = withItems(base, (items) => items.delete('draft'), 1000);
    const [mine] = (await writeSessions(folder, { mine: left })) as [string];
    writeFileSync(o, '');
    await ran(runMerge, '--git', o, mine, b);
    expect(contentOf(await read(mine)).items).toEqual({ token: SECRETS.old, draft: 'one', cart: 'milk' });
  });

  test('a wrong use and files that cannot be merged fail with a code, and write nothing', async () => {
    const folder = freshFolder();
    const [a, b] = (await writeSessions(folder, { ours, theirs })) as [string, string];
    const bad = join(folder, 'bad');
    writeFileSync(bad, 'not a session');
    const out = join(folder, 'out');
    for (const args of [
      [a],
      [a, b],
      [a, b, '--git', '-o', out],
      [a, b, a, b, '--git'],
      [a, b, '-o', out, '--actor', 'me'],
      [a, b, '-o', out, '--log', out],
    ])
      await expect(ran(runMerge, ...args)).rejects.toMatchObject({ code: 'USAGE' });
    await expect(ran(runMerge, a, join(folder, 'nowhere'), '-o', out)).rejects.toMatchObject({ code: 'FILE_READ' });
    await expect(ran(runMerge, a, bad, '-o', out)).rejects.toMatchObject({ code: 'KEY_MISSING' });
    expect(existsSync(out)).toBe(false);
  });
});

describe('psp merge of what comes from ahead of this clock', () => {
  const DAY = 86_400_000;
  const later = (session: Session, ms: number): Session => ({ ...session, updatedAt: Date.now() + ms });

  test('M7: is refused with MERGE_DRIFT, which says how to go on; nothing is written', async () => {
    const folder = freshFolder();
    const paths = await writeSessions(folder, { base, ours, theirs: later(theirs, DAY) });
    const out = join(folder, 'out.psp');
    for (const args of [
      [paths[1] as string, paths[2] as string, '-o', out],
      ['--git', ...paths],
    ]) {
      const before = readFileSync(paths[1] as string);
      const failure = await ran(runMerge, ...args).catch((error: unknown) => error);
      expect(failure).toMatchObject({
        code: 'MERGE_DRIFT',
        message: expect.stringMatching(/set the clock of this machine, or, .* --restamp/),
      });
      expect(existsSync(out)).toBe(false);
      expect(readFileSync(paths[1] as string).equals(before)).toBe(true);
    }
  });

  test('M7: with --restamp it is merged, keeps its order, and does not win over what is written from now on', async () => {
    const first = later(ours, DAY);
    const second = later(withToken(base, SECRETS.theirs, 0), DAY + 1000);
    const { session } = await merged({ base: later(base, DAY - 1000), first, second }, '--restamp', '--policy', 'last-writer');
    expect(session.updatedAt).toBeLessThanOrEqual(Date.now());
    expect(session.cookies[0]?.value).toBe(SECRETS.theirs);
    const after = { ...withToken(session, SECRETS.ours, 0), updatedAt: Date.now() + 1000 };
    expect((await merged({ session, after })).session.cookies[0]?.value).toBe(SECRETS.ours);
  });
});

describe('psp merge and records that were inserted under one generated key', () => {
  const { mergeState: _, ...plain } = base;
  const withRecord = (text: string | null, afterMs: number): Session => {
    const records = [[1, 'one'], ...(text === null ? [] : [[2, text]])] as [number, string][];
    const store = storeOf('cart', records, { autoIncrement: true, keyGenerator: records.length + 1 });
    const storage = plain.storage.map((one) => ({ ...one, indexedDB: [databaseOf([store])] }));
    return { ...plain, updatedAt: plain.updatedAt + afterMs, storage };
  };
  const sides = { base: withRecord(null, 0), ours: withRecord('of ours', 1000), theirs: withRecord('of theirs', 2000) };
  const counted = ({ storage }: Session) => storage[0]?.indexedDB[0]?.stores[0];

  test('M13: both are kept, one is shown, and it is said how the other gets a key of its own', async () => {
    const { session, text } = await merged(sides);
    expect(counted(session)).toMatchObject({ recordCount: 2, keyGenerator: 3 });
    expect(text).toMatch(/^1 of them lost a generated key to another record: --rekey gives them keys of their own$/m);
  });

  test('M13: with --rekey both are there, and the log says what went where', async () => {
    const folder = freshFolder();
    const key = join(folder, 'key');
    writeFileSync(key, formatKey(generateKey()), { mode: 0o600 });
    const { session, text } = await merged(sides, '--rekey', '--log', join(folder, 'log'), '--key-file', key);
    expect(counted(session)).toMatchObject({ recordCount: 3, keyGenerator: 4 });
    expect(text).toMatch(/^1 records have got keys of their own$/m);
    expect(text).not.toContain('do not fit');
    const lines = readFileSync(join(folder, 'log'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { rule: 'generated-key', pointer: expect.stringMatching(/^\/record\//), movedTo: expect.stringMatching(/^\/record\//) },
    ]);
    const json = JSON.parse((await merged(sides, '--rekey', '--json')).text) as unknown;
    expect(json).toMatchObject({ rekeyed: 1, parked: [] });
  });
});
