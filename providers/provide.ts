/**
 * From what a service can do to the whole contract of ts/provider.ts. A service is written as a {@link ProviderCore}: its few operations, on
 * arguments that are checked already. What is the same for all of them stands here, once: arguments, capabilities, opening, time limits,
 * signals, batches, listings out of pages, closing.
 */

import { PspError } from '../ts/errors.ts';
import type {
  CallOptions,
  Capabilities,
  ListPage,
  PutItem,
  RecordHead,
  StorageProvider,
  StoredRecord,
  StoredStream,
  SweepReport,
} from '../ts/provider.ts';
import { type Call, Calls, whenAborted } from './calls.ts';
import {
  type ByteRange,
  type Condition,
  checkKey,
  checkMatch,
  checkPage,
  checkPrefix,
  checkPut,
  checkRange,
  checkTime,
  type PageRequest,
  type PutRequest,
} from './contract.ts';

/** A storage service: the operations that only it can do. What is missing, `capabilities` must not promise. */
export interface ProviderCore {
  readonly name: string;
  /** Read at each call, so `open` may find out more. */
  readonly capabilities: Capabilities;
  /** The time limit of a call that names none; 0: none. */
  readonly timeoutMs: number;
  /** Its calls share one timer, which is for calls that take microseconds. Not where a timer ends with the request that set it, as in Workers. */
  readonly sharesTimer?: boolean;
  /** Called before the first operation and, where it failed, before the next one. */
  open?(call: Call): Promise<void>;
  get(key: string, range: ByteRange | null, call: Call): Promise<StoredRecord | null>;
  getStream?(key: string, range: ByteRange | null, call: Call): Promise<StoredStream | null>;
  head(key: string, call: Call): Promise<RecordHead | null>;
  /** Copies what it keeps of `value` before its first wait. */
  put(request: PutRequest, call: Call): Promise<RecordHead>;
  /** `call.signal` is the only end of it that is not the stream's own; it leaves what was there unless it returns. */
  putStream?(request: PutRequest<ReadableStream<Uint8Array>>, call: Call): Promise<RecordHead>;
  delete(key: string, condition: Condition, call: Call): Promise<boolean>;
  touch?(key: string, expiresAt: number | null, condition: Condition, call: Call): Promise<RecordHead | null>;
  listPage(request: PageRequest, call: Call): Promise<ListPage>;
  /** Where the service has something better than many single operations. Results are in order; nothing is thrown for single items. */
  getMany?(keys: readonly string[], call: Call): Promise<PromiseSettledResult<StoredRecord | null>[]>;
  putMany?(requests: readonly PutRequest[], call: Call): Promise<PromiseSettledResult<RecordHead>[]>;
  deleteMany?(keys: readonly string[], call: Call): Promise<PromiseSettledResult<boolean>[]>;
  sweep?(call: Call): Promise<SweepReport>;
  /** Operations of a batch that are under way together, where the three above are missing; 16 when not given. */
  readonly batchConcurrency?: number;
  /** Asks the service for a sign of life. */
  ping(call: Call): Promise<void>;
  /** Lets go of what `open` made. Called once, after the last call. */
  close?(): Promise<void>;
}

/** Operations of a batch that are under way together, where the service has none for batches. */
const BATCH_CONCURRENCY = 16;

const NOTHING = {};

