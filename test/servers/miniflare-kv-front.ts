/**
 * A Worker that answers like Cloudflare's REST interface for KV over a real binding, so that limits, expiry, order and cursors are workerd's: the
 * part of that interface that providers/cloudflare-kv uses. Written after Cloudflare's API reference (Workers KV namespaces). Runs in workerd.
 */

/** What this Worker is started with. */
interface Environment {
  readonly KV: Namespace;
  readonly NAMESPACE: string;
  readonly TOKEN: string;
}

/** What it uses of the binding. */
interface Namespace {
  get(key: string, type: 'stream'): Promise<ReadableStream | null>;
  getWithMetadata(key: string, type: 'stream'): Promise<{ value: ReadableStream | null; metadata: unknown }>;
  put(key: string, value: ArrayBuffer | ReadableStream, options: object): Promise<void>;
  delete(key: string): Promise<void>;
  list(
    options: object,
  ): Promise<{ keys: { name: string; expiration?: number; metadata?: unknown }[]; list_complete: boolean; cursor?: string }>;
}

/** One of a bulk write. */
interface Pair {
  readonly key: string;
  readonly value: string;
  readonly base64?: boolean;
  readonly expiration_ttl?: number;
  readonly metadata?: unknown;
}

const MAX_BULK_PAIRS = 10_000;
const MAX_BULK_BYTES = 100 * 1000 * 1000;

export default {
  async fetch(request: Request, environment: Environment): Promise<Response> {
    const url = new URL(request.url);
    const parts = /^\/client\/v4\/accounts\/[^/]+\/storage\/kv\/namespaces\/([^/]+)\/(.*)$/.exec(url.pathname);
    if (parts === null) return refuse(404, 7003, 'could not route');
    if (request.headers.get('authorization') !== `Bearer ${environment.TOKEN}`) return refuse(403, 10000, 'authentication error');
    if (parts[1] !== environment.NAMESPACE) return refuse(404, 10013, 'namespace not found');
    try {
      return await route(request, parts[2]!, url.searchParams, environment.KV);
    } catch (error) {
      // "KV PUT failed: 413 Value length of ..."
      const [, status = '400', what = ''] = /failed: (\d{3}) ?(.*)$/.exec(String(error)) ?? [];
      return refuse(Number(status), 10000, what);
    }
  },
};

async function route(request: Request, path: string, query: URLSearchParams, kv: Namespace): Promise<Response> {
  const [collection = '', encoded = ''] = path.split('/');
  const key = decodeURIComponent(encoded);
  switch (`${request.method} ${collection}`) {
    case 'GET values': {
      const value = await kv.get(key, 'stream');
      if (value === null) return refuse(404, 10009, "get: 'key not found'");
      return new Response(value, { headers: { 'content-type': 'application/octet-stream' } });
    }
    case 'PUT values':
      await putValue(request, key, query, kv);
      return grant({});
    case 'DELETE values':
      await kv.delete(key);
      return grant({});
    case 'GET metadata': {
      const { value, metadata } = await kv.getWithMetadata(key, 'stream');
      if (value === null) return refuse(404, 10009, "get: 'key not found'");
      await value.cancel();
      return grant(metadata);
    }
    case 'GET keys':
      return listKeys(query, kv);
    case 'PUT bulk':
      return putBulk(await request.text(), kv);
    case 'POST bulk':
      return encoded === 'delete' ? deleteBulk(await request.text(), kv) : refuse(404, 7003, 'could not route');
    default:
      return refuse(404, 7003, 'could not route');
  }
}

async function putValue(request: Request, key: string, query: URLSearchParams, kv: Namespace): Promise<void> {
  const ttl = query.get('expiration_ttl');
  const options = ttl === null ? {} : { expirationTtl: Number(ttl) };
  if (request.headers.get('content-type')?.startsWith('multipart/form-data') !== true)
    return kv.put(key, await request.arrayBuffer(), options);
  const form = await request.formData();
  const value = form.get('value');
  const bytes = typeof value === 'string' ? await new Response(value).arrayBuffer() : await value!.arrayBuffer();
  return kv.put(key, bytes, { ...options, metadata: JSON.parse(String(form.get('metadata'))) });
}

async function listKeys(query: URLSearchParams, kv: Namespace): Promise<Response> {
  const limit = Number(query.get('limit') ?? 1000);
  if (!(limit >= 10 && limit <= 1000)) return refuse(400, 10019, 'limit must be between 10 and 1000');
  const cursor = query.get('cursor');
  const page = await kv.list({ prefix: query.get('prefix') ?? '', limit, ...(cursor === null ? {} : { cursor }) });
  return grant(page.keys, { count: page.keys.length, cursor: page.list_complete ? '' : page.cursor });
}

async function putBulk(body: string, kv: Namespace): Promise<Response> {
  const pairs = JSON.parse(body) as Pair[];
  if (pairs.length > MAX_BULK_PAIRS || body.length > MAX_BULK_BYTES) return refuse(413, 10021, 'too much');
  if (new Set(pairs.map(({ key }) => key)).size !== pairs.length) return refuse(400, 10022, 'a key twice');
  const failed: string[] = [];
  for (const { key, value, base64, expiration_ttl, metadata } of pairs) {
    const text = base64 === true ? atob(value) : unescape(encodeURIComponent(value));
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    const options = {
      ...(expiration_ttl === undefined ? {} : { expirationTtl: expiration_ttl }),
      ...(metadata === undefined ? {} : { metadata }),
    };
    await kv.put(key, bytes.buffer, options).catch(() => failed.push(key));
  }
  return grant({ successful_key_count: pairs.length - failed.length, unsuccessful_keys: failed });
}

async function deleteBulk(body: string, kv: Namespace): Promise<Response> {
  const keys = JSON.parse(body) as string[];
  if (keys.length > MAX_BULK_PAIRS) return refuse(413, 10021, 'too much');
  for (const key of keys) await kv.delete(key);
  return grant({ successful_key_count: keys.length, unsuccessful_keys: [] });
}

function grant(result: unknown, info?: object): Response {
  return Response.json({ success: true, errors: [], messages: [], result, ...(info === undefined ? {} : { result_info: info }) });
}

function refuse(status: number, code: number, message: string): Response {
  return Response.json({ success: false, errors: [{ code, message }], messages: [], result: null }, { status });
}
