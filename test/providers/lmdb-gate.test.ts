/** That an opening of a store and the writes of other processes to it keep clear of each other (providers/lmdb/gate.ts). */

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { withLock } from '../../providers/filesystem/lock.ts';
import { newOwner } from '../../providers/filesystem/owner.ts';
import { startChild } from '../machine/child.ts';
import { makeFolder } from '../machine/folder.ts';
import { requireNewestNode } from '../servers/newest-node.ts';
import { makeStore, openStore } from './lmdb-store.ts';

const CHILD = join(import.meta.dirname, 'lmdb-gate-child.ts');
const PAUSE_MS = 60;

const node = requireNewestNode('lmdb: openings beside writes');

describe.skipIf(node === null)('lmdb: openings beside writes', () => {
  // Without the gate this loses dozens of the 5,000 writes, or ends in MDB_PROBLEM.
  test('no acknowledged write is lost while other processes open the store again and again', { timeout: 300_000 }, async () => {
    const path = await makeFolder('lmdb');
    const writer = startChild([CHILD, 'puts', path], node!);
    const openers = [startChild([CHILD, 'openings', path], node!), startChild([CHILD, 'openings', path], node!)];
    expect(await writer.ended).toBe(0);
    expect(writer.lines).toEqual(['lost 0 of 5000']);
    for (const { lines } of openers) expect(lines.length).toBeGreaterThan(5);
  });
});

describe('lmdb: the gate', () => {
  /** The state of a process that has the store open, as its file says it. */
  async function stateFiles(path: string): Promise<string[]> {
    const names = (await readdir(join(path, 'gate'))).filter((name) => name.endsWith('.write'));
    return Promise.all(names.map((name) => readFile(join(path, 'gate', name), 'utf8')));
  }

  /** Makes a file of state, as the process that `owner` names would. */
  async function plantState(path: string, owner: string, state: string): Promise<string> {
    await mkdir(join(path, 'gate'), { recursive: true });
    const file = join(path, 'gate', `${owner}.write`);
    await writeFile(file, state);
    return file;
  }

  test('a process that has the store open has one byte in it, which is gone when it is closed', async () => {
    const { path, provider } = await makeStore();
    const second = openStore(path);
    const put = provider.put('key', Uint8Array.of(1));
    await put;
    await second.put('key', Uint8Array.of(2));
    expect(await stateFiles(path)).toEqual(['0']);
    await provider.close();
    expect(await stateFiles(path)).toEqual(['0']);
    await second.close();
    expect(await readdir(join(path, 'gate'))).toEqual([]);
  });

  test('an opening waits for the write of another process', async () => {
    const { path, provider } = await makeStore();
    const file = await plantState(path, newOwner(), '1');
    let isOpen = false;
    const opening = provider.open().then(() => {
      isOpen = true;
    });
    await sleep(PAUSE_MS);
    expect(isOpen).toBe(false);
    await writeFile(file, '0');
    await opening;
  });

  test('a process that was killed in a write holds up nobody, and its file goes', async () => {
    const { path, provider } = await makeStore();
    const [pid, , place, token] = newOwner().split('.');
    await plantState(path, [pid, '1', place, token].join('.'), '1');
    await provider.put('key', Uint8Array.of(1));
    expect(await stateFiles(path)).toEqual(['0']);
  });

  test('writes wait while another process opens the store, however many are under way; reads do not', async () => {
    const { path, provider } = await makeStore();
    await provider.put('key', Uint8Array.of(1));
    let stored = 0;
    let puts: Promise<unknown>[] = [];
    await withLock(join(path, 'gate', 'opening'), { waitMs: 1000, now: Date.now }, async () => {
      puts = Array.from({ length: 20 }, (_, at) => provider.put('key', Uint8Array.of(at)).then(() => stored++));
      expect((await provider.get('key'))?.value).toEqual(Uint8Array.of(1));
      await sleep(PAUSE_MS);
      expect(stored).toBe(0);
    });
    await Promise.all(puts);
    expect(stored).toBe(20);
  });

  test('who writes without a pause lets an opening in between', async () => {
    const { path, provider } = await makeStore();
    await provider.put('key', Uint8Array.of(0));
    let isOver = false;
    const lanes = Array.from({ length: 8 }, async () => {
      while (!isOver) await provider.put('key', new Uint8Array(100));
    });
    await sleep(PAUSE_MS);
    let sawIdle = false;
    await withLock(join(path, 'gate', 'opening'), { waitMs: 10_000, now: Date.now }, async () => {
      while (!sawIdle) {
        sawIdle = (await stateFiles(path)).every((state) => state === '0');
        await sleep(1);
      }
    });
    isOver = true;
    await Promise.all(lanes);
    expect(sawIdle).toBe(true);
  });
});
