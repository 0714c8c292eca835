/** Threads of an import: they change nothing about what becomes of items, whatever becomes of the threads. */

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { sha256Hex } from '../../ts/digest.ts';
import { integrityTag } from '../../ts/envelope/integrity.ts';
import { MacKey } from '../../ts/envelope/key.ts';
import { copyKeys, copyMacKeys, keysFrom, macKeysFrom, wipeKeys } from '../../ts/envelope/key-copy.ts';
import { KeyRing } from '../../ts/envelope/keyring.ts';
import { open } from '../../ts/envelope/open.ts';
import { Passphrase } from '../../ts/envelope/passphrase.ts';
import { sealSync } from '../../ts/envelope/seal.ts';
import type { KeySource } from '../../ts/envelope/wrap.ts';
import type { KeyWrapper } from '../../ts/envelope/wrapper.ts';
import type { PspError } from '../../ts/errors.ts';
import { type ImportItem, type ImportOptions, type ImportResult, importMany } from '../../ts/store/import.ts';
import { countResting, endResting, useThreadProgram } from '../../ts/store/import-threads.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { spareProcessors } from '../../ts/store/thread.ts';
import { flip, keyOf } from '../envelope/fixture.ts';
import { blobOf, clearItems, idsOf, keptCheckpoint, resultsOf, sealedItem, storedIds, validSession } from './import-fixture.ts';
import { buildThreadProgram, useThreads } from './import-thread-program.ts';
import { KEY, NOW, options } from './store-fixture.ts';

const MAC = new MacKey('mac', new Uint8Array(32).fill(3));
const PROGRAM = buildThreadProgram();
const LEAVING_PROGRAM = buildThreadProgram({ afterMessages: 1, by: 'leaving' });
useThreads(PROGRAM);

/** Another program, for one test. */
function useOnce(url: URL): void {
  useThreadProgram({ url, isEarly: true });
  onTestFinished(() => useThreadProgram({ url: PROGRAM, isEarly: true }));
}

/** Items of every kind, good and bad. */
async function manyItems(): Promise<ImportItem[]> {
  const [packed, text] = [await blobOf('packed'), await blobOf('text', 'text')];
  const sealed = sealedItem('sealed', await blobOf('sealed'));
  const tagged = { name: 'tagged', bytes: await blobOf('tagged') };
  const [first] = validSession('large').storage;
  const large = await blobOf('large', 'packed', { storage: [{ ...first!, localStorage: [['large', 'v'.repeat(600_000)]] }] });
  const loose = { name: 'loose', bytes: sealSync(await blobOf('loose'), KEY), context: {} };
  return [
    { name: 'packed', bytes: packed },
    { name: 'text', bytes: text },
    sealed,
    loose,
    { ...tagged, tag: await integrityTag(tagged.bytes, MAC, { sessionId: 'tagged' }) },
    { name: 'large', bytes: large },
    { name: 'old', bytes: await encodeSession(validSession('old'), { version: '1.0', allowLoss: true }) },
    { name: 'read later', bytes: async () => blobOf('later') },
    { name: 'no blob', bytes: new Uint8Array(10) },
    { name: 'nothing', bytes: new Uint8Array(0) },
    { name: 'no bytes', bytes: 'text' as never },
    { name: 'cut', bytes: packed.subarray(0, -1) },
    { name: 'of another id', id: 'b', bytes: packed },
    { ...sealedItem('foreign', packed, keyOf('foreign', 9)), name: 'of no key' },
    { ...sealedItem('changed', packed), name: 'changed', bytes: flip(sealed.bytes as Uint8Array, 300) },
    { name: 'without its id', bytes: sealed.bytes },
    { name: 'with a wrong tag', bytes: await blobOf('wrong'), tag: await integrityTag(text, MAC, {}) },
    { name: 'for somebody odd', bytes: sealed.bytes, context: { sessionId: () => 'x' } as never },
    { name: 'of no possible key', bytes: await blobOf('%'.repeat(200)) },
    ...(await clearItems(idsOf(120))),
  ];
}

