/**
 * What stands where in a namespace. A value that fits is one frame (../frame.ts) under its own name. A larger one is cut into chunks, each under a
 * name of its own, and a manifest under the value's name, written last, says which. A version is random and new with each put, so chunks are never
 * overwritten, and a reader meets the old value or the new one.
 *
 *     <prefix>r<key>            frame of the value, or manifest; metadata { psp }: Base64 of the frame's head or of the manifest, where it fits
 *     <prefix>c<version>/<n>    chunk n, 0 and up, of the value that got this version; metadata { of: Base64 of the key, at: when it was written }
 *
 * A manifest is a frame with another magic, "PSM1", whose value is, in little endian: length of the whole value 8 | (CRC-32 of a chunk 4)*
 */

import { PspError } from '../../ts/errors.ts';
import type { RecordHead, Version } from '../../ts/provider.ts';
import { decodeFrame, decodeFrameHead, encodeFrame, FRAME_HEAD_BYTES, frameValueAt } from '../frame.ts';
import { utf8Length } from '../utf8.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { type KvMetadata, MAX_METADATA_TEXT_BYTES, MIN_TTL_SECONDS } from './namespace.ts';

/** Bytes of every chunk but the last. */
export const CHUNK_BYTES: number = 20 * 2 ** 20;

/** Longest value: a manifest with as many chunks still is small. */
export const MAX_CHUNKED_BYTES: number = 2 ** 30;

/** So many bytes of a stored record always hold its head, of a manifest all. */
export const RECORD_START_BYTES: number = FRAME_HEAD_BYTES + 8 + 4 * Math.ceil(MAX_CHUNKED_BYTES / CHUNK_BYTES);

/** The third letter of a manifest's magic, in place of a frame's. */
const MANIFEST_LETTER = 'M'.charCodeAt(0);
const FRAME_LETTER = 'F'.charCodeAt(0);
const LETTER_AT = 2;

/** KV removes a value no sooner than this after it expired by our clock, as its clock is another. */
const GRACE_MS = 60_000;
/** KV's clock counts in 32 bits somewhere; what expires later than this is left to the reader and the next put. */
const MAX_TTL_SECONDS = 10 * 365 * 86_400;

/** A record without its value. */
export interface StoredHead {
  readonly head: RecordHead;
  /** CRC-32 of each chunk, or null when the value is in the frame. */
  readonly chunks: readonly number[] | null;
}

/** A chunk as a listing shows it. */
export interface ListedChunk {
  readonly version: Version;
  /** The key of the value that it is a part of. */
  readonly key: string;
  readonly writtenAtMs: number;
}

