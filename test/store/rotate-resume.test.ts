/** Rotations that are stopped in the middle: by a signal, by a failing checkpoint, by kill -9; and the runs that go on from there. */

import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import { memory } from '../../providers/memory.ts';
import type { KeySource } from '../../ts/envelope/wrap.ts';
import { verifyAudit } from '../../ts/store/audit.ts';
import { rotateStore } from '../../ts/store/rotate.ts';
import { keyOf } from '../envelope/fixture.ts';
import { bundleChild, startChild } from '../machine/child.ts';
import { makeFolder } from '../machine/folder.ts';
import { killUntilDone } from '../machine/kill.ts';
import { AUDIT_KEY, SAVED_EVERY } from './rotation-child.ts';
import {
  checkpointOf,
  contextOf,
  expectAllOn,
  fill,
  filled,
  keysOf,
  logOf,
  NEW,
  NOW,
  OLD,
  promoted,
  withFault,
} from './rotation-fixture.ts';

/** Kills of one rotation, at most. */
const MAX_KILLS = 5;

const now = (): number => NOW;
const common = { mode: 'rewrap', contextOf, now, concurrency: 1 } as const;

describe('a checkpoint', () => {
  test('is saved every so many records, and emptied at the end', async () => {
    const provider = await filled(25);
    const checkpoint = checkpointOf();
    await rotateStore(provider, promoted(), { ...common, checkpoint, checkpointEvery: 10 });
    expect(checkpoint.saved.map((text) => (text === null ? null : (JSON.parse(text) as { after: string }).after))).toEqual([
      'blob-0009',
      'blob-0019',
      null,
    ]);
  });

  test('lets a run that was called off go on where it was, in whatever order the store lists', async () => {
    const provider = memory({ now });
    for (const key of keysOf(30).reverse()) await fill(provider, [key], OLD);
    const checkpoint = checkpointOf();
    const abort = new AbortController();
    const reason = new Error('enough');
    const onProgress = ({ done }: { done: number }): void => void (done === 12 && abort.abort(reason));
    await expect(rotateStore(provider, promoted(), { ...common, checkpoint, signal: abort.signal, onProgress })).rejects.toBe(reason);
    let reads = 0;
    const counted = withFault(provider, {
      get(key) {
        reads++;
        return provider.get(key);
      },
    });
    const result = await rotateStore(counted, promoted(), { ...common, checkpoint });
    expect(result).toEqual({ done: 18, skipped: 0, conflicted: 0, failed: [], resumed: true });
    expect(reads).toBe(36);
    await expectAllOn(provider, keysOf(30), NEW);
  });

  test('does not lose what failed before it, also when it is stopped while it looks at that again', async () => {
    const provider = await filled(20);
    const third = keyOf('third', 3);
    await fill(provider, ['blob-0003', 'blob-0005'], third);
    const checkpoint = checkpointOf();
    const stopAfter = async (count: number, from: readonly KeySource[]): Promise<unknown> => {
      const abort = new AbortController();
      const onProgress = ({ done }: { done: number }): void => void (done === count && abort.abort());
      const run = rotateStore(provider, { from, to: NEW }, { ...common, checkpoint, signal: abort.signal, onProgress });
      await expect(run).rejects.toThrow();
      return JSON.parse(checkpoint.text!) as unknown;
    };
    expect(await stopAfter(8, [OLD])).toMatchObject({ after: 'blob-0009', again: ['blob-0003', 'blob-0005'] });
    expect(await stopAfter(1, [OLD, third])).toMatchObject({ after: 'blob-0009', again: ['blob-0005'] });
    expect(await stopAfter(3, [OLD, third])).toMatchObject({ after: 'blob-0011', again: [] });
    expect(await rotateStore(provider, { from: [OLD, third], to: NEW }, { ...common, checkpoint })).toMatchObject({
      done: 8,
      resumed: true,
    });
    await expectAllOn(provider, keysOf(20), NEW);
  });

  test.each<[string, (text: string) => string]>([
    ['of another primary', (text) => text.replace('new', 'wen')],
    ['of another mode', (text) => text.replace('rewrap', 'reseal')],
    ['that is cut', (text) => text.slice(0, -5)],
    ['that is none', () => 'null'],
    ['with a mark that is no key', (text) => text.replace('"after":"blob-0009"', '"after":9')],
    ['with no list', (text) => text.replace('"again":[]', '"again":"blob"')],
  ])('%s is not followed: the run begins anew', async (_, change) => {
    const provider = await filled(20);
    const saving = checkpointOf();
    const abort = new AbortController();
    await expect(
      rotateStore(provider, promoted(), {
        ...common,
        checkpoint: saving,
        signal: abort.signal,
        onProgress: ({ done }) => void (done === 10 && abort.abort()),
      }),
    ).rejects.toThrow();
    const changed = change(saving.text!);
    expect(changed).not.toBe(saving.text);
    const result = await rotateStore(provider, promoted(), { ...common, checkpoint: checkpointOf(changed) });
    expect(result).toEqual({ done: 10, skipped: 10, conflicted: 0, failed: [], resumed: false });
  });

  test('that cannot be saved ends the rotation, and what was written is whole', async () => {
    const provider = await filled(20);
    const checkpoint = {
      load: () => null,
      save: () => {
        throw new Error('read-only');
      },
    };
    await expect(rotateStore(provider, promoted(), { ...common, checkpoint, checkpointEvery: 5 })).rejects.toThrow('read-only');
    expect(await rotateStore(provider, promoted(), common)).toMatchObject({ done: 15, skipped: 5 });
    await expectAllOn(provider, keysOf(20), NEW);
  });

  test('holds no secret, only names of records and keys', async () => {
    const checkpoint = checkpointOf();
    await rotateStore(await filled(10), promoted(), { ...common, checkpoint, checkpointEvery: 4 });
    expect(Object.keys(JSON.parse(checkpoint.saved[0]!) as object)).toEqual(['type', 'version', 'plan', 'after', 'again']);
  });
});

