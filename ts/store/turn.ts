/**
 * Turns of the event loop. Work that never waits for anything outside keeps the whole process from its timers and replies, though it is written with
 * `await`: those of its own promises come first. So who works for long asks now and then whether the others should have a turn.
 */

/** Resolves when the runtime has looked after its timers, sockets and threads. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate, MessageChannel } = globalThis as Partial<Platform>;
    if (setImmediate !== undefined) setImmediate(resolve);
    else if (MessageChannel === undefined) setTimeout(resolve, 0);
    else {
      // Browsers let a timer that another one has set wait for 4 ms.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    }
  });
}

/** Some work and its turns. */
export class Turns {
  readonly #mostMs: number;
  #endsAtMs: number;
  #next: Promise<void> | null = null;

  /** Each turn of the work takes `mostMs`, and what it has just begun. */
  constructor(mostMs: number) {
    this.#mostMs = mostMs;
    this.#endsAtMs = performance.now() + mostMs;
  }

  /** Whether it is the turn of the others: then wait for `next`. */
  get isOver(): boolean {
    return performance.now() >= this.#endsAtMs;
  }

  /** Ends this turn. */
  end(): void {
    this.#endsAtMs = 0;
  }

  /** When it is our turn again; the same for all who ask in one turn. */
  next(): Promise<void> {
    this.#next ??= nextTurn().then(() => {
      this.#next = null;
      this.#endsAtMs = performance.now() + this.#mostMs;
    });
    return this.#next;
  }
}

/** What runtimes have of it. */
interface Platform {
  setImmediate(resolve: () => void): unknown;
  readonly MessageChannel: typeof MessageChannel;
}
