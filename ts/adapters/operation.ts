/**
 * One capture or restore under way: its port and options with their defaults, the report it writes, and the rule for failures: a part that fails becomes
 * an entry and the rest goes on, unless the browser is gone or the caller called it off.
 */
import { PspError } from '../errors.ts';
import { boundPort } from './bounded-port.ts';
import type { ChromiumPort } from './chromium-port.ts';
import type { OperationOptions, Progress } from './driver.ts';
import type { ReportEntry } from './report.ts';

const DEFAULT_TIMEOUT_MS = 15_000;

export class Operation<Handle = unknown> {
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly entries: ReportEntry[] = [];
  /** The browser; every step on it has the time limit. */
  readonly port: ChromiumPort<Handle>;
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: ((progress: Progress) => void) | undefined;

  constructor(port: ChromiumPort<Handle>, options: OperationOptions) {
    this.timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.port = boundPort(port, this.timeoutMs);
    this.now = options.now ?? Date.now;
    this.#signal = options.signal;
    this.#onProgress = options.onProgress;
  }

  progress(stage: Progress['stage'], done: number, total: number): void {
    this.#onProgress?.({ stage, done, total });
  }

  /**
   * The result of `work`, or null after its failure became `entry` with the reason and code added.
   *
   * @throws PspError `ADAPTER_DISCONNECTED` when the browser is gone; the signal's reason when it was aborted.
   */
  async part<T>(entry: Pick<ReportEntry, 'outcome' | 'kind' | 'place'>, work: () => Promise<T>): Promise<T | null> {
    this.#signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      this.rethrowIfOver(error);
      this.entries.push({ ...entry, ...reasonOf(error) });
      return null;
    }
  }

  /** Throws when there is no use in going on after `error`. A mistake of ours (TypeError ...) is not the browser's failure: it surfaces. */
  rethrowIfOver(error: unknown): void {
    this.#signal?.throwIfAborted();
    if (error instanceof PspError && error.code === 'ADAPTER_DISCONNECTED') throw error;
    if (this.port.isClosed()) throw new PspError('ADAPTER_DISCONNECTED', 'the browser went away', { cause: error });
    if (!(error instanceof PspError)) throw error;
  }
}

function reasonOf(error: unknown): Pick<ReportEntry, 'reason' | 'code'> {
  return error instanceof PspError ? { reason: error.message, code: error.code } : { reason: 'it failed' };
}
