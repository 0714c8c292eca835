/** Cases: signals, time limits and closing. */

import assert from 'node:assert/strict';
import type { CallOptions, StorageProvider } from '../../ts/provider.ts';
import { type ConformanceGroup, START_MS } from './case.ts';
import { bytes, codeOf, expectBytes, expectCode, expectRecord, failureOf, fill, keysOf, pattern, present } from './observe.ts';

/** Ends of calls and of providers. */
export const cancel: ConformanceGroup = {
  name: 'cancel',
  cases: [
    {
      name: 'pre-aborted',
      says: 'a signal that is aborted already rejects every call with its reason, and nothing is done',
      async run({ provider }) {
        const head = await provider.put('key', bytes(1));
        const reason = new Error('not wanted');
        for (const [name, call] of everyCall(provider)) {
          assert.equal(await failureOf(call({ signal: AbortSignal.abort(reason) })), reason, name);
        }
        await expectRecord(provider, head, bytes(1));
        assert.deepEqual(await keysOf(provider), ['key']);
      },
    },
    {
      name: 'abort-during-get',
      says: 'a read that is aborted rejects with the reason, or was faster; the provider goes on',
      async run({ provider }) {
        const head = await provider.put('key', pattern(1_000_000));
        for (let i = 0; i < 20; i++) {
          const { outcome, reason } = await abortAfter(i, (signal) => provider.get('key', { signal }));
          if (outcome.status === 'rejected') assert.equal(outcome.reason, reason);
          else expectBytes(outcome.value!.value, pattern(1_000_000));
        }
        await expectRecord(provider, head, pattern(1_000_000));
      },
    },
    {
      name: 'abort-during-put',
      says: 'a put that is aborted rejects with the reason, and leaves the old value or the new one, whole',
      async run({ provider, amount }) {
        for (let i = 0; i < amount(20, 5); i++) {
          const before = await provider.put('key', bytes(i));
          const { outcome, reason } = await abortAfter(i, (signal) => provider.put('key', pattern(500_000), { signal }));
          if (outcome.status === 'rejected') assert.equal(outcome.reason, reason);
          const left = await present(provider, 'key');
          if (outcome.status === 'fulfilled') assert.equal(left.version, outcome.value.version);
          expectBytes(left.value, left.version === before.version ? bytes(i) : pattern(500_000));
        }
      },
    },
    {
      name: 'abort-during-list',
      says: 'a listing that is aborted between two keys ends with the reason',
      async run({ provider, amount }) {
        // More than one page of those that a listing takes by itself.
        const count = amount(600, 300);
        await fill(provider, count);
        const abort = new AbortController();
        const reason = new Error('enough');
        let met = 0;
        const walk = async (): Promise<void> => {
          for await (const _ of provider.list({ signal: abort.signal })) if (++met === 10) abort.abort(reason);
        };
        assert.equal(await failureOf(walk()), reason);
        assert.ok(met < count, 'the listing went on to its end');
        assert.equal(new Set(await keysOf(provider)).size, count);
      },
    },
    {
      name: 'abort-during-batch',
      says: 'a batch that is aborted rejects with the reason, or was faster',
      async run({ provider }) {
        const items = Array.from({ length: 200 }, (_, i) => ({ key: `key ${i}`, value: pattern(2000) }));
        for (let i = 0; i < 5; i++) {
          const { outcome, reason } = await abortAfter(i, (signal) => provider.putMany(items, { signal }));
          if (outcome.status === 'rejected') assert.equal(outcome.reason, reason);
        }
        for (const key of await keysOf(provider)) expectBytes((await present(provider, key)).value, pattern(2000));
      },
    },
    {
      name: 'signal-used-many-times',
      says: 'one signal serves many calls, one after the other, and no call leaves a listener on it',
      async run({ provider }) {
        const { signal } = new AbortController();
        let listeners = 0;
        const { addEventListener, removeEventListener } = signal;
        signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
          listeners += 1;
          addEventListener.apply(signal, args);
        };
        signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
          listeners -= 1;
          removeEventListener.apply(signal, args);
        };
        for (let i = 0; i < 5; i++) {
          await provider.put('key', bytes(i), { signal });
          await provider.get('key', { signal });
          await provider.head('key', { signal });
          await provider.listPage({ signal });
        }
        assert.ok(listeners <= 0, `${listeners} listeners are left on the signal`);
      },
    },
    {
      name: 'timeout-zero-is-none',
      says: 'a time limit of 0 is no limit, and one that is long enough changes nothing',
      async run({ provider }) {
        const head = await provider.put('key', bytes(1), { timeoutMs: 0 });
        await expectRecord(provider, head, bytes(1));
        assert.equal((await provider.get('key', { timeoutMs: 50_000 }))?.version, head.version);
      },
    },
    {
      name: 'open-again',
      says: 'a provider may be opened many times, also at once',
      async run({ provider }) {
        await Promise.all([provider.open(), provider.open(), provider.open()]);
        await provider.put('key', bytes(1));
        await provider.open();
        assert.deepEqual(await keysOf(provider), ['key']);
      },
    },
    {
      name: 'after-close-PROVIDER_CLOSED',
      says: 'every call after close is PROVIDER_CLOSED, and health says so too',
      async run({ provider }) {
        await provider.put('key', bytes(1));
        await provider.close();
        for (const [name, call] of everyCall(provider)) assert.equal(codeOf(await failureOf(call({}))), 'PROVIDER_CLOSED', name);
        const { ok, error } = await provider.health();
        assert.deepEqual([ok, error?.code], [false, 'PROVIDER_CLOSED']);
      },
    },
    {
      name: 'double-close',
      says: 'a provider may be closed many times, also at once, and by await using',
      async run({ provider }) {
        await provider.put('key', bytes(1));
        const closings = [provider.close(), provider.close(), provider[Symbol.asyncDispose](), provider.close()];
        const outcomes = await Promise.allSettled(closings);
        assert.deepEqual([...new Set(outcomes.map((outcome) => outcome.status))], ['fulfilled']);
        await expectCode(provider.get('key'), 'PROVIDER_CLOSED');
      },
    },
    {
      name: 'close-lets-calls-end',
      says: 'calls that are under way when a provider is closed come to their end',
      needs: ['again'],
      async run({ provider, again }) {
        const other = await again();
        const puts = Array.from({ length: 20 }, (_, i) => provider.put(`key ${i}`, pattern(20_000 + i)));
        const closing = provider.close();
        await expectCode(provider.get('key 0'), 'PROVIDER_CLOSED');
        const heads = await Promise.all(puts);
        await closing;
        for (const [i, head] of heads.entries()) await expectRecord(other, head, pattern(20_000 + i));
      },
    },
    {
      name: 'close-of-one-is-not-of-all',
      says: 'closing one client closes no other',
      needs: ['again'],
      async run({ provider, again }) {
        const other = await again();
        const head = await other.put('key', bytes(1));
        await other.close();
        await expectRecord(provider, head, bytes(1));
      },
    },
  ],
};

