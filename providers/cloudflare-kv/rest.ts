/**
 * KV over Cloudflare's REST interface, with nothing but `fetch`. The token is in the header of each request and in no object that can be printed.
 * Of a failure only numbers are kept: Cloudflare's messages, and the errors of `fetch`, may hold the name or the address.
 */

import { PspError } from '../../ts/errors.ts';
import type { Call } from '../calls.ts';
import { badCursor } from '../contract.ts';
import { toBase64 } from './base64.ts';
import { failure, type KvEntry, type KvFailures, type KvPair, type KvService, readStart } from './namespace.ts';

/** Where a namespace is and who may use it. */
export interface KvRestOptions {
  readonly accountId: string;
  readonly namespaceId: string;
  readonly apiToken: string;
  readonly baseUrl: string;
  readonly fetch: typeof fetch;
}

/** Cloudflare's answer to everything but the reading of a value. */
interface Envelope {
  readonly success?: unknown;
  /** Objects with a `code`. */
  readonly errors?: unknown;
  readonly result?: unknown;
  readonly result_info?: { readonly cursor?: unknown };
}

/** An item of a bulk request: its name, and itself as JSON. */
interface BulkForm<T> {
  readonly nameOf: (item: T) => string;
  readonly textOf: (item: T) => string;
}

/** Cloudflare's number for "key not found". */
const KEY_NOT_FOUND = 10009;
/** Most pairs or keys of one request. */
const MAX_BULK_PAIRS = 10_000;
/** Cloudflare takes 100 MB in one request; this is enough to make its cost small, and kind to memory. */
const MAX_BULK_BYTES = 32 * 2 ** 20;

/** KV over REST. TypeError when `baseUrl` is no URL, or when the token could not be sent. */
export function restService(options: KvRestOptions): KvService {
  const { apiToken, fetch } = options;
  // What fetch says of a header that it cannot send holds the header.
  if (!/^[\x21-\x7e]+$/.test(apiToken)) throw new TypeError('apiToken: expected visible ASCII characters');
  const base = namespaceUrl(options);
  const authorization = `Bearer ${apiToken}`;

  async function send(operation: string, path: string, init: RequestInit, call: Call): Promise<Response> {
    try {
      const headers = { ...init.headers, authorization };
      return await fetch(`${base}/${path}`, { ...init, headers, redirect: 'manual', signal: call.signal });
    } catch (error) {
      throw failure(operation, null, networkCode(error));
    }
  }

  async function ask(operation: string, path: string, init: RequestInit, call: Call): Promise<Envelope> {
    const response = await send(operation, path, init, call);
    const envelope = await readEnvelope(operation, response);
    if (response.ok && envelope.success === true) return envelope;
    throw refusal(operation, response, envelope);
  }

  /** Sends the items in as few requests as its limits allow. A request that fails is a failure of its own items only. */
  async function askBulk<T>(
    operation: string,
    path: string,
    method: string,
    items: readonly T[],
    form: BulkForm<T>,
    call: Call,
  ): Promise<KvFailures> {
    const failures = new Map<string, unknown>();
    for (const { body, names } of bulkBodies(items, form)) {
      try {
        const { result } = await ask(operation, path, { method, body, headers: { 'content-type': 'application/json' } }, call);
        const failed = (result as { unsuccessful_keys?: unknown } | null | undefined)?.unsuccessful_keys;
        for (const name of Array.isArray(failed) ? failed : []) failures.set(String(name), failure(operation, 200, 'not done'));
      } catch (error) {
        for (const name of names) failures.set(name, error);
      }
    }
    return failures;
  }

  /** What `read` makes of the body of a value, or null when there is none. */
  async function getBody<T>(name: string, call: Call, read: (response: Response) => Promise<T>): Promise<T | null> {
    const response = await send('get', valuePath(name), {}, call);
    if (response.ok) {
      return read(response).catch((error: unknown) => {
        throw failure('get', null, networkCode(error));
      });
    }
    return absentAsNull(refusal('get', response, await readEnvelope('get', response)));
  }

  return {
    get: (name, call) => getBody(name, call, async (response) => new Uint8Array(await response.arrayBuffer())),

    getStart: (name, bytes, call) =>
      getBody(name, call, async ({ body }) => (body === null ? new Uint8Array() : readStart(body as ReadableStream<Uint8Array>, bytes))),

    async getMetadata(name, call) {
      const found = ask('head', `metadata/${encodeURIComponent(name)}`, {}, call);
      return found.then(({ result }) => ({ metadata: result }), absentAsNull);
    },

    async put({ name, bytes, metadata, ttlSeconds }, call) {
      const query = ttlSeconds === null ? '' : `?expiration_ttl=${ttlSeconds}`;
      await ask('put', valuePath(name) + query, { method: 'PUT', ...putBody(bytes, metadata) }, call);
    },

    async delete(name, call) {
      await ask('delete', valuePath(name), { method: 'DELETE' }, call).catch(absentAsNull);
    },

    async list({ prefix, cursor, limit }, call) {
      const query = new URLSearchParams({ prefix, limit: String(limit), ...(cursor === null ? {} : { cursor }) });
      const envelope = await ask('list', `keys?${query}`, {}, call).catch((error: unknown) => {
        // The only part of the request that is not our own.
        if (cursor !== null && error instanceof PspError && error.details['status'] === 400) throw badCursor();
        throw error;
      });
      const next = envelope.result_info?.cursor;
      return { entries: readEntries(envelope.result), cursor: typeof next === 'string' && next !== '' ? next : null };
    },

    putMany: (pairs, call) => askBulk('bulk put', 'bulk', 'PUT', pairs, { nameOf: ({ name }) => name, textOf: pairText }, call),

    deleteMany: (names, call) =>
      askBulk('bulk delete', 'bulk/delete', 'POST', names, { nameOf: (name) => name, textOf: (name) => JSON.stringify(name) }, call),
  };
}

