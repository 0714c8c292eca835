/**
 * The bytes of one stored record. Integers are little endian.
 *
 *      0   8   magic  50 53 50 52 45 43 0D 0A  "PSPREC\r\n"
 *      8   4   framing version, u32, 1
 *     12   4   H, length of the header, u32, at most 64 KiB
 *     16  32   SHA-256 of bytes 0 to 15 and the header
 *     48   H   header: JSON, UTF-8: { key, version, expiresAt, metadata, size, sha256 }, and any number of spaces
 *   48+H  size the value; its SHA-256 in hexadecimal is the header's `sha256`
 *
 * The first hash covers the second, so no bit of the file is unprotected. It finds damage, not forgery: whoever can write the
 * file can write the hash; protection against people is the sealed envelope's task. The spaces are for a value whose length is known
 * last: the header then takes the room that the longest needs.
 */

import { PspError } from '../../ts/errors.ts';
import type { RecordHead, Version } from '../../ts/provider.ts';
import { sha256Hex } from './sha256.ts';

/** What the header of a record says. */
export interface RecordHeader extends RecordHead {
  /** SHA-256 of the value, 64 hexadecimal digits. */
  readonly sha256: string;
}

/** Bytes before the header. */
export const PREAMBLE_BYTES = 48;

/** Longest header that is written or believed. The longest key and metadata, fully escaped, need less than a third of it. */
export const MAX_HEADER_BYTES = 65_536;

/** Longest value, in bytes: what Node reads in one call. */
export const MAX_VALUE_BYTES = 0x7fff_ffff;

const MAGIC = Uint8Array.of(0x50, 0x53, 0x50, 0x52, 0x45, 0x43, 0x0d, 0x0a);
const FRAMING_VERSION = 1;
const HASHED_PREAMBLE_BYTES = 16;
const SPACE = 0x20;

/** A whole record in a new array. `head.size` is the length of `value`. */
export function encodeRecord(head: RecordHead, value: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = headerText({ ...head, sha256: sha256Hex(value) });
  const valueAt = PREAMBLE_BYTES + Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(valueAt + value.length);
  writeHeader(bytes.subarray(0, valueAt), text);
  bytes.set(value, valueAt);
  return bytes;
}

/** The bytes that stand before the value: preamble and header, `room` bytes or more. */
export function encodeHeader(header: RecordHeader, room = 0): Uint8Array<ArrayBuffer> {
  const text = headerText(header);
  const bytes = Buffer.alloc(Math.max(PREAMBLE_BYTES + Buffer.byteLength(text), room), SPACE);
  writeHeader(bytes, text);
  return bytes;
}

/** The room that preamble and header of a value take at most, whatever the value's length. */
export function headerRoom(head: Omit<RecordHead, 'size'>): number {
  return encodeHeader({ ...head, size: MAX_VALUE_BYTES, sha256: '0'.repeat(64) }).length;
}

/** The length of the header that follows this preamble. `PROVIDER_CORRUPT` when the bytes do not begin a record. */
export function decodePreamble(bytes: Uint8Array): number {
  if (bytes.length < PREAMBLE_BYTES) throw corrupt(`the file ends at byte ${bytes.length}, before its header`);
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) throw corrupt('the file does not begin with the magic of a record');
  const view = new DataView(bytes.buffer, bytes.byteOffset, PREAMBLE_BYTES);
  const framing = view.getUint32(8, true);
  if (framing !== FRAMING_VERSION) throw corrupt(`expected framing version ${FRAMING_VERSION}, found ${framing}`);
  const headerBytes = view.getUint32(12, true);
  if (headerBytes > MAX_HEADER_BYTES) throw corrupt(`the header claims ${headerBytes} bytes, at most ${MAX_HEADER_BYTES} are allowed`);
  return headerBytes;
}

