/** What `provide` adds to every service, seen with a service that the test holds in its hands. */

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Call } from '../../providers/calls.ts';
import type { PutRequest } from '../../providers/contract.ts';
import { memory } from '../../providers/memory.ts';
import { type ProviderCore, provide } from '../../providers/provide.ts';
import { PspError } from '../../ts/errors.ts';
import type { Capabilities, RecordHead, Version } from '../../ts/provider.ts';

const ALL: Capabilities = memory().capabilities;
const NONE: Capabilities = {
  ...ALL,
  conditionalPut: false,
  conditionalDelete: false,
  touch: false,
  ranges: false,
  streams: false,
  sweep: false,
};

function headOf(key: string): RecordHead {
  return { key, version: 'v' as Version, size: 0, expiresAt: null, metadata: {} };
}

/** A service that knows nothing and finds nothing, with some operations replaced. */
function coreWith(some: Partial<ProviderCore>): ProviderCore {
  return {
    name: 'test',
    capabilities: ALL,
    timeoutMs: 0,
    get: async () => null,
    head: async () => null,
    put: async ({ key }) => headOf(key),
    delete: async () => false,
    listPage: async () => ({ items: [], damaged: [], cursor: null }),
    ping: async () => undefined,
    ...some,
  };
}

/** A promise, and its ends. */
function gate<T = void>() {
  let open: (value: T) => void = () => undefined;
  let fail: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((resolve, reject) => {
    [open, fail] = [resolve, reject];
  });
  return { promise, open, fail };
}

const coded = (code: string) => expect.objectContaining({ code });

describe('opening', () => {
  test('happens once, before the first call', async () => {
    const log: string[] = [];
    const core = coreWith({
      open: async () => void log.push('open'),
      head: async () => {
        log.push('head');
        return null;
      },
    });
    const provider = provide(core);
    await Promise.all([provider.head('a'), provider.head('b'), provider.open()]);
    await provider.open();
    expect(log).toEqual(['open', 'head', 'head']);
  });

  test('that fails is tried again by the next call', async () => {
    let failures = 1;
    const provider = provide(
      coreWith({
        open: async () => {
          if (failures-- > 0) throw new PspError('PROVIDER_UNAVAILABLE', 'not yet');
        },
      }),
    );
    await expect(provider.get('a')).rejects.toEqual(coded('PROVIDER_UNAVAILABLE'));
    await expect(provider.get('a')).resolves.toBeNull();
  });

  test('takes a value as it was when it was put', async () => {
    const opened = gate();
    const put: PutRequest[] = [];
    const provider = provide(
      coreWith({
        open: () => opened.promise,
        put: async (request) => {
          put.push(request);
          return headOf(request.key);
        },
      }),
    );
    const value = Uint8Array.of(1, 2);
    const done = provider.put('a', value);
    value.fill(9);
    opened.open();
    await done;
    expect(put[0]?.value).toEqual(Uint8Array.of(1, 2));
  });
});

