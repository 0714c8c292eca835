/** Values above what one entry of KV holds: chunks and manifests, over REST and inside workerd, with what killed writers leave. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cloudflareKv } from '../../providers/cloudflare-kv.ts';
import { expectCode } from '../../providers/conformance/observe.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { type KvServer, requireMiniflare, startKv } from '../servers/miniflare.ts';
import { requireNewestNode } from '../servers/newest-node.ts';
import { freshFetch, rawKv } from './cloudflare-kv-raw.ts';
import { remoteKv } from './cloudflare-kv-remote.ts';
import { newPrefix, restKv } from './cloudflare-kv-subject.ts';

const MIB = 2 ** 20;
const START_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;
/** What a frame adds to a value with the metadata { a: 'b' }: providers/frame.ts. */
const FRAME_BYTES = 68 + 1 + 2 + 1 + 2 + 1;

const GROUP = 'large values in cloudflare-kv';

describe.skipIf(requireMiniflare(GROUP) === null)(GROUP, () => {
  let server: KvServer;
  beforeAll(async () => {
    server = await startKv(new URL('cloudflare-kv-worker.ts', import.meta.url));
  });
  afterAll(() => server.stop());

  /** A provider in an empty corner of the namespace, its clock, and the bare names that it has there. */
  function start(wrap: (real: typeof fetch) => typeof fetch = (real) => real) {
    const prefix = newPrefix();
    const clock = { nowMs: START_MS };
    const provider = restKv(server, { prefix, now: () => clock.nowMs, fetch: wrap(freshFetch) });
    const raw = rawKv(server);
    const names = async (): Promise<string[]> => (await raw.names(prefix)).map((name) => name.slice(prefix.length));
    return { prefix, clock, provider, raw, names };
  }

  test.each([
    ['24.9 MiB', Math.round(24.9 * MIB), 0],
    ['what just fits into one entry', 25 * MIB - FRAME_BYTES, 0],
    ['one byte more', 25 * MIB - FRAME_BYTES + 1, 2],
    ['25 MiB', 25 * MIB, 2],
    ['25.1 MiB', Math.round(25.1 * MIB), 2],
    ['64 MiB', 64 * MIB, 4],
  ])('%s comes back, from its chunks if it has any, and is deleted with them', { timeout: 120_000 }, async (_, size, chunks) => {
    const { provider, names } = start();
    const value = patternOf(size);
    const head = await provider.put('key', value, { metadata: { a: 'b' } });
    expect(head.size).toBe(size);
    expect(await names()).toHaveLength(1 + chunks);
    expect(await provider.head('key')).toEqual(head);
    expect((await provider.listPage()).items).toEqual([head]);
    const record = await provider.get('key');
    expect(record?.version).toBe(head.version);
    expect(Buffer.compare(record!.value, value)).toBe(0);
    expect(await provider.delete('key')).toBe(true);
    expect(await names()).toEqual([]);
  });

  test('inside workerd: 25.1 MiB as an array, and as a stream', { timeout: 120_000 }, async () => {
    const prefix = newPrefix();
    const provider = await remoteKv(server.workerUrl!, prefix, () => START_MS);
    const value = patternOf(Math.round(25.1 * MIB));
    for (const put of [value, streamOf(value)]) {
      const head = await provider.put('key', put, { metadata: { a: 'b' } });
      expect(head).toMatchObject({ size: value.length, metadata: { a: 'b' } });
      const record = await provider.get('key');
      expect([record?.version, Buffer.compare(record!.value, value)]).toEqual([head.version, 0]);
      const found = await provider.getStream('key');
      expect(Buffer.compare(await collectBytes(found!.stream), value)).toBe(0);
    }
    expect(await rawKv(server).names(prefix)).toHaveLength(5);
  });

  test('a stream of whole chunks, of one chunk and of none is cut at their edges', { timeout: 120_000 }, async () => {
    const { provider, names } = start();
    for (const [size, count] of [
      [40 * MIB, 3],
      [20 * MIB, 1],
      [0, 1],
    ] as const) {
      const value = patternOf(size);
      const head = await provider.put('key', streamOf(value), { expiresAt: START_MS + 5 });
      expect([head.size, head.expiresAt]).toEqual([size, START_MS + 5]);
      expect(await names()).toHaveLength(count);
      const found = await provider.getStream('key');
      expect(Buffer.compare(await collectBytes(found!.stream), value)).toBe(0);
      await provider.delete('key');
    }
  });

  test('an overwritten value leaves its chunks to a sweep, a day later; those that are needed stay', { timeout: 120_000 }, async () => {
    const { provider, clock, names } = start();
    const large = patternOf(26 * MIB);
    await provider.put('replaced', large);
    await provider.put('replaced', patternOf(10));
    await provider.put('kept', large);
    expect(await names()).toHaveLength(6);
    expect(await provider.sweep()).toEqual({ expired: 0, orphans: 0 });
    clock.nowMs += DAY_MS;
    expect(await provider.sweep()).toEqual({ expired: 0, orphans: 2 });
    expect(await names()).toHaveLength(4);
    expect(Buffer.compare((await provider.get('kept'))!.value, large)).toBe(0);
    expect((await provider.get('replaced'))?.size).toBe(10);
    expect(await provider.sweep()).toEqual({ expired: 0, orphans: 0 });
  });

  test.each([
    ['before its first chunk', 0],
    ['between chunks', 1],
    ['between its last chunk and the manifest', 2],
  ])('a writer that is killed %s leaves the old value, and orphans that a sweep takes', { timeout: 120_000 }, async (_, stopBefore) => {
    const { provider, clock, prefix, names } = start();
    const old = patternOf(26 * MIB);
    const before = await provider.put('key', old);
    await killUpload({ stopBefore, key: 'key', mib: 26, prefix });
    await killUpload({ stopBefore, key: 'new', mib: 26, prefix });
    const record = await provider.get('key');
    expect([record?.version, Buffer.compare(record!.value, old)]).toEqual([before.version, 0]);
    expect(await provider.get('new')).toBeNull();
    expect((await provider.listPage()).items).toEqual([before]);
    expect(await names()).toHaveLength(3 + 2 * stopBefore);
    // The dead wrote by the machine's clock.
    clock.nowMs = Date.now() + DAY_MS;
    expect(await provider.sweep()).toEqual({ expired: 0, orphans: 2 * stopBefore });
    expect(Buffer.compare((await provider.get('key'))!.value, old)).toBe(0);
  });

  test('a put that fails on the way takes its chunks away', { timeout: 120_000 }, async () => {
    let writes = 0;
    const { provider, names } = start((real) => (input, init) => {
      if (init?.method === 'PUT' && ++writes === 2) return Promise.reject(new TypeError('fetch failed'));
      return real(input, init);
    });
    await expectCode(provider.put('key', patternOf(26 * MIB)), 'PROVIDER_UNAVAILABLE');
    expect(await names()).toEqual([]);
    writes = 0;
    await expectCode(provider.put('key', streamOf(patternOf(26 * MIB))), 'PROVIDER_UNAVAILABLE');
    expect(await names()).toEqual([]);
  });

  test('a reader whose value is replaced under it reads the new one', { timeout: 120_000 }, async () => {
    const small = patternOf(1000);
    let replace: (() => Promise<void>) | null = null;
    const { provider, prefix } = start((real) => async (input, init) => {
      const isChunk = String(input).includes(`${encodeURIComponent(`${prefix}c`)}`);
      if (isChunk && init?.method === undefined && replace !== null) {
        const now = replace;
        replace = null;
        await now();
      }
      return real(input, init);
    });
    const other = restKv(server, { prefix, now: () => START_MS });
    for (const read of [get, getByStream]) {
      await provider.put('key', patternOf(26 * MIB));
      replace = async () => {
        await other.delete('key');
        await other.put('key', small);
      };
      expect(Buffer.compare(await read(provider), small)).toBe(0);
      expect(replace).toBeNull();
    }
  });

  test('chunks that are gone, cut or changed are PROVIDER_CORRUPT, as is a changed manifest', { timeout: 120_000 }, async () => {
    const { provider, prefix, raw } = start();
    const head = await provider.put('key', patternOf(26 * MIB));
    const chunk = `${prefix}c${head.version}/1`;
    const bytes = (await raw.get(chunk))!;
    const changed = bytes.slice();
    changed[1000]! ^= 1;
    for (const damage of [changed, bytes.subarray(1), Buffer.concat([bytes, bytes.subarray(0, 1)]), null]) {
      if (damage === null) await raw.delete(chunk);
      else await raw.put(chunk, damage);
      await expectCode(provider.get('key'), 'PROVIDER_CORRUPT');
      await expectCode(getByStream(provider), 'PROVIDER_CORRUPT');
      // The head is what it was: of the value it says nothing.
      expect(await provider.head('key')).toEqual(head);
    }
    const manifest = (await raw.get(`${prefix}rkey`))!;
    for (let at = 0; at < manifest.length; at++) {
      const flipped = manifest.slice();
      flipped[at]! ^= 1;
      await raw.put(`${prefix}rkey`, flipped);
      await expectCode(provider.get('key'), 'PROVIDER_CORRUPT');
    }
  });

  /** Starts cloudflare-kv-upload.ts and kills it where it waits. */
  async function killUpload(what: { stopBefore: number; key: string; mib: number; prefix: string }): Promise<void> {
    const { namespaceId, apiToken, frontUrl } = server;
    const argument = JSON.stringify({ ...what, accountId: 'any', namespaceId, apiToken, baseUrl: frontUrl });
    const program = fileURLToPath(new URL('cloudflare-kv-upload.ts', import.meta.url));
    const child = spawn(requireNewestNode(GROUP)!, [program, argument], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(child, 'exit');
    const [words] = (await Promise.race([once(child.stdout, 'data'), exit])) as [Buffer];
    expect(String(words)).toBe('waiting\n');
    child.kill('SIGKILL');
    await exit;
  }
});

test('a stream of 1,000 MiB goes in and out in memory for a few chunks', { timeout: 120_000 }, async () => {
  const mib = 1000;
  const entries = new Map<string, Blob>();
  let peak = 0;
  // KV that keeps nothing but the manifest, and gives zeros for every chunk: memory is what is measured.
  const fetch = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    peak = Math.max(peak, process.memoryUsage().rss);
    const name = decodeURIComponent(String(input).split('/values/')[1] ?? '');
    if (init.body instanceof FormData && name.startsWith('r')) entries.set(name, init.body.get('value') as Blob);
    if (init.method === 'PUT' || name === '') return Response.json({ success: true, result: null });
    return new Response(entries.get(name) ?? new Uint8Array(20 * MIB));
  };
  const provider = cloudflareKv({ accountId: 'a', namespaceId: 'n', apiToken: 't', fetch: fetch as typeof globalThis.fetch });
  await provider.open();
  const before = process.memoryUsage().rss;
  let pieces = 0;
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (pieces++ === mib) controller.close();
      else controller.enqueue(new Uint8Array(MIB));
    },
  });
  expect((await provider.put('key', source)).size).toBe(mib * MIB);
  let bytes = 0;
  const reader = (await provider.getStream('key'))!.stream.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) bytes += read.value.length;
  expect(bytes).toBe(mib * MIB);
  // Two chunks, their copies inside fetch, and what waits for the collector.
  expect(peak - before).toBeLessThan(500 * MIB);
});

async function get(provider: StorageProvider): Promise<Uint8Array> {
  return (await provider.get('key'))!.value;
}

async function getByStream(provider: StorageProvider): Promise<Uint8Array> {
  return collectBytes((await provider.getStream('key'))!.stream);
}

/** Bytes that differ from chunk to chunk; quick for many of them. */
function patternOf(size: number): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(size);
  const view = new DataView(value.buffer);
  for (let at = 0; at + 4 <= size; at += 4) view.setUint32(at, Math.imul(at, 2654435761));
  return value;
}

function streamOf(value: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= value.length) return controller.close();
      controller.enqueue(value.slice(at, at + 999_999));
      at += 999_999;
    },
  });
}

async function collectBytes(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const reader = stream.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) pieces.push(read.value);
  return Buffer.concat(pieces);
}
