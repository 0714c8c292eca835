/**
 * Cache Storage of one origin (Service Workers, section 5). A fetched response keeps its type, address and filtered headers by being fetched once more in
 * the restore, answered from the session: the site is not asked. The body of an opaque response, which no script may read, comes by the DevTools protocol.
 */
import { PspError } from '../errors.ts';
import { decodeBase64Text } from '../kernel/text.ts';
import { sameBytes } from '../session/bytes.ts';
import { type CacheEntry, type Extent, type NamedCache, type Section, section } from '../session/session.ts';
import { BYTES_MEDIA_TYPE, sendBody, takeBody } from './bodies.ts';
import type { AnswerRequest } from './intercept.ts';
import type { Operation } from './operation.ts';
import type { CacheEntryRead } from './page/caches.ts';
import type { PageWorld } from './page-world.ts';
import type { DevToolsSession } from './protocol.ts';

/** The document that a restore or capture of caches works in. */
export interface CachePlace {
  readonly session: DevToolsSession;
  readonly world: PageWorld;
  /** The browser's name for the storage. */
  readonly storageKey: string;
  /** For the report. */
  readonly place: string;
}

const SLOT = 'cache';

/** Reads every cache. A cache or a body that fails is an entry of the report, and makes the extent partial. */
export async function captureCaches(operation: Operation, at: CachePlace): Promise<{ caches: NamedCache[]; extent: Extent }> {
  const { world, place } = at;
  const caches: NamedCache[] = [];
  let extent: Extent = 'complete';
  for (const name of await world.call('cacheNames')) {
    const entry = { outcome: 'lost', kind: 'cacheStorage', place: `${place} ${name}` } as const;
    const read = await operation.part(entry, () => readCache(operation, at, name));
    if (read === null) extent = 'partial';
    else if (read !== 'gone') caches.push(read);
  }
  return { caches, extent };
}

async function readCache(operation: Operation, at: CachePlace, name: string): Promise<NamedCache | 'gone'> {
  const { world } = at;
  const found = await world.call('openCache', name);
  if (found === null) return 'gone';
  const entries: CacheEntry[] = [];
  for (const [index, read] of found.entries()) {
    const place = entryPlace(at.place, name, index);
    if (read.isRedirected) {
      const reason = 'it came by a redirect: the address that it came from is not kept';
      operation.entries.push({ outcome: 'altered', kind: 'cacheStorage', place, reason });
    }
    const body = await operation.part({ outcome: 'lost', kind: 'cacheStorage', place: `${place} body` }, () =>
      readBody(at, name, index, read),
    );
    entries.push(toEntry(read, body));
  }
  await world.call('closeCache');
  return { name, entries };
}

function toEntry(read: CacheEntryRead, body: Uint8Array<ArrayBuffer> | null): CacheEntry {
  const { isRedirected: _, hasBody, ...entry } = read;
  return { ...entry, ...(body === null || (body.length === 0 && !hasBody) ? {} : { body: section(body, BYTES_MEDIA_TYPE) }) };
}

async function readBody(at: CachePlace, name: string, index: number, read: CacheEntryRead): Promise<Uint8Array<ArrayBuffer> | null> {
  if (isHidden(read)) return readHiddenBody(at, name, read);
  if (!read.hasBody) return null;
  await at.world.call('readCacheBody', name, index, SLOT);
  return takeBody(at.world, SLOT);
}

/** An opaque response tells scripts nothing, not even whether it has a body. */
function isHidden({ type }: Pick<CacheEntry, 'type'>): boolean {
  return type === 'opaque' || type === 'opaqueredirect';
}

async function readHiddenBody({ session, storageKey }: CachePlace, name: string, read: CacheEntryRead): Promise<Uint8Array<ArrayBuffer>> {
  const { caches } = await session.send('CacheStorage.requestCacheNames', { storageKey });
  const cache = caches.find(({ cacheName }) => cacheName === name);
  if (cache === undefined) throw new PspError('ADAPTER_PROTOCOL', 'the browser does not list the cache');
  const requestHeaders = read.requestHeaders.map(([field, value]) => ({ name: field, value }));
  const { response } = await session.send('CacheStorage.requestCachedResponse', {
    cacheId: cache.cacheId,
    requestURL: read.url,
    requestHeaders,
  });
  return decodeBase64Text(response.body);
}

