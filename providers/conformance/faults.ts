/** Cases: between the provider and its service, connections are refused, cut, delayed and falsified. No wrong value comes out, ever. */

import assert from 'node:assert/strict';
import type { PspErrorCode } from '../../ts/errors.ts';
import type { StorageProvider, StoredRecord } from '../../ts/provider.ts';
import type { ConformanceCase, ConformanceGroup, Trial } from './case.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { bytes, codeOf, expectBytes, expectCode, expectHead, failureOf, pattern, present } from './observe.ts';

/** A write that fails so may have happened. */
const UNKNOWN: readonly PspErrorCode[] = ['PROVIDER_UNAVAILABLE', 'PROVIDER_TIMEOUT'];
const UNKNOWN_OR_CORRUPT: readonly PspErrorCode[] = [...UNKNOWN, 'PROVIDER_CORRUPT'];

const VALUE_BYTES = 64 * 1024;
/** Long enough for a service on loopback under load, short enough to be waited for. */
const PATIENCE_MS = 4000;
const RECOVERY_MS = 30_000;

/** What a fault case works with: the service directly, and through the proxy with a client that has reached it once. */
interface Line {
  readonly direct: StorageProvider;
  readonly client: StorageProvider;
  readonly proxy: FaultProxy;
}

/** Faults of the network. */
export const faults: ConformanceGroup = {
  name: 'faults',
  cases: [
    faultCase(
      'refused',
      'a service that refuses connections is PROVIDER_UNAVAILABLE; when it is back, the same client works',
      async (line) => {
        const { direct, client, proxy } = line;
        const before = await direct.put('key', bytes(1));
        await proxy.refuse();
        await expectCode(client.put('key', bytes(2), { timeoutMs: PATIENCE_MS }), UNKNOWN);
        await expectCode(client.get('key', { timeoutMs: PATIENCE_MS }), UNKNOWN);
        const health = await client.health({ timeoutMs: PATIENCE_MS });
        assert.deepEqual([health.ok, UNKNOWN.includes(health.error!.code)], [false, true]);
        expectHead(await direct.head('key'), before);
        await proxy.accept();
        await expectRecovery(line);
      },
    ),
    {
      name: 'refused-at-first',
      says: 'a client that cannot open says so, and opens when the service is there',
      needs: ['network'],
      timeoutMs: 120_000,
      async run(trial) {
        const proxy = await startProxy(trial);
        await proxy.refuse();
        const client = await trial.again(proxy);
        await expectCode(client.open({ timeoutMs: PATIENCE_MS }), UNKNOWN);
        await expectCode(client.get('key', { timeoutMs: PATIENCE_MS }), UNKNOWN);
        await proxy.accept();
        await expectRecovery({ direct: trial.provider, client, proxy });
      },
    },
    faultCase('reset-before-request', 'a connection that is reset before the service has the request changes nothing', async (line) => {
      const { direct, client, proxy } = line;
      const before = await direct.put('key', bytes(1));
      proxy.set({ kind: 'reset-request' });
      await expectCode(client.put('key', bytes(2), { timeoutMs: PATIENCE_MS }), UNKNOWN);
      await expectCode(client.delete('key', { timeoutMs: PATIENCE_MS }), UNKNOWN);
      await expectCode(client.get('key', { timeoutMs: PATIENCE_MS }), UNKNOWN);
      expectHead(await direct.head('key'), before);
      await expectRecovery(line);
    }),
    faultCase(
      'reset-after-request-before-reply',
      'a put whose reply is lost is PROVIDER_UNAVAILABLE and its metadata tells whether it happened; or it succeeds, and is there',
      async ({ direct, client, proxy }) => {
        for (let i = 0; i < 5; i++) {
          proxy.set({ kind: 'none' });
          await expectRecovery({ direct, client, proxy });
          const before = await direct.put('key', pattern(1000), { metadata: { write: 'old' } });
          const value = pattern(VALUE_BYTES + i);
          proxy.set({ kind: 'lose-reply', once: i % 2 === 1 });
          const [outcome] = await Promise.allSettled([client.put('key', value, { metadata: { write: `${i}` }, timeoutMs: PATIENCE_MS })]);
          const left = await present(direct, 'key');
          const isNew = left.metadata['write'] === `${i}`;
          if (!isNew) expectHead(left, before);
          expectBytes(left.value, isNew ? value : pattern(1000));
          if (outcome.status === 'fulfilled') expectHead(left, outcome.value);
          else await expectCode(Promise.reject(outcome.reason), UNKNOWN);
        }
      },
    ),
    faultCase(
      'lost-reply-is-no-conflict',
      'a conditional put whose reply is lost is never called a conflict with itself',
      async ({ direct, client, proxy }) => {
        for (let i = 0; i < 5; i++) {
          proxy.set({ kind: 'none' });
          await expectRecovery({ direct, client, proxy });
          const { version } = await direct.put('key', bytes(1));
          await direct.delete('new');
          for (const [key, condition] of [
            ['key', { ifMatch: version }],
            ['new', { ifNoneMatch: '*' }],
          ] as const) {
            proxy.set({ kind: 'lose-reply', once: i % 2 === 1 });
            const [outcome] = await Promise.allSettled([client.put(key, bytes(2), { ...condition, timeoutMs: PATIENCE_MS })]);
            if (outcome.status === 'rejected') await expectCode(Promise.reject(outcome.reason), UNKNOWN);
            else expectHead(await direct.head(key), outcome.value);
          }
        }
      },
      ['conditionalPut'],
    ),
    faultCase('lost-reply-of-delete', 'a delete whose reply is lost has happened or has not', async (line) => {
      const { direct, client, proxy } = line;
      const before = await direct.put('key', bytes(1));
      proxy.set({ kind: 'lose-reply' });
      const [outcome] = await Promise.allSettled([client.delete('key', { timeoutMs: PATIENCE_MS })]);
      const left = await direct.head('key');
      if (left !== null) expectHead(left, before);
      if (outcome.status === 'rejected') await expectCode(Promise.reject(outcome.reason), UNKNOWN);
      else assert.equal(left, null);
      await expectRecovery(line);
    }),
    faultCase('black-hole-times-out', 'a service that goes silent is PROVIDER_TIMEOUT; afterwards the same client works', async (line) => {
      const { direct, client, proxy } = line;
      await direct.put('key', bytes(1));
      proxy.set({ kind: 'swallow-reply' });
      await expectCode(client.get('key', { timeoutMs: 300 }), 'PROVIDER_TIMEOUT');
      await expectCode(client.put('key', bytes(2), { timeoutMs: 300 }), 'PROVIDER_TIMEOUT');
      await expectCode(client.listPage({ timeoutMs: 300 }), 'PROVIDER_TIMEOUT');
      const health = await client.health({ timeoutMs: 300 });
      assert.deepEqual([health.ok, health.error?.code], [false, 'PROVIDER_TIMEOUT']);
      await expectRecovery(line);
    }),
    faultCase('black-hole-aborts', 'the signal ends a call that waits for a silent service', async (line) => {
      const { client, proxy } = line;
      proxy.set({ kind: 'swallow-reply' });
      const abort = new AbortController();
      const reason = new Error('enough');
      const get = client.get('key', { signal: abort.signal, timeoutMs: 0 });
      setTimeout(() => abort.abort(reason), 50);
      assert.equal(await failureOf(get), reason);
      await expectRecovery(line);
    }),
    faultCase('close-ends-what-hangs', 'closing ends calls that wait for a silent service', async ({ client, proxy }) => {
      proxy.set({ kind: 'swallow-reply' });
      const get = failureOf(client.get('key', { timeoutMs: 0 }));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await client.close();
      assert.match(codeOf(await get), /^PROVIDER_(CLOSED|UNAVAILABLE|TIMEOUT)$/);
    }),
    faultCase('delay', 'a slow service is slow and right', async ({ direct, client, proxy }) => {
      proxy.set({ kind: 'delay', ms: 30 });
      const head = await client.put('key', pattern(VALUE_BYTES), { metadata: { a: 'b' } });
      const record = await present(client, 'key');
      expectHead(record, head);
      expectBytes(record.value, pattern(VALUE_BYTES));
      expectHead(await direct.head('key'), head);
    }),
    faultCase('slow-loris', 'a reply that comes at 1 KiB a second is PROVIDER_TIMEOUT, and no part of it a value', async (line) => {
      const { direct, client, proxy } = line;
      await direct.put('key', pattern(VALUE_BYTES));
      proxy.set({ kind: 'trickle', bytesPerSecond: 1024 });
      await expectCode(client.get('key', { timeoutMs: 700 }), 'PROVIDER_TIMEOUT');
      await expectRecovery(line);
    }),
    faultCase(
      'truncated-body-never-returned',
      'a reply that is cut anywhere is an error, whether the connection ends properly or not',
      async ({ direct, client, proxy }) => {
        await direct.put('key', pattern(VALUE_BYTES));
        for (const afterBytes of [0, 1, 20, 100, 1000, VALUE_BYTES / 2, VALUE_BYTES - 1]) {
          for (const how of ['end', 'reset'] as const) {
            proxy.set({ kind: 'none' });
            await expectRecovery({ direct, client, proxy });
            proxy.set({ kind: 'cut-reply', afterBytes, how });
            await expectCode(client.get('key', { timeoutMs: PATIENCE_MS }), UNKNOWN_OR_CORRUPT);
            if (!client.capabilities.streams) continue;
            proxy.set({ kind: 'none' });
            await expectRecovery({ direct, client, proxy });
            proxy.set({ kind: 'cut-reply', afterBytes, how });
            await expectCode(readStream(client), UNKNOWN_OR_CORRUPT);
          }
        }
      },
    ),
    faultCase(
      'flip-one-bit',
      'a reply in which one bit is another gives the value that was put, or an error',
      async ({ direct, client, proxy }, { amount }) => {
        const head = await direct.put('key', pattern(VALUE_BYTES), { metadata: { a: 'b' } });
        const other = await direct.put('other', pattern(300));
        const flips = amount(48, 24);
        for (let flip = 0; flip < flips; flip++) {
          proxy.set({ kind: 'none' });
          await expectRecovery({ direct, client, proxy });
          // The beginning, where lengths and heads are, and then all over the value.
          const atByte = flip < flips / 2 ? flip * 9 : Math.floor((flip / flips) * VALUE_BYTES);
          proxy.set({ kind: 'flip-bit', atByte, bit: flip % 8 });
          const [first] = await Promise.allSettled([client.get('key', { timeoutMs: 1000 })]);
          // A client that lost count of its replies would give this one another's.
          const [second] = await Promise.allSettled([client.get('other', { timeoutMs: 1000 })]);
          const where = `with bit ${flip % 8} of byte ${atByte} of the reply`;
          await expectThatOrFailure(first, head, pattern(VALUE_BYTES), where);
          await expectThatOrFailure(second, other, pattern(300), where);
        }
      },
    ),
    faultCase('server-restart-reconnect', 'a service that goes and comes many times is found again each time', async (line) => {
      for (let i = 0; i < 3; i++) {
        await line.proxy.refuse();
        await expectCode(line.client.put('key', bytes(i), { timeoutMs: PATIENCE_MS }), UNKNOWN);
        await line.proxy.accept();
        await expectRecovery(line);
        const head = await line.client.put('key', bytes(i));
        expectHead(await line.direct.head('key'), head);
      }
    }),
  ],
};

