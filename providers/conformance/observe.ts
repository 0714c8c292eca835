/** What cases look with: codes of failures, silence of messages, listings, counters, and bytes to store. */

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { PspError, type PspErrorCode } from '../../ts/errors.ts';
import type { ListOptions, PutOptions, RecordHead, StorageProvider, StoredRecord } from '../../ts/provider.ts';

const STREAK_WITHOUT_PAUSE = 2;
const MAX_PAUSE_MS = 64;

/** Fails unless `promise` rejects with a {@link PspError} of this code, or of one of these; returns the error. */
export async function expectCode(promise: Promise<unknown>, code: PspErrorCode | readonly PspErrorCode[]): Promise<PspError> {
  const error = await failureOf(promise);
  const codes: readonly string[] = typeof code === 'string' ? [code] : code;
  if (!(error instanceof PspError)) throw new assert.AssertionError({ message: `expected a PspError ${codes}, got ${inspect(error)}` });
  assert.ok(codes.includes(error.code), `expected ${codes}, got ${error.code}: ${error.message}`);
  return error;
}

/** Fails unless `promise` rejects with an error of this class. */
export async function expectClass(promise: Promise<unknown>, type: new (message: string) => Error, what: string): Promise<void> {
  const error = await failureOf(promise);
  assert.ok(error instanceof type, `${what}: expected a ${type.name}, got ${inspect(error)}`);
}

/** What `promise` rejects with; fails when it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  const [outcome] = await Promise.allSettled([promise]);
  if (outcome.status === 'rejected') return outcome.reason;
  throw new assert.AssertionError({ message: 'expected a rejection, got a result' });
}

/** Fails when anything a program would log of `error`, its causes included, holds one of these texts, in whatever case. */
export function expectSilent(error: unknown, secrets: readonly string[]): void {
  const text = [inspect(error, { depth: 10, showHidden: true }), String(error), safeJson(error)].join('\n').toLowerCase();
  for (const secret of secrets) assert.ok(!text.includes(secret.toLowerCase()), 'an error or a printed object holds a secret');
}

/** Fails unless both are the same bytes; says where they part, and not what they are. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length, 'length of the bytes');
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  throw new assert.AssertionError({ message: `byte ${at} of ${expected.length} is another than was put` });
}

/** Fails unless both name the same, in whatever order; `what` is named then. */
export function expectSame(actual: readonly string[], expected: readonly string[], what: string): void {
  assert.deepEqual([...actual].sort(), [...expected].sort(), what);
}

/**
 * Raises the number under `key` `times` times by compare-and-set. After a few conflicts in a row it pauses for a random while, as writers have to:
 * else of 64 that go in step 63 are always too late.
 */
export async function raise(provider: StorageProvider, times: number, key = 'counter'): Promise<void> {
  let conflicts = 0;
  let streak = 0;
  for (let done = 0; done < times; ) {
    const record = await present(provider, key);
    const next = Buffer.from(String(Number(Buffer.from(record.value).toString()) + 1));
    try {
      await provider.put(key, next, { ifMatch: record.version });
      done += 1;
      streak = 0;
    } catch (error) {
      if (codeOf(error) !== 'PROVIDER_CONFLICT') throw error;
      if (++conflicts > 20_000) throw new Error('too many conflicts: nobody makes progress');
      if (++streak > STREAK_WITHOUT_PAUSE) await sleep(Math.random() * Math.min(2 ** streak, MAX_PAUSE_MS));
    }
  }
}

/** The number under `key`. */
export async function readCounter(provider: StorageProvider, key = 'counter'): Promise<number> {
  return Number(Buffer.from((await present(provider, key)).value).toString());
}

/** The keys of a listing, in its order. */
export async function keysOf(provider: StorageProvider, options?: ListOptions): Promise<string[]> {
  return (await collect(provider, options)).map((head) => head.key);
}

/** `size` bytes that differ from their neighbours. */
export function pattern(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = i * 31 + (i >> 8);
  return bytes;
}

/** All heads of a listing, in its order; a key that comes twice where the provider does not promise otherwise (`exactList`) is taken once. */
export async function collect(provider: StorageProvider, options?: ListOptions): Promise<RecordHead[]> {
  const heads: RecordHead[] = [];
  for await (const head of provider.list(options)) heads.push(head);
  return provider.capabilities.exactList ? heads : [...new Map(heads.map((head) => [head.key, head])).values()];
}

/** The record under `key`, which must be there. */
export async function present(provider: StorageProvider, key: string): Promise<StoredRecord> {
  const record = await provider.get(key);
  if (record === null) throw new assert.AssertionError({ message: `expected a value under ${JSON.stringify(key)}, found none` });
  return record;
}

/** Puts `count` values under `key 0`, `key 1`, ..., and fails where one is not put. */
export async function fill(
  provider: StorageProvider,
  count: number,
  options: (i: number) => PutOptions = () => ({}),
): Promise<RecordHead[]> {
  const items = Array.from({ length: count }, (_, i) => ({ key: `key ${i}`, value: bytes(i), ...options(i) }));
  return (await provider.putMany(items)).map(resultOf);
}

/** What a settled result holds; throws its reason otherwise. */
export function resultOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

/** Fails unless just one of `tries` is fulfilled, and the others are conflicts; returns which. */
export async function oneWinner(tries: readonly Promise<RecordHead>[]): Promise<{ winner: { index: number; head: RecordHead } }> {
  const results = await Promise.allSettled(tries);
  const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [{ index, head: result.value }] : []));
  const losers = results.flatMap((result) => (result.status === 'rejected' ? [codeOf(result.reason)] : []));
  assert.equal(winners.length, 1, `winners of ${tries.length} writers of one version`);
  assert.deepEqual(losers, Array(tries.length - 1).fill('PROVIDER_CONFLICT'));
  return { winner: winners[0]! };
}

/** A record without its value. */
export function headOf({ key, version, size, expiresAt, metadata }: RecordHead): RecordHead {
  return { key, version, size, expiresAt, metadata: { ...metadata } };
}

/** Fails unless `actual` is the head that `expected` says, member by member. */
export function expectHead(actual: RecordHead | null, expected: RecordHead): void {
  assert.notEqual(actual, null, 'expected a record, found none');
  assert.deepEqual(headOf(actual!), headOf(expected));
}

/** Fails unless the record under `key` has this head and this value. */
export async function expectRecord(provider: StorageProvider, head: RecordHead, value: Uint8Array): Promise<void> {
  const record = await present(provider, head.key);
  expectHead(record, head);
  expectBytes(record.value, value);
}

/** These bytes. */
export function bytes(...values: readonly number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values);
}

/** Order of keys, for `sort`. */
export function byKey(a: RecordHead, b: RecordHead): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** The code of a coded error, or what else it is. */
export function codeOf(error: unknown): string {
  return error instanceof PspError ? error.code : inspect(error);
}

/** A circle in an error is no reason for its text to go unread: `inspect` has read it already. */
function safeJson(value: unknown): string {
  const seen = new Set<unknown>();
  return (
    JSON.stringify(value, (_, member: unknown) => {
      if (typeof member === 'bigint') return String(member);
      if (typeof member !== 'object' || member === null) return member;
      if (seen.has(member)) return '(seen)';
      seen.add(member);
      return member;
    }) ?? ''
  );
}
