/**
 * All records of one provider into another, as they are: bytes, metadata and expiry, sealed or not, tombstones too. Nothing is opened, so it needs no
 * key. What the target has already, to the byte, counts as copied: a run that was killed is simply run again. Commits that stand beside the record of a session
 * (where the source has no conditions, law M19) are copied as what they are; a store reads them where the target has no conditions, too, and merges the same.
 */

import { type RandomBytes, systemRandom } from '../envelope/random.ts';
import { PspError, type PspErrorCode } from '../errors.ts';
import type { StorageProvider, StoredRecord } from '../provider.ts';
import { checkRun, type RunOptions, startRun } from './marked-run.ts';
import { Operation } from './metrics.ts';
import { Retry, type RetryOptions } from './retry.ts';

/** How providers are copied. */
export interface CopyOptions extends RunOptions {
  /** Only records whose keys start with this. */
  readonly prefix?: string;
  /** What becomes of a record whose key holds another one in the target: it fails with `PROVIDER_CONFLICT` (when not given), stays out, or takes its place. */
  readonly onConflict?: 'fail' | 'skip' | 'replace';
  readonly retry?: RetryOptions | false;
  /** For the jitter of waits. */
  readonly random?: RandomBytes;
  readonly onProgress?: (progress: CopyProgress) => void;
}

/** How far a copy is, after each record. */
export interface CopyProgress {
  readonly done: number;
  readonly present: number;
  readonly skipped: number;
  readonly failed: number;
  /** All that this run looks at. */
  readonly total: number;
}

/** A record that was not copied. */
export interface CopyFailure {
  /** Null where not even the key can be read. */
  readonly key: string | null;
  /** Null for an error that is none of ours. */
  readonly code: PspErrorCode | null;
  readonly error: unknown;
}

/** What a copy did. */
export interface CopyResult {
  readonly done: number;
  /** Records that were there already, the same. */
  readonly present: number;
  /** Records in whose place others stayed, and those that were gone since they were listed. */
  readonly skipped: number;
  readonly failed: readonly CopyFailure[];
  /** Whether the run went on from a checkpoint. */
  readonly resumed: boolean;
}

/** So often a record is tried that others write in the target meanwhile. */
const MAX_RACES = 10;

/**
 * Copies every record of `from` that is not in `to`. A record is never put over one that it was not compared with; where the target has no conditions,
 * only as far as nobody else writes there meanwhile. What takes the place of another record takes away what that one knew of deleted sessions. A record that fails
 * stops nothing else.
 *
 * From a provider without conditions into one with them it makes a backup, which can be copied back: a store over such a target does not look for commits beside
 * a record. There sessions go over by `transferAll`.
 *
 * TypeError and RangeError for wrong arguments; what the listing or the checkpoint fail with; the reason of the signal. All other failures are in the
 * result. Memory: all keys, and twice the size of the records under way.
 *
 * @example
 * const { done, failed } = await copyAll(filesystem({ root: 'sessions' }), memory());
 */
export async function copyAll(from: StorageProvider, to: StorageProvider, options: CopyOptions = {}): Promise<CopyResult> {
  const { prefix = '', onConflict = 'fail', random = systemRandom, signal, dryRun = false } = options;
  if (!['fail', 'skip', 'replace'].includes(onConflict)) throw new TypeError('onConflict: expected fail, skip or replace');
  checkRun(options);
  const retry = new Retry(options.retry ?? {}, random);
  const operation = new Operation(signal === undefined ? {} : { signal });
  await retry.read(operation, () => to.open(operation.call));

  const failed: CopyFailure[] = [];
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const at = cursor === undefined ? {} : { cursor };
    const page = await retry.read(operation, () => from.listPage({ ...operation.call, ...at, prefix }));
    for (const { key } of page.items) keys.push(key);
    for (const { key, error } of page.damaged) failed.push({ key, code: error.code, error });
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);

  // A provider may list a key twice while it reorganizes itself.
  const run = await startRun('copy', JSON.stringify([prefix, onConflict]), [...new Set(keys)], options);
  const tally = { done: 0, present: 0, skipped: 0 };
  const copier = new Copier(from, to, retry, operation, onConflict, dryRun);
  await run.finish(async (key) => {
    let isWell = true;
    try {
      tally[await copier.copy(key)]++;
    } catch (error) {
      signal?.throwIfAborted();
      failed.push({ key, code: error instanceof PspError ? error.code : null, error });
      isWell = false;
    }
    options.onProgress?.({ ...tally, failed: failed.length, total: run.keys.length });
    return isWell;
  });
  return { ...tally, failed, resumed: run.resumed };
}

