/**
 * Ctrl-C, or a `kill`, as a signal: long work ends between two items, with its checkpoint written and its temporary files gone; a second one ends the
 * process at once.
 */
import { CliFailure } from './failure.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Runs `work` with a signal that Ctrl-C aborts, and `kill`; its reason is an `INTERRUPTED` with `message`. */
export async function withInterrupt<T>(message: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const interrupt = (): void => abort.abort(new CliFailure('INTERRUPTED', message));
  for (const name of SIGNALS) process.once(name, interrupt);
  try {
    return await work(abort.signal);
  } finally {
    for (const name of SIGNALS) process.off(name, interrupt);
  }
}
