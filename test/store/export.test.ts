/** Exports through the public door: every form, what is left out, what fails, and that an export goes back in. */

import { describe, expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { decodeSession } from '../../ts/blob/decode.ts';
import { exportJson } from '../../ts/blob/export.ts';
import { peekBlob } from '../../ts/blob/peek.ts';
import { type ExportOptions, type ExportResult, exportMany } from '../../ts/store/export.ts';
import { type ImportItem, importMany } from '../../ts/store/import.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import type { SessionStore } from '../../ts/store/store.ts';
import { flip, keyOf } from '../envelope/fixture.ts';
import { clearItems, idsOf, storedIds } from './import-fixture.ts';
import { NOW, options } from './store-fixture.ts';

const now = (): number => NOW;

async function filled(count: number, keys: 'sealed' | 'clear' = 'sealed'): Promise<SessionStore> {
  const store = sessionStore(memory({ now }), options(keys === 'clear' ? { keys: null } : {}));
  expect(await importMany(store, await clearItems(idsOf(count))).summary).toMatchObject({ created: count });
  return store;
}

async function read(store: SessionStore, choice: ExportOptions): Promise<ExportResult[]> {
  const results: ExportResult[] = [];
  for await (const result of exportMany(store, choice)) results.push(result);
  return results;
}

const idsIn = (results: readonly ExportResult[]): (string | null)[] => results.map(({ id }) => id).sort();

describe.each(['sealed', 'clear'] as const)('out of a %s store', (kind) => {
  test.each(['packed', 'text'] as const)('every session as a clear blob, %s', async (form) => {
    const store = await filled(40, kind);
    const results = await read(store, { form });
    expect(idsIn(results)).toEqual(idsOf(40));
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
      const { id, bytes, facts } = result.value;
      expect((await peekBlob(bytes)).framing).toBe(form);
      expect(facts).toEqual({ incarnation: 'first-life', revision: 0, expiresAt: null });
      expect(await exportJson(await decodeSession(bytes))).toBe(await exportJson((await store.get(id))!.session));
    }
  });

  test('stored: the bytes of the records', async () => {
    const store = await filled(3, kind);
    for (const result of await read(store, { form: 'stored' })) {
      if (result.status === 'rejected') throw result.reason;
      expect(result.value.bytes).toEqual((await store.provider.get(result.value.id))!.value);
    }
  });

  test.each(['stored', 'packed', 'text'] as const)('%s goes back into a store of the same keys, with nothing changed', async (form) => {
    const from = await filled(20, kind);
    await from.update('session-0003', (session) => ({ ...session, name: 'changed', expiresAt: NOW + 1000 }));
    const to = sessionStore(memory({ now }), options(kind === 'clear' ? { keys: null } : {}));
    async function* items(): AsyncGenerator<ImportItem> {
      for await (const result of exportMany(from, { form })) {
        if (result.status === 'fulfilled') yield { name: result.value.id, ...result.value };
      }
    }
    const verify = form === 'stored' ? 'header' : 'full';
    expect(await importMany(to, items(), { verify }).summary).toMatchObject({ created: 20, failed: 0 });
    for (const id of idsOf(20)) {
      const [before, after] = [(await from.get(id))!, (await to.get(id))!];
      expect(after).toMatchObject({ revision: before.revision, expiresAt: before.expiresAt });
      expect(await exportJson(after.session)).toBe(await exportJson(before.session));
    }
  });
});

describe('which', () => {
  test('by prefix, without what was deleted and without other namespaces', async () => {
    const store = await filled(30);
    await importMany(store.withNamespace('inner'), await clearItems(['session-0011'])).summary;
    await store.delete('session-0012');
    const results = await read(store, { form: 'stored', prefix: 'session-001' });
    expect(idsIn(results)).toEqual(
      idsOf(20)
        .slice(10)
        .filter((id) => id !== 'session-0012'),
    );
    expect(idsIn(await read(store.withNamespace('inner'), { form: 'packed' }))).toEqual(['session-0011']);
  });

  test('by ids, in their order; one that is not there, or cannot be, is a failure of its own', async () => {
    const store = await filled(5);
    await store.delete('session-0002');
    const ids = ['session-0004', 'nobody', 'session-0002', '%'.repeat(200), 'session-0000'];
    for (const given of [ids, asStream(ids)]) {
      const results = await read(store, { form: 'packed', ids: given, concurrency: 2 });
      expect(results.map(({ id }) => id)).toEqual(ids);
      const codes = results.map((result) => (result.status === 'fulfilled' ? 'exported' : (result.reason as { code: string }).code));
      expect(codes).toEqual(['exported', 'STORE_GONE', 'STORE_GONE', 'PROVIDER_INVALID_KEY', 'exported']);
    }
  });
});

