/**
 * The header of a sealed blob: bytes <-> fields, and the MAC over it. `layout.md` is the truth for the offsets. Parsing checks form and
 * limits only, and copies nothing that a limit has not bounded; nothing parsed is authentic until `open` has verified the MAC.
 *
 *     A immutable 64: magic 4 | version 1 | suite 1 | flags 2 | blob id 16 | plaintext length 8 | context MAC 32
 *     B mutable:      flags 1 | wrap count 1 | wraps: type 1 | kid length 1 | kid | kcv 8 | body length 2 | body
 *     C header MAC 32 = HMAC-SHA-256(K header-mac, A | B | first 56 bytes of the payload)
 */

import { utf8ToBytes } from '@noble/hashes/utils.js';
import { PspError } from '../errors.ts';
import { type Deriver, macWith } from './derive.ts';
import type { Engines } from './engine.ts';
import { MAX_PLAINTEXT_BYTES } from './payload.ts';
import type { Steps } from './steps.ts';

/** The version that this code reads and writes. */
export const VERSION = 1;
/** The one suite of version 1: AES-256-GCM, C2SP chunked-encryption, HMAC-SHA-512 derivation, HMAC-SHA-256 header. */
const SUITE = 1;
/** Most bytes of a header, MAC included. So many bytes of a file are always enough for {@link parseHeader}. */
export const MAX_HEADER_BYTES = 8192;
/** Most wraps of one header. */
export const MAX_WRAPS = 8;
/** Most bytes of a kid, in UTF-8; there is at least one. */
export const MAX_KID_BYTES = 64;
/** Flag of part A: a stream, whose length was not known when its header was written; the length field is 2^64 - 1. */
const FLAG_STREAM = 0x0001;
/** Flag of part A: the plaintext begins with attributes (attributes.ts), and its length counts them. */
const FLAG_ATTRIBUTES = 0x0002;
const KNOWN_FLAGS = FLAG_STREAM | FLAG_ATTRIBUTES;
const UNKNOWN_LENGTH = 2n ** 64n - 1n;

/** Bytes of the immutable part. */
export const IMMUTABLE_BYTES = 64;
/** Bytes of the random id that tells blobs apart. */
export const BLOB_ID_BYTES = 16;

/** Bytes of a MAC: of the context in part A, of the header in part C, of an integrity tag. */
export const MAC_BYTES = 32;

/** Type of a wrap by a local key. 2 is a key service (wrapper.ts), 3 a passphrase (passphrase.ts); a reader passes over what it does not know. */
export const WRAP_LOCAL = 1;
/** Bytes of the body of a local wrap: salt 24, data key 32, tag 16. */
export const LOCAL_BODY_BYTES = 72;
/** Bytes of a key check value. */
export const KCV_BYTES = 8;

const MAGIC = utf8ToBytes('PSPE');
const LENGTH_BYTES = 8;

/** Whether `bytes` begin as a sealed blob does. */
export function isSealed(bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC.length && MAGIC.every((byte, at) => bytes[at] === byte);
}

// `ignoreBOM` keeps a leading U+FEFF: without it two different kids would decode to one.
const kidDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The data key, wrapped for one key. */
export interface Wrap {
  readonly type: number;
  readonly kid: string;
  /** Tells a wrong key from a changed blob before anything is decrypted. */
  readonly kcv: Uint8Array;
  readonly body: Uint8Array;
}

/** The fields of part A. */
export interface Immutable {
  readonly blobId: Uint8Array;
  /** Attributes included; null for a stream, which tells its length only by its end. */
  readonly plaintextBytes: number | null;
  /** Whether the plaintext begins with attributes. */
  readonly hasAttributes: boolean;
  readonly contextMac: Uint8Array;
}

/** A parsed header. Its arrays are views of the blob; nothing in it is authentic yet. */
export interface Header extends Immutable {
  readonly wraps: readonly Wrap[];
  readonly headerMac: Uint8Array;
  /** Part A as it stands in the blob. */
  readonly immutable: Uint8Array;
  /** Parts A and B as they stand in the blob. */
  readonly authenticated: Uint8Array;
  /** Bytes of the whole header: where the payload starts. */
  readonly headerBytes: number;
}

