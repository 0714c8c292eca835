/**
 * The part of the provider contract that is the same for every provider: which keys, metadata, expiries and conditions are
 * accepted, and how a refusal reads. It stores nothing and knows no service. Messages say how long a key is, never the key:
 * a key may hold a user name or a token.
 */

import { PspError } from '../ts/errors.ts';
import type { DeleteOptions, PutOptions, RecordHead, Version } from '../ts/provider.ts';
import { MAX_KEY_BYTES, MAX_METADATA_BYTES } from '../ts/provider.ts';

/** What a put or a delete demands of the value that is there now. */
export interface Condition {
  /** The version that must be there, or null when any will do. */
  readonly ifMatch: Version | null;
  /** Nothing may be there. */
  readonly absent: boolean;
}

/** A put whose arguments are checked, and copied so that the caller may reuse its own. */
export interface PutRequest {
  readonly key: string;
  readonly value: Uint8Array<ArrayBuffer>;
  readonly condition: Condition;
  readonly expiresAt: number | null;
  readonly metadata: Readonly<Record<string, string>>;
}

const utf8 = new TextEncoder();

// With the u flag a paired surrogate is one code point of another category, so this finds lone ones only.
const loneSurrogate = /\p{Surrogate}/u;

/**
 * Returns when `key` may name a value: 1 to {@link MAX_KEY_BYTES} bytes of UTF-8, no NUL, no lone surrogate.
 * Otherwise `PROVIDER_INVALID_KEY`; a key that is no string is a TypeError.
 */
export function checkKey(key: string): void {
  if (typeof key !== 'string') throw new TypeError(`key: expected a string, got ${typeof key}`);
  if (key === '') throw invalidKey('the key is empty', 0);
  // A code unit is at least one byte: this refuses a huge key without encoding it.
  if (key.length > MAX_KEY_BYTES) throw invalidKey(`the key is longer than ${MAX_KEY_BYTES} bytes`, null);
  if (loneSurrogate.test(key)) throw invalidKey('the key holds a lone surrogate', null);
  const bytes = utf8.encode(key).length;
  if (bytes > MAX_KEY_BYTES) throw invalidKey(`the key has ${bytes} bytes, at most ${MAX_KEY_BYTES} are allowed`, bytes);
  if (key.includes('\0')) throw invalidKey('the key holds NUL', bytes);
}

/**
 * Checks the arguments of a put and copies the value and the metadata. Errors: those of {@link checkKey}; `PROVIDER_TOO_LARGE`
 * for metadata over {@link MAX_METADATA_BYTES}; TypeError for wrong types, lone surrogates in metadata or both conditions at
 * once; RangeError for an `expiresAt` that is not a safe non-negative integer.
 */
export function checkPut(key: string, value: Uint8Array, options: PutOptions = {}): PutRequest {
  checkKey(key);
  if (!(value instanceof Uint8Array)) throw new TypeError(`value: expected a Uint8Array, got ${typeof value}`);
  const { ifMatch, ifNoneMatch, expiresAt } = options;
  if (ifMatch !== undefined && ifNoneMatch !== undefined) throw new TypeError('put: ifMatch and ifNoneMatch exclude each other');
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') throw new TypeError("ifNoneMatch: expected '*'");
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && expiresAt >= 0)) {
    throw new RangeError(`expiresAt: expected integer milliseconds since the epoch, got ${String(expiresAt)}`);
  }
  return {
    key,
    value: new Uint8Array(value),
    condition: { ifMatch: checkVersion(ifMatch), absent: ifNoneMatch === '*' },
    expiresAt: expiresAt ?? null,
    metadata: copyMetadata(options.metadata ?? {}),
  };
}

/** Checks the arguments of a delete. Errors as in {@link checkKey}; TypeError when `ifMatch` is no string. */
export function checkDelete(key: string, options: DeleteOptions = {}): Condition {
  checkKey(key);
  return { ifMatch: checkVersion(options.ifMatch), absent: false };
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
  return randomHex(16) as Version;
}

/** `bytes` random bytes as lower-case hexadecimal digits. */
export function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The length of a key in bytes of UTF-8: what a message may say about it. */
export function keyBytes(key: string): number {
  return utf8.encode(key).length;
}

function invalidKey(message: string, bytes: number | null): PspError {
  return new PspError('PROVIDER_INVALID_KEY', message, { details: { keyBytes: bytes } });
}

function checkVersion(version: Version | undefined): Version | null {
  if (version !== undefined && typeof version !== 'string') throw new TypeError(`ifMatch: expected a version, got ${typeof version}`);
  return version ?? null;
}

function copyMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(metadata);
  let bytes = 0;
  for (const [name, text] of entries) {
    if (typeof text !== 'string') throw new TypeError(`metadata: expected strings, got ${typeof text}`);
    // The contract counts UTF-8, which has no lone surrogates; services that send metadata as headers would change them.
    if (loneSurrogate.test(name) || loneSurrogate.test(text)) throw new TypeError('metadata: a string holds a lone surrogate');
    bytes += name.length + text.length > MAX_METADATA_BYTES ? name.length + text.length : keyBytes(name) + keyBytes(text);
  }
  if (bytes > MAX_METADATA_BYTES) {
    throw new PspError('PROVIDER_TOO_LARGE', `metadata: expected at most ${MAX_METADATA_BYTES} bytes, got ${bytes} or more`);
  }
  // fromEntries defines properties, so a name such as __proto__ stays an ordinary name.
  return Object.fromEntries(entries);
}