/** Each operation of the contract that takes call options, with what a call of it would change. */
function everyCall(provider: StorageProvider): [name: string, call: (options: CallOptions) => Promise<unknown>][] {
  const { touch, streams, sweep } = provider.capabilities;
  const calls: [string, (options: CallOptions) => Promise<unknown>][] = [
    ['get', (options) => provider.get('key', options)],
    ['head', (options) => provider.head('key', options)],
    ['put', (options) => provider.put('key', bytes(9), options)],
    ['put of a new key', (options) => provider.put('new', bytes(9), options)],
    ['delete', (options) => provider.delete('key', options)],
    ['list', (options) => keysOf(provider, options)],
    ['listPage', (options) => provider.listPage(options)],
    ['getMany', (options) => provider.getMany(['key'], options)],
    ['putMany', (options) => provider.putMany([{ key: 'key', value: bytes(9) }], options)],
    ['deleteMany', (options) => provider.deleteMany(['key'], options)],
  ];
  if (touch) calls.push(['touch', (options) => provider.touch('key', START_MS + 1, options)]);
  if (streams) {
    calls.push(['getStream', (options) => provider.getStream('key', options)]);
    calls.push(['put of a stream', (options) => provider.put('key', new Blob([bytes(9)]).stream(), options)]);
  }
  if (sweep) calls.push(['sweep', (options) => provider.sweep(options)]);
  return calls;
}

/** Aborts `work` after it was begun: after `turns` turns of the event loop, a few of which pass at once. */
async function abortAfter<T>(turns: number, work: (signal: AbortSignal) => Promise<T>) {
  const abort = new AbortController();
  const reason = new Error('aborted by the case');
  const outcome = Promise.allSettled([work(abort.signal)]);
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  abort.abort(reason);
  return { outcome: (await outcome)[0], reason };
}
