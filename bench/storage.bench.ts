/**
 * Providers against what is under them: raw ioredis, the bare AWS SDK, the system calls of a durable file, raw lmdb. And listings of very many keys, with
 * the memory they take. Servers are those of the tests; where one is missing, its rows are left out, and the note says so.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { open as openFile, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Redis } from 'ioredis';
import { filesystem } from '../providers/filesystem.ts';
import { lmdb } from '../providers/lmdb.ts';
import { redis } from '../providers/redis.ts';
import { s3 } from '../providers/s3.ts';
import type { StorageProvider, Version } from '../ts/provider.ts';
import { formatBytes } from './figure.ts';
import { type BenchCase, type Contestant, type Subject, sameBytes } from './harness.ts';
import { type BenchServer, startServer } from './server.ts';
import type { Listing } from './storage-listing.ts';

const RAW = 'raw';
const OURS = 'provider';
const KIB = 1024;
/** Keys that are written again and again, so that no store grows. */
const KEYS = 256;

/** For the runner: see `SubjectModule`. */
export const needsNode = 'stores are servers, files and libraries of Node';

/** What an S3 server of the tests tells of itself. */
interface S3Facts {
  readonly endpoint: string;
  readonly region?: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The part of npm lmdb that is measured. */
interface RawLmdb {
  put(key: Uint8Array, value: Uint8Array): Promise<boolean>;
  /** A copy. */
  getBinary(key: Uint8Array): Uint8Array;
}

/** All rows that this machine has the servers for. They run until the process ends. */
export async function subject(): Promise<Subject> {
  const redisServer = await startServer<{ url: string; port: number }>('redis.ts', 'startRedis', 'redis');
  const rgw = await startServer<S3Facts>('rgw.ts', 'startRgw', 's3 on Ceph RGW');
  const r2 = await startServer<S3Facts>('miniflare.ts', 'startR2', 's3 on R2');
  const folder = mkdtempSync(join(tmpdir(), 'psp-bench-storage-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const leftOut = Object.entries({ redis: redisServer, 's3 on Ceph RGW': rgw, 's3 on R2': r2 }).flatMap(([name, one]) =>
    one === null ? [name] : [],
  );
  const listings = new Map<string, Listing>();
  const cases = [
    ...(redisServer === null ? [] : await redisCases(redisServer)),
    ...(rgw === null ? [] : await s3Cases('Ceph RGW', rgw)),
    ...(r2 === null ? [] : await s3Cases('R2', r2)),
    ...(await filesystemCases(join(folder, 'files'))),
    ...(await lmdbCases(folder)),
    ...(redisServer === null ? [] : [listing('redis', { url: redisServer.facts.url, keyPrefix: 'listed:' }, 1_000_000, listings)]),
    listing('lmdb', { path: join(folder, 'listed-lmdb'), durability: 'none' }, 1_000_000, listings),
    listing('filesystem', { root: join(folder, 'listed-files'), durability: 'none' }, 100_000, listings),
  ];
  return {
    name: 'storage',
    baseline: RAW,
    packages: ['ioredis', '@aws-sdk/client-s3', 'lmdb'],
    // Read when all is measured: what the listings took is part of it.
    get note() {
      return (
        `One run is as many operations as the case says, with so many in flight. \`${RAW}\` is the client library alone with the same settings, or the bare system calls; ` +
        'of S3 without `cacheMiddleware`, which is off where nobody asks for it, and which the provider has; ' +
        'it has no version, no expiry, no metadata and no checksum. A conditional put is against a plain SET. The time of a listing is that of its process, after it was opened. ' +
        `${describeListings(listings)}${leftOut.length === 0 ? '' : ` LEFT OUT, for want of a server: ${leftOut.join(', ')}.`}`
      );
    },
    cases,
  };
}

async function redisCases({ facts: { url } }: BenchServer<{ url: string }>): Promise<BenchCase[]> {
  const provider = redis({ url, keyPrefix: 'ours:' });
  const client = new Redis(url);
  const small = Buffer.from(bytesOf(4 * KIB));
  const large = Buffer.from(bytesOf(64 * KIB));
  await client.set('raw:large', large);
  await provider.put('large', large);
  await proveStored(provider, small, (key) => client.set(`raw:${key}`, small).then(() => client.getBuffer(`raw:${key}`)));
  const versions: Version[] = [];
  for (let lane = 0; lane < 32; lane++) versions.push((await provider.put(`lane ${lane}`, small)).version);
  const items = Array.from({ length: 1000 }, (_, i) => ({ key: `item ${i}`, value: small }));
  const put = (i: number) => provider.put(`key ${i % KEYS}`, small);
  const set = (i: number) => client.set(`raw:${i % KEYS}`, small);
  async function replace(lane: number): Promise<void> {
    versions[lane] = (await provider.put(`lane ${lane}`, small, { ifMatch: versions[lane]! })).version;
  }
  return [
    operations('redis: 100 puts of 4 KiB, 1 in flight', 100, 1, small.length, set, put),
    operations('redis: 1,024 puts of 4 KiB, 32 in flight', 1024, 32, small.length, set, put),
    operations('redis: 1,024 conditional puts of 4 KiB, 32 in flight', 1024, 32, small.length, set, (_, lane) => replace(lane)),
    reads(
      'redis: 512 gets of 64 KiB, 32 in flight',
      512,
      32,
      large.length,
      () => client.getBuffer('raw:large'),
      () => readValue(provider, 'large'),
    ),
    batch(
      'redis: putMany of 1,000 x 4 KiB, against one pipeline',
      items.length * small.length,
      async () => {
        const pipeline = client.pipeline();
        for (const { key, value } of items) pipeline.set(`raw:${key}`, value);
        return ((await pipeline.exec()) ?? []).filter(([error]) => error === null).length;
      },
      async () => (await provider.putMany(items)).filter(({ status }) => status === 'fulfilled').length,
    ),
  ];
}

async function s3Cases(server: string, { facts }: BenchServer<S3Facts>): Promise<BenchCase[]> {
  const { endpoint, region = 'auto', bucket, accessKeyId, secretAccessKey } = facts;
  const credentials = { accessKeyId, secretAccessKey };
  const provider = s3({ endpoint, region, bucket, prefix: 'ours/', credentials, forcePathStyle: true });
  const agent = { keepAlive: true, maxSockets: 64 };
  const client = new S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    maxAttempts: 1,
    requestHandler: { httpAgent: agent, httpsAgent: agent },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
  });
  const value = bytesOf(64 * KIB);
  const putRaw = (key: string) => client.send(new PutObjectCommand({ Bucket: bucket, Key: `raw/${key}`, Body: value }));
  const getRaw = async (key: string) =>
    (await client.send(new GetObjectCommand({ Bucket: bucket, Key: `raw/${key}` }))).Body!.transformToByteArray();
  await putRaw('read');
  await provider.put('read', value);
  await proveStored(provider, value, (key) => putRaw(key).then(() => getRaw(key)));
  return [
    operations(
      `s3 on ${server}: 64 puts of 64 KiB, 32 in flight`,
      ...([64, 32, value.length] as const),
      (i) => putRaw(String(i % KEYS)),
      (i) => provider.put(`key${i % KEYS}`, value),
    ),
    reads(
      `s3 on ${server}: 64 gets of 64 KiB, 32 in flight`,
      64,
      32,
      value.length,
      () => getRaw('read'),
      () => readValue(provider, 'read'),
    ),
  ];
}

