/** What tests of providers look with: codes of failures, silence of messages, listings, counters, and bytes to store. */
import { inspect } from 'node:util';
import { expect } from 'vitest';
import { PspError, type PspErrorCode } from '../../../ts/errors.ts';
import type { ListOptions, PutOptions, RecordHead, StorageProvider, StoredRecord } from '../../../ts/provider.ts';

/** Fails unless `promise` rejects with a {@link PspError} of this code; returns the error. */
export async function expectCode(promise: Promise<unknown>, code: PspErrorCode): Promise<PspError> {
  const outcome = await promise.then(
    () => 'no error',
    (error: unknown) => error,
  );
  if (!(outcome instanceof PspError)) throw new Error(`expected a PspError ${code}, got ${inspect(outcome)}`);
  expect(outcome.code, outcome.message).toBe(code);
  return outcome;
}

/** Fails when anything a program would log of `error`, its causes included, holds one of these texts, in whatever case. */
export function expectSilent(error: Error, secrets: readonly string[]): void {
  const text = [inspect(error, { depth: 10, showHidden: true }), String(error), JSON.stringify(error)].join('\n').toLowerCase();
  // The stack names the test's own file and functions, which hold none of the secrets.
  for (const secret of secrets) expect(text).not.toContain(secret.toLowerCase());
}

/** Raises the number under 'counter' `times` times by compare-and-set. */
export async function raise(provider: StorageProvider, times: number): Promise<void> {
  let conflicts = 0;
  for (let done = 0; done < times; ) {
    const record = await present(provider, 'counter');
    const next = Buffer.from(String(Number(Buffer.from(record.value).toString()) + 1));
    try {
      await provider.put('counter', next, { ifMatch: record.version });
      done += 1;
    } catch (error) {
      if (codeOf(error) !== 'PROVIDER_CONFLICT') throw error;
      if (++conflicts > 20_000) throw new Error('too many conflicts: nobody makes progress');
    }
  }
}

/** The number under 'counter'. */
export async function readCounter(provider: StorageProvider): Promise<number> {
  return Number(Buffer.from((await present(provider, 'counter')).value).toString());
}

/** The keys of a listing, in its order. */
export async function keysOf(provider: StorageProvider, options?: ListOptions): Promise<string[]> {
  return (await collect(provider, options)).map((head) => head.key);
}

/** `size` bytes that differ from their neighbours. */
export function pattern(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255);
}

/** All heads of a listing, in its order. */
export async function collect(provider: StorageProvider, options?: ListOptions): Promise<RecordHead[]> {
  const heads: RecordHead[] = [];
  for await (const head of provider.list(options)) heads.push(head);
  return heads;
}

/** The record under `key`, which must be there. */
export async function present(provider: StorageProvider, key: string): Promise<StoredRecord> {
  const record = await provider.get(key);
  if (record === null) throw new Error(`expected a value under ${JSON.stringify(key)}, found none`);
  return record;
}

/** Puts `count` values under `key 0`, `key 1`, ... */
export async function fill(
  provider: StorageProvider,
  count: number,
  options: (i: number) => PutOptions = () => ({}),
): Promise<RecordHead[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => provider.put(`key ${i}`, bytes(i), options(i))));
}

/** Fails unless just one of `tries` is fulfilled, and the others are conflicts; returns which. */
export async function oneWinner(tries: readonly Promise<RecordHead>[]): Promise<{ winner: { index: number; head: RecordHead } }> {
  const results = await Promise.allSettled(tries);
  const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [{ index, head: result.value }] : []));
  const losers = results.flatMap((result) => (result.status === 'rejected' ? [codeOf(result.reason)] : []));
  expect(winners).toHaveLength(1);
  expect(losers).toEqual(Array(tries.length - 1).fill('PROVIDER_CONFLICT'));
  return { winner: winners[0]! };
}

/** A record without its value. */
export function headOf({ key, version, size, expiresAt, metadata }: RecordHead): RecordHead {
  return { key, version, size, expiresAt, metadata };
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
