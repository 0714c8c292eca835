/**
 * What a session store is: sessions under their ids in some provider, encoded, sealed and counted. Types only. `session-store.ts` makes one and
 * is the public entry; files of this folder import types from here, and what a store is made of from `parts.ts`.
 */

import type { SealContext } from '../envelope/context.ts';
import type { RandomBytes } from '../envelope/random.ts';
import type { KeySource } from '../envelope/wrap.ts';
import type { PspError } from '../errors.ts';
import type { ObservedChange, UnknownAbsence } from '../merge/operations.ts';
import type { ParkedEntry } from '../merge/rebuild.ts';
import type { Conflict, ResolveOptions } from '../merge/resolve.ts';
import type { CallOptions, StorageProvider, SweepReport, Version } from '../provider.ts';
import type { Session } from '../session/session.ts';
import type { StoreMetric } from './metrics.ts';
import type { RetryOptions } from './retry.ts';

/** How a store is made. */
export interface SessionStoreOptions {
  /**
   * What sessions are sealed for, 1 to 8 sources of different names; any of them opens. Null keeps sessions in the clear, for whoever can read
   * the provider: it has to be said.
   */
  readonly keys: KeySource | readonly KeySource[] | null;
  /** Whose sessions these are. Bound by the seal: a record of one tenant does not open as another's. Not part of the key: give tenants namespaces. */
  readonly tenant?: string;
  /** Where in the provider: see {@link SessionStore.withNamespace}. */
  readonly namespace?: string;
  /** Milliseconds since the epoch; `Date.now` when not given. It tells when a tombstone ends; the provider has its own for expiry. */
  readonly now?: () => number;
  /** When a call that failed is made again. False: never. */
  readonly retry?: RetryOptions | false;
  /** Where write ids and the jitter of waits come from; the platform's generator when not given. Not used for keys. */
  readonly random?: RandomBytes;
  /** Called after every operation. What it throws is thrown at the platform, not into the operation. */
  readonly onMetric?: (metric: StoreMetric) => void;
  /**
   * How long a deleted session is remembered, in milliseconds; 30 days when not given. A writer that was away for longer can bring it back. With a provider
   * without conditions it is remembered until it is purged.
   */
  readonly tombstoneMs?: number;
}

/** What every operation takes. `signal` ends the whole of it; `timeoutMs` limits each call of the provider. */
export type StoreCallOptions = CallOptions;

/** Where a put has come to stand. */
export interface StoredVersion {
  /**
   * Of the record; for `ifMatch`. Where others have written since and the reply to this write was lost, a version that matches no more: as it would be
   * had the reply come.
   */
  readonly version: Version;
  /** Of the session as it is stored now. */
  readonly revision: number;
  /** When the record expires, in milliseconds since the epoch; null: never. */
  readonly expiresAt: number | null;
}

/** A session that was read or written. */
export interface StoredSession extends StoredVersion {
  /** Its `revision` is the stored one. Sections are read from the bytes in memory. */
  readonly session: Session;
}

/** What the metadata of a record says. Not authentic: whoever can write to the provider can write it. {@link SessionStore.get} proves it. */
export interface SessionHead extends StoredVersion {
  readonly id: string;
  readonly incarnation: string;
  /** Bytes of the record's value. */
  readonly size: number;
}

/** A record that is there and is none of a session. */
export interface DamagedSession {
  /** The record's key in the provider; null where not even that can be read. */
  readonly key: string | null;
  /** `PROVIDER_CORRUPT`, `STORE_MALFORMED`. */
  readonly error: PspError;
}

export interface GetSessionOptions extends StoreCallOptions {
  /** The lowest revision that is not a rollback: `ENVELOPE_ROLLBACK` below. In a clear store it only catches mistakes. */
  readonly minRevision?: number;
}

export interface PutSessionOptions extends StoreCallOptions {
  /** Replace only this version: it was read from here. */
  readonly ifMatch?: Version;
  /** Create only. Excludes `ifMatch` (TypeError). */
  readonly ifNoneMatch?: '*';
  /** Also in the place of a session of another incarnation, which counts as deleted from then on. */
  readonly replace?: boolean;
}

/** The options of {@link SessionStore.putMany}, for every session of it. */
export type PutManyOptions = Omit<PutSessionOptions, 'ifMatch'>;

export interface DeleteSessionOptions extends StoreCallOptions {
  /** Delete only this version. */
  readonly ifMatch?: Version;
}

export interface ListSessionsOptions extends StoreCallOptions {
  /** Only ids that start with this, compared by UTF-16 code units. */
  readonly prefix?: string;
  /** Most heads. */
  readonly limit?: number;
  /** Called for each record that cannot be read. Without it a listing that met any ends, after all others, with the first one's error. */
  readonly onDamaged?: (record: DamagedSession) => void;
}

export interface UpdateOptions extends StoreCallOptions {
  /** How often the session is read and changed while others write; 100 when not given. */
  readonly maxAttempts?: number;
}

