/**
 * A worker in the model of checkout and commit: a process that does one task after the other, each call of which waits until it is let go, fails, gets lost or
 * takes the process with it. What must be true afterwards it tells its world (`checkout-world.ts`).
 */
import { PspError } from '../../ts/errors.ts';
import { withoutMergeState } from '../../ts/merge/merge.ts';
import type { Session } from '../../ts/session/session.ts';
import type { Checkout, SessionStore } from '../../ts/store/session-store.ts';
import { ID, itemSession, itemsOf } from './writers-fixture.ts';

/** What a worker without work begins. */
export type Task =
  | ('checkout' | 'add' | 'remove' | 'shared' | 'login' | 'logout' | 'delete' | 'create' | 'compact' | 'put')
  | ('lease' | 'renew' | 'release');
/** What becomes of the call that a worker waits for; `all done`: of all that its task makes. */
export type Fate = 'all done' | 'done' | 'refused' | 'lost reply' | 'late' | 'crash before' | 'crash after';

/** A call that waits. */
export interface Call {
  /** Without conditions: it puts an object. */
  readonly isCommit: boolean;
  readonly run: () => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What must be so. What an attempt may have done is in neither list. */
export interface Truth {
  readonly current: string;
  readonly present: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
  /** Values of items that whoever held them changed or took out: `<life> <item> <value>`. */
  readonly replaced: ReadonlySet<string>;
  readonly deleted: ReadonlySet<string>;
}

/** What a commit is to bring about: an item by its name, a value that was replaced. */
export interface Change {
  readonly name: string;
  readonly what: 'added' | 'removed' | 'replaced';
}

/** What a worker needs to know of what is around it, and what it tells. */
export interface Surroundings {
  truth: Truth;
  /** Counts restores of backups. */
  readonly era: number;
  readonly hasConditions: boolean;
  readonly late: Call[];
  /** Fencing numbers of the leases that were given since a backup was restored. */
  readonly fences: number[];
  /** Counts all that may take a lease away: each call of who asks for one, time, clocks, backups. */
  leaseRisks: number;
  /** Lives that somebody tried to delete. */
  readonly ending: Set<string>;
  doom(name: string): void;
  settle(changes: readonly Change[]): void;
  isKnownToBeDeleted(life: string): boolean;
  newName(life: string): string;
  newLife(): string;
  sessionOf(incarnation: string): Session;
  openFor(worker: Worker, at: number): SessionStore;
}

/** How long a lease is held. */
const LEASE_MS = 60_000;
const MAY_FAIL = new Set(['STORE_GONE', 'STORE_CONFLICT', 'PROVIDER_UNAVAILABLE', 'PROVIDER_TIMEOUT']);

/** A process: one task at a time, and what its pages hold. */
export class Worker {
  readonly problems: unknown[] = [];
  readonly #world: Surroundings;
  readonly #store: SessionStore;
  readonly #buildsOnGiven: boolean;
  #work: Checkout | null = null;
  #items: Record<string, string> = {};
  /** Changes since the last commit that was acknowledged. */
  #open: Change[] = [];
  #calls: Call[] = [];
  /** All that it ever took out. */
  readonly #takenOut: Session[] = [];
  /** That of the world when the session was taken out. */
  #era = 0;
  /** The world's, less its own, when the lease was taken or renewed; and its own. */
  #leaseRisks = 0;
  #ownRisks = 0;
  #task: Task | null = null;
  #wake: () => void = () => undefined;
  isBusy = false;

