/**
 * One import at work: a few workers that each take an item, check it and add it to the open group; whoever fills a group writes it while the others
 * go on. Every item ends with exactly one result, and counts as finished only when its write is durable.
 */

import { decodeSession } from '../blob/decode.ts';
import { syncEngine } from '../envelope/engine.ts';
import { PspError, type PspErrorCode } from '../errors.ts';
import { storeGroup } from './import-group.ts';
import { ImportHelp } from './import-help.ts';
import type { GroupItem, Stored } from './import-item.ts';
import { ImportMark } from './import-mark.ts';
import type { ImportPlan, ImportResult, ImportSummary } from './import-options.ts';
import { type Preparation, type PreparedItem, prepareItem, readItem, renewItem } from './import-prepare.ts';
import type { ItemSource, NumberedItem } from './import-source.ts';
import { measure } from './metrics.ts';
import { keyOf } from './namespace.ts';
import type { StoreParts } from './parts.ts';
import { Turns } from './turn.ts';

/** A group is written when it has so many items, or so many bytes (the more while another is being written), or when it has waited so long. */
const GROUP_ITEMS = 256;
const GROUP_BYTES = 1024 * 1024;
const NEXT_GROUP_BYTES = 4 * 1024 * 1024;
const LINGER_MS = 50;
/** Checks take so long before they let the process see to the writes that are under way: a provider in this process goes from one step to the next by that. */
const TURN_MS = 0.5;
/** So many results wait for their reader before the source is asked for more. */
const MAX_WAITING_RESULTS = 1024;

/** An item that is being looked at or written. */
interface Taken extends NumberedItem {
  /** Null until it is known. */
  id: string | null;
  byteLength: number;
}

/** Items that are written together. */
interface Group {
  readonly taken: Taken[];
  readonly items: GroupItem[];
  bytes: number;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** One run of an import. */
export class ImportWork {
  readonly summary: Promise<ImportSummary>;
  readonly #parts: StoreParts;
  readonly #source: ItemSource;
  readonly #plan: ImportPlan;
  readonly #changed = new Bell();
  readonly #turns = new Turns(TURN_MS);
  readonly #stopped: Promise<void>;
  readonly #counts = { created: 0, replaced: 0, merged: 0, kept: 0, present: 0, failed: 0, finishedBefore: 0, bytes: 0 };
  readonly #failures: Partial<Record<PspErrorCode | 'UNEXPECTED', number>> = {};
  readonly #results: ImportResult[] = [];
  #keepsResults = false;
  #mark!: ImportMark;
  #preparation!: Preparation;
  readonly #drift: GroupItem['drift'];
  #help!: ImportHelp;
  #group: Group | null = null;
  #bytesInFlight = 0;
  /** Somebody waits for room: no group is to wait for more items. */
  #isFull = false;
  #itemsInFlight = 0;
  #groupsInFlight = 0;
  #unsaved = 0;
  #saving: Promise<void> | null = null;
  #canSave = true;
  #failure: { readonly reason: unknown } | null = null;
  /** Nothing more is given to threads. */
  #hasTakenAll = false;
  /** Nothing new is begun. */
  #isStopped = false;
  #isOver = false;
  #resolveStopped!: () => void;
  #end!: { readonly resolve: (summary: ImportSummary) => void; readonly reject: (reason: unknown) => void };

  constructor(parts: StoreParts, source: ItemSource, plan: ImportPlan) {
    this.#parts = parts;
    this.#source = source;
    this.#plan = plan;
    const { maxDriftMs, restamp = false } = plan;
    this.#drift = { ...(maxDriftMs === undefined ? {} : { maxDriftMs }), restamp };
    this.#stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
    this.summary = new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
    // Whoever iterates is told there, and need not look here as well.
    this.summary.catch(() => undefined);
  }

  /** Called once. Without `keepResults` they are only counted. */
  begin(keepResults: boolean): void {
    this.#keepsResults = keepResults;
    void this.#run();
  }

