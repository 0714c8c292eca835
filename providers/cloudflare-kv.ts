/**
 * Values in Cloudflare's Workers KV: by a binding inside a Worker, or over REST from anywhere. KV has no conditional write, so this provider has
 * none: `ifMatch` and `ifNoneMatch` are `PROVIDER_UNSUPPORTED`, and of two writers the later wins. A value may take a minute to be seen elsewhere, and
 * KV takes one write a second for a key (`PROVIDER_THROTTLED` beyond). Where things stand in the namespace: cloudflare-kv/record.ts.
 */

import type { StorageProvider } from '../ts/provider.ts';
import { bindingService, type KvNamespaceLike } from './cloudflare-kv/binding.ts';
import { kvCore } from './cloudflare-kv/core.ts';
import type { KvService } from './cloudflare-kv/namespace.ts';
import { restService } from './cloudflare-kv/rest.ts';
import { provide } from './provide.ts';

export type { KvNamespaceLike } from './cloudflare-kv/binding.ts';

/** What both ways to KV take. */
interface CommonOptions {
  /**
   * Stands before every name, so that several stores can share a namespace, none whose prefix begins with that of another; '' when not given.
   * What it takes of 511 bytes, keys cannot have.
   */
  readonly prefix?: string;
  /** Milliseconds since the epoch; `Date.now` when not given. */
  readonly now?: () => number;
  /** The time limit of calls that name none; 60 seconds when not given, 0: none. */
  readonly timeoutMs?: number;
}

/** KV by the binding of a Worker. */
export interface KvBindingOptions extends CommonOptions {
  /** `env.NAME` of the Worker. */
  readonly binding: KvNamespaceLike;
}

/** KV over Cloudflare's REST interface. */
export interface KvRestOptions extends CommonOptions {
  readonly accountId: string;
  readonly namespaceId: string;
  /** A token that may read and write Workers KV. It is sent, and kept in no object that can be printed. */
  readonly apiToken: string;
  /** `https://api.cloudflare.com/client/v4` when not given. */
  readonly baseUrl?: string;
  /** The global `fetch` when not given. */
  readonly fetch?: typeof fetch;
}

/** How {@link cloudflareKv} is made. */
export type CloudflareKvOptions = KvBindingOptions | KvRestOptions;

const CLOUDFLARE = 'https://api.cloudflare.com/client/v4';
const TIMEOUT_MS = 60_000;

/**
 * A provider over one namespace of Workers KV. Values above 25 MiB, to 1 GiB, are kept in chunks of 20 MiB; a stream is read in memory for two of
 * them. An expiry is exact on every read, though KV itself keeps a value for a minute at least. `sweep` removes what writers of large
 * values left; what has expired, KV removes by itself. A large value that is overwritten leaves its chunks to the sweep.
 *
 * Over REST `putMany` and `deleteMany` take one request for thousands of keys; `getMany` takes one for each key in both ways, because KV's reading
 * of many keys gives text, not bytes.
 *
 * Over REST opening reads once: a wrong token or namespace shows there as `PROVIDER_UNAVAILABLE`, with the `status` in its details.
 * TypeError when `baseUrl` is no URL or the token holds what no header can; RangeError when `prefix` leaves no room for keys.
 *
 * @example
 * const inWorker = cloudflareKv({ binding: env.SESSIONS });
 * const anywhere = cloudflareKv({ accountId, namespaceId, apiToken: process.env.CLOUDFLARE_API_TOKEN });
 */
export function cloudflareKv(options: CloudflareKvOptions): StorageProvider {
  const { prefix = '', now = Date.now, timeoutMs = TIMEOUT_MS } = options;
  const isBinding = 'binding' in options;
  const service = isBinding ? bindingService(options.binding) : openRest(options);
  // A binding has nothing to connect to, and Workers make their providers anew for every request.
  return provide(kvCore({ service, prefix, now, timeoutMs, pingAtOpen: !isBinding }));
}

function openRest({ accountId, namespaceId, apiToken, baseUrl = CLOUDFLARE, fetch = globalThis.fetch }: KvRestOptions): KvService {
  // In a Worker fetch must be called without a receiver of its own.
  return restService({ accountId, namespaceId, apiToken, baseUrl, fetch: (...args) => fetch(...args) });
}