/**
 * The header in a record's first bytes: preamble and header, as long as {@link decodePreamble} said. `fileBytes` is the length of
 * the whole file. `PROVIDER_CORRUPT` when the hash is wrong or the file is not exactly as long as the header says.
 */
export function decodeHeader(bytes: Uint8Array, fileBytes: number): RecordHeader {
  const json = bytes.subarray(PREAMBLE_BYTES);
  const expected = bytes.subarray(HASHED_PREAMBLE_BYTES, PREAMBLE_BYTES);
  if (Buffer.compare(hashHeader(bytes, json), expected) !== 0) throw corrupt('the hash of the header is wrong');
  const header = parseHeader(json);
  const size = fileBytes - bytes.length;
  if (header.size !== size) throw corrupt(`the header says ${header.size} bytes of value, the file has ${size}`);
  return header;
}

/** What is told of a record to those who do not read its value. */
export function headOf({ key, version, size, expiresAt, metadata }: RecordHead): RecordHead {
  return { key, version, size, expiresAt, metadata };
}

/** Returns when `hash`, in hexadecimal, is that of the header's value, else throws `PROVIDER_CORRUPT`. */
export function checkHash(header: RecordHeader, hash: string): void {
  if (hash !== header.sha256) throw corrupt('the hash of the value is wrong');
}

/** A `PROVIDER_CORRUPT`: what is stored is not what was put. `what` names no key. */
export function corrupt(what: string, cause?: unknown): PspError {
  return new PspError('PROVIDER_CORRUPT', `filesystem: ${what}`, { cause });
}

// The hash was right, so this can only meet what some writer meant to write: the types are checked because another program may
// have written a file with a right hash and a wrong header.
function parseHeader(json: Uint8Array): RecordHeader {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch {
    // Without the cause: V8 quotes the text around the mistake in its message, and that text holds the key.
    throw corrupt('the header is not JSON');
  }
  if (!isRecordHeader(header)) throw corrupt('the header lacks a field or has one of the wrong type');
  return header;
}

function isRecordHeader(header: unknown): header is RecordHeader {
  if (!isObject(header)) return false;
  const { key, version, expiresAt, metadata, size, sha256 } = header;
  return (
    typeof key === 'string' &&
    typeof version === 'string' &&
    isVersion(version) &&
    (expiresAt === null || Number.isSafeInteger(expiresAt)) &&
    isObject(metadata) &&
    Object.values(metadata).every((text) => typeof text === 'string') &&
    typeof size === 'number' &&
    size >= 0 &&
    size <= MAX_VALUE_BYTES &&
    typeof sha256 === 'string'
  );
}

function isVersion(text: string): text is Version {
  return /^[0-9a-f]{32}$/.test(text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function headerText({ key, version, expiresAt, metadata, size, sha256 }: RecordHeader): string {
  return JSON.stringify({ key, version, expiresAt, metadata, size, sha256 });
}

/** Writes preamble and header into `bytes`, which is as long as both and the spaces that it holds behind them. */
function writeHeader(bytes: Buffer, text: string): void {
  bytes.write(text, PREAMBLE_BYTES);
  // What is hashed with the header stands right before it until it is: nothing is copied for that.
  const hashedAt = PREAMBLE_BYTES - HASHED_PREAMBLE_BYTES;
  bytes.set(MAGIC, hashedAt);
  bytes.writeUInt32LE(FRAMING_VERSION, hashedAt + 8);
  bytes.writeUInt32LE(bytes.length - PREAMBLE_BYTES, hashedAt + 12);
  const hash = sha256Hex(bytes.subarray(hashedAt));
  bytes.copyWithin(0, hashedAt, PREAMBLE_BYTES);
  bytes.write(hash, HASHED_PREAMBLE_BYTES, 'hex');
}

function hashHeader(preamble: Uint8Array, json: Uint8Array): Uint8Array {
  return Buffer.from(sha256Hex(Buffer.concat([preamble.subarray(0, HASHED_PREAMBLE_BYTES), json])), 'hex');
}
