/** Exports that are stopped in the middle, by a signal, by their reader or by kill -9, and the runs that go on from there: nothing is left out. */

import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import { memory } from '../../providers/memory.ts';
import { PspError } from '../../ts/errors.ts';
import { type ExportOptions, type ExportProgress, exportMany } from '../../ts/store/export.ts';
import { ExportMark } from '../../ts/store/export-mark.ts';
import { importMany } from '../../ts/store/import.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import type { SessionStore } from '../../ts/store/store.ts';
import { flip } from '../envelope/fixture.ts';
import { bundleChild, startChild } from '../machine/child.ts';
import { makeFolder } from '../machine/folder.ts';
import { killUntilDone } from '../machine/kill.ts';
import { CHECKPOINT_EVERY } from './export-child.ts';
import { blobOf, clearItems, idsOf, keptCheckpoint } from './import-fixture.ts';
import { KEY, NOW, options } from './store-fixture.ts';

/** Kills of one export, at most. */
const MAX_KILLS = 6;
/** A listing has pages of 256. */
const COUNT = 600;

const now = (): number => NOW;

async function filled(count: number): Promise<SessionStore> {
  const store = sessionStore(memory({ now }), options({ keys: null }));
  expect(await importMany(store, await clearItems(idsOf(count))).summary).toMatchObject({ created: count });
  return store;
}

/** The ids of all results, or of the first `count`; with the code behind a colon where one failed. */
async function take(store: SessionStore, choice: Partial<ExportOptions>, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  const taken: string[] = [];
  for await (const result of exportMany(store, { form: 'stored', ...choice })) {
    // The reader leaves with one in its hands, which it has not finished.
    if (taken.length >= count) break;
    taken.push(result.status === 'fulfilled' ? result.value.id : `${result.id}: ${(result.reason as PspError).code}`);
  }
  return taken;
}

describe.each<[string, () => Partial<ExportOptions>]>([
  ['a listing', () => ({})],
  ['given ids', () => ({ ids: idsOf(COUNT) })],
])('a checkpoint of an export of %s', (_, choice) => {
  test.each([1, 17, 256, 257, 599])('after %i sessions: the next run takes exactly the rest', async (count) => {
    const [store, checkpoint] = [await filled(COUNT), keptCheckpoint()];
    const first = await take(store, { ...choice(), checkpoint }, count);
    expect(first.length).toBe(count);
    const seen: ExportProgress[] = [];
    const rest = await take(store, { ...choice(), checkpoint, onProgress: (progress) => void seen.push(progress) });
    expect([...first, ...rest].sort()).toEqual(idsOf(COUNT));
    expect(seen[0]).toMatchObject({ exported: 0, finishedBefore: count });
    expect(seen.at(-1)).toMatchObject({ exported: COUNT - count, finishedBefore: count });
    expect(checkpoint.text).toBeNull();
    expect((await take(store, { ...choice(), checkpoint })).length).toBe(COUNT);
  });

  test('over many short runs, each called off by its signal', async () => {
    const [store, checkpoint] = [await filled(COUNT), keptCheckpoint()];
    const all: string[] = [];
    let runs = 0;
    for (; all.length < COUNT; runs++) {
      const abort = new AbortController();
      const reading = async (): Promise<void> => {
        let taken = 0;
        for await (const { id } of exportMany(store, { form: 'stored', ...choice(), checkpoint, signal: abort.signal })) {
          all.push(id!);
          if (++taken === 90) abort.abort(new Error('enough'));
        }
      };
      if (all.length + 90 < COUNT) await expect(reading()).rejects.toThrow('enough');
      else await reading().catch(() => undefined);
    }
    expect(runs).toBeGreaterThan(3);
    expect(all.sort()).toEqual(idsOf(COUNT));
  });
});