function refusal(operation: string, response: Response, { errors }: Envelope): PspError {
  const code = Array.isArray(errors) ? (errors[0] as { code?: unknown } | undefined)?.code : null;
  return failure(operation, response.status, typeof code === 'number' ? code : null);
}

function absentAsNull(error: unknown): null {
  if (error instanceof PspError && error.details['status'] === 404 && error.details['reason'] === KEY_NOT_FOUND) return null;
  throw error;
}

function namespaceUrl({ baseUrl, accountId, namespaceId }: KvRestOptions): string {
  if (!URL.canParse(baseUrl)) throw new TypeError('baseUrl: expected an absolute URL');
  const account = encodeURIComponent(accountId);
  return `${baseUrl.replace(/\/+$/, '')}/accounts/${account}/storage/kv/namespaces/${encodeURIComponent(namespaceId)}`;
}

// Every name begins with a letter of ours or the user's prefix and a letter, so none is '.' or '..', which an URL would lose.
function valuePath(name: string): string {
  return `values/${encodeURIComponent(name)}`;
}

/** Metadata goes beside the value in a form; without it the value is the whole body. */
function putBody(bytes: Uint8Array<ArrayBuffer>, metadata: KvPair['metadata']): RequestInit {
  if (metadata === null) return { body: bytes, headers: { 'content-type': 'application/octet-stream' } };
  const form = new FormData();
  form.set('value', new Blob([bytes]));
  form.set('metadata', JSON.stringify(metadata));
  return { body: form };
}

function pairText({ name, bytes, metadata, ttlSeconds }: KvPair): string {
  return JSON.stringify({
    key: name,
    value: toBase64(bytes),
    base64: true,
    ...(metadata === null ? {} : { metadata }),
    ...(ttlSeconds === null ? {} : { expiration_ttl: ttlSeconds }),
  });
}

/** JSON arrays of the items, each within the limits of one request, and one at a time in memory. */
function* bulkBodies<T>(items: readonly T[], { nameOf, textOf }: BulkForm<T>): Generator<{ body: string; names: readonly string[] }> {
  let texts: string[] = [];
  let names: string[] = [];
  let length = 0;
  for (const item of items) {
    const text = textOf(item);
    if (texts.length === MAX_BULK_PAIRS || (texts.length > 0 && length + text.length > MAX_BULK_BYTES)) {
      yield { body: `[${texts.join(',')}]`, names };
      texts = [];
      names = [];
      length = 0;
    }
    texts.push(text);
    names.push(nameOf(item));
    length += text.length;
  }
  if (texts.length > 0) yield { body: `[${texts.join(',')}]`, names };
}

async function readEnvelope(operation: string, response: Response): Promise<Envelope> {
  const text = await response.text().catch((error: unknown) => {
    throw failure(operation, null, networkCode(error));
  });
  try {
    const envelope: unknown = JSON.parse(text);
    if (typeof envelope === 'object' && envelope !== null) return envelope;
  } catch {
    // What stands before Cloudflare's own service answers as it likes: the status alone tells.
  }
  return {};
}

function readEntries(result: unknown): KvEntry[] {
  if (!Array.isArray(result)) throw failure('list', 200, 'no list of keys');
  return result.map((entry: { name?: unknown; metadata?: unknown }) => ({ name: String(entry.name), metadata: entry.metadata }));
}

/** The code that Node gives failures of the network, such as ECONNREFUSED; null elsewhere. */
function networkCode(error: unknown): string | null {
  const cause = error instanceof Error ? (error.cause ?? error) : null;
  const code = cause instanceof Error ? (cause as { code?: unknown }).code : null;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code) ? code : null;
}
