/**
 * A Worker that runs the provider over its own binding and does with it what it is told over HTTP (cloudflare-kv-remote.ts), so that tests in Node
 * test what runs in workerd.
 */
import { cloudflareKv, type KvNamespaceLike } from '../../providers/cloudflare-kv.ts';
import { PspError } from '../../ts/errors.ts';
import type { ListPage, PageOptions, PutOptions, StorageProvider } from '../../ts/provider.ts';

/** What the Worker is to do: the header `x-call`. A value that is put is the body. */
export type RemoteCall = { readonly prefix: string; readonly nowMs: number } & (
  | { readonly operation: 'get' | 'getStream' | 'head' | 'delete'; readonly key: string }
  | { readonly operation: 'put' | 'putStream'; readonly key: string; readonly options: PutOptions }
  | { readonly operation: 'listPage'; readonly options: PageOptions }
  | { readonly operation: 'sweep' | 'ping' | 'capabilities' }
);

/** An error as JSON. */
export interface RemoteError {
  readonly code: string | null;
  readonly message: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

export default {
  async fetch(request: Request, { KV }: { KV: KvNamespaceLike }): Promise<Response> {
    const call = JSON.parse(decodeURIComponent(request.headers.get('x-call') ?? '')) as RemoteCall;
    const provider = cloudflareKv({ binding: KV, prefix: call.prefix, now: () => call.nowMs });
    try {
      return await run(provider, call, request);
    } catch (error) {
      return Response.json(errorOf(error), { status: 500 });
    }
  },
};

async function run(provider: StorageProvider, call: RemoteCall, request: Request): Promise<Response> {
  switch (call.operation) {
    case 'get': {
      const record = await provider.get(call.key);
      if (record === null) return new Response(null, { status: 204 });
      const { value, ...head } = record;
      return new Response(value, { headers: { 'x-head': encodeURIComponent(JSON.stringify(head)) } });
    }
    case 'getStream': {
      const found = await provider.getStream(call.key);
      if (found === null) return new Response(null, { status: 204 });
      const { stream, ...head } = found;
      return new Response(stream, { headers: { 'x-head': encodeURIComponent(JSON.stringify(head)) } });
    }
    case 'put':
      return Response.json(await provider.put(call.key, new Uint8Array(await request.arrayBuffer()), call.options));
    case 'putStream':
      return Response.json(await provider.put(call.key, request.body ?? new Blob([]).stream(), call.options));
    case 'head':
      return Response.json(await provider.head(call.key));
    case 'delete':
      return Response.json(await provider.delete(call.key));
    case 'listPage':
      return Response.json(pageOf(await provider.listPage(call.options)));
    case 'sweep':
      return Response.json(await provider.sweep());
    case 'ping': {
      const { error } = await provider.health();
      if (error !== null) throw error;
      return Response.json(null);
    }
    case 'capabilities':
      return Response.json(provider.capabilities);
  }
}

function pageOf(page: ListPage): object {
  return { ...page, damaged: page.damaged.map(({ key, error }) => ({ key, error: errorOf(error) })) };
}

function errorOf(error: unknown): RemoteError {
  if (error instanceof PspError) return { code: error.code, message: error.message, details: error.details };
  return { code: null, message: String(error), details: {} };
}
