/** The Redis provider over a cluster: slots, batches across them, and listings while slots move and servers fall over. */

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { formatSlots, parseSlots, SLOTS, type SlotSet, slotOf, slotsWhere } from '../../providers/redis/slot.ts';
import { redis } from '../../providers/redis.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { bytes, expectCode, keysOf, pattern, present } from '../contract/provider/observe.ts';
import { hasRedis, moveSlot, type RedisCluster, type RedisServer, startRedisCluster } from '../servers/redis.ts';

const isThere = hasRedis('the Redis provider over a cluster');

let cluster: RedisCluster;
let prefixes = 0;

beforeAll(async () => {
  if (isThere) cluster = await startRedisCluster();
});
afterAll(() => cluster?.stop());

function make(of: RedisCluster = cluster): { provider: StorageProvider; keyPrefix: string } {
  const keyPrefix = `c${++prefixes}:`;
  const provider = redis({ cluster: of.nodes, keyPrefix });
  onTestFinished(() => provider.close());
  return { provider, keyPrefix };
}

/** Puts `count` values under `key 0`, `key 1`, ..., and for each tag twenty more that share its slot. */
async function fill(provider: StorageProvider, count: number, tags: readonly string[] = []): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, i) => `key ${i}`);
  for (const tag of tags) for (let i = 0; i < 20; i++) keys.push(`{${tag}}${i}`);
  const results = await provider.putMany(keys.map((key) => ({ key, value: pattern(50) })));
  expect(results.every((result) => result.status === 'fulfilled')).toBe(true);
  return keys.sort();
}

/** The server that has the slot of a tag. */
async function ownerOf(tag: string): Promise<RedisServer> {
  for (const server of cluster.servers.slice(0, 3)) if ((await ownedSlots(server))[slotOf(Buffer.from(tag))] === 1) return server;
  throw new Error('nobody has the slot');
}

async function ownedSlots(server: RedisServer): Promise<SlotSet> {
  const lines = String(await server.ask('cluster', 'nodes')).split('\n');
  const ranges =
    lines
      .find((line) => line.includes('myself'))
      ?.trim()
      .split(' ')
      .slice(8) ?? [];
  const owned = parseSlots(ranges.filter((range) => !range.startsWith('[')).join(','));
  if (owned === null) throw new Error('the server says nothing of its slots');
  return owned;
}

/** All keys of a listing in pages of `limit`; `between` runs after page 1, 2, ... */
async function walk(provider: StorageProvider, limit: number, between: (page: number) => Promise<unknown>): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | null = null;
  let page = 0;
  do {
    const found = await provider.listPage({ limit, ...(cursor === null ? {} : { cursor }) });
    expect(found.damaged).toEqual([]);
    keys.push(...found.items.map((head) => head.key));
    cursor = found.cursor;
    await between(++page);
  } while (cursor !== null);
  return keys;
}

/** Some slots of a server that hold keys. */
async function slotsWithKeys(keys: readonly string[], keyPrefix: string, server: RedisServer, count: number): Promise<number[]> {
  const owned = await ownedSlots(server);
  const slots = new Set(keys.map((key) => slotOf(Buffer.from(keyPrefix + key))));
  return [...slots].filter((slot) => owned[slot] === 1).slice(0, count);
}

describe('slots of a cluster', () => {
  test('sets of slots come back from their text, and what is no such text is none', () => {
    for (const set of [
      slotsWhere(() => false),
      slotsWhere(() => true),
      slotsWhere((slot) => slot % 7 === 0),
      slotsWhere((slot) => slot < 5461),
    ]) {
      expect(parseSlots(formatSlots(set))).toEqual(set);
    }
    expect(formatSlots(slotsWhere((slot) => slot < 3 || slot === 9 || slot > 16_381))).toBe('0-2,9,16382-16383');
    for (const text of ['x', '1-', '5-4', '16384', '0-16384', '1,,2', ' 1']) expect(parseSlots(text)).toBeNull();
  });

  test.runIf(isThere)('a key has the slot that the server says', async () => {
    const keys = ['', 'a', '123456789', '{user}.a', 'a{}b', '{a', 'a}b{c}d', '{{a}}', 'a{b}{c}', '\u00e9{\u{1f600}}', 'x'.repeat(500)];
    const slots = await Promise.all(keys.map((key) => cluster.servers[0]!.ask('cluster', 'keyslot', key)));
    expect(keys.map((key) => slotOf(Buffer.from(key)))).toEqual(slots);
    expect(slotOf(Buffer.from('123456789'))).toBe(0x31c3 % SLOTS);
  });
});

