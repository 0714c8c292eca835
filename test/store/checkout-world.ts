/**
 * A small world for the model of checkout and commit: three workers over one provider in memory, each call of which waits until a schedule lets it go, fail, get
 * lost or take its process with it; and the truth that the end is held against. Laws M5, M9, M11, M18, M19.
 */
import { expect } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { PspError } from '../../ts/errors.ts';
import type { StorageProvider, StoredRecord } from '../../ts/provider.ts';
import type { Session } from '../../ts/session/session.ts';
import { type Checkout, type SessionStore, sessionStore } from '../../ts/store/session-store.ts';
import { listAll, withoutConditions } from './store-fixture.ts';
import { hiding, ID, itemSession, itemsOf, START } from './writers-fixture.ts';

/** What a worker without work begins. */
export type Task = 'checkout' | 'add' | 'remove' | 'shared' | 'login' | 'logout' | 'delete' | 'create';
/** What becomes of the call that a worker waits for. */
export type Fate = 'done' | 'refused' | 'lost reply' | 'late' | 'crash before' | 'crash after';
/** One step of a schedule. */
export type Step =
  | { readonly worker: number; readonly task: Task; readonly fate: Fate }
  | { readonly passMs: number }
  | { readonly what: 'backup' | 'restore' | 'late calls' };

const GATED = new Set(['get', 'head', 'put', 'delete', 'getMany', 'deleteMany', 'listPage']);
/** Of the workers. What others write is seen so much later, where the provider has no conditions. */
const SKEWS_MS = [0, 240_000, -240_000];
const LAG_MS = 60_000;
const MAY_FAIL = new Set(['STORE_GONE', 'STORE_CONFLICT', 'PROVIDER_UNAVAILABLE', 'PROVIDER_TIMEOUT']);

interface Call {
  readonly run: () => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What must be so. What an attempt may have done is in neither list. */
interface Truth {
  readonly current: string;
  readonly present: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
  readonly deleted: ReadonlySet<string>;
}

interface Options {
  readonly conditions: boolean;
  /** When the session ends; null: never. */
  readonly expiresAt: number | null;
}

/** Runs one schedule, then everything to its end, and looks whether what is stored is what must be. */
export async function runSchedule(steps: readonly Step[], options: Options): Promise<void> {
  const world = new World(options);
  await world.begin();
  for (const step of steps) await world.take(step);
  await world.end();
}

class World {
  nowMs = START;
  /** What was true since when; the last is true now. */
  readonly #history: { readonly atMs: number; readonly truth: Truth }[] = [
    { atMs: START, truth: { current: 'life 0', present: new Set(), removed: new Set(), deleted: new Set() } },
  ];
  /** Names that somebody tried to remove, lives that somebody tried to delete: whatever came of it. */
  readonly doomed = new Set<string>();
  readonly ending = new Set<string>();
  /** Counts restores: what was begun before one says nothing of what is there after it. */
  era = 0;
  readonly late: Call[] = [];
  readonly options: Options;
  readonly #base: StorageProvider = memory({ now: () => this.nowMs });
  readonly #bornAt = new Map<string, { readonly atMs: number; readonly by: number }>();
  readonly #workers: Worker[];
  #names = 0;
  #backup: { readonly records: readonly StoredRecord[]; readonly truth: Truth } | null = null;

  constructor(options: Options) {
    this.options = options;
    this.#workers = SKEWS_MS.map((_, at) => new Worker(this, at));
  }

  get truth(): Truth {
    return this.#history.at(-1)!.truth;
  }

  set truth(truth: Truth) {
    this.#history.push({ atMs: this.nowMs, truth });
  }

  newName(): string {
    return `n${++this.#names}`;
  }

  /** Somebody tries to remove it. */
  doom(name: string): void {
    this.doomed.add(name);
    this.truth = { ...this.truth, present: new Set([...this.truth.present].filter((one) => one !== name)) };
  }