describe('limits of a call', () => {
  test('a call that takes too long ends, and its signal with it', async () => {
    let seen: AbortSignal | null = null;
    const provider = provide(
      coreWith({
        get: (_key, _range, call: Call) => {
          seen = call.signal;
          return new Promise(() => undefined);
        },
      }),
    );
    await expect(provider.get('a', { timeoutMs: 5 })).rejects.toEqual(coded('PROVIDER_TIMEOUT'));
    expect(seen!.aborted).toBe(true);
  });

  test("the provider's own limit holds where a call has none, and 0 lifts it", async () => {
    const answer = gate<null>();
    const provider = provide(coreWith({ timeoutMs: 5, get: () => answer.promise }));
    const patient = provider.get('a', { timeoutMs: 0 });
    await expect(provider.get('a')).rejects.toEqual(coded('PROVIDER_TIMEOUT'));
    answer.open(null);
    await expect(patient).resolves.toBeNull();
  });

  test('a signal ends a call with its reason, and a call that comes after it is not made', async () => {
    const get = vi.fn(() => new Promise<null>(() => undefined));
    const provider = provide(coreWith({ get }));
    const controller = new AbortController();
    const pending = provider.get('a', { signal: controller.signal });
    controller.abort('enough');
    await expect(pending).rejects.toBe('enough');
    await expect(provider.get('a', { signal: controller.signal })).rejects.toBe('enough');
    expect(get).toHaveBeenCalledTimes(1);
  });

  test('the signal of a call that has ended already is aborted when it is asked for', async () => {
    const go = gate();
    const late = gate<boolean>();
    const provider = provide(
      coreWith({
        get: async (_key, _range, call) => {
          await go.promise;
          late.open(call.signal.aborted);
          return null;
        },
      }),
    );
    await expect(provider.get('a', { timeoutMs: 1 })).rejects.toEqual(coded('PROVIDER_TIMEOUT'));
    go.open();
    await expect(late.promise).resolves.toBe(true);
  });

  test('a signal that outlives many calls keeps none of them', async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    const provider = provide(coreWith({}));
    for (let at = 0; at < 10; at++) await provider.get('a', { signal });
    expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([10, 10]);
  });

  test('a signal ends each of the many streams that it was given to, and the runtime warns of nothing', async () => {
    const endless = (): ReadableStream<Uint8Array> => new ReadableStream({ pull: (control) => control.enqueue(Uint8Array.of(1)) });
    const getStream = async (key: string) => ({ ...headOf(key), stream: endless() });
    const provider = provide(coreWith({ capabilities: { ...ALL, streams: true }, getStream }));
    const warned = vi.fn();
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    const controller = new AbortController();
    const { signal } = controller;
    const streams = await Promise.all(
      Array.from({ length: 20 }, async () => (await provider.getStream('a', { signal }))!.stream.getReader()),
    );
    for (const reader of streams) expect((await reader.read()).value).toEqual(Uint8Array.of(1));
    // Who has enough of a stream ends it alone.
    await streams.pop()!.cancel();
    controller.abort('enough');
    // What was read ahead may still come.
    const readOn = async (reader: (typeof streams)[number]): Promise<void> => {
      for (let i = 0; i < 10; i++) await reader.read();
    };
    const outcomes = await Promise.allSettled(streams.map(readOn));
    expect(outcomes).toEqual(streams.map(() => ({ status: 'rejected', reason: 'enough' })));
    await new Promise(setImmediate);
    expect(warned).not.toHaveBeenCalled();
  });

  test.each([-1, Number.NaN, 2 ** 31])('a limit of %d ms is a RangeError', async (timeoutMs) => {
    await expect(provide(coreWith({})).get('a', { timeoutMs })).rejects.toBeInstanceOf(RangeError);
  });
});

describe('closing', () => {
  test('waits for what is under way, refuses what comes, and lets go once', async () => {
    const answer = gate<null>();
    const close = vi.fn(async () => undefined);
    const provider = provide(coreWith({ get: () => answer.promise, close }));
    const pending = provider.get('a');
    const closed = provider.close();
    await expect(provider.get('b')).rejects.toEqual(coded('PROVIDER_CLOSED'));
    expect(close).not.toHaveBeenCalled();
    answer.open(null);
    await expect(pending).resolves.toBeNull();
    await Promise.all([closed, provider.close(), provider[Symbol.asyncDispose]()]);
    expect(close).toHaveBeenCalledTimes(1);
  });

  test('a provider that was never opened has nothing to let go of', async () => {
    const close = vi.fn(async () => undefined);
    await provide(coreWith({ open: async () => undefined, close })).close();
    expect(close).not.toHaveBeenCalled();
  });
});

