/**
 * The calls of a provider that are under way: their time limits, their signals, and their ends when the provider is closed.
 */

import { PspError } from '../ts/errors.ts';
import type { CallOptions } from '../ts/provider.ts';
import { checkTimeout, MAX_TIMEOUT_MS } from './contract.ts';

/** One call, as the service sees it. */
export interface Call {
  /** Aborted when nobody waits for the result any more. */
  readonly signal: AbortSignal;
}

/** How long `close` waits for calls that are under way. */
const CLOSE_WAIT_MS = 10_000;

/** The calls that are under way, and their ends. */
export class Calls {
  readonly #pending = new Crowd<RunningCall>();
  readonly #alarm: Alarm | null;
  #isClosed = false;
  #whenIdle: (() => void) | null = null;

  constructor(sharesTimer: boolean) {
    this.#alarm = sharesTimer ? new Alarm(() => this.#endLate()) : null;
  }

  run<T>(options: CallOptions, defaultTimeoutMs: number, work: (call: Call) => Promise<T>): Promise<T> {
    const { signal, timeoutMs = defaultTimeoutMs } = options;
    checkTimeout(timeoutMs);
    if (this.#isClosed) return Promise.reject(closed());
    if (signal?.aborted === true) return Promise.reject(signal.reason);

    return new Promise<T>((resolve, reject) => {
      const call = new RunningCall(reject, timeoutMs);
      const stopListening = signal === undefined ? null : whenAborted(signal, (reason) => call.end(reason));
      this.#pending.add(call);
      const alarm = timeoutMs === 0 ? null : this.#alarm;
      alarm?.set(call.deadline);
      const timer = timeoutMs === 0 || alarm !== null ? null : setTimeout(() => call.end(timedOut(timeoutMs)), timeoutMs);

      const finish = (): void => {
        if (timer !== null) clearTimeout(timer);
        stopListening?.();
        this.#pending.remove(call);
        if (this.#pending.members.length > 0) return;
        this.#alarm?.rest();
        this.#whenIdle?.();
      };
      let result: Promise<T>;
      try {
        result = work(call);
      } catch (error) {
        finish();
        reject(error);
        return;
      }
      // A result that comes after the call has ended is nobody's: the promise is settled already.
      result.then(
        (value) => {
          finish();
          resolve(value);
        },
        (error: unknown) => {
          finish();
          reject(error);
        },
      );
    });
  }

  /** Ends the calls whose time is up; the first deadline of the others, or null when none has one. */
  #endLate(): number | null {
    const now = performance.now();
    let next: number | null = null;
    for (const call of this.#pending.members) {
      if (call.timeoutMs === 0 || call.isEnded) continue;
      if (call.deadline <= now) call.end(timedOut(call.timeoutMs));
      else if (next === null || call.deadline < next) next = call.deadline;
    }
    return next;
  }

  /** Refuses new calls and waits for those under way; what is left after a while is ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#pending.members.length === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
      timer = setTimeout(resolve, CLOSE_WAIT_MS);
    });
    clearTimeout(timer);
    for (const call of this.#pending.members) call.end(closed());
  }
}

/**
 * One timer for all calls, which is left to run when a call ends: most calls end long before it rings, and to set and clear a timer costs more than
 * all else that is done for a call. While nobody waits it does not keep the process alive.
 */
class Alarm {
  /** Ends what is late; when to ring again, or null. */
  readonly #ring: () => number | null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #atMs = Number.POSITIVE_INFINITY;
  #isResting = false;

  constructor(ring: () => number | null) {
    this.#ring = ring;
  }

  /** Rings at `deadline`, a time of `performance.now()`, or earlier. */
  set(deadline: number): void {
    if (this.#isResting) {
      this.#isResting = false;
      (this.#timer as { ref?(): void } | null)?.ref?.();
    }
    if (this.#atMs <= deadline) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#atMs = deadline;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#atMs = Number.POSITIVE_INFINITY;
        const next = this.#ring();
        if (next !== null) this.set(next);
      },
      // Timers may ring up to a millisecond early: one more, so that the time is up when it rings.
      Math.min(Math.max(0, Math.ceil(deadline - performance.now())) + 1, MAX_TIMEOUT_MS),
    );
  }

  /** Nobody waits any more. */
  rest(): void {
    if (this.#timer === null || this.#isResting) return;
    this.#isResting = true;
    (this.#timer as { unref?(): void }).unref?.();
  }
}

/** Who is in a {@link Crowd}. */
interface Member {
  /** Its place there, which the crowd writes. */
  place: number;
}

/**
 * Members in no order. Not a Set: each table that it has outgrown points to the next one, and the first that reached the garbage collector's old
 * generation keeps all later ones, with what was in them, until that is collected. With a call every few microseconds it would be all the time.
 */
class Crowd<T extends Member> {
  readonly members: T[] = [];

  add(one: T): void {
    one.place = this.members.push(one) - 1;
  }

  /** Takes out one that is in. The last takes its place. */
  remove(one: T): void {
    const last = this.members.pop()!;
    if (last === one) return;
    this.members[one.place] = last;
    last.place = one.place;
  }
}

/** A call whose signal is made only for a service that asks for it. */
class RunningCall implements Call, Member {
  place = 0;
  readonly timeoutMs: number;
  /** When its time is up, as `performance.now()` counts. */
  readonly deadline: number;
  readonly #reject: (reason: unknown) => void;
  #controller: AbortController | null = null;
  #ended: { readonly reason: unknown } | null = null;

  constructor(reject: (reason: unknown) => void, timeoutMs: number) {
    this.#reject = reject;
    this.timeoutMs = timeoutMs;
    this.deadline = timeoutMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
  }

  get isEnded(): boolean {
    return this.#ended !== null;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#ended !== null) this.#controller.abort(this.#ended.reason);
    return this.#controller.signal;
  }

  end(reason: unknown): void {
    this.#ended ??= { reason };
    this.#controller?.abort(reason);
    this.#reject(reason);
  }
}

/** Somebody who waits for a signal. */
interface Listener extends Member {
  readonly end: (reason: unknown) => void;
}

const listenersOf = new WeakMap<AbortSignal, Crowd<Listener>>();

/**
 * Calls `end` with the reason when `signal` is aborted, unless the returned function, which must be called once, was called before. The signal has one
 * listener of ours, however many wait: runtimes take more than ten for a leak, and warn. One that outlives all who waited keeps none of them.
 */
export function whenAborted(signal: AbortSignal, end: (reason: unknown) => void): () => void {
  const listeners = listenersOf.get(signal) ?? new Crowd<Listener>();
  if (listeners.members.length === 0) {
    listenersOf.set(signal, listeners);
    signal.addEventListener('abort', endAll);
  }
  const listener = { end, place: 0 };
  listeners.add(listener);
  return () => {
    listeners.remove(listener);
    if (listeners.members.length === 0) signal.removeEventListener('abort', endAll);
  };
}

function endAll({ target }: Event): void {
  const signal = target as AbortSignal;
  for (const { end } of [...(listenersOf.get(signal)?.members ?? [])]) end(signal.reason);
}

function closed(): PspError {
  return new PspError('PROVIDER_CLOSED', 'the provider is closed');
}

function timedOut(timeoutMs: number): PspError {
  return new PspError('PROVIDER_TIMEOUT', `no answer within ${timeoutMs} ms`, { details: { timeoutMs } });
}
