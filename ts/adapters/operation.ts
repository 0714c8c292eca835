/**
 * One capture or restore under way: its port and options with their defaults, the report it writes, and the rule for failures: a part that fails becomes
 * an entry and the rest goes on, unless the browser is gone or the caller called it off.
 */
import { PspError } from '../errors.ts';
import { memorySink, type SectionSink } from '../session/section-sink.ts';
import { defaultTabs } from './default-tabs.ts';
import type { CaptureOptions, OperationOptions, Progress } from './driver.ts';
import type { ReportEntry } from './report.ts';

const DEFAULT_TIMEOUT_MS = 15_000;

/** The time limit of one step, in milliseconds. */
export function timeLimit({ timeoutMs = DEFAULT_TIMEOUT_MS }: OperationOptions): number {
  return timeoutMs;
}

/** What an operation must know of the browser, or page, that it works on. */
export interface Closable {
  /** True once the browser or the connection to it is gone. */
  isClosed(): boolean;
}

export class Operation<Port extends Closable = Closable> {
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly entries: ReportEntry[] = [];
  readonly port: Port;
  /** Keeps the large contents of a capture. */
  readonly sink: SectionSink;
  /** How many tabs of ours may work at once. */
  readonly tabs: number;
  readonly #options: OperationOptions & Pick<CaptureOptions, 'sink'>;

  constructor(port: Port, options: OperationOptions & Pick<CaptureOptions, 'sink'>) {
    this.timeoutMs = timeLimit(options);
    this.port = port;
    this.sink = options.sink ?? memorySink;
    this.now = options.now ?? Date.now;
    this.tabs = options.tabs ?? defaultTabs();
    if (!(Number.isInteger(this.tabs) && this.tabs > 0)) throw new TypeError('tabs: expected a whole number above 0');
    this.#options = options;
  }

  /** The same operation with a report of its own: for work that runs beside other work, so that the entries of both can be put in order. */
  branch(): Operation<Port> {
    return new Operation(this.port, this.#options);
  }

  progress(stage: Progress['stage'], done: number, total: number): void {
    this.#options.onProgress?.({ stage, done, total });
  }

  /**
   * The result of `work`, or null after its failure became `entry` with the reason and code added.
   *
   * @throws PspError `ADAPTER_DISCONNECTED` when the browser is gone; the signal's reason when it was aborted.
   */
  async part<T>(entry: Pick<ReportEntry, 'outcome' | 'kind' | 'place'>, work: () => Promise<T>): Promise<T | null> {
    this.#options.signal?.throwIfAborted();
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
    this.#options.signal?.throwIfAborted();
    if (error instanceof PspError && error.code === 'ADAPTER_DISCONNECTED') throw error;
    if (this.port.isClosed()) throw new PspError('ADAPTER_DISCONNECTED', 'the browser went away', { cause: error });
    if (!(error instanceof PspError)) throw error;
  }
}

function reasonOf(error: unknown): Pick<ReportEntry, 'reason' | 'code'> {
  return error instanceof PspError ? { reason: error.message, code: error.code } : { reason: 'it failed' };
}
