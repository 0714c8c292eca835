/**
 * One import at work: a few workers that each take an item, check it and add it to the open group; whoever fills a group writes it while the others
 * go on. Every item ends with exactly one result, and counts as finished only when its write is durable.
 */

import type { SyncMacKey } from '../envelope/engine/primitives.ts';
import { syncEngine } from '../envelope/engine.ts';
import type { MacKey } from '../envelope/key.ts';
import { PspError, type PspErrorCode } from '../errors.ts';
import type { RotationCheckpoint } from './checkpoint.ts';
import { toHex } from './hex.ts';
import { type CheckOptions, checkItem, openItem, type VerifyLevel, withRevision } from './import-check.ts';
import { type ConflictRule, cannotRenew, type GroupItem, type Stored, storeGroup } from './import-group.ts';
import { ImportMark } from './import-mark.ts';
import type { ItemSource, NumberedItem } from './import-source.ts';
import { measure } from './metrics.ts';
import { keyOf } from './namespace.ts';
import type { StoreParts } from './parts.ts';
import { contextFor, sealBlob } from './record.ts';
import { Turns } from './turn.ts';

/** How sessions are imported. */
export interface ImportOptions {
  /** How much is known of an item before it is stored; `full` when not given. The levels are listed in `import-check.ts` and in docs/import.md. */
  readonly verify?: VerifyLevel;
  /**
   * Where a session of the id is there already: `skip` (when not given) keeps it, `replace` puts the item in its place, whatever life of the session it is.
   * `merge` is `PROVIDER_UNSUPPORTED` as yet. What was deleted stays deleted: `STORE_GONE`, with every rule.
   */
  readonly onConflict?: ConflictRule | 'merge';
  /** Items that are read and checked, and groups that are written, at once, 1 to 256; 4 when not given. */
  readonly concurrency?: number;
  /**
   * The source is asked for nothing more while items of so many bytes are under way; 64 MiB when not given. So at most this, and one item for each of
   * `concurrency`; memory about three times that.
   */
  readonly maxBytesInFlight?: number;
  /** For tags. Without it `hashes` of a sealed item is `KEY_MISSING`, and tags of other items are not looked at. */
  readonly macKey?: MacKey | readonly MacKey[];
  /**
   * Remembers how far the import has come, at its start, every `checkpointEvery` items (1,000 when not given) and when it ends early. The next run
   * with the same store, options and source passes over what is finished; null is saved when all items were looked at.
   */
  readonly checkpoint?: RotationCheckpoint;
  readonly checkpointEvery?: number;
  /** Ends the import with the signal's reason; items under way are finished first. */
  readonly signal?: AbortSignal;
  /** Called when results have come. */
  readonly onProgress?: (progress: ImportProgress) => void;
}

/** Counts of items, so far. */
export interface ImportProgress {
  readonly created: number;
  readonly replaced: number;
  /** Left out, because another session of the id is there. */
  readonly kept: number;
  /** Stored by an earlier run of this import, which was stopped before it could say so. */
  readonly present: number;
  readonly failed: number;
  /** Passed over: an earlier run had finished them. */
  readonly finishedBefore: number;
  /** Of all items that were read. */
  readonly bytes: number;
}

/** What an import did in all. */
export interface ImportSummary extends ImportProgress {
  /** How often each code was the failure; `UNEXPECTED` stands for errors without one. */
  readonly failures: Readonly<Partial<Record<PspErrorCode | 'UNEXPECTED', number>>>;
  /** Whether it went on from a checkpoint. */
  readonly resumed: boolean;
  /** False where its reader left before the end. */
  readonly complete: boolean;
}

/** What became of one item. Results come in the order in which items end. */
export type ImportResult = {
  readonly name: string;
  /** Of the session; null where the item does not say it. */
  readonly id: string | null;
} & PromiseSettledResult<Stored>;

/** Options with nothing left open. */
export type ImportPlan = ImportOptions &
  Required<Pick<ImportOptions, 'verify' | 'concurrency' | 'maxBytesInFlight' | 'checkpointEvery'>> & { readonly onConflict: ConflictRule };

