/**
 * Whether a call that failed is made again, and after what wait: the only place that decides it. Waits have full jitter, so that many who failed
 * together do not come back together. A write is made again only by `write.ts`, which first finds out whether it has happened.
 */

import type { RandomBytes } from '../envelope/random.ts';
import { PspError, type PspErrorCode } from '../errors.ts';
import type { Operation } from './metrics.ts';

/** When a call is made again. */
export interface RetryOptions {
  /** Calls in all, 1 to 100; 4 when not given. */
  readonly attempts?: number;
  /** The wait after the n-th failure is a random time from 0 to min(`maxMs`, `baseMs` * 2^(n-1)): 50 and 2,000 when not given. */
  readonly baseMs?: number;
  readonly maxMs?: number;
  /** Which failures. `PROVIDER_UNAVAILABLE`, `PROVIDER_THROTTLED` and `PROVIDER_TIMEOUT` when not given. */
  readonly codes?: readonly PspErrorCode[];
}

const PASSING: readonly PspErrorCode[] = ['PROVIDER_UNAVAILABLE', 'PROVIDER_THROTTLED', 'PROVIDER_TIMEOUT'];

/**
 * After a lost race: shorter waits than after a failure at first, since the winner is done; up to a second where many race, or else dozens of writers on a
 * busy machine spend their time on losing.
 */
const RACE = { baseMs: 16, maxMs: 1000 };

/** The waits and the number of calls of one store. */
export class Retry {
  readonly #attempts: number;
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #codes: ReadonlySet<PspErrorCode>;
  readonly #random: RandomBytes;

  /** RangeError for numbers out of range. `random` gives the jitter. */
  constructor(options: RetryOptions | false, random: RandomBytes) {
    const { attempts = 4, baseMs = 50, maxMs = 2000, codes = PASSING } = options === false ? { attempts: 1 } : options;
    checkInteger('retry.attempts', attempts, 1, 100);
    checkInteger('retry.baseMs', baseMs, 0, 3_600_000);
    checkInteger('retry.maxMs', maxMs, 0, 3_600_000);
    this.#attempts = attempts;
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
    this.#codes = new Set(codes);
    this.#random = random;
  }

  /** Whether the call that has failed for the `failures`-th time is to be made again. */
  isWorthwhile(error: unknown, failures: number): boolean {
    return failures < this.#attempts && error instanceof PspError && this.#codes.has(error.code);
  }

  /** The result of `work`, which changes nothing, so that it may be made again. */
  async read<T>(operation: Operation, work: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        return await work();
      } catch (error) {
        operation.call.signal?.throwIfAborted();
        if (!this.isWorthwhile(error, failures)) throw error;
      }
      await this.waitAfterFailure(operation, failures);
    }
  }

  /** Resolves when the call may be made again, after the `failures`-th failure. Rejects with the reason of the signal. */
  waitAfterFailure(operation: Operation, failures: number): Promise<void> {
    return this.#wait(operation, Math.min(this.#maxMs, this.#baseMs * 2 ** (failures - 1)));
  }

  /** The same after the `races`-th lost race. */
  waitAfterRace(operation: Operation, races: number): Promise<void> {
    return this.#wait(operation, Math.min(RACE.maxMs, RACE.baseMs * 2 ** (races - 1)));
  }

  async #wait(operation: Operation, mostMs: number): Promise<void> {
    operation.attempts++;
    const { signal } = operation.call;
    const [high, low] = this.#random(2) as unknown as readonly [number, number];
    const ms = (mostMs * (high * 256 + low)) / 65_535;
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        clearTimeout(timer);
        reject(signal!.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', abort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}

function checkInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${name}: expected an integer from ${least} to ${most}, got ${String(value)}`);
}