describe('a checkpoint', () => {
  test('is saved every so many results, when they were taken, and emptied at the end', async () => {
    const [store, checkpoint] = [await filled(25), keptCheckpoint()];
    let taken = 0;
    const at: number[] = [];
    const counting = {
      ...checkpoint,
      save(text: string | null) {
        at.push(taken);
        return checkpoint.save(text);
      },
    };
    for await (const _ of exportMany(store, { form: 'stored', checkpoint: counting, checkpointEvery: 10 })) taken++;
    expect(at).toEqual([10, 20, 25]);
    expect(checkpoint.saved.map((text) => text && (JSON.parse(text) as { exported: number }).exported)).toEqual([10, 20, null]);
  });

  test('remembers what failed, and the next run begins with it', async () => {
    const [store, checkpoint] = [await filled(20), keptCheckpoint()];
    const { value, metadata } = (await store.provider.get('session-0003'))!;
    await store.provider.put('session-0003', flip(value, value.length - 1), { metadata });
    const first = await take(store, { form: 'text', checkpoint }, 10);
    const failure = 'session-0003: BLOB_MALFORMED';
    expect(first.filter((text) => text.startsWith('session-0003'))).toEqual([failure]);
    expect(JSON.parse(checkpoint.text!)).toMatchObject({ exported: 9, again: ['session-0003'] });
    // Still broken: it stays remembered.
    expect(await take(store, { form: 'text', checkpoint }, 3)).toEqual([failure, 'session-0010', 'session-0011']);
    await store.provider.put('session-0003', value, { metadata });
    const rest = await take(store, { form: 'text', checkpoint });
    expect(rest).toEqual(['session-0003', ...idsOf(20).slice(12)]);
  });

  test('what was deleted since it failed is not looked for for ever', async () => {
    const [store, checkpoint] = [await filled(5), keptCheckpoint()];
    const { value, metadata } = (await store.provider.get('session-0001'))!;
    await store.provider.put('session-0001', flip(value, value.length - 1), { metadata });
    await take(store, { form: 'text', checkpoint }, 3);
    await store.delete('session-0001');
    expect(await take(store, { form: 'text', checkpoint }, 1)).toEqual(['session-0003']);
    expect(JSON.parse(checkpoint.text!)).toMatchObject({ again: [], exported: 3 });
  });

  test('a damaged record is told by the next run too, once', async () => {
    const [store, checkpoint] = [await filled(COUNT), keptCheckpoint()];
    await store.provider.put('foreign', new Uint8Array(3));
    const told = async (count?: number): Promise<number> =>
      (await take(store, { checkpoint }, count)).filter((text) => text === 'null: STORE_MALFORMED').length;
    // On the first page, while the place of the mark is that page, and then behind it.
    expect(await told(100)).toBe(1);
    expect(await told(300)).toBe(1);
    expect(await told(50)).toBe(1);
    expect(await told()).toBe(1);
    expect(checkpoint.text).toBeNull();
  });

  test.each<[string, Partial<ExportOptions>, (text: string) => string]>([
    ['of another form', { form: 'text' }, (text) => text],
    ['of another prefix', { prefix: 's' }, (text) => text],
    ['of given ids', { ids: idsOf(20) }, (text) => text],
    ['that is cut', {}, (text) => text.slice(0, -3)],
    ['that is none', {}, () => 'null'],
    ['with a place that is none', {}, (text) => text.replace('"place":null', '"place":3')],
    ['with no list', {}, (text) => text.replace('"again":[]', '"again":"a"')],
  ])('%s is not followed: the run begins anew', async (_, choice, change) => {
    const [store, checkpoint] = [await filled(20), keptCheckpoint()];
    await take(store, { checkpoint }, 10);
    const again = keptCheckpoint(change(checkpoint.text!));
    expect((await take(store, { ...choice, checkpoint: again })).length).toBe(20);
  });

  test.each<[string, readonly string[]]>([
    ['in another order', idsOf(30).reverse()],
    ['that are fewer', idsOf(5)],
  ])('of ids %s is refused, and stays as it is', async (_, ids) => {
    const [store, checkpoint] = [await filled(30), keptCheckpoint()];
    await take(store, { ids: idsOf(30), checkpoint }, 10);
    const before = checkpoint.text;
    await expect(take(store, { ids, checkpoint })).rejects.toMatchObject({ code: 'STORE_MALFORMED' });
    expect(checkpoint.text).toBe(before);
  });

  test('whose place the service knows no more is an error, not an export without the rest', async () => {
    const [store, checkpoint] = [await filled(COUNT), keptCheckpoint()];
    await take(store, { checkpoint }, 300);
    const { place } = JSON.parse(checkpoint.text!) as { place: string };
    const changed = keptCheckpoint(checkpoint.text!.replace(JSON.stringify(place), '"nowhere"'));
    expect(changed.text).not.toBe(checkpoint.text);
    await expect(take(store, { checkpoint: changed })).rejects.toMatchObject({ code: 'PROVIDER_CURSOR' });
  });

  test('that cannot be saved ends the export with its error, and is not written again', async () => {
    let saves = 0;
    const checkpoint = {
      load: () => null,
      save() {
        saves++;
        throw new Error('read-only');
      },
    };
    await expect(take(await filled(30), { checkpoint, checkpointEvery: 10 })).rejects.toThrow('read-only');
    expect(saves).toBe(1);
  });
});

