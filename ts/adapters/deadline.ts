/** A time limit for one step of work with a browser, and the check for an operation that was called off. */
import { PspError } from '../errors.ts';

/**
 * The result of `work`, or `ADAPTER_TIMEOUT` after `timeoutMs`. The work itself cannot be stopped: its late result is dropped.
 * `what` names the step for the message.
 */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new PspError('ADAPTER_TIMEOUT', `${what} took longer than ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
