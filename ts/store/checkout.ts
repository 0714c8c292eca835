/**
 * Checkout and commit: a session is taken out of a store, worked with in a browser, and what changed there is brought back beside what others brought back
 * meanwhile. Several workers may do so at once; nobody overwrites anybody (laws M8 to M12, M18). What a capture says happened is decided in
 * `ts/merge/operations.ts`; this file carries it: one writer, its dots, its clock, what it has seen, and what is not stored yet.
 */

import type { RandomBytes } from '../envelope/random.ts';
import { NO_STAMP, observe, restamp } from '../merge/clock.ts';
import { deltaOf, joinDocuments, type MergeDocument } from '../merge/document.ts';
import { type Candidate, type Entry, type EntryKind, type EntryValue, entryKey, type Stamp } from '../merge/entry.ts';
import { flattenSession } from '../merge/flatten.ts';
import { type MergedSession, readMerge, showDocument } from '../merge/merge.ts';
import { captureExtent, compareCapture, type Operation, type UnknownAbsence } from '../merge/operations.ts';
import { structureModes } from '../merge/policy/rules.ts';
import type { ResolveOptions } from '../merge/resolve.ts';
import { addStructures } from '../merge/structured-delta.ts';
import { sameBytes } from '../session/bytes.ts';
import type { Session } from '../session/session.ts';
import { type Base, baseOf, digestOf, digestsOf, keepUnknown, type Look, lookAt, placesOf } from './checkout-look.ts';
import { toHex } from './hex.ts';
import { Lease } from './lease.ts';
import { measure, type Operation as StoreOperation } from './metrics.ts';
import { keyOf } from './namespace.ts';
import type { StoreParts } from './parts.ts';
import type { Checkout, CheckoutDriver, CheckoutOptions, Commit, CommitOptions, StoreCallOptions, StoredSession } from './store.ts';
import { gone } from './write.ts';

/** How sessions are read and written: by compare-and-set, or by objects that are written once (`writers.ts`). */
export interface Shelf {
  read(operation: StoreOperation, id: string): Promise<StoredSession | null>;
  /** Stores what `merge` makes of what is there; called anew when others were faster. `STORE_GONE` where nothing is. */
  replace(operation: StoreOperation, id: string, merge: (stored: Session) => Promise<Session>): Promise<StoredSession>;
}

const REPLICA_BYTES = 8;

/** A random name of an epoch. */
export function newEpoch(random: RandomBytes): string {
  return toHex(random(REPLICA_BYTES));
}

/** Takes the session out. `STORE_GONE` where there is none. */
export async function checkOut(parts: StoreParts, shelf: Shelf, id: string, options: CheckoutOptions): Promise<Checkout> {
  return measure(parts.onMetric, 'checkout', options, async (operation) => {
    const replica = toHex(parts.random(REPLICA_BYTES));
    const lease =
      options.lease === undefined
        ? null
        : await Lease.take(parts, operation, keyOf(parts.prefix, id), replica, options.lease === true ? {} : options.lease);
    try {
      const stored = await shelf.read(operation, id);
      if (stored === null) throw gone('there is none under this id');
      return await Work.begin(parts, shelf, replica, lease, stored.session, options);
    } catch (error) {
      await lease?.release(operation);
      throw error;
    }
  });
}

/** Changes that are not known to be stored. They keep their dots (law M5), unless the session was compacted since. */
interface Unstored {
  readonly operations: readonly Operation[];
  readonly delta: MergeDocument;
}

/** A session that a commit gave back. */
interface Given {
  readonly session: Session;
  readonly document: MergeDocument;
  readonly entries: Base['entries'];
}

class Work implements Checkout {
  readonly #parts: StoreParts;
  readonly #shelf: Shelf;
  readonly #replica: string;
  readonly #lease: Lease | null;
  readonly #reading: ResolveOptions;
  #view: Session;
  #driver: CheckoutDriver<unknown> | null = null;
  #base: Base;
  /** Of each entry, the writes that this worker saw when it took the session out, or its own. */
  readonly #seen: Map<string, readonly Candidate[]> = new Map();
  /** Of each entry, the value that was shown of them. */
  readonly #digests: Map<string, string>;
  /** The same of entries with changes that are not stored, before these. */
  readonly #before: Map<string, string | undefined> = new Map();
  readonly #modeOf: ReturnType<typeof structureModes>;
  #places: ReadonlyMap<string, string>;
  #epoch: string;
  #clock: Stamp = NO_STAMP;
  #counter = 0;
  #unstored: Unstored | null = null;
  /** What the last commit gave back, for whoever builds the next session on it; null with a browser. */
  #given: Given | null = null;
  #committing: Promise<unknown> = Promise.resolve();

