/** A browser that shuts down refuses commands for a moment before its connection ends. What it refuses then is told from what it refuses alive. */
import { PspError } from '../errors.ts';

/** How long the end of a browser may take to show, in milliseconds. */
const SHUTTING_DOWN_MS = 1_000;
const LOOK_AGAIN_MS = 20;

/**
 * The result of a step that a living browser does not refuse. A refusal (`ADAPTER_PROTOCOL`) becomes `ADAPTER_DISCONNECTED` when the browser turns out to
 * be gone within a second; any other failure passes as it is, at once.
 */
export async function unlessClosing<T>(isClosed: () => boolean, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PspError) || error.code !== 'ADAPTER_PROTOCOL') throw error;
    const lookUntil = Date.now() + SHUTTING_DOWN_MS;
    while (!isClosed() && Date.now() < lookUntil) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    if (isClosed()) throw new PspError('ADAPTER_DISCONNECTED', 'the browser went away', { cause: error });
    throw error;
  }
}
