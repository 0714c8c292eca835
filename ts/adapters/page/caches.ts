/**
 * Cache Storage of the document this runs in. A response that was fetched keeps its type and address only if it is fetched again, so a restore does that:
 * the driver answers the request in place of the network. What was made by a script is made by a script here, too.
 */
import { offerBody, takeBody } from './bodies.ts';
import { type Rooms, rooms } from './buckets.ts';

/** An entry of a cache, without the body. */
export interface CacheEntryRead {
  readonly url: string;
  readonly method: string;
  readonly requestHeaders: [name: string, value: string][];
  readonly status: number;
  readonly statusText: string;
  readonly type: ResponseType;
  readonly responseHeaders: [name: string, value: string][];
  /** The response came by a redirect, or was fetched from another address than the request names: a session has no place for either. */
  readonly cameBy: 'redirect' | 'other address' | null;
  readonly hasBody: boolean;
}

/** What an entry is written from. */
export interface CacheEntryWrite extends Omit<CacheEntryRead, 'cameBy'> {
  /** An address of another site, for a foreign response that is kept under an address of this origin. */
  readonly standIn: string;
}

function store(): NonNullable<Rooms['caches']> {
  const { caches } = rooms();
  if (caches === undefined) throw new DOMException('there is no Cache Storage here', 'NotSupportedError');
  return caches;
}

/** Responses of the cache that is being read, by their place in it. */
let opened: { readonly name: string; readonly responses: readonly Response[] } | null = null;

/** Names of the caches, oldest first. An insecure page has none. */
export async function cacheNames(): Promise<string[]> {
  return (await rooms().caches?.keys()) ?? [];
}

/** What a cache holds, in its order; null when it is gone. Its bodies can be had until another cache is opened. */
export async function openCache(name: string): Promise<CacheEntryRead[] | null> {
  if (!(await rooms().caches?.has(name))) return null;
  const cache = await store().open(name);
  const [requests, responses] = await Promise.all([cache.keys(), cache.matchAll()]);
  // Both list the same entries in the same order, unless somebody wrote between the two.
  if (requests.length !== responses.length) throw new DOMException('the cache changed while it was read', 'InvalidStateError');
  opened = { name, responses };
  return requests.map((request, i) => {
    const { status, statusText, type, headers, url, redirected, body } = responses[i]!;
    return {
      url: request.url,
      method: request.method,
      requestHeaders: [...request.headers],
      status,
      statusText,
      type,
      responseHeaders: [...headers],
      cameBy: redirected ? 'redirect' : url !== '' && url !== withoutHash(request.url) ? 'other address' : null,
      hasBody: body !== null,
    };
  });
}

function withoutHash(address: string): string {
  const url = new URL(address);
  url.hash = '';
  return url.href;
}

/** Reads the body of an entry of the open cache and holds it for the driver under `slot`; how many bytes it has. */
export async function readCacheBody(name: string, index: number, slot: string): Promise<number> {
  const response = opened?.name === name ? opened.responses[index] : undefined;
  if (response === undefined) throw new DOMException('the cache is not open', 'InvalidStateError');
  return offerBody(slot, await response.blob());
}

/** Lets go of the responses of the open cache. */
export function closeCache(): void {
  opened = null;
}

/** Removes every cache, and makes those named anew, empty. */
export async function replaceCaches(names: readonly string[], isAdded: boolean): Promise<void> {
  if (!isAdded) for (const name of await cacheNames()) await store().delete(name);
  for (const name of names) await store().open(name);
}

/** Puts an entry into a cache. The body, if it is made here, is what the driver sent under `slot`; the request for any other is answered by the driver. */
export async function putInCache(name: string, entry: CacheEntryWrite, slot: string): Promise<void> {
  const { url, method, requestHeaders } = entry;
  const response =
    entry.type === 'default' ? makeResponse(entry, takeBody(slot)) : await fetch(sourceOf(entry), { method, ...FETCHING[entry.type] });
  const cache = await store().open(name);
  await cache.put(new Request(url, { method, headers: requestHeaders }), response);
}

function sourceOf({ url, type, standIn }: CacheEntryWrite): string {
  const isForeign = type === 'cors' || type === 'opaque';
  return isForeign && new URL(url).origin === location.origin ? standIn : url;
}

function makeResponse({ status, statusText, responseHeaders, hasBody }: CacheEntryWrite, body: Blob): Response {
  const response = new Response(hasBody ? body : null, { status, statusText });
  // A Blob brings a type of its own, which is none of the entry's.
  response.headers.delete('content-type');
  for (const [field, value] of responseHeaders) response.headers.append(field, value);
  return response;
}

/** How a response comes to have the type. Nothing is sent along, and nothing comes from the HTTP cache. */
const FETCHING: Readonly<Record<Exclude<ResponseType, 'default'>, RequestInit>> = {
  basic: { mode: 'same-origin', credentials: 'omit', cache: 'no-store' },
  cors: { mode: 'cors', credentials: 'omit', cache: 'no-store' },
  opaque: { mode: 'no-cors', credentials: 'omit', cache: 'no-store' },
  opaqueredirect: { mode: 'no-cors', credentials: 'omit', cache: 'no-store', redirect: 'manual' },
  error: {},
};