  private constructor(parts: StoreParts, shelf: Shelf, replica: string, lease: Lease | null, reading: ResolveOptions, view: MergeView) {
    this.#parts = parts;
    this.#shelf = shelf;
    this.#replica = replica;
    this.#lease = lease;
    this.#reading = reading;
    this.#modeOf = structureModes(reading.policies ?? []);
    this.#view = view.session;
    this.#base = view.base;
    this.#digests = new Map([...view.base.entries].map(([key, { digest }]) => [key, digest]));
    const { document } = view;
    this.#epoch = document.epoch;
    this.#places = placesOf(document);
    this.#remember(document);
  }

  static async begin(
    parts: StoreParts,
    shelf: Shelf,
    replica: string,
    lease: Lease | null,
    stored: Session,
    { policies, groups }: CheckoutOptions,
  ): Promise<Work> {
    const reading: ResolveOptions = { ...(policies === undefined ? {} : { policies }), ...(groups === undefined ? {} : { groups }) };
    const { document } = await readMerge(stored);
    const { session } = await showDocument(document, stored, reading);
    const base = baseOf((await lookAt(session, placesOf(document), replica, parts.now())).look);
    return new Work(parts, shelf, replica, lease, reading, { session, document, base });
  }

  get session(): Session {
    return this.#view;
  }

  get fence(): number | null {
    return this.#lease?.fence ?? null;
  }

