/**
 * The windows of a WebDriver session. WebDriver takes one command at a time, in the one window that it is switched to: so every step waits for the one before,
 * and goes to its window first. The window that the user was in is gone back to at the end.
 */
import { PspError } from '../errors.ts';
import { withDeadline } from './deadline.ts';
import type { WebDriverLike } from './selenium-shape.ts';

/** How Selenium and the drivers say that a session or its browser is over. */
const GONE = /NoSuchSession|InvalidSessionId|invalid session id|session deleted|disconnected|not reachable|ECONNREFUSED|ECONNRESET/i;

export class Windows {
  readonly #driver: WebDriverLike;
  readonly #timeoutMs: number;
  #last: Promise<unknown> = Promise.resolve();
  /** What WebDriver works on, also after its step was given up. */
  #working: Promise<unknown> = Promise.resolve();
  #isGone = false;

  /** Each step has the time limit, from when its turn comes; so has the waiting for one that was given up and still keeps WebDriver busy. */
  constructor(driver: WebDriverLike, timeoutMs: number) {
    this.#driver = driver;
    this.#timeoutMs = timeoutMs;
  }

  /** True once the session is over. */
  isGone(): boolean {
    return this.#isGone;
  }

  /**
   * Runs `step` when its turn comes, in the window `handle`, or in whichever it is for null.
   *
   * @throws PspError `ADAPTER_PROTOCOL` where WebDriver refuses, `ADAPTER_TIMEOUT`, or `ADAPTER_DISCONNECTED` when the session is over.
   */
  run<T>(what: string, handle: string | null, step: () => Promise<T>): Promise<T> {
    const turn = async (): Promise<T> => {
      const work = async (): Promise<T> => {
        if (handle !== null) await this.#driver.switchTo().window(handle);
        return step();
      };
      try {
        await withDeadline(this.#working, this.#timeoutMs, 'waiting for the step before');
        const working = work();
        this.#working = working.catch(() => undefined);
        return await withDeadline(working, this.#timeoutMs, what);
      } catch (cause) {
        throw this.#asOurs(what, cause);
      }
    };
    const done = this.#last.then(turn);
    this.#last = done.catch(() => undefined);
    return done;
  }

  #asOurs(what: string, cause: unknown): PspError {
    if (cause instanceof PspError) return cause;
    const { name, message } = Object(cause) as { name?: unknown; message?: unknown };
    if (GONE.test(`${name} ${message}`)) this.#isGone = true;
    return this.#isGone
      ? new PspError('ADAPTER_DISCONNECTED', `the browser went away during ${what}`, { cause })
      : new PspError('ADAPTER_PROTOCOL', `${what} was refused by the browser`, { cause });
  }
}
