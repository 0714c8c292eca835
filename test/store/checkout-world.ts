/**
 * A small world for the model of checkout and commit: three workers over one provider in memory, each call of which waits until a schedule lets it go, fail, get
 * lost or take its process with it; and the truth that the end is held against. Laws M5, M9, M11, M12, M18, M19.
 */
import { expect } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { PspError } from '../../ts/errors.ts';
import type { StorageProvider, StoredRecord } from '../../ts/provider.ts';
import type { Session } from '../../ts/session/session.ts';
import { type SessionStore, sessionStore } from '../../ts/store/session-store.ts';
import { type Call, type Change, type Fate, type Surroundings, type Task, type Truth, Worker } from './checkout-worker.ts';
import { listAll, withoutConditions } from './store-fixture.ts';
import { hiding, ID, itemSession, itemsOf, START } from './writers-fixture.ts';

/** One step of a schedule. */
export type Step =
  | { readonly worker: number; readonly task: Task; readonly fate: Fate }
  | { readonly passMs: number }
  /** The clock of a worker is wrong by so much from now on; it may go back. */
  | { readonly clockOf: number; readonly skewMs: number }
  | { readonly what: 'backup' | 'restore' | 'late calls' | 'new life' };

const GATED = new Set(['get', 'head', 'put', 'delete', 'getMany', 'deleteMany', 'listPage']);
/** Of the workers' clocks at the beginning. */
const SKEWS_MS = [0, 240_000, -240_000];
/** What others write is seen so much later, where the provider has no conditions. */
const LAG_MS = 60_000;
/** So long lives a session that follows another one, without conditions. */
const LIFE_MS = 600_000;
/** Nobody is busy so long with one task, and no call comes so late. */
const LONG_MS = 10 * 86_400_000;

interface Options {
  readonly conditions: boolean;
  /** When the session expires; null: never. */
  readonly expiresAt: number | null;
}

/** Runs one schedule, then everything to its end, and looks whether what is stored is what must be. */
export async function runSchedule(steps: readonly Step[], options: Options): Promise<void> {
  const world = new World(options);
  await world.begin();
  for (const step of steps) await world.take(step);
  await world.end();
}