describe.runIf(isThere)('redis cluster: batches', () => {
  test('go to every server at once, with a result for each item in order', async () => {
    const { provider } = make();
    const keys = await fill(provider, 700);
    const wanted = [...keys.slice(0, 300), 'missing', ...keys.slice(300)];
    const found = await provider.getMany(wanted);
    expect(found.map((one) => (one.status === 'fulfilled' ? (one.value?.key ?? null) : one.reason))).toEqual(
      wanted.map((key) => (key === 'missing' ? null : key)),
    );
    const gone = await provider.deleteMany(wanted);
    expect(gone.map((one) => one.status === 'fulfilled' && one.value)).toEqual(wanted.map((key) => key !== 'missing'));
  });

  test('a failed condition is the failure of its own item, and of two items of one key the later is put later', async () => {
    const { provider } = make();
    const { version } = await provider.put('there', bytes(1));
    const results = await provider.putMany([
      { key: 'there', value: bytes(2), ifNoneMatch: '*' },
      { key: 'twice', value: bytes(3), ifNoneMatch: '*' },
      { key: 'there', value: bytes(4), ifMatch: version },
      { key: 'twice', value: bytes(5) },
      { key: 'twice', value: bytes(6), ifNoneMatch: '*' },
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    expect([(await present(provider, 'there')).value, (await present(provider, 'twice')).value]).toEqual([bytes(4), bytes(5)]);
  });
});

describe.runIf(isThere)('redis cluster: slots that move', () => {
  test('every call finds a key before, while and after its slot moves', async () => {
    const { provider, keyPrefix } = make();
    const keys = await fill(provider, 400);
    const [first, second] = cluster.servers as [RedisServer, RedisServer];
    const [slot] = await slotsWithKeys(keys, keyPrefix, first, 1);
    const inSlot = keys.filter((key) => slotOf(Buffer.from(keyPrefix + key)) === slot);
    expect(inSlot.length).toBeGreaterThan(0);
    async function useAll(): Promise<void> {
      for (const key of inSlot) {
        const { version } = await present(provider, key);
        await expectCode(provider.put(key, bytes(1), { ifNoneMatch: '*' }), 'PROVIDER_CONFLICT');
        const next = await provider.put(key, pattern(60), { ifMatch: version });
        expect((await provider.get(key, { range: [2, 4] }))?.value).toEqual(new Uint8Array(pattern(60).subarray(2, 4)));
        expect((await provider.touch(key, null, { ifMatch: next.version }))?.size).toBe(60);
        await provider.put(`{${keyPrefix}${key}}`, bytes(1));
      }
    }
    await useAll();
    await moveSlot(first, second, slot!, useAll);
    await useAll();
    await moveSlot(second, first, slot!, useAll);
    await useAll();
  });

  test('a listing finds every key, wherever it is when slots move between its pages and half way through one', {
    timeout: 120_000,
  }, async () => {
    const { provider, keyPrefix } = make();
    const keys = await fill(provider, 900);
    const [first, second, third] = cluster.servers as [RedisServer, RedisServer, RedisServer];
    const moves: [RedisServer, RedisServer, number][] = [];
    for (const [from, to] of [
      [first, second],
      [second, third],
      [third, first],
      [second, first],
      [third, second],
      [first, third],
    ] as const) {
      for (const slot of await slotsWithKeys(keys, keyPrefix, from, 6)) {
        if (!moves.some(([, , moved]) => moved === slot)) moves.push([from, to, slot]);
      }
    }
    let moved = 0;
    const found = await walk(provider, 40, async (page) => {
      const move = moves[page - 1];
      if (move === undefined) return;
      moved++;
      // A listing that begins and ends while the slot is on its way, and the one that is under way all the time.
      const midway = page % 6 === 0 ? async () => expect(new Set(await keysOf(provider))).toEqual(new Set(keys)) : undefined;
      await moveSlot(...move, midway as (() => Promise<void>) | undefined);
    });
    expect(moved).toBeGreaterThan(10);
    expect([...new Set(found)].sort()).toEqual(keys);
  });

  test('a listing ends, with every key, also where a slot stays half moved', async () => {
    const { provider } = make();
    const tags = ['a', 'b', 'c', 'd', 'e', 'f'];
    const keys = await fill(provider, 200, tags);
    // To every server from every other: whichever is scanned first, some keys are behind the scan and some before it.
    for (const [i, tag] of tags.entries()) {
      const from = await ownerOf(tag);
      const to = cluster.servers.slice(0, 3).filter((server) => server !== from)[i % 2]!;
      let listed: string[] = [];
      await moveSlot(from, to, slotOf(Buffer.from(tag)), async () => {
        listed = await walk(provider, 25, async () => undefined);
      });
      expect([...new Set(listed)].sort()).toEqual(keys);
    }
  });

  test('keys that move while the servers are scanned are found, before or behind the scan', { timeout: 120_000 }, async () => {
    const { provider } = make();
    const tags = ['g', 'h', 'i', 'j', 'k', 'l'];
    const keys = await fill(provider, 200, tags);
    for (const [i, tag] of tags.entries()) {
      const from = await ownerOf(tag);
      const to = cluster.servers.slice(0, 3).filter((server) => server !== from)[i % 2]!;
      // Half of the slot moves before page 2 is asked for, the rest before page 9.
      const steps: (() => void)[] = [];
      const half = new Promise<void>((resolve) => steps.push(resolve));
      const rest = new Promise<void>((resolve) => steps.push(resolve));
      let moving: Promise<void> | null = null;
      const found = await walk(provider, 25, async (page) => {
        if (page === 1) {
          moving = moveSlot(from, to, slotOf(Buffer.from(tag)), async () => {
            steps[0]!();
            await rest;
          });
          await half;
        }
        if (page === 8) {
          steps[1]!();
          await moving;
        }
      });
      expect([...new Set(found)].sort()).toEqual(keys);
    }
  });
});

describe.runIf(isThere)('redis cluster: a master that dies', () => {
  test('its replica takes over: what it had is there, also in a listing that was under way', { timeout: 120_000 }, async () => {
    const own = await startRedisCluster();
    onTestFinished(() => own.stop());
    const { provider } = make(own);
    const keys = await fill(provider, 600);
    const [first, second] = own.servers as [RedisServer, RedisServer];
    // Redis acknowledges before its replicas have it; here everything has arrived.
    const synced = async (master: RedisServer): Promise<boolean> =>
      /offset=(\d+),lag=\d+[\s\S]*master_repl_offset:\1\b/.test(String(await master.ask('info', 'replication')));
    await expect.poll(async () => (await Promise.all([first, second].map(synced))).every(Boolean), { timeout: 30_000 }).toBe(true);

    const found = await walk(retrying(provider), 30, async (page) => {
      if (page === 3) await first.kill();
    });
    expect([...new Set(found)].sort()).toEqual(keys);
    for (const key of keys) await retrying(provider).put(key, bytes(1));
    expect((await retrying(provider).getMany(keys)).every((one) => one.status === 'fulfilled' && one.value?.size === 1)).toBe(true);
  });
});

/** The provider with what the store above it does: a failure of the service is tried again, for a while. */
function retrying(provider: StorageProvider): StorageProvider {
  async function again<T>(call: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + 60_000;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        const { code } = error as { code?: string };
        if (!['PROVIDER_UNAVAILABLE', 'PROVIDER_THROTTLED', 'PROVIDER_TIMEOUT'].includes(code ?? '') || performance.now() > deadline)
          throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
  return {
    ...provider,
    listPage: (options) => again(() => provider.listPage(options)),
    put: (key, value, options) => again(() => provider.put(key, value, options)),
  };
}