test('the mark stays where more than 1,000 have failed, so that the text stays small', () => {
  const mark = new ExportMark('plan', null);
  for (let at = 0; at < 1500; at++) mark.finish({ id: `s${at}`, place: `page ${Math.floor(at / 100)}` }, 'failed');
  const text = JSON.parse(mark.format()) as { again: string[]; taken: string[]; place: string };
  expect(text.again.length).toBe(1000);
  expect(text).toMatchObject({ place: 'page 9', exported: 0 });
  expect(text.taken.at(-1)).toBe('s999');
  const damaged = new ExportMark('plan', null);
  const error = new PspError('PROVIDER_CORRUPT', 'a record that cannot be read');
  for (let at = 0; at < 1500; at++) damaged.finish({ key: null, error, place: `page ${at}` }, 'failed');
  expect((JSON.parse(damaged.format()) as { damaged: string[] }).damaged.length).toBeLessThanOrEqual(1000);
});

test('kill -9 in the middle of an export of 1,000 sessions: none is left out, and no more than the last steps are repeated', {
  timeout: 240_000,
}, async () => {
  const count = 1000;
  const folder = await makeFolder('export');
  const script = bundleChild(join(import.meta.dirname, 'export-child.ts'), folder);
  const store = sessionStore(filesystem({ root: join(folder, 'store'), durability: 'none' }), { keys: KEY });
  expect(await importMany(store, await clearItems(idsOf(count))).summary).toMatchObject({ created: count });
  mkdirSync(join(folder, 'out'));

  const log = join(folder, 'log');
  const written = (): number => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0);
  const { kills, inTheMiddle, where } = await killUntilDone({
    start: () => startChild([script, folder]),
    checkpoint: join(folder, 'checkpoint'),
    moment(before) {
      // Far enough for a save, and somewhere between two of them.
      const killAt = written() + CHECKPOINT_EVERY + randomInt(10, 60);
      return before < MAX_KILLS ? () => written() >= killAt : null;
    },
  });
  expect(inTheMiddle, where).toBeGreaterThan(0);
  expect(readFileSync(join(folder, 'checkpoint'), 'utf8')).toBe('');

  const files = readdirSync(join(folder, 'out')).filter((name) => !name.endsWith('.new'));
  expect(files.sort(), where).toEqual(idsOf(count));
  for (const id of files) expect(new Uint8Array(readFileSync(join(folder, 'out', id)))).toEqual(await blobOf(id));
  expect(written(), where).toBeLessThanOrEqual(count + kills * CHECKPOINT_EVERY);
});
