/** Copies between providers: every record whole and once, resumed after any end, and never over another one unless told to. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import { memory } from '../../providers/memory.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { type CopyOptions, type CopyProgress, copyAll, sessionStore } from '../../ts/store/session-store.ts';
import {
  checkpointIn,
  codeOf,
  type Fault,
  faulty,
  listAll,
  NOW,
  options,
  sessionOf,
  steadyRandom,
  withoutConditions,
} from './store-fixture.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

async function filled(count: number): Promise<StorageProvider> {
  const provider = memory({ now: () => NOW });
  for (let at = 0; at < count; at++) {
    const expiry = at % 2 === 0 ? {} : { expiresAt: NOW + 1000 + at };
    await provider.put(`k/${at}`, bytes(`value ${at}`), { metadata: { at: String(at) }, ...expiry });
  }
  return provider;
}

/** Everything that is stored, but for the versions. */
async function contentOf(provider: StorageProvider) {
  const records = await Promise.all((await listAll(provider.list())).map(({ key }) => provider.get(key)));
  const told = records.map((record) => ({ ...record, version: undefined, value: [...record!.value] }));
  return told.sort((a, b) => (a.key! < b.key! ? -1 : 1));
}

const copy = (from: StorageProvider, to: StorageProvider, more: CopyOptions = {}) => copyAll(from, to, { random: steadyRandom(), ...more });

test('bytes, metadata and expiry arrive as they are, between providers of different kinds', async () => {
  const root = await mkdtemp(join(tmpdir(), 'psp-copy-'));
  try {
    const from = await filled(50);
    const disk = filesystem({ root, now: () => NOW });
    const back = memory({ now: () => NOW });
    const progress: CopyProgress[] = [];
    const result = await copy(from, disk, { concurrency: 8, onProgress: (one) => progress.push(one) });
    expect(result).toEqual({ done: 50, present: 0, skipped: 0, failed: [], resumed: false });
    expect(progress).toHaveLength(50);
    expect(progress.at(-1)).toEqual({ done: 50, present: 0, skipped: 0, failed: 0, total: 50 });
    expect((await copy(disk, back)).done).toBe(50);
    expect(await contentOf(back)).toEqual(await contentOf(from));
    expect(await copy(from, disk)).toMatchObject({ done: 0, present: 50 });
  } finally {
    await rm(root, { recursive: true });
  }
});

test('sessions and tombstones of a store work in the copy', async () => {
  const from = memory({ now: () => NOW });
  const to = memory({ now: () => NOW });
  const store = sessionStore(from, options());
  await store.putMany([sessionOf('a'), sessionOf('b')]);
  await store.delete('b');
  expect((await copy(from, to)).done).toBe(2);
  const copied = sessionStore(to, options());
  expect((await copied.get('a'))!.revision).toBe(1);
  expect(await codeOf(copied.put(sessionOf('b')))).toBe('STORE_GONE');
});

test.each([
  ['fail', { done: 1, present: 1, skipped: 0 }, 'theirs', ['PROVIDER_CONFLICT']],
  ['skip', { done: 1, present: 1, skipped: 1 }, 'theirs', []],
  ['replace', { done: 2, present: 1, skipped: 0 }, 'value 1', []],
] as const)('a key that holds another record: %s', async (onConflict, tally, kept, codes) => {
  for (const wrap of [(provider: StorageProvider) => provider, withoutConditions]) {
    const from = await filled(3);
    const base = memory({ now: () => NOW });
    await base.put('k/0', bytes('value 0'), { metadata: { at: '0' } });
    await base.put('k/1', bytes('theirs'));
    const to = wrap(base);
    for (const dryRun of [true, false]) {
      const result = await copy(from, to, { onConflict, dryRun });
      expect(result).toMatchObject(tally);
      expect(result.failed.map(({ key, code }) => [key, code])).toEqual(codes.map((code) => ['k/1', code]));
      if (dryRun) expect(await listAll(to.list())).toHaveLength(2);
    }
    expect(new TextDecoder().decode((await to.get('k/1'))!.value)).toBe(kept);
  }
});