  constructor(world: Surroundings, at: number) {
    this.#world = world;
    this.#buildsOnGiven = at === 0;
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

  /** Lets all calls be done. */
  async finish(): Promise<void> {
    await this.rest();
    while (this.isBusy) {
      await this.go('done');
      await this.rest();
    }
  }

  begin(task: Task): void {
    this.isBusy = true;
    this.#task = task;
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
    if (this.#task === 'lease') {
      this.#world.leaseRisks++;
      this.#ownRisks++;
    }
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

  /** Its task fails, however often it tries again: what looked at the service before a backup was restored must not write after it. */
  async fail(): Promise<void> {
    await this.rest();
    while (this.isBusy) {
      for (const { reject } of this.#calls.splice(0)) reject(new PspError('PROVIDER_UNAVAILABLE', 'the service is down'));
      await this.rest();
    }
  }

  async #run(task: Task): Promise<void> {
    if (task === 'delete') return this.#delete();
    if (task === 'create' && this.#world.hasConditions) return this.#create();
    if (task === 'compact' && this.#world.hasConditions) return this.#compact();
    if (task === 'put') return this.#put();
    if (task === 'lease') return this.#checkOut(true);
    if (task === 'renew') return this.#renew();
    if (task === 'release') return this.#release();
    if (this.#work === null || task === 'checkout' || task === 'create' || task === 'compact') return this.#checkOut();
    return this.#change(task);
  }

  async #checkOut(withLease = false): Promise<void> {
    this.#work = null;
    this.#open = [];
    this.#era = this.#world.era;
    const highest = this.#highestFence();
    this.#leaseRisks = this.#world.leaseRisks - this.#ownRisks;
    const work = await this.#store.checkout(ID, withLease ? { lease: { ms: LEASE_MS } } : {});
    if (withLease && this.#era === this.#world.era) {
      if (work.fence! <= highest) this.problems.push('a lease does not have a higher number than those before it');
      this.#world.fences.push(work.fence!);
    }
    this.#work = work;
    this.#takenOut.push(work.session);
    this.#items = itemsOf(work.session);
  }

  #highestFence(): number {
    return Math.max(0, ...this.#world.fences);
  }

  async #renew(): Promise<void> {
    const highest = this.#highestFence();
    const risks = this.#world.leaseRisks - this.#ownRisks;
    if (this.#work === null || !(await this.#work.renew())) return;
    this.#expectLease('held', highest);
    this.#leaseRisks = risks;
  }

  async #release(): Promise<void> {
    this.#leaseRisks = -1;
    await this.#work?.close();
  }

  /** Law M12. `highest`: of the numbers that had been given when the worker asked. */
  #expectLease(lease: 'held' | 'stale' | null, highest: number): void {
    const { fence } = this.#work!;
    if ((fence === null) !== (lease === null)) this.problems.push('a commit does not say what became of the lease');
    if (fence === null || this.#era !== this.#world.era) return;
    if (lease === 'held' && highest > fence) this.problems.push('a lease that another one was given meanwhile is said to be held');
    if (lease === 'stale' && this.#leaseRisks === this.#world.leaseRisks - this.#ownRisks)
      this.problems.push('a lease that nobody took is said to be stale');
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
    const incarnation = this.#world.newLife();
    this.#world.ending.add(incarnation);
    await this.#store.put(this.#world.sessionOf(incarnation));
    if (era === this.#world.era) this.#world.truth = { ...this.#world.truth, current: incarnation };
  }

  async #compact(): Promise<void> {
    await this.#store.compact(ID);
  }

  /** Somebody slow stores a session that was deleted meanwhile. While it was not, that would be a decision against what others stored, which nobody makes here. */
  async #put(): Promise<void> {
    const session = this.#takenOut.find(({ incarnation }) => this.#world.isKnownToBeDeleted(incarnation));
    if (session !== undefined) await this.#store.put(session);
  }

  async #change(task: Task): Promise<void> {
    const work = this.#work!;
    const { era } = this.#world;
    const life = work.session.incarnation;
    const value = this.#world.newName(life);
    if (task === 'add') {
      this.#items[value] = '1';
      this.#open.push({ name: `${life} ${value}`, what: 'added' });
    } else if (task === 'remove') {
      const name = Object.keys(this.#items).find((one) => /^n[0-9]/.test(one));
      if (name !== undefined) {
        delete this.#items[name];
        this.#world.doom(`${life} ${name}`);
        this.#open.push({ name: `${life} ${name}`, what: 'removed' });
      }
    } else if (task === 'shared') this.#set(life, ['shared'], value);
    else if (task === 'login') this.#set(life, ['user', 'nonce'], value);
    else if (task === 'logout') this.#set(life, ['user', 'nonce'], null);
    const { storage } = itemSession(this.#items);
    // Pages that know nothing of what others brought; or somebody who goes on with what the last commit gave back, and saw all of it.
    const from = this.#buildsOnGiven ? work.session : withoutMergeState(work.session);
    const highest = this.#highestFence();
    const { session, lease } = await work.commit({ session: { ...from, storage } });
    this.#expectLease(lease, highest);
    if (this.#buildsOnGiven) this.#items = itemsOf(session);
    const shown = itemsOf(session);
    if (shown['user'] !== shown['nonce']) this.problems.push('a credential is torn');
    const done = this.#open.splice(0);
    // Of what was seen before a backup was restored nobody knows whether it is there: what was added now is.
    const isOld = this.#era !== era;
    if (era === this.#world.era) this.#world.settle(done.filter(({ what }) => what === 'added' || !isOld));
  }

  /** What the pages had under these names is not to be seen again: who changed it had seen it. */
  #set(life: string, names: readonly string[], value: string | null): void {
    for (const name of names) {
      const before = this.#items[name];
      if (before !== undefined) this.#open.push({ name: `${life} ${name} ${before}`, what: 'replaced' });
      if (value === null) delete this.#items[name];
      else this.#items[name] = value;
    }
  }
}