/**
 * Parses the header at the front of `sealed`. O(header): what follows is not read, so the first {@link MAX_HEADER_BYTES} bytes will do.
 *
 * The first fault in this order decides the error:
 * 1. `ENVELOPE_NOT_SEALED`: it does not start with the magic, or is shorter than it;
 * 2. `ENVELOPE_UNSUPPORTED_VERSION`: another version, then another suite, then a flag that this code does not know (a mutable flag: where
 *    it stands in part B);
 * 3. field by field from the front: `ENVELOPE_TRUNCATED` where the bytes end (a hint: anyone can cut a file), `ENVELOPE_LIMIT` for a
 *    count or length beyond the limits, `ENVELOPE_MALFORMED` for a value that no writer writes.
 */
export function parseHeader(sealed: Uint8Array): Header {
  if (!isSealed(sealed)) throw new PspError('ENVELOPE_NOT_SEALED', 'sealed blob: expected the magic "PSPE" at its start');
  let at = MAGIC.length;
  const take = (byteLength: number): Uint8Array => {
    if (byteLength > sealed.length - at) throw cutInside(at + byteLength, sealed.length);
    at += byteLength;
    return sealed.subarray(at - byteLength, at);
  };
  const takeByte = (): number => {
    if (at === sealed.length) throw cutInside(at + 1, sealed.length);
    return sealed[at++]!;
  };
  const takeUint16 = (): number => {
    if (sealed.length - at < 2) throw cutInside(at + 2, sealed.length);
    at += 2;
    return sealed[at - 2]! * 256 + sealed[at - 1]!;
  };

  expectSupported('version', takeByte(), VERSION);
  expectSupported('suite', takeByte(), SUITE);
  const flags = takeUint16();
  expectSupported('flags', flags & ~KNOWN_FLAGS, 0);
  const blobId = take(BLOB_ID_BYTES);
  const plaintextBytes = decodeLength(take(LENGTH_BYTES), (flags & FLAG_STREAM) !== 0);
  const contextMac = take(MAC_BYTES);

  expectSupported('mutable flags', takeByte(), 0);
  const wrapCount = takeByte();
  if (wrapCount === 0) throw malformed('wrap count: expected 1 to 8, got 0');
  if (wrapCount > MAX_WRAPS) throw beyond('wrap count', MAX_WRAPS, wrapCount);
  const wraps: Wrap[] = [];
  while (wraps.length < wrapCount) {
    const type = takeByte();
    if (type === 0) throw malformed(`wrap ${wraps.length}: type 0 is never written`);
    const kidBytes = takeByte();
    if (kidBytes === 0) throw malformed(`wrap ${wraps.length}: expected a kid, got an empty one`);
    if (kidBytes > MAX_KID_BYTES) throw beyond(`wrap ${wraps.length}: kid length`, MAX_KID_BYTES, kidBytes);
    const kid = decodeKid(take(kidBytes), wraps.length);
    const kcv = take(KCV_BYTES);
    const bodyBytes = takeUint16();
    const headerBytes = at + bodyBytes + MAC_BYTES;
    if (headerBytes > MAX_HEADER_BYTES) throw beyond('header length', MAX_HEADER_BYTES, headerBytes);
    if (type === WRAP_LOCAL && bodyBytes !== LOCAL_BODY_BYTES) {
      throw malformed(`wrap ${wraps.length}: expected a body of ${LOCAL_BODY_BYTES} bytes, got ${bodyBytes}`);
    }
    wraps.push({ type, kid, kcv, body: take(bodyBytes) });
  }
  const authenticated = sealed.subarray(0, at);
  const headerMac = take(MAC_BYTES);
  return {
    blobId,
    plaintextBytes,
    hasAttributes: (flags & FLAG_ATTRIBUTES) !== 0,
    contextMac,
    wraps,
    headerMac,
    immutable: sealed.subarray(0, IMMUTABLE_BYTES),
    authenticated,
    headerBytes: at,
  };
}

/** Part A, 64 bytes. The caller guarantees 16 bytes of id, 32 of MAC and a length of at most {@link MAX_PLAINTEXT_BYTES}. */
export function writeImmutable({ blobId, plaintextBytes, hasAttributes, contextMac }: Immutable): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(IMMUTABLE_BYTES);
  bytes.set(MAGIC);
  bytes[4] = VERSION;
  bytes[5] = SUITE;
  bytes[7] = (plaintextBytes === null ? FLAG_STREAM : 0) | (hasAttributes ? FLAG_ATTRIBUTES : 0);
  bytes.set(blobId, 8);
  // Byte by byte: a DataView makes V8 move a short array out of its heap.
  if (plaintextBytes === null) bytes.fill(0xff, 24, 32);
  else for (let rest = plaintextBytes, at = 31; rest > 0; rest = Math.floor(rest / 256), at--) bytes[at] = rest % 256;
  bytes.set(contextMac, 32);
  return bytes;
}