test.each<[string, Fault[]]>([
  ['before', [{ at: 'before' }]],
  ['after', [{ at: 'after' }]],
  ['after and before', [{ at: 'after' }, { at: 'before', code: 'PROVIDER_THROTTLED' }]],
])('a put that is cut %s is made good', async (_, put) => {
  const from = await filled(3);
  const base = memory({ now: () => NOW });
  const { provider } = faulty(base, { put, get: [{ at: 'before' }], listPage: [] });
  expect(await copy(from, provider, { concurrency: 1 })).toMatchObject({ done: 3, present: 0, failed: [] });
  expect(await contentOf(base)).toEqual(await contentOf(from));
});

test('a record that fails stops nothing, and the others that others write meanwhile stay', async () => {
  const from = await filled(5);
  const base = memory({ now: () => NOW });
  const meanwhile = () => base.put('k/0', bytes('theirs'));
  const endless: Fault[] = [{ at: 'before', meanwhile }, ...Array.from({ length: 3 }, (): Fault => ({ at: 'before' }))];
  const { provider } = faulty(base, { put: endless });
  const result = await copy(from, provider, { concurrency: 1, retry: { attempts: 2 } });
  expect(result.failed.map(({ key, code }) => [key, code])).toEqual([
    ['k/0', 'PROVIDER_CONFLICT'],
    ['k/1', 'PROVIDER_UNAVAILABLE'],
  ]);
  expect(result.done).toBe(3);
  expect(new TextDecoder().decode((await base.get('k/0'))!.value)).toBe('theirs');
});

test('a run that was ended goes on where it was, and looks again at what failed', async () => {
  const from = await filled(40);
  const to = memory({ now: () => NOW });
  const place: { text: string | null } = { text: null };
  const checkpoint = checkpointIn(place);
  const controller = new AbortController();
  const reason = new Error('enough');
  await to.put('k/0', bytes('theirs'));
  const first = copy(from, to, {
    checkpoint,
    checkpointEvery: 5,
    concurrency: 2,
    signal: controller.signal,
    onProgress: ({ done }) => done === 17 && controller.abort(reason),
  });
  expect(await codeOf(first)).toBe(reason);
  expect(JSON.parse(place.text!)).toMatchObject({ type: 'psp-copy', again: ['k/0'] });
  await to.delete('k/0');
  const { provider, calls } = faulty(from, {});
  const second = await copy(provider, to, { checkpoint });
  expect(second).toMatchObject({ resumed: true, failed: [] });
  expect(calls['get']).toBeLessThanOrEqual(40 - 17 + 1);
  expect(calls['get']).toBe(second.done + second.present);
  expect(await contentOf(to)).toEqual(await contentOf(from));
  expect(place.text).toBeNull();
  // A text of other work, or of another plan, is not gone on from.
  const saved = JSON.stringify({ type: 'psp-rotation', version: 1, plan: JSON.stringify(['', 'fail']), after: 'k/9', again: [] });
  expect(await copy(from, to, { checkpoint: { load: () => saved, save: () => undefined } })).toMatchObject({ resumed: false, present: 40 });
});

test('only keys with the prefix, and wrong options are refused', async () => {
  const from = await filled(12);
  const to = memory({ now: () => NOW });
  expect((await copy(from, to, { prefix: 'k/1' })).done).toBe(3);
  expect((await listAll(to.list())).map(({ key }) => key).sort()).toEqual(['k/1', 'k/10', 'k/11']);
  await expect(copy(from, to, { onConflict: 'merge' as never })).rejects.toThrow(TypeError);
  await expect(copy(from, to, { concurrency: 0 })).rejects.toThrow(RangeError);
});

test('a damaged record of the source is a failure of its own', async () => {
  const from = await filled(2);
  const { PspError } = await import('../../ts/errors.ts');
  const error = new PspError('PROVIDER_CORRUPT', 'planned');
  const damaged = new Proxy(from, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'listPage') return typeof value === 'function' ? value.bind(target) : value;
      return async (asked: object) => ({ ...(await target.listPage(asked)), damaged: [{ key: null, error }] });
    },
  });
  const result = await copy(damaged, memory({ now: () => NOW }));
  expect(result).toMatchObject({ done: 2, failed: [{ key: null, code: 'PROVIDER_CORRUPT', error }] });
});
