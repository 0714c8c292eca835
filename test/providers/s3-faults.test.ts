/** The provider for S3 against a server that misbehaves: what is found out when it is opened, what an unclear answer becomes, and what is never believed. */

import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { s3 } from '../../providers/s3.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { expectCode, expectSilent, pattern, present } from '../contract/provider/observe.ts';
import { refuse, type Stub, type StubFaults, startStub } from './s3-stub.ts';

const CREDENTIALS = { accessKeyId: 'ACCESSSECRET', secretAccessKey: 'SIGNINGSECRET', sessionToken: 'TOKENSECRET' };

async function start(faults: StubFaults = {}): Promise<{ stub: Stub; provider: StorageProvider }> {
  const stub = await startStub(faults);
  const provider = s3({ endpoint: stub.endpoint, region: 'us-east-1', credentials: CREDENTIALS, bucket: 'bucket', prefix: 'p/' });
  onTestFinished(async () => {
    await provider.close();
    await stub.stop();
  });
  return { stub, provider };
}

describe('what a server does with conditions is found out when it is opened', () => {
  test.each<[string, StubFaults, { conditionalPut: boolean; conditionalDelete: boolean }]>([
    ['all of them, with ETags in quotes', {}, { conditionalPut: true, conditionalDelete: true }],
    ['all of them, with ETags without quotes', { spelling: 'bare' }, { conditionalPut: true, conditionalDelete: true }],
    ['those of deletes not', { honours: { delete: false } }, { conditionalPut: true, conditionalDelete: false }],
    ['none', { honours: { create: false, replace: false, delete: false } }, { conditionalPut: false, conditionalDelete: false }],
    ['If-None-Match not', { honours: { create: false } }, { conditionalPut: false, conditionalDelete: false }],
    ['If-Match not', { honours: { replace: false } }, { conditionalPut: false, conditionalDelete: false }],
    ['all, but its ETags are lengths', { etagOf: (body) => `${body.length}` }, { conditionalPut: false, conditionalDelete: false }],
  ])('it keeps %s', async (_, faults, capabilities) => {
    const { stub, provider } = await start(faults);
    await provider.open();
    expect(provider.capabilities).toMatchObject({ ...capabilities, touch: capabilities.conditionalPut });
    expect([...stub.objects.keys()]).toEqual([]);
  });

  test('what it does not keep is refused, before anything is sent', async () => {
    const { stub, provider } = await start({ honours: { create: false, replace: false, delete: false } });
    const { version } = await provider.put('key', pattern(3));
    const before = stub.requests.length;
    await expectCode(provider.put('key', pattern(4), { ifMatch: version }), 'PROVIDER_UNSUPPORTED');
    await expectCode(provider.put('new', pattern(4), { ifNoneMatch: '*' }), 'PROVIDER_UNSUPPORTED');
    await expectCode(provider.putMany([{ key: 'new', value: pattern(4), ifNoneMatch: '*' }]), 'PROVIDER_UNSUPPORTED');
    await expectCode(provider.delete('key', { ifMatch: version }), 'PROVIDER_UNSUPPORTED');
    await expectCode(provider.touch('key', null), 'PROVIDER_UNSUPPORTED');
    expect(stub.requests.length).toBe(before);
    expect(await provider.get('key')).toMatchObject({ version, value: pattern(3) });
  });

  test('where deletes keep their condition it is used', async () => {
    const { provider } = await start();
    const old = await provider.put('key', pattern(3));
    const { version } = await provider.put('key', pattern(3));
    await expectCode(provider.delete('key', { ifMatch: old.version }), 'PROVIDER_CONFLICT');
    await expectCode(provider.delete('none', { ifMatch: version }), 'PROVIDER_CONFLICT');
    expect(await provider.delete('key', { ifMatch: version })).toBe(true);
    expect(await provider.get('key')).toBeNull();
  });

  test.each([
    [403, 'AccessDenied', 'PROVIDER_UNAVAILABLE'],
    [503, 'SlowDown', 'PROVIDER_THROTTLED'],
  ] as const)('an answer of %i tells nothing: it does not open, and opens later', async (status, name, code) => {
    const { stub, provider } = await start();
    stub.faults = { intercept: (request, response) => request.method === 'PUT' && refuse(response, status, name) };
    await expectCode(provider.open(), code);
    stub.faults = {};
    await provider.open();
    expect(provider.capabilities.conditionalPut).toBe(true);
  });
});