/** An address may be secret: entries are named by their number. */
function entryPlace(place: string, name: string, index: number): string {
  return `${place} ${name} entry ${index}`;
}

/** Replaces every cache and reads back what was written; how many entries are there as captured. */
export async function restoreCaches(
  operation: Operation,
  at: CachePlace,
  answer: (url: string, response: AnswerRequest) => () => void,
  caches: readonly NamedCache[],
): Promise<number> {
  await at.world.call(
    'replaceCaches',
    caches.map(({ name }) => name),
  );
  let right = 0;
  for (const cache of caches) {
    const written: { readonly entry: CacheEntry; readonly place: string }[] = [];
    for (const [index, entry] of cache.entries.entries()) {
      const place = entryPlace(at.place, cache.name, index);
      const put = await operation.part({ outcome: 'lost', kind: 'cacheStorage', place }, () => putEntry(at, answer, cache.name, entry));
      if (put !== null) written.push({ entry, place });
    }
    right +=
      (await operation.part({ outcome: 'lost', kind: 'cacheStorage', place: `${at.place} ${cache.name}` }, () =>
        verifyCache(operation, at, cache.name, written),
      )) ?? 0;
  }
  return right;
}

async function putEntry(
  { world }: CachePlace,
  answer: (url: string, response: AnswerRequest) => () => void,
  name: string,
  entry: CacheEntry,
): Promise<true> {
  const { body, ...rest } = entry;
  const bytes = (await body?.bytes()) ?? new Uint8Array(0);
  const write = {
    ...rest,
    requestHeaders: pairs(entry.requestHeaders),
    responseHeaders: pairs(entry.responseHeaders),
    hasBody: body !== undefined,
  };
  if (entry.type === 'default') {
    await sendBody(world, SLOT, bytes);
    await world.call('putInCache', name, write, SLOT);
    return true;
  }
  const stop = answer(entry.url, answerFor(entry, bytes));
  try {
    await world.call('putInCache', name, write, SLOT);
  } finally {
    stop();
  }
  return true;
}

function pairs(fields: CacheEntry['responseHeaders']): [string, string][] {
  return fields.map(([name, value]) => [name, value]);
}

/** What the network would have said for the browser to make the entry of it. */
function answerFor({ type, status, statusText, responseHeaders }: CacheEntry, body: Uint8Array): AnswerRequest {
  const headers = pairs(responseHeaders);
  if (type === 'opaqueredirect') return { status: 302, statusText: '', headers: [['location', '/']], body };
  if (type === 'opaque') return { status: 200, statusText: '', headers, body };
  if (type === 'cors') {
    // What is not named here is filtered out, these two with it.
    headers.push(['access-control-allow-origin', '*'], ['access-control-expose-headers', responseHeaders.map(([name]) => name).join(', ')]);
  }
  return { status, statusText, headers, body };
}

async function verifyCache(
  operation: Operation,
  at: CachePlace,
  name: string,
  written: readonly { readonly entry: CacheEntry; readonly place: string }[],
): Promise<number> {
  const found = await readCache(operation, at, name);
  const entries = found === 'gone' ? [] : found.entries;
  let right = 0;
  for (const [index, { entry, place }] of written.entries()) {
    const difference = await differingPart(entry, entries[index]);
    if (difference === null) right++;
    else operation.entries.push({ outcome: 'altered', kind: 'cacheStorage', place, reason: `its ${difference} reads back differently` });
  }
  return right;
}

const COMPARED = ['url', 'method', 'status', 'statusText', 'type'] as const;

async function differingPart(expected: CacheEntry, found: CacheEntry | undefined): Promise<string | null> {
  if (found === undefined) return 'whole entry';
  const member = COMPARED.find((name) => expected[name] !== found[name]);
  if (member !== undefined) return member;
  if (JSON.stringify(expected.requestHeaders) !== JSON.stringify(found.requestHeaders)) return 'request headers';
  if (JSON.stringify(expected.responseHeaders) !== JSON.stringify(found.responseHeaders)) return 'response headers';
  const bytesOf = async (body: Section | undefined): Promise<Uint8Array> => (await body?.bytes()) ?? new Uint8Array(0);
  return sameBytes(await bytesOf(expected.body), await bytesOf(found.body)) ? null : 'body';
}