/** Makes a session out of the stored one: the same id and incarnation. Called anew after a lost race. Null: leave it as it is. */
export type ChangeSession = (session: Session) => Session | null | Promise<Session | null>;

/** How a lease is asked for. */
export interface LeaseOptions {
  /** How long it is held unless it is renewed, in milliseconds; 60,000 when not given. */
  readonly ms?: number;
  /** How long to wait for somebody else's to end, in milliseconds; 0 when not given. */
  readonly waitMs?: number;
}

/** A driver of `persistent-sessions/adapters/...`, by the least that is needed of it. */
export interface CheckoutDriver<Restored> {
  capture(options: {
    readonly id: string;
    readonly origins: readonly string[];
    readonly now: () => number;
    readonly signal?: AbortSignal;
  }): Promise<{ readonly session: Session; readonly observed?: readonly ObservedChange[] }>;
  restore(session: Session, options: { readonly now: () => number; readonly signal?: AbortSignal }): Promise<Restored>;
}

/** How a session is taken out. */
export interface CheckoutOptions extends StoreCallOptions {
  /**
   * Nobody else takes a lease of it meanwhile: for sites that rotate refresh tokens. True: with the times of {@link LeaseOptions} when not given. Without, any
   * number of workers take the session out at once. `PROVIDER_UNSUPPORTED` with a provider without conditions.
   */
  readonly lease?: LeaseOptions | true;
  /** By which rules this worker reads what others wrote at the same time as it; stored are all of them. */
  readonly policies?: ResolveOptions['policies'];
  readonly groups?: ResolveOptions['groups'];
}

export interface CommitOptions extends StoreCallOptions {
  /**
   * What the session is now, of somebody who worked on it without a browser: everything counts, and what is missing was deleted, but for what others
   * added since the last commit. Build it on `session` of the checkout or of the last commit: its `mergeState` says what you had seen. One without it, or with an
   * older one, deletes only what this worker had brought or taken out itself.
   */
  readonly session?: Session;
  /** When changes since the last commit happened, of which the worker knows it (law M10); beside those that the driver's capture tells. */
  readonly observed?: readonly ObservedChange[];
  /** How far ahead of the store's clock a worker's stamps may be, in milliseconds; those further ahead are put at its time (law M7). Default: five minutes. */
  readonly maxDriftMs?: number;
}

/** What a commit did. */
export interface Commit extends StoredSession {
  /** Entries that were written, and those that were deleted, since the last commit. */
  readonly written: number;
  readonly deleted: number;
  /** What is missing in the browser without evidence that it was deleted: it stays. */
  readonly unknown: readonly UnknownAbsence[];
  /** Where several wrote at the same time and the rule wants it to be known. */
  readonly conflicts: readonly Conflict[];
  /** What is stored and not shown, since it would not be valid beside the rest: the loser of a generated key or of a unique index, and the like (law M13). */
  readonly parked: readonly ParkedEntry[];
  /** Whether the lease was still this worker's; null without one. The commit was made all the same. */
  readonly lease: 'held' | 'stale' | null;
}

