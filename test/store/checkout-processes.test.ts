/** Real processes that work with one session in one Redis at the same time: what each added is there, what each removed is not (issue F, point 6). */

import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { redis } from '../../providers/redis.ts';
import { EncryptionKey } from '../../ts/envelope/key.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { bundleChild, startChild } from '../machine/child.ts';
import { makeFolder } from '../machine/folder.ts';
import { hasRedis, startRedis } from '../servers/redis.ts';
import { sessionOf } from './store-fixture.ts';

const KEY = new EncryptionKey('work', new Uint8Array(32).fill(5));
const PROCESSES = 8;
const ROUNDS = 12;

test.skipIf(!hasRedis('checkout and commit by processes'))(
  '8 processes, 12 commits each, over one Redis: nothing is lost, nothing comes back',
  { timeout: 180_000 },
  async () => {
    const folder = await makeFolder('checkout');
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const script = bundleChild(join(import.meta.dirname, 'checkout-child.ts'), folder);
    await using provider = redis({ url: server.url });
    const store = sessionStore(provider, { keys: KEY });
    const storage = [{ key: { origin: 'https://shop.example', topLevelSite: null }, localStorage: [], indexedDB: [] }];
    await store.put(sessionOf('shared', { storage }));

    const names = Array.from({ length: PROCESSES }, (_, i) => `worker ${i}`);
    const children = names.map((name) => startChild([script, server.url, name, String(ROUNDS)]));
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual(names.map(() => 0));

    const { session, revision } = (await store.get('shared'))!;
    const items = session.storage.flatMap(({ localStorage }) => localStorage.map(([name]) => name)).sort();
    const kept = names.flatMap((name) => Array.from({ length: ROUNDS }, (_, round) => `${name} kept ${round}`));
    expect(items).toEqual([...kept, ...names.map((name) => `${name} ${ROUNDS - 1}`), 'last'].sort());
    expect(revision).toBe(1 + PROCESSES * ROUNDS);
  },
);
