/**
 * The Redis provider under sentinels whose master is killed. Redis acknowledges a write before the replica has it, so what was acknowledged and had
 * not arrived is lost by a fail-over; what had arrived is there. Nothing that was refused or cut off is done twice or late.
 */

import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { redis } from '../../providers/redis.ts';
import type { RecordHead, StorageProvider } from '../../ts/provider.ts';
import { bytes, expectCode, present } from '../contract/provider/observe.ts';
import { hasRedis, type RedisSentinel, startSentinel } from '../servers/redis.ts';

const isThere = hasRedis('the Redis provider under sentinels');

describe.runIf(isThere)('redis sentinel: the master is killed', () => {
  let sentinel: RedisSentinel;
  let provider: StorageProvider;

  beforeAll(async () => {
    sentinel = await startSentinel();
    provider = redis({ sentinels: sentinel.sentinels, name: sentinel.name, timeoutMs: 3_000 });
    return async () => {
      await provider.close();
      await sentinel.stop();
    };
  });

  test('the first writes after it go to the replica, which has all that had arrived', { timeout: 120_000 }, async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`);
    const heads = await Promise.all(keys.map((key) => provider.put(key, bytes(1), { ifNoneMatch: '*' })));
    const page = await provider.listPage({ limit: 100 });
    await expect.poll(() => sentinel.replica.ask('dbsize'), { timeout: 30_000 }).toBe(keys.length);
    await sentinel.master.kill();

    const outcomes: string[] = [];
    const firstGood = await untilDone(() => provider.put('after', bytes(2)), outcomes);
    // While there is no master a call fails at once and says so; none waits for one.
    expect(outcomes.length).toBeGreaterThan(0);
    expect(new Set(outcomes)).toEqual(new Set(['PROVIDER_UNAVAILABLE']));
    expect((await present(provider, 'after')).version).toBe(firstGood.version);
    expect(String(await sentinel.replica.ask('info', 'replication'))).toContain('role:master');

    for (const { key, version } of heads) expect((await present(provider, key)).version).toBe(version);
    await expectCode(provider.put('key 0', bytes(3), { ifNoneMatch: '*' }), 'PROVIDER_CONFLICT');
    await provider.put('key 0', bytes(3), { ifMatch: heads[0]!.version });

    // The cursor of the dead server's listing: the other server begins again, and nothing is missing.
    const found = page.items.map((head) => head.key);
    for (let cursor = page.cursor; cursor !== null; ) {
      const next = await provider.listPage({ cursor });
      found.push(...next.items.map((head) => head.key));
      cursor = next.cursor;
    }
    expect([...new Set(found)].sort()).toEqual([...keys, 'after'].sort());
  });

  test('the old master comes back as a replica, and calls go on', { timeout: 60_000 }, async () => {
    await sentinel.master.restart();
    await expect.poll(async () => String(await sentinel.master.ask('info', 'replication')), { timeout: 30_000 }).toContain('role:slave');
    await provider.put('again', bytes(4));
    expect((await present(provider, 'again')).value).toEqual(bytes(4));
    expect((await provider.health()).ok).toBe(true);
  });

  test('without any sentinel it says that it cannot connect', async () => {
    const nowhere = redis({ sentinels: [{ host: '127.0.0.1', port: 1 }], name: sentinel.name });
    onTestFinished(() => nowhere.close());
    await expectCode(nowhere.get('key'), 'PROVIDER_UNAVAILABLE');
  });
});

/** Calls until it succeeds, a moment after each failure; the codes of the failures go to `codes`. */
async function untilDone(call: () => Promise<RecordHead>, codes: string[]): Promise<RecordHead> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      codes.push((error as { code?: string }).code ?? String(error));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
