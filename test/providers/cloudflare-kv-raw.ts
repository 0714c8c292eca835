/** A namespace of KV without the provider: what tests look at, and damage, behind its back. */
import type { KvServer } from '../servers/miniflare.ts';

/** A name as KV lists it. `expiration` is in seconds since the epoch. */
export interface RawEntry {
  readonly name: string;
  readonly expiration?: number;
  readonly metadata?: unknown;
}

/** Plain requests to the REST interface of our Worker. */
export interface RawKv {
  entries(prefix: string): Promise<RawEntry[]>;
  names(prefix: string): Promise<string[]>;
  get(name: string): Promise<Uint8Array | null>;
  /** Without metadata: what was there is forgotten. */
  put(name: string, bytes: Uint8Array): Promise<void>;
  delete(name: string): Promise<void>;
}

/**
 * `fetch` with a connection for each request. workerd ends one that was idle for 5 s; Node stops using it after 4 s by a timer that a loaded machine
 * delays, and a request in between fails with ECONNRESET: which is right, and not what these tests are about.
 */
export const freshFetch: typeof fetch = (input, init) =>
  fetch(input, { ...init, headers: { ...(init?.headers as object), connection: 'close' } });

/** The namespace of `server`. */
export function rawKv({ frontUrl, namespaceId, apiToken }: KvServer): RawKv {
  async function send(path: string, init: RequestInit = {}): Promise<Response> {
    const url = `${frontUrl}/accounts/any/storage/kv/namespaces/${namespaceId}/${path}`;
    const response = await freshFetch(url, { ...init, headers: { authorization: `Bearer ${apiToken}` } });
    if (!response.ok && response.status !== 404) throw new Error(`KV answered ${response.status}: ${await response.text()}`);
    return response;
  }

  async function entries(prefix: string): Promise<RawEntry[]> {
    const response = await send(`keys?${new URLSearchParams({ prefix, limit: '1000' })}`);
    return ((await response.json()) as { result: RawEntry[] }).result;
  }

  return {
    entries,
    names: async (prefix) => (await entries(prefix)).map(({ name }) => name),

    async get(name) {
      const response = await send(`values/${encodeURIComponent(name)}`);
      return response.status === 404 ? null : new Uint8Array(await response.arrayBuffer());
    },

    async put(name, bytes) {
      await send(`values/${encodeURIComponent(name)}`, { method: 'PUT', body: new Uint8Array(bytes) });
    },

    async delete(name) {
      await send(`values/${encodeURIComponent(name)}`, { method: 'DELETE' });
    },
  };
}