/** A session that is taken out. */
export interface Checkout {
  /** As it was when it was taken out, or after the last commit. */
  readonly session: Session;
  /** The fencing number of the lease; null without one. */
  readonly fence: number | null;
  /**
   * Restores the session, and remembers what the browser holds then: what a commit compares with. Resolves with what the driver's restore gives, its report
   * among it. Rejects as the driver does.
   */
  restore<Restored>(driver: CheckoutDriver<Restored>, options?: StoreCallOptions): Promise<Restored>;
  /**
   * Captures the browser of the restore, finds what changed since then or since the last commit, and stores it beside what others stored. May be called
   * again and again; one that failed has lost nothing, the next one brings its changes too.
   *
   * TypeError when there is neither a restore nor a session. `STORE_GONE`: the session was deleted, or is another one now. Else as the driver's capture,
   * and `SessionStore.update`.
   */
  commit(options?: CommitOptions): Promise<Commit>;
  /** Holds the lease for its time again. False: it is lost. */
  renew(options?: StoreCallOptions): Promise<boolean>;
  /** Gives the lease back. Nothing is committed. */
  close(options?: StoreCallOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Sessions in a provider.
 *
 * 1. A session is stored under its id. What is stored is what was put, and its `revision` counts the puts of its incarnation: each stores
 *    max(stored, put) + 1.
 * 2. What was deleted stays deleted: for `tombstoneMs` a session of that incarnation is refused with `STORE_GONE`, whoever puts it and however.
 * 3. A session is never put in the place of another incarnation's unless `replace` says so: `STORE_CONFLICT`.
 * 4. A put with `ifMatch`, and an update, never undoes a write that it has not seen: `STORE_CONFLICT`. On an absent session: `STORE_GONE`.
 * 5. A lost reply has one truth: a write carries an id of its own, and after `PROVIDER_UNAVAILABLE` or `PROVIDER_TIMEOUT` the record tells whether it
 *    was made. Nothing is written twice. Where a call fails with these codes in the end, the write may still come about.
 * 6. What was opened decides: a record whose metadata says otherwise is `STORE_MALFORMED`.
 *
 * With a provider that has no conditions (`capabilities.conditionalPut`), `ifMatch`, `ifNoneMatch` and `update` are `PROVIDER_UNSUPPORTED`, and a plain
 * put is the last writer's: guarantees 2, 3 and 5 hold only as far as its reads are fresh and nobody writes at the same time. What checkouts commit is kept from
 * all (law M19, `writers.ts`): it stands beside the record, and every read, export and transfer shows both together. A put whose session was compacted
 * elsewhere since (law M6) is `MERGE_EPOCH`. There what was deleted is remembered until it is purged: by its tombstone, and once another session that expires has
 * taken its place, by a mark beside that (`writer-object.ts`).
 *
 * A record expires when everything in its session has (`storeExpiry`, with its minute of skew); until then `get` gives what was put,
 * expired members too: `withoutExpired` filters. An expired session leaves no tombstone.
 *
 * Errors are those of the provider, of `encodeSession`, `decodeSession`, `seal` and `open`, and `STORE_*`. None holds an id, a key or a value.
 */
export interface SessionStore {
  readonly provider: StorageProvider;
  /** The names given to {@link withNamespace}, joined by `/`; '' for none. */
  readonly namespace: string;
  /** Stores a session; see the guarantees. `SESSION_INVALID` for one that the schema refuses. A look and a write; with `ifNoneMatch` only the write, as a rule. */
  put(session: Session, options?: PutSessionOptions): Promise<StoredVersion>;
  /** The session, or null when there is none: absent, expired or deleted. */
  get(id: string, options?: GetSessionOptions): Promise<StoredSession | null>;
  /** What the metadata says, without the session, or null as {@link get}. */
  head(id: string, options?: StoreCallOptions): Promise<SessionHead | null>;
  /** Leaves a tombstone in the session's place. False when there was none. */
  delete(id: string, options?: DeleteSessionOptions): Promise<boolean>;
  /** Removes the session, its tombstone and all that is remembered of those before it, without a trace: nothing keeps a slow writer from bringing it back. */
  purge(id: string, options?: StoreCallOptions): Promise<void>;
  /** Heads of the sessions, without tombstones and without those of namespaces inside this one. Order and repeats are the provider's. */
  list(options?: ListSessionsOptions): AsyncIterable<SessionHead>;
  /** For each id, in order, what {@link get} gives. It rejects for wrong arguments, when it is aborted, and where the provider's call as a whole fails. */
  getMany(ids: readonly string[], options?: StoreCallOptions): Promise<PromiseSettledResult<StoredSession | null>[]>;
  /** For each session, in order, what {@link put} gives. Of two with one id the later is put later. */
  putMany(sessions: readonly Session[], options?: PutManyOptions): Promise<PromiseSettledResult<StoredVersion>[]>;
  /** For each id, in order, what {@link delete} gives. */
  deleteMany(ids: readonly string[], options?: StoreCallOptions): Promise<PromiseSettledResult<boolean>[]>;
  /**
   * Reads, changes and puts with `ifMatch`, again after each lost race, with full jitter in between. `STORE_GONE` when there is no session;
   * `STORE_CONFLICT` after `maxAttempts`. Gives what is stored in the end.
   */
  update(id: string, change: ChangeSession, options?: UpdateOptions): Promise<StoredSession>;
  /**
   * Takes a session out to work with it in a browser, beside other workers; its `commit` brings the changes back. `STORE_GONE` where there is none;
   * `STORE_CONFLICT` where another worker holds the lease that is asked for.
   *
   * @example
   * const work = await store.checkout('shop');
   * await work.restore(playwright(context));
   * // ... drive the pages ...
   * await work.commit();
   */
  checkout(id: string, options?: CheckoutOptions): Promise<Checkout>;
  /**
   * Drops what the session remembers of deletions, of lost values and of writers that are gone, and gives every entry a new name for its last write (law M6).
   * Whoever has it checked out finds that out at the commit, and compares by values.
   */
  compact(id: string, options?: UpdateOptions): Promise<StoredSession>;
  /** The part of this store under `name`, which holds no `/`: its sessions and those of other names do not meet, whatever their ids are. */
  withNamespace(name: string): SessionStore;
  /** Removes expired records and tombstones, of the whole provider. `PROVIDER_UNSUPPORTED` where the provider does it alone. */
  sweep(options?: StoreCallOptions): Promise<SweepReport>;
  /** The context that the record under a key of this store, or of a namespace inside it, is sealed for: `contextOf` of `rotateStore`. */
  contextOf(key: string): SealContext;
}
