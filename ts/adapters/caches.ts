/**
 * Cache Storage of one origin (Service Workers, section 5). A fetched response keeps its type, address and filtered headers by being fetched once more in
 * the restore, answered from the session: the site is not asked. The body of an opaque response, which no script may read, comes by the DevTools protocol.
 */
import { PspError } from '../errors.ts';
import { decodeBase64Text } from '../kernel/text.ts';
import type { SectionSink } from '../session/section-sink.ts';
import type { CacheEntry, Extent, NamedCache, Section } from '../session/session.ts';
import type { AnswerRequest } from './answers.ts';
import { BYTES_MEDIA_TYPE, digestSink, isSameContent, sendBody, takeBody } from './bodies.ts';
import type { InterceptedPage, Standing } from './intercept.ts';
import type { Operation } from './operation.ts';
import type { CacheEntryRead } from './page/caches.ts';
import { storageAddress } from './storage-key.ts';

/** The document that a restore or capture of caches works in. */
export interface CachePlace extends Standing {
  /** For the report. */
  readonly place: string;
}

const SLOT = 'cache';

/** An address of another site (RFC 6761, section 6.4): what is fetched from there is foreign to every page. It is answered here. */
const STAND_IN = 'https://persistent-sessions.invalid/response';

/** Reads every cache. A cache or a body that fails is an entry of the report, and makes the extent partial. */
export async function captureCaches(operation: Operation, at: CachePlace): Promise<{ caches: NamedCache[]; extent: Extent }> {
  const { world, place } = at;
  const caches: NamedCache[] = [];
  let extent: Extent = 'complete';
  for (const name of await world.call('cacheNames')) {
    const entry = { outcome: 'lost', kind: 'cacheStorage', place: `${place} ${name}` } as const;
    const read = await operation.part(entry, () => readCache(operation, at, name, operation.sink));
    if (read === 'gone') continue;
    const entries = (read ?? []).filter((one) => one !== null);
    if (read === null || entries.length < read.length) extent = 'partial';
    if (read !== null) caches.push({ name, entries });
  }
  return { caches, extent };
}

/** The entries in their order; null for one whose body cannot be read. */
async function readCache(operation: Operation, at: CachePlace, name: string, sink: SectionSink): Promise<(CacheEntry | null)[] | 'gone'> {
  const { world } = at;
  const found = await world.call('openCache', name);
  if (found === null) return 'gone';
  const entries: (CacheEntry | null)[] = [];
  for (const [index, read] of found.entries()) {
    const place = entryPlace(at.place, name, index);
    if (read.cameBy !== null) {
      const reason = `it came ${CAME[read.cameBy]}: the address that it came from is not kept`;
      operation.entries.push({ outcome: 'altered', kind: 'cacheStorage', place, reason });
    }
    const body = await operation.part({ outcome: 'lost', kind: 'cacheStorage', place }, async () => ({
      content: await readBody(at, name, index, read, sink),
    }));
    // Without the body that it has, an entry would be another answer than the site had kept.
    entries.push(body === null ? null : toEntry(read, body.content));
  }
  await world.call('closeCache');
  return entries;
}

const CAME = { redirect: 'by a redirect', 'other address': 'from another address than its request names' } as const;

function toEntry(read: CacheEntryRead, body: Section | null): CacheEntry {
  const { cameBy: _, hasBody, ...entry } = read;
  return { ...entry, ...(body === null || (body.length === 0 && !hasBody) ? {} : { body }) };
}

async function readBody(at: CachePlace, name: string, index: number, read: CacheEntryRead, sink: SectionSink): Promise<Section | null> {
  if (isHidden(read)) return keepWhole(await readHiddenBody(at, name, read), sink);
  if (!read.hasBody) return null;
  await at.world.call('readCacheBody', name, index, SLOT);
  return takeBody(at.world, SLOT, sink);
}

async function keepWhole(bytes: Uint8Array, sink: SectionSink): Promise<Section> {
  const writer = await sink.begin(BYTES_MEDIA_TYPE);
  await writer.write(bytes);
  return writer.end();
}

/** An opaque response tells scripts nothing, not even whether it has a body. */
function isHidden({ type }: Pick<CacheEntry, 'type'>): boolean {
  return type === 'opaque' || type === 'opaqueredirect';
}

async function readHiddenBody(at: CachePlace, name: string, read: CacheEntryRead): Promise<Uint8Array<ArrayBuffer>> {
  const { session } = at;
  if (session === null) throw new PspError('ADAPTER_UNSUPPORTED', 'no script may read the body of an opaque response');
  const { caches } = await session.send('CacheStorage.requestCacheNames', storageAddress(at));
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

/** What {@link restoreCaches} begins with. */
export function replaceCachesCall(caches: readonly NamedCache[], isAdded: boolean): ['replaceCaches', string[], boolean] {
  return ['replaceCaches', caches.map(({ name }) => name), isAdded];
}

/** Replaces every cache, or adds to those that are there, and reads back what was written; how many entries are there as captured. */
export async function restoreCaches(
  operation: Operation,
  at: CachePlace,
  answer: InterceptedPage['answer'] | null,
  caches: readonly NamedCache[],
  isAdded: boolean,
): Promise<number> {
  await at.world.call(...replaceCachesCall(caches, isAdded));
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
        verifyCache(operation, at, cache.name, written, isAdded),
      )) ?? 0;
  }
  return right;
}

async function putEntry({ world }: CachePlace, answer: InterceptedPage['answer'] | null, name: string, entry: CacheEntry): Promise<true> {
  const { body, ...rest } = entry;
  const write = {
    ...rest,
    requestHeaders: pairs(entry.requestHeaders),
    responseHeaders: pairs(entry.responseHeaders),
    hasBody: body !== undefined,
    standIn: STAND_IN,
  };
  if (entry.type === 'default' || answer === null) {
    if (isHidden(entry)) throw new PspError('ADAPTER_UNSUPPORTED', 'no script can make an opaque response');
    await sendBody(world, SLOT, body);
    await world.call('putInCache', name, { ...write, type: 'default' }, SLOT);
    return true;
  }
  // Only an answer as a whole can be given to a request.
  const bytes = (await body?.bytes()) ?? new Uint8Array(0);
  const stops = [entry.url, STAND_IN].map((url) => answer(url, answerFor(entry, bytes)));
  try {
    await world.call('putInCache', name, write, SLOT);
  } finally {
    for (const stop of stops) stop();
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
  isAdded: boolean,
): Promise<number> {
  const found = await readCache(operation, at, name, digestSink);
  const entries = found === 'gone' ? [] : found;
  let right = 0;
  for (const [index, { entry, place }] of written.entries()) {
    // Among others an entry has the place of the one that it took the place of.
    const there = isAdded ? entries.filter((one) => one?.url === entry.url && one.method === entry.method).at(-1) : entries[index];
    // One that cannot be read has its entry already.
    if (there === null) continue;
    const difference = await differingPart(entry, there);
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
  return (await isSameContent(expected.body, found.body)) ? null : 'body';
}