async function* asStream(ids: readonly string[]): AsyncGenerator<string> {
  yield* ids;
}

describe('what fails', () => {
  test('a damaged record, a foreign one and one under a wrong key stop nothing', async () => {
    const store = await filled(10);
    const { provider } = store;
    const record = (await provider.get('session-0001'))!;
    await provider.put('session-0001', flip(record.value, record.value.length - 1), { metadata: record.metadata });
    await provider.put('session-0002', record.value, { metadata: record.metadata });
    await provider.put('foreign', record.value);
    const results = await read(store, { form: 'text' });
    const failed = results.flatMap((result) =>
      result.status === 'rejected' ? [[result.id, (result.reason as { code: string }).code]] : [],
    );
    expect(failed.sort()).toEqual(
      [
        [null, 'STORE_MALFORMED'],
        ['session-0001', 'ENVELOPE_TAMPERED'],
        ['session-0002', 'ENVELOPE_CONTEXT'],
      ].sort(),
    );
    expect(results.length - failed.length).toBe(8);
  });

  test('other keys: each record by itself', async () => {
    const { provider } = await filled(3);
    const results = await read(sessionStore(provider, options({ keys: keyOf('other', 9) })), { form: 'packed' });
    expect(results.map((result) => result.status === 'rejected' && (result.reason as { code: string }).code)).toEqual(
      Array(3).fill('KEY_UNKNOWN'),
    );
  });

  test('metadata that says another revision than the session', async () => {
    const store = await filled(1, 'clear');
    const { value, metadata } = (await store.provider.get('session-0000'))!;
    await store.provider.put('session-0000', value, { metadata: { ...metadata, revision: '9' } });
    expect(await read(store, { form: 'text' })).toMatchObject([{ status: 'rejected', reason: { code: 'STORE_MALFORMED' } }]);
  });

  test('an abort ends it with its reason, a reader that leaves without one', async () => {
    const store = await filled(60);
    const abort = new AbortController();
    let seen = 0;
    const reading = async (): Promise<void> => {
      for await (const _ of exportMany(store, { form: 'stored', signal: abort.signal, concurrency: 4 }))
        if (++seen === 8) abort.abort(new Error('enough'));
    };
    await expect(reading()).rejects.toThrow('enough');
    expect(seen).toBeLessThan(60);
    for await (const _ of exportMany(store, { form: 'stored' })) break;
  });

  test('wrong arguments, at once', async () => {
    const store = await filled(1);
    expect(() => exportMany(store, { form: 'raw' as never })).toThrow(TypeError);
    expect(() => exportMany(store, { form: 'text', ids: [], prefix: '' })).toThrow(TypeError);
    expect(() => exportMany(store, { form: 'text', concurrency: 0 })).toThrow(RangeError);
  });
});

test('progress counts what has come, and holds no more than two batches', async () => {
  const store = await filled(50, 'clear');
  const counts: number[] = [];
  let [fetched, most, taken] = [0, 0, 0];
  const provider = new Proxy(store.provider, {
    get(target, name) {
      if (name !== 'getMany') return Reflect.get(target, name) as unknown;
      return (keys: readonly string[]) => {
        fetched += keys.length;
        most = Math.max(most, fetched - taken);
        return target.getMany(keys);
      };
    },
  });
  const watched = sessionStore(provider, options({ keys: null }));
  for await (const _ of exportMany(watched, { form: 'stored', concurrency: 10, onProgress: ({ exported }) => void counts.push(exported) }))
    taken++;
  expect(counts).toEqual([10, 20, 30, 40, 50]);
  expect(most).toBeLessThanOrEqual(20);
  expect((await storedIds(store)).length).toBe(50);
});