describe('what the service cannot do', () => {
  const touched = vi.fn();
  const core = coreWith({ capabilities: NONE, put: touched, delete: touched, get: touched });
  const version = 'v' as Version;

  test.each<[string, (provider: ReturnType<typeof provide>) => Promise<unknown>]>([
    ['ifMatch', (provider) => provider.put('a', new Uint8Array(), { ifMatch: version })],
    ['ifNoneMatch', (provider) => provider.put('a', new Uint8Array(), { ifNoneMatch: '*' })],
    ['ifMatch in a batch', (provider) => provider.putMany([{ key: 'a', value: new Uint8Array(), ifMatch: version }])],
    ['a conditional delete', (provider) => provider.delete('a', { ifMatch: version })],
    ['touch', (provider) => provider.touch('a', null)],
    ['a range', (provider) => provider.get('a', { range: [0, 1] })],
    ['a stream in', (provider) => provider.put('a', new ReadableStream())],
    ['a stream out', (provider) => provider.getStream('a')],
    ['a sweep', (provider) => provider.sweep()],
  ])('%s is refused, and the service is not asked', async (_name, call) => {
    await expect(call(provide(core))).rejects.toEqual(coded('PROVIDER_UNSUPPORTED'));
    expect(touched).not.toHaveBeenCalled();
  });
});

describe('batches', () => {
  test('results are in order, and a failure is its own only', async () => {
    const provider = provide(
      coreWith({
        put: async ({ key }) => {
          if (key === 'bad') throw new PspError('PROVIDER_UNAVAILABLE', 'this one');
          return headOf(key);
        },
      }),
    );
    const value = new Uint8Array();
    const results = await provider.putMany(['a', 'bad', 'b'].map((key) => ({ key, value })));
    expect(results).toEqual([
      { status: 'fulfilled', value: headOf('a') },
      { status: 'rejected', reason: coded('PROVIDER_UNAVAILABLE') },
      { status: 'fulfilled', value: headOf('b') },
    ]);
  });

  test('of two items of one key the later is put when the earlier has been, even if that failed', async () => {
    const order: number[] = [];
    const first = gate();
    const provider = provide(
      coreWith({
        put: async ({ key, value }) => {
          if (value[0] === 0) await first.promise;
          order.push(value[0]!);
          if (value[0] === 0) throw new PspError('PROVIDER_UNAVAILABLE', 'the first');
          return headOf(key);
        },
      }),
    );
    const done = provider.putMany([0, 1, 2].map((byte) => ({ key: byte === 2 ? 'other' : 'same', value: Uint8Array.of(byte) })));
    await vi.waitFor(() => expect(order).toEqual([2]));
    first.open();
    expect((await done).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(order).toEqual([2, 0, 1]);
  });
});

test('a listing goes over all pages, empty ones included, and tells of damage at its end', async () => {
  const error = new PspError('PROVIDER_CORRUPT', 'bad');
  const pages = [
    { items: [headOf('a')], damaged: [{ key: 'x', error }], cursor: '1' },
    { items: [], damaged: [], cursor: '2' },
    { items: [headOf('b')], damaged: [], cursor: null },
  ];
  const provider = provide(coreWith({ listPage: async ({ cursor }) => pages[Number(cursor ?? 0)]! }));

  const keys: string[] = [];
  const walk = async () => {
    for await (const { key } of provider.list()) keys.push(key);
  };
  await expect(walk()).rejects.toMatchObject({ code: 'PROVIDER_CORRUPT', details: { damaged: 1 } });
  expect(keys).toEqual(['a', 'b']);

  const damaged: unknown[] = [];
  for await (const { key } of provider.list({ onDamaged: (record) => damaged.push(record) })) keys.push(key);
  expect(keys).toEqual(['a', 'b', 'a', 'b']);
  expect(damaged).toEqual([{ key: 'x', error }]);
});

test('health tells what is wrong instead of rejecting', async () => {
  expect(await provide(coreWith({})).health()).toMatchObject({ ok: true, error: null });
  const down = provide(
    coreWith({
      ping: async () => {
        throw new PspError('PROVIDER_UNAVAILABLE', 'down');
      },
    }),
  );
  expect(await down.health()).toMatchObject({ ok: false, error: { code: 'PROVIDER_UNAVAILABLE' } });
  await down.close();
  expect(await down.health()).toMatchObject({ ok: false, error: { code: 'PROVIDER_CLOSED' } });
});
