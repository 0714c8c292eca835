/**
 * One stored value with its head as one run of bytes, for services that keep bytes and nothing else. Integers are little endian.
 *
 *      0   4   magic "PSF1"
 *      4   4   CRC-32 of bytes 8 to 67
 *      8  32   version, hexadecimal digits
 *     40  16   expiry, decimal digits of milliseconds since the epoch; 9999999999999999: never
 *     56   4   M, length of the metadata
 *     60   4   N, length of the value
 *     64   4   CRC-32 of metadata and value
 *     68   M   metadata: number of entries 1 | (length of name 2 | name | length of text 2 | text)*, UTF-8
 *   68+M   N   value
 *
 * Version and expiry are text of fixed length, so a script inside a service can compare them; a touch writes the first 68 bytes anew and nothing else.
 * The checksums find damage, not forgery: protection against people is the sealed envelope's task.
 */

import { PspError } from '../ts/errors.ts';
import { MAX_METADATA_BYTES, MAX_METADATA_ENTRIES, type RecordHead, type StoredRecord, type Version } from '../ts/provider.ts';
import { crc32, tableCrc32 } from './crc32.ts';
import { utf8Length, writeUtf8 } from './utf8.ts';

/** Bytes of the part that a touch writes anew. */
export const FRAME_FIXED_BYTES = 68;

/** Where the 32 digits of the version begin. */
export const FRAME_VERSION_AT = 8;

/** Where the 16 digits of the expiry begin. */
export const FRAME_EXPIRY_AT = 40;

/** So many bytes of a frame always hold its whole head. */
export const FRAME_HEAD_BYTES: number = FRAME_FIXED_BYTES + 1 + MAX_METADATA_BYTES + 4 * MAX_METADATA_ENTRIES;

/** The expiry of what does not expire: later, as text too, than every other. */
const NEVER = '9999999999999999';
const EXPIRY_DIGITS = 16;
const VERSION_DIGITS = 32;
const MAGIC = 0x3146_5350;
/** Where the part begins that the first checksum is of. */
const CHECKED_AT = FRAME_VERSION_AT;
const EXPIRY_END = FRAME_EXPIRY_AT + EXPIRY_DIGITS;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The 16 digits that stand for an expiry. */
export function expiryDigits(expiresAt: number | null): string {
  return expiresAt === null ? NEVER : String(expiresAt).padStart(EXPIRY_DIGITS, '0');
}

/** Where a frame is put. */
export interface FrameRoom<B extends Uint8Array<ArrayBuffer> = Uint8Array<ArrayBuffer>> {
  /** Spare bytes before and after it. */
  readonly before: number;
  readonly after: number;
  /** Gives so many bytes, with whatever in them. */
  allocate(bytes: number): B;
}

const OWN_ROOM: FrameRoom = { before: 0, after: 0, allocate: (bytes) => new Uint8Array(bytes) };

/** The frame of `value` (at most 2^32 - 1 bytes) in the middle of `room`, which is given back whole; without it, the frame alone in a new array. */
export function encodeFrame<B extends Uint8Array<ArrayBuffer> = Uint8Array<ArrayBuffer>>(
  head: Pick<RecordHead, 'version' | 'expiresAt' | 'metadata'>,
  value: Uint8Array,
  { before, after, allocate }: FrameRoom<B> = OWN_ROOM as FrameRoom<B>,
): B {
  const metadata = layOutMetadata(head.metadata);
  const metadataAt = before + FRAME_FIXED_BYTES;
  const valueAt = metadataAt + metadata.byteLength;
  const end = valueAt + value.length;
  const bytes = allocate(end + after);
  writeMetadata(bytes, metadataAt, metadata);
  bytes.set(value, valueAt);
  writeInteger(bytes, before + 56, metadata.byteLength);
  writeInteger(bytes, before + 60, value.length);
  writeInteger(bytes, before + 64, crc32(bytes.subarray(metadataAt, end)));
  writeFixed(bytes, before, head.version, head.expiresAt);
  return bytes;
}

/** A copy of the fixed part of a frame, with another version and expiry: 68 bytes. */
export function touchFrame(fixed: Uint8Array, version: Version, expiresAt: number | null): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(fixed.subarray(0, FRAME_FIXED_BYTES)); // slice of a Buffer would be no copy
  writeFixed(bytes, 0, version, expiresAt);
  return bytes;
}

/**
 * The head of a frame, of which `bytes` are the first; {@link FRAME_HEAD_BYTES} are always enough. `totalBytes` is the length of the whole frame,
 * where it is known. `PROVIDER_CORRUPT` when it is none, or damaged. The metadata is read but not proven: its checksum is the value's, too.
 */
export function decodeFrameHead(key: string, bytes: Uint8Array, totalBytes: number | null = null): RecordHead {
  const { version, expiresAt, metadataBytes, size } = readFixed(bytes);
  if (totalBytes !== null && totalBytes !== FRAME_FIXED_BYTES + metadataBytes + size) throw corrupt('it has another length than it says');
  return { key, version, size, expiresAt, metadata: decodeMetadata(bytes.subarray(FRAME_FIXED_BYTES, FRAME_FIXED_BYTES + metadataBytes)) };
}

