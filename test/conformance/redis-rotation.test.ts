/** Rotation on Redis: a server alone, a cluster, and sentinels. */

import { afterAll, test } from 'vitest';
import { type RedisOptions, redis } from '../../providers/redis.ts';
import { hasRedis, startRedis, startRedisCluster, startSentinel } from '../servers/redis.ts';
import { rotationOn } from './rotation.ts';
import { newPrefix } from './subject.ts';

const GROUP = 'rotation on redis';

if (hasRedis(GROUP)) {
  const server = await startRedis();
  afterAll(() => server.stop());
  onRedis('redis', { url: server.url });

  const cluster = await startRedisCluster();
  afterAll(() => cluster.stop());
  onRedis('redis cluster', { cluster: cluster.nodes });

  const { sentinels, name, stop } = await startSentinel();
  afterAll(stop);
  onRedis('redis sentinel', { sentinels, name });
} else {
  test.skip(GROUP, () => undefined);
}

function onRedis(name: string, target: RedisOptions): void {
  rotationOn(name, async () => {
    const provider = redis({ ...target, keyPrefix: newPrefix() });
    return { provider, dispose: () => provider.close() };
  });
}
