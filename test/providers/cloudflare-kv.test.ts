/** What the cloudflare-kv provider leaves in a real namespace, what it asks of Cloudflare for it, and what it makes of refusals. */
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cloudflareKv, type KvNamespaceLike } from '../../providers/cloudflare-kv.ts';
import { expectCode, expectSilent } from '../../providers/conformance/observe.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { type KvServer, requireMiniflare, startKv } from '../servers/miniflare.ts';
import { explorerFetch } from './cloudflare-kv-explorer.ts';
import { freshFetch, rawKv } from './cloudflare-kv-raw.ts';
import { remoteKv } from './cloudflare-kv-remote.ts';
import { newPrefix, restKv } from './cloudflare-kv-subject.ts';

const START_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;
const TOKEN = 'TOKENSECRET-tokensecret';

const GROUP = 'cloudflare-kv in a namespace';

describe.skipIf(requireMiniflare(GROUP) === null)(GROUP, () => {
  let server: KvServer;
  beforeAll(async () => {
    server = await startKv(new URL('cloudflare-kv-worker.ts', import.meta.url));
  });
  afterAll(() => server.stop());

  /** A provider in an empty corner of the namespace, with its clock and a record of the requests that it sent. */
  function start() {
    const prefix = newPrefix();
    const clock = { nowMs: START_MS };
    const sent: string[] = [];
    const recording: typeof fetch = (input, init) => {
      sent.push(`${init?.method ?? 'GET'} ${new URL(String(input)).pathname.split('/').slice(9).join('/')}`);
      return freshFetch(input, init);
    };
    const provider = restKv(server, { prefix, now: () => clock.nowMs, fetch: recording });
    return { prefix, clock, sent, provider, raw: rawKv(server) };
  }

  test('what one way puts, the others read: a binding, REST, and the REST interface of miniflare', async () => {
    const prefix = newPrefix();
    const now = (): number => START_MS;
    const ways: StorageProvider[] = [
      await remoteKv(server.workerUrl!, prefix, now),
      restKv(server, { prefix, now }),
      restKv(server, { prefix, now, baseUrl: server.baseUrl, fetch: explorerFetch }),
    ];
    const value = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const metadata = { '\u00e9': '\u{1f600}\u2028"' };
    for (const [i, way] of ways.entries()) {
      const head = await way.put(`../key ${i}?#%`, value, { metadata, expiresAt: START_MS + 5 });
      for (const other of ways) {
        expect(await other.get(`../key ${i}?#%`)).toEqual({ ...head, value });
        expect(await other.head(`../key ${i}?#%`)).toEqual(head);
      }
    }
    const listings = await Promise.all(ways.map((way) => way.listPage()));
    expect(listings[0]!.items).toHaveLength(3);
    for (const listing of listings) expect(listing).toEqual(listings[0]);
  });

  test('KV is told to keep a value a minute longer than it lives, two for what is dead already, and for ever what lives for decades', async () => {
    const { provider, prefix, raw } = start();
    for (const [name, lifeMs] of Object.entries({ dead: -5000, brief: 1, hour: 3_600_000, decades: 30 * 365 * DAY_MS })) {
      await provider.put(name, new Uint8Array(1), { expiresAt: START_MS + lifeMs });
    }
    await provider.put('always', new Uint8Array(1));
    const kept = new Map((await raw.entries(prefix)).map(({ name, expiration }) => [name.slice(prefix.length + 1), expiration]));
    const nowSeconds = Date.now() / 1000;
    expect([kept.get('always'), kept.get('decades')]).toEqual([undefined, undefined]);
    // The namespace reads the machine's clock: what passes between put and look is allowed for on one side only.
    for (const [name, seconds] of [
      ['dead', 60],
      ['brief', 61],
      ['hour', 3660],
    ] as const) {
      expect(kept.get(name)! - nowSeconds).toBeLessThanOrEqual(seconds);
      expect(kept.get(name)! - nowSeconds).toBeGreaterThan(seconds - 60);
    }
    expect(await provider.sweep()).toEqual({ expired: 0, orphans: 0 });
  });

  test('a head and a listing read no value where the metadata of KV holds the head, and the beginning of the value where it does not', async () => {
    const { provider, sent } = start();
    const small = await provider.put('small', new Uint8Array(9), { metadata: { a: 'x'.repeat(600) } });
    const wide = await provider.put('wide', new Uint8Array(9), { metadata: { a: 'x'.repeat(1023) } });
    const wideAndLong = await provider.put('wide and long', new Uint8Array(26 * 2 ** 20), { metadata: { a: 'x'.repeat(1023) } });
    sent.length = 0;
    expect(await provider.head('small')).toEqual(small);
    expect((await provider.listPage({ prefix: 'small' })).items).toEqual([small]);
    expect(sent.map((line) => line.split('/')[0])).toEqual(['GET metadata', 'GET keys']);
    expect(await provider.head('wide')).toEqual(wide);
    expect(await provider.head('wide and long')).toEqual(wideAndLong);
    expect((await provider.listPage()).items).toEqual([small, wide, wideAndLong]);
    expect(await provider.deleteMany(['wide', 'wide and long'])).toEqual([true, true].map((value) => ({ status: 'fulfilled', value })));
    expect((await provider.listPage()).items).toEqual([small]);
  });

  test('thousands are put in one request and deleted in one; a large one among them goes alone', { timeout: 120_000 }, async () => {
    const { provider, sent, prefix, raw } = start();
    const items = Array.from({ length: 300 }, (_, i) => ({ key: `key ${i}`, value: Uint8Array.of(i), metadata: { i: `${i}` } }));
    const large = { key: 'large', value: new Uint8Array(26 * 2 ** 20).fill(7) };
    await provider.open();
    sent.length = 0;
    const results = await provider.putMany([
      ...items.slice(0, 100),
      large,
      ...items.slice(100),
      { ...large, value: Uint8Array.of(1) },
      large,
    ]);
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(sent.filter((line) => line === 'PUT bulk')).toHaveLength(1);
    expect(sent).toHaveLength(1 + 2 + 1);
    expect((await provider.get('large'))?.size).toBe(large.value.length);
    expect((await provider.get('key 299'))?.metadata).toEqual({ i: '299' });
    sent.length = 0;
    const deleted = await provider.deleteMany([...items.map(({ key }) => key), 'large', 'key 0', 'missing']);
    expect(deleted.map((result) => result.status === 'fulfilled' && result.value)).toEqual([...Array(301).fill(true), false, false]);
    // One for the records, one for the chunks of the large one.
    expect(sent.filter((line) => line === 'POST bulk/delete')).toHaveLength(2);
    expect(await raw.names(prefix)).toEqual([]);
  });

  test('a page of any size goes on where it ended, though KV gives ten at least', async () => {
    const { provider } = start();
    const keys = ['a', 'b', '\u00e9', '\ue000', '\u{1f600}', ...Array.from({ length: 20 }, (_, i) => `n ${String(i).padStart(2, '0')}`)];
    await provider.putMany(keys.map((key) => ({ key, value: new Uint8Array(1) })));
    const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const limit of [1, 3, 9, 10, 11, 24, 25]) {
      const met: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof provider.listPage>> = await provider.listPage({
          limit,
          ...(cursor === null ? {} : { cursor }),
        });
        expect(page.items.length).toBeLessThanOrEqual(limit);
        met.push(...page.items.map(({ key }) => key));
        cursor = page.cursor;
      } while (cursor !== null);
      expect(met).toEqual(sorted);
    }
  });

  test('damaged records are reported where they are met, replaced by a put and removed by a delete', async () => {
    const { provider, prefix, raw } = start();
    const good = await provider.put('good', new Uint8Array(3));
    for (const key of ['flipped', 'foreign', 'empty']) await provider.put(key, new Uint8Array(100).fill(5));
    const bytes = (await raw.get(`${prefix}rflipped`))!;
    bytes[150]! ^= 1;
    await raw.put(`${prefix}rflipped`, bytes);
    await raw.put(`${prefix}rforeign`, Buffer.from('somebody else wrote this'));
    await raw.put(`${prefix}rempty`, new Uint8Array());
    for (const key of ['flipped', 'foreign', 'empty']) await expectCode(provider.get(key), 'PROVIDER_CORRUPT');
    const { items, damaged } = await provider.listPage();
    // Only the value of 'flipped' is damaged, and a listing does not read values.
    expect(items.map(({ key }) => key)).toEqual(['flipped', 'good']);
    expect(damaged.map(({ key, error }) => [key, error.code])).toEqual(['empty', 'foreign'].map((key) => [key, 'PROVIDER_CORRUPT']));
    expect(await provider.delete('foreign')).toBe(true);
    expect(await provider.deleteMany(['empty', 'flipped'])).toEqual([true, true].map((value) => ({ status: 'fulfilled', value })));
    expect((await provider.listPage()).items).toEqual([good]);
    await raw.put(`${prefix}rgood`, Buffer.from('PSM1'));
    await expectCode(provider.get('good'), 'PROVIDER_CORRUPT');
    await provider.put('good', Uint8Array.of(1));
    expect((await provider.get('good'))?.value).toEqual(Uint8Array.of(1));
  });

  test('names of others are not listed, not swept and not touched', async () => {
    const { provider, clock, prefix, raw } = start();
    const others = [`${prefix}x`, `${prefix}`, `${prefix}c`, `${prefix}cnot/a/chunk`, `${prefix.slice(0, -1)}`];
    for (const name of others) await raw.put(name, Buffer.from('theirs'));
    clock.nowMs = Date.now() + 1000 * DAY_MS;
    expect(await provider.listPage()).toEqual({ items: [], damaged: [], cursor: null });
    expect(await provider.sweep()).toEqual({ expired: 0, orphans: 0 });
    expect((await raw.names(prefix.slice(0, -1))).sort()).toEqual([...others].sort());
  });

  test('a wrong token and a wrong namespace are told at once and say nothing of the token', async () => {
    for (const [wrong, status] of [
      [{ apiToken: TOKEN }, 403],
      [{ namespaceId: '0'.repeat(32) }, 404],
    ] as const) {
      const provider = restKv({ ...server, ...wrong });
      for (const call of [provider.open(), provider.get('key'), provider.put('key', new Uint8Array(1)), provider.listPage()]) {
        const error = await expectCode(call, 'PROVIDER_UNAVAILABLE');
        expect(error.details['status']).toBe(status);
        expectSilent(error, [TOKEN, server.apiToken]);
      }
      expect((await provider.health()).error?.code).toBe('PROVIDER_UNAVAILABLE');
    }
  });
});

