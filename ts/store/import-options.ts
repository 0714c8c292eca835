/** How an import is asked for, and what it tells of itself: its options, results, progress and summary. */

import type { MacKey } from '../envelope/key.ts';
import type { PspErrorCode } from '../errors.ts';
import type { RotationCheckpoint } from './checkpoint.ts';
import type { VerifyLevel } from './import-check.ts';
import type { WithoutThreads } from './import-help.ts';
import type { ConflictRule, Stored } from './import-item.ts';

/** How sessions are imported. */
export interface ImportOptions {
  /** How much is known of an item before it is stored; `full` when not given. The levels are listed in `import-check.ts` and in docs/import.md. */
  readonly verify?: VerifyLevel;
  /**
   * Where a session of the id is there already: `skip` (when not given) keeps it, `replace` puts the item in its place, whatever life of the session it is.
   * `merge` joins the two, which have to be of one incarnation (else `STORE_GONE`), as `mergeSessions` does; it needs `verify: 'full'`. What was deleted stays
   * deleted: `STORE_GONE`, with every rule.
   */
  readonly onConflict?: ConflictRule;
  /**
   * Of `merge`: how far writes in an item may be ahead of this clock, in milliseconds; five minutes when not given. Those that are further are refused
   * (`MERGE_DRIFT`), or with `restamp` written anew just before now, in their order. An item that meets nothing is stored as it is.
   */
  readonly maxDriftMs?: number;
  readonly restamp?: boolean;
  /** Items that are read and checked, and groups that are written, at once, 1 to 256; 4 when not given. */
  readonly concurrency?: number;
  /**
   * The source is asked for nothing more while items of so many bytes are under way; 64 MiB when not given. So at most this, and one item for each of
   * `concurrency`; memory about three times that.
   */
  readonly maxBytesInFlight?: number;
  /**
   * Threads that look at items beside this one, 0 to 64. 0: none; a number: so many, from the start, as far as the runtime has them. When not given, one for
   * each processor but one (at most 4), and only when the import has proved big: after it has looked at 300 items and for a tenth of a second, or for a second. A
   * thread has to start and to get warm, so it is kept for ten seconds, without keys, for the next import, and where no processor is idle 0 is faster. What becomes
   * of items is the same with any number. Keys go to a thread as bytes, in a message that is wiped there; key services and passphrases do not, and then there are no
   * threads: see {@link ImportSummary.withoutThreads}.
   */
  readonly threads?: number;
  /** For tags. Without it `hashes` of a sealed item is `KEY_MISSING`, and tags of other items are not looked at. */
  readonly macKey?: MacKey | readonly MacKey[];
  /**
   * Remembers how far the import has come, at its start, every `checkpointEvery` items (1,000 when not given) and when it ends early. The next run
   * with the same store, options and source passes over what is finished; null is saved when all items were looked at.
   */
  readonly checkpoint?: RotationCheckpoint;
  readonly checkpointEvery?: number;
  /** Ends the import with the signal's reason; items under way are finished first. */
  readonly signal?: AbortSignal;
  /** Called when results have come. */
  readonly onProgress?: (progress: ImportProgress) => void;
}

/** Counts of items, so far. */
export interface ImportProgress {
  readonly created: number;
  readonly replaced: number;
  /** Joined with what was there. */
  readonly merged: number;
  /** Left out, because another session of the id is there; with `merge`, because that has all of it. */
  readonly kept: number;
  /** Stored by an earlier run of this import, which was stopped before it could say so. */
  readonly present: number;
  readonly failed: number;
  /** Passed over: an earlier run had finished them. */
  readonly finishedBefore: number;
  /** Of all items that were read. */
  readonly bytes: number;
}

/** What an import did in all. */
export interface ImportSummary extends ImportProgress {
  /** How often each code was the failure; `UNEXPECTED` stands for errors without one. */
  readonly failures: Readonly<Partial<Record<PspErrorCode | 'UNEXPECTED', number>>>;
  /** Whether it went on from a checkpoint. */
  readonly resumed: boolean;
  /** False where its reader left before the end. */
  readonly complete: boolean;
  /** Threads that took part beside this one. */
  readonly threads: number;
  /** Why there were none, or not all of the time, though they were wanted; null where nothing stood in the way. */
  readonly withoutThreads: WithoutThreads | null;
}

/** What became of one item. Results come in the order in which items end. */
export type ImportResult = {
  readonly name: string;
  /** Of the session; null where the item does not say it. */
  readonly id: string | null;
} & PromiseSettledResult<Stored>;

/** Options with nothing left open. */
export type ImportPlan = ImportOptions &
  Required<Pick<ImportOptions, 'verify' | 'concurrency' | 'maxBytesInFlight' | 'checkpointEvery'>> & { readonly onConflict: ConflictRule };
