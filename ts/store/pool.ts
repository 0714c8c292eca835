/** Many pieces of work, a few at a time: what rotation, copying, transfer and batches have in common. */

/** Most pieces that any of them has under way together. */
export const MAX_CONCURRENCY = 256;

/** Runs `take` for 0 to `count` - 1, `concurrency` at a time. After the first failure nothing new begins, and it rejects when all have ended. */
export async function takeAll(
  count: number,
  concurrency: number,
  signal: AbortSignal | undefined,
  take: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let isOver = false;
  async function work(): Promise<void> {
    try {
      while (!isOver && next < count) {
        signal?.throwIfAborted();
        await take(next++);
      }
    } finally {
      // Also at the end of the list, where it makes no difference.
      isOver = true;
    }
  }
  const workers = await Promise.allSettled(Array.from({ length: Math.min(concurrency, count) }, work));
  for (const worker of workers) if (worker.status === 'rejected') throw worker.reason;
}

/** RangeError unless `count` is an integer from 1 to `most`. */
export function checkCount(name: string, count: number, most: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= most) return;
  throw new RangeError(`${name}: expected an integer from 1 to ${most}, got ${String(count)}`);
}