/** A result as plain data, with all that an error says. */
function told(result: ImportResult): unknown {
  if (result.status === 'fulfilled') return result;
  const { name, message, code, details, cause } = result.reason as PspError;
  return { ...result, reason: { name, message, code, details, hasCause: cause !== undefined } };
}

/** Everything that an import of these items leaves behind. */
async function outcome(keys: KeySource | null, more: ImportOptions): Promise<unknown> {
  const provider = memory({ now: () => NOW });
  const run = importMany(sessionStore(provider, options({ keys })), await manyItems(), { macKey: MAC, ...more });
  const results = (await resultsOf(run)).map(told).sort((a, b) => ((a as ImportResult).name < (b as ImportResult).name ? -1 : 1));
  const { threads, withoutThreads, ...summary } = await run.summary;
  expect(threads > 0).toBe(more.threads !== 0);
  expect(withoutThreads).toBeNull();
  const stored: unknown[] = [];
  for await (const { key } of provider.list()) {
    const { value, metadata, expiresAt } = (await provider.get(key))!;
    const { write: _, ...facts } = metadata;
    // What was sealed anew is another blob each time.
    const clear = keys === null ? value : await open(value, keys, { sessionId: key }).catch((error: PspError) => error.code);
    stored.push({ key, clear: typeof clear === 'string' ? clear : sha256Hex(clear), facts, expiresAt });
  }
  return { results, summary, stored };
}

describe('the same becomes of every item with two threads as with none', () => {
  const ring = KeyRing.of(keyOf('old', 5), NOW).add(KEY, NOW).promote(KEY.kid, NOW);
  test.each<[string, KeySource | null, ImportOptions]>([
    ['opened and sealed', KEY, { verify: 'full' }],
    ['by a key ring', ring, { verify: 'full' }],
    ['into a clear store', null, { verify: 'full' }],
    ['by their hashes', null, { verify: 'hashes' }],
    ['by their headers, and sealed', KEY, { verify: 'header' }],
    ['one after the other', KEY, { verify: 'full', concurrency: 1, maxBytesInFlight: 1 }],
  ])('%s', async (_, keys, more) => {
    expect(await outcome(keys, { ...more, threads: 2 })).toEqual(await outcome(keys, { ...more, threads: 0 }));
  });
});

describe('a thread that breaks off', () => {
  test.each([
    ['before it has begun', buildThreadProgram({ afterMessages: 0, by: 'throwing' }), 'runtime'],
    ['in the middle, by an error', buildThreadProgram({ afterMessages: 3, by: 'throwing' }), 'ended'],
    ['in the middle, by leaving', buildThreadProgram({ afterMessages: 3, by: 'leaving' }), 'ended'],
  ] as const)('%s: its items are looked at here, and the summary says so', async (_, url, withoutThreads) => {
    useOnce(url);
    const store = sessionStore(memory(), options());
    const items = await clearItems(idsOf(700));
    items[600] = { name: 'bad', bytes: new Uint8Array(9) };
    // So few at a time that the threads have room for all, however slow they are.
    const maxBytesInFlight = 40 * (items[0]!.bytes as Uint8Array).length;
    const summary = await importMany(store, items, { threads: 2, maxBytesInFlight }).summary;
    expect(summary).toMatchObject({ created: 699, failed: 1, failures: { BLOB_NOT_A_BLOB: 1 }, complete: true, withoutThreads });
    expect((await storedIds(store)).length).toBe(699);
  });

  test('and one whose program is not there', async () => {
    useOnce(new URL('file:///nowhere/import-thread.js'));
    const summary = await importMany(sessionStore(memory(), options()), await clearItems(idsOf(50)), { threads: 3 }).summary;
    expect(summary).toMatchObject({ created: 50, failed: 0, threads: 0, withoutThreads: 'runtime' });
  });
});