class World implements Surroundings {
  nowMs = START;
  /** What was true since when; the last is true now. */
  readonly #history: { readonly atMs: number; readonly truth: Truth }[] = [
    { atMs: START, truth: { current: 'life 0', present: new Set(), removed: new Set(), replaced: new Set(), deleted: new Set() } },
  ];
  /** Names that somebody tried to remove, lives that somebody tried to delete: whatever came of it. */
  readonly doomed = new Set<string>();
  readonly ending = new Set<string>();
  /** When lives after the first one expire. */
  readonly #expiryOf = new Map<string, number>();
  /** Of lives, also when a backup from before has brought them back. */
  readonly #deletedAtMs = new Map<string, number>();
  /** Of each name and value, the life in which it was put. */
  readonly bornIn = new Map<string, string>();
  /** Counts restores: what was begun before one says nothing of what is there after it. */
  era = 0;
  late: Call[] = [];
  readonly fences: number[] = [];
  leaseRisks = 0;
  readonly #skewsMs = [...SKEWS_MS];
  readonly #options: Options;
  readonly #base: StorageProvider = memory({ now: () => this.nowMs });
  readonly #bornAt = new Map<string, { readonly atMs: number; readonly by: number }>();
  readonly #workers: Worker[];
  #names = 0;
  #backup: { readonly records: readonly StoredRecord[]; readonly truth: Truth; readonly lives: ReadonlySet<string> } | null = null;
  readonly #lives = new Set<string>();
  /** Lives of which the service knows nothing any more, since they began after the backup: whoever works on one goes on with it. */
  readonly #forgotten = new Set<string>();

  constructor(options: Options) {
    this.#options = options;
    this.#workers = SKEWS_MS.map((_, at) => new Worker(this, at));
  }

  get hasConditions(): boolean {
    return this.#options.conditions;
  }

  get truth(): Truth {
    return this.#history.at(-1)!.truth;
  }

  set truth(truth: Truth) {
    this.#history.push({ atMs: this.nowMs, truth });
    for (const life of truth.deleted) if (!this.#deletedAtMs.has(life)) this.#deletedAtMs.set(life, this.nowMs);
  }

  /** Whether a life was deleted, so lately that its tombstone is there (30 days, whatever clock it was written by). */
  isKnownToBeDeleted(life: string): boolean {
    const deletedAtMs = this.#deletedAtMs.get(life);
    return deletedAtMs !== undefined && this.truth.deleted.has(life) && this.nowMs - deletedAtMs < LONG_MS;
  }

  newName(life: string): string {
    const name = `n${++this.#names}`;
    this.bornIn.set(name, life);
    return name;
  }

  newLife(): string {
    const life = `life ${++this.#names}`;
    this.#lives.add(life);
    return life;
  }

  /** Somebody tries to remove it. */
  doom(name: string): void {
    this.doomed.add(name);
    this.truth = { ...this.truth, present: new Set([...this.truth.present].filter((one) => one !== name)) };
  }

  /** These changes were acknowledged. */
  settle(changes: readonly Change[]): void {
    const present = new Set(this.truth.present);
    const removed = new Set(this.truth.removed);
    const replaced = new Set(this.truth.replaced);
    for (const { name, what } of changes) {
      if (what === 'removed') removed.add(name);
      else if (what === 'replaced') replaced.add(name);
      else if (!this.doomed.has(name)) present.add(name);
    }
    this.truth = { ...this.truth, present, removed, replaced };
  }

  async begin(): Promise<void> {
    await this.#openHere(this.#base).put(this.sessionOf('life 0'));
  }

  sessionOf(incarnation: string): Session {
    const { expiresAt } = this.#options;
    // One item stays: a storage key that is found empty says nothing (law M9).
    return { ...itemSession({ stays: '1' }, incarnation), ...(expiresAt === null ? {} : { expiresAt }) };
  }

  /** Of somebody whose clock is right. */
  #openHere(provider: StorageProvider): SessionStore {
    return this.#open(provider, () => this.nowMs);
  }

  #open(provider: StorageProvider, now: () => number): SessionStore {
    return sessionStore(this.#options.conditions ? provider : withoutConditions(provider), {
      keys: null,
      now,
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
    const seen = this.#options.conditions ? this.#base : this.#fromAfar(at);
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
            const isCommit = name === 'put' && String(args[0]).includes('#w');
            worker.wait({ run, resolve, reject, isCommit });
          });
      },
    });
    return this.#open(gated, () => this.nowMs + this.#skewsMs[at]!);
  }

  #fromAfar(at: number | null): StorageProvider {
    return hiding(this.#base, (key) => {
      const born = this.#bornAt.get(key);
      return born !== undefined && born.by !== at && this.nowMs - born.atMs < LAG_MS;
    });
  }

  async take(step: Step): Promise<void> {
    if (!('worker' in step)) this.leaseRisks++;
    if ('passMs' in step) {
      if (step.passMs >= LONG_MS) await this.#finish();
      this.nowMs += step.passMs;
      await this.#checkFromAfar();
    } else if ('clockOf' in step) this.#skewsMs[step.clockOf] = step.skewMs;
    else if ('worker' in step) await this.#work(step.worker, step.task, step.fate);
    else if (step.what === 'backup') this.#backup = { records: await this.#readAll(), truth: this.truth, lives: new Set(this.#lives) };
    else if (step.what === 'restore') await this.#restore();
    else if (step.what === 'new life') await this.#beginLife();
    else await this.#letLateGo();
  }

  async #work(at: number, task: Task, fate: Fate): Promise<void> {
    const worker = this.#workers[at]!;
    if (fate === 'all done') {
      if (!worker.isBusy) worker.begin(task);
      await worker.finish();
      return;
    }
    if (!worker.isBusy) worker.begin(task);
    else if (!(await worker.go(fate))) {
      this.#workers[at] = new Worker(this, at);
      return;
    }
    await worker.rest();
  }

  /**
   * Somebody who sees of commits what was there a minute ago ends the session, and puts one that expires in its place. Nobody else is at it (a put without
   * conditions is the last writer's), but commits may be on their way still, and come when that one has expired.
   */
  async #beginLife(): Promise<void> {
    for (const worker of this.#workers) await worker.finish();
    const commits = this.late.filter(({ isCommit }) => isCommit);
    this.late = this.late.filter(({ isCommit }) => !isCommit);
    await this.#letLateGo();
    this.late.push(...commits);
    const store = this.#openHere(this.#fromAfar(null));
    const { current, deleted } = this.truth;
    this.ending.add(current);
    const isDeleted = await store.delete(ID);
    const incarnation = this.newLife();
    const expiresAt = this.nowMs + LIFE_MS;
    this.#expiryOf.set(incarnation, expiresAt);
    await store.put({ ...itemSession({ stays: '1' }, incarnation), expiresAt });
    this.truth = { ...this.truth, current: incarnation, deleted: isDeleted ? new Set([...deleted, current]) : deleted };
  }

  #hasExpired(life: string): boolean {
    const expiresAt = this.#expiryOf.get(life) ?? this.#options.expiresAt;
    return expiresAt !== null && this.nowMs >= expiresAt + 60_000;
  }

  /** Nothing is under way any more. */
  async #finish(): Promise<void> {
    for (const worker of this.#workers) await worker.finish();
    await this.#letLateGo();
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
    this.fences.length = 0;
    const { records, truth, lives } = this.#backup;
    for (const life of this.#lives) if (!lives.has(life)) this.#forgotten.add(life);
    for (const { key } of await listAll(this.#base.list())) await this.#base.delete(key);
    for (const { key, value, metadata, expiresAt } of records)
      await this.#base.put(key, value, { metadata, ...(expiresAt === null ? {} : { expiresAt }) });
    this.#history.length = 0;
    this.truth = { ...truth, present: new Set([...truth.present].filter((name) => !this.doomed.has(name))) };
    for (const worker of this.#workers) await worker.fail();
  }

  async end(): Promise<void> {
    await this.#finish();
    const problems = this.#workers.flatMap(({ problems: own }) => own);
    expect(problems).toEqual([]);
    // As it is seen by somebody new, at once and when all that may go has gone.
    await this.#check();
    await this.#tidy();
    await this.#check();
  }

  /**
   * Commits of workers that come after hours: the second one knows from the first that all before that can be read, the third from the second that the first can,
   * which holds all.
   */
  async #tidy(): Promise<void> {
    if (this.#options.conditions || this.#options.expiresAt !== null) return;
    for (let round = 0; round < 3; round++) {
      this.nowMs += 3_600_000;
      const store = this.#openHere(this.#base);
      if ((await store.get(ID)) === null) return;
      const work = await store.checkout(ID);
      await work.commit({ session: { ...work.session, name: `round ${round}` } });
    }
    expect((await listAll(this.#base.list())).length).toBeLessThanOrEqual(4);
  }

  /** Whoever sees what was there a minute ago sees all that was acknowledged then: nothing was deleted before it could do without. */
  async #checkFromAfar(): Promise<void> {
    const then = this.#history.filter(({ atMs }) => atMs <= this.nowMs - LAG_MS).at(-1);
    if (this.#options.conditions || then === undefined || this.#hasExpired(then.truth.current)) return;
    const stored = await this.#openHere(this.#fromAfar(null)).get(ID);
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
    const stored = await this.#openHere(this.#base).get(ID);
    const { current, present, removed, replaced, deleted } = this.truth;
    if (this.#hasExpired(current)) {
      expect([null, ...this.#forgotten]).toContain(stored?.session.incarnation ?? null);
      return;
    }
    if (stored === null) {
      expect([...this.ending]).toContain(current);
      return;
    }
    const items = itemsOf(stored.session);
    expect([...deleted]).not.toContain(stored.session.incarnation);
    const foreign = Object.entries(items).flatMap(([name, value]) =>
      [name, value].filter((one) => (this.bornIn.get(one) ?? stored.session.incarnation) !== stored.session.incarnation),
    );
    expect(foreign).toEqual([]);
    expect(items['user']).toBe(items['nonce']);
    const prefix = `${stored.session.incarnation} `;
    expect([...present].filter((name) => name.startsWith(prefix) && items[name.slice(prefix.length)] === undefined)).toEqual([]);
    expect([...removed].filter((name) => name.startsWith(prefix) && items[name.slice(prefix.length)] !== undefined)).toEqual([]);
    expect(Object.entries(items).filter(([name, value]) => replaced.has(`${prefix}${name} ${value}`))).toEqual([]);
  }
}

let randoms = 0;

function expectFailure(error: unknown): void {
  if (!(error instanceof PspError)) throw error;
}