  /** The results, as they come. Whoever leaves early ends the import. */
  async *results(): AsyncGenerator<ImportResult> {
    try {
      for (;;) {
        for (let result = this.#results.shift(); result !== undefined; result = this.#results.shift()) yield result;
        if (this.#isOver) break;
        this.#changed.ring(); // there is room again
        await this.#changed.heard();
      }
    } finally {
      this.#stop(null);
      await this.summary.catch(() => undefined);
    }
    await this.summary;
  }

  async #run(): Promise<void> {
    const { signal } = this.#plan;
    const abort = (): void => this.#stop({ reason: signal!.reason });
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted === true) abort();
    try {
      await this.#work();
    } catch (reason) {
      this.#failure ??= { reason };
    }
    signal?.removeEventListener('abort', abort);
    const complete = !this.#isStopped;
    this.#isStopped = this.#isOver = true;
    if (this.#failure !== null) this.#end.reject(this.#failure.reason);
    else {
      const { used: threads, without: withoutThreads } = this.#help;
      this.#end.resolve({ ...this.#counts, failures: this.#failures, resumed: this.#mark.resumed, complete, threads, withoutThreads });
    }
    this.#changed.ring();
  }

  async #work(): Promise<void> {
    const { checkpoint, concurrency, verify, onConflict, macKey = null } = this.#plan;
    const { prefix, tenant = null, random, keys } = this.#parts;
    const goal = JSON.stringify([prefix, tenant, verify, onConflict]);
    this.#mark = new ImportMark(goal, (await checkpoint?.load()) ?? null, random);
    const writeIds = syncEngine().macKey('SHA-256', this.#mark.nonce);
    this.#preparation = { level: verify, macKeys: macKey, seal: { keys, tenant: this.#parts.tenant }, writeIds };
    this.#help = new ImportHelp(this.#plan.threads, this.#preparation, this.#mark.nonce, () => this.#afterAnswer());
    try {
      await this.#takeAll(concurrency);
    } finally {
      this.#help.end();
      writeIds.wipe();
    }
  }

  async #takeAll(concurrency: number): Promise<void> {
    // Before the first write: what a run that is killed has written shall be known again.
    await this.#save(false);
    const workers = Array.from({ length: concurrency }, () => this.#takeItems());
    // A source that hangs does not keep an import from ending that was called off.
    await Promise.race([Promise.all(workers), this.#stopped]);
    this.#hasTakenAll = true;
    this.#help.flush();
    void this.#flush();
    while (this.#itemsInFlight > 0) await this.#changed.heard();
    await this.#source.leave();
    if (!this.#isStopped) this.#mark.expectWhole(this.#source.count);
    await this.#saving;
    await this.#save(!this.#isStopped);
  }

  #stop(failure: { readonly reason: unknown } | null): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#failure = failure;
    this.#resolveStopped();
    this.#changed.ring();
  }

  async #takeItems(): Promise<void> {
    try {
      for (;;) {
        const numbered = await this.#source.next(() => this.#waitForRoom());
        if (numbered === null || this.#isStopped) break;
        const { index, item } = numbered;
        await this.#take({ index, item, id: item.id ?? null, byteLength: 0 });
        if (this.#turns.isOver) await this.#turns.next();
      }
      await this.#flush();
    } catch (reason) {
      this.#stop({ reason });
    }
  }

  /** True when there is room for another item; false when none is wanted any more. */
  async #waitForRoom(): Promise<boolean> {
    for (;;) {
      this.#isFull = this.#bytesInFlight >= this.#plan.maxBytesInFlight || this.#results.length >= MAX_WAITING_RESULTS;
      const isWriting = this.#groupsInFlight >= this.#plan.concurrency;
      if ((!this.#isFull && !isWriting) || this.#isStopped) return !this.#isStopped;
      if (this.#isFull) {
        // What waits for company would wait for ever.
        this.#help.flush();
        void this.#flush();
      }
      await this.#changed.heard();
    }
  }

  async #take(taken: Taken): Promise<void> {
    const { index, item } = taken;
    if (this.#mark.isFinished(index, item.name)) {
      this.#counts.finishedBefore++;
      this.#mark.finish(index, item.name, true);
      return;
    }
    this.#itemsInFlight++;
    let bytes: Uint8Array;
    try {
      bytes = typeof item.bytes === 'function' ? await item.bytes() : item.bytes;
    } catch (reason) {
      return this.#fail(taken, reason);
    }
    taken.byteLength = bytes.length;
    this.#bytesInFlight += bytes.length;
    this.#counts.bytes += bytes.length;
    if (this.#help.offer(bytes, item, (prepared) => this.#takeAnswer(taken, bytes, prepared))) return;
    await this.#prepareHere(taken, bytes);
  }

  async #prepareHere(taken: Taken, bytes: Uint8Array): Promise<void> {
    try {
      this.#addToGroup(taken, bytes, await this.#help.time(() => prepareItem(bytes, taken.item, this.#preparation)));
    } catch (reason) {
      return this.#fail(taken, reason);
    }
    if (this.#isGroupDue) await this.#flush();
  }

  /** What a thread found. What it gives back without a word fails here, if it does, with its reason. */
  #takeAnswer(taken: Taken, bytes: Uint8Array, prepared: PreparedItem | null): void {
    if (prepared === null) {
      void this.#prepareHere(taken, bytes).then(() => this.#afterAnswer());
      return;
    }
    try {
      this.#addToGroup(taken, bytes, prepared);
    } catch (reason) {
      void this.#fail(taken, reason);
    }
  }

  /** Some items came from a thread. Nobody waits for the group that they have filled: `#waitForRoom` counts those that are being written. */
  #afterAnswer(): void {
    if (this.#isGroupDue || this.#hasTakenAll) void this.#flush();
  }

  #addToGroup(taken: Taken, bytes: Uint8Array, { id, facts, writeId, value }: PreparedItem): void {
    taken.id = id;
    const { item } = taken;
    const key = keyOf(this.#parts.prefix, id);
    this.#group ??= this.#openGroup();
    const { taken: list, items } = this.#group;
    list.push(taken);
    const preparation = this.#preparation;
    items.push({
      key,
      facts,
      writeId,
      value,
      renew: (revision) => renewItem(bytes, item, revision, preparation),
      session: preparation.level === 'full' ? async () => decodeSession((await readItem(bytes, item, preparation)).blob) : null,
      drift: this.#drift,
    });
    this.#group.bytes += value.length;
  }

  get #isGroupDue(): boolean {
    if (this.#group === null) return false;
    const mostBytes = this.#groupsInFlight === 0 ? GROUP_BYTES : NEXT_GROUP_BYTES;
    return this.#isFull || this.#group.items.length >= GROUP_ITEMS || this.#group.bytes >= mostBytes;
  }

  async #fail(taken: Taken, reason: unknown): Promise<void> {
    this.#settle(taken, { status: 'rejected', reason });
    await this.#report();
  }

  #openGroup(): Group {
    const timer = setTimeout(() => {
      if (this.#group?.timer === timer) void this.#flush();
    }, LINGER_MS);
    return { taken: [], items: [], bytes: 0, timer };
  }

  /** Writes the open group, and reports its results. Never rejects: what goes wrong is a result, or ends the import. */
  async #flush(): Promise<void> {
    const group = this.#group;
    if (group === null) return;
    this.#group = null;
    clearTimeout(group.timer);
    const { onConflict } = this.#plan;
    this.#turns.end();
    this.#groupsInFlight++;
    const results = await measure(this.#parts.onMetric, 'import', {}, (operation) =>
      storeGroup(this.#parts, operation, group.items, onConflict),
    );
    this.#groupsInFlight--;
    results.forEach((result, at) => {
      this.#settle(group.taken[at]!, result);
    });
    await this.#report();
  }

  #settle({ index, item, id, byteLength }: Taken, result: PromiseSettledResult<Stored>): void {
    const counts = this.#counts;
    if (result.status === 'fulfilled') counts[result.value.outcome]++;
    else {
      counts.failed++;
      const code = result.reason instanceof PspError ? result.reason.code : 'UNEXPECTED';
      this.#failures[code] = (this.#failures[code] ?? 0) + 1;
    }
    if (this.#keepsResults) this.#results.push({ name: item.name, id, ...result });
    this.#mark.finish(index, item.name, result.status === 'fulfilled');
    this.#bytesInFlight -= byteLength;
    this.#itemsInFlight--;
    this.#unsaved++;
    this.#changed.ring();
  }

  /** Tells what has come, and saves the mark when it is time. What the hook or the checkpoint throws ends the import. */
  async #report(): Promise<void> {
    try {
      this.#plan.onProgress?.({ ...this.#counts });
      if (this.#unsaved < this.#plan.checkpointEvery || this.#isStopped) return;
      this.#saving ??= this.#save(false).finally(() => {
        this.#saving = null;
      });
      await this.#saving;
    } catch (reason) {
      this.#stop({ reason });
    }
  }

  async #save(isFinished: boolean): Promise<void> {
    const { checkpoint } = this.#plan;
    // After a checkpoint has failed, what it holds is what it can be trusted with.
    if (checkpoint === undefined || !this.#canSave) return;
    this.#canSave = false;
    this.#unsaved = 0;
    await checkpoint.save(isFinished ? null : this.#mark.format());
    this.#canSave = true;
  }
}

/** Wakes all who wait for something to change; each looks for himself whether it is what he waits for. */
class Bell {
  #listeners: (() => void)[] = [];

  heard(): Promise<void> {
    return new Promise((resolve) => {
      this.#listeners.push(resolve);
    });
  }

  ring(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}
