/** The provider that runs in the Worker of cloudflare-kv-worker.ts, as a provider of this process. */
import { type ProviderCore, provide } from '../../providers/provide.ts';
import { PspError, type PspErrorCode } from '../../ts/errors.ts';
import type { Capabilities, RecordHead, StorageProvider } from '../../ts/provider.ts';
import { freshFetch } from './cloudflare-kv-raw.ts';
import type { RemoteCall, RemoteError } from './cloudflare-kv-worker.ts';

/** A call without what all calls have. */
type Bare<T> = T extends unknown ? Omit<T, 'prefix' | 'nowMs'> : never;

/** The provider behind `workerUrl`, whose names begin with `prefix` and whose clock is `now`. */
export async function remoteKv(workerUrl: string, prefix: string, now: () => number): Promise<StorageProvider> {
  async function send(call: Bare<RemoteCall>, signal: AbortSignal | null, body?: BodyInit | ReadableStream<Uint8Array>): Promise<Response> {
    const header = encodeURIComponent(JSON.stringify({ ...call, prefix, nowMs: now() }));
    const init: RequestInit & { duplex: 'half' } = {
      method: 'POST',
      headers: { 'x-call': header },
      body: body ?? null,
      signal,
      duplex: 'half',
    };
    const response = await freshFetch(workerUrl, init);
    if (response.ok) return response;
    throw errorOf((await response.json()) as RemoteError);
  }

  async function ask<T>(call: Bare<RemoteCall>, signal: AbortSignal | null, body?: BodyInit | ReadableStream<Uint8Array>): Promise<T> {
    return (await (await send(call, signal, body)).json()) as T;
  }

  const core: ProviderCore = {
    name: 'cloudflare-kv',
    capabilities: await ask<Capabilities>({ operation: 'capabilities' }, null),
    timeoutMs: 60_000,

    async get(key, _range, { signal }) {
      const response = await send({ operation: 'get', key }, signal);
      if (response.status === 204) return null;
      return { ...headOf(response), value: new Uint8Array(await response.arrayBuffer()) };
    },

    async getStream(key, _range, { signal }) {
      const response = await send({ operation: 'getStream', key }, signal);
      if (response.status === 204) return null;
      return { ...headOf(response), stream: response.body as ReadableStream<Uint8Array> };
    },

    head: (key, { signal }) => ask({ operation: 'head', key }, signal),

    put: ({ key, value, expiresAt, metadata }, { signal }) =>
      ask({ operation: 'put', key, options: optionsOf(expiresAt, metadata) }, signal, new Uint8Array(value)),

    async putStream({ key, value, expiresAt, metadata }, { signal }) {
      // What fetch rejects with is its own; the failure of the stream is what the caller is owed.
      let failure: { error: unknown } | null = null;
      const reader = value.getReader();
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          try {
            const { done, value: piece } = await reader.read();
            if (done) controller.close();
            else controller.enqueue(piece);
          } catch (error) {
            failure = { error };
            throw error;
          }
        },
        cancel: (reason) => reader.cancel(reason),
      });
      try {
        return await ask({ operation: 'putStream', key, options: optionsOf(expiresAt, metadata) }, signal, body);
      } catch (error) {
        throw failure === null ? error : (failure as { error: unknown }).error;
      }
    },

    delete: (key, _condition, { signal }) => ask({ operation: 'delete', key }, signal),

    async listPage({ prefix: keyPrefix, cursor, limit }, { signal }) {
      const options = { prefix: keyPrefix, limit, ...(cursor === null ? {} : { cursor }) };
      const page = await ask<{ items: RecordHead[]; damaged: { key: string | null; error: RemoteError }[]; cursor: string | null }>(
        { operation: 'listPage', options },
        signal,
      );
      return { ...page, damaged: page.damaged.map(({ key, error }) => ({ key, error: errorOf(error) as PspError })) };
    },

    sweep: ({ signal }) => ask({ operation: 'sweep' }, signal),

    async ping({ signal }) {
      await send({ operation: 'ping' }, signal);
    },
  };
  return provide(core);
}

function optionsOf(expiresAt: number | null, metadata: Readonly<Record<string, string>>): object {
  return { metadata, ...(expiresAt === null ? {} : { expiresAt }) };
}

function headOf(response: Response): RecordHead {
  return JSON.parse(decodeURIComponent(response.headers.get('x-head') ?? '')) as RecordHead;
}

function errorOf({ code, message, details }: RemoteError): Error {
  return code === null ? new Error(message) : new PspError(code as PspErrorCode, message, { details });
}