/** Copies single records. */
class Copier {
  readonly #from: StorageProvider;
  readonly #to: StorageProvider;
  readonly #retry: Retry;
  readonly #operation: Operation;
  readonly #onConflict: 'fail' | 'skip' | 'replace';
  readonly #dryRun: boolean;

  constructor(
    from: StorageProvider,
    to: StorageProvider,
    retry: Retry,
    operation: Operation,
    onConflict: 'fail' | 'skip' | 'replace',
    dryRun: boolean,
  ) {
    this.#from = from;
    this.#to = to;
    this.#retry = retry;
    this.#operation = operation;
    this.#onConflict = onConflict;
    this.#dryRun = dryRun;
  }

  async copy(key: string): Promise<'done' | 'present' | 'skipped'> {
    const record = await this.#get(this.#from, key);
    if (record === null) return 'skipped';
    // What is most likely new is tried first; the others are looked at, and so is everything where nothing else keeps what is there.
    let there = this.#dryRun || !this.#to.capabilities.conditionalPut ? await this.#get(this.#to, key) : null;
    let isTried = false;
    let failures = 0;
    for (let races = 0; ; ) {
      if (there !== null) {
        if (isSameRecord(record, there)) return isTried ? 'done' : 'present';
        if (this.#onConflict === 'skip') return 'skipped';
        if (this.#onConflict === 'fail' || races >= MAX_RACES) {
          throw new PspError('PROVIDER_CONFLICT', 'copy: the target holds another record under this key');
        }
      }
      if (this.#dryRun) return 'done';
      try {
        await this.#put(record, there);
        return 'done';
      } catch (error) {
        if (!(error instanceof PspError)) throw error;
        if (error.code === 'PROVIDER_CONFLICT' && races < MAX_RACES) races++;
        else if (this.#retry.isWorthwhile(error, ++failures)) {
          isTried = true;
          await this.#retry.waitAfterFailure(this.#operation, failures);
        } else throw error;
      }
      there = await this.#get(this.#to, key);
    }
  }

  #get(provider: StorageProvider, key: string): Promise<StoredRecord | null> {
    return this.#retry.read(this.#operation, () => provider.get(key, this.#operation.call));
  }

  /** In the place of exactly what was looked at, where the target can. */
  async #put({ key, value, metadata, expiresAt }: StoredRecord, there: StoredRecord | null): Promise<void> {
    const condition = there === null ? ({ ifNoneMatch: '*' } as const) : { ifMatch: there.version };
    await this.#to.put(key, value, {
      ...this.#operation.call,
      ...(this.#to.capabilities.conditionalPut ? condition : {}),
      ...(expiresAt === null ? {} : { expiresAt }),
      metadata,
    });
  }
}

function isSameRecord(a: StoredRecord, b: StoredRecord): boolean {
  const names = Object.keys(a.metadata);
  return (
    a.expiresAt === b.expiresAt &&
    a.value.length === b.value.length &&
    names.length === Object.keys(b.metadata).length &&
    names.every((name) => a.metadata[name] === b.metadata[name]) &&
    a.value.every((byte, at) => byte === b.value[at])
  );
}