async function filesystemCases(root: string): Promise<BenchCase[]> {
  const provider = filesystem({ root: join(root, 'ours'), durability: 'full' });
  // As many folders as the provider has shards for so many keys, more or less: each is synced by itself.
  const folders = Array.from({ length: KEYS }, (_, i) => join(root, 'raw', String(i)));
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const value = bytesOf(4 * KIB);
  await proveStored(provider, value, async (key) => {
    await putFile(folders[0]!, key, value);
    const handle = await openFile(join(folders[0]!, key));
    const stored = await handle.readFile();
    await handle.close();
    return stored;
  });
  const put = (i: number) => provider.put(`key ${i % KEYS}`, value);
  const raw = (i: number) => putFile(folders[i % KEYS]!, 'value', value);
  return [
    operations("filesystem 'full': 32 puts of 4 KiB, 1 in flight", 32, 1, value.length, raw, put),
    operations("filesystem 'full': 64 puts of 4 KiB, 8 in flight", 64, 8, value.length, raw, put),
  ];
}

/** The system calls that a durable put cannot do without. */
async function putFile(folder: string, name: string, value: Uint8Array): Promise<void> {
  const path = join(folder, name);
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  const handle = await openFile(temporary, 'wx', 0o600);
  await handle.write(value);
  await handle.sync();
  await handle.close();
  await rename(temporary, path);
  const directory = await openFile(folder, 'r');
  await directory.sync();
  await directory.close();
}

async function lmdbCases(folder: string): Promise<BenchCase[]> {
  const provider = lmdb({ path: join(folder, 'lmdb') });
  const { open } = createRequire(import.meta.url)('lmdb') as { open(options: object): RawLmdb };
  const database = open({
    path: join(folder, 'raw-lmdb'),
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  });
  const value = bytesOf(4 * KIB);
  await proveStored(provider, value, async (key) => {
    await database.put(Buffer.from(key), value);
    return database.getBinary(Buffer.from(key));
  });
  const keys = Array.from({ length: 1000 }, (_, i) => Buffer.from(`key ${i}`));
  const items = keys.map((key) => ({ key: key.toString(), value }));
  const raw = (i: number) => database.put(keys[i % KEYS]!, value);
  const put = (i: number) => provider.put(`key ${i % KEYS}`, value);
  return [
    operations("lmdb 'full': 512 puts of 4 KiB, 32 in flight", 512, 32, value.length, raw, put),
    batch(
      "lmdb 'full': putMany of 1,000 x 4 KiB",
      items.length * value.length,
      async () => (await Promise.all(keys.map((key) => database.put(key, value)))).filter((isStored) => isStored).length,
      async () => (await provider.putMany(items)).filter(({ status }) => status === 'fulfilled').length,
    ),
    reads(
      'lmdb: 512 gets of 4 KiB, 1 in flight',
      ...([512, 1, value.length] as const),
      async () => database.getBinary(keys[0]!),
      () => readValue(provider, 'key 0'),
    ),
  ];
}