describe('a thread that has nothing more to do', () => {
  const importWith = async (keys: KeySource | null, more: ImportOptions): Promise<void> => {
    const summary = await importMany(sessionStore(memory(), options({ keys })), await clearItems(idsOf(200)), more).summary;
    expect(summary).toMatchObject({ created: 200, failed: 0, withoutThreads: null });
    expect(summary.threads > 0).toBe(more.threads !== 0);
  };

  test('works for the next import, with the keys of that one', async () => {
    endResting();
    await importWith(KEY, { threads: 2 });
    expect(countResting().all).toBe(2);
    const provider = memory({ now: () => NOW });
    const other = keyOf('other', 7);
    await importMany(sessionStore(provider, options({ keys: other })), await clearItems(['a']), { threads: 1 }).summary;
    expect(countResting().all).toBe(2);
    expect(await open((await provider.get('a'))!.value, other, { sessionId: 'a' })).toEqual((await clearItems(['a']))[0]!.bytes);
    await importWith(null, { threads: 3 });
    expect(countResting().all).toBe(3);
    endResting();
    expect(countResting().all).toBe(0);
  });

  test('is ended after a time', async () => {
    endResting();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    await importWith(KEY, { threads: 1 });
    vi.advanceTimersByTime(9_999);
    expect(countResting().all).toBe(1);
    vi.advanceTimersByTime(1);
    expect(countResting().all).toBe(0);
    vi.useRealTimers();
    await importWith(KEY, { threads: 1 });
  });

  test('is not kept when it has gone', async () => {
    endResting();
    useOnce(LEAVING_PROGRAM);
    const summary = await importMany(sessionStore(memory(), options()), await clearItems(idsOf(300)), { threads: 1 }).summary;
    expect(summary).toMatchObject({ created: 300, failed: 0 });
    await vi.waitFor(() => expect(countResting().all).toBe(0));
  });
});

describe('without threads', () => {
  test.each<[string, KeySource]>([
    ['a passphrase', new Passphrase('a long one')],
    ['a key service', { id: 'kms', wrap: async (bytes: Uint8Array) => bytes, unwrap: async (bytes: Uint8Array) => bytes } as KeyWrapper],
  ])('the import goes on where a key is %s', async (_, keys) => {
    const store = sessionStore(memory(), options({ keys }));
    const summary = await importMany(store, await clearItems(['a']), { threads: 2 }).summary;
    expect(summary).toMatchObject({ created: 1, threads: 0, withoutThreads: 'keys' });
  });

  test('the import goes on where the level needs none', async () => {
    const store = sessionStore(memory(), options({ keys: null }));
    const summary = await importMany(store, await clearItems(idsOf(20)), { threads: 2, verify: 'header' }).summary;
    expect(summary).toMatchObject({ created: 20, threads: 0, withoutThreads: null });
  });
});

describe('an import that is told no number', () => {
  /** A clock that goes on by so much each time that it is asked. */
  function hurry(stepMs: number): void {
    let timeMs = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (timeMs += stepMs));
    onTestFinished(() => clock.mockRestore());
  }

  test('takes threads when it has looked at 300 items and for a tenth of a second, as far as there are processors', async () => {
    hurry(5);
    const summary = await importMany(sessionStore(memory(), options()), await clearItems(idsOf(700))).summary;
    expect(summary).toMatchObject({ created: 700, failed: 0, withoutThreads: null });
    expect(summary.threads > 0).toBe(spareProcessors() > 0);
  });

  test('or for a second, where items are so large that there are few', async () => {
    hurry(50);
    endResting();
    const summary = await importMany(sessionStore(memory(), options()), await clearItems(idsOf(60))).summary;
    expect(summary).toMatchObject({ created: 60, failed: 0, withoutThreads: null });
    expect(summary.threads > 0).toBe(spareProcessors() > 0);
  });

  test('takes none for some dozens of items, which take a third of a second, but where some with practice are left from other imports', async () => {
    hurry(5);
    endResting();
    const summary = await importMany(sessionStore(memory(), options()), await clearItems(idsOf(60))).summary;
    expect(summary).toMatchObject({ created: 60, threads: 0, withoutThreads: null });
    for (let imports = 0; countResting().practiced === 0; imports++) {
      expect(imports).toBeLessThan(20);
      await importMany(sessionStore(memory(), options()), await clearItems(idsOf(300)), { threads: 1 }).summary;
    }
    const next = await importMany(sessionStore(memory(), options()), await clearItems(idsOf(3))).summary;
    expect(next).toMatchObject({ created: 3, threads: Math.min(1, spareProcessors()), withoutThreads: null });
  });
});

