/** Imports that are stopped in the middle, by a signal or by kill -9, and the runs that go on from there: nothing is lost, nothing stored twice. */

import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import { memory } from '../../providers/memory.ts';
import type { RotationCheckpoint } from '../../ts/store/checkpoint.ts';
import { type ImportItem, type ImportSummary, importMany } from '../../ts/store/import.ts';
import { ImportMark } from '../../ts/store/import-mark.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import type { SessionStore } from '../../ts/store/store.ts';
import { bundleChild, startChild } from '../machine/child.ts';
import { makeFolder } from '../machine/folder.ts';
import { killUntilDone } from '../machine/kill.ts';
import { blobOf, clearItems, idsOf, keptCheckpoint, resultsOf, storedIds } from './import-fixture.ts';
import { buildThreadProgram } from './import-thread-program.ts';
import { KEY, NOW, options, steadyRandom } from './store-fixture.ts';

/** Kills of one import, at most. */
const MAX_KILLS = 6;

const newStore = (): SessionStore => sessionStore(memory({ now: () => NOW }), options());

/** Stops an import when so many items have ended. */
async function stopAfter(store: SessionStore, items: readonly ImportItem[], count: number, checkpoint: RotationCheckpoint): Promise<void> {
  const abort = new AbortController();
  // One by one, so that the place is exact.
  async function* source(): AsyncGenerator<ImportItem> {
    for (const [at, item] of items.entries()) {
      if (at === count) {
        abort.abort(new Error('stopped'));
        return;
      }
      yield item;
    }
  }
  await expect(importMany(store, source(), { checkpoint, signal: abort.signal, concurrency: 1 }).summary).rejects.toThrow('stopped');
}

