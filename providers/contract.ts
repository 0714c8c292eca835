/**
 * The part of the provider contract that is the same for every provider: which keys, metadata, expiries and conditions are
 * accepted, and how a refusal reads. It stores nothing and knows no service. Messages say how long a key is, never the key:
 * a key may hold a user name or a token.
 */

import { PspError } from '../ts/errors.ts';
import type { CallOptions, DeleteOptions, PageOptions, PutOptions, RecordHead, Version } from '../ts/provider.ts';
import { MAX_KEY_BYTES, MAX_METADATA_BYTES, MAX_METADATA_ENTRIES, MAX_PAGE_ITEMS } from '../ts/provider.ts';
import { hasLoneSurrogate, utf8Length } from './utf8.ts';

/** What a put or a delete demands of the value that is there now. */
export interface Condition {
  /** The version that must be there, or null when any will do. */
  readonly ifMatch: Version | null;
  /** Nothing may be there. */
  readonly absent: boolean;
}

/** A put whose arguments are checked. */
export interface PutRequest<V = Uint8Array> {
  readonly key: string;
  /** The caller's own: whoever keeps it beyond the first wait copies it. */
  readonly value: V;
  readonly condition: Condition;
  readonly expiresAt: number | null;
  /** A copy. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes `from` (included) to `to` (excluded) of a value. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** A page of a listing whose options are checked. */
export interface PageRequest {
  /** '' for every key. */
  readonly prefix: string;
  /** What this provider gave as a cursor, or anything else that somebody made up; null for the first page. */
  readonly cursor: string | null;
  readonly limit: number;
}

const DEFAULT_PAGE_ITEMS = 256;
/** The longest time that a timer of JavaScript can wait. */
export const MAX_TIMEOUT_MS = 0x7fff_ffff;

/** No condition at all. */
const ANY: Condition = { ifMatch: null, absent: false };

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Asking for randomness costs about the same for 16 bytes as for some hundreds, and more than all else that a small put does. */
const VERSIONS_AT_ONCE = 32;
/** Versions that are made and not yet given to anybody. */
const versions: Version[] = [];

// What most keys look like. One byte each, so their length is their number of bytes.
const isPlainKey = /^[\x20-\x7e]+$/;

/**
 * Returns when `key` may name a value: 1 to `maxBytes` bytes of UTF-8, no NUL, no lone surrogate.
 * Otherwise `PROVIDER_INVALID_KEY`; a key that is no string is a TypeError.
 */
export function checkKey(key: string, maxBytes: number = MAX_KEY_BYTES): void {
  if (typeof key !== 'string') throw new TypeError(`key: expected a string, got ${typeof key}`);
  if (isPlainKey.test(key) && key.length <= maxBytes) return;
  if (key === '') throw invalidKey('the key is empty', 0);
  // A code unit is at least one byte: this refuses a huge key without encoding it.
  if (key.length > maxBytes) throw invalidKey(`the key is longer than ${maxBytes} bytes`, null);
  if (hasLoneSurrogate(key)) throw invalidKey('the key holds a lone surrogate', null);
  const bytes = utf8Length(key);
  if (bytes > maxBytes) throw invalidKey(`the key has ${bytes} bytes, at most ${maxBytes} are allowed`, bytes);
  if (key.includes('\0')) throw invalidKey('the key holds NUL', bytes);
}

/**
 * Checks what goes with the value of a put, and copies the metadata. Errors: `PROVIDER_TOO_LARGE` for metadata over {@link MAX_METADATA_BYTES} or
 * {@link MAX_METADATA_ENTRIES}; TypeError for wrong types, lone surrogates in metadata or both conditions at once; RangeError for an
 * `expiresAt` that is not a safe non-negative integer.
 */
export function checkPut<V>(key: string, value: V, options: Omit<PutOptions, keyof CallOptions>): PutRequest<V> {
  const { ifMatch, ifNoneMatch, expiresAt, metadata } = options;
  if (ifMatch !== undefined && ifNoneMatch !== undefined) throw new TypeError('put: ifMatch and ifNoneMatch exclude each other');
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') throw new TypeError("ifNoneMatch: expected '*'");
  if (expiresAt !== undefined) checkTime('expiresAt', expiresAt);
  const condition = ifMatch === undefined && ifNoneMatch === undefined ? ANY : conditionOf(ifMatch, ifNoneMatch === '*');
  return { key, value, condition, expiresAt: expiresAt ?? null, metadata: metadata === undefined ? {} : copyMetadata(metadata) };
}

/** The condition of a delete or a touch. TypeError when `ifMatch` is no string. */
export function checkMatch({ ifMatch }: DeleteOptions): Condition {
  return ifMatch === undefined ? ANY : conditionOf(ifMatch, false);
}

/** RangeError unless `timeMs` is integer milliseconds since the epoch. */
export function checkTime(name: string, timeMs: number): void {
  if (Number.isSafeInteger(timeMs) && timeMs >= 0) return;
  throw new RangeError(`${name}: expected integer milliseconds since the epoch, got ${String(timeMs)}`);
}

/** RangeError unless `timeoutMs` is a number of milliseconds that a timer can wait; 0: no limit. */
export function checkTimeout(timeoutMs: number): void {
  if (timeoutMs >= 0 && timeoutMs <= MAX_TIMEOUT_MS) return;
  throw new RangeError(`timeoutMs: expected 0 to ${MAX_TIMEOUT_MS} milliseconds, got ${String(timeoutMs)}`);
}

/** The range that is asked for, or null for the whole value. RangeError unless 0 <= from <= to, both safe integers. */
export function checkRange(range: readonly [number, number] | undefined): ByteRange | null {
  if (range === undefined) return null;
  const [from, to] = range;
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from <= to) return { from, to };
  throw new RangeError(`range: expected integers 0 <= from <= to, got ${String(from)} and ${String(to)}`);
}