/** The names that records and chunks have behind a prefix of the user's. */
export class Names {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Bytes of a name that are not the key's. */
  get overheadBytes(): number {
    return utf8Length(this.#prefix) + 1;
  }

  /** No record and no chunk has this name. */
  get unused(): string {
    return `${this.#prefix}unused`;
  }

  /** What the names of all chunks begin with. */
  get chunks(): string {
    return `${this.#prefix}c`;
  }

  record(key: string): string {
    return `${this.#prefix}r${key}`;
  }

  /** The key whose record has this name. */
  keyOf(recordName: string): string {
    return recordName.slice(this.#prefix.length + 1);
  }

  chunk(version: Version, index: number): string {
    return `${this.chunks}${version}/${index}`;
  }
}

/** The bytes and the metadata of a value that is stored in one. Copies the value. */
export function encodeRecord(head: RecordHead, value: Uint8Array): { bytes: Uint8Array<ArrayBuffer>; metadata: KvMetadata | null } {
  const bytes = encodeFrame(head, value);
  return { bytes, metadata: metadataOf(bytes.subarray(0, frameValueAt(bytes))) };
}

/** The bytes and the metadata of a manifest: of a value of `head.size` bytes, whose chunks have these checksums. */
export function encodeManifest(
  head: RecordHead,
  chunks: readonly number[],
): { bytes: Uint8Array<ArrayBuffer>; metadata: KvMetadata | null } {
  const body = new Uint8Array(8 + 4 * chunks.length);
  const view = new DataView(body.buffer);
  view.setBigUint64(0, BigInt(head.size), true);
  for (const [index, checksum] of chunks.entries()) view.setUint32(8 + 4 * index, checksum, true);
  const bytes = encodeFrame(head, body);
  bytes[LETTER_AT] = MANIFEST_LETTER;
  return { bytes, metadata: metadataOf(bytes) };
}

/** A whole record; `value` is a view of `bytes`, or null when it is in chunks. `PROVIDER_CORRUPT` when it is none, or damaged. */
export function decodeRecord(key: string, bytes: Uint8Array<ArrayBuffer>): StoredHead & { readonly value: Uint8Array<ArrayBuffer> | null } {
  if (bytes[LETTER_AT] === MANIFEST_LETTER) return { ...decodeManifest(key, bytes), value: null };
  const { value, ...head } = decodeFrame(key, bytes);
  return { head, chunks: null, value };
}

/** The head of a record, of which `start` is the beginning: {@link RECORD_START_BYTES} are enough. `PROVIDER_CORRUPT` when it is none. */
export function decodeRecordStart(key: string, start: Uint8Array): StoredHead {
  if (start[LETTER_AT] === MANIFEST_LETTER) return decodeManifest(key, start.slice());
  return { head: decodeFrameHead(key, start), chunks: null };
}

/** The head that the metadata of a record holds, or null where it holds none: then the record itself tells. */
export function decodeRecordMetadata(key: string, metadata: unknown): StoredHead | null {
  const text = (metadata as { psp?: unknown } | null | undefined)?.psp;
  const bytes = typeof text === 'string' ? fromBase64(text) : null;
  return bytes === null ? null : decodeRecordStart(key, bytes);
}

/** The metadata of a chunk. */
export function chunkMetadata(key: string, nowMs: number): KvMetadata {
  return { of: toBase64(new TextEncoder().encode(key)), at: String(nowMs) };
}

/** What a listing tells of the chunk of this name (without the user's prefix and 'c'), or null when it is none of ours. */
export function readChunk(name: string, metadata: unknown): ListedChunk | null {
  const { of, at } = (metadata ?? {}) as { of?: unknown; at?: unknown };
  const version = /^([0-9a-f]{32})\/\d+$/.exec(name)?.[1];
  const key = typeof of === 'string' ? fromBase64(of) : null;
  if (version === undefined || key === null || typeof at !== 'string' || !/^\d+$/.test(at)) return null;
  return { version: version as Version, key: new TextDecoder().decode(key), writtenAtMs: Number(at) };
}

/** After how many seconds KV may remove what expires at `expiresAt`: never early, and never less than the least that it takes. Null: never. */
export function ttlSeconds(expiresAt: number | null, nowMs: number): number | null {
  if (expiresAt === null) return null;
  const seconds = Math.ceil((expiresAt - nowMs + GRACE_MS) / 1000);
  return seconds > MAX_TTL_SECONDS ? null : Math.max(MIN_TTL_SECONDS, seconds);
}

/** A `PROVIDER_CORRUPT`. */
export function corrupt(what: string): PspError {
  return new PspError('PROVIDER_CORRUPT', `cloudflare-kv: ${what}`);
}

function decodeManifest(key: string, bytes: Uint8Array<ArrayBuffer>): StoredHead {
  bytes[LETTER_AT] = FRAME_LETTER;
  const { value: body, ...head } = decodeFrame(key, bytes);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const size = body.length < 8 ? Number.NaN : Number(view.getBigUint64(0, true));
  const count = Math.ceil(size / CHUNK_BYTES);
  if (!(size <= MAX_CHUNKED_BYTES) || body.length !== 8 + 4 * count) throw corrupt('a manifest that does not say how long its value is');
  const chunks = Array.from({ length: count }, (_, index) => view.getUint32(8 + 4 * index, true));
  return { head: { ...head, size }, chunks };
}

function metadataOf(start: Uint8Array): KvMetadata | null {
  const metadata = { psp: toBase64(start) };
  return JSON.stringify(metadata).length <= MAX_METADATA_TEXT_BYTES ? metadata : null;
}