type Operation = (i: number, lane: number) => Promise<unknown>;

/** `count` operations, `lanes` at a time. Equal: as many were done. That they store the same is proven beforehand (`proveStored`). */
function operations(name: string, count: number, lanes: number, valueBytes: number, raw: Operation, ours: Operation): BenchCase {
  async function run(operation: Operation): Promise<number> {
    let done = 0;
    await inLanes(count, lanes, async (i, lane) => {
      await operation(i, lane);
      done += 1;
    });
    return done;
  }
  return versus(
    name,
    count * valueBytes,
    (first, other) => first === other && first === count,
    () => run(raw),
    () => run(ours),
  );
}

/** `count` reads, `lanes` at a time. Equal: the bytes that were read last. */
function reads(
  name: string,
  count: number,
  lanes: number,
  valueBytes: number,
  raw: () => Promise<Uint8Array | null>,
  ours: () => Promise<Uint8Array | null>,
): BenchCase {
  async function run(read: () => Promise<Uint8Array | null>): Promise<Uint8Array | null> {
    let last: Uint8Array | null = null;
    await inLanes(count, lanes, async () => {
      last = await read();
    });
    return last;
  }
  return versus(
    name,
    count * valueBytes,
    sameBytes,
    () => run(raw),
    () => run(ours),
  );
}

/** One call that stores many values and gives how many it stored. */
function batch(name: string, inputBytes: number, raw: () => Promise<number>, ours: () => Promise<number>): BenchCase {
  return versus(name, inputBytes, (first, other) => first === other, raw, ours);
}

function versus(name: string, inputBytes: number, agree: BenchCase['agree'], raw: Contestant['run'], ours: Contestant['run']): BenchCase {
  return {
    ...{ name, inputBytes, agree },
    contestants: [
      { name: RAW, rival: true, run: raw },
      { name: OURS, run: ours },
    ],
  };
}

async function inLanes(count: number, lanes: number, work: (i: number, lane: number) => Promise<void>): Promise<void> {
  let next = 0;
  async function take(lane: number): Promise<void> {
    while (next < count) await work(next++, lane);
  }
  await Promise.all(Array.from({ length: lanes }, (_, lane) => take(lane)));
}

/** Throws unless the provider and the raw way both give back what they stored. */
async function proveStored(provider: StorageProvider, value: Uint8Array, raw: (key: string) => Promise<Uint8Array | null>): Promise<void> {
  await provider.put('proof', value);
  if (!sameBytes(await readValue(provider, 'proof'), value) || !sameBytes(await raw('proof'), value)) {
    throw new Error(`bench storage: ${provider.name}: what is read is not what was stored`);
  }
}

async function readValue(provider: StorageProvider, key: string): Promise<Uint8Array | null> {
  return (await provider.get(key))?.value ?? null;
}

function bytesOf(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(randomBytes(length));
}

/** A listing in a process of its own. The store is filled by the first; a quick look leaves both out. */
function listing(provider: string, options: object, count: number, found: Map<string, Listing>): BenchCase {
  const run = promisify(execFile);
  const script = fileURLToPath(new URL('./storage-listing.js', import.meta.url));
  let filling: Promise<unknown> | null = null;
  async function list(): Promise<Listing> {
    const words = [provider, JSON.stringify(options), String(count)];
    filling ??= run(process.execPath, [script, 'fill', ...words]);
    await filling;
    const { stdout } = await run(process.execPath, [script, 'list', ...words]);
    const result = JSON.parse(stdout) as Listing;
    if (result.keys !== count) throw new Error(`bench storage: ${provider}: ${result.keys} of ${count} keys were listed`);
    const name = `${provider}, ${count.toLocaleString('en')} keys`;
    const worst = found.get(name);
    found.set(name, worst === undefined || worst.growthBytes < result.growthBytes ? result : worst);
    return result;
  }
  return {
    name: `${provider}: listing of ${count.toLocaleString('en')} keys`,
    inputBytes: null,
    agree: (first, other) => first === other,
    contestants: [{ name: OURS, slow: true, run: async () => (await list()).keys, sample: async () => (await list()).ms }],
  };
}

function describeListings(found: ReadonlyMap<string, Listing>): string {
  if (found.size === 0) return '';
  const each = [...found].map(([name, { growthBytes, repeated }]) => {
    return `${name}: ${formatBytes(growthBytes)}, ${repeated === 0 ? 'each once' : `${repeated} came again`}`;
  });
  return `Every listing gave every key; how much the process’s own memory (RssAnon) grew at most while it did: ${each.join('; ')}.`;
}
