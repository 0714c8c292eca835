/**
 * The threads of an import: each is given batches of items, and has one to work on and one that waits. Whatever goes wrong with a thread, each item that
 * it had comes back as one that somebody else is to look at; so threads change how long an import takes, and nothing else.
 */

import type { ItemClaims } from './import-check.ts';
import { type Batch, type BatchAnswer, type Beginning, READY, REST } from './import-message.ts';
import type { PreparedItem } from './import-prepare.ts';
import { startThread, type Thread } from './thread.ts';

/** A batch has so many items or bytes at most, or one item. Small, so that at the end nobody waits long for the last one. */
const BATCH_ITEMS = 32;
const BATCH_BYTES = 256 * 1024;
/** Batches of a thread: with a second one it has work while the first answer is on its way. */
const BATCHES = 2;
/**
 * A thread without an import is kept for so long: to start one and to compile its program takes a third of a second, in which its import looks at thousands of
 * items itself. It holds no key then, and no process waits for it.
 */
const KEPT_MS = 10_000;
/** A thread that has looked at fewer items is slow at it: the engine compiles what it sees often. */
const PRACTICE_ITEMS = 1_000;
/** Longer buffers are not kept for the next batch. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/** How the threads of a program are started, where not as everybody's: for tests. */
export interface ThreadProgram {
  /** A module that has `import-thread.ts` in it. */
  readonly url: URL;
  /** A thread is given items while it is still starting: then it has some, however small the import. */
  readonly isEarly: boolean;
  /** Threads of an import that asks for no number, from its start; as ever when not given. */
  readonly unasked?: number;
}

let program: ThreadProgram | null = null;

/** The threads that wait for another import, and what ends them when none comes. */
const resting = new Map<ImportThread, ReturnType<typeof setTimeout>>();

/** How many threads of earlier imports are there to begin at once, and how many of them have practice. */
export function countResting(): { readonly all: number; readonly practiced: number } {
  return { all: resting.size, practiced: [...resting.keys()].filter(({ practice }) => practice >= PRACTICE_ITEMS).length };
}

/** Ends the threads that wait for another import. For tests and benchmarks. */
export function endResting(): void {
  for (const thread of resting.keys()) thread.stop();
}

/** Starts threads by another program from now on; null: by our own. For tests, which run sources that a thread cannot load. */
export function useThreadProgram(other: ThreadProgram | null): void {
  program = other;
}

/** The number of threads that an import has from its start: what it asks for, or what a test says; undefined: not decided. */
export function threadsFor(asked: number | undefined): number | undefined {
  return asked ?? program?.unasked;
}

function ownProgram(): ThreadProgram {
  // A runtime that runs the sources themselves finds a source here.
  const name = import.meta.url.endsWith('.ts') ? './import-thread.ts' : './import-thread.js';
  return { url: new URL(name, import.meta.url), isEarly: false };
}

/** An item under way, and who is told what became of it: null when somebody else is to look at it. */
interface GivenItem {
  readonly bytes: Uint8Array;
  readonly claims: ItemClaims;
  readonly onEnd: (prepared: PreparedItem | null) => void;
}

/** All threads of one import. */
export class ImportThreads {
  /** Called when items have ended. */
  readonly #onAnswer: () => void;
  readonly #isEarly: boolean;
  #threads: ImportThread[] = [];
  #used = 0;
  #hasLost = false;

