/** Many processes that count in one session at the same time lose nothing: over files, and over a real Redis. */

import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { filesystem } from '../../providers/filesystem.ts';
import { redis } from '../../providers/redis.ts';
import { EncryptionKey } from '../../ts/envelope/key.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { bundleChild, startChild } from '../machine/child.ts';
import { makeFolder } from '../machine/folder.ts';
import { hasRedis, startRedis } from '../servers/redis.ts';
import { sessionOf } from './store-fixture.ts';

/** PSP_DEEP=1: 3,200 in all, as many as the conformance suite lets one process write to Redis in every run. */
const UPDATES = process.env['PSP_DEEP'] === '1' ? 50 : 10;
const KEY = new EncryptionKey('count', new Uint8Array(32).fill(3));

test('4 processes, 8 workers, 200 updates over one folder', { timeout: 120_000 }, async () => {
  const folder = await makeFolder('count');
  await using provider = filesystem({ root: join(folder, 'store'), durability: 'none' });
  await expectCount(provider, folder, ['filesystem', join(folder, 'store')], 4, 2, 25);
});

test.skipIf(!hasRedis('increments of a session over Redis'))(
  `8 processes, 64 workers, ${64 * UPDATES} updates over one Redis`,
  { timeout: 300_000 },
  async () => {
    const folder = await makeFolder('count');
    const server = await startRedis();
    onTestFinished(() => server.stop());
    await using provider = redis({ url: server.url });
    await expectCount(provider, folder, ['redis', server.url], 8, 8, UPDATES);
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
  const script = bundleChild(join(import.meta.dirname, 'increments-child.ts'), folder);
  const store = sessionStore(provider, { keys: KEY });
  await store.put(sessionOf('counter', { name: '0' }));
  const args = [script, ...place, String(workers), String(updates)];
  const children = Array.from({ length: processes }, () => startChild(args));
  expect(await Promise.all(children.map(({ ended }) => ended))).toEqual(children.map(() => 0));
  const total = processes * workers * updates;
  const { session, revision } = (await store.get('counter'))!;
  expect([session.name, revision]).toEqual([String(total), total + 1]);
}
