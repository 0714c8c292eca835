/** Imports through the public door: what is stored, what is left, how fast the source is read, and how an import ends. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import { memory } from '../../providers/memory.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { peekBlob } from '../../ts/blob/peek.ts';
import { sealSync } from '../../ts/envelope/seal.ts';
import { PspError } from '../../ts/errors.ts';
import type { PutItem, StorageProvider } from '../../ts/provider.ts';
import { storeExpiry } from '../../ts/session/store-ttl.ts';
import { type ImportItem, importMany } from '../../ts/store/import.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { blobOf, clearItems, idsOf, resultsOf, sealedItem, storedIds, validSession, wordOf } from './import-fixture.ts';
import { faulty, KEY, NOW, options, withoutConditions } from './store-fixture.ts';

const now = (): number => NOW;

/** `provider` with some of its calls in another way. */
function withCalls(provider: StorageProvider, calls: Partial<StorageProvider>): StorageProvider {
  return new Proxy(provider, { get: (target, name) => Reflect.get(calls, name) ?? Reflect.get(target, name) });
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'psp-import-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Declares the tests, for a file that says which threads imports have. */
export function importContract(): void {
  describe.each<[string, () => Promise<StorageProvider>]>([
    ['memory', async () => memory({ now })],
    ['filesystem', async () => filesystem({ root: await folder(), durability: 'none', now })],
  ])('into %s', (_, make) => {
    test('a clear blob is stored sealed, with its own life and revision, and comes back', async () => {
      const store = sessionStore(await make(), options());
      const session = validSession('a', { revision: 12 });
      const run = importMany(store, [{ name: 'a.psp', bytes: await blobOf('a', 'text', { revision: 12 }) }]);
      expect(await resultsOf(run)).toEqual([{ name: 'a.psp', id: 'a', status: 'fulfilled', value: { outcome: 'created', revision: 12 } }]);
      const stored = await store.get('a');
      expect(stored).toMatchObject({ revision: 12, session: { id: 'a', incarnation: 'first-life', cookies: session.cookies } });
      expect(stored!.expiresAt).toBe(storeExpiry(session));
      expect(new TextDecoder().decode((await store.provider.get('a'))!.value.subarray(0, 4))).toBe('PSPE');
    });

    test('bytes that need no change are stored as they are: packed into a clear store, sealed into a sealed one', async () => {
      const packed = await blobOf('a');
      const clear = sessionStore(await make(), options({ keys: null }));
      expect(await wordOf(importMany(clear, [{ name: 'a', bytes: packed }]))).toBe('created');
      expect((await clear.provider.get('a'))!.value).toEqual(packed);
      const item = sealedItem('a', packed);
      const sealed = sessionStore(await make(), options());
      expect(await wordOf(importMany(sealed, [item]))).toBe('created');
      expect((await sealed.provider.get('a'))!.value).toEqual(item.bytes);
      expect((await sealed.get('a'))!.session.id).toBe('a');
    });

    test('hundreds of items: one result each, every session there, a summary that adds up', async () => {
      const store = sessionStore(await make(), options());
      const ids = idsOf(300);
      const items = await clearItems(ids);
      const run = importMany(store, items, { threads: 0 });
      const results = await resultsOf(run);
      expect(results.map(({ id }) => id).sort()).toEqual(ids);
      const bytes = items.reduce((sum, item) => sum + (item.bytes as Uint8Array).length, 0);
      expect(await run.summary).toEqual({
        created: 300,
        replaced: 0,
        merged: 0,
        kept: 0,
        present: 0,
        failed: 0,
        finishedBefore: 0,
        bytes,
        failures: {},
        resumed: false,
        complete: true,
        threads: 0,
        withoutThreads: null,
      });
      expect(await storedIds(store)).toEqual(ids);
    });
  });

  test('a session of an older version is stored as the newest, and as it is where it was not read', async () => {
    const bytes = await encodeSession(validSession('a'), { version: '1.0', allowLoss: true });
    const store = sessionStore(memory({ now }), options({ keys: null }));
    expect(await wordOf(importMany(store, [{ name: 'old', bytes }], { verify: 'hashes' }))).toBe('created');
    expect((await store.provider.get('a'))!.value).toEqual(bytes);
    await store.purge('a');
    expect(await wordOf(importMany(store, [{ name: 'old', bytes }]))).toBe('created');
    expect((await peekBlob((await store.provider.get('a'))!.value)).version).toBe('2.0');
    expect((await store.get('a'))!.session.cookies).toEqual(validSession('a').cookies);
  });

  describe('what is there already', () => {
    const filled = async (revision = 3) => {
      const store = sessionStore(memory({ now }), options());
      await importMany(store, [{ name: 'before', bytes: await blobOf('a', 'packed', { revision, name: 'before' }) }]).summary;
      return store;
    };

    test('is kept with skip', async () => {
      const store = await filled();
      expect(await wordOf(importMany(store, [{ name: 'a', bytes: await blobOf('a') }]))).toBe('kept');
      expect((await store.get('a'))!.session.name).toBe('before');
    });

    test.each([
      ['an older one gets a revision after it', 1, 4],
      ['the same one, too', 3, 4],
      ['a newer one keeps its own', 9, 9],
    ])('is replaced with replace: %s', async (_, own, expected) => {
      for (const seal of [false, true]) {
        const store = await filled();
        const bytes = await blobOf('a', 'packed', { revision: own, name: 'after' });
        const item = { name: 'a', id: 'a', bytes: seal ? sealAs(bytes, own) : bytes };
        const [result] = await resultsOf(importMany(store, [item], { onConflict: 'replace' }));
        expect(result).toMatchObject({ value: { outcome: 'replaced', revision: expected } });
        expect(await store.get('a')).toMatchObject({ revision: expected, session: { name: 'after', revision: expected } });
      }
    });

    test('a sealed item that was not opened never takes a session back', async () => {
      const store = await filled();
      const item = sealedItem('a', await blobOf('a'));
      expect(await wordOf(importMany(store, [item], { onConflict: 'replace', verify: 'header' }))).toBe('STORE_CONFLICT');
      expect((await store.get('a'))!.session.name).toBe('before');
    });

    test('another life is replaced, and cannot come back; what was deleted cannot either', async () => {
      const store = await filled();
      const next = { name: 'b', bytes: await blobOf('a', 'packed', { incarnation: 'second-life' }) };
      expect(await wordOf(importMany(store, [next], { onConflict: 'replace' }))).toBe('replaced');
      const first = { name: 'a', bytes: await blobOf('a') };
      expect(await wordOf(importMany(store, [first], { onConflict: 'replace' }))).toBe('STORE_GONE');
      await store.delete('a');
      expect(await wordOf(importMany(store, [next], { onConflict: 'replace' }))).toBe('STORE_GONE');
      expect(await store.get('a')).toBeNull();
      const third = { name: 'c', bytes: await blobOf('a', 'packed', { incarnation: 'third-life' }) };
      expect(await wordOf(importMany(store, [third]))).toBe('created');
    });

    test('the same without conditions of the provider', async () => {
      const store = sessionStore(withoutConditions(memory({ now })), options());
      const items = await clearItems(idsOf(20));
      expect(await importMany(store, items).summary).toMatchObject({ created: 20, failed: 0 });
      expect(await importMany(store, items).summary).toMatchObject({ kept: 20, failed: 0 });
      expect(await importMany(store, items, { onConflict: 'replace' }).summary).toMatchObject({ replaced: 20, failed: 0 });
    });
  });

  describe('a bad item', () => {
    test('in the middle stops nothing, nor does one that cannot be read or has no possible key', async () => {
      const items: ImportItem[] = await clearItems(idsOf(100));
      items[50] = { name: 'bad', bytes: new Uint8Array(10) };
      items[60] = { name: 'unreadable', bytes: () => Promise.reject(new PspError('FORMAT_MALFORMED', 'unreadable')) };
      items[70] = { name: 'long', bytes: await blobOf('%'.repeat(200)) };
      items[80] = { name: 'none', bytes: 'text' as unknown as Uint8Array };
      const store = sessionStore(memory({ now }), options());
      const run = importMany(store, items);
      const results = await resultsOf(run);
      const failed = results.filter(({ status }) => status === 'rejected').map(({ name }) => name);
      expect(failed.sort()).toEqual(['bad', 'long', 'none', 'unreadable']);
      expect(await run.summary).toMatchObject({
        created: 96,
        failed: 4,
        failures: { BLOB_NOT_A_BLOB: 1, FORMAT_MALFORMED: 1, PROVIDER_INVALID_KEY: 1, UNEXPECTED: 1 },
      });
      expect((await storedIds(store)).length).toBe(96);
    });

    test('two of one session in one source: the first is stored, the second is known as the same or kept', async () => {
      const [item] = await clearItems(['a']);
      const other = { name: 'other', bytes: await blobOf('a', 'packed', { name: 'other' }) };
      const store = sessionStore(memory({ now }), options());
      const results = await resultsOf(importMany(store, [item!, { ...item!, name: 'again' }, other], { concurrency: 1, threads: 0 }));
      expect(results.map((result) => result.status === 'fulfilled' && result.value.outcome)).toEqual(['created', 'present', 'kept']);
    });

    test('one session twice in a batch that is refused as a whole is created once', async () => {
      const [first, item] = await clearItems(['first', 'a']);
      const refused = { name: 'refused', bytes: await blobOf('%'.repeat(200)) };
      const twice = [first!, item!, refused, { ...item!, name: 'again' }];
      const provider = memory({ now });
      // Two that are put at once have both looked before.
      const put = provider.put.bind(provider);
      provider.put = async (...call) => {
        await nextTurn();
        return put(...call);
      };
      const { summary } = importMany(sessionStore(provider, options()), twice, { verify: 'header', threads: 0 });
      expect(await summary).toMatchObject({ created: 2, present: 1, failed: 1 });
    });
  });

  describe('a provider that fails', () => {
    test.each([
      ['before', 'created'],
      ['after', 'created'],
    ] as const)('for a moment, %s the write: nothing is lost or written twice', async (at, outcome) => {
      const provider = memory({ now });
      const { provider: failing } = faulty(provider, { putMany: [{ at }] });
      const store = sessionStore(failing, options());
      const results = await resultsOf(importMany(store, await clearItems(idsOf(10))));
      expect(results.map((result) => result.status === 'fulfilled' && result.value.outcome)).toEqual(Array(10).fill(outcome));
      for (const id of idsOf(10)) expect((await provider.head(id))!.metadata).not.toHaveProperty('before');
    });

    test('for good: every item has its failure, and the import comes to its end', async () => {
      const away = (): Promise<never> => Promise.reject(new PspError('PROVIDER_UNAVAILABLE', 'away'));
      const provider = withCalls(memory({ now }), { putMany: away, put: away, head: away });
      const run = importMany(sessionStore(provider, options({ retry: false })), await clearItems(idsOf(5)));
      expect(await run.summary).toMatchObject({ created: 0, failed: 5, failures: { PROVIDER_UNAVAILABLE: 5 } });
    });
  });

  describe('back-pressure', () => {
    /** A session with a value of so many bytes. */
    const large = (id: string, itemBytes: number): Promise<Uint8Array> => {
      const [first] = validSession(id).storage;
      return blobOf(id, 'packed', { storage: [{ ...first!, localStorage: [['large', 'v'.repeat(itemBytes)]] }] });
    };

    /** Counts the bytes that were taken from the source and are not settled yet, while a provider holds all writes for some turns. */
    async function most(itemBytes: number, options_: { readonly maxBytesInFlight: number; readonly concurrency: number }): Promise<number> {
      const blob = await large('x', itemBytes);
      let [taken, settled, peak] = [0, 0, 0];
      async function* source(): AsyncGenerator<ImportItem> {
        for (const id of idsOf(120)) {
          const bytes = await large(id, itemBytes);
          taken++;
          peak = Math.max(peak, taken - settled);
          yield { name: id, bytes };
        }
      }
      const provider = memory({ now });
      const slow = withCalls(provider, {
        async putMany(items: readonly PutItem[]) {
          for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
          return provider.putMany(items);
        },
      });
      const run = importMany(sessionStore(slow, options({ keys: null })), source(), options_);
      for await (const { status } of run) {
        expect(status).toBe('fulfilled');
        settled++;
      }
      expect(settled).toBe(120);
      return peak * blob.length;
    }

    test('keeps the bytes in flight below the limit and one item', async () => {
      const maxBytesInFlight = 256 * 1024;
      // A result that waits for its reader counts as taken here: those of one group.
      const peak = await most(32 * 1024, { maxBytesInFlight, concurrency: 2 });
      expect(peak).toBeGreaterThan(maxBytesInFlight / 2);
      expect(peak).toBeLessThanOrEqual(2 * maxBytesInFlight + 2 * 64 * 1024);
    });

    test('of one byte still lets one item through at a time', async () => {
      expect(await most(1024, { maxBytesInFlight: 1, concurrency: 3 })).toBeGreaterThan(0);
    });

    test('a reader that pauses holds the source', async () => {
      let given = 0;
      const [{ bytes }] = (await clearItems(['a'])) as [ImportItem];
      function* source(): Generator<ImportItem> {
        for (; given < 10_000; given++) yield { name: String(given), bytes };
      }
      const results = importMany(sessionStore(memory({ now }), options({ keys: null })), source(), { verify: 'header' })[
        Symbol.asyncIterator
      ]();
      await results.next();
      for (let turn = 0; turn < 2000; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(given).toBeLessThan(5000);
      await results.return!();
    });
  });

  describe('the end', () => {
    test('by the signal: its reason, everywhere, and what was under way is finished', async () => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const store = sessionStore(memory({ now }), options());
      const items = await clearItems(idsOf(400));
      const run = importMany(store, items, { signal: abort.signal, concurrency: 1, onProgress: () => abort.abort(reason) });
      const seen: string[] = [];
      await expect(
        (async () => {
          for await (const { id } of run) seen.push(id!);
        })(),
      ).rejects.toBe(reason);
      await expect(run.summary).rejects.toBe(reason);
      expect(seen.length).toBeGreaterThan(0);
      expect(seen.length).toBeLessThan(400);
      expect(await storedIds(store)).toEqual(seen.sort());
    });

    test('by the signal, though the source hangs', async () => {
      const abort = new AbortController();
      async function* source(): AsyncGenerator<ImportItem> {
        yield { name: 'a', bytes: await blobOf('a') };
        await new Promise(() => undefined);
      }
      const store = sessionStore(memory({ now }), options());
      const run = importMany(store, source(), { signal: abort.signal, onProgress: () => abort.abort(new Error('enough')) });
      await expect(run.summary).rejects.toThrow('enough');
      expect(await storedIds(store)).toEqual(['a']);
    });

    test('by a source that fails: its error, after the results of what it gave', async () => {
      async function* source(): AsyncGenerator<ImportItem> {
        yield { name: 'a', bytes: await blobOf('a') };
        throw new Error('broken source');
      }
      const store = sessionStore(memory({ now }), options());
      const results = importMany(store, source())[Symbol.asyncIterator]();
      expect((await results.next()).value).toMatchObject({ id: 'a', status: 'fulfilled' });
      await expect(results.next()).rejects.toThrow('broken source');
    });

    test('by a reader that leaves: the source is told, and the summary says that it is not complete', async () => {
      let isLeft = false;
      const items = await clearItems(idsOf(300));
      function* source(): Generator<ImportItem> {
        try {
          yield* items;
        } finally {
          isLeft = true;
        }
      }
      const run = importMany(sessionStore(memory({ now }), options()), source(), { concurrency: 1 });
      for await (const _ of run) break;
      expect(await run.summary).toMatchObject({ complete: false, failed: 0 });
      expect(isLeft).toBe(true);
    });

    test('the summary alone runs the import; results are given once', async () => {
      const store = sessionStore(memory({ now }), options());
      const run = importMany(store, await clearItems(idsOf(3)));
      const { summary } = run;
      expect(await resultsOf(run)).toHaveLength(3);
      expect(await summary).toMatchObject({ created: 3 });
      expect(() => run[Symbol.asyncIterator]()).toThrow(TypeError);
    });
  });

  test('wrong arguments are refused before anything begins', () => {
    const store = sessionStore(memory(), options());
    expect(() => importMany(store, 5 as never)).toThrow(TypeError);
    expect(() => importMany(store, [], { verify: 'some' as never })).toThrow(TypeError);
    expect(() => importMany(store, [], { onConflict: 'ask' as never })).toThrow(TypeError);
    expect(() => importMany(store, [], { concurrency: 0 })).toThrow(RangeError);
    expect(() => importMany(store, [], { maxBytesInFlight: 0 })).toThrow(RangeError);
    expect(() => importMany({} as never, [])).toThrow(TypeError);
  });
}

function sealAs(blob: Uint8Array, revision: number): Uint8Array {
  return sealSync(blob, KEY, { sessionId: 'a' }, { attributes: { incarnation: 'first-life', revision, schemaVersion: '2.0' } });
}
