/** What our functions in a document answer (`page/script.ts`), on this side: a value, or a coded error that says which function failed where. */
import { PspError } from '../errors.ts';
import type { PageCalls } from './page/script.ts';

/**
 * The value of an answer. `place` names the document in messages.
 *
 * @throws PspError `ADAPTER_PROTOCOL` with the name of what the page code threw in `details.error`.
 */
export function readAnswer<N extends keyof PageCalls>(answer: unknown, name: N, place: string): Awaited<ReturnType<PageCalls[N]>> {
  const { value, error } = Object(answer) as { value?: unknown; error?: unknown };
  if (error === undefined) return value as Awaited<ReturnType<PageCalls[N]>>;
  const thrown = String(error);
  throw new PspError('ADAPTER_PROTOCOL', `${name} failed in ${place}: ${thrown}`, { details: { error: thrown } });
}