test('an import that was stopped goes on with threads where it was', async () => {
  const [store, checkpoint, items] = [sessionStore(memory(), options()), keptCheckpoint(), await clearItems(idsOf(900))];
  const abort = new AbortController();
  const onProgress = ({ created }: { readonly created: number }): void => (created >= 300 ? abort.abort(new Error('stopped')) : undefined);
  const { signal } = abort;
  const first = importMany(store, items, { checkpoint, checkpointEvery: 50, signal, onProgress, threads: 2, maxBytesInFlight: 100_000 });
  await expect(first.summary).rejects.toThrow('stopped');
  const { done } = JSON.parse(checkpoint.text!) as { done: number };
  expect(done).toBeGreaterThanOrEqual(250);
  expect(done).toBeLessThan(900);
  const second = await importMany(store, items, { checkpoint, threads: 2 }).summary;
  expect(second).toMatchObject({ finishedBefore: done, kept: 0, failed: 0, resumed: true });
  expect(second.created + second.present).toBe(900 - done);
  expect(await storedIds(store)).toEqual(idsOf(900));
});

test.each([-1, 65, 1.5, Number.NaN])('threads: %s is refused', (threads) => {
  expect(() => importMany(sessionStore(memory(), options()), [], { threads })).toThrow(RangeError);
});

describe('keys on their way into a thread', () => {
  test('open what they opened, and the copies are wiped', async () => {
    const ring = KeyRing.of(keyOf('old', 5), NOW).add(KEY, NOW).promote(KEY.kid, NOW).revoke('old', 'retired', NOW).destroy('old');
    const copies = structuredClone(copyKeys([KEY, ring])!);
    const [key, copied] = keysFrom(copies);
    const sealed = sealSync(Uint8Array.of(1, 2, 3), KEY);
    for (const source of [key!, copied!]) expect(await open(sealed, source)).toEqual(Uint8Array.of(1, 2, 3));
    expect((copied as KeyRing).list()).toEqual(ring.list());
    const secrets = copies.flatMap((copy) =>
      'kid' in copy ? [copy.secret] : copy.flatMap(({ secret }) => (secret === null ? [] : [secret])),
    );
    expect(secrets).toEqual([new Uint8Array(32), new Uint8Array(32)]);
    expect(secrets[0]).toBe(secrets[1]);
    const mac = structuredClone(copyMacKeys([MAC]));
    expect(await integrityTag(new Uint8Array(4), macKeysFrom(mac)[0]!)).toEqual(await integrityTag(new Uint8Array(4), MAC));
    expect(mac[0]!.secret).toEqual(new Uint8Array(32));
    const [own, ownMac] = [keysFrom(structuredClone(copyKeys([KEY, ring])!)), macKeysFrom(structuredClone(copyMacKeys([MAC])))];
    wipeKeys(own, ownMac);
    expect(
      copyKeys(own)!
        .flat()
        .map(({ secret }) => secret),
    ).toEqual([new Uint8Array(32), null, new Uint8Array(32)]);
    expect(copyMacKeys(ownMac)[0]!.secret).toEqual(new Uint8Array(32));
    // The keys themselves are as they were.
    expect(await open(sealed, KEY)).toEqual(Uint8Array.of(1, 2, 3));
  });
});