/** Checks the options of a page. TypeError for a prefix or cursor that is no string, RangeError for a limit out of range. */
export function checkPage({ prefix, cursor, limit = DEFAULT_PAGE_ITEMS }: PageOptions): PageRequest {
  if (cursor !== undefined && typeof cursor !== 'string') throw new TypeError(`cursor: expected a string, got ${typeof cursor}`);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE_ITEMS) {
    throw new RangeError(`limit: expected an integer from 1 to ${MAX_PAGE_ITEMS}, got ${String(limit)}`);
  }
  return { prefix: checkPrefix(prefix), cursor: cursor ?? null, limit };
}

/** A `PROVIDER_CURSOR`: what was given as a cursor is none of this listing's. */
export function badCursor(): PspError {
  return new PspError('PROVIDER_CURSOR', 'cursor: expected the cursor of the page before, got something else');
}

/** Returns the prefix to list, '' for every key. TypeError when it is no string. */
export function checkPrefix(prefix: string | undefined): string {
  if (prefix !== undefined && typeof prefix !== 'string') throw new TypeError(`prefix: expected a string, got ${typeof prefix}`);
  return prefix ?? '';
}

/**
 * Returns when the live value (null: none, or expired) meets the condition, else throws `PROVIDER_CONFLICT`. The caller
 * guarantees that nobody writes the key between this check and the write it allows.
 */
export function checkCondition(condition: Condition, live: Pick<RecordHead, 'version'> | null): void {
  if (condition.absent && live !== null) throw new PspError('PROVIDER_CONFLICT', 'create: expected no value under the key, found one');
  if (condition.ifMatch === null || condition.ifMatch === live?.version) return;
  const found = live === null ? 'none' : 'another';
  throw new PspError('PROVIDER_CONFLICT', `ifMatch: expected the given version under the key, found ${found}`, { details: { found } });
}

/** True until the moment of expiry: at `now === expiresAt` a value is gone. */
export function isLive(expiresAt: number | null, now: number): boolean {
  return expiresAt === null || now < expiresAt;
}

/** A version no value had before: 128 random bits as 32 hexadecimal digits. */
export function newVersion(): Version {
  if (versions.length === 0) {
    const digits = randomHex(16 * VERSIONS_AT_ONCE);
    for (let at = 0; at < digits.length; at += 32) versions.push(digits.slice(at, at + 32) as Version);
  }
  return versions.pop()!;
}

/** `bytes` random bytes as lower-case hexadecimal digits. */
export function randomHex(bytes: number): string {
  let text = '';
  for (const byte of crypto.getRandomValues(new Uint8Array(bytes))) text += HEX[byte]!;
  return text;
}

function invalidKey(message: string, bytes: number | null): PspError {
  return new PspError('PROVIDER_INVALID_KEY', message, { details: { keyBytes: bytes } });
}

function conditionOf(ifMatch: Version | undefined, absent: boolean): Condition {
  if (ifMatch !== undefined && typeof ifMatch !== 'string') throw new TypeError(`ifMatch: expected a version, got ${typeof ifMatch}`);
  return { ifMatch: ifMatch ?? null, absent };
}

function copyMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(metadata);
  if (entries.length > MAX_METADATA_ENTRIES) {
    throw new PspError('PROVIDER_TOO_LARGE', `metadata: expected at most ${MAX_METADATA_ENTRIES} names, got ${entries.length}`);
  }
  let bytes = 0;
  for (const [name, text] of entries) {
    if (typeof text !== 'string') throw new TypeError(`metadata: expected strings, got ${typeof text}`);
    // The contract counts UTF-8, which has no lone surrogates; services that send metadata as headers would change them.
    if (hasLoneSurrogate(name) || hasLoneSurrogate(text)) throw new TypeError('metadata: a string holds a lone surrogate');
    bytes += name.length + text.length > MAX_METADATA_BYTES ? name.length + text.length : utf8Length(name) + utf8Length(text);
  }
  if (bytes > MAX_METADATA_BYTES) {
    throw new PspError('PROVIDER_TOO_LARGE', `metadata: expected at most ${MAX_METADATA_BYTES} bytes, got ${bytes} or more`);
  }
  // fromEntries defines properties, so a name such as __proto__ stays an ordinary name.
  return Object.fromEntries(entries);
}
