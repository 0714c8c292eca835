/**
 * What a store says of its own work: one report for each operation, of times and counts. Never an id, a key or a value, so that it can go
 * wherever metrics go.
 */

import { PspError, type PspErrorCode } from '../errors.ts';
import type { CallOptions } from '../provider.ts';

/** The operations that are reported. */
export type StoreOperation =
  | 'put'
  | 'get'
  | 'head'
  | 'delete'
  | 'purge'
  | 'list'
  | 'getMany'
  | 'putMany'
  | 'deleteMany'
  | 'update'
  | 'checkout'
  | 'commit'
  | 'renew'
  | 'close'
  | 'compact'
  | 'sweep'
  | 'import'
  | 'export'
  | 'transfer';

/** One operation that has ended. */
export interface StoreMetric {
  readonly operation: StoreOperation;
  /** From the call to its end, waits included. Of a listing: until its reader has left it. */
  readonly ms: number;
  /** Of record values that were read or sent, those of repeated attempts included. */
  readonly bytes: number;
  /** `ok`, the code it failed with, or `error` for what has none: a wrong argument, an abort. Single items of a batch do not count. */
  readonly outcome: 'ok' | 'error' | PspErrorCode;
  /** 1, and one for each time that something had to be repeated: a failure of the provider, a lost race. */
  readonly attempts: number;
}

/** An operation that is under way. */
export class Operation {
  /** For the calls of the provider. */
  readonly call: CallOptions;
  bytes = 0;
  attempts = 1;

  constructor({ signal, timeoutMs }: CallOptions) {
    this.call = { ...(signal === undefined ? {} : { signal }), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  }
}

/** Runs `work` as one operation, and reports it. */
export async function measure<T>(
  onMetric: ((metric: StoreMetric) => void) | undefined,
  name: StoreOperation,
  options: CallOptions,
  work: (operation: Operation) => Promise<T>,
): Promise<T> {
  const operation = new Operation(options);
  if (onMetric === undefined) return work(operation);
  const report = startReport(onMetric, name, operation);
  try {
    const result = await work(operation);
    report('ok');
    return result;
  } catch (error) {
    report(outcomeOf(error));
    throw error;
  }
}

/** {@link measure} for a listing, which ends when its reader has enough. */
export async function* measureEach<T>(
  onMetric: ((metric: StoreMetric) => void) | undefined,
  name: StoreOperation,
  options: CallOptions,
  work: (operation: Operation) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const operation = new Operation(options);
  const report = onMetric === undefined ? null : startReport(onMetric, name, operation);
  let outcome: StoreMetric['outcome'] = 'ok';
  try {
    yield* work(operation);
  } catch (error) {
    outcome = outcomeOf(error);
    throw error;
  } finally {
    report?.(outcome);
  }
}

function startReport(
  onMetric: (metric: StoreMetric) => void,
  operation: StoreOperation,
  counts: Operation,
): (outcome: StoreMetric['outcome']) => void {
  const start = performance.now();
  return (outcome) => {
    const { bytes, attempts } = counts;
    const metric = { operation, ms: performance.now() - start, bytes, outcome, attempts };
    // Apart from the operation: a hook that throws must not make a write look failed.
    queueMicrotask(() => onMetric(metric));
  };
}

function outcomeOf(error: unknown): StoreMetric['outcome'] {
  return error instanceof PspError ? error.code : 'error';
}