/** A group is written when it has so many items, or so many bytes (the more while another is being written), or when it has waited so long. */
const GROUP_ITEMS = 256;
const GROUP_BYTES = 1024 * 1024;
const NEXT_GROUP_BYTES = 4 * 1024 * 1024;
const LINGER_MS = 50;
/** Checks take so long before they let the process see to the writes that are under way: a provider in this process goes from one step to the next by that. */
const TURN_MS = 0.5;
/** So many results wait for their reader before the source is asked for more. */
const MAX_WAITING_RESULTS = 1024;
const WRITE_ID_BYTES = 16;

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
  readonly #check: CheckOptions;
  readonly #changed = new Bell();
  readonly #turns = new Turns(TURN_MS);
  readonly #stopped: Promise<void>;
  readonly #counts = { created: 0, replaced: 0, kept: 0, present: 0, failed: 0, finishedBefore: 0, bytes: 0 };
  readonly #failures: Partial<Record<PspErrorCode | 'UNEXPECTED', number>> = {};
  readonly #results: ImportResult[] = [];
  #keepsResults = false;
  #mark!: ImportMark;
  #mac!: SyncMacKey;
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
  /** Nothing new is begun. */
  #isStopped = false;
  #isOver = false;
  #resolveStopped!: () => void;
  #end!: { readonly resolve: (summary: ImportSummary) => void; readonly reject: (reason: unknown) => void };

  constructor(parts: StoreParts, source: ItemSource, plan: ImportPlan) {
    this.#parts = parts;
    this.#source = source;
    this.#plan = plan;
    const contextOf = (id: string) => contextFor(parts, id);
    this.#check = { level: plan.verify, keys: parts.keys, macKeys: plan.macKey ?? null, contextOf };
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
    else this.#end.resolve({ ...this.#counts, failures: this.#failures, resumed: this.#mark.resumed, complete });
    this.#changed.ring();
  }

  async #work(): Promise<void> {
    const { checkpoint, concurrency, verify, onConflict } = this.#plan;
    const { prefix, tenant = null, random } = this.#parts;
    const goal = JSON.stringify([prefix, tenant, verify, onConflict]);
    this.#mark = new ImportMark(goal, (await checkpoint?.load()) ?? null, random);
    this.#mac = syncEngine().macKey('SHA-256', this.#mark.nonce);
    // Before the first write: what a run that is killed has written shall be known again.
    await this.#save(false);
    const workers = Array.from({ length: concurrency }, () => this.#takeItems());
    // A source that hangs does not keep an import from ending that was called off.
    await Promise.race([Promise.all(workers), this.#stopped]);
    void this.#flush();
    while (this.#itemsInFlight > 0) await this.#changed.heard();
    await this.#source.leave();
    if (!this.#isStopped) this.#mark.expectWhole(this.#source.count);
    await this.#saving;
    await this.#save(!this.#isStopped);
    this.#mac.wipe();
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
        await this.#take({ ...numbered, id: numbered.item.id ?? null, byteLength: 0 });
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
      if (!this.#isFull || this.#isStopped) return !this.#isStopped;
      // What waits for company would wait for ever.
      void this.#flush();
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
    let prepared: GroupItem;
    try {
      prepared = await this.#prepare(taken);
    } catch (reason) {
      this.#settle(taken, { status: 'rejected', reason });
      await this.#report();
      return;
    }
    this.#group ??= this.#openGroup();
    const { taken: list, items } = this.#group;
    list.push(taken);
    items.push(prepared);
    this.#group.bytes += prepared.value.length;
    const mostBytes = this.#groupsInFlight === 0 ? GROUP_BYTES : NEXT_GROUP_BYTES;
    if (items.length >= GROUP_ITEMS || this.#group.bytes >= mostBytes || this.#isFull) await this.#flush();
  }

  /** Reads, checks and seals an item. */
  async #prepare(taken: Taken): Promise<GroupItem> {
    const { item } = taken;
    const bytes = typeof item.bytes === 'function' ? await item.bytes() : item.bytes;
    taken.byteLength = bytes.length;
    this.#bytesInFlight += bytes.length;
    this.#counts.bytes += bytes.length;
    const checked = await checkItem(bytes, item, this.#check);
    const { id, facts, isSealed, blob, schemaVersion } = checked;
    taken.id = id;
    const { incarnation, revision } = facts;
    return {
      key: keyOf(this.#parts.prefix, id),
      facts,
      writeId: toHex(this.#mac.sign(checked.identity).subarray(0, WRITE_ID_BYTES)),
      value: isSealed ? blob : await sealBlob(this.#parts, blob, { id, incarnation, revision, schemaVersion: schemaVersion! }),
      renew: async (next) => {
        if (isSealed && this.#plan.verify !== 'full') throw cannotRenew();
        const renewed = withRevision(await openItem(bytes, item, checked, this.#check), next);
        return sealBlob(this.#parts, renewed.blob, { id, incarnation, revision: next, schemaVersion: renewed.schemaVersion });
      },
    };
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
    const results = await measure(this.#parts.onMetric, 'putMany', {}, (operation) =>
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
