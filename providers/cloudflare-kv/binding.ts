/**
 * KV by the binding that a Worker has. It takes no signal, and has no batches for bytes: its reading of many keys decodes them as text.
 */

import type { Call } from '../calls.ts';
import { failure, type KvPage, type KvPageRequest, type KvPair, type KvService, readStart } from './namespace.ts';

/** What we use of a binding to Workers KV: `env.NAME` in a Worker. */
export interface KvNamespaceLike {
  get(key: string, type: 'arrayBuffer'): Promise<ArrayBuffer | null>;
  /** `value` is a ReadableStream or null. */
  getWithMetadata(key: string, type: 'stream'): Promise<{ readonly value: unknown; readonly metadata: unknown }>;
  put(key: string, value: ArrayBufferView, options?: { expirationTtl?: number; metadata?: unknown }): Promise<void>;
  delete(key: string): Promise<void>;
  list(options: { prefix: string; limit: number; cursor?: string }): Promise<{
    readonly keys: readonly { readonly name: string; readonly metadata?: unknown }[];
    readonly list_complete: boolean;
    readonly cursor?: string;
  }>;
}

/** KV behind `namespace`. */
export function bindingService(namespace: KvNamespaceLike): KvService {
  async function open(operation: string, name: string): Promise<{ stream: ReadableStream<Uint8Array>; metadata: unknown } | null> {
    const { value, metadata } = await answer(operation, namespace.getWithMetadata(name, 'stream'));
    return value === null ? null : { stream: value as ReadableStream<Uint8Array>, metadata };
  }

  return {
    async get(name) {
      const buffer = await answer('get', namespace.get(name, 'arrayBuffer'));
      return buffer === null ? null : new Uint8Array(buffer);
    },

    async getStart(name, bytes) {
      const found = await open('get', name);
      return found === null ? null : answer('get', readStart(found.stream, bytes));
    },

    async getMetadata(name) {
      const found = await open('head', name);
      if (found === null) return null;
      await found.stream.cancel();
      return { metadata: found.metadata };
    },

    async put({ name, bytes, metadata, ttlSeconds }: KvPair) {
      const options = { ...(metadata === null ? {} : { metadata }), ...(ttlSeconds === null ? {} : { expirationTtl: ttlSeconds }) };
      await answer('put', namespace.put(name, bytes, options));
    },

    async delete(name) {
      await answer('delete', namespace.delete(name));
    },

    async list({ prefix, cursor, limit }: KvPageRequest, _call: Call): Promise<KvPage> {
      const page = await answer('list', namespace.list({ prefix, limit, ...(cursor === null ? {} : { cursor }) }));
      const entries = page.keys.map(({ name, metadata }) => ({ name, metadata }));
      return { entries, cursor: page.list_complete ? null : (page.cursor ?? null) };
    },
  };
}

/** What the binding gives. Its errors say "KV PUT failed: 429 Too Many Requests", sometimes with more behind it; only the number is kept. */
async function answer<T>(operation: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    const status = /^KV \w+ failed: (\d{3})\b/.exec(error instanceof Error ? error.message : '')?.[1];
    throw failure(operation, status === undefined ? null : Number(status));
  }
}