describe('what Cloudflare may answer', () => {
  /** A provider whose every request is answered so. */
  function answered(answer: (url: URL, init: RequestInit | undefined) => Response | Promise<Response>): StorageProvider {
    const fetch = async (input: unknown, init?: RequestInit): Promise<Response> => answer(new URL(String(input)), init);
    return cloudflareKv({ accountId: 'a', namespaceId: 'n', apiToken: TOKEN, fetch: fetch as typeof globalThis.fetch });
  }

  const opens = Response.json({ success: true, errors: [], result: null });
  const afterOpening = (answer: (url: URL) => Response): StorageProvider =>
    answered((url) => (url.pathname.endsWith('/metadata/unused') ? opens.clone() : answer(url)));
  const refusal = (status: number, code: number): Response =>
    Response.json({ success: false, errors: [{ code, message: `keysecret ${TOKEN}` }], result: null }, { status });

  test.each([
    ['too many writes', () => refusal(429, 10033), 'PROVIDER_THROTTLED', 429],
    ['a namespace that is not there', () => refusal(404, 10013), 'PROVIDER_UNAVAILABLE', 404],
    ['no right to it', () => refusal(403, 10000), 'PROVIDER_UNAVAILABLE', 403],
    ['a failure of its own', () => refusal(500, 10001), 'PROVIDER_UNAVAILABLE', 500],
    ['a page of something in between', () => new Response('<html>keysecret</html>', { status: 502 }), 'PROVIDER_UNAVAILABLE', 502],
    [
      'a redirect',
      () => new Response(null, { status: 302, headers: { location: 'https://elsewhere.example/' } }),
      'PROVIDER_UNAVAILABLE',
      302,
    ],
    ['errors that are none', () => Response.json({ errors: null }, { status: 404 }), 'PROVIDER_UNAVAILABLE', 404],
  ] as const)('%s', async (_, answer, code, status) => {
    const provider = afterOpening(answer);
    const value = new Uint8Array(1);
    const calls = [provider.get('keysecret'), provider.head('keysecret'), provider.put('keysecret', value), provider.delete('keysecret')];
    for (const call of [...calls, provider.listPage(), provider.getStream('keysecret')]) {
      const error = await expectCode(call, code);
      expect(error.details['status']).toBe(status);
      expectSilent(error, ['keysecret', TOKEN]);
    }
    const [put] = await provider.putMany([{ key: 'keysecret', value }]);
    const [deleted] = await provider.deleteMany(['keysecret']);
    for (const result of [put, deleted]) expect(result).toMatchObject({ status: 'rejected', reason: { code } });
  });

  test('"key not found" alone is null', async () => {
    const provider = afterOpening(() => refusal(404, 10009));
    expect([await provider.get('key'), await provider.head('key'), await provider.delete('key')]).toEqual([null, null, false]);
  });

  test('a cursor that it refuses is PROVIDER_CURSOR', async () => {
    let pages = 0;
    const provider = afterOpening(() => {
      pages += 1;
      if (pages > 1) return refusal(400, 10011);
      return Response.json({ success: true, result: [], result_info: { cursor: 'next' } });
    });
    const { cursor } = await provider.listPage();
    await expectCode(provider.listPage({ cursor: cursor! }), 'PROVIDER_CURSOR');
  });

  test('names that a bulk write could not do fail alone', async () => {
    const provider = afterOpening(() => Response.json({ success: true, result: { unsuccessful_keys: ['rb'] } }));
    const results = await provider.putMany(['a', 'b', 'c'].map((key) => ({ key, value: new Uint8Array(1) })));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: 'PROVIDER_UNAVAILABLE' } });
  });

  test('of a bulk write in two requests the one that fails fails alone', async () => {
    let requests = 0;
    const provider = afterOpening(() => (++requests === 2 ? refusal(429, 10033) : Response.json({ success: true, result: {} })));
    const value = new Uint8Array(10 * 2 ** 20);
    const results = await provider.putMany(['a', 'b', 'c', 'd', 'e'].map((key) => ({ key, value })));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(results[2]).toMatchObject({ reason: { code: 'PROVIDER_THROTTLED' } });
  });

  test('a bulk write stays within the limits of one request', async () => {
    const bodies: string[] = [];
    const provider = answered((url, init) => {
      if (url.pathname.endsWith('/bulk')) bodies.push(String(init?.body));
      return Response.json({ success: true, errors: [], result: {} });
    });
    const value = new Uint8Array(10 * 2 ** 20);
    await provider.putMany(Array.from({ length: 7 }, (_, i) => ({ key: `key ${i}`, value })));
    await provider.putMany(Array.from({ length: 10_001 }, (_, i) => ({ key: `small ${i}`, value: Uint8Array.of(1) })));
    const counts = bodies.map((body) => (JSON.parse(body) as unknown[]).length);
    expect(counts).toEqual([2, 2, 2, 1, 10_000, 1]);
    for (const body of bodies) expect(body.length).toBeLessThan(50_000_000);
  });

  test('a network that fails tells its code, and neither address nor token', async () => {
    const failing = (error: Error): StorageProvider => answered(() => Promise.reject(error));
    const refused = new TypeError(`fetch failed for ${TOKEN}`, { cause: Object.assign(new Error(TOKEN), { code: 'ECONNREFUSED' }) });
    for (const [error, reason] of [
      [refused, 'ECONNREFUSED'],
      [new TypeError(TOKEN), null],
    ] as const) {
      const provider = failing(error);
      const found = await expectCode(provider.get('key'), 'PROVIDER_UNAVAILABLE');
      expect(found.details['reason']).toBe(reason);
      expectSilent(found, [TOKEN]);
    }
  });

  test('the token is in nothing that can be printed', () => {
    const provider = answered(() => refusal(500, 1));
    expect(inspect(provider, { depth: 20, showHidden: true, getters: true })).not.toContain(TOKEN);
    expect(JSON.stringify(provider)).not.toContain(TOKEN);
    for (const apiToken of ['', `${TOKEN}\n`, `\u00e9${TOKEN}`]) {
      const make = (): unknown => cloudflareKv({ accountId: 'a', namespaceId: 'n', apiToken });
      expect(make).toThrow(TypeError);
      expect(make).not.toThrow(TOKEN);
    }
  });

  test('a base URL that is none, and a prefix without room for keys', () => {
    const rest = { accountId: 'a', namespaceId: 'n', apiToken: TOKEN };
    expect(() => cloudflareKv({ ...rest, baseUrl: 'nowhere' })).toThrow(TypeError);
    expect(() => cloudflareKv({ ...rest, prefix: '\u00e9'.repeat(256) })).toThrow(RangeError);
    expect(cloudflareKv({ ...rest, prefix: 'x'.repeat(510) }).capabilities.maxKeyBytes).toBe(1);
  });

  test('refusals of a binding keep their number and lose their words', async () => {
    const refuse = (words: string): Promise<never> => Promise.reject(new Error(words));
    const bound = (words: string): StorageProvider => {
      const call = (): Promise<never> => refuse(words);
      const binding: KvNamespaceLike = { get: call, getWithMetadata: call, put: call, delete: call, list: call };
      return cloudflareKv({ binding });
    };
    for (const [words, code, status] of [
      ['KV PUT failed: 429 Too Many Requests keysecret', 'PROVIDER_THROTTLED', 429],
      ['KV PUT failed: 500 keysecret', 'PROVIDER_UNAVAILABLE', 500],
      ['Network connection lost. keysecret', 'PROVIDER_UNAVAILABLE', null],
    ] as const) {
      const provider = bound(words);
      for (const call of [
        provider.put('keysecret', new Uint8Array(1)),
        provider.get('keysecret'),
        provider.head('keysecret'),
        provider.listPage(),
      ]) {
        const error = await expectCode(call, code);
        expect(error.details['status']).toBe(status);
        expectSilent(error, ['keysecret']);
      }
    }
  });
});