test('the chain of the log goes on over a resumed run: one entry for each blob', async () => {
  const provider = await filled(30);
  const checkpoint = checkpointOf();
  const log = logOf(AUDIT_KEY);
  for (const stopAt of [7, 5, 9]) {
    const abort = new AbortController();
    const options = { ...common, concurrency: 3, checkpoint, audit: log, signal: abort.signal };
    await expect(
      rotateStore(provider, promoted(), { ...options, onProgress: ({ done }) => void (done === stopAt && abort.abort()) }),
    ).rejects.toThrow();
  }
  await rotateStore(provider, promoted(), { ...common, checkpoint, audit: log });
  const { entries } = verifyAudit(log.lines(), AUDIT_KEY);
  expect(entries.length).toBe(30);
  expect(new Set(entries.map(({ blobId }) => blobId)).size).toBe(30);
  expect(entries.filter(({ outcome }) => outcome === 'done').length).toBe(30);
});

// The second with fewer blobs, for the time it takes: what differs between the modes is done before anything is written.
describe.each([
  ['rewrap', 1000],
  ['reseal', 250],
] as const)('kill -9 over a %s of %i blobs on the file system', (mode, count) => {
  test('loses none: each is whole at every moment, and in the end all are on the new key', { timeout: 240_000 }, async () => {
    const folder = await makeFolder('rotate');
    const script = bundleChild(join(import.meta.dirname, 'rotation-child.ts'), folder);
    const root = join(folder, 'store');
    const provider = filesystem({ root, durability: 'none' });
    const keys = keysOf(count);
    await fill(provider, keys, OLD);

    const log = join(folder, 'audit');
    const logged = (): number => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0);
    const { kills, inTheMiddle, where } = await killUntilDone({
      start: () => startChild([script, folder, mode]),
      checkpoint: join(folder, 'checkpoint'),
      moment(before) {
        // Far enough for a checkpoint, not so far that there would be few kills.
        const killAt = logged() + randomInt(SAVED_EVERY + 1, count / 5);
        return before < MAX_KILLS ? () => logged() >= killAt : null;
      },
    });
    expect(kills, where).toBeGreaterThanOrEqual(3);
    expect(inTheMiddle, where).toBeGreaterThan(0);

    let listed = 0;
    for await (const _ of provider.list()) listed++;
    expect(listed).toBe(count);
    await expectAllOn(provider, keys, NEW);
    // A last look without the checkpoint: there is nothing left to do.
    expect(await rotateStore(provider, promoted(), { mode, contextOf })).toMatchObject({ done: 0, skipped: count, failed: [] });

    const text = readFileSync(log, 'utf8');
    const { entries } = verifyAudit(text.split('\n').slice(0, -1), AUDIT_KEY);
    expect(
      entries.filter(({ outcome }) => outcome === 'failed' || outcome === 'conflicted'),
      where,
    ).toEqual([]);
    // Under its old id or under its new one, each blob is in the log.
    const ids = new Set(entries.flatMap(({ blobId, newBlobId }) => [blobId, newBlobId]));
    expect(entries.length).toBeGreaterThanOrEqual(count);
    expect(ids.size).toBeGreaterThanOrEqual(count);
  });
});