describe('a checkpoint', () => {
  test('lets the next run pass over what is finished', async () => {
    const [store, checkpoint, items] = [newStore(), keptCheckpoint(), await clearItems(idsOf(40))];
    await stopAfter(store, items, 25, checkpoint);
    expect(JSON.parse(checkpoint.text!)).toMatchObject({ done: 25, last: 'session-0024.pspb', again: [] });
    const read: string[] = [];
    const lazy = items.map((item) => ({
      ...item,
      bytes() {
        read.push(item.name);
        return item.bytes as Uint8Array;
      },
    }));
    const run = importMany(store, lazy, { checkpoint });
    const results = await resultsOf(run);
    expect(results.map(({ id }) => id).sort()).toEqual(idsOf(40).slice(25));
    expect(read.length).toBe(15);
    expect(await run.summary).toMatchObject({ created: 15, finishedBefore: 25, resumed: true, complete: true });
    expect(checkpoint.text).toBeNull();
    expect(await storedIds(store)).toEqual(idsOf(40));
  });

  test('that is older than what was stored: the same items are known again, and nothing is written', async () => {
    const [store, checkpoint, items] = [newStore(), keptCheckpoint(), await clearItems(idsOf(30))];
    await importMany(store, items, { checkpoint }).summary;
    const versions = await Promise.all(idsOf(30).map(async (id) => (await store.head(id))!.version));
    // The first text, from before any item: all that a run leaves that is killed at its very end.
    for (const onConflict of ['skip', 'replace'] as const) {
      const text = checkpoint.saved[0]!.replace('skip', onConflict);
      expect(await importMany(store, items, { checkpoint: keptCheckpoint(text), onConflict }).summary).toMatchObject({
        present: 30,
        created: 0,
        replaced: 0,
      });
    }
    expect(await Promise.all(idsOf(30).map(async (id) => (await store.head(id))!.version))).toEqual(versions);
  });

  test('does not let a resumed replace undo what others have written since', async () => {
    const [store, checkpoint, items] = [newStore(), keptCheckpoint(), await clearItems(['a'])];
    await importMany(store, items, { checkpoint, onConflict: 'replace' }).summary;
    await store.update('a', (session) => ({ ...session, name: 'since' }));
    const again = await importMany(store, items, { checkpoint: keptCheckpoint(checkpoint.saved[0]!), onConflict: 'replace' }).summary;
    expect(again).toMatchObject({ present: 1, replaced: 0 });
    expect((await store.get('a'))!.session.name).toBe('since');
  });

  test('remembers what failed, and looks at it again', async () => {
    const [store, checkpoint, items] = [newStore(), keptCheckpoint(), await clearItems(idsOf(20))];
    const broken = items.map((item, at) => (at === 3 ? { name: item.name, bytes: new Uint8Array(9) } : item));
    await stopAfter(store, broken, 10, checkpoint);
    expect(JSON.parse(checkpoint.text!)).toMatchObject({ done: 10, again: [3] });
    expect(await importMany(store, items, { checkpoint }).summary).toMatchObject({ created: 11, finishedBefore: 9, failed: 0 });
    expect(await storedIds(store)).toEqual(idsOf(20));
  });

  test.each<[string, (items: ImportItem[]) => ImportItem[]]>([
    ['other items', (items) => [{ ...items[0]!, name: 'new' }, ...items]],
    ['fewer items', (items) => items.slice(0, 5)],
  ])('of a source with %s is refused, and nothing of it is followed', async (_, change) => {
    const [store, checkpoint, items] = [newStore(), keptCheckpoint(), await clearItems(idsOf(20))];
    await stopAfter(store, items, 10, checkpoint);
    const before = JSON.parse(checkpoint.text!) as object;
    await expect(importMany(store, change(items), { checkpoint }).summary).rejects.toMatchObject({ code: 'STORE_MALFORMED' });
    expect(JSON.parse(checkpoint.text!)).toEqual(before);
  });

  test.each<[string, (text: string) => string]>([
    ['of another rule', (text) => text.replace('skip', 'replace')],
    ['that is cut', (text) => text.slice(0, -3)],
    ['that is none', () => 'null'],
    ['with a place that is none', (text) => text.replace('"done":10', '"done":"10"')],
    ['without its secret', (text) => text.replace(/"nonce":"[^"]*"/, '"nonce":""')],
  ])('%s is not followed: the run begins anew', async (_, change) => {
    const [store, checkpoint, items] = [newStore(), keptCheckpoint(), await clearItems(idsOf(12))];
    await stopAfter(store, items, 10, checkpoint);
    const changed = change(checkpoint.text!);
    expect(changed).not.toBe(checkpoint.text);
    const summary = await importMany(store, items, { checkpoint: keptCheckpoint(changed) }).summary;
    expect(summary).toMatchObject({ created: 2, kept: 10, finishedBefore: 0, resumed: false });
  });

  test('that cannot be saved ends the import with its error, and is not written again', async () => {
    let saves = 0;
    const checkpoint = {
      load: () => null,
      save() {
        if (++saves > 1) throw new Error('read-only');
      },
    };
    const run = importMany(newStore(), await clearItems(idsOf(600)), { checkpoint, checkpointEvery: 10 });
    await expect(run.summary).rejects.toThrow('read-only');
    expect(saves).toBe(2);
  });

  test('holds names and places, and no id, key or content', async () => {
    const [store, checkpoint] = [newStore(), keptCheckpoint()];
    await stopAfter(store, [{ name: 'first', bytes: await blobOf('secret-id') }], 0, checkpoint);
    expect(Object.keys(JSON.parse(checkpoint.text!) as object)).toEqual(['type', 'version', 'plan', 'nonce', 'done', 'last', 'again']);
    expect(checkpoint.text).not.toContain('secret-id');
  });
});

describe('the mark', () => {
  test('moves over what is finished from the start, in whatever order items end', () => {
    const mark = new ImportMark('plan', null, steadyRandom());
    const doneOf = (): number => (JSON.parse(mark.format()) as { done: number }).done;
    mark.finish(2, 'c', true);
    mark.finish(1, 'b', false);
    expect(doneOf()).toBe(0);
    mark.finish(0, 'a', true);
    expect(JSON.parse(mark.format())).toMatchObject({ done: 3, last: 'c', again: [1] });
  });

  test('of a resumed run that is stopped early loses nothing of the run before', () => {
    const first = new ImportMark('plan', null, steadyRandom());
    for (let at = 0; at < 10; at++) first.finish(at, `item ${at}`, at !== 4 && at !== 8);
    const second = new ImportMark('plan', first.format(), steadyRandom());
    for (let at = 0; at < 6; at++) second.finish(at, `item ${at}`, true);
    expect(second.nonce).toEqual(first.nonce);
    expect(JSON.parse(second.format())).toMatchObject({ done: 10, last: 'item 9', again: [8] });
  });

  test('stays where more than 1,000 items have failed, so that the text stays small', () => {
    const mark = new ImportMark('plan', null, steadyRandom());
    for (let at = 0; at < 1500; at++) mark.finish(at, 'x', false);
    expect(JSON.parse(mark.format())).toMatchObject({ done: 1000 });
  });
});

const PROGRAM = buildThreadProgram().href;

test.each([
  ['', []],
  [' with two threads', [PROGRAM]],
])(
  'kill -9 in the middle of an import of 1,000 sessions%s: none is lost, none is stored twice',
  { timeout: 240_000 },
  async (_, program) => {
    const count = 1000;
    const folder = await makeFolder('import');
    const script = bundleChild(join(import.meta.dirname, 'import-child.ts'), folder);
    mkdirSync(join(folder, 'blobs'));
    for (const id of idsOf(count)) writeFileSync(join(folder, 'blobs', `${id}.pspb`), await blobOf(id, 'packed', { revision: 5 }));

    const { kills, inTheMiddle, where, said } = await killUntilDone({
      start: () => startChild([script, folder, ...program]),
      checkpoint: join(folder, 'checkpoint'),
      moment: (before) => (before < MAX_KILLS ? randomInt(5, 105) + 150 * before : null),
    });
    expect(kills, where).toBeGreaterThan(0);
    expect(inTheMiddle, where).toBeGreaterThan(0);
    if (said !== null) {
      const summary = JSON.parse(said[1]!) as ImportSummary;
      expect(summary, where).toMatchObject({ failed: 0, kept: 0, replaced: 0, resumed: true });
      expect(summary.created + summary.present + summary.finishedBefore, where).toBe(count);
    }

    const provider = filesystem({ root: join(folder, 'store'), durability: 'none' });
    const store = sessionStore(provider, { keys: KEY });
    expect(await storedIds(store)).toEqual(idsOf(count));
    for (const id of idsOf(count)) {
      const head = (await provider.head(id))!;
      // A second write would have left the first one's id.
      expect(head.metadata, where).not.toHaveProperty('before');
      expect(await store.get(id)).toMatchObject({ revision: 5, session: { id, revision: 5 } });
    }
  },
);
