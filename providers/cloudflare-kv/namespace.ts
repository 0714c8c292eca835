/**
 * Workers KV as this provider uses it, whether it is reached by a Worker's binding or over REST: bytes and a little JSON under names, a native expiry,
 * a sorted listing. No conditions, no ranges. Every failure is a {@link PspError} that holds neither name nor bytes.
 */

import { PspError } from '../../ts/errors.ts';
import type { Call } from '../calls.ts';

/** What is written under one name. */
export interface KvPair {
  readonly name: string;
  /** At most {@link MAX_VALUE_BYTES}. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** At most {@link MAX_METADATA_TEXT_BYTES} as JSON; null: none. */
  readonly metadata: KvMetadata | null;
  /** Seconds after which KV removes it, at least {@link MIN_TTL_SECONDS}; null: never. */
  readonly ttlSeconds: number | null;
}

/** Plain ASCII strings: they travel in HTTP headers. */
export type KvMetadata = Readonly<Record<string, string>>;

/** A name in a listing. */
export interface KvEntry {
  readonly name: string;
  /** Whatever somebody put there, or undefined. */
  readonly metadata: unknown;
}

/** A page of a listing, in the order of the names' UTF-8 bytes. */
export interface KvPage {
  readonly entries: readonly KvEntry[];
  /** KV's own; null: this is the last page. */
  readonly cursor: string | null;
}

/** Which page. */
export interface KvPageRequest {
  readonly prefix: string;
  /** One that {@link KvPage} gave; whatever else: `PROVIDER_CURSOR` or a page of some sort. */
  readonly cursor: string | null;
  /** {@link MIN_PAGE_ENTRIES} to {@link MAX_PAGE_ENTRIES}. */
  readonly limit: number;
}

/** What was not done of many: the error of each such name. */
export type KvFailures = ReadonlyMap<string, unknown>;

/** One namespace of KV. */
export interface KvService {
  /** The value, in an array of its own, or null. */
  get(name: string, call: Call): Promise<Uint8Array<ArrayBuffer> | null>;
  /** The first `bytes` bytes of the value, or all of a shorter one, without reading more of it than the runtime does by itself; or null. */
  getStart(name: string, bytes: number, call: Call): Promise<Uint8Array | null>;
  /** The metadata without the value, or null when nothing has the name. */
  getMetadata(name: string, call: Call): Promise<Pick<KvEntry, 'metadata'> | null>;
  put(pair: KvPair, call: Call): Promise<void>;
  /** Also when nothing has the name. */
  delete(name: string, call: Call): Promise<void>;
  list(request: KvPageRequest, call: Call): Promise<KvPage>;
  /** Writes many in few requests, each name once. Only where KV has it. */
  putMany?(pairs: readonly KvPair[], call: Call): Promise<KvFailures>;
  /** Deletes many in few requests. Only where KV has it. */
  deleteMany?(names: readonly string[], call: Call): Promise<KvFailures>;
}

/** Longest name, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 512;
export const MAX_VALUE_BYTES: number = 25 * 2 ** 20;
/** Longest metadata, as JSON. */
export const MAX_METADATA_TEXT_BYTES = 1024;
export const MIN_TTL_SECONDS = 60;
export const MIN_PAGE_ENTRIES = 10;
export const MAX_PAGE_ENTRIES = 1000;

/**
 * The error for what KV answered. `status` is HTTP's, null when there was no answer; `reason` is a code of Cloudflare's or of the network's.
 * Its own words are left out: they may hold a name.
 */
export function failure(operation: string, status: number | null, reason: string | number | null = null): PspError {
  const code = status === 429 ? 'PROVIDER_THROTTLED' : 'PROVIDER_UNAVAILABLE';
  const what = status === null ? 'got no answer' : `was answered with ${status}`;
  const why = reason === null ? '' : ` (${reason})`;
  return new PspError(code, `cloudflare-kv: ${operation} ${what}${why}`, { details: { operation, status, reason } });
}

/** The first `limit` bytes of a stream, the rest of which is let go. */
export async function readStart(stream: ReadableStream<Uint8Array>, limit: number): Promise<Uint8Array> {
  const reader = stream.getReader();
  const start = new Uint8Array(limit);
  let length = 0;
  while (length < limit) {
    const { done, value } = await reader.read();
    if (done) return start.subarray(0, length);
    const part = value.subarray(0, limit - length);
    start.set(part, length);
    length += part.length;
  }
  await reader.cancel();
  return start;
}