/** A whole frame. The value is a view of `bytes`. `PROVIDER_CORRUPT` when it is none, or damaged. */
export function decodeFrame(key: string, bytes: Uint8Array<ArrayBuffer>): StoredRecord {
  const { version, expiresAt, metadataBytes, size, checksum } = readFixed(bytes);
  const valueAt = FRAME_FIXED_BYTES + metadataBytes;
  if (bytes.length !== valueAt + size) throw corrupt('it has another length than it says');
  if (crc32(bytes.subarray(FRAME_FIXED_BYTES)) !== checksum) throw corrupt('the checksum of its value is wrong');
  return {
    key,
    version,
    size,
    expiresAt,
    metadata: decodeMetadata(bytes.subarray(FRAME_FIXED_BYTES, valueAt)),
    value: bytes.subarray(valueAt),
  };
}

/** Where the value begins in a frame whose first bytes these are. */
export function frameValueAt(bytes: Uint8Array): number {
  return FRAME_FIXED_BYTES + readFixed(bytes).metadataBytes;
}

/** Writes all of the fixed part at `at` but the lengths and the checksum of the value, which stand there. */
function writeFixed(bytes: Uint8Array, at: number, version: Version, expiresAt: number | null): void {
  writeInteger(bytes, at, MAGIC);
  const text = version + expiryDigits(expiresAt);
  for (let i = 0; i < text.length; i++) bytes[at + CHECKED_AT + i] = text.charCodeAt(i);
  writeInteger(bytes, at + 4, headCrc32(bytes, at));
}

/** The checksum that the fixed part at `at` should have. By the table: for so few bytes it takes less time than a call of the runtime's own. */
function headCrc32(bytes: Uint8Array, at: number): number {
  return tableCrc32(bytes, 0, at + CHECKED_AT, at + FRAME_FIXED_BYTES);
}

function writeInteger(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function readInteger(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function readFixed(bytes: Uint8Array) {
  if (bytes.length < FRAME_FIXED_BYTES) throw corrupt('it ends before its head does');
  if (readInteger(bytes, 0) !== MAGIC) throw corrupt('it does not begin like one');
  if (readInteger(bytes, 4) !== headCrc32(bytes, 0)) throw corrupt('the checksum of its head is wrong');
  const text = decodeText(bytes.subarray(FRAME_VERSION_AT, EXPIRY_END), 'its head');
  const expiry = text.slice(VERSION_DIGITS);
  return {
    version: text.slice(0, VERSION_DIGITS) as Version,
    expiresAt: expiry === NEVER ? null : Number(expiry),
    metadataBytes: readInteger(bytes, 56),
    size: readInteger(bytes, 60),
    checksum: readInteger(bytes, 64),
  };
}

/** The metadata as bytes: see the head of this file. At most FRAME_HEAD_BYTES - FRAME_FIXED_BYTES. */
export function encodeMetadata(metadata: Readonly<Record<string, string>>): Uint8Array {
  const layout = layOutMetadata(metadata);
  const bytes = new Uint8Array(layout.byteLength);
  writeMetadata(bytes, 0, layout);
  return bytes;
}

/** Metadata as the texts that are written. */
interface MetadataLayout {
  /** Names and texts in turn. */
  readonly texts: readonly string[];
  readonly byteLength: number;
}

function layOutMetadata(metadata: Readonly<Record<string, string>>): MetadataLayout {
  const texts: string[] = [];
  let byteLength = 1;
  for (const name of Object.keys(metadata)) {
    const text = metadata[name]!;
    texts.push(name, text);
    byteLength += 4 + utf8Length(name) + utf8Length(text);
  }
  return { texts, byteLength };
}

function writeMetadata(bytes: Uint8Array, from: number, { texts }: MetadataLayout): void {
  bytes[from] = texts.length / 2;
  let at = from + 1;
  for (const text of texts) {
    const end = writeUtf8(bytes, at + 2, text);
    bytes[at] = end - at - 2;
    bytes[at + 1] = (end - at - 2) >> 8;
    at = end;
  }
}

/** The reverse of {@link encodeMetadata}. `PROVIDER_CORRUPT` when it is cut or no UTF-8. */
export function decodeMetadata(bytes: Uint8Array): Record<string, string> {
  const count = bytes[0] ?? 0;
  if (count === 0) return {};
  const texts: string[] = [];
  let at = 1;
  while (texts.length < 2 * count) {
    const length = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    const text = bytes.subarray(at + 2, at + 2 + length);
    if (text.length < length || at + 2 > bytes.length) throw corrupt('its metadata ends too early');
    texts.push(decodeText(text, 'its metadata'));
    at += 2 + length;
  }
  // fromEntries defines properties, so a name such as __proto__ stays an ordinary name.
  return Object.fromEntries(Array.from({ length: count }, (_, entry) => [texts[2 * entry]!, texts[2 * entry + 1]!]));
}

function decodeText(bytes: Uint8Array, what: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw corrupt(`${what} is no UTF-8`);
  }
}

function corrupt(what: string): PspError {
  return new PspError('PROVIDER_CORRUPT', `frame of a stored value: ${what}`);
}