/**
 * Parts A, B and C: the header, with the MAC over it and the head (salt and commitment) of the payload. The caller guarantees 1 to 8 wraps that
 * keep the limits of the layout.
 */
export function* writeHeader(
  engines: Engines,
  deriver: Deriver,
  immutable: Uint8Array,
  wraps: readonly Wrap[],
  payloadHead: Uint8Array,
): Steps<Uint8Array> {
  const head = yield* writeHead(engines, deriver, immutable, wraps, payloadHead);
  return head.slice(0, -payloadHead.length);
}

/** What stands before the first chunk: the header as {@link writeHeader} gives it, and the head of the payload, in one array. */
export function* writeHead(
  engines: Engines,
  deriver: Deriver,
  immutable: Uint8Array,
  wraps: readonly Wrap[],
  payloadHead: Uint8Array,
): Steps<Uint8Array<ArrayBuffer>> {
  const kids = wraps.map(({ kid }) => utf8ToBytes(kid));
  const macAt = IMMUTABLE_BYTES + mutableBytes(wraps, kids);
  const head = new Uint8Array(macAt + MAC_BYTES + payloadHead.length);
  head.set(immutable);
  writeMutableInto(head.subarray(IMMUTABLE_BYTES, macAt), wraps, kids);
  head.set(payloadHead, macAt + MAC_BYTES);
  head.set(yield* macWith(engines, deriver, 'header-mac', head.subarray(0, macAt), payloadHead), macAt);
  return head;
}

/** Bytes of part B. */
function mutableBytes(wraps: readonly Wrap[], kids: readonly Uint8Array[]): number {
  let byteLength = 2;
  for (const [index, { body }] of wraps.entries()) byteLength += 4 + KCV_BYTES + kids[index]!.length + body.length;
  return byteLength;
}

function writeMutableInto(target: Uint8Array, wraps: readonly Wrap[], kids: readonly Uint8Array[]): void {
  let at = 0;
  target[at++] = 0; // mutable flags
  target[at++] = wraps.length;
  for (const [index, { type, kcv, body }] of wraps.entries()) {
    const kid = kids[index]!;
    target[at++] = type;
    target[at++] = kid.length;
    target.set(kid, at);
    at += kid.length;
    target.set(kcv, at);
    at += KCV_BYTES;
    target[at++] = body.length >> 8;
    target[at++] = body.length & 0xff;
    target.set(body, at);
    at += body.length;
  }
}

/**
 * A kid as a message may show it: quoted, and with a `?` for everything but printable ASCII. The kid of a blob is anybody's text, and a
 * log or a terminal is no place for its line ends and escape sequences.
 */
export function showKid(kid: string): string {
  return `"${kid.replace(/[^\x20-\x7e]/g, '?')}"`;
}

function decodeLength(bytes: Uint8Array, isStream: boolean): number | null {
  const length = viewOf(bytes).getBigUint64(0);
  if (isStream) {
    if (length === UNKNOWN_LENGTH) return null;
    throw malformed('plaintext length: expected 2^64 - 1 in a stream, got another');
  }
  if (length > BigInt(MAX_PLAINTEXT_BYTES)) throw beyond('plaintext length', MAX_PLAINTEXT_BYTES, Number(length));
  return Number(length);
}

function decodeKid(bytes: Uint8Array, wrapIndex: number): string {
  try {
    return kidDecoder.decode(bytes);
  } catch (cause) {
    throw new PspError('ENVELOPE_MALFORMED', `wrap ${wrapIndex}: expected a kid in UTF-8`, { cause });
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function expectSupported(field: string, found: number, supported: number): void {
  if (found === supported) return;
  throw new PspError('ENVELOPE_UNSUPPORTED_VERSION', `${field}: this code reads ${supported}, the sealed blob has ${found}`, {
    details: { field, supported, found },
  });
}

function cutInside(neededBytes: number, actualBytes: number): PspError {
  return new PspError('ENVELOPE_TRUNCATED', `header: expected at least ${neededBytes} bytes, got ${actualBytes}`, {
    details: { expectedBytes: neededBytes, actualBytes },
  });
}

function beyond(field: string, limit: number, found: number): PspError {
  return new PspError('ENVELOPE_LIMIT', `${field}: expected at most ${limit}, got ${found}`, { details: { limit, found } });
}

function malformed(message: string): PspError {
  return new PspError('ENVELOPE_MALFORMED', message);
}
