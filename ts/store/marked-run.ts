/**
 * A run over many records that can be killed and resumed: a few at a time, with a checkpoint of what is finished. What is done with a record, and what
 * becomes of a failure, is the caller's.
 */

import { type RotationCheckpoint, RunMark } from './checkpoint.ts';
import type { MarkedWork } from './mark-text.ts';
import { checkCount, MAX_CONCURRENCY, takeAll } from './pool.ts';

/** What all such runs take. */
export interface RunOptions {
  /** Records that are worked on at once, 1 to 256; 4 when not given. */
  readonly concurrency?: number;
  /** Remembers how far the run has come, every `checkpointEvery` records (100 when not given) and when it is aborted. */
  readonly checkpoint?: RotationCheckpoint;
  readonly checkpointEvery?: number;
  /** Does everything but write: to the target and to the checkpoint. The result is then what would be. */
  readonly dryRun?: boolean;
  /** Ends the run between two records, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A run that has begun. */
export interface MarkedRun {
  /** Whether it goes on from a checkpoint: then it does not look at what earlier ones finished. */
  readonly resumed: boolean;
  /** The records that it looks at. */
  readonly keys: readonly string[];
  /** Takes each record once. `take` says whether it is finished well; if not, a resumed run looks at it again. What it rejects with ends the run. */
  finish(take: (key: string) => Promise<boolean>): Promise<void>;
}

/** RangeError for options out of range. */
export function checkRun({ concurrency = 4, checkpointEvery = 100 }: RunOptions): void {
  checkCount('concurrency', concurrency, MAX_CONCURRENCY);
  checkCount('checkpointEvery', checkpointEvery, Number.MAX_SAFE_INTEGER);
}

/** The run over `keys`. `plan` tells it from others of its kind: only a checkpoint of the same is gone on from. */
export async function startRun(work: MarkedWork, plan: string, keys: readonly string[], options: RunOptions): Promise<MarkedRun> {
  const { concurrency = 4, checkpointEvery = 100, signal, dryRun = false } = options;
  const checkpoint = dryRun ? undefined : options.checkpoint;
  const mark = new RunMark(keys, plan, (await checkpoint?.load()) ?? null, work);

  async function finish(take: (key: string) => Promise<boolean>): Promise<void> {
    let finished = 0;
    let saving: Promise<void> | null = null;
    async function save(): Promise<void> {
      await checkpoint?.save(mark.format());
      saving = null;
    }
    try {
      await takeAll(mark.keys.length, concurrency, signal, async (index) => {
        mark.finish(index, await take(mark.keys[index]!));
        finished++;
        if (finished % checkpointEvery !== 0) return;
        saving ??= save();
        await saving;
      });
    } catch (error) {
      // Only where the caller called it off: after a failure of `take` or of the checkpoint itself, the mark that is saved is the one to trust.
      if (signal?.aborted === true) await checkpoint?.save(mark.format());
      throw error;
    }
    await checkpoint?.save(null);
  }

  return { resumed: mark.resumed, keys: mark.keys, finish };
}
