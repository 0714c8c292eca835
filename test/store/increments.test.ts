/** Many processes that count in one session at the same time lose nothing: over files, and over a real Redis. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import { redis } from '../../providers/redis.ts';
import { EncryptionKey } from '../../ts/envelope/key.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { hasRedis, startRedis } from '../servers/redis.ts';
import { sessionOf } from './store-fixture.ts';

const KEY = new EncryptionKey('count', new Uint8Array(32).fill(3));

test('4 processes, 8 workers, 200 updates over one folder', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'psp-count-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await using provider = filesystem({ root: join(folder, 'store'), durability: 'none' });
  await expectCount(provider, folder, ['filesystem', join(folder, 'store')], 4, 2, 25);
});

test.skipIf(!hasRedis('increments of a session over Redis'))(
  '8 processes, 64 workers, 3,200 updates over one Redis',
  { timeout: 300_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'psp-count-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const server = await startRedis();
    onTestFinished(() => server.stop());
    await using provider = redis({ url: server.url });
    await expectCount(provider, folder, ['redis', server.url], 8, 8, 50);
  },
);

/** Starts so many processes with so many workers each, and asserts that every update of each is in the session. */
async function expectCount(
  provider: StorageProvider,
  folder: string,
  place: readonly string[],
  processes: number,
  workers: number,
  updates: number,
): Promise<void> {
  const script = join(folder, 'child.mjs');
  buildSync({
    entryPoints: [join(import.meta.dirname, 'increments-child.ts')],
    outfile: script,
    bundle: true,
    // ioredis asks for Node's own modules the old way.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
  const store = sessionStore(provider, { keys: KEY });
  await store.put(sessionOf('counter', { name: '0' }));
  const children: ChildProcess[] = [];
  onTestFinished(() => {
    for (const child of children) child.kill('SIGKILL');
  });
  const statuses = Array.from({ length: processes }, () => {
    const args = [script, ...place, String(workers), String(updates)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    children.push(child);
    return new Promise<number | null>((resolve) => child.once('close', resolve));
  });
  expect(await Promise.all(statuses)).toEqual(Array.from({ length: processes }, () => 0));
  const total = processes * workers * updates;
  const { session, revision } = (await store.get('counter'))!;
  expect([session.name, revision]).toEqual([String(total), total + 1]);
}
