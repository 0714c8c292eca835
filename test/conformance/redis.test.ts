/** The redis provider against the conformance suite: over a server alone (with a password, and faults on the way to it), a cluster, and sentinels. */

import { randomBytes } from 'node:crypto';
import { afterAll, describe, test } from 'vitest';
import { type Address, type ConformanceSubject, providerConformance } from '../../providers/conformance/conformance.ts';
import { redis } from '../../providers/redis.ts';
import { hasRedis, startRedis, startRedisCluster, startSentinel } from '../servers/redis.ts';
import { KILLS, newPrefix, writerOf } from './subject.ts';

const GROUP = 'conformance of redis';

const CAPABILITIES = { conditionalPut: true, conditionalDelete: true, touch: true, ranges: true, strongReads: true, maxKeyBytes: 512 };

if (hasRedis(GROUP)) {
  const password = randomBytes(16).toString('hex');
  const server = await startRedis({ password });
  afterAll(() => server.stop());
  const urlAt = ({ host, port }: Address): string => `redis://:${password}@${host}:${port}`;
  await providerConformance(
    subjectOf('redis', (address) => ({ url: urlAt(address ?? server) }), {
      network: server,
      secrets: [password],
      kills: KILLS,
      scale: 1,
    }),
    { describe, test },
  );

  const cluster = await startRedisCluster();
  afterAll(() => cluster.stop());
  await providerConformance(
    subjectOf('redis cluster', () => ({ cluster: cluster.nodes }), {}),
    { describe, test },
  );

  const { sentinels, name, stop } = await startSentinel();
  afterAll(stop);
  await providerConformance(
    subjectOf('redis sentinel', () => ({ sentinels, name }), {}),
    { describe, test },
  );
} else {
  test.skip(GROUP, () => undefined);
}

function subjectOf(
  name: string,
  target: (address?: Address) => Parameters<typeof redis>[0],
  more: Partial<ConformanceSubject>,
): ConformanceSubject {
  return {
    name,
    async make({ now }) {
      const keyPrefix = newPrefix();
      const open = (address?: Address) => redis({ ...target(address), keyPrefix, now });
      return { provider: open(), again: async (address) => open(address), ...writerOf('redis', { ...target(), keyPrefix }) };
    },
    capabilities: CAPABILITIES,
    scale: 0.1,
    kills: Math.ceil(KILLS / 4),
    ...more,
  };
}
