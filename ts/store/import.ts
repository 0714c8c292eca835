/**
 * Bulk import: blobs from anywhere into a session store, each checked as far as wanted, written in groups, with one result each. The source is read
 * only as fast as the store takes; a bad item is a failure of its own and stops nothing; and a run that was killed is gone on with by the next one,
 * which finds by the checkpoint what is finished, and by write ids what it had stored already. The work is in `import-work.ts`, checks in
 * `import-check.ts`, writes in `import-group.ts`, the checkpoint's text in `import-mark.ts`.
 */

import { checkLevel, type ImportItem } from './import-check.ts';
import { MAX_THREADS } from './import-help.ts';
import type { ImportOptions, ImportResult, ImportSummary } from './import-options.ts';
import { ItemSource } from './import-source.ts';
import { ImportWork } from './import-work.ts';
import { partsOf } from './parts.ts';
import { checkCount, MAX_CONCURRENCY } from './pool.ts';
import type { SessionStore } from './store.ts';

export type { ImportItem, SessionFacts, VerifyLevel } from './import-check.ts';
export type { WithoutThreads } from './import-help.ts';
export type { ConflictRule, ImportOutcome, Stored } from './import-item.ts';
export type { ImportOptions, ImportProgress, ImportResult, ImportSummary } from './import-options.ts';

/**
 * An import: its results, and its summary. It begins when its results are iterated, once, or when the summary is asked for; then results that nobody
 * takes are dropped, and only counted.
 */
export interface ImportRun extends AsyncIterable<ImportResult> {
  /** Resolves at the end. Rejects as the iteration does: with the reason of the signal, or what the source or the checkpoint failed with. */
  readonly summary: Promise<ImportSummary>;
}

const DEFAULT_BYTES_IN_FLIGHT = 64 * 1024 * 1024;

/**
 * Stores every item of `source`. A clear blob is stored in the packed framing, with its own revision, sealed where the store has keys; a sealed one as it
 * is, where it was sealed for this store and session, and otherwise (at the level `full`) sealed anew. Failures of items are in the results, with the
 * codes of `checkItem`, of the provider, and `STORE_GONE`, `STORE_CONFLICT`. The import itself fails with the reason of the signal, with what the source
 * or the checkpoint fails with, and with `STORE_MALFORMED` for a source that is not the one of the checkpoint.
 *
 * TypeError and RangeError for wrong arguments. With a provider without conditions items are looked at and written one
 * by one, and the last writer wins.
 *
 * @example
 * const run = importMany(store, [{ name: 'a', bytes: blob }]);
 * for await (const { name, status } of run) console.log(name, status);
 * const { created, failed } = await run.summary;
 */
export function importMany(
  store: SessionStore,
  source: AsyncIterable<ImportItem> | Iterable<ImportItem>,
  options: ImportOptions = {},
): ImportRun {
  const {
    verify = 'full',
    onConflict = 'skip',
    concurrency = 4,
    maxBytesInFlight = DEFAULT_BYTES_IN_FLIGHT,
    checkpointEvery = 1000,
  } = options;
  const parts = partsOf(store);
  checkLevel(verify);
  if (onConflict !== 'skip' && onConflict !== 'replace' && onConflict !== 'merge') {
    throw new TypeError('onConflict: expected skip, replace or merge');
  }
  if (onConflict === 'merge' && verify !== 'full') throw new TypeError("onConflict: merge reads the sessions, and needs verify: 'full'");
  const { maxDriftMs } = options;
  if (maxDriftMs !== undefined && !(maxDriftMs >= 0)) throw new RangeError('maxDriftMs: expected milliseconds, not less than 0');
  checkCount('concurrency', concurrency, MAX_CONCURRENCY);
  checkCount('maxBytesInFlight', maxBytesInFlight, Number.MAX_SAFE_INTEGER);
  checkCount('checkpointEvery', checkpointEvery, Number.MAX_SAFE_INTEGER);
  const { threads } = options;
  if (threads !== undefined && threads !== 0) checkCount('threads', threads, MAX_THREADS);
  const plan = { ...options, verify, onConflict, concurrency, maxBytesInFlight, checkpointEvery };
  return new Doors(new ImportWork(parts, new ItemSource(source), plan));
}

/** The two doors of an import, of which one is gone through, once. */
class Doors implements ImportRun {
  readonly #work: ImportWork;
  #isTaken = false;

  constructor(work: ImportWork) {
    this.#work = work;
  }

  get summary(): Promise<ImportSummary> {
    // Whoever takes the results in the same breath is the first to begin.
    queueMicrotask(() => {
      if (!this.#isTaken) this.#begin(false);
    });
    return this.#work.summary;
  }

  [Symbol.asyncIterator](): AsyncIterator<ImportResult> {
    if (this.#isTaken) throw new TypeError('results: expected to be iterated once, and before the import has begun');
    this.#begin(true);
    return this.#work.results();
  }

  #begin(keepResults: boolean): void {
    this.#isTaken = true;
    this.#work.begin(keepResults);
  }
}
