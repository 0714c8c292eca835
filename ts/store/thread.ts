/**
 * A thread of the runtime, as little of it as is needed: messages there and back, and its end, whatever that comes from. node:worker_threads where there
 * is one (Node, Deno, Bun), asked for at run time and never imported, so that a browser bundle meets no `node:` module; else the web's `Worker`.
 */

/** Who is told of a thread. */
export interface ThreadListener {
  readonly onMessage: (message: unknown) => void;
  /** It failed, or is gone; told once, unless it was stopped. */
  readonly onEnd: () => void;
}

/** A running thread. */
export interface Thread {
  /** Those of `transfer` are the thread's from now on. */
  post(message: unknown, transfer: readonly ArrayBuffer[]): void;
  /** Whether the process waits for it; true at first. */
  hold(isHeld: boolean): void;
  /** Ends it, whatever it does. */
  stop(): void;
}

/** The other side of a thread, for the program that runs in it. */
export interface ThreadPort {
  post(message: unknown, transfer: readonly ArrayBuffer[]): void;
  listen(onMessage: (message: unknown) => void): void;
}

/**
 * Starts the module at `program`. Null where the runtime has no threads or refuses one; a program that cannot be loaded is told by `onEnd`. It gets none of
 * the environment variables of this process, and none of its options: what is loaded before a program (`--require`) is not, and `--eval` is no program.
 */
export function startThread(program: URL, listener: ThreadListener): Thread | null {
  const { Worker: NodeWorker } = findNodeThreads() ?? {};
  try {
    if (typeof NodeWorker === 'function') return new NodeThread(new NodeWorker(program, { env: {}, execArgv: [] }), listener);
    const { Worker: WebWorker } = globalThis as { readonly Worker?: typeof Worker };
    return typeof WebWorker === 'function' ? new WebThread(new WebWorker(program, { type: 'module' }), listener) : null;
  } catch {
    return null; // refused: by a policy of the page, by the permissions of the process, or in a runtime that has the name only
  }
}

/** Threads that can run beside this one: one less than the processors that this process may use; 0 where nobody says. */
export function spareProcessors(): number {
  const { navigator, process } = globalThis as { navigator?: { hardwareConcurrency?: number }; process?: NodeJS.Process };
  const count = process?.getBuiltinModule?.('node:os')?.availableParallelism?.() ?? navigator?.hardwareConcurrency ?? 1;
  return Math.max(0, count - 1);
}

/** The port of the thread that this program runs in; null where it is no thread. */
export function findThreadPort(): ThreadPort | null {
  const parent = findNodeThreads()?.parentPort;
  if (parent) {
    return {
      post: (message, transfer) => parent.postMessage(message, transfer),
      listen: (onMessage) => void parent.on('message', onMessage),
    };
  }
  const { WorkerGlobalScope, self } = globalThis as unknown as { WorkerGlobalScope?: new () => object; self: Worker };
  if (WorkerGlobalScope === undefined || !(self instanceof WorkerGlobalScope)) return null;
  return {
    post: (message, transfer) => self.postMessage(message, [...transfer]),
    listen(onMessage) {
      self.onmessage = ({ data }: MessageEvent<unknown>) => onMessage(data);
    },
  };
}

function findNodeThreads() {
  return globalThis.process?.getBuiltinModule?.('node:worker_threads');
}

type NodeWorkerObject = InstanceType<NonNullable<ReturnType<typeof findNodeThreads>>['Worker']>;

class NodeThread implements Thread {
  readonly #worker: NodeWorkerObject;
  #isOver = false;

  constructor(worker: NodeWorkerObject, { onMessage, onEnd }: ThreadListener) {
    this.#worker = worker;
    const end = (): void => {
      if (this.#isOver) return;
      this.stop();
      onEnd();
    };
    // What it had said before it broke off may come later than that.
    const hear = (message: unknown): void => {
      if (!this.#isOver) onMessage(message);
    };
    worker.on('message', hear).on('messageerror', end).on('error', end).on('exit', end);
  }

  post(message: unknown, transfer: readonly ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer);
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#worker.ref();
    else this.#worker.unref();
  }

  stop(): void {
    this.#isOver = true;
    void this.#worker.terminate();
  }
}

class WebThread implements Thread {
  readonly #worker: Worker;

  constructor(worker: Worker, { onMessage, onEnd }: ThreadListener) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<unknown>) => onMessage(data);
    const end = (event: Event): void => {
      event.preventDefault();
      if (worker.onerror === null) return;
      this.stop();
      onEnd();
    };
    worker.onerror = end;
    worker.onmessageerror = end;
  }

  post(message: unknown, transfer: readonly ArrayBuffer[]): void {
    this.#worker.postMessage(message, [...transfer]);
  }

  /** A page does not wait for its workers. */
  hold(): void {}

  stop(): void {
    this.#worker.onerror = this.#worker.onmessageerror = null;
    this.#worker.terminate();
  }
}