  /** These changes were acknowledged. */
  settle(changes: readonly { readonly name: string; readonly isThere: boolean }[]): void {
    const present = new Set(this.truth.present);
    const removed = new Set(this.truth.removed);
    for (const { name, isThere } of changes) {
      if (!isThere) removed.add(name);
      else if (!this.doomed.has(name)) present.add(name);
    }
    this.truth = { ...this.truth, present, removed };
  }

  async begin(): Promise<void> {
    await this.#open(this.#base, 0).put(this.sessionOf('life 0'));
  }

  sessionOf(incarnation: string): Session {
    const { expiresAt } = this.options;
    // One item stays: a storage key that is found empty says nothing (law M9).
    return { ...itemSession({ stays: '1' }, incarnation), ...(expiresAt === null ? {} : { expiresAt }) };
  }

  #open(provider: StorageProvider, skewMs: number): SessionStore {
    return sessionStore(this.options.conditions ? provider : withoutConditions(provider), {
      keys: null,
      now: () => this.nowMs + skewMs,
      retry: { attempts: 2, baseMs: 0, maxMs: 0 },
      random: (length) => {
        const bytes = new Uint8Array(length);
        // No waits; and names that no other has.
        if (length > 2) new DataView(bytes.buffer).setUint32(0, ++randoms);
        return bytes;
      },
    });
  }

  /** The store of a process, whose calls wait. */
  openFor(worker: Worker, at: number): SessionStore {
    const seen = this.options.conditions ? this.#base : this.#fromAfar(at);
    const gated = new Proxy(seen, {
      get: (target, name: string) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        if (!GATED.has(name)) return value.bind(target);
        return (...args: unknown[]) =>
          new Promise((resolve, reject) => {
            const run = (): Promise<unknown> => {
              if (name === 'put' && !this.#bornAt.has(String(args[0])) && String(args[0]).includes('#w'))
                this.#bornAt.set(String(args[0]), { atMs: this.nowMs, by: at });
              return value.apply(target, args);
            };
            worker.wait({ run, resolve, reject });
          });
      },
    });
    return this.#open(gated, SKEWS_MS[at]!);
  }

  #fromAfar(at: number | null): StorageProvider {
    return hiding(this.#base, (key) => {
      const born = this.#bornAt.get(key);
      return born !== undefined && born.by !== at && this.nowMs - born.atMs < LAG_MS;
    });
  }

  async take(step: Step): Promise<void> {
    if ('passMs' in step) {
      this.nowMs += step.passMs;
      await this.#checkFromAfar();
    } else if ('worker' in step) await this.#work(step.worker, step.task, step.fate);
    else if (step.what === 'backup') this.#backup = { records: await this.#readAll(), truth: this.truth };
    else if (step.what === 'restore') await this.#restore();
    else await this.#letLateGo();
  }

  async #work(at: number, task: Task, fate: Fate): Promise<void> {
    const worker = this.#workers[at]!;
    if (!worker.isBusy) worker.begin(task);
    else if (!(await worker.go(fate))) {
      this.#workers[at] = new Worker(this, at);
      return;
    }
    await worker.rest();
  }

  async #letLateGo(): Promise<void> {
    for (const { run } of this.late.splice(0)) await run().catch(expectFailure);
  }

  async #readAll(): Promise<StoredRecord[]> {
    const heads = await listAll(this.#base.list());
    const records = await Promise.all(heads.map(({ key }) => this.#base.get(key)));
    return records.filter((record) => record !== null);
  }

  /** The service goes down with all that is under way, and comes up with what it held at the backup. */
  async #restore(): Promise<void> {
    if (this.#backup === null) return;
    this.era++;
    this.late.length = 0;
    const { records, truth } = this.#backup;
    for (const { key } of await listAll(this.#base.list())) await this.#base.delete(key);
    for (const { key, value, metadata, expiresAt } of records)
      await this.#base.put(key, value, { metadata, ...(expiresAt === null ? {} : { expiresAt }) });
    this.#history.length = 0;
    this.truth = { ...truth, present: new Set([...truth.present].filter((name) => !this.doomed.has(name))) };
    for (const worker of this.#workers) {
      worker.failAll();
      await worker.rest();
    }
  }

  async end(): Promise<void> {
    for (const worker of this.#workers) {
      while (worker.isBusy) {
        await worker.go('done');
        await worker.rest();
      }
    }
    await this.#letLateGo();
    const problems = this.#workers.flatMap(({ problems: own }) => own);
    expect(problems).toEqual([]);
    // As it is seen by somebody new, at once and when all that may go has gone.
    await this.#check();
    await this.#tidy();
    await this.#check();
  }

  /** Commits of workers that come after hours, twice: the second deletes what it may. */
  async #tidy(): Promise<void> {
    if (this.options.conditions || this.options.expiresAt !== null) return;
    for (let round = 0; round < 2; round++) {
      this.nowMs += 3_600_000;
      const store = this.#open(this.#base, 0);
      if ((await store.get(ID)) === null) return;
      const work = await store.checkout(ID);
      await work.commit({ session: { ...work.session, name: `round ${round}` } });
    }
    expect((await listAll(this.#base.list())).length).toBeLessThanOrEqual(3);
  }

  /** Whoever sees what was there a minute ago sees all that was acknowledged then: nothing was deleted before it could do without. */
  async #checkFromAfar(): Promise<void> {
    const { conditions, expiresAt } = this.options;
    const then = this.#history.filter(({ atMs }) => atMs <= this.nowMs - LAG_MS).at(-1);
    if (conditions || then === undefined || (expiresAt !== null && this.nowMs >= expiresAt + 60_000)) return;
    const stored = await this.#open(this.#fromAfar(null), 0).get(ID);
    if (stored === null) {
      expect([...this.ending]).toContain(then.truth.current);
      return;
    }
    const items = itemsOf(stored.session);
    const prefix = `${stored.session.incarnation} `;
    const expected = [...then.truth.present].filter((name) => !this.doomed.has(name) && name.startsWith(prefix));
    expect(expected.filter((name) => items[name.slice(prefix.length)] === undefined)).toEqual([]);
    expect(items['user']).toBe(items['nonce']);
  }

  async #check(): Promise<void> {
    const stored = await this.#open(this.#base, 0).get(ID);
    const { expiresAt } = this.options;
    if (expiresAt !== null && this.nowMs >= expiresAt + 60_000) {
      expect(stored).toBeNull();
      return;
    }
    const { current, present, removed, deleted } = this.truth;
    if (stored === null) {
      expect([...this.ending]).toContain(current);
      return;
    }
    const items = itemsOf(stored.session);
    expect([...deleted]).not.toContain(stored.session.incarnation);
    expect(items['user']).toBe(items['nonce']);
    const prefix = `${stored.session.incarnation} `;
    expect([...present].filter((name) => name.startsWith(prefix) && items[name.slice(prefix.length)] === undefined)).toEqual([]);
    expect([...removed].filter((name) => name.startsWith(prefix) && items[name.slice(prefix.length)] !== undefined)).toEqual([]);
  }
}

let randoms = 0;

function expectFailure(error: unknown): void {
  if (!(error instanceof PspError)) throw error;
}

/** A process: one task at a time, and what its pages hold. */
class Worker {
  readonly problems: unknown[] = [];
  readonly #world: World;
  readonly #store: SessionStore;
  #work: Checkout | null = null;
  #items: Record<string, string> = {};
  /** Changes since the last commit that was acknowledged. */
  #open: { readonly name: string; readonly isThere: boolean }[] = [];
  #calls: Call[] = [];
  #wake: () => void = () => undefined;
  isBusy = false;

  constructor(world: World, at: number) {
    this.#world = world;
    this.#store = world.openFor(this, at);
  }

  wait(call: Call): void {
    this.#calls.push(call);
    this.#wake();
  }

  /** Until it waits for a call, or has nothing to do. */
  async rest(): Promise<void> {
    while (this.isBusy && this.#calls.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  begin(task: Task): void {
    this.isBusy = true;
    this.#run(task)
      .catch((error: unknown) => {
        if (!(error instanceof PspError && MAY_FAIL.has(error.code))) this.problems.push(error);
        if (error instanceof PspError && error.code === 'STORE_GONE') this.#work = null;
      })
      .finally(() => {
        this.isBusy = false;
        this.#wake();
      });
  }

  /** Lets the first call come to its fate. False: the process is dead. */
  async go(fate: Fate): Promise<boolean> {
    const call = this.#calls.shift();
    if (call === undefined) return true;
    if (fate === 'crash before') return false;
    if (fate === 'refused') call.reject(new PspError('PROVIDER_UNAVAILABLE', 'planned'));
    else if (fate === 'late') {
      this.#world.late.push(call);
      call.reject(new PspError('PROVIDER_TIMEOUT', 'planned'));
    } else {
      const [settled] = await Promise.allSettled([call.run()]);
      if (fate === 'crash after') return false;
      if (fate === 'lost reply') call.reject(new PspError('PROVIDER_TIMEOUT', 'planned'));
      else if (settled!.status === 'fulfilled') call.resolve(settled!.value);
      else call.reject(settled!.reason);
    }
    return true;
  }

  failAll(): void {
    for (const { reject } of this.#calls.splice(0)) reject(new PspError('PROVIDER_UNAVAILABLE', 'the service is down'));
  }

  async #run(task: Task): Promise<void> {
    if (task === 'delete') return this.#delete();
    if (task === 'create' && this.#world.options.conditions) return this.#create();
    if (this.#work === null || task === 'checkout' || task === 'create') return this.#checkOut();
    return this.#change(task);
  }

  async #checkOut(): Promise<void> {
    this.#work = null;
    this.#open = [];
    this.#work = await this.#store.checkout(ID);
    this.#items = itemsOf(this.#work.session);
  }

  async #delete(): Promise<void> {
    const { era } = this.#world;
    const found = await this.#store.head(ID);
    if (found === null) return;
    this.#world.ending.add(found.incarnation);
    // It may be another one by now: then that one goes, and nothing is said of it but that.
    const before = this.#world.truth.current;
    this.#world.ending.add(before);
    const isDeleted = await this.#store.delete(ID);
    const { truth } = this.#world;
    if (!isDeleted || era !== this.#world.era || before !== found.incarnation || truth.current !== before) {
      this.#world.ending.add(truth.current);
      return;
    }
    this.#world.truth = { ...truth, deleted: new Set([...truth.deleted, before]) };
  }

  async #create(): Promise<void> {
    const { era } = this.#world;
    const incarnation = this.#world.newName();
    this.#world.ending.add(incarnation);
    await this.#store.put(this.#world.sessionOf(incarnation));
    if (era === this.#world.era) this.#world.truth = { ...this.#world.truth, current: incarnation };
  }

  async #change(task: Task): Promise<void> {
    const work = this.#work!;
    const { era } = this.#world;
    const life = work.session.incarnation;
    const value = this.#world.newName();
    if (task === 'add') {
      this.#items[value] = '1';
      this.#open.push({ name: `${life} ${value}`, isThere: true });
    } else if (task === 'remove') {
      const name = Object.keys(this.#items).find((one) => /^n[0-9]/.test(one));
      if (name !== undefined) {
        delete this.#items[name];
        this.#world.doom(`${life} ${name}`);
        this.#open.push({ name: `${life} ${name}`, isThere: false });
      }
    } else if (task === 'shared') this.#items['shared'] = value;
    else if (task === 'login') Object.assign(this.#items, { user: value, nonce: value });
    else if (task === 'logout') for (const name of ['user', 'nonce']) delete this.#items[name];
    const { storage } = itemSession(this.#items);
    const { session } = await work.commit({ session: { ...work.session, storage } });
    const shown = itemsOf(session);
    if (shown['user'] !== shown['nonce']) this.problems.push('a credential is torn');
    const done = this.#open.splice(0);
    if (era === this.#world.era) this.#world.settle(done);
  }
}