/** The provider that `core` makes possible. */
export function provide(core: ProviderCore): StorageProvider {
  const calls = new Calls(core.sharesTimer === true);
  let opening: Promise<void> | null = null;
  let isOpen = core.open === undefined;
  let closing: Promise<void> | null = null;

  async function open(): Promise<void> {
    if (isOpen) return;
    opening ??= calls
      .run({}, core.timeoutMs, (call) => core.open!(call))
      .then(
        () => {
          isOpen = true;
        },
        (error: unknown) => {
          opening = null; // the next call tries again
          throw error;
        },
      );
    return opening;
  }

  /**
   * Runs `work` within the limits of `options`; at once where the provider is open. What needs a capability asks for it in `work`: opening may find
   * out that the service has it.
   */
  function run<T>(options: CallOptions, work: (call: Call) => Promise<T>): Promise<T> {
    return calls.run(options, core.timeoutMs, isOpen ? work : (call) => open().then(() => work(call)));
  }

  function demand(capability: 'touch' | 'ranges' | 'streams' | 'sweep', what: string): void {
    if (!core.capabilities[capability]) throw unsupported(core.name, what);
  }

  function demandPut({ absent, ifMatch }: Condition): void {
    if ((absent || ifMatch !== null) && !core.capabilities.conditionalPut) throw unsupported(core.name, 'a put with a condition');
  }

  /** The value that may wait until the provider is open. */
  function keep(value: Uint8Array): Uint8Array {
    return isOpen ? value : new Uint8Array(value);
  }

  function checkSize(value: Uint8Array): void {
    const { maxValueBytes } = core.capabilities;
    if (value.length <= maxValueBytes) return;
    throw new PspError('PROVIDER_TOO_LARGE', `value: expected at most ${maxValueBytes} bytes, got ${value.length}`);
  }

  const provider: StorageProvider = {
    name: core.name,
    get capabilities() {
      return core.capabilities;
    },

    open: (options = NOTHING) => calls.run(options, core.timeoutMs, open),

    get(key, options = NOTHING) {
      return attempt(() => {
        checkKey(key, core.capabilities.maxKeyBytes);
        const range = checkRange(options.range);
        return run(options, (call) => {
          if (range !== null) demand('ranges', 'a range');
          return core.get(key, range, call);
        });
      });
    },

    async getStream(key, options = NOTHING) {
      checkKey(key, core.capabilities.maxKeyBytes);
      const range = checkRange(options.range);
      return run(options, (call) => {
        if (range !== null) demand('ranges', 'a range');
        demand('streams', 'a stream');
        return core.getStream!(key, range, call);
      }).then((found) => endWith(found, options.signal));
    },

    head(key, options = NOTHING) {
      return attempt(() => {
        checkKey(key, core.capabilities.maxKeyBytes);
        return run(options, (call) => core.head(key, call));
      });
    },

    put(key, value, options = NOTHING) {
      return attempt(() => {
        checkKey(key, core.capabilities.maxKeyBytes);
        if (value instanceof ReadableStream) {
          const request = checkPut(key, value, options);
          return run(options, (call) => {
            demandPut(request.condition);
            demand('streams', 'a stream');
            return core.putStream!(request, call);
          });
        }
        if (!(value instanceof Uint8Array)) throw new TypeError(`value: expected a Uint8Array or a ReadableStream, got ${typeof value}`);
        checkSize(value);
        const request = checkPut(key, keep(value), options);
        return run(options, (call) => {
          demandPut(request.condition);
          return core.put(request, call);
        });
      });
    },

    delete(key, options = NOTHING) {
      return attempt(() => {
        checkKey(key, core.capabilities.maxKeyBytes);
        const condition = checkMatch(options);
        return run(options, (call) => {
          if (condition.ifMatch !== null && !core.capabilities.conditionalDelete) throw unsupported(core.name, 'a delete with a condition');
          return core.delete(key, condition, call);
        });
      });
    },

    touch(key, expiresAt, options = NOTHING) {
      return attempt(() => {
        checkKey(key, core.capabilities.maxKeyBytes);
        if (expiresAt !== null) checkTime('expiresAt', expiresAt);
        const condition = checkMatch(options);
        return run(options, (call) => {
          demand('touch', 'a touch');
          return core.touch!(key, expiresAt, condition, call);
        });
      });
    },

    async *list({ prefix, onDamaged, ...options } = NOTHING) {
      const request = { prefix: checkPrefix(prefix), limit: 256 };
      let damaged = 0;
      let cursor: string | null = null;
      do {
        const from: string | null = cursor;
        const page: ListPage = await run(options, (call) => core.listPage({ ...request, cursor: from }, call));
        yield* page.items;
        for (const record of page.damaged) onDamaged?.(record);
        damaged += page.damaged.length;
        cursor = page.cursor;
      } while (cursor !== null);
      if (damaged > 0 && onDamaged === undefined) throw damagedListing(damaged);
    },

    async listPage(options = NOTHING) {
      const request = checkPage(options);
      return run(options, (call) => core.listPage(request, call));
    },

    async getMany(keys, options = NOTHING) {
      for (const key of keys) checkKey(key, core.capabilities.maxKeyBytes);
      const list = [...keys];
      return run(
        options,
        (call) => core.getMany?.(list, call) ?? settleEach(list, (key) => core.get(key, null, call), core.batchConcurrency),
      );
    },

    async putMany(items, options = NOTHING) {
      const requests = items.map((item) => checkItem(item));
      return run(options, (call) => {
        for (const { condition } of requests) demandPut(condition);
        return core.putMany?.(requests, call) ?? settleInTurn(requests, (request) => core.put(request, call), core.batchConcurrency);
      });
    },

    async deleteMany(keys, options = NOTHING) {
      for (const key of keys) checkKey(key, core.capabilities.maxKeyBytes);
      const list = [...keys];
      return run(
        options,
        (call) => core.deleteMany?.(list, call) ?? settleEach(list, (key) => core.delete(key, checkMatch({}), call), core.batchConcurrency),
      );
    },

    async sweep(options = NOTHING) {
      return run(options, (call) => {
        demand('sweep', 'a sweep');
        return core.sweep!(call);
      });
    },

    async health(options = NOTHING) {
      const start = performance.now();
      const error = await run(options, (call) => core.ping(call)).then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error !== null && !(error instanceof PspError)) throw error;
      return { ok: error === null, latencyMs: performance.now() - start, error };
    },

    close() {
      closing ??= calls.close().then(() => (isOpen || opening !== null ? core.close?.() : undefined));
      return closing;
    },

    [Symbol.asyncDispose]() {
      return provider.close();
    },
  };

  // What waits for others in a batch is copied: the caller may write to its arrays as soon as it has its promise.
  function checkItem({ key, value, ...options }: PutItem): PutRequest {
    checkKey(key, core.capabilities.maxKeyBytes);
    if (!(value instanceof Uint8Array)) throw new TypeError(`value: expected a Uint8Array, got ${typeof value}`);
    checkSize(value);
    return checkPut(key, core.putMany === undefined ? new Uint8Array(value) : keep(value), options);
  }

  return provider;
}

