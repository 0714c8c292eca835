/** The Redis provider when things go wrong: refusals, foreign data, lost scripts, restarts, connections that lead nowhere; and what it never tells. */

import { connect, createServer, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { translate } from '../../providers/redis/failure.ts';
import { type RedisOptions, redis } from '../../providers/redis.ts';
import type { DamagedRecord, StorageProvider } from '../../ts/provider.ts';
import { bytes, expectCode, expectSilent, keysOf, pattern, present, raise, readCounter } from '../contract/provider/observe.ts';
import { hasRedis, type RedisServer, startRedis } from '../servers/redis.ts';

const PASSWORD = 'PASSWORDSECRET-1';
const WRONG = 'PASSWORDSECRET-2';
const isThere = hasRedis('failures of the Redis provider');

let server: RedisServer;
let guarded: RedisServer;
let prefixes = 0;

beforeAll(async () => {
  if (isThere) [server, guarded] = await Promise.all([startRedis(), startRedis({ password: PASSWORD })]);
});
afterAll(() => Promise.all([server?.stop(), guarded?.stop()]));

/** A provider with keys of its own, closed with the test. */
function make(more: Partial<RedisOptions> = {}, keyPrefix = `f${++prefixes}:`): { provider: StorageProvider; keyPrefix: string } {
  const provider = redis({ url: server.url, keyPrefix, ...more } as RedisOptions);
  onTestFinished(() => provider.close());
  return { provider, keyPrefix };
}

/** Tries until it succeeds: what comes back takes a moment. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  return expect.poll(attempt, { timeout: 30_000, interval: 50 }).toBeDefined().then(attempt);
}

describe('a failure of Redis as a failure of a provider', () => {
  test.each([
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'PROVIDER_CORRUPT', 'WRONGTYPE'],
    ['ERR Error running script (call to f_1): @user_script:1: WRONGTYPE Operation against', 'PROVIDER_CORRUPT', 'WRONGTYPE'],
    ["READONLY You can't write against a read only replica.", 'PROVIDER_UNAVAILABLE', 'READONLY'],
    ['LOADING Redis is loading the dataset in memory', 'PROVIDER_THROTTLED', 'LOADING'],
    ['BUSY Redis is busy running a script.', 'PROVIDER_THROTTLED', 'BUSY'],
    ['CLUSTERDOWN Hash slot not served', 'PROVIDER_UNAVAILABLE', 'CLUSTERDOWN'],
    ['Too many Cluster redirections. Last error: ReplyError: MOVED 1 127.0.0.1:1', 'PROVIDER_UNAVAILABLE', 'MOVED'],
    ['ERR max number of clients reached', 'PROVIDER_THROTTLED', 'MAXCLIENTS'],
    ['NOAUTH Authentication required.', 'PROVIDER_UNAVAILABLE', 'NOAUTH'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'PROVIDER_UNAVAILABLE', 'WRONGPASS'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'PROVIDER_UNAVAILABLE', 'OOM'],
    ['Connection is closed.', 'PROVIDER_UNAVAILABLE', 'CONNECTION'],
    ["Stream isn't writeable and enableOfflineQueue options is false", 'PROVIDER_UNAVAILABLE', 'CONNECTION'],
    ['something else altogether', 'PROVIDER_UNAVAILABLE', 'UNKNOWN'],
  ])('%s', (message, code, redisCode) => {
    const error = Object.assign(new Error(message), { command: { name: 'set', args: ['KEYSECRET', 'VALUESECRET'] } });
    const failure = translate(error);
    expect([failure.code, failure.details['redisCode'], (failure.cause as Error).message]).toEqual([code, redisCode, redisCode]);
    expectSilent(failure, ['KEYSECRET', 'VALUESECRET']);
  });

  test('of a connection the code is kept, and of a cluster that of its last node', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:6379'), { code: 'ECONNREFUSED' });
    expect(translate(refused).details).toEqual({ redisCode: 'ECONNREFUSED' });
    expect(translate(Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError: refused })).details).toEqual({
      redisCode: 'ECONNREFUSED',
    });
  });
});

describe.runIf(isThere)('redis: refusals and secrets', () => {
  test('a wrong password and none are refused, and nobody is told any', async () => {
    const target = { url: `redis://:${WRONG}@${guarded.host}:${guarded.port}` };
    const wrong = make(target).provider;
    const failures = [
      await expectCode(wrong.get('key'), 'PROVIDER_UNAVAILABLE'),
      (await wrong.health()).error!,
      await expectCode(make({ url: guarded.url }).provider.get('key'), 'PROVIDER_UNAVAILABLE'),
    ];
    expect(failures.map((failure) => failure.details['redisCode'])).toEqual(['WRONGPASS', 'WRONGPASS', 'NOAUTH']);
    for (const failure of failures) expectSilent(failure, ['PASSWORDSECRET']);
    const right = make({ url: `redis://:${PASSWORD}@${guarded.host}:${guarded.port}` }).provider;
    await right.put('key', bytes(1));
    for (const provider of [wrong, right]) expect(inspect(provider, { depth: 10, showHidden: true })).not.toContain('PASSWORDSECRET');
  });

  test('a target that is none is a TypeError, which tells nothing of it', () => {
    const targets: unknown[] = [
      ...[`http://:${PASSWORD}@host`, `redis://:${PASSWORD}@`, `redis://:${PASSWORD}@host/x`, `:${PASSWORD}`, 7].map((url) => ({ url })),
      ...[{ cluster: [] }, { cluster: ['host'] }, { cluster: [{ host: 'a', port: 1 }], options: { db: 1, password: PASSWORD } }],
      ...[{ sentinels: [{ host: 'a', port: 1 }] }, { client: {} }, { url: 'redis://host', keyPrefix: '\ud800' }],
    ];
    for (const target of targets) {
      let error: unknown = null;
      try {
        redis(target as RedisOptions);
      } catch (thrown) {
        error = thrown;
      }
      expect(error, inspect(target)).toBeInstanceOf(TypeError);
      expectSilent(error as Error, ['PASSWORDSECRET']);
    }
  });

  test('a server that has no memory, no room or no writes says so, and reads go on', async () => {
    const small = await startRedis({ settings: ['--maxclients', '4'] });
    onTestFinished(() => small.stop());
    const { provider } = make({ url: small.url });
    await provider.put('key', bytes(1));
    await small.ask('config', 'set', 'maxmemory', 1);
    const full = await expectCode(provider.put('key', bytes(2)), 'PROVIDER_UNAVAILABLE');
    const many = await provider.putMany([
      { key: 'a', value: bytes(1) },
      { key: 'b', value: bytes(1), ifNoneMatch: '*' },
    ]);
    expect(many.map((one) => one.status)).toEqual(['rejected', 'rejected']);
    await small.ask('config', 'set', 'maxmemory', 0);
    await small.ask('replicaof', '127.0.0.1', 1);
    const readOnly = await expectCode(provider.put('key', bytes(2)), 'PROVIDER_UNAVAILABLE');
    expect([full.details, readOnly.details]).toEqual([{ redisCode: 'OOM' }, { redisCode: 'READONLY' }]);
    expect((await eventually(() => provider.get('key')))?.value).toEqual(bytes(1));
    await small.ask('replicaof', 'no', 'one');
    await eventually(() => provider.put('key', bytes(3)));

    const others = Array.from({ length: 3 }, () => new Redis({ port: small.port, lazyConnect: true, retryStrategy: null }));
    await Promise.all(others.map((other) => other.on('error', () => undefined).connect()));
    // The server says why and hangs up at once; whether the words or the end of the connection is met first is chance.
    const crowded = await expectCode(make({ url: small.url }).provider.open(), ['PROVIDER_THROTTLED', 'PROVIDER_UNAVAILABLE']);
    expect(['MAXCLIENTS', 'EPIPE', 'ECONNRESET', 'CONNECTION']).toContain(crowded.details['redisCode']);
    for (const other of others) other.disconnect();
  });

  test('a server that is not there is said at once, and found once it is', async () => {
    const late = await startRedis();
    onTestFinished(() => late.stop());
    await late.kill();
    const { provider } = make({ url: late.url });
    expect((await expectCode(provider.get('key'), 'PROVIDER_UNAVAILABLE')).details).toEqual({ redisCode: 'ECONNREFUSED' });
    await late.restart();
    await provider.put('key', bytes(1));
    await late.kill();
    await expectCode(provider.put('key', bytes(2)), 'PROVIDER_UNAVAILABLE');
    await late.restart();
    await eventually(() => provider.put('key', bytes(3)));
    expect((await present(provider, 'key')).value).toEqual(bytes(3));
  });
});

describe.runIf(isThere)('redis: what others do to the database', () => {
  test('another type under a key is damage, until a put or a delete replaces it', async () => {
    const { provider, keyPrefix } = make();
    await server.ask('rpush', `${keyPrefix}list`, 'a');
    const { version } = await provider.put('good', bytes(1));
    for (const call of [
      () => provider.get('list'),
      () => provider.get('list', { range: [0, 1] }),
      () => provider.head('list'),
      () => provider.touch('list', null),
      () => provider.put('list', bytes(1), { ifMatch: version }),
      () => provider.put('list', bytes(1), { ifNoneMatch: '*' }),
      () => provider.delete('list', { ifMatch: version }),
    ]) {
      await expectCode(call(), 'PROVIDER_CORRUPT');
    }
    expect(await provider.delete('list')).toBe(true);
    await server.ask('rpush', `${keyPrefix}list`, 'a');
    await provider.put('list', bytes(2));
    expect((await present(provider, 'list')).value).toEqual(bytes(2));
  });

  test('damaged values and foreign names are reported by a listing, which lists all others', async () => {
    const { provider, keyPrefix } = make();
    await provider.putMany(['a', 'b', 'c'].map((key) => ({ key, value: pattern(100) })));
    await server.ask('setrange', `${keyPrefix}a`, 10, '!'); // in the head
    await server.ask('setrange', `${keyPrefix}b`, 100, '!!!'); // in the value
    await server.ask('set', `${keyPrefix}foreign`, 'text');
    await server.ask('hset', `${keyPrefix}hash`, 'a', 'b');
    const raw = new Redis(server.port);
    await raw.set(Buffer.concat([Buffer.from(keyPrefix), Buffer.of(0xff, 0xfe)]), 'x');
    raw.disconnect();
    const damaged: DamagedRecord[] = [];
    expect((await keysOf(provider, { onDamaged: (one) => damaged.push(one) })).sort()).toEqual(['b', 'c']);
    expect(damaged.map(({ key }) => key).sort()).toEqual(['a', 'foreign', 'hash', null]);
    for (const { error } of damaged) expect(error.code).toBe('PROVIDER_CORRUPT');
    for (const key of ['a', 'b', 'foreign', 'hash']) await expectCode(provider.get(key), 'PROVIDER_CORRUPT');
  });

  test('a server that has forgotten the scripts is given them again, in the midst of many calls', async () => {
    const { provider } = make();
    for (let round = 0; round < 3; round++) {
      const heads = await Promise.all(Array.from({ length: 40 }, (_, i) => provider.put(`key ${i}`, pattern(200), { ifNoneMatch: '*' })));
      await server.ask('script', 'flush');
      await Promise.all(heads.map(({ key, version }) => provider.put(key, pattern(300), { ifMatch: version })));
      await server.ask('script', 'flush');
      await Promise.all(heads.map(({ key }) => provider.touch(key, null)));
      await server.ask('script', 'flush');
      const ranges = await Promise.all(heads.map(({ key }) => provider.get(key, { range: [5, 9] })));
      expect(ranges.every((record) => Buffer.compare(record!.value, pattern(300).subarray(5, 9)) === 0)).toBe(true);
      await server.ask('script', 'flush');
      const gone = await provider.deleteMany(heads.map(({ key }) => key));
      expect(gone.every((one) => one.status === 'fulfilled' && one.value)).toBe(true);
    }
  });

  test('Redis itself forgets a value a minute after it expired, and never one that does not expire', async () => {
    const start = 1_700_000_000_000;
    const { provider, keyPrefix } = make({ now: () => start });
    const left = async (): Promise<number> => Number(await server.ask('pttl', `${keyPrefix}key`));
    await provider.put('key', bytes(1), { expiresAt: start + 5_000 });
    expect(await left()).toSatisfy((ms: number) => ms > 5_000 && ms <= 65_000);
    const { version } = await provider.put('key', bytes(1));
    expect(await left()).toBe(-1);
    await provider.put('key', bytes(1), { ifMatch: version, expiresAt: start - 1_000_000 });
    expect(await left()).toSatisfy((ms: number) => ms > 0 && ms <= 60_000);
    expect(await provider.get('key')).toBeNull();
    await provider.put('key', bytes(1));
    await provider.touch('key', start + 1_000);
    expect(await left()).toSatisfy((ms: number) => ms > 1_000 && ms <= 61_000);
    await provider.touch('key', null);
    expect(await left()).toBe(-1);
  });
});

describe.runIf(isThere)('redis: connections', () => {
  test('a client that was passed in stays open, and may not have a key prefix of its own', async () => {
    const client = new Redis(server.port);
    onTestFinished(() => client.disconnect());
    const provider = redis({ client, keyPrefix: `f${++prefixes}:` });
    await provider.put('key', bytes(1));
    await provider.close();
    expect(await client.ping()).toBe('PONG');
    await expectCode(provider.get('key'), 'PROVIDER_CLOSED');
    const prefixed = new Redis({ keyPrefix: 'x:', lazyConnect: true });
    expect(() => redis({ client: prefixed })).toThrow(TypeError);
    prefixed.disconnect();
  });

  test('a connection that leads nowhere any more is given up, and another one made', async () => {
    const sockets = new Set<Socket>();
    let swallows = false;
    const proxy = createServer((near) => {
      const far = connect(server.port, server.host);
      const isBlackHole = (): boolean => swallows && first === near;
      const first = sockets.values().next().value ?? near;
      for (const socket of [near, far]) sockets.add(socket.on('error', () => undefined));
      near.on('data', (data) => isBlackHole() || far.write(data)).on('close', () => far.destroy());
      far.on('data', (data) => isBlackHole() || near.write(data)).on('close', () => near.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    });
    const { port } = proxy.address() as { port: number };
    const { provider } = make({ url: `redis://127.0.0.1:${port}`, timeoutMs: 600 });
    await provider.put('key', bytes(1));
    swallows = true; // for good: only a second connection gets through
    await expectCode(provider.get('key'), 'PROVIDER_TIMEOUT');
    expect((await eventually(() => provider.get('key')))?.value).toEqual(bytes(1));
  });

  test('64 writers that raise a counter 50 times each lose nothing', { timeout: 120_000 }, async () => {
    const { provider, keyPrefix } = make();
    await provider.put('counter', Buffer.from('0'));
    const providers = [provider, ...[1, 2, 3].map(() => make({}, keyPrefix).provider)];
    await Promise.all(Array.from({ length: 64 }, (_, i) => raise(providers[i % 4]!, 50)));
    expect(await readCounter(provider)).toBe(3200);
  });
});