describe('an unclear answer to a conditional put is settled by what is there', () => {
  test.each([500, 409, 412, 404])('%i after the write was done: it is done', async (status) => {
    const { stub, provider } = await start();
    const { version } = await provider.put('key', pattern(1));
    stub.faults = { intercept: (_, response, when) => when === 'after' && refuse(response, status, 'Odd') };
    const head = await provider.put('key', pattern(2), { ifMatch: version });
    const created = await provider.put('new', pattern(3), { ifNoneMatch: '*' });
    stub.faults = {};
    expect(await provider.head('key')).toEqual(head);
    expect(await provider.head('new')).toEqual(created);
  });

  test.each([500, 409])('%i and nobody has written: the service has failed', async (status) => {
    const { stub, provider } = await start();
    const { version } = await provider.put('key', pattern(1));
    stub.faults = { intercept: (request, response) => request.method === 'PUT' && refuse(response, status, 'Odd') };
    await expectCode(provider.put('key', pattern(2), { ifMatch: version }), 'PROVIDER_UNAVAILABLE');
    await expectCode(provider.put('new', pattern(2), { ifNoneMatch: '*' }), 'PROVIDER_UNAVAILABLE');
    stub.faults = {};
    expect([(await present(provider, 'key')).version, await provider.head('new')]).toEqual([version, null]);
  });

  test.each([500, 409, 412])('%i and another has written: a conflict', async (status) => {
    const { stub, provider } = await start();
    const { version } = await provider.put('key', pattern(1));
    await provider.put('key', pattern(9));
    stub.faults = { intercept: (request, response) => request.method === 'PUT' && refuse(response, status, 'Odd') };
    await expectCode(provider.put('key', pattern(2), { ifMatch: version }), 'PROVIDER_CONFLICT');
    await expectCode(provider.put('key', pattern(2), { ifNoneMatch: '*' }), 'PROVIDER_CONFLICT');
    stub.faults = {};
    expect((await present(provider, 'key')).size).toBe(9);
  });

  test('without a condition nothing is asked: the failure is the caller’s to resolve', async () => {
    const { stub, provider } = await start();
    await provider.open();
    stub.faults = { intercept: (request, response) => request.method === 'PUT' && refuse(response, 500, 'InternalError') };
    const before = stub.requests.length;
    const failure = await expectCode(provider.put('key', pattern(1)), 'PROVIDER_UNAVAILABLE');
    expect(failure.details).toEqual({ status: 500, name: 'InternalError' });
    expect(stub.requests.slice(before)).toEqual(['PUT p/key']);
  });
});

describe('failures', () => {
  test.each([
    [503, 'SlowDown', 'PROVIDER_THROTTLED'],
    [429, 'TooManyRequests', 'PROVIDER_THROTTLED'],
    [400, 'RequestLimitExceeded', 'PROVIDER_THROTTLED'],
    [403, 'SignatureDoesNotMatch', 'PROVIDER_UNAVAILABLE'],
    [404, 'NoSuchBucket', 'PROVIDER_UNAVAILABLE'],
    [413, 'EntityTooLarge', 'PROVIDER_TOO_LARGE'],
    [500, 'not a name, but what came: KEYSECRET', 'PROVIDER_UNAVAILABLE'],
  ] as const)('%i %s is %s, tried once, and tells nothing of what was sent', async (status, name, code) => {
    const { stub, provider } = await start();
    await provider.open();
    const before = stub.requests.length;
    const echo = `KEYSECRET VALUESECRET ${Object.values(CREDENTIALS).join(' ')}`;
    stub.faults = { intercept: (_, response) => refuse(response, status, name, echo) };
    for (const work of [
      () => provider.put('KEYSECRET', Buffer.from('VALUESECRET'), { metadata: { a: 'METASECRET' } }),
      () => provider.get('KEYSECRET'),
      () => provider.getStream('KEYSECRET'),
    ]) {
      expectSilent(await expectCode(work(), code), ['secret', 'signature=', 'authorization']);
    }
    expect(stub.requests.length).toBe(before + 3);
    expect(inspect(provider, { depth: 10, showHidden: true })).not.toMatch(/secret/i);
  });

  test('an aborted call ends its request, and no other that is under way', async () => {
    const { stub, provider } = await start();
    await provider.open();
    const controller = new AbortController();
    let held: ServerResponse | null = null;
    const ended = new Promise<void>((resolve) => {
      stub.faults = {
        intercept(request, response) {
          if (request.url!.includes('other')) {
            held = response;
          } else {
            request.socket.once('close', resolve);
            controller.abort(new Error('enough'));
          }
          return true;
        },
      };
    });
    const other = provider.get('other', { signal: new AbortController().signal });
    await vi.waitFor(() => expect(held).not.toBeNull());
    await expect(provider.get('key', { signal: controller.signal })).rejects.toThrow('enough');
    await ended;
    refuse(held!, 503, 'SlowDown');
    await expectCode(other, 'PROVIDER_THROTTLED');
  });
});

