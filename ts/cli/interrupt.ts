/** Ctrl-C as a signal: long work ends between two items, with its checkpoint written; a second Ctrl-C ends the process at once. */
import { CliFailure } from './failure.ts';

/** Runs `work` with a signal that Ctrl-C aborts; its reason is an `INTERRUPTED` with `message`. */
export async function withInterrupt<T>(message: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const interrupt = (): void => abort.abort(new CliFailure('INTERRUPTED', message));
  process.once('SIGINT', interrupt);
  try {
    return await work(abort.signal);
  } finally {
    process.off('SIGINT', interrupt);
  }
}