function faultCase(
  name: string,
  says: string,
  run: (line: Line, trial: Trial) => Promise<void>,
  needs: ConformanceCase['needs'] = [],
): ConformanceCase {
  return {
    name,
    says,
    needs: ['network', ...needs],
    timeoutMs: 180_000,
    async run(trial) {
      const proxy = await startProxy(trial);
      const client = await trial.again(proxy);
      await client.open();
      assert.equal(await client.get('warming up'), null);
      trial.atEnd(async () => proxy.set({ kind: 'none' }));
      await run({ direct: trial.provider, client, proxy }, trial);
    },
  };
}

async function startProxy(trial: Trial): Promise<FaultProxy> {
  const proxy = await startFaultProxy(trial.subject.network!);
  trial.atEnd(() => proxy.close());
  return proxy;
}

/** Without a fault, the client works again within a while; its answers are right from the first. */
async function expectRecovery({ direct, client, proxy }: Line): Promise<void> {
  proxy.set({ kind: 'none' });
  const head = await direct.put('recovery', bytes(1, 2, 3));
  const until = Date.now() + RECOVERY_MS;
  for (;;) {
    const [outcome] = await Promise.allSettled([client.get('recovery', { timeoutMs: PATIENCE_MS })]);
    if (outcome.status === 'fulfilled') {
      expectHead(outcome.value, head);
      expectBytes(outcome.value!.value, bytes(1, 2, 3));
      return;
    }
    await expectCode(Promise.reject(outcome.reason), UNKNOWN_OR_CORRUPT);
    assert.ok(Date.now() < until, `the client does not find its service again: ${codeOf(outcome.reason)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function readStream(provider: StorageProvider): Promise<void> {
  const signal = AbortSignal.timeout(2 * PATIENCE_MS);
  const found = await provider.getStream('key', { timeoutMs: PATIENCE_MS, signal });
  const reader = found!.stream.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read());
}

async function expectThatOrFailure(
  outcome: PromiseSettledResult<StoredRecord | null>,
  head: Parameters<typeof expectHead>[1],
  value: Uint8Array,
  where: string,
): Promise<void> {
  if (outcome.status === 'rejected') {
    await expectCode(Promise.reject(outcome.reason), UNKNOWN_OR_CORRUPT);
    return;
  }
  assert.notEqual(outcome.value, null, `a value is called absent ${where}`);
  expectBytes(outcome.value!.value, value);
  assert.deepEqual([outcome.value!.key, outcome.value!.size], [head.key, head.size], where);
}
