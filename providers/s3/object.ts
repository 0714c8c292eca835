/**
 * What one record is as an object. Integers are little endian.
 *
 * Body: the value, and a trailer of 24 bytes: version 16, random | CRC-32 of the value 4 | magic "PSO1". Because of the version no two writes have one
 * ETag, also of equal values. The trailer comes last so that a stream can be written and read without knowing its end.
 *
 * Header `x-amz-meta-psp`, Base64url without padding, at most 1,576 characters:
 *
 *      0   1   format, 1
 *      1   4   CRC-32 of all that follows
 *      5  16   version, as in the trailer
 *     21   8   expiry in milliseconds since the epoch; 2^64 - 1: never
 *     29   M   metadata as in frame.ts
 *
 * The version of the contract is `<ETag without quotes>.<expiry in base 36, or nothing>`: what If-Match needs, and what tells that the value has
 * expired without asking.
 */

import { PspError } from '../../ts/errors.ts';
import type { RecordHead, Version } from '../../ts/provider.ts';
import { crc32 } from '../crc32.ts';
import { decodeMetadata, encodeMetadata } from '../frame.ts';

/** Bytes behind the value. */
export const TRAILER_BYTES = 24;

/** Name of the metadata header, behind `x-amz-meta-`. */
export const HEAD_NAME = 'psp';

/** What a server says of an object. */
export interface ObjectFacts {
  /** Without quotes; '' when the server tells none. */
  readonly etag: string;
  /** Bytes of the whole object, or null when they are not told. */
  readonly bytes: number | null;
  /** The metadata header, or null when the object has none. */
  readonly head: string | null;
}

/** What stands in an object beside its value. */
export interface ObjectHead {
  /** The 16 bytes of the version. */
  readonly id: Uint8Array;
  readonly etag: string;
  readonly head: RecordHead;
}

/** A record that is about to be written. */
export interface Draft {
  readonly key: string;
  readonly id: Uint8Array;
  readonly expiresAt: number | null;
  readonly metadata: Readonly<Record<string, string>>;
}

const FORMAT = 1;
const FIXED_BYTES = 29;
const ID_AT = 5;
const ID_BYTES = 16;
const EXPIRY_AT = 21;
const NEVER = 0xffff_ffff_ffff_ffffn;
const TRAILER_MAGIC = 0x314f_5350;

// An ETag goes into a header: no quote, no blank, nothing that ends a line.
const isETag = /^[\x21\x23-\x7e]{1,200}$/;
const isExpiry = /^[0-9a-z]{0,11}$/;

/** A draft with a version that no value had before. */
export function draft(key: string, expiresAt: number | null, metadata: Readonly<Record<string, string>>): Draft {
  return { key, id: randomId(), expiresAt, metadata };
}

// Asking for 16 random bytes costs nearly as much as asking for a hundred times as many.
let random = new Uint8Array(0);

function randomId(): Uint8Array {
  if (random.length === 0) random = crypto.getRandomValues(new Uint8Array(100 * ID_BYTES));
  const id = random.subarray(0, ID_BYTES);
  random = random.subarray(ID_BYTES);
  return id;
}

/** The metadata header. */
export function encodeHead({ id, expiresAt, metadata }: Draft): string {
  const texts = encodeMetadata(metadata);
  const bytes = Buffer.alloc(FIXED_BYTES + texts.length);
  bytes[0] = FORMAT;
  bytes.set(id, ID_AT);
  bytes.writeBigUInt64LE(expiresAt === null ? NEVER : BigInt(expiresAt), EXPIRY_AT);
  bytes.set(texts, FIXED_BYTES);
  bytes.writeUInt32LE(crc32(bytes.subarray(ID_AT)), 1);
  return bytes.toString('base64url');
}

/** What an object tells of its record. `PROVIDER_CORRUPT` when it is none of ours, or damaged. */
export function decodeHead(key: string, { etag, bytes, head }: ObjectFacts): ObjectHead {
  if (head === null) throw corrupt('it has no header of ours');
  const fixed = Buffer.from(head, 'base64url');
  if (fixed.length < FIXED_BYTES || fixed[0] !== FORMAT) throw corrupt('its header is none of this format');
  if (fixed.readUInt32LE(1) !== crc32(fixed.subarray(ID_AT))) throw corrupt('the checksum of its header is wrong');
  if (bytes === null || bytes < TRAILER_BYTES) throw corrupt('it is shorter than its trailer');
  if (!isETag.test(etag)) throw corrupt('it has no ETag');
  const expiry = fixed.readBigUInt64LE(EXPIRY_AT);
  const id = fixed.subarray(ID_AT, ID_AT + ID_BYTES);
  const record = { key, id, expiresAt: expiry === NEVER ? null : Number(expiry), metadata: decodeMetadata(fixed.subarray(FIXED_BYTES)) };
  return { id, etag, head: headOf(record, etag, bytes - TRAILER_BYTES) };
}

/** The head of a record that is stored under `etag`. */
export function headOf({ key, expiresAt, metadata }: Draft, etag: string, size: number): RecordHead {
  const version = `${etag}.${expiresAt === null ? '' : expiresAt.toString(36)}` as Version;
  return { key, version, size, expiresAt, metadata };
}

/** What a version says, or null when no object can have it. */
export function readVersion(version: Version): { readonly etag: string; readonly expiresAt: number | null } | null {
  const dot = version.lastIndexOf('.');
  const [etag, expiry] = [version.slice(0, Math.max(dot, 0)), version.slice(dot + 1)];
  if (!isETag.test(etag) || !isExpiry.test(expiry)) return null;
  return { etag, expiresAt: expiry === '' ? null : Number.parseInt(expiry, 36) };
}

/** Writes value and trailer into `body`, which is {@link TRAILER_BYTES} longer than the value. */
export function encodeBody(id: Uint8Array, value: Uint8Array, body: Uint8Array): void {
  body.set(value);
  body.set(encodeTrailer(id, crc32(value)), value.length);
}

/** The trailer behind a value with this CRC-32. */
export function encodeTrailer(id: Uint8Array, checksum: number): Uint8Array {
  const trailer = Buffer.allocUnsafe(TRAILER_BYTES);
  trailer.set(id);
  trailer.writeUInt32LE(checksum, ID_BYTES);
  trailer.writeUInt32LE(TRAILER_MAGIC, ID_BYTES + 4);
  return trailer;
}

/** Returns when `trailer` is that of a value with this CRC-32 in an object with this version, else throws `PROVIDER_CORRUPT`. */
export function checkTrailer(trailer: Uint8Array, id: Uint8Array, checksum: number): void {
  if (Buffer.compare(trailer, encodeTrailer(id, checksum)) === 0) return;
  throw corrupt('its value and its trailer do not go together');
}

/** A `PROVIDER_CORRUPT`: an object that is not as we write them. */
export function corrupt(what: string): PspError {
  return new PspError('PROVIDER_CORRUPT', `object of a stored value: ${what}`);
}