describe('a stream in parts', () => {
  const SIZE = 20_000_000;

  /** Breaks the connection of part 2, so many times. */
  function breakPart(stub: Stub, times: number): void {
    let left = times;
    stub.faults = {
      intercept(request) {
        if (!request.url!.includes('partNumber=2') || left-- <= 0) return false;
        request.socket.destroy();
        return true;
      },
    };
  }

  test('survives a broken connection, since nobody else could send the part again', async () => {
    const { stub, provider } = await start();
    breakPart(stub, 2);
    const head = await provider.put('key', new Blob([pattern(SIZE)]).stream(), { metadata: { a: 'b' } });
    expect(head).toMatchObject({ size: SIZE, metadata: { a: 'b' } });
    expect(await provider.head('key')).toEqual(head);
    expect(Buffer.compare((await present(provider, 'key')).value, pattern(SIZE))).toBe(0);
  });

  test('that cannot be sent is given up, and leaves what was there', async () => {
    const { stub, provider } = await start();
    const before = await provider.put('key', pattern(3));
    breakPart(stub, Number.POSITIVE_INFINITY);
    await expectCode(provider.put('key', new Blob([pattern(SIZE)]).stream()), 'PROVIDER_UNAVAILABLE');
    expect(stub.requests.at(-1)).toBe('DELETE p/key');
    expect(await provider.get('key')).toEqual({ ...before, value: pattern(3) });
  });
});

describe('what comes is not believed', () => {
  /** A value, and what is sent instead of it. */
  async function startDamaged(change: (body: Buffer) => Buffer): Promise<StorageProvider> {
    const { stub, provider } = await start();
    await provider.put('key', pattern(300_000));
    const found = stub.objects.get('p/key')!;
    found.body = change(found.body);
    return provider;
  }

  test.each<[string, (body: Buffer) => Buffer]>([
    ['a bit of the value', (body) => Buffer.from(body.fill(body[1000]! ^ 1, 1000, 1001))],
    ['a bit of the trailer', (body) => Buffer.from(body.fill(body.at(-9)! ^ 1, body.length - 9, body.length - 8))],
    ['its end', (body) => body.subarray(0, -1)],
    ['its length', (body) => Buffer.concat([body, Buffer.alloc(1)])],
    ['all of it', (body) => Buffer.alloc(body.length)],
  ])('a body that differs in %s is PROVIDER_CORRUPT, also as a stream and in a touch', async (_, change) => {
    const provider = await startDamaged(change);
    await expectCode(provider.get('key'), 'PROVIDER_CORRUPT');
    await expectCode(provider.touch('key', null), 'PROVIDER_CORRUPT');
    const found = await provider.getStream('key');
    await expectCode(new Response(found!.stream).arrayBuffer(), 'PROVIDER_CORRUPT');
  });

  test('a body that ends early is PROVIDER_UNAVAILABLE, also as a stream', async () => {
    const { stub, provider } = await start();
    await provider.put('key', pattern(300_000));
    const { etag, head, body } = stub.objects.get('p/key')!;
    stub.faults = {
      intercept(request, response) {
        response.writeHead(200, { etag: `"${etag}"`, 'content-length': body.length, 'x-amz-meta-psp': head });
        response.write(body.subarray(0, 200_000), () => request.socket.destroy());
        return true;
      },
    };
    await expectCode(provider.get('key'), 'PROVIDER_UNAVAILABLE');
    const found = await provider.getStream('key');
    await expectCode(new Response(found!.stream).arrayBuffer(), 'PROVIDER_UNAVAILABLE');
  });

  test('a whole body instead of the range that was asked for is PROVIDER_CORRUPT, unless it begins there', async () => {
    const { provider } = await start(); // the stub knows no ranges
    await provider.put('key', pattern(1000));
    await expectCode(provider.get('key', { range: [10, 20] }), 'PROVIDER_CORRUPT');
    const found = await provider.getStream('key', { range: [10, 20] });
    await expectCode(new Response(found!.stream).arrayBuffer(), 'PROVIDER_CORRUPT');
    expect((await provider.get('key', { range: [0, 20] }))!.value).toEqual(pattern(20));
  });
});

describe('options', () => {
  test.each(['/', '/a', 'a//', './', 'a/../', 'a b/', '~', '\u00e9', 'x'.repeat(513)])(
    'a prefix %j that names cannot have is a RangeError',
    (prefix) => {
      expect(() => s3({ region: 'us-east-1', credentials: CREDENTIALS, bucket: 'bucket', prefix })).toThrow(RangeError);
    },
  );

  test('a long prefix leaves less for keys, and that much holds whatever the key', async () => {
    const stub = await startStub();
    const options = { endpoint: stub.endpoint, region: 'us-east-1', credentials: CREDENTIALS, bucket: 'bucket' };
    await using provider = s3({ ...options, prefix: `${'x'.repeat(511)}/` });
    onTestFinished(() => stub.stop());
    expect(provider.capabilities.maxKeyBytes).toBe(256);
    await provider.put('?'.repeat(256), pattern(1));
    expect(Math.max(...[...stub.objects.keys()].map((name) => name.length))).toBe(1024);
    await expectCode(provider.put('?'.repeat(257), pattern(1)), 'PROVIDER_INVALID_KEY');
    await using plain = s3(options);
    expect(plain.capabilities.maxKeyBytes).toBe(512);
  });
});