/** `take` of each item, a few at a time; results in order. */
export async function settleEach<T, R>(
  items: readonly T[],
  take: (item: T) => Promise<R>,
  concurrency: number = BATCH_CONCURRENCY,
): Promise<PromiseSettledResult<R>[]> {
  const results = new Array<PromiseSettledResult<R>>(items.length);
  let next = 0;
  async function work(): Promise<void> {
    while (next < items.length) {
      const at = next++;
      results[at] = (await Promise.allSettled([take(items[at]!)]))[0];
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, work));
  return results;
}

/** As {@link settleEach}, with the items of one key one after the other. */
async function settleInTurn<T extends { readonly key: string }, R>(
  items: readonly T[],
  take: (item: T) => Promise<R>,
  concurrency?: number,
): Promise<PromiseSettledResult<R>[]> {
  const last = new Map<string, Promise<unknown>>();
  function takeInTurn(item: T): Promise<R> {
    const turn = last.get(item.key);
    const done = turn === undefined ? take(item) : turn.then(() => take(item));
    last.set(
      item.key,
      done.catch(() => undefined),
    );
    return done;
  }
  return settleEach(items, takeInTurn, concurrency);
}

/** What `start` gives, where an error that it throws is a rejection, too: an async function makes one more promise, and calls take microseconds. */
function attempt<T>(start: () => Promise<T>): Promise<T> {
  try {
    return start();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The stream of `found`, which also ends with `signal`. */
function endWith(found: StoredStream | null, signal: AbortSignal | undefined): StoredStream | null {
  if (found === null || signal === undefined) return found;
  const end = new AbortController();
  const stopListening = whenAborted(signal, (reason) => end.abort(reason));
  if (signal.aborted) end.abort(signal.reason);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  // How it ended is what the reader of the other side sees.
  found.stream.pipeTo(writable, { signal: end.signal }).then(stopListening, stopListening);
  return { ...found, stream: readable };
}

function damagedListing(count: number): PspError {
  return new PspError('PROVIDER_CORRUPT', `list: ${count} of the stored records cannot be read; all others were listed`, {
    details: { damaged: count },
  });
}

/** A `PROVIDER_UNSUPPORTED`: what `capabilities` of the provider does not promise. */
export function unsupported(name: string, what: string): PspError {
  return new PspError('PROVIDER_UNSUPPORTED', `${name}: ${what} is not supported by this service (see its capabilities)`);
}
