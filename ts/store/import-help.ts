/**
 * When an import gets threads, and what it gives to them: those that were asked for, or that imports before have left behind with some practice, at its start; otherwise some as soon as it
 * has proved that it is big, since most imports are over before a thread has started.
 */

import type { ItemClaims } from './import-check.ts';
import { beginningOf } from './import-message.ts';
import type { Preparation, PreparedItem } from './import-prepare.ts';
import { countResting, ImportThreads, threadsFor } from './import-threads.ts';
import { isSealed } from './record.ts';
import { spareProcessors } from './thread.ts';
import { nextTurn } from './turn.ts';

/**
 * Why an import has no threads: `keys`, because a key service or a passphrase is a function of its own thread; `runtime`, because there are none here, or
 * they do not start (a bundle without `import-thread.js`, a policy); `ended`, because one of them broke off, and its items were looked at here.
 */
export type WithoutThreads = 'keys' | 'runtime' | 'ended';

/** Most threads of an import. */
export const MAX_THREADS = 64;
/** Most that it takes unasked. */
const MAX_UNASKED = 4;
/**
 * It has proved big when its own thread has looked at items for so long, and at so many: another one is good at it only after as many items, however large, since
 * the engine compiles what it sees often. Or after a second, where items are huge.
 */
const BIG_MS = 100;
const BIG_ITEMS = 300;
const LONG_MS = 1_000;

/** What helps one import. */
export class ImportHelp {
  without: WithoutThreads | null = null;
  readonly #preparation: Preparation;
  readonly #nonce: Uint8Array;
  readonly #onAnswer: () => void;
  #threads: ImportThreads | null = null;
  #isUndecided: boolean;
  #hasEnded = false;
  /** Items that were looked at here; those that are now, since when, and for how long until then, where those that overlap count once. */
  #items = 0;
  #looks = 0;
  #sinceMs = 0;
  #ms = 0;
  #flushing: Promise<void> | null = null;

  /** `threads` as in `ImportOptions`; `nonce`: the secret of write ids. `onAnswer` is called behind the `onEnd` of items. */
  constructor(threads: number | undefined, preparation: Preparation, nonce: Uint8Array, onAnswer: () => void) {
    this.#preparation = preparation;
    this.#nonce = nonce;
    this.#onAnswer = onAnswer;
    const { practiced } = countResting();
    const count = threadsFor(threads) ?? (practiced > 0 ? Math.min(practiced, spareProcessors(), MAX_UNASKED) : undefined);
    this.#isUndecided = count === undefined;
    if (count !== undefined) this.#begin(count);
  }

  get used(): number {
    return this.#threads?.used ?? 0;
  }

  /** Gives an item to a thread, as `ImportThreads.offer`; false where it is to be looked at here. */
  offer(bytes: Uint8Array, item: ItemClaims, onEnd: (prepared: PreparedItem | null) => void): boolean {
    if (this.#threads === null || !(bytes instanceof Uint8Array) || !this.#isWorthIt(bytes)) return false;
    if (!this.#threads.offer(bytes, item, onEnd)) return false;
    // Others may be offered in this turn, and no later.
    this.#flushing ??= nextTurn().then(() => {
      this.#flushing = null;
      this.#threads?.flush();
    });
    return true;
  }

  /** Sends what waits for company. */
  flush(): void {
    this.#threads?.flush();
  }

  /** Runs a look at an item that was not given to a thread. */
  async time<T>(look: () => Promise<T>): Promise<T> {
    if (!this.#isUndecided) return look();
    if (this.#looks++ === 0) this.#sinceMs = performance.now();
    try {
      return await look();
    } finally {
      this.#items++;
      if (--this.#looks === 0) this.#ms += performance.now() - this.#sinceMs;
      const isBig = this.#ms >= (this.#items >= BIG_ITEMS ? BIG_MS : LONG_MS);
      if (isBig && this.#isUndecided) this.#begin(Math.min(spareProcessors(), MAX_UNASKED));
    }
  }

  /** Lets go of all threads, which have nothing more to do. */
  end(): void {
    this.#hasEnded = true;
    this.#isUndecided = false;
    this.#threads?.end();
  }

  #begin(count: number): void {
    this.#isUndecided = false;
    const { level, seal, macKeys } = this.#preparation;
    // What is not opened and not sealed is looked at in less time than a message takes.
    if (count === 0 || this.#hasEnded || (level === 'header' && seal.keys === null)) return;
    const beginning = beginningOf(level, seal, macKeys, this.#nonce);
    if (beginning === null) {
      this.without = 'keys';
      return;
    }
    this.#threads = new ImportThreads(count, beginning, () => this.#afterAnswer());
    if (this.#threads.isGone) this.without = 'runtime';
  }

  #afterAnswer(): void {
    if (this.#threads?.hasLost === true) this.without = this.#threads.used === 0 ? 'runtime' : 'ended';
    this.#onAnswer();
  }

  #isWorthIt(bytes: Uint8Array): boolean {
    return this.#preparation.level !== 'header' || !isSealed(bytes);
  }
}
