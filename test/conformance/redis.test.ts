/**
 * The redis provider against the conformance suite: over a server alone (with a password), a cluster, and sentinels. Faults are put on the way to one
 * server: in a cluster to the one that has the keys, which are in one slot then.
 */

import { randomBytes } from 'node:crypto';
import { afterAll, describe, test } from 'vitest';
import { type Address, CONFORMANCE_TITLE, type ConformanceSubject, providerConformance } from '../../providers/conformance/conformance.ts';
import { slotOf } from '../../providers/redis/slot.ts';
import { redis } from '../../providers/redis.ts';
import { hasRedis, type RedisCluster, type RedisServer, startRedis, startRedisCluster, startSentinel } from '../servers/redis.ts';
import { KILLS, newPrefix, writerOf } from './subject.ts';

const GROUP = 'conformance of redis';

const CAPABILITIES = { conditionalPut: true, conditionalDelete: true, touch: true, ranges: true, strongReads: true, maxKeyBytes: 512 };

/**
 * How long a connection with a fault on it may owe an answer before it is given up, in place of 10 s. What a fault does
 * to a call does not depend on it, and most of the time of this file would be waiting for it.
 */
const SILENCE_MS = 2500;

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
    { describe: (group, body) => group !== 'faults' && describe(group, body), test },
  );
  const tag = '{one slot}';
  const owner = await ownerOf(slotOf(Buffer.from(tag)), cluster);
  await providerConformance(
    subjectOf('redis cluster', (address = owner) => ({ cluster: [address], ...by(address, owner) }), { network: owner }, tag),
    { describe: (group, body) => (group === 'faults' || group.startsWith(CONFORMANCE_TITLE)) && describe(group, body), test },
  );

  const { sentinels, name, master, stop } = await startSentinel();
  afterAll(stop);
  await providerConformance(
    subjectOf('redis sentinel', (address) => ({ sentinels, name, ...by(address, master) }), { network: master }),
    { describe, test },
  );
} else {
  test.skip(GROUP, () => undefined);
}

/** Options by which `server` is reached over `address`. */
function by(address: Address | undefined, server: Address): { options?: { natMap: Record<string, Address> } } {
  return address === undefined ? {} : { options: { natMap: { [`${server.host}:${server.port}`]: address } } };
}

async function ownerOf(slot: number, { servers }: RedisCluster): Promise<RedisServer> {
  const ranges = (await servers[0]!.ask('cluster', 'slots')) as [from: number, to: number, master: [host: string, port: number]][];
  const port = ranges.find(([from, to]) => slot >= from && slot <= to)?.[2][1];
  return servers.find((server) => server.port === port)!;
}

function subjectOf(
  name: string,
  target: (address?: Address) => Parameters<typeof redis>[0],
  more: Partial<ConformanceSubject>,
  tag = '',
): ConformanceSubject {
  return {
    name,
    async make({ now }) {
      const keyPrefix = tag + newPrefix();
      const limit = (address?: Address) => (address === undefined ? {} : { timeoutMs: SILENCE_MS });
      const open = (address?: Address) => redis({ ...target(address), keyPrefix, now, ...limit(address) });
      return { provider: open(), again: async (address) => open(address), ...writerOf('redis', { ...target(), keyPrefix }) };
    },
    capabilities: CAPABILITIES,
    scale: 0.1,
    kills: Math.ceil(KILLS / 4),
    ...more,
  };
}
