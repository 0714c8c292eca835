/** The lmdb provider among processes: batches that are killed, a writer that is killed with the lock in its hand, and what an acknowledgement means. */

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { present } from '../contract/provider/observe.ts';
import { type Child, startChild } from '../machine/child.ts';
import { makeFolder } from '../machine/folder.ts';
import { requireNewestNode } from '../servers/newest-node.ts';
import { openStore } from './lmdb-store.ts';

const KILLS = process.env['PSP_DEEP'] ? 200 : 20;
const PAGE_BYTES = 4096;
const CHILD = join(import.meta.dirname, 'lmdb-child.ts');

const node = requireNewestNode('lmdb: killed processes');
const hasStrace = spawnSync('strace', ['-f', 'true'], { stdio: 'ignore' }).status === 0;

describe.skipIf(node === null)('lmdb: processes', () => {
  test('a batch that is killed is there as a whole or not at all, and none that was acknowledged is lost', {
    timeout: 600_000,
  }, async () => {
    const path = await makeFolder('lmdb');
    const provider = openStore(path);
    const keys = Array.from({ length: 50 }, (_, i) => `item ${i}`);
    for (let kill = 0; kill < KILLS; kill++) {
      const child = startTask('batches', path);
      await child.said(1 + (kill % 3));
      await sleep((kill * 1.7) % 20);
      child.process.kill('SIGKILL');
      await child.ended;
      const acknowledged = child.lines.length;
      const found = await provider.getMany(keys);
      const numbers = found.map((result) => (result.status === 'fulfilled' ? [...new Set(result.value?.value)] : result.reason));
      expect(new Set(numbers.flat()).size).toBe(1);
      expect([acknowledged & 255, (acknowledged + 1) & 255]).toContain(numbers[0][0]);
      await provider.deleteMany(keys);
    }
  });

  test('a writer that is killed with the lock in its hand holds up nobody, and leaves nothing', { timeout: 60_000 }, async () => {
    const path = await makeFolder('lmdb');
    const provider = openStore(path);
    await provider.put('key', Uint8Array.of(1));
    const child = startTask('hold', path);
    await child.said(1);
    let isStored = false;
    const put = provider.put('key', Uint8Array.of(2)).then(() => {
      isStored = true;
    });
    // Readers do not wait for writers.
    for (let i = 0; i < 20; i++) {
      expect((await present(provider, 'key')).value).toEqual(Uint8Array.of(1));
      await sleep(10);
    }
    expect(isStored).toBe(false);
    child.process.kill('SIGKILL');
    await put;
    expect((await present(provider, 'key')).value).toEqual(Uint8Array.of(2));
    expect((await provider.listPage()).items.map(({ key }) => key)).toEqual(['key']);
  });

  test('values that another process wrote meanwhile are read, also where they made the file grow', { timeout: 60_000 }, async () => {
    const path = await makeFolder('lmdb');
    const provider = openStore(path);
    await provider.put('key', Uint8Array.of(1));
    const child = startTask('batches', path);
    for (let batch = 1; batch <= 5; batch++) {
      await child.said(batch);
      const { value } = await present(provider, 'item 49');
      expect(value[0]).toBeGreaterThanOrEqual(batch);
      expect(new Set(value).size).toBe(1);
    }
  });

  // Whoever asks for a power failure gets an argument: before each acknowledgement the pages were synced, then the page that makes them count was written,
  // in one of the first two pages, and synced.
  test.skipIf(!hasStrace)(
    "'full': before an acknowledgement everything is synced, in order (needs strace)",
    { timeout: 60_000 },
    async () => {
      const calls = traceWrites(await makeFolder('lmdb'), 'full');
      expect(calls.join(' ')).toMatch(
        /^(write )*sync-folder sync-folder say-opened (write )+sync write-meta sync say-stored (write )+sync write-meta sync say-replaced( sync)?$/,
      );
    },
  );

  test.skipIf(!hasStrace)("'none': nothing is synced before the provider is closed (needs strace)", { timeout: 60_000 }, async () => {
    const calls = traceWrites(await makeFolder('lmdb'), 'none');
    const acknowledged = calls.lastIndexOf('say-replaced');
    expect(calls.slice(0, acknowledged).filter((call) => call.startsWith('sync'))).toEqual([]);
    expect(calls.slice(acknowledged)).toContain('sync');
  });
});

/** What a child that puts twice does to the store's files, in order. */
function traceWrites(path: string, durability: string): string[] {
  const log = join(path, 'trace');
  const watched = 'trace=openat,pwrite64,pwritev,writev,write,fdatasync,fsync';
  const options = ['-f', '-y', '-e', watched, '-s', '8', '-o', log];
  execFileSync('strace', [...options, node!, CHILD, 'put', join(path, 'store'), durability], { stdio: ['ignore', 'ignore', 'inherit'] });
  return readFileSync(log, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const said = /write\(1<.*"(opened|stored|replaced)/.exec(line);
      if (said !== null) return `say-${said[1]}`;
      const [, call, file] = /(\w+)\(\d+<([^>]*)>/.exec(line) ?? [];
      if (call === 'fsync' && file !== undefined && path.startsWith(file.replace(/\/store$/, ''))) return 'sync-folder';
      if (file === undefined || !file.endsWith('data.mdb')) return [];
      if (call === 'fdatasync' || call === 'fsync') return 'sync';
      const at = Number(/, (\d+)\) = \d+$/.exec(line)?.[1] ?? Number.NaN);
      return call === 'pwrite64' && at < 2 * PAGE_BYTES && at % PAGE_BYTES !== 0 ? 'write-meta' : 'write';
    });
}

function startTask(task: string, path: string): Child {
  return startChild([CHILD, task, path], node!);
}
