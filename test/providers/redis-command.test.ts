/** What the Redis provider writes and when, and whose memory the values are that it reads. */

import { type Command, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type RedisLike, redis } from '../../providers/redis.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { bytes, pattern } from '../contract/provider/observe.ts';
import { hasRedis, type RedisServer, startRedis } from '../servers/redis.ts';

/** A client that stores nothing and answers OK when it is told to; `log` is what happens on its socket. */
function fakeClient() {
  const log: string[] = [];
  const waiting: (() => void)[] = [];
  const stream = {
    ...{ bytesRead: 0, writableLength: 0, destroyed: false },
    cork: () => void log.push('cork'),
    uncork: () => void log.push('uncork'),
    destroy: () => undefined,
  };
  const refuse = async (): Promise<never> => Promise.reject(new Error('not here'));
  const client: RedisLike = {
    ...{ status: 'ready', options: {}, stream, call: refuse, callBuffer: refuse },
    ...{ connect: async () => undefined, on: () => undefined, removeListener: () => undefined },
    sendCommand(command: Command) {
      log.push(command.name);
      waiting.push(() => void (command as unknown as { resolve(answer: string): void }).resolve('OK'));
      return command.promise;
    },
  };
  const answerAll = (): void => {
    for (const answer of waiting.splice(0)) answer();
  };
  return { client, log, answerAll };
}

describe('when a command is written', () => {
  test('at once where it is alone', async () => {
    const { client, log, answerAll } = fakeClient();
    const provider = redis({ client });
    await provider.open();
    for (let i = 0; i < 3; i++) {
      const put = provider.put('key', bytes(1));
      answerAll();
      await put;
    }
    expect(log).toEqual(['set', 'set', 'set']);
  });

  test('with others that come in the same turn, sixteen at most; nothing is held back when it ends', async () => {
    const { client, log, answerAll } = fakeClient();
    const provider = redis({ client });
    await provider.open();
    const puts = Array.from({ length: 36 }, (_, i) => provider.put(`key ${i}`, bytes(i)));
    const full = ['cork', ...Array<string>(16).fill('set'), 'uncork'];
    const inTurn = ['set', ...full, ...full, 'cork', 'set', 'set', 'set'];
    expect(log).toEqual(inTurn);
    await new Promise(setImmediate);
    expect(log).toEqual([...inTurn, 'uncork']);
    answerAll();
    await Promise.all(puts);
  });

  test('a batch is one write', async () => {
    const { client, log, answerAll } = fakeClient();
    const provider = redis({ client });
    await provider.open();
    const batch = provider.putMany(Array.from({ length: 100 }, (_, i) => ({ key: `key ${i}`, value: bytes(i) })));
    await new Promise(setImmediate);
    expect(log).toEqual(['cork', ...Array<string>(100).fill('set'), 'uncork']);
    answerAll();
    expect((await batch).map((one) => one.status)).toEqual(Array(100).fill('fulfilled'));
  });
});

describe.runIf(hasRedis('memory of the values of Redis'))('a value that is read', () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.url);
  });
  afterAll(async () => {
    client?.disconnect();
    await server?.stop();
  });

  function make(): StorageProvider {
    const provider = redis({ client });
    onTestFinished(() => provider.close());
    return provider;
  }

  test.each([0, 1, 100, 4_000, 4_096, 30_000, 65_536, 65_600, 200_000, 3_000_000])('of %d bytes is memory of its own', async (length) => {
    const provider = make();
    const keys = Array.from({ length: 12 }, (_, i) => `key ${i}`);
    for (const key of keys) await provider.put(key, pattern(length));
    // Answers that come together, and other commands' answers among them.
    const together = await Promise.all(keys.map(async (key) => [await provider.get(key), await client.getBuffer(`psp:${key}`)] as const));
    const found = [
      ...together.map(([one]) => one!),
      ...(await provider.getMany(keys)).map((one) => (one.status === 'fulfilled' ? one.value! : null)!),
    ];
    expect(new Set(found.map(({ value }) => value.buffer)).size).toBe(found.length);
    for (const { value } of found) {
      expect([value.constructor, Buffer.compare(value, pattern(length))]).toEqual([Uint8Array, 0]);
      // All of the memory behind it, too: it may be handed to another thread.
      new Uint8Array(value.buffer).fill(0x55);
      structuredClone(value.buffer, { transfer: [value.buffer] });
    }
    for (const key of keys) expect(Buffer.compare((await provider.get(key))!.value, pattern(length))).toBe(0);
    for (const [, raw] of together) expect(Buffer.compare(raw!.subarray(-length || raw!.length), pattern(length))).toBe(0);
  });
});