  async restore<Restored>(driver: CheckoutDriver<Restored>, { signal }: StoreCallOptions = {}): Promise<Restored> {
    const restored = await driver.restore(this.#view, this.#forDriver(signal));
    this.#base = baseOf(await this.#capture(driver, signal));
    this.#driver = driver;
    return restored;
  }

  commit(options: CommitOptions = {}): Promise<Commit> {
    const commit = this.#committing.then(() =>
      measure(this.#parts.onMetric, 'commit', options, (operation) => this.#commit(operation, options)),
    );
    this.#committing = commit.catch(() => undefined);
    return commit;
  }

  renew(options: StoreCallOptions = {}): Promise<boolean> {
    return measure(this.#parts.onMetric, 'renew', options, async (operation) => (await this.#lease?.renew(operation)) ?? false);
  }

  async close(options: StoreCallOptions = {}): Promise<void> {
    await this.#committing;
    if (this.#lease === null) return;
    await measure(this.#parts.onMetric, 'close', options, (operation) => this.#lease!.release(operation));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #commit(operation: StoreOperation, { session, observed = [], maxDriftMs, signal }: CommitOptions): Promise<Commit> {
    const look = await this.#look(session, signal);
    const { written, deleted, unknown } = await this.#note({ ...look, observed: [...look.observed, ...observed] }, maxDriftMs);
    const stored =
      this.#unstored === null
        ? await this.#readAgain(operation)
        : await this.#shelf.replace(operation, this.#view.id, async (found) => {
            this.#refuseAnother(found);
            return this.#merge(found);
          });
    const lease = this.#lease === null ? null : (await this.#lease.isHeld(operation)) ? 'held' : 'stale';
    const { session: view, document, conflicts, parked } = await this.#shownToMe(stored.session);
    const given = this.#driver === null ? await this.#give(view, document) : null;
    // Not before all is done: whoever is told that a commit failed makes another one, which must hold what this one did.
    this.#unstored = null;
    this.#before.clear();
    this.#view = view;
    this.#given = given;
    return { ...stored, session: view, written, deleted, unknown, conflicts, parked, lease };
  }

  async #give(session: Session, document: MergeDocument): Promise<Given> {
    const { look } = await lookAt(session, placesOf(document), this.#replica, this.#parts.now());
    return { session, document, entries: baseOf(look).entries };
  }

  async #look(session: Session | undefined, signal: AbortSignal | undefined): Promise<Look> {
    if (session !== undefined) {
      if (session.id !== this.#view.id) throw new TypeError('commit: expected a session of the id that was taken out');
      const given = this.#given;
      const isBuiltOnGiven = given !== null && (await isSameState(session.mergeState, given.session.mergeState));
      const look = await this.#lookAt(session, null, isBuiltOnGiven ? placesOf(given.document) : this.#places);
      if (given !== null) this.#adopt(given, look, isBuiltOnGiven);
      return look;
    }
    if (this.#driver === null) throw new TypeError('commit: expected a restore before it, or a session');
    return this.#capture(this.#driver, signal);
  }

  async #capture(driver: CheckoutDriver<unknown>, signal: AbortSignal | undefined): Promise<Look> {
    const origins = this.#view.storage
      .filter(({ key }) => key.topLevelSite === null && key.bucket === undefined)
      .map(({ key }) => key.origin);
    const { session, observed = [] } = await driver.capture({ id: this.#view.id, origins, ...this.#forDriver(signal) });
    return { ...(await this.#lookAt(session, captureExtent, this.#places)), observed };
  }

  async #lookAt(session: Session, extentOf: Look['extentOf'], known: ReadonlyMap<string, string>): Promise<Look> {
    const { look, places } = await lookAt(session, known, this.#replica, this.#parts.now());
    this.#places = places;
    return { ...look, extentOf };
  }

  /** From now on changes are counted from here, whatever becomes of these. */
  async #note(
    look: Look,
    maxDriftMs: number | undefined,
  ): Promise<{ written: number; deleted: number; unknown: readonly UnknownAbsence[] }> {
    const { operations, unknown, clock } = compareCapture({
      ...{ base: this.#base.entries, found: look.entries, coverage: look.coverage, extentOf: look.extentOf },
      ...{ digestOf, seen: (key: string) => (this.#seen.get(key) ?? []).map(({ dot }) => dot) },
      ...{ since: this.#base.atMs, now: look.atMs, clock: this.#clock, observed: look.observed },
    });
    this.#clock = clock;
    this.#base = keepUnknown(this.#base, baseOf(look), operations);
    if (operations.length === 0) return { written: 0, deleted: 0, unknown };
    const changes = { ...(await this.#deltaOf(operations, maxDriftMs)), marks: look.marks };
    this.#remember(changes);
    for (const { kind, path, value } of operations) this.#shows(entryKey(kind, path), value);
    this.#unstored = {
      operations: [...(this.#unstored?.operations ?? []), ...operations],
      delta: this.#unstored === null ? changes : joinDocuments([this.#unstored.delta, changes]),
    };
    const deleted = operations.filter(({ value }) => value === undefined).length;
    return { written: operations.length - deleted, deleted, unknown };
  }

  /**
   * What others wrote or removed, and the last commit gave back, is no change of this worker's. Who built on what was given has seen all of it, and whatever the
   * session says otherwise comes after that (M16); of who did not, only what stands there as it was given was seen.
   */
  #adopt(given: Given, { entries }: Look, isBuiltOnGiven: boolean): void {
    const base = new Map(this.#base.entries);
    const isUnstored = (key: string): boolean => this.#unstored?.delta.entries.has(key) ?? false;
    for (const [key, entry] of given.entries) {
      const found = entries.get(key);
      const isSeen =
        isBuiltOnGiven || (found !== undefined && base.get(key)?.digest !== entry.digest && digestOf(found.value) === entry.digest);
      if (!isSeen || isUnstored(key)) continue;
      base.set(key, entry);
      this.#digests.set(key, entry.digest);
      this.#see(key, given.document);
    }
    for (const key of base.keys()) {
      if (given.entries.has(key) || isUnstored(key) || (entries.has(key) && !isBuiltOnGiven)) continue;
      base.delete(key);
      this.#digests.delete(key);
      this.#see(key, given.document);
    }
    this.#base = { ...this.#base, entries: base };
  }

  /** What a document says of an entry was seen: the next write there comes after it. */
  #see(key: string, { entries }: MergeDocument): void {
    const candidates = entries.get(key)?.candidates ?? [];
    this.#seen.set(key, candidates);
    for (const { stamp } of candidates) this.#clock = observe(this.#clock, stamp);
  }

  /** The operations under this worker's next dots. */
  async #deltaOf(operations: readonly Operation[], maxDriftMs?: number): Promise<MergeDocument> {
    const { delta, counter } = deltaOf(this.#epoch, operations, { replica: this.#replica, counter: this.#counter });
    this.#counter = counter;
    return addStructures(restampDelta(delta, this.#parts.now(), maxDriftMs), this.#modeOf, (key) => this.#inView(key));
  }

  /** Of the writes that were seen, those that the view showed: all together where they are merged inside, else one. */
  #inView(key: string): readonly Candidate[] {
    const seen = this.#seen.get(key) ?? [];
    const [first] = seen;
    if (seen.length < 2 || first === undefined) return seen;
    const [kind, ...path] = JSON.parse(key) as [EntryKind, ...string[]];
    if (this.#modeOf(kind, path) !== null) return seen;
    const shown = this.#digests.get(key);
    return seen.filter(({ value }) => value !== undefined && digestOf(value) === shown).slice(0, 1);
  }

  #remember(document: MergeDocument): void {
    for (const key of document.entries.keys()) this.#see(key, document);
  }

  #shows(key: string, value: EntryValue | undefined): void {
    if (!this.#before.has(key)) this.#before.set(key, this.#digests.get(key));
    if (value === undefined) this.#digests.delete(key);
    else this.#digests.set(key, digestOf(value));
  }

  /** What is stored shows what anybody would see, by the default rules: those of a worker are its own (law M2). */
  async #merge(found: Session): Promise<Session> {
    const { document } = await readMerge(found);
    if (document.epoch !== this.#epoch) await this.#rebase(found, document);
    return (await showDocument(joinDocuments([document, this.#unstored!.delta]), found)).session;
  }

  /**
   * Somebody compacted the session (law M6): its writes have other dots now. What this worker saw of an entry, or wrote there, is what stands there where the
   * value is the same still; where it is not, the worker wrote at the same time as whoever changed it.
   */
  async #rebase(found: Session, document: MergeDocument): Promise<void> {
    const { operations, delta } = this.#unstored!;
    const stored = digestsOf(await flattenSession(found));
    const changed = new Set(operations.map(({ kind, path }) => entryKey(kind, path)));
    this.#epoch = document.epoch;
    this.#seen.clear();
    for (const [key, { candidates }] of document.entries) {
      const known = changed.has(key) ? this.#before.get(key) : this.#digests.get(key);
      if (known === stored.get(key)) this.#seen.set(key, candidates);
    }
    const rebased = operations.map((operation): Operation => {
      const seen = this.#seen.get(entryKey(operation.kind, operation.path)) ?? [];
      return { ...operation, sees: seen.map(({ dot }) => dot) };
    });
    const changes = { ...(await this.#deltaOf(rebased)), marks: delta.marks };
    this.#remember(changes);
    this.#unstored = { operations: rebased, delta: changes };
  }

  async #readAgain(operation: StoreOperation): Promise<StoredSession> {
    const stored = await this.#shelf.read(operation, this.#view.id);
    if (stored === null) throw gone('there is none under this id any more');
    this.#refuseAnother(stored.session);
    return stored;
  }

  #refuseAnother({ incarnation }: Session): void {
    if (incarnation !== this.#view.incarnation) throw gone('another session stands under this id since it was taken out');
  }

  async #shownToMe(stored: Session): Promise<MergedSession> {
    const { document } = await readMerge(stored);
    return showDocument(document, stored, this.#reading);
  }

  #forDriver(signal: AbortSignal | undefined): { readonly now: () => number; readonly signal?: AbortSignal } {
    return { now: this.#parts.now, ...(signal === undefined ? {} : { signal }) };
  }
}

/** Whether two sessions carry one state of merging: then one was made from the other, or both from a third, without merging in between. */
async function isSameState(a: Session['mergeState'], b: Session['mergeState']): Promise<boolean> {
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  return a === b || sameBytes(await a.bytes(), await b.bytes());
}

interface MergeView {
  readonly session: Session;
  readonly document: MergeDocument;
  readonly base: Base;
}

/** Writes that would be too far ahead of `now` by what the worker had seen; causality orders them, their stamps need not (law M7). */
function restampDelta(delta: MergeDocument, now: number, maxDriftMs: number | undefined): MergeDocument {
  const entries = new Map<string, Entry>();
  for (const [key, entry] of delta.entries) entries.set(key, { ...entry, candidates: restamp(entry.candidates, now, maxDriftMs) });
  return { ...delta, entries };
}