  /** Takes threads that rest, and starts others, up to `count`; none where that is not possible. `onAnswer` is called behind the `onEnd` of items. */
  constructor(count: number, beginning: Beginning, onAnswer: () => void) {
    this.#onAnswer = onAnswer;
    let chosen: ThreadProgram;
    try {
      chosen = program ?? ownProgram();
    } catch {
      this.#isEarly = false; // a bundle in a form that does not know where it lies
      return;
    }
    this.#isEarly = chosen.isEarly;
    const rested = [...resting.keys()].filter((thread) => thread.program === chosen.url.href);
    for (let begun = 0; begun < count; begun++) {
      const thread = rested.pop() ?? ImportThread.start(chosen.url);
      if (thread === null) continue;
      thread.begin(beginning, (one) => this.#onEvent(one));
      this.#threads.push(thread);
    }
  }

  /** How many have taken items. */
  get used(): number {
    return this.#used;
  }

  /** Whether one of them ended by itself. */
  get hasLost(): boolean {
    return this.#hasLost;
  }

  /** Whether none is left. */
  get isGone(): boolean {
    return this.#threads.length === 0;
  }

  /**
   * Gives the item to the thread that has least to do; false when all have enough, and the caller is to look at it himself. `onEnd` is called once, and not
   * before this has returned. The bytes must not change until then. {@link flush} when there are no more items for now.
   */
  offer(bytes: Uint8Array, { id, facts, tag, context }: ItemClaims, onEnd: GivenItem['onEnd']): boolean {
    // As plain objects: of anything else a clone would keep less than the caller sees.
    const claims: ItemClaims = {
      ...(id === undefined ? {} : { id }),
      ...(facts === undefined ? {} : { facts: { incarnation: facts.incarnation, revision: facts.revision, expiresAt: facts.expiresAt } }),
      ...(tag === undefined ? {} : { tag }),
      ...(context === undefined ? {} : { context: { ...context } }),
    };
    let best: ImportThread | null = null;
    for (const thread of this.#threads) {
      if (thread.hasRoom(this.#isEarly) && (best === null || thread.load < best.load)) best = thread;
    }
    if (best === null) return false;
    best.give({ bytes, claims, onEnd });
    return true;
  }

  /** Sends what waits for company. */
  flush(): void {
    for (const thread of this.#threads) thread.flush();
  }

  /** Lets go of all threads, which are kept for the next import. The caller guarantees that they have nothing to do. */
  end(): void {
    for (const thread of this.#threads) thread.rest();
    this.#threads = [];
  }

  #onEvent(thread: ImportThread): void {
    if (thread.isGone) {
      this.#hasLost = true;
      this.#threads = this.#threads.filter((one) => one !== thread);
    }
    if (!thread.isCounted && thread.hasAnswered) {
      thread.isCounted = true;
      this.#used++;
    }
    this.#onAnswer();
  }
}

/** One of them, for one import after the other. */
class ImportThread {
  /** The address of its program. */
  readonly program: string;
  isCounted = false;
  hasAnswered = false;
  isGone = false;
  /** Items that it has looked at, in all imports. */
  practice = 0;
  #onEvent: (thread: ImportThread) => void = () => {};
  #thread!: Thread;
  #isReady = false;
  /** What is collected for the next batch. */
  #open: GivenItem[] = [];
  #openBytes = 0;
  /** What is sent and not answered, oldest first. */
  readonly #sent: (readonly GivenItem[])[] = [];
  readonly #buffers: ArrayBuffer[] = [];

  private constructor(program: string) {
    this.program = program;
  }

  /** Null where that is not possible. */
  static start(url: URL): ImportThread | null {
    const own = new ImportThread(url.href);
    const thread = startThread(url, {
      onMessage: (message) => own.#hear(message as BatchAnswer | typeof READY),
      onEnd: () => own.#end(),
    });
    if (thread === null) return null;
    own.#thread = thread;
    thread.hold(false);
    return own;
  }

  /** Works for an import from now on, until {@link rest}. */
  begin(beginning: Beginning, onEvent: (thread: ImportThread) => void): void {
    clearTimeout(resting.get(this));
    resting.delete(this);
    this.isCounted = this.hasAnswered = false;
    this.#onEvent = onEvent;
    this.#thread.post(beginning, []);
  }

  /** Forgets the import and its keys. */
  rest(): void {
    this.#onEvent = () => {};
    this.#thread.post(REST, []);
    const timer = setTimeout(() => this.stop(), KEPT_MS);
    // In Node and its like: the process need not wait for it.
    (timer as { unref?(): void }).unref?.();
    resting.set(this, timer);
  }

  /** Items that it has. */
  get load(): number {
    return this.#sent.reduce((sum, batch) => sum + batch.length, this.#open.length);
  }

  hasRoom(isEarly: boolean): boolean {
    return this.#isReady ? this.#sent.length < BATCHES : isEarly && this.#open.length < BATCH_ITEMS;
  }

  give(item: GivenItem): void {
    this.#open.push(item);
    this.#openBytes += item.bytes.length;
    if (!this.#isReady) this.#thread.hold(true);
    if (this.#open.length >= BATCH_ITEMS || this.#openBytes >= BATCH_BYTES) this.flush();
  }

  flush(): void {
    const items = this.#open;
    if (items.length === 0 || !this.#isReady) return;
    const byteLength = this.#openBytes;
    this.#open = [];
    this.#openBytes = 0;
    let buffer = this.#buffers.pop() ?? null;
    // Buffers travel there and back: a new one costs more than the copy into it.
    if (buffer === null || buffer.byteLength < byteLength) buffer = new ArrayBuffer(Math.max(byteLength, BATCH_BYTES));
    const all = new Uint8Array(buffer);
    let at = 0;
    for (const { bytes } of items) {
      all.set(bytes, at);
      at += bytes.length;
    }
    const batch: Batch = { buffer, lengths: items.map(({ bytes }) => bytes.length), items: items.map(({ claims }) => claims) };
    try {
      this.#thread.post(batch, [buffer]);
    } catch {
      // Something in them cannot be cloned. Not at once: whoever offers is not told before he is done.
      queueMicrotask(() => this.#giveBack(items));
      return;
    }
    if (this.#sent.length === 0) this.#thread.hold(true);
    this.#sent.push(items);
  }

  stop(): void {
    clearTimeout(resting.get(this));
    resting.delete(this);
    this.#thread.stop();
  }

  #hear(message: BatchAnswer | typeof READY): void {
    if (message === READY) {
      this.#isReady = true;
      this.flush();
      return;
    }
    const { buffer, ids, incarnations, revisions, expiries, writeIds, values } = message;
    if (buffer.byteLength <= MAX_KEPT_BYTES) this.#buffers.push(buffer);
    const items = this.#sent.shift()!;
    if (this.#sent.length === 0) this.#thread.hold(false);
    this.hasAnswered = true;
    this.practice += items.length;
    items.forEach(({ bytes, onEnd }, at) => {
      const id = ids[at]!;
      const facts = { incarnation: incarnations[at]!, revision: revisions[at]!, expiresAt: expiries[at]! };
      onEnd(id === null ? null : { id, facts, writeId: writeIds[at]!, value: values[at] ?? bytes });
    });
    this.#onEvent(this);
  }

  #end(): void {
    clearTimeout(resting.get(this));
    resting.delete(this);
    this.isGone = true;
    const items = [...this.#sent.splice(0).flat(), ...this.#open];
    this.#open = [];
    this.#giveBack(items);
  }

  #giveBack(items: readonly GivenItem[]): void {
    for (const { onEnd } of items) onEnd(null);
    this.#onEvent(this);
  }
}
